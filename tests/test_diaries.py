"""Diaries are read whole or not at all, and dealt as their weights say."""

from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.diaries import Diaries, read_diaries
from hmesh.environment.diary_trips import DiaryTrips
from hmesh.environment.errors import InputError
from hmesh.environment.moments import MS_PER_H
from hmesh.environment.streams import Streams

COMMUNITIES = ("homes", "malls", "offices")
HALF_HOUR_MS = MS_PER_H // 2
CALENDAR = Calendar("2024-03-29", "Europe/Berlin", 0.5)
HEADER = "person,day,departs_h,arrives_h,origin,destination,km,weight\n"
GOOD = (
    "ann,weekday,7:30,8:15,homes,offices,20,1\n"
    "ann,weekday,23:30,24:45,offices,homes,25,1\n"
    "ann,saturday,10,10.5,homes,malls,9,1\nann,saturday,12,12.5,malls,homes,9,1\n"
    "bob,weekday,9,9.25,homes,malls,5,3\nbob,weekday,11,11.25,malls,homes,5,3\n"
    "eve,,6,7,malls,homes,40,2\neve,,18,19,homes,malls,40,2\n"
    "bob,2024-03-31,,,homes,,,3\n"
)


def read(tmp_path: Path, text: str) -> Diaries:
    path = tmp_path / "diaries.csv"
    path.write_text(text)
    return read_diaries(path, COMMUNITIES, CALENDAR)


def test_a_file_of_diaries_is_read(tmp_path: Path) -> None:
    diaries = read(tmp_path, HEADER + GOOD)
    assert diaries.trips.tolist() == [2, 2, 2, 0, 2]
    assert diaries.weight.tolist() == [1, 1, 3, 3, 2]
    assert diaries.home.tolist() == [0, 0, 0, 0, 1]
    assert diaries.departs_h[:2].tolist() == [7.5, 23.5]
    assert diaries.arrives_h[:2].tolist() == [8.25, 24.75]
    assert diaries.begins_h.tolist() == [6.0] * 5
    assert diaries.days.tolist() == [1] * 5
    # The date is a Sunday; of holidays there are none, so Sunday's hold.
    assert diaries.of("sunday").tolist() == [False, False, False, True, True]
    assert diaries.of("holiday").tolist() == diaries.of("sunday").tolist()


ARRIVAL = "an arrival after the departure"
PLACES = "one of homes, malls, offices"
DEPARTURES = (
    "an arrival by then; departures after midnight as hours above 24; with deal: once, by the "
    "person's own earliest departure"
)


@pytest.mark.parametrize(
    ("rows", "reported", "allowed"),
    [
        (
            "a,,8,9,homes,ofices,3,1\n",
            "line 2, column destination: 'ofices' is no community; did you mean 'offices'?", PLACES,
        ),
        ("a,,8,9,homes,,3,1\n", "line 2, column destination: is empty", PLACES),
        ("a,,,,,,,1\n", "line 2, column origin: is empty", PLACES),
        ("a,,9,8,homes,homes,3,1\n", "line 2, column arrives_h: 8 cannot be", ARRIVAL),
        ("a,,9,,homes,homes,3,1\n", "line 2, column arrives_h: is empty or no number", ARRIVAL),
        ("a,,8,9,homes,homes,0,1\n", "line 2, column km: 0 cannot be", "kilometres above 0"),
        (
            "a,,8,9,homes,homes,3,-1\n", "line 2, column weight: -1 cannot be",
            "a number of at least 0",
        ),
        (
            "a,monday,8,9,homes,homes,3,1\n", "line 2, column day: 'monday' is no day",
            "weekday, saturday, sunday, holiday, school_holiday, a date, or nothing for every day",
        ),
        (",,8,9,homes,homes,3,1\n", "line 2, column person: is empty", "a name or number"),
        (
            "a,,noon,9,homes,homes,3,1\n", "line 2, column departs_h: is empty or no number",
            "an hour of at least 0",
        ),
        (
            "a,,8,9,homes,malls,3,1\na,,8.5,9.5,malls,homes,3,1\n",
            "line 3, column departs_h: departs at 8.5 h, on the way until 9 h",
            "trips one after another",
        ),
        (
            "a,,8,9,homes,malls,3,1\na,,10,11,offices,homes,3,1\n",
            "line 3, column origin: departs from offices, but is at malls",
            "where the trip before ended",
        ),
        (
            "a,,8,9,homes,malls,3,1\n",
            "line 2, column destination: the day ends at malls, but began at homes",
            "where the day began; between dates, a later one that begins there and comes back",
        ),
        (
            "a,,1,2,homes,homes,3,1\nb,,24,26,homes,homes,3,1\n",
            "line 3, column departs_h: arrives at 26 h, when other days begin at 1 h", DEPARTURES,
        ),
    ],
)  # fmt: skip
def test_every_problem_is_reported_once_with_its_row(
    tmp_path: Path, rows: str, reported: str, allowed: str
) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, HEADER + rows)
    assert str(error.value) == f"{tmp_path / 'diaries.csv'}, {reported} (allowed: {allowed})"


def trips(source: DiaryTrips, day: int) -> list[tuple[int, ...]]:
    """Return vehicle, times in half hours, origin and destination of every trip of a day."""
    table = source.day(day)
    return sorted(
        (vehicle, departs, arrives, origin, destination)
        for batch in table.all()
        for vehicle, departs, arrives, origin, destination in zip(
            batch.vehicles.tolist(),
            (np.asarray(batch.departs_ms) / HALF_HOUR_MS).tolist(),
            (np.asarray(batch.arrives_ms) / HALF_HOUR_MS).tolist(),
            batch.origin.tolist(),
            batch.destination.tolist(),
            strict=True,
        )
    )


def test_diaries_are_dealt_by_weight_to_those_at_home_there(tmp_path: Path) -> None:
    source = DiaryTrips(read(tmp_path, HEADER + GOOD), 8000, CALENDAR, Streams(5))
    home = source.parked_at(0)
    assert np.mean(home == 1) == pytest.approx(2 / 10, abs=0.015)
    # A Friday: at homes Ann against Bob by one to three.
    friday = trips(source, 0)
    first = {trip[0]: trip for trip in reversed(friday)}
    assert set(first) == set(range(8000))
    ann = [vehicle for vehicle, trip in first.items() if trip[1] == 15]
    assert len(ann) / (home == 0).sum() == pytest.approx(0.25, abs=0.015)
    assert all(trip[3] == home[vehicle] for vehicle, trip in first.items())
    assert sorted({trip[1:] for trip in friday}) == [
        (12, 14, 1, 0), (15, 16.5, 0, 2), (18, 18.5, 0, 1), (22, 22.5, 1, 0), (36, 38, 0, 1),
        (47, 49.5, 2, 0),
    ]  # fmt: skip
    # On the Sunday nobody from homes drives, and nobody's trips change with a vehicle more.
    assert {trip[3] for trip in trips(source, 2) if trip[1] < 48 * 2 + 24} == {1}
    more = DiaryTrips(read(tmp_path, HEADER + GOOD), 8001, CALENDAR, Streams(5))
    for day in range(4):
        assert [trip for trip in trips(more, day) if trip[0] < 8000] == trips(source, day)


def test_a_person_dealt_once_is_kept(tmp_path: Path) -> None:
    source = DiaryTrips(read(tmp_path, HEADER + GOOD), 3000, CALENDAR, Streams(5), once=True)
    friday = {trip[0] for trip in trips(source, 0) if trip[1] == 15}
    saturday = {trip[0] for trip in trips(source, 1) if trip[3] == 0 and trip[4] == 1}
    ann = {trip[0] for trip in trips(source, 1) if trip[1] == 48 + 20}
    assert friday == ann
    assert ann <= saturday


AWAY = HEADER + (
    "ann,2024-04-05,16,19,homes,offices,250,1\nann,2024-04-06,11,12,offices,malls,9,1\n"
    "ann,2024-04-07,17,20,malls,homes,250,1\nann,weekday,8,8.5,homes,offices,20,1\n"
    "ann,weekday,17,17.5,offices,homes,20,1\nann,sunday,9,10,homes,malls,5,1\n"
    "ann,sunday,11,12,malls,homes,5,1\n"
)


def test_dates_over_whose_nights_somebody_is_away_are_one_diary(tmp_path: Path) -> None:
    diaries = read(tmp_path, AWAY)
    assert diaries.trips.tolist() == [3, 2, 2]
    assert diaries.days.tolist() == [3, 1, 1]
    assert diaries.departs_h[:3].tolist() == [16, 24 + 11, 48 + 17]
    later = ("saturday", "sunday")
    assert diaries.of("weekday", later).tolist() == [True, True, False]
    assert diaries.of("weekday", ("weekday", "weekday")).tolist() == [False, True, False]


@pytest.mark.parametrize("once", [True, False])
def test_days_away_are_dealt_on_such_days_and_nothing_within_them(
    tmp_path: Path, once: bool
) -> None:
    source = DiaryTrips(read(tmp_path, AWAY), 400, CALENDAR, Streams(5), once=once)
    for friday, share in ((0, 0.5), (7, 1.0 if once else 0.5), (14, 0.5)):
        away = {trip[0] for trip in trips(source, friday) if trip[2] - trip[1] == 6}
        assert len(away) / 400 == pytest.approx(share, abs=0.08)
        # Who is away has no other trips until Sunday; the others travel on Sunday.
        assert {trip[0] for trip in trips(source, friday + 2)} == set(range(400)) - away
        assert not trips(source, friday + 1)
    for day in (3, 4, 5, 6):
        assert all(trip[2] - trip[1] == 1 for trip in trips(source, day))
    # Made again in any order, as after an interruption, the days are the same.
    again = DiaryTrips(read(tmp_path, AWAY), 400, CALENDAR, Streams(5), once=once)
    for day in (14, 8, 9, 14, 7):
        assert trips(again, day) == trips(source, day), day


def test_persons_alone_need_not_be_home_before_others_depart(tmp_path: Path) -> None:
    rows = HEADER + (
        "early,,5,6,homes,malls,3,1\nearly,,7,8,malls,homes,3,1\n"
        "late,,20,21,homes,malls,3,1\nlate,,30,31,malls,homes,3,1\n"
    )
    path = tmp_path / "d.csv"
    path.write_text(rows)
    diaries = read_diaries(path, COMMUNITIES, CALENDAR, each_person=True)
    assert diaries.begins_h.tolist() == [5.0, 20.0]
    source = DiaryTrips(diaries, 50, CALENDAR, Streams(1), once=True)
    assert source.day(1).counts == {}
    with pytest.raises(InputError, match=r"arrives at 31 h, when other days begin at 5 h"):
        read_diaries(path, COMMUNITIES, CALENDAR)
    path.write_text(rows.replace("30,31", "43,45"))
    with pytest.raises(InputError, match=r"arrives at 45 h, when the same person's days begin at"):
        read_diaries(path, COMMUNITIES, CALENDAR, each_person=True)
