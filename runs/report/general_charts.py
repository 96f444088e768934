"""The charts that every run has, whichever schemes take part: loads, prices and lines."""

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH, anything, first_highest, highest
from hmesh.runs.pictures.chart import INK, QUIET, Chart, Series, layers, of_strategies
from hmesh.runs.pictures.figure_layout import group_colour
from hmesh.runs.pictures.line_loading import loading_chart
from hmesh.runs.pictures.load import system_chart
from hmesh.runs.pictures.local_energy import local_energy_chart, local_price_charts
from hmesh.runs.pictures.prices_and_charging import prices
from hmesh.runs.pictures.quantity_text import energy_text, power_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.voltage_chart import voltage_chart
from hmesh.runs.results.result_tables import TABLES

# The parts of a load in the order in which they are stacked; others follow.
_PART_COLOURS = {
    "fixed_load_kwh": QUIET,
    "generation_kwh": "#E69F00",
    "home_storage_kwh": "#009E73",
    "shared_storage_kwh": "#56B4E9",
    "school_bus_kwh": "#CC79A7",
    "ev_kwh": "#0072B2",
}
_NO_PARTS = ("net_kwh", "unserved_kwh")
_SINGULAR = ("generation_kwh", "shared_storage_kwh")
_PART_NAMES = {
    "fixed_load_kwh": "homes and buildings",
    "generation_kwh": "generation",
    "home_storage_kwh": "batteries of homes and buildings",
    "shared_storage_kwh": "shared storage",
    "school_bus_kwh": "school buses",
    "ev_kwh": "electric vehicles",
}


def general_charts(data: RunData) -> list[Chart]:
    """Return the charts of loads, prices and lines; homes without a grid have none of them."""
    priced = prices(data) if anything(data.hours("net_kwh")) else None
    charts = (system_chart(data), _communities(data), _parts(data), priced, loading_chart(data))
    local = (local_energy_chart(data), *local_price_charts(data))
    found = [*charts, voltage_chart(data), *local]
    return [chart for chart in found if isinstance(chart, Chart)]


def _communities(data: RunData) -> Chart | None:
    net = data.grouped(data.power_kw("net_kwh"))
    if len(data.groups) == 1 or not anything(net):
        return None

    def of(s: int, _: str) -> tuple[str, list[Series]]:
        most = first_highest(net[s].max(axis=1))
        when = data.timeline.clock(first_highest(net[s, most]))
        finding = (
            f"the highest peak is that of {data.groups[most].name}, "
            f"{power_text(net[s, most].max())}, {when}"
        )
        return finding, [
            Series(group.name, net[s, n], group_colour(n)) for n, group in enumerate(data.groups)
        ]

    return Chart(
        data, "communities", "Load of the communities", what="load", unit="kW",
        **of_strategies(data, of),
    )  # fmt: skip


def _parts(data: RunData) -> Chart | None:
    """Show what the load of all communities is made of, where it is more than its fixed part."""
    names = [
        column.name
        for column in TABLES["hours"]
        if column.name.endswith("_kwh") and column.name not in _NO_PARTS
    ]
    parts = {name: data.power_kw(name).sum(axis=1) for name in names}
    # What school buses discharge is shown as positive, and is not drawn.
    parts["school_bus_kwh"] = -parts["school_bus_kwh"]
    parts = {name: values for name, values in parts.items() if anything(values)}
    if len(parts) < 2:
        return None
    net = data.power_kw("net_kwh").sum(axis=1)

    def of(s: int, _: str) -> tuple[str, list[Series]]:
        series = [
            layer
            for name, values in parts.items()
            for layer in layers(_called(name), values[s], _PART_COLOURS.get(name, "#999933"))
        ]
        drawn = Series("drawn from the utility", net[s], INK, width=1.6)
        return _largest_part(parts, s, data.step_h), [*series, drawn]

    return Chart(
        data, "parts", "Parts of the load", what="load", unit="kW", **of_strategies(data, of)
    )


def _largest_part(parts: dict[str, FloatArray], s: int, step_h: float) -> str:
    """State what the largest part of a load takes or gives beside the fixed one."""
    others = {name: values[s] for name, values in parts.items() if name != "fixed_load_kwh"}
    most = highest(others, lambda name: abs(float(others[name].sum())))
    energy = float(others[most].sum()) * step_h
    if not anything(energy):
        return f"{_called(most)}: nothing taken or given in all"
    verb = "take" if energy > 0 else "give"
    ending = "s" if most in _SINGULAR else ""
    both = others[most].min() < -DUST_KWH and others[most].max() > DUST_KWH
    less = ", what comes back subtracted" if both else ""
    return f"{_called(most)} {verb}{ending} {energy_text(abs(energy))} in all{less}"


def _called(name: str) -> str:
    return _PART_NAMES.get(name, name.removesuffix("_kwh").replace("_", " "))
