"""The communities of a scenario on their roads."""

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.road_files.read_roads import read_road_file
from hmesh.environment.road_map import RoadMap
from hmesh.environment.roads import RoadNetwork
from hmesh.runs.scenarios.places_section import RoadFile
from hmesh.runs.scenarios.scenario import Scenario


def roads_of(scenario: Scenario) -> RoadNetwork | RoadMap:
    """Return the communities of a scenario and the ways between them.

    Raises
    ------
    InputError
        If the road network cannot be used: every place that is not on it.
    """
    roads = scenario.roads
    if isinstance(roads, RoadFile):
        return _on_network(scenario, roads)
    return RoadNetwork.between(scenario.communities, ((road.between, road.km) for road in roads))


def _on_network(scenario: Scenario, roads: RoadFile) -> RoadMap:
    nodes = None if roads.nodes is None else scenario.path_of(roads.nodes)
    content = read_road_file(scenario.path_of(roads.file), nodes)
    places = {name: each.location for name, each in scenario.communities.items() if each.location}
    found = {name: place.position for name, place in places.items()}
    first = next(iter(places.values()))
    if first.on_earth != content.on_earth:
        have, want = ("latitude and longitude", "x_km and y_km")[:: 1 if first.on_earth else -1]
        message = f"has positions of {want}, the communities have {have}"
        allowed = f"locations of {want}, or a network that is not projected"
        raise InputError([Problem(content.path, message, allowed)])
    return RoadMap(
        content,
        found,
        roads.speed_km_h,
        by_time=roads.shortest == "time",
        farthest_km=roads.farthest_km,
    )
