"""How much a battery buys or sells at a price."""

import numpy as np
from numpy.typing import NDArray

type FloatOrArray = float | NDArray[np.float64]


def best_response(
    price: FloatOrArray,
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatOrArray,
    lower_kwh: FloatOrArray,
    upper_kwh: FloatOrArray,
) -> NDArray[np.float64]:
    """Energy that maximises a vehicle's satisfaction less its payment.

    The satisfaction of holding ``e = usable_kwh + x`` is ``lam * e - theta / 2 * e**2``; at a given
    price the unbounded maximiser is ``(lam - price) / theta - usable_kwh``, and because the payoff
    is concave the bounded one is its nearest feasible value.

    Parameters
    ----------
    price : float or array, shape (n,)
        Price of energy [money/kWh].
    lam : float or array, shape (n,)
        Value of the first kWh [money/kWh].
    theta : float or array, shape (n,)
        Decrease of that value with every kWh held [money/kWh^2], above 0.
    usable_kwh : float or array, shape (n,)
        Stored energy above the lowest permitted state of charge [kWh]; may be negative.
    lower_kwh, upper_kwh : float or array, shape (n,)
        Bounds of the exchange in this step [kWh], ``lower_kwh <= upper_kwh``.

    Returns
    -------
    array, shape (n,)
        Energy exchanged [kWh], above 0 when charging.

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.16), with the bounds of eq. (5.2) applied.
    """
    wanted = np.asarray(np.subtract(lam, price) / theta - usable_kwh)
    np.maximum(wanted, lower_kwh, out=wanted)
    return np.minimum(wanted, upper_kwh, out=wanted)
