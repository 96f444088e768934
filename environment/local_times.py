"""Times as a person's file names them, turned into instants."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.table_file import encoded, plain

TIMES = "a time in ISO 8601, such as 2024-01-01 13:00 or 2024-01-01T13:00+01:00"
HOUR_US = 3_600_000_000

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class ReadTimes:
    """The times of the rows of a file.

    Attributes
    ----------
    time_us : array of int, shape (rows,)
        The instants, in microseconds of UTC since 1970.
    timed : array of bool, shape (rows,)
        Whether there is one.
    skipped : array of bool, shape (rows,)
        Whether there is none because the clocks skip that time.
    label : array of int, shape (rows,)
        Which of the distinct labels a row carries, -1 for none.
    reasons : list of str
        Why a label is no time, "" where it is one; the last is that of rows without a label.
    """

    time_us: NDArray[np.int64]
    timed: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    label: NDArray[np.int32]
    reasons: list[str]

    def reason(self, row: int) -> str:
        """Return why a row has no time."""
        return self.reasons[int(self.label[row])]


def read_times(column: Any, group: NDArray[np.int32], zone: tzinfo) -> ReadTimes:
    """Turn the labels of a column into instants.

    Times without an offset from UTC are stated by the clocks of the zone. In autumn, when they show
    an hour twice, the first of two rows of a group with the same label stands for the first
    showing, the second for the second.

    Parameters
    ----------
    column : object
        Column of an Arrow table: text, times or dates.
    group : array of int, shape (rows,)
        Whose rows they are.
    zone : tzinfo
        The zone whose clocks state them.
    """
    import pyarrow as pa

    column = plain(column)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False)
    label, labels = encoded(column)
    # Arrow knows the instants of times with a zone; the others are stated by the local clock.
    aware = pa.types.is_timestamp(column.type) and column.type.tz is not None
    times = (labels.cast(pa.timestamp("us", "UTC")) if aware else labels).to_pylist()
    first = np.zeros(len(times) + 1, dtype=np.int64)
    second = np.zeros(len(times) + 1, dtype=np.int64)
    skipped = np.zeros(len(times) + 1, dtype=np.bool_)
    reasons = [""] * len(times) + ["is empty"]
    for index, time in enumerate(times):
        try:
            first[index], second[index] = _instants(time, zone)
        except (OverflowError, ValueError) as error:
            reasons[index] = str(error)
            skipped[index] = isinstance(error, _SkippedTime)
    timed = np.array([not reason for reason in reasons])[label]
    time_us = first[label]
    shown_twice = np.flatnonzero((first != second)[label])
    again = shown_twice[_later(time_us[shown_twice], group[shown_twice])]
    time_us[again] = second[label[again]]
    return ReadTimes(time_us, timed, skipped[label], label, reasons)


class _SkippedTime(ValueError):
    """A time that the clocks do not show."""


def _instants(time: str | datetime, zone: tzinfo) -> tuple[int, int]:
    """Return when the local clock shows a time first and last, in microseconds of UTC.

    Raises
    ------
    ValueError
        Stating why there is no such time.
    """
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time.strip())
        except ValueError:
            raise ValueError(f"'{time}' is no time") from None
    if time.tzinfo is not None:
        return microseconds(time), microseconds(time)
    local_us = (time - _EPOCH) // _MICROSECOND
    first, last = (
        local_us - (zone.utcoffset(time.replace(fold=fold)) or timedelta()) // _MICROSECOND
        for fold in (0, 1)
    )
    if first > last:
        raise _SkippedTime(
            f"{time} does not exist in {zone}: the clocks skip it; "
            "where the file knows no daylight saving, its times need an offset from UTC"
        )
    return first, last


def _later(time_us: NDArray[np.int64], group: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which rows have one with the same time and group before them."""
    order = np.lexsort((group, time_us))
    same = (np.diff(time_us[order]) == 0) & (np.diff(group[order]) == 0)
    later = np.zeros(time_us.size, dtype=np.bool_)
    later[order[1:]] = same
    return later


def commonest_distance_us(
    time_us: NDArray[np.int64], group: NDArray[np.int32], usable: NDArray[np.bool_]
) -> int:
    """Return the commonest distance between the rows of a group, 0 where there is none.

    Parameters
    ----------
    time_us, group, usable : array, shape (rows,)
        When the interval of each row starts, whose it is, and whether that is known.
    """
    # Enough groups for about a million rows show as much as all of them.
    enough = max(1_000_000 * (int(group.max(initial=0)) + 1) // max(group.size, 1), 1)
    reported = np.flatnonzero(usable & (group >= 0) & (group < enough))
    reported = reported[np.lexsort((time_us[reported], group[reported]))]
    distances_us = np.diff(time_us[reported])
    distances_us = distances_us[(np.diff(group[reported]) == 0) & (distances_us > 0)]
    if distances_us.size == 0:
        return 0
    # The commonest, so that one wrong time does not hide what the others mean.
    lengths_us, counts = np.unique(distances_us, return_counts=True)
    return int(lengths_us[counts.argmax()])


def microseconds(time: datetime) -> int:
    """Return an instant in microseconds of UTC since 1970."""
    return (time.astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _MICROSECOND


def shown(time_us: int, zone: tzinfo) -> str:
    """Return an instant as the clocks of a zone show it, with their offset from UTC."""
    time = (_EPOCH + time_us * _MICROSECOND).replace(tzinfo=UTC)
    return time.astimezone(zone).isoformat(" ", "minutes")


def length(length_us: int) -> str:
    """Return a length of time in minutes."""
    return f"{length_us / 60e6:g} min"
