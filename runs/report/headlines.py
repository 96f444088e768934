"""The results of a run, in a sentence or two for each strategy, with figures of its summary."""

from collections.abc import Sequence

from hmesh.environment.last_digits import anything
from hmesh.environment.number_words import counted
from hmesh.runs.local_exchange_words import local_sentence
from hmesh.runs.pictures.quantity_text import change, power_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.scheme_headlines import of_schemes
from hmesh.runs.report.sentence import Figure, Sentence, Totals, energy, money
from hmesh.runs.strategy_names import capital, schemes_of, strategy_name

# With more strategies than this, little is said of those between the first and the last.
MOST_IN_FULL = 4


def in_full(data: RunData) -> tuple[str, ...]:
    """Return the strategies of which everything is said: all, or of many the first and the last."""
    names = tuple(data.strategies)
    return names if len(names) <= MOST_IN_FULL else (names[0], names[-1])


def headline(data: RunData, strategy: str) -> Sentence:
    """Return the results of a strategy: the load, the schemes that take part, money, lines.

    Of many strategies those between the first and the last have the load and their own schemes.
    """
    totals: Totals = data.summary[strategy]
    first = data.strategies[0]
    drawn = anything(totals["peak_kw"])
    if strategy not in in_full(data):
        own = of_schemes(totals, data.currency, data.summary[first], schemes_of(strategy))
        return (*(_of_load(data, strategy, totals) if drawn else ()), *own)
    return (
        *(_of_load(data, strategy, totals) if drawn else ()),
        *of_schemes(totals, data.currency, None if strategy == first else data.summary[first]),
        *local_sentence(totals, data.currency),
        *(_of_money(totals, data.currency) if drawn else ()),
        *_of_congestion(totals, data.currency),
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
        side = "lower" if peak < before else "higher"
        text.append(f", {moved} {side} than under {strategy_name(first)}")
    return [*text, ". "]


def _of_money(totals: Totals, currency: str) -> Sequence[str | Figure]:
    text: list[str | Figure] = []
    for who, key, of_one in (
        ("the utility", "utility_profit", "s"), ("aggregators", "aggregator_profit", "")
    ):  # fmt: skip
        # Who earns nothing, as aggregators without a game, is not worth a word.
        if amount := totals[key]:
            verb = "lose" if amount < 0 else "earn"
            reported = Figure(key, amount, money(abs(amount), currency))
            text += [", " if text else "", f"{who} {verb}{of_one} ", reported]
    return [capital(str(text[1])), *text[2:], ". "] if text else []


def _of_lines(totals: Totals) -> Sequence[str | Figure]:
    steps = totals["overloaded_steps"]
    if not steps:
        return ["No line is overloaded."]
    worst = max(steps, key=lambda line: steps[line])
    number = steps[worst]
    reported = Figure(f"overloaded_steps.{worst}", number, counted(number, "step"))
    if len(steps) == 1:
        return [f"One line is overloaded, {worst}, in ", reported, "."]
    return [f"{len(steps):,} lines are overloaded, {worst} most often, in ", reported, "."]


def _of_congestion(totals: Totals, currency: str) -> Sequence[str | Figure]:
    """Say what limits of lines cost and what they could not prevent."""
    text: list[str | Figure] = []
    if anything(rent := totals.get("congestion_rent", 0.0)):
        reported = Figure("congestion_rent", rent, money(abs(rent), currency))
        verb = "raise" if rent > 0 else "lower"
        text += [
            f"Limits of lines {verb} what communities pay by a congestion rent of ",
            reported,
            ". ",
        ]
    if anything(totals.get("shed_kwh", 0.0)):
        text += [energy(totals, "shed_kwh"), " of loads are shed to keep limits. "]
    return text
