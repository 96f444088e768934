"""What a school sells of the energy in its parked buses, and what the energy is worth to it."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.vehicle_response import FloatOrArray, best_response


def satisfaction(
    held_kwh: FloatOrArray, lam: FloatOrArray, theta: FloatOrArray, *, saturates: bool = True
) -> FloatArray:
    """Return what holding an energy is worth to a school [money].

    Parameters
    ----------
    held_kwh : float or array, shape (n,)
        Energy held [kWh].
    lam : float or array, shape (n,)
        Marginal utility at zero [money/kWh].
    theta : float or array, shape (n,)
        Slope of marginal utility: its decrease with every kWh held [money/kWh^2], above 0.
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
    discharge_efficiency: FloatOrArray = 1.0,
) -> FloatArray:
    """Return the energy that a school sells at an incentive price.

    It weighs the price, less what the stored energy cost, against the satisfaction of holding it.
    That is the decision of a battery whose first kWh is worth ``lam + average_price``. It is paid
    for what it delivers at its plugs, and gives up ``1 / discharge_efficiency`` as much.

    Parameters
    ----------
    price : float or array, shape (n,)
        Incentive price [money/kWh].
    lam, theta : float or array, shape (n,)
        As in `satisfaction`; energies are those of a whole school.
    average_price : float or array, shape (n,)
        What the stored energy has cost on average [money/kWh held].
    stored_kwh : float or array, shape (n,)
        Energy held that the satisfaction counts [kWh].
    upper_kwh : float or array, shape (n,)
        Most that rating, stores and reserve let it deliver in this step [kWh], at least 0.
    saturates : bool or array of bool, shape (n,), optional
        As in `satisfaction`; then nothing is sold below `price_of_surplus`, and a
        school that holds more than it values sells the surplus from there on.
    discharge_efficiency : float or array, shape (n,), optional
        Delivered per energy taken from the stores, 0 < efficiency <= 1 [-].

    Returns
    -------
    array, shape (n,)
        Energy delivered to the grid [kWh], at least 0.

    Notes
    -----
    ``x = eta_d (E + (eta_d p - p_avg - lam) / theta)`` within bounds. Source: Khwanrit (2024),
    ``x = E + (p - p_avg - lam) / theta``, eq. (4.29), without losses; the derivative printed as
    eq. (4.28) has the sign of ``theta x`` wrong.
    """
    sold = 0.0 - best_response(
        price, np.add(lam, average_price), theta, stored_kwh, np.negative(upper_kwh), 0.0,
        1.0, discharge_efficiency,
    )  # fmt: skip
    surplus_price = price_of_surplus(average_price, discharge_efficiency)
    return np.where(np.less(price, surplus_price) & saturates, 0.0, sold)


def price_of_surplus(average_price: FloatOrArray, discharge_efficiency: FloatOrArray) -> FloatArray:
    """Return the incentive price that pays for what the energy delivered has cost [money/kWh].

    Parameters
    ----------
    average_price : float or array, shape (n,)
        What the stored energy has cost on average [money/kWh held].
    discharge_efficiency : float or array, shape (n,)
        Delivered per energy taken from the stores [-].
    """
    return np.asarray(np.divide(average_price, discharge_efficiency))
