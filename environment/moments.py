"""Moments of a run: whole milliseconds since its start, as result tables hold them.

Whole numbers need no tolerance: two moments are the same or they are not, and parts of a step add
up to it. Trips begin and end at whole seconds.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

MS_PER_H = 3_600_000
SECOND_MS = 1000
_SECONDS_PER_H = 3600.0


def moments(hours: FloatArray) -> NDArray[np.int64]:
    """Return the whole seconds next to times from the start of the run [h], as moments [ms]."""
    return np.rint(np.asarray(hours) * _SECONDS_PER_H).astype(np.int64) * SECOND_MS


def moment(hours: float) -> int:
    """Return the whole second next to a time from the start of the run [h], as a moment [ms]."""
    return round(hours * _SECONDS_PER_H) * SECOND_MS


def step_moment(step: int, step_h: float) -> int:
    """Return the moment at which a step of a length [h] begins [ms]."""
    return round(step * step_h * MS_PER_H)
