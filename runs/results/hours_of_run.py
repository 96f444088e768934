"""The hours of a run as arrays, and as a dataset of xarray."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.results.result_tables import TABLES

if TYPE_CHECKING:
    from hmesh.runs.results.run_reader import Run


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
        from hmesh.runs.results.exported import cubes

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
            If xarray is not installed; hMESH does not bring it.
        """
        import importlib

        from hmesh.environment.errors import InputError, Problem

        try:
            xarray = importlib.import_module("xarray")
        except ImportError:
            message = "the package xarray is not installed"
            raise InputError([Problem("to_xarray", message, "pip install xarray")]) from None
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
