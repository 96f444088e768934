"""The results of a run, read from its folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.number_words import counted
from hmesh.environment.safe_files import read_json, refuse_unbounded, sha256
from hmesh.runs.results.result_tables import TABLES, arrow_schema, columns_since
from hmesh.runs.results.run_folder import RunFolder, read_folder
from hmesh.runs.results.table_bounds import most_rows, refuse_large, too_many_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from hmesh.runs.results.hours_of_run import HoursOfRun

_OTHER = "is not what the run wrote: its digest differs"


@dataclass(frozen=True)
class Run(RunFolder):
    """The results of a run, read from its folder.

    Attributes
    ----------
    directory : Path
        The folder.
    info : dict
        What run.json says.
    """

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The outcome of the run, strategy by strategy."""
        self._require_complete()
        return read_json(self.directory / "summary.json")

    def totals(self, strategy: str) -> dict[str, Any]:
        """Return the outcome of a strategy, as in `summary`.

        Raises
        ------
        InputError
            When the summary does not hold the strategy, or is not what the run wrote.
        """
        from hmesh.runs.results.run_info import check_totals

        path = self.directory / "summary.json"
        if self.complete and sha256(path) != self.info["sha256"].get(path.name):
            raise InputError([Problem(str(path), _OTHER)])
        totals: dict[str, Any] | None = self.summary.get(strategy)
        if totals is None:
            raise InputError([Problem(str(path), f"holds no totals of the strategy {strategy}")])
        check_totals(path, strategy, totals)
        return totals

    def table(
        self, name: str, columns: Sequence[str] | None = None, filters: Any = None
    ) -> "pa.Table":
        """Read a table.

        Parameters
        ----------
        name : str
            Its name, such as "hours".
        columns : sequence of str, optional
            Which columns, or None for all.
        filters : object, optional
            Which rows, as pyarrow takes them: [("strategy", "=", "typical")].

        Returns
        -------
        pyarrow.Table
            The rows in the order of the run.

        Raises
        ------
        InputError
            When there is no such table or column, the file is missing or damaged, or takes more
            memory than it may.
        """
        import pyarrow.parquet as pq

        self._require_complete()
        _refuse_unknown(str(self.directory), "table", [name], list(TABLES))
        path = self.directory / f"{name}.parquet"
        known = [column.name for column in columns_since(name, self.info["schema"])]
        _refuse_unknown(str(path), "column", columns or [], known)
        wanted = known if columns is None else list(columns)
        with _readable(path):
            self._check_table(path, name, wanted or known, wanted, whole=filters is None)
            if filters is None:
                return pq.read_table(path, columns=wanted)
            return rows_that_pass(path, wanted, filters)

    def batches(self, name: str) -> Iterator["pa.RecordBatch"]:
        """Read a table of any length, some rows after the other, all columns.

        Parameters
        ----------
        name : str
            Its name, such as "vehicles".

        Yields
        ------
        pyarrow.RecordBatch
            The next rows, none where there are none.

        Raises
        ------
        InputError
            As by `table`, but for what takes more memory as a whole.
        """
        import pyarrow.parquet as pq

        self._require_complete()
        path = self.directory / f"{name}.parquet"
        known = [column.name for column in columns_since(name, self.info["schema"])]
        with _readable(path):
            self._check_table(path, name, known, known, whole=False)
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(columns=known)

    def _check_table(
        self, path: Path, name: str, checked: Sequence[str], read: Sequence[str], *, whole: bool
    ) -> None:
        """Refuse a file that is not the table of its name, or too large to be read."""
        import pyarrow.parquet as pq

        refuse_unbounded(path)
        described = pq.read_metadata(path)
        self._check_columns(path, name, checked, described.schema.to_arrow_schema())
        most = most_rows(name, self.info)
        if described.num_rows > most:
            message = f"holds {counted(described.num_rows, 'row')}"
            raise InputError([Problem(str(path), message, f"at most {most:,}")])
        refuse_large(path, described, read, whole=whole)

    def _check_columns(
        self, path: Path, table: str, wanted: Sequence[str], found: "pa.Schema"
    ) -> None:
        """Refuse a table in which columns are missing or hold something else than a run writes."""
        written = arrow_schema(table, self.info["time_zone"], self.info["schema"])
        problems = []
        for name in wanted:
            place = f"{path}, column {name}"
            index = found.get_field_index(name)
            if index < 0:
                problems.append(Problem(place, "is missing"))
            elif found.field(index).type != written.field(name).type:
                there, allowed = found.field(index).type, str(written.field(name).type)
                problems.append(Problem(place, f"holds {there}", allowed))
        refuse_all(problems)

    @property
    def hours(self) -> "HoursOfRun":
        """The numbers of hours.parquet by time, strategy and community."""
        from hmesh.runs.results.hours_of_run import HoursOfRun

        return HoursOfRun(self)

    def check_files(self) -> None:
        """Compare every file of a finished run with the digest stated in run.json.

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
                problems.append(Problem(str(path), _OTHER))
        refuse_all(problems)

    def _require_complete(self) -> None:
        if not self.complete:
            from hmesh.runs.results.resuming import way_on

            done = f"{self.info['steps_done']} of {self.info['steps_total']} steps"
            message = f"the run is not finished, {done} are done; {way_on(self.directory)}"
            raise InputError([Problem(str(self.directory), message)])


def read_run(directory: Path | str) -> Run:
    """Open the folder of a run.

    Parameters
    ----------
    directory : Path or str
        What `hmesh run` wrote, finished or not.

    Raises
    ------
    InputError
        When it holds no run, one of another schema, or a run.json that no run writes.
    """
    folder = read_folder(directory)
    return Run(folder.directory, folder.info)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Refuse a file that is missing or damaged, which shows while it is read."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise InputError([Problem(str(path), "is missing")]) from None
    except (OSError, pa.ArrowException) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None


def rows_that_pass(path: Path, columns: Sequence[str], filters: Any) -> "pa.Table":
    """Return those rows of a file that pass filters, as pyarrow takes them, in their order.

    Raises
    ------
    InputError
        When they are more than a table may have that is held as a whole.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    asked = {"columns": list(columns), "filter": pq.filters_to_expression(filters)}
    reader = ds.dataset(path, format="parquet").scanner(**asked).to_reader()
    batches, rows = [], 0
    for batch in reader:
        rows += batch.num_rows
        if message := too_many_rows(rows, len(columns)):
            raise InputError([Problem(str(path), message)])
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def _refuse_unknown(place: str, what: str, names: Sequence[str], known: Sequence[str]) -> None:
    problems = [
        Problem(place, f"there is no {what} {name!r}", ", ".join(known), nearest(name, known))
        for name in names
        if name not in known
    ]
    refuse_all(problems)
