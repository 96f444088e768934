"""The demand of one community as an exact function of its price.

Every battery buys ``clip((lam - p) / theta - usable, lower, upper)``: a line with two kinks. The
sum over a community is therefore continuous, non-increasing and piecewise linear, and knowing its
kinks is knowing it exactly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Kinks:
    """Where the demand of every battery of a community bends.

    Attributes
    ----------
    saturated_kwh : float
        Fixed load plus what all batteries buy when the price is low enough [kWh].
    full_price, empty_price : array, shape (n,)
        Price below which a battery charges all it can, and above which it discharges all it can
        [money/kWh]; ``full_price <= empty_price``.
    slope : array, shape (n,)
        kWh a battery buys less for every money/kWh in between, ``1 / theta``.
    """

    saturated_kwh: float
    full_price: NDArray[np.float64]
    empty_price: NDArray[np.float64]
    slope: NDArray[np.float64]


def kinks_of(
    fixed_kwh: float,
    lam: NDArray[np.float64],
    theta: NDArray[np.float64],
    usable_kwh: NDArray[np.float64],
    lower_kwh: NDArray[np.float64],
    upper_kwh: NDArray[np.float64],
) -> Kinks:
    """Kinks of a community from what its batteries want.

    Parameters
    ----------
    fixed_kwh : float
        Load that does not answer to prices [kWh].
    lam, theta, usable_kwh, lower_kwh, upper_kwh : array, shape (n,)
        As in :func:`markets.best_response`.

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.16) with bounds.
    """
    return Kinks(
        saturated_kwh=fixed_kwh + float(upper_kwh.sum()),
        full_price=lam - theta * (usable_kwh + upper_kwh),
        empty_price=lam - theta * (usable_kwh + lower_kwh),
        slope=1.0 / theta,
    )


@dataclass(frozen=True, slots=True)
class DemandCurve:
    """Demand of a community for prices within ``[edges[0], edges[-1]]``.

    Piece ``k`` holds for ``edges[k] <= p <= edges[k + 1]``, where the demand is
    ``intercept[k] - slope[k] * p``; a flat piece has a slope of exactly 0.

    Attributes
    ----------
    edges : array, shape (pieces + 1,)
        Ascending prices [money/kWh].
    intercept : array, shape (pieces,)
        Demand the piece would have at price 0 [kWh].
    slope : array, shape (pieces,)
        kWh less for every money/kWh, at least 0.
    """

    edges: NDArray[np.float64]
    intercept: NDArray[np.float64]
    slope: NDArray[np.float64]

    def demand_kwh(self, price: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Demand [kWh] at ``price`` (any shape), which must lie within the edges."""
        piece = np.searchsorted(self.edges, price, side="right") - 1
        piece = np.clip(piece, 0, len(self.slope) - 1)
        return np.asarray(self.intercept[piece] - self.slope[piece] * price)


def demand_curve(kinks: Kinks, lowest_price: float, highest_price: float) -> DemandCurve:
    """Sort the kinks of a community into its demand curve.

    Parameters
    ----------
    kinks : Kinks
        What bends where.
    lowest_price, highest_price : float
        Ends of the curve [money/kWh], ``lowest_price <= highest_price``.

    Returns
    -------
    DemandCurve
        At least one piece; at most two more for every battery.
    """
    price = np.concatenate((kinks.full_price, kinks.empty_price))
    bend = np.concatenate((kinks.slope, -kinks.slope))
    count = np.repeat(np.array([1, -1]), len(kinks.slope))
    below = price <= lowest_price
    inside = np.flatnonzero(~below & (price < highest_price))
    order = inside[np.argsort(price[inside], kind="stable")]
    sorted_price = price[order]
    starts = np.concatenate(([lowest_price], sorted_price))
    first_slope = float(bend[below].sum())
    first_intercept = kinks.saturated_kwh + float((bend[below] * price[below]).sum())
    slope = first_slope + np.concatenate(([0.0], np.cumsum(bend[order])))
    intercept = first_intercept + np.concatenate(([0.0], np.cumsum(bend[order] * sorted_price)))
    # Rounding leaves dust where the last battery stops answering; a count does not.
    active = int(count[below].sum()) + np.concatenate(([0], np.cumsum(count[order])))
    flat = active == 0
    slope[flat] = 0.0
    intercept[flat & (np.abs(intercept) < 1e-13 * np.abs(intercept).max())] = 0.0
    edges = np.append(starts, highest_price)
    wide = edges[1:] > edges[:-1]
    wide[-1] |= not wide.any()
    return DemandCurve(np.append(edges[:-1][wide], highest_price), intercept[wide], slope[wide])
