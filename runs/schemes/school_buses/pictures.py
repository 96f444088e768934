"""School buses: what they charge and sell, and the price that is paid for it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import DUST_KWH, anything, highest
from hmesh.runs.number_text import counted, texts_apart
from hmesh.runs.pictures.figure_layout import (
    ALIKE,
    BAND,
    INK,
    Drawing,
    draw_area,
    draw_course,
    energy_text,
    legend_area,
    legend_line,
    panel_title,
    power_unit,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHARGING, SELLING = "#88CCEE", "#CC6677"


def draw_bus_power(data: RunData) -> Drawing:
    """Draw what school buses charge (up) and deliver (down), a panel for each strategy."""
    charging = data.paid_power_kw("school_charging", "payer", "schools").sum(axis=1)
    selling = data.paid_power_kw("incentive", "payee", "schools").sum(axis=1)
    if not (anything(charging) or anything(selling)):
        return Drawing("No power of school buses to draw: they neither charged nor sold")
    size, unit = power_unit(np.stack((charging, selling)))
    entries = [
        legend_area("charging", CHARGING),
        legend_area("sold to the utility", SELLING),
        legend_area("critical hours of the forecast", BAND),
    ]
    finding = _power_finding(data)
    figure, panels = sheet(
        finding, (len(data.strategies), 1), 1.7, entries, sharey=True, left_in=1.05,
        note=data.timeline.note,
    )  # fmt: skip
    highest = data.timeline.mean(charging).max() / size
    lowest = data.timeline.mean(selling).max() / size
    margin = 0.07 * (highest + lowest)
    for row, strategy in enumerate(data.strategies):
        axes, edges = panels[row, 0], data.timeline.edges_h
        _shade_critical(axes, data)
        nothing = np.zeros(len(edges) - 1)
        draw_area(
            axes, edges, nothing, data.timeline.mean(charging[row]) / size, facecolor=CHARGING
        )
        draw_area(axes, edges, -data.timeline.mean(selling[row]) / size, nothing, facecolor=SELLING)
        axes.axhline(0.0, color=INK, lw=0.8)
        panel_title(axes, strategy_label(strategy), strategy_colour(data.strategies, strategy))
        axes.set_ylabel(f"power [{unit}]\n\u2190 sold   charged \u2192")
        axes.set_ylim(-lowest - margin * (lowest > 0), highest + margin)
        data.timeline.dress(axes, 13, lowest=row == len(data.strategies) - 1)
    return Drawing(finding, figure)


def draw_incentives(data: RunData) -> Drawing:
    """Draw what was paid for sold energy beside what the system's energy cost."""
    sold = data.paid_power_kw("incentive", "payee", "schools").sum(axis=1)
    amount = data.paid_amount("incentive")
    trading = [row for row in range(len(data.strategies)) if anything(sold[row])]
    if not trading:
        return Drawing("No incentive prices to draw: schools sold nothing")
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(sold > DUST_KWH, amount / (sold * data.step_h), np.nan)
    retail = data.hours("utility_price")[:, 0]
    entries = [
        legend_line("paid to schools for what they sell", INK, marker="o", ms=4, ls=""),
        legend_line("retail price", INK, lw=1.3, ls=(0, (3, 1.5))),
    ]
    row = trading[-1]
    name, bill = data.strategies[row], price[row][np.isfinite(price[row])]
    range_of = dict.fromkeys(texts_apart([float(bill.min()), float(bill.max())], 2, ALIKE))
    unit = "hour" if data.step_h == 1.0 else "step"
    finding = (
        f"Under {strategy_name(name)} schools are paid {' to '.join(range_of)} "
        f"{data.currency}/kWh for the energy of {counted(int(np.count_nonzero(sold[row])), unit)}"
    )
    figure, panels = sheet(finding, (len(trading), 1), 1.9, entries, sharey=True)
    for place, row in enumerate(trading):
        axes, strategy = panels[place, 0], data.strategies[row]
        colour = strategy_colour(data.strategies, strategy)
        middle = (np.arange(data.steps) + 0.5) * data.step_h
        axes.plot(middle, price[row], ls="", marker="o", ms=3.5, color=colour)
        draw_course(axes, data.timeline, retail[row], INK, lw=1.0, ls=(0, (3, 1.5)))
        panel_title(axes, strategy_label(strategy), colour)
        axes.set_ylabel(f"price [{data.currency}/kWh]")
        axes.set_ylim(0.0, 1.08 * max(float(np.nanmax(price)), float(retail.max())))
        data.timeline.dress(axes, 13, lowest=place == len(trading) - 1)
    return Drawing(finding, figure)


def _shade_critical(axes: "Axes", data: RunData) -> None:
    """Shade the steps whose demand, without school buses, is above the base."""
    if data.timeline.block:
        return
    for step in np.flatnonzero(_critical(data)).tolist():
        axes.axvspan(step * data.step_h, (step + 1) * data.step_h, color=BAND, lw=0, zorder=0)


def demand_kw(data: RunData) -> NDArray[np.float64]:
    """Return the demand that the utility sees when it asks schools, shape (strategies, steps).

    School buses are not part of it, nor are vehicles, which act after them.
    """
    seen = data.hours("net_kwh") + data.hours("school_bus_kwh") - data.hours("ev_kwh")
    demand: NDArray[np.float64] = seen.sum(axis=1) / data.step_h
    return demand


def base_kw(data: RunData) -> NDArray[np.float64]:
    """Return the demand above which hours are critical, shape (steps,)."""
    rules = data.scenario["school_buses"]["critical"]
    if rules["base_kw"] is not None:
        return np.full(data.steps, float(rules["base_kw"]))
    demand, days = demand_kw(data)[0], data.timeline.calendar.days_of(0, data.steps)
    peaks = np.array([demand[days == day].max() for day in range(days[-1] + 1)])
    return float(rules["share_of_peak"]) * np.asarray(peaks[days], dtype=np.float64)


def _critical(data: RunData) -> NDArray[np.bool_]:
    """Return the steps in which any strategy required energy, shape (steps,)."""
    return np.asarray(demand_kw(data)[0] > base_kw(data))


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
    """Tell how much schools sell, or what they charge."""
    sold = {name: float(data.total(name, "school_sold_kwh")) for name in data.strategies}
    most = highest(sold, lambda name: sold[name])
    if not anything(sold[most]):
        charged = float(data.total(most, "school_charged_kwh"))
        return f"School buses charge {energy_text(charged)} and sell nothing"
    required = energy_text(float(data.total(most, "required_kwh")))
    covered = covered_kwh(data, most)
    told = f"under {strategy_name(most)} school buses sell {energy_text(sold[most])}"
    if covered < (1.0 - 1e-9) * sold[most]:
        told += f" and so cover {energy_text(covered)}"
    return capital(
        f"{told} of the {required} by which demand stands above the base in critical hours"
    )
