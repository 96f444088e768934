"""Parts of the study of shared batteries that ask how large: curve, days, searches, worth."""

from dataclasses import replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams
from hmesh.markets.battery_sizing import range_of_deviation_kwh
from hmesh.markets.genetic_sizing import genetic_minimum
from hmesh.markets.golden_section import golden_section
from hmesh.markets.load_deviation import load_deviation
from hmesh.markets.load_levelling import Equipment, Windows
from hmesh.markets.particle_swarm import Swarm, pymoo_swarm
from hmesh.markets.present_value import annuity_factor, break_even_income, net_present_value
from hmesh.markets.representative_days import representative_days
from hmesh.markets.taut_string import most_level_load
from hmesh.runs.studies.battery_sharing.building_year import (
    HOURS,
    TOLERANCE,
    BatteryStudy,
    synthetic_year,
)
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection

MULTIPLES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
CLUSTERS = (1, 2, 3, 4, 6, 8, 12)
# The purchase and the years that the source takes, and a Japanese tariff as an example.
PRICE_PER_KWH, INTEREST, YEARS = 25_000.0, 0.045, 15.0
DAY_PRICE, NIGHT_PRICE = 25.15, 10.29
SEEDS = (0, 2, 3)


def curve(study: BatteryStudy, name: str = "curve") -> ReportSection:
    """Return the deviation of the load against the capacity, in both cycling modes."""
    best = study.design("full").shared_kwh
    capacity = best * np.array(MULTIPLES)
    by_day = study.year.total_kwh
    total = np.repeat(by_day[None], len(capacity), axis=0)
    found = [
        study.sizing(cycle, measure).deviation_kwh(total, capacity)
        for cycle in ("full", "free")
        for measure in ("annual", "daily_rms")
    ]
    usable = study.equipment.depth_of_discharge * capacity
    found += [
        np.array([most_level_load(by_day.reshape(1, -1), size).std() for size in usable]),
        np.array([load_deviation(most_level_load(by_day, size)).daily_rms_kwh for size in usable]),
    ]
    names = (
        "full, year", "full, days", "free, year", "free, days",
        "no limits, year", "no limits, days",
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (f"{multiple:g}", float(size), *(float(each[k]) for each in found))
        for k, (multiple, size) in enumerate(zip(MULTIPLES, capacity, strict=True))
    ]
    rises = 100.0 * (float(found[2][-1] / found[2].min()) - 1.0)
    text = (
        "Deviation [kWh] with a common battery of some times the best capacity of full cycles. "
        "Where every day must take the whole battery, too large a one makes the load uneven again: "
        "the published U-shape. A battery that may rest can do all that a smaller one does, so "
        "within days its curve never rises; that of the year, whose days are levelled each for "
        f"itself, ends {rises:.2f} % above its lowest point. The source asks for the best "
        "operation and still finds the U-shape, which cannot both be.",
        "No limits: the least deviation that a store of the same usable size could bring about "
        "without losses, limits of power and windows, over the whole year and within days.",
    )
    columns = (
        Column("times the best"), Column("capacity [kWh]", ",.0f"),
        *(Column(each, ",.0f") for each in names),
    )  # fmt: skip
    drawn = ("full, days", "free, days", "no limits, days", "full, year", "free, year")
    axis = "standard deviation of the load [kWh]"
    title = f"Deviation against capacity, {study.year.name}: U-shaped only with full cycles"
    bars = Bars("capacity [kWh]", drawn, axis, curves=True)
    return ReportSection(name, title, columns, tuple(rows), text, bars)


def representative(study: BatteryStudy) -> ReportSection:
    """Return what a few representative days cost in accuracy."""
    total = study.year.total_kwh
    sizing = study.sizing("full")
    every = study.design("full").shared_kwh
    least = float(sizing.deviation_kwh(total[None], np.array([every]))[0])
    rows: list[tuple[Cell, ...]] = []
    for clusters in CLUSTERS:
        days = representative_days(total, clusters, Streams(1).generator("representative days"))
        few = replace(sizing, weight=days.weight)
        size = few.best_capacity_kwh(days.load_kwh[None])
        real = float(sizing.deviation_kwh(total[None], size)[0])
        score = None if np.isnan(days.silhouette) else days.silhouette
        rows.append(
            (clusters, days.error_kwh, days.inertia / 1e9, score, float(size[0]), real / least - 1)
        )
    text = (
        f"Principal components that hold 95 % of the variance: {days.components}. The error is the "
        "root mean square difference of all hours of the year from the day that stands for them; "
        f"inertia and silhouette are the two ways to choose how many. Sized for all days: "
        f"{every:,.0f} kWh, deviation {least:,.1f} kWh; the last column states how much worse the "
        "year gets with the capacity found on few days.",
    )
    columns = (
        Column("representative days"), Column("error [kWh]", ",.0f"),
        Column("inertia [GWh^2]", ",.2f"), Column("silhouette", ".2f"),
        Column("best capacity [kWh]", ",.0f"), Column("worse by", ".1e"),
    )  # fmt: skip
    bars = Bars("representative days", ("error [kWh]",), "error of the year [kWh]", curves=True)
    title = "Representative days by principal components and K-means: the elbow of the error"
    return ReportSection("representative_days", title, columns, tuple(rows), text, bars)


def searches(study: BatteryStudy) -> ReportSection:
    """Set the published genetic algorithm, and a particle swarm, beside golden section."""
    total, sizing = study.year.total_kwh, study.sizing("full")
    tried = 0

    def deviation(points: FloatArray) -> FloatArray:
        nonlocal tried
        tried += len(points)
        return sizing.deviation_kwh(np.repeat(total[None], len(points), axis=0), points[:, 0])

    nothing, largest = np.zeros(1), sizing.largest_useful_kwh(total[None])
    golden = golden_section(lambda size: deviation(size[:, None]), nothing, largest, TOLERANCE)
    sizes_tried = tried
    rows: list[tuple[Cell, ...]] = [
        ("golden section", sizes_tried, float(golden[0]), float(deviation(golden[None])[0]))
    ]
    for seed in (1, 2):
        tried = 0
        size, least = genetic_minimum(deviation, nothing, largest, seed=seed)
        rows.append((f"genetic algorithm, seed {seed}", tried, float(size[0]), least))
        found = pymoo_swarm(deviation, nothing, largest, seed, Swarm(particles=20, iterations=19))
        rows.append(
            (f"particle swarm, seed {seed}", found.evaluations, float(found.point[0]), found.cost)
        )
    columns = (
        Column("search"), Column("sizes tried"), Column("capacity [kWh]", ",.1f"),
        Column("deviation [kWh]", ",.4f"),
    )  # fmt: skip
    text = (
        "The genetic algorithm keeps 20 sizes over 20 generations; the source's table of its "
        "parameters is lost. The swarm is that of pymoo. Both are random and can find nothing "
        "better than the lowest point of a curve with one valley, which golden section closes in "
        "on.",
    )
    return ReportSection("searches", "Three searches for the capacity", columns, tuple(rows), text)


def sensitivity() -> ReportSection:
    """Return what depends on assumptions that the source does not settle."""
    year = synthetic_year()
    clock = np.arange(float(HOURS))
    late = Windows.of_clock(clock, (0.0, 8.0), (10.0, 22.0))
    cases: list[tuple[str, BatteryStudy]] = [
        ("as above", BatteryStudy(year)),
        ("discharge 10 to 22 h", BatteryStudy(year, windows=late)),
        ("efficiency 0.95 each way", BatteryStudy(year, _efficient(0.95))),
        ("efficiency 0.85 each way", BatteryStudy(year, _efficient(0.85))),
        ("power 0.3 kW/kWh", BatteryStudy(year, Equipment(power_per_capacity=0.3))),
        *((f"seed {seed}", BatteryStudy(synthetic_year(seed))) for seed in SEEDS),
    ]
    rows: list[tuple[Cell, ...]] = []
    for name, study in cases:
        full, free = study.design("full"), study.design("free")
        rows.append(
            (
                name, full.shared_kwh, -100 * full.saved, -100 * free.saved,
                full.shared.annual_kwh, free.shared.annual_kwh, free.own.annual_kwh,
            )
        )  # fmt: skip
    columns = (
        Column("case"), Column("capacity, full [kWh]", ",.0f"),
        Column("saved, full [%]", "+.1f"), Column("saved, free [%]", "+.1f"),
        Column("LSD shared, full", ",.0f"), Column("LSD shared, free", ",.0f"),
        Column("LSD alone, free", ",.0f"),
    )  # fmt: skip
    text = ("Published: -13.2 %, and LSD [kWh] of 3,960 shared and 4,113 alone.",)
    return ReportSection("sensitivity", "What it depends on", columns, tuple(rows), text)


def _efficient(efficiency: float) -> Equipment:
    return Equipment(charge_efficiency=efficiency, discharge_efficiency=efficiency)


def worth(study: BatteryStudy) -> ReportSection:
    """Return the net present value of the shared batteries, and the store that has no limits."""
    design = study.design("full")
    schedule = study.schedule("full", design.shared_kwh)
    charged, given = schedule.charge_kwh.sum(), schedule.discharge_kwh.sum()
    income = DAY_PRICE * given - NIGHT_PRICE * charged
    investment = PRICE_PER_KWH * design.shared_kwh
    spread = break_even_income(PRICE_PER_KWH, INTEREST, YEARS) / (0.9 * 365)
    value = net_present_value(float(income), investment, INTEREST, YEARS)
    stored = float(schedule.stored_kwh.sum())
    rows: list[tuple[Cell, ...]] = [
        ("investment [M JPY]", investment / 1e6),
        ("income of a year [M JPY]", float(income) / 1e6),
        ("worth of 15 such incomes today [M JPY]", income * annuity_factor(INTEREST, YEARS) / 1e6),
        ("net present value [M JPY]", value / 1e6),
        ("spread earned [JPY/kWh stored]", float(income) / stored),
        ("spread that breaks even at a full cycle a day", spread),
        (
            "store that would make every day flat, without limits, shared [kWh]",
            float(range_of_deviation_kwh(study.year.total_kwh).max()),
        ),
        (
            "likewise, of each building alone [kWh]",
            float(range_of_deviation_kwh(study.year.load_kwh).max(axis=1).sum()),
        ),
    ]
    text = (
        f"25,000 JPY/kWh, 4.5 % interest, {YEARS:g} years; {DAY_PRICE} JPY/kWh by day and "
        f"{NIGHT_PRICE} by night are a tariff of Kyushu, taken as an example. The source's prices "
        "were lost with a table.",
    )
    columns = (Column("quantity"), Column("value", ",.2f"))
    return ReportSection("worth", "What the batteries are worth", columns, tuple(rows), text)
