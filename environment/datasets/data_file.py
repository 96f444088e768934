"""A file of a dataset: which of its columns are known, and what stands in them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.datasets.schema import Attribute, Table
from hmesh.environment.errors import InputError, Problem, missing_columns, nearest
from hmesh.environment.table_file import TableFile, encoded, numbers

_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?")
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_LATEST_H = 72.0


@dataclass(slots=True)
class Findings:
    """What was found in a dataset: what is wrong, and what a person may want to look at.

    Attributes
    ----------
    errors : list of Problem
        Why the dataset cannot be used.
    warnings : list of Problem
        What is unusual in it.
    """

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def check(self) -> None:
        """Raise where something is wrong."""
        if self.errors:
            raise InputError(self.errors)


class DataFile(TableFile):
    """The known columns of one file of a table.

    Parameters
    ----------
    path : Path
        The file.
    description : Table
        The table.

    Attributes
    ----------
    present : dict
        For the name of every attribute that the file has, the column in which it stands.
    unused : list of Problem
        Columns that no attribute is called by.
    """

    def __init__(self, path: Path, description: Table) -> None:
        self.description = description
        self.present: dict[str, str] = {}
        self.unused: list[Problem] = []
        super().__init__(path)

    def _columns(self, place: str, header: list[str]) -> list[str]:
        attributes = self.description.columns
        problems = []
        for attribute in attributes:
            both = [name for name in (attribute.name, self._as_power(attribute)) if name in header]
            if both:
                self.present[attribute.name] = both[0]
            if len(both) > 1:
                problems.append(Problem(place, f"there are both {' and '.join(both)}", "one"))
        required = [attribute.name for attribute in attributes if attribute.required]
        problems += missing_columns(place, header, required)
        spare = [name for name in header if name not in self.present.values()]
        optional = [attribute.name for attribute in attributes if not attribute.required]
        absent = [name for name in optional if name not in self.present]
        if self.description.some_of and not any(
            attribute.name in self.present for attribute in self.description.quantities
        ):
            near = next(filter(None, (nearest(name, absent) for name in spare)), "")
            allowed = f"at least one of {', '.join(a.name for a in self.description.quantities)}"
            message = f"no quantity is there, but {', '.join(header)}"
            problems.append(Problem(place, message, allowed, near))
        if problems:
            raise InputError(problems)
        self.unused = [
            Problem(place, f"column '{name}' is not used", "", nearest(name, absent))
            for name in spare
        ]
        return list(self.present.values())

    def _types(self) -> Iterable[tuple[str, str]]:
        kinds = {"number": "number", "time": "time", "date": "time"}
        for attribute in self.description.columns:
            if attribute.name in self.present:
                yield self.present[attribute.name], kinds.get(attribute.kind, "text")

    def _as_power(self, attribute: Attribute) -> str:
        measured = self.description.series and attribute.unit == "kWh"
        return attribute.name.removesuffix("kwh") + "kw" if measured else ""

    def is_power(self, name: str) -> bool:
        """Return whether an energy stands in the file as a mean power."""
        return self.present[name] != name

    def column(self, name: str) -> Any:
        """Return the column of an attribute."""
        return self.table.column(self.present[name])

    def read_numbers(self, attribute: Attribute) -> FloatArray:
        """Return the numbers of a column, NaN where it is empty; report those not allowed."""
        column = self.column(attribute.name)
        found = numbers(column)
        empty = np.asarray(column.is_null(nan_is_null=True))
        too_low = found <= attribute.lowest if attribute.above_lowest else found < attribute.lowest
        wrong = too_low | (found > attribute.highest) | (np.isnan(found) & ~empty)
        if attribute.required:
            wrong |= empty
        if wrong.any():
            self._report(np.flatnonzero(wrong), attribute)
        return found

    def read_text(self, attribute: Attribute) -> NDArray[np.object_]:
        """Return the texts of a column, "" where it is empty; report those not allowed."""
        codes, labels = self._labels(attribute)
        texts = np.array([*labels, ""], dtype=np.object_)
        allowed = [not attribute.options or text in attribute.options for text in labels]
        self._report_labels(codes, [*allowed, not attribute.required], attribute)
        return texts[codes]

    def read_clock(self, attribute: Attribute) -> FloatArray:
        """Return the clock times of a column [h], NaN where it is empty; report what is none."""
        codes, labels = self._labels(attribute)
        hours = np.array([*(_clock_h(text) for text in labels), np.nan])
        self._report_labels(codes, [*np.isfinite(hours[:-1]), not attribute.required], attribute)
        return hours[codes]

    def read_dates(self, attribute: Attribute) -> NDArray[np.datetime64]:
        """Return the dates of a column, NaT where it is empty; report what is none."""
        codes, labels = self._labels(attribute)
        dates = np.array([*(_date(text) for text in labels), "NaT"], dtype="datetime64[D]")
        self._report_labels(codes, [*~np.isnat(dates[:-1]), not attribute.required], attribute)
        return dates[codes]

    def _labels(self, attribute: Attribute) -> tuple[NDArray[np.int32], list[str]]:
        import pyarrow as pa
        from pyarrow import compute

        from hmesh.environment.table_file import plain

        text = plain(self.column(attribute.name)).cast(pa.string())
        text = compute.utf8_trim_whitespace(text)
        text = compute.if_else(compute.equal(text, ""), pa.scalar(None, pa.string()), text)
        codes, labels = encoded(text)
        return codes, labels.to_pylist()

    def _report_labels(
        self, codes: NDArray[np.int32], allowed: list[bool], attribute: Attribute
    ) -> None:
        wrong = ~np.array(allowed)[codes]
        if wrong.any():
            self._report(np.flatnonzero(wrong), attribute)

    def _report(self, rows: NDArray[np.int64], attribute: Attribute) -> None:
        column = self.column(attribute.name)

        def message(row: int) -> str:
            value = column[row].as_py()
            return "is empty" if value is None or value == "" else f"'{value}' is not allowed"

        before = len(self.problems)
        self.report(rows, self.present[attribute.name], message, attribute.allowed)
        if attribute.options:
            for index in range(before, len(self.problems)):
                problem = self.problems[index]
                value = problem.message.partition("'")[2].partition("'")[0]
                near = nearest(value, attribute.options)
                self.problems[index] = replace(problem, suggestion=near)


def _clock_h(text: str) -> float:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return np.nan
    hours = int(found[1]) + int(found[2]) / 60 + int(found[3] or 0) / 3600
    return hours if hours <= _LATEST_H else np.nan


def _date(text: str) -> str:
    found = _DATE.fullmatch(text)
    iso = "-".join(found.groups()) if found else ""
    try:
        return str(np.datetime64(iso, "D")) if iso else "NaT"
    except ValueError:
        return "NaT"
