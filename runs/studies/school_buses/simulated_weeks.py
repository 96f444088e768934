"""A week of the study of school buses with every battery: what its accounting leaves out."""

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.studies.changes import study_scenario
from hmesh.runs.studies.school_buses.school_day import SEASONS, season_load
from hmesh.runs.studies.study_report import Cell, Column, ReportSection
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

# A week of school in each season, Monday to the Saturday morning on which the last night ends.
STARTS = {"winter": "2023-01-23", "spring": "2023-04-17", "fall": "2023-10-16"}
HOURS = 126
DAYS = len(range(0, HOURS - 24, 24)) + 1
NAMES = {
    "valley_charging": "G2V",
    "centralised": "CEN",
    "optimal_energy_price": "OEP",
}


type Weeks = dict[tuple[str, bool], dict[str, dict[str, Any]]]


def weeks(tick: Callable[[], None] = lambda: None) -> Weeks:
    """Return the summaries of every strategy by season and by whether a reserve is kept."""
    found: Weeks = {}
    with tempfile.TemporaryDirectory() as folder:
        for reserve in (False, True):
            for season in SEASONS:
                found[season, reserve] = _week(Path(folder), season, reserve=reserve)
            tick()
    return found


def simulated(found: Weeks) -> ReportSection:
    """Return what the weeks amount to where nothing is forgotten, with and without a reserve."""
    rows = [
        row for (season, reserve), week in found.items() for row in _rows(week, season, reserve)
    ]
    columns = (
        Column("strategy and season"),
        Column("reserve kept"),
        Column("cost cut [%]", ".2f"),
        Column("with incentives [%]", ".2f"),
        Column("bill cut [%]", ".2f"),
        Column("PAR cut [%]", ".2f"),
        Column("sold [MWh/day]", ".2f"),
        Column("unmet rounds", "d"),
        Column("unmet [MWh/day]", ".2f"),
    )
    sold = [row for row in rows if row[1] is True]
    text = (
        "Five school days of each season's demand, simulated with every bus and battery: energy "
        "sold is bought back in the nights, the afternoon round needs its 70 kWh, and a round that "
        "a battery cannot finish is unmet. Reductions are against charging after use.",
        f"Two rounds take 140 kWh, exactly what 200 kWh batteries hold between 20 and 90 %. With "
        f"the energy of the next round kept back at most "
        f"{max(float(str(row[6])) for row in sold):.2f} MWh a day are left to sell; without, what "
        "is sold in the morning is missing in the afternoon, and after the second round nothing "
        "is left for an evening peak.",
    )
    title = "The same weeks simulated with every battery, with nothing forgotten"
    return ReportSection("simulated", title, columns, tuple(rows), text)


def _week(folder: Path, season: str, *, reserve: bool) -> dict[str, dict[str, Any]]:
    """Return the summary of a season's week under every strategy."""
    scenario = week_scenario(folder, season, reserve=reserve)
    setting = make_setting(scenario)
    summaries: dict[str, dict[str, Any]] = {}
    for strategy in scenario.strategies:
        simulation = Simulation(setting, strategy)
        for _ in range(scenario.steps):
            simulation.step()
        summaries[strategy] = simulation.summary()
    return summaries


def _rows(
    summaries: dict[str, dict[str, Any]], season: str, reserve: bool
) -> list[tuple[Cell, ...]]:
    """Return the rows of a season: reductions against charging after use."""
    return [
        (
            f"{short} {season}",
            reserve,
            cut_of(summaries, strategy, "generation_cost"),
            cut_of(summaries, strategy, "generation_cost", "school_income"),
            cut_of(summaries, strategy, "school_bill"),
            cut_of(summaries, strategy, "par"),
            sold_mwh(summaries, strategy),
            int(summaries[strategy]["counts"]["unmet_rounds"]),
            float(summaries[strategy]["school_unmet_kwh"]) / 1e3 / DAYS,
        )
        for strategy, short in NAMES.items()
    ]


def cut_of(summaries: dict[str, dict[str, Any]], strategy: str, name: str, *more: str) -> float:
    """Return by how much less a strategy has of something than charging after use has [%].

    Parameters
    ----------
    summaries : dict of dict
        Summaries of a week by strategy.
    strategy, name : str
        The strategy, and the figure of the summary.
    more : str
        Figures that are added to that of the strategy alone.
    """
    summary, reference = summaries[strategy], float(summaries["charge_after_use"][name])
    return 100.0 * (1.0 - sum(float(summary[each]) for each in (name, *more)) / reference)


def sold_mwh(summaries: dict[str, dict[str, Any]], strategy: str) -> float:
    """Return what schools sell on a day of a week [MWh]."""
    return float(summaries[strategy]["school_sold_kwh"]) / 1e3 / DAYS


def week_scenario(folder: Path, season: str, *, reserve: bool) -> Scenario:
    """Return the scenario of a school week with a season's demand, whose file lies in a folder."""
    file = folder / f"{season}.csv"
    start = datetime.fromisoformat(STARTS[season])
    load = season_load(season)
    lines = ["time,member,load_kwh"]
    lines += [
        f"{(start + timedelta(hours=hour)).isoformat()},system,{float(load[hour % 24])!r}"
        for hour in range(HOURS)
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    changes = [
        f"start='{STARTS[season]}T00:00'",
        f"hours={HOURS}",
        "game.solver=exact",
        f"school_buses.reserve={str(reserve).lower()}",
        f"communities.rochester.members=[{{kind: building, name: system, file: {file}}}]",
    ]
    return study_scenario("school-buses", *changes)
