"""The forecaster that a scenario chooses, made from what was seen before the run."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment.forecasters import (
    Forecaster,
    NoisyActual,
    Persistence,
    RidgeLastDay,
    SeasonalNaive,
)
from environment.streams import Streams
from runs.scenarios.community_storage import (
    Forecasters,
    LstmForecaster,
    NoisyForecaster,
    PersistenceForecaster,
    RidgeForecaster,
)

FOLDER = "HMESH_FORECASTERS"


def make_forecaster(
    wanted: Forecasters,
    history: NDArray[np.float64],
    day_slots: int,
    actual: Callable[[int, int], NDArray[np.float64]],
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
        case _:
            return SeasonalNaive(wanted.season_days * day_slots)


def networks_folder() -> Path:
    """Return where trained networks are kept: HMESH_FORECASTERS, or the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get(FOLDER, cache / "hmesh" / "forecasters"))


def _networks(
    wanted: LstmForecaster, history: NDArray[np.float64], day_slots: int, seed: int, whom: str
) -> Forecaster:
    """Return networks trained on the history, or those trained on it before."""
    from environment import lstm_forecaster as lstm
    from runs.terminal import progress_bar

    settings = lstm.LstmSettings(**wanted.model_dump(exclude={"kind"}), seed=seed % 2**31)
    count, folder = history.shape[1], networks_folder()
    networks = []
    with progress_bar(shown=True, what=f"learning {whom}") as progress:
        for column in range(count):
            done = column * wanted.epochs

            def told(epochs: int, _: int, done: int = done) -> None:
                progress(done + epochs, count * wanted.epochs)

            series = np.ascontiguousarray(history[:, column])
            networks.append(lstm.trained_or_loaded(series, settings, folder, told))
    return lstm.LstmForecaster(tuple(networks), day_slots)
