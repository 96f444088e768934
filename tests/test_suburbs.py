"""The built-in scenario of a town: its roads, its four groups of vehicles, its chargers."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.environment.road_files.read_roads import read_road_file
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_selection import window_of
from hmesh.runs.report.payload import payload
from hmesh.runs.results.road_lines import read_roads
from tests.test_audit_tampering import accept

ROADS = Path("hmesh/runs/scenarios/built_in/suburbs-roads.geojson")
GROUPS = {"commuters": 80, "shared-cars": 6, "vans": 12, "taxis": 5}
# A tenth of the town, and few enough chargers that some wait.
SMALL = (
    "strategies=[typical]", "hours=13", "step_h=1", "record.events=true", "plots=false",
    "communities.centre.chargers.0.count=5", "communities.station.chargers.0.count=2",
    "communities.station.chargers.1.count=3", "communities.works.chargers.0.count=9",
    *(f"vehicles.groups.{n}.count={count}" for n, count in enumerate(GROUPS.values())),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suburbs") / "run"
    start_run(load_scenario("suburbs", SMALL), folder)
    return folder


def drawing() -> Any:
    spec = importlib.util.spec_from_file_location("suburb_roads", "docs/suburb_roads.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_roads_are_those_that_the_script_draws() -> None:
    drawn, kept = drawing().collection(), json.loads(ROADS.read_text())
    assert len(drawn["features"]) == len(kept["features"])
    for one, other in zip(drawn["features"], kept["features"], strict=True):
        assert one["properties"] == other["properties"]
        points, there = (each["geometry"]["coordinates"] for each in (one, other))
        assert len(points) == len(there)
        # The last digit may differ between processors: a tenth of a metre.
        for point, same in zip(points, there, strict=True):
            assert point == pytest.approx(same, abs=1.5e-6)
    network = read_road_file(ROADS)
    assert len(network.junctions) > 100
    assert {road.speed_km_h for road in network.roads} == {30, 50, 70, 80}


def test_four_groups_drive_on_the_shortest_ways(run: Path) -> None:
    found = read_run(run)
    group = found.table("fleet").column("group").to_pylist()
    assert {name: group.count(name) for name in GROUPS} == GROUPS
    trips = found.table("trips").to_pandas()
    assert {group[v] for v in trips["vehicle"].unique()} == set(GROUPS)
    roads = read_roads(run, found.info["scenario"])
    assert roads is not None
    names = list(found.info["scenario"]["communities"])
    for trip in trips.itertuples():
        ends = names.index(trip.origin), names.index(trip.destination)
        # Trips within a community have the length that the scenario states, at 30 km/h.
        # Trips begin and end at whole seconds.
        km = roads.km[roads.ways[ends]].sum() if ends[0] != ends[1] else 1.2
        hours = roads.hours[roads.ways[ends]].sum() if ends[0] != ends[1] else 1.2 / 30
        assert trip.km == pytest.approx(km, rel=1e-9)
        took_h = (trip.arrives - trip.departs).total_seconds() / 3600
        assert took_h == pytest.approx(hours, abs=1.0 / 3600)


def test_chargers_queue_in_the_order_of_arrival(run: Path) -> None:
    events = read_run(run).table("events").to_pandas()
    chargers = read_run(run).table("chargers").to_pandas()
    assert chargers.groupby("community")["waiting"].max().min() > 0
    assert (chargers["plugs_taken"] <= 9 + 1e-9).all()
    here = events[(events["strategy"] == "typical") & (events["place"] == "works")]
    queue: list[int] = []
    served = 0
    for event in here.sort_values("time", kind="stable").itertuples():
        if event.kind == "queues":
            queue.append(event.vehicle)
        elif event.kind == "plugs_in" and event.vehicle in queue:
            assert event.vehicle == queue.pop(0)
            served += 1
        elif event.kind == "departs" and event.vehicle in queue:
            queue.remove(event.vehicle)
    assert served > 0


def test_the_map_shows_who_waits_as_the_table_of_chargers_does(run: Path) -> None:
    data = RunData(read_run(run))
    sent = payload(data, "town", window_of(data))["hours"]["waiting"]
    rows = read_run(run).table("chargers").to_pandas()
    for (strategy, place), here in rows.groupby(["strategy", "community"]):
        ours = sent[data.strategies.index(strategy), data.communities.index(place)]
        assert ours.tolist() == pytest.approx(here["waiting"].tolist(), rel=1e-6)
    assert pd.isna(sent[:, data.communities.index("lakeside")]).all()


@pytest.mark.slow
def test_the_audit_of_the_small_town_finds_nothing(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, report.failed


@pytest.mark.slow
@pytest.mark.parametrize("table", ["chargers", "sessions", "departures", "events"])
def test_a_row_that_is_there_twice_fails_the_audit(run: Path, tmp_path: Path, table: str) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    path = other / f"{table}.parquet"
    if not path.is_file():
        pytest.skip(f"the town has no {table}")
    rows = pq.read_table(path)
    middle = rows.num_rows // 2
    numbers = [*range(middle + 1), *range(middle, rows.num_rows)]
    pq.write_table(rows.take(pa.array(numbers, pa.int64())), path)
    accept(other, path.name)
    assert not audit_run(other).passed


@pytest.mark.slow
def test_a_day_of_the_whole_town_passes_its_audit(tmp_path: Path) -> None:
    start_run(load_scenario("suburbs", ["hours=24", "plots=false"]), tmp_path / "run")
    assert audit_run(tmp_path / "run").passed
