"""The long short-term memory network of the community storage study, trained, saved and used again.

Table 1 of the source: a window of 96 readings, 64 units, one output, Adam, mean squared error, 50
epochs, batches of 16, and 66 / 16 / 18 % of the windows to train, to validate and to test. What the
source's equations (1) to (7) garble is taken as the usual cell. It needs jax, equinox and optax,
the extra `forecast`; nothing else of hMESH does. Source: ICT Express, 2022.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.forecasters import bridged
from hmesh.environment.safe_files import beside, own_folder

INSTALL = "pip install 'hmesh[forecast]'"
MOST_AT_ONCE = 4096

try:
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax  # type: ignore[import-untyped]
except ImportError as error:
    raise InputError(
        [
            Problem(
                "forecaster lstm",
                f"needs jax, equinox and optax, and {error.name} is not installed",
                f"{INSTALL}, or another forecaster",
            )
        ]
    ) from None


@dataclass(frozen=True, slots=True)
class LstmSettings:
    """How the network is made and trained.

    Attributes
    ----------
    window : int
        Readings it sees.
    units : int
        Units of its cell.
    epochs, batch : int
        Passes over the windows to train on, and how many it learns from at a time.
    learning_rate : float
        Step of Adam [-].
    train_share, validate_share : float
        Share of the windows to train and to validate on, the earliest first; the rest tests it.
    seed : int
        What its first weights and the order of the batches follow from.
    """

    window: int = 96
    units: int = 64
    epochs: int = 50
    batch: int = 16
    learning_rate: float = 1e-3
    train_share: float = 0.66
    validate_share: float = 0.16
    seed: int = 0

    def split(self, windows: int) -> tuple[int, int]:
        """Return how many windows train, and how many train or validate."""
        train = int(self.train_share * windows)
        return train, windows - int((1 - self.train_share - self.validate_share) * windows + 1e-9)

    @property
    def least_windows(self) -> int:
        """How many windows there must be, that a batch may train and a window validate."""
        windows = int(self.batch / self.train_share)
        while self.split(windows)[0] < self.batch or self.split(windows)[1] <= self.batch:
            windows += 1
        return windows


class Network(eqx.Module):
    """A cell that reads a window, and a dense layer that predicts the next reading of its state."""

    cell: eqx.nn.LSTMCell
    dense: eqx.nn.Linear

    def __init__(self, units: int, key: Any) -> None:
        first, second = jax.random.split(key)
        self.cell = eqx.nn.LSTMCell(1, units, key=first)
        self.dense = eqx.nn.Linear(units, 1, key=second)

    def __call__(self, window: Any) -> Any:
        """Return the next reading after a window of shape (readings,)."""
        nothing = jnp.zeros(self.cell.hidden_size)

        def read(state: Any, reading: Any) -> Any:
            return self.cell(reading[None], state), None

        (hidden, _), _ = jax.lax.scan(read, (nothing, nothing), window)
        return self.dense(hidden)[0]


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network that has learned a series.

    Attributes
    ----------
    network : Network
        Its weights.
    settings : LstmSettings
        How it was trained.
    mean, spread : float
        Mean and standard deviation of the readings it was trained on [unit].
    train_loss, validate_loss : tuple of float
        Mean squared error after each epoch, of readings of variance 1, shape (epochs,).
    """

    network: Network
    settings: LstmSettings
    mean: float
    spread: float
    train_loss: tuple[float, ...]
    validate_loss: tuple[float, ...]

    def next_readings(self, windows: FloatArray) -> FloatArray:
        """Return the reading after each window, shape (windows,), of shape (windows, window)."""
        scaled = (windows - self.mean) / self.spread
        parts = [
            np.asarray(_report(self.network, jnp.asarray(scaled[begin : begin + MOST_AT_ONCE])))
            for begin in range(0, len(scaled), MOST_AT_ONCE)
        ]
        joined: FloatArray = np.concatenate([np.empty(0), *parts])
        return joined * self.spread + self.mean

    def course(self, latest: FloatArray, steps: int) -> FloatArray:
        """Predict some slots, each from a window that ends with those predicted before.

        Parameters
        ----------
        latest : array, shape (window,)
            The last readings.
        steps : int
            How many slots.

        Returns
        -------
        array, shape (steps,)
            Readings, at least 0.
        """
        lowest = -self.mean / self.spread
        scaled = jnp.asarray((latest - self.mean) / self.spread)
        predicted = np.asarray(_go_on(self.network, scaled, steps, lowest), dtype=np.float64)
        return np.maximum(predicted * self.spread + self.mean, 0.0)

    def save(self, path: Path) -> None:
        """Write it to a file that `load_network` reads."""
        about = {
            "settings": asdict(self.settings), "mean": self.mean, "spread": self.spread,
            "train_loss": self.train_loss, "validate_loss": self.validate_loss,
        }  # fmt: skip
        with path.open("wb") as file:
            file.write((json.dumps(about) + "\n").encode())
            eqx.tree_serialise_leaves(file, self.network)


def load_network(path: Path) -> TrainedNetwork:
    """Return the network of a file that `TrainedNetwork.save` wrote.

    Raises
    ------
    InputError
        If the file holds none.
    """
    try:
        with path.open("rb") as file:
            about = json.loads(file.readline())
            settings = LstmSettings(**about.pop("settings"))
            empty = Network(settings.units, jax.random.key(0))
            network = eqx.tree_deserialise_leaves(file, empty)
        losses = (tuple(about[name]) for name in ("train_loss", "validate_loss"))
        return TrainedNetwork(network, settings, about["mean"], about["spread"], *losses)
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError) as error:
        raise InputError([Problem(str(path), f"holds no trained network: {error}")]) from None


def windows_of(series: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Return every window of readings without a gap and the reading after it.

    Parameters
    ----------
    series : array, shape (slots,)
        Readings; NaN where one is missing.
    window : int
        Readings of a window.

    Returns
    -------
    windows : array, shape (windows, window)
    after : array, shape (windows,)
    """
    if len(series) <= window:
        return np.empty((0, window)), np.empty(0)
    both = np.lib.stride_tricks.sliding_window_view(series, window + 1)
    whole = both[~np.isnan(both).any(axis=1)]
    return whole[:, :-1], whole[:, -1]


def train_network(
    series: FloatArray,
    settings: LstmSettings | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrainedNetwork:
    """Let a network learn the next reading of a series.

    Parameters
    ----------
    series : array, shape (slots,)
        Readings; NaN where one is missing, whose windows are left out.
    settings : LstmSettings, optional
        How; Table 1 unless given.
    progress : callable
        Called with the epochs done and all there are.

    Raises
    ------
    InputError
        If there are too few readings for a batch to train on and a window to validate on.
    """
    settings = settings or LstmSettings()
    windows, after = windows_of(series, settings.window)
    if len(after) < settings.least_windows:
        message = f"{len(after):,} windows of {settings.window} readings are too few to learn from"
        least = f"readings for at least {settings.least_windows:,} windows"
        raise InputError([Problem("forecaster lstm", message, least)])
    train, known = settings.split(len(after))
    learned = series[: settings.window + train]
    mean, spread = float(np.nanmean(learned)), float(np.nanstd(learned)) or 1.0
    x, y = (jnp.asarray((part[:known] - mean) / spread) for part in (windows, after))
    key = jax.random.key(settings.seed)
    key, own = jax.random.split(key)
    network = Network(settings.units, own)
    optimiser = optax.adam(settings.learning_rate)
    memory = optimiser.init(eqx.filter(network, eqx.is_array))
    batches = train // settings.batch
    losses: list[tuple[float, float]] = []
    for epoch in range(settings.epochs):
        key, own = jax.random.split(key)
        order = jax.random.permutation(own, train)[: batches * settings.batch]
        rows = order.reshape(batches, settings.batch)
        network, memory, loss = _epoch(network, memory, optimiser, x, y, rows)
        off = _mean_square(network, x[train:], y[train:])
        losses.append((float(loss), float(off)))
        progress(epoch + 1, settings.epochs)
    train_loss, validate_loss = zip(*losses, strict=True)
    return TrainedNetwork(network, settings, mean, spread, train_loss, validate_loss)


def digest_of(series: FloatArray, settings: LstmSettings) -> str:
    """Return what names the network that a series and settings make, 64 hexadecimal digits."""
    encoded = json.dumps(asdict(settings), sort_keys=True).encode()
    return hashlib.sha256(encoded + np.ascontiguousarray(series).tobytes()).hexdigest()


def trained_or_loaded(
    series: FloatArray,
    settings: LstmSettings,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrainedNetwork:
    """Return the network of a series: the one in a folder, or a new one that is saved there.

    Parameters
    ----------
    series, settings, progress : array, LstmSettings, callable
        As in `train_network`.
    folder : Path
        Where networks are kept, made where it is not there; each is named by its digest.
    """
    path = folder / f"{digest_of(series, settings)}.lstm"
    if path.is_file():
        return load_network(path)
    trained = train_network(series, settings, progress)
    own_folder(folder, make=True)
    with beside(path) as new:
        trained.save(new)
    return trained


@dataclass(frozen=True, slots=True)
class LstmForecaster:
    """Networks that predict the slots to come one after another.

    Attributes
    ----------
    networks : tuple of TrainedNetwork
        One for each series.
    day_slots : int
        Slots of a day, after which a gap is bridged by what was read then.
    """

    networks: tuple[TrainedNetwork, ...]
    day_slots: int

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Predict slot after slot; nothing of a series whose last window has a gap."""
        predicted = np.full((steps, past.shape[1]), np.nan)
        whole = bridged(past, self.day_slots)
        for column, network in enumerate(self.networks):
            latest = whole[-network.settings.window :, column]
            if len(latest) == network.settings.window and not np.isnan(latest).any():
                predicted[:, column] = network.course(latest, steps)
        return predicted


@eqx.filter_jit
def _epoch(network: Any, memory: Any, optimiser: Any, x: Any, y: Any, rows: Any) -> Any:
    weights, rest = eqx.partition(network, eqx.is_array)

    def learn(state: Any, batch: Any) -> Any:
        weights, memory = state
        loss, slope = jax.value_and_grad(lambda w: _loss(eqx.combine(w, rest), x[batch], y[batch]))(
            weights
        )
        change, memory = optimiser.update(slope, memory, weights)
        return (eqx.apply_updates(weights, change), memory), loss

    (weights, memory), losses = jax.lax.scan(learn, (weights, memory), rows)
    return eqx.combine(weights, rest), memory, losses.mean()


def _loss(network: Any, x: Any, y: Any) -> Any:
    return jnp.mean((jax.vmap(network)(x) - y) ** 2)


@eqx.filter_jit
def _mean_square(network: Any, x: Any, y: Any) -> Any:
    return _loss(network, x, y)


@eqx.filter_jit
def _report(network: Any, windows: Any) -> Any:
    return jax.vmap(network)(windows)


@eqx.filter_jit
def _go_on(network: Any, window: Any, steps: int, lowest: float) -> Any:
    def predict(window: Any, _: None) -> Any:
        coming = jnp.maximum(network(window), lowest)
        return jnp.append(window[1:], coming), coming

    _, predicted = jax.lax.scan(predict, window, None, length=steps)
    return predicted
