import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.runs import TABLES, audit_run, scenario_hash
from hmesh.runs.results.result_tables import tables_with
from tests.audited_runs import FEW, FILES, finished, outcome
from tests.quick_cases import quick

TAMPERED = [
    *FEW,
    "messages.keep=all",
    "hours=6",
    "start='2023-01-16T06:00'",
    "communities.homes.feeder.loss_rate=0.05",
]

FILLED = tables_with(("vehicles",))


def accept(directory: Path, name: str) -> None:
    """Let run.json vouch for a file as it is now."""
    path = directory / "run.json"
    info = json.loads(path.read_text())
    info["sha256"][name] = hashlib.sha256((directory / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(info))


def edit(directory: Path, table: str, column: str, change: Callable[[int, Any], Any]) -> None:
    """Change a column of a table, given the rows and their values."""
    path = directory / f"{table}.parquet"
    rows = pq.read_table(path)
    place = rows.schema.get_field_index(column)
    field = rows.schema.field(place)
    values = [change(row, value) for row, value in enumerate(rows.column(place).to_pylist())]
    if pa.types.is_dictionary(field.type):
        array = pa.array(values, pa.string()).dictionary_encode().cast(field.type)
    else:
        array = pa.array(values, field.type)
    pq.write_table(rows.set_column(place, field, array), path)
    accept(directory, path.name)


def otherwise(value: Any, values: list[Any]) -> Any:
    """Return another value that could stand there."""
    if isinstance(value, str):
        others = sorted({other for other in values if other not in (None, value)})
        return others[0] if others else "nobody"
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.01 * max(abs(value), 1.0)
    return value + timedelta(hours=1)


# Of vehicles in groups, whose own tests change them.
OF_GROUPS = ("fleet.group", "fleet.model", "fleet.home")
COLUMNS = [
    place
    for table in FILLED
    for place in (f"{table}.{column.name}" for column in TABLES[table])
    if place not in OF_GROUPS
]


@pytest.mark.parametrize("place", quick(COLUMNS[::3], COLUMNS))
def test_one_changed_value_fails_though_the_digest_was_mended(tmp_path: Path, place: str) -> None:
    table, column = place.split(".")
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    rows = pq.read_table(directory / f"{table}.parquet").to_pylist()
    values = [row[column] for row in rows]
    # A price offered that that changes nobody's answer leaves no trace.
    traced = [row.get("kind") != "PriceOffer" for row in rows]
    there = [row for row, value in enumerate(values) if value is not None and traced[row]]
    moving = [row for row in there if values[row]] or there
    chosen = moving[len(moving) // 2]
    wrong = otherwise(values[chosen], values)
    edit(directory, table, column, lambda row, value: wrong if row == chosen else value)
    report = audit_run(directory)
    assert not report.passed
    assert outcome(report)[FILES] is True
    assert all(check.comparison or check.note for check in report.checks if not check.passed)


CAUGHT = {
    ("hours", "fixed_load_kwh"): "energy: members use and generate what they should",
    ("hours", "community_price"): "money: paid at the prices of the step",
    ("vehicles", "energy_kwh"): "vehicles: none does better by another exchange",
    ("vehicles", "soc"): "vehicles: store changes by exchange and driving",
    ("vehicles", "lam"): "vehicles: worth of energy never changes",
    ("ledger", "amount"): "money: each amount is price times energy",
    ("trips", "km"): "vehicles: driven as far as their trips go",
    ("lines", "received_kwh"): "lines: each carries what is taken beyond it",
    ("messages", "value"): "messages: offers are answered as they must",
}


@pytest.mark.parametrize(("place", "name"), CAUGHT.items())
def test_the_right_check_catches_it(tmp_path: Path, place: tuple[str, str], name: str) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    kinds = pq.read_table(directory / f"{place[0]}.parquet").to_pylist()
    rows = [
        row
        for row, values in enumerate(kinds)
        if values.get("strategy", "three_level") == "three_level"
        and values.get("kind") in (None, "EnergyBid", "fixed_load")
        and values[place[1]]
    ]
    chosen = rows[len(rows) // 3]
    edit(directory, *place, lambda row, value: 1.01 * value if row == chosen else value)
    assert name in audit_run(directory).failed


MANY = [
    "strategies=[two_level]",
    "game.solver=exact",
    "start='2023-01-16T22:00'",
    "hours=2",
    "plots=false",
]


@pytest.mark.parametrize("vehicles", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_in_a_large_fleet_rounding_passes_and_a_millionth_of_a_kwh_does_not(
    tmp_path: Path, vehicles: int
) -> None:
    """Nobody discharges at night, and the sum over all says so to the last digit."""
    sizes = (
        f"vehicles.count={vehicles}",
        f"communities.homes.members.0.count={vehicles // 2}",
        f"generation_cost.quadratic={1 / vehicles}",
    )
    directory = shutil.copytree(finished(*MANY, *sizes), tmp_path / "run")
    report = audit_run(directory)
    assert report.passed, "\n".join(report.lines())
    payments = pq.read_table(directory / "ledger.parquet").to_pylist()
    none = [
        row
        for row, paid in enumerate(payments)
        if paid["kind"] == "vehicle_discharging" and paid["energy_kwh"] == 0.0
    ]
    assert none
    edit(directory, "ledger", "energy_kwh", lambda row, value: value + 1e-6 * (row == none[0]))
    assert "money: paid for what was delivered" in audit_run(directory).failed


@pytest.mark.parametrize("table", FILLED)
def test_a_changed_file_fails_by_its_digest(tmp_path: Path, table: str) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    path = directory / f"{table}.parquet"
    # The same rows, written another way.
    pq.write_table(pq.read_table(path), path, compression="gzip")
    report = audit_run(directory)
    assert report.failed == (FILES,)
    assert path.name in "\n".join(report.lines())


@pytest.mark.parametrize(
    "keys",
    [
        ("three_level", "par"),
        ("three_level", "peak_kw"),
        ("two_level", "ev_bill"),
        ("typical", "utility_profit"),
        ("typical", "final_mean_soc"),
        ("two_level", "driven_km"),
        ("three_level", "counts", "vehicles_at_bound"),
        ("three_level", "counts", "fallbacks"),
        ("three_level", "messages", "EnergyBid", "sent"),
        ("three_level", "money_imbalance"),
    ],
    ids=".".join,
)
@pytest.mark.parametrize("mended", [True, False], ids=["digest mended", "digest left"])
def test_a_changed_figure_of_the_summary_fails(
    tmp_path: Path, keys: tuple[str, ...], mended: bool
) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    path = directory / "summary.json"
    summary = held = json.loads(path.read_text())
    for key in keys[:-1]:
        held = held[key]
    held[keys[-1]] = held[keys[-1]] * 1.001 + 1e-3
    path.write_text(json.dumps(summary))
    if mended:
        accept(directory, path.name)
    failed = audit_run(directory).failed
    assert failed == ("summary: as the tables have it",) if mended else FILES in failed


def test_a_figure_of_a_part_of_the_calendar_fails_too(tmp_path: Path) -> None:
    days = finished(*FEW, "hours=48")
    directory = shutil.copytree(days, tmp_path / "run")
    path = directory / "summary.json"
    summary = json.loads(path.read_text())
    summary["typical"]["by_weekday"]["tuesday"]["ev_bill"] += 1.0
    path.write_text(json.dumps(summary))
    accept(directory, path.name)
    check = audit_run(directory).checks[-1]
    assert check.passed is False
    assert check.where == "typical, by_weekday.tuesday.ev_bill"


def test_prices_changed_in_all_tables_are_no_equilibrium(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")

    def costlier(table: str, column: str, of_homes: Callable[[dict[str, Any]], bool]) -> None:
        rows = pq.read_table(directory / f"{table}.parquet").to_pylist()
        here = [values["strategy"] == "three_level" and of_homes(values) for values in rows]
        edit(directory, table, column, lambda row, value: value * 1.001 if here[row] else value)

    costlier("hours", "community_price", lambda values: values["community"] == "homes")
    costlier("vehicles", "price", lambda values: values["community"] == "homes")
    for column in ("price", "amount"):
        costlier(
            "ledger",
            column,
            lambda v: "homes" in v["payer"] + v["payee"] and v["payee"] != "utility",
        )
    report = audit_run(directory)
    checks = {check.name: check for check in report.checks}
    assert checks["money: paid at the prices of the step"].passed
    assert checks["money: paid is earned, step by step"].passed
    assert checks["vehicles: none does better by another exchange"].passed is False
    prices = checks["equilibrium: communities' prices (three_level)"]
    assert prices.passed is False
    assert prices.where.endswith("three_level, homes")


def test_damaged_and_missing_tables_are_reported(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    path = directory / "vehicles.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    report = audit_run(directory)
    assert report.failed == (FILES, "files: tables hold what they must")
    assert "vehicles.parquet: cannot be read" in report.checks[-1].note
    assert outcome(report)["lines: losses as rated"] is True
    (directory / "hours.parquet").unlink()
    assert "hours.parquet" in audit_run(directory).checks[-1].note
    for name in ("lines.parquet", "summary.json"):
        again = shutil.copytree(finished(*TAMPERED), tmp_path / name)
        (again / name).unlink()
        assert not audit_run(again).passed


@pytest.mark.parametrize("table", FILLED)
@pytest.mark.parametrize("kept", [slice(-1), [4, 4]], ids=["one too few", "one twice"])
def test_rows_too_many_or_too_few_are_reported(
    tmp_path: Path, table: str, kept: slice | list[int]
) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    path = directory / f"{table}.parquet"
    rows = pq.read_table(path)
    numbers = np.arange(rows.num_rows)
    chosen = numbers[kept] if isinstance(kept, slice) else np.insert(numbers, 4, 4)
    pq.write_table(rows.take(chosen), path)
    accept(directory, path.name)
    assert not audit_run(directory).passed


def test_statements_of_the_run_must_agree_with_its_scenario(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    path = directory / "run.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps(info | {"currency": "EUR"}))
    assert audit_run(directory).failed == ("files: run.json agrees with its scenario",)
    info["scenario"]["seed"] = info["seed"] = 2
    path.write_text(json.dumps(info))
    assert "files: run.json agrees with its scenario" in audit_run(directory).failed
    info["scenario_sha256"] = scenario_hash(info["scenario"])
    path.write_text(json.dumps(info))
    failed = audit_run(directory).failed
    assert failed == ("fleet: vehicles as the scenario and its seed make them",)
