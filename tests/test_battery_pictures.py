"""Pictures of shared batteries: drawn where there is something, and stated where there is not."""

from pathlib import Path

import pytest
from PIL import Image

from hmesh.runs import draw_plots, load_scenario, read_run, start_run
from hmesh.runs.plots import Plot

OWN = (
    "representative_days", "load_deviation", "battery_capacities", "weekly_exchange",
    "exchange_network",
)  # fmt: skip


def drawn(folder: Path, *changes: str) -> dict[str, Plot]:
    given = ["plots=false", "checkpoint_every_h=null", "battery_sharing.spread=mean_load"]
    start_run(load_scenario("battery-sharing", [*given, *changes]), folder)
    return {plot.name: plot for plot in draw_plots(folder, only=OWN)}


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Plot]]:
    folder = tmp_path_factory.mktemp("pictures") / "run"
    return folder, drawn(
        folder, "hours=168", "battery_sharing.dispatch=alike",
        "communities.district.members.0.businesses=12",
    )  # fmt: skip


def test_every_picture_is_drawn_and_says_what_it_shows(
    fortnight: tuple[Path, dict[str, Plot]],
) -> None:
    folder, plots = fortnight
    for name in OWN:
        path = plots[name].path
        assert path is not None, plots[name].finding
        with Image.open(path) as image:
            image.load()
            assert image.width == 1600
    summary = read_run(folder).summary
    levels = {s: figures["load_deviation_daily_rms_kwh"] for s, figures in summary.items()}
    left = min(levels.values()) / levels["no_battery"]
    assert f"{left:.0%}".replace("%", " %") in plots["representative_days"].finding
    best = min(levels, key=levels.__getitem__)
    size = summary[best]["battery_capacity_kwh"]
    assert f"{size / 1000:,.1f} MWh of batteries" in plots["representative_days"].finding
    sent = max(figures["battery_exchanged_kwh"] for figures in summary.values())
    assert f"{sent / 1000:,.1f} MWh" in plots["exchange_network"].finding
    assert "closed" in plots["weekly_exchange"].finding


def test_nothing_to_draw_is_reported(tmp_path: Path) -> None:
    few = "communities.district.members.0.businesses=3"
    none = drawn(tmp_path / "none", few, "battery_sharing.capacity_kwh=0", "hours=48",
                 "battery_sharing.own_capacity=shared")  # fmt: skip
    for name in ("battery_capacities", "weekly_exchange", "exchange_network"):
        assert none[name].path is None
        assert none[name].finding.startswith("No ")
    hours = drawn(tmp_path / "hours", few, "battery_sharing.capacity_kwh=900", "hours=5",
                  "battery_sharing.own_capacity=shared", "record.buildings=none")  # fmt: skip
    assert hours["representative_days"].path is None
    assert hours["load_deviation"].path is None
