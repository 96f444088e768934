import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.environment.grid import Grid


def line(loss_rate: float = 0.0, rating_kw: float = 100.0) -> dict[str, float]:
    return {"length_km": 1.0, "rating_kw": rating_kw, "loss_rate": loss_rate}


def small_graph() -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node("plant", kind="utility")
    graph.add_node("street", kind="feeder")
    for name in ("homes", "malls"):
        graph.add_node(name, kind="community")
    graph.add_node("house", kind="connection")
    graph.add_edge("plant", "street", **line(0.1))
    graph.add_edge("plant", "malls", **line(0.0, 50))
    graph.add_edge("street", "homes", **line(0.2))
    graph.add_edge("homes", "house", **line(0.5))
    return graph


def test_flows_by_hand() -> None:
    grid = Grid(small_graph())
    assert grid.nodes == ("plant", "street", "malls", "homes", "house")
    assert grid.kinds == ("utility", "feeder", "community", "community", "connection")
    assert grid.lines == (
        ("plant", "street"),
        ("plant", "malls"),
        ("street", "homes"),
        ("homes", "house"),
    )
    assert [grid.nodes[grid.node_index[end]] for _, end in grid.lines] == list(grid.nodes[1:])

    demand_kwh = np.array([1.0, 0.0, -40.0, 4.0, 4.0])
    flows = grid.flows(demand_kwh)
    np.testing.assert_allclose(flows.received_kwh, [12, -40, 10, 4])
    np.testing.assert_allclose(flows.losses_kwh, [1.2, 0, 2, 2])
    np.testing.assert_allclose(flows.sent_kwh, [13.2, -40, 12, 6])
    assert grid.supplied_kwh(flows, demand_kwh) == pytest.approx(1 + 13.2 - 40)
    np.testing.assert_allclose(grid.loading(flows, 0.5), [0.264, 1.6, 0.24, 0.12])


def test_losses_reduce_an_export() -> None:
    flows = Grid(small_graph()).flows(np.array([0.0, 0.0, 0.0, 0.0, -4.0]))
    assert flows.sent_kwh[3] == -2
    assert flows.losses_kwh[3] == 2
    assert flows.sent_kwh[2] == pytest.approx(-1.6)


@st.composite
def grids(draw: st.DrawFn) -> tuple["nx.DiGraph[str]", FloatArray]:
    """Trees of any shape, their nodes and lines added in any order, with demands by node."""
    size = draw(st.integers(1, 14))
    parents = [draw(st.integers(0, node - 1)) for node in range(1, size)]
    names = [f"n{number}" for number in draw(st.permutations(range(size)))]
    graph: nx.DiGraph[str] = nx.DiGraph()
    for node in draw(st.permutations(range(size))):
        graph.add_node(names[node], kind="utility" if node == 0 else "connection")
    for node in draw(st.permutations(range(1, size))):
        loss_rate = draw(st.sampled_from([0.0, 0.02, 0.3]))
        graph.add_edge(names[parents[node - 1]], names[node], **line(loss_rate))
    demand = st.floats(-1e4, 1e4)
    return graph, np.array([draw(demand) for _ in range(size)])


def sent_to(graph: "nx.DiGraph[str]", node: str, demand_kwh: dict[str, float]) -> float:
    """What must be sent towards a node, by plain recursion."""
    taken_kwh = demand_kwh[node] + sum(
        sent_to(graph, child, demand_kwh) for child in graph.successors(node)
    )
    for _, _, loss_rate in graph.in_edges(node, data="loss_rate"):
        return taken_kwh + loss_rate * abs(taken_kwh)
    return taken_kwh


@given(grids())
def test_flows_equal_a_plain_recursion(case: tuple["nx.DiGraph[str]", FloatArray]) -> None:
    graph, demand_kwh = case
    grid = Grid(graph)
    by_name = dict(zip(grid.nodes, demand_kwh.tolist(), strict=True))
    flows = grid.flows(demand_kwh)
    expected = [sent_to(graph, end, by_name) for _, end in grid.lines]
    np.testing.assert_allclose(flows.sent_kwh, expected, rtol=1e-9, atol=1e-9)
    supplied_kwh = grid.supplied_kwh(flows, demand_kwh)
    assert supplied_kwh == pytest.approx(sent_to(graph, grid.nodes[0], by_name), rel=1e-9, abs=1e-9)


@given(grids())
def test_energy_is_conserved(case: tuple["nx.DiGraph[str]", FloatArray]) -> None:
    graph, demand_kwh = case
    grid = Grid(graph)
    before = demand_kwh.copy()
    flows = grid.flows(demand_kwh)
    scale = 1e-9 * (1 + np.abs(demand_kwh).sum())
    used_kwh = demand_kwh.sum() + flows.losses_kwh.sum()
    assert grid.supplied_kwh(flows, demand_kwh) == pytest.approx(used_kwh, abs=scale)
    np.testing.assert_array_equal(demand_kwh, before)
    assert np.all(flows.losses_kwh >= 0)
    for index, node in enumerate(grid.nodes[1:]):
        passed_on = [i for i, (start, _) in enumerate(grid.lines) if start == node]
        out_kwh = demand_kwh[index + 1] + flows.sent_kwh[passed_on].sum()
        assert flows.received_kwh[index] == pytest.approx(out_kwh, abs=scale)


@given(grids(), st.integers(1, 3))
def test_columns_are_carried_as_if_alone(
    case: tuple["nx.DiGraph[str]", FloatArray], columns: int
) -> None:
    graph, demand_kwh = case
    grid = Grid(graph)
    together = grid.flows(np.outer(demand_kwh, np.arange(1, columns + 1)))
    for column in range(columns):
        alone = grid.flows(demand_kwh * (column + 1))
        np.testing.assert_array_equal(together.sent_kwh[:, column], alone.sent_kwh)
        np.testing.assert_array_equal(together.losses_kwh[:, column], alone.losses_kwh)
        loading = grid.loading(together, 0.25)[:, column]
        np.testing.assert_array_equal(loading, grid.loading(alone, 0.25))


def reported(graph: "nx.DiGraph[str]") -> str:
    with pytest.raises(InputError) as error:
        Grid(graph)
    return str(error.value)


def test_graphs_that_are_no_tree_are_refused_by_node() -> None:
    graph = small_graph()
    graph.add_edge("malls", "house", **line())
    assert reported(graph) == "node house: is fed by homes, malls (allowed: one line to each node)"

    graph = small_graph()
    graph.remove_edge("plant", "malls")
    assert "node malls: no line leads to it" in reported(graph)

    graph = small_graph()
    graph.remove_edge("plant", "street")
    graph.add_edge("house", "street", **line())
    for node in ("street", "homes", "house"):
        assert f"node {node}: lies on or below a ring" in reported(graph)

    graph = small_graph()
    graph.add_edge("house", "plant", **line())
    assert "node plant: the utility is fed by house" in reported(graph)

    graph = small_graph()
    graph.nodes["malls"]["kind"] = "utility"
    assert "grid: 2 utilities ['plant', 'malls'] (allowed: one)" in reported(graph)
    assert "node malls: the utility is fed by plant" in reported(graph)

    assert reported(nx.DiGraph()) == "grid: 0 utilities [] (allowed: one)"
    assert reported(nx.Graph(small_graph())) == "grid: a Graph (allowed: networkx.DiGraph)"


def test_all_wrong_attributes_are_reported_at_once() -> None:
    graph = small_graph()
    graph.nodes["homes"]["kind"] = "comunity"
    del graph.nodes["house"]["kind"]
    graph.edges["plant", "street"]["rating_kw"] = 0
    graph.edges["plant", "malls"]["loss_rate"] = "much"
    graph.edges["street", "homes"]["loss_rate"] = 1.0
    graph.edges["street", "homes"]["length_km"] = float("nan")
    graph.edges["homes", "house"]["rating_kW"] = graph.edges["homes", "house"].pop("rating_kw")
    lines = reported(graph).splitlines()
    assert len(lines) == 7
    assert "node homes: kind 'comunity' (allowed: utility, high_voltage" in lines[0]
    assert "did you mean 'community'?" in lines[0]
    assert "node house: kind is missing" in lines[1]
    assert "line plant - street: rating_kw is 0 (allowed: above 0)" in lines[2:]
    assert "line plant - malls: loss_rate is 'much' (allowed: 0 to below 1)" in lines[2:]
    missing = "rating_kw is missing, but there is 'rating_kW' (allowed: above 0)"
    assert f"line homes - house: {missing}" in lines[2:]


@pytest.mark.parametrize("shape", [(4,), (), (4, 5), (5, 1, 1)])
def test_demand_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not \(5,\) or \(5, k\)"):
        Grid(small_graph()).flows(np.zeros(shape))
