"""The map of a report, opened in a browser: true places, zoom, flows, names, numbers."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from hmesh.runs import load_scenario, read_run, start_run, write_report
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.energy_paths import energy_paths
from hmesh.runs.report.flows import flows
from hmesh.runs.report.map_geometry import geometry_of_run
from hmesh.runs.report.map_selection import window_of
from hmesh.runs.report.places import ON_SCREEN
from tests.browsers import CHROMIUM
from tests.placed_runs import write_files, written
from tests.report_visits import Visit, opened

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

# Times and places of a page have seven digits.
HALF_A_PIXEL = 0.5
MAP = "hmesh.views[1].map"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("map")
    write_files(folder)
    vehicles = {"count": 60, "day_plans": "plans.csv", "lam": [0.1, 0.3], "theta": 0.012}
    path = written(
        folder, "map", vehicles=vehicles, strategies=["typical", "three_level"],
        game={"solver": "exact"},
    )  # fmt: skip
    start_run(load_scenario(path), folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def page(run: Path) -> Path:
    write_report(run, run.parent / "page.html", audit=False)
    return run.parent / "page.html"


@pytest.fixture(scope="module")
def visit(browser: Browser, page: Path) -> Visit:
    return opened(browser, page)


def boxes_apart(named: list[list[Any]]) -> bool:
    """Return whether no two names overlap."""
    return all(
        a[4] <= b[2] or b[4] <= a[2] or a[5] <= b[3] or b[5] <= a[3]
        for a, b in itertools.combinations(named, 2)
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_map_fits_zooms_and_filters(visit: Visit, page: Path, width: int, theme: Any) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.page.emulate_media(color_scheme=theme)
    visit.wait(f"document.documentElement.dataset.theme === '{theme}'")
    visit.set_clock(7.1)
    # Beside the canvas itself a screenshot has the buttons, and their frames.
    picture = f"{MAP}.canvas.toDataURL()"
    whole = visit.run(picture)
    assert boxes_apart(visit.run(f"{MAP}.named"))
    assert len(visit.run(f"{MAP}.named")) == 6  # names, and loads with prices
    visit.page.locator("#moving").get_by_label("Enlarge the map").nth(1).click()
    assert visit.run(f"{MAP}.frame.zoom.k") == pytest.approx(1.6)
    assert visit.run(picture) != whole
    assert boxes_apart(visit.run(f"{MAP}.named"))
    # Both maps of a run show the same part.
    assert visit.run("hmesh.views[0].map.at") == visit.run(f"{MAP}.at")
    visit.page.get_by_label("Show the whole map").nth(1).click()
    assert visit.run(f"{MAP}.frame.zoom.k") == 1
    visit.page.get_by_label("Flows of which community").select_option("shop")
    assert visit.run("hmesh.flowChoice.community") == "shop"
    visit.page.get_by_label("Flows of which community").select_option("")
    assert visit.run(picture) == whole
    visit.check(page)


def test_the_page_of_a_run_on_roads_opens_with_its_results_and_a_map(visit: Visit) -> None:
    # `Visit` shows all parts; a page just opened shows one.
    visit.page.reload()
    visit.wait("document.documentElement.dataset.ready === 'yes'")
    assert visit.run("hmesh.tabs.name") == "outcome"
    shown = "document.querySelector('[data-part=\"overview\"] canvas').checkVisibility()"
    assert visit.run(shown)
    visit.show("all")
    assert visit.run(f"{MAP}.canvas.getBoundingClientRect().height") > 100


def test_places_have_one_scale_and_north_is_up(visit: Visit, run: Path) -> None:
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    geometry = geometry_of_run(RunData(read_run(run)), ON_SCREEN)
    shown = visit.run(f"(() => ({{at: {MAP}.at, perKm: {MAP}.frame.perKm, km: {MAP}.scaleKm}}))()")
    at = np.array(shown["at"])
    np.testing.assert_allclose(
        at - at[0], (geometry.places - geometry.places[0]) * shown["perKm"], atol=0.01
    )
    homes, works = at[0], at[1]
    assert works[1] < homes[1]  # north
    assert works[0] > homes[0]  # east
    assert shown["km"] * shown["perKm"] < 400


@pytest.mark.parametrize("hours", [7.03, 7.15, 12.2, 17.1])
def test_vehicles_drive_along_the_roads(visit: Visit, run: Path, hours: float) -> None:
    data = RunData(read_run(run))
    geometry = geometry_of_run(data, ON_SCREEN)
    trips = read_run(run).table("trips").to_pandas()
    start = data.timeline.calendar.start
    trips["departs_h"], trips["arrives_h"] = (
        (trips[name] - start).dt.total_seconds() / 3600 for name in ("departs", "arrives")
    )
    visit.set_clock(hours)
    shown = visit.run(
        f"""() => {{
          const map = {MAP};
          const {"{"} zoom, scale, offset {"}"} = map.frame;
          const step = map.step(hmesh.clock.now);
          const count = hmesh.runs[0].vehicles.where.shape[1];
          return {{
            places: [...Array(count).keys()].map((v) => map.placeOf(v, hmesh.clock.now, step)),
            at: map.at, scale, offset, radius: map.radius,
          }};
        }}"""
    )
    driving = 0
    for v, place in enumerate(shown["places"]):
        mine = trips[trips["vehicle"] == v]
        now = mine[(mine["departs_h"] <= hours) & (mine["arrives_h"] >= hours)]
        if len(now) == 0:
            parked = min(np.hypot(*(np.array(place) - at)) for at in shown["at"])
            assert parked <= shown["radius"]
            continue
        trip = now.iloc[0]
        ends = [data.communities.index(trip[name]) for name in ("origin", "destination")]
        line, done = geometry.way(*ends)
        share = (hours - trip["departs_h"]) / (trip["arrives_h"] - trip["departs_h"])
        expected = [np.interp(share, done, line[:, axis]) for axis in (0, 1)]
        expected = np.array(expected) * shown["scale"] + shown["offset"]
        # In the right lane, or still near the circle that it leaves or reaches.
        near = shown["radius"] * max(1 - 12 * min(share, 1 - share), 0) + 3
        assert np.hypot(*(np.array(place) - expected)) <= near + HALF_A_PIXEL
        driving += 1
    assert (driving > 0) == bool(
        ((trips["departs_h"] <= hours) & (trips["arrives_h"] >= hours)).any()
    )


def test_flows_above_the_threshold_and_of_one_community(visit: Visit, run: Path) -> None:
    data = RunData(read_run(run))
    window = window_of(data)
    found = flows(data, window, energy_paths(data, window))
    begins = found["first"]
    of_step = [
        (k, begins[window.steps + k], begins[window.steps + k + 1]) for k in range(window.steps)
    ]
    step, first, last = max(of_step, key=lambda each: each[2] - each[1])
    kwh = found["kwh"][first:last]
    assert len(kwh) >= 1
    slider = visit.page.get_by_label("Least energy of a flow")
    for share in (0, 40, 100):
        slider.fill(str(share))
        least = float(found["kwh"].max()) * (share / 100) ** 2
        shown = visit.run("(step) => hmesh.flowChoice.of(hmesh.runs[0], 1, step)", step)
        assert len(shown["drawn"]) == shown["all"] == np.count_nonzero(kwh >= least)
    slider.fill("0")
    for m, name in enumerate(data.communities):
        visit.page.get_by_label("Flows of which community").select_option(name)
        touching = (found["origin"][first:last] == m) | (found["destination"][first:last] == m)
        shown = visit.run("(step) => hmesh.flowChoice.of(hmesh.runs[0], 1, step)", step)
        assert sorted(shown["drawn"]) == (first + np.flatnonzero(touching)).tolist()
    visit.page.get_by_label("Flows of which community").select_option("")


def test_the_map_reads_the_numbers_of_the_tables(visit: Visit, run: Path) -> None:
    rows = read_run(run).table("hours").to_pandas()
    for step in (0, 8, 18):
        visit.set_clock(step + 0.5)
        for view, strategy in enumerate(("typical", "three_level")):
            cells = visit.page.locator('[data-part="moment"] .cell').nth(view)
            table = [row.split("\t") for row in cells.locator("tbody").inner_text().splitlines()]
            here = rows[(rows["step"] == step) & (rows["strategy"] == strategy)]
            for m, (row, reported) in enumerate(zip(here.itertuples(), table, strict=True)):
                name, load, price, plugged = visit.run(f"hmesh.views[{view}].map.reading({m})")[:4]
                assert name == row.community == reported[0]
                assert load == f"load {reported[1]}"
                assert float(price.split()[1]) == pytest.approx(row.community_price, abs=5e-4)
                assert int(plugged.split()[0]) == row.vehicles_present == int(reported[3])


def test_prices_colour_places_and_the_legend_gives_their_range(visit: Visit, run: Path) -> None:
    prices = read_run(run).table("hours").column("community_price").to_numpy()
    shown = visit.run(
        "['low', 'high'].map((end) => Number(document.getElementById(`price-${end}`).value))"
    )
    assert shown == pytest.approx([np.nanmin(prices), np.nanmax(prices)], rel=1e-6)
    rows = read_run(run).table("hours").to_pandas()
    rows = rows[rows["strategy"] == "three_level"].reset_index()
    names = list(read_run(run).info["scenario"]["communities"])
    low, high = shown
    for row in (rows["community_price"].idxmin(), rows["community_price"].idxmax()):
        step, m = int(rows["step"][row]), names.index(rows["community"][row])
        colour = visit.run(f"([m, step]) => {MAP}.priceColour(m, step)", [m, step])
        share = (rows["community_price"][row] - low) / (high - low)
        near = [round(share * 23 + off) for off in (-0.01, 0.01)]
        assert colour in [visit.run(f"{MAP}.prices[{n}]") for n in near]


def test_the_page_scrolls_unless_the_map_is_enlarged(visit: Visit) -> None:
    canvas = visit.page.locator("#moving .stage canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    box: Any = canvas.bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.page.mouse.wheel(0, -40)
    assert visit.run(f"{MAP}.frame.zoom.k") == 1
    visit.page.keyboard.down("Control")
    visit.page.mouse.wheel(0, -400)
    visit.page.keyboard.up("Control")
    visit.wait(f"{MAP}.frame.zoom.k > 1.5")
    before = visit.run(f"{MAP}.at")
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] / 2 - 30, box["y"] + box["height"] / 2 - 20)
    visit.page.mouse.up()
    moved = np.array(visit.run(f"{MAP}.at")) - np.array(before)
    np.testing.assert_allclose(moved, np.broadcast_to([-30, -20], moved.shape), atol=1.5)
    visit.page.get_by_label("Show the whole map").nth(1).click()
    assert visit.run(f"{MAP}.frame.zoom.k") == 1
