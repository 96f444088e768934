import itertools
import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.environment.roads import RoadNetwork, shortest_routes


def triangle() -> "nx.Graph[str]":
    graph: nx.Graph[str] = nx.Graph()
    graph.add_edge("homes", "malls", km=10)
    graph.add_edge("malls", "offices", km=np.float32(5.5))
    graph.add_edge("homes", "offices", km=20.0)
    return graph


def test_the_shortest_way_by_hand() -> None:
    roads = RoadNetwork(triangle())
    assert roads.communities == ("homes", "malls", "offices")
    assert roads.distance_km("homes", "offices") == 15.5
    assert roads.route("homes", "offices") == ["homes", "malls", "offices"]
    assert roads.route("offices", "homes") == ["offices", "malls", "homes"]
    assert roads.distance_km("malls", "malls") == 0
    assert roads.route("malls", "malls") == ["malls"]


def test_routes_are_the_callers_own_and_the_network_keeps_its_graph() -> None:
    graph = triangle()
    roads = RoadNetwork(graph)
    roads.route("homes", "offices").clear()
    graph.remove_node("malls")
    assert roads.route("homes", "offices") == ["homes", "malls", "offices"]
    copy = pickle.loads(pickle.dumps(roads))
    assert copy.route("homes", "offices") == roads.route("homes", "offices")


@given(
    st.dictionaries(st.sampled_from(list(itertools.combinations("abcde", 2))), st.floats(0.1, 9))
)
def test_distances_equal_the_best_of_all_ways(roads_km: dict[tuple[str, str], float]) -> None:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from("abcde")
    graph.add_weighted_edges_from(((*ends, km) for ends, km in roads_km.items()), weight="km")
    roads = RoadNetwork(graph)
    for origin, destination in itertools.permutations("abcde", 2):
        ways = list(nx.all_simple_paths(graph, origin, destination))
        if not ways:
            with pytest.raises(InputError, match=f"no way from '{origin}' to '{destination}'"):
                roads.route(origin, destination)
            continue
        best_km = min(nx.path_weight(graph, way, "km") for way in ways)
        assert roads.distance_km(origin, destination) == pytest.approx(best_km)
        route = roads.route(origin, destination)
        assert nx.path_weight(graph, route, "km") == pytest.approx(best_km)


def test_unknown_communities_are_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as reported:
        RoadNetwork(triangle()).distance_km("home", "oficces")
    assert str(reported.value).splitlines() == [
        "roads: no community 'home' (did you mean 'homes'?)",
        "roads: no community 'oficces' (did you mean 'offices'?)",
    ]


@pytest.mark.parametrize("km", [0, -1.0, float("nan"), float("inf"), "10"])
def test_a_road_without_a_length_is_refused(km: object) -> None:
    graph = triangle()
    graph.edges["homes", "malls"]["km"] = km
    graph.edges["homes", "offices"]["KM"] = graph.edges["homes", "offices"].pop("km")
    with pytest.raises(InputError) as reported:
        RoadNetwork(graph)
    assert str(reported.value).splitlines() == [
        f"road homes - malls: km is {km!r} (allowed: above 0)",
        "road homes - offices: km is missing, but there is 'KM' (allowed: above 0)",
    ]


def test_no_community_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="no community"):
        RoadNetwork(nx.Graph())


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), st.integers(1, 3)
    )
)
def test_of_equally_short_ways_the_one_that_networkx_finds_is_kept(
    roads_km: dict[tuple[str, str], int],
) -> None:
    roads = [(ends, float(km)) for ends, km in roads_km.items() if ends[0] != ends[1]]
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from("abcdef")
    graph.add_edges_from((*ends, {"km": km}) for ends, km in roads)
    listed, given_as_graph = RoadNetwork.between("abcdef", roads), RoadNetwork(graph)
    for origin in "abcdef":
        found = nx.single_source_dijkstra_path(graph, origin, weight="km")
        adjacent = {name: {n: e["km"] for n, e in graph.adj[name].items()} for name in graph}
        ways = shortest_routes(adjacent, origin)
        assert list(ways.items()) == list(found.items())
        for destination in found:
            assert listed.route(origin, destination) == found[destination]
            assert given_as_graph.route(origin, destination) == found[destination]
