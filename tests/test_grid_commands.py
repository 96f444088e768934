"""What the commands for grids print and write."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmesh.runs import load_scenario, start_run
from hmesh.runs.command_line import app
from tests.test_grid_files import HEAD, ROWS, bus, cable, pandapower

FED = {"name": None, "bus": 0, "vm_pu": 1.0, "in_service": True}


def answer(*words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output.splitlines()


@pytest.fixture
def network(tmp_path: Path) -> Path:
    load = [{"bus": 2, "p_mw": 0.1, "q_mvar": 0.0, "in_service": True}]
    buses = [bus("a"), bus("b"), bus("c")]
    lines = [cable(0, 1), cable(2, 1), cable(0, 2, in_service=False)]
    return pandapower(tmp_path, bus=buses, line=lines, load=load, ext_grid=[FED])


def test_a_network_is_checked_and_imported(network: Path) -> None:
    out = network.parent / "grid.csv"
    reported = [
        "2 lines, nodes: 2 medium voltage",
        "left out: 1 bus with loads of 100 kW and 0 kvar in all: members of a scenario take "
        "their place",
        "left out: 1 line open or out of service: line 2",
    ]
    assert answer("check", str(network)) == (0, reported)
    words = ("import", "grid", str(network), "--out", str(out), "--loss-at", "loads")
    assert answer(*words) == (0, [*reported, f"grid: {out}"])
    rate = 0.4 * 100 / (400 * 1000)
    assert [float(row.split(",")[7]) for row in out.read_text().splitlines()[2:]] == [rate, rate]
    assert answer("check", str(out)) == (0, ["2 lines, nodes: 2 medium voltage"])
    status, lines = answer(*words)
    assert (status, lines) == (2, [f"--out: {out} is there already (allowed: a new file)"])


def test_wrong_wishes_of_an_import_are_named_at_once(network: Path) -> None:
    words = ("--out", "grid.txt", "--loss-at", "2")
    assert answer("import", "grid", str(network), *words) == (
        2,
        [
            "--loss-at: '2' is not a loading (allowed: a number above 0 to 1, or loads)",
            "--out: grid.txt is not a CSV file (allowed: a name that ends in .csv)",
        ],
    )
    status, lines = answer(
        "import", "grid", str(network), "--out", str(network.parent / "g.csv"), "--bus", "d"
    )
    assert (status, lines[0][:25]) == (2, "net.json: unknown bus 'd'")
    assert not (network.parent / "g.csv").exists()


def test_a_damaged_network_is_refused(network: Path) -> None:
    content = json.loads(network.read_text())
    line = content["_object"]["line"]
    line["_object"] = line["_object"].replace("length_km", "length_m")
    network.write_text(json.dumps(content))
    status, lines = answer("check", str(network))
    assert status == 2
    assert lines == [
        "net.json: a table lacks the column 'length_km' "
        "(allowed: a network written by pandapower.to_json)"
    ]
    broken = network.parent / "lines.csv"
    broken.write_text(HEAD + ROWS.replace("630", "-630"))
    assert answer("check", str(broken)) == (
        2, ["lines.csv: line 4: rating_kw is -630 (allowed: above 0)"]
    )  # fmt: skip


def test_voltages_of_a_run_are_printed(tmp_path: Path) -> None:
    pytest.importorskip("power_grid_model", reason="the extra grid is not installed")
    changes = ("hours=2", "vehicles.count=10", "plots=false", "strategies=[nobody_shares]")
    start_run(load_scenario("two-voltage-levels", changes), tmp_path / "run")
    status, lines = answer("voltages", str(tmp_path / "run"), "--power-factor", "0.9")
    assert status == 0
    labels = ("lowest voltage", "highest loading, tree", "losses, alternating", "steps without")
    for label in labels:
        assert any(line.strip().startswith(label) for line in lines), label
    assert (tmp_path / "run" / "voltages.parquet").is_file()
    assert (tmp_path / "run" / "ac_lines.parquet").is_file()
    status, lines = answer("voltages", str(tmp_path / "run"), "--power-factor", "0")
    assert (status, lines) == (
        2,
        ["--power-factor: 0 is not a power factor (allowed: above 0 to 1)"],
    )
