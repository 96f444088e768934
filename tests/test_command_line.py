import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hmesh import runs
from hmesh.environment import InputError, Problem
from hmesh.runs import ResultsWriter
from hmesh.runs.command_line import app
from hmesh.runs.terminal import progress_bar
from tests.interrupted_runs import interrupted_run

NAME = "three-communities"


def hmesh(*words: str) -> Result:
    result = CliRunner().invoke(app, words, prog_name="hmesh", env={"COLUMNS": "120"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


SMALL = ("--set", "vehicles.count=20", "--set", "hours=3", "--set", "plots=false")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of the test's own, to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_is_quick_and_names_every_command() -> None:
    command = [sys.executable, "-c", "from hmesh.runs.command_line import main; main()", "--help"]
    seconds = []
    for _ in range(3):
        before = os.times()
        output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        after = os.times()
        # Time of the processor, since a busy machine lets everybody wait.
        used = after.children_user + after.children_system
        seconds.append(used - before.children_user - before.children_system)
    for name in ("scenarios", "check", "run", "resume", "audit", "replicate"):
        assert f" {name} " in output
    assert min(seconds) < 0.6


def test_the_module_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'pyarrow', 'pydantic', 'mesa', 'networkx', 'holidays', 'scipy'}"
    code = f"import hmesh.runs.command_line, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_built_in_scenarios_are_listed_a_line_each() -> None:
    result = hmesh("scenarios")
    assert result.exit_code == 0
    assert any(line.split()[:2] == [NAME, "2,000"] for line in result.stdout.splitlines())


def test_a_good_scenario_is_said_to_be_fine() -> None:
    result = hmesh("check", NAME, "--set", "hours=48", "--seed", "3")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{NAME} is fine: 48 steps of 1 h, communities homes, malls")


def test_a_long_run_shows_how_much_it_will_write_before_it_starts(elsewhere: Path) -> None:
    result = hmesh("check", NAME, "--set", "years=5")
    assert result.exit_code == 0
    rows = 5 * 365 * 24 + 24  # 2024 is between
    reported = f"vehicles.parquet will hold {rows * 3 * 2000:,} rows, about 3.4 GB"
    assert reported in result.stdout
    assert "--set record.vehicles=100" in result.stdout
    few = hmesh("check", NAME, "--set", "years=5", "--set", "record.vehicles=100")
    assert "rows" not in few.stdout
    # A run says it before it writes anything.
    (elsewhere / "taken").write_text("")
    many = ("--set", "hours=200", "--set", "vehicles.count=40000", "--out", "taken")
    refused = hmesh("run", NAME, *many)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("vehicles.parquet will hold 24,000,000 rows, about 0.3 GB")


def test_every_mistake_is_one_line_on_the_error_output() -> None:
    result = hmesh("check", NAME, "--set", "vehicles.cont=3", "--set", "hours=1.5")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "--set: hours: 1.5 h is no whole number of steps of 1 h "
        "(allowed: a multiple of 1, such as 1 or 2)",
        "--set: vehicles.cont: there is no key 'cont' (did you mean 'count'?)",
    ]


def test_mistakes_in_every_file_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(
        "plan,departs_h,km,origin,destination\na,8,x,homes,malls\na,18,5,malls,home\n"
    )
    start = runs.load_scenario(NAME).start
    (tmp_path / "loads.csv").write_text(f"time,member,load_kwh\n{start},m,many\n")
    scenario = tmp_path / "scenario.yaml"
    text = Path(f"hmesh/runs/scenarios/built_in/{NAME}.yaml").read_text()
    text = text.replace("day_plans: null", "day_plans: plans.csv")
    members = "{kind: household, name: households, count: 1000, annual_kwh: 4800, profile: h0}"
    assert members in text
    text = text.replace(members, "{kind: household, name: h, file: loads.csv}")
    scenario.write_text(text)
    result = hmesh("check", str(scenario))
    assert result.exit_code == 2
    reported = result.stderr.splitlines()
    assert any("plans.csv" in line and "'x'" in line for line in reported), reported
    assert any("plans.csv" in line and "'homes'" in line for line in reported), reported
    assert any("loads.csv" in line and "many" in line for line in reported), reported
    assert len(reported) == len(set(reported))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek", NAME], "Did you mean 'check'"),
        (["check", "three-comunities"], "did you mean 'three-communities'?"),
        (["run", "nowhere.yaml"], "there is no such scenario or file"),
        (["run", NAME, "--seed", "x"], "Invalid value for '--seed'"),
        (["run", NAME, "--st", "hours=3"], "No such option: --st"),
        (["check"], "Missing argument 'SCENARIO'"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(words: list[str], message: str) -> None:
    result = hmesh(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_run_writes_where_it_is_reported_and_shows_its_results(elsewhere: Path) -> None:
    result = hmesh("run", NAME, *SMALL, "--seed", "7", "--out", "mine")
    assert result.exit_code == 0, result.output
    run = runs.read_run(elsewhere / "mine")
    assert (run.info["scenario"]["vehicles"]["count"], run.info["seed"]) == (20, 7)
    for strategy in run.info["scenario"]["strategies"]:
        assert f"{run.summary[strategy]['peak_kw']:,.0f}" in result.stdout
    assert result.stdout.endswith("results: mine\n")
    assert not (elsewhere / "mine" / "plots").exists()


def test_a_run_draws_its_pictures_and_shows_what_they_show(elsewhere: Path) -> None:
    result = hmesh("run", NAME, *SMALL[:4], "--out", "mine")
    assert result.exit_code == 0, result.output
    pictures = {path.stem for path in (elsewhere / "mine" / "plots").glob("*.png")}
    assert {"load", "prices", "charging", "peak_to_average"} <= pictures
    for name in pictures:
        assert f"\n{name}: " in result.stdout


def test_runs_are_numbered_where_nothing_is_reported(elsewhere: Path) -> None:
    for number in (1, 2):
        result = hmesh("run", NAME, *SMALL, "--no-progress")
        assert result.stdout.endswith(f"results: results/{NAME}-{number}\n")


def test_a_used_folder_is_refused(elsewhere: Path) -> None:
    assert hmesh("run", NAME, *SMALL, "--out", "mine").exit_code == 0
    result = hmesh("run", NAME, *SMALL, "--out", "mine")
    assert result.exit_code == 2
    assert result.stderr == (
        "mine: holds a run already; hmesh resume mine continues or completes it "
        "(allowed: a new or empty folder)\n"
    )


@pytest.mark.parametrize("command", ["run", "resume"])
def test_an_interrupted_run_says_how_to_go_on(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupted(*words: Any, **options: Any) -> None:
        if command == "run":
            ResultsWriter.create(words[1], words[0])
        raise KeyboardInterrupt

    if command == "resume":
        ResultsWriter.create(Path("mine"), runs.load_scenario(NAME))
    monkeypatch.setattr(runs, "start_run", interrupted, raising=False)
    monkeypatch.setattr(runs, "resume_run", interrupted, raising=False)
    words = ["run", NAME, "--out", "mine"] if command == "run" else ["resume", "mine"]
    result = hmesh(*words, "--no-progress")
    assert result.exit_code == 130
    assert result.stderr == "interrupted; continue with: hmesh resume mine\n"


def test_an_interruption_before_anything_is_written_says_so(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "start_run", interrupted, raising=False)
    result = hmesh("run", NAME)
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"


def test_an_unexpected_error_keeps_its_traceback(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(runs, "start_run", fail, raising=False)
    with pytest.raises(ZeroDivisionError):
        hmesh("run", NAME)


def test_a_resumed_run_shows_its_results(elsewhere: Path) -> None:
    scenario = runs.load_scenario(NAME, [SMALL[1], SMALL[3], SMALL[5]])
    interrupted_run(elsewhere / "mine", 2, scenario)
    assert runs.read_run(elsewhere / "mine").info["steps_done"] == 2
    result = hmesh("resume", "mine")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("results: mine\n")
    result = hmesh("resume", "mine")
    assert result.exit_code == 0
    assert result.stdout == "mine: this run is complete; nothing is left to do\n"


@dataclass
class Report:
    passed: bool

    def __rich__(self) -> str:
        return "all is well" if self.passed else "something is wrong"


@pytest.mark.parametrize(("passed", "status"), [(True, 0), (False, 1)])
def test_an_audit_shows_whether_it_passed(
    monkeypatch: pytest.MonkeyPatch, passed: bool, status: int
) -> None:
    monkeypatch.setattr(runs, "audit_run", lambda directory: Report(passed), raising=False)
    result = hmesh("audit", "mine")
    assert result.exit_code == status
    assert ("all is well" in result.stdout) is passed


def test_an_audit_of_nothing_is_wrong_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(directory: Path) -> None:
        raise InputError([Problem(str(directory), "holds no run")])

    monkeypatch.setattr(runs, "audit_run", refuse, raising=False)
    result = hmesh("audit", "mine")
    assert (result.exit_code, result.stderr) == (2, "mine: holds no run\n")


def test_progress_is_shown_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar(shown=True) as progress:
        progress(7, 24)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "7/24" in captured.err


def test_the_version_is_reported() -> None:
    result = hmesh("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("hmesh ")
