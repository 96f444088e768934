"""Names of a scenario that came from others are words on the page of the live view, never HTML."""

from collections.abc import Iterator
from typing import Any

import pytest

from hmesh.runs.live.chart_style import Look, pointed_at
from hmesh.runs.live.map_and_grid import grid_chart, map_chart
from hmesh.runs.live.source import Source, make_source
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.strategy_names import strategy_label
from tests.test_live_page import PATIENCE_MS, fine, pytestmark, served, visit

__all__ = ["pytestmark", "served"]

HOSTILE = "<img src=x onerror=alert(1)>"
CHANGES = (
    "hours=24", "school_buses.groups.0.schools=2",
    f"school_buses.groups.0.name='{HOSTILE}'", f"description='{HOSTILE}'",
    f"communities.rochester.members.0.name='{HOSTILE} too'",
)  # fmt: skip


@pytest.fixture(scope="module")
def source() -> Source:
    return make_source("school-buses", CHANGES)


def tooltips(option: Any) -> Iterator[str]:
    """Return what the library takes as HTML in the options of a chart."""
    if isinstance(option, dict):
        formatter = option.get("tooltip", {}).get("formatter")
        if formatter is not None:
            yield formatter
        option = list(option.values())
    if isinstance(option, list):
        for part in option:
            yield from tooltips(part)


def test_names_in_tooltips_are_words(source: Source) -> None:
    world = LiveWorld(source=source, strategy=strategy_label(source.strategy), seed="1")
    world.step()
    named = 0
    for chart in (map_chart(world, Look()), grid_chart(world, Look())):
        shown = list(tooltips(chart))
        assert shown
        for text in shown:
            assert "<" not in text.replace("<br>", ""), text
            named += "&lt;img src=x onerror=alert(1)&gt;" in text
    # Groups are named on what they are connected to.
    assert named >= 2
    assert pointed_at("a & b", "c") == {"formatter": "a &amp; b<br>c"}


@pytest.mark.slow
def test_hostile_names_run_no_script(browser: Any, served: Any, source: Source) -> None:
    here = visit(browser, served(source).base_url)
    dialogs: list[str] = []
    here.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    here.step(2)
    here.page.get_by_text(HOSTILE).first.wait_for(timeout=PATIENCE_MS)
    # Point at every part of the map and of the grid.
    here.page.evaluate(
        """() => new Promise(done => requirejs(
            [`${window.solara.cdn}/echarts@5.4.0/dist/echarts.js`], echarts => {
                for (const place of document.querySelectorAll('.solara-echarts')) {
                    const chart = echarts.getInstanceByDom(place);
                    chart.getOption().series.forEach((one, seriesIndex) => {
                        (one.data || []).forEach((_, dataIndex) => chart.dispatchAction(
                            { type: 'showTip', seriesIndex, dataIndex }));
                    });
                }
                done();
            }))"""
    )
    here.page.wait_for_timeout(1000)
    assert here.page.locator("img[src=x]").count() == 0
    assert dialogs == []
    fine(here)
    here.page.close()
