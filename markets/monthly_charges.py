"""Charges of a month: its highest power, energy beyond thresholds, net metering."""

import numpy as np

from hmesh.environment.arrays import FloatArray


def tier_charge(
    energy_kwh: FloatArray,
    above_kwh: FloatArray,
    surcharge: FloatArray,
) -> FloatArray:
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
    charge: FloatArray = (beyond * surcharge).sum(axis=-1)
    return charge


def surcharge_foreseen(
    month_kwh: FloatArray,
    mean_kw: FloatArray,
    left_h: float,
    above_kwh: FloatArray,
    surcharge: FloatArray,
) -> FloatArray:
    r"""Return what a kWh of a month costs more in the tier that the month is expected to end in.

    .. math:: \sum_i s_i [M + P h > a_i]

    The derivative of `tier_charge` at the expected energy: whenever in the month a kWh is bought,
    it is the last one that is beyond a threshold or not.

    Parameters
    ----------
    month_kwh : array, shape (...)
        Energy bought in the month so far M [kWh].
    mean_kw : array, shape (...)
        Mean power that is expected to be bought P [kW].
    left_h : float
        Time until the month ends h [h].
    above_kwh, surcharge : array, shape (tiers,)
        Thresholds a [kWh] and surcharges s of the tiers [money/kWh].
    """
    expected = month_kwh + left_h * mean_kw
    foreseen: FloatArray = ((expected[..., None] > above_kwh) * surcharge).sum(axis=-1)
    return foreseen


def demand_charge(peak_kw: FloatArray, price_per_kw: FloatArray) -> FloatArray:
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
    charge: FloatArray = np.tensordot(price_per_kw, peak_kw, axes=1)
    return charge


def net_metering_credit(
    bought_kwh: FloatArray,
    delivered_kwh: FloatArray,
    at_purchase: FloatArray,
    at_feed_in: FloatArray,
) -> FloatArray:
    r"""Return what net metering adds to what feed-in has paid in a month [money].

    .. math:: \min(1, B / D) (c_p - c_f)

    Parameters
    ----------
    bought_kwh, delivered_kwh : array, shape (...)
        Energy bought B and delivered D in the month [kWh].
    at_purchase, at_feed_in : array, shape (...)
        What all deliveries are worth at the prices of purchases c_p and of feed-in c_f, each at the
        price of its step [money].

    Returns
    -------
    array, shape (...)
        Deliveries up to what is bought are worth as much as purchases, all of them alike; what is
        beyond stays at the price of feed-in.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        netted = np.where(delivered_kwh > 0, np.minimum(bought_kwh / delivered_kwh, 1.0), 0.0)
    credit: FloatArray = netted * (at_purchase - at_feed_in)
    return credit
