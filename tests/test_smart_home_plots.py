import shutil
from pathlib import Path

import numpy as np
import pytest

from hmesh.runs import draw_plots, load_scenario, read_run, start_run
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.plots import Plot
from hmesh.runs.schemes.smart_homes.picture_flows import device_layers
from hmesh.runs.schemes.smart_homes.pictures import group_energy, groups_of, stored_kwh
from tests.smart_home_runs import finished

SHORT = ("hours=18", "strategies=[spfa_s, mpfa_mg_shifting]")
OF_HOMES = ["home_energy", "home_losses", "home_storage", "home_capacity", "home_flows"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "run"
    start_run(load_scenario("smart-home"), folder)
    return folder


@pytest.fixture(scope="module")
def plots(study: Path) -> dict[str, Plot]:
    return {plot.name: plot for plot in draw_plots(study)}


@pytest.mark.slow
def test_homes_without_a_grid_have_no_pictures_of_one(plots: dict[str, Plot]) -> None:
    assert list(plots) == OF_HOMES
    assert all(
        plot.path is not None and plot.path.stat().st_size > 10_000 for plot in plots.values()
    )


def test_titles_show_the_numbers_of_the_summary(study: Path, plots: dict[str, Plot]) -> None:
    summary = read_run(study).summary
    first, least = (
        summary["spfa_s"]["home_losses_kwh"],
        summary["mpfa_sg_shifting"]["home_losses_kwh"],
    )
    assert plots["home_losses"].finding == (
        f"Storages lose {first:.2f} kWh under SPFA/S, {least:.2f} kWh under MPFA/SG with shifting: "
        f"{1 - least / first:.1%} less".replace("%", " %")
    )
    best = summary["mpfa_mg"]
    share = best["home_served_kwh"] / best["home_wanted_kwh"]
    assert plots["home_energy"].finding.endswith(f"{share:.0%} under MPFA/MG".replace("%", " %"))
    assert "148.0 kWh under SPFA/S" in plots["home_capacity"].finding
    assert plots["home_flows"].finding.startswith("100 % of what serves a home of winter")


def test_what_is_drawn_is_what_the_tables_hold(study: Path) -> None:
    data = RunData(read_run(study))
    assert groups_of(data).shown == ("winter", "summer")
    losses = group_energy(data, "losses_kwh").sum(axis=2)
    for s, strategy in enumerate(data.strategies):
        for g, group in enumerate(("winter", "summer")):
            reported = data.summary[strategy]["homes"][group]["losses_kwh"]
            assert losses[s, g] == pytest.approx(reported, rel=1e-12)
    stored = stored_kwh(data)
    assert stored is not None
    assert stored.shape == (6, 2, 24)
    np.testing.assert_allclose(stored[:, :, 0], 0.0, atol=1e-9)
    assert stored.min() > -1e-9
    assert device_layers(data, "winter") == {
        "generator": ["photovoltaics", "fuel-cell"],
        "storage": ["storage-1", "storage-2"],
        "appliance": ["air-conditioner", "ventilation-fan"],
        "grid": [],
    }


@pytest.mark.slow
def test_homes_with_a_grid_have_pictures_of_both(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*SHORT), tmp_path / "run")
    drawn = {plot.name: plot for plot in draw_plots(directory)}
    assert set(OF_HOMES) < set(drawn)
    assert {"load", "line_loading"} < set(drawn)


@pytest.mark.slow
def test_without_recorded_homes_some_pictures_say_why_they_are_missing(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*SHORT, "record.homes=none"), tmp_path / "run")
    drawn = {plot.name: plot for plot in draw_plots(directory)}
    for name in ("home_storage", "home_capacity", "home_flows"):
        assert drawn[name].path is None
        assert "no home was recorded" in drawn[name].finding
    assert drawn["home_energy"].path is not None
