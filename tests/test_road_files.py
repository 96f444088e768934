import gzip
import itertools
import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.environment.geography import Plane, great_circle_km, plane_km
from hmesh.environment.road_files.network import FoundRoad, RoadFileContent
from hmesh.environment.road_files.read_roads import read_road_file
from hmesh.environment.road_files.values import directions, speed_km_h
from hmesh.environment.road_map import RoadMap, ways_between
from hmesh.environment.zone_places import distance_km

# Two junctions 0.01 degrees of latitude apart, and one to the east.
KM = 1.111949
GRAPHML = """<?xml version='1.0' encoding='utf-8'?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="x" for="node" attr.name="x" attr.type="string"/>
<key id="y" for="node" attr.name="y" attr.type="string"/>
<key id="l" for="edge" attr.name="length" attr.type="string"/>
<key id="m" for="edge" attr.name="maxspeed" attr.type="string"/>
<key id="g" for="edge" attr.name="geometry" attr.type="string"/>
<key id="c" for="graph" attr.name="crs" attr.type="string"/>
<graph edgedefault="directed"><data key="c">epsg:4326</data>
<node id="1"><data key="x">10.0</data><data key="y">48.00</data></node>
<node id="2"><data key="x">10.0</data><data key="y">48.01</data></node>
<node id="3"><data key="x">10.02</data><data key="y">48.01</data></node>
<edge source="1" target="2"><data key="l">1112.0</data><data key="m">['30', '50']</data></edge>
<edge source="1" target="2"><data key="l">1300.0</data><data key="m">100</data>
<data key="g">LINESTRING (10.0 48.0, 10.002 48.005, 10.0 48.01)</data></edge>
<edge source="2" target="1"><data key="l">1112.0</data></edge>
<edge source="2" target="3"><data key="l">1490.0</data><data key="m">none</data></edge>
<edge source="3" target="2"><data key="l">1490.0</data><data key="m">30 mph</data></edge>
</graph></graphml>
"""


@pytest.fixture(scope="module")
def graphml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("roads") / "town.graphml"
    path.write_text(GRAPHML)
    return path


def test_graphml_of_osmnx_is_read_with_lengths_speeds_and_lines(graphml: Path) -> None:
    content = read_road_file(graphml)
    assert content.on_earth
    assert content.junctions == {"1": (10.0, 48.0), "2": (10.0, 48.01), "3": (10.02, 48.01)}
    assert [road.km for road in content.roads] == [1.112, 1.3, 1.112, 1.49, 1.49]
    assert [road.speed_km_h for road in content.roads] == [40.0, 100.0, None, None, 48.28032]
    by_time = RoadMap(content, {"a": (10.0, 48.0), "b": (10.02, 48.01)}, 60.0)
    assert by_time.distance_km("a", "b") == pytest.approx(1.3 + 1.49, rel=1e-12)
    assert by_time.travel_h("a", "b") == pytest.approx(1.3 / 100 + 1.49 / 60, rel=1e-12)
    assert by_time.travel_h("b", "a") == pytest.approx(1.49 / 48.28032 + 1.112 / 60, rel=1e-12)
    assert by_time.distance_km("a", "a") == 0.0
    assert len(by_time.graph.edges["1", "2"]["line"]) == 3


def line(points: list[list[float]], **properties: object) -> dict[str, object]:
    geometry = {"type": "LineString", "coordinates": points}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_lines_of_geojson_meet_where_they_share_a_point(tmp_path: Path) -> None:
    path = tmp_path / "roads.geojson"
    south, middle, north, east = [10.0, 48.0], [10.0, 48.01], [10.0, 48.02], [10.02, 48.01]
    crossing = [[9.99, 48.005], [10.01, 48.005]]
    features = [
        line([south, middle, north], maxspeed="50"),
        line([middle, east], oneway="yes", km=2.0),
        line(crossing),
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": south}, "properties": {}},
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    content = read_road_file(path)
    # The first line is cut at the middle, both ways; the crossing meets no other.
    assert len(content.roads) == 4 + 1 + 2
    assert [road.km for road in content.roads if road.km == 2.0] == [2.0]
    roads = RoadMap(content, {"a": tuple(south), "b": tuple(north)}, 30.0)  # type: ignore[dict-item]
    assert roads.distance_km("a", "b") == pytest.approx(2 * KM, rel=1e-6)
    assert roads.travel_h("b", "a") == pytest.approx(2 * KM / 50, rel=1e-6)
    places = {"a": (10.0, 48.0), "b": (10.0, 48.02), "c": (10.02, 48.01)}
    with pytest.raises(InputError, match=r"communities\.c\.location: cannot be reached"):
        RoadMap(content, places, 30.0, farthest_km=1.0)


def test_tables_of_junctions_and_roads_are_a_network(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text("node,x_km,y_km\na,0,0\nb,3,4\nc,6,0\n")
    (tmp_path / "edges.csv").write_text(
        "from,to,km,speed_km_h,oneway\na,b,,100,\nb,c,6,,yes\nc,a,,20,\n"
    )
    content = read_road_file(tmp_path / "edges.csv", tmp_path / "nodes.csv")
    assert not content.on_earth
    places = {"home": (0.0, 0.1), "work": (6.0, 0.1)}
    roads = RoadMap(content, places, 50.0)
    assert roads.distance_km("home", "work") == pytest.approx(11.0)
    assert roads.travel_h("home", "work") == pytest.approx(5 / 100 + 6 / 50)
    assert roads.distance_km("work", "home") == pytest.approx(6.0)
    short = RoadMap(content, places, 50.0, by_time=False)
    assert short.distance_km("home", "work") == pytest.approx(6.0)
    (tmp_path / "edges.csv").write_text("from,to,km\na,z,1\na,b,-3\nb,b,2\n")
    with pytest.raises(InputError, match=r"edges.csv, line 3, km: '-3' cannot be"):
        read_road_file(tmp_path / "edges.csv", tmp_path / "nodes.csv")
    with pytest.raises(InputError, match="nodes names no table of its junctions"):
        read_road_file(tmp_path / "edges.csv")


def test_matsim_networks_are_read_packed_or_not(tmp_path: Path) -> None:
    text = (
        "<?xml version='1.0'?><!DOCTYPE network SYSTEM 'network_v2.dtd'><network><nodes>"
        "<node id='1' x='0' y='0'/><node id='2' x='3000' y='4000'/></nodes><links>"
        "<link id='a' from='1' to='2' length='6000' freespeed='20' modes='car,bus'/>"
        "<link id='b' from='2' to='1' length='5000' freespeed='10'/>"
        "<link id='c' from='2' to='1' length='1' freespeed='10' modes='walk'/></links></network>"
    )
    path = tmp_path / "network.xml.gz"
    path.write_bytes(gzip.compress(text.encode()))
    content = read_road_file(path)
    roads = RoadMap(content, {"a": (0.0, 0.0), "b": (3.0, 4.0)}, 50.0)
    assert roads.distance_km("a", "b") == 6.0
    assert roads.travel_h("a", "b") == pytest.approx(6 / 72)
    assert roads.distance_km("b", "a") == 5.0
    path.write_bytes(b"no gzip")
    with pytest.raises(InputError, match="cannot be read"):
        read_road_file(path)


def test_speeds_and_directions_as_maps_write_them() -> None:
    written = {"50": 50, "30 mph": 48.28032, "['30', '50']": 40, "none": None, "DE:urban": None}
    assert {text: speed_km_h(text) for text in written} == pytest.approx(written)
    marks = {"yes": (True, False), "-1": (False, True), "no": (True, True), "": (True, True)}
    assert {mark: directions({"oneway": mark}) for mark in marks} == marks


def content_of(km: dict[tuple[str, str], float]) -> RoadFileContent:
    at = {name: (float(n), float(n % 2)) for n, name in enumerate("abcde")}
    roads = [FoundRoad("", a, b, length) for (a, b), length in km.items()]
    return RoadFileContent("roads", at, [*roads, *(road.reversed() for road in roads)], False)


@settings(max_examples=20)
@given(
    st.dictionaries(st.sampled_from(list(itertools.combinations("abcde", 2))), st.floats(0.9, 9))
)
def test_ways_equal_the_best_of_all(km: dict[tuple[str, str], float]) -> None:
    # A ring joins everybody.
    ring = dict.fromkeys([("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("a", "e")], 9.5)
    content = content_of(ring | km)
    roads = RoadMap(content, content.junctions, 50.0)
    plain: nx.Graph[str] = nx.Graph()
    plain.add_weighted_edges_from(((*ends, each) for ends, each in (ring | km).items()))
    for pair in itertools.permutations("abcde", 2):
        best = min(
            nx.path_weight(plain, way, "weight") for way in nx.all_simple_paths(plain, *pair)
        )
        assert roads.distance_km(*pair) == pytest.approx(best)
    numbered, ways = ways_between(roads, list(itertools.permutations("abcde", 2)))
    for (origin, destination), way in ways.items():
        assert numbered[way[0]][0] == origin
        assert numbered[way[-1]][1] == destination
        assert sum(roads.graph.edges[numbered[n]]["km"] for n in way) == pytest.approx(
            roads.distance_km(origin, destination)
        )


def test_places_off_the_network_are_reported_one_by_one(graphml: Path) -> None:
    content = read_road_file(graphml)
    places = {
        "swapped": (48.0, 10.0),
        "far": (10.5, 48.0),
        "good": (10.0, 48.0),
        "twin": (10.0, 48.001),
    }
    with pytest.raises(InputError) as error:
        RoadMap(content, places, 50.0)
    found = str(error.value).splitlines()
    assert len(found) == 3
    assert found[0].startswith(
        "communities.swapped.location: latitude 10 and longitude 48 are in the wrong order: the "
        "network is 5,5"
    )
    assert found[1].startswith("communities.far.location: is 35.")
    assert "at most 2 km (roads.farthest_km)" in found[1]
    assert found[2].startswith("communities.twin.location: has the same nearest junction as good")


def test_lengths_in_another_unit_are_refused() -> None:
    content = content_of({("a", "b"): 1400.0, ("b", "c"): 1500.0})
    with pytest.raises(InputError, match="their lengths are in another unit"):
        RoadMap(content, {"a": (0.0, 0.0)}, 50.0)


def test_distances_on_the_earth_and_on_its_plane_agree_nearby() -> None:
    berlin, potsdam = np.array([13.405, 52.52]), np.array([13.06, 52.40])
    assert distance_km(52.52, 13.405, 52.40, 13.06) == float(great_circle_km(berlin, potsdam))
    plane = Plane(*(berlin + potsdam) / 2)
    on_plane = float(plane_km(plane.to_km(berlin), plane.to_km(potsdam)))
    assert on_plane == pytest.approx(float(great_circle_km(berlin, potsdam)), rel=1e-5)
    np.testing.assert_allclose(plane.to_degrees(plane.to_km(potsdam)), potsdam, rtol=1e-15)


def test_real_files_of_osmnx_and_matsim(shared: Path) -> None:
    real = shared / "data" / "formats"
    village = read_road_file(real / "roads" / "village_osm.graphml")
    assert (len(village.junctions), len(village.roads)) == (63, 176)
    equil = read_road_file(real / "matsim" / "network.xml")
    assert (len(equil.junctions), len(equil.roads)) == (15, 23)
    roads = RoadMap(equil, {"home": (-20.0, 0.0), "work": (0.0, 0.0)}, 50.0)
    assert roads.distance_km("home", "work") == 25.0
