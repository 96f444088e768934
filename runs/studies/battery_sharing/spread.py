"""Parts of the study of shared batteries that ask where: spreads, closing days, two prices."""

import numpy as np

from hmesh.markets.battery_exchange import LINE_LOSS_RATE
from hmesh.markets.capacity_allocation import exchanged_kwh, least_exchange
from hmesh.markets.closing_days import closing_day_loss_kwh, given_away_share
from hmesh.markets.genetic_sizing import genetic_minimum
from hmesh.markets.load_levelling import answer_to_prices
from hmesh.runs.studies.battery_sharing.building_year import BatteryStudy
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection

SCENARIOS = {
    "a": "a: least exchange (linear programme)",
    "b": "b: by mean load",
    "c": "c: equal",
}
GENETIC_DAYS = 2
CLOSED = {0: "never closed", 1: "closed one day", 2: "closed two days"}


def scenarios(study: BatteryStudy) -> ReportSection:
    """Return what is lost by exchange for each way to spread the capacity."""
    discharge = study.full_discharge
    given = float(discharge.total_kwh.sum())
    rows: list[tuple[Cell, ...]] = []
    for name, label in SCENARIOS.items():
        least, alike = (study.exchanged_kwh(name, alike=both) for both in (False, True))
        share = 100 * least / given
        rows.append((label, LINE_LOSS_RATE * least, LINE_LOSS_RATE * alike, share))
    found = study.allocation
    genetic = _genetic(study)
    text = (
        f"Lost on lines in a year [kWh], of {given:,.0f} kWh that batteries give. The programme "
        f"was solved for {len(found.days)} days in {found.rounds} rounds; no capacities exchange "
        f"less than {found.bound_kwh:,.1f} kWh in the year, these {found.exchanged_kwh:,.1f}. The "
        "source says 0 (a), 333,697 (b) and more (c).",
        f"The published genetic algorithm, on the {GENETIC_DAYS} hardest days: {genetic[0]:,.0f} "
        f"kWh exchanged; {genetic[1]:,.0f} by the programme on the same days, {genetic[2]:,.0f} by "
        "mean load. The source also calls the problem nonlinear. It is a linear programme: rating "
        "and usable energy are proportional to the capacity.",
    )
    columns = (
        Column("capacity spread"), Column("lost, least exchange", ",.1f"),
        Column("lost, one schedule for all", ",.1f"), Column("exchanged [% of discharge]", ".2f"),
    )  # fmt: skip
    title = "Where batteries stand: energy lost by exchange"
    bars = Bars(
        "capacity spread", ("lost, least exchange", "lost, one schedule for all"), "lost [kWh/year]"
    )
    return ReportSection("scenarios", title, columns, tuple(rows), text, bars)


def _genetic(study: BatteryStudy) -> tuple[float, float, float]:
    """Return what is exchanged on hard days: by genetic algorithm, by programme, by mean load."""
    whole, total = study.full_discharge, study.design("full").shared_kwh
    by_load = study.spread_kwh("b")
    alike = (by_load / total)[:, None, None] * whole.total_kwh
    away = exchanged_kwh(alike, whole.load_kwh)
    few = whole.on(np.argsort(-away, kind="stable")[:GENETIC_DAYS])

    def exchanged(shares: np.ndarray) -> np.ndarray:
        capacities = total * shares / shares.sum(axis=1, keepdims=True)
        each = (least_exchange(few, capacity) for capacity in capacities)
        return np.array([exchanged_kwh(given, few.load_kwh).sum() for given in each])

    count = len(by_load)
    _, best = genetic_minimum(
        exchanged, np.full(count, 1e-3), np.ones(count), seed=1, generations=15
    )
    ours = exchanged(np.maximum(study.allocation.capacity_kwh, 1e-9)[None])[0]
    return best, float(ours), float(exchanged(by_load[None])[0])


def capacities(study: BatteryStudy) -> ReportSection:
    """Return the capacity of every building beside the lowest consumption of its days."""
    year, found = study.year, study.allocation.capacity_kwh
    lowest = study.full_discharge.load_kwh.sum(axis=2).min(axis=1)
    closed = year.closed.sum(axis=1)
    rows = tuple(
        (
            name, int(closed[k]), float(lowest[k]), float(study.rule_kwh[k]), float(found[k]),
            float(study.design("full").own_kwh[k]),
        )
        for k, name in enumerate(year.names)
    )  # fmt: skip
    correlation = float(np.corrcoef(found, study.rule_kwh)[0, 1])
    text = (
        f"The capacities of least exchange and the rule correlate by {correlation:.2f}; all "
        f"together they are {found.sum():,.0f} kWh, and the rule allows "
        f"{study.rule_kwh.sum():,.0f}. The source finds that the best capacity is the lowest "
        "daytime consumption; a capacity is compared with what it gives at the plug, so depth of "
        "discharge and efficiency belong between them, and the power within which it gives.",
    )
    columns = (
        Column("building"), Column("closed days"), Column("lowest use, 8-22 h [kWh]", ",.0f"),
        Column("rule [kWh]", ",.0f"), Column("shared [kWh]", ",.0f"),
        Column("alone [kWh]", ",.0f"),
    )  # fmt: skip
    title = "Capacity and lowest daytime consumption of every building"
    return ReportSection("capacities", title, columns, rows, text)


def closing_shares(study: BatteryStudy) -> dict[int, float]:
    """Return the share of their discharge that buildings give away, by their closing days."""
    year = study.year
    size, share = given_away_share(study.full_discharge, year.open_days)
    count = year.closed.sum(axis=1)
    shares = {}
    for days in CLOSED:
        rows = (count == days) & (size > 0)
        if rows.any():
            shares[days] = float((share[rows].mean(axis=1) * size[rows]).sum() / size[rows].sum())
    return shares


def closing_days(study: BatteryStudy) -> ReportSection:
    """Return what is given away by buildings that are closed on none, one or two days."""
    year, shares = study.year, closing_shares(study)
    size, share = given_away_share(study.full_discharge, year.open_days)
    count = year.closed.sum(axis=1)
    weekday = year.weekday
    rows: list[tuple[Cell, ...]] = []
    for days, label in CLOSED.items():
        chosen = (count == days) & (size > 0)
        if not chosen.any():
            continue
        by_day = [100 * float(share[np.ix_(chosen, weekday == day)].mean()) for day in (2, 5, 6)]
        bound = closing_day_loss_kwh(days, 1.0, study.equipment, LINE_LOSS_RATE)
        lost_kwh = LINE_LOSS_RATE * shares[days] * float(np.asarray(study.equipment.given_kwh(1.0)))
        rows.append((label, int(chosen.sum()), *by_day, 100 * shares[days], 365 * lost_kwh, bound))
    text = (
        "Each battery as large as its building can use on the days on which none is closed. Given "
        "away [% of the discharge] on Wednesdays, Saturdays, Sundays and in all; lost on lines in "
        "a year per kWh of capacity, and what would be lost if closed buildings used nothing at "
        "all. Two closing days give away twice what one does; what rises by 1/7 = 14.3 points is "
        "the share of days.",
    )
    columns = (
        Column("buildings"), Column("number"), Column("Wed", ".1f"), Column("Sat", ".1f"),
        Column("Sun", ".1f"), Column("all days", ".1f"), Column("lost per kWh", ".2f"),
        Column("lost at most", ".2f"),
    )  # fmt: skip
    return ReportSection("closing_days", "Closing days", columns, tuple(rows), text)


def emergent(study: BatteryStudy) -> ReportSection:
    """Let every battery answer two prices alone, and compare their sum with the schedule."""
    rows: list[tuple[Cell, ...]] = []
    total, windows = study.year.total_kwh, study.windows
    for cycle in ("full", "free"):
        capacity = study.spread_kwh("b")
        schedule = study.schedule(cycle, float(capacity.sum()))
        share = (capacity / capacity.sum())[:, None]
        rated = (study.equipment.power_per_capacity * windows.step_h * capacity)[:, None]
        answers = np.stack(
            [
                answer_to_prices(
                    total[:, hour], schedule.valley_kwh, schedule.peak_kwh, share, rated,
                    bool(windows.charge[hour]), bool(windows.discharge[hour]),
                ).sum(axis=0)
                for hour in range(total.shape[1])
            ],
            axis=1,
        )  # fmt: skip
        off = float(np.abs(answers - schedule.exchange_kwh).max())
        spread = float((schedule.peak_kwh - schedule.valley_kwh).mean())
        rows.append((cycle, float(schedule.valley_kwh.mean()), float(schedule.peak_kwh.mean()),
                     spread, off))  # fmt: skip
    text = (
        "A coordinator sends the batteries two numbers a day and nothing else: the load up to "
        "which charging pays, and that down to which discharging does. Each answers with its own "
        "share of what lies between them and the metered load; the answers of "
        f"{len(study.year.names)} batteries in {total.size:,} hours add up to the optimum.",
    )
    columns = (
        Column("cycle"), Column("mean valley price [kWh]", ",.0f"),
        Column("mean peak price [kWh]", ",.0f"), Column("spread [kWh]", ",.0f"),
        Column("largest difference from the optimum [kWh]", ".1e"),
    )  # fmt: skip
    return ReportSection(
        "emergent", "Two prices in place of a schedule", columns, tuple(rows), text
    )
