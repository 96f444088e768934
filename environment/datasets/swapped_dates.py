"""Signs that days and months of dates were swapped somewhere on the way."""

from datetime import datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.datasets.data_file import Findings
from hmesh.environment.datasets.description import Description
from hmesh.environment.errors import Problem
from hmesh.environment.local_times import HOUR_US, microseconds

# So many rows that go back in time are no accident, and so many outside are no mere margin.
_SEVERAL = 5
_MANY, _NEARLY_ALL = 0.05, 0.9
_DAY_US = 24 * HOUR_US


def warn_swapped(
    place: str,
    time_us: NDArray[np.int64],
    zone: tzinfo,
    description: Description,
    findings: Findings,
) -> None:
    """Warn where times make more sense with day and month swapped.

    Parameters
    ----------
    place : str
        Where they stand.
    time_us : array of int, shape (rows,)
        The times of one series in the order of their rows, in microseconds of UTC since 1970.
    zone : tzinfo
        The zone whose clocks state them.
    description : Description
        When they should begin and end.
    findings : Findings
        Where the warning is reported.
    """
    begin, end = description.period()
    ahead = zone.utcoffset(datetime(begin.year, begin.month, begin.day)) or timedelta()
    ahead_us = ahead // timedelta(microseconds=1)
    begin_us, end_us = microseconds(begin) + ahead_us, microseconds(end) + ahead_us
    outside, inside, order = swapped_days(time_us + ahead_us, begin_us, end_us)
    if inside > max(_MANY * time_us.size, _NEARLY_ALL * outside):
        findings.warnings.append(
            Problem(
                place,
                f"{inside:,} times lie outside start to end, but inside with day and month "
                "swapped: they may have been read in the wrong order",
            )
        )
    elif order >= _SEVERAL:
        findings.warnings.append(
            Problem(
                place,
                f"{order:,} rows go back in time that would not with day and month swapped: "
                "they may have been read in the wrong order",
            )
        )


def swapped_days(time_us: NDArray[np.int64], begin_us: int, end_us: int) -> tuple[int, int, int]:
    """Return signs that days and months of some times were swapped.

    Parameters
    ----------
    time_us : array of int, shape (rows,)
        The times in the order of their rows, by their own clock, in microseconds since 1970.
    begin_us, end_us : int
        When they should begin and end [µs].

    Returns
    -------
    int
        How many times lie outside.
    int
        How many of them lie inside with day and month swapped.
    int
        How many rows go back in time that would not with day and month swapped.
    """
    days = (time_us // _DAY_US).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = (days - months).astype(np.int64)  # from 0, like the month
    year = months.astype("datetime64[Y]")
    month = (months - year).astype(np.int64)
    other = (year.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    other_us = other.astype(np.int64) * _DAY_US + time_us % _DAY_US
    can_be = (day < 12) & (day != month)
    outside = (time_us < begin_us) | (time_us >= end_us)
    back_inside = can_be & outside & (other_us >= begin_us) & (other_us < end_us)
    read_so = np.where(day < 12, other_us, time_us)
    backwards = int(np.count_nonzero(np.diff(time_us) < -_DAY_US))
    still = int(np.count_nonzero(np.diff(read_so) < -_DAY_US))
    counts = int(np.count_nonzero(outside)), int(np.count_nonzero(back_inside))
    return *counts, max(backwards - still, 0)
