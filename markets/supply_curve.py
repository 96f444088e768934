"""What all schools sell together at every incentive price, exactly."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.school_response import price_of_surplus, school_response
from hmesh.markets.vehicle_response import FloatOrArray


@dataclass(frozen=True, slots=True)
class SupplyCurve:
    """A line through points, along which neither price nor supply ever falls.

    Where two points share a price the supply jumps: schools there are indifferent.

    Attributes
    ----------
    price : array, shape (points,)
        Prices [money/kWh], ascending.
    supply_kwh : array, shape (points,)
        Energy offered [kWh], ascending.
    """

    price: FloatArray
    supply_kwh: FloatArray


def supply_curve(
    lam: FloatArray,
    theta: FloatArray,
    average_price: FloatArray,
    stored_kwh: FloatArray,
    upper_kwh: FloatArray,
    lowest_price: float,
    highest_price: float,
    *,
    saturates: bool = True,
    discharge_efficiency: FloatOrArray = 1.0,
) -> SupplyCurve:
    """Return the supply of all schools between two prices.

    Parameters
    ----------
    lam, theta, average_price, stored_kwh, upper_kwh : array, shape (schools,)
        As in `hmesh.markets.school_response`.
    lowest_price, highest_price : float
        Ends of the curve [money/kWh].
    saturates, discharge_efficiency : bool, float or array, optional
        As in `hmesh.markets.school_response`.

    Notes
    -----
    A school begins to sell at ``(p_avg + lam - theta E) / eta_d`` and sells all it can from
    ``theta upper_kwh / eta_d**2`` above that; between them the supply is a line.
    """
    out_of = discharge_efficiency
    # What a price rises by for each kWh more delivered; by an efficiency of 1 nothing is changed.
    rise = np.asarray(theta / np.multiply(out_of, out_of))
    begins = (average_price + lam - theta * stored_kwh) / out_of
    ends = begins + rise * upper_kwh
    jump = np.zeros_like(begins)
    if saturates:
        least = price_of_surplus(average_price, out_of)
        surplus = np.clip((least - begins) / rise, 0.0, upper_kwh)
        jump = np.where(begins < least, surplus, 0.0)
        begins = np.maximum(begins, least)
        ends = np.maximum(ends, begins)
    at_lowest = school_response(
        lowest_price, lam, theta, average_price, stored_kwh, upper_kwh, saturates=saturates,
        discharge_efficiency=out_of,
    )  # fmt: skip
    slope = 1.0 / rise
    started = begins <= lowest_price
    price = np.concatenate((begins[~started], ends))
    bend = np.concatenate((slope[~started], -slope))
    leap = np.concatenate((jump[~started], np.zeros_like(ends)))
    inside = (price > lowest_price) & (price < highest_price)
    at_highest = float(leap[price == highest_price].sum())
    price, bend, leap = price[inside], bend[inside], leap[inside]
    order = np.argsort(price, kind="stable")
    price, bend, leap = price[order], bend[order], leap[order]
    first = float(slope[started & (ends > lowest_price)].sum())
    slopes = first + np.concatenate(([0.0], np.cumsum(bend)))
    edges = np.concatenate(([lowest_price], price, [highest_price]))
    climb = np.maximum(slopes, 0.0) * np.diff(edges)
    after = float(at_lowest.sum()) + np.cumsum(climb[:-1] + leap)
    start = np.concatenate(([float(at_lowest.sum())], after))
    end = start + climb
    prices = np.stack((edges[:-1], edges[1:]), axis=1).ravel()
    supply = np.stack((start, end), axis=1).ravel()
    if at_highest > 0:
        prices, supply = np.append(prices, highest_price), np.append(supply, end[-1] + at_highest)
    # Rounding may let a flat piece fall.
    return SupplyCurve(prices, np.maximum.accumulate(supply))
