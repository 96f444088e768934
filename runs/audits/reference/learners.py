"""How vehicles learn, imitate, keep to habits, and join or leave, stated plainly step by step.

Each of them holds what vehicles remember, says what they choose by a draw, and takes in what a step
brought. Where a draw is so near to the end of a choice that rounding decides, both are allowed.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray

type Whole = NDArray[np.intp]

# Draws nearer to the end of a choice than this, and values nearer to each other, may go either way.
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class DrawnChoice:
    """What vehicles choose.

    Attributes
    ----------
    likely : array of int, shape (n,)
        Number of the choice of each.
    allowed : array of bool, shape (n, choices)
        Which choices rounding leaves open.
    """

    likely: Whole
    allowed: NDArray[np.bool_]

    def settled(self, off: FloatArray) -> Whole:
        """Return the likely choice, or the allowed one that fits what was seen better.

        Parameters
        ----------
        off : array, shape (n, choices)
            How far what was seen is from what each choice asks for.
        """
        every = np.arange(len(self.likely))
        open_off = np.where(self.allowed, off, np.inf)
        better = open_off.min(axis=1) < off[every, self.likely] - _CLOSE
        return np.asarray(np.where(better, open_off.argmin(axis=1), self.likely))


def _open(choices: list[Whole], count: int) -> NDArray[np.bool_]:
    """Return which choices are among some of each."""
    return np.any([each[:, None] == np.arange(count) for each in choices], axis=0)


def _by_weight(weights: FloatArray, draw: FloatArray) -> Whole:
    """Return the first of each whose weights, added up, exceed the draw of their sum."""
    reached = np.add.accumulate(weights, axis=1)
    passed = reached <= draw[:, None] * reached[:, -1:]
    return np.asarray(np.minimum(passed.sum(axis=1), weights.shape[1] - 1), dtype=np.intp)


@dataclass(slots=True)
class Regrets:
    """Regret matching.

    Attributes
    ----------
    regret : array, shape (n, thresholds) or (n, thresholds, thresholds)
        Sum of the regrets of each: by threshold, or by the threshold played and the one not
        [money].
    inertia : float or None
        How rarely it leaves its last threshold by conditional regrets; None for unconditional.
    """

    regret: FloatArray
    inertia: float | None
    last: Whole
    plays: FloatArray
    largest: FloatArray

    @classmethod
    def of(cls, count: int, thresholds: int, inertia: float | None) -> "Regrets":
        """Return vehicles that have played nothing."""
        shape = (count, thresholds) if inertia is None else (count, thresholds, thresholds)
        nothing = np.zeros(count)
        return cls(np.zeros(shape), inertia, np.full(count, -1), nothing, nothing.copy())

    def choose(self, here: Whole, draw: FloatArray) -> DrawnChoice:
        """Return what some choose."""
        found = []
        for dust in (0.0, _CLOSE):
            weights = self._weights(here, dust)
            near = (draw - _CLOSE, draw, draw + _CLOSE)
            found += [_by_weight(weights, np.clip(each, 0.0, 1.0)) for each in near]
        return DrawnChoice(found[1], _open(found, self.regret.shape[-1]))

    def _weights(self, here: Whole, dust: float) -> FloatArray:
        """Return how likely each threshold is, regrets of rounding left out."""
        count, least = self.regret.shape[-1], dust * self.largest[here]
        if self.inertia is None:
            mine = self.regret[here]
            weights = np.where(mine > least[:, None], mine, 0.0)
            weights[weights.sum(axis=1) <= 0.0] = 1.0
            return np.asarray(weights)
        last = self.last[here]
        mine = self.regret[here, last]
        bound = self.inertia * (count - 1) * self.largest[here] * self.plays[here]
        weights = np.zeros_like(mine)
        for k in range(count):
            some = (mine[:, k] > least) & (bound > 0.0) & (last != k)
            weights[some, k] = mine[some, k] / bound[some]
        every = np.arange(len(here))
        weights[every, last] = np.maximum(1.0 - weights.sum(axis=1), 0.0)
        weights[last < 0] = 1.0 / count
        return weights

    def take(self, here: Whole, chosen: Whole, gains: FloatArray) -> None:
        """Take in what each threshold would have gained, shape (n, thresholds)."""
        every = np.arange(len(here))
        more = gains - gains[every, chosen][:, None]
        if self.inertia is None:
            self.regret[here] += more
        else:
            self.regret[here, chosen] += more
        self.last[here] = chosen
        self.plays[here] += 1.0
        self.largest[here] = np.maximum(self.largest[here], np.abs(gains).max(axis=1))


@dataclass(slots=True)
class Values:
    """Q-learning: what each threshold is worth in each state, shape (n, states, thresholds)."""

    worth: FloatArray
    rate: float
    discount: float
    exploration: float
    decay: float
    plays: FloatArray
    last: Whole
    spent: FloatArray

    @classmethod
    def of(cls, shape: tuple[int, int, int], terms: tuple[float, float, float, float]) -> "Values":
        """Return vehicles that know nothing, by rate, discount, exploration and its decay."""
        count = shape[0]
        return cls(
            np.zeros(shape), *terms, np.zeros(count), np.full((count, 2), -1), np.zeros(count)
        )

    def choose(self, here: Whole, state: Whole, draw: FloatArray) -> DrawnChoice:
        """Return what some choose in their states."""
        worth = self.worth[here, state]
        tries = self.exploration / (1.0 + self.decay * self.plays[here])
        count = worth.shape[1]
        highest = worth.max(axis=1, keepdims=True)
        scale = np.abs(worth).max(axis=1, keepdims=True)
        best = (worth == highest).argmax(axis=1)
        found = []
        for near in (draw, np.maximum(draw - _CLOSE, 0.0), draw + _CLOSE):
            any_one = near < tries
            share = np.divide(near, tries, out=np.zeros_like(near), where=any_one)
            which = np.minimum((share * count).astype(np.intp), count - 1)
            found.append(np.where(any_one, which, best))
        allowed = _open(found, count)
        as_good = worth >= highest - _CLOSE * scale
        allowed |= as_good & (draw >= tries - _CLOSE)[:, None]
        return DrawnChoice(found[0], allowed)

    def take(
        self, here: Whole, state: Whole, chosen: Whole, held: FloatArray, paid: FloatArray
    ) -> None:
        """Learn from the play before, now that its next state is known.

        Parameters
        ----------
        here, state, chosen : array of int
            Who plays, in which state, and what.
        held : array
            What each values that it holds before it plays [money].
        paid : array
            What it pays in this play [money].
        """
        again = self.last[here, 1] >= 0
        rows, (before, played) = here[again], self.last[here[again]].T
        reward = held[again] - self.spent[rows]
        follows = self.worth[rows, state[again]].max(axis=1)
        known = self.worth[rows, before, played]
        self.worth[rows, before, played] = (1.0 - self.rate) * known + self.rate * (
            reward + self.discount * follows
        )
        self.last[here, 0], self.last[here, 1] = state, chosen
        self.spent[here] = held + paid
        self.plays[here] += 1.0


@dataclass(slots=True)
class Gains:
    """What vehicles gained, one exchange after another, what driving takes in between included."""

    gain: FloatArray
    after: FloatArray
    times: FloatArray

    @classmethod
    def of(cls, count: int) -> "Gains":
        """Return vehicles that have exchanged nothing yet."""
        return cls(np.zeros(count), np.full(count, np.nan), np.zeros(count))

    def take(self, here: Whole, held: FloatArray, after: FloatArray, paid: FloatArray) -> None:
        """Add what an exchange brought, from what is held before and after it [money]."""
        before = self.after[here]
        began = np.where(np.isnan(before), held, before)
        self.gain[here] += after - began - paid
        self.after[here] = after
        self.times[here] += 1.0

    def begin(self) -> None:
        """Begin to count from nothing."""
        self.gain[:] = 0.0
        self.times[:] = 0.0


def likely_to_follow(own: FloatArray, others: FloatArray, strength: float) -> FloatArray:
    """Return how likely one that gained less follows another: a logistic curve [-]."""
    found = np.empty(len(own))
    for k, (mine, other) in enumerate(zip(own.tolist(), others.tolist(), strict=True)):
        if math.isinf(strength):
            found[k] = 1.0 if other > mine else 0.0
        else:
            found[k] = 1.0 / (1.0 + math.exp(min(max(strength * (mine - other), -700.0), 700.0)))
    return found


def better_known(peers: Whole, gain: FloatArray) -> Whole:
    """Return the acquaintance of each that gained most, of equal ones the first."""
    return np.array([max(some, key=lambda who: gain[who]) for some in peers.tolist()], np.intp)


def expected_to_save(gain: FloatArray, member: NDArray[np.bool_], kind: Whole) -> FloatArray:
    """Return what each expects membership to save, from those of its kind that do otherwise."""
    found = np.zeros(len(gain))
    for of_kind in np.unique(kind).tolist():
        mine = kind == of_kind
        inside, outside = gain[mine & member], gain[mine & ~member]
        if len(inside) and len(outside):
            found[mine & member] = inside - outside.mean()
            found[mine & ~member] = inside.mean() - outside
    return found


@dataclass(slots=True)
class Habits:
    """What each did last at every time of day, shape (n, slots) [kWh], NaN for nothing yet."""

    did: FloatArray

    def follows(
        self, here: Whole, slot: int, draw: FloatArray, attention: FloatArray
    ) -> NDArray[np.bool_]:
        """Return who keeps to its habit."""
        known = ~np.isnan(self.did[here, slot])
        return np.asarray(known & (draw >= attention))
