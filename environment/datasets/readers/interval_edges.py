"""Instants of irregular readings, and the regular intervals between the first and the last."""

from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import InputError, Problem

MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1)


def instants_us(times: list[datetime], zone: tzinfo) -> NDArray[np.int64]:
    """Return rising local times as instants, in microseconds of UTC since 1970.

    Where clocks show an hour twice, a time is that of the second showing once the first is past.
    """
    found = np.empty(len(times), dtype=np.int64)
    before = -(2**62)
    for row, time in enumerate(times):
        for fold in (0, 1):
            aware = time.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(tzinfo=None)
            found[row] = (aware - _EPOCH) // timedelta(microseconds=1)
            if found[row] > before:
                break
        before = int(found[row])
    return found


def intervals_within(
    at_us: NDArray[np.int64], minutes: int
) -> tuple[list[datetime], NDArray[np.int64]]:
    """Return the starts of whole intervals between the first and last reading, and their edges.

    Intervals start at whole multiples of their length from midnight of UTC.

    Raises
    ------
    InputError
        If no whole interval lies between them.
    """
    length_us = minutes * MINUTE_US
    first, last = -(-int(at_us[0]) // length_us), int(at_us[-1]) // length_us
    if last <= first:
        message = f"readings span less than an interval of {minutes} min"
        raise InputError([Problem("--resolution", message, "a shorter one")])
    edges_us = np.arange(first, last + 1, dtype=np.int64) * length_us
    return [_EPOCH + timedelta(microseconds=us) for us in edges_us[:-1].tolist()], edges_us
