"""The page of a run, opened in a browser."""

import csv
import io
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from typer.testing import CliRunner

from hmesh.runs import load_scenario, read_run, start_run, summary_table, write_report
from hmesh.runs.command_line import app
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.energy_paths import energy_paths
from hmesh.runs.report.flows import flows
from hmesh.runs.report.map_geometry import geometry_of_run
from hmesh.runs.report.map_selection import window_of
from hmesh.runs.report.places import ON_SCREEN
from hmesh.runs.report.trip_film import Motion
from tests.audited_runs import FEW, finished
from tests.browsers import CHROMIUM, PATIENCE_MS
from tests.interrupted_runs import interrupted
from tests.quick_cases import quick
from tests.report_visits import Visit, opened

A_DAY = 3e6

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day") / "run"
    start_run(load_scenario("three-communities", ["game.solver=exact"]), folder)
    return folder


@pytest.fixture(scope="module")
def page_of_day(day: Path) -> Path:
    path = day.parent / "page.html"
    reported = write_report([day], path)
    assert reported == ["three-communities: 46 of 46 checks hold, 1 could not be made"]
    return path


@pytest.fixture(scope="module")
def visit(browser: Browser, page_of_day: Path) -> Visit:
    return opened(browser, page_of_day)


def flat(value: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, held in value.items():
        if isinstance(held, dict):
            yield from flat(held, f"{before}{name}.")
        else:
            yield f"{before}{name}", held


def test_a_day_of_2000_vehicles_is_below_three_megabytes(page_of_day: Path) -> None:
    assert page_of_day.stat().st_size < A_DAY


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_and_needs_no_network(
    visit: Visit, page_of_day: Path, width: int, theme: str
) -> None:
    scheme: Any = theme
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.page.emulate_media(color_scheme=scheme)
    try:
        visit.wait(f"document.documentElement.dataset.theme === '{theme}'")
        visit.wait(f"hmesh.charts[0].plot.layout.width < {width}")
        visit.set_clock(8.5)
        visit.check(page_of_day)
    finally:
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        visit.page.emulate_media(color_scheme="light")


OPENED = """
    document.querySelectorAll('details').forEach((fold) => { fold.open = true; });
    hmesh.again();
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390])
def test_every_part_fits_a_phone_with_all_folds_open(visit: Visit, width: int) -> None:
    wide = "[document.documentElement.scrollWidth, window.innerWidth]"
    tabs = visit.run("[...document.querySelectorAll('main section')].map((part) => part.id)")
    visit.page.set_viewport_size({"width": width, "height": 844})
    try:
        visit.run(OPENED)
        for tab in [*tabs, "all"]:
            visit.show(tab)
            visit.page.wait_for_timeout(300)
            shown, window = visit.run(wide)
            assert shown <= window == width, tab
        # Tables that are wider than the page scroll within it.
        figures = "document.querySelector('#outcome details .cell .scroll')"
        assert visit.run(f"{figures}.scrollWidth > {figures}.clientWidth")
    finally:
        visit.run("document.querySelectorAll('details').forEach((fold) => { fold.open = false; })")
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        visit.show("all")


def test_tabs_show_one_part_at_a_time_and_charts_fit_once_seen(visit: Visit) -> None:
    sections = "[...document.querySelectorAll('main section')]"
    seen = f"{sections}.filter((part) => part.offsetHeight).map((part) => part.id)"
    every = visit.run(seen)
    assert {"outcome", "moving", "charts", "grid", "audit", "origin"} <= set(every)
    try:
        visit.run("location.hash = 'outcome'")
        visit.wait("hmesh.tabs.name === 'outcome'")
        assert visit.run(seen) == ["outcome"]
        assert visit.run("document.getElementById('clock').offsetHeight") == 0
        visit.page.set_viewport_size({"width": 800, "height": 900})
        visit.run("location.hash = 'charts'")
        visit.wait("hmesh.tabs.name === 'charts'")
        assert visit.run(seen) == ["charts"]
        visit.wait("hmesh.charts[0].plot.layout.width === hmesh.charts[0].box.clientWidth")
        assert visit.run("document.querySelector('nav a[aria-current]').hash") == "#charts"
        assert visit.run("document.getElementById('clock').offsetHeight") > 0
    finally:
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        visit.run("history.replaceState(null, '', location.pathname)")
        visit.show("all")
    assert visit.run(seen) == every


IN_FIRST_SCREEN = """(selector) => {
  const part = document.querySelector(selector), box = part.getBoundingClientRect();
  return part.checkVisibility() && box.height > 0 && box.top >= 0 && box.left >= 0
    && box.bottom <= window.innerHeight && box.right <= window.innerWidth;
}"""


def test_the_first_screen_has_the_finding_the_table_of_who_gains_and_the_map(
    visit: Visit, day: Path
) -> None:
    visit.page.set_viewport_size({"width": 1440, "height": 900})
    try:
        visit.show("outcome")
        for selector in (".lead", "table.gains", '[data-part="overview"] canvas'):
            assert visit.run(IN_FIRST_SCREEN, selector), selector
        # The map is that of the step in which the last strategy carries most.
        data = RunData(read_run(day))
        carried = flows(data, window_of(data), energy_paths(data, window_of(data)))
        steps = data.steps
        first = np.asarray(carried["first"])[2 * steps :]
        sums = [carried["kwh"][a:b].sum() for a, b in itertools.pairwise(first)]
        hour = data.timeline.clock(int(np.argmax(sums)))
        caption = visit.page.locator('[data-part="overview"] .finding').inner_text()
        assert caption.startswith("Three-level game, ")
        assert f", {hour}: " in caption
        visit.page.get_by_role("button", name="All steps on the map").click()
        assert visit.run("hmesh.tabs.name") == "moving"
        assert visit.run("hmesh.clock.now") == np.argmax(sums)
    finally:
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        visit.run("history.replaceState(null, '', location.pathname)")
        visit.show("all")


def test_names_on_the_map_cover_no_circle_and_no_other_name(visit: Visit) -> None:
    covered = """() => {
      const found = [];
      for (const { map } of hmesh.views) {
        map.named.forEach(([m, words, left, top, right, bottom], n) => {
          for (const [x, y] of map.at) {
            const dx = Math.max(left - x, 0, x - right), dy = Math.max(top - y, 0, y - bottom);
            if (Math.hypot(dx, dy) < map.radius) found.push(words);
          }
          for (const other of map.named.slice(n + 1)) {
            const beside = other[4] <= left || right <= other[2];
            if (!beside && other[5] > top && bottom > other[3]) found.push(`${words} ${other[1]}`);
          }
        });
      }
      return found;
    }"""
    for width in (1280, 390):
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.wait_for_timeout(200)
        for hours in (3.0, 9.0, 20.5):
            visit.set_clock(hours)
            assert visit.run("hmesh.views[0].map.named.length") >= 3
            assert visit.run(covered) == []
    visit.page.set_viewport_size({"width": 1280, "height": 900})


def test_a_table_that_scrolls_says_so_and_keys_reach_it(visit: Visit) -> None:
    tables = "[...document.querySelectorAll('main .scroll')].filter((box) => box.checkVisibility())"
    seen = f"""{tables}.map((box) => [
      box.scrollWidth > box.clientWidth + 1, box.querySelector('.sideways').innerText, box.tabIndex,
    ])"""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    try:
        visit.page.wait_for_timeout(500)
        found = visit.run(seen)
        assert any(wide for wide, _, _ in found)
        for wide, hint, index in found:
            assert ("scroll sideways" in hint) == wide
            assert not wide or index == 0
    finally:
        visit.page.set_viewport_size({"width": 1280, "height": 900})


def test_the_numbers_shown_are_those_of_the_summary(visit: Visit, day: Path) -> None:
    summary = read_run(day).summary
    shown = visit.run(
        "[...document.querySelectorAll('data[data-key]')]"
        ".map((e) => [e.dataset.key, e.value, e.textContent])"
    )
    expected = {
        f"{strategy}.{key}": value
        for strategy, totals in summary.items()
        for key, value in flat(totals)
        if value is not None
    }
    assert {key for key, _, _ in shown} == set(expected)
    for key, value, text in shown:
        assert float(value) == expected[key], key
        number, unit = re.match(r"([\d.,e+-]+)\s*(.*)", text).groups()  # type: ignore[union-attr]
        reported = float(number.replace(",", "")) * (1000 if unit in ("MW", "MWh") else 1)
        assert reported == pytest.approx(abs(expected[key]), rel=0.02, abs=0.006) or reported == (
            pytest.approx(expected[key], rel=1e-5)
        ), key


def test_the_table_is_that_of_the_terminal(visit: Visit, day: Path) -> None:
    run = read_run(day)
    table = summary_table(run.summary, "JPY", run.info["scenario"]["strategies"])
    shown = visit.run(
        "[...document.querySelectorAll('.outcome tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    for row, cells in zip(
        shown, zip(*(column.cells for column in table.columns), strict=True), strict=True
    ):
        reported = [" ".join(str(cell).split()) for cell in cells]
        assert [text.replace("\u2212", "-") for text in row] == reported


def test_play_moves_vehicles_and_pause_stops_them(
    visit: Visit, day: Path, page_of_day: Path
) -> None:
    visit.set_clock(6.2)
    places = "[...Array(2000).keys()].map((v) => hmesh.views[1].map.placeOf(v, hmesh.clock.now, 6))"
    picture = "() => document.querySelector('#moving .stage canvas').toDataURL()"
    before, painted, clock = visit.run(places), visit.run(picture), visit.run("hmesh.clock.now")
    visit.page.click("#play")
    visit.wait("hmesh.clock.now > 6.5")
    assert visit.page.inner_text("#play") == "Pause"
    visit.page.click("#play")
    assert visit.run("hmesh.clock.now") > clock
    visit.run("hmesh.clock.set(Math.min(hmesh.clock.now, 6.95))")
    moved = np.hypot(*(np.array(visit.run(places)) - np.array(before)).T) > 5
    rows = read_run(day).table(
        "vehicles", ["community"], [("step", "=", 6), ("strategy", "=", "typical")]
    )
    on_the_road = np.array(rows.column("community").to_pylist()) == None  # noqa: E711
    assert on_the_road.any()
    np.testing.assert_array_equal(moved, on_the_road)
    assert visit.run(picture) != painted
    stopped = visit.run("hmesh.clock.now")
    visit.page.wait_for_timeout(200)
    assert visit.run("hmesh.clock.now") == stopped
    visit.check(page_of_day)


@pytest.mark.parametrize("hours", [0.0, 6.3, 8.75, 16.5, 23.9])
def test_vehicles_are_where_the_run_says(visit: Visit, day: Path, hours: float) -> None:
    data = RunData(read_run(day))
    window = window_of(data)
    visit.set_clock(hours)
    shown = visit.run(
        """() => {
          const { map } = hmesh.views[0];
          const step = map.step(hmesh.clock.now);
          const count = hmesh.runs[0].vehicles.where.shape[1];
          return {
            places: [...Array(count).keys()].map((v) => map.placeOf(v, hmesh.clock.now, step)),
            at: map.at, radius: map.radius,
          };
        }"""
    )
    drawn = replace(geometry_of_run(data, ON_SCREEN), places=np.array(shown["at"]))
    motion = Motion(data, window, drawn)
    expected, share = motion.at(hours)
    v = np.arange(len(expected))
    reach = 0.88 * shown["radius"] * np.sqrt((v + 0.5) / len(v))
    slot = reach * np.array([np.cos(v * 2.399963), np.sin(v * 2.399963)])
    expected += slot.T * (1 - 0.62 * np.sin(np.pi * share))[:, None]
    np.testing.assert_allclose(np.array(shown["places"]), expected, atol=0.05)


@pytest.mark.parametrize("step", [0, 9, 23])
def test_load_and_price_of_the_moment_are_those_of_the_table(
    visit: Visit, day: Path, step: int
) -> None:
    visit.set_clock(step + 0.5)
    cell = visit.page.locator('[data-part="moment"] .cell').nth(1)
    shown = [row.split("\t") for row in cell.locator("tbody").inner_text().splitlines()]
    rows = read_run(day).table("hours").to_pandas()
    rows = rows[(rows["step"] == step) & (rows["strategy"] == "three_level")]
    for (name, load, price, plugged, *_), row in zip(shown, rows.itertuples(), strict=True):
        assert name == row.community
        number, unit = load.replace("\u2212", "-").replace(",", "").split()
        kw = float(number) * (1000 if unit == "MW" else 1)
        assert kw == pytest.approx(row.net_kwh, rel=0.005, abs=0.5)
        assert price == f"{row.community_price:.2f}"
        assert int(plugged.replace(",", "")) == row.vehicles_present


def test_the_matrix_shows_who_charges_where(visit: Visit, day: Path) -> None:
    run = read_run(day)
    vehicles = run.table("vehicles", filters=[("strategy", "=", "three_level")]).to_pandas()
    plans = run.table("fleet").to_pandas().set_index("vehicle")["day_plan"].astype(str)
    vehicles["plan"] = vehicles["vehicle"].map(plans)
    vehicles["community"] = vehicles["community"].astype(object)

    def shown() -> dict[tuple[str, str], float]:
        table = visit.page.locator('[data-part="matrix"] .cell').nth(1).locator("tr")
        head, *rows = [line.split("\t") for line in table.all_inner_texts()]
        return {
            (row[0], place): float(text.replace("\u2212", "-").replace(",", "") or 0)
            for row in rows
            for place, text in zip(head[1:], row[1:], strict=True)
        }

    def expected(rows: Any) -> dict[tuple[str, str], float]:
        return dict(rows.groupby(["plan", "community"])["energy_kwh"].sum())

    visit.set_clock(9.5)
    for span, rows in (("step", vehicles[vehicles["step"] == 9]), ("run", vehicles)):
        visit.page.check(f'input[value="{span}"]')
        found, sums = shown(), expected(rows)
        assert len(found) == 30
        for place, value in found.items():
            assert value == pytest.approx(sums.get(place, 0.0), rel=0.006, abs=0.51), place
    visit.page.check('input[value="step"]')


def test_keys_drive_the_clock(visit: Visit) -> None:
    page = visit.page
    page.locator("h1").click()
    visit.set_clock(5.0)
    page.keyboard.press("ArrowRight")
    assert visit.run("hmesh.clock.now") == 6
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert visit.run("hmesh.clock.now") == 4
    page.keyboard.press("End")
    assert visit.run("hmesh.clock.now") == 24
    page.keyboard.press("Home")
    assert visit.run("hmesh.clock.now") == 0
    speed = visit.run("document.getElementById('speed').selectedIndex")
    page.keyboard.press("+")
    assert visit.run("document.getElementById('speed').selectedIndex") == speed + 1
    page.keyboard.press("-")
    page.keyboard.press(" ")
    visit.wait("hmesh.clock.now > 0")
    page.keyboard.press(" ")
    assert not visit.run("hmesh.clock.playing")


def test_the_slider_sets_the_clock_and_shows_the_local_time(visit: Visit) -> None:
    visit.run(
        "() => { const s = document.getElementById('scrub'); s.value = 7.5;"
        "s.dispatchEvent(new Event('input')); }"
    )
    assert visit.run("hmesh.clock.now") == 7.5
    assert visit.page.inner_text("#time") == "Mon, 16 Jan 2023, 08:30"


def test_values_are_reported_under_the_pointer_and_a_click_sets_the_clock(
    visit: Visit, day: Path
) -> None:
    page = visit.page
    chart = page.locator(".chart").first
    chart.scroll_into_view_if_needed()
    spot = visit.run(
        """() => {
          const chart = hmesh.charts[0];
          const box = chart.box.getBoundingClientRect();
          const room = box.width - chart.margin.l - chart.margin.r;
          return [box.left + chart.margin.l + room * (13.5 / 24), box.top + 100];
        }"""
    )
    page.mouse.move(*spot)
    lines = page.locator(".chart .tip:visible").inner_text().splitlines()
    data = RunData(read_run(day))
    loads = data.power_kw("net_kwh").sum(axis=1)[:, 13] / 1000
    assert lines[0] == "Mon, 16 Jan 2023, 14:00"
    for line, load, name in zip(
        lines[2:], loads, ("Typical charging", "Two-level game", "Three-level game"), strict=True
    ):
        assert line == f"{name}: {load:.2f} MW"
    page.mouse.click(*spot)
    assert visit.run("hmesh.clock.now") == pytest.approx(13.5, abs=0.05)
    at = visit.run("hmesh.charts[0].line.getBoundingClientRect().left")
    assert at == pytest.approx(spot[0], abs=2)


def test_a_frame_looks_closer_and_two_clicks_back(visit: Visit) -> None:
    page = visit.page
    chart = page.locator(".chart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + 110, steps=4)
    page.mouse.up()
    ticks = "hmesh.charts[0].plot.layout.xaxis.ticktext"
    visit.wait(f"{ticks}.includes('09:30')")
    first, last = visit.run("hmesh.charts[0].range")
    assert 4 < first < last < 14
    page.mouse.dblclick(box["x"] + 300, box["y"] + 100)
    visit.wait(f"!{ticks}.includes('09:30')")
    assert visit.run("hmesh.charts[0].range") == [0, 24]


def test_another_strategy_changes_map_tables_and_charts(visit: Visit, day: Path) -> None:
    page = visit.page
    visit.set_clock(9.5)
    chosen = page.locator('[data-part="map"] select').first
    chosen.select_option(label="Two-level game")
    try:
        cell = page.locator('[data-part="moment"] .cell').first
        rows = read_run(day).table("hours").to_pandas()
        rows = rows[(rows["step"] == 9) & (rows["strategy"] == "two_level")]
        prices = [row.split("\t")[2] for row in cell.locator("tbody").inner_text().splitlines()]
        assert prices == [f"{price:.2f}" for price in rows["community_price"]]
        heads = page.locator('[data-part="chart-prices"] h4').all_inner_texts()
        assert [head.strip() for head in heads] == ["Two-level game", "Three-level game"]
    finally:
        chosen.select_option(label="Typical charging")


def test_the_theme_can_be_chosen(visit: Visit) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visit.run(ground)
    assert visit.page.inner_text("#theme") == "Theme: system"
    visit.page.click("#theme")
    visit.page.click("#theme")
    assert visit.page.inner_text("#theme") == "Theme: dark"
    assert visit.run(ground) != light
    assert visit.run("hmesh.charts[0].plot.layout.font.color") == "#e7ebee"
    visit.page.click("#theme")
    assert visit.run(ground) == light


def test_overloaded_lines_are_reported_in_the_grid(visit: Visit, day: Path) -> None:
    rows = read_run(day).table("lines").to_pandas()
    worst = rows[rows["strategy"] == "typical"].sort_values("loading").iloc[-1]
    visit.set_clock(worst["step"] + 0.5)
    tree = visit.page.locator('[data-part="grid"] svg').first
    percent = f"{worst['loading']:.0%}".replace("%", " %")
    titles = tree.locator("title").all_text_contents()
    assert f"{worst['line']}: {percent}" in titles
    assert visit.page.locator('[data-part="grid"] svg text', has_text="!").count() >= 1


def test_the_audit_and_the_scenario_are_reported(visit: Visit) -> None:
    assert visit.page.inner_text("#audit .verdict") == "✓ 46 of 46 checks hold, 1 could not be made"
    facts = visit.page.inner_text("#origin .facts")
    assert "seed\t1" in facts
    assert "Monday, 16 January 2023, 01:00 (Europe/Berlin)" in facts


@pytest.mark.slow
def test_an_interrupted_run_is_shown_as_far_as_it_goes(browser: Browser, tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "run", 15, *FEW, "game.solver=exact")
    path = tmp_path / "page.html"
    reported = write_report([folder], path)
    assert reported[0].startswith("The run is not finished: 15 of 24 steps are done")
    visit = opened(browser, path)
    assert "15 of 24 steps" in visit.page.inner_text("#outcome")
    assert "Not audited: the run is not finished" in visit.page.inner_text("#audit")
    assert visit.run("hmesh.clock.last") == 15
    visit.set_clock(6.5)
    assert visit.page.locator("#charts .chart").count() > 5
    visit.check(path)
    visit.page.context.close()


@pytest.mark.slow
def test_a_run_without_traces_shows_everything_else(browser: Browser, tmp_path: Path) -> None:
    folder = finished(*FEW, "game.solver=exact", "record.vehicles=none")
    path = tmp_path / "page.html"
    reported = write_report([folder], path)
    assert "None of the 20 vehicles was recorded" in reported[0]
    visit = opened(browser, path)
    assert "None of the 20 vehicles was recorded" in visit.page.inner_text("#outcome")
    assert visit.page.locator("#who").is_hidden()
    assert "Where the vehicles are" in visit.page.inner_text("#charts")
    assert "State of charge" not in visit.page.locator("#charts h3").all_inner_texts()
    visit.set_clock(8.5)
    assert visit.page.locator('[data-part="moment"] tbody tr').count() == 6
    visit.check(path)
    visit.page.context.close()


@pytest.mark.slow
def test_several_runs_stand_side_by_side(browser: Browser, tmp_path: Path, day: Path) -> None:
    alone = finished("vehicles.count=0", "strategies=[two_level]", "hours=30", "roads=[]")
    path = tmp_path / "page.html"
    write_report([day, alone], path, audit=False)
    visit = opened(browser, path)
    heads = visit.page.locator("#outcome th[scope=colgroup]").all_inner_texts()
    assert heads == [day.name, alone.name]
    assert visit.page.locator('[data-part="map"] .cell').count() == 2
    assert visit.run("hmesh.clock.last") == 30
    visit.set_clock(29.5)
    summaries = [read_run(folder).summary for folder in (day, alone)]
    shown = visit.run(
        "[...document.querySelectorAll('.headlines data[data-key$=\".peak_kw\"]')]"
        ".map((e) => Number(e.value))"
    )
    names = ("typical", "two_level", "three_level")
    expected = [summaries[0][name]["peak_kw"] for name in names]
    assert shown == [*expected, summaries[1]["two_level"]["peak_kw"]]
    visit.check(path)
    visit.page.context.close()


@pytest.mark.slow
def test_a_long_run_is_thinned_and_says_so(browser: Browser, tmp_path: Path) -> None:
    folder = finished(
        *FEW, "game.solver=exact", "hours=900", "strategies=[typical, two_level]",
        "record.vehicles=3", "checkpoint_every_h=null",
    )  # fmt: skip
    path = tmp_path / "page.html"
    reported = write_report([folder], path, audit=False)
    assert "A point of a chart is the mean of a day." in reported
    visit = opened(browser, path)
    visit.set_clock(450)
    ticks = visit.run("hmesh.charts[0].plot.layout.xaxis.ticktext")
    assert 3 < len(ticks) < 30
    assert all(re.fullmatch(r"\d+ (Jan|Feb)", tick) for tick in ticks)
    steps_of_a_week_are_shown(visit, RunData(read_run(folder)))
    visit.check(path)
    visit.page.context.close()


def steps_of_a_week_are_shown(visit: Visit, data: RunData) -> None:
    """Look at a week of the clock, and turn over to the next one."""
    visit.page.locator("#shown label", has_text="a week").click()
    for hours, first in ((450, 336), (505, 504)):
        visit.set_clock(hours)
        visit.wait("hmesh.charts.every((chart) => !chart.stale)")
        assert visit.run("hmesh.charts[0].range") == [first, first + 168]
        assert not visit.run("hmesh.charts[0].legend.innerText.includes('mean of')")
        shown = visit.run(
            "[...hmesh.charts[0].traces.find(({ name }) => name === 'Two-level game').y]"
        )
        load = data.power_kw("net_kwh")[1].sum(axis=0)
        unit = 1000.0 if np.abs(data.power_kw("net_kwh").sum(axis=1)).max() >= 2000 else 1.0
        np.testing.assert_allclose(
            shown[:-1], load[first : first + 168] / unit, atol=1e-4 * load.max() / unit
        )
        at = visit.run("hmesh.charts[0].line.getBoundingClientRect().left")
        box = visit.run("hmesh.charts[0].box.getBoundingClientRect().left")
        assert at > box
    visit.page.locator("#shown label", has_text="the whole run").click()
    assert visit.run("hmesh.charts[0].range") == [0, 900]


@pytest.mark.slow
def test_the_clock_shows_summer_time(browser: Browser, tmp_path: Path) -> None:
    folder = finished(
        "vehicles.count=0", "strategies=[two_level]", "hours=6", "start=2023-03-26T00:00"
    )
    path = tmp_path / "page.html"
    write_report([folder], path, audit=False)
    visit = opened(browser, path)
    visit.set_clock(2.0)
    assert visit.page.inner_text("#time") == "Sun, 26 Mar 2023, 03:00"
    ticks = visit.run("[...hmesh.charts[0].plot.layout.xaxis.tickvals]")
    texts = visit.run("hmesh.charts[0].plot.layout.xaxis.ticktext")
    reported = dict(zip(ticks, texts, strict=True))
    assert reported[1] == "01:00"
    assert reported[2] == "03:00"
    visit.page.context.close()


def test_the_command_writes_page_and_trips(tmp_path: Path) -> None:
    folder = shutil.copytree(finished(*FEW, "game.solver=exact"), tmp_path / "run")
    words = ["report", str(folder), "--export", "geojson", "--no-progress"]
    result = CliRunner().invoke(app, words, prog_name="hmesh")
    assert result.exit_code == 0, result.output
    path = folder / "report.html"
    assert result.output.splitlines()[-2:] == [
        f"trips: {folder / 'trips.geojson'}",
        f"page: {path}",
    ]
    assert json.loads((folder / "trips.geojson").read_text(encoding="utf-8"))["features"]
    read_run(folder).check_files()
    assert 'id="moving"' in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_run_of_100_000_vehicles_is_thinned_and_shown(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    changes = ["vehicles.count=100000", "game.solver=exact", "generation_cost.quadratic=1.0e-5"]
    start_run(load_scenario("three-communities", [*changes, "plots=false", "hours=12"]), folder)
    path = tmp_path / "page.html"
    reported = write_report([folder], path, audit=False)
    assert reported[0].startswith("The map draws 3,000 of 100,000 recorded vehicles")
    assert path.stat().st_size < A_DAY
    visit = opened(browser, path)
    visit.set_clock(6.5)
    visit.page.keyboard.press(" ")
    visit.wait("hmesh.clock.now > 7")
    visit.check(path)
    visit.page.context.close()


def taken(visit: Visit, button: str) -> tuple[str, bytes]:
    """Press a button that downloads; return the name of the file and what it holds."""
    with visit.page.expect_download(timeout=PATIENCE_MS) as download:
        visit.page.locator(button).first.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_tables_and_charts_can_be_taken_from_the_page(visit: Visit) -> None:
    name, text = taken(visit, "#money .takes button")
    assert name.endswith(".csv")
    rows = list(csv.reader(io.StringIO(text.decode())))
    shown = visit.run(
        "[...document.querySelector('#money table').rows].map((row) =>"
        " [...row.cells].map((cell) => cell.innerText))"
    )
    assert rows == [[text.replace(",", "") for text in row] for row in shown]
    name, picture = taken(visit, "#charts .takes button >> text=PNG")
    assert name.endswith(".png")
    assert picture.startswith(b"\x89PNG")
    name, drawing = taken(visit, "#charts .takes button >> text=SVG")
    assert name.endswith(".svg")
    finding = visit.run("document.querySelector('#charts .finding').textContent")
    assert finding.split(",")[0][:30].encode() in drawing


# The slow tests of the reports of all schemes look at light pages, as wide as a phone.
@pytest.mark.parametrize("scheme", quick({"dark"}, ["light", "dark"]))
def test_the_page_meets_the_guidelines_of_accessibility(visit: Visit, scheme: str) -> None:
    visit.show("all")
    visit.page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    visit.page.wait_for_timeout(500)
    found = Axe().run(visit.page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response
    wrong = [
        f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]
    ]
    visit.page.emulate_media(color_scheme="light")
    assert len(found["passes"]) > 10
    assert wrong == []
