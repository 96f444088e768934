"""Vehicles move by the rule as by the kernel, and ways fill in what diaries leave out."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.diaries import _from_ways
from hmesh.environment.drive_pieces import WRITTEN, drive_in_pieces
from hmesh.environment.drive_rule import drive_by_rule
from hmesh.environment.population import Population
from hmesh.environment.roads import RoadNetwork
from hmesh.environment.trips import TripBatch, joined

HOUR = 3_600_000


def trips_of(seed: int) -> tuple[list[TripBatch], dict[str, Any]]:
    """Return one or two trips of each of 60 vehicles around the second hour, and where they are."""
    random = np.random.default_rng(seed)
    count = 60
    departs = random.integers(HOUR // 4, 2 * HOUR, count)
    arrives = np.maximum(departs + random.integers(1, HOUR, count), HOUR)
    origin, middle, end = random.integers(0, 3, (3, count))
    km, again_km, later_km = random.uniform(1.0, 30.0, (3, count))
    more = np.flatnonzero(random.random(count) < 0.5)
    again = arrives + random.integers(0, HOUR // 4, count)
    more = more[again[more] < 2 * HOUR]
    night = random.random((2, count)) < 0.5
    first = TripBatch(np.arange(count), departs, arrives, origin, middle, km, night[0], again_km)
    second = TripBatch(
        more, again[more], again[more] + 1 + random.integers(0, HOUR, more.size), middle[more],
        end[more], again_km[more], night[1][more], later_km[more],
    )  # fmt: skip
    place = np.where(departs < HOUR, -1, origin)
    return [first, second], {
        "place": place, "community": place, "night_now": random.random(count) < 0.5,
        "next_trip_km": km,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_vehicles_drive_by_the_rule_as_by_the_kernel(seed: int) -> None:
    trips, where = trips_of(seed)
    found = []
    for by_rule in (True, False):
        fleet = Population(ElectricVehicle.attributes(), 60)
        for name, values in where.items():
            fleet.set(name, values)
        if by_rule:
            moves = drive_by_rule(fleet, joined(trips), HOUR, 2 * HOUR, None, None, 1)
        else:
            moves = drive_in_pieces(fleet, trips, HOUR, 2 * HOUR)
        out = moves.setting_out
        parts = [moves.rows, moves.ahead_km, out.vehicles, out.km_so_far, out.after_plug]
        found.append([*parts, *(fleet[name] for name in WRITTEN)])
        if by_rule:
            known = {(v, int(d)): km for each in trips for v, d, km in zip(
                each.vehicles.tolist(), np.asarray(each.departs_ms), np.asarray(each.km),
                strict=True) if d >= HOUR}  # fmt: skip
            assert out.km.tolist() == [known[key] for key in sorted(known)]
    for rule, kernel in zip(*found, strict=True):
        assert rule.tolist() == pytest.approx(kernel.tolist(), rel=1e-12, abs=1e-12)
        assert rule.dtype == kernel.dtype
    assert found[0][4].any()


def test_ways_fill_in_lengths_and_arrivals_that_are_left_out() -> None:
    roads = RoadNetwork.between("abcd", [(("a", "b"), 7.0), (("b", "d"), 5.0)])
    nan = np.nan
    origin = np.array([0, 1, 0, -1, 0, 0, 1, 0])
    destination = np.array([1, 0, 0, 1, -1, 2, 0, 1])
    there = np.array([True] * 7 + [False])
    departs = np.full(8, 8.0)
    for hours in (None, 0.5):
        arrives, km = np.full(8, nan), np.full(8, nan)
        arrives[1], km[6] = 9.0, 3.0
        ways: Any = SimpleNamespace(
            communities=roads.communities, distance_km=roads.distance_km,
            travel_h=lambda origin, destination, hours=hours: hours,
        )  # fmt: skip
        _from_ways(ways, (origin, destination), there, departs, arrives, km)
        # Nothing joins the third community; no way begins nowhere, or stays within a community.
        expected = [7.0, 7.0, nan, nan, nan, nan, 3.0, nan]
        assert km.tolist() == pytest.approx(expected, nan_ok=True)
        at = nan if hours is None else 8.5
        expected = [at, 9.0, nan, nan, nan, nan, at, nan]
        assert arrives.tolist() == pytest.approx(expected, nan_ok=True)


def test_habits_go_by_what_is_left_where_each_trip_ends() -> None:
    trips, where = trips_of(5)
    fleet = Population(ElectricVehicle.attributes(), 60)
    for name, values in (where | {"energy_kwh": 100.0, "consumption_kwh_per_km": 0.5}).items():
        fleet.set(name, values)
    asked: dict[tuple[int, float], int] = {}

    def decide(vehicles: Any, places: Any, left: Any, step: int) -> Any:
        asked.update({
            (v, round(kwh, 9)): p
            for v, kwh, p in zip(vehicles.tolist(), left.tolist(), places.tolist(), strict=True)
        })  # fmt: skip
        return np.ones(len(vehicles), dtype=np.bool_)

    drive_by_rule(fleet, joined(trips), HOUR, 2 * HOUR, None, SimpleNamespace(decide=decide), 1)  # type: ignore[arg-type]
    used, expected = np.zeros(60), {}
    for batch in trips:
        for vehicle, *trip in zip(
            batch.vehicles, batch.departs_ms, batch.arrives_ms, batch.destination, batch.km,  # type: ignore[arg-type]
            strict=True,
        ):  # fmt: skip
            departs, arrives, place, km = trip
            within = min(arrives, 2 * HOUR) - max(departs, HOUR)
            used[vehicle] += 0.5 * km * within / (arrives - departs)
            if arrives < 2 * HOUR:
                expected[int(vehicle), round(100.0 - used[vehicle], 9)] = int(place)
    assert asked == expected
