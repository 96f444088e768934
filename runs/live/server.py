"""The server of the live view, on this machine alone."""

import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.live.source import Source

HOST = "localhost"
# A busy machine takes its time.
STARTS_WITHIN_S = 60.0
NEEDED = ("solara", "solara-assets", "altair")
INSTALL = "pip install 'hmesh[live]'"


def refuse_without_extra() -> None:
    """Refuse where the libraries of the viewer are not installed.

    Raises
    ------
    InputError
        With what to install.
    """
    missing = [name for name in NEEDED if not _installed(name)]
    if missing:
        text = f"needs {', '.join(missing)}; install hMESH with its extra: {INSTALL}"
        raise InputError([Problem("hmesh live", text)])


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def make_server(source: Source, port: int = 0) -> Any:
    """Return the server of a scenario's page, not yet serving.

    Parameters
    ----------
    source : Source
        What is watched.
    port : int, optional
        Where it answers; any free one for 0.

    Returns
    -------
    solara.server.starlette.ServerStarlette
        A thread with ``serve``, ``serve_threaded``, ``wait_until_serving``, ``stop_serving`` and
        ``base_url``.
    """
    from solara.server import app, settings

    # No usage statistics are sent when somebody looks at a simulation.
    settings.telemetry.mixpanel_enable = False
    settings.main.mode = "production"
    settings.theme.show_banner = False
    settings.theme.title = f"hMESH: {source.scenario.name}"

    from solara.server.starlette import ServerStarlette

    from hmesh.runs.live import page
    from hmesh.runs.live.guard import LocalPagesOnly, hold_sliders

    page.show(source)
    hold_sliders(page.refuse)
    if "__default__" in app.apps:
        app.apps["__default__"].close()
    app.apps["__default__"] = app.AppScript(f"{page.__name__}:Page")
    server = ServerStarlette(port=port, host=HOST, log_level="critical")
    server.app = LocalPagesOnly(server.app)
    return server


def watch(source: Source, port: int, *, open_browser: bool, report: Callable[[str], None]) -> None:
    """Serve the page of a scenario until interrupted.

    Parameters
    ----------
    source : Source
        What is watched.
    port : int
        Where the server answers; any free one for 0.
    open_browser : bool
        Whether to open the page.
    report : callable
        Stated where the page is, once it answers.

    Raises
    ------
    InputError
        If somebody else answers at the port.
    """
    refuse_used(port)
    server = make_server(source, port)
    with suppress(KeyboardInterrupt):
        server.serve_threaded()
        server.wait_until_serving(STARTS_WITHIN_S)
        report(f"{server.base_url} shows {source.scenario.name}; Ctrl-C ends it")
        sys.stdout.flush()
        if open_browser:
            webbrowser.open(server.base_url)
        server.stopped.wait()
    # One that has not begun to serve ends with the process.
    if server.started.is_set() and server.has_started():
        server.stop_serving()


def refuse_used(port: int) -> None:
    """Refuse a port at which somebody else answers."""
    if port == 0:
        return
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            text = f"{port} is in use"
            raise InputError([Problem("--port", text, "another port, or 0 for any")]) from None
