"""Whether the ways beside the results of a run are the shortest ones of its road network."""

from collections.abc import Iterator

import numpy as np

from hmesh.environment.road_files.read_roads import read_road_file
from hmesh.environment.safe_files import read_json
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.reference.shortest_ways import shortest
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE, RunInputs
from hmesh.runs.results.road_lines import ROADS_FILE
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.places_section import RoadFile

# Bellman and Ford's rule takes a while; more communities are checked from the first ones.
MOST_ORIGINS = 20


def check_roads(run: Run, inputs: RunInputs) -> Iterator[Check]:
    """Compare the ways of a run with those found independently from its road network."""
    settings = inputs.scenario.roads
    if not isinstance(settings, RoadFile):
        return
    connected = Tally("roads: each way leads on from road to road", 0.0)
    best = Tally("roads: no way is shorter than those of the run", EXACT, _unit(settings))
    if not inputs.files.issuperset(settings.files):
        best.note(FILE_GONE)
        yield best.check()
        return
    content = read_json(run.directory / ROADS_FILE)
    junction, roads = content["junctions"], content["roads"]
    costs = _costs(inputs, settings)
    origins = inputs.communities[:MOST_ORIGINS]
    found = {
        origin: shortest(
            [(a, b, cost) for (a, b), cost in costs.items()],
            junction[origin],
            {end for road in costs for end in road},
        )
        for origin in origins
    }
    apart, longer, pairs = [], [], []
    for origin, destination, numbers in content["ways"]:
        way = [roads[number] for number in numbers]
        ends = [junction[origin], *(road["to"] for road in way)]
        leads_on = all(a == road["from"] for a, road in zip(ends, way, strict=False))
        apart.append(float(not leads_on or ends[-1] != junction[destination]))
        pairs.append(f"{origin} to {destination}")
        if origin in found:
            cost = sum(road["hours" if settings.shortest == "time" else "km"] for road in way)
            # A way that costs less uses roads that there are not.
            longer.append(abs(cost - found[origin][junction[destination]]))
    connected.add(np.array(apart), lambda at: pairs[at[0]], None)
    best.add(np.array(longer), lambda at: pairs[at[0]], None)
    yield connected.check()
    yield best.check()


def _unit(settings: RoadFile) -> str:
    return "h" if settings.shortest == "time" else "km"


def _costs(inputs: RunInputs, settings: RoadFile) -> dict[tuple[str, str], float]:
    """Return what each road costs, in hours or in kilometres; the cheapest of parallel ones."""
    path_of = inputs.scenario.path_of
    nodes = None if settings.nodes is None else path_of(settings.nodes)
    content = read_road_file(path_of(settings.file), nodes)
    costs: dict[tuple[str, str], tuple[float, float]] = {}
    for road in content.roads:
        line = content.line_of(road)
        km = (
            road.km
            if road.km is not None
            else float(content.distance_km(line[:-1], line[1:]).sum())
        )
        hours = km / (settings.speed_km_h if road.speed_km_h is None else road.speed_km_h)
        # Of parallel roads the fastest is driven.
        ends = road.start, road.end
        costs[ends] = min(costs.get(ends, (hours, km)), (hours, km))
    number = 0 if settings.shortest == "time" else 1
    return {ends: cost[number] for ends, cost in costs.items()}
