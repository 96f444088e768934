import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.pictures.chart_figure import picture_of
from hmesh.runs.pictures.figure_layout import Drawing
from hmesh.runs.pictures.quantity_text import energy_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.plots import draw_plots
from hmesh.runs.run_notes import notes
from hmesh.runs.run_summary import summary_table
from hmesh.runs.schemes.school_buses.charts import (
    base_kw,
    bus_power,
    covered_kwh,
    demand_kw,
    draw_incentives,
)

STRATEGIES = ["charge_after_use", "valley_charging", "centralised", "optimal_energy_price"]
SMALL = (
    "plots=false", "game.solver=exact",
    "school_buses.groups=[{name: a, community: rochester, schools: 2, buses: 3}]",
)  # fmt: skip


def drawn(folder: Path, *changes: str) -> tuple[Drawing, Drawing]:
    """Return the pictures of a small run, not yet written to files."""
    start_run(load_scenario("school-buses", [*SMALL, *changes]), folder)
    data = RunData(read_run(folder))
    return picture_of(bus_power(data)), draw_incentives(data)


@pytest.mark.parametrize(("hours", "strategies"), [(30, STRATEGIES), (804, STRATEGIES[-1:])])
def test_titles_say_what_buses_do_with_units(
    tmp_path: Path, hours: int, strategies: list[str]
) -> None:
    reported = f"strategies=[{', '.join(strategies)}]"
    power, price = drawn(tmp_path / "run", f"hours={hours}", reported)
    assert power.figure is not None
    assert len(power.figure.axes) == len(strategies)
    assert all("power [" in axes.get_ylabel() for axes in power.figure.axes)
    assert "sell" in power.finding
    assert "MWh" in power.finding or "kWh" in power.finding
    assert price.figure is not None
    assert "USD/kWh" in price.finding
    assert "hours" in price.finding


def test_where_nothing_is_sold_the_pictures_say_so(tmp_path: Path) -> None:
    power, price = drawn(
        tmp_path / "run", "hours=24", "strategies=[charge_after_use, valley_charging]"
    )
    assert price.figure is None
    assert "sold nothing" in price.finding
    assert "sell nothing" in power.finding
    idle, _ = drawn(
        tmp_path / "idle", "hours=24", "strategies=[charge_after_use]",
        "school_buses.groups=[{name: a, community: rochester, buses: 0}]",
    )  # fmt: skip
    assert idle.figure is None


def test_pictures_are_among_those_of_a_run(tmp_path: Path) -> None:
    changes = [*SMALL, "hours=12", "strategies=[optimal_energy_price]"]
    start_run(load_scenario("school-buses", changes), tmp_path / "run")
    names = {plot.name for plot in draw_plots(tmp_path / "run") if plot.path is not None}
    assert {"load", "school_buses", "incentive_prices"} <= names


def test_the_table_of_a_run_shows_bills_energies_and_ways_to_count(tmp_path: Path) -> None:
    summary = start_run(load_scenario("school-buses", [*SMALL, "hours=48"]), tmp_path / "run")
    console = Console(width=140, file=io.StringIO(), record=True)
    console.print(summary_table(summary, "USD"))
    text = console.export_text()
    for row in (
        "school buses charge [MWh]", "school buses sell [MWh]", "schools' net cost [USD]",
        "incentives paid [USD]", "generation cost [", "with incentives [", "replacing nothing sold",
    ):  # fmt: skip
        assert row in text, row
    assert "vehicles' bill" not in text
    reported = " ".join(notes(summary))
    assert "could not finish its round" in reported
    assert "energy that school rounds took and batteries lacked" in reported.lower()


def test_what_schools_sell_beyond_the_need_of_an_hour_covers_nothing(tmp_path: Path) -> None:
    """Under centralised control they sell at once, also more than an hour requires."""
    power, _ = drawn(
        tmp_path / "run", "hours=24", "strategies=[centralised]",
        "school_buses.groups=[{name: a, community: rochester, schools: 20, buses: 10}]",
    )  # fmt: skip
    data = RunData(read_run(tmp_path / "run"))
    hours = data.run.table("schools", ["step", "energy_kwh"]).to_pandas()
    sold = hours.groupby("step")["energy_kwh"].sum().clip(lower=0.0)
    required = np.maximum(demand_kw(data)[0] - base_kw(data), 0.0)[sold.index]
    covered = np.minimum(sold, required).sum()
    assert 0 < covered < sold.sum() - 1.0
    assert covered_kwh(data, "centralised") == pytest.approx(covered)
    assert f"sell {energy_text(sold.sum())} and so cover {energy_text(covered)} of" in power.finding


def test_where_nothing_is_sold_beyond_the_need_one_figure_shows_it(tmp_path: Path) -> None:
    power, _ = drawn(tmp_path / "run", "hours=24", "strategies=[optimal_energy_price]")
    data = RunData(read_run(tmp_path / "run"))
    sold = float(data.total("optimal_energy_price", "school_sold_kwh"))
    assert covered_kwh(data, "optimal_energy_price") == pytest.approx(sold)
    assert "cover" not in power.finding
    assert f"sell {energy_text(sold)} of the" in power.finding
