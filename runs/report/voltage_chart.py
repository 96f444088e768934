"""The lowest voltage of the grid, where a run was solved with alternating current."""

import numpy as np

from hmesh.runs.pictures.figure_layout import strategy_colour
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.chart import ALL, Chart, Trace, course, limits
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name


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
    traces: list[Trace] = []
    for strategy, values in zip(data.strategies, lowest, strict=True):
        colour = strategy_colour(data.strategies, strategy)
        traces += course(data, strategy_label(strategy), values, colour, meta="")
    step, s, node = np.unravel_index(np.nanargmin(voltage), voltage.shape)
    finding = (
        f"{strategy_name(data.strategies[int(s)])} lowers the voltage at {nodes[int(node)]} to "
        f"{100 * float(voltage[step, s, node]):.1f} % of the nominal one, "
        f"{data.timeline.clock(int(step))}"
    )
    notes = (data.timeline.note_with_range, "alternating current, solved after the run")
    return Chart(
        "voltages", "Lowest voltage", {ALL: capital(finding)}, {ALL: traces},
        "voltage over the nominal one [-]", limits([lowest], zero=False),
        "; ".join(filter(None, notes)),
    )  # fmt: skip
