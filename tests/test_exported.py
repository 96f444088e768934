"""Results in the forms of other programs, against the tables of the run."""

import csv
import importlib.util
import json
import re
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.environment.errors import InputError
from hmesh.environment.grid_files.read_grid import read_grid
from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.results.exported import export_run
from hmesh.runs.results.hours_of_run import cubes
from hmesh.runs.voltages import solve_voltages
from hmesh.runs.world.city_grid import make_city_grid

CHANGES = ["vehicles.count=12", "hours=6", "game.solver=exact", "plots=false"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six hours with losses of lines."""
    directory = tmp_path_factory.mktemp("runs") / "one"
    more = ["communities.homes.feeder.loss_rate=0.04"]
    start_run(load_scenario("three-communities", [*CHANGES, *more]), directory)
    return directory


def test_csv_holds_what_the_tables_hold(run: Path, tmp_path: Path) -> None:
    (line,) = export_run(run, "csv", tmp_path / "out", ["hours", "ledger"])
    assert "hours, ledger, columns, summary" in line
    for name in ("hours", "ledger"):
        due = read_run(run).table(name).to_pandas()
        found = pd.read_csv(tmp_path / "out" / f"{name}.csv")
        assert list(found.columns) == list(due.columns)
        for column in due.select_dtypes("number"):
            np.testing.assert_array_equal(found[column], due[column])
        assert found["strategy"].tolist() == due["strategy"].tolist()
    times = pd.to_datetime(pd.read_csv(tmp_path / "out" / "hours.csv")["time"], utc=True)
    assert (times == read_run(run).table("hours").to_pandas()["time"].dt.tz_convert("UTC")).all()
    summary = pd.read_csv(tmp_path / "out" / "summary.csv").set_index("figure")
    peak = read_run(run).totals("typical")["peak_kw"]
    assert float(summary.loc["peak_kw", "typical"]) == peak


def test_a_spreadsheet_holds_what_the_tables_hold(run: Path, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    export_run(run, "xlsx", tmp_path / "run.xlsx", ["lines"])
    book = openpyxl.load_workbook(tmp_path / "run.xlsx", read_only=True)
    assert book.sheetnames == ["summary", "lines", "columns"]
    head, *rows = book["lines"].iter_rows(values_only=True)
    due = read_run(run).table("lines").to_pandas()
    assert list(head) == list(due.columns)
    # Spreadsheets keep fifteen digits.
    np.testing.assert_allclose(
        [row[head.index("sent_kwh")] for row in rows], due["sent_kwh"], rtol=1e-15
    )
    book.close()


def test_netcdf_has_named_axes_and_units(run: Path, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    export_run(run, "xarray", tmp_path / "run.nc")
    due = read_run(run).table("hours").to_pandas()
    with h5py.File(tmp_path / "run.nc") as file:
        net = file["net_kwh"]
        assert [net.dims[n][0].name for n in range(3)] == ["/time", "/strategy", "/community"]
        assert net.attrs["units"] == b"kWh"
        names = [name.decode() for name in file["community"][()]]
        strategies = [name.decode() for name in file["strategy"][()]]
        for row in due.itertuples():
            at = row.step, strategies.index(row.strategy), names.index(row.community)
            assert net[at] == row.net_kwh
        since = pd.Timestamp(file["time"].attrs["units"].decode().removeprefix("seconds since "))
        first = due["time"].iloc[0].tz_convert("UTC").tz_localize(None)
        assert since == first
        assert file["time"][-1] == 5 * 3600


@pytest.mark.slow
def test_hours_become_a_dataset(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xarray")
    found = read_run(run).hours.to_xarray()
    due = read_run(run).table("hours").to_pandas()
    assert found["net_kwh"].dims == ("time", "strategy", "community")
    assert found["net_kwh"].attrs["units"] == "kWh"
    np.testing.assert_array_equal(
        found["net_kwh"].to_numpy(), due["net_kwh"].to_numpy().reshape(found["net_kwh"].shape)
    )
    first = due["time"].iloc[0].tz_convert("UTC").tz_localize(None)
    assert pd.Timestamp(found["time"].to_numpy()[0]) == first
    # By its names, as those do who take it on.
    taken = found["net_kwh"].sel(strategy="typical", community="homes").sum("time")
    mine = due[(due["strategy"] == "typical") & (due["community"] == "homes")]
    assert float(taken) == pytest.approx(mine["net_kwh"].sum(), rel=1e-12)
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match="needs xarray"):
        read_run(run).hours.to_xarray()


@pytest.mark.slow
def test_xarray_reads_the_file_of_a_run(run: Path, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5py")
    if importlib.util.find_spec("netCDF4") is None and importlib.util.find_spec("h5netcdf") is None:
        pytest.skip("xarray has no reader of netCDF 4 here")
    export_run(run, "xarray", tmp_path / "run.nc")
    with xarray.open_dataset(tmp_path / "run.nc") as found:
        due = read_run(run).hours.to_xarray()
        xarray.testing.assert_equal(
            found["net_kwh"].drop_vars("time"), due["net_kwh"].drop_vars("time")
        )
        assert (found["time"].to_numpy() == due["time"].to_numpy()).all()


def test_a_network_of_pypsa_balances_at_every_bus(run: Path, tmp_path: Path) -> None:
    export_run(run, "pypsa", tmp_path / "net", strategy="three_level")

    def rows(name: str) -> list[dict[str, str]]:
        with (tmp_path / "net" / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    buses = [row["name"] for row in rows("buses")]
    loads = {row["name"]: row["bus"] for row in rows("loads")}
    links = rows("links")
    back = {link["name"]: float(link["efficiency"]) for link in links if "back" in link["name"]}
    assert back == {"homes/feeder back": 0.96}
    table = read_run(run).table("lines").to_pandas()
    table = table[table["strategy"] == "three_level"]
    for step, taken in enumerate(rows("loads-p_set")):
        needs = dict.fromkeys(buses, 0.0)
        for name, bus in loads.items():
            needs[bus] += float(taken[name])
        # From the far ends up: each link brings what its bus needs, or takes what it delivers.
        for link in reversed([link for link in links if not link["name"].endswith(" back")]):
            far, efficiency = needs[link["bus1"]], 1 / float(link["efficiency"])
            if far < 0 and f"{link['name']} back" in back:
                efficiency = back[f"{link['name']} back"]
            needs[link["bus0"]] += far * efficiency
        here = table[(table["step"] == step) & table["line"].str.startswith("utility - ")]
        assert needs["utility"] * 1000 == pytest.approx(here["sent_kwh"].sum(), rel=1e-9)


def test_a_network_of_pandapower_is_read_back(tmp_path: Path) -> None:
    changes = ["vehicles.count=6", "hours=6", "plots=false", "strategies=[nobody_shares]"]
    scenario = load_scenario("two-voltage-levels", changes)
    start_run(scenario, tmp_path / "run")
    (said, left) = export_run(tmp_path / "run", "pandapower", tmp_path / "net")
    assert "6 buses, 5 lines and transformers and 7 loads" in said
    assert "reactive power" in left
    reading = read_grid(tmp_path / "net" / "network.json", 0.5, None)
    plan = make_city_grid(scenario).plan
    assert plan is not None
    due = {line.name: line for line in plan.lines}
    assert {line.name for line in reading.plan.lines} == set(due)
    for line in reading.plan.lines:
        for number in ("rating_kw", "resistance_ohm", "reactance_ohm", "length_km"):
            expected = getattr(due[line.name], number)
            assert getattr(line, number) == pytest.approx(expected, rel=1e-9), line.name
    for name, node in plan.nodes.items():
        assert reading.plan.nodes[name].voltage_kv == node.voltage_kv
    # At its highest step the loads are what the utility sends less losses.
    lines = read_run(tmp_path / "run").table("lines").to_pandas()
    by_step = lines[lines["line"].str.contains("/")].groupby("step")["received_kwh"].sum()
    taken = sum(power.real for power in reading.loads.values())
    assert taken == pytest.approx(by_step.max(), rel=1e-9)
    table = pd.read_csv(tmp_path / "net" / "loads.csv")
    sums = table.drop(columns="time").sum(axis=1) * 1000
    np.testing.assert_allclose(sums, by_step.sort_index(), rtol=1e-9)


@pytest.mark.slow
def test_pypsa_itself_dispatches_what_hmesh_supplied(run: Path, tmp_path: Path) -> None:
    """By the tools of its users: the cheapest supply of these loads is that of the run."""
    pypsa = pytest.importorskip("pypsa")
    pytest.importorskip("highspy")
    export_run(run, "pypsa", tmp_path / "net", strategy="three_level")
    with warnings.catch_warnings():
        # Others' warnings about their own next versions.
        warnings.simplefilter("ignore")
        network = pypsa.Network()
        network.import_from_csv_folder(str(tmp_path / "net"))
        status, _ = network.optimize(solver_name="highs")
    assert status == "ok"
    assert pd.api.types.is_datetime64_any_dtype(network.snapshots)
    table = read_run(run).table("lines").to_pandas()
    table = table[table["strategy"] == "three_level"]
    feeders = table[table["line"].str.startswith("utility - ")]
    supplied = feeders.groupby("step")["sent_kwh"].sum().to_numpy()
    found = network.generators_t.p["utility"].to_numpy() * 1000
    np.testing.assert_allclose(found, supplied, rtol=1e-7)
    for link in (name for name in network.links.index if not name.endswith(" back")):
        due = table[table["line"].str.endswith(f" - {link}")]["sent_kwh"].to_numpy()
        there = network.links_t.p0[link].to_numpy() * 1000
        if f"{link} back" in network.links.index:
            there = there - network.links_t.p1.get(f"{link} back", 0.0).to_numpy() * -1000
        np.testing.assert_allclose(there, due, rtol=1e-7, atol=1e-6)
    hours = read_run(run).table("hours").to_pandas()
    price = hours[hours["strategy"] == "three_level"].groupby("step")["utility_price"].first()
    assert network.objective == pytest.approx(float((price * supplied).sum()), rel=1e-7)


# Attributes of components in the documentation of PyPSA.
PYPSA = {
    "buses": {"name", "v_nom", "type", "x", "y", "carrier", "unit", "location"},
    "loads": {"name", "bus", "carrier", "type", "p_set", "q_set", "sign", "active"},
    "links": {"name", "bus0", "bus1", "type", "carrier", "efficiency", "active", "p_nom",
              "p_nom_extendable", "p_min_pu", "p_max_pu", "p_set", "marginal_cost", "length"},
    "generators": {"name", "bus", "control", "type", "carrier", "p_nom", "p_nom_extendable",
                   "p_min_pu", "p_max_pu", "p_set", "q_set", "sign", "marginal_cost", "efficiency"},
    "network": {"name", "pypsa_version", "srid"},
    "snapshots": {"snapshot", "objective", "stores", "generators", "weightings", ""},
}  # fmt: skip


def test_files_for_pypsa_have_its_components_and_attributes(run: Path, tmp_path: Path) -> None:
    export_run(run, "pypsa", tmp_path / "net", strategy="three_level")
    heads = {
        path.stem: path.read_text().splitlines()[0].split(",")
        for path in (tmp_path / "net").glob("*.csv")
    }
    assert {"network", "snapshots", "buses", "links", "loads", "loads-p_set"} <= set(heads)
    names = {name: set() for name in heads}
    for name in ("buses", "links", "loads", "generators"):
        table = pd.read_csv(tmp_path / "net" / f"{name}.csv")
        assert table["name"].is_unique
        names[name] = set(table["name"])
    for name, head in heads.items():
        component, _, attribute = name.partition("-")
        if attribute:
            # A series has a column for each of its components, and a row for each snapshot.
            assert attribute in PYPSA[component]
            assert set(head[1:]) <= names[component]
            assert head[0] == "snapshot"
        else:
            assert set(head) <= PYPSA[name] | {"name"}, name
    for name, columns in (("loads", ["bus"]), ("links", ["bus0", "bus1"]), ("generators", ["bus"])):
        table = pd.read_csv(tmp_path / "net" / f"{name}.csv")
        for column in columns:
            assert set(table[column]) <= names["buses"]


def test_a_network_for_pandapower_has_the_tables_of_one_that_it_wrote(
    shared: Path, tmp_path: Path
) -> None:
    real = shared / "data" / "formats" / "grids" / "kerber_rural_overhead.json"
    changes = ["vehicles.count=6", "hours=2", "plots=false", "strategies=[nobody_shares]"]
    start_run(load_scenario("two-voltage-levels", changes), tmp_path / "run")
    export_run(tmp_path / "run", "pandapower", tmp_path / "net")
    written = json.loads((tmp_path / "net" / "network.json").read_text())
    due = json.loads(real.read_text())
    assert (written["_module"], written["_class"]) == (due["_module"], due["_class"])
    for name in ("f_hz", "sn_mva", "name", "version", "format_version"):
        given, known = written["_object"][name], due["_object"][name]
        assert isinstance(given, str if isinstance(known, str) else int | float), name
    for name in ("bus", "line", "load", "ext_grid", "trafo"):
        mine, theirs = written["_object"][name], due["_object"][name]
        assert {k: mine[k] for k in ("_module", "_class", "orient")} == {
            k: theirs[k] for k in ("_module", "_class", "orient")
        }
        held = json.loads(mine["_object"])
        assert set(held) == {"columns", "index", "data"}
        assert set(held["columns"]) == set(mine["dtype"])
        assert all(len(row) == len(held["columns"]) for row in held["data"])
        assert mine["dtype"] == theirs["dtype"], name
        assert set(held["columns"]) == set(theirs["dtype"]), name


@pytest.mark.slow
def test_pandapower_itself_finds_the_same_voltages(tmp_path: Path) -> None:
    pandapower = pytest.importorskip("pandapower", "3.5")
    pytest.importorskip("power_grid_model")
    changes = ["vehicles.count=6", "hours=6", "plots=false", "strategies=[nobody_shares]"]
    start_run(load_scenario("two-voltage-levels", changes), tmp_path / "run")
    export_run(tmp_path / "run", "pandapower", tmp_path / "net")
    net = pandapower.from_json(str(tmp_path / "net" / "network.json"))
    pandapower.runpp(net, numba=False)
    assert net.converged
    own = solve_voltages(tmp_path / "run")
    loads = pd.read_csv(tmp_path / "net" / "loads.csv").drop(columns="time")
    peak = int(loads.sum(axis=1).argmax())
    names = net.bus["name"].tolist()
    mine = dict(zip(own.nodes, own.voltage[peak, 0].tolist(), strict=True))
    np.testing.assert_allclose(
        net.res_bus["vm_pu"].to_numpy(), [mine[name] for name in names], rtol=1e-6
    )
    lost = dict(zip(own.lines, own.losses_kwh[peak, 0].tolist(), strict=True))
    for kind in ("line", "trafo"):
        table, found = net[kind], net[f"res_{kind}"]
        for row, name in table["name"].items():
            # Both solve for powers to about a watt.
            assert found.loc[row, "pl_mw"] * 1000 == pytest.approx(lost[name], rel=1e-4, abs=2e-3)


def test_a_star_of_feeders_has_no_voltages(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which have no voltages and impedances"):
        export_run(run, "pandapower", tmp_path / "net")


def damaged(path: Path, how: str) -> None:
    """Let a table be no longer what its run wrote."""
    rows = pq.read_table(path)
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "torn":
        content = path.read_bytes()
        path.write_bytes(content[:4] + bytes(2000) + content[2004:])
    elif how == "half":
        pq.write_table(rows.slice(0, rows.num_rows // 2), path)
    elif how == "no rows":
        pq.write_table(rows.slice(0, 0), path)
    elif how == "mixed":
        pq.write_table(rows.take(list(range(rows.num_rows))[::-1]), path)
    else:
        texts = {name: [str(each) for each in rows.column(name)] for name in rows.column_names}
        pq.write_table(pa.table(texts), path)


UNREADABLE = ("missing", "empty", "torn", "texts")
# A table may hold such rows, and CSV has no axes that they would leave empty.
WITHOUT_SHAPE = ("half", "no rows", "mixed")


@pytest.mark.parametrize(
    ("to", "how"),
    [("csv", how) for how in UNREADABLE]
    + [(to, how) for to in ("xarray", "pypsa") for how in (*UNREADABLE, *WITHOUT_SHAPE)],
)
def test_damaged_tables_are_named(run: Path, tmp_path: Path, to: str, how: str) -> None:
    if to == "xarray":
        pytest.importorskip("h5py")
    there = shutil.copytree(run, tmp_path / "run")
    damaged(there / "hours.parquet", how)
    with pytest.raises(InputError) as error:
        export_run(there, to, tmp_path / ("out.nc" if to == "xarray" else "out"))
    assert [problem.place.split(",")[0] for problem in error.value.problems][:1] == [
        str(there / "hours.parquet")
    ]


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("scenario", "communities"), 7),
        (("scenario", "communities"), None),
        (("scenario", "strategies"), []),
        (("scenario", "strategies"), 3),
    ],
)
def test_a_run_json_that_no_run_writes_is_named(
    run: Path, tmp_path: Path, keys: tuple[str, ...], value: Any
) -> None:
    there = shutil.copytree(run, tmp_path / "run")
    info = json.loads((there / "run.json").read_text())
    info[keys[0]][keys[1]] = value
    (there / "run.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match=re.escape(".".join(keys))):
        export_run(there, "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["more steps", "more than any memory holds"])
def test_steps_that_a_table_lacks_are_named(run: Path, tmp_path: Path, how: str) -> None:
    there = shutil.copytree(run, tmp_path / "run")
    info = json.loads((there / "run.json").read_text())
    steps = 7 if how == "more steps" else 10**30
    (there / "run.json").write_text(json.dumps(info | {"steps_total": steps, "steps_done": steps}))
    with pytest.raises(InputError, match="rows are not one of every step, strategy and community"):
        cubes(read_run(there))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"to": "pandapwr"}, "'pandapwr' is no form to export to"),
        ({"to": "csv", "tables": ["hour"]}, "the run has no table 'hour'"),
        ({"to": "pypsa", "strategy": "three"}, "the run has no strategy 'three'"),
        ({"to": "xlsx", "out": "run.xls"}, "no spreadsheet"),
    ],
)
def test_mistakes_are_named(run: Path, tmp_path: Path, words: Any, message: str) -> None:
    given = {"out": "new", **words}
    with pytest.raises(InputError) as error:
        export_run(run, given.pop("to"), tmp_path / given.pop("out"), **given)
    assert message in str(error.value)
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        export_run(run, "csv", tmp_path / "there")
