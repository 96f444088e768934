"""A client of the live view that speaks its protocol itself, and so can send what no page would."""

import json
import time
import uuid
from typing import Any, Self

from websockets.sync.client import connect

WITHIN_S = 300.0
# How long it listens before it looks again whether the condition holds.
PAUSE_S = 1.0


def forget_earlier_pages() -> None:
    """Forget pages of a server that this process had before.

    Solara knows a page by the number of a thread. A new server or page whose thread has the number
    of an old one would take that one's page for its own, and refuse to start.
    """
    from solara.server import kernel_context

    kernel_context.current_context.clear()


def make_page_ready() -> None:
    """Make the page of a new server, here where no page of an earlier one can be in the way.

    The thread of the server makes it as well when it begins. If that thread still has the page of
    an earlier server, it cannot, and would then leave it to the first one who asks.
    """
    from solara.server import app

    app.apps["__default__"].init()


class LiveClient:
    """A window of the live view without a browser.

    Parameters
    ----------
    url
        Where the page is.
    """

    def __init__(self, url: str) -> None:
        forget_earlier_pages()
        kernel, session = uuid.uuid4(), uuid.uuid4()
        address = url.replace("http:", "ws:")
        self._connection = connect(
            f"{address}/jupyter/api/kernels/{kernel}/channels?session_id={session}",
            origin=url, max_size=None, open_timeout=WITHIN_S, close_timeout=WITHIN_S,
        )  # fmt: skip
        self.widgets: dict[str, dict[str, Any]] = {}
        self._ready = False

    def __enter__(self) -> Self:
        self._socket = self._connection.__enter__()
        control = uuid.uuid4().hex
        self._send("comm_open", control, target_name="solara.control")
        self._send("comm_msg", control, {"method": "run", "args": {"path": ""}})
        self.wait_for(lambda: self._ready)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__(None, None, None)

    def slider(self, label: str) -> str:
        """Return the slider with a label."""
        return next(
            key
            for key, state in self.widgets.items()
            if state.get("_model_name") == "SliderModel" and state["label"] == label
        )

    def buttons(self, text: str) -> list[str]:
        """Return the buttons with a text."""
        return [
            key
            for key, state in self.widgets.items()
            if state.get("_model_name") == "BtnModel" and text in state.get("children", ())
        ]

    def texts(self) -> str:
        """Return all that stands in the cards, in HTML."""
        return " ".join(
            state["unsafe_innerHTML"]
            for state in self.widgets.values()
            if "hmesh-card" in str(state.get("attributes"))
        )

    def value(self, label: str) -> Any:
        """Return the place of a slider, as the server has it."""
        return self.widgets[self.slider(label)]["v_model"]

    def set(self, widget: str, **state: Any) -> None:
        """Set the state of a widget as a browser does."""
        self._send("comm_msg", widget, {"method": "update", "state": state, "buffer_paths": []})

    def click(self, text: str) -> None:
        """Press a button."""
        [button] = self.buttons(text)
        event = {"event": "click", "data": {}}
        self._send("comm_msg", button, {"method": "custom", "content": event})

    def wait_for(self, reached: Any) -> None:
        """Read what the server sends until a condition holds."""
        until = time.monotonic() + WITHIN_S
        while not reached():
            assert time.monotonic() < until, self.texts()
            try:
                sent = json.loads(self._socket.recv(timeout=PAUSE_S))
            except TimeoutError:
                continue
            content = sent["content"]
            data = content.get("data", {})
            self._ready |= data.get("method") == "finished"
            state = data.get("state", {})
            if sent["msg_type"] in ("comm_open", "comm_msg"):
                self.widgets.setdefault(content["comm_id"], {}).update(state)
            elif sent["msg_type"] == "comm_close":
                self.widgets.pop(content["comm_id"], None)

    def _send(self, kind: str, widget: str, data: Any = None, **more: Any) -> None:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "", "username": ""}
        content = {"comm_id": widget, "data": data or {}, **more}
        self._socket.send(json.dumps({
            "header": header, "parent_header": {}, "metadata": {}, "channel": "shell",
            "content": content, "buffers": [],
        }))  # fmt: skip
