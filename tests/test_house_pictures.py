"""Pictures of houses with storages: each drawn, with a title that says what it shows."""

from pathlib import Path

from runs import load_scenario, start_run
from runs.plots import draw_plots


def test_houses_have_their_pictures_and_findings(tmp_path: Path) -> None:
    changes = ("years=null", "hours=48", "plots=false")
    start_run(load_scenario("composite-storage", changes), tmp_path / "run")
    plots = {plot.name: plot for plot in draw_plots(tmp_path / "run")}
    for name, words in (
        ("typical_days", "Of its sun a house uses"),
        ("house_energy", "Emissions are lowest under"),
        ("house_money", "pay back|ever pays back"),
    ):
        assert any(word in plots[name].finding for word in words.split("|"))
        path = plots[name].path
        assert path is not None
        assert path.stat().st_size > 10_000


def test_without_the_first_case_there_is_no_saving_to_draw(tmp_path: Path) -> None:
    changes = ("years=null", "hours=24", "plots=false", "strategies=[house_battery]")
    start_run(load_scenario("composite-storage", changes), tmp_path / "run")
    plots = {plot.name: plot for plot in draw_plots(tmp_path / "run")}
    assert plots["house_money"].path is None
    assert "not among the strategies" in plots["house_money"].finding
