"""Loads from a person's file: exact sums, right clocks, and every problem reported with its
place."""

import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from hmesh.environment.calendar import Calendar
from hmesh.environment.demand import LoadTable, read_loads
from hmesh.environment.errors import InputError

HEADER = "time,member,load_kwh\n"


def calendar(start: str = "2024-01-01", step_h: float = 1.0) -> Calendar:
    return Calendar(start, "Europe/Berlin", step_h)


def read(folder: Path, text: str | bytes, steps: int = 2, **kind: Any) -> LoadTable:
    path = folder / "loads.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_loads(path, calendar(**kind), steps)


def problems_of(folder: Path, text: str | bytes, steps: int = 2, **kind: Any) -> list[str]:
    with pytest.raises(InputError) as error:
        read(folder, text, steps, **kind)
    return str(error.value).replace(f"{folder}/", "").splitlines()


def rows(times: Iterable[str], members: str = "ab", load: float = 1.0) -> str:
    return "".join(f"{time},{member},{load}\n" for time in times for member in members)


def two_hours(*more: str) -> str:
    return HEADER + rows(["2024-01-01 00:00", "2024-01-01 01:00"]) + "".join(more)


def test_a_tidy_file_becomes_a_table(tmp_path: Path) -> None:
    text = (
        "member,note,load_kwh,time\n"
        "house 2,x,1.5,2024-01-01 00:00\n"
        "house 1,,-0.5,2024-01-01T00:00:00\n"
        "house 1,,2e-1,2024-01-01 01:00+01:00\n"
        "house 2,y, +7 ,2024-01-01T00:00Z\n"
    )
    table = read(tmp_path, text)
    assert table.members == ("house 2", "house 1")
    np.testing.assert_array_equal(table.load_kwh, [[1.5, -0.5], [7, 0.2]])
    assert table.load_kwh.dtype == np.float64


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_blank_lines_byte_order_marks_and_line_ends_do_not_matter(
    tmp_path: Path, line_end: str
) -> None:
    text = "\ufeff" + two_hours("\n\n").replace("\n01", "\n\n01").replace("\n", line_end)
    np.testing.assert_array_equal(read(tmp_path, text).load_kwh, np.ones((2, 2)))


def test_energy_is_summed_and_power_averaged(tmp_path: Path) -> None:
    quarters = [f"2024-01-01 0{n // 4}:{n % 4 * 15:02d}" for n in range(8)]
    body = "".join(f"{time},a,{n}\n" for n, time in enumerate(quarters))
    assert read(tmp_path, HEADER + body).load_kwh.tolist() == [[6], [22]]
    power = HEADER.replace("kwh", "kw") + body
    assert read(tmp_path, power).load_kwh.tolist() == [[1.5], [5.5]]
    assert read(tmp_path, power, 8, step_h=0.25).load_kwh.ravel().tolist() == [
        n / 4 for n in range(8)
    ]
    assert read(tmp_path, power, 4, step_h=0.5).load_kwh.ravel().tolist() == [
        0.25,
        1.25,
        2.25,
        3.25,
    ]


def test_rows_outside_the_run_are_not_used(tmp_path: Path) -> None:
    outside = "2023-12-31 23:00,a,x\n2024-01-01 02:00,a,\n2024-01-01 02:00,a,\n"
    np.testing.assert_array_equal(read(tmp_path, two_hours(outside)).load_kwh, np.ones((2, 2)))


@settings(max_examples=30)
@given(
    parts=st.sampled_from([1, 2, 3, 4, 12]),
    step_h=st.sampled_from([0.25, 0.5, 1.0, 24.0]),
    day=st.sampled_from(["2024-01-01 06:15", "2024-03-30 22:00", "2024-10-26 22:00"]),
    written=st.sampled_from(["csv", "csv local", "parquet", "parquet local", "parquet text"]),
    seed=st.integers(0, 1000),
)
def test_what_is_written_is_read(
    parts: int, step_h: float, day: str, written: str, seed: int
) -> None:
    """Whatever the resolution, the order of the rows and the way times are written."""
    generator = np.random.default_rng(seed)
    run, steps, members = calendar(day, step_h), 7, 3
    fine = calendar(day, step_h / parts)
    times = [fine.time_of(part) for part in range(-2, steps * parts + 2) for _ in range(members)]
    loads = generator.normal(size=len(times)).round(6)
    names = ["one", "two", "three"] * (len(times) // members)
    # Local times state the repeated hour by their order, others may stand in any.
    order = np.arange(len(times))
    if "local" not in written:
        order = generator.permutation(order)
    stamps: list[Any] = [times[row] for row in order]
    if "local" in written:
        stamps = [time.replace(tzinfo=None) for time in stamps]
    if "parquet" not in written or "text" in written:
        stamps = [str(time) for time in stamps]
    columns = {"time": stamps, "member": [names[row] for row in order], "load_kw": loads[order]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"loads.{written.split()[0]}"
        if path.suffix == ".csv":
            lines = zip(*columns.values(), strict=True)
            path.write_text(
                "time,member,load_kw\n" + "".join(f"{','.join(map(str, row))}\n" for row in lines)
            )
        else:
            parquet.write_table(pa.table(columns), path)
        table = read_loads(path, run, steps)
    inside = loads[2 * members : -2 * members].reshape(steps, parts, members)
    expected = inside.mean(axis=1) * step_h
    columns_of = [table.members.index(name) for name in ("one", "two", "three")]
    np.testing.assert_allclose(table.load_kwh[:, columns_of], expected, rtol=1e-12, atol=1e-12)


def test_the_repeated_hour_of_autumn_is_reported_by_the_order_of_rows(tmp_path: Path) -> None:
    hours = ["00:00", "01:00", "02:00", "02:00", "03:00"]
    text = HEADER + "".join(
        f"2024-10-27 {hour},{member},{n}\n" for member in "ab" for n, hour in enumerate(hours)
    )
    table = read(tmp_path, text, 5, start="2024-10-27")
    assert table.load_kwh.tolist() == [[n, n] for n in range(5)]
    once = HEADER + "".join(f"2024-10-27 {hour},a,1\n" for hour in hours[:3] + hours[4:])
    assert problems_of(tmp_path, once, 5, start="2024-10-27") == [
        "loads.csv: member 'a' has no row for 2024-10-27 02:00+01:00 (allowed: a row every 60 min "
        "from 2024-10-27 00:00+02:00 to before 2024-10-27 04:00+01:00)"
    ]
    thrice = text + "2024-10-27 02:00,a,9\n"
    assert problems_of(tmp_path, thrice, 5, start="2024-10-27") == [
        "loads.csv, line 12: is another row for member 'a' at 2024-10-27 02:00+01:00, after line 5 "
        "(allowed: one row for each member and interval)"
    ]


def test_the_hour_skipped_in_spring_is_no_time(tmp_path: Path) -> None:
    hours = HEADER + rows([f"2024-03-31 0{hour}:00" for hour in (0, 1, 3, 4)], "a")
    assert read(tmp_path, hours, 4, start="2024-03-31").load_kwh.shape == (4, 1)
    lines = problems_of(tmp_path, hours + "2024-03-31 02:00,a,1\n", 4, start="2024-03-31")
    assert len(lines) == 1
    assert lines[0].startswith(
        "loads.csv, line 6, column time: 2024-03-31 02:00:00 does not exist in Europe/Berlin: "
        "the clocks skip it; where the file knows no daylight saving, its times need an offset"
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "2024-01-01 01:00,c,abc",
            "column load_kwh: 'abc' is no finite number (allowed: a finite number with a point, "
            "such as 0.35)",
        ),
        (
            '2024-01-01 01:00,c,"1,5"',
            "column load_kwh: '1,5' is no finite number (allowed: a finite number with a point, "
            "such as 0.35)",
        ),
        (
            "2024-01-01 01:00,c,nan",
            "column load_kwh: 'nan' is no finite number (allowed: a finite number with a point, "
            "such as 0.35)",
        ),
        (
            "2024-01-01 01:00,c,-inf",
            "column load_kwh: '-inf' is no finite number (allowed: a finite number with a point, "
            "such as 0.35)",
        ),
        (
            "2024-01-01 01:00,c,",
            "column load_kwh: is empty (allowed: a finite number with a point, such as 0.35)",
        ),
        (
            "01.01.2024 01:00,c,1",
            "column time: '01.01.2024 01:00' is no time (allowed: a time in ISO 8601, such as "
            "2024-01-01 13:00 or 2024-01-01T13:00+01:00)",
        ),
        (
            "0001-01-01T00:00+05:00,c,1",
            "column time: date value out of range (allowed: a time in ISO 8601, such as "
            "2024-01-01 13:00 or 2024-01-01T13:00+01:00)",
        ),
        (
            ",c,1",
            "column time: is empty (allowed: a time in ISO 8601, such as 2024-01-01 13:00 or "
            "2024-01-01T13:00+01:00)",
        ),
        (
            "2024-01-01 01:07,c,1",
            "column time: '2024-01-01 01:07' starts no interval (allowed: times every 60 min, "
            "counted from 2024-01-01 00:00+01:00)",
        ),
    ],
)
def test_a_cell_that_cannot_be_used_is_reported_with_its_line(
    tmp_path: Path, row: str, expected: str
) -> None:
    text = two_hours("\n", "2024-01-01 00:00,c,1\n", row + "\n")
    assert problems_of(tmp_path, text) == [f"loads.csv, line 8, {expected}"]


def test_every_row_needs_a_member(tmp_path: Path) -> None:
    assert problems_of(tmp_path, two_hours("2024-01-01 00:00,,1\n")) == [
        "loads.csv, line 6, column member: is empty (allowed: a member's name)"
    ]


def test_lines_of_another_width_are_reported(tmp_path: Path) -> None:
    text = two_hours("\n", "2024-01-01 00:00,a\n", "a,b,c,d\n", "2024-01-01 00:00,a,1\n")
    assert problems_of(tmp_path, text) == [
        "loads.csv, line 7: there are 2 cells (allowed: 3, one for each column)",
        "loads.csv, line 8: there are 4 cells (allowed: 3, one for each column)",
        "loads.csv, line 9: is another row for member 'a' at 2024-01-01 00:00+01:00, after line 2 "
        "(allowed: one row for each member and interval)",
    ]


def test_a_line_of_another_width_that_is_no_text_is_reported(tmp_path: Path) -> None:
    text = two_hours().encode() + "Büro\n".encode("latin-1")
    assert problems_of(tmp_path, text) == [
        "loads.csv, line 6: there are 1 cells (allowed: 3, one for each column)"
    ]


def test_gaps_are_reported_for_each_member(tmp_path: Path) -> None:
    text = two_hours("2024-01-01 01:00,c,1\n", "2025-01-01 00:00,d,1\n")
    allowed = (
        "(allowed: a row every 60 min from 2024-01-01 00:00+01:00 to before 2024-01-01 02:00+01:00)"
    )
    assert problems_of(tmp_path, text) == [
        f"loads.csv: member 'c' has no row for 2024-01-01 00:00+01:00 {allowed}",
        "loads.csv: member 'd' has no row for 2024-01-01 00:00+01:00 and 1 more intervals of the "
        f"run {allowed}",
    ]
    assert len(problems_of(tmp_path, two_hours(), 30)) == 2


def test_intervals_must_fit_into_steps(tmp_path: Path) -> None:
    assert problems_of(tmp_path, two_hours(), 4, step_h=0.25) == [
        "loads.csv, column time: rows are 60 min apart, coarser than the step of 15 min "
        "(allowed: 15 min, or a half, a third, a quarter ... of it)"
    ]
    forties = HEADER + rows(["2024-01-01 00:00", "2024-01-01 00:40", "2024-01-01 01:20"])
    assert problems_of(tmp_path, forties) == [
        "loads.csv, column time: rows are 40 min apart, which is no whole part of the step of "
        "60 min (allowed: 60 min, or a half, a third, a quarter ... of it)"
    ]


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = two_hours(
        "now,c,1\n", "2024-01-01 00:00,,1\n", "2024-01-01 00:00,a,x\n", "2024-01-01 00:30,d,1\n"
    )
    assert [line.split(" (allowed")[0] for line in problems_of(tmp_path, text)] == [
        "loads.csv, line 7, column member: is empty",
        "loads.csv, line 6, column time: 'now' is no time",
        "loads.csv, line 8, column load_kwh: 'x' is no finite number",
        "loads.csv, line 9, column time: '2024-01-01 00:30' starts no interval",
        "loads.csv, line 8: is another row for member 'a' at 2024-01-01 00:00+01:00, after line 2",
        "loads.csv: member 'c' has no row for 2024-01-01 00:00+01:00 and 1 more intervals of "
        "the run",
        "loads.csv: member 'd' has no row for 2024-01-01 00:00+01:00 and 1 more intervals of "
        "the run",
    ]


def test_very_many_problems_are_counted(tmp_path: Path) -> None:
    lines = problems_of(tmp_path, HEADER + rows(["2024-01-01"] * 1000, "a", np.nan), 1)
    assert sum("is no finite number" in line for line in lines) == 10
    assert any("column load_kwh: and 990 more rows like these" in line for line in lines)
    assert any("loads.csv: and 989 more rows like these" in line for line in lines)
    assert len(lines) == 22


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "Time,member,load_kwh",
            "loads.csv, line 1: column 'time' is missing; there are Time, member, load_kwh "
            "(allowed: columns time, member, load_kwh; did you mean 'Time'?)",
        ),
        (
            "time,member,load",
            "loads.csv, line 1: column 'load_kwh' is missing; there are time, member, load "
            "(allowed: load_kwh, energy in the interval, or load_kw, mean power in it; "
            "did you mean 'load'?)",
        ),
        (
            "time,member,load_kwh,load_kw",
            "loads.csv, line 1: there are both load_kwh and load_kw (allowed: one of them)",
        ),
        (
            "time,member,member,load_kwh",
            "loads.csv, line 1: column 'member' stands there twice (allowed: once)",
        ),
        (
            "time;member;load_kwh",
            "loads.csv, line 1: the columns are separated by semicolons or tabs (allowed: columns "
            "separated by ',')",
        ),
        (
            "time,member,load_kwh",
            "loads.csv: holds no rows (allowed: one row for each member and interval)",
        ),
    ],
)
def test_a_table_of_another_form_is_reported(tmp_path: Path, header: str, expected: str) -> None:
    assert problems_of(tmp_path, header + "\n") == [expected]


def test_other_columns_may_hold_what_they_like(tmp_path: Path) -> None:
    lines = two_hours("2024-01-01,a,x\n").splitlines()
    text = "\n".join(["note," + lines[0], *("Büro," + line for line in lines[1:])])
    assert problems_of(tmp_path, text.encode("latin-1"))[0].startswith("loads.csv, line 6, column")


def test_an_empty_file_misses_every_column(tmp_path: Path) -> None:
    assert len(problems_of(tmp_path, "")) == 3


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    text = HEADER.encode() + "2024-01-01,Büro,1\n".encode("latin-1")
    assert "loads.csv: cannot be read" in problems_of(tmp_path, text)[0]
    (tmp_path / "loads.parquet").write_text("no Parquet")
    with pytest.raises(InputError, match="cannot be read"):
        read_loads(tmp_path / "loads.parquet", calendar(), 1)
    (tmp_path / "loads.xlsx").write_text("")
    with pytest.raises(InputError, match=r"ends in '.xlsx' \(allowed: .csv or .parquet\)"):
        read_loads(tmp_path / "loads.xlsx", calendar(), 1)
    with pytest.raises(InputError, match="does not exist") as error:
        read_loads(tmp_path / "load.parquet", calendar(), 1)
    assert error.value.problems[0].suggestion == str(tmp_path / "loads.parquet")


def parquet_problems(folder: Path, columns: dict[str, Any]) -> list[str]:
    path = folder / "loads.parquet"
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(InputError) as error:
        read_loads(path, calendar(), 2)
    return str(error.value).replace(f"{folder}/", "").splitlines()


def test_rows_of_a_parquet_file_are_counted_from_one(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1)
    times = [start, start + timedelta(hours=1), None, start]
    columns = {"time": times, "member": ["a", "a", "a", ""], "load_kwh": [1.0, None, 1.0, 1.0]}
    assert [line.split(" (allowed")[0] for line in parquet_problems(tmp_path, columns)] == [
        "loads.parquet, row 4, column member: is empty",
        "loads.parquet, row 3, column time: is empty",
        "loads.parquet, row 2, column load_kwh: is empty",
    ]


def test_columns_of_another_kind_are_reported(tmp_path: Path) -> None:
    columns = {"time": [1, 2], "member": [0.5, 1.5], "load_kwh": [True, False]}
    assert parquet_problems(tmp_path, columns) == [
        "loads.parquet, column time: holds values of type int64 (allowed: times, or text)",
        "loads.parquet, column member: holds values of type double (allowed: text, or whole "
        "numbers)",
        "loads.parquet, column load_kwh: holds values of type bool (allowed: numbers)",
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_parquet_may_hold_times_and_members_in_many_types(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    start = datetime(2024, 1, 1) if zone is None else calendar().time_of(0).astimezone(UTC)
    times = pa.array([start, start + timedelta(hours=1)] * 2, pa.timestamp(unit, zone))
    members = pa.array([7, 7, 3, 3], pa.int16())
    # A category that no row has is no member.
    categories = pa.DictionaryArray.from_arrays([2, 2, 1, 1], ["none", "three", "seven"])
    loads = pa.array(["1.5", "2.5", "3.5", "4.5"])
    path = tmp_path / "loads.parquet"
    for member, names in ((members, ("7", "3")), (categories, ("seven", "three"))):
        table = pa.table({"time": times, "member": member, "load_kwh": loads})
        parquet.write_table(table, path, row_group_size=3)
        read_back = read_loads(path, calendar(), 2)
        assert read_back.members == names
        assert read_back.load_kwh.tolist() == [[1.5, 3.5], [2.5, 4.5]]


def test_half_hours_of_a_measured_house_keep_their_energy(shared: Path, tmp_path: Path) -> None:
    name = "household_au_ausgrid12_2011-07_2012-06_30min.parquet"
    house = parquet.read_table(shared / "data" / "households" / name)
    loads = house.select(["timestamp_local", "house_id", "load_kwh"])
    loads = loads.rename_columns(["time", "member", "load_kwh"])
    # Standard time all the year, as the 17,568 half hours state.
    zone = "Australia/Brisbane"
    run = Calendar("2011-07-01", zone)
    path = tmp_path / "loads.parquet"
    parquet.write_table(loads, path)
    table = read_loads(path, run, 8784)
    assert table.members == ("ausgrid_12",)
    assert table.load_kwh.sum() == pytest.approx(pc.sum(house["load_kwh"]).as_py(), rel=1e-12)


def test_measured_houses_with_gaps_are_refused(shared: Path, tmp_path: Path) -> None:
    name = "households_au_sgsc_2012-2014_30min.parquet"
    houses = parquet.read_table(shared / "data" / "households" / name)
    path = tmp_path / "loads.parquet"
    parquet.write_table(houses.rename_columns(["time", "member", "load_kwh"]), path)
    with pytest.raises(InputError, match="has no row for"):
        read_loads(path, Calendar("2012-07-01", "Australia/Sydney"), 8760)


@pytest.mark.slow
def test_a_year_of_a_thousand_members_loads(tmp_path: Path) -> None:
    steps, members = 8760, 1000
    start = np.datetime64("2023-01-01T00:00", "us")
    times = np.repeat(start + np.arange(steps) * np.timedelta64(1, "h"), members)
    names = [f"house {number}" for number in range(members)]
    columns = {
        "time": pa.array(times),
        "member": pa.DictionaryArray.from_arrays(np.tile(np.arange(members), steps), names),
        "load_kwh": np.arange(steps * members, dtype=np.float64),
    }
    path = tmp_path / "loads.parquet"
    parquet.write_table(pa.table(columns), path)
    table = read_loads(path, Calendar("2023-01-01", "UTC"), steps)
    assert table.members == tuple(names)
    np.testing.assert_array_equal(table.load_kwh.ravel(), np.arange(steps * members))
