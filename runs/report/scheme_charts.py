"""The charts of a run: those that every run has, and those that schemes add."""

from hmesh.runs.pictures.chart import Chart
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.general_charts import general_charts
from hmesh.runs.schemes.registry import scheme


def charts(data: RunData) -> list[Chart]:
    """Return the charts of a run: those of every run, then those of the schemes that take part."""
    found = general_charts(data)
    for name in data.schemes:
        found += scheme(name).part("charts")(data)
    return found
