"""The hours of a run as arrays, and as a dataset of xarray."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.runs.results.result_tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from hmesh.runs.results.run_reader import Run


def cubes(run: "Run") -> dict[str, dict[str, FloatArray]]:
    """Return the numbers of hours and lines by step, strategy and community or line.

    Returns
    -------
    dict
        By table and column, arrays of shape (steps, strategies, communities) or (..., lines).

    Raises
    ------
    InputError
        When a table cannot be read, or its rows are not those of the run.
    """
    found = {}
    strategies = run.info["scenario"]["strategies"]
    for table, by in (("hours", "community"), ("lines", "line")):
        rows = run.table(table)
        width = _width(run, table, rows, by)
        numbers = [c.name for c in TABLES[table] if c.kind == "number"]
        # Rows are in the order of steps, strategies, and communities or lines.
        shape = (run.info["steps_total"], len(strategies), width)
        found[table] = {
            name: np.array(rows.column(name).to_numpy(), dtype=np.float64).reshape(shape)
            for name in numbers
        }
    return found


def _width(run: "Run", table: str, rows: "pa.Table", by: str) -> int:
    """Return how many communities or lines each step and strategy has, in the order of the first.

    Raises
    ------
    InputError
        When rows are missing, too many or in another order.
    """
    steps, strategies = run.info["steps_total"], run.info["scenario"]["strategies"]
    keys = {
        name: np.asarray(rows.column(name).to_pandas(), dtype=object)
        for name in ("step", "strategy", by)
    }
    leading = (keys["step"] == 0) & (keys["strategy"] == strategies[0])
    names = keys[by][leading]
    message = f"its {rows.num_rows:,} rows are not one of every step, strategy and {by}"
    allowed = f"those of {steps:,} steps and {len(strategies)} strategies in their order"
    refused = InputError([Problem(str(run.directory / f"{table}.parquet"), message, allowed)])
    # What run.json states may be more than any memory holds.
    if rows.num_rows != steps * len(strategies) * len(names):
        raise refused
    due = {
        "step": np.repeat(np.arange(steps), len(strategies) * len(names)),
        "strategy": np.tile(np.repeat(np.array(strategies, object), len(names)), steps),
        by: np.tile(names, steps * len(strategies)),
    }
    if not all(np.array_equal(keys[name], values) for name, values in due.items()):
        raise refused
    return len(names)


@dataclass(frozen=True)
class HoursOfRun:
    """The numbers of hours.parquet by time, strategy and community.

    Attributes
    ----------
    run : Run
        The run.
    """

    run: "Run"

    def arrays(self) -> Mapping[str, FloatArray]:
        """Return each column of numbers, of shape (steps, strategies, communities)."""
        return cubes(self.run)["hours"]

    def to_xarray(self) -> Any:
        """Return a dataset with the dimensions time, strategy and community, units as attributes.

        Returns
        -------
        xarray.Dataset
            Times are those of UTC, as xarray knows no time zones.

        Raises
        ------
        InputError
            If xarray, of the extra ``arrays``, is not installed, or rows are not those of the run.
        """
        from hmesh.environment.extras import optional

        xarray = optional("xarray", "arrays", "to_xarray")
        arrays = self.arrays()
        rows = self.run.table("hours", ["time", "strategy", "community"]).to_pydict()
        axes = {name: list(dict.fromkeys(rows[name])) for name in ("strategy", "community")}
        every = len(axes["strategy"]) * len(axes["community"])
        times = np.array(
            [int(at.timestamp()) for at in rows["time"][::every]], dtype="datetime64[s]"
        )
        meant = {column.name: column for column in TABLES["hours"]}
        dims = ("time", "strategy", "community")
        return xarray.Dataset(
            {
                name: (
                    dims,
                    values,
                    {"units": meant[name].unit, "long_name": meant[name].description},
                )
                for name, values in arrays.items()
            },
            coords={"time": times.astype("datetime64[ns]"), **axes},
            attrs={"title": self.run.info["scenario"]["name"]},
        )
