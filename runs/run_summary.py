"""What a run came to, in a short table, and what a reader of it must know besides."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runs.strategy_names import capital, strategy_label, strategy_name

if TYPE_CHECKING:
    from rich.table import Table

type Totals = Mapping[str, Any]
type _Row = tuple[str, Callable[[Totals], float | None], Callable[[float], str], bool]

MOST_LINES = 4
# With more strategies than this, changes stand below their numbers and not beside them.
MOST_BESIDE = 3
NOTICEABLE = 0.01

_GAMES = ("two_level", "three_level")

# What each count says of one case; None where it tells how much work was done and warns of nothing.
COUNTS: dict[str, str | None] = {
    "community_price_at_upper_bound": "a community's price stood at its upper bound",
    "community_price_at_lower_bound": "a community's price stood at its lower bound",
    "utility_price_at_bound": "the utility's price stood at one of its bounds",
    "communities_with_captive_load": (
        "a community had to buy at any price, its load being more than its vehicles could supply"
    ),
    "communities_all_saturated": (
        "every vehicle in a community was at a limit, so that no price could move it further"
    ),
    "communities_without_vehicles": (
        "a community held no vehicle, so that its price followed the scenario's rule"
    ),
    "vehicles_at_bound": "a vehicle exchanged all that its plug or battery allows",
    "parked_below_soc_min": (
        "driving left a parked vehicle less than the lowest state of charge for discharging"
    ),
    "houses_without_enough_heat": "heat pump and tank of a house gave less heat than it needed",
    "houses_unheard": (
        "a message did not arrive in time, so that the storages of a house stayed idle for a step"
    ),
    "house_plans_missed": "the storages of a house could not follow their plan",
    "feeders_out": "an outage of its feeder left a community without supply for a step",
    "vehicles_cut_off": "an outage kept a parked vehicle from charging or discharging for a step",
    "unmet_trips": "a vehicle drove farther than its battery could take it",
    "communities_exporting": "a community delivered energy to the utility",
    "system_exporting": "all communities together delivered energy to the utility",
    "unexplained_vehicles": (
        "a vehicle's answers fitted no demand curve, so that its aggregator had to guess"
    ),
    "fallbacks": "a message did not arrive in time, so that the last known value stood in for it",
    "unattained_optima": (
        "the utility's best price supposes that indifferent aggregators choose as it likes"
    ),
    "battery_clipped": "a battery could not do all of its part, being full, empty or too weak",
    "battery_unplaced": "a battery was to give energy that nobody took, and kept it",
    "storage_messages_unheard": (
        "a message about a community's storage was not heard, so that the storage was not charged "
        "or a household not served"
    ),
    "households_not_ranked": "a household told nothing of its demand, and was not served",
    "households_served_less_than_allowed": (
        "a household got less than it was allowed, its storage being empty or too weak"
    ),
    "demands_above_history": (
        "a household used more in a step than in any step of its history, and was allowed no more"
    ),
    "plants_cut_off": "an outage kept a plant from charging its storage for a step",
    "plant_readings_filled": "a plant's reading was missing, and filled from those around it",
    "allowances_not_settled": "a plan came to the highest alpha before its allowance had settled",
    "incentive_price_at_bound": "the incentive price stood at one of its bounds",
    "purchases_rationed": "the utility took less than schools offered at its price",
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


def summary_table(
    summary: Mapping[str, Totals], currency: str, strategies: Sequence[str] | None = None
) -> "Table":
    """Return what a run came to, with changes against its first strategy.

    Parameters
    ----------
    summary
        The totals of every strategy, as `runs.start_run` returns them.
    currency
        The currency of the scenario.
    strategies
        The strategies in the order of their columns; that of the summary if not given.

    Returns
    -------
    rich.table.Table
        A column for each strategy.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = list(summary) if strategies is None else list(strategies)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("")
    for name in names:
        table.add_column(strategy_label(name).replace(" ", "\n", 1), justify="right")
    for label, value, form, compared in _rows(summary[names[0]]):
        values = [value(summary[name]) for name in names]
        unit, size = currency, 1.0
        if form is _money and max(abs(number or 0.0) for number in values) >= 1e7:
            unit, size = f"M {currency}", 1e6
        cells = [Text("-" if number is None else form(number / size)) for number in values]
        for cell, number in zip(cells[1:], values[1:], strict=True):
            change = _change(number, values[0]) if compared else ""
            below = f"\n{change}" if change else ""
            cell.append(f"{change:>9}" if len(names) <= MOST_BESIDE else below, style="dim")
        table.add_row(Text(label.format(currency=unit)), *cells)
    return table


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
    if "stored_change_kwh" in summary[names[0]]:
        lines += _stored(summary, names)
    for kind in kinds:
        text = COUNTS.get(kind, kind.replace("_", " "))
        counted = {
            name: int(summary[name]["counts"].get(kind, 0))
            for name in names
            if name in _GAMES or kind not in _OF_GAMES
        }
        if text and any(counted.values()):
            lines.append(_told(text, {name: _times(n) for name, n in counted.items() if n}))
    for key, text in ENERGIES.items():
        energies = {name: float(summary[name].get(key, 0.0)) for name in names}
        if any(energies.values()):
            told = {name: f"{energy:,.1f} kWh" for name, energy in energies.items() if energy}
            lines.append(_told(text, told))
    return [*lines, *_messages(summary, names), *_numbers(summary, names)]


def _rows(totals: Totals) -> list[_Row]:
    """Return the label, value and form of every row, and whether changes are told.

    A scheme's rows stand there where its figures are among the totals of a run.
    """
    of_vehicles: list[_Row] = [
        ("vehicles' energy [MWh]", _energy_mwh, "{:,.2f}".format, True),
        ("vehicles' bill [{currency}]", lambda totals: totals["ev_bill"], _money, True),
        ("paid per kWh [{currency}/kWh]", _price, "{:,.2f}".format, True),
    ]
    of_homes = _of_homes(totals) if "homes" in totals else []
    if of_homes and not totals["peak_kw"]:
        # Homes without a grid: nothing is drawn from it, and nothing is paid.
        return [*of_homes, ("messages sent", _sent, "{:,.0f}".format, False)]
    return [
        ("peak [kW]", lambda totals: totals["peak_kw"], _power, True),
        ("peak to average [-]", lambda totals: totals["par"], "{:.3f}".format, True),
        *of_homes,
        *(of_vehicles if "ev_bill" in totals else []),
        *(_of_houses() if "house_running_cost" in totals else []),
        *(_of_batteries() if "battery_bill" in totals else []),
        *(_of_community_storage() if "storage_credit" in totals else []),
        *(_of_school_buses() if "school_bill" in totals else []),
        ("aggregators' profit [{currency}]", lambda t: t["aggregator_profit"], _money, True),
        ("utility's profit [{currency}]", lambda t: t["utility_profit"], _money, True),
        ("overloads [lines x steps]", _overloaded, "{:,.0f}".format, True),
        ("messages sent", _sent, "{:,.0f}".format, False),
    ]


def _of_homes(totals: Totals) -> list[_Row]:
    """Return the rows of smart homes, their losses by group where there are few."""
    groups = list(totals["homes"]) if 1 < len(totals["homes"]) <= MOST_LINES else []
    return [
        ("homes' losses [kWh]", lambda t: t["home_losses_kwh"], _loss, True),
        *(
            (f"  {group} [kWh]", lambda t, g=group: t["homes"][g]["losses_kwh"], _loss, True)
            for group in groups
        ),
        ("homes serve [%]", _served, "{:.1f}".format, False),
        *(
            (
                f"  {group} [%]",
                lambda t, g=group: _share(t["homes"][g]),
                "{:.1f}".format,
                False,
            )
            for group in groups
        ),
        *(
            [("homes' bill [{currency}]", lambda t: t["home_bill"], _money, True)]
            if totals["peak_kw"]
            else []
        ),
    ]


def _served(totals: Totals) -> float | None:
    """Return how much of what homes want they serve themselves, in per cent."""
    return _share({name: totals[f"home_{name}"] for name in ("served_kwh", "wanted_kwh")})


def _share(energies: Mapping[str, float]) -> float | None:
    wanted = energies["wanted_kwh"]
    return 100.0 * energies["served_kwh"] / wanted if wanted > 0 else None


def _loss(value: float) -> str:
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.1f}"


def _of_houses() -> list[_Row]:
    return [
        ("houses buy [MWh]", lambda t: t["house_import_kwh"] / 1e3, _mwh, True),
        ("houses deliver [MWh]", lambda t: t["house_export_kwh"] / 1e3, _mwh, True),
        ("self-consumption [%]", _self_consumption, "{:.2f}".format, False),
        ("houses' emissions [t]", lambda t: t["house_co2_kg"] / 1e3, "{:,.3f}".format, True),
        ("houses' bill [{currency}]", lambda t: t["house_bill"], _money, True),
        ("running cost [{currency}]", lambda t: t["house_running_cost"], _money, True),
        ("price of storages [{currency}]", lambda t: t["house_investment"], _money, False),
    ]


def _self_consumption(totals: Totals) -> float | None:
    """Return how much of what houses generate they use themselves, in per cent."""
    generated = totals["house_generation_kwh"]
    return 100.0 * (1.0 - totals["house_export_kwh"] / generated) if generated > 0 else None


def _of_batteries() -> list[_Row]:
    daily = "load_deviation_daily_rms_kwh"
    return [
        ("load's standard deviation [kWh]", lambda t: t["load_deviation_kwh"], _power, True),
        ("  within days [kWh]", lambda t: t[daily], _power, True),
        ("batteries' capacity [MWh]", lambda t: t["battery_capacity_kwh"] / 1e3, _mwh, False),
        ("batteries give [MWh]", lambda t: t["battery_discharged_kwh"] / 1e3, _mwh, False),
        ("  to other buildings [MWh]", lambda t: t["battery_exchanged_kwh"] / 1e3, _mwh, False),
        ("  lost on lines [MWh]", lambda t: t["battery_line_loss_kwh"] / 1e3, _mwh, False),
        ("lost in batteries [MWh]", lambda t: t["battery_conversion_loss_kwh"] / 1e3, _mwh, False),
        ("batteries' bill [{currency}]", lambda t: t["battery_bill"], _money, False),
    ]


def _of_community_storage() -> list[_Row]:
    return [
        ("households use [kWh]", lambda t: t["storage_households_kwh"], _loss, False),
        ("  from the storage [kWh]", lambda t: t["storage_delivered_kwh"], _loss, False),
        ("  from the storage [%]", _from_storage, "{:.1f}".format, False),
        ("plants' energy stored [kWh]", lambda t: t["plant_stored_kwh"], _loss, False),
        ("  spilled [kWh]", lambda t: t["plant_spilled_kwh"], _loss, False),
        ("households' credit [{currency}]", lambda t: t["storage_credit"], _money, False),
    ]


def _from_storage(totals: Totals) -> float | None:
    """Return how much of what households use comes from their storage, in per cent."""
    names = {"served_kwh": "storage_delivered_kwh", "wanted_kwh": "storage_households_kwh"}
    return _share({name: totals[figure] for name, figure in names.items()})


def _of_school_buses() -> list[_Row]:
    return [
        ("school buses charge [MWh]", lambda t: t["school_charged_kwh"] / 1e3, _mwh, True),
        ("school buses sell [MWh]", lambda t: t["school_sold_kwh"] / 1e3, _mwh, False),
        ("schools' bill less income [{currency}]", lambda t: t["school_bill"], _money, True),
        ("incentives paid [{currency}]", lambda t: t["school_income"], _money, False),
        ("generation cost [{currency}]", lambda t: t["generation_cost"], _money, True),
        ("  with incentives [{currency}]", _with_incentives, _money, True),
        ("  replacing nothing sold [{currency}]", _without_replacing, _money, True),
    ]


def _with_incentives(totals: Totals) -> float:
    """Return what generation and incentives cost the utility together."""
    return float(totals["generation_cost"]) + float(totals["school_income"])


def _without_replacing(totals: Totals) -> float:
    """Return what generation would cost if energy sold were never bought back."""
    cost = float(totals["generation_cost"])
    return cost - float(totals["school_replaced_generation_cost"])


def _mwh(value: float) -> str:
    return f"{value:,.2f}"


def _energy_mwh(totals: Totals) -> float:
    return float(totals["vehicle_kwh"]) / 1000


def _price(totals: Totals) -> float | None:
    """Return what vehicles pay for a kWh that they keep; None where they keep none."""
    energy = float(totals["vehicle_kwh"])
    return float(totals["ev_bill"]) / energy if energy > 0 else None


def _overloaded(totals: Totals) -> float:
    return float(sum(totals["overloaded_steps"].values()))


def _sent(totals: Totals) -> float:
    return float(sum(count["sent"] for count in totals["messages"].values()))


def _power(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def _money(value: float) -> str:
    # Adding zero turns -0.0 into 0.0.
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 2) + 0.0:,.2f}"


def _change(value: float | None, first: float | None) -> str:
    """Return a change in per cent or as a factor, "" where nothing above zero stands first."""
    if value is None or first is None or first <= 0:
        return ""
    if value >= 10 * first:
        return f"x {value / first:,.1f}"
    return f"{value / first - 1:+,.1%}".replace("%", " %")


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
        )


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
        if summary[name]["par"] is None
        and ("homes" not in summary[name] or summary[name]["peak_kw"])
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
