"""Change the rules a little, one place at a time, and see whether the quick tests notice.

A mutant is a function with one small change: another comparison, another number, an argument left
out. The quick tests that run through the function should fail. Mutants that survive are printed
with their change: each is a test that is missing, or a change without effect. mutmut makes them;
they are imported in place of the module, whose file stays as it is.

Modules are named by their path below the repository, such as ``markets/battery_exchange.py``,
or by the folder that they lie in; ``steps`` are the steps of all schemes and what they call in the
folder of their scheme. Without names, ``--sample`` modules of markets, environment and agents are
drawn by ``--seed``. ``--each N`` tries N mutants of each module, ``--draw N`` N of the mutants of
all modules together, drawn by the same seed, in place of all; ``--only NAME`` names them.

Tests are all quick ones that run through the function, which is noted once for each file of tests.
Quick files that name the module come first; a mutant is done with the first test that fails.
``--longest S`` leaves out what takes longer, and ``--no-runs`` tests that simulate, so that the
share is a lower bound; ``--tests`` gives other files. A test that notices a mutant is run once
without it, so that none counts that fails on its own.

Notes and fates are kept in ``results/mutants``. What was caught stays so until the mutant or the
file of the test changes, and a survivor meets only tests that it has not met, so that a call that
was interrupted goes on, and one after new tests is quick.

A mutant that no test runs through has survived. The share of a drawn sample is stated with the
interval that holds the share of all mutants with a probability of 95 % (Wilson).

Survivors that change nothing are kept in ``equivalent_mutants.yaml`` with the reason, and are not
printed again. With ``--json FILE`` it writes the figures. The exit status is 1 where another mutant
survived.
"""

import argparse
import ast
import hashlib
import json
import math
import os
import random
import re
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from mutant_sources import change_of, function_of, module_of, mutant_names, mutated
from noted_tests import Noted, digest
from warm_tests import IN_TIME_OUT, NOT_REPLACED, WarmTests

ROOT = Path(__file__).parents[1]
ROOMS = ("markets", "environment", "agents")
SCHEMES = "runs/schemes"
# What a scheme settles before its first step, and what only reads a run.
NOT_OF_STEPS = ("section", "setting", "scheme", "size", "sources", "tables", "words")
NOTICED_BY_NO_TEST = ("survived", "no tests", "not all tests")
KEPT = ROOT / "results" / "mutants"
EQUIVALENT = Path(__file__).parent / "equivalent_mutants.yaml"
# What simulates a world or a part of one, for which no rule alone is at fault.
RUNS = re.compile(
    r"\b(?:start_run|run_with|audit_run|Simulation|make_setting|load_scenario|run_study|CliRunner"
    r"|Browser|subprocess)\b"
)


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


def tests_of(modules: Sequence[str]) -> list[str]:
    """Return the files of tests that name a module, or a function or class that it defines."""
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
    return [name for name, text in texts_of_tests().items() if wanted.search(text)]


def quick_files(*, runs: bool) -> list[str]:
    """Return the files of tests, with those that simulate or without."""
    return [name for name, text in texts_of_tests().items() if runs or not RUNS.search(text)]


@cache
def texts_of_tests() -> dict[str, str]:
    """Return what the files of tests hold."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "tests").glob("test_*.py"))
    }


def interval(caught: int, tried: int) -> tuple[float, float]:
    """Return between what the share of all mutants lies, with a probability of 95 % (Wilson)."""
    if not tried:
        return 0.0, 1.0
    z, share = 1.959964, caught / tried
    middle = share + z * z / (2 * tried)
    half = z * math.sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    below = 1 + z * z / tried
    return (middle - half) / below, (middle + half) / below


class Judge:
    """Runs mutants against quick tests, and keeps how they fare.

    Parameters
    ----------
    warm : WarmTests
        Tests that are collected.
    modules : sequence of str
        Whose mutants are tried.
    folder : Path
        Where notes and fates are kept.
    longest_s : float
        How long the tests of a mutant may take together [s], as they were noted.
    """

    def __init__(
        self, warm: WarmTests, modules: Sequence[str], folder: Path, longest_s: float
    ) -> None:
        self.longest_s = longest_s
        self.warm = warm
        self.through = Noted(warm, folder / "notes").of(modules)
        self.digests = {name: digest(ROOT / name) for name in {*map(file_of, warm.items)}}
        self.naming = {module: set(tests_of([module])) for module in modules}
        self._sound: dict[str, bool] = {}
        self._kept = folder / "fates"
        self._kept.mkdir(parents=True, exist_ok=True)

    def fate(self, mutant: str) -> dict[str, Any]:
        """Return how a mutant fares, from what is kept where that is enough."""
        text = mutated(ROOT, mutant)
        made = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self._kept / f"{hashlib.sha256(mutant.encode()).hexdigest()[:16]}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if kept.get("made") != made:
            kept = {"mutant": mutant, "made": made, "tried": {}}
        by = kept.get("by")
        if by is not None and self.digests.get(file_of(by), kept["file"]) == kept["file"]:
            return kept
        fate = self._judged(mutant, text, kept)
        path.write_text(json.dumps(fate, indent=1), encoding="utf-8")
        return fate

    def _judged(self, mutant: str, text: str, kept: dict[str, Any]) -> dict[str, Any]:
        """Run tests until one notices a mutant."""
        module = module_of(mutant)
        fate = {name: kept[name] for name in ("mutant", "made")}
        tried = {
            test: of_file for test, of_file in kept["tried"].items()
            if self.digests.get(file_of(test), of_file) == of_file
        }  # fmt: skip
        function = function_of(mutant)
        tests = self.through.get(function, {})
        name = f"hmesh.{function.replace('.py::', ':').replace('/', '.')}"
        left = {test: seconds for test, seconds in tests.items() if test not in tried}
        status = "survived" if tests or tried else "no tests"
        for batch in batches(left, self.naming[module], self.longest_s):
            limit_s = 20.0 + 6.0 * sum(left[test] for test in batch)
            code, by = self.warm.run(batch, change=(name, text), limit_s=limit_s)
            if code == NOT_REPLACED:
                return fate | {"status": "not tried", "tried": {}}
            if code and not self._is_sound(by):
                # It says nothing of the mutant.
                met = tried | {by: self.digests[file_of(by)]}
                return self._judged(mutant, text, kept | {"tried": met})
            if code:
                by = by or batch[0]
                status = "timeout" if code in IN_TIME_OUT else "killed"
                of_file = self.digests[file_of(by)]
                return fate | {"status": status, "by": by, "file": of_file}
            tried |= {test: self.digests[file_of(test)] for test in batch}
        if set(tests) - set(tried):
            status = "not all tests"
        return fate | {"status": status, "tried": tried}

    def _is_sound(self, test: str) -> bool:
        """Return whether a test that noticed a mutant passes without it, where it is known."""
        if test and test not in self._sound:
            self._sound[test] = self.warm.run([test])[0] == 0
        return self._sound.get(test, True)


def batches(
    seconds: Mapping[str, float], naming: Collection[str], longest_s: float
) -> Iterator[list[str]]:
    """Yield tests in groups that run together: few quick ones first, those of a file side by side.

    Parameters
    ----------
    seconds : mapping of float
        How long each test takes.
    naming : collection of str
        Files that name what is tested, which go first among those that take about as long.
    longest_s : float
        How long all may take together.
    """
    files: dict[str, list[str]] = {}
    for test in sorted(seconds, key=lambda test: seconds[test]):
        files.setdefault(file_of(test), []).append(test)
    total = {name: sum(seconds[test] for test in tests) for name, tests in files.items()}
    ordered = sorted(files, key=lambda name: (total[name] + 0.3) * (0.1 if name in naming else 1.0))
    batch, of_batch, before, most = list[str](), 0.0, 0.0, 3.0
    for name in ordered:
        for test in files[name]:
            if before + of_batch + seconds[test] > longest_s:
                continue
            if batch and of_batch + seconds[test] > most:
                yield batch
                batch, before, of_batch, most = [], before + of_batch, 0.0, 4.0 * most
            batch.append(test)
            of_batch += seconds[test]
    if batch:
        yield batch


def file_of(test: str) -> str:
    """Return the file of a test."""
    return test.partition("::")[0]


def kept_names(module: str, folder: Path) -> list[str]:
    """Return the names of all mutants of a module, which are found once for its text."""
    path = folder / "names" / f"{module.replace('/', '.')}-{digest(ROOT / module)}.txt"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(mutant_names(ROOT, module)), encoding="utf-8")
    return path.read_text(encoding="utf-8").split()


def chosen_mutants(modules: Sequence[str], given: argparse.Namespace) -> list[str]:
    """Return the mutants that are asked for."""
    names = {module: kept_names(module, given.kept) for module in modules}
    everything = sorted(name for found in names.values() for name in found)
    if given.only:
        there = set(everything)
        return [name for name in given.only if name in there]
    if given.draw is not None:
        print(f"{min(given.draw, len(everything))} of {len(everything)} mutants", flush=True)
        drawn = random.Random(given.seed).sample(everything, min(given.draw, len(everything)))
        # One after the other in a module, which is then read once.
        return sorted(drawn)
    if given.each is not None:
        return [
            name
            for module, found in names.items()
            for name in random.Random(f"{given.seed}/{module}").sample(
                sorted(found), min(given.each, len(found))
            )
        ]
    return everything


def without_effect(mutant: str, change: str) -> bool:
    """Return whether the kept list explains why a change makes no difference."""
    lines = [line for line in change.splitlines() if not line.startswith(("---", "+++", "#"))]
    made = {
        sign: "\n".join(line[1:].strip() for line in lines if line.startswith(sign))
        for sign in "-+"
    }
    kept = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    return any(
        same(made, each["everywhere"])
        if "everywhere" in each
        else mutant.startswith(f"hmesh.{each['module']}.")
        and made["-"] == each["before"].strip()
        and made["+"] in (text.strip() for text in each["after"])
        for each in kept
    )


def same(made: Mapping[str, str], pattern: str) -> bool:
    """Return whether the lines before and after a change are the same but for a pattern."""
    before, after = (re.sub(pattern, "", made[sign]) for sign in "-+")
    return re.sub(r",\s*\)", ")", before) == re.sub(r",\s*\)", ")", after)


def main() -> int:
    """Run mutants, print the share that tests catch and what survives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else "")
    parser.add_argument(
        "modules", nargs="*", help="such as markets/battery_exchange.py, or markets"
    )
    parser.add_argument("--tests", nargs="*", help="files of tests in place of all quick ones")
    parser.add_argument("--sample", type=int, default=5, help="how many modules are drawn")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--each", type=int, help="how many mutants of each module are drawn")
    parser.add_argument("--draw", type=int, help="how many mutants of all modules are drawn")
    parser.add_argument("--only", nargs="*", help="mutants by name")
    parser.add_argument("--no-runs", action="store_true", help="leave out tests that simulate")
    parser.add_argument("--longest", type=float, default=300.0, help="seconds of tests of a mutant")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of notes and fates")
    given = parser.parse_args()
    modules = named(given.modules) or drawn(given.sample, given.seed)
    if missing := [module for module in modules if not (ROOT / module).is_file()]:
        parser.error(f"no such module: {', '.join(missing)}")
    print(f"mutants of {', '.join(given.modules or modules)}", flush=True)
    chosen = chosen_mutants(modules, given)
    touched = sorted({module_of(mutant) for mutant in chosen})
    files = given.tests or quick_files(runs=not given.no_runs)
    found = dict[str, dict[str, Any]]()
    warm = WarmTests(ROOT, given.kept.resolve() / f"scratch-{os.getpid()}")

    def judged() -> None:
        judge = Judge(warm, touched, given.kept.resolve(), given.longest)
        for mutant in chosen:
            found[mutant] = fate = judge.fate(mutant)
            print(f"{fate['status']}: {mutant}", fate.get("by", ""), flush=True)

    warm.collect(files, judged)
    shutil.rmtree(warm.scratch, ignore_errors=True)
    changes = {
        mutant: change_of(ROOT, mutant)
        for mutant, fate in found.items()
        if fate["status"] in NOTICED_BY_NO_TEST
    }
    explained = {name for name, change in changes.items() if without_effect(name, change)}
    counts = Counter(fate["status"] for fate in found.values())
    tried = len(found) - counts["not tried"]
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
            "modules": given.modules or modules, "seed": given.seed,
            "caught": caught, "tried": tried, "without_effect": len(explained),
            "interval": [low, high], "survived": sorted(set(changes) - explained),
            "counts": counts,
        }  # fmt: skip
        given.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if len(changes) > len(explained) else 0


if __name__ == "__main__":
    sys.exit(main())
