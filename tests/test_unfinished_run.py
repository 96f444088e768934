import shutil
from pathlib import Path

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.environment.safe_files import sha256
from hmesh.runs import TABLES, load_scenario, read_run, resume_run, start_run
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.results import writer as results
from hmesh.runs.results.result_tables import tables_with
from hmesh.runs.results.unfinished_run import read_any_run
from tests.audited_runs import FEW
from tests.interrupted_runs import interrupted

CHANGES = [*FEW, "game.solver=exact", "plots=false", "messages.keep=leaders"]
STEPS = 9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    start_run(load_scenario("three-communities", CHANGES), folder)
    return folder


@pytest.fixture(scope="module", params=[2**15, 50], ids=["in one piece", "in many parts"])
def part(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "ROWS_PER_PART", request.param)
        return interrupted(tmp_path_factory.mktemp("part") / "run", STEPS, *CHANGES)


def test_every_table_is_the_beginning_of_that_of_the_whole_run(whole: Path, part: Path) -> None:
    run, all_of_it = read_any_run(part), read_run(whole)
    assert run.info["steps_total"] == STEPS
    assert run.info["steps_planned"] == 24
    for name in tables_with(["vehicles"]):
        rows, expected = run.table(name), all_of_it.table(name)
        assert rows.column_names == [column.name for column in TABLES[name]]
        assert rows.num_rows > 0
        assert rows.to_pylist() == expected.slice(0, rows.num_rows).to_pylist(), name
    assert run.table("hours").num_rows == STEPS * 3 * 3


def test_columns_and_rows_can_be_chosen(part: Path) -> None:
    rows = read_any_run(part).table(
        "vehicles", ["soc"], [("vehicle", "in", [3, 5]), ("strategy", "=", "typical")]
    )
    assert rows.column_names == ["soc"]
    assert rows.num_rows == 2 * STEPS


def test_the_summary_is_that_of_a_run_of_so_many_steps(part: Path, tmp_path: Path) -> None:
    start_run(load_scenario("three-communities", [*CHANGES, f"hours={STEPS}"]), tmp_path / "run")
    assert read_any_run(part).summary == read_run(tmp_path / "run").summary


def test_pictures_can_be_made_of_it(part: Path, whole: Path) -> None:
    data, expected = RunData(read_any_run(part)), RunData(read_run(whole))
    net = data.hours("net_kwh")
    np.testing.assert_array_equal(net, expected.hours("net_kwh")[:, :, :STEPS])
    assert data.soc_quantiles((0.5,)).shape == (3, 1, STEPS)


def test_reading_changes_nothing_and_the_run_goes_on(
    part: Path, whole: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(part, tmp_path / "run")

    def digests() -> dict[Path, str]:
        return {path: sha256(path) for path in sorted(copy.rglob("*")) if path.is_file()}

    before = digests()
    run = read_any_run(copy)
    run.table("hours")
    assert run.summary
    assert digests() == before
    resume_run(copy)
    assert read_run(copy).summary == read_run(whole).summary
    for name in tables_with(["vehicles"]):
        assert read_run(copy).table(name).to_pylist() == read_run(whole).table(name).to_pylist()


def test_a_finished_run_is_read_as_ever(whole: Path) -> None:
    assert read_any_run(whole).info == read_run(whole).info


def test_a_run_without_a_step_is_refused(tmp_path: Path) -> None:
    from hmesh.runs import ResultsWriter
    from hmesh.runs.run import _Run

    scenario = load_scenario("three-communities", CHANGES)
    run = _Run(scenario, lambda: ResultsWriter.create(tmp_path / "run", scenario))
    run.save()
    with pytest.raises(InputError, match=r"no step of the run is done yet; hmesh resume"):
        read_any_run(tmp_path / "run")
