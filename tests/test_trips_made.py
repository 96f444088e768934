"""Maps and exports show trips as they were made: late, by way of a charger, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.live.map_flows import flow_series
from hmesh.runs.live.source import make_source
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.energy_paths import energy_paths
from hmesh.runs.report.map_geometry import geometry_of_run
from hmesh.runs.report.map_selection import window_of
from hmesh.runs.report.places import ON_SCREEN
from hmesh.runs.report.trip_film import Motion
from hmesh.runs.report.trip_paths import trips
from hmesh.runs.report.trips_made import drives_made
from hmesh.runs.report.vehicle_traces import trip_columns, vehicle_traces
from hmesh.runs.strategy_names import strategy_label

FAST = "{name: fast, on_the_way: true, count: 1, power_kw: 40}"
WAY = (
    "vehicles.count=30", "hours=30", "plots=false", "vehicles.capacity_kwh=14",
    "vehicles.soc_start=0.6", "strategies=[typical, three_level]", "game.solver=exact",
    "travel={kind: drawn, home: {homes: 1}, charge_on_the_way: true, speed_km_h: 50, "
    "days: {every: {travels: 1, stops: [0.5, 0.5], departs_h: {distribution: normal, mean: 9, "
    "deviation: 3}, trip_km: {distribution: gamma, mean: 45, deviation: 25}, "
    "purposes: {visit: {stay_h: 2}}}}}",
    f"communities.offices.chargers={FAST}", f"communities.homes.chargers=[{FAST}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    folder = tmp_path_factory.mktemp("way") / "run"
    start_run(load_scenario("three-communities", WAY), folder)
    return RunData(read_run(folder))


def test_exported_trips_are_those_made_at_their_true_times(data: RunData) -> None:
    meant = data.run.table("trips").to_pandas()
    changed = data.run.table("changed_trips").to_pandas()
    changed = changed[changed["strategy"] == "three_level"]
    found = {(t.vehicle, round(float(t.times_h[0]) * 3600)): t for t in trips(data)}
    start = data.timeline.calendar.start
    late = changed[changed["made"] == 1]
    assert (late["stops"] > 0).any()
    assert (changed["made"] == 0).any()
    for row in late.itertuples():
        trip = found[row.vehicle, round((row.departed - start).total_seconds())]
        arrived = (row.arrived - start).total_seconds() / 3600
        assert trip.times_h[-1] == pytest.approx(arrived, abs=1e-9)
    done = len(meant) - (changed["made"] == 0).sum()
    # Those still on their way as the run ends may have no end of their own.
    assert done - 30 <= len(found) <= done
    for trip in found.values():
        assert (np.diff(trip.times_h) >= 0).all()


def test_drives_follow_each_other_from_place_to_place(data: RunData) -> None:
    meant = trip_columns(data)
    for strategy in data.strategies:
        drives = drives_made(data, meant, strategy)
        one = drives["vehicle"][1:] == drives["vehicle"][:-1]
        assert (drives["departs"][1:][one] >= drives["arrives"][:-1][one] - 1e-9).all()
        assert (drives["origin"][1:][one] == drives["destination"][:-1][one]).all()
        assert (drives["arrives"] >= drives["departs"]).all()
    assert len(drives["trip"]) > len(np.unique(drives["trip"]))


def test_the_map_has_vehicles_at_chargers_while_they_stop(data: RunData) -> None:
    window = window_of(data)
    traces = vehicle_traces(data, window)
    assert traces is not None
    assert len(traces["made"]) == 2
    motion = Motion(data, window, geometry_of_run(data, ON_SCREEN), 1)
    stops = data.run.table("stops").to_pandas()
    stops = stops[(stops["strategy"] == "three_level") & stops["plug_out"].notna()]
    start = data.timeline.calendar.start
    seen = 0
    for stop in stops.itertuples():
        middle = stop.arrives + (stop.plug_out - stop.arrives) / 2
        hours = (middle - start).total_seconds() / 3600
        drives = traces["made"][1]
        first, end = drives["first"][stop.vehicle : stop.vehicle + 2]
        mine = slice(first, end)
        driving = (drives["departs"][mine] < hours) & (hours < drives["arrives"][mine])
        assert not driving.any()
        before = np.flatnonzero(drives["arrives"][mine] <= hours + 1e-4)
        place = drives["destination"][mine][before[-1]]
        assert data.communities[place] == stop.community
        seen += 1
    assert seen > 0
    places, shares = motion.at(10.5)
    assert places.shape == (30, 2)
    assert ((shares >= 0) & (shares <= 1)).all()


def test_trips_as_meant_are_drawn_once_for_all_strategies(tmp_path: Path) -> None:
    changes = ("vehicles.count=5", "hours=10", "plots=false", "strategies=[typical, two_level]")
    start_run(load_scenario("three-communities", changes), tmp_path / "run")
    data = RunData(read_run(tmp_path / "run"))
    traces = vehicle_traces(data, window_of(data))
    assert traces is not None
    assert traces["made"] == []


def test_the_live_view_carries_the_energy_that_the_report_does(tmp_path: Path) -> None:
    changes = ("vehicles.count=200", "hours=24", "plots=false", "strategies=[typical, three_level]",
               "game.solver=exact")  # fmt: skip
    start_run(load_scenario("three-communities", changes), tmp_path / "run")
    data = RunData(read_run(tmp_path / "run"))
    paths = energy_paths(data, window_of(data))
    source = make_source("three-communities", changes, strategy="three_level")
    seed = str(data.scenario["seed"])
    world = LiveWorld(source=source, strategy=strategy_label("three_level"), seed=seed)
    carried = np.zeros((3, 3))
    arrows = 0
    for _ in range(24):
        world.step()
        carried += world.on_the_road.carried_kwh
        series, text = flow_series(world)
        assert [one["name"] for one in series] == ["from homes", "from malls", "from offices"]
        arrows += sum(len(one["data"]) for one in series)
        assert "carried between communities" in text
    assert carried.sum() > 0
    assert arrows > 0
    np.testing.assert_allclose(carried, paths.carried_kwh[1].sum(axis=0), rtol=1e-9, atol=1e-9)


def test_the_live_view_shows_nobody_on_the_road_who_stays() -> None:
    source = make_source("three-communities", WAY, None, "three_level", ())
    world = LiveWorld(source=source, strategy=strategy_label("three_level"), seed="1")
    most = 0
    for _ in range(20):
        world.step()
        assert world.on_the_road is not None
        fleet = world.watched.schemes["vehicles"].fleet.population
        moving = int((fleet["driven_km"] > 0).sum())
        waits = len(world.watched.schemes["vehicles"].journeys.by_vehicle)
        assert world.on_the_road.vehicles <= moving + waits
        most = max(most, world.on_the_road.vehicles)
    assert most > 0


def test_chargers_for_the_way_alone_have_no_table_of_queues(data: RunData) -> None:
    assert data.chargers("waiting") is None
