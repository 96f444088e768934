"""Rows that lie further apart than the intervals of their table, such as hours among quarters."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray

# As many equal distances in succession are no accident of missing rows.
LEAST_IN_A_ROW = 4


@dataclass(frozen=True, slots=True)
class CoarseRows:
    """Rows of one series that lie equally far apart, and further than an interval.

    Attributes
    ----------
    series : int
        Which series.
    first, last : int
        Intervals of the first and of the last row.
    intervals : int
        Distance of two rows, in intervals.
    """

    series: int
    first: int
    last: int
    intervals: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return (self.last - self.first) // self.intervals + 1


def coarse_rows(values: FloatArray) -> Iterator[CoarseRows]:
    """Yield the stretches in which rows lie further apart than an interval.

    Parameters
    ----------
    values : array, shape (intervals, series)
        The series, NaN where there is no row.
    """
    for series in np.flatnonzero(np.isnan(values).any(axis=0)).tolist():
        rows = np.flatnonzero(~np.isnan(values[:, series]))
        distances = np.diff(rows)
        if distances.size < LEAST_IN_A_ROW:
            continue
        edges = np.concatenate(([0], np.flatnonzero(np.diff(distances)) + 1, [distances.size]))
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            apart = int(distances[begin])
            if apart > 1 and end - begin >= LEAST_IN_A_ROW:
                yield CoarseRows(series, int(rows[begin]), int(rows[end]), apart)


def hold(values: FloatArray, coarse: CoarseRows, at_end: bool) -> None:
    """Let each row hold over the intervals up to the next one, in place.

    Parameters
    ----------
    values : array, shape (intervals, series)
        The series; only NaN is replaced.
    coarse : CoarseRows
        The rows.
    at_end : bool
        Whether rows label the end of what they hold for, so that each holds for those before it.
    """
    column = values[:, coarse.series]
    for row in range(coarse.first, coarse.last + 1, coarse.intervals):
        begin = row - coarse.intervals + 1 if at_end else row
        part = column[max(begin, 0) : begin + coarse.intervals]
        part[np.isnan(part)] = column[row]
