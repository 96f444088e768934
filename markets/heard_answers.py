"""What vehicles have answered to some prices, and whose lines that leaves unknown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import is_one
from hmesh.markets.vehicle_response import FloatOrArray


@dataclass(frozen=True, slots=True)
class HeardAnswers:
    """What was answered to ascending prices, and where the answers of each vehicle fall.

    Attributes
    ----------
    prices : array, shape (prices,)
        Prices asked [money/kWh].
    energy_kwh : array, shape (prices, n)
        What every vehicle answered [kWh].
    between : array of bool, shape (prices, n)
        Answers strictly between the first and the last one of the vehicle, and with losses other
        than idleness.
    points : array of int, shape (n,)
        How many they are.
    drop, bottom : array of int, shape (n,)
        First answer below the first one, and first one that is not above the last one.
    plugs : tuple
        Efficiencies of charging and discharging [-], each one number or of shape (n,).
    losing : array of int
        Vehicles with losses.
    """

    prices: FloatArray
    energy_kwh: FloatArray
    between: NDArray[np.bool_]
    points: NDArray[np.intp]
    drop: NDArray[np.intp]
    bottom: NDArray[np.intp]
    plugs: tuple[FloatOrArray, FloatOrArray]
    losing: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        prices: FloatArray,
        energy_kwh: FloatArray,
        plugs: tuple[FloatOrArray, FloatOrArray],
    ) -> "HeardAnswers":
        """Return what was answered, with what follows from it."""
        count = energy_kwh.shape[1]
        losing = np.empty(0, dtype=np.intp)
        if not (is_one(plugs[0]) and is_one(plugs[1])):
            lossy = np.not_equal(plugs[0], 1.0) | np.not_equal(plugs[1], 1.0)
            losing = np.flatnonzero(np.broadcast_to(lossy, count))
        if len(prices) == 0:
            nowhere = np.zeros(count, dtype=np.intp)
            between = np.zeros_like(energy_kwh, np.bool_)
            return cls(prices, energy_kwh, between, nowhere, nowhere, nowhere, plugs, losing)
        fallen = energy_kwh < energy_kwh[0]
        between = fallen & (energy_kwh > energy_kwh[-1])
        if len(losing):
            between[:, losing] &= energy_kwh[:, losing] != 0.0
        return cls(
            prices,
            energy_kwh,
            between,
            between.sum(axis=0),
            fallen.argmax(axis=0),
            (energy_kwh <= energy_kwh[-1]).argmax(axis=0),
            plugs,
            losing,
        )

    def rows(self, chosen: NDArray[np.intp]) -> "HeardAnswers":
        """Return what some vehicles answered, as of vehicles without losses."""
        return HeardAnswers(
            self.prices,
            self.energy_kwh[:, chosen],
            self.between[:, chosen],
            self.points[chosen],
            self.drop[chosen],
            self.bottom[chosen],
            (1.0, 1.0),
            np.empty(0, dtype=np.intp),
        )


@dataclass(frozen=True, slots=True)
class HiddenLines:
    """Where lines are still unknown.

    Attributes
    ----------
    rows : array of int
        Vehicles whose lines are unknown.
    below, above : float
        Prices between which the widest gap is in what is known of one [money/kWh].
    """

    rows: NDArray[np.intp]
    below: float = 0.0
    above: float = 0.0

    @property
    def widest(self) -> float:
        """How wide it is [money/kWh]."""
        return self.above - self.below

    @property
    def middle(self) -> float:
        """The price in the middle of it [money/kWh]."""
        return 0.5 * (self.below + self.above)


def hidden_lines(
    prices: FloatArray,
    energy_kwh: FloatArray,
    plugs: tuple[FloatOrArray, ...],
) -> HiddenLines:
    """Return whose lines are unknown, and the widest gap in which one of them is."""
    heard = HeardAnswers.of(prices, energy_kwh, (plugs[0], plugs[1]))
    known, below, above = _gaps(heard, np.isnan(energy_kwh).any(axis=0))
    if known.all():
        return HiddenLines(np.empty(0, dtype=np.intp))
    widest = int(np.argmax(above - below))
    return HiddenLines(np.flatnonzero(~known), float(below[widest]), float(above[widest]))


def _gaps(
    heard: HeardAnswers, missing: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], FloatArray, FloatArray]:
    """Return whose line is known or missing, and else prices between which it hides."""
    energy_kwh, prices, points = heard.energy_kwh, heard.prices, heard.points
    known = (points >= 2) | (energy_kwh[0] == energy_kwh[-1]) | missing
    if known.all():
        nowhere = np.zeros(len(known))
        return known, nowhere, nowhere
    below = prices[np.maximum(heard.drop - 1, 0)]
    above = prices[heard.bottom]
    # With one answer on the line, the longer side of it holds the room for a second one.
    middle = prices[heard.drop]
    single = points == 1
    left_is_longer = middle - below > above - middle
    above = np.where(single & left_is_longer, middle, above)
    below = np.where(single & ~left_is_longer, middle, below)
    unknown = heard.losing[~known[heard.losing]]
    if len(unknown):
        # Between two neighbours that differ there is a part of a line, not of a dead band alone.
        differ = energy_kwh[:-1, unknown] > energy_kwh[1:, unknown]
        widest = (np.diff(prices)[:, None] * differ).argmax(axis=0)
        below[unknown], above[unknown] = prices[widest], prices[widest + 1]
    return known, np.where(known, 0.0, below), np.where(known, 0.0, above)


def rows_of_column(column: FloatOrArray, rows: NDArray[np.intp]) -> FloatOrArray:
    """Return some rows of a column, which may be one number for all."""
    return column[rows] if isinstance(column, np.ndarray) and column.ndim else column
