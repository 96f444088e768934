import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.environment import InputError
from hmesh.runs import (
    TABLES,
    Coded,
    ResultsWriter,
    load_scenario,
    read_run,
    save_checkpoint,
    scenario_hash,
)
from hmesh.runs.results import writer as results
from hmesh.runs.results.new_folder import refuse_used
from hmesh.runs.results.result_tables import tables_with
from hmesh.runs.results.resuming import way_on
from hmesh.runs.results.unfinished_run import read_any_run

SCENARIO = load_scenario("three-communities", ["vehicles.count=50", "start=2024-01-15T01:00"])
COMMUNITIES = ["homes", "malls", "offices"]
FILLED = tables_with(SCENARIO.schemes)


def record(writer: ResultsWriter, step: int) -> None:
    random = np.random.default_rng(step)
    for strategy in SCENARIO.strategies:
        writer.add(
            "vehicles",
            {
                "step": step,
                "strategy": strategy,
                "vehicle": np.arange(50),
                "community": Coded(random.integers(-1, 3, 50), COMMUNITIES),
                "soc": random.random(50),
                "price": np.where(random.random(50) < 0.1, np.nan, 30.0),
                **dict.fromkeys(
                    (
                        "usable_kwh",
                        "energy_kwh",
                        "min_kwh",
                        "max_kwh",
                        "lam",
                        "driven_km",
                        "unmet_kwh",
                    ),
                    1.5,
                ),
                "theta": 2,
                "plugged": 1,
                "plugged_part": 1.0,
            },
        )
        writer.add(
            "ledger",
            {
                "step": [step, step],
                "strategy": strategy,
                "kind": ["charging", "fixed_load"],
                "payer": [f"vehicle {step}", "homes"],
                "payee": "aggregator",
                "energy_kwh": [1.0, -2.0],
                "price": [3.0, None],
                "amount": [3.0, -6.0],
            },
        )
    for vehicle in range(3):
        writer.add(
            "trips",
            {
                "vehicle": vehicle,
                "departs": step + 0.5,
                "arrives": step + 1.5,
                "origin": "homes",
                "destination": COMMUNITIES[1 + step % 2],
                "km": 40.0,
                "energy_kwh": 6.4,
            },
        )


def finished(directory: Path, interrupted_after: tuple[int, ...] = ()) -> Path:
    writer = ResultsWriter.create(directory, SCENARIO)
    for step in range(24):
        record(writer, step)
        if step in interrupted_after:
            state = writer.state()
            # What is written after the checkpoint is lost by the interruption.
            for lost in range(step + 1, min(step + 4, 24)):
                record(writer, lost)
            writer = ResultsWriter.resume(directory)
            writer.restore(state)
    writer.finish({"b": {"z": 1.0, "a": 2.0}, "a": None}, 1.23456)
    return directory


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "ROWS_PER_PART", 700)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_the_tables_are_those_of_the_contract() -> None:
    names = {
        table: " ".join(column.name for column in columns) for table, columns in TABLES.items()
    }
    assert names == {
        "hours": "step time strategy community fixed_load_kwh generation_kwh home_storage_kwh "
        "shared_storage_kwh school_bus_kwh ev_kwh net_kwh community_price utility_price "
        "vehicles_present unserved_kwh",
        "vehicles": "step strategy vehicle community soc usable_kwh energy_kwh min_kwh max_kwh "
        "lam theta price driven_km unmet_kwh plugged plugged_part",
        "trips": "vehicle departs arrives origin destination km energy_kwh",
        "ledger": "step strategy kind payer payee energy_kwh price amount",
        "metrics": "step strategy metric community value",
        "voltages": "step strategy node voltage",
        "ac_lines": "step strategy line losses_kwh loading",
        "limits": "step strategy community overload_kwh shed_kwh unlimited_price congestion_rent",
        "welfare": "step strategy welfare planner_welfare welfare_loss price_of_anarchy",
        "store_answers": "step strategy scheme owner storage usable_kwh lower_kwh upper_kwh "
        "exchange_kwh",
        "store_answer_sums": "step strategy scheme group storage charged_kwh discharged_kwh",
        "accounts": "year strategy kind member community bought_kwh sold_kwh paid received "
        "stored_change_kwh",
        "messages": "step strategy time round kind sender receiver value count",
        "fleet": "vehicle day_plan capacity_kwh power_kw consumption_kwh_per_km lam theta group "
        "model v2g_kw soc_min soc_max soc_start charge_efficiency discharge_efficiency wanted_kwh "
        "miss_weight home",
        "departures": "step strategy vehicle wanted_kwh held_kwh short_kwh",
        "chargers": "step strategy community plugs_taken waiting arrivals without_plug",
        "sessions": "strategy vehicle community charger arrives plug_in plug_out energy_kwh "
        "delivered_kwh",
        "events": "strategy time kind vehicle place value subject number",
        "stops": "strategy vehicle community charger arrives plug_in plug_out energy_kwh",
        "changed_trips": "step strategy vehicle departs arrives made departs_late_h late_h stops "
        "departed arrived",
        "lines": "step strategy line sent_kwh received_kwh losses_kwh loading",
        "schools": "step strategy school usable_kwh energy_kwh min_kwh max_kwh lam theta "
        "average_price incentive_price counted_kwh stored_kwh charged_kwh sold_kwh replaced_kwh "
        "driven_kwh unmet_kwh least_soc",
        "batteries": "building name community shared_capacity_kwh own_capacity_kwh",
        "buildings": "step strategy building load_kwh stored_kwh charged_kwh own_kwh sent_kwh "
        "received_kwh unplaced_kwh",
        "exchanges": "step strategy giver taker sent_kwh received_kwh",
        "storages": "step strategy storage stored_kwh generation_kwh charge_kwh spilled_kwh "
        "delivered_kwh grid_kwh alpha",
        "storage_households": "step strategy household group storage demand_kwh forecast_kwh "
        "used_kwh average_kwh place granted_kwh drawn_kwh",
        "storage_plans": "step strategy storage alpha delivered_kwh final_kwh chosen",
        "storage_courses": "step strategy storage alpha stored_kwh",
        "homes": "home group community member",
        "storage_houses": "house group community load_scale heat_scale",
        "house_steps": "step strategy house appliances_kwh heat_kwh generation_kwh import_kwh "
        "export_kwh charge_kwh discharge_kwh heat_pump_kwh tank_charge_kwh tank_discharge_kwh "
        "unmet_heat_kwh stored_kwh tank_kwh",
        "house_sums": "step strategy group appliances_kwh heat_kwh generation_kwh import_kwh "
        "export_kwh charge_kwh discharge_kwh heat_pump_kwh tank_charge_kwh tank_discharge_kwh "
        "unmet_heat_kwh stored_kwh tank_kwh",
        "sites": "site name group community battery_kwh pv_kw",
        "site_steps": "step strategy site load_kwh generation_kwh import_kwh export_kwh charge_kwh "
        "discharge_kwh curtailed_kwh unserved_kwh stored_kwh capacity_kwh peak_target_kw "
        "tier_surcharge",
        "site_sums": "step strategy group load_kwh generation_kwh import_kwh export_kwh charge_kwh "
        "discharge_kwh curtailed_kwh unserved_kwh stored_kwh",
        "local_exchange": "step strategy community kind own_kwh lack_kwh surplus_kwh received_kwh "
        "given_kwh fed_in_kwh local_price feed_in_price",
        "membership": "step strategy community kind member expected_saving probability takes_part",
        "local_members": "step strategy community kind member used_kwh generated_kwh received_kwh "
        "given_kwh",
        "prosumers": "step strategy prosumer community connection_kwh paid received",
        "prosumer_parts": "step strategy prosumer part bought_kwh sold_kwh paid received home_kwh",
        "home_groups": "step strategy group generation_kwh wanted_kwh served_kwh direct_kwh "
        "charged_kwh discharged_kwh losses_kwh curtailed_kwh imported_kwh exported_kwh",
        "home_days": "step strategy home steps wanted_slots granted_slots committed_slots "
        "before_kwh after_kwh exact",
        "home_appliances": "step strategy home appliance wanted_kwh committed_kwh served_kwh "
        "imported_kwh",
        "home_storages": "step strategy home storage energy_kwh charge_kwh discharge_kwh "
        "losses_kwh",
        "home_flows": "step strategy home source target energy_kwh",
        "home_capacities": "strategy home storage published_kwh dynamic_kwh",
    }


def test_a_finished_run_holds_every_table_with_units(tmp_path: Path) -> None:
    directory = finished(tmp_path / "run")
    assert sorted(contents(directory)) == sorted(
        ["run.json", "summary.json", *(f"{table}.parquet" for table in FILLED)]
    )
    assert not (directory / "checkpoint").exists()
    for table in FILLED:
        columns = TABLES[table]
        schema = pq.read_schema(directory / f"{table}.parquet")
        assert schema.names == [column.name for column in columns]
        for column in columns:
            reported = schema.field(column.name).metadata
            assert reported[b"unit"].decode() == column.unit
            assert reported[b"description"]


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    run = read_run(finished(tmp_path / "run"))
    vehicles = run.table("vehicles").to_pandas()
    assert len(vehicles) == 24 * 3 * 50
    assert vehicles.step.is_monotonic_increasing
    random = np.random.default_rng(5)
    codes, soc = random.integers(-1, 3, 50), random.random(50)
    first = vehicles[vehicles.step == 5].iloc[:50]
    assert first.soc.to_numpy() == pytest.approx(soc, abs=0)
    where = [None if code < 0 else COMMUNITIES[code] for code in codes]
    assert first.community.astype(object).where(first.community.notna(), None).tolist() == where
    assert set(first.strategy) == {"typical"}
    assert run.table("hours").num_rows == 0


def test_empty_places_are_null(tmp_path: Path) -> None:
    run = read_run(finished(tmp_path / "run"))
    assert run.table("ledger")["price"].null_count == 24 * 3
    assert 0 < run.table("vehicles")["price"].null_count < 24 * 3 * 50


def test_names_are_dictionaries_and_times_are_local(tmp_path: Path) -> None:
    run = read_run(finished(tmp_path / "run"))
    trips = run.table("trips")
    assert pa.types.is_dictionary(trips.schema.field("origin").type)
    zone = ZoneInfo("Europe/Berlin")
    assert trips["departs"][0].as_py() == datetime(2024, 1, 15, 1, 30, tzinfo=zone)
    assert trips["arrives"][-1].as_py() == datetime(2024, 1, 16, 1, 30, tzinfo=zone)


def test_times_count_elapsed_hours_over_the_change_of_clocks(tmp_path: Path) -> None:
    scenario = load_scenario("three-communities", ["start=2024-03-31T00:00"])
    writer = ResultsWriter.create(tmp_path / "run", scenario)
    trip = {"vehicle": 0, "origin": "homes", "destination": "malls", "km": 1.0, "energy_kwh": 1.0}
    writer.add("trips", {**trip, "departs": 1 + 1 / 3, "arrives": 3.0})
    writer.finish({}, 0.0)
    trips = read_run(tmp_path / "run").table("trips")
    assert trips["departs"][0].as_py().isoformat() == "2024-03-31T01:20:00+01:00"
    assert trips["arrives"][0].as_py().isoformat() == "2024-03-31T04:00:00+02:00"


def test_columns_and_rows_can_be_picked(tmp_path: Path) -> None:
    run = read_run(finished(tmp_path / "run"))
    picked = run.table("vehicles", ["step", "soc"], [("strategy", "=", "two_level")])
    assert picked.column_names == ["step", "soc"]
    assert picked.num_rows == 24 * 50
    with pytest.raises(InputError, match=r"there is no table 'vehicle'.*did you mean 'vehicles'"):
        run.table("vehicle")
    with pytest.raises(InputError, match="there is no column 'so'"):
        run.table("vehicles", ["step", "so"])


def test_two_runs_and_an_interrupted_one_write_the_same_bytes(tmp_path: Path) -> None:
    once = contents(finished(tmp_path / "once"))
    again = contents(finished(tmp_path / "again"))
    interrupted = contents(finished(tmp_path / "interrupted", (0, 5, 6, 17, 23)))
    assert once == again == interrupted


def test_a_state_holds_less_than_a_part_of_each_table(tmp_path: Path) -> None:
    writer = ResultsWriter.create(tmp_path / "run", SCENARIO)
    for step in range(24):
        record(writer, step)
        for table, held in writer.state().items():
            assert {len(column) for column in held["columns"].values()} == {held["rows"]}, table
            assert held["rows"] < 700


def test_the_number_of_row_groups_follows_the_parts(tmp_path: Path) -> None:
    path = finished(tmp_path / "run") / "vehicles.parquet"
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 6
    assert file.metadata.row_group(0).num_rows == 700


def test_run_json_shows_what_was_run(tmp_path: Path) -> None:
    directory = finished(tmp_path / "run")
    info = json.loads((directory / "run.json").read_text())
    assert info == read_run(directory).info
    assert list(info)[:3] == ["schema", "status", "steps_done"]
    assert (info["schema"], info["status"], info["seed"]) == (1, "complete", 1)
    assert (info["steps_done"], info["steps_total"], info["step_h"]) == (24, 24, 1.0)
    assert (info["start"], info["time_zone"]) == ("2024-01-15T01:00", "Europe/Berlin")
    assert (info["currency"], info["wall_seconds"]) == ("JPY", 1.235)
    assert {"python", "hmesh", "numpy", "mesa", "simpy"} <= set(info["versions"])
    assert scenario_hash(info["scenario"]) == scenario_hash(SCENARIO.resolved())
    assert list(info["scenario"]["communities"]) == COMMUNITIES
    assert set(info["sha256"]) == set(contents(directory)) - {"run.json"}
    for name, digest in info["sha256"].items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest


def test_the_summary_is_sorted(tmp_path: Path) -> None:
    run = read_run(finished(tmp_path / "run"))
    assert json.dumps(run.summary) == '{"a": null, "b": {"a": 2.0, "z": 1.0}}'
    run.check_files()


def test_changed_files_are_found(tmp_path: Path) -> None:
    directory = finished(tmp_path / "run")
    (directory / "hours.parquet").unlink()
    (directory / "ledger.parquet").write_bytes(b"PAR1")
    run = read_run(directory)
    with pytest.raises(InputError) as caught:
        run.check_files()
    reported = str(caught.value).splitlines()
    assert reported[0].endswith("hours.parquet: is missing")
    assert reported[1].endswith("ledger.parquet: is not what the run wrote: its digest differs")
    with pytest.raises(InputError, match=r"hours\.parquet: is missing"):
        run.table("hours")
    with pytest.raises(InputError, match=r"ledger\.parquet: cannot be read"):
        run.table("ledger")


def test_an_unfinished_run_says_how_to_go_on(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    writer = ResultsWriter.create(directory, SCENARIO)
    writer.save_progress(0, 3.0)
    run = read_run(directory)
    assert not run.complete
    state = {
        "writer": writer.state(),
        "wall_seconds": 3.0,
        "strategies": {strategy: {} for strategy in SCENARIO.strategies},
    }
    save_checkpoint(writer.checkpoints, 0, state, scenario_hash(SCENARIO.resolved()))
    with pytest.raises(InputError, match=r"not finished, 0 of 24 .* hmesh resume .*run"):
        run.table("hours")
    with pytest.raises(InputError, match="not finished"):
        _ = run.summary
    with pytest.raises(
        InputError, match=r"holds a run already; hmesh resume .*run continues or completes it"
    ):
        refuse_used(directory, way_on)
    with pytest.raises(InputError, match=r"holds a run already \(allowed: a new or empty folder"):
        ResultsWriter.create(directory, SCENARIO)


def test_a_run_that_cannot_go_on_is_not_reported_to_resume(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    writer = ResultsWriter.create(directory, SCENARIO)
    save_checkpoint(writer.checkpoints, 0, {"writer": {}}, scenario_hash(SCENARIO.resolved()))
    for refused in (
        lambda: read_run(directory).table("hours"),
        lambda: refuse_used(directory, way_on),
        lambda: read_any_run(directory),
    ):
        with pytest.raises(InputError, match=r"start it again in a new folder") as caught:
            refused()
        assert "hmesh resume" not in str(caught.value)


def test_a_complete_run_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this run is complete"):
        ResultsWriter.resume(finished(tmp_path / "run"))


def test_places_that_cannot_hold_a_run_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ResultsWriter.create(tmp_path / "empty", SCENARIO)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: is a file"):
        ResultsWriter.create(tmp_path / "file", SCENARIO)
    with pytest.raises(InputError, match="cannot be written: Not a directory"):
        ResultsWriter.create(tmp_path / "file" / "run", SCENARIO)
    with pytest.raises(InputError, match=r"holds something already \(allowed: a new or empty"):
        ResultsWriter.create(tmp_path, SCENARIO)


def test_folders_without_a_run_are_reported(tmp_path: Path) -> None:
    (tmp_path / "homes-1").mkdir()
    with pytest.raises(InputError, match="homes-1: holds no run"):
        read_run(tmp_path / "homes-1")
    ResultsWriter.create(tmp_path / "homes-2", SCENARIO)
    with pytest.raises(InputError, match=r"there is no such folder .*did you mean '.*homes-2'"):
        read_run(tmp_path / "home-2")
    for content in ("{", "[]", "\xff"):
        (tmp_path / "homes-2" / "run.json").write_text(content, encoding="latin-1")
        with pytest.raises(InputError, match=r"run\.json: "):
            read_run(tmp_path / "homes-2")
    (tmp_path / "homes-2" / "run.json").write_text('{"schema": 9}')
    with pytest.raises(InputError, match=r"the results have schema 9 \(allowed: schema 1\)"):
        read_run(tmp_path / "homes-2")
    (tmp_path / "homes-2" / "run.json").write_text('{"name": "of another program"}')
    with pytest.raises(InputError, match=r"run\.json: no schema of results is stated, so that"):
        read_run(tmp_path / "homes-2")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("damage", [Path.unlink, truncate])
def test_damaged_parts_are_reported_on_resume(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    directory = tmp_path / "run"
    writer = ResultsWriter.create(directory, SCENARIO)
    for step in range(12):
        record(writer, step)
    damage(writer.checkpoints / "parts" / "vehicles-000001.parquet")
    resumed = ResultsWriter.resume(directory)
    with pytest.raises(InputError, match=r"vehicles-000001|rows of vehicles .* are damaged"):
        resumed.restore(writer.state())


def test_what_a_later_interruption_left_is_dropped(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    writer = ResultsWriter.create(directory, SCENARIO)
    parts = writer.checkpoints / "parts"
    before = writer.state()
    for step in range(12):
        record(writer, step)
    (parts / ".vehicles-000009.parquet.new").write_bytes(b"half")
    assert (parts / "vehicles-000000.parquet").is_file()
    writer.restore(before)
    assert list(parts.iterdir()) == []


ROW: dict[str, Any] = {
    "vehicle": 0, "day_plan": "a", "capacity_kwh": 40.0, "power_kw": 7.0,
    "consumption_kwh_per_km": 0.16, "lam": 60.0, "theta": 2.0, "group": None, "model": None,
    "v2g_kw": 7.0, "soc_min": 0.2, "soc_max": 0.9, "soc_start": 0.5, "charge_efficiency": 1.0,
    "discharge_efficiency": 1.0, "wanted_kwh": 0.0, "miss_weight": 0.0,
    "home": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, r"unknown \['colour'\]"),
        ({"lam": None}, r"fleet\.lam cannot hold None"),
        ({"lam": float("nan")}, r"fleet\.lam has rows that are NaN"),
        ({"lam": "60"}, r"fleet\.lam cannot hold '60'"),
        ({"lam": [1.0, 2.0], "theta": [1.0, 2.0, 3.0]}, r"fleet have \[2, 3\] rows"),
        ({"lam": [[1.0]]}, r"fleet\.lam cannot hold"),
        ({"vehicle": 0.5}, r"fleet\.vehicle cannot hold 0\.5"),
        ({"vehicle": True}, r"fleet\.vehicle cannot hold True"),
        ({"day_plan": None}, r"fleet\.day_plan has rows without a name"),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    writer = ResultsWriter.create(tmp_path / "run", SCENARIO)
    with pytest.raises(ValueError, match=message):
        writer.add("fleet", ROW | change)
    with pytest.raises(ValueError, match="without"):
        writer.add("fleet", {"vehicle": 0})


def test_rows_are_copied_when_they_are_added(tmp_path: Path) -> None:
    writer = ResultsWriter.create(tmp_path / "run", SCENARIO)
    lam = np.array([50.0, 60.0])
    writer.add("fleet", ROW | {"vehicle": [0, 1], "lam": lam})
    lam[:] = 0
    writer.add("fleet", ROW | {"vehicle": np.array([], np.int64)})
    writer.finish({}, 0.0)
    assert read_run(tmp_path / "run").table("fleet")["lam"].to_pylist() == [50.0, 60.0]


MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from hmesh.runs import ResultsWriter, load_scenario
writer = ResultsWriter.create(Path(sys.argv[1]), load_scenario("three-communities"))
rows = 131_072
for step in range(int(sys.argv[2])):
    energy = np.random.default_rng(step).random(rows)
    names = ("soc", "usable_kwh", "energy_kwh", "min_kwh", "max_kwh", "lam", "theta", "price")
    columns = dict.fromkeys(names, energy) | {"driven_km": 0.0, "unmet_kwh": 0.0, "step": step}
    columns |= {"plugged": 1, "plugged_part": 1.0}
    columns |= {"strategy": "typical", "community": "homes", "vehicle": np.arange(rows)}
    writer.add("vehicles", columns)
writer.finish({}, 0.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="memory is read through getrusage")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak_mib(steps: int) -> int:
        command = [sys.executable, "-c", MEMORY, str(tmp_path / str(steps)), str(steps)]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    assert peak_mib(40) < peak_mib(8) + 80
