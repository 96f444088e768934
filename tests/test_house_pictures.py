"""Pictures of houses with storages: each drawn, with a title that says what it shows."""

from pathlib import Path

import pytest

from hmesh.runs import load_scenario, start_run
from hmesh.runs.plots import draw_plots
from hmesh.runs.schemes.composite_storage.pictures import figure_text


def test_houses_have_their_pictures_and_findings(tmp_path: Path) -> None:
    changes = ("years=null", "hours=48", "plots=false")
    start_run(load_scenario("composite-storage", changes), tmp_path / "run")
    plots = {plot.name: plot for plot in draw_plots(tmp_path / "run")}
    for name, words in (
        ("typical_days", "Self-consumption of houses is"),
        ("house_energy", "Emissions are lowest under"),
        ("house_money", "pay back|ever pays back"),
    ):
        assert any(word in plots[name].finding for word in words.split("|"))
        path = plots[name].path
        assert path is not None
        assert path.stat().st_size > 10_000


def test_figures_at_bars_are_whole_where_they_are_large() -> None:
    assert [figure_text(value) for value in (107820.4, -312.6, 46.90, 2.694, 0.0)] == [
        "107,820", "-313", "46.9", "2.69", "0.00",
    ]  # fmt: skip


@pytest.mark.slow
def test_bars_of_costs_below_zero_are_drawn(tmp_path: Path) -> None:
    changes = ("years=null", "hours=24", "plots=false", "composite_storage.tariff.feed_in=48")
    sunny = "composite_storage.groups.0.photovoltaics={pv_kw: 20}"
    start_run(load_scenario("composite-storage", (*changes, sunny)), tmp_path / "run")
    plots = {plot.name: plot for plot in draw_plots(tmp_path / "run")}
    path = plots["house_money"].path
    assert path is not None
    assert path.stat().st_size > 10_000


@pytest.mark.slow
def test_without_the_first_case_there_is_no_saving_to_draw(tmp_path: Path) -> None:
    changes = ("years=null", "hours=24", "plots=false", "strategies=[house_battery]")
    start_run(load_scenario("composite-storage", changes), tmp_path / "run")
    plots = {plot.name: plot for plot in draw_plots(tmp_path / "run")}
    assert plots["house_money"].path is None
    assert "not among the strategies" in plots["house_money"].finding
