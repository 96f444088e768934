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
    lam: float | NDArray[np.float64],
    theta: float | NDArray[np.float64],
    usable_kwh: NDArray[np.float64],
    lower_kwh: NDArray[np.float64],
    upper_kwh: NDArray[np.float64],
) -> Kinks:
    """Kinks of a community from what its batteries want.

    Parameters
    ----------
    fixed_kwh : float
        Load that does not answer to prices [kWh].
    lam, theta : float or array, shape (n,)
        As in :func:`hmesh.markets.best_response`.
    usable_kwh, lower_kwh, upper_kwh : array, shape (n,)
        Likewise.

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.16) with bounds.
    """
    return Kinks(
        saturated_kwh=fixed_kwh + float(upper_kwh.sum()),
        full_price=_kink_price(lam, theta, usable_kwh, upper_kwh),
        empty_price=_kink_price(lam, theta, usable_kwh, lower_kwh),
        slope=np.broadcast_to(1.0 / np.asarray(theta), usable_kwh.shape),
    )


def _kink_price(
    lam: float | NDArray[np.float64],
    theta: float | NDArray[np.float64],
    usable_kwh: NDArray[np.float64],
    bound_kwh: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the price at which the unbounded answer meets a bound."""
    held = usable_kwh + bound_kwh
    held *= theta
    return np.subtract(lam, held, out=held)


@dataclass(frozen=True, slots=True)
class Bends:
    """The part of a community's demand that matters for prices within ``[low, high]``.

    Attributes
    ----------
    low, high : float
        Prices that matter [money/kWh].
    intercept, slope : float
        The demand below all kinks listed is ``intercept - slope * p`` [kWh].
    answering : int
        Batteries that answer to prices there.
    starts, ends : array, shape (n,), (m,)
        Prices at which batteries begin and cease to answer; those outside ``[low, high]`` may be
        among them.
    starts_slope, ends_slope : array, shape (n,), (m,)
        What each adds to the slope, and takes from it.
    """

    low: float
    high: float
    intercept: float
    slope: float
    answering: int
    starts: NDArray[np.float64]
    starts_slope: NDArray[np.float64]
    ends: NDArray[np.float64]
    ends_slope: NDArray[np.float64]

    @property
    def kinks(self) -> int:
        """How many kinks are listed."""
        return len(self.starts) + len(self.ends)

    def within(self, low: float, high: float) -> "Bends":
        """Return what matters for prices within ``[low, high]``, listing no other kink."""
        begun, over = self.starts <= low, self.ends <= low
        added, taken = self.starts_slope[begun], self.ends_slope[over]
        started = np.flatnonzero(~begun & (self.starts < high))
        ended = np.flatnonzero(~over & (self.ends < high))
        return Bends(
            low,
            high,
            self.intercept + float(added @ self.starts[begun]) - float(taken @ self.ends[over]),
            self.slope + float(added.sum()) - float(taken.sum()),
            self.answering + len(added) - len(taken),
            self.starts[started],
            self.starts_slope[started],
            self.ends[ended],
            self.ends_slope[ended],
        )

    def curve(self) -> "DemandCurve":
        """Sort the kinks into the demand curve."""
        inside = self.within(self.low, self.high)
        price = np.concatenate((inside.starts, inside.ends))
        bend = np.concatenate((inside.starts_slope, -inside.ends_slope))
        step = np.repeat(np.array([1, -1]), (len(inside.starts), len(inside.ends)))
        order = np.argsort(price, kind="stable")
        price, bend = price[order], bend[order]
        slope = inside.slope + np.concatenate(([0.0], np.cumsum(bend)))
        intercept = inside.intercept + np.concatenate(([0.0], np.cumsum(bend * price)))
        # Rounding leaves dust where the last battery ceases to answer; a count does not.
        summed = abs(self.intercept) + float(
            self.starts_slope @ np.abs(self.starts) + self.ends_slope @ np.abs(self.ends)
        )
        flat = inside.answering + np.concatenate(([0], np.cumsum(step[order]))) == 0
        slope[flat] = 0.0
        intercept[flat & (np.abs(intercept) < 1e-13 * summed)] = 0.0
        edges = np.concatenate(([self.low], price, [self.high]))
        wide = edges[1:] > edges[:-1]
        wide[-1] |= not wide.any()
        return DemandCurve(np.append(edges[:-1][wide], self.high), intercept[wide], slope[wide])


def bends_of(kinks: Kinks, lowest_price: float, highest_price: float) -> Bends:
    """Return all that bends the demand of a community, for prices within bounds."""
    return Bends(
        lowest_price,
        highest_price,
        kinks.saturated_kwh,
        0.0,
        0,
        kinks.full_price,
        kinks.slope,
        kinks.empty_price,
        kinks.slope,
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
    """Return the demand curve of a community.

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
    return bends_of(kinks, lowest_price, highest_price).curve()
