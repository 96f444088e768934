import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from hmesh.environment import Calendar, InputError
from hmesh.runs import ResultsWriter, draw_plots, load_scenario, read_run, start_run
from hmesh.runs.pictures import run_data
from hmesh.runs.pictures.figure_layout import (
    TITLE_PT,
    WIDTH_IN,
    strategy_colour,
    title_lines,
)
from hmesh.runs.pictures.load import draw_load, draw_peak_to_average
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.text_width import EDGE_IN, width_in
from hmesh.runs.pictures.timeline import MOST_DAYS, MOST_STEPS, Timeline
from hmesh.runs.plots import Plot

NAMES = [
    "load", "peak_to_average", "prices", "charging", "state_of_charge", "whereabouts",
    "line_loading",
]  # fmt: skip


def finished(folder: Path, *changes: str) -> Path:
    scenario = load_scenario("three-communities", ["game.solver=exact", *changes])
    start_run(scenario, folder)
    return folder


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("day") / "run")


@pytest.fixture(scope="session")
def plots(day: Path) -> dict[str, Plot]:
    return {plot.name: plot for plot in draw_plots(day)}


@pytest.fixture(scope="session")
def without_vehicles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "run"
    return finished(folder, "vehicles.count=0", "strategies=[three_level]", "hours=3")


def per_cent(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}%}".replace("%", " %")


def test_every_figure_of_a_run_is_drawn_wide_enough_to_read(
    day: Path, plots: dict[str, Plot]
) -> None:
    assert list(plots) == NAMES
    for plot in plots.values():
        assert plot.path == day / "plots" / f"{plot.name}.png"
        with Image.open(plot.path) as image:
            image.load()
            assert image.width == 1600
            assert 500 < image.height < 3000
            assert image.text["Description"] == plot.finding  # type: ignore[attr-defined]
    assert {path.name for path in (day / "plots").iterdir()} == {f"{name}.png" for name in NAMES}


def test_figures_leave_the_results_as_they_are(day: Path, plots: dict[str, Plot]) -> None:
    read_run(day).check_files()


def test_the_title_shows_by_how_much_the_peak_to_average_ratio_falls(
    day: Path, plots: dict[str, Plot]
) -> None:
    summary = read_run(day).summary
    fall = 1 - summary["three_level"]["par"] / summary["typical"]["par"]
    assert plots["peak_to_average"].finding == (
        f"Three-level game cuts the peak-to-average ratio by {per_cent(fall, 1)} "
        "against typical charging"
    )


def test_titles_show_the_numbers_of_the_summary(day: Path, plots: dict[str, Plot]) -> None:
    summary = read_run(day).summary
    typical, game = summary["typical"], summary["three_level"]
    assert plots["load"].finding.startswith(
        f"The three-level game lowers the system's peak from {typical['peak_kw'] / 1000:.1f} MW "
        f"under typical charging to {game['peak_kw'] / 1000:.1f} MW, at "
    )
    assert plots["charging"].finding == (
        f"Under the three-level game vehicles charge {game['vehicle_charged_kwh'] / 1000:.1f} MWh "
        f"and discharge {game['vehicle_discharged_kwh'] / 1000:.1f} MWh; under typical charging "
        f"they charge {typical['vehicle_charged_kwh'] / 1000:.1f} MWh and discharge none"
    )
    assert plots["state_of_charge"].finding == (
        f"Batteries end {per_cent(game['final_mean_soc'])} full on average under the three-level "
        f"game, {per_cent(typical['final_mean_soc'])} under typical charging"
    )


def test_the_title_of_lines_shows_which_strategies_overload_them(
    day: Path, plots: dict[str, Plot]
) -> None:
    run = read_run(day)
    loading = run.table("lines", ["loading"], [("strategy", "=", "typical")])
    highest = loading.column("loading").to_numpy().max()
    calm = [name for name in run.summary if not run.summary[name]["overloaded_steps"]]
    assert set(calm) == {"two_level", "three_level"}
    assert plots["line_loading"].finding == (
        f"Typical charging loads utility - homes/feeder to {per_cent(highest)} of its rating; "
        "no line is overloaded under the two-level game or the three-level game"
    )


def test_the_title_of_prices_shows_their_range(day: Path, plots: dict[str, Plot]) -> None:
    price = RunData(read_run(day)).hours("community_price")
    assert f"pay {price[2].min():.1f} to {price[2].max():.1f} JPY/kWh" in plots["prices"].finding
    assert f"{price[0].min():.1f} to {price[0].max():.1f} under" in plots["prices"].finding


def test_half_the_vehicles_are_on_the_road_in_the_morning(plots: dict[str, Plot]) -> None:
    assert plots["whereabouts"].finding.startswith("50 % of the vehicles are on the road at 08:00")


def test_drawing_changes_no_global_style(without_vehicles: Path) -> None:
    before = dict(mpl.rcParams)
    draw_plots(without_vehicles)
    assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_what_a_run_does_not_hold_is_reported_and_not_drawn(
    without_vehicles: Path, tmp_path: Path
) -> None:
    missing = {plot.name: plot.finding for plot in draw_plots(without_vehicles) if not plot.path}
    assert set(missing) == {"charging", "state_of_charge", "whereabouts"}
    assert all("vehicles" in finding for finding in missing.values())
    unrecorded = finished(
        tmp_path / "run", "record.vehicles=none", "strategies=[typical]", "hours=2"
    )
    missing = {plot.name: plot.finding for plot in draw_plots(unrecorded) if not plot.path}
    assert missing == {
        "charging": "No charging to draw: no vehicle charged or discharged",
        "state_of_charge": "No state of charge to draw: record.vehicles is none in the scenario",
    }


def test_one_strategy_is_compared_with_none(without_vehicles: Path) -> None:
    for plot in draw_plots(without_vehicles):
        assert "typical" not in plot.finding


def test_a_ratio_that_is_undefined_is_reported(without_vehicles: Path) -> None:
    data = RunData(read_run(without_vehicles))
    data.summary = {"three_level": {**data.summary["three_level"], "par": None}}
    drawing = draw_peak_to_average(data)
    assert drawing.figure is None
    assert "mean load" in drawing.finding


def test_a_change_too_small_to_see_is_no_finding(day: Path) -> None:
    data = RunData(read_run(day))
    typical = data.summary["typical"]
    almost = {**typical, "par": 0.996 * typical["par"], "peak_kw": 0.996 * typical["peak_kw"]}
    data.summary = {"typical": typical, "two_level": typical, "three_level": almost}
    assert draw_load(data).finding.startswith("No strategy lowers")
    assert draw_peak_to_average(data).finding.startswith("No strategy cuts")


def test_an_unfinished_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    ResultsWriter.create(tmp_path / "run", load_scenario("three-communities"))
    with pytest.raises(InputError, match="not finished"):
        draw_plots(tmp_path / "run")
    assert not (tmp_path / "run" / "plots").exists()


def test_a_folder_that_cannot_be_made_is_reported(without_vehicles: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for path in without_vehicles.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "plots").write_text("a file stands where the folder should be")
    with pytest.raises(InputError, match="is a file"):
        draw_plots(copy)


@pytest.mark.slow
def test_many_communities_are_drawn_by_their_largest(tmp_path: Path) -> None:
    members = "[{kind: household, name: 家と$5, count: 3, annual_kwh: 4800, profile: h0}]"
    more = [f"communities.village{n}={{members: {members}}}" for n in range(7)]
    folder = finished(tmp_path / "run", *more, "strategies=[two_level]", "hours=2")
    data = RunData(read_run(folder))
    assert [group.name for group in data.groups][-1] == "5 other communities"
    assert {"homes", "malls", "offices"} < {group.name for group in data.groups}
    grouped, net = data.grouped(data.hours("net_kwh")), data.hours("net_kwh")
    np.testing.assert_allclose(grouped.sum(axis=1), net.sum(axis=1))
    assert all(plot.path for plot in draw_plots(folder))


@pytest.mark.slow
def test_a_long_run_is_drawn_too(tmp_path: Path) -> None:
    folder = finished(
        tmp_path / "run", "vehicles.count=10", "strategies=[typical]", "step_h=0.25", "hours=201",
        "record.vehicles=5", "checkpoint_every_h=null",
    )  # fmt: skip
    plots = {plot.name: plot for plot in draw_plots(folder)}
    assert all(plot.path for plot in plots.values())
    assert plots["whereabouts"].finding.startswith("On a mean day 50 % of the vehicles are on")


def test_arrays_are_those_of_the_tables(day: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = read_run(day)
    data = RunData(run)
    hours = run.table("hours").to_pandas()
    chosen = hours[(hours["strategy"] == "two_level") & (hours["community"] == "malls")]
    np.testing.assert_array_equal(data.hours("net_kwh")[1, 1], chosen["net_kwh"])
    power = data.vehicle_power_kw("vehicle_charging") - data.vehicle_power_kw("vehicle_discharging")
    np.testing.assert_allclose(power[1, 1], chosen["ev_kwh"], atol=1e-9)
    vehicles = run.table("vehicles", ["step", "strategy", "soc"]).to_pandas()
    chosen = vehicles[(vehicles["strategy"] == "three_level") & (vehicles["step"] == 17)]
    monkeypatch.setattr(run_data, "ROWS_AT_ONCE", 5 * 3 * 2000)
    quantiles = data.soc_quantiles((0.05, 0.5))
    np.testing.assert_allclose(quantiles[2, :, 17], np.quantile(chosen["soc"], (0.05, 0.5)))


def test_strategies_of_other_names_have_colours_of_their_own() -> None:
    names = ("typical", "solar_first", "battery_first")
    assert len({strategy_colour(names, name) for name in names}) == 3


def test_titles_break_into_even_lines_and_never_before_a_unit() -> None:
    title = (
        "The three-level game lowers the peak of the whole system from 14.8 MW under typical "
        "charging to 7.5 MW, 49.2 %"
    )
    lines = title_lines(title)
    assert len(lines) == 2
    widths_in = [width_in(line, TITLE_PT, bold=True) for line in lines]
    assert max(widths_in) <= WIDTH_IN - 2 * EDGE_IN
    assert abs(len(lines[0]) - len(lines[1])) < 12
    assert " ".join(lines).replace("\u00a0", " ") == title
    assert not any(line.startswith(("MW", "%")) for line in lines)


def timeline(start: str, steps: int, step_h: float = 1.0) -> Timeline:
    return Timeline(Calendar(start, "Europe/Berlin", step_h), steps)


@pytest.mark.parametrize(
    ("steps", "step_h", "block"),
    [
        (MOST_STEPS, 1.0, ""),
        (MOST_STEPS + 1, 1.0, "day"),
        (MOST_STEPS + 4, 0.25, "hour"),
        (8760, 1.0, "week"),
        (8760 * 4, 1.0, "28 days"),
        (900, 24.0, "28 days"),
    ],
)
def test_long_runs_are_gathered_to_blocks(steps: int, step_h: float, block: str) -> None:
    line = timeline("2023-01-16T01:00", steps, step_h)
    assert line.block == block
    assert line.edges_h[0] == 0.0
    assert line.edges_h[-1] == steps * step_h
    assert (np.diff(line.edges_h) > 0).all()
    assert len(line.edges_h) - 1 <= (MOST_DAYS if block not in ("", "hour") else MOST_STEPS)


def test_days_end_at_local_midnight_when_clocks_change() -> None:
    line = timeline("2023-03-20T00:00", 24 * 40 - 1)
    assert line.block == "day"
    lengths = np.diff(line.edges_h)
    assert lengths[6] == 23.0
    assert set(lengths.tolist()) == {23.0, 24.0}


def test_means_and_extremes_of_blocks() -> None:
    line = timeline("2023-03-20T00:00", 24 * 40 - 1)
    values = np.arange(24.0 * 40 - 1)
    edges = line.edges_h.astype(int)
    blocks = [values[first:last] for first, last in pairwise(edges)]
    np.testing.assert_allclose(line.mean(values), [block.mean() for block in blocks])
    np.testing.assert_array_equal(line.lowest(values), [block.min() for block in blocks])
    np.testing.assert_array_equal(line.highest(values), [block.max() for block in blocks])


@pytest.mark.parametrize("step_h", [0.25, 1.0, 2.0])
def test_the_mean_day_follows_the_local_clock(step_h: float) -> None:
    steps = round(24 * 20 / step_h)
    line = timeline("2023-03-16T06:00", steps, step_h)
    calendar = line.calendar
    at_noon = [12 <= calendar.hour_of_day(step) < 12 + max(step_h, 1) for step in range(steps)]
    mean = line.mean_day(np.array([at_noon], dtype=float))
    assert mean.shape == (1, 24)
    assert mean[0, 12] == pytest.approx(1.0, abs=0.6 if step_h == 2.0 else 0.0)
    assert mean[0, 3] == 0.0


@pytest.mark.parametrize("room", [4, 13])
@pytest.mark.parametrize("hours", [1, 5, 24, 30, 72, 24 * 10, 24 * 60, 8760, 8760 * 12])
def test_labels_of_the_time_axis_fit_and_lie_within_it(hours: int, room: int) -> None:
    from matplotlib.figure import Figure

    line = timeline("2023-03-25T07:00", hours)
    axes = Figure().subplots()
    line.dress(axes, room)
    ticks = axes.get_xticks()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert len(ticks) == len(labels) <= room
    assert len(ticks) > 0
    assert len(set(labels)) == len(labels) or hours >= 24
    assert ticks.min() >= 0
    assert ticks.max() <= hours
    assert "Europe/Berlin" in axes.get_xlabel()


def test_clock_labels_show_local_time_across_the_change_of_clocks() -> None:
    from matplotlib.figure import Figure

    line = timeline("2023-03-25T22:00", 12)
    axes = Figure().subplots()
    line.dress(axes, 13)
    for at_h, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
        local = line.calendar.time_of(0).timestamp() + timedelta(hours=at_h).total_seconds()
        shown = line.calendar.time_of(0).fromtimestamp(local, line.calendar.zone)
        assert label.get_text().startswith(f"{shown:%H:%M}")


def test_nothing_heavy_is_imported_before_it_is_needed(without_vehicles: Path) -> None:
    code = (
        "import sys; from hmesh import runs; draw, _ = runs.draw_plots, runs.summary_table; "
        "print([n for n in ('matplotlib', 'rich', 'pandas', 'pyarrow') if n in sys.modules]); "
        "draw(sys.argv[1]); print('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(without_vehicles)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout.split() == ["[]", "False"]
