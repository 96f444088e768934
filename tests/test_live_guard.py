"""What the live view refuses: pages of other sites, and values that no slider has."""

import asyncio
import html
import http.client
import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from hmesh.environment import InputError
from hmesh.runs.live.guard import why_refused
from hmesh.runs.live.parameters import check_slider
from hmesh.runs.live.source import make_source
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.strategy_names import strategy_label

WITHIN_S = 120.0
needs_viewer = [
    pytest.mark.skipif(find_spec("solara") is None, reason="the extra live is not installed"),
    # Warnings of the viewer's libraries are theirs.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def event_loop_closed() -> Iterator[None]:
    """Give this thread an event loop that is closed: the viewer would leave its own one open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(scope="module")
def url(event_loop_closed: None) -> Iterator[str]:
    pytest.importorskip("solara")
    from hmesh.runs.live.server import make_server
    from tests.live_client import forget_earlier_pages, make_page_ready

    forget_earlier_pages()
    server = make_server(make_source("three-communities", ["vehicles.count=20", "hours=3"]))
    make_page_ready()
    server.serve_threaded()
    server.wait_until_serving(WITHIN_S)
    yield server.base_url
    server.stop_serving()


def ask(
    url: str, *headers: tuple[str, str], path: str = "/", method: str = "GET"
) -> tuple[int, str]:
    """Return the status and the text of the answer to a request with these headers alone."""
    address = url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=WITHIN_S)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.replace("HERE", address))
        connection.endheaders()
        answer = connection.getresponse()
        # A websocket stays open, without an end to read to.
        return answer.status, "" if answer.status == 101 else answer.read().decode()
    finally:
        connection.close()


SOCKET = "/jupyter/api/kernels/2cf5ee9a-29a7-4bf9-8b7b-d3eb2b4c92f4/channels?session_id=a"
UPGRADE = (
    ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)  # fmt: skip
OWN, ELSEWHERE = ("Host", "HERE"), ("Host", "evil.example:80")
FROM_HERE = ("Origin", "http://HERE")
FROM_ELSEWHERE = (
    ("Origin", "http://evil.example"),
    ("Origin", "null"),
    ("Origin", "http://localhost:1"),
    ("Origin", "http://HERE.evil.example"),
)


class TestRequests:
    """Real requests to a real server."""

    pytestmark = needs_viewer

    def test_the_page_is_served_to_this_machine(self, url: str) -> None:
        port = url.rpartition(":")[2]
        for name in ("HERE", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST:9999", "localhost"):
            status, text = ask(url, ("Host", name))
            assert (status, "solara" in text) == (200, True)
        assert ask(url, OWN, FROM_HERE)[0] == 200

    @pytest.mark.parametrize(
        "hosts",
        [(ELSEWHERE,), (("Host", "localhost.evil.example"),), (OWN, ELSEWHERE),
         (("Host", "localhost:80:80"),), (("Host", ""),)],
    )  # fmt: skip
    def test_a_name_rebound_to_this_machine_is_refused(
        self, url: str, hosts: tuple[tuple[str, str], ...]
    ) -> None:
        for path in ("/", "/readyz", "/resourcez"):
            status, text = ask(url, *hosts, path=path)
            # Of two names the server's library refuses itself.
            assert status in (403, 400)
            assert "solara" not in text
        status, _ = ask(url, *hosts, FROM_HERE, *UPGRADE, path=SOCKET)
        assert status in (403, 400)

    @pytest.mark.parametrize("origin", FROM_ELSEWHERE)
    def test_a_page_of_another_site_is_refused(self, url: str, origin: tuple[str, str]) -> None:
        status, text = ask(url, OWN, origin)
        assert status == 403
        assert "Origin is" in text
        assert ask(url, OWN, origin, *UPGRADE, path=SOCKET)[0] == 403

    def test_a_websocket_is_opened_to_the_own_page_alone(self, url: str) -> None:
        assert ask(url, OWN, FROM_HERE, *UPGRADE, path=SOCKET)[0] == 101
        assert ask(url, OWN, *UPGRADE, path=SOCKET)[0] == 403

    def test_what_changes_anything_needs_an_origin(self, url: str) -> None:
        path = "/_solara/api/close/a?session_id=a"
        assert ask(url, OWN, path=path, method="POST")[0] == 403
        assert ask(url, OWN, FROM_HERE, path=path, method="POST")[0] != 403


class TestForgedValues:
    """Values sent over the websocket, which no page would send."""

    pytestmark = needs_viewer

    def test_a_slider_is_held_to_its_range(self, url: str) -> None:
        from tests.live_client import LiveClient

        with LiveClient(url) as page:
            slider = page.slider("vehicles")
            for value in (1e9, -1, 41, "7", True, None, [20], 20.5):
                page.set(slider, v_model=value)
                reported = f"the value {value!r} (allowed: a whole number from 0 to 40)"
                page.wait_for(lambda reported=reported: html.escape(reported) in page.texts())
                assert "the value before stays in force" in page.texts()
                assert page.value("vehicles") == 20
            page.set(slider, v_model=40)
            page.wait_for(lambda: "refused" not in page.texts())
            page.click("Reset")
            page.wait_for(lambda: 'vehicles.count">40<' in page.texts())

    def test_the_ends_of_a_slider_are_the_servers(self, url: str) -> None:
        from tests.live_client import LiveClient

        with LiveClient(url) as page:
            slider = page.slider("vehicles")
            page.set(slider, max=1e9, v_model=1e6)
            page.wait_for(lambda: "This was refused" in page.texts())
            page.set(slider, v_model=1e6)
            page.wait_for(lambda: "the value 1000000.0" in page.texts())

    @pytest.mark.parametrize(
        ("label", "value"), [("steps between pictures", 10**9), ("pause between pictures", -5)]
    )
    def test_the_sliders_of_the_viewer_are_held_too(self, url: str, label: str, value: int) -> None:
        from tests.live_client import LiveClient

        with LiveClient(url) as page:
            before = page.value(label)
            page.set(page.slider(label), v_model=value)
            page.wait_for(lambda: "This was refused" in page.texts())
            assert page.value(label) == before
            page.click("Step")
            page.wait_for(lambda: "1 of 3" in page.texts())


def test_why_a_request_is_refused_names_header_value_and_what_is_allowed() -> None:
    reported = why_refused([(b"host", b"evil.example")], needs_origin=False)
    assert reported == (
        "hMESH live answers on this machine alone: Host is evil.example "
        "(allowed: 127.0.0.1, [::1], localhost, with any port)"
    )
    own = [(b"host", b"localhost:8765")]
    assert why_refused(own, needs_origin=False) == ""
    reported = why_refused([*own, (b"origin", b"http://localhost:3000")], needs_origin=False)
    assert reported == (
        "hMESH live answers to its own page alone: Origin is http://localhost:3000 "
        "(allowed: http://localhost:8765)"
    )
    assert "Origin is missing" in why_refused(own, needs_origin=True)
    # A tunnel may end at another port of this machine.
    tunnel = [(b"host", b"127.0.0.1:9000"), (b"origin", b"http://127.0.0.1:9000")]
    assert why_refused(tunnel, needs_origin=True) == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "5", None, True, [], 10.5, -0.5])
def test_values_of_no_place_of_a_slider_are_refused(value: Any) -> None:
    wrong = check_slider("power", value, 0.0, 10.0, whole=False)
    assert wrong is not None
    assert "allowed: a number from 0 to 10" in str(wrong)
    assert check_slider("power", 10, 0.0, 10.0, whole=False) is None
    assert check_slider("homes", 10.0, 0, 10, whole=True) is not None


@pytest.mark.parametrize(
    "forged",
    [
        {"vehicles__count": 10**9},
        {"vehicles__count": "20"},
        {"vehicles__soc_start": 1e308},
        {"seed": ["1"]},
        {"seed": "1" * 5000},
        {"strategy": "no such"},
        {"strategy": ["typical"]},
    ],
)
def test_a_world_of_forged_values_stands_still_and_shows_why(forged: dict[str, Any]) -> None:
    source = make_source("three-communities", ["vehicles.count=20", "hours=3"])
    given = {"seed": "1", "strategy": strategy_label("typical")} | forged
    world = LiveWorld(source=source, **given)
    [problem] = world.problems
    assert len(problem) < 200
    assert not world.running
    world.step()
    assert world.steps_done == 0
    assert json.dumps(problem)


def test_the_scenario_itself_refuses_what_lies_outside_of_a_slider() -> None:
    source = make_source("three-communities")
    with pytest.raises(InputError, match="allowed: a whole number from 0 to 4,000"):
        source.changed({"vehicles__count": 4001}, 1)
