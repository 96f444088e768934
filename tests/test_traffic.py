"""Trips move vehicles: never two at once, never from where they are not, and the same again."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.clock import Clock
from hmesh.environment.day_plans import read_day_plans
from hmesh.environment.distributions import gamma
from hmesh.environment.drawn_trips import DrawnTrips
from hmesh.environment.drive_rule import ON_THE_ROAD
from hmesh.environment.growth import Growth
from hmesh.environment.moments import MS_PER_H
from hmesh.environment.planned_trips import PlannedTrips
from hmesh.environment.population import Population
from hmesh.environment.streams import Streams
from hmesh.environment.traffic import ABSENT, Traffic
from hmesh.environment.travel_day import Discrete, Histogram, Purpose, TravelDay
from hmesh.environment.trips import TripSource

ANYWHERE = np.array([[0.0, 0.4, 0.6], [0.2, 0.0, 0.8], [0.5, 0.5, 0.0]])


class Gamma:
    def __init__(self, mean: float, deviation: float) -> None:
        self.mean, self.deviation = mean, deviation

    def values(self, u: FloatArray) -> FloatArray:
        return gamma(u, self.mean, self.deviation)


def a_day(**changes: object) -> TravelDay:
    given: dict[str, object] = {
        "travels": 0.9,
        "stops": np.array([5.0, 3.0, 2.0]),
        "departs_h": Histogram(np.array([0.0, 6.0, 10.0, 24.0]), np.array([1.0, 8.0, 2.0])),
        "purposes": (Purpose(0.7, Gamma(6, 3), ANYWHERE), Purpose(0.3, Gamma(1, 2), ANYWHERE)),
        "trip_km": Gamma(15, 20),
    }
    return TravelDay(**(given | changes))  # type: ignore[arg-type]


def drawn(
    size: int = 200,
    start: str = "2024-03-27T05:00",
    step_h: float = 1.0,
    day: TravelDay | None = None,
    growth: Growth | None = None,
) -> DrawnTrips:
    calendar = Calendar(start, "Europe/Berlin", step_h)
    home = (np.arange(size) % 2).astype(np.int16)
    day = day or a_day()
    return DrawnTrips(
        {"weekday": day, "saturday": day, "sunday": day},
        home,
        calendar,
        Streams(3),
        speed_km_h=30.0,
        growth=growth,
    )


def all_trips(source: TripSource, days: int) -> Iterator[tuple[int, float, float, int, int, float]]:
    """Yield vehicle, hours, places and length of every trip."""
    for day in range(days):
        trips = source.day(day)
        for batch in trips.all():
            size = batch.vehicles.shape
            yield from zip(
                *(
                    np.broadcast_to(each, size).tolist()
                    for each in (
                        batch.vehicles, np.asarray(batch.departs_ms) / MS_PER_H,
                        np.asarray(batch.arrives_ms) / MS_PER_H, batch.origin,
                        batch.destination, batch.km,
                    )
                ),
                strict=True,
            )  # fmt: skip


def moved(source: TripSource, steps: int, *, resume_at: int | None = None) -> FloatArray:
    """Return where every vehicle is and how far it drives in every step."""
    fleet = Population(ElectricVehicle.attributes(), source.size)
    clock = Clock()
    traffic = Traffic(clock, source.calendar, source, fleet, keep_reserve=True)  # type: ignore[attr-defined]
    traffic.begin()
    reported = []
    for step in range(steps):
        if step == resume_at:
            state = {name: column.copy() for name, column in fleet.state().items()}
            now, pending = clock.now_h, clock.pending()
            fleet, clock = Population(ElectricVehicle.attributes(), source.size), Clock()
            source._days.clear()
            traffic = Traffic(clock, source.calendar, source, fleet, keep_reserve=True)  # type: ignore[attr-defined]
            traffic.begin()
            fleet.restore(state)
            clock.restore(now, pending)
        clock.run_until(step * source.calendar.step_h)  # type: ignore[attr-defined]
        names = ("community", "driven_km", "day_finished", "reserve_kwh", "plugged_part")
        reported.append([fleet[name].astype(np.float64) for name in names])
        traffic.end_step()
    return np.array(reported)


# Over the change of the clocks in spring and in autumn, with tours that fill the day.
@pytest.mark.parametrize("start", ["2024-03-27T05:00", "2024-10-24T23:00"])
@pytest.mark.parametrize("step_h", [1.0, 0.25])
@pytest.mark.parametrize("stay_h", [2.0, 15.0])
def test_no_vehicle_is_on_two_trips_or_leaves_from_where_it_is_not(
    start: str, step_h: float, stay_h: float
) -> None:
    purposes = (Purpose(1.0, Gamma(stay_h, stay_h), ANYWHERE),)
    source = drawn(60, start, step_h, a_day(purposes=purposes))
    days, steps = 8, round(6 * 24 / step_h)
    parked, km = np.zeros((steps, 60, 3)), np.zeros((steps, 60))
    begins = np.arange(steps) * step_h
    place, since = source.home.astype(int), np.zeros(60)

    def within(begin_h: float, end_h: float) -> FloatArray:
        """Return how much of a span lies in each step [h]."""
        overlap = np.minimum(begins + step_h, end_h) - np.maximum(begins, begin_h)
        return np.maximum(overlap, 0.0)

    latest = np.full(60, -1e9)
    for vehicle, departs, arrives, origin, destination, length in sorted(all_trips(source, days)):
        assert origin == place[vehicle]
        assert latest[vehicle] <= departs < arrives
        latest[vehicle] = arrives
        # Who set out before the run began has arrived as it does.
        if departs >= 0:
            parked[:, vehicle, origin] += within(since[vehicle], departs)
            km[:, vehicle] += length * within(departs, arrives) / (arrives - departs)
            since[vehicle] = arrives
        place[vehicle] = destination
    assert (place == source.home).all()
    parked[:, np.arange(60), place] += within_all(begins, step_h, since)
    reported = moved(source, steps)
    community, part = reported[:, 0].astype(int), reported[:, 4]
    longest = parked.max(axis=2)
    np.testing.assert_array_equal(community == ON_THE_ROAD, longest < 1e-9)
    np.testing.assert_allclose(part, longest / step_h, rtol=0, atol=1e-9)
    there = np.take_along_axis(parked, np.maximum(community, 0)[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(there, longest, rtol=0, atol=1e-9)
    np.testing.assert_allclose(reported[:, 1], km, rtol=0, atol=1e-9)


def within_all(begins: FloatArray, step_h: float, since: FloatArray) -> FloatArray:
    """Return how much of each step comes after a time of each vehicle [h]."""
    return np.clip(begins[:, None] + step_h - since, 0.0, step_h)


def test_nobody_is_away_as_a_travel_day_begins() -> None:
    long = (Purpose(1.0, Gamma(30, 10), ANYWHERE),)
    source = drawn(300, step_h=0.25, day=a_day(purposes=long, trip_km=Gamma(200, 300)))
    counts: dict[str, int] = {}
    for day in range(6):
        for name, count in source.day(day).counts.items():
            counts[name] = counts.get(name, 0) + count
    assert set(counts) == {
        "tours_with_shorter_stays", "tours_departing_earlier", "tours_driving_less",
    }  # fmt: skip
    ends: dict[int, list[tuple[float, float]]] = {}
    for vehicle, departs, arrives, *_ in all_trips(source, 6):
        ends.setdefault(vehicle, []).append((departs, arrives))
    for spans in ends.values():
        spans.sort()
        assert all(b[0] >= a[1] for a, b in pairwise(spans))


@pytest.mark.parametrize("resume_at", [1, 23, 40, 97])
def test_a_resumed_run_drives_the_same_trips(resume_at: int) -> None:
    whole, resumed = moved(drawn(), 150), moved(drawn(), 150, resume_at=resume_at)
    assert whole.tobytes() == resumed.tobytes()


def test_a_vehicle_more_changes_no_other_trip() -> None:
    few = list(all_trips(drawn(50), 4))
    many = [trip for trip in all_trips(drawn(51), 4) if trip[0] < 50]
    assert few == many


def test_what_is_drawn_is_what_was_asked_for() -> None:
    day = a_day(
        travels=0.8,
        departs_h=Discrete(np.array([7.0]), np.ones(1)),
        trip_km=Gamma(10, 5),
        purposes=(Purpose(1.0, Gamma(1, 0.5), ANYWHERE),),
    )
    source = drawn(20_000, "2024-01-08", day=day)
    trips = np.array(list(all_trips(source, 1)))
    vehicle, first = np.unique(trips[:, 0], return_index=True)
    assert len(vehicle) / 20_000 == pytest.approx(0.8, abs=0.01)
    stops = np.bincount(trips[:, 0].astype(int))
    shares = np.bincount(stops[stops > 0] - 1)[1:] / len(vehicle)
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.015)
    assert (trips[first, 1] == 7).all()
    way_out = trips[first]
    assert way_out[:, 5].mean() == pytest.approx(10, rel=0.02)
    assert way_out[:, 5].std() == pytest.approx(5, rel=0.03)
    for origin in (0, 1):
        rows = way_out[way_out[:, 3] == origin]
        found = np.bincount(rows[:, 4].astype(int), minlength=3) / len(rows)
        assert found == pytest.approx(ANYWHERE[origin], abs=0.02)
    assert source.day(0).counts == {}


def test_purposes_belong_to_their_hours() -> None:
    to_1 = np.tile([0.0, 1.0, 0.0], (3, 1))
    to_2 = np.tile([0.0, 0.0, 1.0], (3, 1))
    purposes = (Purpose(1.0, Gamma(1, 1), to_1, 4, 12), Purpose(1.0, Gamma(1, 1), to_2, 12, 4))
    source = drawn(500, "2024-01-08", day=a_day(purposes=purposes, stops=np.ones(1)))
    for _, departs, _, _, destination, _ in all_trips(source, 1):
        if destination == 2:
            assert departs >= 12
    none = a_day(purposes=(Purpose(1.0, Gamma(1, 1), to_1, 4, 4.5),))
    assert all(trip[1] < 5 for trip in all_trips(drawn(500, "2024-01-08", day=none), 1)
               if trip[3] != 1)  # fmt: skip


PLANS = """plan,departs_h,duration_h,km,origin,destination,day
a,8,1,30,homes,offices,weekday
a,17,1,30,offices,homes,weekday
a,10,1,40,homes,malls,saturday
a,18,1,40,malls,homes,sunday
b,9,1,5,homes,malls,
b,11,1,5,malls,homes,
"""


def test_plans_follow_the_kind_of_day(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(PLANS)
    communities = ("homes", "malls", "offices")
    plans = read_day_plans(tmp_path / "plans.csv", communities)
    # From a Friday to a Monday.
    calendar = Calendar("2024-01-12", "Europe/Berlin")
    source = PlannedTrips(plans, calendar, np.array([0, 1, 0]))
    places = moved(source, 96)[:, 0, 0]
    assert places[[7, 8, 9, 16, 17, 18]].tolist() == [0, -1, 2, 2, -1, 0]
    assert places[[24 + 9, 24 + 10, 24 + 11, 48 + 17, 48 + 18, 48 + 19]].tolist() == [
        0, -1, 1, 1, -1, 0,
    ]  # fmt: skip
    assert places[72 + 8] == ON_THE_ROAD
    # A run that begins on a Sunday finds it where Saturday left it.
    later = PlannedTrips(plans, Calendar("2024-01-14", "Europe/Berlin"), np.array([0, 1, 0]))
    assert later.parked_at(0).tolist() == [1, 0, 1]


def test_a_plan_that_parks_on_a_kind_of_day_has_finished_it(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(
        "plan,departs_h,km,origin,destination,day\n"
        "a,8,30,homes,offices,weekday\na,17,30,offices,homes,weekday\n"
    )
    plans = read_day_plans(tmp_path / "plans.csv", ("homes", "offices"))
    source = PlannedTrips(plans, Calendar("2024-01-13", "Europe/Berlin"), np.array([0]))
    reported = moved(source, 72)
    assert (reported[:48, 2, 0] == 1).all()
    assert (reported[:48, 0, 0] == 0).all()
    assert reported[0, 3, 0] == 0.0, "on the first days no trip is known"
    assert reported[48 + 8, 0, 0] == ON_THE_ROAD


def test_vehicles_join_in_the_order_of_rows_with_their_energy() -> None:
    calendar = Calendar("2024-01-30", "Europe/Berlin")
    growth = Growth(calendar, 4, 24.0, "month")
    assert [growth.joined(day) for day in (0, 1, 2, 30, 31)] == [4, 4, 6, 6, 8]
    assert growth.final(24 * 32) == 8
    source = drawn(8, "2024-01-30", growth=growth)
    fleet, clock = Population(ElectricVehicle.attributes(), 8), Clock()
    fleet["energy_kwh"][4:] = 0.0
    traffic = Traffic(clock, calendar, source, fleet)
    traffic.begin()
    joined = 0.0
    for step in range(24 * 4):
        clock.run_until(float(step))
        there = 4 if step < 48 else 6
        assert (fleet["community"][there:] == ABSENT).all()
        assert (fleet["community"][:there] != ABSENT).all()
        assert traffic.vehicles_there == there
        joined += traffic.joined_kwh
        traffic.end_step()
    assert joined == 40.0
    assert fleet["energy_kwh"].tolist() == [20.0] * 6 + [0.0] * 2
    # Who joins later has no trips yet, and changes nobody's.
    alone = [trip for trip in all_trips(drawn(8, "2024-01-30"), 5) if trip[0] < 4]
    grown = list(all_trips(source, 5))
    assert [trip for trip in grown if trip[0] < 4] == alone
    assert all(trip[1] >= 48 for trip in grown if trip[0] >= 4)


def test_growth_by_day_spreads_over_the_year() -> None:
    growth = Growth(Calendar("2024-01-30", "Europe/Berlin"), 10, 365.0, "day")
    assert [growth.joined(day) for day in range(4)] == [10, 11, 12, 13]
