"""Pictures and words of community storage say what the tables hold."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.plots import draw_plots
from hmesh.runs.run_notes import notes
from hmesh.runs.run_summary import summary_table
from hmesh.runs.schemes.community_storage import pictures as community_storage

NAMES = ["storage_charging", "household_demand", "charge_by_iteration", "allowance", "shares"]
QUICK = ["plots=false", "community_storage.history_days=2"]


def finished(folder: Path, *changes: str) -> RunData:
    start_run(load_scenario("community-storage", [*QUICK, *changes]), folder)
    return RunData(read_run(folder))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    return finished(tmp_path_factory.mktemp("day") / "run", "hours=30")


def test_every_picture_is_drawn_and_shows_its_finding(day: RunData) -> None:
    plots = {plot.name: plot for plot in draw_plots(day.run.directory, only=NAMES)}
    assert set(NAMES) <= plots.keys()
    for name in NAMES:
        path = plots[name].path
        assert path is not None
        assert path.stat().st_size > 10_000


def test_titles_show_what_the_tables_hold(day: RunData) -> None:
    units = day.run.table("storages").to_pandas()
    optimal = units[units.strategy == "community_storage_optimal"]
    share = 100 * optimal.charge_kwh.sum() / optimal.generation_kwh.sum()
    finding = community_storage.draw_charging(day).finding
    assert f"{share:.0f} % under the storage's optimal operation" in finding
    rows = day.run.table("storage_households").to_pandas()
    mine = rows[rows.strategy == "community_storage_normal"]
    served = 100 * mine.drawn_kwh.sum() / mine.demand_kwh.sum()
    reported = community_storage.draw_shares(day).finding
    assert f"{served:.0f} % under the storage's normal operation" in reported
    plans = day.run.table("storage_plans").to_pandas()
    alpha = int(plans[plans.chosen == 1].alpha.iloc[0])
    assert f"with alpha {alpha}" in community_storage.draw_convergence(day).finding
    assert f"with alpha {plans.alpha.max()}" in community_storage.draw_iterations(day).finding


def test_a_panel_for_each_household_up_to_six(day: RunData, tmp_path: Path) -> None:
    figure = community_storage.draw_households(day).figure
    assert figure is not None
    # Where titles stand depends on the style that another test may have left.
    titles = [
        "".join(axes.get_title(side) for side in ("left", "center", "right"))
        for axes in figure.axes
    ]
    assert [title.split(":")[0] for title in titles] == [
        "homes/H1", "homes/H2", "homes/H3",
    ]  # fmt: skip
    many = finished(
        tmp_path / "many", "hours=6", "communities.homes.members.0.count=20",
        "community_storage.storages.0.dischargers=9",
    )  # fmt: skip
    drawing = community_storage.draw_households(many)
    assert drawing.figure is not None
    assert len(drawing.figure.axes) == 6
    assert "the first 6 are drawn" in drawing.finding


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    nobody = finished(tmp_path / "a", "hours=3", "strategies=[no_community_storage]")
    for draw in (
        community_storage.draw_charging, community_storage.draw_households,
        community_storage.draw_iterations, community_storage.draw_convergence,
        community_storage.draw_shares,
    ):  # fmt: skip
        drawing = draw(nobody)
        assert drawing.figure is None
        assert drawing.finding.startswith("No ")
    unseen = finished(
        tmp_path / "b", "hours=3", "community_storage.record_households=false",
        "strategies=[community_storage_normal]",
    )  # fmt: skip
    assert community_storage.draw_charging(unseen).figure is not None
    assert community_storage.draw_shares(unseen).figure is None
    assert community_storage.draw_convergence(unseen).figure is None


def test_the_table_of_a_run_shows_what_comes_from_the_storage(day: RunData) -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(summary_table(day.summary, "KRW"))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "from the storage [%]" in text
    reported = day.summary["community_storage_optimal"]
    share = 100 * reported["storage_delivered_kwh"] / reported["storage_households_kwh"]
    assert f"{share:.1f}" in text
    assert not [line for line in notes(day.summary) if "_" in line]
