"""The night at home is the long stay, whatever the clock shows."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.calendar import Calendar
from hmesh.environment.day_plans import read_day_plans
from hmesh.environment.diaries import read_diaries
from hmesh.environment.diary_trips import DiaryTrips
from hmesh.environment.moments import MS_PER_H
from hmesh.environment.night_at_home import HALF_A_DAY_H, homes_among, nights_at_home
from hmesh.environment.planned_trips import PlannedTrips
from hmesh.environment.streams import Streams

STAYS = st.lists(
    st.tuples(st.floats(0.25, 20), st.floats(0.25, 40), st.booleans()), min_size=1, max_size=12
)


@given(STAYS)
def test_a_night_has_no_longer_stay_at_home_near_it(
    stays: list[tuple[float, float, bool]],
) -> None:
    ends = np.cumsum([away + here for away, here, _ in stays])
    begins = ends - np.array([here for _, here, _ in stays])
    home = np.array([at_home for *_, at_home in stays])
    nights = nights_at_home(begins, ends, home)
    for k, night in enumerate(nights.tolist()):
        long = min(ends[k] - begins[k], 24.0)
        rivals = [
            (min(ends[j] - begins[j], 24.0), -j)
            for j in range(len(stays))
            if home[j] and j != k and abs(begins[j] - begins[k]) < HALF_A_DAY_H
        ]
        assert night == (bool(home[k]) and all((long, -k) > rival for rival in rivals))
    assert nights.any() == home.any()


def test_lunch_and_errands_are_no_nights() -> None:
    # Home at noon for an hour, from 17 to 19, and from 21:30 on; away for two nights at last.
    begins = np.array([12.0, 17.0, 21.5, 36.0, 41.0, 45.5])
    ends = np.array([13.0, 19.0, 31.0, 37.0, 43.0, np.inf])
    home = np.array([True, True, True, True, True, False])
    assert nights_at_home(begins, ends, home).tolist() == [
        False, False, True, False, True, False,
    ]  # fmt: skip


def test_home_is_where_people_live() -> None:
    places = np.array([0, 2, 1])
    assert homes_among(places, None).tolist() == [True] * 3
    assert homes_among(places, np.array([False, True, False])).tolist() == [False, False, True]
    assert homes_among(places, np.array([False] * 3)).tolist() == [True] * 3


COMMUNITIES = ("homes", "works")
RESIDENTIAL = np.array([True, False])
PLAN = "plan,departs_h,duration_h,km,origin,destination,day\n"


def nights_of(folder: Path, rows: str, residential: np.ndarray | None) -> list[tuple[float, bool]]:
    """Return the departures of a plan on a Tuesday, and whether a night at home follows each."""
    (folder / "plans.csv").write_text(PLAN + rows)
    plans = read_day_plans(folder / "plans.csv", COMMUNITIES)
    calendar = Calendar("2024-06-03", "Europe/Berlin", 0.5)
    source = PlannedTrips(plans, calendar, np.zeros(1, np.int64), residential=residential)
    day = source.day(1)
    return [
        (int(batch.departs_ms) / MS_PER_H - 24, bool(batch.night_follows)) for batch in day.all()
    ]


@pytest.mark.parametrize("residential", [None, RESIDENTIAL])
def test_plans_of_every_shift_have_one_night_a_day(
    tmp_path: Path, residential: np.ndarray | None
) -> None:
    day = "d,7,1,20,homes,works,\nd,17,1,20,works,homes,\n"
    assert nights_of(tmp_path, day, residential) == [(7, False), (17, True)]
    night = "n,6,1,20,works,homes,\nn,21.5,1,20,homes,works,\n"
    assert nights_of(tmp_path, night, residential) == [(6, True), (21.5, False)]
    late = "l,0.5,1,20,works,homes,\nl,13,1,20,homes,works,\n"
    assert nights_of(tmp_path, late, residential) == [(0.5, True), (13, False)]


def test_a_shift_of_half_a_day_does_not_make_a_home_of_work(tmp_path: Path) -> None:
    day = "d,6,0.5,20,homes,works,\nd,18.5,0.5,20,works,homes,\n"
    assert nights_of(tmp_path, day, RESIDENTIAL) == [(6, False), (18.5, True)]
    night = "n,6.5,0.5,20,works,homes,\nn,18,0.5,20,homes,works,\n"
    assert nights_of(tmp_path, night, RESIDENTIAL) == [(6.5, True), (18, False)]


def test_the_published_plans_have_their_night_after_their_last_trip() -> None:
    plans = read_day_plans(None, ("homes", "malls", "offices"))
    calendar = Calendar("2024-01-15T01:00", "Asia/Tokyo", 1.0)
    for residential in (None, np.array([True, False, False])):
        source = PlannedTrips(plans, calendar, np.arange(10), residential=residential)
        for day in range(3):
            trips = source.day(day)
            batches = trips.all()
            latest = {int(b.vehicles[0]): int(b.departs_ms) for b in batches}
            for batch in batches:
                last = int(batch.departs_ms) == latest[int(batch.vehicles[0])]
                assert batch.night_follows == last


def test_a_diary_cut_at_midnight_has_its_night_at_home_by_day(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(
        "person,departs_h,arrives_h,origin,destination,km\n"
        "night,6,6.5,works,homes,20\nnight,21.5,22,homes,works,20\n"
    )
    calendar = Calendar("2024-06-03", "Europe/Berlin", 0.5)
    diaries = read_diaries(tmp_path / "d.csv", COMMUNITIES, calendar)
    for residential, nights in ((None, [False, True]), (RESIDENTIAL, [True, False])):
        source = DiaryTrips(diaries, 1, calendar, Streams(1), residential=residential)
        day = source.day(1)
        found = [bool(np.all(b.night_follows)) for b in day.all()]
        assert found == nights
        assert source.home_at(0).tolist() == [residential is None]
