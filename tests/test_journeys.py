"""Vehicles whose battery does not reach stop at fast chargers, arrive later, or stay."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.calendar import Calendar
from hmesh.environment.charging_curve import ChargingCurves
from hmesh.environment.clock import Clock
from hmesh.environment.errors import InputError
from hmesh.environment.fast_charging import FastPlugs, WaysPastChargers, first_stop, stop_ms
from hmesh.environment.journey_records import Ability, ChangedTrip, Stop
from hmesh.environment.journeys import Journeys
from hmesh.environment.moments import MS_PER_H, step_moment
from hmesh.environment.population import Population
from hmesh.environment.roads import RoadNetwork
from hmesh.environment.traffic import Traffic
from hmesh.environment.trips import DayTrips, TripSource, TripTable
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.audits.reference.journeys import Able, PlainJourneys
from hmesh.runs.audits.reference.whereabouts import TripMade
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from tests.interrupted_runs import interrupted_run
from tests.test_travel_runs import CHANGES, scenario_file

PLACES = ("a", "b", "c", "d")
MINUTE_MS = 60_000
USED, EFFICIENCY, CAPACITY, SPEED_KM_H = 0.2, 0.9, 12.0, 60.0
ROADS = nx.Graph([("a", "b", {"km": 20}), ("b", "c", {"km": 25}), ("c", "d", {"km": 30})])
ROADS_KM = np.array([0.0, 20.0, 45.0, 75.0])

type Curve = tuple[tuple[float, float], ...]
TAPER: Curve = ((0.0, 1.0), (0.5, 1.0), (1.0, 0.1))
RISES: Curve = ((0.1, 0.3), (0.4, 1.0), (0.8, 0.4))
ENDS: Curve = ((0.0, 0.5), (0.3, 1.0), (1.0, 0.0))

type Planned = tuple[int, int, int, int, int, float]  # vehicle, departs, arrives, from, to, km


class GivenTrips(TripSource):
    """Trips that are given, of vehicles that all live at the first place."""

    def __init__(self, size: int, planned: list[Planned]) -> None:
        super().__init__(size)
        self.planned = planned

    def parked_at(self, day: int) -> np.ndarray:
        return np.zeros(self.size, dtype=np.int16)

    def _make(self, day: int) -> DayTrips:
        mine = [trip for trip in self.planned if trip[1] // (24 * MS_PER_H) == day]
        numbers: defaultdict[int, int] = defaultdict(int)
        rows = []
        for trip in sorted(mine, key=lambda trip: trip[1]):
            rows.append((numbers[trip[0]], *trip))
            numbers[trip[0]] += 1
        rows.sort(key=lambda row: row[:2])
        table = np.array(rows, dtype=np.float64).reshape(-1, 7)
        whole = table[:, :6].astype(np.int64).T
        home = whole[5] == 0
        number, vehicle, departs, arrives, origin, destination = whole
        return TripTable(vehicle, number, departs, arrives, origin, destination, table[:, 6], home,
                         np.zeros(len(table)))  # fmt: skip


@dataclass
class Driven:
    """The outcome of a fleet."""

    stops: list[Stop]
    changed: list[ChangedTrip]
    energy: np.ndarray
    charged: np.ndarray
    km: np.ndarray
    way_kwh: float
    noted: list[tuple[str, int, int, int, float]]


def drive(
    planned: list[Planned],
    soc: list[float],
    parked_kw: float,
    plugs: dict[int, list[FastPlugs]],
    step_h: float = 1.0,
    steps: int = 60,
    curve: Curve | None = None,
) -> Driven:
    """Let vehicles drive and charge where they park, as the plain implementation has it."""
    size = len(soc)
    fleet = Population(ElectricVehicle.attributes(), size)
    for name, value in (
        ("consumption_kwh_per_km", USED), ("charge_efficiency", EFFICIENCY),
        ("capacity_kwh", CAPACITY), ("soc_max", 1.0), ("soc_min", 0.0),
    ):  # fmt: skip
        fleet.set(name, np.full(size, value))
    fleet.set("energy_kwh", np.array(soc) * CAPACITY)
    calendar = Calendar("2024-06-03", "Europe/Berlin", step_h)
    ability = Ability(np.ones(size, bool), np.full(size, 50.0), np.full(size, 0.1))
    ways = WaysPastChargers(RoadNetwork(ROADS), PLACES, set(plugs))
    fleet.set("charging_curve", np.full(size, -1 if curve is None else 0, dtype=np.int16))
    curves = None if curve is None else ChargingCurves.of([curve])
    journeys = Journeys(fleet, ability, ways, plugs, curves)
    traffic = Traffic(
        Clock(), calendar, GivenTrips(size, planned), fleet, keep_reserve=True, journeys=journeys
    )
    traffic.supply_out = lambda: np.zeros(len(PLACES), dtype=bool)
    able = Able(True, 50.0, 0.1, USED, CAPACITY, CAPACITY, EFFICIENCY, curve)
    powers = {m: [k.power_kw for k in kinds for _ in range(k.count)] for m, kinds in plugs.items()}
    plain = PlainJourneys([able] * size, powers, ways.between)
    traffic.begin()
    found = Driven([], [], fleet["energy_kwh"], np.zeros(size), np.zeros(size), 0.0, [])
    for step in range(steps):
        span = step_moment(step, step_h), step_moment(step + 1, step_h)
        meant: dict[int, list[TripMade]] = {}
        for vehicle, *row in planned:
            if span[0] <= row[0] < span[1]:
                meant.setdefault(vehicle, []).append(TripMade(*row))
        place = fleet["place"].tolist()
        reported = plain.step(span, meant, fleet["energy_kwh"].tolist(), place, set())
        traffic.clock.run_until(step * step_h)
        assert [(s.vehicle, s.place, s.arrived_ms, s.from_ms, s.to_ms) for s in journeys.stops] == [
            (v, at, *moments) for v, at, _, *moments, _ in reported.stops
        ]
        assert [
            (c.vehicle, c.departs_ms, c.arrives_ms, c.set_out_ms, c.arrived_ms, c.stops)
            for c in journeys.changed
        ] == reported.changed
        assert sorted(journeys.noted) == sorted(reported.events)
        at_stop = fleet["way_kwh"] >= 0
        for vehicle, stop in reported.at_stop.items():
            assert fleet["way_kwh"][vehicle] == pytest.approx(stop.drawn_kwh, abs=1e-9)
            assert fleet["community"][vehicle] == stop.place
        assert set(np.flatnonzero(at_stop).tolist()) == set(reported.at_stop)
        # What vehicles drive is what their drives have of it in the step.
        for vehicle in range(size):
            km = sum(
                leg.km * max(min(leg.arrives_ms, span[1]) - max(leg.departs_ms, span[0]), 0)
                / (leg.arrives_ms - leg.departs_ms)
                for leg in reported.legs.get(vehicle, [])
            )  # fmt: skip
            assert fleet["driven_km"][vehicle] == pytest.approx(km, abs=1e-9)
        # Batteries drive to the plug, charge, and drive on; nowhere do they lack energy.
        energy = fleet["energy_kwh"] - fleet["km_before_plug"] * USED
        assert (energy >= -1e-9).all()
        room = np.maximum(CAPACITY - energy, 0.0) / EFFICIENCY
        parked = np.where(fleet["community"] >= 0, parked_kw * fleet["plugged_part"] * step_h, 0.0)
        drawn = np.where(at_stop, fleet["way_kwh"], np.minimum(parked, room))
        found.way_kwh += float(fleet["way_kwh"][at_stop].sum())
        energy += drawn * EFFICIENCY
        assert (energy <= CAPACITY + 1e-9).all()
        energy -= (fleet["driven_km"] - fleet["km_before_plug"]) * USED
        assert (energy >= -1e-9).all()
        fleet["energy_kwh"][:] = energy
        found.charged += drawn
        found.km += fleet["driven_km"]
        found.stops += journeys.stops
        found.changed += journeys.changed
        found.noted += journeys.noted
        traffic.end_step()
    found.energy = fleet["energy_kwh"]
    return found


@st.composite
def tours(draw: st.DrawFn) -> list[Planned]:
    """Draw tours of a few vehicles over two days, home again each day."""
    planned: list[Planned] = []
    for vehicle in range(draw(st.integers(1, 4))):
        for day in range(2):
            clock = 24 * 60 * day + draw(st.integers(60, 540))
            stops = draw(st.lists(st.integers(0, 3), max_size=3))
            for origin, goal in zip([0, *stops], [*stops, 0], strict=True):
                km = abs(float(ROADS_KM[goal] - ROADS_KM[origin])) or 6.0
                takes = max(round(km / SPEED_KM_H * 60), 1)
                if stops:
                    begins = clock * MINUTE_MS
                    ends = (clock + takes) * MINUTE_MS
                    planned.append((vehicle, begins, ends, origin, goal, km))
                clock += takes + draw(st.integers(0, 90))
    return planned


PLUGS = st.dictionaries(
    st.integers(0, 3),
    st.lists(
        st.builds(
            FastPlugs, st.just("fast"), st.integers(1, 2), st.sampled_from([11.0, 40.0, 150.0])
        ),
        min_size=1,
        max_size=2,
    ),
    max_size=4,
)


FLEETS = (
    tours(), st.lists(st.floats(0.05, 1.0), min_size=4, max_size=4), PLUGS,
    st.sampled_from([0.0, 3.0]), st.sampled_from([None, TAPER, RISES, ENDS]),
)  # fmt: skip


@settings(max_examples=8)
@given(*FLEETS)
def test_journeys_are_those_of_the_plain_implementation_and_what_they_must_be(
    planned: list[Planned],
    soc: list[float],
    plugs: dict[int, list[FastPlugs]],
    parked_kw: float,
    curve: Curve | None,
) -> None:
    assert_journeys(planned, soc, plugs, parked_kw, curve, 1.0)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(*FLEETS, st.sampled_from([1.0, 0.5, 0.25]))
def test_so_they_are_at_every_length_of_a_step(
    planned: list[Planned],
    soc: list[float],
    plugs: dict[int, list[FastPlugs]],
    parked_kw: float,
    curve: Curve | None,
    step_h: float,
) -> None:
    assert_journeys(planned, soc, plugs, parked_kw, curve, step_h)


def assert_journeys(
    planned: list[Planned],
    soc: list[float],
    plugs: dict[int, list[FastPlugs]],
    parked_kw: float,
    curve: Curve | None,
    step_h: float,
) -> None:
    """Check what every fleet must keep to, whatever it means to do."""
    size = 1 + max((trip[0] for trip in planned), default=0)
    found = drive(planned, soc[:size], parked_kw, plugs, step_h, round(60 / step_h), curve)
    # Energy is neither made nor lost.
    started = np.array(soc[:size]) * CAPACITY
    change = found.charged * EFFICIENCY - found.km * USED
    np.testing.assert_allclose(found.energy, started + change, atol=1e-9)
    assert sum(stop.drawn_kwh for stop in found.stops) == pytest.approx(found.way_kwh, abs=1e-9)
    # No plug serves two at once, and the first to come is plugged in first.
    for place, kinds in plugs.items():
        mine = [stop for stop in found.stops if stop.place == place and stop.to_ms > stop.from_ms]
        edges = sorted([(s.to_ms, -1) for s in mine] + [(s.from_ms, 1) for s in mine])
        held = np.cumsum([change for _, change in edges] or [0])
        assert held.max() <= sum(kind.count for kind in kinds)
        mine.sort(key=lambda stop: (stop.arrived_ms, stop.from_ms))
        if step_h == 1.0 and len({kind.power_kw for kind in kinds}) == 1:
            waits = [stop for stop in mine if stop.from_ms > stop.arrived_ms]
            assert waits == sorted(waits, key=lambda stop: stop.from_ms)
    # A vehicle arrives before it sets out again.
    by_vehicle = defaultdict(list)
    for each in found.changed:
        if each.set_out_ms >= 0:
            assert each.arrived_ms > each.set_out_ms >= each.departs_ms
            assert each.arrived_ms >= each.arrives_ms
            by_vehicle[each.vehicle].append((each.set_out_ms, each.arrived_ms))
    for spans in by_vehicle.values():
        flat = [moment for span in sorted(spans) for moment in span]
        assert flat == sorted(flat)


def test_a_stop_takes_as_long_as_the_energy_of_the_way_and_the_margin() -> None:
    # From a to d, 75 km, 15 kWh, with 6 kWh: it stops at b with 2 kWh, needs 11 kWh and 1.2 kWh.
    trip = (0, 8 * MS_PER_H, 8 * MS_PER_H + 75 * MINUTE_MS, 0, 3, 75.0)
    found = drive([trip], [0.5], 0.0, {1: [FastPlugs("fast", 1, 50.0)]}, steps=12)
    (stop,), (late,) = found.stops, found.changed
    assert stop.arrived_ms == stop.from_ms == 8 * MS_PER_H + 20 * MINUTE_MS
    # Full is 12 kWh, so it stores 10 kWh: 800 seconds at 50 kW and 0.9.
    assert stop.to_ms - stop.from_ms == 800_000
    assert stop.drawn_kwh == pytest.approx(10 / 0.9)
    assert late.arrived_ms == trip[2] + 800_000
    assert found.energy[0] == pytest.approx(12 - 55 * 0.2)


def test_a_stop_along_a_falling_curve_takes_as_long_as_its_closed_form() -> None:
    trip = (0, 8 * MS_PER_H, 8 * MS_PER_H + 75 * MINUTE_MS, 0, 3, 75.0)
    plugs = {1: [FastPlugs("fast", 1, 25.0)]}
    found = drive([trip], [0.5], 0.0, plugs, steps=12, curve=((0.0, 1.0), (1.0, 0.0)))
    (stop,) = found.stops
    # It takes 50 kW times the share, of which the plug gives 25 kW: as much up to half full, then
    # 50 kW * (1 - z), up to a share of a hundredth, where it counts as full.
    per_h = 50 * 0.9 / CAPACITY
    hours = (0.5 - 2 / CAPACITY) / (0.5 * per_h) + np.log(0.5 / 0.01) / per_h
    assert stop.to_ms - stop.from_ms == int(hours * 3600) * 1000
    whole_s = int(hours * 3600) / 3600
    beyond = whole_s - (0.5 - 2 / CAPACITY) / (0.5 * per_h)
    ended = 1 - 0.5 * np.exp(-per_h * beyond)
    assert stop.drawn_kwh == pytest.approx((ended * CAPACITY - 2) / 0.9, abs=1e-9)


def test_who_comes_second_waits_and_who_cannot_go_stays() -> None:
    departs, takes = 8 * MS_PER_H, 75 * MINUTE_MS
    trips = [
        (0, departs, departs + takes, 0, 3, 75.0),
        (1, departs + MINUTE_MS, departs + MINUTE_MS + takes, 0, 3, 75.0),
        (2, departs, departs + takes, 0, 3, 75.0),
        (2, departs + 3 * takes, departs + 4 * takes, 3, 0, 75.0),
    ]
    found = drive(trips, [0.5, 0.5, 0.2], 0.0, {1: [FastPlugs("fast", 1, 50.0)]}, steps=16)
    first, second = found.stops
    assert second.from_ms == first.to_ms > second.arrived_ms
    stayed = [each for each in found.changed if each.set_out_ms < 0]
    assert [each.departs_ms for each in stayed] == [departs, departs + 3 * takes]
    assert found.energy[2] == 0.2 * CAPACITY


def test_no_charger_leads_on_where_a_full_battery_does_not_reach_the_next() -> None:
    assert first_stop([10.0, 40.0], 60.0, 5.0, 12.0, 0.2) == 0
    assert first_stop([10.0, 80.0], 90.0, 5.0, 12.0, 0.2) is None
    assert first_stop([10.0], 60.0, 1.0, 12.0, 0.2) is None
    assert first_stop([], 60.0, 5.0, 12.0, 0.2) is None
    assert stop_ms(2.0, 20.0, 12.0, 50.0, 0.9) == 800_000
    assert stop_ms(12.0, 20.0, 12.0, 50.0, 0.9) == 0


WAY = (
    "vehicles.capacity_kwh=12",
    "vehicles.soc_start=0.6",
    "record.events=true",
    "record.sessions=true",
    "travel.charge_on_the_way=true",
    "travel.days.every.trip_km={distribution: gamma, mean: 40, deviation: 25}",
    "communities.offices.chargers={name: fast, on_the_way: true, count: 1, power_kw: 40}",
    "communities.homes.chargers=[{name: fast, on_the_way: true, count: 1, power_kw: 40}, "
    "{name: slow, count: 9}]",
    "chance.feeder_outages={mean_time_between_failures_h: 30, mean_time_to_repair_h: 3}",
    "chance.charger_outages={mean_time_between_failures_h: 90, mean_time_to_repair_h: 5}",
    "hours=48",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step_h", "curve"),
    [(1.0, "null"), (0.25, "null"), (1.0, "[[0, 1], [0.5, 1], [1, 0]]")],
)
def test_a_run_with_stops_resumes_to_the_same_bytes_and_passes_its_audit(
    tmp_path: Path, step_h: float, curve: str
) -> None:
    changes = (*CHANGES, *WAY, f"step_h={step_h}", f"vehicles.charging_curve={curve}")
    scenario = load_scenario(scenario_file(tmp_path, "given"), changes)
    summary = start_run(scenario, tmp_path / "whole")

    resume_run(interrupted_run(tmp_path / "broken", 31, scenario))
    for file in sorted((tmp_path / "whole").glob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "broken" / file.name).read_bytes(), file.name
    checks = audit_run(tmp_path / "whole").checks
    assert not [check for check in checks if check.passed is False]
    made = {check.name.split(":")[0] for check in checks if check.passed}
    assert {"stops", "changed_trips", "sessions", "events of vehicles"} <= made
    stops = read_run(tmp_path / "whole").table("stops").to_pandas()
    for strategy, totals in summary.items():
        assert totals["counts"]["stops_on_the_way"] > 0
        assert totals["counts"]["trips_not_made"] > 0
        assert totals["unmet_trip_kwh"] == 0.0
        stored = (
            0.9 * totals["vehicle_charged_kwh"]
            - totals["vehicle_discharged_kwh"] / 0.8
            - 0.16 * totals["driven_km"]
            + totals["joined_kwh"]
        )
        assert totals["stored_change_kwh"] == pytest.approx(stored, abs=1e-6)
        energy = stops[stops["strategy"] == strategy]["energy_kwh"].sum()
        assert 0 < energy <= totals["on_the_way_kwh"] + 1e-9


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        (("communities.homes.chargers={on_the_way: true}",), "count: is missing of chargers"),
        (("travel.charge_on_the_way={margin: 0.7}",), "margin"),
        (("travel.charge_on_the_way=maybe",), "charge_on_the_way"),
    ],
)
def test_mistakes_of_stops_are_reported(changes: tuple[str, ...], reported: str) -> None:
    with pytest.raises(InputError, match=reported):
        load_scenario("three-communities", changes)


def test_chargers_that_nobody_stops_at_are_reported() -> None:
    fast = "communities.homes.chargers={name: fast, on_the_way: true, count: 1, power_kw: 40}"
    way = "travel.charge_on_the_way=true"
    for change, reported in ((fast, "no vehicle stops"), (way, "no vehicle can")):
        scenario = load_scenario("three-communities", (change,))
        assert any(reported in str(warning) for warning in scenario_warnings(scenario))
