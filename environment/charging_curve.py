"""Charging curves: the share of its power that a battery takes as it fills.

Between two points of a curve the share is a straight line of the state of charge. So the time that
charging takes from one state of charge to another follows in closed form, and charging for an hour
ends where charging for twelve times five minutes does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

# Where a curve falls to a share of 0 no battery gets full; it counts as full at this share.
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class ChargingCurves:
    """Several curves, each through points of state of charge and share of power.

    Before its first point and after its last one a curve is level.

    Attributes
    ----------
    soc : array, shape (curves, points)
        States of charge, ascending; curves with fewer points repeat their last one [-].
    share : array, shape (curves, points)
        Share of the power at each, 0 to 1; above 0 but at the last point [-].
    """

    soc: FloatArray
    share: FloatArray

    @classmethod
    def of(cls, curves: Sequence[Sequence[tuple[float, float]]]) -> Self:
        """Return curves given as points of state of charge and share."""
        most = 2 + max(len(points) for points in curves)
        soc, share = np.empty((2, len(curves), most))
        for row, points in enumerate(curves):
            padded = [(0.0, points[0][1]), *points]
            padded += [(max(points[-1][0], 1.0), points[-1][1])] * (most - len(padded))
            soc[row], share[row] = zip(*padded, strict=True)
        return cls(soc, share)

    def shares(self, which: NDArray[np.integer], soc: FloatArray) -> FloatArray:
        """Return the share of power that each battery takes at its state of charge, shape (n,)."""
        found = np.ones(len(soc))
        for curve in np.unique(which[which >= 0]).tolist():
            rows = which == curve
            found[rows] = np.interp(soc[rows], self.soc[curve], self.share[curve])
        return found

    def fullest(self) -> FloatArray:
        """Return the state of charge above which a curve takes next to nothing, shape (curves,).

        Above 1 where it never does. A share of 0 is never reached, `LEAST_SHARE` is.
        """
        found = np.full(len(self.soc), np.inf)
        for curve in np.flatnonzero(self.share[:, -1] == 0.0).tolist():
            # Points repeat the last one where a curve has fewer than others.
            end = int(np.argmax(self.share[curve] == 0.0))
            (first, last), before = self.soc[curve, end - 1 : end + 1], self.share[curve, end - 1]
            found[curve] = last - (last - first) * min(LEAST_SHARE / before, 1.0)
        return found


def hours_to_charge(
    curves: ChargingCurves,
    which: NDArray[np.integer],
    energy_kwh: FloatArray,
    until_kwh: FloatArray,
    capacity_kwh: float | FloatArray,
    power_kw: float | FloatArray,
    charge_efficiency: float | FloatArray = 1.0,
    most_kw: float | FloatArray = np.inf,
) -> FloatArray:
    """Return how long batteries charge between two stored energies, as `most_charged_kwh` has it.

    Parameters
    ----------
    curves, which, energy_kwh, capacity_kwh, power_kw, charge_efficiency, most_kw : \
    ChargingCurves, array of int, array, float or array, float or array, float or array, \
    float or array
        As `most_charged_kwh` takes them, but each battery on a curve.
    until_kwh : array, shape (n,)
        Stored energy at the end [kWh].

    Returns
    -------
    array, shape (n,)
        Hours, 0 where a battery holds as much already [h].

    Notes
    -----
    Along a piece ``s = s0 + b (z - z0)`` of a curve it is ``log(s1 / s0) / (b r)``, where the share
    stays ``(z1 - z0) / (s r)``, ``r`` the power stored as a share of the capacity.
    """
    count = len(energy_kwh)
    capacity, power, into, most = (
        np.broadcast_to(np.asarray(each, dtype=np.float64), count)
        for each in (capacity_kwh, power_kw, charge_efficiency, most_kw)
    )
    begun, ended = energy_kwh / capacity, until_kwh / capacity
    limit = np.minimum(most / power, 1.0)
    soc, share = curves.soc[which], curves.share[which]
    passed = np.zeros(count)
    for k in range(soc.shape[1] - 1):
        first, last = soc[:, k], soc[:, k + 1]
        width = last - first
        bend = np.divide(share[:, k + 1] - share[:, k], width, out=np.zeros_like(width),
                         where=width > 0.0)  # fmt: skip
        # Where the charger binds in a part of the piece, the piece is cut in two.
        cut = np.divide(limit - share[:, k], bend, out=width.copy(), where=bend != 0.0)
        middle = first + np.clip(cut, 0.0, width)
        for begins, ends in ((first, middle), (middle, last)):
            a, b = np.clip(begun, begins, ends), np.clip(ended, begins, ends)
            at_a, at_b = (share[:, k] + bend * (each - first) for each in (a, b))
            bound = 0.5 * (at_a + at_b) >= limit
            level = bound | (bend == 0.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                time = np.where(
                    level, (b - a) / np.minimum(at_a, limit), np.log(at_b / at_a) / bend
                )
            passed += np.where(b > a, time, 0.0)
    beyond = np.maximum(ended - np.maximum(begun, soc[:, -1]), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        passed += np.where(beyond > 0.0, beyond / np.minimum(share[:, -1], limit), 0.0)
    return np.asarray(passed * capacity / (power * into))


def most_charged_kwh(
    curves: ChargingCurves,
    which: NDArray[np.integer],
    energy_kwh: FloatArray,
    capacity_kwh: float | FloatArray,
    power_kw: float | FloatArray,
    hours: float | FloatArray,
    charge_efficiency: float | FloatArray = 1.0,
    most_kw: float | FloatArray = np.inf,
) -> FloatArray:
    """Return what batteries take at their plugs in some time if nothing else holds them back.

    Parameters
    ----------
    curves : ChargingCurves
        The curves.
    which : array of int, shape (n,)
        Curve of each battery, -1 for one that takes its full power however full it is.
    energy_kwh : array, shape (n,)
        Stored energy [kWh].
    capacity_kwh, power_kw : float or array, shape (n,)
        Size of the battery [kWh], and its power at the plug where the share is 1 [kW].
    hours : float or array, shape (n,)
        How long it charges [h].
    charge_efficiency : float or array, shape (n,), optional
        From the plug to the store [-].
    most_kw : float or array, shape (n,), optional
        What the charger gives at most, which bends the curve where it is less [kW].

    Returns
    -------
    array, shape (n,)
        Energy at the plug [kWh].

    Notes
    -----
    The state of charge ``z`` follows ``dz/dt = r s(z)``, ``r`` the power stored as a share of the
    capacity. Where ``s`` rises or falls by ``b`` with ``z`` it is
    ``z(t) = z0 + s(z0) (exp(b r t) - 1) / b``. A curve that ends at a share of 0 is never passed.
    """
    count = len(energy_kwh)
    capacity, power, hour, into, most = (
        np.broadcast_to(np.asarray(each, dtype=np.float64), count)
        for each in (capacity_kwh, power_kw, hours, charge_efficiency, most_kw)
    )
    taken: FloatArray = np.minimum(power, most) * hour
    rows = np.flatnonzero(which >= 0)
    if len(rows) == 0:
        return taken
    rate = power[rows] * into[rows] / capacity[rows]
    begun = energy_kwh[rows] / capacity[rows]
    limit = np.divide(most[rows], power[rows], out=np.zeros(len(rows)), where=power[rows] > 0.0)
    soc, share = curves.soc[which[rows]], curves.share[which[rows]]
    ended = _filled(soc, share, np.minimum(limit, 1.0), begun, rate * hour[rows])
    taken[rows] = np.minimum(taken[rows], (ended - begun) * capacity[rows] / into[rows])
    return taken


def _filled(
    soc: FloatArray, share: FloatArray, limit: FloatArray, begun: FloatArray, left: FloatArray
) -> FloatArray:
    """Return the state of charge after some time, in hours of full power over the capacity."""
    now, left = begun.copy(), left.copy()
    for k in range(soc.shape[1] - 1):
        first, last = soc[:, k], soc[:, k + 1]
        width = last - first
        bend = np.divide(share[:, k + 1] - share[:, k], width, out=np.zeros_like(width),
                         where=width > 0.0)  # fmt: skip
        # Where the charger binds in a part of the piece, the piece is cut in two.
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = first + (limit - share[:, k]) / bend
        crosses = np.isfinite(crossing) & (crossing > first) & (crossing < last)
        middle = np.where(crosses, crossing, last)
        for end in (middle, last):
            now, left = _along(now, left, first, end, share[:, k], bend, limit)
    # Beyond the last point the share stays.
    beyond = np.minimum(share[:, -1], limit)
    return np.where(now >= soc[:, -1], now + beyond * left, now)


def _along(
    now: FloatArray,
    left: FloatArray,
    first: FloatArray,
    end: FloatArray,
    share: FloatArray,
    bend: FloatArray,
    limit: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return where a piece of a curve takes each battery that is on it, and the time then left."""
    rows = np.flatnonzero((now >= first) & (now < end) & (left > 0.0))
    if len(rows) == 0:
        return now, left
    here, time, slope = now[rows], left[rows], bend[rows]
    begins, ends = first[rows], end[rows]
    at_now, at_end = (share[rows] + slope * (each - begins) for each in (here, ends))
    # Within a piece the charger binds throughout or nowhere.
    bound = 0.5 * (at_now + at_end) > limit[rows]
    slope = np.where(bound, 0.0, slope)
    at_now = np.maximum(np.where(bound, limit[rows], at_now), 0.0)
    steep = slope != 0.0
    room = np.maximum(ends - here, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        straight = room / at_now
        curved = np.log1p(slope * room / at_now) / slope
        needed = np.where(steep, curved, straight)
        grown = at_now * np.expm1(slope * time) / slope
        reached = here + np.where(steep, grown, at_now * time)
    # At a share of 0 the piece is never left.
    needed = np.where(np.isnan(needed), np.inf, np.maximum(needed, 0.0))
    passes = needed <= time
    now, left = now.copy(), left.copy()
    now[rows] = np.where(passes, ends, np.minimum(reached, ends))
    left[rows] = np.where(passes, time - needed, 0.0)
    return now, left
