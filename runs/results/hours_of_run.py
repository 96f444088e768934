"""The hours of a run as arrays, and as a dataset of xarray."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.results.result_tables import TABLES

if TYPE_CHECKING:
    from hmesh.runs.results.run_reader import Run


def cubes(run: "Run") -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return the numbers of hours and lines by step, strategy and community or line.

    Returns
    -------
    dict
        By table and column, arrays of shape (steps, strategies, communities) or (..., lines).
    """
    found = {}
    for table, by in (("hours", "community"), ("lines", "line")):
        rows = run.table(table)
        steps = run.info["steps_total"]
        strategies = run.info["scenario"]["strategies"]
        numbers = [c.name for c in TABLES[table] if c.kind == "number"]
        # Rows are in the order of steps, strategies, and communities or lines.
        shape = (steps, len(strategies), -1)
        found[table] = {
            name: np.array(rows.column(name).to_numpy(), dtype=np.float64).reshape(shape)
            for name in numbers
        }
        width = next(iter(found[table].values())).shape[2]
        order = rows.slice(0, width * len(strategies)).select(["step", "strategy", by]).to_pydict()
        assert order["step"] == [0] * (width * len(strategies))
        assert order["strategy"] == [name for name in strategies for _ in range(width)]
    return found


@dataclass(frozen=True)
class HoursOfRun:
    """The numbers of hours.parquet by time, strategy and community.

    Attributes
    ----------
    run : Run
        The run.
    """

    run: "Run"

    def arrays(self) -> Mapping[str, NDArray[np.float64]]:
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
            If xarray, of the extra ``arrays``, is not installed.
        """
        from hmesh.environment.extras import optional

        xarray = optional("xarray", "arrays", "to_xarray")
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
                for name, values in self.arrays().items()
            },
            coords={"time": times.astype("datetime64[ns]"), **axes},
            attrs={"title": self.run.info["scenario"]["name"]},
        )
