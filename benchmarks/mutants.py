"""Change the rules a little, one place at a time, and see whether the quick tests notice.

A mutant is a function with one small change: another comparison, another number, an argument left
out. The quick tests that run through the function should fail. Mutants that survive are printed
with their change: each is a test that is missing, or a change without effect. mutmut makes and runs
them, in a copy of the repository that is removed again.

Modules are named by their path below the repository, such as ``markets/battery_exchange.py``,
or by the folder that they lie in. Without names, ``--sample`` modules of markets, environment and
agents are drawn by ``--seed``. ``--each N`` tries N mutants of each module, drawn by the same seed,
in place of all. Tests are those whose file names the module, or a name that it defines;
``--tests`` gives others, and ``--no-runs`` leaves out those that simulate, so that the share is a
lower bound.

Survivors that change nothing are kept in ``equivalent_mutants.yaml`` with the reason, and are not
printed again. With ``--json FILE`` it writes the figures. The exit status is 1 where another mutant
survived.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
ROOMS = ("markets", "environment", "agents")
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
        path = ROOT / word
        within = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        found += [
            each.relative_to(ROOT).as_posix() for each in within if each.name != "__init__.py"
        ]
    return found


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


def run(
    modules: Sequence[str], tests: Sequence[str], workers: int, each: int | None, seed: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Make and run mutants of some modules; return their fates, and the survivors' changes."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
    with tempfile.TemporaryDirectory(prefix="hmesh-mutants-") as name:
        folder = Path(name)
        copied(folder)
        with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
            paths = [f"hmesh/{module}" for module in modules]
            file.write(
                CONFIGURATION.format(modules=json.dumps(paths), tests=json.dumps(list(tests)))
            )
        mutmut = [sys.executable, "-m", "mutmut"]
        with (folder / "mutmut.log").open("w", encoding="utf-8") as log:
            subprocess.run(
                [sys.executable, "-c", MAKE],
                cwd=folder, env=environment, stdout=log, stderr=log, check=True,
            )  # fmt: skip
            chosen = [] if each is None else drawn_mutants(folder, modules, each, seed)
            done = subprocess.run(
                [*mutmut, "run", "--max-children", str(workers), *chosen],
                cwd=folder, env=environment, stdout=log, stderr=log, check=False,
            )  # fmt: skip
        if done.returncode:
            said = (folder / "mutmut.log").read_text(encoding="utf-8").replace("\r", "\n")
            raise SystemExit("\n".join(said.splitlines()[-30:]))
        found = statuses(folder, modules)
        found = {name: found[name] for name in chosen or found}
        changes = {
            mutant: subprocess.run(
                [*mutmut, "show", mutant],
                cwd=folder, env=environment, capture_output=True, text=True, check=True,
            ).stdout
            for mutant, status in found.items()
            if status == "survived"
        }  # fmt: skip
    return found, changes


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
    parser.add_argument("--no-runs", action="store_true", help="leave out tests that simulate")
    given = parser.parse_args()
    modules = named(given.modules) or drawn(given.sample, given.seed)
    tests = given.tests or tests_of(modules, runs=not given.no_runs)
    if missing := [module for module in modules if not (ROOT / module).is_file()]:
        parser.error(f"no such module: {', '.join(missing)}")
    if not tests:
        parser.error(f"no test names {', '.join(modules)}; give some with --tests")
    print(f"mutants of {', '.join(modules)}, by {len(tests)} files of tests", flush=True)
    found, changes = run(modules, tests, given.workers, given.each, given.seed)
    explained = {name for name, change in changes.items() if without_effect(name, change)}
    counts = Counter(found.values())
    tried = sum(counts[status] for status in (*CAUGHT, "survived"))
    caught = tried - counts["survived"]
    print("\n".join(change for name, change in changes.items() if name not in explained))
    print(", ".join(f"{number} {status}" for status, number in counts.most_common()))
    share = caught / max(tried, 1)
    of_those = caught / max(tried - len(explained), 1)
    print(
        f"{caught} of {tried} mutants that a test runs through are caught, {share:.1%}; "
        f"{len(explained)} change nothing; of the others {of_those:.1%}"
    )
    if given.json:
        figures = {
            "modules": modules, "tests": tests, "caught": caught, "tried": tried,
            "without_effect": len(explained), "survived": sorted(set(changes) - explained),
            "counts": counts,
        }  # fmt: skip
        given.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if counts["survived"] > len(explained) else 0


if __name__ == "__main__":
    sys.exit(main())
