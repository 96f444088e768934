import csv
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hmesh.environment import InputError
from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.compared_runs import compare_runs, rows_of
from hmesh.runs.completion import complete_change, complete_run, complete_scenario

SMALL: dict[str, Any] = {
    "vehicles.count": 10,
    "hours": 3,
    "plots": False,
    "strategies": ["typical", "two_level"],
}


def made(directory: Path, **changes: Any) -> Path:
    given = SMALL | {key.replace("__", "."): value for key, value in changes.items()}
    start_run(load_scenario("three-communities", given), directory)
    return directory


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    made(folder / "few")
    made(folder / "many", vehicles__count=30, hours=4, strategies=["two_level", "three_level"])
    made(folder / "euros", currency="EUR", hours=1, strategies=["two_level"])
    return folder


def hmesh(*words: str) -> Result:
    return CliRunner().invoke(app, words, prog_name="hmesh", env={"COLUMNS": "120"})


def test_runs_stand_side_by_side_with_what_differs(folder: Path, tmp_path: Path) -> None:
    few, many = folder / "few", folder / "many"
    compared = compare_runs([few, many])
    assert compared.names == ("few", "many")
    assert compared.strategies == ("two_level",)
    assert compared.differences()["vehicles.count"] == ("10", "30")
    assert compared.differences()["hours"] == ("3", "4")
    assert not any(key.startswith("prices") for key in compared.differences())
    rows = {row["quantity"]: row for row in rows_of(compared)}
    for name, run in (("few", few), ("many", many)):
        totals = read_run(run).totals("two_level")
        assert rows["ev_bill"][name] == totals["ev_bill"]
        assert rows["messages.EnergyBid.sent"][name] == totals["messages"]["EnergyBid"]["sent"]
    result = hmesh("compare", str(few), str(many), "--out", str(tmp_path / "new"))
    assert result.exit_code == 0, result.output
    for words in (
        "What differs in the scenarios",
        "vehicles.count",
        "Two-level game",
        "the runs have different lengths (3 h, 4 h): sums do not compare",
        "not all runs have what few has under typical",
        "Under the two-level game",
    ):
        assert words in result.stdout
    with (tmp_path / "new" / "compared.csv").open() as file:
        assert {row["quantity"] for row in csv.DictReader(file)} == set(rows)
    assert (tmp_path / "new" / "compared.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_run_beside_its_copy_differs_in_nothing(folder: Path, tmp_path: Path) -> None:
    again = made(tmp_path / "few")
    compared = compare_runs([folder / "few", again])
    assert compared.differences() == {}
    # The folders are of one name, so that more of their paths is stated.
    assert all(name.endswith("/few") for name in compared.names)
    assert "differ in no figure" in compared.finding()
    assert "The scenarios are the same." in hmesh("compare", str(folder / "few"), str(again)).stdout


def test_what_cannot_be_compared_is_refused_all_at_once(folder: Path) -> None:
    few = folder / "few"
    with pytest.raises(InputError, match="nothing to be compared with"):
        compare_runs([few])
    with pytest.raises(InputError) as caught:
        compare_runs([few, folder / "fw", few])
    first, second = str(caught.value).splitlines()
    assert f"did you mean '{few}'" in first
    assert "is named twice" in second
    with pytest.raises(InputError, match="the runs are in JPY, EUR"):
        compare_runs([few, folder / "euros"])
    result = hmesh("compare", str(few), str(folder / "fw"))
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_shell_completes_names_folders_and_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert complete_run("f") == ["few"]
    assert complete_run(f"{folder.parent}/{folder.name}") == [f"{folder}/"]
    assert "three-communities" in complete_scenario("three")
    assert complete_change("vehicles.coun") == ["vehicles.count="]
    assert "prices." in complete_change("pri")
    assert "chance.demand_noise." in complete_change("chance.demand")
    assert complete_change("vehicles.count=") == complete_change("nothing.at.all") == []
    words = {"_HMESH_COMPLETE": "complete_bash", "COMP_CWORD": "2", "COMP_WORDS": "hmesh run sch"}
    offered = CliRunner().invoke(app, [], prog_name="hmesh", env=words)
    assert offered.stdout.split() == ["school-buses"]
