"""Grids and roads that are read, number by number, and all that is refused of them."""

import json
import math
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from hmesh.environment.errors import InputError
from hmesh.environment.grid_files.network import Branch, BusNetwork, radial
from hmesh.environment.grid_files.pandapower_network import read_pandapower
from hmesh.environment.grid_files.pypsa_network import read_pypsa
from hmesh.environment.grid_plan import PlannedLine, PlannedNode
from hmesh.environment.line_graph import LineGraph
from hmesh.environment.road_files.network import FoundRoad
from hmesh.environment.road_files.node_and_edge_tables import read_tables
from hmesh.environment.road_files.read_roads import read_road_file
from hmesh.environment.roads import RoadNetwork
from tests.stated_problems import said


def nearly(value: complex) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def near_branch(*parts: Any) -> Branch:
    """Return a branch whose numbers are met but for rounding."""
    name, ends, *numbers = parts
    return Branch(name, ends, *(nearly(number) for number in numbers))


def pandapower(folder: Path, **tables: list[dict[str, Any]]) -> Path:
    def frame(rows: list[dict[str, Any]]) -> dict[str, Any]:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        data = [[row.get(c, c == "in_service" or None) for c in columns] for row in rows]
        held = {"columns": columns, "index": list(range(len(rows))), "data": data}
        return {"_class": "DataFrame", "_object": json.dumps(held)}

    content = {name: frame(rows) for name, rows in tables.items()} | {"f_hz": 60.0, "name": "x"}
    path = folder / "net.json"
    path.write_text(json.dumps({"_object": content}))
    return path


def test_every_number_of_a_network_of_pandapower(tmp_path: Path) -> None:
    buses = [
        {"name": "a", "vn_kv": 20.0}, {"name": "twice", "vn_kv": 20.0},
        {"name": "twice", "vn_kv": 0.4}, {"name": " ", "vn_kv": 0.4},
        {"name": "off", "vn_kv": 1.0, "in_service": False}, {"name": "joined", "vn_kv": 21.0},
    ]  # fmt: skip
    cable = {"length_km": 2.0, "r_ohm_per_km": 0.2, "x_ohm_per_km": 0.1, "max_i_ka": 0.3}
    trafo = {"hv_bus": 1, "lv_bus": 2, "sn_mva": 0.4, "vn_hv_kv": 20.0, "vn_lv_kv": 0.42,
             "vk_percent": 5.0, "vkr_percent": 3.0}  # fmt: skip
    path = pandapower(
        tmp_path,
        bus=buses,
        line=[
            {"name": "L", "from_bus": 1, "to_bus": 0, **cable, "parallel": 2, "df": 0.5,
             "c_nf_per_km": 100.0},
            {"name": None, "from_bus": 2, "to_bus": 3, **cable, "parallel": None, "df": math.nan},
            {"name": "cut", "from_bus": 0, "to_bus": 1, **cable},
            {"name": "away", "from_bus": 0, "to_bus": 4, **cable},
            {"name": "old", "from_bus": 0, "to_bus": 1, **cable, "in_service": False},
        ],
        trafo=[
            {"name": "T", **trafo, "tap_side": "lv", "tap_pos": 3, "tap_neutral": 1,
             "tap_step_percent": 2.5, "parallel": 2, "df": 0.9, "pfe_kw": 1.5, "i0_percent": 0.5},
            {"name": None, **trafo, "tap_side": "hv", "tap_pos": -2, "tap_step_percent": 5.0},
            {"name": "U", **trafo, "vk_percent": 3.0, "tap_side": None, "tap_pos": 5.0,
             "tap_step_percent": 1.0},
            {"name": "V", **trafo},
        ],
        switch=[
            {"bus": 0, "element": 2, "et": "l", "closed": False},
            {"bus": 0, "element": 3, "et": "t", "closed": False},
            {"bus": 0, "element": 0, "et": "l", "closed": True},
            {"bus": 5, "element": 0, "et": "b", "closed": True},
            {"bus": 4, "element": 0, "et": "b", "closed": True},
            {"bus": 1, "element": 0, "et": "b", "closed": False},
        ],
        ext_grid=[
            {"bus": 5, "vm_pu": 1.02}, {"bus": 4, "vm_pu": 1.0}, {"bus": 3, "vm_pu": None},
            {"bus": 2, "vm_pu": 1.0, "in_service": False},
        ],
        load=[
            {"bus": 2, "p_mw": 0.1, "q_mvar": 0.05, "scaling": 0.5}, {"bus": 4, "p_mw": 1.0},
            {"bus": 2, "p_mw": 0.2, "q_mvar": None},
            {"bus": 3, "p_mw": 9.0, "in_service": False},
        ],
        sgen=[{"bus": 2, "p_mw": 0.1}, {"bus": 2, "p_mw": 0.1, "in_service": False}],
        motor=[{"bus": 2}], res_bus=[{"vm_pu": 1.0}], poly_cost=[{"x": 1}], strange=[{"x": 1}],
        trafo3w=[{"name": "gone", "in_service": False}],
    )  # fmt: skip
    found = read_pandapower(path)
    assert found.voltage_kv == {"a": 20.0, "bus 1": 20.0, "bus 2": 0.4, "bus 3": 0.4}
    kva, ohm = math.sqrt(3.0) * 1000.0, 0.42**2 / 40.0
    turns = 20.0 / 0.42 / 50.0
    assert found.branches == [
        near_branch("line L", ("bus 1", "a"), 2.0, kva * 20.0 * 0.3, 0.2, 0.1,
                    2 * math.pi * 60 * 0.4, 0.0, 0.0, 1.0),
        near_branch("line 1", ("bus 2", "bus 3"), 2.0, kva * 0.4 * 0.3, 0.4, 0.2, 0, 0, 0, 1),
        near_branch("trafo T", ("bus 1", "bus 2"), 0.0, 720.0, 3.0 * ohm * 1.05**2 / 2,
                    4.0 * ohm * 1.05**2 / 2, 0.0, 3.0, 4.0, turns / 1.05),
        near_branch("trafo 1", ("bus 1", "bus 2"), 0, 400.0, 3 * ohm, 4 * ohm, 0, 0, 0,
                    0.9 * turns),
        near_branch("trafo U", ("bus 1", "bus 2"), 0, 400.0, 3 * ohm, 0, 0, 0, 0, turns),
    ]  # fmt: skip
    assert found.sources == {"a": 1.02, "bus 3": 1.0}
    assert found.loads == {"bus 2": nearly(250.0 + 25.0j)}
    assert found.left_out == [
        "1 bus out of service",
        "3 lines open or out of service: line cut, line away, line old",
        "1 trafo open or out of service: trafo V",
        "1 row of the table strange",
        "1 of motor: what they take or give at their buses",
        "1 of sgen: what they take or give at their buses",
    ]
    assert found.problems == []


def test_what_is_no_network_of_pandapower(tmp_path: Path) -> None:
    bus = [{"name": "a", "vn_kv": 0.0}, {"name": "b", "vn_kv": 1.0}]
    trafo = {"name": "T", "hv_bus": 0, "lv_bus": 1, "sn_mva": 0}
    line = {"name": None, "from_bus": 0, "to_bus": 1, "max_i_ka": 0}
    dcline = {"name": "D"}
    path = pandapower(tmp_path, bus=bus, trafo=[trafo], line=[line], dcline=[dcline, {}])
    others = "lines and two-winding transformers"
    assert [(p.place, p.message, p.allowed) for p in read_pandapower(path).problems] == [
        ("a", "vn_kv is 0", "above 0"),
        ("line 0", "max_i_ka is 0", "the highest current, above 0 [kA]"),
        ("trafo T", "sn_mva is 0", "the rated power, above 0 [MVA]"),
        ("dcline D", "is a DC line, which is not read", others),
        ("dcline 1", "is a DC line, which is not read", others),
    ]
    allowed = "a network written by pandapower.to_json"
    table = {"_class": "DataFrame", "_object": {"columns": [], "index": []}}
    for text, place, message in (
        ('{"_object": {}}', "net.json", "is not a network of pandapower"),
        ('{"_object": []}', "net.json", "is not a network of pandapower"),
        ("[]", "net.json", "is not a network of pandapower"),
        (json.dumps({"_object": {"bus": table}}), "net.json: bus", "is no table by columns"),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as raised:
            read_pandapower(path)
        assert said(raised.value) == [(place, message, allowed, "")]
    for rows, message in (
        ([{"name": "a"}], "a table lacks the column 'vn_kv'"),
        ([{"vn_kv": "x"}], "a number is missing or none: could not convert string to float: 'x'"),
    ):
        with pytest.raises(InputError) as raised:
            read_pandapower(pandapower(tmp_path, bus=rows))
        assert said(raised.value) == [("net.json", message, allowed, "")]
    path.write_text("{")
    with pytest.raises(InputError) as raised:
        read_pandapower(path)
    ((place, message, *rest),) = said(raised.value)
    assert (place, rest) == ("net.json", [allowed, ""])
    assert message.startswith("cannot be read: ")


def pypsa(folder: Path, **files: str) -> Path:
    path = folder / "net"
    path.mkdir()
    for name, text in files.items():
        (path / f"{name}.csv").write_text(text)
    return path


def test_every_number_of_a_network_of_pypsa(tmp_path: Path) -> None:
    found = read_pypsa(
        pypsa(
            tmp_path,
            buses="name,v_nom,carrier\na,20,\nb,20,AC\nc,0.4,AC\nd,,AC\n",
            lines="name,bus0,bus1,length,r,x,b,s_nom,s_max_pu,type,num_parallel,active\n"
            "L,b,a,3,0.6,0.3,2e-5,10,0.8,,,\nM,b,a,2,9,9,9,5,,K,2,True\nN,a,b,,,,,1,,,,0\n"
            "O,c,d,,,,,1,,,,1\n",
            line_types="name,f_nom,r_per_length,x_per_length,c_per_length\nK,60,0.3,0.1,200\n",
            transformers="name,bus0,bus1,r,x,g,b,s_nom,s_max_pu,tap_ratio,tap_side,type\n"
            "T,b,c,0.01,0.05,0.002,-0.004,0.4,0.5,1.05,0,\nU,b,c,0,0,0,0,0.4,,1.25,1,\n"
            "V,b,c,,,,,0.2,,,,\n",
            generators="name,bus,control\ngas,a,Slack\nwind,c,PQ\n",
            loads="name,bus,p_set,q_set\nh,c,0.1,0.02\ni,c,0.2,\nj,a,,0.5\n",
            storage_units="name,bus\ns,a\n",
        )
    )
    assert found.voltage_kv == {"a": 20.0, "b": 20.0, "c": 0.4, "d": 1.0}
    ohm = 0.16 / 0.4
    assert found.branches == [
        near_branch("line L", ("b", "a"), 3.0, 8000.0, 0.6, 0.3, 20.0, 0.0, 0.0, 1.0),
        near_branch("line M", ("b", "a"), 2.0, 5000.0, 0.3, 0.1,
                    2 * math.pi * 60 * 200e-9 * 2 * 2 * 1e6, 0.0, 0.0, 1.0),
        near_branch("line O", ("c", "d"), 0.0, 1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        near_branch("transformer T", ("b", "c"), 0.0, 200.0, 0.01 * ohm, 0.05 * ohm, 0.0, 0.8,
                    1.6, 1.05),
        near_branch("transformer U", ("b", "c"), 0.0, 400.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.8),
        near_branch("transformer V", ("b", "c"), 0.0, 200.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    ]  # fmt: skip
    assert found.sources == {"a": 1.0}
    assert found.loads == {"c": nearly(300.0 + 20.0j), "a": nearly(500.0j)}
    assert found.left_out == [
        "1 line not active: line N",
        "2 generators: what they take or give at their buses",
        "1 storage units: what they take or give at their buses",
    ]
    assert found.problems == []


def test_what_is_refused_of_a_network_of_pypsa(tmp_path: Path) -> None:
    path = pypsa(
        tmp_path,
        buses="name,v_nom,carrier\na,0,AC\nb,20,DC\n",
        lines="name,bus0,bus1,s_nom,type\nL,a,b,0,\nM,a,z,1,\nN,a,b,1,K\n",
        transformers="name,bus0,bus1,s_nom,type\nT,a,b,-1,\nU,a,b,1,K\n",
        links="name,bus0\nHVDC,a\n", processes="name,bus0\nP,a\n",
        generators="name,bus\nx,b\ny,a\n", loads="name,bus\nh,z\n",
    )  # fmt: skip
    found = read_pypsa(path)
    rating, other = "the rating, above 0 [MVA]", "lines, transformers"
    assert [(p.place, p.message, p.allowed) for p in found.problems] == [
        ("bus a", "v_nom is 0", "above 0"),
        ("bus b", "is of direct current", "AC"),
        ("line L", "s_nom is 0", rating),
        ("line M", "unknown bus 'z'", ""),
        ("line N", "is of the type 'K'", "r and x of the line, or the type in line_types"),
        ("transformer T", "s_nom is -1", rating),
        ("transformer U", "is of the type 'K'", "r, x and s_nom of the transformer"),
        ("link HVDC", "is a link, which is not read", other),
        ("process P", "is a process, which is not read", other),
        ("load h", "unknown bus 'z'", ""),
    ]
    assert found.sources == {"b": 1.0, "a": 1.0}
    for name, text, message in (
        ("loads", "name\nh\n", "a table lacks the column 'bus'"),
        ("buses", "name,v_nom\na,x\n",
         "a value is no number: could not convert string to float: 'x'"),
    ):  # fmt: skip
        (path / f"{name}.csv").write_text(text)
        with pytest.raises(InputError) as raised:
            read_pypsa(path)
        assert said(raised.value) == [("net", message, "a network of PyPSA", "")]
    (path / "buses.csv").write_text("name,v_nom\na,1,2\n")
    with pytest.raises(InputError) as raised:
        read_pypsa(path)
    ((place, message, *rest),) = said(raised.value)
    assert (place, rest) == ("net/buses.csv", ["", ""])
    assert message.startswith("cannot be read: ")


def test_a_network_becomes_a_tree_with_impedances_at_the_far_ends() -> None:
    network = BusNetwork(
        {"top": 20.0, "mid": 10.0, "low/1": 0.4, "alone": 1.0},
        [
            Branch("A", ("top", "mid"), 1.0, 500.0, 2.0, 1.0, 30.0, 0.5, 0.25, 1.25),
            # Its second end is the one that is nearer to the utility.
            Branch("B", ("low/1", "mid"), 0.5, 100.0, 3.0, 1.5, 40.0, 0.75, 0.125, 0.8),
        ],
        {"top": 1.05},
        {"low/1": 30.0 + 40.0j, "alone": 1.0 + 0.0j},
    )
    reading = radial(network, "net", "loads")
    assert reading.plan.nodes == {
        "utility": PlannedNode("utility", "utility", 20.0, 1.05),
        "mid": PlannedNode("mid", "medium_voltage", 10.0, None),
        "low_1": PlannedNode("low_1", "low_voltage", 0.4, None),
    }
    factor = (0.4 / 10.0 * 0.8) ** 2
    lost = [2.0 * 2500 / (100 * 1000) / 30, 3.0 * factor * 2500 / (0.16 * 1000) / 30]
    assert reading.plan.lines == (
        PlannedLine("utility", "mid", 1.0, 500.0, nearly(lost[0]), 2.0, 1.0, 30.0, 0.5, 0.25, 1.25),
        PlannedLine("mid", "low_1", 0.5, 100.0, nearly(lost[1]), nearly(3 * factor),
                    nearly(1.5 * factor), nearly(40 / factor), 0.75, 0.125, 1.25),
    )  # fmt: skip
    assert reading.loads == {"low_1": 30.0 + 40.0j}
    assert reading.left_out == (
        "2 buses with loads of 31 kW and 40 kvar in all: members of a scenario take their place",
        "1 bus without supply: alone",
    )
    network.loads = {"mid": 1.0 + 0j}
    assert radial(network, "net", "loads").left_out == (
        "1 bus with loads of 1 kW and 0 kvar in all: members of a scenario take their place",
        "1 bus without supply: alone",
        "1 line without loads and so without losses: to low_1",
    )
    half = radial(network, "net").plan.lines
    assert half[0].loss_rate == nearly(2.0 * 250 / (100 * 1000))


def test_a_network_that_is_no_tree_is_refused() -> None:
    names = [f"b{number}" for number in range(8)]
    line = Branch("A", ("b0", "b1"), 1.0, 500.0, 2.0, 1.0)
    network = BusNetwork(dict.fromkeys(names, 0.4), [line], {"b0": 1.0, "b1": 1.0})
    many = ", ".join(names[:6]) + " and 2 more"
    for source, problems in (
        (None, [("net", "2 buses are fed from further up: b0, b1",
                 "one; or the bus that the utility feeds as source", "")]),
        ("b", [("net", "unknown bus 'b'", many, "b0")]),
        ("b0", [("net: A", "would lose 3.12 of what arrives at 50% of its rating",
                 "a loss below 1; loss_at loads, or another share", "")]),
    ):  # fmt: skip
        with pytest.raises(InputError) as raised:
            radial(network, "net", 0.5, source)
        assert said(raised.value)[0][:3] == problems[0][:3]
        assert len(raised.value.problems) == 1
    network.loads = {"b1": 1000.0 + 0j}
    with pytest.raises(InputError) as raised:
        radial(network, "net", "loads", "b0")
    assert said(raised.value) == [
        ("net: A", "would lose 12.5 of what arrives at its loads",
         "a loss below 1; loss_at loads, or another share", "")
    ]  # fmt: skip


def test_lines_keep_the_attributes_they_have() -> None:
    graph = LineGraph()
    graph.add_node("a", kind="x")
    graph.add_node("a", kv=1)
    graph.add_edge("a", "b", km=1, kva=2)
    graph.add_edge("a", "b", km=3)
    assert graph.nodes == {"a": {"kind": "x", "kv": 1}, "b": {}}
    assert graph.edges == {("a", "b"): {"km": 3, "kva": 2}}
    assert list(graph.successors("a")) == ["b"]
    assert list(graph.predecessors("b")) == ["a"]
    assert (graph.in_degree("a"), graph.in_degree("b")) == (0, 1)


def test_roads_of_two_tables_are_read(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    nodes.write_text("node,x_km,y_km\na,0,0\nb,20038,-20038\n")
    edges.write_text(
        "from, to,km,length_m,length,speed_km_h,speed_kph,maxspeed,oneway\n"
        "a,b,1.5,9,9,30,9,9,\n\na,b,,2500,9,,40,9,yes\na,b,,,3500,,,30;50 mph,-1\na,b\n"
    )
    found = read_road_file(edges, nodes)
    assert (found.junctions, found.on_earth) == ({"a": (0, 0), "b": (20038, -20038)}, False)
    places = [f"{edges}, line {line}" for line in (2, 4, 5, 6)]
    speed = (30 + 50 * 1.609344) / 2
    first, third, last = (
        FoundRoad(places[0], "a", "b", 1.5, 30.0),
        FoundRoad(places[2], "a", "b", 3.5, nearly(speed)),
        FoundRoad(places[3], "a", "b", None, None),
    )
    assert found.roads == [
        first, first.reversed(), FoundRoad(places[1], "a", "b", 2.5, 40.0), third.reversed(),
        last, last.reversed(),
    ]  # fmt: skip
    with pytest.raises(InputError) as raised:
        read_road_file(edges)
    message = "is a table of roads, and nodes names no table of its junctions"
    assert said(raised.value) == [(str(edges), message, "nodes: FILE.csv", "")]


def test_roads_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    edges.write_text("from,to,km\na,b,-1\n")
    for rows, at, allowed in (
        ("longitude,latitude\na,180,90\n,0,0\na,0,0\nb,180.5,0\nc,x,0\nd,nan,0\n",
         ("longitude", "latitude"), "degrees"),
        ("x_km,y_km\na,0,0\n,0,0\na,0,0\nb,20039,0\nc,x,0\nd,nan,0\n", ("x_km", "y_km"),
         "kilometres"),
    ):  # fmt: skip
        nodes.write_text("node," + rows)
        with pytest.raises(InputError) as raised:
            read_tables(edges, nodes)
        far = rows.split("b,")[1].split(",")[0]
        assert said(raised.value) == [
            (f"{nodes}, line 3, column node", "has no name", "its own name", ""),
            (f"{nodes}, line 4, column node", "'a' stands there twice", "its own name", ""),
            *(
                (f"{nodes}, line {line}", f"{at[0]} '{text}', {at[1]} '0' is no position", allowed,
                 "")
                for line, text in ((5, far), (6, "x"), (7, "nan"))
            ),
            (f"{edges}, line 2, km", "'-1' cannot be", "a number above 0", ""),
        ]  # fmt: skip
    nodes.write_text("node,longitud,latitude\na,1,1\n")
    with pytest.raises(InputError) as raised:
        read_tables(edges, nodes)
    assert said(raised.value) == [
        (f"{nodes}, line 1", "column 'longitude' is missing; there are node, longitud, latitude",
         "columns longitude, latitude", "longitud")
    ]  # fmt: skip


def test_roads_between_communities_are_refused_part_by_part() -> None:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_edge("a", "b", km=1.0)
    graph.add_node("island")
    with pytest.raises(InputError) as raised:
        RoadNetwork(graph).route("a", "island")
    assert said(raised.value) == [("roads", "no way from 'a' to 'island'", "a, b", "")]
    graph.add_edge("a", "island", mass=1)
    with pytest.raises(InputError) as raised:
        RoadNetwork(graph)
    assert said(raised.value) == [("road a - island", "km is missing", "above 0", "")]
    with pytest.raises(InputError) as raised:
        RoadNetwork(nx.Graph())
    assert said(raised.value) == [("roads", "no community", "one or more", "")]
