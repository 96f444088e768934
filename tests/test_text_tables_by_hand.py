"""Tables of text and spreadsheets, cell by cell, their headings, and all that is refused."""

import math
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.datasets.readers.column_headings import (
    UNIT_NAMES,
    Heading,
    currency_of,
    headings_of,
)
from hmesh.environment.datasets.readers.text_table import (
    TextTable,
    column_numbers,
    column_times,
    decimal_mark,
    read_text,
    read_text_table,
)
from hmesh.environment.errors import InputError
from tests.stated_problems import said

SAVED = "UTF-8; a spreadsheet saves it as 'CSV UTF-8'"


def table_of(path: Path, text: str | bytes) -> TextTable:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_text_table(path)


def workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra excel is not installed")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("text", "header", "columns", "lines", "separator"),
    [
        ("a, b\n1,2\n\n3 ,4\n", ("a", "b"), (["1", "3"], ["2", "4"]), [2, 4], ","),
        ("\n \na;b,c\n1,5;x\n", ("a", "b,c"), (["1,5"], ["x"]), [4], ";"),
        ("a\tb;c\n1\t2;3\n", ("a\tb", "c"), (["1\t2"], ["3"]), [2], ";"),
        ("a\tb,c\n1\t2\n\t\n", ("a", "b,c"), (["1", ""], ["2", ""]), [2, 3], "\t"),
        ("a\n1\n", ("a",), (["1"],), [2], ","),
        (b'\xef\xbb\xbfa,b\n"1,5",2\n', ("a", "b"), (["1,5"], ["2"]), [2], ","),
    ],
)
def test_a_table_of_text_is_read_cell_by_cell(
    text: str | bytes, header: Any, columns: Any, lines: list[int], separator: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    assert table_of(path, text) == TextTable(path, header, columns, lines, separator)


def test_comments_before_a_table_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# one\n#two\na,b\n1,2\n# three,4\n")
    assert read_text_table(path, "#") == TextTable(
        path, ("a", "b"), (["1", "# three"], ["2", "4"]), [4, 5], ","
    )
    with pytest.raises(InputError) as raised:
        read_text_table(path)
    place, allowed = f"{path}, line", "1"
    assert said(raised.value) == [
        (f"{place} {line}", "there are 2 cells", allowed, "") for line in (3, 4, 5)
    ]


@pytest.mark.parametrize(
    ("text", "place", "message", "allowed"),
    [
        (b"", "", "is empty", "a line of column names, and rows"),
        (b" \n\n", "", "is empty", "a line of column names, and rows"),
        (b"a,b\n\n", "", "has no rows below its line of column names", ""),
        (b"a,b\n1,2\n3\n", ", line 3", "there are 1 cells", "2"),
        (b"\n\na,b\n1,2,3\n", ", line 4", "there are 3 cells", "2"),
        (b"\xff\xfea\0", "", "is text in UTF-16, little endian", SAVED),
        (b"\xfe\xff\0a", "", "is text in UTF-16, big endian", SAVED),
        (b"\0a", "", "is text in UTF-16 without a mark", SAVED),
        (b"a\0", "", "is text in UTF-16 without a mark", SAVED),
        (b"a,b\n1,\xe4\n", ", line 2", "is not UTF-8: byte 0xe4", SAVED),
    ],
)
def test_text_that_is_no_table_is_refused(
    text: bytes, place: str, message: str, allowed: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(InputError) as raised:
        table_of(path, text)
    assert said(raised.value) == [(f"{path}{place}", message, allowed, "")]


def test_a_text_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "a.xlsx"):
        with pytest.raises(InputError) as raised:
            read_text_table(tmp_path / name)
        assert said(raised.value) == [(str(tmp_path / name), "does not exist", "", "")]
    (tmp_path / "b.txt").write_text("one\n")
    assert read_text(tmp_path / "b.txt") == "one\n"


def test_columns_are_found_by_any_of_their_names(tmp_path: Path) -> None:
    table = TextTable(tmp_path, ("Time", "b"), (["1"], ["2"]), [7], ",")
    assert [table.first("time"), table.first("x", "b"), table.first("c")] == [0, 1, None]
    assert table.needed("x", "b") == 1
    assert table.place(0, 1) == f"{tmp_path}, line 7, column b"
    with pytest.raises(InputError) as raised:
        table.needed("x", "y")
    assert said(raised.value) == [
        (f"{tmp_path}, line 1", "has no column x, but Time, b", "x or y", "")
    ]


def test_a_sheet_is_read_cell_by_cell(tmp_path: Path) -> None:
    rows = [[None, " "], ["a", " b ", None, "d", None], [1, "x"], [], [2.5, None, 3, "y", "z"]]
    path = workbook(tmp_path / "a.xlsx", [], rows)
    header, columns = ("a", "b", "", "d"), ([1, 2.5], ["x", ""], ["", 3], ["", "y"])
    assert read_text_table(path) == TextTable(path, header, columns, [3, 5], "")


def test_a_workbook_with_no_table_is_refused(tmp_path: Path) -> None:
    path, one = tmp_path / "a.xlsx", [["a"], [1]]
    table = "one table in one sheet"
    for sheets, message, allowed in (
        ([one, [], one], "has 2 sheets with cells: S0, S2", table),
        ([[], []], "has 0 sheets with cells: ", table),
        ([[["a", "b"], [None, " "]]], "has no rows below its line of column names", ""),
    ):
        with pytest.raises(InputError) as raised:
            read_text_table(workbook(path, *sheets))
        assert said(raised.value) == [(str(path), message, allowed, "")]
    path.write_bytes(b"no archive")
    with pytest.raises(InputError) as raised:
        read_text_table(path)
    ((place, message, allowed, near),) = said(raised.value)
    assert (place, allowed, near) == (str(path), "", "")
    assert message.startswith("is no spreadsheet: ")


def test_a_sheet_without_its_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xlsx"
    path.touch()
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError) as raised:
        read_text_table(path)
    allowed = "pip install 'hmesh[excel]', or the table saved as CSV UTF-8"
    message = "reading a spreadsheet needs openpyxl"
    assert said(raised.value) == [(str(path), message, allowed, "")]


def cells(*columns: list[Any], separator: str = ";") -> TextTable:
    names = tuple("abcdef"[: len(columns)])
    lines = list(range(2, 2 + len(columns[0])))
    return TextTable(Path("t.csv"), names, columns, lines, separator)


def test_the_sign_before_the_fraction_is_found_or_asked_for() -> None:
    for column, mark in (
        (["1", "-1,5"], ","), (["1.5", "2"], "."), (["1", "2"], "."), (["N/A", "1,5"], ","),
        (["-999.0", "1,5"], ","),
    ):  # fmt: skip
        assert decimal_mark(cells(column), [0], None) == mark
    assert decimal_mark(cells(["1.5", "1,5"]), [0], ",") == ","
    assert decimal_mark(cells(["1.5", "1,5"]), [0], ".") == "."
    assert decimal_mark(cells(["1,5"], separator=","), [0], None) == "."
    assert decimal_mark(cells([1.5], separator=""), [0], None) == "."
    # Only the columns of numbers count.
    assert decimal_mark(cells(["1.2.2020"], ["1,5"]), [1], None) == ","
    with pytest.raises(InputError) as raised:
        decimal_mark(cells(["1.5", "x"], ["1,5", "2,5"]), [0, 1], None)
    message = "numbers hold points and commas, '1.5' in line 2 and '1,5' in line 2"
    allowed = "--decimal , or --decimal . states which parts the fraction"
    assert said(raised.value) == [("t.csv", message, allowed, "")]
    with pytest.raises(InputError) as raised:
        decimal_mark(cells(["1"]), [0], ";")
    assert said(raised.value) == [("--decimal", "';' is not allowed", "'.' or ','", "")]


def test_numbers_are_read_with_either_sign() -> None:
    table = cells(["1.234,5", " -0,25 ", "", "N/A", 7, 2.5])
    assert column_numbers(table, 0, ",") == pytest.approx(
        [1234.5, -0.25, math.nan, math.nan, 7.0, 2.5], nan_ok=True
    )
    assert column_numbers(cells(["1,234.5"]), 0).tolist() == [1234.5]
    assert column_numbers(cells(["1234.5"], separator=","), 0).tolist() == [1234.5]
    wrong = ["x", True, "inf", "1"]
    for decimal, shown in ((".", "0.35"), (",", "0,35")):
        with pytest.raises(InputError) as raised:
            column_numbers(cells(["1"] * 4, wrong), 1, decimal)
        allowed = f"a number, such as {shown}"
        assert said(raised.value) == [
            ("t.csv, line 2, column b", "'x' is no number", allowed, ""),
            ("t.csv, line 3, column b", "'True' is no number", allowed, ""),
            ("t.csv, line 4, column b", "'inf' is not finite", "", ""),
        ]
    with pytest.raises(InputError) as raised:
        # A comma parts no thousands where it parts columns.
        column_numbers(cells(["1,234.5"], separator=","), 0)
    assert len(raised.value.problems) == 1


def test_times_are_read_as_they_are_written() -> None:
    table = cells(["-"] * 2)
    texts: list[Any] = ["2020-03-04T05:06", datetime(2020, 3, 4, 5, 59, 59, 999_900)]
    found = [datetime(2020, 3, 4, 5, 6), datetime(2020, 3, 4, 6, 0)]
    assert column_times(table, texts, 0, None) == (found, False)
    early = [datetime(2020, 3, 4, 5, 59, 59, 400_000)]
    assert column_times(table, early, 0, None) == ([datetime(2020, 3, 4, 5, 59, 59)], False)
    assert column_times(table, ["04.03.2020 5"], 0, "%d.%m.%Y %H") == (
        [datetime(2020, 3, 4, 5)], False
    )  # fmt: skip
    aware = ["2020-03-04T05:00+02:00", "2020-03-04T05:00Z"]
    assert column_times(table, aware, 0, None) == (
        [datetime(2020, 3, 4, 3), datetime(2020, 3, 4, 5)], True
    )  # fmt: skip
    iso = "ISO 8601, or --time-format '%d.%m.%Y %H:%M' as the file writes it"
    for pattern, allowed in ((None, iso), ("%d.%m.%Y", "--time-format '%d.%m.%Y'")):
        with pytest.raises(InputError) as raised:
            column_times(table, ["x", "y"], 0, pattern)
        assert said(raised.value) == [
            (f"t.csv, line {line}, column a", f"'{text}' is no time", allowed, "")
            for line, text in ((2, "x"), (3, "y"))
        ]
    with pytest.raises(InputError) as raised:
        column_times(cells(["-"] * 7), ["x"] * 7, 0, None)
    assert len(raised.value.problems) == 6
    assert raised.value.problems[-1].message == "and 2 more of this kind"
    for mixed in (aware[1:] + texts[:1], texts[:1] + aware[1:]):
        with pytest.raises(InputError) as raised:
            column_times(table, mixed, 0, None)
        message = "only some times carry an offset from UTC"
        assert said(raised.value) == [
            ("t.csv, line 3, column a", message, "all of them, or none", "")
        ]


def heading_table(*header: str) -> TextTable:
    return TextTable(Path("home.csv"), ("time", *header), ([],) * (1 + len(header)), [], ",")


def test_headings_state_member_quantity_and_unit() -> None:
    for text, options, heading in (
        ("house 3 pv [kWh]", {}, ("house 3", "pv_kwh", "energy", 1.0)),
        ("Load (W)", {}, ("home", "load_kwh", "power", 1e-3)),
        ("house 3_kW", {}, ("house 3", "load_kwh", "power", 1.0)),
        ("MWh", {}, ("home", "load_kwh", "energy", 1e3)),
        ("b-heat [MW]", {}, ("b", "heating_kwh", "power", 1e3)),
        ("b.dhw Wh", {}, ("b", "hot_water_kwh", "energy", 1e-3)),
        ("b", {"unit": "kWh-register"}, ("b", "load_kwh", "register", 1.0)),
        ("b [Wh]", {"unit": "Wh-register"}, ("b", "load_kwh", "register", 1e-3)),
        ("b [MWh register]", {}, ("b", "load_kwh", "register", 1e3)),
        ("b [kW]", {"unit": "kw"}, ("b", "load_kwh", "power", 1.0)),
        ("Price [EUR/MWh]", {}, ("", "price", "price", 1e-3)),
        ("feed_in [ct/kWh]", {}, ("", "feed_in", "price", 0.01)),
        ("price [cents/mwh]", {}, ("", "price", "price", 1e-5)),
    ):
        given = ImportOptions(**options)
        assert headings_of(heading_table(text), 1, given) == [
            Heading(1, *heading[:3], pytest.approx(heading[3], rel=1e-12))
        ]
    both = headings_of(heading_table("a [kW]", "a pv [kW]"), 1, ImportOptions())
    assert [(each.index, each.member, each.quantity) for each in both] == [
        (1, "a", "load_kwh"), (2, "a", "pv_kwh")
    ]  # fmt: skip


PLACE = "home.csv, line 1"


@pytest.mark.parametrize(
    ("header", "unit", "place", "message", "allowed", "near"),
    [
        (["price"], None, f"{PLACE}, column price", "names no unit",
         "such as price [EUR/kWh], [EUR/MWh] or [ct/kWh]", ""),
        (["Price [kWh]"], None, f"{PLACE}, column Price [kWh]", "has the unit 'kWh'",
         "such as Price [EUR/kWh], [EUR/MWh] or [ct/kWh]", ""),
        (["a"], "kWhs", "--unit", "'kWhs' is no unit of energy or power", UNIT_NAMES, "kWh"),
        (["a [kvar]"], None, f"{PLACE}, column a [kvar]", "'kvar' is no unit of energy or power",
         UNIT_NAMES, ""),
        (["a"], None, f"{PLACE}, column a", "names no unit",
         f"a [kWh] or [kW], or --unit with one of {UNIT_NAMES}", ""),
        ([""], None, f"{PLACE}, column 2", "names no unit",
         f"load [kWh] or [kW], or --unit with one of {UNIT_NAMES}", ""),
        (["a [kWh]"], "Wh", f"{PLACE}, column a [kWh]", "names the unit kWh, --unit Wh",
         "one of them", ""),
        (["a [kW]", "a load [W]"], None, f"{PLACE}, column a load [W]",
         "is the load_kwh of 'a' as 'a [kW]' is", "one column for each", ""),
        ([], None, PLACE, "has no column beside the time", "", ""),
    ],
)  # fmt: skip
def test_headings_that_say_too_little_are_refused(
    header: list[str], unit: str | None, place: str, message: str, allowed: str, near: str
) -> None:
    with pytest.raises(InputError) as raised:
        headings_of(heading_table(*header), 1, ImportOptions(unit=unit))
    assert said(raised.value) == [(place, message, allowed, near)]


def test_prices_have_one_currency() -> None:
    def currency(*header: str, **options: str) -> str | None:
        table, given = heading_table(*header), ImportOptions(**options)
        return currency_of(table, headings_of(table, 1, given), given)

    assert currency("a [kW]", currency="EUR") is None
    assert currency("price [eur/kWh]") == "EUR"
    assert currency("price [USD/kWh]", "feed_in [USD/MWh]", currency="USD") == "USD"
    assert currency("price [ct/kWh]", currency="CHF") == "CHF"
    for header, options, named in (
        (["price [EUR/kWh]", "feed_in [CHF/kWh]"], {}, "CHF and EUR"),
        (["price [EUR/kWh]"], {"currency": "USD"}, "EUR and USD"),
    ):
        with pytest.raises(InputError) as raised:
            currency(*header, **options)
        assert said(raised.value) == [(PLACE, f"prices are in {named}", "one currency", "")]
    with pytest.raises(InputError) as raised:
        currency("price [ct/kWh]")
    assert said(raised.value) == [
        ("--currency", "is missing; the prices name none", "such as --currency EUR", "")
    ]
