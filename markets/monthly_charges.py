"""Charges of a month: for its highest power, and for energy beyond thresholds."""

import numpy as np
from numpy.typing import NDArray


def tier_charge(
    energy_kwh: NDArray[np.float64],
    above_kwh: NDArray[np.float64],
    surcharge: NDArray[np.float64],
) -> NDArray[np.float64]:
    r"""Return what energy of a month beyond thresholds costs more [money].

    .. math:: \sum_i s_i \max(E - a_i, 0)

    Parameters
    ----------
    energy_kwh : array, shape (...)
        Energy bought in the month E [kWh].
    above_kwh, surcharge : array, shape (tiers,)
        Thresholds a [kWh], and what each kWh above one costs more than below it s [money/kWh].

    Returns
    -------
    array, shape (...)
        The charge.
    """
    beyond = np.maximum(energy_kwh[..., None] - above_kwh, 0.0)
    charge: NDArray[np.float64] = (beyond * surcharge).sum(axis=-1)
    return charge


def demand_charge(
    peak_kw: NDArray[np.float64], price_per_kw: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what the highest mean powers of a month cost [money].

    Parameters
    ----------
    peak_kw : array, shape (charges, ...)
        Highest mean power bought within an interval of the month, for each charge [kW].
    price_per_kw : array, shape (charges,)
        Price of each [money/kW].

    Returns
    -------
    array, shape (...)
        The sum of all charges.
    """
    charge: NDArray[np.float64] = np.tensordot(price_per_kw, peak_kw, axes=1)
    return charge
