"""What a reader of a run must know besides its figures: whatever was out of the ordinary."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from environment.last_digits import anything, settled
from runs.number_text import counted, times
from runs.strategy_names import capital, strategy_name, strategy_within

type Totals = Mapping[str, Any]

MOST_LINES = 4
NOTICEABLE = 0.01

_GAMES = ("two_level", "three_level")

# What each count says of one case; None where it tells how much work was done and warns of nothing.
COUNTS: dict[str, str | None] = {
    "community_price_at_upper_bound": "a community's price was at its upper bound in a step",
    "community_price_at_lower_bound": "a community's price was at its lower bound in a step",
    "utility_price_at_bound": "the utility's price was at one of its bounds in a step",
    "communities_with_captive_load": (
        "a community had to buy at any price in a step, its load being more than its vehicles "
        "could supply"
    ),
    "communities_all_saturated": (
        "every vehicle in a community was at a limit in a step, so that no price could move it "
        "further"
    ),
    "communities_without_vehicles": (
        "no vehicle was plugged in at a community in a step, so that its price followed the "
        "scenario's rule"
    ),
    "vehicles_at_bound": "a vehicle exchanged all that its plug or battery allows in a step",
    "parked_below_soc_min": (
        "a parked vehicle was below the lowest state of charge for discharging in a step"
    ),
    "houses_without_enough_heat": (
        "heat pump and tank of a house gave less heat than it needed in a step"
    ),
    "houses_unheard": (
        "a message did not arrive in time, so that the storages of a house stayed idle for a step"
    ),
    "house_plans_missed": "the storages of a house could not follow their plan in a step",
    "feeders_out": "an outage of its feeder left a community without supply for a step",
    "vehicles_cut_off": "an outage kept a parked vehicle from charging or discharging for a step",
    "unmet_trips": "a vehicle on the road lacked the energy to drive in a step",
    "communities_exporting": "a community delivered energy to the utility in a step",
    "system_exporting": "all communities together delivered energy to the utility in a step",
    "unexplained_vehicles": (
        "a vehicle's answers fitted no demand curve in a step, so that its aggregator had to guess"
    ),
    "fallbacks": "a message did not arrive in time, so that the last known value stood in for it",
    "unattained_optima": (
        "the utility's best price of a step supposes that indifferent aggregators choose as it "
        "likes"
    ),
    "battery_clipped": (
        "a battery could not do all of its part in a step, being full, empty or too weak"
    ),
    "battery_unplaced": "a battery was to give energy in a step that nobody took, and kept it",
    "storage_messages_unheard": (
        "a message about a community's storage was not heard, so that the storage was not charged "
        "or a household not served"
    ),
    "households_not_ranked": (
        "a household reported nothing of its demand in a step, and was not served"
    ),
    "households_served_less_than_allowed": (
        "a household got less than it was allowed in a step, its storage being empty or too weak"
    ),
    "demands_above_history": (
        "a household used more in a step than in any step of its history, and was allowed no more"
    ),
    "plants_cut_off": "an outage kept a plant from charging its storage for a step",
    "plant_readings_filled": "a plant's reading was missing, and filled from those around it",
    "allowances_not_settled": "a plan came to the highest alpha before its allowance had settled",
    "incentive_price_at_bound": "the incentive price was at one of its bounds in a step",
    "purchases_rationed": "the utility took less than schools offered at its price in a step",
    "unmet_rounds": "a school bus could not finish its round, its battery being empty",
    "school_schedules_missed": "an outage kept a school from charging what was agreed for a step",
    "schools_without_schedule": (
        "a school could not be reached in time for the night, and charged at once"
    ),
    "home_slots_refused": "a slot that an appliance wanted could neither be served nor moved",
    "home_slots_unmet": "an appliance stayed off in a slot it had been promised",
    "homes_rescheduled": "a home's appliances got other slots for the day than they asked for",
    "home_offers_refused": "an appliance refused slots it was offered",
    "home_days_searched": (
        "a home had too many choices of slots to try all, so that they were exchanged one by one"
    ),
    "home_messages_unheard": (
        "a message between a device and its controller was not heard, so that it was left out"
    ),
    "tours_with_shorter_stays": "a drawn tour had its stays shortened, to be home before the next",
    "tours_departing_earlier": "a drawn tour set out earlier, to be home before the next",
    "tours_driving_less": "a drawn tour was shortened, since it drove longer than a day",
    "vehicles_joined": None,
    "critical_steps": None,
    "home_offers": None,
    "incentive_questions": None,
    "vehicle_questions": None,
    "utility_questions": None,
}

# Energies that are told where there are any.
ENERGIES = {
    "unmet_trip_kwh": "energy that driving took and batteries lacked",
    "school_unmet_kwh": "energy that school rounds took and batteries lacked",
    "house_unmet_heat_kwh": "heat that houses needed and did not get",
    "house_unserved_kwh": "consumption of houses that outages left unserved",
    "unserved_kwh": "consumption that outages left unserved",
    "curtailed_kwh": "generation that outages cut off",
    "home_curtailed_kwh": "generation of smart homes that nothing could take",
}

# Under typical charging these hold by definition and say nothing.
_OF_GAMES = {
    "communities_with_captive_load",
    "communities_all_saturated",
    "communities_without_vehicles",
    "vehicles_at_bound",
}


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
    one_community = _exports_once(summary, names)
    if "stored_change_kwh" in summary[names[0]]:
        lines += _stored(summary, names)
    for kind in kinds:
        text = COUNTS.get(kind, kind.replace("_", " "))
        found = {
            name: int(summary[name]["counts"].get(kind, 0))
            for name in names
            if strategy_within("vehicles", name) in _GAMES or kind not in _OF_GAMES
        }
        if kind == "system_exporting" and one_community:
            continue
        if text and any(found.values()):
            told = {name: times(n) for name, n in found.items() if n}
            lines.append(_told(text, told, names))
    for key, text in ENERGIES.items():
        energies = {name: float(summary[name].get(key, 0.0)) for name in names}
        told = {name: f"{energy:,.1f} kWh" for name, energy in energies.items() if anything(energy)}
        if told:
            lines.append(_told(text, told, names))
    return [*lines, *_messages(summary, names), *_numbers(summary, names)]


def _exports_once(summary: Mapping[str, Totals], names: Sequence[str]) -> bool:
    """Return whether the system delivers whenever a community does, as where there is one."""
    counts = [summary[name]["counts"] for name in names]
    return all(
        each.get("system_exporting", 0) == each.get("communities_exporting", 0) for each in counts
    )


def _told(text: str, by_strategy: Mapping[str, str], names: Sequence[str]) -> str:
    """Return a line of a text and what holds under each strategy, strategies that agree together.

    Parameters
    ----------
    text
        What it is about.
    by_strategy
        What is told of each strategy; of those that are left out nothing is.
    names
        All strategies of the run.
    """
    agreeing: dict[str, list[str]] = {}
    for name, what in by_strategy.items():
        agreeing.setdefault(what, []).append(name)
    told = "; ".join(f"{what} under {_listed(held, names)}" for what, held in agreeing.items())
    return f"{capital(text)}: {told}."


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


def _stored(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    """Warn of bills that buy different energy."""
    stored = {name: float(summary[name]["stored_change_kwh"]) for name in names}
    moved = max(float(summary[name]["vehicle_charged_kwh"]) for name in names)
    if max(stored.values()) - min(stored.values()) > NOTICEABLE * moved:
        told = {name: f"{energy / 1000:+,.2f} MWh" for name, energy in stored.items()}
        yield _told(
            "vehicles end with more or less energy than they began with, "
            "so that bills pay for different energy",
            told,
            names,
        )


def _messages(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    for key, text in (("lost", "messages were lost"), ("late", "messages came too late")):
        found = {
            name: sum(int(count[key]) for count in summary[name]["messages"].values())
            for name in names
        }
        if any(found.values()):
            told = {name: f"{count:,}" for name, count in found.items() if count}
            yield _told(text, told, names)


def _numbers(summary: Mapping[str, Totals], names: Sequence[str]) -> Iterator[str]:
    """Tell of numbers that should be zero or known, and are not."""
    undefined = {
        name: "undefined"
        for name in names
        if summary[name]["par"] is None
        and ("homes" not in summary[name] or anything(summary[name]["peak_kw"]))
    }
    if undefined:
        yield _told(
            "the mean load is not above zero, and the peak-to-average ratio", undefined, names
        )
    gaps = {name: float(summary[name]["worst"].get("utility_profit_gap", 0.0)) for name in names}
    gaps = {name: gap for name, gap in gaps.items() if settled(gap)}
    if gaps:
        yield _told(
            "the utility may have missed profit in a step, by its own bound at most",
            {name: f"{gap:,.3g} in money" for name, gap in gaps.items() if gap},
            names,
        )
    unbalanced = {name: float(summary[name]["money_imbalance"]) for name in names}
    if any(unbalanced.values()):
        yield _told(
            "money paid and money received differ, which is an error in hMESH",
            {name: f"by {money:,.6g}" for name, money in unbalanced.items() if money},
            names,
        )
