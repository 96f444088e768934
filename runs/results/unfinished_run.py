"""The results of an interrupted run, as far as its last checkpoint goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.results.buffer import TableBuffer
from hmesh.runs.results.restored_state import restore_simulation
from hmesh.runs.results.result_tables import TABLES, arrow_schema
from hmesh.runs.results.resuming import resume_command, state_of
from hmesh.runs.results.run_reader import Run, read_run, rows_that_pass
from hmesh.runs.results.table_bounds import too_many_rows
from hmesh.runs.results.writer import ResultsWriter
from hmesh.runs.scenarios.scenario import Scenario

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class UnfinishedRun(Run):
    """The steps of an interrupted run that its last checkpoint holds; nothing is changed on disk.

    Attributes
    ----------
    directory : Path
        The folder.
    info : dict
        What run.json says, with the steps of the checkpoint as ``steps_total`` and those of the
        whole run as ``steps_planned``.
    """

    state: dict[str, Any] = field(repr=False)
    writer: ResultsWriter = field(repr=False)

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario of the whole run."""
        return self.writer.scenario

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The outcome of the run so far, strategy by strategy."""
        from hmesh.runs.world.account_figures import summaries
        from hmesh.runs.world.setting import make_setting
        from hmesh.runs.world.simulation import Simulation

        setting = make_setting(self.writer.scenario)
        simulations = []
        steps, states = self.info["steps_total"], self.state["strategies"]
        for strategy in self.writer.scenario.strategies:
            simulation = Simulation(setting, strategy)
            restore_simulation(simulation, steps, states, self.writer.checkpoints)
            simulations.append(simulation)
        return summaries(simulations)

    def table(
        self, name: str, columns: Sequence[str] | None = None, filters: Any = None
    ) -> "pa.Table":
        """Read the rows that a table has so far; see `Run.table`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = arrow_schema(name, self.info["time_zone"])
        wanted = list(schema.names if columns is None else columns)
        held = self.state["writer"].get(name)
        if held is None:
            path = self.directory / f"{name}.parquet"
            raise InputError([Problem(str(path), "the run writes no such table")])
        buffer = TableBuffer(name, TABLES[name], 0)
        buffer.restore(held)
        rest = buffer.arrow(schema)
        if filters is not None:
            rest = rest.filter(pq.filters_to_expression(filters))
        parts, rows = [], rest.num_rows
        for path in self.writer.parts_until(name, held["parts"]):
            whole = filters is None
            rows += pq.read_metadata(path).num_rows if whole else 0
            if not whole:
                parts.append(rows_that_pass(path, wanted, filters))
                rows += parts[-1].num_rows
            if message := too_many_rows(rows, len(wanted)):
                raise InputError([Problem(str(path), message)])
            if whole:
                parts.append(pq.read_table(path, columns=wanted))
        return pa.concat_tables([*parts, rest.select(wanted)]).unify_dictionaries()


def read_any_run(directory: Path | str) -> Run:
    """Open the folder of a run, or what an interrupted one has so far.

    Raises
    ------
    InputError
        When it holds no run, one that has no step yet, or one whose checkpoint is damaged.
    """
    run = read_run(directory)
    if run.complete:
        return run
    writer, steps, state = state_of(run.directory)
    if steps == 0:
        message = f"no step of the run is done yet; {resume_command(run.directory)}"
        raise InputError([Problem(str(run.directory), message)])
    stated = {"steps_total": steps, "steps_planned": run.info["steps_total"]}
    return UnfinishedRun(run.directory, run.info | stated, state, writer)
