"""What all strategies of a run share: places, loads, vehicles and rules, made from a scenario."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from agents.electric_vehicle import ElectricVehicle
from environment.calendar import Calendar
from environment.day_plans import DayPlans
from environment.grid import Grid
from environment.growth import Growth
from environment.planned_trips import PlannedTrips
from environment.population import Population
from environment.roads import RoadNetwork
from environment.streams import Streams
from environment.trips import TripSource
from markets.generation_cost import GenerationCost
from markets.three_level_game import PriceBounds
from runs.scenarios.calendar import calendar_of
from runs.scenarios.preferences import FromFile, preference_values
from runs.scenarios.scenario import Scenario
from runs.world.members import Members, make_members
from runs.world.tariff import measured_tariff
from runs.world.travel import growth_of, plans_of, trips_of

if TYPE_CHECKING:
    from runs.schemes.battery_sharing.setting import BatterySetting
    from runs.schemes.community_storage.setting import CommunityStorageSetting
    from runs.schemes.composite_storage.setting import CompositeStorageSetting
    from runs.schemes.school_buses.setting import SchoolSetting
    from runs.schemes.smart_homes.setting import SmartHomeSetting


@dataclass(frozen=True)
class Setting:
    """The world of a scenario before anybody acts in it.

    Attributes
    ----------
    communities : tuple of str
        Their names, in the order of all arrays over communities.
    members : Members
        Who lives and works there.
    connections : array of int, shape (communities,)
        Node of the grid where the vehicles of each community are plugged in; -1 without vehicles.
    growth : Growth or None
        When vehicles join the fleet; None where all are there from the start.
    trips : TripSource or None
        Where the trips of all strategies come from; None where they follow day plans.
    smart_homes : SmartHomeSetting or None
        The smart homes, where there are any.
    school_buses : SchoolSetting or None
        The schools and their buses, where there are any.
    community_storage : CommunityStorageSetting or None
        The storages that communities share, where there are any.
    composite_storage : CompositeStorageSetting or None
        The houses with battery and thermal tank, where there are any.
    tariff : array of float, shape (steps,), or None
        What the two-level strategy pays in each step, where a dataset tells it [money/kWh].
    """

    scenario: Scenario
    calendar: Calendar
    streams: Streams
    communities: tuple[str, ...]
    grid: Grid
    roads: RoadNetwork
    plans: DayPlans
    fleet: Population
    members: Members
    connections: NDArray[np.intp]
    cost: GenerationCost
    bounds: PriceBounds
    tariff: NDArray[np.float64] | None
    growth: Growth | None = None
    trips: TripSource | None = None
    smart_homes: "SmartHomeSetting | None" = None
    school_buses: "SchoolSetting | None" = None
    community_storage: "CommunityStorageSetting | None" = None
    battery_sharing: "BatterySetting | None" = None
    composite_storage: "CompositeStorageSetting | None" = None

    @cached_property
    def has_vehicles(self) -> bool:
        """Whether vehicles take part."""
        return "vehicles" in self.scenario.schemes

    def trips_of(self, fleet: Population) -> TripSource:
        """Return where the trips of a fleet come from: its day plans if from nowhere else."""
        if self.trips is not None:
            return self.trips
        return PlannedTrips(self.plans, self.calendar, fleet["day_plan"], self.growth)


def make_setting(scenario: Scenario) -> Setting:
    """Make the world of a scenario.

    Raises
    ------
    InputError
        If a file the scenario names cannot be used, or its parts do not fit together.
    """
    calendar = calendar_of(scenario)
    streams = Streams(scenario.seed)
    communities = tuple(scenario.communities)
    plans, growth, roads = plans_of(scenario), growth_of(scenario, calendar), _roads(scenario)
    vehicles = growth.final(scenario.steps) if growth else scenario.vehicles.count
    grid = _grid(scenario)
    members = make_members(scenario, calendar, grid)
    prices, cost = scenario.prices, scenario.generation_cost
    setting = Setting(
        scenario=scenario,
        calendar=calendar,
        streams=streams,
        communities=communities,
        grid=grid,
        roads=roads,
        plans=plans,
        fleet=_fleet(scenario, streams, plans, vehicles),
        members=members,
        connections=np.array(
            [grid.node_index.get(f"{name}/charging", -1) for name in communities], dtype=np.intp
        ),
        # The scenario's cost is per hour; a step of another length has its mean power to pay for.
        cost=GenerationCost(
            cost.quadratic / scenario.step_h, cost.linear, cost.fixed * scenario.step_h
        ),
        bounds=PriceBounds(*prices.utility, *prices.aggregator),
        tariff=measured_tariff(scenario, calendar),
        growth=growth,
        trips=trips_of(scenario, plans, calendar, streams, roads, vehicles, growth),
        smart_homes=_smart_homes(scenario, calendar, streams, grid),
        school_buses=_school_buses(scenario, calendar, streams, members, grid),
        battery_sharing=_battery_sharing(scenario, calendar, members),
        composite_storage=_composite_storage(scenario, calendar, streams, grid),
    )
    if scenario.community_storage is None:
        return setting
    from runs.schemes.community_storage.setting import CommunityStorageSetting

    # Its forecasters have seen the world before the run, which is made of the rest.
    storage = CommunityStorageSetting(setting, scenario.community_storage)
    return replace(setting, community_storage=storage)


def _smart_homes(
    scenario: Scenario, calendar: Calendar, streams: Streams, grid: Grid
) -> "SmartHomeSetting | None":
    if scenario.smart_homes is None:
        return None
    from runs.schemes.smart_homes.setting import make_smart_home_setting

    return make_smart_home_setting(scenario.smart_homes, scenario, calendar, streams, grid)


def _composite_storage(
    scenario: Scenario, calendar: Calendar, streams: Streams, grid: Grid
) -> "CompositeStorageSetting | None":
    if scenario.composite_storage is None:
        return None
    from runs.schemes.composite_storage.setting import CompositeStorageSetting

    return CompositeStorageSetting(scenario.composite_storage, scenario, calendar, streams, grid)


def _battery_sharing(
    scenario: Scenario, calendar: Calendar, members: Members
) -> "BatterySetting | None":
    if scenario.battery_sharing is None:
        return None
    from runs.schemes.battery_sharing.setting import make_battery_setting

    return make_battery_setting(scenario.battery_sharing, scenario, calendar, members)


def _school_buses(
    scenario: Scenario, calendar: Calendar, streams: Streams, members: Members, grid: Grid
) -> "SchoolSetting | None":
    if scenario.school_buses is None:
        return None
    # Slow to import, and not needed where there are no schools.
    from runs.schemes.school_buses.setting import make_school_setting

    return make_school_setting(scenario.school_buses, scenario, calendar, streams, members, grid)


def _grid(scenario: Scenario) -> Grid:
    """Build the tree from the utility over feeders and communities to connection points."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node("utility", kind="utility")
    for name, community in scenario.communities.items():
        feeder = f"{name}/feeder"
        graph.add_node(feeder, kind="feeder")
        graph.add_node(name, kind="community")
        line = community.feeder
        inside: dict[str, Any] = {"length_km": 0.0, "rating_kw": line.rating_kw, "loss_rate": 0.0}
        graph.add_edge(
            "utility",
            feeder,
            length_km=line.length_km,
            rating_kw=line.rating_kw,
            loss_rate=line.loss_rate,
        )
        graph.add_edge(feeder, name, **inside)
        for point in (f"{name}/{connection}" for connection in scenario.connections(name)):
            graph.add_node(point, kind="connection")
            graph.add_edge(name, point, **inside)
    return Grid(graph)


def _roads(scenario: Scenario) -> RoadNetwork:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(scenario.communities)
    graph.add_edges_from((*road.between, {"km": road.km}) for road in scenario.roads)
    return RoadNetwork(graph)


def _fleet(scenario: Scenario, streams: Streams, plans: DayPlans, size: int) -> Population:
    """Deal the day plans to the vehicles in turn and draw what each values its energy at.

    Vehicles that join later have their rows from the start, and bring their energy as they join.
    """
    vehicles = scenario.vehicles
    fleet = Population(ElectricVehicle.attributes(), size)
    for name in (
        "capacity_kwh", "power_kw", "consumption_kwh_per_km", "soc_min", "soc_max",
        "charge_efficiency", "discharge_efficiency",
    ):  # fmt: skip
        fleet.set(name, getattr(vehicles, name))
    fleet.set("day_plan", np.arange(size, dtype=np.int32) % len(plans.names))
    for name, purpose, above in (
        ("lam", "satisfaction", -np.inf), ("theta", "fall of satisfaction", 0.0)
    ):  # fmt: skip
        draw = streams.generator(purpose, "electric vehicle").random(size)
        preference = getattr(vehicles, name)
        if isinstance(preference, FromFile):
            values = preference.read(scenario.path_of(preference.file), draw, above)
        else:
            values = preference_values(preference, draw)
        fleet.set(name, values)
    fleet.set("energy_kwh", vehicles.soc_start * vehicles.capacity_kwh)
    fleet["energy_kwh"][vehicles.count :] = 0.0
    return fleet
