"""The figures of chapter 4 of the dissertation, drawn from what is worked out."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.studies.school_buses.school_day import STRATEGIES
from hmesh.runs.studies.school_buses.sensitivity import (
    BATTERIES_KWH,
    REQUIRED_MWH,
    STUDIED,
    over_input,
    satisfaction_of,
)
from hmesh.runs.studies.source_figures import HOUR, draw_lines
from hmesh.runs.studies.study_parts import SourceFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hmesh.runs.studies.school_buses.study import BusStudy

SEASON_FIGURES = {"4.2": "winter", "4.3": "spring", "4.4": "fall"}
QUANTITIES = {
    "price": "price [USD/kWh]",
    "energy": "energy sold [MWh]",
    "saving": "reduction of the additional cost [%]",
}
BEYOND_KWH = (260, 280, 300)

type Draw = Callable[["BusStudy", "Figure"], None]


def school_bus_figures() -> tuple[SourceFigure, ...]:
    """Return the figures of the chapter that can be drawn."""
    seasons = (
        SourceFigure(number, f"demand of a day in {season} under four strategies", _season(season))
        for number, season in SEASON_FIGURES.items()
    )
    first = 5
    varied = []
    for key, head, _ in STUDIED:
        for quantity in QUANTITIES:
            caption = f"{quantity} over the {head}"
            varied.append(SourceFigure(f"4.{first}", caption, _varied(key, quantity)))
            first += 1
    return (
        *seasons,
        *varied,
        SourceFigure("4.14", "payoff of a school over the size of a battery", _batteries),
    )


def _season(season: str) -> Draw:
    def draw(shared: "BusStudy", figure: "Figure") -> None:
        days = shared.days[season]
        lines = {name: days[name].demand_kwh / 1e3 for name in STRATEGIES}
        draw_lines(figure, np.arange(24), lines, HOUR, "demand of the utility [MWh/h]")

    return draw


def _varied(key: str, quantity: str) -> Draw:
    def draw(shared: "BusStudy", figure: "Figure") -> None:
        head, values, found = over_input(key)
        lines = {
            f"{required} MWh required": [found[value, required][quantity] for value in values]
            for required in REQUIRED_MWH
        }
        draw_lines(figure, values, lines, head, QUANTITIES[quantity])

    return draw


def _batteries(shared: "BusStudy", figure: "Figure") -> None:
    sizes = (*BATTERIES_KWH, *BEYOND_KWH)
    lines = {
        f"{name}, {required} MWh": [
            satisfaction_of(float(size), required, from_empty=origin) for size in sizes
        ]
        for name, origin in (("as printed", False), ("energy from empty", True))
        for required in (REQUIRED_MWH[0], REQUIRED_MWH[-1])
    }
    draw_lines(figure, sizes, lines, "battery [kWh]", "payoff of a school [USD]")
