"""What a store's own rule leaves of room and power, for a price to use.

A store first does what its own rule has it do in a step: a schedule, a turn of households, a wish.
What it could exchange beyond that may answer to the price of the step. It goes on in the direction
of the rule and never against it, so that nothing is charged and discharged at once, and both
together pass the plug as one exchange within the bounds of the store.
"""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH


def room_left(
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
    charged_kwh: FloatArray,
    discharged_kwh: FloatArray,
) -> tuple[FloatArray, FloatArray]:
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
    what is exchanged in all is lost once. Of a store at its least or greatest content a rule may
    still have it exchange what rounding leaves there, up to `DUST_KWH`, which is no direction.
    """
    charges, discharges = charged_kwh > DUST_KWH, discharged_kwh > DUST_KWH
    lower = np.minimum(lower_kwh + discharged_kwh, 0.0)
    upper = np.maximum(upper_kwh - charged_kwh, 0.0)
    return np.where(charges, 0.0, lower), np.where(discharges, 0.0, upper)


def pump_room(
    tank_lower_kwh: FloatArray,
    tank_upper_kwh: FloatArray,
    filled_kwh: FloatArray,
    drawn_kwh: FloatArray,
    pump_kwh: FloatArray,
    most_pump_kwh: FloatArray,
    cop: FloatArray,
) -> tuple[FloatArray, FloatArray]:
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


def left_of_exchange(
    done_kwh: FloatArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return what can be exchanged beside an exchange that is settled.

    Parameters
    ----------
    done_kwh : array, shape (n,)
        What the rule exchanges at the plug [kWh], above 0 when charging.
    lower_kwh, upper_kwh : array, shape (n,)
        Bounds of the whole exchange of the step [kWh], ``lower_kwh <= 0 <= upper_kwh``, as of
        `hmesh.environment.exchange_bounds` before anything is exchanged.

    Returns
    -------
    lower_kwh, upper_kwh : array, shape (n,)
        Bounds of what is exchanged beside it [kWh]. A store that charges may charge more, one that
        discharges may discharge more, an idle one may do either.
    """
    charged_kwh, discharged_kwh = np.maximum(done_kwh, 0.0), np.maximum(0.0 - done_kwh, 0.0)
    return room_left(lower_kwh, upper_kwh, charged_kwh, discharged_kwh)


def left_of_schedule(
    stored_kwh: FloatArray,
    ahead_kwh: FloatArray,
    least_kwh: FloatArray,
    most_kwh: FloatArray,
    charge_efficiency: float | FloatArray,
    discharge_efficiency: float | FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return how much less and more a store may hold, so that a schedule can still be followed.

    Parameters
    ----------
    stored_kwh : array, shape (n,)
        What each holds once the rule of this step has acted [kWh].
    ahead_kwh : array, shape (n, steps)
        What it is to exchange at its plug in the steps to come [kWh], above 0 when charging.
    least_kwh, most_kwh : array, shape (n,)
        Limits of what it holds [kWh].
    charge_efficiency, discharge_efficiency : float or array, shape (n,)
        From the plug to the store and back, 0 < efficiency <= 1 [-].

    Returns
    -------
    spare_kwh, room_kwh : array, shape (n,)
        What can be taken from the store and added to it [kWh], both at least 0.

    Notes
    -----
    Another content shifts the whole course ahead. So the lowest point of the course bounds what may
    be taken, and the highest what may be added. A store that could not follow its schedule anyway
    follows it no worse: where its course meets a limit, the shift ends there.
    """
    into, out_of = (
        np.asarray(each)[..., None] for each in (charge_efficiency, discharge_efficiency)
    )
    change = np.where(ahead_kwh > 0.0, ahead_kwh * into, ahead_kwh / out_of)
    course = np.concatenate([stored_kwh[:, None], stored_kwh[:, None] + np.cumsum(change, 1)], 1)
    spare = np.maximum(course.min(axis=1) - least_kwh, 0.0)
    room = np.maximum(most_kwh - course.max(axis=1), 0.0)
    return spare, room


def within_room(
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
    spare_kwh: FloatArray,
    room_kwh: FloatArray,
    charge_efficiency: float | FloatArray,
    discharge_efficiency: float | FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of an exchange that also keep what a store is to hold ahead.

    Parameters
    ----------
    lower_kwh, upper_kwh : array, shape (n,)
        Bounds of the exchange at the plug [kWh].
    spare_kwh, room_kwh : array, shape (n,)
        What may be taken from the store and added to it [kWh], as of `left_of_schedule`.
    charge_efficiency, discharge_efficiency : float or array, shape (n,)
        From the plug to the store and back, 0 < efficiency <= 1 [-].
    """
    lower = 0.0 - np.minimum(0.0 - lower_kwh, spare_kwh * discharge_efficiency)
    upper = np.minimum(upper_kwh, room_kwh / charge_efficiency)
    return lower, upper
