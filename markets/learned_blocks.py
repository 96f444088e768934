"""Learning what vehicles want block by block, so that workers may hold them.

Of a fleet whose rows are in several fixed blocks (`hmesh.environment.row_blocks`) every block is
learned alone from the answers of its vehicles. Where somebody's line hides, all blocks are asked a
further price; what they want together is the sum of the blocks in their order. So a process that
holds all vehicles and workers that hold a block each learn the same bits.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.row_blocks import added
from hmesh.markets.answer_curves import SATURATED, sum_of_curves
from hmesh.markets.answers import Answers, no_lines
from hmesh.markets.energy_at_prices import Answer, EnergyAtPrice
from hmesh.markets.learned_demand import (
    MOST_PROBES,
    Learner,
    Learning,
    ask_further,
    first_prices,
    is_silent,
)
from hmesh.markets.learned_lines import LearnedDemand
from hmesh.markets.vehicle_response import FloatOrArray

type Plugs = tuple[FloatOrArray, FloatOrArray]


class AnswerElsewhere(Protocol):
    """What vehicles answer to a price whose rows nobody in this process holds."""

    def __len__(self) -> int: ...

    def learner(self, prices: FloatArray) -> "GroupLearner":
        """Return who learns what they want, after these ascending prices [money/kWh]."""
        ...


class CurvesElsewhere(Protocol):
    """What vehicles take at every price whose rows nobody in this process holds."""

    def learned(self) -> "GroupDemand":
        """Return what their curves say together."""
        ...


# What a group answers to a price.
type GroupAnswer = Answer | AnswerElsewhere
# What all groups of a community answer to a price.
type CommunityAnswer = Sequence[GroupAnswer]


class GroupDemand(Protocol):
    """What is learned of a group."""

    @property
    def saturated_kwh(self) -> Sequence[float]:
        """What those of each block exchange at the lowest of prices [kWh]."""
        ...

    @property
    def parts(self) -> Sequence[Any]:
        """Answers of each block, or the `Bends` of its demand."""
        ...

    @property
    def unexplained(self) -> int:
        """How many of the group nothing explains."""
        ...

    def revised(self, answer: GroupAnswer) -> "GroupDemand":
        """Return the same with what those answer to a price that nothing explains."""
        ...


class GroupLearner(Learner[GroupAnswer], Protocol):
    """Learns what a group wants."""

    def learned(self) -> GroupDemand:
        """Return what all answers say together."""
        ...


@dataclass(frozen=True, slots=True)
class DemandOfBlocks:
    """What is learned of a group whose rows this process holds.

    Attributes
    ----------
    places : tuple of slice
        The places in the group of those of each block.
    blocks : tuple of LearnedDemand
        What is learned of each.
    """

    places: tuple[slice, ...]
    blocks: tuple[LearnedDemand, ...]

    @property
    def saturated_kwh(self) -> tuple[float, ...]:
        """What those of each block exchange at the lowest of prices [kWh]."""
        return tuple(each.kinks.saturated_kwh for each in self.blocks)

    @property
    def parts(self) -> tuple[Answers, ...]:
        """The answers of each block."""
        return tuple(each.kinks for each in self.blocks)

    @property
    def unexplained(self) -> int:
        """How many nothing explains."""
        return sum(each.unexplained_count for each in self.blocks)

    def revised(self, answer: GroupAnswer) -> "DemandOfBlocks":
        """Return the same with what those answer to a price that nothing explains."""
        energy = here(answer)
        blocks = zip(self.places, self.blocks, strict=True)
        return replace(self, blocks=tuple(each.revised(energy[place]) for place, each in blocks))


class LearningOfBlocks:
    """Learns what those of a group want whose rows this process holds, block by block.

    Parameters
    ----------
    prices : array, shape (prices,)
        Prices asked first, ascending [money/kWh].
    answers : sequence of Answer
        What the group answered to each.
    places : sequence of slice
        The places in the group of those of each block.
    plugs : tuple
        Efficiencies of charging and discharging [-], each one number or of shape (n,).
    """

    def __init__(
        self,
        prices: FloatArray,
        answers: Sequence[GroupAnswer],
        places: Sequence[slice],
        plugs: Plugs,
    ) -> None:
        # A block of nobody adds nothing.
        self.places = tuple(place for place in places if place.stop > place.start)
        self._first = answers[0]
        self._columns = [_columns_of(self._first, place) for place in self.places]
        by_block = zip(*(self._by_block(each) for each in answers), strict=True)
        self.blocks = [
            Learning(prices, answer, _rows(plugs, place), 0.0)
            for place, answer in zip(self.places, by_block, strict=True)
        ]

    @property
    def gap(self) -> tuple[float, float]:
        """Prices between which the first of the widest gaps is [money/kWh]."""
        return widest(block.gap for block in self.blocks)

    def hear(self, price: float, answer: GroupAnswer, *, silent: bool) -> None:
        """Take the answer to a further price, which may be silence of all that were asked."""
        for block, energy in zip(self.blocks, self._by_block(answer), strict=True):
            block.hear(price, energy, silent=silent)

    def learned(self) -> DemandOfBlocks:
        """Return what all answers say together."""
        return DemandOfBlocks(self.places, tuple(block.learned() for block in self.blocks))

    def _by_block(self, answer: GroupAnswer) -> list[Answer]:
        """Return what those of each block answer; later, where the whole answers later."""
        if isinstance(answer, EnergyAtPrice) and answer.as_of(self._first):
            return [
                EnergyAtPrice(answer.price, columns, place.stop - place.start)
                for place, columns in zip(self.places, self._columns, strict=True)
            ]
        energy = here(answer)
        return [energy[place] for place in self.places]


@dataclass(frozen=True, slots=True)
class LearnedByBlocks:
    """What an aggregator makes of the answers it heard, block by block.

    Attributes
    ----------
    fixed_kwh : float
        Load of the community that does not answer to prices [kWh].
    groups : tuple of GroupDemand
        What is learned of each group.
    probes : int
        Prices asked that were answered.
    """

    fixed_kwh: float
    groups: tuple[GroupDemand, ...]
    probes: int

    @property
    def kinks(self) -> Answers:
        """Demand of the community, whose lines its parts list."""
        saturated = added([saved for group in self.groups for saved in group.saturated_kwh])
        parts = tuple(part for group in self.groups for part in group.parts)
        nothing = no_lines()
        return Answers(self.fixed_kwh + saturated, nothing, nothing, nothing, parts=parts)

    @property
    def unexplained_count(self) -> int:
        """How many vehicles are unexplained."""
        return sum(group.unexplained for group in self.groups)

    def revised(self, answer: CommunityAnswer) -> "LearnedByBlocks":
        """Return the same with what the unexplained vehicles answer to a price [kWh]."""
        groups = zip(self.groups, answer, strict=True)
        return replace(self, groups=tuple(group.revised(energy) for group, energy in groups))


def learn_by_blocks(
    ask: Callable[[float], CommunityAnswer],
    fixed_kwh: float,
    lowest_price: float,
    highest_price: float,
    places: Sequence[Sequence[slice]],
    plugs: Sequence[Plugs],
    most_probes: int = MOST_PROBES,
) -> LearnedByBlocks:
    """Learn the demand curve of a community from the answers to a few prices, block by block.

    Parameters
    ----------
    ask : callable
        Sends a price [money/kWh] and returns what every group answers [kWh].
    fixed_kwh, lowest_price, highest_price, most_probes : float, float, float, int
        As of `hmesh.markets.learn_demand`.
    places : sequence of sequence of slice
        For each group the places of those of each block.
    plugs : sequence of tuple
        The efficiencies of each group, as of `hmesh.markets.learn_demand`.

    Returns
    -------
    LearnedByBlocks
        That of `hmesh.markets.learn_demand` but for the last digits of sums, and for further prices
        that fall elsewhere.
    """
    prices = first_prices(lowest_price, highest_price)
    answers = [ask(float(price)) for price in prices]
    order = np.argsort(prices)
    prices, answers = prices[order], [answers[k] for k in order]
    learning = _LearningOfGroups(prices, answers, places, plugs)
    heard = sum(not _all_silent(answer) for answer in answers)
    heard += ask_further(
        learning, ask, _all_silent, highest_price - lowest_price, most_probes - len(prices)
    )
    groups = tuple(group.learned() for group in learning.groups)
    return LearnedByBlocks(fixed_kwh, groups, heard)


class _LearningOfGroups:
    """Learns what all groups of a community want."""

    def __init__(
        self,
        prices: FloatArray,
        answers: Sequence[CommunityAnswer],
        places: Sequence[Sequence[slice]],
        plugs: Sequence[Plugs],
    ) -> None:
        self.groups: list[GroupLearner] = []
        for answer, place, plug in zip(zip(*answers, strict=True), places, plugs, strict=True):
            first = answer[0]
            self.groups.append(
                LearningOfBlocks(prices, answer, place, plug)
                if isinstance(first, np.ndarray | EnergyAtPrice)
                else first.learner(prices)
            )

    @property
    def gap(self) -> tuple[float, float]:
        return widest(group.gap for group in self.groups)

    def hear(self, price: float, answer: CommunityAnswer, *, silent: bool) -> None:
        for group, energy in zip(self.groups, answer, strict=True):
            group.hear(price, energy, silent=silent)


def widest(gaps: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the first of the widest gaps; one of no width where there is none [money/kWh]."""
    below = above = 0.0
    for from_price, to_price in gaps:
        if to_price - from_price > above - below:
            below, above = from_price, to_price
    return below, above


def learned_of_curves(
    fixed_kwh: float, curves: FloatArray, taken_kwh: FloatArray | None, probes: int
) -> LearnedDemand:
    """Return what curves say that vehicles stated, and what those take that stated none.

    Parameters
    ----------
    fixed_kwh : float
        Load that does not answer to prices [kWh].
    curves : array, shape (n, 14)
        As of `hmesh.markets.answer_curves`; NaN of those that stated none.
    taken_kwh : array, shape (n,), or None
        What each takes at one price [kWh], None where all have stated a curve.
    probes : int
        Questions asked.
    """
    unstated = np.isnan(curves[:, SATURATED])
    inelastic = np.zeros(len(curves))
    if taken_kwh is not None:
        inelastic = np.where(unstated, np.nan_to_num(taken_kwh), 0.0)
    answers = sum_of_curves(fixed_kwh + float(inelastic.sum()), curves[~unstated])
    return LearnedDemand(answers, unstated, inelastic, probes)


def curves_by_blocks(
    curves: FloatArray, places: Sequence[slice], taken: GroupAnswer | None, probes: int
) -> DemandOfBlocks:
    """Return what the curves of a group say, block by block, as of `learned_of_curves`."""
    there = tuple(place for place in places if place.stop > place.start)
    taken_kwh = None if taken is None else here(taken)
    blocks = (
        learned_of_curves(
            0.0, curves[place], None if taken_kwh is None else taken_kwh[place], probes
        )
        for place in there
    )
    return DemandOfBlocks(there, tuple(blocks))


def joined(answer: CommunityAnswer) -> Answer:
    """Return what all of a community answer, one group after another."""
    first, *others = answer
    if not others:
        assert isinstance(first, np.ndarray | EnergyAtPrice)
        return first
    return np.concatenate([here(each) for each in answer])


def here(answer: GroupAnswer) -> FloatArray:
    """Return the energies of all of a group whose rows this process holds [kWh], shape (n,)."""
    assert isinstance(answer, np.ndarray | EnergyAtPrice)
    return np.asarray(answer)


def _all_silent(answer: CommunityAnswer) -> bool:
    """Return whether nobody answered."""
    return all(isinstance(each, np.ndarray) and is_silent(each) for each in answer)


def _rows(plugs: Plugs, place: slice) -> Plugs:
    one, other = (
        each[place] if isinstance(each, np.ndarray) and each.ndim else each for each in plugs
    )
    return one, other


def _columns_of(answer: GroupAnswer, place: slice) -> tuple[FloatOrArray, ...]:
    """Return the columns of those of a block, of which a later answer is worked out."""
    if not isinstance(answer, EnergyAtPrice):
        return ()
    return tuple(
        each[place] if isinstance(each, np.ndarray) and each.ndim else each
        for each in answer.columns
    )
