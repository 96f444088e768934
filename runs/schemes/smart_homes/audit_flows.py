"""The rows of flows between devices of homes, put into arrays for an audit."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import (
    Columns,
    DamagedTableError,
)


class FlowRows:
    """The rows of home_flows of one group, each taken once."""

    def __init__(
        self, rows: Columns, ends: list[str], inputs: RunInputs, first: int, homes: int
    ) -> None:
        self.rows, self.ends = rows, ends
        self.shape = (inputs.steps, len(inputs.strategies), homes)
        self.first = first
        if (rows["energy_kwh"] <= 0.0).any():
            raise DamagedTableError("home_flows", "there is a flow that is not above 0")
        if ((rows["step"] < 0) | (rows["step"] >= inputs.steps)).any():
            raise DamagedTableError("home_flows", "there is a flow outside the run")

    def between(self, sources: list[str], targets: list[str]) -> FloatArray:
        """Return the flows between some devices, shape (..., sources, targets)."""
        sizes = (*self.shape, len(sources), len(targets))
        of_source, of_target = (
            np.array([ends.index(name) if name in ends else -1 for name in self.ends])
            for ends in (sources, targets)
        )
        source, target = of_source[self.rows["source"]], of_target[self.rows["target"]]
        here = (source >= 0) & (target >= 0)
        place = np.ravel_multi_index(
            (
                self.rows["step"][here],
                self.rows["strategy"][here],
                self.rows["home"][here] - self.first,
                source[here],
                target[here],
            ),
            sizes,
        )
        if np.unique(place).size < place.size:
            raise DamagedTableError("home_flows", "a flow is stated twice")
        flat = np.zeros(int(np.prod(sizes)))
        flat[place] = self.rows["energy_kwh"][here]
        self.rows = {name: values[~here] for name, values in self.rows.items()}
        return flat.reshape(sizes)

    def check_empty(self) -> None:
        """Refuse flows along no line."""
        if len(self.rows["step"]):
            raise DamagedTableError("home_flows", "a flow goes along no line of its home")
