"""What a reader of a run must know besides its figures: whatever was out of the ordinary."""

from collections.abc import Iterator, Mapping, Sequence

from runs.schemes.descriptor import RETAIL, Note
from runs.schemes.registry import FromSchemes, schemes
from runs.strategy_names import capital, pricing_of, strategy_name
from runs.summary_rows import Totals

MOST_LINES = 4

# What each count says of one case, of every run and of the prices.
_OF_EVERY_RUN: Mapping[str, Note] = {
    "community_price_at_upper_bound": Note("a community's price stood at its upper bound", 10),
    "community_price_at_lower_bound": Note("a community's price stood at its lower bound", 10),
    "utility_price_at_bound": Note("the utility's price stood at one of its bounds", 10),
    "communities_with_captive_load": Note(
        "a community had to buy at any price, its load being more than its vehicles could supply",
        10,
        of_games=True,
    ),
    "communities_all_saturated": Note(
        "every vehicle in a community was at a limit, so that no price could move it further",
        10,
        of_games=True,
    ),
    "communities_without_vehicles": Note(
        "a community held no vehicle, so that its price followed the scenario's rule",
        10,
        of_games=True,
    ),
    "feeders_out": Note("an outage of its feeder left a community without supply for a step", 40),
    "communities_exporting": Note("a community delivered energy to the utility", 60),
    "system_exporting": Note("all communities together delivered energy to the utility", 60),
    "unexplained_vehicles": Note(
        "a vehicle's answers fitted no demand curve, so that its aggregator had to guess",
        60,
    ),
    "fallbacks": Note(
        "a message did not arrive in time, so that the last known value stood in for it",
        60,
    ),
    "unattained_optima": Note(
        "the utility's best price supposes that indifferent aggregators choose as it likes",
        60,
    ),
    "vehicle_questions": Note(None, 150),
    "utility_questions": Note(None, 150),
}

# Energies that are told where there are any.
_ENERGIES: Mapping[str, Note] = {
    "unserved_kwh": Note("consumption that outages left unserved", 40),
    "curtailed_kwh": Note("generation that outages cut off", 40),
}

COUNTS: Mapping[str, Note] = FromSchemes(lambda: _in_order(_OF_EVERY_RUN, "notes"))
ENERGIES: Mapping[str, Note] = FromSchemes(lambda: _in_order(_ENERGIES, "energies"))


def _in_order(of_every_run: Mapping[str, Note], part: str) -> dict[str, Note]:
    """Return the notes of every run and those of all schemes, in the order of their places."""
    found = dict(of_every_run)
    for each in schemes().values():
        found |= dict(each.part(part))
    return dict(sorted(found.items(), key=lambda item: item[1].place))


def notes(summary: Mapping[str, Totals], strategies: Sequence[str] | None = None) -> list[str]:
    """Return what a reader of the table must know: a line for each thing out of the ordinary.

    Parameters
    ----------
    summary, strategies
        As `summary_table` takes them.

    Returns
    -------
    list of str
        Sentences in plain words; none where there is nothing to tell.
    """
    names = list(summary) if strategies is None else list(strategies)
    kinds = dict.fromkeys(COUNTS)
    kinds.update(dict.fromkeys(kind for name in names for kind in summary[name]["counts"]))
    lines = [*_overloads(summary, names)]
    for each in schemes().values():
        if each.remarks and each.figure in summary[names[0]]:
            lines += [_told(*found) for found in each.part("remarks")(summary, names)]
    for kind in kinds:
        note = COUNTS.get(kind, Note(kind.replace("_", " ")))
        counted = {
            name: int(summary[name]["counts"].get(kind, 0))
            for name in names
            if not note.of_games or pricing_of(name) != RETAIL
        }
        if note.text and any(counted.values()):
            lines.append(_told(note.text, {name: _times(n) for name, n in counted.items() if n}))
    for key, note in ENERGIES.items():
        energies = {name: float(summary[name].get(key, 0.0)) for name in names}
        if any(energies.values()):
            told = {name: f"{energy:,.1f} kWh" for name, energy in energies.items() if energy}
            lines.append(_told(str(note.text), told))
    return [*lines, *_messages(summary, names), *_numbers(summary, names)]


def without_grid(totals: Totals) -> bool:
    """Return whether nothing was drawn from the grid by those who may live without one."""
    may = any(each.without_grid and each.figure in totals for each in schemes().values())
    return may and not totals["peak_kw"]


def _told(text: str, by_strategy: Mapping[str, str]) -> str:
    """Return a line that tells something of the strategies it is true of."""
    told = ", ".join(f"{what} under {strategy_name(name)}" for name, what in by_strategy.items())
    return f"{capital(text)}: {told}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _overloads(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        steps: Mapping[str, int] = summary[name]["overloaded_steps"]
        if steps:
            worst = sorted(steps, key=lambda line: -steps[line])
            lines = [f"{line} in {_steps(steps[line])}" for line in worst[:MOST_LINES]]
            if len(worst) > MOST_LINES:
                lines.append(f"and {len(worst) - MOST_LINES} more lines")
            yield (
                f"Lines carried more than their rating under {strategy_name(name)}: "
                f"{', '.join(lines)}."
            )


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"


def _messages(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    for key, text in (("lost", "messages were lost"), ("late", "messages came too late")):
        counted = {
            name: sum(int(count[key]) for count in summary[name]["messages"].values())
            for name in names
        }
        if any(counted.values()):
            yield _told(text, {name: f"{count:,}" for name, count in counted.items() if count})


def _numbers(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    """Tell of numbers that should be zero or known, and are not."""
    undefined = {
        name: "undefined"
        for name in names
        if summary[name]["par"] is None and not without_grid(summary[name])
    }
    if undefined:
        yield _told("the mean load is not above zero, and the peak-to-average ratio", undefined)
    gaps = {name: float(summary[name]["worst"].get("utility_profit_gap", 0.0)) for name in names}
    if any(gaps.values()):
        yield _told(
            "the utility may have missed profit in a step, by its own bound at most",
            {name: f"{gap:,.3g} in money" for name, gap in gaps.items() if gap},
        )
    unbalanced = {name: float(summary[name]["money_imbalance"]) for name in names}
    if any(unbalanced.values()):
        yield _told(
            "money paid and money received differ, which is an error in hMESH",
            {name: f"by {money:,.6g}" for name, money in unbalanced.items() if money},
        )
