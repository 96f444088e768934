"""Note which functions each quick test runs through, and how long it takes.

Python reports the first time that a test enters a function (`sys.monitoring`), so that notes cost
little. A fixture that several tests share runs in the first of them and counts for all.
"""

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from warm_tests import WarmTests

ROOMS = ("agents", "environment", "markets", "runs")
TOOL = sys.monitoring.PROFILER_ID


class Notes:
    """Plugin of pytest that notes functions by test.

    Parameters
    ----------
    root : Path
        Of the checkout.
    path : Path
        File that is written.
    """

    def __init__(self, root: Path, path: Path) -> None:
        self.root, self.path = root, path
        self._starts = tuple(
            f"{root}/{within}{room}/" for within in ("", "hmesh/") for room in ROOMS
        )
        self._entered = set[str]()
        self._of_fixtures: dict[str, set[str]] = {}
        self._tests: dict[str, dict[str, Any]] = {}
        self._names: dict[CodeType, str] = {}

    def begin(self) -> None:
        """Ask Python to report functions that are entered."""
        sys.monitoring.use_tool_id(TOOL, "hmesh tests")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.PY_START, self._enter)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.PY_START)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if not self._tests:
            self.begin()
        self._entered = set()
        sys.monitoring.restart_events()
        since = time.process_time()
        result = yield
        note = self._tests.setdefault(item.nodeid, {"failed": False})
        note["seconds"] = round(time.process_time() - since, 4)
        note["functions"] = self._entered | note.get("functions", set())
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        result = yield
        fixtures = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009
        shared = [name for name, found in fixtures.items() if found[-1].scope != "function"]
        entered = set(self._entered)
        note = self._tests.setdefault(item.nodeid, {"failed": False})
        note["functions"] = set(entered)
        for name in shared:
            note["functions"] |= self._of_fixtures.setdefault(name, entered)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.skipped:
            self._tests.setdefault(report.nodeid, {"failed": True})["failed"] = True

    def finish(self) -> None:
        """Write what was noted."""
        sys.monitoring.set_events(TOOL, 0)
        sys.monitoring.free_tool_id(TOOL)
        table = sorted(set().union(*(note.get("functions", ()) for note in self._tests.values())))
        at = {name: index for index, name in enumerate(table)}
        tests = {
            name: {
                "seconds": note.get("seconds", 0.0),
                "functions": sorted(at[each] for each in note.get("functions", ())),
            }
            for name, note in self._tests.items()
            if not note["failed"]
        }
        modules = sorted({name.partition("::")[0] for name in table})
        digests = {module: digest(self.root / module) for module in modules}
        found = {"modules": digests, "functions": table, "tests": tests}
        self.path.write_text(json.dumps(found), encoding="utf-8")

    def _enter(self, code: CodeType, _: int) -> object:
        name = self._names.get(code)
        if name is None:
            self._names[code] = name = self._named(code)
        if name:
            self._entered.add(name)
        return sys.monitoring.DISABLE

    def _named(self, code: CodeType) -> str:
        """Return the name of the function or method around some code, "" outside the rooms."""
        if not code.co_filename.startswith(self._starts):
            return ""
        within = code.co_filename.removeprefix(f"{self.root}/").removeprefix("hmesh/")
        return f"{within}::{code.co_qualname.partition('.<locals>')[0]}"


class Noted:
    """What is noted of all quick tests, kept in a folder.

    Parameters
    ----------
    warm : WarmTests
        Runs tests.
    folder : Path
        Of notes.
    """

    def __init__(self, warm: WarmTests, folder: Path) -> None:
        self.warm, self.folder = warm, folder
        folder.mkdir(parents=True, exist_ok=True)

    def of(self, modules: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return which tests run through which functions, and how long they take [s].

        Notes are made where there are none, and again where a file of tests or one of the modules
        that it runs through has changed.

        Parameters
        ----------
        modules : sequence of str
            Whose functions are asked for.
        """
        root = self.warm.root
        digests = {module: digest(root / module) for module in modules}
        of_files: dict[str, list[str]] = {}
        for test in self.warm.items:
            of_files.setdefault(test.partition("::")[0], []).append(test)
        found: dict[str, dict[str, float]] = {}
        for name, tests in of_files.items():
            kept = self.folder / f"{Path(name).stem}.json"
            noted = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
            if noted.get("file") != digest(root / name) or any(
                digests.get(module, of_note) != of_note
                for module, of_note in noted["modules"].items()
            ):
                noted = self._note(name, tests, kept)
            table = noted["functions"]
            for test, note in noted["tests"].items():
                for at in note["functions"] if test in self.warm.items else ():
                    found.setdefault(table[at], {})[test] = note["seconds"]
        return found

    def _note(self, name: str, tests: Sequence[str], kept: Path) -> dict[str, Any]:
        """Run the tests of a file, and note what they run through."""
        kept.unlink(missing_ok=True)
        self.warm.run(tests, [Notes(self.warm.root, kept)], stop=False)
        empty = {"modules": {}, "functions": [], "tests": {}}
        noted = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else empty
        noted["file"] = digest(self.warm.root / name)
        kept.write_text(json.dumps(noted), encoding="utf-8")
        print(f"noted {len(noted['tests'])} of {len(tests)} tests of {name}", flush=True)
        return noted


def digest(path: Path) -> str:
    """Return what a file holds, in sixteen digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
