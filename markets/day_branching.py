"""Search days whose linear relaxation leaves a binary variable between 0 and 1.

Such a day is solved twice, that variable set to 0 and to 1: one of the two is right, so the cheaper
of them costs no more than the day can. Where it leaves no other variable between 0 and 1 it is the
cheapest day; otherwise it is parted once more. Mostly one variable of a day is open, so that few
days are parted twice, and the parts of all days are relaxed together: a general search of each day
alone costs several times as much, nearly all of it before it branches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# Parts of a day after which a general search is the better one.
MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Part:
    """A day with some of its binary variables set.

    Attributes
    ----------
    day : int
        The day.
    settings : tuple of (int, float)
        Binary variables of the day, counted from 0, that are set, and their values 0 or 1.
    """

    day: int
    settings: tuple[tuple[int, float], ...] = ()

    def with_setting(self, variable: int, value: float) -> "Part":
        """Return it with one more variable set."""
        return Part(self.day, (*self.settings, (variable, value)))


@dataclass(frozen=True, slots=True)
class RelaxedPart[Solution]:
    """The linear relaxation of a part.

    Attributes
    ----------
    part : Part
        The part.
    cost : float
        What it costs, below which no day costs that has these settings [money].
    open_variable : int or None
        The binary variable that is furthest from 0 and 1; None where all are one of them, which
        makes it a solution of the day.
    solution : Solution
        What is done.
    """

    part: Part
    cost: float
    open_variable: int | None
    solution: Solution


@dataclass(slots=True)
class SearchedDay[Solution]:
    """What the search of a day found.

    Attributes
    ----------
    best : RelaxedPart or None
        The cheapest solution; None where there is none among the parts that were tried.
    bound : float
        What the day cannot cost less than [money]; infinite where it has no solution.
    complete : bool
        Whether no part is left that may be cheaper.
    """

    best: RelaxedPart[Solution] | None
    bound: float
    complete: bool


def branch_on_days[Solution](
    relaxed: Sequence[RelaxedPart[Solution]],
    relax: Callable[[Sequence[Part]], Sequence[RelaxedPart[Solution]]],
    gap: float,
    most_parts: int = MOST_PARTS,
) -> dict[int, SearchedDay[Solution]]:
    """Return the cheapest solutions of days that a relaxation leaves open.

    Parameters
    ----------
    relaxed : sequence of RelaxedPart
        The relaxation of each day, with a variable that is open.
    relax : callable
        Returns the relaxations of parts; of those that have no solution, none.
    gap : float
        Share of a day's cost by which a cheaper solution may be missed.
    most_parts : int
        Parts of a day after which its search ends, complete or not.
    """
    found = {each.part.day: SearchedDay[Solution](None, np.inf, complete=True) for each in relaxed}
    tried = dict.fromkeys(found, 0)
    waiting = list(relaxed)
    while waiting:
        parts: list[Part] = []
        for each in waiting:
            day, variable = found[each.part.day], each.open_variable
            assert variable is not None
            if _no_cheaper(each.cost, day.best, gap):
                day.bound = min(day.bound, each.cost)
            elif tried[each.part.day] + 2 > most_parts:
                day.bound, day.complete = min(day.bound, each.cost), False
            else:
                tried[each.part.day] += 2
                parts += [each.part.with_setting(variable, value) for value in (0.0, 1.0)]
        waiting = []
        for each in relax(parts) if parts else ():
            day = found[each.part.day]
            if each.open_variable is not None:
                waiting.append(each)
            elif day.best is None or each.cost < day.best.cost:
                day.best = each
    for day in found.values():
        if day.best is not None:
            day.bound = min(day.bound, day.best.cost)
    return found


def _no_cheaper[Solution](cost: float, best: RelaxedPart[Solution] | None, gap: float) -> bool:
    return best is not None and cost >= best.cost - gap * abs(best.cost)
