"""Vehicles that follow day plans are where a walk through the plan's table finds them."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.clock import Clock
from hmesh.environment.day_plans import DayPlans, read_day_plans
from hmesh.environment.drive_rule import ON_THE_ROAD
from hmesh.environment.planned_trips import PlannedTrips
from hmesh.environment.population import Population
from hmesh.environment.traffic import Traffic

BERLIN = ZoneInfo("Europe/Berlin")
COMMUNITIES = ("homes", "malls", "offices")
SPRING, AUTUMN, WINTER = "2024-03-30", "2024-10-26", "2024-01-15"
NAMES = ("community", "plugged_part", "driven_km", "km_before_plug")
type Reported = dict[str, FloatArray]


@dataclass
class Drive:
    """One trip of one plan on one day, in hours after the start of the run."""

    departs_h: float
    arrives_h: float
    km: float
    origin: int
    destination: int


def moved(
    plans: DayPlans, start: str, step_h: float, steps: int, *, resume_at: int = -1
) -> tuple[Reported, NDArray[np.int64]]:
    """Return what becomes of one vehicle of each plan, and every trip's origin and step."""
    calendar = Calendar(start, "Europe/Berlin", step_h)
    size = len(plans.names)

    def begin() -> tuple[Population, Clock, Traffic]:
        fleet, clock = Population(ElectricVehicle.attributes(), size), Clock()
        fleet.set("day_plan", np.arange(size, dtype=np.int32))
        source = PlannedTrips(plans, calendar, fleet["day_plan"])
        traffic = Traffic(clock, calendar, source, fleet, keep_reserve=True)
        traffic.begin()
        return fleet, clock, traffic

    fleet, clock, traffic = begin()
    names = (*NAMES, "day_finished", "reserve_kwh")
    reported: dict[str, list[FloatArray]] = {name: [] for name in names}
    departures = []
    for step in range(steps):
        if step == resume_at:
            state = {name: column.copy() for name, column in fleet.state().items()}
            now_h, pending = clock.now_h, clock.pending()
            fleet, clock, traffic = begin()
            fleet.restore(state)
            clock.restore(now_h, pending)
        clock.run_until(step * step_h)
        for name, values in reported.items():
            values.append(fleet[name].astype(np.float64))
        departures += [(step, int(b.origin), int(v)) for b in traffic.departed for v in b.vehicles]
        traffic.end_step()
    return {name: np.array(rows) for name, rows in reported.items()}, np.array(departures)


def walk(plans: DayPlans, plan: int, start: str, days: int) -> list[Drive]:
    """Return the trips of a plan in order, by the clock on the wall and by elapsed time."""
    begin = datetime.fromisoformat(start).replace(tzinfo=BERLIN)
    midnight = begin.replace(hour=0, minute=0)
    drives: list[Drive] = []
    for day in range(days):
        for trip in np.flatnonzero(plans.trip_plan == plan):
            wall = midnight + timedelta(days=day, hours=float(plans.departs_h[trip]))
            departs_h = (wall.astimezone(UTC) - begin.astimezone(UTC)) / timedelta(hours=1)
            if drives:
                # Where the clocks skip an hour a vehicle may still be under way.
                departs_h = max(departs_h, drives[-1].arrives_h)
            arrives_h = departs_h + float(plans.arrives_h[trip] - plans.departs_h[trip])
            drive = Drive(
                departs_h,
                arrives_h,
                float(plans.km[trip]),
                int(plans.origin[trip]),
                int(plans.destination[trip]),
            )
            drives.append(drive)
    return drives


def expected(drives: list[Drive], start: int, step_h: float, steps: int) -> Reported:
    """Return where a vehicle is in every step and how far it drives, a quarter after another."""
    # Who set out before the run began is there as it begins.
    place = start
    for drive in drives:
        if drive.departs_h < 0:
            place = drive.destination
    drives = [drive for drive in drives if drive.departs_h >= 0]
    reported: dict[str, list[float]] = {name: [] for name in NAMES}
    quarters = round(step_h * 4)
    for step in range(steps):
        parked: list[int] = []
        km: list[float] = []
        for quarter in range(quarters):
            now_h = step * step_h + quarter / 4
            for drive in drives:
                if drive.arrives_h <= now_h + 1e-9:
                    place = drive.destination
            driving = [d for d in drives if d.departs_h - 1e-9 < now_h < d.arrives_h - 1e-9]
            parked.append(ON_THE_ROAD if driving else place)
            km.append(sum(d.km * 0.25 / (d.arrives_h - d.departs_h) for d in driving))
        there = [each for each in parked if each != ON_THE_ROAD]
        # The first of those where it is longest.
        community = max(dict.fromkeys(there), key=there.count, default=ON_THE_ROAD)
        reported["community"].append(community)
        reported["plugged_part"].append(there.count(community) / quarters)
        reported["driven_km"].append(sum(km))
        leaves = quarters - parked[::-1].index(community) if there else 0
        reported["km_before_plug"].append(sum(km[:leaves]))
    return {name: np.array(values) for name, values in reported.items()}


@st.composite
def day_plans(draw: st.DrawFn) -> DayPlans:
    """Draw plans of one to five trips, some in the night and past midnight."""
    quarter = st.integers(0, 95)
    columns: list[tuple[int, float, float, float, int, int]] = []
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    for plan, size in enumerate(sizes):
        departs = sorted(draw(st.sets(quarter, min_size=size, max_size=size)))
        ends = [*departs[1:], departs[0] + 96]
        first = place = draw(st.integers(0, 2))
        for number, (departs_at, latest) in enumerate(zip(departs, ends, strict=True)):
            lasts = draw(st.integers(1, min(latest - departs_at, 40)))
            goal = first if number == size - 1 else draw(st.integers(0, 2))
            hours = departs_at / 4, (departs_at + lasts) / 4
            columns.append((plan, *hours, draw(st.sampled_from([5.0, 12.5, 40.0])), place, goal))
            place = goal
    trip_plan, departs_h, arrives_h, km, origin, destination = map(
        np.array, zip(*columns, strict=True)
    )
    last = np.append(np.diff(trip_plan) > 0, True)
    first_trip = np.append(True, np.diff(trip_plan) > 0)
    return DayPlans(
        names=tuple(map(str, range(len(sizes)))),
        trip_plan=trip_plan,
        departs_h=departs_h,
        arrives_h=arrives_h,
        km=km,
        origin=origin,
        via=np.full(len(km), -1),
        destination=destination,
        start=origin[first_trip],
        last_arrival_h=arrives_h[last],
        day=np.full(len(km), -1),
    )


STARTS = st.tuples(st.sampled_from([SPRING, AUTUMN, WINTER]), st.integers(0, 23)).map(
    lambda start: f"{start[0]}T{start[1]:02d}:00"
)


@given(day_plans(), STARTS, st.sampled_from([0.25, 0.5, 1.0, 3.0, 24.0]), st.data())
def test_vehicles_are_where_their_plans_say(
    plans: DayPlans, start: str, step_h: float, data: st.DataObject
) -> None:
    steps = round(72 / step_h)
    reported, departures = moved(plans, start, step_h, steps)
    for plan in range(len(plans.names)):
        drives = walk(plans, plan, start, days=5)
        wanted = expected(drives, int(plans.start[plan]), step_h, steps)
        for name, values in wanted.items():
            np.testing.assert_allclose(
                reported[name][:, plan], values, rtol=0, atol=1e-9, err_msg=name
            )
        begun = [
            (step, drive.origin)
            for drive in drives
            if 0 <= (step := math.floor(drive.departs_h / step_h + 1e-9)) < steps
        ]
        mine = departures[departures[:, 2] == plan] if len(departures) else departures
        assert [tuple(row[:2]) for row in mine.tolist()] == begun
    on_the_road = reported["community"] == ON_THE_ROAD
    np.testing.assert_array_equal(on_the_road, reported["plugged_part"] == 0)
    assert (reported["driven_km"][on_the_road] > 0).all()
    resume_at = data.draw(st.integers(1, steps - 1), label="resume at")
    again, _ = moved(plans, start, step_h, steps, resume_at=resume_at)
    for name, values in reported.items():
        assert values.tobytes() == again[name].tobytes()


# Clock hours of the trips of the ten published patterns, and what each drives in a day.
PUBLISHED = [
    ({7: 30, 16: 30}, 60),
    ({7: 40, 12: 10, 17: 40}, 90),
    ({7: 50, 12: 10, 18: 50}, 110),
    ({8: 30, 13: 10, 18: 30}, 70),
    ({8: 40, 13: 10, 18: 40}, 90),
    ({8: 20, 12: 5, 13: 5, 18: 5, 20: 20}, 55),
    ({8: 30, 19: 30}, 60),
    ({8: 60, 19: 60}, 120),
    ({9: 40, 20: 40}, 80),
    ({9: 60, 20: 50}, 110),
]


@pytest.mark.parametrize("step_h", [1.0, 0.25])
def test_published_patterns_drive_in_their_clock_hours(step_h: float) -> None:
    plans = read_day_plans(None, COMMUNITIES)
    in_hour = round(1 / step_h)
    reported, _ = moved(plans, f"{WINTER}T01:00", step_h, 48 * in_hour)
    by_hour = reported["driven_km"].reshape(48, in_hour, 10)
    for plan, (trips, km_a_day) in enumerate(PUBLISHED):
        for hour in range(48):
            km = trips.get((hour + 1) % 24, 0)
            assert by_hour[hour, :, plan].tolist() == pytest.approx([km / in_hour] * in_hour)
        assert by_hour[:24, :, plan].sum() == pytest.approx(km_a_day)
    at_noon = reported["community"][11 * in_hour]
    assert at_noon.tolist() == [2, -1, -1, 2, 2, -1, 1, 1, 1, 1]
    assert reported["community"][2 * in_hour].tolist() == [0] * 10
    finished = reported["day_finished"][:, 0].reshape(48, in_hour)[:, 0]
    assert finished.tolist() == [0.0] * 16 + [1.0] * 14 + [0.0] * 10 + [1.0] * 8


def test_reserve_is_the_energy_of_the_next_trip() -> None:
    plans = read_day_plans(None, COMMUNITIES)
    reported, _ = moved(plans, f"{WINTER}T01:00", 1.0, 24)
    used = ElectricVehicle.consumption_kwh_per_km.default
    reserve = reported["reserve_kwh"] / used
    # Pattern 6: 20 km to the office, 5 to the mall, 5 back, 5 to the mall, 20 home.
    assert reserve[:, 5] == pytest.approx([20.0] * 7 + [5.0] * 10 + [20.0] * 7)
    assert reserve[:, 9] == pytest.approx([60.0] * 8 + [50.0] * 11 + [60.0] * 5)
    later, _ = moved(plans, f"{WINTER}T15:00", 1.0, 2)
    assert later["reserve_kwh"][0, 9] == pytest.approx(50 * used)
    assert later["community"][0].tolist() == [2, 2, 2, 2, 2, 2, 1, 1, 1, 1]


def test_nobody_overtakes_themselves_where_the_clocks_skip_an_hour(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(
        "plan,departs_h,duration_h,km,origin,destination\n"
        "night,2.25,0.5,10,homes,malls\n"  # shown as 3.25, for there is no 2.25 this night
        "night,3.0,0.25,10,malls,offices\n"
        "night,20,1,10,offices,homes\n"
        "late,1.0,2.5,10,homes,malls\n"
        "late,3.5,0.25,10,malls,offices\n"
        "late,20,1,10,offices,homes\n"
    )
    plans = read_day_plans(tmp_path / "plans.csv", COMMUNITIES)
    reported, _ = moved(plans, "2024-03-31T00:00", 0.25, 92)
    hours = reported["community"][::4]  # by elapsed time: from 2 on the clocks show an hour more
    assert hours[4:19].tolist() == [[2.0, 2.0]] * 15
    assert hours[22].tolist() == [0.0, 0.0]
