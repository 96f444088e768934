"""A person's file of loads: its columns, and the problems found in its rows."""

from collections.abc import Iterable
from pathlib import Path

from hmesh.environment.errors import InputError, Problem, missing_columns
from hmesh.environment.table_file import SHOWN as SHOWN
from hmesh.environment.table_file import TableFile


class LoadFile(TableFile):
    """The columns `time`, `member` and `load_kwh` or `load_kw` of a CSV or Parquet file.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    load_column : str
        Which of `load_kwh` and `load_kw` it has.
    """

    _suffixes = (".csv", ".parquet")
    _rows_wanted = "one row for each member and interval"

    def __init__(self, path: Path) -> None:
        self.load_column = ""
        super().__init__(path)

    def _columns(self, place: str, header: list[str]) -> list[str]:
        loads = [column for column in ("load_kwh", "load_kw") if column in header]
        self.load_column = loads[0] if loads else "load_kwh"
        required = ["time", "member", self.load_column]
        problems = missing_columns(place, header, required)
        if not loads:
            reported = problems.pop()
            allowed = "load_kwh, energy in the interval, or load_kw, mean power in it"
            problems.append(Problem(place, reported.message, allowed, reported.suggestion))
        if len(loads) > 1:
            problems.append(Problem(place, "there are both load_kwh and load_kw", "one of them"))
        if problems:
            raise InputError(problems)
        return required

    def _types(self) -> Iterable[tuple[str, str]]:
        return ("time", "time"), ("member", "text"), (self.load_column, "number")
