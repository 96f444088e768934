"""The chart of the lamps."""

from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.chart import Chart, course
from street_lights.pictures import finding, lights_kw


def light_charts(data: RunData) -> list[Chart]:
    """Return the chart of the power of all lamps."""
    told = dict.fromkeys(data.strategies, finding(data))
    traces = {
        name: course(data, "street lights", power, "#0072B2", meta="kW")
        for name, power in zip(data.strategies, lights_kw(data), strict=True)
    }
    return [Chart("street_lights", "Street lights", told, traces, "power [kW]")]
