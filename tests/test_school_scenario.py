"""School terms of a scenario: every mistake at once, their files in its digest, their travel."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.environment.travel_day import TravelDay
from hmesh.runs import audit_run, load_scenario, read_yaml, scenario_hash, start_run
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.check import check_setting
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.setting import make_setting

# From the last two days of the winter break over a weekend to the first two days with school.
BASE: dict[str, Any] = read_yaml(
    """
name: school
time_zone: America/Detroit
start: 2024-01-04T00:00
hours: 144
plots: false
strategies: [typical]
communities:
  homes: {members: [{kind: household, name: homes, count: 5, annual_kwh: 4e3, profile: h0}]}
  malls: {members: [{kind: building, name: mall, annual_kwh: 4e4, profile: g4}]}
  offices: {members: [{kind: building, name: office, annual_kwh: 3e4, profile: g1}]}
vehicles: {count: 6}
""",
    "base",
)
PLANS = (
    "plan,departs_h,duration_h,km,origin,destination,day\n"
    "a,8,1,30,homes,offices,weekday\na,17,1,30,offices,homes,weekday\n"
)
PLANS_OFF = PLANS + "a,10,1,9,homes,malls,school_holiday\na,13,1,9,malls,homes,school_holiday\n"
WEEK = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"
MICHIGAN = {"built_in": "michigan"}


def write(folder: Path, **changes: Any) -> Scenario:
    """Write a scenario with some sections changed, and read it."""
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump({**BASE, **changes}))
    return load_scenario(str(path))


def refused(folder: Path, terms: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as error:
        write(folder, school_terms=terms)
    # Their lines have tests of their own.
    found = [str(replace(problem, line=0)) for problem in error.value.problems]
    reported = [text.replace(f"{folder}/", "") for text in found]
    return [text.removeprefix("scenario.yaml: school_terms.") for text in reported]


def timetable(folder: Path, name: str = "gtfs", until: str = "20240607") -> str:
    (folder / name).mkdir()
    rows = f"service_id,{WEEK},start_date,end_date\nschool,1,1,1,1,1,0,0,20240108,{until}\n"
    (folder / name / "calendar.txt").write_text(rows)
    return name


def trips(scenario: Scenario, folder: Path) -> pd.DataFrame:
    start_run(scenario, folder)
    return pd.read_parquet(folder / "trips.parquet")


def by_day(table: pd.DataFrame) -> dict[str, list[tuple[str, int]]]:
    """Return where the first vehicle goes and when it departs, by the date."""
    local = table[table["vehicle"] == 0]
    departs = local["departs"].dt.tz_convert("America/Detroit")
    found: dict[str, list[tuple[str, int]]] = {}
    for time, destination in zip(departs, local["destination"], strict=True):
        found.setdefault(f"{time:%m-%d}", []).append((str(destination), time.hour))
    return found


TO_WORK = [("offices", 8), ("homes", 17)]
OUT = [("malls", 10), ("homes", 13)]


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    assert refused(
        tmp_path,
        {
            "built_in": "michigen",
            "services": ["a"],
            "days_off": ["2024-02-30", ["2024-03-01", "2024-02-01"], ["2020-01-01", "2024-01-01"]],
            "extra_days": [20240106, "yesterday"],
            "day_off": [],
        },
    ) == [
        "built_in: 'michigen' is not allowed (allowed: michigan or null; school year that comes "
        "every year, or null; did you mean 'michigan'?)",
        "services: there is no timetable whose services these are (allowed: gtfs as well)",
        "days_off.0: '2024-02-30' is no date (allowed: a date such as 2023-09-05)",
        "days_off.1: ends on 2024-02-01, before it begins on 2024-03-01 (allowed: [first, last])",
        "days_off.2: 2020-01-01 to 2024-01-01 is more than a year "
        "(allowed: at most a year in a row)",
        "extra_days.1: 'yesterday' is no date (allowed: a date such as 2023-09-05)",
        "day_off: there is no key 'day_off' (did you mean 'days_off'?)",
    ]


@pytest.mark.parametrize(
    ("terms", "reported"),
    [
        ({}, "gtfs: nothing states the terms (allowed: one of built_in, terms and gtfs)"),
        (
            {"terms": [["2024-01-08", "2024-06-07"], ["2023-09-05", "2023-12-20"]]},
            "terms.1: lies before the term above it, which begins on 2024-01-08 "
            "(allowed: terms one after another)",
        ),
        (
            {"terms": [["2024-01-08", "2024-06-07"], ["2024-06-07", "2024-06-14"]]},
            "terms.1: begins on 2024-06-07, when the term before it lasts until 2024-06-07 "
            "(allowed: terms one after another)",
        ),
        (
            {"terms": [["2024-06-07", "2024-01-08"]]},
            "terms.0: ends on 2024-01-08, before it begins on 2024-06-07 (allowed: [first, last])",
        ),
        ({"terms": []}, "terms: there is no term (allowed: at least one, or another source)"),
        (
            {**MICHIGAN, "terms": [["2024-01-08", "2024-06-07"]]},
            "gtfs: the terms are stated by built_in and terms "
            "(allowed: one of built_in, terms and gtfs)",
        ),
        (
            {**MICHIGAN, "days_off": ["2024-01-09"], "extra_days": [["2024-01-08", "2024-01-10"]]},
            "extra_days: 2024-01-09 is a day off too (allowed: one of the two)",
        ),
        (
            {"gtfs": "gtsf"},
            "gtfs: gtsf holds no calendar of GTFS (allowed: a folder with calendar.txt or "
            "calendar_dates.txt; did you mean 'gtfs'?)",
        ),
        (
            {"gtfs": "scenario.yaml"},
            "gtfs: scenario.yaml is a file (allowed: a folder with calendar.txt or "
            "calendar_dates.txt, unpacked)",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_remedy(
    tmp_path: Path, terms: dict[str, Any], reported: str
) -> None:
    timetable(tmp_path)
    assert refused(tmp_path, terms) == [reported]


def test_mistakes_in_a_timetable_are_reported_with_those_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(PLANS.replace("weekday", "wekday"))
    scenario = write(
        tmp_path,
        school_terms={"gtfs": timetable(tmp_path), "services": ["scool"]},
        vehicles={"count": 6, "day_plans": "plans.csv"},
    )
    with pytest.raises(InputError) as error:
        check_setting(scenario)
    reported = [str(problem) for problem in error.value.problems]
    assert reported[0].startswith("school_terms.services.0: no service of")
    assert reported[0].endswith("called 'scool' (allowed: school; did you mean 'school'?)")
    assert ["'wekday' is no kind of day" in text for text in reported] == [False, True, True]


@pytest.mark.parametrize("source", ["built_in", "terms", "gtfs"])
def test_each_source_shows_the_same_days(tmp_path: Path, source: str) -> None:
    sources: dict[str, dict[str, Any]] = {
        "built_in": MICHIGAN,
        "terms": {"terms": [["2023-09-05", "2023-12-22"], ["2024-01-08", "2024-06-11"]]},
        "gtfs": {"gtfs": timetable(tmp_path), "services": ["school"]},
    }
    days_off = ["2024-01-18", ["2024-01-22", "2024-01-26"]]
    added: dict[str, Any] = {"days_off": days_off, "extra_days": ["2024-01-20"]}
    scenario = write(tmp_path, school_terms={**sources[source], **added})
    assert Scenario.from_resolved(scenario.resolved()) == scenario
    calendar = make_setting(scenario).calendar
    school = [day + 4 for day in range(28) if calendar.school_days(day, 1)[0]]
    king = [15] if source != "built_in" else []
    assert school == [8, 9, 10, 11, 12, *king, 16, 17, 19, 20, 29, 30, 31]


def test_the_files_of_a_timetable_count_in_the_digest(tmp_path: Path) -> None:
    scenario = write(tmp_path, school_terms={"gtfs": timetable(tmp_path)})
    assert scenario.files() == ["gtfs/calendar.txt"]
    first = scenario_hash(scenario.resolved())
    dates = tmp_path / "gtfs" / "calendar_dates.txt"
    dates.write_text("service_id,date,exception_type\nschool,20240109,2\n")
    assert scenario.files() == ["gtfs/calendar.txt", "gtfs/calendar_dates.txt"]
    second = scenario_hash(scenario.resolved())
    dates.write_text("service_id,date,exception_type\nschool,20240110,2\n")
    assert len({first, second, scenario_hash(scenario.resolved())}) == 3


def test_a_run_is_audited_also_when_its_timetable_is_gone(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(PLANS_OFF)
    scenario = write(
        tmp_path,
        school_terms={"gtfs": timetable(tmp_path)},
        vehicles={"count": 6, "day_plans": "plans.csv"},
    )
    start_run(scenario, tmp_path / "run")
    checks = audit_run(tmp_path / "run").checks
    assert checks
    assert not [check for check in checks if check.passed is False]
    (tmp_path / "gtfs" / "calendar.txt").unlink()
    gone = {check.name: check.passed for check in audit_run(tmp_path / "run").checks}
    assert False not in gone.values()
    # Which trips the scenario states cannot be said any more.
    here = {check.name: check.passed for check in checks}
    assert (here["trips: those of the scenario"], gone["trips: those of the scenario"]) == (
        True, None,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "travel",
    [
        {"kind": "plans"},
        {"kind": "drawn", "fit": {"day_plans": True}},
        {"kind": "diaries", "file": "diaries.csv", "deal": "once"},
    ],
    ids=lambda travel: travel["kind"],
)
def test_school_terms_change_nothing_where_nothing_shows_of_school_holidays(
    tmp_path: Path, travel: dict[str, Any]
) -> None:
    (tmp_path / "diaries.csv").write_text(
        "person,day,departs_h,duration_h,origin,destination,km\n"
        "a,weekday,7,1,homes,offices,30\na,weekday,15,1,offices,homes,30\n"
        "b,2023-03-01,9,1,homes,malls,10\nb,2023-03-01,12,1,malls,homes,9\n"
    )
    # The diary of 2023 lies before all terms, and is one of a weekday.
    terms = {"terms": [["2024-01-08", "2024-06-07"]]}
    plain, school = (
        trips(write(tmp_path, travel=travel, **more), tmp_path / name)
        for name, more in (("plain", {}), ("school", {"school_terms": terms}))
    )
    assert len(plain) > 20
    pd.testing.assert_frame_equal(plain, school)
    for table in ("hours", "ledger", "vehicles"):
        one, other = (tmp_path / name / f"{table}.parquet" for name in ("plain", "school"))
        assert one.read_bytes() == other.read_bytes()


def test_day_plans_may_show_school_holidays(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(PLANS_OFF)
    vehicles = {"count": 6, "day_plans": "plans.csv"}
    driven = trips(write(tmp_path, school_terms=MICHIGAN, vehicles=vehicles), tmp_path / "run")
    assert by_day(driven) == {
        "01-04": OUT, "01-05": OUT, "01-08": TO_WORK, "01-09": TO_WORK,
    }  # fmt: skip
    without = trips(write(tmp_path, vehicles=vehicles), tmp_path / "without")
    assert by_day(without) == dict.fromkeys(("01-04", "01-05", "01-08", "01-09"), TO_WORK)


def test_day_plans_of_school_holidays_fit_between_other_days(tmp_path: Path) -> None:
    away = "a,10,1,9,homes,malls,school_holiday\n"
    (tmp_path / "plans.csv").write_text(PLANS + away)
    vehicles = {"count": 6, "day_plans": "plans.csv"}
    write(tmp_path, vehicles=vehicles)
    make_setting(write(tmp_path, vehicles=vehicles))  # such days never come
    with pytest.raises(InputError) as error:
        make_setting(write(tmp_path, vehicles=vehicles, school_terms=MICHIGAN))
    reported = [problem.message for problem in error.value.problems]
    for following, origin in (("weekday", "homes"), ("school_holiday", "homes")):
        message = f"ends its school_holiday at malls, but begins the {following} after it at"
        assert any(f"{message} {origin}" in text for text in reported)
    # A plan that stays at the mall over its school holidays cannot go to work from home.
    stays = away.replace("homes,malls", "malls,malls")
    (tmp_path / "plans.csv").write_text(PLANS + stays)
    with pytest.raises(InputError) as error:
        make_setting(write(tmp_path, vehicles=vehicles, school_terms=MICHIGAN))
    reported = [problem.message for problem in error.value.problems]
    assert any(
        "ends its weekday at homes, but begins the school_holiday" in text for text in reported
    )


def test_drawn_trips_may_show_school_holidays(tmp_path: Path) -> None:
    def travel(**days: Any) -> dict[str, Any]:
        return {"kind": "drawn", "home": {"homes": 1}, "speed_km_h": 30, "days": days}

    def day(community: str, hour: float) -> dict[str, Any]:
        purposes = {"any": {"to": {community: 1}, "stay_h": 3}}
        return {"departs_h": hour, "trip_km": 9, "stops": [1], "purposes": purposes}

    work, out = day("offices", 8), day("malls", 10)
    scenario = write(
        tmp_path,
        school_terms=MICHIGAN,
        travel=travel(weekday=work, school_holiday=out, every={**out, "travels": 0}),
    )
    found = by_day(trips(scenario, tmp_path / "run"))
    assert {day: first[0] for day, (first, *_) in found.items()} == {
        "01-04": "malls", "01-05": "malls", "01-08": "offices", "01-09": "offices",
    }  # fmt: skip
    fallback = write(
        tmp_path, school_terms=MICHIGAN, travel=travel(weekday=work, every={**out, "travels": 0})
    )
    found = by_day(trips(fallback, tmp_path / "fallback"))
    assert {first[0] for first, *_ in found.values()} == {"offices"}
    assert list(found) == ["01-04", "01-05", "01-08", "01-09"]


def test_departures_of_school_holidays_are_fitted_to_weekdays(tmp_path: Path) -> None:
    # On Wednesday, Saturday and Sunday at another hour each.
    (tmp_path / "departures.csv").write_text(
        "plug_out_local\n2024-01-10 07:00\n2024-01-13 10:00\n2024-01-14 12:00\n"
    )
    travel = {
        "kind": "drawn",
        "fit": {"day_plans": True, "departures": "departures.csv"},
    }
    source = (
        make_setting(write(tmp_path, travel=travel, school_terms=MICHIGAN))
        .schemes["vehicles"]
        .trips
    )
    days: dict[str, TravelDay] = source.days  # type: ignore[union-attr]
    hours = {kind: int(day.departs_h.values(0.5)) for kind, day in days.items()}  # type: ignore[arg-type]
    assert hours == {
        "weekday": 7, "saturday": 10, "sunday": 12, "holiday": 12, "school_holiday": 7,
    }  # fmt: skip


DIARIES = (
    "person,day,departs_h,duration_h,origin,destination,km\n"
    "ann,2024-01-10,8,1,homes,offices,30\nann,2024-01-10,17,1,offices,homes,30\n"
    "ann,2024-01-03,10,1,homes,malls,9\nann,2024-01-03,13,1,malls,homes,9\n"
)


@pytest.mark.parametrize("deal", ["daily", "once"])
def test_diaries_of_school_holidays_are_dealt_on_them(tmp_path: Path, deal: str) -> None:
    (tmp_path / "diaries.csv").write_text(DIARIES)
    travel = {"kind": "diaries", "file": "diaries.csv", "deal": deal}
    driven = trips(write(tmp_path, school_terms=MICHIGAN, travel=travel), tmp_path / "run")
    assert by_day(driven) == {
        "01-04": OUT, "01-05": OUT, "01-08": TO_WORK, "01-09": TO_WORK,
    }  # fmt: skip


def test_who_shows_no_school_holidays_drives_as_on_a_weekday(tmp_path: Path) -> None:
    bob = "bob,weekday,9,1,homes,malls,5\nbob,weekday,11,1,malls,homes,5\n"
    (tmp_path / "diaries.csv").write_text(DIARIES + bob)
    travel = {"kind": "diaries", "file": "diaries.csv", "deal": "once"}
    scenario = write(tmp_path, school_terms=MICHIGAN, travel=travel, vehicles={"count": 40})
    driven = trips(scenario, tmp_path / "run")
    departs = driven["departs"].dt.tz_convert("America/Detroit")
    first_hour = departs.dt.hour.groupby([driven["vehicle"], departs.dt.strftime("%m-%d")]).min()
    by_vehicle = first_hour.unstack().to_numpy().tolist()
    assert len(by_vehicle) == 40
    assert {tuple(hours) for hours in by_vehicle} == {(10, 10, 8, 8), (9, 9, 9, 9)}


def check(scenario: Path, *changes: str) -> list[str]:
    words = ["check", str(scenario), *(word for change in changes for word in ("--set", change))]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    *warnings, fine = result.output.splitlines()
    assert "is fine" in fine
    return warnings


def test_check_warns_of_what_is_unusual(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "scenario.yaml"
    assert check(path) == check(path, "school_terms.built_in=michigan") == []
    terms = "school_terms={terms: [[2024-01-05, 2024-01-08]], days_off: %s}"
    assert check(
        path, terms % "[2024-01-06, [2024-01-05, 2024-01-07], [2023-01-09, 2023-01-10]]"
    ) == [
        "warning: school_terms: the run goes from 2024-01-04 to 2024-01-09, the terms from "
        "2024-01-05 to 2024-01-08: 2 days from Monday to Friday outside them have no school",
        "warning: school_terms.days_off.0: 2024-01-06 has no school anyway",
        "warning: school_terms.days_off.2: 2023-01-09 to 2023-01-10 has no school anyway",
    ]
    # A run of which only a weekend lies outside.
    assert check(path, terms % "[]", "start=2024-01-05", "hours=48") == []
    gtfs = tmp_path / timetable(tmp_path) / "calendar.txt"
    gtfs.write_text(gtfs.read_text().replace("1,1,1,1,1,0,0,20240108", "1,1,1,1,1,1,1,20240101"))
    assert check(path, "school_terms.gtfs=gtfs") == [
        "warning: school_terms.gtfs: 44 Saturdays and Sundays on which services run by their days "
        "of the week have no school (allowed: dates in calendar_dates.txt, or extra_days)"
    ]


def test_check_warns_of_school_holidays_that_never_come(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(PLANS_OFF)
    never = (
        "there are no school holidays, since no school terms are stated "
        "(allowed: school_terms as well)"
    )
    write(tmp_path, vehicles={"count": 6, "day_plans": "plans.csv"})
    path = tmp_path / "scenario.yaml"
    assert check(path) == [f"warning: vehicles.day_plans: {never}"]
    assert check(path, "school_terms.built_in=michigan") == []
    days = {"weekday": {"travels": 0.5}, "school_holiday": {"travels": 0}}
    write(tmp_path, travel={"kind": "drawn", "fit": {"day_plans": True}, "days": days})
    assert check(path) == [f"warning: travel.days.school_holiday: {never}"]
    assert check(path, "school_terms.built_in=michigan") == []


def test_without_terms_there_is_no_school(tmp_path: Path) -> None:
    calendar = calendar_of(write(tmp_path))
    assert calendar.school_terms is None
    assert not calendar.school_days(0, 400).any()
    assert not calendar.school_steps(0, 144).any()
