"""What a run leaves behind: its folder, written so that it is whole or resumable at any moment."""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from environment.errors import InputError, Problem
from runs.results.buffer import TableBuffer
from runs.results.run_reader import read_run
from runs.results.safe_files import beside, sha256, sync, unwritable, write_json
from runs.results.tables import SCHEMA, TABLES, arrow_schema, tables_with

if TYPE_CHECKING:
    from runs.scenarios.scenario import Scenario

# Few enough that memory and checkpoints stay small, many enough that a file reads as fast.
ROWS_PER_PART = 2**15


class ResultsWriter:
    """Writes the folder of a run.

    Rows are gathered and written in parts; at the end the parts of a table become one file. A
    run that was interrupted and resumed writes the same files, byte for byte.

    Parameters
    ----------
    directory
        The folder of the run, made by `create`.
    scenario
        The scenario of the run.

    Attributes
    ----------
    resolved
        The scenario as plain data, as run.json tells it.
    tables
        The tables that the run fills.
    """

    def __init__(self, directory: Path, scenario: "Scenario") -> None:
        self.directory = directory
        self.scenario = scenario
        self.resolved = scenario.resolved()
        self.tables = tables_with(scenario.schemes)
        self._schemas = {table: arrow_schema(table, scenario.time_zone) for table in self.tables}
        self._buffers = {
            table: TableBuffer(table, columns, _start_ms(scenario))
            for table, columns in TABLES.items()
            if table in self.tables
        }
        self._parts = dict.fromkeys(self.tables, 0)
        self._digests = dict.fromkeys(self.tables, "")

    @classmethod
    def create(cls, directory: Path, scenario: "Scenario") -> Self:
        """Make the folder of a new run.

        Parameters
        ----------
        directory
            A folder that is not there yet or is empty.
        scenario
            The scenario of the run.

        Raises
        ------
        InputError
            When the folder holds something already or cannot be made.
        """
        refuse_used(directory)
        writer = cls(directory, scenario)
        try:
            writer._parts_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(directory, error) from None
        writer.save_progress(0, 0.0)
        return writer

    @classmethod
    def resume(cls, directory: Path) -> Self:
        """Open the folder of an unfinished run; `restore` then takes over its rows.

        Raises
        ------
        InputError
            When it holds no run, or a finished one.
        """
        from runs.scenarios.scenario import Scenario

        run = read_run(directory)
        if run.info["status"] == "complete":
            raise InputError([Problem(str(directory), "this run is complete; nothing is left")])
        return cls(directory, Scenario.from_resolved(run.info["scenario"]))

    @property
    def checkpoints(self) -> Path:
        """Where the state of the run is kept."""
        return self.directory / "checkpoint"

    @property
    def _parts_folder(self) -> Path:
        return self.checkpoints / "parts"

    def add(self, table: str, columns: Mapping[str, Any]) -> None:
        """Append rows to a table.

        Parameters
        ----------
        table
            The name of the table.
        columns
            For every column an array, a list or one value for all rows; for names also `Coded`;
            for times the hours since the start of the run. NaN and None are empty.

        Raises
        ------
        ValueError
            When the run has no such table, or the columns are not those of the table.
        """
        if table not in self._buffers:
            raise ValueError(
                f"the run has no table {table!r}: it belongs among the tables of its scheme"
            )
        buffer = self._buffers[table]
        buffer.add(columns)
        if buffer.rows >= ROWS_PER_PART:
            self._flush(table)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs, for a checkpoint."""
        return {
            table: {"parts": self._parts[table], "digest": self._digests[table], **buffer.state()}
            for table, buffer in self._buffers.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`; parts written after it are dropped.

        Raises
        ------
        InputError
            When a part written before it is missing or damaged.
        """
        problems = []
        for table, buffer in self._buffers.items():
            held = state[table]
            self._parts[table] = held["parts"]
            self._digests[table] = held["digest"]
            buffer.restore(held)
            digest = ""
            for part in self._part_paths(table):
                digest = _chained(digest, sha256(part))
            if digest != held["digest"]:
                message = f"the rows of {table} written so far are damaged"
                problems.append(Problem(str(self._parts_folder), message, "a new run"))
        if problems:
            raise InputError(problems)
        kept = {path for table in self.tables for path in self._part_paths(table)}
        for path in set(self._parts_folder.iterdir()) - kept:
            path.unlink()

    def save_progress(self, steps_done: int, wall_seconds: float) -> None:
        """Write run.json for a run that is not finished."""
        self._write_info("interrupted", steps_done, wall_seconds, {})

    def finish(self, summary: Mapping[str, Any], wall_seconds: float) -> None:
        """Write every table, summary.json and run.json, and drop the checkpoint.

        Parameters
        ----------
        summary
            What the run comes to, in plain data.
        wall_seconds
            How long the run took [s].
        """
        digests = {}
        for table in self.tables:
            path = self.directory / f"{table}.parquet"
            self._put_together(table, path)
            digests[path.name] = sha256(path)
        path = self.directory / "summary.json"
        write_json(path, _sorted(summary), one_of_many=True)
        digests[path.name] = sha256(path)
        sync(self.directory)
        self._write_info("complete", self.scenario.steps, wall_seconds, digests)
        _remove(self.checkpoints)

    def _flush(self, table: str) -> None:
        """Write the rows of a table that were gathered as a part."""
        import pyarrow.parquet as pq

        buffer = self._buffers[table]
        path = self._part_path(table, self._parts[table])
        rows = buffer.arrow(self._schemas[table])
        with beside(path) as new:
            pq.write_table(rows, new, row_group_size=rows.num_rows, **_encoding(table))
        self._parts[table] += 1
        self._digests[table] = _chained(self._digests[table], sha256(path))
        buffer.clear()

    def _put_together(self, table: str, path: Path) -> None:
        """Write the parts of a table, and the rows gathered after the last, as one file."""
        import pyarrow.parquet as pq

        schema, buffer = self._schemas[table], self._buffers[table]
        with (
            beside(path, one_of_many=True) as new,
            pq.ParquetWriter(new, schema, **_encoding(table)) as writer,
        ):
            for part in self._part_paths(table):
                with pq.ParquetFile(part) as file:
                    for group in range(file.num_row_groups):
                        rows = file.read_row_group(group)
                        writer.write_table(rows, row_group_size=rows.num_rows)
            if buffer.rows:
                writer.write_table(buffer.arrow(schema), row_group_size=buffer.rows)

    def _part_path(self, table: str, number: int) -> Path:
        return self._parts_folder / f"{table}-{number:06d}.parquet"

    def parts_until(self, table: str, number: int) -> Iterator[Path]:
        """Return the files of the first parts of a table."""
        return (self._part_path(table, part) for part in range(number))

    def _part_paths(self, table: str) -> Iterator[Path]:
        return self.parts_until(table, self._parts[table])

    def _write_info(
        self,
        status: Literal["complete", "interrupted"],
        steps_done: int,
        wall_seconds: float,
        digests: Mapping[str, str],
    ) -> None:
        scenario = self.scenario
        info: dict[str, Any] = {
            "schema": SCHEMA,
            "status": status,
            "steps_done": steps_done,
            "steps_total": scenario.steps,
            "wall_seconds": round(wall_seconds, 3),
            "start": scenario.start,
            "step_h": scenario.step_h,
            "time_zone": scenario.time_zone,
            "currency": scenario.currency,
            "seed": scenario.seed,
            "scenario": self.resolved,
            "versions": _versions(),
        }
        if digests:
            info["sha256"] = dict(digests)
        write_json(self.directory / "run.json", info)


def refuse_used(directory: Path) -> None:
    """Refuse a folder for a new run that holds something already."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise InputError([Problem(str(directory), "is a file", "a new or empty folder")])
    if next(directory.iterdir(), None) is None:
        return
    message = "holds something already"
    if (directory / "run.json").is_file():
        message = f"holds a run already; an unfinished one goes on with hmesh resume {directory}"
    raise InputError([Problem(str(directory), message, "a new or empty folder")])


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def _encoding(table: str) -> dict[str, Any]:
    """Return how a table is written: a dictionary of measured numbers costs time and saves none."""
    names = [column.name for column in TABLES[table] if column.kind != "number"]
    return {"compression": "zstd", "use_dictionary": names}


def _start_ms(scenario: "Scenario") -> int:
    from zoneinfo import ZoneInfo

    start = datetime.fromisoformat(scenario.start).replace(tzinfo=ZoneInfo(scenario.time_zone))
    return round(start.timestamp() * 1000)


@cache
def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("hmesh", "numpy", "mesa", "simpy", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _chained(digest: str, next_digest: str) -> str:
    return hashlib.sha256(f"{digest}{next_digest}".encode()).hexdigest()


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    sync(folder.parent)
