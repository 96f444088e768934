"""A year of buildings and the batteries that level it: everything the study of sharing asks."""

from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.commercial_buildings import CommercialBuildings
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.streams import Streams
from hmesh.markets.battery_sizing import Measure, Sizing
from hmesh.markets.capacity_allocation import (
    Allocation,
    SharedDischarge,
    allocate_capacity,
    capacity_rule_kwh,
    exchanged_kwh,
    least_exchange,
)
from hmesh.markets.load_deviation import LoadDeviation, load_deviation
from hmesh.markets.load_levelling import Cycle, Equipment, Levelling, Windows, level_load
from hmesh.runs.schemes.battery_sharing.setting import hardest_days
from hmesh.runs.world.dataset_files import load_dataset

BUILDINGS = 39
START, TIME_ZONE, DAYS = "2013-04-01", "Asia/Tokyo", 365
HOURS = 24
SATURDAY, SUNDAY = 5, 6
# A weekday counts as closed that rises from night to day less than this share of the others.
CLOSED_BELOW = 0.25
# Of a capacity, as a share of the largest one of any use.
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class BuildingYear:
    """Loads of buildings over the days of a year, by the clock.

    Attributes
    ----------
    name : str
        What they are.
    names : tuple of str
        Names of the buildings.
    load_kwh : array, shape (buildings, days, 24)
        Load of every hour [kWh].
    dates : tuple of date
        The days.
    closed : array of bool, shape (buildings, 7)
        Weekdays on which each is closed, from Monday.
    filled_share : float
        Share of the hours whose load was missing and was filled [-].
    """

    name: str
    names: tuple[str, ...]
    load_kwh: FloatArray
    dates: tuple[date, ...]
    closed: NDArray[np.bool_]
    filled_share: float = 0.0

    @property
    def total_kwh(self) -> FloatArray:
        """Load of all buildings together [kWh], shape (days, 24)."""
        return np.asarray(self.load_kwh.sum(axis=0))

    @property
    def weekday(self) -> NDArray[np.intp]:
        """Weekday of every day, 0 on Mondays, shape (days,)."""
        return np.array([day.weekday() for day in self.dates], dtype=np.intp)

    def months(self, *wanted: int) -> NDArray[np.bool_]:
        """Return which days lie in some months, shape (days,)."""
        return np.array([day.month in wanted for day in self.dates])

    def on(self, days: NDArray[np.bool_], name: str) -> "BuildingYear":
        """Return some of its days under a name of their own."""
        dates = tuple(day for day, chosen in zip(self.dates, days.tolist(), strict=True) if chosen)
        return replace(self, name=name, load_kwh=self.load_kwh[:, days], dates=dates)

    @property
    def hottest(self) -> NDArray[np.bool_]:
        """The one day with the highest hour, shape (days,)."""
        chosen = np.zeros(len(self.dates), dtype=np.bool_)
        chosen[int(self.total_kwh.max(axis=1).argmax())] = True
        return chosen

    @property
    def open_days(self) -> NDArray[np.bool_]:
        """Days on which no building is closed, shape (days,)."""
        return np.asarray(~self.closed[:, self.weekday].any(axis=0))


def synthetic_year(seed: int = 1) -> BuildingYear:
    """Return the year of the built-in scenario."""
    calendar = Calendar(START, TIME_ZONE)
    buildings = CommercialBuildings(calendar, Streams(seed), BUILDINGS)
    load = np.stack([buildings.load_kwh(step) for step in range(DAYS * HOURS)], axis=1)
    closed = np.zeros((BUILDINGS, 7), dtype=np.bool_)
    closed[:, SATURDAY] = [days == "weekend" for days in buildings.closed]
    closed[:, SUNDAY] = [days != "none" for days in buildings.closed]
    names = tuple(f"B{row + 1} {profile}" for row, profile in enumerate(buildings.profile))
    return BuildingYear(
        f"{BUILDINGS} synthetic buildings", names, load.reshape(BUILDINGS, DAYS, HOURS),
        _dates(calendar, DAYS), closed,
    )  # fmt: skip


def measured_year(folder: Path) -> BuildingYear:
    """Return the buildings of a dataset, by its local clock and on whole days.

    An hour that the clocks skip gets the load of the hour before, and one that they show twice
    the mean of both.

    Raises
    ------
    InputError
        If it cannot be read, has no hourly loads, fewer than two buildings to share anything, or
        fewer than a week of whole days.
    """
    dataset = load_dataset(folder, ("members", "profiles"))
    given = dataset.description
    begin, end = (time.astimezone(UTC) for time in given.period())
    local = begin.astimezone(given.zone)
    holidays = given.holidays
    calendar = Calendar(
        local.replace(tzinfo=None, fold=0), given.time_zone, 1.0,
        holidays.country if holidays else None, holidays.subdivision if holidays else None,
    )  # fmt: skip
    steps = int((end - begin) / timedelta(hours=1))
    table = dataset.loads(calendar, steps)
    if len(table.members) < 2:
        message = f"holds {len(table.members)} building, which shares with nobody"
        raise InputError([Problem(str(folder), message, "at least two buildings")])
    clock = np.array([int(calendar.hour_of_day(step)) for step in range(steps)])
    day = calendar.days_of(0, steps)
    days = int(day[-1]) + 1
    place = day * HOURS + clock
    shown = np.bincount(place, minlength=days * HOURS)
    sums = np.stack([np.bincount(place, load, days * HOURS) for load in table.load_kwh.T])
    skipped = np.flatnonzero(shown == 0)
    load = sums / np.maximum(shown, 1)
    by_day = shown.reshape(days, HOURS)
    whole = (by_day > 0).sum(axis=1) >= HOURS - 1
    inside = skipped[whole[skipped // HOURS] & (skipped > 0)]
    load[:, inside] = load[:, inside - 1]
    load = load.reshape(-1, days, HOURS)[:, whole]
    if whole.sum() < 7:
        message = f"holds {int(whole.sum())} whole days"
        raise InputError([Problem(str(folder), message, "at least a week, better a year")])
    dates = tuple(np.array(_dates(calendar, days), dtype=np.object_)[whole].tolist())
    holiday = np.array([calendar.is_holiday(each) for each in dates])
    closed = closed_weekdays(load, np.array([each.weekday() for each in dates]), holiday)
    filled = float(np.mean(list(dataset.filled_share().values())))
    return BuildingYear(f"buildings of {given.name}", table.members, load, dates, closed, filled)


def measured_study(folder: Path) -> "BatteryStudy":
    """Return the study of the buildings of a dataset.

    Raises
    ------
    InputError
        If `measured_year` cannot read it, or no battery levels its loads.
    """
    study = BatteryStudy(measured_year(folder))
    if study.design("full").shared_kwh == 0:
        message = (
            "no battery that charges by night and discharges by day makes these loads more even: "
            "they are flat, or higher by night"
        )
        raise InputError([Problem(str(folder), message, "loads that are higher by day")])
    return study


def _dates(calendar: Calendar, days: int) -> tuple[date, ...]:
    return tuple(calendar.start.date() + timedelta(days=day) for day in range(days))


def closed_weekdays(
    load_kwh: FloatArray, weekday: NDArray[np.intp], holiday: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return on which weekdays buildings are closed, stated by their meters.

    A weekday's uplift is the median, over its days but holidays, of the mean load from 9 to 17
    less that from 1 to 5. It is closed where that is below a quarter of that of Monday to Friday.
    Buildings that do not rise by a tenth of their mean by day are never closed.

    Parameters
    ----------
    load_kwh : array, shape (buildings, days, 24)
        Loads [kWh].
    weekday, holiday : array, shape (days,)
        Weekday of each day, 0 on Mondays, and whether it is a public holiday.

    Returns
    -------
    array of bool, shape (buildings, 7)
        Whether each is closed, from Monday.
    """
    uplift = load_kwh[:, :, 9:17].mean(axis=2) - load_kwh[:, :, 1:5].mean(axis=2)
    working = np.median(uplift[:, (weekday < SATURDAY) & ~holiday], axis=1)
    each = np.stack(
        [np.median(uplift[:, (weekday == day) & ~holiday], axis=1) for day in range(7)], axis=1
    )
    swings = working > 0.1 * load_kwh.mean(axis=(1, 2))
    activity = np.divide(each, working[:, None], out=np.ones_like(each), where=swings[:, None])
    return np.asarray(activity < CLOSED_BELOW)


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Batteries sized for a common load, and for each load alone.

    Attributes
    ----------
    cycle, measure : str
        What they were sized for.
    shared_kwh : float
        Capacity of the common battery [kWh].
    own_kwh : array, shape (buildings,)
        Capacity of each building's own [kWh].
    shared_net_kwh, own_net_kwh : array, shape (days, 24)
        Common load with either [kWh].
    """

    cycle: Cycle
    measure: Measure
    shared_kwh: float
    own_kwh: FloatArray
    shared_net_kwh: FloatArray
    own_net_kwh: FloatArray

    @property
    def saved(self) -> float:
        """By how much sharing lowers the capacity [-]."""
        return 1.0 - self.shared_kwh / float(self.own_kwh.sum())

    @property
    def shared(self) -> LoadDeviation:
        """How uneven the load is with the common battery."""
        return load_deviation(self.shared_net_kwh)

    @property
    def own(self) -> LoadDeviation:
        """How uneven it is with each building's own."""
        return load_deviation(self.own_net_kwh)


class BatteryStudy:
    """What batteries do for a year of buildings.

    Parameters
    ----------
    year : BuildingYear
        The buildings.
    equipment : Equipment, optional
        What comes with every kWh of capacity.
    windows : Windows, optional
        When batteries charge and discharge.
    """

    def __init__(
        self,
        year: BuildingYear,
        equipment: Equipment | None = None,
        windows: Windows | None = None,
    ) -> None:
        self.year = year
        self.equipment = equipment or Equipment()
        self.windows = windows or Windows.of_clock(np.arange(float(HOURS)))
        self._designs: dict[tuple[str, str], Design] = {}
        self._exchanged: dict[tuple[str, bool], float] = {}

    def sizing(self, cycle: Cycle, measure: Measure = "annual", *, exports: bool = True) -> Sizing:
        """Return what a battery is sized for."""
        return Sizing(self.equipment, self.windows, cycle, measure, exports)

    def design(self, cycle: Cycle, measure: Measure = "annual") -> Design:
        """Size the common battery and each building's own."""
        if (cycle, measure) not in self._designs:
            alone = self.sizing(cycle, measure, exports=False)
            shared = self.shared_capacity_kwh(cycle, measure)
            own = alone.best_capacity_kwh(self.year.load_kwh, TOLERANCE)
            self._designs[cycle, measure] = Design(
                cycle, measure, shared, own,
                self.year.total_kwh + self.schedule(cycle, shared).exchange_kwh,
                np.asarray(alone.levelled_kwh(self.year.load_kwh, own).sum(axis=0)),
            )  # fmt: skip
        return self._designs[cycle, measure]

    def shared_capacity_kwh(self, cycle: Cycle, measure: Measure = "annual") -> float:
        """Return the best capacity for the common load [kWh]."""
        sizing = self.sizing(cycle, measure)
        return float(sizing.best_capacity_kwh(self.year.total_kwh[None], TOLERANCE)[0])

    def schedule(self, cycle: Cycle, capacity_kwh: float) -> Levelling:
        """Return what a common battery does."""
        total = self.year.total_kwh
        return level_load(total, capacity_kwh, self.equipment, self.windows, cycle)

    def discharge(self, cycle: Cycle, capacity_kwh: float) -> SharedDischarge:
        """Return what batteries give together, and what buildings use meanwhile."""
        inside = self.windows.discharge
        schedule = self.schedule(cycle, capacity_kwh)
        return SharedDischarge(
            np.maximum(self.year.load_kwh[:, :, inside], 0.0),
            schedule.discharge_kwh[:, inside],
            self.equipment,
            self.windows.step_h,
        )

    @cached_property
    def full_discharge(self) -> SharedDischarge:
        """What batteries of the best capacity give together in full cycles."""
        return self.discharge("full", self.design("full").shared_kwh)

    @cached_property
    def allocation(self) -> Allocation:
        """The capacities of full cycles with which least is exchanged."""
        discharge = self.full_discharge
        return allocate_capacity(discharge, self.design("full").shared_kwh, hardest_days(discharge))

    @cached_property
    def rule_kwh(self) -> FloatArray:
        """The largest capacities with which no building ever gives anything away [kWh]."""
        return capacity_rule_kwh(self.full_discharge)

    def spread_kwh(self, scenario: str) -> FloatArray:
        """Return the capacities of scenario a (least exchange), b (mean load) or c (equal)."""
        if scenario == "a":
            return self.allocation.capacity_kwh
        total = self.design("full").shared_kwh
        mean = self.year.load_kwh.mean(axis=(1, 2))
        share = mean / mean.sum() if scenario == "b" else np.full(len(mean), 1.0 / len(mean))
        return total * share

    def exchanged_kwh(self, scenario: str, *, alike: bool = False) -> float:
        """Return what leaves batteries for other buildings in the year [kWh].

        Parameters
        ----------
        scenario : str
            How the capacity is spread: a, b or c.
        alike : bool
            Whether all batteries follow one schedule, or each one with least exchange.
        """
        if (scenario, alike) not in self._exchanged:
            given = self._given_kwh(scenario, alike)
            away = exchanged_kwh(given, self.full_discharge.load_kwh)
            self._exchanged[scenario, alike] = float(away.sum())
        return self._exchanged[scenario, alike]

    def _given_kwh(self, scenario: str, alike: bool) -> FloatArray:
        """Return what every battery gives, shape (buildings, days, steps) [kWh]."""
        discharge, capacity = self.full_discharge, self.spread_kwh(scenario)
        if alike:
            return np.asarray((capacity / capacity.sum())[:, None, None] * discharge.total_kwh)
        return self.allocation.given_kwh if scenario == "a" else least_exchange(discharge, capacity)
