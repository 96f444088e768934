"""What is unusual in measured data, so that a person may want to look at it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.datasets.implausible import Readings
from hmesh.environment.errors import Problem
from hmesh.environment.local_times import HOUR_US
from hmesh.environment.table_file import SHOWN

ALIKE = 0.999
FLAT_H = 36.0
FEW_ZEROS = 0.05

_ENOUGH = 48


def flaws(readings: Readings, name: str, filled: FloatArray | None = None) -> Iterator[Problem]:
    """Yield warnings about meters: copies of one another, zeros and values that never change.

    Parameters
    ----------
    readings : Readings
        The readings of one quantity.
    name : str
        The quantity, as a dataset calls it.
    filled : array, optional
        The readings with their gaps filled, likewise; None where there are none.
    """
    if name == "load_kwh":
        yield from _shortened(
            _copies(readings, readings.values if filled is None else filled), readings.place
        )
        yield from _shortened(_missing_zeros(readings), readings.place)
    if name in ("load_kwh", "temp_air", "demand_kwh"):
        yield from _shortened(_flat(readings, name), readings.place)


def scaled_copies(values: FloatArray) -> NDArray[np.int64]:
    """Return which series are copies of another up to their scale.

    Parameters
    ----------
    values : array, shape (intervals, series)
        The series without NaN.

    Returns
    -------
    array, shape (pairs, 2)
        Pairs of series whose correlation is above 0.999.
    """
    # Sums over a few intervals state copies as well as each interval does, and sooner.
    parts = max(len(values) // 8760, 1)
    whole = len(values) // parts * parts
    sums = values[:whole].reshape(-1, parts, values.shape[1]).sum(axis=1)
    centred = (sums - sums.mean(axis=0)).astype(np.float32)
    size = np.sqrt(np.einsum("ij,ij->j", centred, centred))
    constant = size <= 1e-6 * np.abs(sums).sum(axis=0) + 1e-30
    centred /= np.where(constant, np.inf, size)
    alike = np.triu(centred.T @ centred, k=1) > ALIKE
    return np.argwhere(alike)


def _copies(readings: Readings, values: FloatArray) -> Iterator[str]:
    usable = np.flatnonzero(~np.isnan(values).any(axis=0))
    if len(values) < _ENOUGH or usable.size < 2:
        return
    for first, second in usable[scaled_copies(values[:, usable])].tolist():
        factor = values[:, second].sum() / values[:, first].sum()
        yield (
            f"'{readings.keys[second]}' looks like {factor:.3g} times '{readings.keys[first]}': "
            f"their correlation is above {ALIKE:g}"
        )


def _missing_zeros(readings: Readings) -> Iterator[str]:
    """Report the few zeros of meters that otherwise stay far above zero."""
    values = readings.values
    zeros = (values == 0).sum(axis=0)
    share = zeros / np.maximum((~np.isnan(values)).sum(axis=0), 1)
    for key in np.flatnonzero((zeros > 0) & (share < FEW_ZEROS)).tolist():
        others = values[:, key][values[:, key] > 0]
        if others.size >= _ENOUGH and np.quantile(others, 0.01) > 0.1 * np.median(others):
            yield (
                f"'{readings.keys[key]}' is 0 in {zeros[key]:,} intervals and far above it in all "
                "others: these zeros may mean that a value is missing"
            )


def _flat(readings: Readings, name: str) -> Iterator[str]:
    """Report the longest run of one value of every series, where it is long."""
    values = readings.values
    least = int(FLAT_H * HOUR_US // readings.interval_us)
    for key in range(values.shape[1]):
        column = values[:, key]
        changes = np.flatnonzero(np.diff(column) != 0) + 1  # NaN differs from everything
        edges = np.concatenate(([0], changes, [column.size]))
        sizes = np.diff(edges)
        sizes[column[edges[:-1]] == 0] = 0
        longest = int(sizes.argmax())
        if sizes[longest] > least:
            first = int(edges[longest])
            hours = int(sizes[longest]) * readings.interval_us / HOUR_US
            whose = f"'{readings.keys[key]}'" if readings.keys[key] else name
            yield f"{whose} stays at {column[first]:g} for {hours:g} h from {readings.time(first)}"


def _shortened(messages: Iterator[str], place: str) -> Iterator[Problem]:
    reported = list(messages)
    for message in reported[:SHOWN]:
        yield Problem(place, message)
    if (more := len(reported) - SHOWN) > 0:
        yield Problem(place, f"and {more:,} more like these")
