"""The page of every scheme, opened in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from hmesh.runs import write_report
from tests.browsers import CHROMIUM
from tests.quick_cases import quick
from tests.report_visits import Visit, opened
from tests.scheme_runs import SHORT, run_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

SPOTS = """() => hmesh.charts.map((chart) => {
  // What is the same under both strategies is folded into a line.
  if (!chart.box.checkVisibility()) return null;
  const box = chart.box.getBoundingClientRect();
  const room = box.width - chart.margin.l - chart.margin.r;
  const event = (type) => new PointerEvent(type, {
    clientX: box.left + chart.margin.l + 0.6 * room, clientY: box.top + 60, bubbles: true,
  });
  chart.box.dispatchEvent(event('pointermove'));
  const stated = chart.tip.hidden ? null : chart.tip.innerText.split('\\n');
  chart.box.dispatchEvent(event('pointerleave'));
  return [chart.chart.name, Boolean(chart.rowNames), stated];
})"""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", quick({"three-communities"}, SHORT))
def test_every_chart_of_a_scheme_shows_values(
    browser: Browser, tmp_path: Path, scenario: str
) -> None:
    data = run_of(scenario)
    path = tmp_path / "page.html"
    write_report([data.run.directory], path, audit=False)
    visit = opened(browser, path)
    visit.set_clock(data.steps * data.step_h / 2)
    # The first and the last strategy are shown; then another one in place of the last.
    for strategy in (len(data.strategies) - 1, len(data.strategies) // 2):
        visit.page.locator('[data-part="map"] select').last.select_option(str(strategy))
        spots = [spot for spot in visit.run(SPOTS) if spot is not None]
        assert len(spots) > 3
        for name, heat, reported in spots:
            # The library itself shows the values of a picture.
            assert heat or (reported and len(reported) > 1 and ": " in reported[1]), name
    narrow(visit)
    visit.check(path)
    visit.page.context.close()


def narrow(visit: Visit) -> None:
    """Show the page as a telephone does at night."""
    visit.page.set_viewport_size({"width": 400, "height": 900})
    visit.page.emulate_media(color_scheme="dark")
    visit.wait("document.documentElement.dataset.theme === 'dark'")
    visit.wait("hmesh.charts[0].plot.layout.width < 400")


@pytest.mark.slow
def test_flows_of_a_home_are_reported_where_the_pointer_is(
    browser: Browser, tmp_path: Path
) -> None:
    data = run_of("smart-home")
    path = tmp_path / "page.html"
    write_report([data.run.directory], path, audit=False)
    visit = opened(browser, path)
    chart = "hmesh.charts.find((c) => c.chart.name === 'home_flows_winter')"
    visit.run(f"{chart}.box.scrollIntoView({{ block: 'center' }})")
    x, y = visit.run(
        f"""() => {{
          const c = {chart}, box = c.box.getBoundingClientRect();
          const room = box.width - c.margin.l - c.margin.r;
          const high = box.height - c.margin.t - c.margin.b;
          const row = c.rowNames.indexOf('photovoltaics to storage-2');
          const height = high / c.rowNames.length;
          const at = [c.margin.l + room * 14.5 / 24, c.margin.t + height * (row + 0.5)];
          return [box.left + at[0], box.top + at[1]];
        }}"""
    )
    visit.page.mouse.move(x, y)
    visit.wait("document.querySelector('.hoverlayer .hovertext') !== null")
    reported = visit.page.locator(".hoverlayer .hovertext").text_content() or ""
    rows = data.run.table(
        "home_flows", filters=[("step", "=", 14), ("home", "=", 0), ("strategy", "=", "spfa_s")]
    ).to_pylist()
    (energy,) = (
        row["energy_kwh"]
        for row in rows
        if (row["source"], row["target"]) == ("photovoltaics", "storage-2")
    )
    assert "photovoltaics to storage-2" in reported
    assert f"{energy:.3g} kW" in reported
    visit.check(path)
    visit.page.context.close()
