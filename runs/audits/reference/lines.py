"""What the lines of a tree carry and lose, and which demands keep them within their ratings."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

# Halvings after which two neighbouring floating-point numbers bracket an energy.
_HALVINGS = 2_100
# How often a line through both ends is tried first, and how near to an end it leads at most.
_LINES, _ULPS = 12, 8
# A line may carry this much more than its rating, which is rounding [kWh].
DUST_KWH = 1e-9


@dataclass(frozen=True, slots=True)
class Tree:
    """Lines between the utility and the communities, each further line after the one before it.

    Attributes
    ----------
    parent : sequence of int
        The line above each, -1 where it leaves the utility.
    loss_rate : sequence of float
        Energy lost for each kWh that arrives [-].
    rating_kwh : sequence of float
        What may arrive in a step, either way [kWh]; infinite where that is not limited.
    place : sequence of int
        The line at whose far end each community answers to its price, -1 for the utility's node.
    fixed_kwh : sequence of float
        What is taken at the far end of each line beside the demands of communities [kWh]. What a
        community draws elsewhere whatever its price stands here, and is subtracted where it
        answers.
    fixed_at_utility_kwh : float
        The same at the utility's node [kWh].
    owner : sequence of int
        The community that alone draws energy beyond each line, -1 where there are several or none.
    """

    parent: Sequence[int]
    loss_rate: Sequence[float]
    rating_kwh: Sequence[float]
    place: Sequence[int]
    fixed_kwh: Sequence[float] = ()
    fixed_at_utility_kwh: float = 0.0
    owner: Sequence[int] = field(default=())

    @classmethod
    def star(cls, loss_rate: Sequence[float], rating_kwh: Sequence[float]) -> "Tree":
        """Return one line from the utility to each community."""
        count = len(loss_rate)
        each = list(range(count))
        return cls([-1] * count, list(loss_rate), list(rating_kwh), each, owner=each)

    @property
    def loses(self) -> bool:
        """Whether anything is lost."""
        return any(rate > 0 for rate in self.loss_rate)

    def arriving(self, demand_kwh: Iterable[float]) -> tuple[list[float], float]:
        """Return what arrives at the far end of each line, and what the utility generates [kWh]."""
        arriving = list(self.fixed_kwh) or [0.0] * len(self.parent)
        generated = self.fixed_at_utility_kwh
        for place, demand in zip(self.place, demand_kwh, strict=True):
            if place < 0:
                generated += demand
            else:
                arriving[place] += demand
        for line in reversed(range(len(self.parent))):
            sent = arriving[line] + self.loss_rate[line] * abs(arriving[line])
            if self.parent[line] < 0:
                generated += sent
            else:
                arriving[self.parent[line]] += sent
        return arriving, generated

    def generated(self, demand_kwh: Iterable[float]) -> float:
        """Return what the utility generates [kWh]."""
        return self.arriving(demand_kwh)[1]

    def over(self, demand_kwh: Sequence[float], owner: int | None = None) -> tuple[float, float]:
        """Return how far a line is over its rating at most, drawing and delivering [kWh].

        Parameters
        ----------
        demand_kwh : sequence of float
            Demand of every community [kWh].
        owner : int, optional
            Whose lines, -1 for those that several share; None for all.
        """
        arriving, _ = self.arriving(demand_kwh)
        chosen = [
            line
            for line in range(len(self.parent))
            if owner is None or (self.owner[line] if self.owner else -1) == owner
        ]
        drawn = [arriving[line] - self.rating_kwh[line] for line in chosen]
        delivered = [-arriving[line] - self.rating_kwh[line] for line in chosen]
        return max(drawn, default=-float("inf")), max(delivered, default=-float("inf"))

    def path(self, community: int) -> list[int]:
        """Return the lines from a community to the utility."""
        lines, line = [], self.place[community]
        while line >= 0:
            lines.append(line)
            line = self.parent[line]
        return lines

    def kept_by(self, community: int) -> tuple[float, float]:
        """Return between which demands of a community its own lines keep their ratings [kWh].

        What its lines carry rises with its demand, and nobody else draws through them; so the
        demand is halved until the last one that keeps them is found.
        """
        own = [line for line in self.path(community) if self._owner(line) == community]
        if all(self.rating_kwh[line] == float("inf") for line in own):
            return -float("inf"), float("inf")
        whole = sum(abs(energy) for energy in self.fixed_kwh)
        whole += sum(r for r in (self.rating_kwh[line] for line in own) if r < float("inf"))
        least, most = -4.0 * whole - 1.0, 4.0 * whole + 1.0

        # Beyond its lines nothing changes with its demand but what the line before sends.
        path = self.path(community)
        without, _ = self.arriving([0.0] * len(self.place))
        beside = [
            without[line] - (self._sent(before, without[before]) if before >= 0 else 0.0)
            for before, line in zip([-1, *path], path, strict=False)
        ]

        def over(demand: float, sign: float) -> bool:
            arriving = demand
            for line, else_taken in zip(path, beside, strict=True):
                arriving += else_taken
                if line in own and sign * arriving > self.rating_kwh[line]:
                    return True
                arriving = self._sent(line, arriving)
            return False

        while not over(most, 1.0):
            most *= 2
        while not over(least, -1.0):
            least *= 2
        return (
            last_kept(lambda demand: over(demand, -1.0), most, least),
            last_kept(lambda demand: over(demand, 1.0), least, most),
        )

    def _sent(self, line: int, arriving_kwh: float) -> float:
        return arriving_kwh + self.loss_rate[line] * abs(arriving_kwh)

    def _owner(self, line: int) -> int:
        return self.owner[line] if self.owner else -1


def owners(parent: Sequence[int], community: Sequence[int]) -> list[int]:
    """Return the community that alone draws energy beyond each line, -1 where there is none.

    Parameters
    ----------
    parent : sequence of int
        The line above each.
    community : sequence of int
        The community that draws energy at the far end of each itself, -1 where none does.
    """
    beyond: list[set[int]] = [set() if m < 0 else {m} for m in community]
    for line in reversed(range(len(parent))):
        if parent[line] >= 0:
            beyond[parent[line]] |= beyond[line]
    return [next(iter(found)) if len(found) == 1 else -1 for found in beyond]


def shed_kwh(tree: Tree, taken_kwh: Sequence[float], inelastic_kwh: Sequence[float]) -> list[float]:
    """Return what inelastic loads at the far end of each line do without [kWh].

    From the ends of the tree upwards, a line that would receive more than its rating leaves an
    equal share of all inelastic loads beyond it unserved, at most all of them.

    Parameters
    ----------
    tree : Tree
        The lines; demands of communities stand in what is taken.
    taken_kwh, inelastic_kwh : sequence of float
        What is taken at the far end of each line, and the part of it that is inelastic load [kWh].
    """
    served = list(inelastic_kwh)
    beside = [taken - load for taken, load in zip(taken_kwh, inelastic_kwh, strict=True)]
    children: list[list[int]] = [[] for _ in tree.parent]
    for line, parent in enumerate(tree.parent):
        if parent >= 0:
            children[parent].append(line)

    def beyond(line: int) -> list[int]:
        return [line, *(far for child in children[line] for far in beyond(child))]

    def over(line: int, share: float, loads: list[int]) -> bool:
        taken = [b + s for b, s in zip(beside, served, strict=True)]
        for far in loads:
            taken[far] = beside[far] + share * served[far]
        whole = Tree(tree.parent, tree.loss_rate, tree.rating_kwh, (), taken)
        return whole.arriving(())[0][line] > tree.rating_kwh[line]

    whole = Tree(tree.parent, tree.loss_rate, tree.rating_kwh, (), taken_kwh)
    arriving = whole.arriving(())[0]
    for line in reversed(range(len(tree.parent))):
        if arriving[line] <= tree.rating_kwh[line] or not over(line, 1.0, beyond(line)):
            continue
        loads = beyond(line)
        share = 0.0
        if not over(line, 0.0, loads):
            share = last_kept(lambda part: over(line, part, loads), 0.0, 1.0)  # noqa: B023
        for far in loads:
            served[far] *= share
    return [load - left for load, left in zip(inelastic_kwh, served, strict=True)]


def last_below(excess: Callable[[float], float], kept: float, beyond: float) -> float:
    """Return the last number at which an excess is not above 0, as `last_kept` finds it.

    An excess that consists of lines is 0 where the line through both ends is, once they lie on one
    of them; what is left is halved.
    """
    low, high, side = excess(kept), excess(beyond), 0
    for _ in range(_LINES):
        least = _ULPS * math.copysign(math.ulp(max(abs(kept), abs(beyond))), beyond - kept)
        ends_differ = -math.inf < low <= 0.0 < high < math.inf
        if abs(beyond - kept) <= 2 * abs(least) or not ends_differ:
            break
        share = low / (low - high)
        ends = sorted((kept + least, beyond - least))
        middle = min(max(kept + share * (beyond - kept), ends[0]), ends[1])
        found = excess(middle)
        # An end that stays for the second time counts half (Illinois method), or it stays for ever.
        if found > 0:
            beyond, high, low, side = middle, found, low / 2 if side > 0 else low, 1
        else:
            kept, low, high, side = middle, found, high / 2 if side < 0 else high, -1
    return last_kept(lambda number: excess(number) > 0, kept, beyond)


def last_kept(over: Callable[[float], bool], kept: float, beyond: float) -> float:
    """Return the last number that is not over, between one that is not and one that is."""
    for _ in range(_HALVINGS):
        middle = kept + (beyond - kept) / 2
        if middle in (kept, beyond):
            break
        if over(middle):
            beyond = middle
        else:
            kept = middle
    return kept
