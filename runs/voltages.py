"""A finished run solved again with alternating current: voltages, losses and loading."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.ac_power_flow import (
    missing_for_ac,
    refuse_without_extra,
    solve_ac,
)
from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.environment.grid_plan import GridPlan
from hmesh.environment.safe_files import beside, sha256
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.timeline import Timeline
from hmesh.runs.results.result_tables import arrow_schema
from hmesh.runs.results.run_reader import Run, read_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.world.city_grid import grid_plan_of

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Voltages:
    """What alternating current does on the grid of a run.

    Attributes
    ----------
    strategies : tuple of str
        Their names, in the order of the arrays.
    nodes, lines : tuple of str
        Names of the nodes and lines of the grid, without connections.
    voltage : array, shape (steps, strategies, nodes)
        Over the nominal one [-]; NaN without a solution.
    losses_kwh, loading : array, shape (steps, strategies, lines)
        Of every line with alternating current [kWh], [-].
    tree_losses_kwh, tree_loading : array
        As the run had them, of the same shape.
    timeline : Timeline
        Names the steps.
    """

    strategies: tuple[str, ...]
    nodes: tuple[str, ...]
    lines: tuple[str, ...]
    voltage: FloatArray
    losses_kwh: FloatArray
    loading: FloatArray
    tree_losses_kwh: FloatArray
    tree_loading: FloatArray
    timeline: Timeline

    def lowest(self, strategy: int) -> tuple[float, str, str] | None:
        """Return the lowest voltage, its node and its time; None where no step has a solution."""
        voltage = self.voltage[:, strategy]
        if np.isnan(voltage).all():
            return None
        step, node = np.unravel_index(np.nanargmin(voltage), voltage.shape)
        where, when = self.nodes[int(node)], self.timeline.clock(int(step))
        return float(voltage[step, node]), where, when

    def unsolved(self, strategy: int) -> int:
        """Return how many steps have no solution."""
        return int(np.isnan(self.voltage[:, strategy]).any(axis=1).sum())

    def __rich__(self) -> "Table":
        """Return the strategies side by side."""
        from rich.text import Text

        from hmesh.runs.wide_table import WideTable

        table = WideTable()
        table.add_column("")
        for strategy in self.strategies:
            table.add_column(strategy_label(strategy), justify="right")
        for label, cells in self._rows():
            table.add_row(Text(label), *map(Text, cells))
        return table

    def _rows(self) -> list[tuple[str, list[str]]]:
        every = range(len(self.strategies))
        lowest = [self.lowest(s) for s in every]
        with np.errstate(invalid="ignore"):
            highest = [float(np.nanmax(self.voltage[:, s], initial=0.0)) for s in every]
            loading = [float(np.nanmax(self.loading[:, s], initial=0.0)) for s in every]
        return [
            ("lowest voltage [-]", [f"{each[0]:.4f}" if each else "-" for each in lowest]),
            ("  at", [each[1] if each else "-" for each in lowest]),
            ("  when", [each[2] if each else "-" for each in lowest]),
            ("highest voltage [-]", [f"{value:.4f}" if value else "-" for value in highest]),
            ("highest loading, alternating current [%]", [f"{100 * v:,.1f}" for v in loading]),
            (
                "highest loading, tree [%]",
                [f"{100 * float(self.tree_loading[:, s].max(initial=0.0)):,.1f}" for s in every],
            ),
            (
                "losses, alternating current [kWh]",
                [f"{float(np.nansum(self.losses_kwh[:, s])):,.1f}" for s in every],
            ),
            (
                "losses, tree [kWh]",
                [f"{float(self.tree_losses_kwh[:, s].sum()):,.1f}" for s in every],
            ),
            ("steps without a solution", [f"{self.unsolved(s):,}" for s in every]),
        ]


def solve_voltages(directory: Path | str, power_factor: float = 1.0) -> Voltages:
    """Solve every step of a finished run with alternating current, and write its tables.

    Everybody takes in a step the mean power that `lines.parquet` brings to their connection.

    Parameters
    ----------
    directory : Path or str
        The folder of the run; `voltages.parquet` and `ac_lines.parquet` are written there.
    power_factor : float, optional
        Active over apparent power of all that is drawn, above 0 to 1; what is fed in has 1.

    Raises
    ------
    InputError
        If the extra ``grid`` is missing, the run is not finished, or its grid lacks voltages,
        resistances or reactances.
    """
    if not 0 < power_factor <= 1:
        message = f"{power_factor:g} is not a power factor"
        raise InputError([Problem("--power-factor", message, "above 0 to 1")])
    refuse_without_extra()
    run = read_run(directory)
    plan = _plan(run)
    data = RunData(run)
    names = ["line", "received_kwh", "losses_kwh", "loading"]
    rows = run.table("lines", names)
    count = rows.num_rows // (data.steps * len(data.strategies))
    lines = [str(name) for name in rows.column("line").slice(0, count).to_pylist()]
    shape = (data.steps, len(data.strategies), count)
    held = {name: rows.column(name).to_numpy().reshape(shape) for name in names[1:]}
    active_kw = _power_at_nodes(plan, lines, held["received_kwh"]) / data.step_h
    drawn = np.maximum(active_kw, 0.0)
    reactive = drawn * math.tan(math.acos(power_factor))
    flat = (-1, len(plan.nodes))
    flows = solve_ac(plan, active_kw.reshape(flat), reactive.reshape(flat))
    own = [lines.index(name) for name in flows.lines]
    steps = shape[:2]
    found = Voltages(
        data.strategies, flows.nodes, flows.lines,
        flows.voltage_pu.reshape(*steps, -1),
        flows.losses_kw.reshape(*steps, -1) * data.step_h,
        flows.loading.reshape(*steps, -1),
        held["losses_kwh"][:, :, own], held["loading"][:, :, own], data.timeline,
    )  # fmt: skip
    _write(run, found)
    return found


def _plan(run: Run) -> GridPlan:
    scenario = Scenario.from_resolved(run.info["scenario"])
    digests = run.info["scenario"].get("files", {}).get("sha256", {})
    for file in scenario.grid_files():
        path = scenario.path_of(file)
        if not path.is_file() or sha256(path) != digests.get(file):
            message = "is gone or has changed since the run"
            raise InputError([Problem(str(path), message, "the file that the run read")])
    plan = grid_plan_of(scenario)
    needed = "grid.lines or grid.file with voltages, resistances and reactances"
    if plan is None:
        message = "the run has a feeder to each community, without voltages and impedances"
        raise InputError([Problem(str(run.directory), message, needed)])
    refuse_all(missing_for_ac(plan))
    return plan


def _power_at_nodes(plan: GridPlan, lines: list[str], received: FloatArray) -> FloatArray:
    """Return what connections take at each node of the plan, shape (steps, strategies, nodes)."""
    number = {name: index for index, name in enumerate(plan.nodes)}
    own = {line.name for line in plan.lines}
    taken = np.zeros((*received.shape[:2], len(number)))
    for index, name in enumerate(lines):
        if name not in own:
            taken[:, :, number[name.partition(" - ")[0]]] += received[:, :, index]
    return taken


def _write(run: Run, found: Voltages) -> None:
    """Write the tables of the results, their rows ordered by step, strategy, and node or line."""
    steps = len(found.voltage)
    _write_table(run, "voltages", steps, found, found.nodes, "node", {"voltage": found.voltage})
    numbers = {"losses_kwh": found.losses_kwh, "loading": found.loading}
    _write_table(run, "ac_lines", steps, found, found.lines, "line", numbers)


def _write_table(
    run: Run, table: str, steps: int, found: Voltages, names: tuple[str, ...], key: str,
    numbers: Mapping[str, FloatArray],
) -> None:  # fmt: skip
    import pyarrow as pa
    import pyarrow.parquet as pq

    strategies = len(found.strategies)
    of_strategy = np.repeat(np.arange(strategies), len(names))
    columns: dict[str, Any] = {
        "step": np.repeat(np.arange(steps), strategies * len(names)),
        "strategy": _named(found.strategies, np.tile(of_strategy, steps)),
        key: _named(names, np.tile(np.arange(len(names)), steps * strategies)),
    }
    for name, values in numbers.items():
        columns[name] = pa.array(values.ravel(), mask=np.isnan(values.ravel()))
    schema = arrow_schema(table, run.info["time_zone"])
    with beside(run.directory / f"{table}.parquet") as new:
        pq.write_table(pa.table(columns, schema=schema), new, compression="zstd")


def _named(names: tuple[str, ...], codes: NDArray[np.intp]) -> Any:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names))
