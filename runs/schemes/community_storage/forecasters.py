"""The forecaster that a scenario chooses, made from what was seen before the run."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.forecasters import (
    Forecaster,
    NoisyActual,
    Persistence,
    RidgeLastDay,
    SeasonalNaive,
)
from hmesh.environment.streams import Streams
from hmesh.runs.plugins.made_forecasters import plugin_forecaster
from hmesh.runs.schemes.community_storage.forecaster_keys import (
    Forecasters,
    LstmForecaster,
    NoisyForecaster,
    PersistenceForecaster,
    PluginForecaster,
    RidgeForecaster,
    SeasonalForecaster,
)

if TYPE_CHECKING:
    from hmesh.environment.lstm_forecaster import LstmSettings

FOLDER = "HMESH_FORECASTERS"
# A day's worth of pairs of whole days, one beginning in each slot of a day.
RIDGE_DAYS = 3


def make_forecaster(
    wanted: Forecasters,
    history: FloatArray,
    day_slots: int,
    actual: Callable[[int, int], FloatArray],
    streams: Streams,
    seed: int,
    whom: str,
) -> Forecaster:
    """Return a forecaster of some series.

    Parameters
    ----------
    wanted : section of a scenario
        Which, and how it is made.
    history : array, shape (slots, series)
        What was read before the run.
    day_slots : int
        Slots of a day.
    actual : callable
        Returns what will be read from a step to before another.
    streams : Streams
        The random streams of the run.
    seed : int
        Seed of the run.
    whom : str
        For whom it forecasts.

    Raises
    ------
    InputError
        If there is too little history, or an extra that it needs is not installed.
    """
    match wanted:
        case PersistenceForecaster():
            return Persistence()
        case NoisyForecaster():
            return NoisyActual(actual, wanted.sigma, streams, whom)
        case RidgeForecaster():
            return RidgeLastDay.fitted(history, day_slots, wanted.penalty)
        case LstmForecaster():
            return _networks(wanted, history, day_slots, seed, whom)
        case PluginForecaster():
            return plugin_forecaster(wanted.kind, wanted.options, history, day_slots)
        case _:
            return SeasonalNaive(wanted.season_days * day_slots)


def check_forecaster(wanted: Forecasters, history_days: int, day_slots: int) -> None:
    """Refuse a forecaster that could not be made, before a run is begun.

    Parameters
    ----------
    wanted : section of a scenario
        Which, and how it is made.
    history_days : int
        Days that were seen before the run [d].
    day_slots : int
        Slots of a day.

    Raises
    ------
    InputError
        If there is too little history, or an extra that it needs is not installed.
    """
    match wanted:
        case RidgeForecaster():
            least = RIDGE_DAYS
        case LstmForecaster():
            settings = _settings(wanted, seed=0)
            least = -(-(settings.window + settings.least_windows) // day_slots)
        case SeasonalForecaster():
            least = wanted.season_days
        case _:
            return
    if history_days < least:
        message = f"a history of {history_days} d is too short for the forecaster {wanted.kind}"
        place = "community_storage.history_days"
        raise InputError([Problem(place, message, f"at least {least}")])


def _settings(wanted: LstmForecaster, seed: int) -> "LstmSettings":
    from hmesh.environment.lstm_forecaster import LstmSettings

    return LstmSettings(**wanted.model_dump(exclude={"kind"}), seed=seed % 2**31)


def networks_folder() -> Path:
    """Return where trained networks are kept: HMESH_FORECASTERS, or the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get(FOLDER, cache / "hmesh" / "forecasters"))


def _networks(
    wanted: LstmForecaster, history: FloatArray, day_slots: int, seed: int, whom: str
) -> Forecaster:
    """Return networks trained on the history, or those trained on it before."""
    from hmesh.environment import lstm_forecaster as lstm
    from hmesh.runs.terminal import progress_bar

    settings = _settings(wanted, seed)
    count, folder = history.shape[1], networks_folder()
    networks = []
    with progress_bar(shown=True, what=f"learning {whom}") as progress:
        for column in range(count):
            done = column * wanted.epochs

            def reported(epochs: int, _: int, done: int = done) -> None:
                progress(done + epochs, count * wanted.epochs)

            series = np.ascontiguousarray(history[:, column])
            networks.append(lstm.trained_or_loaded(series, settings, folder, reported))
    return lstm.LstmForecaster(tuple(networks), day_slots)
