"""The most level load that a store can make which has no limit but its size.

Without losses, limits of power or windows, a schedule is a path of the energy drawn since a day
began, between the energy used and that plus the size of the store. The most level one is the path
that a string takes when it is pulled taut between these two walls.
"""

import numpy as np

from hmesh.environment.arrays import FloatArray

# Steps that are looked ahead at first; twice as many as long as the string stays straight.
_AHEAD = 32


def most_level_load(load_kwh: FloatArray, capacity_kwh: float | FloatArray) -> FloatArray:
    """Return the loads that stores of some size make when they have no other limit.

    Parameters
    ----------
    load_kwh : array, shape (loads, steps)
        Loads that begin again after their last step, such as days [kWh].
    capacity_kwh : float or array, shape (loads,)
        Usable size of the store of each, at least 0 [kWh].

    Returns
    -------
    array, shape (loads, steps)
        Loads of the least standard deviation, each of its mean [kWh]. A store holds as much after
        the last step as before the first; how much that is, is free.

    Notes
    -----
    Source of the string: Davies and Kovac, Annals of Statistics 29 (2001) 1-65. With the load ``L``
    and the stored energy ``s``, the drawn energy ``cumsum(L) + s`` stays between ``cumsum(L)`` and
    ``cumsum(L) + C``, and its most even slope is that of the shortest path. The string runs through
    three periods from an empty store to an empty one. Wherever a string through endless periods
    touches a wall, it fixes this one there, so that the middle period does not depend on the ends.
    """
    load = np.atleast_2d(load_kwh)
    capacity = np.broadcast_to(np.asarray(capacity_kwh, dtype=np.float64), len(load))
    steps = load.shape[1]
    thrice = np.tile(load, 3)
    used = np.concatenate([np.zeros((len(load), 1)), np.cumsum(thrice, axis=1)], axis=1)
    level = load.astype(np.float64)
    for row in np.flatnonzero(capacity > 0.0).tolist():
        wall = used[row]
        other = wall + capacity[row]
        other[0], other[-1] = wall[0], wall[-1]
        level[row] = np.diff(_taut(wall, other)[steps : 2 * steps + 1])
    return level


def _taut(lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Return the shortest path between two walls, which meet at its ends, shape (points,)."""
    last = len(lower) - 1
    corners, at = [0], 0
    heights = [float(lower[0])]
    while at < last:
        at, height = _next_corner(lower, upper, at, heights[-1])
        corners.append(at)
        heights.append(height)
    path: FloatArray = np.interp(np.arange(last + 1), corners, heights)
    return path


def _next_corner(lower: FloatArray, upper: FloatArray, at: int, height: float) -> tuple[int, float]:
    """Return where a straight string from a point next lies against a wall, and how high."""
    ahead = _AHEAD
    while True:
        stop = min(at + 1 + ahead, len(lower))
        away = np.arange(1, stop - at)
        rise = (lower[at + 1 : stop] - height) / away
        fall = (upper[at + 1 : stop] - height) / away
        least, most = np.maximum.accumulate(rise), np.minimum.accumulate(fall)
        shut = np.flatnonzero(least > most)
        if shut.size:
            # The walls leave no straight way to here: the one that came before bends the string.
            end = int(shut[0])
            over = bool(rise[end] > most[end])
            before = fall[:end] == most[end] if over else rise[:end] == least[end]
            wall = upper if over else lower
            corner = at + 1 + int(np.flatnonzero(before)[-1])
            return corner, float(wall[corner])
        if stop == len(lower):
            return stop - 1, float(lower[-1])
        ahead *= 2
