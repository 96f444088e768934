"""There is school on the days that the terms, the built-in year or a timetable's services say."""

import pickle
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets import gtfs_files, read_gtfs_terms
from hmesh.environment.errors import InputError
from hmesh.environment.school_terms import SchoolTerms
from hmesh.environment.school_years import stretches
from hmesh.runs.world.dataset_files import load_dataset
from tests.shared_datasets import us_demand

DAY = timedelta(days=1)
WEEK = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"
AUTUMN = (date(2023, 9, 5), date(2023, 12, 20))
SPRING = (date(2024, 1, 8), date(2024, 6, 7))


def calendar(terms: SchoolTerms | None, start: str = "2023-01-01", **more: object) -> Calendar:
    return Calendar(start, "America/Detroit", school_terms=terms, **more)  # type: ignore[arg-type]


def problems(error: pytest.ExceptionInfo[InputError]) -> list[str]:
    return [str(problem) for problem in error.value.problems]


def test_weekdays_within_a_term_have_school() -> None:
    terms = SchoolTerms(
        (AUTUMN, SPRING),
        days_off=frozenset({date(2023, 11, 24)}),
        extra_days=frozenset({date(2023, 12, 21), date(2024, 1, 13), date(2024, 5, 27)}),
    )
    days = calendar(terms, holiday_country="US")
    for day, school in (
        (date(2023, 9, 4), False),  # the day before
        (date(2023, 9, 5), True),
        (date(2023, 9, 9), False),  # Saturday
        (date(2023, 11, 23), False),  # Thanksgiving
        (date(2023, 11, 24), False),  # off
        (date(2023, 12, 20), True),
        (date(2023, 12, 21), True),  # after the term, but extra
        (date(2023, 12, 22), False),
        (date(2024, 1, 13), True),  # a Saturday, but extra
        (date(2024, 2, 29), True),
        (date(2024, 5, 27), True),  # Memorial Day, but extra
        (date(2024, 6, 7), True),
        (date(2024, 6, 10), False),
    ):
        assert days.is_school_day(day) is school, day
    assert calendar(terms).is_school_day(date(2023, 11, 23))  # no country, no public holidays
    assert not calendar(None).is_school_day(date(2023, 9, 5))


@given(
    terms=st.lists(st.dates(date(2019, 1, 1), date(2025, 12, 31)), max_size=8, unique=True),
    off=st.sets(st.dates(date(2019, 1, 1), date(2025, 12, 31)), max_size=30),
    extra=st.sets(st.dates(date(2019, 1, 1), date(2025, 12, 31)), min_size=1, max_size=5),
    country=st.sampled_from([None, "US"]),
)
def test_every_day_is_reported_by_its_definition(
    terms: list[date], off: set[date], extra: set[date], country: str | None
) -> None:
    ordered = sorted(terms)
    pairs = tuple(zip(ordered[::2], ordered[1::2], strict=False))
    given_terms = SchoolTerms(pairs, None, frozenset(off - extra), frozenset(extra))
    days = calendar(given_terms, "2019-01-01", holiday_country=country)
    reported = days.school_days(0, 365 * 7 + 2)
    for number, school in enumerate(reported.tolist()):
        day = date(2019, 1, 1) + number * DAY
        within = any(first <= day <= last for first, last in pairs) and day.weekday() < 5
        expected = day in extra or (within and not days.is_holiday(day) and day not in off)
        assert school is expected
        assert days.is_school_day(day) is expected


@given(
    zone=st.sampled_from(
        ["America/Detroit", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "Asia/Tokyo"]
    ),
    start=st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)),
    step_h=st.sampled_from([1.0, 0.25, 1 / 3, 1 / 12, 3.0, 7.0, 24.0, 60.0]),
    step=st.integers(0, 20_000),
    steps=st.integers(0, 300),
)
def test_steps_have_the_school_of_the_date_on_which_they_start(
    zone: str, start: datetime, step_h: float, step: int, steps: int
) -> None:
    # Every second week has school, so that a day too early or late is seen on most days.
    fortnights = tuple(
        (date(2015, 1, 5) + n * 14 * DAY, date(2015, 1, 11) + n * 14 * DAY) for n in range(800)
    )
    days = Calendar(start.isoformat() + "Z", zone, step_h, school_terms=SchoolTerms(fortnights))
    each = range(step, step + steps)
    assert days.days_of(step, steps).tolist() == [days.day_of(one) for one in each]
    expected = [days.is_school_day(days.date_of(one)) for one in each]
    assert days.school_steps(step, steps).tolist() == expected


def test_days_of_23_and_25_hours_have_school_as_long() -> None:
    # The clocks change on Sundays; here these are school days between days off.
    spring, autumn = date(2024, 3, 10), date(2024, 11, 3)
    terms = SchoolTerms(extra_days=frozenset({spring, autumn}))
    school = calendar(terms, "2024-01-01").school_steps(0, 366 * 24)
    assert school.sum() == 23 + 25
    quarters = Calendar("2024-01-01", "America/Detroit", 0.25, school_terms=terms)
    assert quarters.school_steps(0, 366 * 96).sum() == 4 * (23 + 25)


def test_the_29th_of_february_may_have_school() -> None:
    terms = SchoolTerms(((date(2023, 2, 28), date(2024, 3, 1)),))
    days = calendar(terms, "2024-02-28")
    assert days.school_days(0, 4).tolist() == [True, True, True, False]
    assert days.school_days(-366, 2).tolist() == [False, True]  # 27 and 28 February 2023
    assert days.school_days(0, 0).size == days.school_steps(5, 0).size == 0


def test_a_weekday_without_school_is_a_school_holiday() -> None:
    terms = SchoolTerms((AUTUMN, SPRING), extra_days=frozenset({date(2024, 1, 13)}))
    days = calendar(terms, holiday_country="US")
    for day, kind in (
        (date(2023, 12, 20), "weekday"),
        (date(2023, 12, 21), "school_holiday"),
        (date(2023, 12, 23), "saturday"),
        (date(2023, 12, 25), "holiday"),
        (date(2024, 1, 13), "saturday"),  # with school, but still a Saturday
        (date(2024, 7, 15), "school_holiday"),
    ):
        assert days.day_kind(day) == kind
        assert days.day_type(day) == {"holiday": "sunday", "school_holiday": "weekday"}.get(
            kind, kind
        )
    assert calendar(None).day_kind(date(2023, 12, 21)) == "weekday"


def test_terms_that_cannot_be_are_reported_all_at_once() -> None:
    with pytest.raises(InputError) as error:
        SchoolTerms(
            (SPRING[::-1], AUTUMN, (date(2023, 12, 20), date(2024, 1, 31))),
            days_off=frozenset({AUTUMN[0]}),
            extra_days=frozenset({AUTUMN[0]}),
        )
    assert problems(error) == [
        "terms.0: ends on 2024-01-08, before it begins on 2024-06-07 (allowed: [first, last])",
        "terms.1: lies before the term above it, which begins on 2024-06-07 "
        "(allowed: terms one after another)",
        "terms.2: begins on 2023-12-20, when the term before it lasts until 2023-12-20 "
        "(allowed: terms one after another)",
        "extra_days: 2023-09-05 is a day off too (allowed: one of the two)",
    ]
    with pytest.raises(InputError, match="there is no day with school"):
        SchoolTerms()
    with pytest.raises(InputError, match=r"no school year is called 'Michigen'.*'michigan'"):
        SchoolTerms.built_in("Michigen")


def test_terms_show_which_days_they_cover() -> None:
    terms = SchoolTerms((AUTUMN, SPRING))
    assert terms.span == (AUTUMN[0], SPRING[1])
    assert terms.covers(date(2023, 12, 27))
    assert not terms.covers(AUTUMN[0] - DAY)
    assert not terms.covers(SPRING[1] + DAY)
    assert SchoolTerms.built_in("michigan").covers(date(1987, 7, 1))


# The Guidelines for a Perpetual Common School Calendar of Washtenaw County, Michigan: when school
# closes at the end of the day and resumes, by the weekday of 25 December.
WINTER_BREAKS = {
    2022: (date(2022, 12, 22), date(2023, 1, 9)),  # Sunday
    2023: (date(2023, 12, 22), date(2024, 1, 8)),
    2018: (date(2018, 12, 21), date(2019, 1, 7)),
    2019: (date(2019, 12, 20), date(2020, 1, 6)),
    2025: (date(2025, 12, 19), date(2026, 1, 5)),
    2026: (date(2026, 12, 18), date(2027, 1, 4)),
    2027: (date(2027, 12, 17), date(2028, 1, 3)),  # Saturday
}


@pytest.mark.parametrize("year", WINTER_BREAKS)
def test_the_winter_break_is_that_of_the_guidelines(year: int) -> None:
    closes, resumes = WINTER_BREAKS[year]
    days = calendar(SchoolTerms.built_in("michigan"))
    between = [closes + n * DAY for n in range((resumes - closes).days + 1)]
    school = [day for day in between if days.is_school_day(day)]
    assert school == [closes, resumes]


@pytest.mark.parametrize("year", range(1990, 2051))
def test_a_built_in_year_has_its_days_of_instruction(year: int) -> None:
    days = calendar(SchoolTerms.built_in("michigan"), f"{year}-07-01")
    school = np.flatnonzero(days.school_days(0, 365))
    assert school.size == 180
    first, last = (date(year, 7, 1) + int(day) * DAY for day in school[[0, -1]])
    assert first.weekday() == 1
    assert date(year, 9, 2) <= first <= date(year, 9, 8)  # the day after Labor Day
    assert date(year + 1, 6, 8) <= last <= date(year + 1, 6, 15)
    thanksgiving = date(year, 11, 22)
    thanksgiving += (3 - thanksgiving.weekday()) % 7 * DAY
    weekdays_off = {
        day
        for day in (first + n * DAY for n in range((last - first).days))
        if day.weekday() < 5 and not days.is_school_day(day)
    }
    assert {thanksgiving, thanksgiving + DAY} <= weekdays_off
    assert date(year + 1, 1, 1).weekday() > 4 or date(year + 1, 1, 1) in weekdays_off
    mondays_off = [day for day in sorted(weekdays_off) if day.weekday() == 0]
    # Two in the winter break, King's and Presidents' Day, the spring break, Memorial Day.
    assert [day.month for day in mondays_off][2:] == [1, 2, 3, 5]
    assert len(weekdays_off) in (21, 22)  # one more where 25 December is a Sunday


def test_public_holidays_take_days_from_a_built_in_year() -> None:
    terms = SchoolTerms.built_in(
        "michigan", days_off=[date(2024, 1, 12)], extra_days=[date(2024, 6, 12)]
    )
    days = calendar(terms, "2023-07-01", holiday_country="US")
    plain = calendar(SchoolTerms.built_in("michigan"), "2023-07-01")
    changed = np.flatnonzero(days.school_days(0, 366) != plain.school_days(0, 366))
    dates = [date(2023, 7, 1) + int(day) * DAY for day in changed]
    # Columbus Day and the observed Veterans Day, a snow day, and a day to make up for it.
    assert dates == [
        date(2023, 10, 9), date(2023, 11, 10), date(2024, 1, 12), date(2024, 6, 12),
    ]  # fmt: skip


def test_days_in_a_row_are_a_stretch() -> None:
    days = [date(2024, 2, 28), date(2024, 3, 1), date(2024, 2, 29), date(2024, 3, 4)]
    assert stretches(days) == (
        (date(2024, 2, 28), date(2024, 3, 1)),
        (date(2024, 3, 4), date(2024, 3, 4)),
    )
    assert stretches([]) == ()


def gtfs(folder: Path, services: str = "", dates: str = "") -> Path:
    """Write a folder of GTFS with the rows of its two files."""
    folder.mkdir(exist_ok=True)
    header = f"service_id,{WEEK},start_date,end_date\n"
    (folder / "calendar.txt").write_text(header + services)
    if dates:
        (folder / "calendar_dates.txt").write_text(f"service_id,date,exception_type\n{dates}")
    return folder


TERM = "term,1,1,1,1,1,0,0,20240108,20240119\n"


def school_days(terms: SchoolTerms, holiday_country: str | None = None) -> list[str]:
    days = calendar(terms, "2024-01-01", holiday_country=holiday_country).school_days(0, 60)
    return [f"{date(2024, 1, 1) + n * DAY:%m-%d}" for n in np.flatnonzero(days).tolist()]


def test_services_of_a_timetable_show_the_terms(tmp_path: Path) -> None:
    daily = "daily,1,1,1,1,1,1,1,20240122,20240128\n"
    dates = "term,20240109,2\nterm,20240120,1\nterm,20240115,1\nonce,20240203,1\n"
    folder = gtfs(tmp_path / "gtfs", TERM + daily, dates)
    assert gtfs_files(folder) == ["calendar.txt", "calendar_dates.txt"]
    term = ["01-08", "01-10", "01-11", "01-12", "01-15", "01-16", "01-17", "01-18", "01-19"]
    assert school_days(read_gtfs_terms(folder, ["term"])) == [*term, "01-20"]
    # King's Day is a public holiday, but a date of its own says that the buses run.
    assert "01-15" in school_days(read_gtfs_terms(folder, ["term"]), "US")
    plain = gtfs(tmp_path / "plain", TERM)
    assert "01-15" in school_days(read_gtfs_terms(plain))
    assert "01-15" not in school_days(read_gtfs_terms(plain), "US")
    # Days of the week bring no school to a weekend, dates do.
    assert school_days(read_gtfs_terms(folder, ["daily", "once"])) == [
        "01-22", "01-23", "01-24", "01-25", "01-26", "02-03",
    ]  # fmt: skip
    everything = read_gtfs_terms(folder)
    assert school_days(everything) == sorted(
        {*term, "01-20", *(f"01-{d}" for d in range(22, 27)), "02-03"}
    )
    assert everything.span == (date(2024, 1, 8), date(2024, 2, 3))


def test_a_date_that_is_added_and_removed_again_has_no_school(tmp_path: Path) -> None:
    dates = "term,20240113,1\nterm,20240113,2\nterm,20240110,1\nterm,20240110,2\n"
    days = school_days(read_gtfs_terms(gtfs(tmp_path, TERM, dates)))
    assert "01-13" not in days
    assert "01-10" not in days
    assert len(days) == 9


def test_days_of_ones_own_come_on_top_of_a_timetable(tmp_path: Path) -> None:
    folder = gtfs(tmp_path, dates="snow,20240110,1\nsnow,20240111,1\n")
    snow, made_up = date(2024, 1, 11), date(2024, 1, 13)
    terms = read_gtfs_terms(folder, days_off=[snow], extra_days=[made_up])
    assert school_days(terms) == ["01-10", "01-13"]
    with pytest.raises(InputError, match="2024-01-13 is a day off too"):
        read_gtfs_terms(folder, days_off=[made_up], extra_days=[made_up])


def test_a_timetable_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    folder = gtfs(
        tmp_path / "wrong", TERM + "x,1,1,1,1,1,0,9,20240120,20240119\n", "x,2024-13-01,3\n"
    )
    with pytest.raises(InputError) as error:
        read_gtfs_terms(folder)
    reported = [text.replace(f"{folder}/", "").split(" (")[0] for text in problems(error)]
    assert sorted(reported) == [
        "calendar.txt, line 3, column end_date: '20240119' is not after start_date",
        "calendar.txt, line 3, column sunday: '9' is not allowed",
        "calendar_dates.txt, line 2, column date: '2024-13-01' is not allowed",
        "calendar_dates.txt, line 2, column exception_type: '3' is not allowed",
    ]
    folder = gtfs(tmp_path / "fine", TERM)
    with pytest.raises(InputError, match=r"services.1: no service of .* is called 'tern'.*'term'"):
        read_gtfs_terms(folder, ["term", "tern"])
    with pytest.raises(InputError, match=r"states no days of services.*calendar.txt or"):
        read_gtfs_terms(tmp_path)
    with pytest.raises(InputError, match="states no days of services"):
        read_gtfs_terms(gtfs(tmp_path / "empty"))
    never = "never,0,0,0,0,0,0,0,20240108,20240119\n"
    with pytest.raises(InputError, match="no service runs on any day"):
        read_gtfs_terms(gtfs(tmp_path / "never", never))


def test_terms_survive_the_way_between_processes() -> None:
    days = calendar(SchoolTerms.built_in("michigan", days_off=[date(2024, 1, 12)]), "2024-01-01")
    copy = pickle.loads(pickle.dumps(days))
    np.testing.assert_array_equal(copy.school_days(0, 1000), days.school_days(0, 1000))


def test_a_long_run_works_its_school_days_out_once_a_year(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worked_out: list[int] = []
    work_out = SchoolTerms.school_days

    def counted(terms: SchoolTerms, year: int, holidays: frozenset[date]) -> NDArray[np.bool_]:
        worked_out.append(year)
        return work_out(terms, year, holidays)

    monkeypatch.setattr(SchoolTerms, "school_days", counted)
    days = calendar(SchoolTerms.built_in("michigan"), "2021-01-01", holiday_country="US")
    for step in range(0, 5 * 8760, 24):
        days.school_steps(step, 24)
        days.day_kind(days.date_of(step))
    assert worked_out == [2021, 2022, 2023, 2024, 2025]


def test_schools_of_michigan_show_in_its_demand(shared: Path, tmp_path: Path) -> None:
    """In December mornings use less electricity in the winter break, measured over three years."""
    data = shared / "data"
    if not (data / "system_demand").is_dir():
        pytest.skip("the measured demand is not here")
    series = load_dataset(us_demand(data, tmp_path / "us")).series["system_demand"]
    terms = SchoolTerms.built_in("michigan")
    days = Calendar("2021-01-01", "America/Detroit", 1.0, "US", school_terms=terms)
    steps = 3 * 8760 - 24
    demand_kwh = series.over("demand_kwh", days, steps)[:, series.keys.index("MISO-0027")]
    school = days.school_steps(0, steps)
    # All school days of three years whole, none on a Sunday of 23 or 25 hours.
    assert school.sum() == 24 * days.school_days(0, 3 * 365 - 1).sum() == 24 * 539
    dates = [date(2021, 1, 1) + n * DAY for n in range(3 * 365 - 1)]
    december = np.array([day.month == 12 for day in dates])[days.days_of(0, steps)]
    kinds = np.array([days.day_kind(day) for day in dates])[days.days_of(0, steps)]
    morning = np.array([days.hour_of_day(step) == 7 for step in range(steps)]) & december
    with_school = demand_kwh[morning & school].mean()
    without = demand_kwh[morning & (kinds == "school_holiday")].mean()
    assert (morning & (kinds == "school_holiday")).sum() == 17
    assert without == pytest.approx(0.913 * with_school, rel=1e-3)
