"""What a run came to, in a sentence or two for each strategy, with the figures of its summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.pictures.run_data import RunData
from runs.pictures.sheet import change, energy_text, power_text
from runs.run_summary import summary_table
from runs.strategy_names import capital, strategy_name

# The rows of that table which the sentences tell, or which every run has.
_TOLD_OTHERWISE = (
    "peak", "peak to average", "vehicles' energy", "vehicles' bill", "paid per kWh",
    "aggregators' profit", "utility's profit", "overloads", "messages sent",
)  # fmt: skip
_NOTHING = ("-", "0", "0.0", "0.00", "0.000")

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
    drawn = bool(totals["peak_kw"])
    return (
        *(_of_load(data, strategy, totals) if drawn else ()),
        *(_of_vehicles(totals, data.currency) if totals.get("vehicle_charged_kwh") else ()),
        *_of_schemes(data, strategy),
        *(_of_money(totals, data.currency) if drawn else ()),
        *(_of_lines(totals) if drawn else ()),
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


def _of_schemes(data: RunData, strategy: str) -> Sequence[str | Figure]:
    """Return what the terminal's table tells of other schemes, as words."""
    labels, *columns = summary_table(data.summary, data.currency, data.strategies).columns
    cells = columns[data.strategies.index(strategy)].cells
    told: list[str] = []
    for label, cell in zip(labels.cells, cells, strict=True):
        name, _, unit = str(label).rstrip("]").partition(" [")
        value = str(cell).split("  ")[0].strip()
        if name in _TOLD_OTHERWISE or value in _NOTHING:
            continue
        text = f"{name.strip()} {value} {'' if unit == '-' else unit}".rstrip()
        if name.startswith(" ") and told:  # a part of what stands before it
            told[-1] += f", {text}"
        else:
            told.append(text)
    return (f"{capital('; '.join(told))}. ",) if told else ()


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
