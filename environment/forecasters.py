"""Forecasts of what is measured slot by slot, each of what came before and nothing else.

A forecaster sees the readings of some series up to now, one column each, and predicts those of the
slots to come. A reading that is missing is NaN, and so is a forecast of what cannot be known.
The network of Table 1 of the community storage study stands in `hmesh.environment.lstm_forecaster`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.chance import noise_factor
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.extras import optional
from hmesh.environment.streams import Streams

if TYPE_CHECKING:
    from sklearn.linear_model import Ridge


class Forecaster(Protocol):
    """Whatever predicts the readings to come."""

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Predict the readings of the slots to come.

        Parameters
        ----------
        past : array, shape (slots, series)
            What was read up to now, the latest last; NaN where a reading is missing.
        steps : int
            How many slots are to be predicted.
        at : int
            Number of the first of them, counted from the start of the run.

        Returns
        -------
        array, shape (steps, series)
            Readings; NaN where nothing is known.
        """
        ...


@dataclass(frozen=True, slots=True)
class Persistence:
    """The last reading goes on."""

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Predict the last reading there is, for every slot."""
        return np.repeat(_latest(past)[None], steps, axis=0)


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """What was read a season ago comes again.

    Attributes
    ----------
    season_slots : int
        Slots of a season, those of a day or a week.
    """

    season_slots: int

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Predict what was read in the same slot of the latest season that has a reading of it."""
        season = self.season_slots
        latest = past[-season:]
        if len(latest) == season and not np.isnan(latest).any():
            return latest[np.arange(steps) % season]
        # Counted back from now, so that the last season is whole.
        missing = -len(past) % season or (0 if len(past) else season)
        padded = np.concatenate([np.full((missing, past.shape[1]), np.nan), past])
        latest = bridged(padded, season)[-season:]
        return latest[np.arange(steps) % season]


@dataclass(frozen=True, slots=True)
class NoisyActual:
    """What will be read, times a lognormal factor of mean 1: a forecast of a chosen quality.

    Attributes
    ----------
    actual : callable
        Returns what will be read from a slot to before another, shape (slots, series).
    sigma : float
        Standard deviation of the factors' logarithm [-]; 0 is perfect.
    streams : Streams
        The random streams of the run.
    whom : str
        For whom it is drawn.
    """

    actual: Callable[[int, int], FloatArray]
    sigma: float
    streams: Streams
    whom: str

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Predict what will be read, with separate noise for each slot and series."""
        coming = self.actual(at, at + steps)
        draws = [
            self.streams.generator("forecast noise", self.whom, slot).standard_normal(
                coming.shape[1]
            )
            for slot in range(at, at + steps)
        ]
        factors = noise_factor(np.array(draws).reshape(coming.shape), self.sigma)
        return coming * factors


@dataclass(frozen=True, slots=True)
class RidgeLastDay:
    """Linear regression of the day to come on the last day, with a penalty on its coefficients.

    Attributes
    ----------
    models : tuple of Ridge
        A fitted regression for each series.
    day_slots : int
        Slots of a day.
    """

    models: "tuple[Ridge, ...]"
    day_slots: int

    @classmethod
    def fitted(cls, past: FloatArray, day_slots: int, penalty: float = 10.0) -> "RidgeLastDay":
        """Fit a regression to the past of every series.

        Parameters
        ----------
        past : array, shape (slots, series)
            Readings, at least those of three days; NaN where one is missing. Days with a missing
            reading teach nothing.
        day_slots : int
            Slots of a day.
        penalty : float
            Weight of the squares of the coefficients, the readings having variance 1.

        Raises
        ------
        InputError
            If a series has less than a day's worth of pairs of whole days without a gap.
        """
        ridge = optional("sklearn.linear_model", "learning", "forecaster ridge").Ridge
        models: list[Any] = []
        for column in range(past.shape[1]):
            series = past[:, column]
            days = _windows(series, 2 * day_slots)
            if len(days) < day_slots:
                raise InputError([_too_little(column, len(days), day_slots)])
            spread = float(days.std()) or 1.0
            model = ridge(alpha=penalty * spread**2)
            models.append(model.fit(days[:, :day_slots], days[:, day_slots:]))
        return cls(tuple(models), day_slots)

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Predict day after day, each from the one before, and nothing below 0."""
        day = self.day_slots
        latest = bridged(past, day)[-day:]
        lines = []
        for _ in range(-(-steps // day)):
            coming = [
                model.predict(latest[None, :, column])[0] if known else np.full(day, np.nan)
                for column, (model, known) in enumerate(
                    zip(self.models, ~np.isnan(latest).any(axis=0), strict=True)
                )
            ]
            latest = np.maximum(np.stack(coming, axis=1), 0.0)
            lines.append(latest)
        return np.concatenate(lines)[:steps]


def bridged(past: FloatArray, season_slots: int) -> FloatArray:
    """Return readings whose gaps hold what was read in the same slot of the latest season before.

    Parameters
    ----------
    past : array, shape (slots, series)
        Readings; NaN where one is missing.
    season_slots : int
        Slots of a season.

    Returns
    -------
    array, shape (slots, series)
        NaN where nothing was read a season, two, ... before either.
    """
    if not np.isnan(past).any():
        return past
    whole = past.copy()
    for begin in range(season_slots, len(whole), season_slots):
        here = whole[begin : begin + season_slots]
        before = whole[begin - season_slots : begin][: len(here)]
        here[:] = np.where(np.isnan(here), before, here)
    return whole


def _latest(past: FloatArray) -> FloatArray:
    """Return the last reading of every series; NaN where there is none."""
    known = ~np.isnan(past)
    latest = np.full(past.shape[1], np.nan)
    for column in np.flatnonzero(known.any(axis=0)).tolist():
        latest[column] = past[np.flatnonzero(known[:, column])[-1], column]
    return latest


def _windows(series: FloatArray, length: int) -> FloatArray:
    """Return every run of readings of a length that has no gap, shape (windows, length)."""
    if len(series) < length:
        return np.empty((0, length))
    windows = np.lib.stride_tricks.sliding_window_view(series, length)
    whole: FloatArray = windows[~np.isnan(windows).any(axis=1)]
    return whole


def _too_little(column: int, found: int, wanted: int) -> Problem:
    return Problem(
        f"series {column}",
        f"has {found} runs of two days without a gap, too few to learn from",
        f"at least {wanted}, three days of readings",
    )
