"""What stores could still exchange in a step once a rule of their own has used them."""

import numpy as np
from numpy.typing import NDArray

type Each = NDArray[np.float64]


def room_left(
    lower_kwh: Each, upper_kwh: Each, charged_kwh: Each, discharged_kwh: Each
) -> tuple[Each, Each]:
    """Return what each store can exchange beside what its own rule has it do.

    Parameters
    ----------
    lower_kwh, upper_kwh : array, shape (n,)
        Least and greatest exchange of the step that rating and store allowed before
        ``lower_kwh <= 0 <= upper_kwh`` [kWh].
    charged_kwh, discharged_kwh : array, shape (n,)
        What the rule has it charge and discharge at its plug, at least 0 [kWh].

    Returns
    -------
    lower_kwh, upper_kwh : array, shape (n,)
        Least and greatest exchange beside it, least <= 0 <= greatest [kWh].

    Notes
    -----
    A store goes on in the direction that its rule has chosen: one that charges may charge more,
    one that discharges may discharge more, one that does neither may do either, and one that did
    both does no more. So nothing is charged and discharged at once for the sake of a price, and
    what is exchanged in all is lost once.
    """
    charges, discharges = charged_kwh > 0.0, discharged_kwh > 0.0
    lower = np.minimum(lower_kwh + discharged_kwh, 0.0)
    upper = np.maximum(upper_kwh - charged_kwh, 0.0)
    return np.where(charges, 0.0, lower), np.where(discharges, 0.0, upper)


def pump_room(
    tank_lower_kwh: Each,
    tank_upper_kwh: Each,
    filled_kwh: Each,
    drawn_kwh: Each,
    pump_kwh: Each,
    most_pump_kwh: Each,
    cop: Each,
) -> tuple[Each, Each]:
    """Return by how much electricity of a heat pump can move within the bounds of its tank.

    Parameters
    ----------
    tank_lower_kwh, tank_upper_kwh : array, shape (n,)
        Least and greatest exchange of heat of the step, least <= 0 <= greatest [kWh of heat].
    filled_kwh, drawn_kwh : array, shape (n,)
        Heat that a rule fills in and draws, at least 0 [kWh of heat].
    pump_kwh, most_pump_kwh : array, shape (n,)
        Electricity that it has the heat pump take, and the most that it can [kWh].
    cop : array, shape (n,)
        Heat per electricity, above 0 [-].

    Returns
    -------
    lower_kwh, upper_kwh : array, shape (n,)
        How much less and how much more electricity it can take, least <= 0 <= greatest [kWh].

    Notes
    -----
    More electricity fills the tank, less lets the tank give the heat instead. What is needed of
    heat is given either way.
    """
    lower, upper = room_left(tank_lower_kwh, tank_upper_kwh, filled_kwh, drawn_kwh)
    most = np.maximum(most_pump_kwh - pump_kwh, 0.0)
    return np.maximum(lower / cop, 0.0 - pump_kwh), np.minimum(upper / cop, most)
