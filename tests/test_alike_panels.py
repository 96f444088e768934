"""Panels that show the same under several strategies are drawn once, and folded in the page."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from hmesh.runs import write_report
from hmesh.runs.pictures.chart import Chart, Series
from hmesh.runs.pictures.chart_figure import draw_charts, titled
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.scheme_charts import charts
from hmesh.runs.report.traces import plain_chart
from tests.account_runs import city
from tests.browsers import CHROMIUM
from tests.report_visits import opened

NAMES = ("nobody_shares", "everybody_shares")


@pytest.fixture(scope="module")
def data() -> RunData:
    return RunData(city())


def chart_of(data: RunData, *courses: Series) -> Chart:
    series = {name: [course] for name, course in zip(NAMES, courses, strict=True)}
    findings = dict.fromkeys(NAMES, "a course")
    return Chart(data, "course", "A course", findings, series, "load", "kW", finding="A course")


def test_panels_are_alike_where_their_values_are(data: RunData) -> None:
    values = np.linspace(0.0, 3.0, data.steps)
    course = Series("load", values, "#000000")
    for other, same in (
        (replace(course, colour="#ff0000"), True),
        (replace(course, values=values * (1 + 1e-14)), True),
        (replace(course, values=values + 1e-3), False),
        (replace(course, name="price"), False),
        (replace(course, kind="points"), False),
        (replace(course, lower=values / 2), False),
    ):
        chart = chart_of(data, course, other)
        assert (chart.alike["everybody_shares"] == "nobody_shares") is same
        assert plain_chart(chart)["alike"] == chart.alike
        drawing = draw_charts([chart])
        titles = [text.get_text() for axes in drawing.axes for text in axes.texts]
        titles += [
            axes.get_title(loc=where) for axes in drawing.axes for where in ("left", "center")
        ]
        assert len(drawing.axes) == (1 if same else 2)
        assert any("the same under Everybody sharing" in title for title in titles) is same


def test_missing_values_are_alike_where_both_lack_them(data: RunData) -> None:
    values = np.where(np.arange(data.steps) % 2, np.nan, 1.0)
    course = Series("load", values)
    assert set(chart_of(data, course, course).alike.values()) == {"nobody_shares"}
    filled = replace(course, values=np.nan_to_num(values))
    assert len(set(chart_of(data, course, filled).alike.values())) == 2


def test_the_title_names_one_other_strategy_and_counts_several() -> None:
    assert titled("typical", ()) == "Typical charging"
    assert titled("typical", ("two_level",)).endswith("(the same under Two-level game)")
    assert titled("typical", ("two_level", "three_level")).endswith(
        "(the same under 2 other strategies)"
    )


FOLDS = """() => [...document.querySelectorAll('#charts details.alike')].map((fold) => {
  const [summary, place] = fold.children;
  return {
    name: place.dataset.part.slice('chart-'.length),
    same: fold.dataset.same === 'true',
    open: fold.open,
    line: summary.hidden ? '' : summary.textContent,
    heading: !fold.previousElementSibling.hidden,
    shown: [...place.children].filter((cell) => cell.checkVisibility()).length,
  };
})"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_page_folds_charts_that_are_alike(browser: Browser, tmp_path: Path) -> None:
    run = city("strategies=[nobody_shares, community_storage_optimal, everybody_shares]")
    path = tmp_path / "page.html"
    write_report([run.directory], path, audit=False)
    data = RunData(run)
    firsts = {chart.name: chart.alike for chart in charts(data) if len(chart.alike) > 1}
    visit = opened(browser, path)
    choice = visit.page.locator('[data-part="map"] select').last
    for strategy in ("everybody_shares", "community_storage_optimal"):
        choice.select_option(str(data.strategies.index(strategy)))
        folds = {fold["name"]: fold for fold in visit.run(FOLDS)}
        for name, alike in firsts.items():
            same = alike[strategy] == "nobody_shares"
            assert folds[name]["same"] is same, name
            # Those that differ are open, each with a heading and a cell for both strategies.
            assert (folds[name]["open"], folds[name]["heading"]) == (not same, not same)
            assert folds[name]["shown"] == (0 if same else 2), name
            label = "the same under Nobody sharing and Storage's optimal operation"
            assert folds[name]["line"].endswith(label) is same
    folded = [name for name, fold in folds.items() if fold["same"]]
    assert 0 < len(folded) < len(folds)
    # A click opens the one cell that stands for both, and it is drawn.
    name = folded[0]
    place = f'[data-part="chart-{name}"]'
    visit.page.locator(f"details.alike:has({place}) > summary").click()
    (opened_fold,) = (fold for fold in visit.run(FOLDS) if fold["name"] == name)
    assert opened_fold["open"]
    assert opened_fold["shown"] == 1
    visit.wait(f"document.querySelector('{place} .main-svg, {place} canvas') !== null")
    visit.check(path)
    visit.page.context.close()
