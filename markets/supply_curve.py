"""What all schools sell together at every incentive price, exactly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.school_response import school_response


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

    price: NDArray[np.float64]
    supply_kwh: NDArray[np.float64]


def supply_curve(
    lam: NDArray[np.float64],
    theta: NDArray[np.float64],
    average_price: NDArray[np.float64],
    stored_kwh: NDArray[np.float64],
    upper_kwh: NDArray[np.float64],
    lowest_price: float,
    highest_price: float,
    *,
    saturates: bool = True,
) -> SupplyCurve:
    """Return the supply of all schools between two prices.

    Parameters
    ----------
    lam, theta, average_price, stored_kwh, upper_kwh : array, shape (schools,)
        As in :func:`hmesh.markets.school_response`.
    lowest_price, highest_price : float
        Ends of the curve [money/kWh].
    saturates : bool, optional
        As in :func:`hmesh.markets.school_response`.

    Notes
    -----
    A school begins to sell at ``p_avg + lam - theta E`` and sells all it can from
    ``theta upper_kwh`` above that; between them the supply is a line.
    """
    begins = average_price + lam - theta * stored_kwh
    ends = begins + theta * upper_kwh
    jump = np.zeros_like(begins)
    if saturates:
        surplus = np.clip((average_price - begins) / theta, 0.0, upper_kwh)
        jump = np.where(begins < average_price, surplus, 0.0)
        begins = np.maximum(begins, average_price)
        ends = np.maximum(ends, begins)
    at_lowest = school_response(
        lowest_price, lam, theta, average_price, stored_kwh, upper_kwh, saturates=saturates
    )
    slope = 1.0 / theta
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
    rise = np.maximum(slopes, 0.0) * np.diff(edges)
    after = float(at_lowest.sum()) + np.cumsum(rise[:-1] + leap)
    start = np.concatenate(([float(at_lowest.sum())], after))
    end = start + rise
    prices = np.stack((edges[:-1], edges[1:]), axis=1).ravel()
    supply = np.stack((start, end), axis=1).ravel()
    if at_highest > 0:
        prices, supply = np.append(prices, highest_price), np.append(supply, end[-1] + at_highest)
    # Rounding may let a flat piece fall.
    return SupplyCurve(prices, np.maximum.accumulate(supply))
