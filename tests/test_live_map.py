"""The map of the live view in a browser: it fits, zooms, filters, and reads as the tables do."""

import re
from typing import Any

import pytest

from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.live.chart_style import Look, amount
from hmesh.runs.live.source import Source, make_source
from tests.test_live_page import INK, Visit, fine, pytestmark, served, visit

__all__ = ["pytestmark", "served"]

STEPS, STEP_H = 4, 0.5
# An afternoon in a town of six places, of fewer vehicles.
CHANGES = (
    "vehicles.groups.0.count=90", "vehicles.groups.1.count=20", "vehicles.groups.2.count=30",
    "vehicles.groups.3.count=20", "hours=4", "plots=false", "start=2024-03-11T15:00",
)  # fmt: skip
CHART = """new Promise(found => requirejs(
    [`${window.solara.cdn}/echarts@5.4.0/dist/echarts.js`],
    echarts => found([...document.querySelectorAll('.solara-echarts')]
        .map(place => echarts.getInstanceByDom(place))
        .find(chart => chart && chart.getOption().title[0].text === 'Map'))))"""
# Each word of the map with where it stands on the page: left, top, right and bottom.
WORDS = f"""() => {CHART}.then(chart => {{
    const at = chart.getDom().getBoundingClientRect();
    return chart.getZr().storage.getDisplayList(true)
        .filter(one => one.type === 'tspan' && one.style.text && !one.ignore)
        .map(one => {{
            const box = one.getBoundingRect().clone();
            if (one.transform) box.applyTransform(one.transform);
            return [one.style.text, at.x + box.x, at.y + box.y,
                    at.x + box.x + box.width, at.y + box.y + box.height];
        }});
}})"""


class LiveMap:
    """The map of a page."""

    def __init__(self, here: Visit) -> None:
        self.here = here

    def words(self) -> list[list[Any]]:
        return list(self.here.page.evaluate(WORDS))

    def option(self, what: str) -> Any:
        return self.here.page.evaluate(f"() => {CHART}.then(chart => chart.getOption().{what})")

    def picture(self) -> str:
        return str(self.here.page.evaluate(f"() => {CHART}.then(chart => chart.getDataURL())"))

    def box(self) -> dict[str, float]:
        where = f"() => {CHART}.then(chart => chart.getDom().getBoundingClientRect().toJSON())"
        return dict(self.here.page.evaluate(where))

    def wait_until(self, there: Any) -> None:
        for _ in range(600):
            if there():
                return
            self.here.page.wait_for_timeout(100)
        raise AssertionError("nothing changed on the map")

    def to_screen(self) -> dict[str, float]:
        """Scroll to the map, and return where it is."""
        self.here.page.evaluate(
            f"() => {CHART}.then(chart => chart.getDom().scrollIntoView({{block: 'center'}}))"
        )
        return self.box()


@pytest.fixture(scope="module")
def source() -> Source:
    return make_source("suburbs", CHANGES, strategy="three_level")


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the hours of the communities of a run of the same world, in its last step."""
    folder = tmp_path_factory.mktemp("live") / "run"
    start_run(load_scenario("suburbs", (*CHANGES, "strategies=[three_level]")), folder)
    rows = read_run(folder).table("hours").to_pandas()
    return rows[rows["step"] == STEPS - 1].set_index("community")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_map_fits_zooms_filters_and_reads_the_numbers_of_the_tables(
    browser: Any, served: Any, source: Source, hours: Any, width: int, theme: Any
) -> None:
    url = served(source).base_url
    size = {"width": width, "height": 1700 if width > 1000 else 844}
    here = visit(browser, url, viewport=size, color_scheme=theme)
    look = Look(dark=theme == "dark")
    here.page.wait_for_function(f"() => ({INK})().then(ink => ink === '{look.ink}')")
    here.step(STEPS)
    if width < 1000:
        # On a phone the controls lie over the page until somebody taps beside them.
        here.page.mouse.click(width - 5, 400)
        here.button("Step").wait_for(state="hidden")
    shown = LiveMap(here)
    shown.wait_until(lambda: len(shown.option("series")) > 4)
    box = shown.to_screen()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    _reads_the_tables(shown, hours)
    _fits(shown, list(hours.index))
    _zooms(shown)
    _filters(shown)
    fine(here)
    here.page.close()


def _reads_the_tables(shown: LiveMap, hours: Any) -> None:
    """Read loads and prices of all places, and compare them with the table of a run."""
    places = shown.option("series[1].data")
    assert {place["name"] for place in places} == set(hours.index)
    for place in places:
        row = hours.loc[place["name"]]
        stated = place["tooltip"]["formatter"].split("<br>")[1]
        load, price = re.match(r"(\S+) kW · (\S+) EUR/kWh", stated).groups()  # type: ignore[union-attr]
        assert load == amount(float(row["net_kwh"]) / STEP_H, 0)
        assert price == f"{row['community_price']:,.2f}"
        # The label at the place is the same.
        assert f"{load} kW · {price}" in place["label"]["formatter"]
    carried = [word for word, *_ in shown.words() if "carried between communities" in word]
    drawn = [float(re.search(r": ([\d.,]+) kWh", arrow["tooltip"]["formatter"])[1].replace(",", ""))  # type: ignore[index]
             for one in shown.option("series")[4:] for arrow in one["data"]]  # fmt: skip
    assert drawn
    total = float(re.search(r"([\d.,]+) kWh carried", carried[0])[1].replace(",", ""))  # type: ignore[index]
    assert total == pytest.approx(sum(drawn), abs=0.5 + 0.05 * len(drawn))


def _fits(shown: LiveMap, names: list[str]) -> None:
    """Find every name on the map, none over another and none beyond its edge."""
    box, words = shown.box(), shown.words()
    at = [word for word in words if word[0] in names]
    assert {word[0] for word in at} == set(names)
    for word, left, top, right, bottom in at:
        assert box["x"] <= left, word
        assert right <= box["x"] + box["width"], word
        assert box["y"] <= top < bottom <= box["y"] + box["height"], word
    for one in at:
        # Figures, the legend and the words above the map count too.
        for other in words:
            apart = one[3] <= other[1] or other[3] <= one[1]
            apart |= one[4] <= other[2] or other[4] <= one[2]
            assert apart or one == other, (one, other)


def _zooms(shown: LiveMap) -> None:
    """Enlarge the map by the wheel, and show the whole of it again."""
    whole, box = shown.picture(), shown.box()
    mouse = shown.here.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def part() -> float:
        zoom = shown.option("dataZoom[0]")
        return float(zoom["end"] - zoom["start"])

    assert part() == pytest.approx(100.0)
    mouse.wheel(0, -300)
    shown.wait_until(lambda: part() < 95.0)
    shown.wait_until(lambda: shown.picture() != whole)
    for _ in range(40):
        mouse.wheel(0, 300)
        shown.here.page.wait_for_timeout(50)
    shown.wait_until(lambda: part() == pytest.approx(100.0))


def _filters(shown: LiveMap) -> None:
    """Hide the flows of a community by its entry of the legend, and show them again."""
    entry = next(word for word in shown.words() if word[0].startswith("from "))
    middle = (entry[1] + entry[3]) / 2, (entry[2] + entry[4]) / 2
    before = shown.picture()
    shown.here.page.mouse.click(*middle)

    def selected() -> bool:
        return bool(shown.option(f"legend[0].selected['{entry[0]}'] !== false"))

    shown.wait_until(lambda: not selected())
    shown.wait_until(lambda: shown.picture() != before)
    shown.here.page.mouse.click(*middle)
    shown.wait_until(selected)
