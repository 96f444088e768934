"""What all strategies share of the vehicles: the fleet, its day plans and its trips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.charging_curve import ChargingCurves
from hmesh.environment.day_plans import DayPlans
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.fast_charging import FastPlugs, WaysPastChargers
from hmesh.environment.group_rows import GroupRows
from hmesh.environment.growth import Growth
from hmesh.environment.journey_records import Ability
from hmesh.environment.journeys import Journeys
from hmesh.environment.planned_trips import PlannedTrips
from hmesh.environment.plug_habits import PlugHabit, PlugHabits
from hmesh.environment.population import Population
from hmesh.environment.rows_of_trips import RowsOfTrips
from hmesh.environment.streams import Streams
from hmesh.environment.trips import TripSource
from hmesh.runs.scenarios.prosumer_parts import prosumers_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.travel_section import ChargeOnTheWay
from hmesh.runs.schemes.vehicles.fleet_making import make_fleet
from hmesh.runs.schemes.vehicles.group_travel import travel_of
from hmesh.runs.schemes.vehicles.section import CONNECTION, Vehicles
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.tariff import prices_of_economics
from hmesh.runs.world.tariff_meters import MeterGroup, Payers, meter_group
from hmesh.runs.world.travel import growth_of, residential, travellers_of

# Who pays by the meters of vehicles.
PAYERS = Payers("vehicles", "vehicles", "vehicle")

# What `PlugTraffic` writes and nobody else.
OF_PLUGS = (
    "plug", "asks_since_ms", "arrived_ms", "plugged_since_ms", "session_kwh", "session_sold_kwh",
    "plug_kw", "plug_v2g_kw",
)  # fmt: skip


@dataclass(frozen=True)
class VehicleSetting:
    """The vehicles of a run, before anybody acts.

    Attributes
    ----------
    fleet : Population
        Their columns; each world forks them.
    plans : DayPlans
        The day plans; a blank one where vehicles follow none.
    connections : array of int, shape (communities,)
        Node of the grid where the vehicles of each community are plugged in.
    growth : Growth or None
        When vehicles join the fleet; None where all are there from the start.
    trips : TripSource or None
        Where the trips of all strategies come from; None where they follow day plans.
    residential : array of bool, shape (communities,)
        In which communities people live.
    groups : GroupRows
        Which vehicles belong to which group.
    models : tuple of str
        Names of the models that vehicles have, by the column ``model_row``.
    curves : ChargingCurves or None
        The charging curves of their batteries; None where none has one.
    habits : tuple of PlugHabit
        When the vehicles of each group plug in; empty where all always do.
    ability : Ability or None
        What vehicles do whose battery does not reach; None where all arrive all the same.
    ways : WaysPastChargers
        Which fast chargers lie on which way.
    fast_plugs : mapping of int to sequence of FastPlugs
        The fast chargers of each community that has some.
    tariff : array, shape (steps,), or None
        At which prices energy is valued for what chargers earn; None for those paid [money/kWh].
    own_tariffs : tuple of MeterGroup
        The meters of vehicles that pay by a tariff of their own.
    first : int
        Number of its first vehicle in the run, where it is a part of the fleet of the run.
    """

    fleet: Population
    plans: DayPlans
    connections: NDArray[np.intp]
    growth: Growth | None
    trips: TripSource | None
    residential: NDArray[np.bool_]
    groups: GroupRows
    models: tuple[str, ...]
    curves: ChargingCurves | None
    habits: tuple[PlugHabit, ...]
    ability: Ability | None
    ways: WaysPastChargers
    fast_plugs: Mapping[int, Sequence[FastPlugs]]
    tariff: FloatArray | None = None
    own_tariffs: tuple[MeterGroup, ...] = ()
    first: int = 0

    def part(self, first: int, end: int) -> "VehicleSetting":
        """Return the vehicles of some neighbouring rows, alone."""
        return replace(
            self,
            fleet=self.fleet.rows(first, end),
            groups=self.groups.part(first, end),
            trips=None if self.trips is None else RowsOfTrips(self.trips, first, end),
            first=self.first + first,
        )

    def idle_columns(self, *, plugs: bool, reserve: bool, outages: bool) -> set[str]:
        """Return the columns that stay as they are in a run.

        Parameters
        ----------
        plugs, reserve, outages : bool
            Whether it follows who holds which plug, whether vehicles keep energy back for trips,
            and whether outages may keep plugs idle.
        """
        idle = set() if plugs else set(OF_PLUGS)
        if not reserve:
            idle.add("reserve_kwh")
        if not outages:
            idle |= {"charger_out", "cut_off"}
        if self.ability is None:
            idle.add("way_kwh")
        if not self.habits:
            idle.add("plugs_in")
        return idle

    def trips_of(self, fleet: Population, calendar: Calendar) -> TripSource:
        """Return where the trips of a fleet come from: its day plans if from nowhere else."""
        if self.trips is not None:
            return self.trips
        return PlannedTrips(self.plans, calendar, fleet["day_plan"], self.growth, self.residential)

    def habits_of(self, fleet: Population, streams: Streams) -> PlugHabits | None:
        """Return when the vehicles of a fleet plug in; None where they always do."""
        if not self.habits:
            return None
        return PlugHabits(self.habits, self.groups, streams, fleet)

    def journeys_of(self, fleet: Population) -> Journeys | None:
        """Return who follows vehicles of a fleet whose battery does not reach; None if nobody."""
        if self.ability is None:
            return None
        return Journeys(fleet, self.ability, self.ways, self.fast_plugs, self.curves)


def _ability(scenario: Scenario, groups: GroupRows) -> Ability | None:
    """Return what the vehicles of each group do whose battery does not reach."""
    given = [who.travel.charge_on_the_way for who in travellers_of(scenario)]
    if not any(given):
        return None
    each = [ChargeOnTheWay() if one is None else one for one in given]
    most = np.array([np.inf if one.most_kw is None else one.most_kw for one in each])
    group = groups.group
    stops = np.array([one is not None for one in given])
    return Ability(stops[group], most[group], np.array([one.margin for one in each])[group])


def make_vehicle_setting(vehicles: Vehicles, setting: Setting) -> VehicleSetting:
    """Make the vehicles of a scenario.

    Raises
    ------
    InputError
        If a file cannot be used, or its parts do not fit together.
    """
    scenario, calendar, streams = setting.scenario, setting.calendar, setting.streams
    growth = growth_of(scenario, calendar)
    if growth and any("vehicle" in each.owns for _, each in prosumers_of(scenario.communities)):
        message = "vehicles that join would be in groups of prosumers, too"
        allowed = "0, or prosumers without vehicles"
        raise InputError([Problem("growth.vehicles_per_year", message, allowed)])
    size = growth.final(scenario.steps) if growth else vehicles.count
    every = vehicles.every
    groups = GroupRows.of(
        [group.name for group in every], [group.count for group in every], size - vehicles.count
    )
    fleet, models = make_fleet(scenario, streams, groups)
    travel = travel_of(setting, groups, growth)
    fleet.set("day_plan", travel.day_plan)
    if any(habit.at_home for habit in vehicles.habits):
        source = travel.trips or PlannedTrips(
            travel.plans, calendar, travel.day_plan, growth, residential(scenario)
        )
        fleet.set("home", source.homes())
    given = [group.charging_curve for group in every if group.charging_curve is not None]
    nodes = [setting.grid.node_index[f"{name}/{CONNECTION}"] for name in setting.communities]
    fast = {
        number: [FastPlugs(k.name, k.count or 0, k.power_kw or 0.0) for k in each.fast_chargers]
        for number, each in enumerate(scenario.communities.values())
        if each.fast_chargers
    }
    fleet.compact()
    return VehicleSetting(
        fleet=fleet,
        plans=travel.plans,
        connections=np.array(nodes, dtype=np.intp),
        growth=growth,
        trips=travel.trips,
        residential=residential(scenario),
        groups=groups,
        models=models,
        curves=ChargingCurves.of(given) if given else None,
        habits=vehicles.habits,
        ability=_ability(scenario, groups),
        ways=WaysPastChargers(setting.roads, setting.communities, set(fast)),
        fast_plugs=fast,
        tariff=prices_of_economics(vehicles.economics, scenario, setting.calendar, "vehicles"),
        own_tariffs=tuple(
            meter_group(
                every[number].name,
                groups.rows[number],
                tariff,
                scenario,
                calendar,
                vehicles.place_of_tariff(number),
                PAYERS.prefix,
            )
            for number, tariff in vehicles.tariffs
        ),
    )
