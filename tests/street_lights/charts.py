"""The chart of the lamps, which is their picture too."""

from hmesh.environment.arrays import FloatArray
from hmesh.runs.pictures.chart import Chart, Series
from hmesh.runs.pictures.run_data import RunData


def lights_kw(data: RunData) -> FloatArray:
    """Return what the lamps draw, shape (strategies, steps) [kW]."""
    rows = data.run.table("lights", ["drawn_kwh"]).column("drawn_kwh").to_numpy()
    return rows.reshape(data.steps, len(data.strategies)).T / data.step_h


def lights(data: RunData) -> Chart:
    """Return the power of all lamps."""
    finding = f"Street lights draw at most {lights_kw(data).max():,.1f} kW"
    series = {
        name: [Series("street lights", power, "#0072B2")]
        for name, power in zip(data.strategies, lights_kw(data), strict=True)
    }
    return Chart(
        data, "street_lights", "Street lights", dict.fromkeys(series, finding), series,
        "power", "kW", finding=finding,
    )  # fmt: skip


def light_charts(data: RunData) -> list[Chart]:
    """Return the charts of the report."""
    return [lights(data)]
