"""The picture of the lamps."""

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.pictures.figure_layout import (
    Drawing,
    draw_course,
    legend_line,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import strategy_label


def lights_kw(data: RunData) -> NDArray[np.float64]:
    """Return what the lamps draw, shape (strategies, steps) [kW]."""
    rows = data.run.table("lights", ["drawn_kwh"]).column("drawn_kwh").to_numpy()
    return rows.reshape(data.steps, len(data.strategies)).T / data.step_h


def finding(data: RunData) -> str:
    """Return what the picture shows."""
    return f"Street lights draw at most {lights_kw(data).max():,.1f} kW"


def draw_lights(data: RunData) -> Drawing:
    """Draw the power of all lamps."""
    colours = [strategy_colour(data.strategies, name) for name in data.strategies]
    entries = [
        legend_line(strategy_label(name), colour)
        for name, colour in zip(data.strategies, colours, strict=True)
    ]
    figure, panels = sheet(finding(data), (1, 1), 2.0, entries, note=data.timeline.note)
    for power, colour in zip(lights_kw(data), colours, strict=True):
        draw_course(panels[0, 0], data.timeline, power, colour)
    panels[0, 0].set_ylabel("power [kW]")
    return Drawing(finding(data), figure)
