"""Give hMESH thousands of wrong inputs, and see that each is accepted or refused in plain words.

Five kinds of input are drawn: values at any place of any scenario, damaged scenario files, damaged
files that a scenario names, command lines, and results folders, interrupted or complete, in which
something was changed. Every input is the work of its seed and number alone. The program runs in a
separate process. It must end by itself with status 0, 1 or 2 and without a traceback, within the
time that the uninjured command may take; one that refuses with status 2 leaves all files as they
were.

``--only NUMBER`` repeats one input, keeps its folder and prints what the program printed. With
``--json FILE`` the figures are written. The exit status is 1 where an input failed.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

MOST_S = 10.0  # of processor time, as other programs may want the machine too
SMALL = (
    "vehicles.count=2", "hours=4", "start=2024-01-15T07:00", "game.solver=exact", "plots=false",
    "strategies=[typical, three_level]",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    "text", "", "x" * 5000, "2024-01-01", 0, -1, 10**30, 1e308, -1e308, 1e-320, float("nan"),
    float("inf"), True, None, [], {}, [1], ["households"], [[1]], [None], [{}], {"a": 1},
    {"": None}, "../../etc/passwd", "\u202e", "a\nb", 0.1 + 0.2, "-0", "1e3", "NaN",
)  # fmt: skip
# Sizes are refused beyond what memory holds; below that they are accepted, and take their time.
SIZES = ("count", "hours", "years", "businesses", "vehicles_per_year", "schools", "homes")
TABLE = "time,member,load_kwh\n" + "".join(f"2024-01-15T{h:02}:00,m,0.5\n" for h in range(24))
PRICES = "time,price\n" + "".join(f"2024-01-15T{h:02}:00,0.{h:02}\n" for h in range(24))
OWN = """
name: own
time_zone: America/Detroit
start: 2024-01-15T00:00
hours: 24
strategies: [typical]
plots: false
location: {latitude: 42.0, longitude: -83.0}
communities:
  homes:
    members:
      - {kind: household, name: a, count: 3, annual_kwh: 4e3, profile: h0, pv_kw: 4}
      - {kind: household, name: b, file: loads.csv, members: [m], scale: 1.5}
  offices: {members: [{kind: building, name: c, businesses: 2, peak_kw: 40}]}
roads: [{between: [homes, offices], km: 8}]
vehicles: {count: 5}
"""


@dataclass(frozen=True)
class Given:
    """What stands ready for every input: scenarios by name, and two small runs."""

    scenarios: dict[str, Any]
    complete: Path
    interrupted: Path


@dataclass(frozen=True)
class End:
    """How a command ended: its status, negative after a signal, its output and its time [s]."""

    status: int
    output: str
    seconds: float


# -- what can be damaged ---------------------------------------------------------------------


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container within a value with every key of it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from spots(value[key])


def change(draw: random.Random, value: Any) -> None:
    """Change one place of nested data."""
    container, key = draw.choice([spot for spot in spots(value) if spot[1] not in SIZES])
    how = draw.randrange(8)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, list):
        container.insert(key, deepcopy(container[key]))
    elif how == 1:
        container[draw.choice(("a new key", "", f"{key}s", str(key)[:-1]))] = draw.choice(ODD)
    elif how == 2 and isinstance(container[key], int | float):
        container[key] = draw.choice((-container[key] - 1, container[key] * 2 + 1, 1e18))
    elif how == 3:
        other, name = draw.choice(list(spots(value)))
        container[key] = deepcopy(other[name])
    else:
        container[key] = draw.choice(ODD)


def tear(draw: random.Random, content: bytes) -> bytes:
    """Damage the bytes of a file."""
    at = draw.randrange(len(content)) if content else 0
    word = draw.choice(
        (b"\x00", b"\xff", b",", b"\n", b'"', b"1e999", b"-", b"&a *a", b"\xef\xbb\xbf")
    )
    return draw.choice(
        (
            content[:at],
            content[at:],
            content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]
            if content
            else b"\x00",
            content[:at] + word + content[at:],
            content[:at] + content[at : at + 40] * 3 + content[at:],
            content.replace(b",", b";"),
            content.replace(b"0", b"", 1),
            b"",
            b"[" * 100_000,
            content.decode("utf-8", "replace").encode("utf-16"),
        )
    )


# -- the five kinds --------------------------------------------------------------------------


def with_value(draw: random.Random, folder: Path, given: Given) -> list[str]:
    """Write a scenario with other values at some places."""
    import yaml

    scenario = deepcopy(given.scenarios[draw.choice(sorted(given.scenarios))])
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        change(draw, scenario)
    (folder / "loads.csv").write_text(TABLE)
    text = yaml.safe_dump(scenario, allow_unicode=True)
    (folder / "s.yaml").write_text(text, encoding="utf-8", errors="surrogateescape")
    return ["check", "s.yaml"]


def with_torn_text(draw: random.Random, folder: Path, given: Given) -> list[str]:
    """Write a scenario of which some bytes are damaged."""
    from hmesh.runs.scenarios.scenario_files import BUILT_IN

    texts = [OWN.encode(), *(path.read_bytes() for path in sorted(BUILT_IN.glob("*.yaml")))]
    (folder / "loads.csv").write_text(TABLE)
    (folder / "s.yaml").write_bytes(tear(draw, draw.choice(texts)))
    return ["check", "s.yaml"]


def with_torn_file(draw: random.Random, folder: Path, given: Given) -> list[str]:
    """Write a file that a scenario names, or that is imported, damaged."""
    kind = draw.randrange(3)
    if kind == 0:
        (folder / "loads.csv").write_bytes(tear(draw, TABLE.encode()))
        (folder / "s.yaml").write_text(OWN)
        return draw.choice((["check", "s.yaml"], ["run", "s.yaml", "--out", "run"]))
    content = (TABLE if kind == 1 else PRICES).encode()
    (folder / "wide.csv").write_bytes(tear(draw, content))
    words = ["import", "csv", "wide.csv", "--out", "data", "--time-zone", "Europe/Berlin"]
    return words + draw.choice(([], ["--unit", "kW"], ["--unit", "x"], ["--decimal", ","]))


def with_command_line(draw: random.Random, folder: Path, given: Given) -> list[str]:
    """Draw a command line, some of its words without sense."""
    (folder / "loads.csv").write_text(TABLE)
    (folder / "s.yaml").write_text(OWN)
    shutil.copytree(given.complete, folder / "run")
    places = ("s.yaml", "run", "three-communities", "nothing", "", ".", "/", "loads.csv", "-", "ü")
    options = (
        "--set", "--seed", "--out", "--only", "--size", "--dpi", "--format", "--vary", "--seeds",
        "--sample", "--points", "--workers", "--json", "--help", "--no-progress", "--plugin",
        "--export", "--no-audit", "--level", "--figures", "--version",
    )  # fmt: skip
    values = (
        "1", "0", "-1", "1e9", "x", "", "hours=1", "hours=x", "=", "a=b=c", "seed=1", "png", "svg",
        "3x4", "3,4", "new", "run", "run/new", "../x", "loads.csv", "plots=false", "a..b", "[1,2",
        "{a: 1", "vehicles.count=1,2", "0:1:2", "geojson", "nan", "\ud7ff", "a\tb",
    )  # fmt: skip
    commands = ("check", "run", "resume", "plot", "audit", "sweep", "report", "import", "scenarios")
    words = [draw.choice((*commands, "replicate", "voltages", "nix", ""))]
    for _ in range(draw.randrange(5)):
        kind = draw.randrange(3)
        words.append(draw.choice((places, options, values)[kind]))
        if kind == 1 and draw.random() < 0.7:
            words.append(draw.choice(values))
    if words[:2] in (["run", "three-communities"], ["sweep", "three-communities"]):
        words += ["--set", "hours=1", "--set", "vehicles.count=2", "--set", "plots=false"]
    if words[0] == "replicate" and not {"nothing", "", "x", "run", "s.yaml"} & set(words[1:]):
        words.insert(1, "nothing")  # a study takes minutes
    return words


def with_results(draw: random.Random, folder: Path, given: Given) -> list[str]:
    """Change something in a results folder, and use it."""
    run = shutil.copytree(draw.choice((given.complete, given.interrupted)), folder / "run")
    for _ in range(draw.choice((1, 1, 2))):
        files = sorted(path for path in run.rglob("*") if path.is_file())
        path = draw.choice(files)
        kind = draw.randrange(5)
        if kind == 0:
            path.unlink()
        elif kind == 1 and path.suffix == ".json":
            try:
                value = json.loads(path.read_text())
            except (ValueError, RecursionError):  # torn or nested too deeply already
                path.write_bytes(tear(draw, path.read_bytes()))
                continue
            if list(spots(value)):
                change(draw, value)
            path.write_text(json.dumps(value))
        elif kind == 2:
            path.write_bytes(draw.choice(files).read_bytes())
        elif kind == 3:
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(tear(draw, path.read_bytes()))
    command = draw.choice(("resume", "audit", "report", "plot"))
    return [command, "run", *(["--out", "page.html"] if command == "report" else [])]


KINDS: dict[str, tuple[Callable[[random.Random, Path, Given], list[str]], float]] = {
    "values of scenarios": (with_value, 0.4),
    "damaged scenario files": (with_torn_text, 0.2),
    "damaged data files": (with_torn_file, 0.1),
    "command lines": (with_command_line, 0.15),
    "damaged results": (with_results, 0.15),
}


# -- the program -----------------------------------------------------------------------------


def run_program(words: list[str], folder: Path) -> End:
    """Run the program in a process forked from this one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads
        process = os.fork()
    if process == 0:
        os.setsid()
        _be_the_program(words, folder)
    deadline = time.monotonic() + 30 * MOST_S
    status, seconds = -signal.SIGKILL, 30 * MOST_S
    while True:
        ended, waited, usage = os.wait4(process, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(waited)
            seconds = usage.ru_utime + usage.ru_stime
            break
        if time.monotonic() > deadline:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            break
        time.sleep(0.002)
    output = folder.parent / "output"
    return End(status, output.read_text(errors="replace"), seconds)


def _be_the_program(words: list[str], folder: Path) -> NoReturn:
    import resource

    status = 70
    try:
        os.chdir(folder)
        output = os.open("../output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        limit = round(2 * MOST_S)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        sys.argv = ["hmesh", *words]
        from hmesh.runs.__main__ import main

        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def files(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def wrong(words: list[str], end: End, before: dict[str, bytes], folder: Path) -> str:
    """Return what is wrong with how a command ended, or ""."""
    if "Traceback" in end.output:
        return "a traceback"
    if end.status not in (0, 1, 2):
        return f"status {end.status}"
    if end.seconds > MOST_S:
        return f"{end.seconds:.0f} s"
    if end.status == 2 and not end.output.strip():
        return "no message"
    if end.status == 2 and files(folder) != before:
        return "files changed though it refused"
    return ""


def prepare(folder: Path) -> Given:
    """Make the two small runs, and import all that commands need."""
    from hmesh import load_scenario
    from hmesh.runs import builtin_scenarios, draw_plots, read_yaml, start_run
    from hmesh.runs.audits.run_audit import audit_run
    from hmesh.runs.report.write import write_report
    from hmesh.runs.scenarios.scenario_files import BUILT_IN

    complete, interrupted = folder / "complete", folder / "interrupted"
    start_run(load_scenario("three-communities", SMALL), complete)
    audit_run(complete)
    write_report([complete], folder / "page.html", audit=False)

    def stop(*_: Any, **__: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise KeyboardInterrupt

    steps = 0
    with contextlib.suppress(KeyboardInterrupt):
        start_run(
            load_scenario("three-communities", [*SMALL, "checkpoint_every_h=1"]), interrupted, stop
        )
    draw_plots(shutil.copytree(complete, folder / "drawn"))
    scenarios: dict[str, Any] = {"own": read_yaml(OWN, "own.yaml")}
    for name, _ in builtin_scenarios():
        scenarios[name] = read_yaml((BUILT_IN / f"{name}.yaml").read_text(), f"{name}.yaml")
        scenarios[f"{name}, filled in"] = load_scenario(name).model_dump(mode="json")
    return Given(scenarios, complete, interrupted)


def main() -> None:
    """Try inputs until there were enough."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--inputs", type=int, default=10_000, metavar="N")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, metavar="NUMBER")
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--smoke", action="store_true", help="a hundred inputs")
    given = options.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ["COLUMNS"] = "100"
    numbers = (
        [given.only] if given.only is not None else range(100 if given.smoke else given.inputs)
    )
    report = given.json and given.json.resolve()
    tried: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    failures: list[str] = []
    slowest, began = 0.0, time.monotonic()
    parent = Path(tempfile.mkdtemp(prefix="random-inputs-")).resolve()
    os.chdir(parent)
    ready = prepare(parent)
    try:
        for number in numbers:
            draw = random.Random(f"{given.seed}/{number}")
            kind = draw.choices(list(KINDS), [share for _, share in KINDS.values()])[0]
            folder = parent / "input"
            folder.mkdir()
            words = KINDS[kind][0](draw, folder, ready)
            before = files(folder)
            end = run_program(words, folder)
            tried[kind] += 1
            statuses[str(end.status)] += 1
            slowest = max(slowest, end.seconds)
            failed = wrong(words, end, before, folder)
            if failed:
                failures.append(f"input {number}, {kind}: {failed}: hmesh {' '.join(words)!r:.200}")
                print(failures[-1], file=sys.stderr, flush=True)
            if given.only is not None:
                print(f"hmesh {' '.join(words)} in {folder}\n{end.output}")
                sys.exit(1 if failed else 0)
            shutil.rmtree(folder)
            if (number + 1) % 500 == 0:
                print(f"{number + 1} inputs, {len(failures)} failures", flush=True)
    except KeyboardInterrupt:
        print("interrupted; the figures are those of the inputs so far", file=sys.stderr)
    figures = {
        "seed": given.seed,
        "inputs": dict(tried),
        "exit_statuses": dict(statuses),
        "slowest_s": round(slowest, 1),
        "failures": failures,
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    os.chdir(Path(__file__).parent)
    shutil.rmtree(parent)
    if report:
        from report import write_figures

        write_figures(report, figures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
