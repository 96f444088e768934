"""What all strategies of a run share: places, loads, vehicles and rules, made from a scenario."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.grid import Grid
from hmesh.environment.road_map import RoadMap
from hmesh.environment.roads import RoadNetwork
from hmesh.environment.streams import Streams
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_game import PriceBounds
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import scheme
from hmesh.runs.world.city_grid import make_city_grid
from hmesh.runs.world.communities_on_roads import roads_of
from hmesh.runs.world.member_tariffs import GroupTariff, make_group_tariffs
from hmesh.runs.world.members import Members, make_members
from hmesh.runs.world.tariff import measured_tariff


@dataclass(frozen=True)
class Setting:
    """The world of a scenario before anybody acts in it.

    Attributes
    ----------
    communities : tuple of str
        Their names, in the order of all arrays over communities.
    grid : Grid
        The lines from the utility to every connection.
    community_nodes : array of int, shape (communities,)
        The node of the grid of each community, which the price of its aggregator serves.
    members : Members
        Who lives and works there.
    schemes : mapping
        What all strategies share of each scheme that takes part, by its name.
    tariffs_of_members : tuple of GroupTariff
        The tariffs of groups of members that have one of their own.
    tariff : array of float, shape (steps,), or None
        What the two-level strategy pays in each step, where a dataset states it [money/kWh].
    spread : RowPool or None
        Who holds the rows of populations that workers hold; None where this process holds all.
    """

    scenario: Scenario
    calendar: Calendar
    streams: Streams
    communities: tuple[str, ...]
    grid: Grid
    community_nodes: NDArray[np.intp]
    roads: RoadNetwork | RoadMap
    members: Members
    tariffs_of_members: tuple[GroupTariff, ...]
    cost: GenerationCost
    bounds: PriceBounds
    tariff: FloatArray | None
    schemes: Mapping[str, Any]
    spread: Any = None

    def node(self, community: str, connection: str) -> int:
        """Return the node of the grid of a connection that a scheme's section names.

        Raises
        ------
        InputError
            When no section names it among its `connections`.
        """
        name = f"{community}/{connection}"
        if name not in self.grid.node_index:
            there = ", ".join(self.scenario.connections(community))
            message = f"no section names a connection {connection!r} in its connections()"
            raise InputError([Problem(community, message, there)])
        return self.grid.node_index[name]


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
    city, roads = make_city_grid(scenario), roads_of(scenario)
    prices, cost = scenario.prices, scenario.generation_cost
    members = make_members(scenario, calendar, city.grid)
    held: dict[str, Any] = {}
    setting = Setting(
        scenario=scenario,
        calendar=calendar,
        streams=streams,
        communities=communities,
        grid=city.grid,
        community_nodes=city.community_nodes,
        roads=roads,
        members=members,
        tariffs_of_members=make_group_tariffs(scenario, calendar, members),
        # The scenario's cost is per hour; a step of another length has its mean power to pay for.
        cost=GenerationCost(
            cost.quadratic / scenario.step_h, cost.linear, cost.fixed * scenario.step_h
        ),
        bounds=PriceBounds(*prices.utility, *prices.aggregator),
        tariff=measured_tariff(scenario, calendar),
        schemes=MappingProxyType(held),
    )
    # Each may look at the world, and at those that act before it.
    for name in scenario.schemes:
        make, section = scheme(name).part("setting"), scenario.section(name)
        held[name] = section if make is None else make(section, setting)
    return setting
