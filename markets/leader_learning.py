"""Leaders that learn what to ask from their own profit alone, and prices that follow cost.

Sources: J. Kiefer and J. Wolfowitz, Stochastic estimation of the maximum of a regression function,
Annals of Mathematical Statistics 23 (1952) 462-466; P. Auer, N. Cesa-Bianchi and P. Fischer,
Finite-time analysis of the multiarmed bandit problem, Machine Learning 47 (2002) 235-256.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

# How wide the first trial is, as a share of the range, and with what power of the plays it narrows.
TRIAL, NARROWS = 0.05, 0.25
# Bisections of a price that follows cost: far more than a double has digits.
BISECTIONS = 80


@dataclass(slots=True)
class Climbers:
    """Leaders that climb their profit by the slope between two trials (Kiefer and Wolfowitz).

    Attributes
    ----------
    lowest, highest : float
        What each may ask [money/kWh].
    base : array, shape (...)
        What each asks on average [money/kWh].
    plays : array of int, shape (...)
        How many trials it has made.
    first_profit : array, shape (...)
        What the first of two trials brought [money].
    steepest : array, shape (...)
        The largest slope so far [kWh].
    """

    lowest: float
    highest: float
    base: FloatArray
    plays: NDArray[np.int64]
    first_profit: FloatArray
    steepest: FloatArray

    @classmethod
    def of(cls, lowest: float, highest: float, shape: tuple[int, ...]) -> Self:
        """Return leaders that begin in the middle of their range."""
        middle = np.full(shape, 0.5 * (lowest + highest))
        return cls(
            lowest, highest, middle, np.zeros(shape, dtype=np.int64), np.zeros(shape),
            np.zeros(shape),
        )  # fmt: skip

    def width(self) -> FloatArray:
        """Return how far from its base each tries a price [money/kWh]."""
        pair = self.plays // 2 + 1.0
        return np.asarray(TRIAL * (self.highest - self.lowest) / pair**NARROWS)

    def asked(self) -> FloatArray:
        """Return what each asks next: above its base, and then below it [money/kWh]."""
        side = np.where(self.plays % 2 == 0, 1.0, -1.0)
        return np.clip(self.base + side * self.width(), self.lowest, self.highest)

    def learn(self, profit: FloatArray, heard: NDArray[np.bool_]) -> None:
        """Take in what those have earned that asked somebody.

        Parameters
        ----------
        profit : array, shape (...)
            Profit of each [money].
        heard : array of bool, shape (...)
            Whose profit says something.

        Notes
        -----
        After two trials ``c`` apart the base moves by ``range / (n + 1)`` times the slope over the
        steepest one so far: steps whose sum is infinite and that of whose squares over ``c^2`` is
        finite, as Kiefer and Wolfowitz ask.
        """
        wide = self.highest - self.lowest
        second = heard & (self.plays % 2 == 1)
        slope = np.where(second, (self.first_profit - profit) / (2.0 * self.width()), 0.0)
        self.steepest = np.maximum(self.steepest, np.abs(slope))
        unit = np.divide(slope, self.steepest, out=np.zeros_like(slope), where=self.steepest > 0.0)
        moved = self.base + wide * unit / (self.plays // 2 + 2.0)
        self.base = np.where(second, np.clip(moved, self.lowest, self.highest), self.base)
        self.first_profit = np.where(heard & ~second, profit, self.first_profit)
        self.plays = self.plays + heard

    def state(self) -> dict[str, FloatArray | NDArray[np.int64]]:
        """Return what changes."""
        return {
            "base": self.base, "plays": self.plays, "first_profit": self.first_profit,
            "steepest": self.steepest,
        }  # fmt: skip


@dataclass(slots=True)
class Bandits:
    """Leaders that choose among prices by the upper bound of what each may bring (UCB1).

    Attributes
    ----------
    prices : array, shape (arms,)
        What each may ask [money/kWh].
    plays : array of int, shape (..., arms)
        How often each price was asked.
    profit : array, shape (..., arms)
        What it brought in all [money].
    most, least : array, shape (...)
        The largest and the smallest profit so far [money].
    """

    prices: FloatArray
    plays: NDArray[np.int64]
    profit: FloatArray
    most: FloatArray
    least: FloatArray

    @classmethod
    def of(cls, lowest: float, highest: float, arms: int, shape: tuple[int, ...]) -> Self:
        """Return leaders that have asked nothing yet."""
        return cls(
            np.linspace(lowest, highest, arms), np.zeros((*shape, arms), dtype=np.int64),
            np.zeros((*shape, arms)), np.full(shape, -np.inf), np.full(shape, np.inf),
        )  # fmt: skip

    def arm(self) -> NDArray[np.intp]:
        """Return which price each asks next: every one once, then that of the highest bound."""
        plays = np.maximum(self.plays, 1)
        spread = np.where(self.most > self.least, self.most - self.least, 1.0)[..., None]
        total = np.maximum(self.plays.sum(axis=-1, keepdims=True), 1)
        bound = self.profit / plays + spread * np.sqrt(2.0 * np.log(total) / plays)
        return np.asarray(np.where(self.plays == 0, np.inf, bound).argmax(axis=-1))

    def asked(self) -> FloatArray:
        """Return what each asks next [money/kWh]."""
        return np.asarray(self.prices[self.arm()])

    def learn(self, profit: FloatArray, heard: NDArray[np.bool_]) -> None:
        """Take in what those have earned that asked somebody; as of `Climbers.learn`."""
        arm = self.arm()[..., None]
        for held, value in ((self.plays, heard * 1), (self.profit, np.where(heard, profit, 0.0))):
            before = np.take_along_axis(held, arm, axis=-1)
            np.put_along_axis(held, arm, before + value[..., None], axis=-1)
        self.most = np.where(heard, np.maximum(self.most, profit), self.most)
        self.least = np.where(heard, np.minimum(self.least, profit), self.least)

    def state(self) -> dict[str, FloatArray | NDArray[np.int64]]:
        """Return what changes."""
        return {
            "plays": self.plays, "profit": self.profit, "most": self.most, "least": self.least
        }  # fmt: skip


def price_at_cost(asked: Callable[[float], float], lowest: float, highest: float) -> float:
    """Return the price that is what the demand at it makes the utility ask [money/kWh].

    Parameters
    ----------
    asked : callable
        From a price to what the utility asks for the demand at it, falling with the price.
    lowest, highest : float
        Prices that it may ask [money/kWh].

    Notes
    -----
    Where demand jumps there may be no such price; then it is the lowest one that covers the cost.
    """
    if asked(lowest) <= lowest:
        return lowest
    if asked(highest) >= highest:
        return highest
    for _ in range(BISECTIONS):
        middle = 0.5 * (lowest + highest)
        if asked(middle) > middle:
            lowest = middle
        else:
            highest = middle
    return highest
