"""Grids that are read: tables of lines, networks of pandapower and PyPSA."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.environment.grid import Grid
from hmesh.environment.grid_files.line_table import read_line_table, write_line_table
from hmesh.environment.grid_files.network import Branch, BusNetwork, loss_rate, radial
from hmesh.environment.grid_files.read_grid import read_grid

HEAD = "from,to,kind,voltage_kv,length_km,rating_kw,loss_rate\n"
ROWS = """,utility,,20,,,
utility,town,medium_voltage,20,6,11000,0.01
town,street,low_voltage,0.4,0,630,0.02
"""


def refused(path: Path, *given: Any) -> list[str]:
    with pytest.raises(InputError) as error:
        read_grid(path, *given)
    return [str(problem) for problem in error.value.problems]


def table(folder: Path, text: str) -> Path:
    path = folder / "grid.csv"
    path.write_text(text)
    return path


def test_a_table_of_lines_is_read(tmp_path: Path) -> None:
    plan = read_grid(table(tmp_path, HEAD + ROWS)).plan
    assert {name: (node.kind, node.voltage_kv) for name, node in plan.nodes.items()} == {
        "utility": ("utility", 20.0),
        "town": ("medium_voltage", 20.0),
        "street": ("low_voltage", 0.4),
    }
    assert [(line.name, line.rating_kw, line.loss_rate) for line in plan.lines] == [
        ("utility - town", 11000.0, 0.01),
        ("town - street", 630.0, 0.02),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + "utility,town,medium_volt,20,6,,much\n",
            "grid.csv: line 2: kind 'medium_volt' (allowed: feeder, high_voltage, medium_voltage, "
            "transformer, low_voltage; did you mean 'medium_voltage'?)\n"
            "grid.csv: line 2: rating_kw is empty (allowed: above 0)\n"
            "grid.csv: line 2: loss_rate is 'much' (allowed: 0 to below 1)",
        ),
        (
            HEAD + ROWS + "street,town,,,1,5,0\n",
            "grid.csv: line 3: node town: is fed by utility and by street "
            "(allowed: one line to each node, from the utility's side)",
        ),
        (
            HEAD + ROWS + "b,a,,,1,5,0\na,b,,,1,5,0\n",
            "grid.csv: line 5: node a: lies on a ring: a, b, a (allowed: a tree below the utility)",
        ),
        (
            HEAD.replace("rating_kw", "rating_kW") + ROWS,
            "grid.csv: line 1: column 'rating_kw' is missing; there are from, to, kind, "
            "voltage_kv, length_km, rating_kW, loss_rate (allowed: columns from, to, length_km, "
            "rating_kw, loss_rate; did you mean 'rating_kW'?)",
        ),
        (
            HEAD + "plant,town,,,1,5,0\n",
            "grid.csv: lines: none leads from the node 'utility' "
            "(allowed: lines from it to all others)",
        ),
        (
            HEAD + "utility,a/b,,,1,5,0\n",
            "grid.csv: line 2: node a/b: is not allowed as the name of a node",
        ),
        (HEAD + ",town,,,1,5,0\n", "grid.csv: line 2: from is empty, and so does not feed town"),
    ],
)
def test_mistakes_of_a_table_are_named_with_their_line(
    text: str, message: str, tmp_path: Path
) -> None:
    assert message in "\n".join(refused(table(tmp_path, text)))


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("")
    assert "grid.yaml: cannot be read (allowed: a CSV file" in refused(tmp_path / "grid.yaml")[0]
    assert "does not exist" in refused(tmp_path / "none.csv")[0]
    assert "holds no buses.csv" in refused(tmp_path)[0]
    (tmp_path / "net.json").write_text('{"a": 1}')
    assert "net.json: is not a network of pandapower" in refused(tmp_path / "net.json")[0]
    (tmp_path / "net.json").write_text("{")
    assert "net.json: cannot be read" in refused(tmp_path / "net.json")[0]


# A tree with branches in any direction, and loads.
@st.composite
def networks(draw: st.DrawFn) -> BusNetwork:
    size = draw(st.integers(2, 12))
    parents = [draw(st.integers(0, bus - 1)) for bus in range(1, size)]
    network = BusNetwork(sources={"b0": 1.02})
    network.voltage_kv = {f"b{bus}": draw(st.sampled_from([20.0, 0.4])) for bus in range(size)}
    for bus, parent in enumerate(parents, start=1):
        ends = (f"b{parent}", f"b{bus}")
        turned = draw(st.booleans())
        network.branches.append(
            Branch(f"line {bus}", ends[::-1] if turned else ends, 1.0, 500.0, 1e-4, 1e-4)
        )
    network.branches = draw(st.permutations(network.branches))
    load = st.floats(0, 100)
    network.loads = {f"b{bus}": complex(draw(load), draw(load)) for bus in range(size)}
    return network


@given(networks())
def test_energy_in_is_energy_out_and_lost_on_any_radial_network(network: BusNetwork) -> None:
    reading = radial(network, "net")
    grid = Grid(reading.plan.graph())
    assert len(grid.nodes) == len(network.voltage_kv)
    demand = np.array([reading.loads[name].real for name in grid.nodes])
    flows = grid.flows(demand)
    supplied = grid.supplied_kwh(flows, demand)
    assert supplied == pytest.approx(demand.sum() + flows.losses_kwh.sum(), rel=1e-9, abs=1e-9)
    ends = {frozenset(branch.ends) for branch in network.branches}
    names = {name: "b0" if name == "utility" else name for name in grid.nodes}
    assert {frozenset(names[end] for end in line) for line in grid.lines} == ends


@given(networks(), st.data())
def test_a_branch_more_is_reported_as_a_ring(network: BusNetwork, data: st.DataObject) -> None:
    buses = st.sampled_from(list(network.voltage_kv))
    one, other = data.draw(st.tuples(buses, buses).filter(lambda pair: pair[0] != pair[1]))
    network.branches.insert(0, Branch("tie", (one, other), 1.0, 500.0, 1e-4, 1e-4))
    with pytest.raises(InputError) as error:
        radial(network, "net")
    (problem,) = error.value.problems
    assert "closes a ring through" in problem.message
    ring = problem.message.removeprefix("closes a ring through ").split(", ")
    assert len(set(ring)) == len(ring) >= 2
    ends = [frozenset(branch.ends) for branch in network.branches]
    around = [frozenset(pair) for pair in zip(ring, ring[1:] + ring[:1], strict=True)]
    assert all(pair in ends for pair in around)


@given(networks())
def test_a_plan_is_the_same_after_writing_and_reading(network: BusNetwork) -> None:
    import tempfile

    plan = radial(network, "net").plan
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.csv"
        write_line_table(plan, path)
        again = read_line_table(path)
    assert again.nodes == plan.nodes
    assert again.lines == plan.lines


def test_the_loss_rate_is_that_of_the_current_in_three_phases() -> None:
    power_kw, voltage_kv, ohm = 300.0, 0.4, 0.01
    current = power_kw / math.sqrt(3) / voltage_kv
    lost_kw = 3 * ohm * current**2 / 1000
    assert loss_rate(ohm, power_kw, voltage_kv) == pytest.approx(lost_kw / power_kw)
    assert loss_rate(ohm, -power_kw, voltage_kv) == pytest.approx(lost_kw / power_kw)
    assert loss_rate(ohm, 0.0, voltage_kv) == 0.0
    reactive = 300.0 + 300.0j
    assert loss_rate(ohm, reactive, voltage_kv) == pytest.approx(2 * lost_kw / power_kw)


def pandapower(folder: Path, **tables: list[dict[str, Any]]) -> Path:
    """Write a network as pandapower does, one row of a table for each mapping."""

    def frame(rows: list[dict[str, Any]]) -> dict[str, Any]:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        data = [[row.get(column) for column in columns] for row in rows]
        held = {"columns": columns, "index": list(range(len(rows))), "data": data}
        return {"_module": "pandas", "_class": "DataFrame", "_object": json.dumps(held)}

    content = {name: frame(rows) for name, rows in tables.items()} | {"f_hz": 50.0}
    path = folder / "net.json"
    path.write_text(json.dumps({"_class": "pandapowerNet", "_object": content}))
    return path


def bus(name: str | None, vn_kv: float = 20.0, **more: Any) -> dict[str, Any]:
    return {"name": name, "vn_kv": vn_kv, "in_service": True, **more}


def cable(start: int, end: int, **more: Any) -> dict[str, Any]:
    return {
        "name": None, "from_bus": start, "to_bus": end, "length_km": 2.0, "r_ohm_per_km": 0.2,
        "x_ohm_per_km": 0.1, "c_nf_per_km": 250.0, "max_i_ka": 0.3, "in_service": True, **more,
    }  # fmt: skip


TRANSFORMER = {
    "name": "T1", "hv_bus": 1, "lv_bus": 2, "sn_mva": 0.4, "vn_hv_kv": 20.0, "vn_lv_kv": 0.4,
    "vk_percent": 6.0, "vkr_percent": 1.5, "pfe_kw": 1.0, "i0_percent": 0.5, "tap_side": "hv",
    "tap_pos": 1, "tap_neutral": 0, "tap_step_percent": 2.5, "parallel": 2, "in_service": True,
}  # fmt: skip
FED = {"name": None, "bus": 0, "vm_pu": 1.03, "in_service": True}


def test_a_network_of_pandapower_by_hand(tmp_path: Path) -> None:
    path = pandapower(
        tmp_path,
        bus=[bus("substation"), bus("ring / north"), bus("low", 0.4), bus("off", in_service=False)],
        line=[cable(1, 0, parallel=2, df=0.9)],
        trafo=[TRANSFORMER],
        ext_grid=[FED],
        load=[{"bus": 2, "p_mw": 0.1, "q_mvar": 0.05, "scaling": 0.5, "in_service": True}],
        sgen=[{"bus": 2, "p_mw": 0.1, "in_service": True}],
    )
    reading = read_grid(path)
    assert list(reading.plan.nodes) == ["utility", "ring _ north", "low"]
    assert reading.plan.nodes["utility"].voltage_pu == 1.03
    assert reading.plan.nodes["low"].kind == "low_voltage"
    line, transformer = reading.plan.lines
    assert line.length_km == 2.0
    assert line.rating_kw == pytest.approx(math.sqrt(3) * 20.0 * 300.0 * 0.9 * 2)
    assert line.resistance_ohm == pytest.approx(0.2)
    assert line.susceptance_us == pytest.approx(2 * math.pi * 50 * 250e-9 * 2.0 * 2 * 1e6)
    assert line.loss_rate == pytest.approx(0.2 * line.rating_kw / 2 / (400.0 * 1000))
    assert transformer.length_km == 0.0
    assert transformer.rating_kw == 800.0
    assert transformer.resistance_ohm == pytest.approx(0.015 * 0.16 / 0.4 / 2)
    assert transformer.turns == pytest.approx(1.025)
    assert transformer.iron_loss_kw == 2.0
    assert transformer.magnetising_kva == pytest.approx(4.0)
    # At half the rating a transformer loses half the share that vkr says.
    assert transformer.loss_rate == pytest.approx(0.0075)
    assert reading.loads == {"low": 50.0 + 25.0j}
    reported = "; ".join(reading.left_out)
    assert "1 bus with loads of 50 kW and 25 kvar" in reported
    assert "1 of sgen" in reported
    assert "1 bus out of service" in reported


def test_switches_decide_what_is_connected(tmp_path: Path) -> None:
    switches = [
        {"bus": 0, "element": 1, "et": "l", "closed": False},
        {"bus": 1, "element": 3, "et": "b", "closed": True},
        {"bus": 2, "element": 4, "et": "b", "closed": False},
    ]
    buses = [bus(name) for name in "abcde"]
    path = pandapower(
        tmp_path, bus=buses, line=[cable(0, 1), cable(0, 3), cable(3, 2)], ext_grid=[FED],
        switch=switches,
    )  # fmt: skip
    reading = read_grid(path)
    assert [line.name for line in reading.plan.lines] == ["utility - b", "b - c"]
    assert "1 line open or out of service: line 1" in reading.left_out
    assert "1 bus without supply: e" in reading.left_out


def test_what_a_tree_cannot_stand_for_is_reported_item_by_item(tmp_path: Path) -> None:
    path = pandapower(
        tmp_path,
        bus=[bus(name) for name in "abc"],
        line=[cable(0, 1), cable(1, 2), cable(2, 0), cable(1, 2, max_i_ka=None)],
        trafo3w=[{"name": "big", "in_service": True}],
        dcline=[{"name": "link", "in_service": True}, {"name": "out", "in_service": False}],
        ext_grid=[FED],
    )
    assert refused(path) == [
        "net.json: line 3: max_i_ka is None (allowed: the highest current, above 0 [kA])",
        "net.json: trafo3w big: is a three-winding transformer, which is not read "
        "(allowed: lines and two-winding transformers)",
        "net.json: dcline link: is a DC line, which is not read "
        "(allowed: lines and two-winding transformers)",
        "net.json: line 1: closes a ring through b, a, c "
        "(allowed: a radial network; open one branch of the ring)",
    ]
    assert (
        "0 buses are fed from further up: none"
        in refused(pandapower(tmp_path, bus=[bus("a")], line=[]))[0]
    )
    fed = [FED, {**FED, "bus": 1}]
    path = pandapower(tmp_path, bus=[bus("a"), bus("b")], line=[cable(0, 1)], ext_grid=fed)
    assert "2 buses are fed from further up: a, b" in refused(path)[0]
    assert read_grid(path, 0.5, "b").plan.lines[0].name == "utility - a"
    assert "unknown bus 'bb'" in refused(path, 0.5, "bb")[0]


def pypsa(folder: Path, **files: str) -> Path:
    path = folder / "net"
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.csv").write_text(text)
    return path


PYPSA = {
    "buses": "name,v_nom,carrier\na,20,AC\nb,20,AC\nc,0.4,AC\n",
    "lines": "name,bus0,bus1,length,r,x,b,s_nom,s_max_pu\nL,b,a,3,0.6,0.3,2e-5,10,0.8\n",
    "transformers": "name,bus0,bus1,r,x,g,b,s_nom,tap_ratio\n"
    "T,b,c,0.01,0.05,0.002,0.004,0.4,1.05\n",
    "generators": "name,bus,control\ngas,a,Slack\nwind,c,PQ\n",
    "loads": "name,bus,p_set,q_set\nhome,c,0.1,0.02\n",
}


def check_pypsa(path: Path) -> None:
    reading = read_grid(path)
    line, transformer = reading.plan.lines
    assert (line.name, transformer.name) == ("utility - b", "b - c")
    assert line.rating_kw == 8000.0
    assert line.resistance_ohm == 0.6
    assert line.susceptance_us == pytest.approx(20.0)
    assert line.loss_rate == pytest.approx(0.6 * 4000 / (400 * 1000))
    assert transformer.resistance_ohm == pytest.approx(0.01 * 0.16 / 0.4)
    assert transformer.turns == 1.05
    assert transformer.iron_loss_kw == pytest.approx(0.8)
    assert transformer.magnetising_kva == pytest.approx(1.6)
    assert reading.loads == {"c": 100.0 + 20.0j}
    assert "2 generators: what they take or give at their buses" in reading.left_out


def test_a_folder_of_pypsa_by_hand(tmp_path: Path) -> None:
    check_pypsa(pypsa(tmp_path, **PYPSA))


def test_a_netcdf_file_of_pypsa_by_hand(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra grid is not installed")
    path = tmp_path / "net.nc"
    with h5py.File(path, "w") as file:
        for name, text in PYPSA.items():
            header, *rows = [line.split(",") for line in text.splitlines()]
            for key, values in zip(header, zip(*rows, strict=True), strict=True):
                of = f"{name}_i" if key == "name" else f"{name}_{key}"
                try:
                    file[of] = np.array([float(value) for value in values])
                except ValueError:
                    file[of] = np.array(values, dtype=object)
        file["lines_t_p0"] = np.zeros((1, 1))
    check_pypsa(path)


def test_what_pypsa_holds_beside_lines_is_reported(tmp_path: Path) -> None:
    more = PYPSA | {
        "lines": PYPSA["lines"].replace(",s_nom,", ",s_none,"),
        "links": "name,bus0,bus1\nHVDC,a,b\n",
        "storage_units": "name,bus\nbattery,c\n",
    }
    assert refused(pypsa(tmp_path, **more)) == [
        "net: line L: s_nom is 0 (allowed: the rating, above 0 [MVA])",
        "net: link HVDC: is a link, which is not read (allowed: lines, transformers)",
    ]


def test_a_line_of_a_type_needs_the_type(tmp_path: Path) -> None:
    lines = "name,bus0,bus1,length,type,s_nom\nL,a,b,2,NAYY,10\n"
    path = pypsa(tmp_path, **PYPSA | {"lines": lines})
    assert "net: line L: is of the type 'NAYY'" in refused(path)[0]
    types = "name,f_nom,r_per_length,x_per_length,c_per_length\nNAYY,50,0.3,0.1,200\n"
    reading = read_grid(pypsa(tmp_path, line_types=types))
    assert reading.plan.lines[0].resistance_ohm == pytest.approx(0.6)


CASE33, KERBER = "case33bw.json", "kerber_rural_overhead.json"


@pytest.fixture
def grids(shared: Path) -> Path:
    return shared / "data" / "formats" / "grids"


def test_the_feeder_of_baran_and_wu(grids: Path) -> None:
    reading = read_grid(grids / CASE33, "loads")
    assert len(reading.plan.nodes) == 33
    assert len(reading.plan.lines) == 32
    assert "5 lines open or out of service: line 32, line 33" in "; ".join(reading.left_out)
    assert sum(reading.loads.values()) == pytest.approx(3715.0 + 2300.0j)
    reported = refused(grids / CASE33)
    assert len(reported) == 32
    assert (
        "case33bw.json: line 0: would lose 631 of what arrives at 50% of its rating" in reported[0]
    )


def test_the_rural_grid_of_kerber(grids: Path) -> None:
    plan = read_grid(grids / KERBER).plan
    assert len(plan.nodes) == 15
    transformer = plan.lines[0]
    assert (transformer.rating_kw, transformer.length_km) == (160.0, 0.0)
    assert transformer.loss_rate == pytest.approx(0.006)
    assert {node.kind for node in plan.nodes.values()} == {"utility", "low_voltage"}
