"""Change the rules a little, one place at a time, and see whether the quick tests notice.

A mutant is a function with one small change: another comparison, another number, an argument left
out. The quick tests that run through the function should fail. Mutants that survive are printed
with their change: each is a test that is missing, or a change without effect. mutmut makes and runs
them, in a copy of the repository that is removed again.

Modules are named by their path below the repository, such as ``markets/battery_exchange.py``.
Without names, ``--sample`` modules of markets, environment and agents are drawn by ``--seed``.
Tests are those whose file names the module, or a name that it defines; ``--tests`` gives others.
With ``--json FILE`` it writes the figures. The exit status is 1 where a mutant survived.
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

ROOT = Path(__file__).parents[1]
ROOMS = ("markets", "environment", "agents")
CAUGHT = ("killed", "timeout", "segfault", "suspicious")
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


def tests_of(modules: Sequence[str]) -> list[str]:
    """Return the files of tests that name a module, or a function or class that it defines."""
    words = set[str]()
    for module in modules:
        tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
        words.add(module.removesuffix(".py").replace("/", "."))
        words |= {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        }
    named = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, words)))})\b")
    return [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        if named.search(path.read_text(encoding="utf-8"))
    ]


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


def statuses(folder: Path, modules: Sequence[str]) -> dict[str, str]:
    """Return how each mutant fared, by its name."""
    from mutmut.stats import status_by_exit_code

    found = {}
    for module in modules:
        meta = folder / "mutants" / "hmesh" / f"{module}.meta"
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: str(status_by_exit_code[code]) for name, code in codes.items()}
    return found


def run(modules: Sequence[str], tests: Sequence[str], workers: int) -> tuple[dict[str, str], str]:
    """Make and run all mutants of some modules; return their fates, and the survivors' changes."""
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
            done = subprocess.run(
                [*mutmut, "run", "--max-children", str(workers)],
                cwd=folder, env=environment, stdout=log, stderr=log, check=False,
            )  # fmt: skip
        if done.returncode:
            said = (folder / "mutmut.log").read_text(encoding="utf-8").replace("\r", "\n")
            raise SystemExit("\n".join(said.splitlines()[-30:]))
        found = statuses(folder, modules)
        changes = [
            subprocess.run(
                [*mutmut, "show", mutant],
                cwd=folder, env=environment, capture_output=True, text=True, check=True,
            ).stdout
            for mutant, status in found.items()
            if status == "survived"
        ]  # fmt: skip
    return found, "\n".join(changes)


def main() -> int:
    """Run mutants, print the share that tests catch and what survives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else "")
    parser.add_argument("modules", nargs="*", help="such as markets/battery_exchange.py")
    parser.add_argument("--tests", nargs="*", help="files of tests in place of the nearest ones")
    parser.add_argument("--sample", type=int, default=5, help="how many modules are drawn")
    parser.add_argument("--seed", type=int, default=1, help="of the modules that are drawn")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    modules = given.modules or drawn(given.sample, given.seed)
    tests = given.tests or tests_of(modules)
    if missing := [module for module in modules if not (ROOT / module).is_file()]:
        parser.error(f"no such module: {', '.join(missing)}")
    if not tests:
        parser.error(f"no test names {', '.join(modules)}; give some with --tests")
    print(f"mutants of {', '.join(modules)}, by {len(tests)} files of tests", flush=True)
    found, changes = run(modules, tests, given.workers)
    counts = Counter(found.values())
    tried = sum(counts[status] for status in (*CAUGHT, "survived"))
    caught = tried - counts["survived"]
    print(changes)
    print(", ".join(f"{number} {status}" for status, number in counts.most_common()))
    share = caught / max(tried, 1)
    print(f"{caught} of {tried} mutants that a test runs through are caught, {share:.1%}")
    if given.json:
        figures = {"modules": modules, "tests": tests, "caught": caught, "tried": tried, **counts}
        given.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if counts["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
