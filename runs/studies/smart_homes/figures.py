"""The figures of chapter 3 of the dissertation, drawn from what is simulated."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.studies.source_figures import HOUR, draw_lines
from hmesh.runs.studies.study_parts import SourceFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hmesh.runs.studies.smart_homes.study import HomeStudy

HOURS = np.arange(24)
_SEASONS = ("winter", "summer")


def smart_home_figures() -> tuple[SourceFigure, ...]:
    """Return the figures of the chapter that can be drawn."""
    return (
        SourceFigure("3.10", "generation of fuel cell and photovoltaics", _generation),
        SourceFigure("3.14", "supply and served loads hour by hour, winter", _hours("winter")),
        SourceFigure("3.15", "supply and served loads hour by hour, summer", _hours("summer")),
    )


def _generation(shared: "HomeStudy", figure: "Figure") -> None:
    winter, summer = (shared.days["SPFA/S", season].generation_kwh for season in _SEASONS)
    fuel_cell = int(np.argmax(winter[0]))
    lines = {
        "fuel cell": winter[:, fuel_cell],
        "photovoltaics, winter (fitted)": winter[:, 1 - fuel_cell],
        "photovoltaics, summer (fitted)": summer[:, 1 - fuel_cell],
    }
    draw_lines(figure, HOURS, lines, HOUR, "generation [kWh/h]", from_zero=True)


def _hours(season: str) -> Callable[["HomeStudy", "Figure"], None]:
    def draw(shared: "HomeStudy", figure: "Figure") -> None:
        lines = {"generated": shared.days["MPFA/SG", season].generation_kwh.sum(axis=1)}
        for name in ("SPFA/S", "MPFA/SG", "MPFA/SG+LS"):
            lines[f"served, {name}"] = shared.days[name, season].used_kwh.sum(axis=1)
        draw_lines(figure, HOURS, lines, HOUR, "energy [kWh/h]", from_zero=True)

    return draw
