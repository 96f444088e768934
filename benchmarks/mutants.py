"""Change the rules a little, one place at a time, and see whether the quick tests notice.

A mutant is a function with one small change: another comparison, another number, an argument left
out. The quick tests that run through the function should fail. Mutants that survive are printed
with their change: each is a test that is missing, or a change without effect. mutmut makes and runs
them, in a copy of the repository that is removed again.

Modules are named by their path below the repository, such as ``markets/battery_exchange.py``,
or by the folder that they lie in; ``steps`` are the steps of all schemes and what they call in the
folder of their scheme. Without names, ``--sample`` modules of markets, environment and agents are
drawn by ``--seed``. ``--each N`` tries N mutants of each module, ``--draw N`` N of the mutants of
all modules together, drawn by the same seed, in place of all. Tests are those whose file names the
module, or a name that it defines, and for the step of a scheme those that name the scheme. Those
that simulate follow only where the others notice nothing. ``--tests`` gives other tests, and
``--no-runs`` leaves out those that simulate, so that the share is a lower bound.

A mutant that no test runs through has survived. The share of a drawn sample is stated with the
interval that holds the share of all mutants with a probability of 95 % (Wilson).

Survivors that change nothing are kept in ``equivalent_mutants.yaml`` with the reason, and are not
printed again. With ``--json FILE`` it writes the figures. The exit status is 1 where another mutant
survived.
"""

import argparse
import ast
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
ROOMS = ("markets", "environment", "agents")
SCHEMES = "runs/schemes"
# What a scheme settles before its first step, and what only reads a run.
NOT_OF_STEPS = ("section", "setting", "scheme", "size", "sources", "tables", "words")
NOTICED_BY_NO_TEST = ("survived", "no tests")
CAUGHT = ("killed", "timeout", "segfault", "suspicious")
EQUIVALENT = Path(__file__).parent / "equivalent_mutants.yaml"
# What simulates a world or a part of one, for which no rule alone is at fault.
RUNS = re.compile(
    r"\b(?:start_run|run_with|audit_run|Simulation|make_setting|load_scenario|run_study|CliRunner"
    r"|Browser|subprocess)\b"
)
# mutmut makes mutants and runs them by one command; they are drawn between the two.
MAKE = """
from pathlib import Path
from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants, setup_source_paths
Path("mutants").mkdir()
copy_src_dir()
copy_also_copy_files()
setup_source_paths()
create_mutants(1)
"""
CONFIGURATION = """
[tool.mutmut]
source_paths = ["hmesh"]
only_mutate = {modules}
also_copy = ["docs", "benchmarks", "notebooks", "README.md"]
pytest_add_cli_args = ["-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist"]
pytest_add_cli_args_test_selection = {tests}
timeout_multiplier = 6.0
"""


def drawn(count: int, seed: int) -> list[str]:
    """Return some modules at random, each as likely as its length."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    lengths = [path.stat().st_size for path in paths]
    chance, found = random.Random(seed), list[str]()
    while len(found) < min(count, len(paths)):
        (path,) = chance.choices(paths, lengths)
        name = path.relative_to(ROOT).as_posix()
        if name not in found and path.name != "__init__.py":
            found.append(name)
    return found


def named(words: Sequence[str]) -> list[str]:
    """Return the modules that are named, one by one or by the folder that they lie in."""
    found = list[str]()
    for word in words:
        if word == "steps":
            found += steps()
            continue
        path = ROOT / word
        within = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        found += [
            each.relative_to(ROOT).as_posix() for each in within if each.name != "__init__.py"
        ]
    return found


def steps() -> list[str]:
    """Return the steps of all schemes, with the modules of their folder that they import."""
    paths = sorted((ROOT / SCHEMES).glob("*/step.py"))
    common = ("scheme_step", "step_rows", "store_answers", "plugin_energies")
    found = [f"{SCHEMES}/{name}.py" for name in common]
    while paths:
        path = paths.pop(0)
        found.append(path.relative_to(ROOT).as_posix())
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            folder, _, name = (getattr(node, "module", None) or "").rpartition(".")
            imported = path.parent / f"{name}.py"
            if (
                isinstance(node, ast.ImportFrom)
                and folder.endswith(f"schemes.{path.parent.name}")
                and name not in NOT_OF_STEPS
                and imported.relative_to(ROOT).as_posix() not in found
                and imported not in paths
            ):
                paths.append(imported)
    return found


def names_of_scheme(module: str) -> set[str]:
    """Return by which words tests name the scheme that a module belongs to, if to any."""
    path = Path(module)
    if path.parent.parent != Path(SCHEMES):
        return set()
    name = path.parent.name
    # Nearly every test has vehicles.
    return {"three-communities"} if name == "vehicles" else {name, name.replace("_", "-")}


def tests_of(modules: Sequence[str], *, runs: bool) -> list[str]:
    """Return the files of tests that name a module, or a function or class that it defines.

    Parameters
    ----------
    modules
        Paths of the modules.
    runs
        Whether tests count that simulate.
    """
    words = set[str]()
    for module in modules:
        words |= names_of_scheme(module)
        tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
        words.add(module.removesuffix(".py").replace("/", "."))
        words |= {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        }
    wanted = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, words)))})\b")
    rooms = {module.partition("/")[0] for module in modules}
    imported = re.compile(rf"from hmesh\.(?:{'|'.join(rooms)})\b")
    found = []
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if not wanted.search(text):
            continue
        if runs or (imported.search(text) and not RUNS.search(text)):
            found.append(path.relative_to(ROOT).as_posix())
    return found


def copied(folder: Path) -> None:
    """Copy the repository with its rooms inside hmesh, where mutmut and imports agree on names."""
    named = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in named.stdout.split("\0"):
        source, target = ROOT / name, folder / name
        if name and source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for room in (*ROOMS, "runs"):
        (folder / room).rename(folder / "hmesh" / room)
    # Specifications and data of the tests lie beside the repository.
    if (shared := ROOT.parent / "shared").is_dir():
        (folder / "shared").symlink_to(shared.resolve())


def statuses(folder: Path, modules: Sequence[str]) -> dict[str, str]:
    """Return how each mutant fared, by its name."""
    from mutmut.stats import status_by_exit_code

    found = {}
    for module in modules:
        meta = folder / "mutants" / "hmesh" / f"{module}.meta"
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: str(status_by_exit_code[code]) for name, code in codes.items()}
    return found


def drawn_mutants(folder: Path, modules: Sequence[str], each: int, seed: int) -> list[str]:
    """Return some of the mutants of each module, drawn by a seed."""
    found = list[str]()
    for module in modules:
        names = sorted(statuses(folder, [module]))
        found += random.Random(f"{seed}/{module}").sample(names, min(each, len(names)))
    return found


def interval(caught: int, tried: int) -> tuple[float, float]:
    """Return between what the share of all mutants lies, with a probability of 95 % (Wilson)."""
    if not tried:
        return 0.0, 1.0
    z, share = 1.959964, caught / tried
    middle = share + z * z / (2 * tried)
    half = z * math.sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    below = 1 + z * z / tried
    return (middle - half) / below, (middle + half) / below


class Mutants:
    """Mutants of some modules in a copy of the repository.

    Parameters
    ----------
    folder
        Of the copy.
    modules
        Their paths.
    workers
        How many processes run tests.
    """

    def __init__(self, folder: Path, modules: Sequence[str], workers: int) -> None:
        self.folder, self.modules, self.workers = folder, modules, workers
        copied(folder)
        self._plain = (folder / "pyproject.toml").read_text(encoding="utf-8")
        self._environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
        self._configure(["tests"])
        self._call("-c", MAKE)

    def run(self, tests: Sequence[str], chosen: Sequence[str]) -> dict[str, str]:
        """Return how mutants fare, all of them where none are chosen, by their names."""
        self._configure(tests)
        # Which tests run through what was noted of other tests.
        (self.folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
        self._call("-m", "mutmut", "run", "--max-children", str(self.workers), *chosen)
        found = statuses(self.folder, self.modules)
        return {name: found[name] for name in chosen or found}

    def change(self, mutant: str) -> str:
        """Return what a mutant changes, as a difference of lines."""
        command = [sys.executable, "-m", "mutmut", "show", mutant]
        return subprocess.run(
            command,
            cwd=self.folder, env=self._environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    def _configure(self, tests: Sequence[str]) -> None:
        paths = [f"hmesh/{module}" for module in self.modules]
        text = CONFIGURATION.format(modules=json.dumps(paths), tests=json.dumps(list(tests)))
        (self.folder / "pyproject.toml").write_text(self._plain + text, encoding="utf-8")

    def _call(self, *arguments: str) -> None:
        path = self.folder / "mutmut.log"
        with path.open("w", encoding="utf-8") as log:
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=self.folder, env=self._environment, stdout=log, stderr=log, check=False,
            )  # fmt: skip
        if done.returncode:
            said = path.read_text(encoding="utf-8").replace("\r", "\n")
            raise SystemExit("\n".join(said.splitlines()[-60:]))


def run(
    modules: Sequence[str], given: argparse.Namespace
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Make and run mutants of some modules.

    Returns
    -------
    tuple
        Their fates, the changes of those that no test noticed, both by name, and all tests.
    """
    tests = given.tests or tests_of(modules, runs=False)
    with tempfile.TemporaryDirectory(prefix="hmesh-mutants-") as name:
        mutants = Mutants(Path(name), modules, given.workers)
        if given.draw is not None:
            names = sorted(statuses(mutants.folder, modules))
            chosen = random.Random(given.seed).sample(names, min(given.draw, len(names)))
            print(f"{len(chosen)} of {len(names)} mutants", flush=True)
        elif given.each is not None:
            chosen = drawn_mutants(mutants.folder, modules, given.each, given.seed)
        else:
            chosen = sorted(statuses(mutants.folder, modules))
        found = mutants.run(tests, chosen) if tests else dict.fromkeys(chosen, "no tests")
        left = [mutant for mutant in chosen if found[mutant] in NOTICED_BY_NO_TEST]
        print(f"{len(left)} not noticed by {len(tests)} files of direct tests", flush=True)
        if left and not given.tests and not given.no_runs:
            of_left = [each for each in modules if any(map(made_of(each), left))]
            further = sorted({*tests_of(of_left, runs=True)} - {*tests})
            print(f"now {len(further)} files of tests that simulate", flush=True)
            if further:
                later = mutants.run(further, left)
                found |= {
                    mutant: status for mutant, status in later.items() if status != "no tests"
                }
                tests = [*tests, *further]
        changes = {
            mutant: mutants.change(mutant)
            for mutant, status in found.items()
            if status in NOTICED_BY_NO_TEST
        }
    return found, changes, tests


def made_of(module: str) -> Callable[[str], bool]:
    """Return what says whether a mutant is one of a module, by its name."""
    start = f"hmesh.{module.removesuffix('.py').replace('/', '.')}."
    return lambda mutant: mutant.startswith(start) and "." not in mutant.removeprefix(start)


def without_effect(mutant: str, change: str) -> bool:
    """Return whether the kept list explains why a change makes no difference."""
    lines = [line for line in change.splitlines() if not line.startswith(("---", "+++", "#"))]
    made = {
        sign: "\n".join(line[1:].strip() for line in lines if line.startswith(sign))
        for sign in "-+"
    }
    kept = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    return any(
        mutant.startswith(f"hmesh.{each['module']}.")
        and made["-"] == each["before"].strip()
        and made["+"] in (text.strip() for text in each["after"])
        for each in kept
    )


def main() -> int:
    """Run mutants, print the share that tests catch and what survives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else "")
    parser.add_argument(
        "modules", nargs="*", help="such as markets/battery_exchange.py, or markets"
    )
    parser.add_argument("--tests", nargs="*", help="files of tests in place of the nearest ones")
    parser.add_argument("--sample", type=int, default=5, help="how many modules are drawn")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--each", type=int, help="how many mutants of each module are drawn")
    parser.add_argument("--draw", type=int, help="how many mutants of all modules are drawn")
    parser.add_argument("--no-runs", action="store_true", help="leave out tests that simulate")
    given = parser.parse_args()
    modules = named(given.modules) or drawn(given.sample, given.seed)
    if missing := [module for module in modules if not (ROOT / module).is_file()]:
        parser.error(f"no such module: {', '.join(missing)}")
    print(f"mutants of {', '.join(given.modules or modules)}", flush=True)
    found, changes, tests = run(modules, given)
    if not tests:
        parser.error(f"no test names {', '.join(modules)}; give some with --tests")
    explained = {name for name, change in changes.items() if without_effect(name, change)}
    counts = Counter(found.values())
    tried = sum(counts[status] for status in (*CAUGHT, *NOTICED_BY_NO_TEST))
    caught = tried - len(changes)
    print("\n".join(change for name, change in changes.items() if name not in explained))
    print(", ".join(f"{number} {status}" for status, number in counts.most_common()))
    low, high = interval(caught, tried - len(explained))
    print(
        f"{caught} of {tried} mutants are caught, {caught / max(tried, 1):.1%}; {len(explained)} "
        f"change nothing; of the others {caught / max(tried - len(explained), 1):.1%} "
        f"(95 % interval {low:.1%} to {high:.1%})"
    )
    if given.json:
        figures = {
            "modules": given.modules or modules, "seed": given.seed, "tests": tests,
            "caught": caught, "tried": tried, "without_effect": len(explained),
            "interval": [low, high], "survived": sorted(set(changes) - explained),
            "counts": counts,
        }  # fmt: skip
        given.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if len(changes) > len(explained) else 0


if __name__ == "__main__":
    sys.exit(main())
