"""What datasets refuse of their description, tables and times, each message in all its parts."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hmesh.environment.block_rounds import read_block_rounds
from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets import Dataset
from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.datasets.readers.citylearn_times import FirstRow, find_start, given_start
from hmesh.environment.datasets.resampling import resampled
from hmesh.environment.errors import InputError
from tests.stated_problems import said
from tests.test_datasets import describe, times, write

DATE = "such as 2024-01-01T00:00"


def loaded(folder: Path) -> Dataset:
    from hmesh.runs.world.dataset_files import load_dataset

    return load_dataset(folder)


@pytest.mark.parametrize(
    ("change", "key", "message", "allowed", "near"),
    [
        ({"time_zone": "Europe/Berln"}, "time_zone", "no time zone is called 'Europe/Berln'",
         "text; IANA name of the time zone",
         "Europe/Berlin"),
        ({"start": "soon"}, "start", "'soon' is no time", DATE, ""),
        ({"start": "2024-01-01T00:00+01:00"}, "start",
         "'2024-01-01T00:00+01:00' carries an offset", "clock states it", ""),
        ({"resolution": 7}, "resolution", "7 min is no whole part of a day",
         "such as 15, 30 or 60 [min]", ""),
        ({"end": "2023-01-01T00:00"}, "end",
         "'2023-01-01T00:00' is not after the start '2024-01-01T00:00'",
         "text; when the last interval ends, by the clock", ""),
    ],
)  # fmt: skip
def test_a_description_is_refused_key_by_key(
    change: dict[str, Any], key: str, message: str, allowed: str, near: str, tmp_path: Path
) -> None:
    describe(tmp_path, **change)
    with pytest.raises(InputError) as raised:
        loaded(tmp_path)
    (found,) = said(raised.value)
    assert found[0].endswith(key)
    assert found[1:] == (message, allowed, near)


HOURS = times(24)


def day(folder: Path, *rows: str, header: str = "time,member,load_kwh", **changes: Any) -> Path:
    write(folder, "profiles.csv", header, list(rows))
    describe(folder, **changes)
    return folder / "profiles.csv"


GOOD = [f"{time},a,1" for time in HOURS]


@pytest.mark.parametrize(
    ("rows", "changes", "place", "message", "allowed"),
    [
        (GOOD, {"end": "2024-01-02T00:30"}, "profiles",
         "start to end is no whole number of intervals of 60 min", "whole intervals"),
        ([f"{time},a,1" for time in times(48, 30)], {}, "profiles.csv, column time",
         "rows are 30 min apart, not 60 min",
         "the resolution that dataset.yaml states for this table"),
        ([f"{time},a," for time in HOURS], {}, "profiles",
         "load_kwh has no value from start to end", "at least one value"),
        ([*GOOD[:5], *GOOD], {}, "profiles.csv", "", "one row for each interval"),
    ],
)  # fmt: skip
def test_a_series_is_refused_part_by_part(
    rows: list[str], changes: dict[str, Any], place: str, message: str, allowed: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    day(tmp_path, *rows, **changes)
    with pytest.raises(InputError) as raised:
        loaded(tmp_path)
    found = said(raised.value)[0]
    assert place in found[0]
    assert found[2:] == (allowed, "")
    if message:
        assert found[1] == message


def test_a_run_beyond_a_series_is_refused(tmp_path: Path) -> None:
    day(tmp_path, *GOOD)
    dataset = loaded(tmp_path)
    for start, steps, message, allowed in (
        ("2024-01-01T00:00", 2,
         "does not cover the run, 2024-01-01 00:00+01:00 to 2024-01-01 02:00+01:00",
         "a run within 2024-01-01 01:00+01:00 to 2024-01-02 01:00+01:00"),
        ("2024-01-02T00:00", 2,
         "does not cover the run, 2024-01-02 00:00+01:00 to 2024-01-02 02:00+01:00",
         "a run within 2024-01-01 01:00+01:00 to 2024-01-02 01:00+01:00"),
        ("2024-01-01T06:30", 2, "no interval starts with the run, 2024-01-01 06:30+01:00",
         "times every 60 min from 2024-01-01 01:00+01:00"),
    ):  # fmt: skip
        with pytest.raises(InputError) as raised:
            dataset.loads(Calendar(start, "Europe/Berlin"), steps)
        ((_, *rest),) = said(raised.value)
        assert rest == [message, allowed, ""]


def test_steps_that_hold_no_whole_intervals_are_refused() -> None:
    import numpy as np

    minute = 60_000_000
    with pytest.raises(InputError) as raised:
        resampled(np.ones((6, 1)), 60 * minute, 90 * minute, "kWh", "profiles.csv")
    ((place, _, allowed, _),) = said(raised.value)
    assert place == "profiles.csv"
    assert allowed.endswith("or a multiple of it; nothing finer can be made up")


ROW = FirstRow(Path("b.csv"), 8, 5, 1, timedelta(days=31) - timedelta(hours=5))


def test_the_first_row_of_citylearn_says_when_it_begins() -> None:
    assert ROW.start_in(2016) == datetime(2016, 8, 1, 5)
    assert ROW.problems(datetime(2016, 8, 1, 5)) == ROW.warnings(datetime(2016, 8, 1)) == []
    december = FirstRow(Path("b.csv"), 12, None, None, timedelta(days=1))
    assert december.start_in(2015) == datetime(2015, 12, 31)
    # Clocks that change within the month move what lies before the change.
    for hour, start in ((4, 4), (6, 6), (7, 5)):
        row = FirstRow(Path("b.csv"), 8, hour, 1, ROW.month_ends_after)
        assert row.start_in(2016) == datetime(2016, 8, 1, start)
    place, given = "b.csv, line 2, column", "the start 2016-07-02T03:00"
    assert said(InputError(ROW.problems(datetime(2016, 7, 2, 3)))) == [
        (f"{place} month", f"month 8 is not that of {given}", "another --start", ""),
        (f"{place} hour", f"the hour begins at 5:00, which is not that of {given}",
         "another --start", ""),
    ]  # fmt: skip
    assert said(InputError(ROW.problems(datetime(2016, 8, 3, 5)))) == [
        (f"{place} month", "the month ends 30 days, 19:00:00 after the first row, not the start "
         "2016-08-03T05:00", "--start 2016-08-01T05:00, or another year", "")
    ]  # fmt: skip
    assert [(p.place, p.message) for p in ROW.warnings(datetime(2016, 8, 2))] == [
        (f"{place} day_type", "the first row is a Monday, 2016-08-02 is a Tuesday: holidays and "
         "weekends of the run are others than those of the data")
    ]  # fmt: skip
    with pytest.raises(InputError) as raised:
        FirstRow(Path("b.csv"), 8, 5, 1, None).start_in(2016)
    assert said(raised.value) == [
        ("--start", "b.csv does not say on which day of 2016 it begins",
         "such as --start 2016-08-01T00:00", "")
    ]  # fmt: skip


def test_the_start_of_citylearn_is_that_of_the_person_or_of_the_schema() -> None:
    place, none = Path("schema.json"), ImportOptions()
    own = {"start_date": "2016-08-01"}
    assert find_start(own, place, none, [ROW]) == (datetime(2016, 8, 1, 5), [])
    assert find_start({}, place, ImportOptions(start="2016"), [ROW])[0] == datetime(2016, 8, 1, 5)
    given = ImportOptions(start="2022-08-01T05:00")
    start, warnings = find_start(own, place, given, [ROW])
    assert start == datetime(2022, 8, 1, 5)
    assert [(p.place, p.message) for p in warnings] == [
        ("schema.json: start_date", "2016-08-01 is not the start 2022-08-01T05:00 that was given")
    ]
    for schema, options, source in (
        ({"start_date": "soon"}, none, "schema.json: start_date"),
        ({}, ImportOptions(start="soon"), "--start"),
    ):
        with pytest.raises(InputError) as raised:
            find_start(schema, place, options, [ROW])
        ((where, message, _, _),) = said(raised.value)
        assert (where, message) == (source, "'soon' is no time")
    with pytest.raises(InputError) as raised:
        given_start({}, none)
    ((where, message, _, _),) = said(raised.value)
    assert (where, message) == (
        "--start",
        "is missing; the files of CityLearn state no year, and the schema has no start_date",
    )


def test_blocks_that_make_no_rounds_are_refused() -> None:
    import numpy as np

    def columns(**given: list[Any]) -> Any:
        return SimpleNamespace(columns={name: np.array(v) for name, v in given.items()})

    blocks = columns(service_id=["A", "B"], departs=[7.0, 8.0], arrives=[8.0, 9.0], km=[10.0, 20.0],
                     block=["x", "y"])  # fmt: skip
    days = columns(service_id=["A", "B"], date=np.array(["2024-01-01", "2024-01-02"],
                   dtype="datetime64[D]").astype(np.int64), exception_type=["1", "1"])  # fmt: skip
    for records, services, problem in (
        ({}, (), ("has no table bus_blocks", "blocks that buses run")),
        ({"bus_blocks": blocks}, ("C",), ("no block is of one of the services", "A, B")),
        ({"bus_blocks": blocks, "calendar_dates": days}, (),
         ("its blocks are of services that run on different days: A, B",
          "school_terms.services of the same days")),
    ):  # fmt: skip
        dataset: Any = SimpleNamespace(records=records, folder=Path("feed"))
        with pytest.raises(InputError) as raised:
            read_block_rounds(dataset, services)
        assert said(raised.value) == [("feed", *problem, "")]
