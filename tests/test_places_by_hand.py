"""Roads, places and tables of vehicles, number by number, with all that is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.datasets.data_file import Findings
from hmesh.environment.datasets.records import report_unknown
from hmesh.environment.datasets.schema import TABLES
from hmesh.environment.errors import InputError, missing_columns, missing_file, nearest, shortened
from hmesh.environment.grid_plan import (
    GridPlan,
    PlannedLine,
    PlannedNode,
    plan_problems,
    right_number,
)
from hmesh.environment.retail_tariff import feed_in_of, feed_in_years, time_of_use
from hmesh.environment.road_files.geojson import read_geojson
from hmesh.environment.road_files.network import FoundRoad, RoadFileContent, road_graph
from hmesh.environment.road_map import RoadMap
from hmesh.environment.value_file import read_values
from hmesh.environment.vehicle_models import read_vehicle_models
from tests.stated_problems import said


def nearly(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


PLAIN = {"a": (0.0, 0.0), "b": (3.0, 4.0), "c": (3.0, 0.0), "far": (50.0, 0.0)}


def content(*roads: FoundRoad) -> RoadFileContent:
    return RoadFileContent("town.csv", dict(PLAIN), list(roads), False)


def test_a_graph_keeps_the_fastest_of_several_roads() -> None:
    line = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]])
    graph = road_graph(
        content(
            FoundRoad("1", "a", "b", 6.0, 60.0), FoundRoad("2", "a", "b", None, 100.0, line),
            FoundRoad("3", "a", "b", 8.0, 50.0), FoundRoad("4", "b", "a", 6.0),
            FoundRoad("5", "b", "a", 5.0, 25.0), FoundRoad("6", "c", "c", 5.0, 25.0),
            FoundRoad("7", "a", "c", 4.0, 40.0), FoundRoad("8", "a", "c", 3.5, 35.0),
        ),
        30.0,
    )  # fmt: skip
    found = {ends: (road["km"], road["hours"]) for ends, road in graph.edges.items()}
    # The second is as long as its own line; equally fast ones give way to the shortest.
    assert found == {
        ("a", "b"): nearly((7.0, 0.07)), ("b", "a"): (5.0, 0.2), ("a", "c"): (3.5, 0.1)
    }  # fmt: skip
    assert graph.edges["a", "b"]["line"].tolist() == line.tolist()
    assert graph.edges["b", "a"]["line"].tolist() == [[3.0, 4.0], [0.0, 0.0]]
    assert dict(graph.nodes(data="at")) == PLAIN


def test_roads_that_make_no_graph_are_refused() -> None:
    for roads, problems in (
        ([FoundRoad("1", "a", "z", 5.0), FoundRoad("2", "y", "b", 5.0)],
         [("1", "no junction is called 'z'", "one of the network", ""),
          ("2", "no junction is called 'y'", "one of the network", "")]),
        ([FoundRoad("1", "a", "b", 0.0), FoundRoad("2", "a", "b", math.inf)],
         [("1", "its length is 0 km", "a length above 0", ""),
          ("2", "its length is inf km", "a length above 0", "")]),
        ([FoundRoad("1", "a", "b", 5000.0)],
         [("town.csv", "its roads are given 1e+03 times as long as their lines, so that their "
           "lengths are in another unit or positions in another order",
           "lengths of about those of the lines", "")]),
        ([FoundRoad("1", "a", "b", 2.4)],
         [("town.csv", "its roads are given 0.48 times as long as their lines, so that their "
           "lengths are in another unit or positions in another order",
           "lengths of about those of the lines", "")]),
        ([FoundRoad("1", "a", "a", 5.0)], [("town.csv", "holds no road", "one or more", "")]),
    ):  # fmt: skip
        with pytest.raises(InputError) as raised:
            road_graph(content(*roads), 50.0)
        assert said(raised.value) == problems
    for km in (250.0, 2.5):
        assert road_graph(content(FoundRoad("1", "a", "b", km)), 50.0).number_of_edges() == 1


def both(start: str, end: str) -> list[FoundRoad]:
    road = FoundRoad(f"{start}{end}", start, end, None)
    return [road, road.reversed()]


def test_communities_off_the_roads_are_refused_one_by_one() -> None:
    roads = content(*both("a", "b"), *both("b", "c"), FoundRoad("one way", "c", "far"))
    places = {"A": (0.1, 0.0), "B": (0.2, 0.0), "C": (3.0, 4.1), "F": (50.0, 0.5), "X": (20.0, 0)}
    with pytest.raises(InputError) as raised:
        RoadMap(roads, places, 50.0)
    assert said(raised.value) == [
        ("communities.B.location", "has the same nearest junction as A, a",
         "communities at separate junctions", ""),
        ("communities.F.location",
         "cannot be reached: the nearest junction, far of town.csv, is not connected in both "
         "directions with those of the other communities",
         "a connected junction within 2 km (roads.farthest_km)", ""),
        ("communities.X.location", "is 17.0 km from the nearest junction of town.csv",
         "at most 2 km (roads.farthest_km)", ""),
    ]  # fmt: skip
    earth = RoadFileContent(
        "town.csv", {"a": (10.0, 48.0), "b": (10.1, 48.0)}, both("a", "b"), True
    )
    with pytest.raises(InputError) as raised:
        RoadMap(earth, {"A": (48.0, 10.0)}, 50.0)
    ((place, message, allowed, _),) = said(raised.value)
    assert (place, allowed) == (
        "communities.A.location", "latitude, north positive; longitude, east positive"
    )  # fmt: skip
    assert message.startswith(
        "latitude 10 and longitude 48 are in the wrong order: the network is "
    )
    assert message.endswith(" km away, and 0.0 km from latitude 48, longitude 10")


def features(path: Path, *given: Any) -> Path:
    path.write_text(json.dumps({"features": list(given)}))
    return path


def test_lines_of_geojson_meet_where_they_share_a_point(tmp_path: Path) -> None:
    path = features(
        tmp_path / "town.geojson",
        {"properties": {"km": 4.0, "oneway": "yes", "maxspeed": 30},
         "geometry": {"type": "LineString", "coordinates": [[0, 0, 9], [0, 0.01], [0, 0.02]]}},
        {"geometry": {"type": "MultiLineString", "coordinates": [[[0, 0.01], [0.01, 0.01]]]}},
        {"geometry": {"type": "Point", "coordinates": [5, 5]}}, {"geometry": None},
    )  # fmt: skip
    found = read_geojson(path)
    names = [f"{x:.7f} {y:.7f}" for x, y in ((0, 0), (0, 0.01), (0, 0.02), (0.01, 0.01))]
    assert found.junctions == {
        names[0]: (0, 0), names[1]: (0, 0.01), names[2]: (0, 0.02), names[3]: (0.01, 0.01)
    }  # fmt: skip
    roads = [(r.place, r.start, r.end, r.speed_km_h) for r in found.roads]
    first, second = f"{path}, feature 0", f"{path}, feature 1"
    assert roads == [
        (first, names[0], names[1], 30.0), (first, names[1], names[2], 30.0),
        (second, names[1], names[3], None), (second, names[3], names[1], None),
    ]  # fmt: skip
    assert [road.km for road in found.roads[:2]] == [nearly(2.0)] * 2
    assert found.on_earth


def test_what_is_no_line_of_geojson_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "town.geojson"
    for text in ("{", "[]", "{}", "3"):
        path.write_text(text)
        with pytest.raises(InputError) as raised:
            read_geojson(path)
        assert said(raised.value) == [
            (str(path), "cannot be read", "GeoJSON, a FeatureCollection of lines", "")
        ]
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    features(
        path, {"geometry": {**line, "coordinates": [[0, 0]]}},
        {"geometry": {**line, "coordinates": [[0, 0], [0, 90.5]]}}, {},
        {"geometry": line, "properties": {"length": -1}},
    )  # fmt: skip
    with pytest.raises(InputError) as raised:
        read_geojson(path)
    allowed = "LineString or MultiLineString of [longitude, latitude]"
    assert said(raised.value) == [
        (f"{path}, feature 0", "has no line on the Earth in its 1 points", allowed, ""),
        (f"{path}, feature 1", "has no line on the Earth in its 2 points", allowed, ""),
        (f"{path}, feature 2", "has no line on the Earth 'geometry'", allowed, ""),
        (f"{path}, feature 3, length", "-1 cannot be", "a number above 0", ""),
    ]


HEAD = "name,capacity_kwh,power_kw,consumption_kwh_per_km"


def test_models_of_vehicles_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "models.csv"
    path.write_text(f"{HEAD}, share,v2g_kw\nA ,40,7,0.15,2,3\nB,60.5,11,0,1,0\n")
    models = read_vehicle_models(path)
    assert models.names == ("A", "B")
    assert {name: values.tolist() for name, values in models.columns.items()} == {
        "capacity_kwh": [40, 60.5], "power_kw": [7, 11], "consumption_kwh_per_km": [0.15, 0],
        "v2g_kw": [3, 0],
    }  # fmt: skip
    assert models.share.tolist() == [2, 1]
    path.write_text(f"{HEAD}\nA,40,7,0.15\nB,60.5,11,0\n")
    assert read_vehicle_models(path).share.tolist() == [1, 1]
    for rows, problems in (
        (f"{HEAD}\nA,0,x,-1\nA,1,1\n,1,1,inf\n",
         [(", line 3, column name", "another model is called 'A' too", "its own name"),
          (", line 4, column name", "the name is missing", "its own name"),
          (", line 2, column capacity_kwh", "'0'", "a number above 0"),
          (", line 2, column power_kw", "'x'", "a number above 0"),
          (", line 2, column consumption_kwh_per_km", "'-1'", "a number of at least 0"),
          (", line 3, column consumption_kwh_per_km", "''", "a number of at least 0"),
          (", line 4, column consumption_kwh_per_km", "'inf'", "a number of at least 0")]),
        (f"{HEAD}\n", [("", "has no models", "at least one row")]),
        (f"{HEAD},share\nA,1,1,1,0\n", [(", column share", "no share is above 0", "")]),
    ):  # fmt: skip
        path.write_text(rows)
        with pytest.raises(InputError) as raised:
            read_vehicle_models(path)
        assert said(raised.value) == [(f"{path}{at}", *rest, "") for at, *rest in problems]


def test_values_of_a_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text("\ufeffa, b\n1,2\n\n3,-4.5\n")
    assert read_values(path, "b").tolist() == [2.0, -4.5]
    path.write_text("b\n0\nx\n-1\n7\ninf\n")
    for bounds, allowed, wrong in (
        ({}, "a finite number, at most 1e+12", ("x", "inf")),
        ({"above": 0.0}, "a finite number above 0, at most 1e+12", ("0", "x", "-1", "inf")),
        ({"above": -1e-310, "most": 6.0}, "a finite number of at least 0, at most 6",
         ("x", "-1", "7", "inf")),
    ):  # fmt: skip
        with pytest.raises(InputError) as raised:
            read_values(path, "b", **bounds)
        at = {"0": 2, "x": 3, "-1": 4, "7": 5, "inf": 6}
        assert said(raised.value) == [
            (f"{path}, line {at[text]}, column b", repr(text), allowed, "") for text in wrong
        ]
    path.write_text("b\n1\n")
    with pytest.raises(InputError) as raised:
        read_values(path, "b", 1200)
    assert said(raised.value) == [(str(path), "has 1 row of values", "at least 1,200", "")]


def test_tariffs_that_are_not_known_are_refused() -> None:
    years = feed_in_years()
    with pytest.raises(InputError) as raised:
        feed_in_of(1999)
    allowed = f"{min(years)} to {max(years)}, or a price"
    assert said(raised.value) == [("year", "no feed-in tariff is known of 1999", allowed, "")]
    calendar: Any = None
    with pytest.raises(InputError) as raised:
        time_of_use("x", calendar, 1)
    ((place, message, _, _),) = said(raised.value)
    assert (place, message) == ("tariff", "there is no time-of-use tariff 'x'")


def test_plans_that_are_no_tree_are_refused_part_by_part() -> None:
    def problems(*ends: tuple[str, str]) -> list[tuple[str, str, str, str]]:
        names = dict.fromkeys(name for pair in ends for name in pair)
        lines = tuple(PlannedLine(*pair, 1.0, 1.0, 0.0) for pair in ends)
        nodes = {name: PlannedNode(name, "feeder") for name in names}
        return said(InputError(tuple(plan_problems(GridPlan(nodes, lines)))))

    assert problems(("utility", "a"), ("a", "b")) == []
    one = "one line to each node"
    assert problems(("utility", "a"), ("a", "utility"), ("x", "a - b")) == [
        ("node a - b", "is not allowed as the name of a node", "no '/' and no ' - '", ""),
        ("line a - utility", "leads to the utility", "lines away from it", ""),
        ("node x", "is fed by no line", one, ""),
        ("node a", "lies on a ring: a, utility, a", "a tree below the utility", ""),
    ]
    assert problems(("utilty", "a"), ("b", "a"), ("a", "b"))[:3] == [
        ("lines", "none leads from the node 'utility'", "lines from it to all others", "utilty"),
        ("node utilty", "is fed by no line", one, ""),
        ("node a", "is fed by utilty and by b", f"{one}, from the utility's side", ""),
    ]
    for name, value, allowed in (
        ("rating_kw", 0.0, "above 0"), ("rating_kw", 1.0, ""), ("rating_kw", math.inf, "above 0"),
        ("loss_rate", 0.0, ""), ("loss_rate", 1.0, "0 to below 1"),
        ("loss_rate", -0.1, "0 to below 1"), ("turns", 0.0, "above 0"), ("turns", 0.5, ""),
        ("turns", math.inf, "above 0"), ("reactance_ohm", -1.0, ""),
        ("reactance_ohm", math.nan, "a finite number"), ("length_km", 0.0, ""),
        ("length_km", -1.0, "0 or more"), ("length_km", math.inf, "0 or more"),
    ):  # fmt: skip
        assert right_number(name, value) == allowed


def test_files_and_names_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "Town.csv").touch()
    for path, message, allowed, near in (
        (tmp_path, "is a folder", "a file", ""),
        (tmp_path / "town.cvs", "does not exist", "", str(tmp_path / "Town.csv")),
        (tmp_path / "x" / "y",
         f"does not exist, and neither does the folder {tmp_path / 'x'}", "", ""),
        (Path("a\0b"), "cannot be opened: embedded null byte", "the path of a file", ""),
    ):  # fmt: skip
        assert said(InputError(missing_file(path))) == [(str(path), message, allowed, near)]
    assert missing_file(tmp_path / "Town.csv") == []
    assert said(InputError(missing_columns("f", ["b", "Aa"], ["aa", "b"]))) == [
        ("f", "column 'aa' is missing; there are b, Aa", "columns aa, b", "Aa")
    ]
    assert said(InputError(missing_columns("f", [], ["a"]))) == [
        ("f", "column 'a' is missing; there are none", "columns a", "")
    ]
    many = missing_columns("f", [], [f"c{n}" for n in range(1022)])
    assert shortened(many)[:20] == many[:20]
    assert said(InputError(shortened(many)[20:])) == [("", "and 1,002 more of this kind", "", "")]
    assert [nearest("H-0", ["g1", "h0"]), nearest("x", ["abc"])] == ["h0", ""]
    findings = Findings()
    vehicle = next(each for each in TABLES["trips"].columns if each.name == "vehicle")
    used = [f"v{n:04d}" for n in range(2000)]
    report_unknown("trips.csv", vehicle, used, ["v0000"], findings)
    place, table = "trips.csv, column vehicle", "does not stand in the table vehicles"
    assert said(InputError(findings.errors))[0] == (place, f"'v0001' {table}", "", "v0000")
    shown = len(findings.errors) - 1
    more = f"and {1999 - shown:,} more names that do not stand in the table vehicles"
    assert said(InputError(findings.errors))[-1] == (place, more, "", "")
