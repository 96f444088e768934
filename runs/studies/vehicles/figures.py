"""The figures of chapters 5 and 6 of the dissertation, drawn from what is simulated."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.studies.source_figures import draw_bars
from hmesh.runs.studies.study_parts import SourceFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hmesh.runs.studies.vehicles.study import VehicleStudy

NAMES = {"typical": "typical", "two_level": "2LV", "three_level": "3OEP"}


def vehicle_figures() -> tuple[SourceFigure, ...]:
    """Return the figures of the chapters that can be drawn."""
    return (
        SourceFigure("5.7", "bill of all vehicles under three strategies", _bills),
        SourceFigure("6.1", "reductions of the three schemes, published and simulated", _summary),
    )


def _bills(shared: "VehicleStudy", figure: "Figure") -> None:
    bars = {
        label: [days[strategy].totals.sums["ev_bill"] / 1e3 for strategy in NAMES]
        for label, days in (("exact", shared.exact), ("closed forms", shared.formulas))
    }
    draw_bars(figure, list(NAMES.values()), bars, "strategy", "bill of a day [1000 JPY]")


def _summary(shared: "VehicleStudy", figure: "Figure") -> None:
    from hmesh.runs.studies.published_figures import published_figures
    from hmesh.runs.studies.school_buses.study import BusStudy, found_by_accounting
    from hmesh.runs.studies.smart_homes.study import HomeStudy
    from hmesh.runs.studies.smart_homes.study import found_of as found_of_homes

    school = published_figures("school_buses")
    found = {
        **shared.found,
        **found_of_homes(HomeStudy().days),
        **found_by_accounting(school, BusStudy().days),
    }
    figures = [f for study in ("smart_home", "vehicles") for f in published_figures(study)]
    published = {(f.item, f.metric): f.value for f in (*figures, *school)}
    cells = {
        "eNMES: loss,\nMPFA below SPFA": ("MPFA vs SPFA", "energy loss reduction"),
        "eNMES: loss,\nshifted below SPFA/S": (
            "MPFA with shifting vs SPFA/S winter", "energy loss reduction",
        ),
        "ePMES: bill of\nschools, fall": ("OEP fall", "school bill reduction vs CAU"),
        "ePMES: peak to\naverage, winter": (
            "OEP winter", "peak-to-average ratio reduction vs CAU",
        ),
        "eFMES: peak\nto average": ("3OEP vs typical", "PAR reduction"),
        "eFMES: bill\nof vehicles": ("3OEP vs typical", "EV bill reduction"),
    }  # fmt: skip
    bars = {
        "published": np.array([published[cell] for cell in cells.values()]),
        "simulated": np.array([found[cell] for cell in cells.values()]),
    }
    axes = draw_bars(figure, list(cells), bars, "", "reduction [%]")
    axes.tick_params(axis="x", labelsize="x-small")
