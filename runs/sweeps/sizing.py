"""Which size of a device pays best: what each value of a sweep costs, saves and is worth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.last_digits import anything, settled
from hmesh.runs.investment_rows import WHOLE_YEAR, Worth, compared_worth
from hmesh.runs.number_text import fixed
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import schemes
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.summary_rows import money
from hmesh.runs.sweeps.plan_differences import value_text
from hmesh.runs.sweeps.size_assumptions import assumption_table, assumptions

if TYPE_CHECKING:
    from rich.table import Table

    from hmesh.runs.sweeps.ensemble import Ensemble

_FIGURES = (
    "running_cost", "investment", "years", "interest_rate", "lifetime_years", "fade_per_year"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sized:
    """What the devices of a scheme are worth at a point under a strategy.

    Attributes
    ----------
    point, strategy : int
        Numbers of both.
    scheme : str
        Name of the scheme.
    totals : mapping of float
        Means of its figures over seeds, by their names.
    worth : Worth or None
        What the devices earn against the first strategy without them at the same point; None where
        there are none.
    """

    point: int
    strategy: int
    scheme: str
    totals: Mapping[str, float]
    worth: Worth | None


def sized(ensemble: "Ensemble") -> list[Sized]:
    """Return what the devices of every scheme with prices are worth, point by point.

    Parameters
    ----------
    ensemble : Ensemble
        The numbers of the runs; money is the mean over seeds.

    Raises
    ------
    InputError
        If no scheme has prices of devices, or the run is shorter than a year.
    """
    found = []
    paying = {each.name: each.pays for each in schemes().values() if each.pays}
    for name, prefix in paying.items():
        there = [f"{prefix}_{figure}" for figure in _FIGURES]
        there = [figure for figure in there if figure in ensemble.quantities]
        if f"{prefix}_investment" not in there or f"{prefix}_running_cost" not in there:
            continue
        for point in range(len(ensemble.plan.points)):
            totals = {
                s: {figure: float(np.mean(ensemble.of(figure)[point, :, s])) for figure in there}
                for s in range(len(ensemble.strategies))
                if ensemble.present[point, :, s].all()
            }
            without = next(
                (each for each in totals.values() if not anything(each[f"{prefix}_investment"])),
                None,
            )
            for s, each in totals.items():
                worth = None
                if without is not None:
                    _refuse_parts_of_years(name, each.get(f"{prefix}_years", 0.0))
                    worth = compared_worth(each, without, prefix)
                found.append(Sized(point, s, name, each, worth))
    if not any(each.worth is not None for each in found):
        message = "no strategy invests while another one does not, so that nothing can be compared"
        allowed = "prices of devices, and a first strategy without devices"
        raise InputError([Problem("strategies", message, allowed)])
    return found


def _refuse_parts_of_years(name: str, years: float) -> None:
    if years < WHOLE_YEAR:
        message = f"{years:.2g} years of {name} say nothing of a year, for seasons differ"
        raise InputError([Problem("hours", message, "a year or more")])


def best(found: Sequence[Sized]) -> Sized:
    """Return the devices of highest net present value, the first of equal ones."""
    worth = [-np.inf if each.worth is None else each.worth.net_present_value for each in found]
    return found[int(settled(worth).argmax())]


def size_table(ensemble: "Ensemble") -> "Table":
    """Return a row for each point and strategy with devices; the best is marked."""
    from rich import box
    from rich.table import Table

    found = sized(ensemble)
    chosen = best(found)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    plan, currency = ensemble.plan, ensemble.currency
    for key in plan.keys:
        table.add_column(plan.short_keys[key], justify="right", no_wrap=True)
    # Where there is no room for all, names break and numbers stay whole.
    table.add_column("strategy")
    for head in (
        f"devices\n[{currency}]", f"cost\n[{currency}/a]", "payback\n[a]",
        f"present\nvalue [{currency}]", "return\n[%]", "",
    ):  # fmt: skip
        table.add_column(head, justify="right", no_wrap=True)
    for each in found:
        if each.worth is None:
            continue
        prefix = schemes()[each.scheme].pays
        values = plan.points[each.point].values
        cost = each.totals[f"{prefix}_running_cost"] / each.totals[f"{prefix}_years"]
        price = each.totals[f"{prefix}_investment"]
        table.add_row(
            *(value_text(values[key]) for key in plan.keys),
            strategy_label(ensemble.strategies[each.strategy]),
            fixed(price, money(price)),
            fixed(cost, money(abs(cost))),
            _number(each.worth.payback_years, 1),
            fixed(each.worth.net_present_value, money(abs(each.worth.net_present_value))),
            _number(100.0 * each.worth.internal_rate, 1),
            "best" if each is chosen else "",
        )
    return table


def _number(value: float, digits: int) -> str:
    return fixed(value, digits) if isfinite(value) else "-"


def size_lines(ensemble: "Ensemble") -> Iterator[str]:
    """Yield the answer in a sentence, and what it takes of later years."""
    found = best(sized(ensemble))
    assert found.worth is not None
    plan = ensemble.plan
    values = plan.points[found.point].values
    at = ", ".join(f"{plan.short_keys[key]} {value_text(values[key])}" for key in plan.keys)
    strategy = strategy_label(ensemble.strategies[found.strategy])
    if found.worth.net_present_value > 0:
        worth = fixed(found.worth.net_present_value, money(found.worth.net_present_value))
        yield f"highest net present value: {worth} {ensemble.currency} with {at} ({strategy})"
        edges = [
            key
            for key in plan.keys
            if len(plan.values(key)) > 2
            and values[key] in (plan.values(key)[0], plan.values(key)[-1])
        ]
        for key in edges:
            yield f"{plan.short_keys[key]} is at the end of its values: more of them may pay more"
    else:
        yield "no size pays for itself within the life of the devices"
    yield "years to come: each as those of the run, at the same prices"


def size_assumptions(ensemble: "Ensemble") -> Iterator["Table"]:
    """Yield what the worth of devices rests on, a table for each section of the scenario."""
    there = [each for each in sized(ensemble) if each.worth is not None]
    plan = ensemble.plan
    known = dict.fromkeys(each.scheme for each in there)
    found = assumptions(Scenario.from_resolved(plan.scenario), known, plan.keys)
    for section, lines in found.items():
        yield assumption_table(section, lines)
