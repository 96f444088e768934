"""What all strategies of a run share: places, loads, vehicles and rules, made from a scenario."""

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from agents.consumer import Building, Consumer, Household
from agents.electric_vehicle import ElectricVehicle
from environment.calendar import Calendar
from environment.day_plans import DayPlans, read_day_plans
from environment.demand import LoadTable, read_loads
from environment.errors import InputError, Problem, nearest
from environment.grid import Grid
from environment.growth import Growth
from environment.planned_trips import PlannedTrips
from environment.population import Population
from environment.roads import RoadNetwork
from environment.standard_profiles import StandardProfiles
from environment.streams import Streams
from environment.trips import TripSource
from markets.generation_cost import GenerationCost
from markets.three_level_game import PriceBounds
from runs.scenario import Scenario
from runs.scenario_preferences import FromFile, preference_values
from runs.scenario_sections import FileMembers, ProfileMembers


@dataclass(frozen=True, slots=True)
class LoadSources:
    """Where the loads of consumers come from: standard profiles first, then columns of files."""

    profiles: StandardProfiles
    tables: tuple[LoadTable, ...]
    step_h: float

    def load_kwh(self, step: int) -> NDArray[np.float64]:
        """Return the load of every source in a step [kWh], shape (sources,)."""
        profiles = self.profiles.power_kw(step) * self.step_h
        return np.concatenate([profiles, *(table.load_kwh[step] for table in self.tables)])


@dataclass(frozen=True, slots=True)
class MemberGroup:
    """Consumers of one type that a scenario describes together.

    Attributes
    ----------
    name : str
        Community and name of the group, "homes/households".
    rows : slice
        Their rows of the population of their type.
    """

    name: str
    rows: slice


@dataclass(frozen=True, slots=True)
class Setting:
    """The world of a scenario before anybody acts in it.

    Attributes
    ----------
    communities : tuple of str
        Their names, in the order of all arrays over communities.
    consumers : dict
        Population of every consumer type.
    connections : array of int, shape (communities,)
        Node of the grid where the vehicles of each community are plugged in.
    consumer_nodes : dict
        Node of the grid of every consumer, by consumer type.
    groups : dict
        The groups of every consumer type, in the order of its rows.
    growth : Growth or None
        When vehicles join the fleet; None where all are there from the start.
    trips : TripSource or None
        Where the trips of all strategies come from; None where they follow day plans.
    """

    scenario: Scenario
    calendar: Calendar
    streams: Streams
    communities: tuple[str, ...]
    grid: Grid
    roads: RoadNetwork
    plans: DayPlans
    fleet: Population
    consumers: dict[type[Consumer], Population]
    consumer_nodes: dict[type[Consumer], NDArray[np.intp]]
    groups: dict[type[Consumer], list[MemberGroup]]
    connections: NDArray[np.intp]
    sources: LoadSources
    cost: GenerationCost
    bounds: PriceBounds
    growth: Growth | None = None
    trips: TripSource | None = None

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
    holidays = scenario.holidays
    calendar = Calendar(
        scenario.start,
        scenario.time_zone,
        scenario.step_h,
        holidays.country if holidays else None,
        holidays.subdivision if holidays else None,
    )
    streams = Streams(scenario.seed)
    communities = tuple(scenario.communities)
    day_plans = scenario.vehicles.day_plans
    plans = read_day_plans(
        scenario.path_of(day_plans) if day_plans is not None else None, communities
    )
    grid = _grid(scenario)
    sources, consumers, nodes, member_groups = _consumers(scenario, calendar, grid)
    prices, cost = scenario.prices, scenario.generation_cost
    return Setting(
        scenario=scenario,
        calendar=calendar,
        streams=streams,
        communities=communities,
        grid=grid,
        roads=_roads(scenario),
        plans=plans,
        fleet=_fleet(scenario, streams, plans),
        consumers=consumers,
        consumer_nodes=nodes,
        groups=member_groups,
        connections=np.array([grid.node_index[_charging(name)] for name in communities]),
        sources=sources,
        # The scenario's cost is per hour; a step of another length has its mean power to pay for.
        cost=GenerationCost(
            cost.quadratic / scenario.step_h, cost.linear, cost.fixed * scenario.step_h
        ),
        bounds=PriceBounds(*prices.utility, *prices.aggregator),
    )


def _charging(community: str) -> str:
    return f"{community}/charging"


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
        for point in (*(f"{name}/{group.name}" for group in community.members), _charging(name)):
            graph.add_node(point, kind="connection")
            graph.add_edge(name, point, **inside)
    return Grid(graph)


def _roads(scenario: Scenario) -> RoadNetwork:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(scenario.communities)
    graph.add_edges_from((*road.between, {"km": road.km}) for road in scenario.roads)
    return RoadNetwork(graph)


def _fleet(scenario: Scenario, streams: Streams, plans: DayPlans) -> Population:
    """Deal the day plans to the vehicles in turn and draw what each values its energy at."""
    vehicles = scenario.vehicles
    fleet = Population(ElectricVehicle.attributes(), vehicles.count)
    for name in (
        "capacity_kwh", "power_kw", "consumption_kwh_per_km", "soc_min", "soc_max",
        "charge_efficiency", "discharge_efficiency",
    ):  # fmt: skip
        fleet.set(name, getattr(vehicles, name))
    fleet.set("day_plan", np.arange(vehicles.count, dtype=np.int32) % len(plans.names))
    for name, purpose, above in (
        ("lam", "satisfaction", -np.inf), ("theta", "fall of satisfaction", 0.0)
    ):  # fmt: skip
        draw = streams.generator(purpose, "electric vehicle").random(vehicles.count)
        preference = getattr(vehicles, name)
        if isinstance(preference, FromFile):
            values = preference.read(scenario.path_of(preference.file), draw, above)
        else:
            values = preference_values(preference, draw)
        fleet.set(name, values)
    fleet.set("energy_kwh", vehicles.soc_start * vehicles.capacity_kwh)
    return fleet


def _consumers(
    scenario: Scenario, calendar: Calendar, grid: Grid
) -> tuple[
    LoadSources,
    dict[type[Consumer], Population],
    dict[type[Consumer], NDArray[np.intp]],
    dict[type[Consumer], list[MemberGroup]],
]:
    """Make every household and building, with the source of its load and its node of the grid."""
    groups = [
        (m, f"{name}/{group.name}", group)
        for m, (name, community) in enumerate(scenario.communities.items())
        for group in community.members
    ]
    profiles = tuple(
        dict.fromkeys(g.profile for _, _, g in groups if isinstance(g, ProfileMembers))
    )
    files = dict.fromkeys(g.file for _, _, g in groups if isinstance(g, FileMembers))
    tables = {file: read_loads(scenario.path_of(file), calendar, scenario.steps) for file in files}
    first = dict(
        zip(
            tables,
            np.cumsum([len(profiles), *(len(t.members) for t in tables.values())]).tolist(),
            strict=False,
        )
    )
    rows: dict[type[Consumer], list[tuple[int, int, float, int]]] = {Household: [], Building: []}
    member_groups: dict[type[Consumer], list[MemberGroup]] = {kind: [] for kind in rows}
    for m, node, group in groups:
        kind: type[Consumer] = Household if group.kind == "household" else Building
        at, first_row = grid.node_index[node], len(rows[kind])
        if isinstance(group, ProfileMembers):
            source = profiles.index(group.profile)
            rows[kind] += [(m, source, group.annual_kwh / 1000.0, at)] * group.count
        else:
            loads = tables[group.file]
            rows[kind] += [
                (m, first[group.file] + loads.members.index(member), group.scale, at)
                for member in _chosen(group, loads)
            ]
        member_groups[kind].append(MemberGroup(node, slice(first_row, len(rows[kind]))))
    sources = LoadSources(
        StandardProfiles(calendar, profiles), tuple(tables.values()), scenario.step_h
    )
    consumers: dict[type[Consumer], Population] = {}
    nodes: dict[type[Consumer], NDArray[np.intp]] = {}
    for consumer, members in rows.items():
        table = np.array(members, dtype=np.float64).reshape(-1, 4)
        population = Population(consumer.attributes(), len(members))
        population.set("community", table[:, 0].astype(np.int16))
        population.set("source", table[:, 1].astype(np.int32))
        population.set("scale", table[:, 2])
        consumers[consumer], nodes[consumer] = population, table[:, 3].astype(np.intp)
    return sources, consumers, nodes, member_groups


def _chosen(group: FileMembers, table: LoadTable) -> tuple[str, ...]:
    """Return the members of a file that a group wants."""
    if group.members is None:
        return table.members
    unknown = [member for member in group.members if member not in table.members]
    if unknown:
        raise InputError(
            [
                Problem(
                    f"{group.file}: member",
                    f"there is no member {member!r}",
                    ", ".join(table.members[:8]) + (", ..." if len(table.members) > 8 else ""),
                    nearest(member, table.members),
                )
                for member in unknown
            ]
        )
    return group.members
