"""Who may ask the live view, and what a browser may set: the server trusts no page but its own.

A page of another site, open in the same browser, reaches a server on this machine as well. It gives
itself away by the headers that browsers set and scripts cannot: `Host` names the site where a name
was rebound to this machine, `Origin` the page that sends.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from importlib import import_module
from typing import Any

from hmesh.environment.errors import Problem
from hmesh.runs.live.parameters import check_slider

type _Scope = MutableMapping[str, Any]
type _Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type _Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type _Application = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

# What this machine calls itself; a tunnel may end at any port of it.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_READING = frozenset({"GET", "HEAD"})
_REFUSED = 403
_POLICY_VIOLATION = 1008


class LocalPagesOnly:
    """An ASGI application that serves another one to pages of this machine's own server alone.

    Parameters
    ----------
    application : callable
        What is served.
    """

    def __init__(self, application: _Application) -> None:
        self._application = application

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve a request, or refuse it before anything is read of it."""
        kind = scope["type"]
        why = ""
        if kind in ("http", "websocket"):
            asks = kind == "http" and scope["method"] in _READING
            why = why_refused(scope["headers"], needs_origin=not asks)
        if not why:
            await self._application(scope, receive, send)
        elif kind == "websocket":
            # Closed before it is accepted: the browser gets status 403.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": why})
        else:
            body = f"{why}\n".encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": _REFUSED, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def why_refused(headers: Iterable[tuple[bytes, bytes]], *, needs_origin: bool) -> str:
    """Return why a request is refused.

    Parameters
    ----------
    headers : iterable of (bytes, bytes)
        Names in lower case and values, as ASGI gives them.
    needs_origin : bool
        Whether a browser always names the origin, as for websockets and for what changes anything.

    Returns
    -------
    str
        The reason; "" where the request comes from this machine and from a page of the same server.
    """
    given = [(name, value.decode("latin-1").strip().lower()) for name, value in headers]
    hosts = [value for name, value in given if name == b"host"]
    origins = [value for name, value in given if name == b"origin"]
    if len(hosts) != 1 or _name_of(hosts[0]) not in LOOPBACK:
        return (
            f"hMESH live answers on this machine alone: Host is {_reported(hosts)} "
            f"(allowed: {', '.join(sorted(LOOPBACK))}, with any port)"
        )
    if not origins and not needs_origin:
        return ""
    own = (f"http://{hosts[0]}", f"https://{hosts[0]}")
    if len(origins) != 1 or origins[0] not in own:
        return (
            f"hMESH live answers to its own page alone: Origin is {_reported(origins)} "
            f"(allowed: {own[0]})"
        )
    return ""


def _name_of(host: str) -> str:
    """Return a host without its port; "" where the port is no number."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host
    return name if port.isdecimal() else ""


def _reported(values: list[str]) -> str:
    return ", ".join(value[:80] or "empty" for value in values) or "missing"


def hold_sliders(report: Callable[[list[str]], None]) -> None:
    """Let no browser set a slider outside of its range, nor change anything else of it.

    The values that a browser sends come from the page, or from any program that speaks its
    protocol. This holds for the sliders of Mesa's viewer, too.

    Parameters
    ----------
    report : callable
        Called with what is wrong whenever a browser sets a slider; with nothing where it is right.
    """
    # Its classes are generated when it is imported, and unknown to type checkers.
    widgets: Any = import_module("ipyvuetify")
    take_over = widgets.VuetifyWidget.set_state

    def set_state(slider: Any, sent: Mapping[str, Any]) -> None:
        wrong = [
            Problem(slider.label, f"a page may not set {name!r}", "v_model")
            for name in sent
            if name != "v_model"
        ]
        if "v_model" in sent:
            whole, value = isinstance(slider.v_model, int), sent["v_model"]
            found = check_slider(slider.label, value, slider.min, slider.max, whole=whole)
            wrong += [found] if found else []
        report([str(problem) for problem in wrong])
        if not wrong:
            take_over(slider, sent)
        else:
            # The page shows again what holds.
            slider.send_state(list(sent))

    widgets.Slider.set_state = set_state
