"""What a run came to, in a sentence or two for each strategy, with the figures of its summary."""

from collections.abc import Sequence

from runs.pictures.run_data import RunData
from runs.pictures.sheet import change, power_text
from runs.report.scheme_headlines import of_schemes
from runs.report.sentence import Figure, Sentence, Totals, money
from runs.strategy_names import strategy_name


def headline(data: RunData, strategy: str) -> Sentence:
    """Return what a strategy came to: the load, the schemes that take part, money, lines."""
    totals: Totals = data.summary[strategy]
    drawn = bool(totals["peak_kw"])
    return (
        *(_of_load(data, strategy, totals) if drawn else ()),
        *of_schemes(totals, data.currency),
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
    moved = change(peak, before)
    if strategy != first and moved not in ("", "0.0 %"):
        side = "below" if peak < before else "above"
        text.append(f", {moved} {side} {strategy_name(first)}")
    return [*text, ". "]


def _of_money(totals: Totals, currency: str) -> Sequence[str | Figure]:
    text: list[str | Figure] = []
    for who, key in (("The utility", "utility_profit"), ("aggregators", "aggregator_profit")):
        verb = "earns" if who == "The utility" else "earn"
        if totals[key] < 0:
            verb = "loses" if who == "The utility" else "lose"
        told = Figure(key, totals[key], money(abs(totals[key]), currency))
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
