"""The batteries of a scenario's buildings before anybody acts: how large each is, what is known."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.battery_coordinator import SharingRules
from hmesh.agents.building_battery import BuildingBattery
from hmesh.agents.consumer import Building
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.chance import growth_factor
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.last_digits import descending
from hmesh.environment.population import Population
from hmesh.markets.battery_sizing import Sizing
from hmesh.markets.capacity_allocation import SharedDischarge, allocate_capacity, capacity_rule_kwh
from hmesh.markets.load_levelling import Equipment, Windows, level_load
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.battery_sharing.records import shares
from hmesh.runs.schemes.battery_sharing.section import BatterySharing
from hmesh.runs.strategy_names import strategies_within
from hmesh.runs.world.members import Members
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.tariff import prices_of_economics

DAYS_SIZED_FOR = 365
_FULL_DAY_H = 24.0


class BuildingForecast:
    """What every building expects to use in each step of a day.

    It knows profiles, files and the growth of demand, and neither noise nor outages.

    Parameters
    ----------
    scenario : Scenario
        The scenario, with the growth of demand.
    calendar : Calendar
        From steps to dates and hours.
    members : Members
        Whose loads they are.
    """

    def __init__(self, scenario: Scenario, calendar: Calendar, members: Members) -> None:
        self._members, self._calendar = members, calendar
        self._growth = scenario.growth.demand_per_year.building
        self._days = calendar.days_of(0, scenario.steps)
        self._last: tuple[int, FloatArray] | None = None
        self._today = range(0)

    def day(self, step: int) -> range:
        """Return the steps of the run on the date of a step."""
        if step not in self._today:
            first, last = np.searchsorted(self._days, [self._days[step], self._days[step] + 1])
            self._today = range(int(first), int(last))
        return self._today

    def days(self) -> list[range]:
        """Return the steps of every date of the run."""
        edges = [0, *(np.flatnonzero(np.diff(self._days)) + 1).tolist(), len(self._days)]
        return [range(first, last) for first, last in pairwise(edges)]

    def load_kwh(self, step: int) -> FloatArray:
        """Return what every building expects to use on the date of a step [kWh].

        Returns
        -------
        array, shape (buildings, steps of the day)
            Read only; the worlds of all strategies ask for the same day, one after another.
        """
        day = self.day(step)
        if self._last is None or self._last[0] != day.start:
            load = np.stack([self.of_step(at) for at in day], axis=1)
            load.flags.writeable = False
            self._last = day.start, load
        return self._last[1]

    def of_step(self, step: int) -> FloatArray:
        """Return what every building expects to use in a step [kWh], shape (buildings,)."""
        columns = self._members.populations[Building]
        load: FloatArray = (
            columns["scale"] * self._members.sources.load_kwh(step)[columns["source"]]
        )
        if self._growth:
            load *= growth_factor(self._growth, step * self._calendar.step_h)
        return load

    def clock_h(self, day: range) -> FloatArray:
        """Return what the clock shows as each step of a day starts [h]."""
        return np.array([self._calendar.hour_of_day(step) for step in day])


@dataclass(frozen=True, eq=False)
class BatterySetting:
    """What all strategies share of the batteries.

    Attributes
    ----------
    given : BatterySharing
        The scenario's section.
    rules : SharingRules
        How batteries are used.
    forecast : BuildingForecast
        What buildings expect to use.
    communities : tuple of slice
        Rows of the buildings of each community.
    names : tuple of str
        Name of every building: its community, group and number.
    step_h : float
        Length of a step [h].
    calendar : Calendar
        From steps to dates.
    tariff : array, shape (steps,), or None
        Prices at which energy is valued, None for those paid [money/kWh].
    """

    given: BatterySharing
    rules: SharingRules
    forecast: BuildingForecast
    communities: tuple[slice, ...]
    names: tuple[str, ...]
    step_h: float
    calendar: Calendar
    tariff: FloatArray | None = None
    _windows: dict[bytes, Windows] = field(default_factory=dict)

    def refuse_without_days(self, strategies: Collection[str]) -> None:
        """Refuse a run without a day to size batteries for, where strategies size them.

        Parameters
        ----------
        strategies : collection of str
            What batteries follow under each strategy of the run.

        Raises
        ------
        InputError
            When there is no such day.
        """
        given = self.given
        alone = "own_battery" in strategies
        common = any(map(shares, strategies)) or (alone and given.own_capacity == "shared")
        sized = given.capacity_kwh is None or given.spread == "least_exchange"
        if self.names and ((common and sized) or (alone and given.own_capacity != "shared")):
            self._sized_for  # noqa: B018

    def windows(self, day: range) -> Windows:
        """Return when batteries charge and discharge on a day."""
        return self.windows_of_clock(self.forecast.clock_h(day))

    def windows_of_clock(self, clock_h: FloatArray) -> Windows:
        """Return when batteries charge and discharge, from the clock of each step."""
        key = clock_h.tobytes()
        if key not in self._windows:
            given = self.given
            self._windows[key] = Windows.of_clock(
                clock_h, given.charge_window, given.discharge_window, self.step_h
            )
        return self._windows[key]

    @cached_property
    def shared_kwh(self) -> FloatArray:
        """Capacity of every building's battery where they are shared [kWh]."""
        given = self.given
        total = given.capacity_kwh
        if total is not None and given.spread != "least_exchange":
            return total * self._shares(slice(0, len(self.names)))
        capacity = np.zeros(len(self.names))
        part = self._shares(slice(0, len(self.names)))
        for rows in self.communities:
            if rows.stop > rows.start:
                here = None if total is None else total * float(part[rows].sum())
                capacity[rows] = self._spread(rows, here)
        return capacity

    @cached_property
    def own_kwh(self) -> FloatArray:
        """Capacity of every building's battery where nobody shares [kWh]."""
        if self.given.own_capacity == "shared" or not self.names:
            return self.shared_kwh
        return self._sizing(exports=False).best_capacity_kwh(self._year_kwh)

    def batteries(self, capacity_kwh: FloatArray) -> Population:
        """Return the columns of batteries of some capacities, empty at first."""
        given = self.given
        population = Population(BuildingBattery.attributes(), len(self.names))
        population.set("building", np.arange(len(self.names), dtype=np.int32))
        for place, rows in enumerate(self.communities):
            population["community"][rows] = place
        self.resize(population, capacity_kwh)
        for name in ("soc_min", "soc_max", "charge_efficiency", "discharge_efficiency"):
            population.set(name, getattr(given, name))
        population.set("energy_kwh", given.soc_min * capacity_kwh)
        if given.price_response is not None:
            population.set("lam", given.price_response.lam)
            population.set("theta", given.price_response.theta)
        return population

    def resize(self, population: Population, capacity_kwh: FloatArray) -> None:
        """Give batteries a capacity, and what comes with it: power, and part of what all do."""
        population.set("capacity_kwh", capacity_kwh)
        population.set("power_kw", self.given.power_per_capacity * capacity_kwh)
        share = np.zeros(len(self.names))
        for rows in self.communities:
            total = float(capacity_kwh[rows].sum())
            share[rows] = capacity_kwh[rows] / total if total else 0.0
        population.set("share", share)

    def _shares(self, rows: slice) -> FloatArray:
        """Return the part of the capacity that each building gets before any programme."""
        count = rows.stop - rows.start
        if self.given.spread == "equal" or not count:
            return np.full(count, 1.0 / max(count, 1))
        mean = self._mean_kwh[rows]
        total = float(mean.sum())
        return mean / total if total > 0 else np.full(count, 1.0 / count)

    def _spread(self, rows: slice, total_kwh: float | None) -> FloatArray:
        """Size the shared battery of a community, and spread it over its buildings."""
        loads = self._year_kwh[rows]
        if total_kwh is None:
            total_kwh = float(self._sizing().best_capacity_kwh(loads.sum(axis=0)[None])[0])
        if self.given.spread != "least_exchange" or total_kwh == 0:
            return total_kwh * self._shares(rows)
        windows, rules = self._full_day_windows, self.rules
        schedule = level_load(loads.sum(axis=0), total_kwh, rules.equipment, windows, rules.cycle)
        inside = windows.discharge
        shared = SharedDischarge(
            np.maximum(loads[:, :, inside], 0.0),
            schedule.discharge_kwh[:, inside],
            rules.equipment,
            self.step_h,
        )
        return allocate_capacity(shared, total_kwh, hardest_days(shared)).capacity_kwh

    def _sizing(self, *, exports: bool = True) -> Sizing:
        rules = self.rules
        windows, measure = self._full_day_windows, self.given.measure
        return Sizing(rules.equipment, windows, rules.cycle, measure, exports)

    @cached_property
    def _full_day_windows(self) -> Windows:
        steps = round(_FULL_DAY_H / self.step_h)
        return self.windows_of_clock(np.arange(steps, dtype=np.float64) * self.step_h)

    @cached_property
    def measured_days(self) -> list[range] | None:
        """The days over which the deviation is taken, each with its steps; None for all."""
        chosen = self.given.measure_days
        if chosen is None:
            return None
        if chosen.highest is not None:
            return self._sized_for
        return [day for day in self.forecast.days() if self._lies_in(day)]

    def _lies_in(self, day: range) -> bool:
        """Return whether the deviation may be taken over a day."""
        assert self.given.measure_days is not None
        date = self.calendar.date_of(day.start)
        return self.given.measure_days.band.on(date, self.calendar.is_holiday(date))

    @cached_property
    def _sized_for(self) -> list[range]:
        """The whole days that batteries are sized for: those over which the deviation is taken."""
        chosen = self.given.measure_days
        if chosen is None:
            return self._whole_days
        days = [day for day in self._whole_days if self._lies_in(day)]
        if not days:
            message = "no whole day of the run is among them"
            allowed = "days and a season that the run reaches"
            raise InputError([Problem("battery_sharing.measure_days", message, allowed)])
        if chosen.highest is not None:
            energy = [sum(float(self.forecast.of_step(at).sum()) for at in day) for day in days]
            highest = descending(np.array(energy))[: chosen.highest]
            days = [days[at] for at in sorted(highest.tolist())]
        return days

    @cached_property
    def _whole_days(self) -> list[range]:
        """Return the first year's whole days of 24 hours.

        Days on which clocks change, and parts of days at the ends of the run, are left out.
        """
        steps = round(_FULL_DAY_H / self.step_h)
        days = [day for day in self.forecast.days() if len(day) == steps][:DAYS_SIZED_FOR]
        if not days:
            message = "the run has no whole day from midnight to midnight to size batteries for"
            raise InputError(
                [Problem("battery_sharing.capacity_kwh", message, "a capacity, or a longer run")]
            )
        return days

    @cached_property
    def _year_kwh(self) -> FloatArray:
        """Return the loads that batteries are sized for, shape (buildings, days, steps)."""
        days = self._sized_for
        return np.stack(
            [np.stack([self.forecast.of_step(at) for at in day], axis=1) for day in days], axis=1
        )

    @cached_property
    def _mean_kwh(self) -> FloatArray:
        """Return the mean load of every building over the run, its first year at most."""
        total = np.zeros(len(self.names))
        steps = [at for day in self.forecast.days()[:DAYS_SIZED_FOR] for at in day]
        for at in steps:
            total += np.maximum(self.forecast.of_step(at), 0.0)
        return total / len(steps)


def hardest_days(shared: SharedDischarge) -> NDArray[np.intp]:
    """Return the days on which each building can use least of its battery."""
    rule = capacity_rule_kwh(shared)
    within = np.minimum(shared.load_kwh, shared.rated_kwh * rule[:, None, None])
    return np.unique(within.sum(axis=2).argmin(axis=1))


def make_battery_setting(given: BatterySharing, setting: Setting) -> BatterySetting:
    """Make the batteries of a scenario's buildings; how large each is comes when it is asked."""
    scenario, calendar, members = setting.scenario, setting.calendar, setting.members
    equipment = Equipment(
        given.power_per_capacity,
        given.depth_of_discharge,
        given.charge_efficiency,
        given.discharge_efficiency,
    )
    rules = SharingRules(
        equipment, given.cycle, given.dispatch == "least_exchange", given.line_loss_rate
    )
    community = members.populations[Building]["community"]
    edges = np.searchsorted(community, np.arange(len(scenario.communities) + 1)).tolist()
    names = [
        f"{group.name}/{row - group.rows.start}"
        for group in members.groups[Building]
        for row in range(group.rows.start, group.rows.stop)
    ]
    tariff = prices_of_economics(given.economics, scenario, calendar, "battery_sharing")
    made = BatterySetting(
        given=given,
        rules=rules,
        forecast=BuildingForecast(scenario, calendar, members),
        communities=tuple(slice(*both) for both in pairwise(edges)),
        names=tuple(names),
        step_h=scenario.step_h,
        calendar=calendar,
        tariff=tariff,
    )
    made.refuse_without_days(strategies_within("battery_sharing", scenario.strategies))
    return made
