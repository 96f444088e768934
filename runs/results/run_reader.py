"""The results of a run, read from its folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environment.errors import InputError, Problem, nearest
from runs.results.safe_files import sha256
from runs.results.tables import SCHEMA, TABLES

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Run:
    """The results of a run, read from its folder.

    Attributes
    ----------
    directory
        The folder.
    info
        What run.json says.
    """

    directory: Path
    info: dict[str, Any]

    @property
    def complete(self) -> bool:
        """Whether the run is finished."""
        return bool(self.info["status"] == "complete")

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the run comes to, strategy by strategy."""
        self._require_complete()
        return _read_json(self.directory / "summary.json")

    def table(
        self, name: str, columns: Sequence[str] | None = None, filters: Any = None
    ) -> "pa.Table":
        """Read a table.

        Parameters
        ----------
        name
            Its name, such as "hours".
        columns
            Which columns, or None for all.
        filters
            Which rows, as pyarrow takes them: [("strategy", "=", "typical")].

        Returns
        -------
        pyarrow.Table
            The rows in the order of the run.

        Raises
        ------
        InputError
            When there is no such table or column, or the file is missing or damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._require_complete()
        _refuse_unknown(str(self.directory), "table", [name], list(TABLES))
        path = self.directory / f"{name}.parquet"
        known = [column.name for column in TABLES[name]]
        _refuse_unknown(str(path), "column", columns or [], known)
        wanted = None if columns is None else list(columns)
        try:
            return pq.read_table(path, columns=wanted, filters=filters)
        except FileNotFoundError:
            raise InputError([Problem(str(path), "is missing")]) from None
        except pa.ArrowInvalid as error:
            raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None

    def check_files(self) -> None:
        """Compare every file of a finished run with the digest told in run.json.

        Raises
        ------
        InputError
            When a file is missing or not what the run wrote.
        """
        self._require_complete()
        problems = []
        for name, digest in self.info["sha256"].items():
            path = self.directory / name
            if not path.is_file():
                problems.append(Problem(str(path), "is missing"))
            elif sha256(path) != digest:
                problems.append(Problem(str(path), "is not what the run wrote: its digest differs"))
        if problems:
            raise InputError(problems)

    def _require_complete(self) -> None:
        if not self.complete:
            done = f"{self.info['steps_done']} of {self.info['steps_total']} steps"
            message = f"the run is not finished, {done} are done; hmesh resume {self.directory}"
            raise InputError([Problem(str(self.directory), message)])


def read_run(directory: Path | str) -> Run:
    """Open the folder of a run.

    Parameters
    ----------
    directory
        What `hmesh run` wrote, finished or not.

    Raises
    ------
    InputError
        When it holds no run, or one of another schema.
    """
    directory = Path(directory)
    path = directory / "run.json"
    if not path.is_file():
        near = nearest(directory.name, _runs_beside(directory))
        suggestion = str(directory.with_name(near)) if near else ""
        message = "holds no run" if directory.is_dir() else "there is no such folder"
        allowed = "a folder that hmesh run wrote"
        raise InputError([Problem(str(directory), message, allowed, suggestion)])
    info = _read_json(path)
    if info.get("schema") != SCHEMA:
        message = f"the results have schema {info.get('schema')!r}"
        raise InputError([Problem(str(path), message, f"schema {SCHEMA}")])
    return Run(directory, info)


def _refuse_unknown(place: str, what: str, names: Sequence[str], known: Sequence[str]) -> None:
    problems = [
        Problem(place, f"there is no {what} {name!r}", ", ".join(known), nearest(name, known))
        for name in names
        if name not in known
    ]
    if problems:
        raise InputError(problems)


def _runs_beside(directory: Path) -> Iterator[str]:
    return (path.parent.name for path in directory.parent.glob("*/run.json"))


def _read_json(path: Path) -> dict[str, Any]:
    import json

    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None
    if not isinstance(value, dict):
        raise InputError([Problem(str(path), "is not what a run writes")])
    return value
