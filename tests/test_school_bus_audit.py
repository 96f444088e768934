import shutil
import tempfile
from functools import cache
from itertools import cycle
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hmesh.runs import TABLES, audit_run
from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario
from tests.audited_runs import FILES, outcome
from tests.test_audit_tampering import accept, edit, otherwise

SMALL = (
    "hours=33", "plots=false",
    "school_buses.groups=[{name: a, community: rochester, schools: 3, buses: 2}]",
    "strategies=[charge_after_use, centralised, optimal_energy_price]",
)  # fmt: skip
SAID = "messages: of schools, as they must be"


@cache
def finished(*changes: str) -> Path:
    """Return the folder of a small run with changes; the same one for the same ones."""
    folder = Path(_folders().name) / str(len(list(Path(_folders().name).iterdir())))
    start_run(load_scenario("school-buses", [*SMALL, *changes]), folder)
    return folder


@cache
def _folders() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="audited-schools-")


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("game.solver=exact", "school_buses.reserve=true", "school_buses.capacity_kwh=300"),
        ("game.solver=grid", "step_h=0.5", "school_buses.round_km=[30, 90]"),
        (
            "game.solver=closed_form", "school_buses.origin=empty", "school_buses.saturates=false",
            "school_buses.charge_efficiency=0.92", "school_buses.discharge_efficiency=0.95",
        ),
        ("messages.loss_rate=0.2", "messages.latency_h=0.001", "messages.deadline_h=0.3"),
        ("messages.keep=all", "school_buses.capped=false"),
        ("messages.keep=all", "messages.latency_h=0.001", "messages.latency=exponential"),
        (
            "messages.keep=leaders",
            "school_buses.groups=[{name: a, community: rochester, buses: 2}]",
        ),
        (
            "school_buses.critical={share_of_peak: 0.9}",
            "communities.rochester.feeder.loss_rate=0.04",
        ),
        (
            "chance.feeder_outages={mean_time_between_failures_h: 20, mean_time_to_repair_h: 4}",
            "messages.keep=all",
        ),
        ("hours=60", "school_buses.round_km=[1, 60]", "school_buses.origin=empty"),
        ("record.schools=1", "messages.keep=leaders"),
    ],
)  # fmt: skip
def test_good_runs_of_every_kind_pass(changes: tuple[str, ...]) -> None:
    report = audit_run(finished(*changes))
    assert report.passed, "\n".join(report.lines())
    held = outcome(report)
    if "record.schools=1" in changes:
        assert held["schools: no incentive price costs the utility less"] is None
    elif not any("loss_rate=0.2" in c or "outages" in c for c in changes):
        assert held["schools: no incentive price costs the utility less"] is True
        assert held["schools: no schedule of a night is flatter"] is True
    assert held["money: schemes pay what they should"] is True
    kept = any("messages.keep" in change for change in changes)
    whole = "record.schools=1" not in changes
    assert held[SAID] is (True if kept and whole else None)


def test_buses_and_vehicles_in_one_run_pass(tmp_path: Path) -> None:
    changes = [
        "vehicles.count=20", "messages.keep=all", "start=2023-01-23T01:00", "plots=false",
        "strategies=[optimal_energy_price, three_level]", "school_terms={built_in: michigan}",
        "school_buses={groups: [{name: a, community: malls, schools: 2, buses: 3}],"
        " critical: {share_of_peak: 0.9}, lam: 6, theta: 0.02, average_price_start: 8,"
        " incentive_price: [5, 60], reserve: false}",
    ]  # fmt: skip
    start_run(load_scenario("three-communities", changes), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    reported = pq.read_table(tmp_path / "run" / "ledger.parquet").to_pandas()
    assert {"incentive", "school_charging", "vehicle_charging"} <= set(reported["kind"])


KEPT = ("messages.keep=all", "hours=36")
SPOKEN = (
    "BusPlugIn", "ValleyAnnouncement", "EnergyRequest", "ScheduleProposal", "SupplyOffer",
    "ExchangeOrder",
)  # fmt: skip


@pytest.mark.quick_every(6)
@pytest.mark.parametrize("column", ["value", "count", "round", "sender", "receiver"])
@pytest.mark.parametrize("kind", SPOKEN)
def test_a_school_message_that_says_otherwise_fails(tmp_path: Path, kind: str, column: str) -> None:
    directory = shutil.copytree(finished(*KEPT), tmp_path / "run")
    rows = pq.read_table(directory / "messages.parquet").to_pylist()
    chosen = [row for row, said in enumerate(rows) if said["kind"] == kind][-1]
    wrong = otherwise(rows[chosen][column], [row[column] for row in rows])
    edit(directory, "messages", column, lambda row, value: wrong if row == chosen else value)
    assert SAID in audit_run(directory).failed


def test_a_price_asked_of_schools_beyond_the_bounds_fails(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*KEPT), tmp_path / "run")
    rows = pq.read_table(directory / "messages.parquet").to_pylist()
    chosen = next(row for row, said in enumerate(rows) if said["kind"] == "IncentiveOffer")
    edit(directory, "messages", "value", lambda row, value: 11.0 if row == chosen else value)
    assert SAID in audit_run(directory).failed


def test_a_school_message_left_out_fails(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*KEPT), tmp_path / "run")
    path = directory / "messages.parquet"
    rows = pq.read_table(path)
    kinds = rows.column("kind").to_pylist()
    gone = kinds.index("ExchangeOrder")
    pq.write_table(rows.take([row for row in range(rows.num_rows) if row != gone]), path)
    accept(directory, path.name)
    assert SAID in audit_run(directory).failed


STRATEGIES = ("charge_after_use", "centralised", "optimal_energy_price", "optimal_energy_price")
COLUMNS = [column.name for column in TABLES["schools"]]


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    ("column", "strategy"), list(zip(COLUMNS, cycle(STRATEGIES), strict=False))
)
def test_one_changed_value_fails_though_the_digest_was_mended(
    tmp_path: Path, column: str, strategy: str
) -> None:
    directory = shutil.copytree(finished(), tmp_path / "run")
    rows = pq.read_table(directory / "schools.parquet").to_pylist()
    values = [row[column] for row in rows]
    there = [
        row for row, value in enumerate(values)
        if value is not None and value == value and rows[row]["strategy"] == strategy
    ]  # fmt: skip
    moving = [row for row in there if values[row]] or there
    chosen = moving[len(moving) // 2]
    wrong = otherwise(values[chosen], values)
    edit(directory, "schools", column, lambda row, value: wrong if row == chosen else value)
    report = audit_run(directory)
    assert not report.passed
    assert outcome(report)[FILES] is True


CAUGHT = {
    "stored_kwh": "schools: stores change by exchange and driving",
    "max_kwh": "schools: bounds as rating, stores and rounds allow",
    "average_price": "schools: average price of what is stored",
    "lam": "schools: worth of energy never changes",
    "sold_kwh": "schools: none sells more than suits it",
    "least_soc": "schools: no battery below 0 or above 1",
    "replaced_kwh": "schools: what charging replaces",
}


@pytest.mark.parametrize(("column", "name"), CAUGHT.items())
def test_the_right_check_catches_it(tmp_path: Path, column: str, name: str) -> None:
    directory = shutil.copytree(finished(), tmp_path / "run")
    rows = pq.read_table(directory / "schools.parquet").to_pylist()
    there = [
        row for row, values in enumerate(rows)
        if values["strategy"] == "optimal_energy_price" and values[column]
    ]  # fmt: skip
    chosen = there[len(there) // 3]
    edit(directory, "schools", column, lambda row, value: 1.01 * value if row == chosen else value)
    assert name in audit_run(directory).failed


def test_a_price_that_costs_the_utility_more_is_found(tmp_path: Path) -> None:
    directory = shutil.copytree(finished("game.solver=exact"), tmp_path / "run")
    rows = pq.read_table(directory / "schools.parquet").to_pylist()
    selling = [
        row for row, values in enumerate(rows)
        if values["strategy"] == "optimal_energy_price" and values["sold_kwh"] > 0
    ]  # fmt: skip
    step = rows[selling[0]]["step"]
    costlier = {row for row in selling if rows[row]["step"] == step}
    costlier |= {
        row for row, values in enumerate(rows)
        if values["strategy"] == "optimal_energy_price" and values["step"] == step
    }  # fmt: skip
    edit(
        directory, "schools", "incentive_price",
        lambda row, value: value + 0.2 if row in costlier else value,
    )  # fmt: skip
    assert "schools: no incentive price costs the utility less" in audit_run(directory).failed


def test_a_run_with_rows_missing_is_reported_as_damaged(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(), tmp_path / "run")
    path = directory / "schools.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, rows.num_rows - 1), path)
    report = audit_run(directory)
    assert not report.passed
    assert "rows are missing" in "\n".join(report.lines())
