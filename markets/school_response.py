"""What a school sells of the energy in its parked buses, and what the energy is worth to it."""

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.vehicle_response import FloatOrArray, best_response


def satisfaction(
    held_kwh: FloatOrArray, lam: FloatOrArray, theta: FloatOrArray, *, saturates: bool = True
) -> NDArray[np.float64]:
    """Return what holding an energy is worth to a school [money].

    Parameters
    ----------
    held_kwh : float or array, shape (n,)
        Energy held [kWh].
    lam : float or array, shape (n,)
        Value of the first kWh [money/kWh].
    theta : float or array, shape (n,)
        Decrease of that value with every kWh held [money/kWh^2], above 0.
    saturates : bool, optional
        Whether energy beyond ``lam / theta`` is worth nothing more; False is the printed parabola,
        which falls there.

    Notes
    -----
    ``lam e - theta / 2 e**2`` up to ``e = lam / theta`` and ``lam**2 / (2 theta)`` beyond. Source:
    Khwanrit (2024), eq. (4.22); the second branch, without which eq. (4.20) does not hold, is that
    of the satisfaction function in the literature cited there.
    """
    held = np.minimum(held_kwh, np.divide(lam, theta)) if saturates else np.asarray(held_kwh)
    return np.asarray((lam - 0.5 * theta * held) * held)


def school_response(
    price: FloatOrArray,
    lam: FloatOrArray,
    theta: FloatOrArray,
    average_price: FloatOrArray,
    stored_kwh: FloatOrArray,
    upper_kwh: FloatOrArray,
    *,
    saturates: bool | NDArray[np.bool_] = True,
) -> NDArray[np.float64]:
    """Return the energy that a school sells at an incentive price.

    It weighs the price, less what the stored energy cost, against the satisfaction of holding it.
    That is the decision of a battery whose first kWh is worth ``lam + average_price``.

    Parameters
    ----------
    price : float or array, shape (n,)
        Incentive price [money/kWh].
    lam, theta : float or array, shape (n,)
        As in :func:`satisfaction`; energies are those of a whole school.
    average_price : float or array, shape (n,)
        What the stored energy has cost on average [money/kWh].
    stored_kwh : float or array, shape (n,)
        Energy the satisfaction counts [kWh].
    upper_kwh : float or array, shape (n,)
        Most that rating, stores and reserve allow in this step [kWh], at least 0.
    saturates : bool or array of bool, shape (n,), optional
        As in :func:`satisfaction`; then nothing is sold below the average price, and a school that
        holds more than it values sells the surplus from the average price on.

    Returns
    -------
    array, shape (n,)
        Energy discharged to the grid [kWh], at least 0.

    Notes
    -----
    Source: Khwanrit (2024), ``x = E + (p - p_avg - lam) / theta``, eq. (4.29), with bounds; the
    derivative printed as eq. (4.28) has the sign of ``theta x`` wrong.
    """
    sold = 0.0 - best_response(
        price, np.add(lam, average_price), theta, stored_kwh, np.negative(upper_kwh), 0.0
    )
    return np.where(np.less(price, average_price) & saturates, 0.0, sold)
