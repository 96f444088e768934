"""The calendar states local time, date and kind of day for every step, also as clocks change."""

import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError

ZONES = ["Europe/Berlin", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


def places(error: pytest.ExceptionInfo[InputError]) -> dict[str, str]:
    return {problem.place: problem.suggestion for problem in error.value.problems}


def test_steps_are_labelled_by_their_start() -> None:
    calendar = Calendar("2024-01-01", "Asia/Tokyo", 0.25)
    assert calendar.time_of(0).isoformat() == "2024-01-01T00:00:00+09:00"
    assert calendar.time_of(95).isoformat() == "2024-01-01T23:45:00+09:00"
    assert calendar.hour_of_day(95) == 23.75
    assert calendar.date_of(96) == date(2024, 1, 2)
    assert [calendar.day_of(step) for step in (0, 95, 96, 96 * 365)] == [0, 0, 1, 365]


def test_a_run_may_start_within_the_day() -> None:
    calendar = Calendar(datetime(2024, 1, 1, 22, 30), "Asia/Tokyo")
    assert [calendar.hour_of_day(step) for step in (0, 1, 2)] == [22.5, 23.5, 0.5]
    assert [calendar.day_of(step) for step in (0, 1, 2)] == [0, 0, 1]


def test_the_spring_day_has_23_hours_and_the_autumn_day_25() -> None:
    spring = Calendar("2024-03-31", "Europe/Berlin")
    assert [spring.hour_of_day(step) for step in range(4)] == [0, 1, 3, 4]
    assert [spring.day_of(step) for step in (22, 23)] == [0, 1]
    autumn = Calendar("2024-10-27", "Europe/Berlin")
    assert [autumn.hour_of_day(step) for step in range(5)] == [0, 1, 2, 2, 3]
    assert autumn.time_of(2).utcoffset() == timedelta(hours=2)
    assert autumn.time_of(3).utcoffset() == timedelta(hours=1)
    assert [autumn.day_of(step) for step in (24, 25)] == [0, 1]


def test_a_year_of_hours_ends_where_the_next_begins() -> None:
    calendar = Calendar("2023-01-01", "Europe/Berlin")
    assert calendar.time_of(8760).replace(tzinfo=None) == datetime(2024, 1, 1)


@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
    step_h=st.sampled_from([1.0, 0.25, 0.5, 1 / 3, 24.0]),
    step=st.integers(0, 10_000),
)
def test_steps_tile_elapsed_time(zone: str, start: datetime, step_h: float, step: int) -> None:
    calendar = Calendar(start.replace(tzinfo=UTC), zone, step_h)
    begins, ends = calendar.time_of(step), calendar.time_of(step + 1)
    elapsed = ends.astimezone(UTC) - begins.astimezone(UTC)
    assert abs(elapsed - timedelta(hours=step_h)) <= timedelta(microseconds=1)
    assert 0 <= calendar.hour_of_day(step) < 24
    assert calendar.day_of(step) == (calendar.date_of(step) - calendar.date_of(0)).days >= 0


def test_a_start_with_an_offset_becomes_local_time() -> None:
    calendar = Calendar("2024-06-30T22:00:00Z", "Europe/Berlin")
    assert calendar.start == datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert calendar.hour_of_day(0) == 0


def test_a_start_shown_twice_is_the_first_unless_reported() -> None:
    assert Calendar("2024-10-27 02:30", "Europe/Berlin").hour_of_day(1) == 2.5
    second = datetime(2024, 10, 27, 2, 30, fold=1)
    assert Calendar(second, "Europe/Berlin").hour_of_day(1) == 3.5


def test_holidays_are_like_sundays() -> None:
    calendar = Calendar("2024-01-01", "Europe/Berlin", holiday_country="DE")
    assert calendar.is_holiday(date(2024, 10, 3))
    assert calendar.day_type(date(2024, 10, 3)) == "sunday"
    assert not calendar.is_holiday(date(2024, 1, 6))
    assert calendar.day_type(date(2024, 1, 5)) == "weekday"
    assert calendar.day_type(date(2024, 1, 6)) == "saturday"
    assert calendar.day_type(date(2024, 1, 7)) == "sunday"
    assert calendar.is_holiday(date(2030, 12, 25))
    bavaria = Calendar(
        "2024-01-01", "Europe/Berlin", holiday_country="DE", holiday_subdivision="BY"
    )
    assert bavaria.day_type(date(2024, 1, 6)) == "sunday"


def test_without_a_country_there_are_no_holidays() -> None:
    calendar = Calendar("2024-01-01", "Europe/Berlin")
    assert not calendar.is_holiday(date(2024, 1, 1))
    assert calendar.day_type(date(2024, 1, 1)) == "weekday"


@pytest.mark.parametrize(
    ("zone", "suggestion"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin ", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Asia/Toyko", "Asia/Tokyo"),
        ("../etc/passwd", ""),
        ("", ""),
    ],
)
def test_an_unknown_zone_names_the_nearest(zone: str, suggestion: str) -> None:
    with pytest.raises(InputError, match="is no time zone") as error:
        Calendar("2024-01-01", zone)
    assert places(error) == {"time_zone": suggestion}


@pytest.mark.parametrize("start", ["", "01.01.2024", "2024-02-30", "2024-01-01 25:00", "noon"])
def test_a_bad_start_is_reported(start: str) -> None:
    with pytest.raises(InputError, match="is no time") as error:
        Calendar(start, "Europe/Berlin")
    assert places(error) == {"start": ""}


def test_a_start_that_the_clocks_skip_is_reported() -> None:
    with pytest.raises(InputError, match=r"2024-03-31 02:30 does not exist.*2024-03-31 03:30"):
        Calendar("2024-03-31 02:30", "Europe/Berlin")


@pytest.mark.parametrize("step_h", [0, -1, float("nan"), float("inf"), 1e-12, 1e300, "1"])
def test_a_step_needs_a_length(step_h: float) -> None:
    with pytest.raises(InputError, match="is no length of a step") as error:
        Calendar("2024-01-01", "Europe/Berlin", step_h)
    assert places(error) == {"step_h": ""}


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(InputError) as error:
        Calendar("today", "Xyzzy", 0, "Germny")
    assert places(error) == {
        "time_zone": "",
        "start": "",
        "step_h": "",
        "holiday_country": "DE",
    }


def test_unknown_holidays_name_what_is_known() -> None:
    with pytest.raises(InputError, match="BW, BY, HB") as error:
        Calendar("2024-01-01", "Europe/Berlin", 1, "DE", "Augsbrg")
    assert places(error) == {"holiday_subdivision": "Augsburg"}
    with pytest.raises(InputError, match="part of no country"):
        Calendar("2024-01-01", "Europe/Berlin", 1, None, "BY")


def test_a_calendar_survives_the_way_between_processes() -> None:
    calendar = Calendar("2024-10-27", "Europe/Berlin", holiday_country="DE")
    copy = pickle.loads(pickle.dumps(calendar))
    assert copy.time_of(3) == calendar.time_of(3)
    assert copy.is_holiday(date(2024, 10, 3))
