"""The charts of school buses: the load they shave, what they charge, sell and are paid."""

from dataclasses import replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH, anything, first_lowest, highest
from hmesh.environment.number_words import counted
from hmesh.runs.number_text import texts_apart
from hmesh.runs.pictures.chart import INK, QUIET, Chart, Series, balance, compared, of_strategies
from hmesh.runs.pictures.chart_figure import draw_charts
from hmesh.runs.pictures.figure_layout import Drawing, Part
from hmesh.runs.pictures.quantity_text import ALIKE, energy_text, power_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.step_sums import StepSums
from hmesh.runs.strategy_names import capital, strategy_name

CHARGING, SELLING = "#88CCEE", "#CC6677"
STORED = "#009E73"


def school_bus_charts(data: RunData) -> list[Chart]:
    """Return the charts of school buses, as far as the run recorded them."""
    schools = StepSums(data, "schools", ["stored_kwh", "average_price"])
    found = [_shaved(data), bus_power(data)]
    if anything(_sold_kw(data)):
        found += [_critical_hours(data), incentives(data)]
    if schools.strategies:
        found.append(_stored(data, schools))
    return [chart for chart in found if isinstance(chart, Chart)]


def _sold_kw(data: RunData) -> FloatArray:
    """Return what school buses sell, shape (strategies, steps)."""
    return data.paid_power_kw("incentive", "payee", "schools").sum(axis=1)


def _shaved(data: RunData) -> Chart:
    without, base = demand_kw(data), base_kw(data)
    buses = data.power_kw("school_bus_kwh").sum(axis=1)

    def of(s: int, colour: str) -> tuple[str, list[Series]]:
        served = without[s] - buses[s]
        finding = (
            f"the highest load is {power_text(served.max())} with school buses, "
            f"{power_text(without[s].max())} without; critical are "
            f"{np.count_nonzero(without[s] > base):,} of {data.steps:,} steps"
        )
        return finding, [
            Series("without school buses", without[s], QUIET, "area"),
            Series("with school buses", served, colour),
            Series("critical above", base, INK, width=1.4, dashed=True, spread=False),
        ]

    chart = Chart(
        data, "school_load", "Load with and without school buses", what="load", unit="kW",
        zero=False, **of_strategies(data, of),
    )  # fmt: skip
    begins = chart.limits is None or chart.limits[0] == 0
    return replace(chart, note="" if begins else "the vertical axis does not begin at zero")


def bus_power(data: RunData) -> Chart | Drawing:
    """Return what school buses charge (up) and deliver (down), strategy by strategy."""
    charged = data.paid_power_kw("school_charging", "payer", "schools").sum(axis=1)
    sold = _sold_kw(data)
    findings = {}
    for s, strategy in enumerate(data.strategies):
        energies = [float(power[s].sum()) * data.step_h for power in (charged, sold)]
        lines = [energy_text(energy) for energy in energies]
        findings[strategy] = f"school buses charge {lines[0]} and sell " + (
            lines[1] if energies[1] else "nothing"
        )
    chart = balance(
        data, "school_power", "Charging and sales of school buses", findings,
        [Part("charged", charged, CHARGING)], [Part("sold to the utility", sold, SELLING)],
        finding=_power_finding(data), panel_in=1.7, sides="\u2190 sold   charged \u2192",
    )  # fmt: skip
    if chart is None:
        return Drawing("No power of school buses to draw: they neither charged nor sold")
    if data.timeline.block or chart.limits is None:
        return chart
    # Behind them the steps whose demand, without school buses, is above the base.
    size = chart.scale[0]
    low, high = (np.full(data.steps, size * end) for end in chart.limits)
    up_to = np.where(demand_kw(data)[0] > base_kw(data), high, low)
    name = "critical hours of the forecast"
    shade = Series(name, up_to, QUIET, "area", low, opacity=0.6, in_tooltip=False)
    series = {name: [shade, *held] for name, held in chart.series.items()}
    return replace(chart, series=series, range=chart.limits)


def _critical_hours(data: RunData) -> Chart:
    sold, above = _sold_kw(data), np.maximum(demand_kw(data) - base_kw(data), 0.0)

    def of(s: int, colour: str) -> tuple[str, list[Series]]:
        given, required = (
            float(data.total(data.strategies[s], key))
            for key in ("school_sold_kwh", "required_kwh")
        )
        finding = (
            f"school buses sell {energy_text(given) if given else 'nothing'}; demand exceeds "
            f"the base by {energy_text(required)}"
        )
        return finding, [
            Series("demand above the base", above[s], QUIET, "area"),
            Series("sold by school buses", sold[s], colour),
        ]

    return Chart(
        data, "school_critical", "Energy sold in critical hours", what="power", unit="kW",
        **of_strategies(data, of),
    )  # fmt: skip


def incentives(data: RunData) -> Chart | Drawing:
    """Return what is paid for sold energy beside the retail price and what stored energy cost."""
    sold = _sold_kw(data)
    trading = [row for row in range(len(data.strategies)) if anything(sold[row])]
    if not trading:
        return Drawing("No incentive prices to draw: schools sold nothing")
    with np.errstate(divide="ignore", invalid="ignore"):
        price = data.paid_amount("incentive") / (sold * data.step_h)
        paid = np.where(sold > DUST_KWH, price, np.nan)
    schools = StepSums(data, "schools", ["stored_kwh", "average_price"])
    retail, cost = data.hours("utility_price")[:, 0], schools.mean("average_price")
    unit = f"{data.currency}/kWh"

    def of(s: int, colour: str) -> tuple[str, list[Series]]:
        series = [Series("retail price", retail[s], INK, width=1.4, dashed=True, spread=False)]
        if schools.strategies:
            held = Series("cost of stored energy", cost[s], STORED, width=1.4, spread=False)
            series.append(held)
        known = paid[s][np.isfinite(paid[s])]
        if not known.size:
            return "schools sell nothing", series
        finding = (
            f"schools are paid {known.min():,.2f} to {known.max():,.2f} {unit} in "
            f"{known.size:,} steps"
        )
        return finding, [*series, Series("paid to schools", paid[s], colour, "points")]

    row = trading[-1]
    bill = paid[row][np.isfinite(paid[row])]
    range_of = dict.fromkeys(texts_apart([float(bill.min()), float(bill.max())], 2, ALIKE))
    step = "hour" if data.step_h == 1.0 else "step"
    finding = (
        f"Under {strategy_name(data.strategies[row])} schools are paid {' to '.join(range_of)} "
        f"{unit} for the energy of {counted(int(np.count_nonzero(sold[row])), step)}"
    )
    return Chart(
        data, "school_prices", "Price paid to schools", what="price", unit=unit, finding=finding,
        panel_in=1.9, **of_strategies(data, of),
    )  # fmt: skip


def draw_incentives(data: RunData) -> Drawing:
    """Draw what is paid for sold energy under the strategies under which any is sold."""
    chart = incentives(data)
    if isinstance(chart, Drawing):
        return chart
    traded = {name: held for name, held in chart.series.items() if held[-1].kind == "points"}
    return draw_charts([replace(chart, series=traded)])


def _stored(data: RunData, schools: StepSums) -> Chart:
    stored = schools.of("stored_kwh")
    lowest = first_lowest(stored.min(axis=1))
    step = first_lowest(stored[lowest])
    recorded = data.scenario["record"]["schools"]
    count = sum(group["schools"] for group in data.scenario["school_buses"]["groups"])
    few = isinstance(recorded, int) and recorded < count
    return compared(
        data, "school_stored", "Energy in the school buses",
        f"the least is {energy_text(stored[lowest, step])} under "
        f"{strategy_name(data.strategies[lowest])}, {data.timeline.clock(step)}",
        dict(zip(data.strategies, stored, strict=True)), "kWh",
        note=f"the first {recorded:,} of {count:,} schools" if few else "",
    )  # fmt: skip


def demand_kw(data: RunData) -> FloatArray:
    """Return the demand that the utility sees when it asks schools, shape (strategies, steps).

    School buses are not part of it, nor are vehicles, which act after them.
    """
    seen = data.hours("net_kwh") + data.hours("school_bus_kwh") - data.hours("ev_kwh")
    demand: FloatArray = seen.sum(axis=1) / data.step_h
    return demand


def base_kw(data: RunData) -> FloatArray:
    """Return the demand above which hours are critical, shape (steps,)."""
    rules = data.scenario["school_buses"]["critical"]
    if rules["base_kw"] is not None:
        return np.full(data.steps, float(rules["base_kw"]))
    demand, days = demand_kw(data)[0], data.timeline.calendar.days_of(0, data.steps)
    peaks = np.array([demand[days == day].max() for day in range(days[-1] + 1)])
    return float(rules["share_of_peak"]) * np.asarray(peaks[days], dtype=np.float64)


def covered_kwh(data: RunData, strategy: str) -> float:
    """Return how much of the demand above the base is met by what schools sell [kWh].

    Where the utility buys without a cap, schools may sell more than is required in one hour and
    less in another.
    """
    row = data.strategies.index(strategy)
    sold = data.paid_power_kw("incentive", "payee", "schools")[row].sum(axis=0)
    required = np.maximum(demand_kw(data)[row] - base_kw(data), 0.0)
    return float(np.minimum(sold, required).sum()) * data.step_h


def _power_finding(data: RunData) -> str:
    """State how much schools sell, or what they charge."""
    sold = {name: float(data.total(name, "school_sold_kwh")) for name in data.strategies}
    most = highest(sold, lambda name: sold[name])
    if not anything(sold[most]):
        charged = float(data.total(most, "school_charged_kwh"))
        return f"School buses charge {energy_text(charged)} and sell nothing"
    required = energy_text(float(data.total(most, "required_kwh")))
    covered = covered_kwh(data, most)
    lines = f"under {strategy_name(most)} school buses sell {energy_text(sold[most])}"
    if covered < (1.0 - 1e-9) * sold[most]:
        lines += f" and so cover {energy_text(covered)}"
    return capital(f"{lines} of the {required} by which demand exceeds the base in critical hours")
