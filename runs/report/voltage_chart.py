"""The lowest voltage of the grid, where a run was solved with alternating current."""

import numpy as np

from hmesh.runs.pictures.chart import ALL, Chart, lines
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_name


def voltage_chart(data: RunData) -> Chart | None:
    """Return the lowest voltage step by step; None where `hmesh voltages` did not solve the run."""
    if not (data.run.complete and (data.run.directory / "voltages.parquet").is_file()):
        return None
    rows = data.run.table("voltages", ["node", "voltage"])
    voltage = rows.column("voltage").to_numpy().reshape(data.steps, len(data.strategies), -1)
    nodes = rows.column("node").slice(0, voltage.shape[2]).to_pylist()
    if np.isnan(voltage).all():
        return None
    lowest = np.fmin.reduce(voltage, axis=2).T
    step, s, node = np.unravel_index(np.nanargmin(voltage), voltage.shape)
    finding = (
        f"{strategy_name(data.strategies[int(s)])} lowers the voltage at {nodes[int(node)]} to "
        f"{100 * float(voltage[step, s, node]):.1f} % of the nominal one, "
        f"{data.timeline.clock(int(step))}"
    )
    courses = dict(zip(data.strategies, lowest, strict=True))
    return Chart(
        data, "voltages", "Lowest voltage", {ALL: capital(finding)}, {ALL: lines(data, courses)},
        "voltage over the nominal one [-]", note="alternating current, solved after the run",
        zero=False,
    )  # fmt: skip
