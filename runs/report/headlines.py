"""What a run came to, in a sentence or two for each strategy, with the figures of its summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.pictures.run_data import RunData
from runs.pictures.sheet import change, energy_text, power_text
from runs.strategy_names import strategy_name

type Totals = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the summary within a sentence.

    Attributes
    ----------
    key
        Its key in the section of its strategy.
    value
        Its value.
    text
        How it is told.
    """

    key: str
    value: float
    text: str


type Sentence = tuple[str | Figure, ...]


def headline(data: RunData, strategy: str) -> Sentence:
    """Return what a strategy came to: the load, its vehicles where there are any, money, lines."""
    totals: Totals = data.summary[strategy]
    return (
        *_of_load(data, strategy, totals),
        *(_of_vehicles(totals, data.currency) if totals.get("vehicle_charged_kwh") else ()),
        *_of_money(totals, data.currency),
        *_of_lines(totals),
    )


def _of_load(data: RunData, strategy: str, totals: Totals) -> Sequence[str | Figure]:
    first = data.strategies[0]
    peak = totals["peak_kw"]
    text: list[str | Figure] = [
        "The load peaks at ", Figure("peak_kw", peak, power_text(peak)),
        f", {data.timeline.clock(int(totals['peak_step']))}",
    ]  # fmt: skip
    if totals["par"] is not None:
        text += [", ", Figure("par", totals["par"], f"{totals['par']:.3f}"), " times its mean"]
    before = data.summary[first]["peak_kw"]
    if strategy != first and (moved := change(peak, before)):
        side = "below" if peak < before else "above"
        text.append(f", {moved} {side} {strategy_name(first)}")
    return [*text, ". "]


def _of_vehicles(totals: Totals, currency: str) -> Sequence[str | Figure]:
    charged, given = totals["vehicle_charged_kwh"], totals["vehicle_discharged_kwh"]
    bill = totals["ev_bill"]
    text: list[str | Figure] = [
        "Vehicles take ", Figure("vehicle_charged_kwh", charged, energy_text(charged)),
    ]  # fmt: skip
    if given:
        text += [", give ", Figure("vehicle_discharged_kwh", given, energy_text(given)), " back"]
    verb = " and pay " if bill >= 0 else " and earn "
    text += [verb, Figure("ev_bill", bill, _money(abs(bill), currency)), ". "]
    if unmet := totals["counts"].get("unmet_trips", 0):
        text += [Figure("counts.unmet_trips", unmet, f"{unmet:,}"), " drives lack energy. "]
    return text


def _of_money(totals: Totals, currency: str) -> Sequence[str | Figure]:
    text: list[str | Figure] = []
    for who, key in (("The utility", "utility_profit"), ("aggregators", "aggregator_profit")):
        verb = "earns" if who == "The utility" else "earn"
        if totals[key] < 0:
            verb = "loses" if who == "The utility" else "lose"
        told = Figure(key, totals[key], _money(abs(totals[key]), currency))
        text += [", " if text else "", f"{who} {verb} ", told]
    return [*text, ". "]


def _of_lines(totals: Totals) -> Sequence[str | Figure]:
    steps = totals["overloaded_steps"]
    if not steps:
        return ["No line carries more than it may."]
    worst = max(steps, key=lambda line: steps[line])
    found: list[str | Figure] = [f"{len(steps)} lines carry more than they may" if len(steps) > 1
                                 else "A line carries more than it may"]  # fmt: skip
    number = steps[worst]
    unit = "step" if number == 1 else "steps"
    return [*found, f", {worst} in ", Figure(f"overloaded_steps.{worst}", number, f"{number:,}"),
            f" {unit}."]  # fmt: skip


def _money(amount: float, currency: str) -> str:
    return f"{amount:,.0f} {currency}" if amount >= 1000 else f"{amount:,.2f} {currency}"
