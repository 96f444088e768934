"""Day plans are read whole or not at all, and every problem is reported with its row and value."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.calendar import DayKind
from hmesh.environment.day_plans import DayPlans, read_day_plans
from hmesh.environment.errors import InputError

COMMUNITIES = ("homes", "malls", "offices")
HEADER = "plan,departs_h,duration_h,km,origin,via,destination\n"
THERE = "a,8,1,30,homes,,offices\n"
BACK = "a,17,1,30,offices,,homes\n"


def read(tmp_path: Path, text: str | bytes) -> DayPlans:
    path = tmp_path / "plans.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_day_plans(path, COMMUNITIES)


def problems_of(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    return str(error.value).replace(f"{tmp_path}/", "").splitlines()


def test_the_shipped_plans_are_the_published_patterns(shared: Path) -> None:
    plans = read_day_plans(None, COMMUNITIES)
    with (shared / "specs" / "trip_patterns.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert plans.names == tuple(f"pattern {number}" for number in range(1, 11))
    assert plans.trip_plan.tolist() == [int(row["pattern"]) - 1 for row in rows]
    assert plans.departs_h.tolist() == [float(row["hour"]) for row in rows]
    assert plans.arrives_h.tolist() == [float(row["hour"]) + 1 for row in rows]
    assert plans.km.tolist() == [float(row["km"]) for row in rows]
    for column in ("origin", "via", "destination"):
        expected = [int(row[column] or 0) - 1 for row in rows]
        assert getattr(plans, column).tolist() == expected


def test_the_shipped_plans_begin_and_end_at_home() -> None:
    plans = read_day_plans(None, ("offices", "homes", "malls"))
    assert plans.start.tolist() == [1] * 10
    assert plans.last_arrival_h.tolist() == [17, 18, 19, 19, 19, 21, 20, 20, 21, 21]
    assert plans.km.sum() == 845
    assert plans.trip_plan.dtype == plans.via.dtype == plans.start.dtype == np.int64


def test_the_shipped_plans_need_their_communities() -> None:
    with pytest.raises(InputError) as error:
        read_day_plans(None, ("home", "mall", "office"))
    first = error.value.problems[0]
    assert first.place == "shipped day plans, line 2, column origin"
    assert first.message == "'homes' is no community"
    assert first.suggestion == "home"


def test_optional_columns_may_be_left_out_or_empty(tmp_path: Path) -> None:
    text = "destination,km,plan,departs_h,origin,note\nmalls,5,x,9.5,homes,\nhomes,5,x,12,malls,!\n"
    plans = read(tmp_path, text)
    assert plans.names == ("x",)
    assert plans.departs_h.tolist() == [9.5, 12]
    assert plans.arrives_h.tolist() == [10.5, 13]
    assert plans.via.tolist() == [-1, -1]
    assert read(tmp_path, HEADER + "a,8,,3,homes,,malls\na,9,,3,malls,,homes\n").names == ("a",)


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    other = "b,22.5,2,8,malls,homes,malls\n"
    plans = read(tmp_path, "\ufeff" + HEADER + other + "\n" + BACK + THERE)
    assert plans.names == ("b", "a")
    assert plans.trip_plan.tolist() == [0, 1, 1]
    assert plans.departs_h.tolist() == [22.5, 8, 17]
    assert plans.via.tolist() == [0, -1, -1]
    assert plans.start.tolist() == [1, 0]
    assert plans.last_arrival_h.tolist() == [24.5, 18]


@given(st.permutations(range(5)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    import tempfile

    rows = [
        "a,8,1,20,homes,,offices\n",
        "a,12,1,5,offices,,malls\n",
        "a,13,1,5,malls,,offices\n",
        "a,18,1,5,offices,,malls\n",
        "a,20,1,20,malls,,homes\n",
    ]
    with tempfile.TemporaryDirectory() as folder:
        plans = read(Path(folder), HEADER + "".join(rows[row] for row in order))
    assert plans.departs_h.tolist() == [8, 12, 13, 18, 20]
    assert plans.destination.tolist() == [2, 1, 2, 1, 0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,8,1,x,homes,,offices", "column km: 'x' is no number (allowed: kilometres above 0)"),
        ("a,8,1,0,homes,,offices", "column km: 0 cannot be (allowed: kilometres above 0)"),
        ("a,8,1,-3,homes,,offices", "column km: -3 cannot be (allowed: kilometres above 0)"),
        ("a,8,1,nan,homes,,offices", "column km: nan cannot be (allowed: kilometres above 0)"),
        ("a,8,1,inf,homes,,offices", "column km: inf cannot be (allowed: kilometres above 0)"),
        ("a,8,1,,homes,,offices", "column km: is empty (allowed: kilometres above 0)"),
        ("a,8,0,30,homes,,offices", "column duration_h: 0 cannot be (allowed: hours above 0)"),
        (
            "a,24,1,30,homes,,offices",
            "column departs_h: 24 cannot be (allowed: an hour from 0 to below 24)",
        ),
        (
            "a,-1,1,30,homes,,offices",
            "column departs_h: -1 cannot be (allowed: an hour from 0 to below 24)",
        ),
        (
            "a,8,1,30,homes,mals,offices",
            "column via: 'mals' is no community (allowed: one of homes, malls, offices; "
            "did you mean 'malls'?)",
        ),
        (
            "a,8,1,30,,,offices",
            "column origin: is empty (allowed: one of homes, malls, offices)",
        ),
        ("a,8,1,30,homes,offices", ": there are 6 cells (allowed: 7 cells, one for each column)"),
    ],
)
def test_a_cell_that_cannot_be_used_is_reported(tmp_path: Path, row: str, expected: str) -> None:
    separator = "" if expected.startswith(":") else ", "
    assert problems_of(tmp_path, HEADER + "\n" + row + "\n" + BACK) == [
        f"plans.csv, line 3{separator}{expected}"
    ]


def test_every_trip_needs_a_plan(tmp_path: Path) -> None:
    assert problems_of(tmp_path, HEADER + THERE + BACK + ",8,1,30,homes,,offices\n") == [
        "plans.csv, line 4, column plan: the name of the plan is missing (allowed: a name)"
    ]


def test_a_plan_must_be_drivable_every_day(tmp_path: Path) -> None:
    overlap = HEADER + "a,8,2,30,homes,,offices\na,9,1,30,offices,,homes\n"
    assert problems_of(tmp_path, overlap) == [
        "plans.csv, line 3, column departs_h: plan 'a' departs at 9 h, while on the trip of "
        "line 2 until 10 h (allowed: trips one after another)"
    ]
    elsewhere = HEADER + THERE + "a,17,1,30,malls,,homes\n"
    assert problems_of(tmp_path, elsewhere) == [
        "plans.csv, line 3, column origin: plan 'a' departs from malls, but the vehicle is at "
        "offices since line 2 (allowed: offices)"
    ]
    away = HEADER + THERE + "b,8,1,3,homes,,homes\n"
    assert problems_of(tmp_path, away) == [
        "plans.csv, line 2, column destination: plan 'a' ends its day at offices, but begins it "
        "at homes (line 2); days repeat (allowed: homes)"
    ]
    late = HEADER + THERE + "a,23,9.5,30,offices,,homes\n"
    assert problems_of(tmp_path, late) == [
        "plans.csv, line 3: plan 'a' arrives at 32.5 h, when the next day's first trip (line 2) "
        "has departed at 32 h (allowed: an arrival by 32 h)"
    ]


def test_trips_may_follow_each_other_at_once(tmp_path: Path) -> None:
    rows = "a,16.1,0.2,3,homes,,malls\na,16.3,0.2,3,malls,,homes\nb,0,24,3,homes,,homes\n"
    assert read(tmp_path, HEADER + rows).names == ("a", "b")


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = HEADER + "a,25,1,0,home,,offices\nb,8,1,30,homes,,offices\nb,8.5,1,30,malls,,offices\n"
    lines = [line.split(":")[0] for line in problems_of(tmp_path, text)]
    assert lines == [
        "plans.csv, line 2, column departs_h",
        "plans.csv, line 2, column km",
        "plans.csv, line 2, column origin",
        "plans.csv, line 4, column departs_h",
        "plans.csv, line 4, column origin",
        "plans.csv, line 4, column destination",
    ]


def test_very_many_problems_are_counted(tmp_path: Path) -> None:
    lines = problems_of(tmp_path, HEADER + "a,8,1,0,homes,,homes\n" * 200)
    assert len(lines) == 51
    assert lines[-1] == "and 150 more of this kind"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "plan,depart_h,km,origin,destination\n",
            "plans.csv, line 1: column 'departs_h' is missing; there are plan, depart_h, km, "
            "origin, destination (allowed: columns plan, departs_h, km, origin, destination; "
            "did you mean 'depart_h'?)",
        ),
        (
            "plan,departs_h,duration,km,origin,destination\n",
            "plans.csv, line 1: column 'duration' is unknown (allowed: plan, departs_h, km, "
            "origin, destination, duration_h, via, day; did you mean 'duration_h'?)",
        ),
        (
            "plan,departs_h,km,km,origin,destination\n",
            "plans.csv, line 1: column 'km' stands there twice (allowed: once)",
        ),
        (
            HEADER.replace(",", ";"),
            "plans.csv, line 1: the columns are separated by ';' (allowed: columns separated "
            "by ',')",
        ),
        (HEADER, "plans.csv: holds no trips (allowed: one row for each trip)"),
        (
            HEADER.encode() + "a,8,1,3,büros,,homes".encode("latin-1"),
            "plans.csv, line 2: byte 0xfc is no text (allowed: UTF-8)",
        ),
    ],
)
def test_a_table_of_another_form_is_reported(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    assert problems_of(tmp_path, text) == [expected]


def test_an_empty_file_misses_every_column(tmp_path: Path) -> None:
    assert len(problems_of(tmp_path, "")) == 5


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(HEADER + THERE + BACK)
    with pytest.raises(InputError, match="does not exist") as error:
        read_day_plans(tmp_path / "plan.csv", COMMUNITIES)
    assert error.value.problems[0].suggestion == str(tmp_path / "plans.csv")


DAYS = "plan,departs_h,duration_h,km,origin,destination,day\n"
WEEKEND = "a,10,1,40,homes,malls,saturday\na,18,1,40,malls,homes,sunday\n"


def test_days_of_other_kinds_follow_each_other(tmp_path: Path) -> None:
    weekday = "a,8,1,30,homes,offices,weekday\na,17,1,30,offices,homes,weekday\n"
    plans = read(tmp_path, DAYS + weekday + WEEKEND)
    assert [plans.trips_of(0, kind) for kind in ("weekday", "saturday", "sunday", "holiday")] == [
        [0, 2], [1], [3], [3],
    ]  # fmt: skip
    # With holidays a Sunday's trips may come after a Friday.
    with pytest.raises(InputError) as error:
        read_day_plans(tmp_path / "plans.csv", COMMUNITIES, holidays=True)
    reported = [problem.message for problem in error.value.problems]
    assert (
        "plan 'a' ends its weekday at homes, but begins the holiday after it at malls"
        in reported[0]
    )
    home = "a,9,1,5,homes,homes,holiday\n"
    (tmp_path / "plans.csv").write_text(DAYS + weekday + home)
    read_day_plans(tmp_path / "plans.csv", COMMUNITIES, holidays=True)


def test_nights_between_kinds_of_day_are_reported_all_at_once(tmp_path: Path) -> None:
    away = "a,8,1,30,homes,offices,weekday\n"
    late = "b,5,1,3,homes,homes,sunday\nb,20,10,9,homes,homes,saturday\n"
    wrong = "c,5,1,3,homes,homes,wekday\n"
    assert problems_of(tmp_path, DAYS + wrong) == [
        "plans.csv, line 2, column day: 'wekday' is no kind of day (allowed: weekday, saturday, "
        "sunday, holiday, school_holiday, or nothing for every day; did you mean 'weekday'?)"
    ]
    assert problems_of(tmp_path, DAYS + away + late) == [
        "plans.csv, line 2, column destination: plan 'a' ends its weekday at offices, but begins "
        "the weekday after it at homes (line 2) (allowed: homes)",
        "plans.csv, line 4: plan 'b' arrives at 30 h, when the following sunday's first trip "
        "(line 3) has departed at 29 h (allowed: an arrival by 29 h)",
    ]


def test_school_holidays_matter_only_to_plans_that_show_of_them(tmp_path: Path) -> None:
    kinds: tuple[DayKind, ...] = ("weekday", "saturday", "school_holiday")
    wrong = "a,8,1,30,homes,offices,weekday\na,10,1,9,malls,homes,saturday\n"
    reported = problems_of(tmp_path, DAYS + wrong)
    assert len(reported) == 2
    with pytest.raises(InputError) as error:
        read_day_plans(tmp_path / "plans.csv", COMMUNITIES, school_holidays=True)
    assert str(error.value).replace(f"{tmp_path}/", "").splitlines() == reported
    home = "b,8,1,30,homes,offices,weekday\nb,17,1,30,offices,homes,weekday\n"
    plans = read(tmp_path, DAYS + home)
    assert [plans.trips_of(0, kind) for kind in kinds] == [[0, 1], [], [0, 1]]
    errand = "b,9,1,5,homes,homes,school_holiday\n"
    (tmp_path / "plans.csv").write_text(DAYS + home + errand)
    plans = read_day_plans(tmp_path / "plans.csv", COMMUNITIES, holidays=True, school_holidays=True)
    assert [plans.trips_of(0, kind) for kind in kinds] == [[0, 2], [], [1]]
