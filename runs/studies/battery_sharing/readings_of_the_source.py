"""Readings of the source's standard deviation and windows, over the days that each one chooses.

Eq. (10) calls its t "a time period for 1 day", and section 4.3 discharges from 10 to 20 h. So the
deviation may be that within days, and of some days only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.battery_sizing import Measure
from hmesh.markets.load_deviation import load_deviation
from hmesh.markets.load_levelling import Cycle, Equipment, Windows
from hmesh.runs.studies.battery_sharing.building_year import (
    HOURS,
    SATURDAY,
    BatteryStudy,
    BuildingYear,
)
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_report import Cell, Column, ReportSection
from hmesh.runs.studies.verdicts import agrees

CAPACITY, DEVIATION, SAVED = (
    "aggregate battery capacity", "load standard deviation", "capacity reduction",
)  # fmt: skip
# "Reduced by more than half" to 4,113 kWh and less: above this without batteries [kWh].
LEAST_BEFORE = 8226.0
LOSSY = Equipment()
LOSSLESS = Equipment(charge_efficiency=1.0, discharge_efficiency=1.0)
PRINTED_WINDOW = (10.0, 20.0)
WINDOW = (8.0, 22.0)


@dataclass(frozen=True, slots=True)
class SourceReading:
    """A way to read what batteries are sized for.

    Attributes
    ----------
    days, cycle, measure : str
        Days over which the deviation is taken, how batteries cycle, and the deviation itself.
    window : (float, float)
        Clock hours of discharging [h].
    equipment : Equipment
        What comes with a kWh of capacity.
    """

    days: str
    cycle: Cycle
    measure: Measure
    window: tuple[float, float] = WINDOW
    equipment: Equipment = LOSSY

    @property
    def name(self) -> str:
        """What it is, in words."""
        first, last = self.window
        measure = "year" if self.measure == "annual" else "within days"
        lossless = ", lossless" if self.equipment == LOSSLESS else ""
        return f"{self.days}, {self.cycle}, {measure}, {first:g}-{last:g} h{lossless}"


READINGS = (
    SourceReading("all days", "full", "annual"),
    SourceReading("all days", "free", "annual"),
    SourceReading("all days", "free", "daily_rms"),
    SourceReading("weekdays", "free", "daily_rms", PRINTED_WINDOW),
    SourceReading("June to August", "free", "daily_rms"),
    SourceReading("June to August", "free", "daily_rms", equipment=LOSSLESS),
    SourceReading("June to August", "free", "daily_rms", PRINTED_WINDOW),
    SourceReading("weekdays June to August", "free", "daily_rms"),
    SourceReading("weekdays June to August", "free", "daily_rms", PRINTED_WINDOW),
    SourceReading("weekdays June to August", "full", "daily_rms", PRINTED_WINDOW),
    SourceReading("hottest day", "free", "daily_rms", PRINTED_WINDOW),
)


def chosen_days(year: BuildingYear, name: str) -> NDArray[np.bool_]:
    """Return the days of a name, shape (days,)."""
    weekdays = year.weekday < SATURDAY
    summer = year.months(6, 7, 8)
    return {
        "all days": np.ones(len(year.dates), dtype=np.bool_),
        "weekdays": weekdays,
        "June to August": summer,
        "weekdays June to August": weekdays & summer,
        "hottest day": year.hottest,
    }[name]


def found_by(
    reading: SourceReading, year: BuildingYear
) -> tuple[float, dict[tuple[str, str], float]]:
    """Return the deviation without batteries [kWh], and what a reading amounts to by figure."""
    clock = np.arange(float(HOURS))
    windows = Windows.of_clock(clock, (0.0, 8.0), reading.window)
    some = year.on(chosen_days(year, reading.days), reading.days)
    design = BatteryStudy(some, reading.equipment, windows).design(reading.cycle, reading.measure)

    def deviation(net_kwh: FloatArray) -> float:
        found = load_deviation(net_kwh)
        return found.annual_kwh if reading.measure == "annual" else found.daily_rms_kwh

    return deviation(some.total_kwh), {
        ("shared", CAPACITY): design.shared_kwh,
        ("individual", CAPACITY): float(design.own_kwh.sum()),
        ("shared vs individual", SAVED): 100.0 * design.saved,
        ("shared", DEVIATION): deviation(design.shared_net_kwh),
        ("individual", DEVIATION): deviation(design.own_net_kwh),
    }


def readings(figures: tuple[PublishedFigure, ...], year: BuildingYear) -> ReportSection:
    """Return what each reading amounts to, and which cells it gives."""
    published = {(f.item, f.metric): f for f in figures}
    keys = list(found_by_keys())
    rows: list[tuple[Cell, ...]] = [
        ("published", LEAST_BEFORE, *(published[key].value for key in keys), "")
    ]
    given: dict[tuple[str, str], list[str]] = {key: [] for key in keys}
    for reading in READINGS:
        before, found = found_by(reading, year)
        fine = [key for key in keys if agrees(published[key], found[key])]
        for key in fine:
            given[key].append(reading.name)
        wording = ", ".join(f"{metric.split()[-1]} {item}" for item, metric in fine) or "none"
        rows.append((reading.name, before, *(found[key] for key in keys), wording))
    columns = (
        Column("reading"), Column("LSD without", ",.0f"), Column("shared [kWh]", ",.0f"),
        Column("alone [kWh]", ",.0f"), Column("saved [%]", ".1f"), Column("LSD shared", ",.0f"),
        Column("LSD alone", ",.0f"), Column("agrees"),
    )  # fmt: skip
    everything = [row for row in rows[1:] if str(row[-1]).count(",") == len(keys) - 1]
    text = (
        "LSD: standard deviation of the load [kWh], over the year or within days, of the days "
        "named; the published one without batteries is above the value given. Readings of "
        "eq. (10), whose t is 'a time period for 1 day', and of the window of section 4.3, 10 to "
        "20 h; section 4.6 has 10 to 22 h.",
        "Readings by figure: "
        + "; ".join(
            f"{item} {metric}: {' and '.join(names) if names else 'none'}"
            for (item, metric), names in given.items()
        )
        + ".",
        "One reading gives all of them."
        if everything
        else "No single reading gives all of them on these loads, which are not those of the "
        "source.",
    )
    return ReportSection("readings", "Which reading gives which figure", columns, tuple(rows), text)


def found_by_keys() -> tuple[tuple[str, str], ...]:
    """Return the figures that a reading amounts to, by item and metric."""
    return (
        ("shared", CAPACITY), ("individual", CAPACITY), ("shared vs individual", SAVED),
        ("shared", DEVIATION), ("individual", DEVIATION),
    )  # fmt: skip
