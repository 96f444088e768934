"""Communities with places, on roads of a file, from the scenario to the audit."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.results.road_lines import ROADS_FILE, read_roads
from hmesh.runs.scenarios.check import check_scenario
from tests.interrupted_runs import interrupted_run
from tests.placed_runs import scenario, write_files, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places")
    write_files(folder)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    start_run(load_scenario(written(folder, "run")), folder / "run")
    return folder / "run"


def test_lengths_and_times_left_out_follow_from_the_roads(run: Path) -> None:
    trips = read_run(run).table("trips").to_pandas()
    one = trips[trips["vehicle"] == 0]
    # The fast way is longer than that across, which takes 28 minutes; there and back by the shop.
    assert one["km"].tolist() == [20.0, 20.0, 20.0]
    assert audit_run(run).passed


def test_the_ways_are_kept_beside_the_results(run: Path) -> None:
    found = read_run(run)
    roads = read_roads(run, found.info["scenario"])
    assert roads is not None
    assert ROADS_FILE in found.info["sha256"]
    assert roads.km[roads.ways[0, 1]].tolist() == [10.0, 10.0]
    line, done = roads.way(0, 1)
    assert line.tolist() == [[10.0, 48.0], [10.1345, 48.0], [10.1345, 48.09]]
    assert done.tolist() == [0.0, 0.5, 1.0]
    assert [len(other) for other in roads.others] == [2, 2]


def test_the_audit_finds_ways_that_are_not_the_shortest(run: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(run, tmp_path / "run")
    content = json.loads((changed / ROADS_FILE).read_text())
    content["roads"][0]["hours"] *= 2
    (changed / ROADS_FILE).write_text(json.dumps(content))
    failed = [check.name for check in audit_run(changed).checks if check.passed is False]
    assert failed == [
        "files: as the run wrote them",
        "roads: no way is shorter than those of the run",
    ]


def test_a_resumed_run_has_the_same_ways(run: Path, folder: Path, tmp_path: Path) -> None:
    again = interrupted_run(tmp_path / "again", 9, load_scenario(folder / "run.yaml"))
    resume_run(again)
    for name in ("trips.parquet", "hours.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(again / name), pd.read_parquet(run / name))
    assert (again / ROADS_FILE).read_bytes() == (run / ROADS_FILE).read_bytes()


def test_trips_drawn_on_roads_take_as_long_as_these(folder: Path) -> None:
    purpose = {"stay_h": 2.0, "to": {"works": 1.0}}
    day = {"stops": [1.0], "departs_h": 8.0, "purposes": {"work": purpose}}
    travel = {"kind": "drawn", "home": {"homes": 1.0}, "days": {"every": day}}
    vehicles = {"count": 3, "lam": 0.5, "theta": 0.012}
    path = written(folder, "drawn", travel=travel, vehicles=vehicles, step_h=0.2, hours=12.0)
    start_run(load_scenario(path), folder / "drawn")
    trips = read_run(folder / "drawn").table("trips").to_pandas()
    assert trips["km"].tolist() == [20.0] * 6
    took = (trips["arrives"] - trips["departs"]).dt.total_seconds() / 60
    assert took.tolist() == [12.0] * 6
    day["trip_km"] = 5.0
    with pytest.raises(InputError, match="no speed_km_h is given"):
        load_scenario(written(folder, "drawn", travel=travel, vehicles=vehicles))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"latitude": 10.001, "longitude": 48.0}, "in the wrong order: the network is 5,"),
        ({"latitude": 95.0, "longitude": 48.0}, "may be in the wrong order"),
        ({"latitude": 48.5, "longitude": 10.0}, "is 46.* km from the nearest junction"),
        ({"latitude": 48.5}, "latitude is given .*latitude and longitude, or x_km and y_km"),
        ({"x_km": 1.0, "y_km": 1.0}, "is given otherwise than that of homes"),
        (None, "is missing, where others have one"),
    ],
)  # fmt: skip
def test_each_wrong_place_is_one_message(folder: Path, place: Any, expected: str) -> None:
    given = scenario()
    given["communities"]["works"]["location"] = place
    path = folder / "wrong.yaml"
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match=expected) as error:
        check_scenario(path)
    assert len(error.value.problems) == 1


def test_an_area_holds_its_place(folder: Path) -> None:
    ring = [[9.9, 47.9], [10.1, 47.9], [10.1, 48.1], [9.9, 48.1], [9.9, 47.9]]
    given = scenario()
    given["communities"]["homes"]["area"] = {"type": "Polygon", "coordinates": [ring]}
    path = folder / "area.yaml"
    path.write_text(yaml.safe_dump(given))
    check_scenario(path)
    given["communities"]["homes"]["area"]["coordinates"] = [[[y, x] for x, y in ring]]
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match=r"outside the area; latitude .* in the wrong order"):
        check_scenario(path)
    given["communities"]["homes"]["area"]["coordinates"] = [ring[:-1]]
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match="its 4 points are no closed ring"):
        check_scenario(path)


def test_a_network_needs_places_and_they_its_coordinates(folder: Path) -> None:
    given = scenario()
    for name, community in given["communities"].items():
        community["location"] = {"x_km": float(len(name)), "y_km": 0.0}
    path = folder / "plane.yaml"
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match="has positions of latitude and longitude"):
        check_scenario(path)
    for community in given["communities"].values():
        del community["location"]
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match=r"roads: a road network needs the place of each"):
        check_scenario(path)
