"""`hmesh init` writes a scenario that runs as it stands."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hmesh.environment import InputError
from hmesh.runs import audit_run, draw_plots, load_scenario, read_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.check import check_scenario
from hmesh.runs.scenarios.new_scenario import write_new_scenario
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings


def test_the_command_writes_two_files_and_says_what_to_do_next(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", "my village", "--in", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"my village.yaml", "my village-loads.csv"}
    (check,) = (line for line in result.output.splitlines() if line.startswith("  hmesh check"))
    assert check == f"  hmesh check '{tmp_path / 'my village.yaml'}'"


def test_what_it_writes_needs_no_change(tmp_path: Path) -> None:
    path, _ = write_new_scenario("village", tmp_path)
    assert scenario_warnings(check_scenario(str(path), (), None, ())) == []
    start_run(load_scenario(path, ["hours=24", "plots=false"]), tmp_path / "run")
    run = read_run(tmp_path / "run")
    assert audit_run(run.directory).passed
    peaks = [run.totals(name)["peak_kw"] for name in ("typical", "three_level")]
    assert peaks[1] < peaks[0]
    assert run.table("trips").num_rows > 20
    (plot,) = draw_plots(run.directory, only="whereabouts")
    assert re.fullmatch(r"Vehicles drive \d+ km, and no trip takes a whole step", plot.finding)


def test_its_loads_are_those_of_households(tmp_path: Path) -> None:
    _, path = write_new_scenario("village", tmp_path)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 7 * 24
    for member, annual_kwh in (("household-1", 2200), ("household-3", 5100)):
        week = np.array([float(row["load_kwh"]) for row in rows if row["member"] == member])
        # A winter week is above the mean of the year, by less than half.
        assert annual_kwh / 52 < week.sum() < 1.5 * annual_kwh / 52


def test_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a-loads.csv").write_text("mine")
    with pytest.raises(InputError, match=r"a-loads.csv: is there already"):
        write_new_scenario("a.yaml", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a-loads.csv"]
    assert (tmp_path / "a-loads.csv").read_text() == "mine"


@pytest.mark.parametrize("name", ["a/b", "../a", "", "x" * 200, "a\nb", ".hidden", "~", "{a}"])
def test_names_that_are_no_file_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not allowed"):
        write_new_scenario(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_as_name_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--in names the folder"):
        write_new_scenario("village/first", tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        write_new_scenario("village", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
