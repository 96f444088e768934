import multiprocessing
import os
import re
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.browsers import CHROMIUM, PATIENCE_MS

if TYPE_CHECKING:
    from hmesh.environment.errors import Problem

# How long one example takes says more about a busy machine than about the code. `make test` tries
# the same examples every time and everywhere, whether CI is set or not; `make test-all` draws new
# ones, a hundred for each test, and prints how to draw a failing one again.
settings.register_profile("same", deadline=None, derandomize=True, database=None, max_examples=40)
settings.register_profile("drawn", deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HMESH_EXAMPLES", "same"))

BESIDE = Path(__file__).resolve().parents[1].parent / "shared"
SHARED = Path(os.environ.get("HMESH_SHARED", BESIDE))
NO_SHARED = f"no shared specifications and data in ../{SHARED.name}; HMESH_SHARED names the folder"


# How many cases of each test have been collected.
CASES: Counter[str] = Counter()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared specifications and data, which stays beside the project."""
    if not SHARED.is_dir():
        pytest.skip(NO_SHARED)
    return SHARED


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a Chromium without a window, for the tests of a module."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def messages_are_whole() -> Iterator[None]:
    """Let every test that meets wrong input check what is said of it.

    Each part of a problem is text, its place names something, and `pytest.raises` finds its words
    in it as whole words.
    """
    from hmesh.environment.errors import InputError

    made, raises = InputError.__init__, pytest.raises

    def checked(error: InputError, problems: "Sequence[Problem]") -> None:
        made(error, problems)
        for problem in error.problems:
            parts = (problem.place, problem.message, problem.allowed, problem.suggestion)
            assert all(isinstance(part, str) for part in parts), parts
            assert problem.message, parts
            assert isinstance(problem.line, int), parts
            assert "None" not in re.findall(r"\w+", problem.place + " " + problem.suggestion), parts

    def in_whole_words(expected: Any, *given: Any, match: Any = None, **more: Any) -> Any:
        if expected is InputError and isinstance(match, str):
            match = rf"(?:(?<!\w)|(?!\w))(?:{match})(?:(?<!\w)|(?!\w))"
        return raises(expected, *given, **({"match": match} if match is not None else {}), **more)

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(InputError, "__init__", checked)
        changed.setattr(pytest, "raises", in_whole_words)
        yield


@pytest.fixture
def plugins_withdrawn() -> Iterator[None]:
    """Withdraw what a test registers, so that no other test knows it."""
    from hmesh.runs.plugins.loading import loaded, unload
    from hmesh.runs.plugins.registered import registering, withdraw

    with registering("") as withdrawals:
        yield
        for name in loaded():
            unload(name)
        withdraw(withdrawals)


@pytest.fixture
def start_method_kept() -> Iterator[None]:
    """Restore how processes are started, which `mesa.batch_run` changes for the whole program."""
    before = multiprocessing.get_start_method(allow_none=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Count the work after which kernels are loaded from zero, whatever tests ran before.

    Without it each worker would compile kernels in whatever test comes after enough others.
    """
    compiled = sys.modules.get("hmesh.environment.compiled")
    if compiled is not None:
        vars(compiled)["_done"] = 0


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave one of n cases of a test that asks for it to the quick tests."""
    every = item.get_closest_marker("quick_every")
    if every is not None:
        number = CASES[item.nodeid.partition("[")[0]]
        CASES[item.nodeid.partition("[")[0]] += 1
        if number % every.args[0]:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests of a file that lack the same thing as one, which says how many they are."""
    lacking: dict[tuple[Path, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        reason = what_is_missing(item)
        if reason:
            lacking[item.path, reason].append(item)
    left_out = {id(item) for group in lacking.values() for item in group[1:]}
    for (_, reason), (first, *others) in lacking.items():
        tests = f"{len(others) + 1} tests" if others else "1 test"
        # Before other marks, so that its reason is the one that is shown.
        first.add_marker(pytest.mark.skip(reason=f"{reason} ({tests} of this file)"), append=False)
    config.hook.pytest_deselected(items=[item for item in items if id(item) in left_out])
    items[:] = [item for item in items if id(item) not in left_out]


def what_is_missing(item: pytest.Item) -> str:
    """Return why a test cannot run here, "" if it can."""
    for mark in item.iter_markers("skipif"):
        if mark.args[0]:
            return str(mark.kwargs["reason"])
    wants_shared = "shared" in getattr(item, "fixturenames", ())
    return NO_SHARED if wants_shared and not SHARED.is_dir() else ""


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two workers, each a separate process."""
    from distributed import LocalCluster

    with warnings.catch_warnings():
        # What the cluster's own sockets warn of while they close is none of ours.
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as made:
            yield made
