"""Gaps of measured series: short ones bridged, longer ones filled from another week."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

SHORT_H = 3.0
WEEK_H = 168.0


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """The gaps of several series, and how they were filled.

    Attributes
    ----------
    values : array, shape (intervals, series)
        The series without the gaps that could be filled.
    filled_share : array, shape (series,)
        Share of the intervals of each series that were filled.
    left : array of int, shape (gaps, 3)
        Series, first interval and number of intervals of each gap that stays.
    """

    values: FloatArray
    filled_share: FloatArray
    left: NDArray[np.int64]


def fill_gaps(
    values: FloatArray,
    interval_h: float,
    ahead: NDArray[np.int64] | None = None,
    allow_long: bool = False,
) -> Gaps:
    """Fill the gaps of series that are not empty altogether.

    A gap of up to 3 hours between two values is filled linearly. One of up to 7 days, or at an end
    of the series, takes the values of the same clock hours a week before, or else a week
    after. A longer one stays, or where that is allowed takes those of the nearest
    week that has a value.

    Parameters
    ----------
    values : array, shape (intervals, series)
        The series, NaN in the gaps.
    interval_h : float
        Length of an interval [h].
    ahead : array of int, shape (intervals,), optional
        How far the local clock is ahead of the intervals' own count, in intervals; None where it
        never changes.
    allow_long : bool, optional
        Whether gaps of more than 7 days are filled too.

    Returns
    -------
    Gaps
        The outcome; `values` itself is not changed.
    """
    empty = np.isnan(values)
    counts = empty.sum(axis=0)
    partly = (counts > 0) & (counts < len(values))
    if not partly.any():
        return Gaps(values, np.zeros(values.shape[1]), np.zeros((0, 3), dtype=np.int64))
    values = values.copy()
    runs = _runs(empty & partly)
    first, size = runs[:, 1], runs[:, 2]
    inner = (first > 0) & (first + size < len(values))
    short = (size * interval_h <= SHORT_H) & inner
    _bridge(values, runs[short])
    within_week = size * interval_h <= WEEK_H
    per_week = round(WEEK_H / interval_h)
    ahead = np.zeros(len(values), dtype=np.int64) if ahead is None else ahead
    _copy_weeks(values, runs[~short & within_week], per_week, ahead, weeks=1)
    if allow_long:
        weeks = len(values) // per_week + 1
        _copy_weeks(values, runs[~short], per_week, ahead, weeks)
    now = np.isnan(values) & partly
    filled = (counts - now.sum(axis=0)) * partly / len(values)
    return Gaps(values, filled, _runs(now))


def _runs(empty: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return series, first interval and length of each run of empty intervals."""
    padded = np.zeros((empty.shape[1], len(empty) + 2), dtype=np.int8)
    padded[:, 1:-1] = empty.T
    change = np.diff(padded, axis=1)
    series, first = np.nonzero(change == 1)
    _, end = np.nonzero(change == -1)
    return np.stack((series, first, end - first), axis=1).astype(np.int64)


def _cells(runs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the run of each empty cell, and its place in that run."""
    size = runs[:, 2]
    run = np.repeat(np.arange(len(runs)), size)
    return run, np.arange(run.size) - np.repeat(np.cumsum(size) - size, size)


def _bridge(values: FloatArray, runs: NDArray[np.int64]) -> None:
    run, place = _cells(runs)
    series, first, size = runs[run].T
    share = (place + 1) / (size + 1)
    before, after = values[first - 1, series], values[first + size, series]
    values[first + place, series] = before + share * (after - before)


def _copy_weeks(
    values: FloatArray,
    runs: NDArray[np.int64],
    per_week: int,
    ahead: NDArray[np.int64],
    weeks: int,
) -> None:
    """Take values from up to some weeks before or after, nearest first."""
    run, place = _cells(runs)
    series, first, _ = runs[run].T
    cell = first + place
    # What was measured, so that no value is carried on from week to week.
    measured = values.copy() if weeks > 1 else values
    found = np.full(cell.size, np.nan)
    for week in range(1, weeks + 1):
        for away in (-week * per_week, week * per_week):
            open_ = np.flatnonzero(np.isnan(found))
            if open_.size == 0:
                break
            here = cell[open_]
            near = np.clip(here + away, 0, len(values) - 1)
            there = here + away + ahead[here] - ahead[near]
            inside = (there >= 0) & (there < len(values))
            source = measured[np.where(inside, there, 0), series[open_]]
            found[open_] = np.where(inside, source, np.nan)
    values[cell, series] = found
