"""Filling the valley of a demand, and shaving its peak.

Energy that must flow within some steps is spread so that the demand becomes as flat as it can: it
fills the lowest steps up to one level, as water would. Ratings and stores say how much of it may
flow within any one, two, three, ... steps; with these curves the level has a closed form, the
slopes of the greatest convex curve below the running sum of demand and allowance. Shaving a peak
is filling the valley of the demand turned upside down.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from hmesh.environment.arrays import FloatArray

MOST_GUESSES = 120
SAME_PLACE = 1e-11


def water_level(load_kwh: FloatArray, energy_kwh: float) -> float:
    """Return the level to which an energy fills the lowest steps of a load [kWh].

    Parameters
    ----------
    load_kwh : array, shape (steps,)
        Load of each step [kWh], at least one step.
    energy_kwh : float
        Energy to be spread [kWh], at least 0.

    Notes
    -----
    ``(E + sum of the k lowest loads) / k`` for the k that makes it least. Source: Khwanrit (2024),
    section 4.3, day-ahead valley filling, in closed form.
    """
    lowest = np.cumsum(np.sort(load_kwh))
    return float(((energy_kwh + lowest) / np.arange(1, len(lowest) + 1)).min())


def within_steps(
    need_kwh: FloatArray,
    limit_kwh: FloatArray,
    group: NDArray[np.intp],
    groups: int,
    steps: int,
) -> FloatArray:
    """Return how much of what batteries need can flow within any number of steps.

    Parameters
    ----------
    need_kwh : array, shape (batteries,)
        Energy that each needs to take, or has to give [kWh], at least 0.
    limit_kwh : array, shape (batteries,)
        Most that may flow in one step [kWh], at least 0.
    group : array of int, shape (batteries,)
        Group to which each belongs.
    groups, steps : int
        Number of groups and of steps.

    Returns
    -------
    array, shape (groups, steps + 1)
        Energy of each group that can flow in 0, 1, ... steps [kWh]; concave along the steps.
    """
    curve = np.zeros((groups, steps + 1))
    for k in range(1, steps + 1):
        flow = np.minimum(need_kwh, k * limit_kwh)
        curve[:, k] = np.bincount(group, flow, groups)
    return curve


def fill_valley(load_kwh: FloatArray, within_kwh: FloatArray) -> FloatArray:
    """Spread energy over steps so that the load becomes as flat as it can.

    Parameters
    ----------
    load_kwh : array, shape (steps,)
        Load of each step before [kWh].
    within_kwh : array, shape (groups, steps + 1)
        What each group can take within 0, 1, ... steps, as from `within_steps` [kWh]; all of
        its last column is to be spread.

    Returns
    -------
    array, shape (groups, steps)
        Energy of each group in each step [kWh]. Its sum over groups has the least sum of squares
        of the load after, of all that the curves allow, and each group's part can be dealt out to
        its batteries (`deal_out`).

    Notes
    -----
    Source: Khwanrit (2024), section 4.3, extended by limits. With the loads ascending, the levels
    after filling are the isotonic regression of ``load_k + f(k) - f(k - 1)``, f the sum of all
    curves.
    """
    groups, steps = len(within_kwh), len(load_kwh)
    order = np.argsort(load_kwh, kind="stable")
    load = load_kwh[order]
    allowance = np.diff(within_kwh.sum(axis=0))
    if steps == 0 or groups == 0:
        return np.zeros((groups, steps))
    level = isotonic_regression(load + allowance).x
    total = np.maximum(level - load, 0.0)
    # Where no energy goes, levels are off from loads by the rounding of sums of loads.
    total[total <= steps * np.finfo(np.float64).eps * np.abs(load).max()] = 0.0
    filled = np.zeros((groups, steps))
    filled[:, order] = _by_group(total, within_kwh)
    return filled


def shave_peak(load_kwh: FloatArray, within_kwh: FloatArray) -> FloatArray:
    """Take energy from steps so that the load becomes as flat as it can.

    Parameters
    ----------
    load_kwh : array, shape (steps,)
        Load of each step before [kWh].
    within_kwh : array, shape (groups, steps + 1)
        What each group can give within 0, 1, ... steps [kWh]; all of its last column is taken.

    Returns
    -------
    array, shape (groups, steps)
        Energy that each group gives in each step [kWh], at least 0.
    """
    return fill_valley(-load_kwh, within_kwh)


def _by_group(total_kwh: FloatArray, within_kwh: FloatArray) -> FloatArray:
    """Split falling totals of steps so that no group is asked for what it cannot do.

    Every step takes from all groups the same stretch of their curves, one step long, and as early
    a stretch as the total of the step has it: those whose needs take longest are served first.
    What is left of the curves is what can flow in the steps after.
    """
    steps = len(total_kwh)
    place = np.arange(steps + 1, dtype=np.float64)
    left = within_kwh
    split = np.zeros((len(within_kwh), steps))
    for k in range(np.count_nonzero(total_kwh)):
        summed = left.sum(axis=0)
        start = _stretch(place, summed, float(total_kwh[k]))
        cut = _at_bends(np.array([start, min(start + 1.0, place[-1])]), place)
        at_cut = _along(place, left, cut)
        split[:, k] = np.maximum(at_cut[:, 1] - at_cut[:, 0], 0.0)
        if k + 1 == steps:
            break
        # The curves without the stretch, with a bend where it was.
        before, after = place < cut[0], place > cut[1]
        rest = left[:, after] - split[:, [k]]
        left = np.concatenate((left[:, before], at_cut[:, :1], rest), axis=1)
        place = np.concatenate((place[before], cut[:1], place[after] - 1.0))
    return split


def _stretch(place: FloatArray, curve: FloatArray, wanted_kwh: float) -> float:
    """Return where a stretch of a concave curve, one step long, begins that rises by an energy."""
    latest = max(float(place[-1]) - 1.0, 0.0)
    starts = np.unique(np.clip(np.concatenate((place, place - 1.0)), 0.0, latest))
    rises = np.interp(starts + 1.0, place, curve) - np.interp(starts, place, curve)
    # Rises fall along the curve; np.interp wants them ascending.
    return float(np.interp(wanted_kwh, np.minimum.accumulate(rises)[::-1], starts[::-1]))


def _at_bends(at: FloatArray, place: FloatArray) -> FloatArray:
    """Return places, those that rounding has moved off a bend put back on it.

    Beyond its bend a group takes nothing, and is not to take what is rounded.
    """
    nearest = place[np.abs(at[:, None] - place).argmin(axis=1)]
    return np.where(np.abs(at - nearest) <= SAME_PLACE, nearest, at)


def _along(place: FloatArray, curves: FloatArray, at: FloatArray) -> FloatArray:
    """Return the values of several curves, lines between their places, at some places."""
    piece = np.clip(np.searchsorted(place, at, side="right") - 1, 0, len(place) - 2)
    wide = place[piece + 1] - place[piece]
    share = np.divide(at - place[piece], wide, out=np.zeros_like(at), where=wide > 0)
    return np.asarray(curves[:, piece] + share * (curves[:, piece + 1] - curves[:, piece]))


def deal_out(
    energy_kwh: FloatArray,
    need_kwh: FloatArray,
    limit_kwh: FloatArray,
    group: NDArray[np.intp],
) -> FloatArray:
    """Deal the energy of groups in one step out to their batteries, the neediest first.

    Parameters
    ----------
    energy_kwh : array, shape (groups,)
        Energy of each group in this step [kWh]; at most what its batteries can take in one step.
    need_kwh, limit_kwh : array, shape (batteries,)
        What each needs in all, and the most that may flow in one step [kWh].
    group : array of int, shape (batteries,)
        Group of each, ascending.

    Returns
    -------
    array, shape (batteries,)
        Energy of each battery [kWh]. The needs left over take as few steps as they can: all
        batteries that need more than some number of steps are brought down to it, as far as one
        step allows.
    """
    groups = len(energy_kwh)
    if not (energy_kwh > 0).any():
        return np.zeros(len(need_kwh))
    all_kwh = _beyond(np.zeros(groups), need_kwh, limit_kwh, group)
    most = np.bincount(group, all_kwh, groups)
    dealt = _common_steps(energy_kwh, most, need_kwh, limit_kwh, group)
    given = np.bincount(group, dealt, groups)
    # What rounding leaves is spread over the batteries, within the most that each can take.
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(most > given, (energy_kwh - given) / (most - given), 0.0)
    split = dealt + np.clip(share, 0.0, 1.0)[group] * (all_kwh - dealt)
    return np.where((energy_kwh > 0)[group], split, 0.0)


def _common_steps(
    energy_kwh: FloatArray,
    most_kwh: FloatArray,
    need_kwh: FloatArray,
    limit_kwh: FloatArray,
    group: NDArray[np.intp],
) -> FloatArray:
    """Deal out down to the steps that the batteries of a group still need at most after this one.

    The energy that brings them there falls with it along a line with a few bends, so every other
    guess follows the line through the ends of what is left, and is exact between two bends.
    """
    groups = len(energy_kwh)
    with np.errstate(divide="ignore", invalid="ignore"):
        lasts = np.where(limit_kwh > 0, need_kwh / limit_kwh, 0.0)
    low, high = np.zeros(groups), np.zeros(groups)
    np.maximum.at(high, group, lasts)
    above, below = most_kwh.copy(), np.zeros(groups)
    near = 1e-13 * (1.0 + most_kwh)
    for k in range(MOST_GUESSES):
        share = np.full(groups, 0.5)
        if k % 2 == 0:
            np.divide(above - energy_kwh, above - below, out=share, where=above > below)
        guess = low + np.clip(share, 0.0, 1.0) * (high - low)
        dealt = _beyond(guess, need_kwh, limit_kwh, group)
        total = np.bincount(group, dealt, groups)
        found = (np.abs(total - energy_kwh) <= near) | (energy_kwh <= 0)
        if (found | (high - low <= 1e-15 * (1.0 + high))).all():
            break
        more = total > energy_kwh
        low, above = np.where(more, guess, low), np.where(more, total, above)
        high, below = np.where(more, high, guess), np.where(more, below, total)
        low, high = np.where(found, guess, low), np.where(found, guess, high)
    return dealt


def _beyond(
    steps: FloatArray,
    need_kwh: FloatArray,
    limit_kwh: FloatArray,
    group: NDArray[np.intp],
) -> FloatArray:
    """Return what one step takes of needs beyond a number of steps of each group."""
    kept = steps[group] * limit_kwh
    return np.minimum(need_kwh, kept + limit_kwh) - np.minimum(need_kwh, kept)
