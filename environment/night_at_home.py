"""Which stay of a vehicle is its night at home, whatever the clock shows then.

Night workers are at home by day, and a vehicle that comes home after midnight does not begin a new
day. What counts is how long a vehicle stays at home, not the date of its trips.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

HALF_A_DAY_H = 12.0
_DAY_H = 24.0


def nights_at_home(
    begins_h: FloatArray, ends_h: FloatArray, at_home: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which stays of one vehicle are its nights at home.

    A stay at home is a night unless a longer one at home begins within half a day before or after
    it. Stays of a day or more are equally long; of equally long ones the first is the night.

    Parameters
    ----------
    begins_h, ends_h : array, shape (stays,)
        When the vehicle arrives and departs again, ascending; infinite where it does not [h].
    at_home : array of bool, shape (stays,)
        Whether it stays where its people live.

    Returns
    -------
    array of bool, shape (stays,)
        Whether a night of the vehicle begins with the stay.
    """
    long = np.where(at_home, np.minimum(ends_h - begins_h, _DAY_H), -np.inf)
    apart = begins_h[None, :] - begins_h[:, None]
    earlier = np.arange(len(long))[None, :] < np.arange(len(long))[:, None]
    better = (long[None, :] > long[:, None]) | ((long[None, :] == long[:, None]) & earlier)
    beaten = (better & (np.abs(apart) < HALF_A_DAY_H)).any(axis=1)
    night: NDArray[np.bool_] = at_home & ~beaten
    return night


def homes_among(
    places: NDArray[np.int64], residential: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Return which of the places where a vehicle stays are its home.

    Parameters
    ----------
    places : array of int, shape (stays,)
        Communities.
    residential : array of bool, shape (communities,), or None
        Where people live; None where nobody knows.

    Returns
    -------
    array of bool, shape (stays,)
        The residential ones; where there is none among them, or nobody knows, all.
    """
    if residential is None or not residential[places].any():
        return np.ones(len(places), dtype=np.bool_)
    home: NDArray[np.bool_] = residential[places]
    return home
