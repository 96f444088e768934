"""The folder of a run, written so that it is complete or resumable at any moment."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import (
    beside,
    own_entries,
    own_folder,
    refuse_link,
    remove_own,
    sha256,
    sync,
    write_json,
)
from hmesh.runs.interruptions import held
from hmesh.runs.results.buffer import TableBuffer
from hmesh.runs.results.checkpoint import not_resumable
from hmesh.runs.results.contract import SCHEMA
from hmesh.runs.results.names import CHECKPOINT_FILES, PART_FILES, RUN_FILES
from hmesh.runs.results.new_folder import refuse_used
from hmesh.runs.results.result_tables import TABLES, arrow_schema, tables_of
from hmesh.runs.results.road_lines import ROADS_FILE
from hmesh.runs.results.run_folder import RunFolder, read_folder, statements
from hmesh.runs.results.run_plugins import changed_plugins
from hmesh.runs.results.table_bounds import refuse_large_part
from hmesh.runs.results.versions import resumed_with, versions_now

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario

# Few enough that memory and checkpoints stay small, many enough that a file reads as fast.
ROWS_PER_PART = 2**15
_CHECKPOINTS = "checkpoint"


class ResultsWriter:
    """Writes the folder of a run.

    Rows are gathered and written in parts; at the end the parts of a table become one file. A
    run that was interrupted and resumed writes the same files, byte for byte.

    Parameters
    ----------
    directory : Path or str
        The folder of the run, made by `create`.
    scenario : Scenario
        The scenario of the run.
    before : RunFolder, optional
        The run as it was left, where it is resumed.

    Attributes
    ----------
    resolved : dict
        The scenario as plain data, as run.json states it.
    tables : tuple of str
        The tables that the run fills.
    finished : bool
        Whether all results are written.
    """

    def __init__(
        self, directory: Path | str, scenario: "Scenario", before: RunFolder | None = None
    ) -> None:
        from hmesh.runs.scenarios.resolved_scenario import scenario_hash

        self.directory = Path(directory)
        self.scenario = scenario
        self.resolved = scenario.resolved()
        self._scenario_sha256 = scenario_hash(self.resolved)
        self._versions = versions_now() if before is None else before.info["versions"]
        self._resumed_with = [] if before is None else resumed_with(before.info)
        self._changed_plugins = {} if before is None else changed_plugins(before.info, scenario)
        self.tables = tables_of(scenario)
        self._schemas = {table: arrow_schema(table, scenario.time_zone) for table in self.tables}
        self._buffers = {
            table: TableBuffer(table, columns, _start_ms(scenario))
            for table, columns in TABLES.items()
            if table in self.tables
        }
        self._parts = dict.fromkeys(self.tables, 0)
        self._digests = dict.fromkeys(self.tables, "")
        self.finished = False

    @classmethod
    def create(cls, directory: Path | str, scenario: "Scenario") -> Self:
        """Make the folder of a new run.

        Parameters
        ----------
        directory : Path or str
            A folder that is not there yet or is empty.
        scenario : Scenario
            The scenario of the run.

        Raises
        ------
        InputError
            When the folder holds something already or cannot be made.
        """
        directory = Path(directory)
        refuse_used(directory)
        writer = cls(directory, scenario)
        own_folder(directory, make=True)
        # First of all, for from it alone the run can be resumed.
        writer.save_progress(0, 0.0)
        writer.begin()
        return writer

    @classmethod
    def resume(cls, directory: Path | str) -> Self:
        """Open the folder of an unfinished run; `restore` then takes over its rows.

        Raises
        ------
        InputError
            When it holds no run, a finished one, one whose run.json is damaged, or files and links
            that no run made where a run removes its own.
        """
        run = read_folder(directory)
        if run.complete:
            raise InputError([Problem(str(directory), "this run is complete; nothing is left")])
        writer = cls(run.directory, run.scenario, run)
        for path in run.directory.iterdir():
            if RUN_FILES.fullmatch(path.name):
                refuse_link(path)
        own_entries(writer.checkpoints, CHECKPOINT_FILES)
        return writer

    @property
    def checkpoints(self) -> Path:
        """Where the state of the run is kept."""
        return self.directory / _CHECKPOINTS

    @property
    def _parts_folder(self) -> Path:
        return self.checkpoints / "parts"

    def begin(self) -> None:
        """Make the folder of the rows of a run that has no checkpoint yet.

        Raises
        ------
        InputError
            When it cannot be made.
        """
        own_folder(self.directory, "checkpoint", "parts", make=True)

    def add(self, table: str, columns: Mapping[str, Any]) -> None:
        """Append rows to a table.

        Parameters
        ----------
        table : str
            The name of the table.
        columns : mapping
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
            When the state is none of this run, a part written before it is missing or damaged, or
            something else lies among the parts; nothing is dropped then.
        """
        self.take_over(state)
        self.drop_later_parts()

    def drop_later_parts(self) -> None:
        """Remove the parts that were written after the state that was taken over.

        Raises
        ------
        InputError
            When something else lies among the parts; nothing is removed then.
        """
        kept = {path for table in self.tables for path in self._part_paths(table)}
        folder = own_folder(self.directory, "checkpoint", "parts", make=True)
        for path in set(own_entries(folder, PART_FILES)) - kept:
            path.unlink()

    def take_over(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`, and change nothing on the disk.

        Raises
        ------
        InputError
            When the state is none of this run, or a part written before it is missing or damaged.
        """
        own_folder(self.directory, "checkpoint", "parts")
        problems = []
        for table, buffer in self._buffers.items():
            try:
                held = state[table]
                digest, parts = held["digest"], held["parts"]
                if type(parts) is not int or parts < 0:
                    raise ValueError(f"{parts!r} is no number of parts")
                buffer.restore(held)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                message = f"the state of {table} is not what a run writes ({error})"
                problems.append(not_resumable(self.checkpoints, message))
                continue
            if not isinstance(digest, str) or digest != _digest_of(self.parts_until(table, parts)):
                message = f"the rows of {table} written so far are damaged"
                problems.append(not_resumable(self._parts_folder, message))
            else:
                # Who repairs digests may have put parts there that fill the memory.
                for part in self.parts_until(table, parts):
                    refuse_large_part(part)
            self._parts[table], self._digests[table] = parts, digest
        if problems:
            raise InputError([problem for error in problems for problem in error.problems])

    def rows(self, table: str) -> int:
        """Return how many rows a table has so far."""
        import pyarrow.parquet as pq

        written: list[int] = [pq.read_metadata(part).num_rows for part in self._part_paths(table)]
        return sum(written) + self._buffers[table].rows

    def save_progress(self, steps_done: int, wall_seconds: float) -> None:
        """Write run.json for a run that is not finished."""
        self._write_info("interrupted", steps_done, wall_seconds, {})

    def finish(self, summary: Mapping[str, Any], wall_seconds: float) -> None:
        """Write every table, summary.json and run.json, and drop the checkpoint.

        Parameters
        ----------
        summary : mapping
            The outcome of the run, in plain data.
        wall_seconds : float
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
        if (path := self.directory / ROADS_FILE).is_file():
            digests[path.name] = sha256(path)
        sync(self.directory)
        with held():
            self._write_info("complete", self.scenario.steps, wall_seconds, digests)
            self.finished = True
            remove_checkpoints(self.directory)

    def _flush(self, table: str) -> None:
        """Write the rows of a table that were gathered as a part."""
        import pyarrow.parquet as pq

        buffer = self._buffers[table]
        path = self._part_path(table, self._parts[table])
        rows = buffer.arrow(self._schemas[table])
        with beside(path) as new:
            pq.write_table(rows, new, row_group_size=rows.num_rows, **encoding(table))
        self._parts[table] += 1
        self._digests[table] = chained(self._digests[table], sha256(path))
        buffer.clear()

    def _put_together(self, table: str, path: Path) -> None:
        """Write the parts of a table, and the rows gathered after the last, as one file."""
        import pyarrow.parquet as pq

        schema, buffer = self._schemas[table], self._buffers[table]
        with (
            beside(path, one_of_many=True) as new,
            pq.ParquetWriter(new, schema, **encoding(table)) as writer,
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
            "wall_seconds": round(wall_seconds, 3),
            **statements(scenario),
            "scenario": self.resolved,
            "scenario_sha256": self._scenario_sha256,
            "versions": self._versions,
        }
        if self._resumed_with:
            info["resumed_with"] = self._resumed_with
        if self._changed_plugins:
            info["changed_plugins"] = self._changed_plugins
        if digests:
            info["sha256"] = dict(digests)
        write_json(self.directory / "run.json", info)


def remove_checkpoints(directory: Path) -> None:
    """Remove what only an unfinished run needs; what hMESH did not write stays."""
    remove_own(directory / _CHECKPOINTS, CHECKPOINT_FILES, keep_others=True)
    sync(directory)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def encoding(table: str) -> dict[str, Any]:
    """Return how a table is written: a dictionary of measured numbers costs time and saves none."""
    names = [column.name for column in TABLES[table] if column.kind != "number"]
    return {"compression": "zstd", "use_dictionary": names}


def _start_ms(scenario: "Scenario") -> int:
    from zoneinfo import ZoneInfo

    start = datetime.fromisoformat(scenario.start).replace(tzinfo=ZoneInfo(scenario.time_zone))
    return round(start.timestamp() * 1000)


def _digest_of(parts: Iterator[Path]) -> str | None:
    """Return the digest of parts in their order; none of parts that are not there."""
    digest = ""
    for part in parts:
        if not part.is_file():
            return None
        digest = chained(digest, sha256(part))
    return digest


def chained(digest: str, next_digest: str) -> str:
    """Return the digest of parts and one that follows them."""
    return hashlib.sha256(f"{digest}{next_digest}".encode()).hexdigest()
