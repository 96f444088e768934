import io
import json
from dataclasses import replace as with_other
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hmesh.environment import InputError
from hmesh.runs import STUDIES, ReportSection, StudyReport
from hmesh.runs.studies.days import case_study, live_day, reductions, repeating_day, scaled_loads
from hmesh.runs.studies.published_figures import published_figures, published_orders
from hmesh.runs.studies.replicate import replicate
from hmesh.runs.studies.study_parts import Progress, Study, run_study
from hmesh.runs.studies.study_report import Bars, Column
from hmesh.runs.studies.vehicles.inputs import mean_load_kw
from hmesh.runs.studies.vehicles.study import (
    BILL,
    PAR,
    STUDY,
    contradictions,
    simulated_days,
)
from hmesh.runs.studies.verdicts import (
    agrees,
    holds,
    passed_as_recorded,
    verdict_sections,
)

FIGURES = published_figures("vehicles")


def small_report(passed: bool = True) -> StudyReport:
    table = ReportSection(
        "prices",
        "Prices [money]",
        (Column("place"), Column("price [JPY/kWh]", ".1f"), Column("fine"), Column("hours", "d")),
        (("homes [1]", 31.26, True, 24), ("malls", None, False, 3)),
        ("A [bold]sentence[/bold].",),
        Bars("place", ("price [JPY/kWh]", "hours"), "price"),
    )
    words = ReportSection("words", "Words", text=("Only words.",))
    return StudyReport("small", "A small report", passed, "reproduced", (table, words))


def printed(report: StudyReport) -> str:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(report)
    return console.export_text()


def test_published_figures_stand_with_their_place() -> None:
    assert [(f.item, f.metric, f.value) for f in FIGURES] == [
        ("3OEP vs typical", PAR, 40.7),
        ("3OEP vs 2LV", PAR, 31.3),
        ("2LV vs typical", PAR, 13.6),
        ("3OEP vs typical", BILL, 8.3),
        ("3OEP vs 2LV", BILL, 6.1),
        ("2LV vs typical", BILL, 21.5),
    ]
    assert {(f.where, f.unit) for f in FIGURES} == {("thesis 5.4.2", "%")}
    assert published_figures("none") == ()


def test_curves_are_drawn_against_numbers_and_read_back(tmp_path: Path) -> None:
    table = ReportSection(
        "curve", "A curve", (Column("size [kWh]"), Column("load [kW]"), Column("peak [kW]")),
        ((0, 5.0, None), (10, 2.5, 7.0), (30, 2.0, 6.0)),
        bars=Bars("size [kWh]", ("load [kW]", "peak [kW]"), "power [kW]", curves=True),
    )  # fmt: skip
    report = StudyReport("small", "A small report", True, "reproduced", (table,))
    assert StudyReport.from_json(report.to_json()) == report
    written = report.save(tmp_path)
    with Image.open(next(path for path in written if path.suffix == ".png")) as image:
        image.load()
        # 8 inches of 4.5 and of a line of title, 150 dots each.
        assert image.size == (1200, 705)


def test_unknown_studies_are_reported_at_once_with_the_nearest_name() -> None:
    with pytest.raises(InputError) as caught:
        replicate(["vehicle", "moon"])
    studies = ", ".join(STUDIES)
    assert [str(problem) for problem in caught.value.problems] == [
        f"vehicle: there is no such study (allowed: {studies}; did you mean 'vehicles'?)",
        f"moon: there is no such study (allowed: {studies})",
    ]


def test_studies_run_in_the_order_named_with_one_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(study: Study, progress: Progress, **_: object) -> StudyReport:
        for done in range(3):
            progress(done, 2)
        return StudyReport(study.name, study.name, True, "", ())

    monkeypatch.setattr("hmesh.runs.studies.replicate.run_study", run)
    seen: list[float] = []
    named = replicate(
        ["school_buses", "vehicles", "school_buses"],
        lambda done, total: seen.append(done / total),
    )
    assert [report.name for report in named] == ["school_buses", "vehicles"]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert [report.name for report in replicate()] == list(STUDIES)


def test_a_report_is_shown_with_every_cell_whole() -> None:
    text = printed(small_report())
    for part in ("1. Prices [money]", "homes [1]", "31.3", "yes", "no", " - ", "2. Words",
                 "A [bold]sentence[/bold].", "small: reproduced"):  # fmt: skip
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_report_comes_back_from_json() -> None:
    report = small_report(passed=False)
    assert StudyReport.from_json(report.to_json()) == report
    with pytest.raises(ValueError, match="schema"):
        StudyReport.from_json("{}")


def test_a_report_is_saved_as_json_tables_and_drawings(tmp_path: Path) -> None:
    report = small_report()
    written = report.save(tmp_path / "new" / "study")
    assert [path.name for path in written] == ["report.json", "prices.csv", "prices.png"]
    assert StudyReport.from_json(written[0].read_text()) == report
    assert written[1].read_text().splitlines() == [
        "place,price [JPY/kWh],fine,hours", "homes [1],31.26,True,24", "malls,,False,3",
    ]  # fmt: skip
    assert written[2].read_bytes().startswith(b"\x89PNG")
    assert report.save(tmp_path / "new" / "study") == written


def test_a_report_that_cannot_be_saved_says_where(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="taken"):
        small_report().save(tmp_path / "taken")


def test_tables_are_whole() -> None:
    with pytest.raises(ValueError, match="1 cells in 2 columns"):
        ReportSection("t", "T", (Column("a"), Column("b")), ((1,),))
    with pytest.raises(ValueError, match="two columns"):
        ReportSection("t", "T", (Column("a"), Column("a")))
    section = small_report().section("prices")
    assert section.column("hours") == [24, 3]
    assert list(section.frame()["hours"]) == [24, 3]


def test_which_published_figures_contradict_each_other_is_computed() -> None:
    section = contradictions(FIGURES)
    assert section.column("compared") == [figure.item for figure in FIGURES]
    assert section.column("agrees") == [figure.metric == PAR for figure in FIGURES]
    implied = section.column("from the two others")
    assert implied[3:] == pytest.approx(
        [100 * (1 - 0.939 * 0.785), 100 * (1 - 0.917 / 0.785), 100 * (1 - 0.917 / 0.939)]
    )
    assert any("0.917 / 0.785 = 1.168" in paragraph for paragraph in section.text)


def test_figures_that_fit_contradict_nothing() -> None:
    fitting = [f for f in FIGURES if f.metric == PAR]
    fitting += [type(f)(f.where, f.item, BILL, f.value, f.unit) for f in fitting]
    section = contradictions(tuple(fitting))
    assert all(section.column("agrees"))
    assert "No published figure contradicts the others." in section.text


def test_the_verdict_goes_by_the_default_solver() -> None:
    shared = STUDY.shared(None)
    tally, cells, orders, others = STUDY.parts[0].make(shared, lambda: None)
    assert passed_as_recorded([tally])
    assert cells.columns[3].name == "exact"
    by_figure = dict(zip([(f.item, f.metric) for f in FIGURES], cells.rows, strict=True))
    # The vehicles at their limits move the peak of 2LV; the closed forms do not see them.
    assert by_figure["2LV vs typical", PAR][-1] is False
    assert others.rows[0][3] == pytest.approx(40.81, abs=0.01)
    assert [row[-1] for row in cells.rows] == [figure.agreed for figure in FIGURES]
    assert orders.column("holds") == [True, False]
    days = simulated_days("exact")
    assert days["two_level"].totals.peak_step == 21


def test_a_cell_agrees_by_its_printed_digits_and_share() -> None:
    figure = FIGURES[0]
    assert figure.tolerance == pytest.approx(0.05 + 0.407)
    assert agrees(figure, 40.7 + 0.457)
    assert not agrees(figure, 40.7 + 0.4571)
    assert agrees(figure, None) is None
    assert agrees(figure, float("inf")) is None
    drawn = with_other(figure, rule="range of seeds", tolerance=0.05)
    assert agrees(drawn, [39.0, 40.65])
    assert not agrees(drawn, [39.0, 40.6])


def test_an_order_holds_that_holds_with_every_seed() -> None:
    order = published_orders("vehicles")[0]
    low, high = order.cells
    assert holds(order, {low: 1.0, high: 2.0})
    assert not holds(order, {low: 2.0, high: 2.0})
    assert not holds(order, {low: [1.0, 3.0], high: [2.0, 2.0]})
    assert holds(order, {low: 1.0}) is None


def test_a_verdict_that_is_not_on_record_fails_the_study() -> None:
    found = {(f.item, f.metric): f.value for f in FIGURES}
    sections = verdict_sections("vehicles", found)
    assert not passed_as_recorded(sections)
    assert sections[0].text[0].startswith("6 of 6 published figures agree under 'exact'")
    assert "2LV vs typical, PAR reduction" in sections[0].text[-1]


def test_loads_are_scaled() -> None:
    whole, part = (mean_load_kw(case_study(*scaled_loads(factor))) for factor in (1.0, 0.7))
    assert part == pytest.approx(0.7 * whole)
    assert whole == pytest.approx(3962, abs=1)
    typical = live_day(case_study(), "typical")
    assert typical.totals.sums["fixed_load_kwh"] / 24 == pytest.approx(whole)


def test_a_repeating_day_buys_what_is_driven() -> None:
    # A fortieth of everything, at the same prices.
    setting = case_study(
        "vehicles.count=50", "generation_cost.quadratic=0.02", *scaled_loads(1 / 40)
    )
    for strategy in ("typical", "three_level"):
        day = repeating_day(setting, strategy)
        sums = day.totals.sums
        assert day.change_kwh <= 1e-6
        assert day.totals.steps == 24
        assert sums["vehicle_kwh"] == pytest.approx(sums["driven_km"] * 0.16, abs=1e-4)
    stopped = repeating_day(setting, "three_level", tolerance_kwh=0.0, most_days=2)
    assert stopped.days_before == 1


def test_a_day_that_repeats_has_its_first_load_every_day() -> None:
    # From Friday on, the loads of the weekend would come.
    setting = case_study("vehicles.count=10", "start=2023-01-13T01:00")
    first = live_day(setting, "typical").totals.sums["fixed_load_kwh"]
    later = repeating_day(setting, "typical")
    assert later.days_before > 0
    assert later.totals.sums["fixed_load_kwh"] == pytest.approx(first, rel=1e-12)


def test_reductions_are_positive_where_there_is_less() -> None:
    typical, optimal = (live_day(case_study(), name) for name in ("typical", "three_level"))
    there, back = (
        reductions(optimal.totals, typical.totals), reductions(typical.totals, optimal.totals),
    )  # fmt: skip
    assert there.par > 0 > back.par
    assert (1 - there.bill / 100) * (1 - back.bill / 100) == pytest.approx(1)


@pytest.fixture(scope="module")
def whole() -> tuple[StudyReport, list[tuple[int, int]]]:
    seen: list[tuple[int, int]] = []
    return run_study(STUDY, lambda done, total: seen.append((done, total))), seen


@pytest.mark.slow
def test_the_whole_study(whole: tuple[StudyReport, list[tuple[int, int]]]) -> None:
    report, seen = whole
    assert report.passed
    assert report.verdict.startswith("4 of 6 published figures agree under 'exact'")
    assert [done for done, _ in seen] == list(range(len(seen)))
    assert {total for _, total in seen} == {seen[-1][0]}
    text = printed(report)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert StudyReport.from_json(report.to_json()) == report


@pytest.mark.slow
def test_what_the_whole_study_finds(
    whole: tuple[StudyReport, list[tuple[int, int]]], tmp_path: Path
) -> None:
    report, _ = whole
    changes = report.section("sensitivity").frame().set_index("change")
    near = changes.drop(
        ["loads x 1.2", "loads x 1.5", "loads x 2", "1,500 vehicles", "theta 1", "theta 4",
         "trip energy kept"]
    )  # fmt: skip
    for name in ("PAR [%]", "bill [%]"):
        apart = near[name] - near[f"other code {name}"].astype(float)
        assert apart.abs().max() < 1.0
    energy = report.section("equal-energy").frame()
    assert np.allclose(energy[["typical buys [MWh]", "3OEP buys [MWh]"]], 27.04, atol=1e-6)
    gaps = report.section("enumeration").column("profit gap, largest")
    assert gaps == sorted(gaps, reverse=True, key=lambda gap: float(gap or 0.0))
    negotiated = dict(report.section("negotiation").rows)
    assert float(str(negotiated["largest price difference [share of the price range]"])) < 1e-5
    saved = {path.name for path in report.save(tmp_path)}
    assert {"report.json", "cells.csv", "sensitivity.png"} <= saved
    assert json.loads((tmp_path / "report.json").read_text())["passed"] is True
