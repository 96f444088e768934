"""Collect tests once, and run some of them as often as needed, each time in a copy of the process.

A process of its own needs seconds of imports before its first test. This one imports everything
once, and splits itself for each call, so that nothing that tests or a changed function leave behind
reaches the next call.
"""

import ast
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from _pytest.main import pytest_runtestloop

# What tests may need at most in their address space, so that no mutant fills the machine.
MEMORY = 16 * 2**30
OPTIONS = (
    "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header",
    "--no-summary",
)  # fmt: skip
NOT_REPLACED = 71
IN_TIME_OUT = (-signal.SIGXCPU, -signal.SIGKILL)


class WarmTests:
    """The quick tests of some files, once they are collected.

    Parameters
    ----------
    root : Path
        Of the checkout.
    scratch : Path
        Folder for what tests write.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self.scratch = root, scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self.items: dict[str, pytest.Item] = {}
        self._body: Callable[[], None] = lambda: None
        self._session: pytest.Session | None = None

    def collect(self, files: Sequence[str], body: Callable[[], None]) -> None:
        """Collect tests, and call what runs them.

        Parameters
        ----------
        files : sequence of str
            Of tests.
        body : callable
            What is called once, with all tests at hand.

        Raises
        ------
        SystemExit
            When tests cannot be collected.
        """
        self._body = body
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        sys.path.insert(0, str(self.root))
        options = [
            *OPTIONS,
            "--no-header",
            "--no-summary",
            "--basetemp",
            str(self.scratch / "base"),
        ]
        code = pytest.main([*options, *files], plugins=[self])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise SystemExit(f"tests cannot be collected: {code!r}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Give control to what runs tests, in place of running them all."""
        self._session = session
        self.items = {item.nodeid: item for item in session.items}
        capture: Any = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            self._body()
        return True

    def run(
        self,
        tests: Sequence[str],
        plugins: Iterable[Any] = (),
        *,
        change: tuple[str, str] | None = None,
        limit_s: float = 3600.0,
        stop: bool = True,
    ) -> tuple[int, str]:
        """Run tests up to the first that fails.

        Parameters
        ----------
        tests : sequence of str
            By their names.
        plugins : iterable, optional
            Plugins of pytest.
        change : (str, str), optional
            A function, as ``module:name``, and the text of its module that it is taken from.
        limit_s : float, optional
            After which processor time they are ended, and after twenty times as long on the clock.
        stop : bool, optional
            Whether the first that fails ends them.

        Returns
        -------
        int
            0 where all passed, negative where a signal ended them.
        str
            The first that failed, "" where that is unknown.
        """
        sys.stdout.flush()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._run_here(tests, plugins, change, limit_s, stop, writing)
        os.close(writing)
        ends = time.monotonic() + 20.0 * limit_s
        status = None
        while status is None and time.monotonic() < ends:
            ended, found = os.waitpid(child, os.WNOHANG)
            status = os.waitstatus_to_exitcode(found) if ended else None
            time.sleep(0.01)
        if status is None:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = -signal.SIGKILL
        with os.fdopen(reading, encoding="utf-8") as said:
            first = said.read().partition("\n")[0]
        return status, first

    def _run_here(
        self,
        tests: Sequence[str],
        plugins: Iterable[Any],
        change: tuple[str, str] | None,
        limit_s: float,
        stop: bool,
        writing: int,
    ) -> None:
        """Run tests in this process, and end it."""
        status = 70
        try:
            os.setsid()
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            seconds = int(limit_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            session: Any = self._session
            if change is not None:
                replace_function(*change)
            manager = session.config.pluginmanager
            for plugin in (*plugins, FirstFailed(writing)):
                manager.register(plugin)
            session.config.option.maxfail = 1 if stop else 0
            session.items = [self.items[test] for test in tests]
            session.testscollected = len(session.items)
            manager.unregister(self)
            # Points and letters of tests belong to no one here.
            manager.getplugin("terminalreporter")._tw._file = open(os.devnull, "w")  # noqa: SIM115
            try:
                capture: Any = manager.getplugin("capturemanager")
                capture.resume_global_capture()
                pytest_runtestloop(session)
            except (session.Failed, session.Interrupted):
                pass
            for plugin in plugins:
                plugin.finish()
            status = 1 if session.testsfailed else 0
        except NotReplaced:
            status = NOT_REPLACED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)


class FirstFailed:
    """Plugin of pytest that passes on which test failed first.

    Parameters
    ----------
    writing : int
        Where to.
    """

    def __init__(self, writing: int) -> None:
        self._writing = writing

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self._writing, f"{report.nodeid}\n".encode())


class NotReplaced(Exception):
    """Says that a function cannot be replaced while it is there."""


def replace_function(function: str, text: str) -> None:
    """Let a function, wherever it is known already, do something else.

    Parameters
    ----------
    function : str
        As ``module:name``, or ``module:Class.name``.
    text : str
        What its module holds in place of its own text.
    """
    module, _, name = function.partition(":")
    found: Any = importlib.import_module(module)
    code = compile(text, found.__file__, "exec", dont_inherit=True)
    body = ast.parse(text).body
    for part in name.split("."):
        found = vars(found)[part]
        code = next(each for each in code.co_consts if getattr(each, "co_name", None) == part)
        node = next(each for each in body if getattr(each, "name", None) == part)
        body = node.body
    plain = getattr(found, "__func__", found)
    if not isinstance(plain, FunctionType) or len(code.co_freevars) != len(
        plain.__code__.co_freevars
    ):
        raise NotReplaced(function)
    plain.__code__ = code
    if plain.__defaults__ is not None:
        plain.__defaults__ = tuple(
            value_of(each, plain, old)
            for each, old in zip(node.args.defaults, plain.__defaults__, strict=True)
        )
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if default is not None:
            named = plain.__kwdefaults__
            named[argument.arg] = value_of(default, plain, named[argument.arg])


def value_of(default: ast.expr, function: FunctionType, old: object) -> object:
    """Return what a default of an argument is, where it is a constant."""
    try:
        value = ast.literal_eval(default)
    except ValueError:
        return old
    return value
