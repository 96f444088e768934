"""The members of all communities: what their loads follow, and how their photovoltaics stand."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.consumer import Building, Consumer, Household
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.commercial_buildings import CommercialBuildings, District
from hmesh.environment.demand import LoadTable, read_loads
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.grid import Grid
from hmesh.environment.population import Population
from hmesh.environment.standard_profiles import StandardProfiles
from hmesh.environment.streams import Streams
from hmesh.environment.sunshine import ClearSky, Orientation
from hmesh.runs.scenarios.member_groups import (
    BusinessMembers,
    DatasetMembers,
    FileMembers,
    ProfileMembers,
)
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.dataset_files import LOAD_TABLES, load_dataset

# A day of quarter hours, whose clocks may be put back.
MOST_STEPS_KEPT = 100


@dataclass(frozen=True, slots=True)
class LoadSources:
    """What the meters of consumers follow: standard profiles, columns of files, businesses."""

    profiles: StandardProfiles
    tables: tuple[LoadTable, ...]
    step_h: float
    businesses: tuple[CommercialBuildings, ...] = ()
    _last: dict[int, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def load_kwh(self, step: int) -> FloatArray:
        """Return the load of every source in a step [kWh], shape (sources,); it is read only."""
        # The worlds of all strategies ask for the same step, one after another, and forecasts
        # for all steps of a day before it is simulated.
        if step not in self._last:
            profiles = self.profiles.power_kw(step) * self.step_h
            measured = (table.load_kwh[step] for table in self.tables)
            businesses = (buildings.load_kwh(step) for buildings in self.businesses)
            load = np.concatenate([profiles, *measured, *businesses])
            load.flags.writeable = False
            if len(self._last) >= MOST_STEPS_KEPT:
                del self._last[next(iter(self._last))]
            self._last[step] = load
        return self._last[step]

    def generation_kwh(self, step: int) -> FloatArray | None:
        """Return what every source generates in a step [kWh], shape (sources,), or None."""
        if all(table.generation_kwh is None for table in self.tables):
            return None
        nothing = np.zeros(len(self.profiles.names))
        without = (np.zeros(len(buildings)) for buildings in self.businesses)
        return np.concatenate(
            [nothing, *(_generated(table, step) for table in self.tables), *without]
        )


def _generated(table: LoadTable, step: int) -> FloatArray:
    if table.generation_kwh is None:
        return np.zeros(len(table.members))
    generated: FloatArray = table.generation_kwh[step]
    return generated


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
class Members:
    """All members of all communities.

    Attributes
    ----------
    populations : dict
        Population of every consumer type.
    nodes : dict
        Node of the grid of every consumer, by consumer type.
    groups : dict
        The groups of every consumer type, in the order of its rows.
    sources : LoadSources
        What their loads follow.
    clear_sky : ClearSky or None
        What their photovoltaics generate under a clear sky, if there are any.
    """

    populations: dict[type[Consumer], Population]
    nodes: dict[type[Consumer], NDArray[np.intp]]
    groups: dict[type[Consumer], list[MemberGroup]]
    sources: LoadSources
    clear_sky: ClearSky | None


type _Measured = FileMembers | DatasetMembers
type _Group = ProfileMembers | BusinessMembers | _Measured
type _Row = tuple[float, ...]
# After community, source, scale, node, photovoltaics and how these stand.
ELASTICITY = ("elasticity", "reference_price", "least_share", "most_share")


def make_members(scenario: Scenario, calendar: Calendar, grid: Grid) -> Members:
    """Make every household and building of a scenario.

    Raises
    ------
    InputError
        If a file of loads cannot be used or lacks a member.
    """
    groups = [
        (m, f"{name}/{group.name}", group)
        for m, (name, community) in enumerate(scenario.communities.items())
        for group in community.members
    ]
    # Parts of prosumers are the last of their kind.
    groups.sort(key=lambda each: each[2].kind == "prosumer")
    profiles = tuple(
        dict.fromkeys(g.profile for _, _, g in groups if isinstance(g, ProfileMembers))
    )
    measured = [group for _, _, group in groups if isinstance(group, FileMembers | DatasetMembers)]
    tables = {
        measured_in(group): measured_loads(scenario, calendar, group)
        for group in {measured_in(group): group for group in measured}.values()
    }
    businesses = {
        node: businesses_of(scenario, calendar, node, group)
        for _, node, group in groups
        if isinstance(group, BusinessMembers)
    }
    sources = LoadSources(
        StandardProfiles(calendar, profiles),
        tuple(tables.values()),
        scenario.step_h,
        tuple(businesses.values()),
    )
    first_business = len(profiles) + sum(len(table.members) for table in tables.values())
    orientations = tuple(dict.fromkeys(_orientation(g) for _, _, g in groups if g.pv_kw))
    rows: dict[type[Consumer], list[_Row]] = {Household: [], Building: []}
    named: dict[type[Consumer], list[MemberGroup]] = {kind: [] for kind in rows}
    for m, node, group in groups:
        kind: type[Consumer] = Building if group.kind == "building" else Household
        at, first_row = grid.node_index[node], len(rows[kind])
        stands = orientations.index(_orientation(group)) if group.pv_kw else 0
        if isinstance(group, BusinessMembers):
            own = range(first_business, first_business + group.businesses)
            loads, first_business = [(source, 1.0) for source in own], own.stop
        else:
            loads = _loads(group, profiles, tables)
        answers = _elasticity(group)
        rows[kind] += [
            (m, source, scale, at, group.pv_kw, stands, *answers) for source, scale in loads
        ]
        named[kind].append(MemberGroup(node, slice(first_row, len(rows[kind]))))
    populations = {kind: _population(kind, table) for kind, table in rows.items()}
    nodes = {
        kind: np.array([int(row[3]) for row in table], dtype=np.intp)
        for kind, table in rows.items()
    }
    sky = _clear_sky(scenario, calendar, orientations)
    return Members(populations, nodes, named, sources, sky)


def _population(kind: type[Consumer], rows: list[_Row]) -> Population:
    table = np.array(rows, dtype=np.float64).reshape(-1, 6 + len(ELASTICITY))
    population = Population(kind.attributes(), len(rows))
    population.set("community", table[:, 0].astype(np.int16))
    population.set("source", table[:, 1].astype(np.int32))
    population.set("scale", table[:, 2])
    population.set("pv_kw", table[:, 4])
    population.set("orientation", table[:, 5].astype(np.int32))
    for k, name in enumerate(ELASTICITY):
        population.set(name, table[:, 6 + k])
    return population


def _elasticity(group: _Group) -> tuple[float, ...]:
    """Return how the load of each member of a group answers to prices."""
    given = group.elasticity
    if given is None:
        return (0.0, 1.0, 1.0, 1.0)
    return (given.value, given.reference_price, given.lower_share, given.upper_share)


def businesses_of(
    scenario: Scenario, calendar: Calendar, node: str, group: BusinessMembers
) -> CommercialBuildings:
    """Make the businesses of a group; each group draws from its own streams."""
    district = District(
        peak_kw=group.peak_kw, size_spread=group.size_spread,
        activity_spread=group.activity_spread,
    )  # fmt: skip
    streams = Streams(scenario.seed)
    return CommercialBuildings(calendar, streams, group.businesses, district, name=node)


def _loads(
    group: ProfileMembers | _Measured, profiles: tuple[str, ...], tables: dict[str, LoadTable]
) -> list[tuple[int, float]]:
    """Return the source of the load of every member of a group, and its factor on it."""
    if isinstance(group, ProfileMembers):
        return [(profiles.index(group.profile), group.annual_kwh / 1000.0)] * group.count
    first = len(profiles)
    for file, table in tables.items():
        if file == measured_in(group):
            break
        first += len(table.members)
    loads = tables[measured_in(group)]
    return [(first + loads.members.index(name), group.scale) for name in _chosen(group, loads)]


def measured_in(group: FileMembers | DatasetMembers) -> str:
    """Return the file or dataset in which a group was measured."""
    return group.file if isinstance(group, FileMembers) else group.dataset


def measured_loads(
    scenario: Scenario, calendar: Calendar, group: FileMembers | DatasetMembers
) -> LoadTable:
    """Read the file or dataset in which a group was measured.

    Raises
    ------
    InputError
        If it cannot be used.
    """
    path = scenario.path_of(measured_in(group))
    if isinstance(group, FileMembers):
        return read_loads(path, calendar, scenario.steps)
    return load_dataset(path, LOAD_TABLES).loads(calendar, scenario.steps)


def _orientation(group: _Group) -> Orientation:
    return Orientation(group.pv_tilt, group.pv_azimuth, group.pv_performance_ratio)


def _clear_sky(
    scenario: Scenario, calendar: Calendar, orientations: tuple[Orientation, ...]
) -> ClearSky | None:
    place = scenario.location
    if place is None or not orientations:
        return None
    return ClearSky(calendar, place.latitude, place.longitude, place.altitude_m, orientations)


def _chosen(group: _Measured, table: LoadTable) -> tuple[str, ...]:
    """Return the members of a file or dataset that a group wants."""
    if group.members is None:
        return table.members
    unknown = [member for member in group.members if member not in table.members]
    if unknown:
        raise InputError(
            [
                Problem(
                    f"{measured_in(group)}: member",
                    f"there is no member {member!r}",
                    ", ".join(table.members[:8]) + (", ..." if len(table.members) > 8 else ""),
                    nearest(member, table.members),
                )
                for member in unknown
            ]
        )
    return group.members
