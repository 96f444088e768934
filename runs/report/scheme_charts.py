"""Which charts each scheme adds to those that every run has."""

from collections.abc import Callable

from runs.pictures.run_data import RunData
from runs.report.chart import Chart
from runs.report.general_charts import general_charts


def _of_vehicles(data: RunData) -> list[Chart]:
    from runs.report.vehicle_charts import vehicle_charts

    return vehicle_charts(data)


# A function for each scheme that has charts of its own, imported when it takes part.
CHARTS_OF: dict[str, Callable[[RunData], list[Chart]]] = {"vehicles": _of_vehicles}


def charts(data: RunData) -> list[Chart]:
    """Return the charts of a run: those of every run, then those of the schemes that take part."""
    found = general_charts(data)
    for scheme in data.schemes:
        if scheme in CHARTS_OF:
            found += CHARTS_OF[scheme](data)
    return found
