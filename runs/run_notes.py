"""What a reader of a run must know besides its figures: all that was out of the ordinary."""

from collections.abc import Iterator, Mapping, Sequence

from hmesh.environment.last_digits import anything, settled
from hmesh.environment.number_words import counted
from hmesh.runs.number_text import times
from hmesh.runs.schemes.descriptor import PLANNER, RETAIL, Note
from hmesh.runs.schemes.registry import FromSchemes, schemes
from hmesh.runs.strategy_names import capital, pricing_of, strategy_name
from hmesh.runs.summary_rows import Totals

MOST_LINES = 4

# What each count says of one case, of every run and of the prices.
_OF_EVERY_RUN: Mapping[str, Note] = {
    "community_price_at_upper_bound": Note(
        "a community's price was at its upper bound in a step", 10
    ),
    "community_price_at_lower_bound": Note(
        "a community's price was at its lower bound in a step", 10
    ),
    "utility_price_at_bound": Note("the utility's price was at one of its bounds in a step", 10),
    "communities_with_captive_load": Note(
        "a community had to buy at any price in a step, its load being more than its vehicles "
        "could supply",
        10,
        of_games=True,
    ),
    "communities_all_saturated": Note(
        "every vehicle in a community was at a limit in a step, so that no price could move it "
        "further",
        10,
        of_games=True,
    ),
    "communities_without_vehicles": Note(
        "no vehicle was plugged in at a community in a step, so that its price followed the "
        "scenario's rule",
        10,
        of_games=True,
    ),
    "local_exchanges_without_gain": Note(
        "local energy with its grid fee would have cost as much as other energy in a step of a "
        "community, or more, so that nothing was shared",
        55,
    ),
    "feeders_out_in_part": Note(
        "an outage of its feeder left a community without supply for a part of a step", 41
    ),
    "feeders_out": Note("an outage of its feeder left a community without supply for a step", 40),
    "communities_exporting": Note("a community delivered energy to the utility in a step", 60),
    "system_exporting": Note(
        "all communities together delivered energy to the utility in a step", 60
    ),
    "communities_overloaded": Note(
        "a line of a community carried more than its rating in a step, which no price prevented",
        45,
    ),
    "prosumer_connections_exceeded": Note(
        "a connection of a prosumer carried more than its limit in a step, by its loads and rules, "
        "not by price response",
        45,
    ),
    "prices_moved_by_limits": Note(
        "the limit of a line raised or lowered a community's price in a step", 45
    ),
    "unexplained_vehicles": Note(
        "a vehicle's answers fitted no demand curve in a step, so that its aggregator had to guess",
        60,
    ),
    "fallbacks": Note(
        "a message did not arrive in time, so that the last known value stood in for it",
        60,
    ),
    "unattained_optima": Note(
        "the utility's best price of a step requires indifferent aggregators to choose in its "
        "favour",
        60,
    ),
    "vehicle_questions": Note(None, 150),
    "utility_questions": Note(None, 150),
}

# Energies that are stated where there are any.
_ENERGIES: Mapping[str, Note] = {
    "unserved_kwh": Note("consumption that outages left unserved", 40),
    "curtailed_kwh": Note("generation that outages cut off", 40),
    "prosumer_excess_kwh": Note("energy above the limits of connections of prosumers", 45),
    "overload_kwh": Note("energy above the limits of lines that one community uses", 45),
    "shared_overload_kwh": Note("energy above the limits of lines that communities share", 45),
    "shed_kwh": Note("consumption left unserved so that lines keep their limits", 45),
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
    """Return notes on what was out of the ordinary in a run, one line each.

    Parameters
    ----------
    summary, strategies : mapping of mapping, sequence of str
        As `summary_table` takes them.

    Returns
    -------
    list of str
        Sentences in plain words; none where there is nothing to report.
    """
    names = list(summary) if strategies is None else list(strategies)
    kinds = dict.fromkeys(COUNTS)
    kinds.update(dict.fromkeys(kind for name in names for kind in summary[name]["counts"]))
    lines = [*_overloads(summary, names)]
    one_community = _exports_once(summary, names)
    for each in schemes().values():
        if each.remarks and each.figure in summary[names[0]]:
            remarks = each.part("remarks")(summary, names)
            lines += [_sentence(text, stated, names) for text, stated in remarks]
    for kind in kinds:
        note = COUNTS.get(kind, Note(kind.replace("_", " ")))
        found = {
            name: int(summary[name]["counts"].get(kind, 0))
            for name in names
            if not note.of_games or pricing_of(name) != RETAIL
        }
        if kind == "system_exporting" and one_community:
            continue
        if note.text and any(found.values()):
            stated = {name: times(n) for name, n in found.items() if n}
            lines.append(_sentence(note.text, stated, names))
    for key, note in ENERGIES.items():
        energies = {name: float(summary[name].get(key, 0.0)) for name in names}
        stated = {
            name: f"{energy:,.1f} kWh" for name, energy in energies.items() if anything(energy)
        }
        if stated:
            lines.append(_sentence(str(note.text), stated, names))
    lines += _anarchy(summary, names)
    return [*lines, *_messages(summary, names), *_numbers(summary, names)]


def _anarchy(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    """Say where no price of anarchy is given, and why."""
    lost = [name for name in names if summary[name].get("price_of_anarchy", 1.0) is None]
    if lost:
        text = "welfare is not above 0, so that there is no price of anarchy"
        yield _sentence(text, dict.fromkeys(lost, "in all steps together"), names)
    planned = [name for name in names if pricing_of(name) == PLANNER]
    worth = {name: float(summary[name].get("welfare", 0.0)) for name in names}
    if any(worth[name] > worth[planner] for name in names for planner in planned):
        yield (
            "Welfare counts what batteries hold in every step, so that a strategy that leaves more "
            "in them has more of it. The planner's is the most from the same state of a step: what "
            "a strategy has less than that, and the price of anarchy, compare step by step."
        )


def without_grid(totals: Totals) -> bool:
    """Return whether nothing was drawn from the grid by those who may do without one."""
    may = any(each.without_grid and each.figure in totals for each in schemes().values())
    return may and not anything(totals["peak_kw"])


def _exports_once(summary: Mapping[str, Totals], names: Sequence[str]) -> bool:
    """Return whether the system delivers whenever a community does, as where there is one."""
    counts = [summary[name]["counts"] for name in names]
    return all(
        each.get("system_exporting", 0) == each.get("communities_exporting", 0) for each in counts
    )


def _sentence(text: str, by_strategy: Mapping[str, str], names: Sequence[str]) -> str:
    """Return a line of a text and what holds under each strategy, strategies that agree together.

    Parameters
    ----------
    text : str
        What it is about.
    by_strategy : mapping of str
        What is said of each strategy; nothing of those that are left out.
    names : sequence of str
        All strategies of the run.
    """
    agreeing: dict[str, list[str]] = {}
    for name, what in by_strategy.items():
        agreeing.setdefault(what, []).append(name)
    stated = "; ".join(f"{what} under {_listed(held, names)}" for what, held in agreeing.items())
    return f"{capital(text)}: {stated}."


def _listed(held: Sequence[str], names: Sequence[str]) -> str:
    if len(held) == len(names) > 1:
        return "every strategy"
    *others, last = (strategy_name(name) for name in held)
    return f"{', '.join(others)} and {last}" if others else last


def _overloads(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        steps: Mapping[str, int] = summary[name]["overloaded_steps"]
        if steps:
            worst = sorted(steps, key=lambda line: -steps[line])
            lines = [f"{line} in {counted(steps[line], 'step')}" for line in worst[:MOST_LINES]]
            if len(worst) > MOST_LINES:
                lines.append(f"and {counted(len(worst) - MOST_LINES, 'more line')}")
            yield (
                f"Lines carried more than their rating under {strategy_name(name)}: "
                f"{', '.join(lines)}."
            )


def _messages(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    for key, text in (("lost", "messages were lost"), ("late", "messages came too late")):
        found = {
            name: sum(int(count[key]) for count in summary[name]["messages"].values())
            for name in names
        }
        if any(found.values()):
            stated = {name: f"{count:,}" for name, count in found.items() if count}
            yield _sentence(text, stated, names)


def _numbers(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    """Report numbers that should be zero or known, and are not."""
    undefined = {
        name: "undefined"
        for name in names
        if summary[name]["par"] is None and not without_grid(summary[name])
    }
    if undefined:
        yield _sentence(
            "the mean load is not above zero, and the peak-to-average ratio", undefined, names
        )
    gaps = {name: float(summary[name]["worst"].get("utility_profit_gap", 0.0)) for name in names}
    gaps = {name: gap for name, gap in gaps.items() if settled(gap)}
    if gaps:
        yield _sentence(
            "the utility may have missed profit in a step, by its own bound at most",
            {name: f"{gap:,.3g} in money" for name, gap in gaps.items() if gap},
            names,
        )
    unbalanced = {name: float(summary[name]["money_imbalance"]) for name in names}
    if any(unbalanced.values()):
        yield _sentence(
            "money paid and money received differ, which is an error in hMESH",
            {name: f"by {money:,.6g}" for name, money in unbalanced.items() if money},
            names,
        )
