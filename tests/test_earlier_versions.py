"""Runs of each release are read, audited and reported by later versions."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from benchmarks.small_runs import SMALL_RUNS, small_run
from hmesh.environment import InputError
from hmesh.runs import TABLES, audit_run, read_run, resume_run, write_report
from hmesh.runs.command_line import app
from hmesh.runs.results import contract, result_tables
from hmesh.runs.results.contract import CHECKPOINT_FORMATS, SCHEMA, SCHEMAS
from hmesh.runs.results.result_tables import tables_of
from hmesh.runs.results.versions import versions_now
from tests.interrupted_runs import interrupted
from tests.test_damaged_runs import sealed

RELEASED = Path(__file__).parent / "fixtures" / "runs"
WRITTEN = sorted(path.parent for path in RELEASED.glob("*/*/run.json"))
SMALL = ("vehicles.count=3", "hours=4", "game.solver=exact", "plots=false")


def test_each_release_left_a_run_of_every_kind(tmp_path: Path) -> None:
    names_files = {name for name in SMALL_RUNS if small_run(name, tmp_path).files()}
    assert {path.name for path in WRITTEN} == set(SMALL_RUNS) - names_files


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_run_of_a_release_is_read_audited_and_reported(path: Path, tmp_path: Path) -> None:
    run = read_run(path)
    run.check_files()
    for table in tables_of(run.scenario):
        assert run.table(table).num_rows == pq.read_metadata(path / f"{table}.parquet").num_rows
    report = audit_run(path)
    assert report.passed, "\n".join(report.lines())
    made = [check for check in report.checks if check.passed]
    assert len(made) > 12
    (line,) = write_report(path, tmp_path / "page.html")
    assert f"{len(made)} of {len(made)} checks hold" in line


def stated(directory: Path, **changes: Any) -> None:
    path = directory / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def copied(path: Path, to: Path) -> Path:
    to.mkdir()
    for file in path.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_results_of_a_schema_that_is_not_read_name_the_version_that_reads_them(
    tmp_path: Path,
) -> None:
    run = copied(WRITTEN[0], tmp_path / "run")
    stated(run, schema=SCHEMA + 1, versions=versions_now() | {"hmesh": "9.8.7"})
    answer = CliRunner().invoke(app, ["audit", str(run)])
    assert answer.exit_code == 2
    assert f"the results have schema {SCHEMA + 1}; hMESH 9.8.7 wrote them" in answer.stderr


def test_a_checkpoint_of_another_format_names_the_version_that_goes_on_with_it(
    tmp_path: Path,
) -> None:
    run = interrupted(tmp_path / "run", 2, *SMALL)
    (place,) = (run / "checkpoint").glob("0*")
    state = json.loads((place / "state.json").read_text())
    (place / "state.json").write_text(json.dumps(state | {"format": 9}))
    sealed(run)
    with pytest.raises(InputError, match=r"has format 9 instead of 1; .* again in a new folder"):
        resume_run(run)
    stated(run, versions=versions_now() | {"hmesh": "9.8.7"})
    now = versions_now()["hmesh"]
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    way = rf"or resume it with hMESH 9\.8\.7, which left it \(this is {now}\)"
    with pytest.raises(InputError, match=way):
        resume_run(run)
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=way):
        read_run(run).check_files()


def test_a_column_that_a_later_schema_adds_is_no_fault_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(path for path in WRITTEN if path.name == "battery-sharing")
    added = replace(TABLES["hours"][-1], name="added_kwh", since=SCHEMA + 1)

    class Later(dict[str, Any]):
        def __getitem__(self, table: str) -> Any:
            return (*TABLES[table], added) if table == "hours" else TABLES[table]

    later: Mapping[str, Any] = Later(TABLES)
    for module in (result_tables, contract):
        monkeypatch.setattr(module, "SCHEMA", SCHEMA + 1)
    monkeypatch.setattr(result_tables, "TABLES", later)
    monkeypatch.setattr("hmesh.runs.results.run_reader.TABLES", later)
    monkeypatch.setattr(result_tables.arrow_schema, "__defaults__", (SCHEMA + 1,))
    run = read_run(path)
    assert "added_kwh" not in run.table("hours").column_names
    report = audit_run(path)
    assert report.passed
    assert "column added_kwh was not written yet by schema 1" in report.checks[-1].note
    newer = copied(path, tmp_path / "run")
    stated(newer, schema=SCHEMA + 1)
    with pytest.raises(InputError, match="column added_kwh: is missing"):
        read_run(newer).table("hours")


def test_what_changed_with_each_schema_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "results.md").read_text()
    for number, change in (*SCHEMAS.items(), *CHECKPOINT_FORMATS.items()):
        assert f"| {number} | {change} |" in page
