"""However a run is interrupted, it can be continued, and ends as an uninterrupted one."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hmesh.environment import InputError
from hmesh.environment.safe_files import sha256, write_json
from hmesh.runs import interruptions, load_scenario, read_run, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.results.folder_lock import LOCK
from hmesh.runs.results.recorder import Recorder
from hmesh.runs.studies.study_parts import Study, StudyPart, run_study
from hmesh.runs.studies.study_report import ReportSection
from hmesh.runs.world.simulation import Simulation

ROOT = Path(__file__).parents[1]
NAME = "three-communities"
TINY = {
    "vehicles.count": 4,
    "hours": 4,
    "checkpoint_every_h": 2,
    "strategies": ["typical"],
    "plots": False,
}
SET = [word for key, value in TINY.items() for word in ("--set", f"{key}={json.dumps(value)}")]


class Killed(BaseException):
    """Ends a run at once, as far as that can be done within a process."""


def digests(directory: Path) -> dict[str, str]:
    """Return what every file of a run holds, but run.json, which says how long it took."""
    return {
        path.relative_to(directory).as_posix(): sha256(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


def hmesh(*words: str) -> Result:
    result = CliRunner().invoke(app, words, prog_name="hmesh", env={"COLUMNS": "120"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def tiny(directory: Path, **more: Any) -> Path:
    start_run(load_scenario(NAME, TINY | more), directory)
    return directory


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return digests(tiny(tmp_path_factory.mktemp("whole") / "run"))


@pytest.fixture
def program() -> Iterator[None]:
    """The handlers of the program hmesh, as long as a test lasts."""
    before = {number: signal.getsignal(number) for number in interruptions.SIGNALS}
    hook = sys.unraisablehook
    interruptions.answer_at_once()
    interruptions.raise_from_now_on()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
        interruptions._heard.clear()


def at_call(number: int, act: Callable[[], None], call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that acts before one of its calls."""
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            act()
        return call(*args, **kwargs)

    return counted


def end_by(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def test_a_file_is_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, int, int]] = []
    replace, fsync = os.replace, os.fsync

    def waited(handle: int) -> None:
        state = os.fstat(handle)
        done.append(("waited for", state.st_ino, 0 if os.path.isdir(handle) else state.st_size))
        fsync(handle)

    def renamed(old: Path, new: Path) -> None:
        done.append(("renamed", old.stat().st_ino, old.stat().st_size))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", waited)
    monkeypatch.setattr(os, "replace", renamed)
    write_json(tmp_path / "state.json", {"steps": 3})
    file = (tmp_path / "state.json").stat()
    assert done == [
        ("waited for", file.st_ino, file.st_size),
        ("renamed", file.st_ino, file.st_size),
        ("waited for", tmp_path.stat().st_ino, 0),
    ]


# Every file that is written is waited for by fsync: the first two are run.json and its folder.
@pytest.mark.quick_every(3)
@pytest.mark.parametrize("write", range(1, 25, 2))
@pytest.mark.parametrize("full", [True, False], ids=["full disk", "killed"])
def test_a_run_that_ends_at_any_write_can_be_continued(
    whole: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int, full: bool
) -> None:
    directory = tmp_path / "run"
    error = OSError(28, "No space left on device") if full else Killed()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", at_call(write, end_by(error), os.fsync))
        with pytest.raises(InputError if full else Killed):
            tiny(directory)
    if (directory / "run.json").exists():
        resume_run(directory)
    else:
        assert not directory.exists()
        tiny(directory)
    assert digests(directory) == whole


def test_a_run_without_a_checkpoint_starts_from_its_scenario(
    whole: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "start", lambda *_: end_by(KeyboardInterrupt())())
        with pytest.raises(KeyboardInterrupt):
            tiny(directory)
    assert [path.name for path in directory.rglob("*") if path.is_file()] == ["run.json"]
    assert resume_run(str(directory)) == read_run(directory).summary
    assert digests(directory) == whole


def test_a_full_disk_before_the_first_checkpoint_says_how_to_continue(
    whole: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        full = end_by(OSError(28, "No space left on device"))
        patch.setattr("hmesh.runs.results.checkpoint.np.savez", lambda *_, **__: full())
        result = hmesh("run", NAME, *SET, "--out", "my run")
    assert result.exit_code == 2
    assert result.stderr == (
        "my run/checkpoint: cannot be written: No space left on device\n"
        "what was done is kept; continue with: hmesh resume 'my run'\n"
    )
    assert hmesh("resume", "my run").exit_code == 0
    assert digests(Path("my run")) == whole


def test_a_file_that_changed_since_the_run_began_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = tmp_path / "values.csv"
    values.write_text("lam\n" + "60\n" * 4)
    scenario = tmp_path / "scenario.yaml"
    built_in = ROOT / f"hmesh/runs/scenarios/built_in/{NAME}.yaml"
    scenario.write_text(built_in.read_text())
    lam = {"distribution": "file", "file": "values.csv", "column": "lam"}
    loaded = load_scenario(scenario, {**TINY, "vehicles.lam": lam})
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "start", lambda *_: end_by(KeyboardInterrupt())())
        with pytest.raises(KeyboardInterrupt):
            start_run(loaded, tmp_path / "run")
    values.write_text("lam\n" + "61\n" * 4)
    with pytest.raises(InputError, match="a file that the scenario names has changed"):
        resume_run(tmp_path / "run")
    values.write_text("lam\n" + "60\n" * 4)
    resume_run(tmp_path / "run")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_a_run_saves_its_state_and_says_how_to_continue(
    whole: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: None,
    number: signal.Signals,
    status: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        send = at_call(3, lambda: signal.raise_signal(number), Simulation.step)
        patch.setattr(Simulation, "step", send)
        result = hmesh("run", NAME, *SET, "--out", "mine")
    assert result.exit_code == status
    assert result.stderr == "interrupted; continue with: hmesh resume mine\n"
    # Two steps are done, and the third, in which the signal came, was finished.
    assert read_run("mine").info["steps_done"] == 3
    resume_run("mine")
    assert digests(Path("mine")) == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_results_are_written_loses_no_step(
    whole: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: None,
    number: signal.Signals,
) -> None:
    directory = tmp_path / "run"
    with monkeypatch.context() as patch:
        send = at_call(2, lambda: signal.raise_signal(number), sha256)
        patch.setattr("hmesh.runs.results.writer.sha256", send)
        with pytest.raises(KeyboardInterrupt):
            tiny(directory)
    assert read_run(directory).info["steps_done"] == 4
    assert not read_run(directory).complete
    resume_run(directory)
    assert digests(directory) == whole


def test_sigterm_ends_a_script_that_has_no_handler_of_its_own(
    whole: dict[str, str], tmp_path: Path
) -> None:
    code = f"""
import os, signal
from hmesh.runs import load_scenario, start_run

def end(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGTERM)

start_run(load_scenario({NAME!r}, {TINY!r}), "run", end)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=tmp_path, env=environment(), timeout=300,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, "")
    assert read_run(tmp_path / "run").info["steps_done"] == 3
    resume_run(tmp_path / "run")
    assert digests(tmp_path / "run") == whole


def test_what_a_progress_callback_raises_ends_a_run_that_can_be_continued(
    whole: dict[str, str], tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        start_run(load_scenario(NAME, TINY), tmp_path / "run", stop)
    assert read_run(tmp_path / "run").info["steps_done"] == 3
    resume_run(tmp_path / "run")
    assert digests(tmp_path / "run") == whole


def test_a_failing_set_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmesh.runs.run.make_setting", end_by(KeyboardInterrupt()))
    monkeypatch.setattr("hmesh.runs.run.make_setting", lambda _: end_by(KeyboardInterrupt())())
    (tmp_path / "there").mkdir()
    for directory in (tmp_path / "new" / "run", tmp_path / "there"):
        with pytest.raises(KeyboardInterrupt):
            tiny(directory)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


# Sends the signal at the moment at which a module is about to be imported.
AT_IMPORT = """
import os, signal, sys

class Send:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Send())
sys.argv = ["hmesh", *{words!r}]
from hmesh.runs.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "number", "words"),
    [
        ("typer", signal.SIGINT, ["--help"]),
        ("pydantic", signal.SIGTERM, ["run", NAME, *SET, "--out", "mine"]),
        ("numpy", signal.SIGINT, ["run", NAME, *SET, "--out", "mine"]),
        ("hmesh.runs.audits.run_audit", signal.SIGTERM, ["audit", "mine"]),
    ],
)
def test_a_signal_while_the_program_starts_is_one_line(
    tmp_path: Path, module: str, number: signal.Signals, words: list[str]
) -> None:
    code = AT_IMPORT.format(module=module, number=int(number), words=words)
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=tmp_path, env=environment(), timeout=300,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.stdout, ended.stderr) == ("", "interrupted\n")
    assert ended.returncode == 128 + number
    assert not list(tmp_path.iterdir())


def test_a_signal_that_python_drops_is_sent_once_more(program: None) -> None:
    class Sends:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def destroy() -> None:
        Sends()
        signal.sigtimedwait([], 60)

    with pytest.raises(KeyboardInterrupt):
        destroy()
    assert interruptions.exit_status() == 143


def test_an_error_made_of_an_interruption_is_no_traceback(
    program: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("numpy failed to import") from None

    monkeypatch.setattr("hmesh.runs.start_run", fail, raising=False)
    result = hmesh("run", NAME)
    assert (result.exit_code, result.stderr) == (143, "interrupted\n")


def test_a_sweep_ends_with_one_line_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: None
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ("sweep", NAME, *SET[:-2], "--seeds", "2", "--workers", "1", "--out", "sweep")
    with monkeypatch.context() as patch:
        send = at_call(6, lambda: signal.raise_signal(signal.SIGTERM), Simulation.step)
        patch.setattr(Simulation, "step", send)
        result = hmesh(*command)
    assert result.exit_code == 143
    assert result.stderr == "interrupted; the same command continues the sweep\n"
    assert not Path("sweep/runs.csv").exists()
    assert hmesh(*command).exit_code == 0


def test_a_report_that_is_interrupted_leaves_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: None
) -> None:
    tiny(tmp_path / "run")
    before = digests(tmp_path / "run")
    terminate = at_call(1, lambda: signal.raise_signal(signal.SIGTERM), json.dumps)
    monkeypatch.setattr("hmesh.runs.report.write.json.dumps", terminate)
    result = hmesh("report", str(tmp_path / "run"), "--no-audit")
    assert (result.exit_code, result.stderr) == (143, "interrupted\n")
    assert digests(tmp_path / "run") == before


def test_a_replication_that_is_interrupted_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: None
) -> None:
    made: list[str] = []

    def part(name: str) -> StudyPart:
        def make(shared: object, tick: object) -> ReportSection:
            if name == "second" and not made.count("second"):
                made.append("second")
                signal.raise_signal(signal.SIGTERM)
            made.append(name)
            return ReportSection(name, name.title(), text=(name,))

        return StudyPart(name, make)

    study = Study("vehicles", "A study", lambda data: None, (part("first"), part("second")))
    monkeypatch.setattr("hmesh.runs.studies.vehicles.study.STUDY", study)
    order = ("replicate", "vehicles", "--out", str(tmp_path / "out"))
    result = hmesh(*order)
    assert (result.exit_code, result.stderr) == (143, "interrupted\n")
    kept = tmp_path / "out" / "vehicles" / "parts"
    assert sorted(path.name for path in kept.iterdir()) == ["first.json", "study.json"]
    assert [section.name for section in run_study(study, folder=kept.parent).sections] == [
        "first", "second",
    ]  # fmt: skip
    assert made == ["first", "second", "second"]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder in every state that a run can leave it in."""
    parent = tmp_path_factory.mktemp("states")
    complete = tiny(parent / "complete", plots=True)
    assert hmesh("plot", str(complete)).exit_code == 0
    found = {"absent": parent / "absent", "complete": complete}
    for state in ("empty", "begun"):
        found[state] = parent / state
        found[state].mkdir()
    for left in (LOCK, ".run.json.new"):
        (found["begun"] / left).write_text("")
    for state, kept in (("run.json only", 0), ("interrupted", 1)):
        found[state] = parent / state
        with pytest.raises(ZeroDivisionError):
            start_run(
                load_scenario(NAME, TINY | {"plots": True}),
                found[state],
                lambda *_: end_by(ZeroDivisionError())(),
            )
        if not kept:
            shutil.rmtree(found[state] / "checkpoint")
    for state in ("without pictures", "with one picture"):
        found[state] = shutil.copytree(complete, parent / state)
    shutil.rmtree(found["without pictures"] / "plots")
    (found["with one picture"] / "plots" / "load.png").unlink()
    return found


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    "state",
    [
        "absent", "empty", "begun", "run.json only", "interrupted", "without pictures",
        "with one picture", "complete",
    ],
)  # fmt: skip
def test_every_command_that_a_message_recommends_works(
    states: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    def again() -> None:
        shutil.rmtree("mine", ignore_errors=True)
        if states[state].exists():
            shutil.copytree(states[state], "mine")

    monkeypatch.chdir(tmp_path)
    recommended: set[str] = set()
    ends = []
    run = ["run", NAME, *SET, "--out"]
    for words in (run, ["resume"], ["plot", "--only", "load"], ["audit"], ["report", "--no-audit"]):
        again()
        result = hmesh(*words, "mine")
        ends.append(result.exit_code)
        commands = re.findall(r"hmesh ((?:resume|plot) (?:'[^']*'|[^\s;)]+))", result.stderr)
        recommended |= set(commands)
    for command in recommended:
        again()
        assert hmesh(*shlex.split(command)).exit_code == 0, command
        assert read_run("mine").complete
        assert (Path("mine") / "plots" / "load.png").is_file()
    # Each command is done, or refuses and says what to do where there is a run.
    new = state in ("absent", "empty", "begun")
    assert ends[:2] == ([0, 2] if new else [2, 0])
    assert recommended == (set() if new else {"resume mine"})


def test_a_complete_run_needs_nothing_and_says_so(states: dict[str, Path]) -> None:
    before = digests(states["complete"])
    result = hmesh("resume", str(states["complete"]))
    assert result.exit_code == 0
    assert result.stdout.endswith(": this run is complete; nothing is left to do\n")
    assert digests(states["complete"]) == before


def test_the_remains_of_a_run_that_was_killed_at_its_very_end_are_removed(
    states: dict[str, Path], tmp_path: Path
) -> None:
    directory = shutil.copytree(states["complete"], tmp_path / "run")
    (directory / "checkpoint" / "parts").mkdir(parents=True)
    (directory / LOCK).write_text("")
    assert hmesh("resume", str(directory)).exit_code == 0
    assert digests(directory) == digests(states["complete"])
    assert not (directory / "checkpoint").exists()


def test_checkpoints_are_saved_by_the_clock_too(tmp_path: Path) -> None:
    directory, kept = tmp_path / "run", []
    now_s = 0.0

    def clock() -> float:
        return now_s

    def progress(done: int, total: int) -> None:
        nonlocal now_s
        kept.append(read_run(directory).info["steps_done"])
        now_s += 120.0

    changes = TINY | {"hours": 10, "checkpoint_every_h": None}
    start_run(load_scenario(NAME, changes), directory, progress, clock=clock)
    # A step takes two minutes, so that five have passed after every third step.
    assert kept == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9]
    assert read_run(directory).info["wall_seconds"] == 1200.0
    never = load_scenario(NAME, changes | {"checkpoint_every_minutes": None})
    kept.clear()
    directory = tmp_path / "never"
    start_run(never, directory, progress, clock=clock)
    assert kept == [0] * 10
    assert digests(directory) == digests(tmp_path / "run")


@pytest.mark.parametrize("value", [0, -1, "soon"])
def test_the_time_between_checkpoints_is_checked(value: object) -> None:
    with pytest.raises(InputError, match="checkpoint_every_minutes"):
        load_scenario(NAME, {"checkpoint_every_minutes": value})


@pytest.mark.parametrize("module", ["runs", "hmesh.runs.command_line"])
def test_the_program_can_be_called_by_its_module(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300
    ).stdout
    assert printed.startswith("hmesh ")
