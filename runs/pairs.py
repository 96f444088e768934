"""Which pairs of schemes help or hinder each other: each alone, each pair, and all at once.

The interaction of a pair is what both change together less what each changes alone, against nobody
sharing. Schemes that act without regard to each other have none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.runs.strategy_names import (
    STRATEGIES_OF,
    STRATEGIES_OF_ALL,
    joint,
    schemes_of,
    strategy_label,
)
from hmesh.runs.summary_rows import Totals
from hmesh.runs.who_gains import communities, generation_cost, welfare

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario

NOBODY, EVERYBODY = STRATEGIES_OF_ALL
# What such a run writes beside its summary: nothing of single agents.
QUIET = ("plots=false", *(f"record.{who}=none" for who in (
    "vehicles", "buildings", "schools", "homes", "houses"
)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure by which schemes are compared.

    Attributes
    ----------
    name, title : str
        As a column and as a heading.
    money : bool
        Whether it is an amount of money, else it is a power [kW].
    more_is_better : bool
        Whether a larger value is the better one.
    value : callable
        Its value, from the summary of a run and the name of a strategy of it.
    """

    name: str
    title: str
    money: bool
    more_is_better: bool
    value: Callable[[Mapping[str, Totals], str], float]


def _peak(summary: Mapping[str, Totals], strategy: str) -> float:
    return float(summary[strategy]["peak_kw"])


def _bills(summary: Mapping[str, Totals], strategy: str) -> float:
    """Return what all members pay, less the value of energy left in their storages [money]."""
    return communities(summary, [strategy])[0].amounts[0]


MEASURES = (
    Measure("generation_cost", "generation cost", True, False, generation_cost),
    Measure("welfare", "welfare", True, True, welfare),
    Measure("peak_kw", "peak", False, False, _peak),
    Measure("bills", "bills of all members", True, False, _bills),
)


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """What schemes change by one measure, alone, in pairs and together.

    Attributes
    ----------
    measure : Measure
        The measure.
    strategies : sequence of str
        The strategy of each scheme.
    nobody : float
        Its value under nobody sharing [money or kW].
    alone : array, shape (schemes,)
        What each changes alone.
    pairs : array, shape (schemes, schemes)
        What each pair changes more than both added up, symmetric, 0 on the diagonal.
    together : float
        What all change at once.
    """

    measure: Measure
    strategies: Sequence[str]
    nobody: float
    alone: FloatArray
    pairs: FloatArray
    together: float

    @property
    def labels(self) -> list[str]:
        """What the strategies are called."""
        return [strategy_label(name) for name in self.strategies]

    @property
    def share(self) -> FloatArray:
        """What each changes alone, on the diagonal, and the interactions, over `nobody` [-]."""
        of = self.pairs + np.diag(self.alone)
        return of / abs(self.nobody) if self.nobody else np.zeros_like(of)

    @property
    def help(self) -> FloatArray:
        """How much better each pair is than both added up, below 0 where they hinder each other."""
        return self.pairs if self.measure.more_is_better else -self.pairs

    def extreme(self, sign: float) -> tuple[int, int, float] | None:
        """Return the pair that helps most (+1) or hinders most (-1); None where none does."""
        best, found = 0.0, None
        for a, b in combinations(range(len(self.strategies)), 2):
            # A rounding of the last digit is no interaction.
            noticed = sign * self.help[a, b] > max(best, 1e-9 * abs(self.nobody))
            if noticed:
                best, found = sign * float(self.help[a, b]), (a, b, float(self.help[a, b]))
        return found


def pair_strategies(scenario: "Scenario") -> list[str]:
    """Return nobody sharing, what each scheme does alone, each pair, and everybody sharing.

    Raises
    ------
    InputError
        If fewer than two schemes of the scenario can share.
    """
    whole = STRATEGIES_OF_ALL[EVERYBODY]
    singles = [
        whole[name]
        for name in scenario.schemes
        if name in whole and whole[name] != STRATEGIES_OF[name][0]
    ]
    if len(singles) < 2:
        there = ", ".join(scenario.schemes) or "none"
        message = f"there are no pairs of schemes that share: {there}"
        raise InputError([Problem(scenario.name, message, "sections of at least two schemes")])
    pairs = [joint(pair) for pair in combinations(singles, 2)]
    return [NOBODY, *singles, *(pairs if len(singles) > 2 else ()), EVERYBODY]


def interactions(summary: Mapping[str, Totals]) -> list[Interactions]:
    """Return what schemes change, by every measure.

    Parameters
    ----------
    summary : mapping of mapping
        The totals of a run of `pair_strategies`, by strategy.

    Raises
    ------
    InputError
        If the run does not compare them.
    """
    whole = STRATEGIES_OF_ALL[EVERYBODY]
    singles = [
        name
        for name in (whole[scheme] for scheme in STRATEGIES_OF if scheme in whole)
        if name in summary and len(schemes_of(name)) == 1
    ]
    names = {
        (a, b): EVERYBODY if len(singles) == 2 else joint((a, b))
        for a, b in combinations(singles, 2)
    }
    missing = [name for name in (NOBODY, *names.values(), EVERYBODY) if name not in summary]
    if missing or len(singles) < 2:
        what = ", ".join(missing[:3]) or "strategies of at least two schemes"
        raise InputError(
            [Problem("strategies", f"the run does not compare {what}", "a run of hmesh pairs")]
        )
    return [_interactions(measure, summary, singles, names) for measure in MEASURES]


def _interactions(
    measure: Measure,
    summary: Mapping[str, Totals],
    singles: Sequence[str],
    names: Mapping[tuple[str, str], str],
) -> Interactions:
    nobody = measure.value(summary, NOBODY)
    alone = np.array([measure.value(summary, name) - nobody for name in singles])
    pairs = np.zeros((len(singles), len(singles)))
    for (a, b), (i, j) in zip(names, combinations(range(len(singles)), 2), strict=True):
        both = measure.value(summary, names[a, b]) - nobody
        pairs[i, j] = pairs[j, i] = both - alone[i] - alone[j]
    together = measure.value(summary, EVERYBODY) - nobody
    return Interactions(measure, singles, nobody, alone, pairs, together)


def rows_of(found: Sequence[Interactions]) -> list[dict[str, object]]:
    """Return the figures as rows: each scheme alone, each pair, and all, one column a measure."""
    first = found[0]
    rows: list[dict[str, object]] = [
        {"schemes": NOBODY, **{each.measure.name: each.nobody for each in found}}
    ]
    for i, name in enumerate(first.strategies):
        rows.append(
            {"schemes": name, **{each.measure.name: float(each.alone[i]) for each in found}}
        )
    for i, j in combinations(range(len(first.strategies)), 2):
        row: dict[str, object] = {"schemes": joint((first.strategies[i], first.strategies[j]))}
        for each in found:
            both = float(each.alone[i] + each.alone[j] + each.pairs[i, j])
            row |= {
                each.measure.name: both,
                f"{each.measure.name}_interaction": float(each.pairs[i, j]),
            }
        rows.append(row)
    whole: dict[str, object] = {"schemes": EVERYBODY}
    for each in found:
        whole |= {
            each.measure.name: each.together,
            f"{each.measure.name}_interaction": each.together - float(each.alone.sum()),
        }
    return [*rows, whole]


def finding_of(found: Interactions) -> str:
    """Return which pair helps most and which hinders most, as a sentence without its full stop."""
    parts = []
    extremes = [
        (extreme, verb)
        for sign, verb in ((1.0, "help"), (-1.0, "hinder"))
        if (extreme := found.extreme(sign)) is not None
    ]
    for extreme, verb in sorted(extremes, key=lambda each: -abs(each[0][2])):
        a, b, amount = extreme
        first, second = found.labels[a], found.labels[b]
        text = f"{first} and {second[:1].lower()}{second[1:]} {verb} each other most"
        if found.nobody:
            text += f" ({abs(amount / found.nobody):.2%} of {found.measure.title})"
        parts.append(text.replace("%", " %"))
    return "; ".join(parts) or f"no pair of schemes changes the {found.measure.title} of another"
