"""Kill runs at random moments, and see whether what resuming makes of them is an uninterrupted run.

Every built-in scenario, made small, is run by the program itself and ended by SIGKILL, SIGTERM or
SIGINT: after a random time, or at a random one of the moments at which it touches a file of its
folder, so that the short moments in which checkpoints, results and pictures are written have their
share. What the program then recommends is done, and may be killed again. In the end the run must be
complete, with the same bytes in every file as an uninterrupted run and with no other file beside
them; no message may recommend a command that refuses, and no traceback may be printed.

Of eight runs one meets a disk that is full from a random moment on, in place of a signal. Of fifty
one is a sweep on two processors, of which a worker or the program itself is killed: in the end its
folder must be that of an uninterrupted sweep. Each run is the work of its seed and number alone;
``--only NUMBER`` repeats one. Moments that are times are shares of the time that the run takes.

The process has everything imported and forks for every command, which saves the seconds that
imports take. ``--cold N`` also kills N programs that start from nothing, while they import. With
``--json FILE`` it writes the figures. The exit status is 1 where a run failed.
"""

import argparse
import errno
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

SMALL: dict[str, tuple[str, ...]] = {
    "three-communities": (
        "vehicles.count=20", "game.solver=exact", "hours=12", "messages.keep=all",
        "checkpoint_every_h=3",
    ),
    "school-buses": ("hours=24", "school_buses.groups.0.schools=4", "checkpoint_every_h=6"),
    "smart-home": ("checkpoint_every_h=6",),
    "battery-sharing": ("hours=48", "checkpoint_every_h=12"),
    "community-storage": ("hours=12", "checkpoint_every_h=3"),
    "composite-storage": ("years=null", "hours=48", "checkpoint_every_h=12"),
    "one-city": ("hours=4", "vehicles.count=20", "checkpoint_every_h=1"),
    "suburbs": ("hours=9", "vehicles.groups.0.count=40", "checkpoint_every_h=2"),
    "two-voltage-levels": ("hours=4", "vehicles.count=20", "checkpoint_every_h=1"),
}  # fmt: skip
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# How often a run is killed before it is left to end.
KILLS = (1, 2, 3, 4, 6)
WITH_PICTURES = 0.2
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SWEEP = (
    "sweep", "three-communities", "--vary", "vehicles.theta=1,3", "--seeds", "2", "--workers", "2",
    "--set", "vehicles.count=20", "--set", "hours=6", "--set", "plots=false",
    "--set", "game.solver=exact", "--no-progress", "--out", "run",
)  # fmt: skip
MOST_S = 600.0
FILE_EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir"}
PROGRESS = re.compile(r"[^:]+: .* after \d+:\d\d:\d\d$")
COMMAND = re.compile(r"hmesh (resume (?:'[^']*'|[^\s;)]+))")


@dataclass(frozen=True)
class Reference:
    """A scenario run without interruption: its files, its time [s] and its file events."""

    words: tuple[str, ...]
    digests: dict[str, str]
    seconds: float
    events: int


@dataclass(frozen=True)
class End:
    """How a command ended: its status, negative after a signal, and its error output."""

    status: int
    errors: str


@dataclass
class Tally:
    """What was killed, and what went wrong."""

    runs: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    too_late: int = 0
    failures: list[str] = field(default_factory=list)


def digests(directory: Path) -> dict[str, str]:
    """Return what every file of a run holds, but run.json, which says how long it took."""
    from hmesh.environment.safe_files import sha256

    return {
        path.relative_to(directory).as_posix(): "" if path.name == "run.json" else sha256(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def forked(
    words: Sequence[str],
    folder: Path,
    number: signal.Signals | None = None,
    after_s: float | None = None,
    at_event: int | None = None,
    full: bool = False,
) -> tuple[End, int]:
    """Run the program in a process forked from this one.

    Parameters
    ----------
    words : sequence of str
        What stands behind `hmesh`.
    folder : Path
        The working folder.
    number : signal.Signals, optional
        The signal that is sent, if any.
    after_s, at_event : float, int, optional
        After which time [s], or at which event that touches a file of the folder.
    full : bool, optional
        Whether the disk is full from that event on, in place of a signal.

    Returns
    -------
    end : End
        How it ended.
    events : int
        The number of file events, where it ended by itself.
    """
    (folder / "errors").write_text("")  # it may be killed before it writes any
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS[1:])
        process = os.fork()
    if process == 0:
        # What ends the benchmark from outside must not reach a run as a second signal.
        os.setsid()
        from hmesh.runs.interruptions import answer_at_once

        # The program has these handlers before it has imported anything.
        answer_at_once()
        _be_the_program(words, folder, number, at_event, full)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[1:])
    deadline = time.monotonic() + MOST_S
    send_at = time.monotonic() + after_s if after_s is not None and number else None
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            break
        now = time.monotonic()
        if send_at is not None and now >= send_at:
            os.kill(process, number or 0)
            send_at = None
        if now > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return End(99, "the program hangs"), 0
        time.sleep(0.001)
    events = folder / "events"
    counted = int(events.read_text()) if events.is_file() else 0
    events.unlink(missing_ok=True)
    return End(os.waitstatus_to_exitcode(status), (folder / "errors").read_text()), counted


def _be_the_program(
    words: Sequence[str],
    folder: Path,
    number: signal.Signals | None,
    at_event: int | None,
    full: bool,
) -> NoReturn:
    status = 70
    try:
        os.chdir(folder)
        for stream, name in ((1, "output"), (2, "errors")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        # A signal before this would be answered on the error output of the benchmark.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[1:])
        count = _count_file_events(folder, number if at_event else None, at_event or 0, full)
        sys.argv = ["hmesh", *words]
        from hmesh.runs.__main__ import main

        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        (folder / "events").write_text(str(count()))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _count_file_events(
    folder: Path, number: signal.Signals | None, at_event: int, full: bool
) -> Callable[[], int]:
    """Count what touches the files of a run, and send a signal or fill the disk at a moment."""
    inside = f"{folder}{os.sep}run"
    events = 0

    def hook(event: str, words: tuple[Any, ...]) -> None:
        nonlocal events
        if event not in FILE_EVENTS or not words or not isinstance(words[0], str | os.PathLike):
            return
        if not os.path.abspath(os.fspath(words[0])).startswith(inside):
            return
        events += 1
        if number is not None and events == at_event:
            os.kill(os.getpid(), number)
        if full and events >= at_event and (event == "os.mkdir" or _writes(event, words)):
            raise FULL

    sys.addaudithook(hook)
    return lambda: events


def _writes(event: str, words: tuple[Any, ...]) -> bool:
    """Return whether a file is opened to be written."""
    return event == "open" and isinstance(words[2], int) and bool(words[2] & WRITING)


def reference(scenario: str, plots: bool, folder: Path) -> Reference:
    """Run a scenario without interruption, after everything it needs is imported."""
    changes = (*SMALL[scenario], f"plots={str(plots).lower()}")
    words = ["run", scenario, "--out", "run", "--no-progress"]
    words += [word for change in changes for word in ("--set", change)]
    began = time.monotonic()
    end, events = forked(words, folder)
    if end.status:
        raise RuntimeError(f"{scenario} does not run: {end.errors}")
    seconds = time.monotonic() - began
    found = digests(folder / "run")
    shutil.rmtree(folder / "run")
    return Reference(tuple(words), found, seconds, events)


def import_everything(scenario: str, folder: Path) -> None:
    """Run a scenario in this process, so that every forked one has what it needs."""
    from hmesh.runs import draw_plots, load_scenario, start_run

    start_run(load_scenario(scenario, [*SMALL[scenario], "plots=true"]), folder / "run")
    draw_plots(folder / "run")
    shutil.rmtree(folder / "run")


def state(directory: Path) -> str:
    """Return how far a run is when it is killed."""
    from hmesh.runs import read_run
    from hmesh.runs.results.checkpoint import has_checkpoint

    if not (directory / "run.json").is_file():
        return "before run.json"
    run = read_run(directory)
    if not run.complete:
        return "with checkpoint" if has_checkpoint(directory / "checkpoint") else "run.json only"
    wanted = run.info["scenario"]["plots"] and not (directory / "plots").is_dir()
    return "while pictures are drawn" if wanted else "complete"


def kill_again_and_again(
    whole: Reference, folder: Path, chance: random.Random, tally: Tally
) -> str:
    """Kill a run some times, let it end, and return what is wrong with it, or ""."""
    directory, words, course = folder / "run", list(whole.words), []
    for _ in range(chance.choice(KILLS)):
        number = chance.choice(SIGNALS)
        by_time = chance.random() < 0.5
        # A run that is resumed has less time and fewer moments left.
        share = 1.05 if words[0] == "run" else chance.choice((0.1, 0.3, 0.6, 1.05))
        after_s = chance.uniform(0, share * whole.seconds) if by_time else None
        at_event = None if by_time else chance.randint(1, max(int(share * whole.events), 1))
        end, _ = forked(words, folder, number, after_s, at_event)
        course.append(f"{words[0]} ended by {number.name} with {end.status}")
        if "Traceback" in end.errors or "Exception ignored" in end.errors:
            return f"{'; '.join(course)}; a traceback: {end.errors}"
        if end.status == 0:
            tally.too_late += 1
            break
        expected = -number if number == signal.SIGKILL else 128 + number
        if end.status != expected:
            return f"{'; '.join(course)}: {end.errors}"
        tally.kills[number.name] += 1
        tally.moments[state(directory)] += 1
        if number != signal.SIGKILL:
            lines = said(end.errors)
            if len(lines) != 1 or not lines[0].startswith("interrupted"):
                return f"{'; '.join(course)}; not one line: {end.errors}"
        next_words = recommended(end.errors) or words
        if number == signal.SIGKILL and (directory / "run.json").is_file():
            # The person tries the same command once more, and does what it answers.
            refused, _ = forked(whole.words, folder)
            next_words = recommended(refused.errors) or []
            if refused.status != 2 or not next_words:
                return f"{'; '.join(course)}; run again gives {refused.status}: {refused.errors}"
        words = next_words
    else:
        end, _ = forked(words, folder)
        course.append(f"{words[0]} ended with {end.status}")
    if end.status:
        return f"{'; '.join(course)}: {end.errors}"
    found = digests(directory)
    if found != whole.digests:
        differ = sorted(
            name
            for name in found.keys() | whole.digests.keys()
            if found.get(name) != whole.digests.get(name)
        )
        return f"{'; '.join(course)}; these files differ: {', '.join(differ)}"
    return ""


def fill_the_disk(whole: Reference, folder: Path, chance: random.Random, tally: Tally) -> str:
    """Let the disk be full from a random moment of a run on, then do what the message says."""
    at_event = chance.randint(1, whole.events)
    end, _ = forked(whole.words, folder, at_event=at_event, full=True)
    course = f"a disk that is full from event {at_event} on ended it with {end.status}"
    if end.status == 0:
        tally.too_late += 1
    elif end.status != 2 or "Traceback" in end.errors or FULL.strerror not in end.errors:
        return f"{course}: {end.errors}"
    else:
        tally.kills["full disk"] += 1
        tally.moments[state(folder / "run")] += 1
        words = recommended(end.errors)
        if words is None and (folder / "run" / "run.json").is_file():
            refused, _ = forked(whole.words, folder)
            words = recommended(refused.errors)
        end, _ = forked(words or whole.words, folder)
    found = digests(folder / "run")
    if end.status or found != whole.digests:
        differ = sorted(k for k in found | whole.digests if found.get(k) != whole.digests.get(k))
        return f"{course}; then {end.status}: {end.errors} {', '.join(differ)}"
    return ""


def sweep_folder(directory: Path) -> dict[str, str]:
    """Return what every file of a sweep holds, but how long its runs took."""
    return {
        name: digest for name, digest in digests(directory).items() if not name.endswith("run.json")
    }


def started_sweep(folder: Path) -> "subprocess.Popen[str]":
    """Start a sweep on two processors."""
    path = str(Path(__file__).resolve().parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", "hmesh", *SWEEP], cwd=folder, text=True, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": path}, start_new_session=True,
    )  # fmt: skip


def kill_in_a_sweep(
    whole: dict[str, str], seconds: float, folder: Path, chance: random.Random, tally: Tally
) -> str:
    """Kill a worker of a sweep, or the sweep, and let it end."""
    import psutil

    of_worker, after_s = chance.random() < 0.5, chance.uniform(0.2, seconds)
    with started_sweep(folder) as program:
        time.sleep(after_s)
        victims = [psutil.Process(program.pid)] if program.poll() is None else []
        if victims and of_worker:
            victims = [
                child
                for child in victims[0].children(recursive=True)
                if "spawn_main" in str(child.cmdline())
            ]
        for victim in victims[:1]:
            victim.kill()
        errors = program.communicate(timeout=MOST_S)[1]
    what = "a worker of a sweep" if of_worker else "a sweep"
    course = f"SIGKILL of {what} after {after_s:.2f} s: status {program.returncode}: {errors}"
    if not victims:
        tally.too_late += 1
    else:
        tally.kills[f"SIGKILL of {what}"] += 1
    if "Traceback" in errors or (of_worker or not victims) != (program.returncode == 0):
        return course
    if program.returncode:
        with started_sweep(folder) as program:
            errors = program.communicate(timeout=MOST_S)[1]
    if program.returncode or sweep_folder(folder / "run") != whole:
        return f"{course}; then {program.returncode}: {errors}"
    return ""


def said(errors: str) -> list[str]:
    """Return the lines that a signal is answered with.

    Before them come warnings of the scenario, and on a busy machine its progress.
    """
    return [
        line
        for line in errors.splitlines()
        if not PROGRESS.match(line) and not line.startswith("warning: ")
    ]


def recommended(errors: str) -> list[str] | None:
    """Return the command that a message recommends, None where it recommends none."""
    found = COMMAND.search(errors)
    return shlex.split(found[1]) if found else None


def kill_while_starting(whole: Reference, folder: Path, chance: random.Random, tally: Tally) -> str:
    """Kill a program that starts from nothing, and let the same command run to its end."""
    number = chance.choice(SIGNALS)
    command = [sys.executable, "-m", "runs", *whole.words]
    path = str(Path(__file__).resolve().parents[1])
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=os.environ | {"PYTHONPATH": path}, start_new_session=True,
    ) as program:  # fmt: skip
        after_s = chance.uniform(0.15, 3.0)
        time.sleep(after_s)
        program.send_signal(number)
        errors = program.communicate(timeout=MOST_S)[1]
    course = f"{number.name} after {after_s:.2f} s: status {program.returncode}: {errors}"
    allowed = {-number, 128 + number} - ({-signal.SIGINT} if number == signal.SIGINT else set())
    if program.returncode == 0:
        tally.too_late += 1
        return ""
    if program.returncode not in allowed or "Traceback" in errors or len(said(errors)) > 1:
        return course
    tally.kills[f"{number.name} at start"] += 1
    tally.moments[state(folder / "run")] += 1
    end, _ = forked(recommended(errors) or whole.words, folder)
    if end.status == 2 and number == signal.SIGKILL:
        end, _ = forked(recommended(end.errors) or whole.words, folder)
    if end.status or digests(folder / "run") != whole.digests:
        return f"{course}; then {end.status}: {end.errors}"
    return ""


def kind_of(number: int, cold: int) -> str:
    """Return what happens to a run of a number."""
    if number < cold:
        return "killed at its start"
    if number % 50 == 25:
        return "killed in a sweep"
    return "full disk" if number % 8 == 5 else "killed"


def main() -> None:
    """Kill runs until there were enough kills."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--kills", type=int, default=1000, metavar="N")
    options.add_argument("--cold", type=int, default=0, metavar="N")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, metavar="NUMBER")
    options.add_argument("--scenario", action="append", choices=list(SMALL))
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--smoke", action="store_true", help="a few kills of one scenario")
    given = options.parse_args()
    # A shell that starts this in the background has it ignore Ctrl-C, and so would every run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Threads do not survive a fork; NumPy reads this when it is imported.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    scenarios = given.scenario or (["three-communities"] if given.smoke else list(SMALL))
    kills = 5 if given.smoke else given.kills
    if given.only is not None and given.scenario is None:
        scenarios = [scenarios[given.only % len(scenarios)]]
    report = given.json and given.json.resolve()
    tally, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="random-kills-") as parent:
        folder = Path(parent).resolve()
        os.chdir(folder)
        references: dict[tuple[str, bool], Reference] = {}
        for scenario in scenarios:
            import_everything(scenario, folder)
        for scenario in scenarios:
            for plots in (False, True):
                references[scenario, plots] = reference(scenario, plots, folder)
        sweep: tuple[dict[str, str], float] | None = None
        number = given.only or 0
        try:
            while sum(tally.kills.values()) < kills + given.cold and len(tally.failures) < 20:
                chance = random.Random(f"{given.seed}/{number}")
                scenario = scenarios[number % len(scenarios)]
                whole = references[scenario, chance.random() < WITH_PICTURES]
                kind = kind_of(number, given.cold)
                if kind == "killed in a sweep":
                    if sweep is None:
                        start = time.monotonic()
                        with started_sweep(folder) as program:
                            program.communicate(timeout=MOST_S)
                        sweep = sweep_folder(folder / "run"), time.monotonic() - start
                        shutil.rmtree(folder / "run")
                    wrong = kill_in_a_sweep(*sweep, folder, chance, tally)
                else:
                    ways = {"killed": kill_again_and_again, "full disk": fill_the_disk}
                    wrong = ways.get(kind, kill_while_starting)(whole, folder, chance, tally)
                tally.runs["a sweep" if kind == "killed in a sweep" else scenario] += 1
                if wrong:
                    tally.failures.append(f"run {number}, {scenario}, {kind}: {wrong}")
                    print(tally.failures[-1], file=sys.stderr, flush=True)
                shutil.rmtree(folder / "run", ignore_errors=True)
                number += 1
                if given.only is not None:
                    break
                if number % 50 == 0:
                    print(f"{number} runs, {sum(tally.kills.values())} kills", flush=True)
        except KeyboardInterrupt:
            print("interrupted; the figures are those of the kills so far", file=sys.stderr)
        os.chdir(Path(__file__).parent)
    figures = {
        "seed": given.seed,
        "runs": dict(tally.runs),
        "kills": dict(tally.kills),
        "moments": dict(tally.moments),
        "signals_that_came_too_late": tally.too_late,
        "failures": tally.failures,
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    if report:
        from report import write_figures

        write_figures(report, figures)
    sys.exit(1 if tally.failures else 0)


if __name__ == "__main__":
    main()
