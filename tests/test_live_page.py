"""The live view in a browser: it opens, steps and plays, and its numbers are the simulation's."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from hmesh.runs import load_scenario
from hmesh.runs.live.chart_style import Look
from hmesh.runs.live.figure_boxes import figures_now
from hmesh.runs.live.source import Source, make_source
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.strategy_names import strategy_label
from tests.browsers import CHROMIUM, PATIENCE_MS

# Where Solara looks for what its pages load; the package solara-assets puts it there.
ASSETS = Path(sys.prefix, "share", "solara", "cdn", "echarts@5.4.0")


def _vue2() -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return int(version("ipyvuetify").split(".")[0]) < 2
    except PackageNotFoundError:
        return False


pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.skipif(not _vue2(), reason="the extra live is not installed"),
    pytest.mark.skipif(not ASSETS.is_dir(), reason="solara-assets is not installed"),
    # Warnings of the viewer's libraries are theirs.
    pytest.mark.filterwarnings("default"),
]
ALL_DRAWN = """() => {
    const places = [...document.querySelectorAll('.solara-echarts')];
    return places.length >= 6 && places.every(place => place.querySelector('canvas'));
}"""
# The colour of the words of a chart.
INK = """() => new Promise(found => requirejs(
    [`${window.solara.cdn}/echarts@5.4.0/dist/echarts.js`],
    echarts => found(echarts.getInstanceByDom(document.querySelector('.solara-echarts'))
        .getOption().title[0].textStyle.color)))"""
SIZE = {"width": 1400, "height": 1700}


@dataclass
class Visit:
    """A page of the live view, and what went wrong on it."""

    page: Any
    url: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def figure(self, key: str) -> str:
        return str(self.page.locator(f"[data-figure={key}]").inner_text())

    def steps(self) -> int:
        return int(self.figure("steps").split(" of ")[0].replace(",", ""))

    def wait_for(self, steps: int, within_s: float = 600.0) -> None:
        until = time.monotonic() + within_s
        while self.steps() < steps:
            assert time.monotonic() < until, f"{self.steps()} steps instead of {steps}"
            self.page.wait_for_timeout(50)

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            before = self.steps()
            self.button("Step").click()
            self.wait_for(before + 1)

    def charts(self) -> list[str]:
        """Titles of all charts that are drawn."""
        return list(
            self.page.evaluate(
                """() => new Promise(found => requirejs(
                    [`${window.solara.cdn}/echarts@5.4.0/dist/echarts.js`],
                    echarts => found([...document.querySelectorAll('.solara-echarts')]
                        .map(place => echarts.getInstanceByDom(place))
                        .filter(chart => chart)
                        .map(chart => chart.getOption().title[0].text))))"""
            )
        )

    def option(self, title: str) -> Any:
        """What a chart was asked to draw."""
        return self.page.evaluate(
            """title => new Promise(found => requirejs(
                [`${window.solara.cdn}/echarts@5.4.0/dist/echarts.js`],
                echarts => found([...document.querySelectorAll('.solara-echarts')]
                    .map(place => echarts.getInstanceByDom(place))
                    .map(chart => chart.getOption())
                    .find(option => option.title[0].text === title).series
                    .map(one => ({name: one.name, data: one.data})))))""",
            title,
        )

    def drawn_dots(self, other_than: Any) -> Any:
        """The vehicles on the map once they differ, as figures may be there before charts are."""
        patience_ms = PATIENCE_MS
        while (dots := self.option("Map")[2]["data"]) == other_than and patience_ms > 0:
            self.page.wait_for_timeout(100)
            patience_ms -= 100
        assert dots != other_than
        return dots


@pytest.fixture
def served() -> Iterator[Any]:
    """Serve a scenario; only one at a time, for there is one page."""
    from hmesh.runs.live.server import STARTS_WITHIN_S, make_server
    from tests.live_client import forget_earlier_pages, make_page_ready

    servers: list[Any] = []

    def serve(source: Source) -> Any:
        forget_earlier_pages()
        server = make_server(source)
        servers.append(server)
        make_page_ready()
        server.serve_threaded()
        server.wait_until_serving(STARTS_WITHIN_S)
        return server

    yield serve
    for server in servers:
        server.stop_serving()


def visit(browser: Any, url: str, **look: Any) -> Visit:
    page = browser.new_page(**{"viewport": SIZE} | look)
    page.set_default_timeout(PATIENCE_MS)
    here = Visit(page, url)
    page.on("pageerror", lambda error: here.errors.append(str(error)))
    page.on("console", lambda said: here.errors.append(said.text) if said.type == "error" else None)
    page.on(
        "response",
        lambda got: here.errors.append(f"{got.status} {got.url}") if got.status >= 400 else None,
    )
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((url, url.replace("http", "ws"), "data:", "blob:"))
            else here.elsewhere.append(asked.url)
        ),
    )
    page.goto(url)
    here.button("Step").wait_for(timeout=PATIENCE_MS)
    page.wait_for_function(ALL_DRAWN, timeout=PATIENCE_MS)
    return here


def beside(source: Source, steps: int, **values: float) -> LiveWorld:
    """The same world, simulated without a browser."""
    seed, strategy = str(source.scenario.seed), strategy_label(source.strategy)
    world = LiveWorld(source=source, strategy=strategy, seed=seed, **values)
    for _ in range(steps):
        world.step()
    return world


def reported(here: Visit, world: LiveWorld) -> None:
    """Hold what a page shows to a world."""
    for figure in figures_now(world):
        assert here.figure(figure.key) == figure.text, figure.label


def fine(here: Visit) -> None:
    assert here.errors == []
    assert here.elsewhere == []


@pytest.mark.slow
def test_a_page_opens_steps_and_plays_to_the_end(browser: Any, served: Any) -> None:
    source = make_source("three-communities", ["hours=12"])
    here = visit(browser, served(source).base_url)
    assert here.steps() == 0
    here.step(7)
    reported(here, beside(source, 7))
    assert set(here.charts()) == {
        "Map", "Load", "Price", "Who draws, who delivers", "Grid", "State of charge, on average",
    }  # fmt: skip
    here.button("▶").click()
    here.wait_for(12)
    reported(here, beside(source, 12))
    fine(here)
    here.page.close()


@pytest.mark.slow
def test_play_can_be_paused(browser: Any, served: Any) -> None:
    source = make_source("school-buses")
    here = visit(browser, served(source).base_url)
    here.button("▶").click()
    # Until schools have been paid for what they sold.
    here.wait_for(14)
    here.button("❚❚").click(timeout=PATIENCE_MS)
    here.button("▶").wait_for()
    here.page.wait_for_timeout(2000)
    stopped = here.steps()
    here.page.wait_for_timeout(2000)
    assert 14 <= here.steps() == stopped < 168
    reported(here, beside(source, stopped))
    here.step()
    reported(here, beside(source, stopped + 1))
    fine(here)
    here.page.close()


@pytest.mark.slow
def test_vehicles_move_prices_are_drawn_and_reset_takes_the_sliders(
    browser: Any, served: Any
) -> None:
    source = make_source("three-communities", strategy="two_level")
    here = visit(browser, served(source).base_url)
    here.step(7)
    first = here.drawn_dots(other_than=[])
    here.step()
    here.drawn_dots(other_than=first)
    world = beside(source, 8)
    drawn = {series["name"]: series["data"] for series in here.option("Price")}
    assert world.last is not None
    assert drawn["utility"][-1] == pytest.approx(world.last.utility_price, rel=1e-3)
    # A slider is moved by its keys; its value holds after Reset.
    slider = here.page.get_by_role("slider", name="vehicles", exact=True)
    slider.focus()
    slider.press("ArrowRight")
    here.button("Reset").click()
    here.page.locator('[data-parameter="vehicles.count"]', has_text="2,100").wait_for()
    assert here.steps() == 0
    here.step(8)
    reported(here, beside(source, 8, vehicles__count=2100))
    fine(here)
    here.page.close()


@pytest.mark.slow
def test_what_cannot_be_run_is_reported_and_can_be_mended(browser: Any, served: Any) -> None:
    source = make_source("three-communities", ["vehicles.count=50"])
    here = visit(browser, served(source).base_url)
    seed = here.page.get_by_label("seed")
    seed.fill("one")
    seed.press("Enter")
    here.button("Reset").click()
    here.page.locator(".hmesh-card").get_by_text("seed: 'one' is no whole number").wait_for()
    assert not here.page.locator("[data-figure=steps]").count()
    seed.fill("2")
    seed.press("Enter")
    here.button("Reset").click()
    here.page.locator("[data-figure=steps]").wait_for()
    here.step(2)
    reported(here, beside(make_source("three-communities", ["vehicles.count=50"], seed=2), 2))
    fine(here)
    here.page.close()


@pytest.mark.slow
def test_another_scenario_and_a_file_of_it_are_taken_in_the_page(
    browser: Any, served: Any, tmp_path: Path
) -> None:
    here = visit(browser, served(make_source("three-communities", ["vehicles.count=50"])).base_url)
    slider = here.page.get_by_role("slider", name="vehicles", exact=True)
    shown = here.page.locator(".hmesh-slider", has=slider).locator("output")
    before = shown.inner_text()
    slider.focus()
    slider.press("ArrowRight")
    here.page.get_by_text("Changed; Reset starts with it.").wait_for()
    assert shown.inner_text() != before
    here.button("Back to the scenario").click()
    here.page.get_by_text("Changed; Reset starts with it.").wait_for(state="hidden")
    assert shown.inner_text() == before
    here.button("▶").click()
    here.wait_for(2)
    here.page.locator(".v-select").first.click()
    here.page.get_by_role("option", name="suburbs").click()
    here.page.locator("header", has_text="hMESH: suburbs").wait_for()
    # What played has stopped, and the new one begins at its start.
    assert here.steps() == 0
    here.step(2)
    reported(here, beside(make_source("suburbs"), 2))
    with here.page.expect_download() as download:
        here.page.get_by_role("button", name="Scenario file").click()
    assert download.value.suggested_filename == "suburbs-changed.zip"
    shutil.unpack_archive(download.value.path(), tmp_path, "zip")
    assert load_scenario(tmp_path / "suburbs-changed.yaml").name == "suburbs"
    fine(here)
    here.page.close()


@pytest.mark.slow
def test_two_windows_have_worlds_of_their_own(browser: Any, served: Any) -> None:
    source = make_source("three-communities", ["vehicles.count=50"])
    url = served(source).base_url
    one, other = visit(browser, url), visit(browser, url)
    one.step(3)
    other.step()
    assert (one.steps(), other.steps()) == (3, 1)
    reported(one, beside(source, 3))
    reported(other, beside(source, 1))
    for here in (one, other):
        fine(here)
        here.page.close()


@pytest.mark.slow
def test_a_page_is_as_dark_as_the_system_and_fits_a_phone(browser: Any, served: Any) -> None:
    url = served(make_source("three-communities", ["vehicles.count=50"])).base_url
    here = visit(browser, url, viewport={"width": 400, "height": 900}, color_scheme="dark")
    here.page.wait_for_function(f"() => ({INK})().then(ink => ink === '{Look(dark=True).ink}')")
    here.page.emulate_media(color_scheme="light")
    here.page.wait_for_function(f"() => ({INK})().then(ink => ink === '{Look().ink}')")
    parts = here.page.locator(".vue-grid-item:not(.vue-grid-placeholder)").all()
    boxes = [part.bounding_box() for part in parts]
    # Eight that each scenario has, and who gains.
    assert len(boxes) == 9
    # All below each other, each as wide as the page, and nothing beyond its edge.
    for above, below in pairwise(boxes):
        assert below["y"] >= above["y"] + above["height"]
    assert all(box["width"] > 330 and box["x"] + box["width"] <= 400 for box in boxes)
    # The controls lie over the page until somebody taps beside them.
    here.step(2)
    here.page.mouse.click(395, 400)
    here.button("Step").wait_for(state="hidden")
    here.page.locator("header .mdi-menu").click()
    here.button("Step").wait_for()
    reported(here, beside(make_source("three-communities", ["vehicles.count=50"]), 2))
    fine(here)
    here.page.close()


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_meets_the_guidelines_of_accessibility(
    browser: Any, served: Any, theme: str
) -> None:
    here = visit(browser, served(make_source("three-communities", ["vehicles.count=50"])).base_url)
    here.page.emulate_media(color_scheme=theme)
    here.step(1)
    here.page.wait_for_timeout(1000)
    options = {
        "runOnly": ["wcag2a", "wcag2aa"],
        # Selects of Vuetify are a button around a field that cannot be written to.
        "rules": {"nested-interactive": {"enabled": False}},
    }
    found = Axe().run(here.page, options=options).response
    assert len(found["passes"]) > 10
    assert [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found["violations"]] == []
    here.page.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["smart-home", "battery-sharing", "community-storage", "composite-storage", "one-city"],
)
def test_every_scheme_has_a_page(name: str, browser: Any, served: Any) -> None:
    changes = {"battery-sharing": ["hours=48"], "composite-storage": ["years=null", "hours=168"]}
    source = make_source(name, changes.get(name, ()))
    here = visit(browser, served(source).base_url)
    here.step(5)
    reported(here, beside(source, 5))
    fine(here)
    here.page.close()


@pytest.mark.slow
def test_a_page_steps_with_many_vehicles(browser: Any, served: Any) -> None:
    source = make_source("three-communities", ["vehicles.count=100000", "game.solver=exact"])
    here = visit(browser, served(source).base_url)
    here.step()
    here.step(8)
    assert len(here.option("Map")[2]["data"]) <= 600
    fine(here)
    here.page.close()


def command() -> tuple[Any, str]:
    """The command, and the address that it has printed."""
    # A person who runs the tests in the background has the shell ignore the interruption.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from hmesh.runs.command_line import main; main()"
    )
    words = ["live", "three-communities", "--set", "vehicles.count=20", "--no-browser"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"(http://localhost:\d+) shows three-communities; Ctrl-C ends it\n", line)
    assert found is not None, line
    return process, found[1]


def ends(process: Any) -> None:
    """Interrupt the command and hold it to end without a word."""
    process.send_signal(signal.SIGINT)
    try:
        output, errors = process.communicate(timeout=600)
    finally:
        process.kill()
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.slow
def test_the_command_serves_until_it_is_interrupted() -> None:
    process, url = command()
    until = time.monotonic() + 1800
    while True:
        try:
            page = urllib.request.urlopen(url, timeout=60).read().decode()
            break
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)
    assert "hMESH: three-communities" in page
    ends(process)


@pytest.mark.slow
def test_the_command_may_be_interrupted_before_it_serves() -> None:
    process, _ = command()
    ends(process)
