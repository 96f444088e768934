"""Grids of a scenario: where everybody is connected, what flows, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hmesh.environment.errors import InputError
from hmesh.environment.grid import Grid
from hmesh.runs import audit_run, check_scenario, load_scenario, read_run, start_run
from hmesh.runs.live.grid_tree import MOST_LINES, drawn_tree
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.general_charts import general_charts
from hmesh.runs.report.grid_lines import grid_lines
from hmesh.runs.report.map_selection import window_of
from hmesh.runs.scenarios.scenario_files import find_scenario
from hmesh.runs.voltages import solve_voltages
from hmesh.runs.world.city_grid import make_city_grid
from hmesh.runs.world.setting import make_setting
from tests.audited_runs import outcome

BUILT_IN = "two-voltage-levels"
SHORT = ("hours=6", "vehicles.count=20", "plots=false")
FEEDERS = {
    "homes": (5.0, 10000.0, 0.03),
    "malls": (3.0, 9000.0, 0.0),
    "offices": (4.0, 800.0, 0.02),
}


def grid_of(name: str, *changes: str) -> Grid:
    return make_city_grid(load_scenario(name, changes)).grid


def refused(*changes: str, name: str = BUILT_IN) -> list[str]:
    with pytest.raises(InputError) as error:
        check_scenario(name, changes)
    # Their lines have tests of their own.
    return [str(replace(problem, line=0)) for problem in error.value.problems]


def test_everybody_is_where_the_scenario_says() -> None:
    scenario = load_scenario(BUILT_IN)
    setting = make_setting(scenario)
    grid = setting.grid
    above = {
        name: grid.nodes[grid.parents[node]]
        for node, name in enumerate(grid.nodes)
        if grid.kinds[node] == "connection"
    }
    assert above == {
        "homes/households": "homes-low", "homes/charging": "homes-low", "homes/schools": "north",
        "malls/shopping-malls": "south", "malls/charging": "malls-low",
        "offices/office-buildings": "south", "offices/charging": "offices-low",
    }  # fmt: skip
    communities = [grid.nodes[node] for node in setting.community_nodes]
    assert communities == ["homes-low", "malls-low", "offices-low"]
    low = grid.node_index["homes-low"]
    assert grid.kinds[low] == "low_voltage"
    assert [grid.lines[line] for line in grid.path(low)] == [
        ("north", "homes-low"), ("utility", "north"),
    ]  # fmt: skip
    through = grid.beyond(setting.community_nodes)
    assert {grid.lines[line] for line in np.flatnonzero(through[:, 2])} == {
        ("utility", "south"), ("south", "offices-low"),
    }  # fmt: skip


def test_the_most_particular_connection_holds() -> None:
    grid = grid_of(
        BUILT_IN, "grid.connections.homes/households=south", "grid.connections.homes/vehicles=north"
    )
    at = {name: grid.nodes[grid.parents[grid.node_index[name]]] for name in grid.nodes[1:]}
    assert at["homes/households"] == "south"
    assert at["homes/charging"] == "north"
    assert at["homes/schools"] == "north"


def test_a_community_is_connected_to_the_node_of_its_name() -> None:
    lines = "[{between: [utility, homes], rating_kw: 5}, {between: [homes, malls], rating_kw: 5}]"
    changes = [f"grid.lines={lines}", "grid.connections={offices: malls}", "grid.nodes={}"]
    grid = grid_of(BUILT_IN, *changes)
    assert ("homes", "homes/schools") in grid.lines
    assert ("malls", "offices/charging") in grid.lines


def test_a_star_of_own_lines_gives_the_same_bits_as_feeders(tmp_path: Path) -> None:
    feeders = [
        f"communities.{name}.feeder={{length_km: {km}, rating_kw: {kw}, loss_rate: {loss}}}"
        for name, (km, kw, loss) in FEEDERS.items()
    ]
    lines: list[dict[str, Any]] = [
        {"between": ["utility", f"{name}-feeder"], "length_km": km, "rating_kw": kw,
         "loss_rate": loss}
        for name, (km, kw, loss) in FEEDERS.items()
    ]  # fmt: skip
    lines += [
        {"between": [f"{name}-feeder", name], "rating_kw": kw}
        for name, (_, kw, _) in FEEDERS.items()
    ]
    own = [
        f"communities.{name}.feeder={{length_km: 1, rating_kw: 10000, loss_rate: 0}}"
        for name in FEEDERS
    ]
    own.append(f"grid.lines={yaml.safe_dump(lines, default_flow_style=True, width=10_000)}")
    runs = []
    for number, changes in enumerate((feeders, own)):
        scenario = load_scenario("three-communities", [*SHORT, *changes])
        runs.append(start_run(scenario, tmp_path / str(number)))
    star, tree = (read_run(tmp_path / str(number)) for number in range(2))
    assert star.table("hours").equals(tree.table("hours"))
    assert star.table("ledger").equals(tree.table("ledger"))
    flows = [run.table("lines").to_pandas() for run in (star, tree)]
    flows[0]["line"] = flows[0]["line"].astype(str).str.replace("/feeder", "-feeder")
    flows[1]["line"] = flows[1]["line"].astype(str)
    assert flows[0].equals(flows[1])
    assert flows[0]["losses_kwh"].sum() > 0


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (
            "grid.connections.homes=homes-lo",
            "--set: grid.connections.homes: unknown node 'homes-lo' (allowed: north, south, "
            "homes-low, malls-low, offices-low; did you mean 'homes-low'?)",
        ),
        (
            "grid.connections.homes=utility",
            "--set: grid.connections.homes: is connected to the utility itself "
            "(allowed: a node below the utility, with a line to it)",
        ),
        (
            "grid.connections.homes/school=north",
            "--set: grid.connections.homes/school: unknown community, kind or group (allowed: "
            "homes, homes/charging, homes/households, homes/schools, homes/vehicles, malls, "
            "malls/buildings, malls/charging, malls/shopping-malls, malls/vehicles, offices, "
            "offices/buildings, offices/charging, offices/office-buildings, offices/vehicles; "
            "did you mean 'homes/schools'?)",
        ),
        (
            "grid.connections={homes: north, malls: north}",
            "--set: grid.connections: offices is connected to no node (allowed: its node in "
            "grid.connections, or a node of its name; did you mean 'offices-low'?)",
        ),
        (
            "grid.lines.2.between=[north, north]",
            "two-voltage-levels.yaml: grid.lines.2: node north is fed by utility and by north "
            "(allowed: one line to each node, from the utility's side)",
        ),
        (
            "grid.lines.0.between=[homes-low, north]",
            "two-voltage-levels.yaml: grid.lines.0: node north lies on a ring: north, homes-low, "
            "north (allowed: a tree below the utility)",
        ),
        (
            "grid.lines.0={between: [utility, north]}",
            "--set: grid.lines.0.rating_kw: is missing "
            "(allowed: a number above 0 to 1e+12; power it may carry [kW])",
        ),
        (
            "grid.nodes.west={kind: low_voltage}",
            "--set: grid.nodes.west: is fed by no line (allowed: one line to each node)",
        ),
        (
            "communities.homes.feeder={rating_kw: 5}",
            "--set: communities.homes.feeder: the lines of the grid take the place of feeders "
            "(allowed: no feeder, or no grid)",
        ),
        (
            "grid.file=grid.csv",
            "--set: grid.file: there is no file ",
        ),
        (
            "grid={connections: {homes: north}}",
            "--set: grid.connections: the grid has no nodes of its own "
            "(allowed: grid.lines or file)",
        ),
        (
            "grid={nodes: {north: {}}}",
            "--set: grid.nodes: no line leads to any of them (allowed: grid.lines)",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_key(change: str, reported: str) -> None:
    found = refused(change)
    assert any(problem.startswith(reported) for problem in found), found


def test_lines_and_a_file_exclude_each_other(tmp_path: Path) -> None:
    path = write_csv(tmp_path)
    assert "grid.lines: the lines stand in grid.file already" in "\n".join(
        refused("grid.lines=[{between: [utility, a], rating_kw: 5}]", name=str(path))
    )


def write_csv(folder: Path) -> Path:
    """Write the built-in scenario with its lines in a CSV file."""
    from hmesh.environment.grid_files.line_table import write_line_table
    from hmesh.runs.scenarios.grid_section import planned_here

    scenario = load_scenario(BUILT_IN)
    plan = planned_here(scenario.grid)
    assert plan is not None
    write_line_table(plan, folder / "grid.csv")
    given = scenario.model_dump(mode="json")
    given["grid"] |= {"file": "grid.csv", "nodes": {}, "lines": []}
    path = folder / "town.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    return path


def test_a_grid_in_a_file_is_the_grid_in_the_scenario(tmp_path: Path) -> None:
    path = write_csv(tmp_path)
    one, other = grid_of(BUILT_IN), grid_of(str(path))
    assert one.lines == other.lines
    np.testing.assert_array_equal(one.loss_rate, other.loss_rate)
    scenario = load_scenario(str(path))
    assert scenario.files() == ["grid.csv"]
    # What is wrong in the file is found by a check of the scenario, with its place there.
    text = (tmp_path / "grid.csv").read_text()
    (tmp_path / "grid.csv").write_text(text.replace("utility,south,", "homes-low,south,", 1))
    check_scenario(str(path))
    (tmp_path / "grid.csv").write_text(text.replace("utility,south,", "malls-low,south,", 1))
    assert "grid.csv: line 4: node south: lies on a ring" in refused(name=str(path))[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("levels")
    path = write_csv(folder)
    changes = [*SHORT, 'start="2023-01-16T17:00"', "strategies=[nobody_shares, everybody_shares]"]
    start_run(load_scenario(str(path), changes), folder / "run")
    return folder / "run"


def test_a_run_on_several_levels_passes_its_audit(run: Path) -> None:
    report = audit_run(run)
    assert report.passed
    assert outcome(report)["lines: each carries what is taken beyond it"]
    rows = read_run(run).table("lines").to_pandas()
    assert (rows["losses_kwh"] >= 0).all()
    lost = rows.groupby(["step", "strategy"], observed=True)["losses_kwh"].sum()
    root = rows[rows["line"].astype(str).str.startswith("utility - ")]
    sent = root.groupby(["step", "strategy"], observed=True)["sent_kwh"].sum()
    hours = read_run(run).table("hours").to_pandas()
    drawn = hours.groupby(["step", "strategy"], observed=True)["net_kwh"].sum()
    np.testing.assert_allclose(sent, drawn + lost, rtol=1e-9)


def test_an_audit_needs_the_file_of_the_grid(run: Path) -> None:
    file = run.parent / "grid.csv"
    text = file.read_text()
    try:
        file.write_text(text.replace("0.007", "0.008"))
        with pytest.raises(InputError, match=r"grid\.csv: is gone or has changed"):
            audit_run(run)
    finally:
        file.write_text(text)


def test_voltages_of_a_run_are_written_and_drawn(run: Path) -> None:
    pytest.importorskip("power_grid_model", reason="the extra grid is not installed")
    found = solve_voltages(run, 0.95)
    data = RunData(read_run(run))
    rows = data.run.table("voltages").to_pandas()
    assert len(rows) == found.voltage.size
    np.testing.assert_array_equal(rows["voltage"], found.voltage.ravel())
    assert rows["node"].astype(str).tolist()[: len(found.nodes)] == list(found.nodes)
    lines = data.run.table("ac_lines").to_pandas()
    np.testing.assert_array_equal(lines["loading"], found.loading.ravel())
    lowest = found.lowest(0)
    assert lowest is not None
    assert lowest[1] == "homes-low"
    assert 0.9 < lowest[0] < 1.0
    assert found.unsolved(0) == 0
    # A current at 0.95 carries at least as much as the active power alone.
    assert (found.loading >= found.tree_loading * (1 - 1e-2)).all()
    charts = {chart.name: chart for chart in general_charts(data)}
    assert "lowers the voltage at homes-low" in next(iter(charts["voltages"].findings.values()))
    for table in ("voltages", "ac_lines"):
        (run / f"{table}.parquet").unlink()
    assert "voltages" not in {chart.name for chart in general_charts(data)}


def test_a_run_without_impedances_is_refused(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("power_grid_model", reason="the extra grid is not installed")
    with pytest.raises(InputError, match="2 is not a power factor"):
        solve_voltages(run, 2.0)
    start_run(load_scenario("three-communities", [*SHORT, "hours=1"]), tmp_path / "star")
    with pytest.raises(InputError, match="a feeder to each community"):
        solve_voltages(tmp_path / "star")


def test_the_report_draws_the_tree_with_all_that_feeds_a_line(run: Path) -> None:
    data = RunData(read_run(run))
    found = grid_lines(data, window_of(data))
    assert found is not None
    seen = {"utility"}
    for parent, node in found["lines"]:
        assert parent in seen
        seen.add(node)
    assert ("north", "homes/schools") in found["lines"]
    assert found["left_out"] == 0


def chain(length: int) -> Grid:
    """A feeder with a house at its end and one in the middle, and a side line to nobody."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node("utility", kind="utility")
    line = {"length_km": 1.0, "rating_kw": 5.0, "loss_rate": 0.0}
    for number in range(length):
        graph.add_node(f"n{number}", kind="low_voltage")
        graph.add_edge(f"n{number - 1}" if number else "utility", f"n{number}", **line)
    graph.add_node("side", kind="low_voltage")
    graph.add_edge("n0", "side", **line)
    for house, node in (("a/house", length - 1), ("b/house", length // 2)):
        graph.add_node(house, kind="connection")
        graph.add_edge(f"n{node}", house, **line)
    return Grid(graph)


def test_the_live_view_joins_lines_where_nobody_is_connected() -> None:
    grid = chain(20)
    tree = drawn_tree(grid)
    assert tree.listed
    drawn = [(grid.nodes[line.start], grid.nodes[line.end]) for line in tree.lines]
    assert drawn == [("utility", "n10"), ("n10", "b/house"), ("n10", "n19"), ("n19", "a/house")]
    assert [len(line.lines) for line in tree.lines] == [11, 1, 9, 1]
    heights = [height for _, height in tree.places.values()]
    assert len(set(heights)) == len(heights)
    loading = np.zeros(len(grid.lines))
    loading[grid.node_index["n4"] - 1] = 0.5
    assert grid.lines[tree.lines[0].fullest(loading)] == ("n3", "n4")


def test_the_live_view_draws_shallow_trees_whole() -> None:
    tree = drawn_tree(grid_of(BUILT_IN))
    assert not tree.listed
    assert len(tree.lines) == 12
    assert tree.left_out == 0
    wide = drawn_tree(grid_of("three-communities"))
    assert len(wide.lines) <= MOST_LINES


def test_the_levels_are_those_of_figure_2_3_of_the_thesis() -> None:
    """Utility, medium voltage with schools and buildings, transformers, low voltage with homes."""
    scenario = load_scenario(BUILT_IN)
    assert "Figure 2.3" in find_scenario(BUILT_IN).read_text(encoding="utf-8")
    assert "Figure 2.3" in (Path(__file__).parents[1] / "docs" / "grid.md").read_text()
    grid = make_city_grid(scenario).grid
    above = {child: parent for parent, child in grid.lines}
    levels = {name: node.kind for name, node in scenario.grid.nodes.items()}
    expected = {
        "schools": ["medium_voltage"],
        "buildings": ["medium_voltage"],
        "households": ["low_voltage", "medium_voltage"],
        "vehicles": ["low_voltage", "medium_voltage"],
    }
    seen = set()
    for community in scenario.communities:
        for name, kind in scenario.connection_kinds(community).items():
            node, way = above[f"{community}/{name}"], []
            while node != "utility":
                way.append(levels[node])
                node = above[node]
            assert way == expected[kind], f"{community}/{name}"
            seen.add(kind)
    assert seen == set(expected)
