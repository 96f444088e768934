"""Shared batteries: representative days, what a capacity is worth, and where it stands."""

import numpy as np

from hmesh.environment.last_digits import DUST_KWH, anything, descending, lowest, settled
from hmesh.environment.number_words import counted
from hmesh.environment.streams import Streams
from hmesh.markets.battery_sizing import Sizing
from hmesh.markets.representative_days import representative_days
from hmesh.runs.pictures.figure_layout import (
    INK,
    Drawing,
    draw_line,
    legend_line,
    panel_title,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.quantity_text import energy_text, percents, power_unit
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.schemes.battery_sharing.picture_data import BatteryData
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name, verb

DAYS_SHOWN = 4
POINTS = 41
FULL, FREE = "#882255", "#44AA99"
SHARED, OWN = "#0072B2", "#D55E00"


def draw_representative_days(data: RunData) -> Drawing:
    """Draw the load of the days that stand for all others, a line for each strategy."""
    battery = BatteryData(data)
    loads = battery.of_days(data.hours("net_kwh").sum(axis=1)) / data.step_h
    size, unit = power_unit(loads)
    if not battery.whole:
        return Drawing("No representative days to draw: the run holds no whole day")
    if not loads.any():
        return Drawing("No representative days to draw: no building draws any energy")
    first = loads[0]
    count = min(DAYS_SHOWN, len(np.unique(first, axis=0)))
    random = Streams(int(data.scenario["seed"])).generator("representative days")
    days = representative_days(first, count, random)
    order = descending(days.load_kwh.max(axis=1))
    finding = _what_is_left(data)
    entries = [
        legend_line(
            strategy_label(name), strategy_colour(data.strategies, name), lw=1.8, ls=_dash(name)
        )
        for name in data.strategies
    ]
    rows = (count + 1) // 2
    note = f"means of clusters of {counted(len(first), 'day')}, by principal components and K-means"
    starts = [battery.whole[int(days.typical_day[kind])].start for kind in order.tolist()]
    dates = [data.timeline.calendar.date_of(start) for start in starts]
    titles = [
        f"{counted(int(days.weight[kind]), 'day')} like {date:%a %d %b %Y}"
        for kind, date in zip(order.tolist(), dates, strict=True)
    ]
    figure, panels = sheet(
        finding, (rows, min(count, 2)), 2.2, entries, sharey=True, note=note, titles=titles,
        gap_in=0.62,
    )  # fmt: skip
    edges = np.arange(first.shape[1] + 1) * data.step_h
    for place, kind in enumerate(order.tolist()):
        axes = panels[divmod(place, panels.shape[1])]
        inside = days.cluster == kind
        for row, name in enumerate(data.strategies):
            colour = strategy_colour(data.strategies, name)
            mean = loads[row][inside].mean(axis=0) / size
            draw_line(axes, edges, mean, color=colour, lw=1.6, ls=_dash(name))
        panel_title(axes, titles[place])
        axes.set_xlim(0, 24)
        axes.set_xticks(range(0, 25, 4))
        axes.set_ylim(bottom=0)
        if place >= count - panels.shape[1]:
            axes.set_xlabel("hour of the day")
    for axes in panels[:, 0]:
        axes.set_ylabel(f"load [{unit}]")
    for axes in panels.flat[count:]:
        axes.set_visible(False)
    return Drawing(finding, figure)


def _what_is_left(data: RunData) -> str:
    """Return how much of the deviation within days the best batteries leave, and the smallest."""
    left = {
        name: float(data.total(name, "load_deviation_daily_rms_kwh")) for name in data.strategies
    }
    size = {name: float(data.total(name, "battery_capacity_kwh")) for name in data.strategies}
    before, there = (
        left[data.strategies[0]],
        [name for name in data.strategies if anything(size[name])],
    )
    if not there:
        return "The load of representative days"
    best, smallest = (lowest(there, by.__getitem__) for by in (left, size))
    if settled(left[best]) >= settled(before):
        return "The load of representative days"
    shares = percents([left[name] / before for name in there])
    share = dict(zip(there, shares, strict=True))
    text = (
        f"{strategy_name(best)} {verb(best, 'leaves')} {share[best]} of the deviation within days "
        f"with {energy_text(size[best])} of batteries"
    )
    if settled(size[smallest]) < settled(size[best]):
        text += f", {strategy_name(smallest)} {share[smallest]} with {energy_text(size[smallest])}"
    return capital(text)


def _dash(strategy: str) -> str | tuple[int, tuple[int, int]]:
    """Return the dashes of a line that often lies upon another."""
    return (0, (4, 2)) if strategy == "priced_battery" else "-"


def draw_deviation(data: RunData) -> Drawing:
    """Draw how uneven the load is with a common battery of any capacity, in both cycling modes."""
    battery = BatteryData(data)
    total = battery.of_days(data.hours("fixed_load_kwh")[0].sum(axis=0))
    if not battery.whole or not np.ptp(total):
        return Drawing(
            "No curve of capacities to draw: there is no whole day, or no load that varies"
        )
    sizing = {
        cycle: Sizing(battery.equipment, battery.windows, cycle) for cycle in ("full", "free")
    }
    best = float(sizing["full"].best_capacity_kwh(total[None], 1e-4)[0])
    used = float(battery.batteries["shared_capacity_kwh"].sum())
    capacity = np.linspace(0.0, max(2.5 * best, 1.3 * used, 1.0), POINTS)
    many = np.repeat(total[None], POINTS, axis=0)
    curves = {cycle: each.deviation_kwh(many, capacity) for cycle, each in sizing.items()}
    least = float(sizing["full"].deviation_kwh(total[None], np.array([best]))[0])
    finding = (
        f"With full cycles {energy_text(best)} level the load best; a larger battery that must "
        "cycle makes it uneven again, one that may rest does not"
        if anything(best)
        else "No battery that must cycle every day levels this load"
    )
    entries = [
        legend_line("full cycle every day", FULL, lw=1.8),
        legend_line("as much as helps", FREE, lw=1.8),
        legend_line("capacity of the run", INK, lw=1.0, ls=(0, (3, 1.5))),
    ]
    figure, panels = sheet(finding, (1, 1), 3.0, entries, left_in=1.0)
    axes = panels[0, 0]
    for cycle, colour in (("full", FULL), ("free", FREE)):
        axes.plot(capacity / 1e3, curves[cycle], color=colour, lw=1.8)
    axes.plot([best / 1e3], [least], marker="o", color=FULL, ms=6)
    if anything(used):
        axes.axvline(used / 1e3, color=INK, lw=1.0, ls=(0, (3, 1.5)))
    axes.set_xlabel("capacity of the common battery [MWh]")
    axes.set_ylabel("standard deviation\nof the load [kWh]")
    axes.set_xlim(0, capacity[-1] / 1e3)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    return Drawing(finding, figure)


def draw_capacities(data: RunData) -> Drawing:
    """Draw the capacity of every building against the lowest consumption of its days."""
    battery = BatteryData(data)
    found = battery.batteries
    if not battery.whole or not len(battery.load_kwh):
        return Drawing(
            "No capacities to draw: no building was recorded, or the run has no whole day"
        )
    recorded = slice(len(battery.load_kwh))
    shared, own = (found[name][recorded] for name in ("shared_capacity_kwh", "own_capacity_kwh"))
    daytime = battery.of_days(battery.load_kwh)[:, :, battery.windows.discharge]
    quietest = np.maximum(daytime, 0.0).sum(axis=2).min(axis=1)
    if not anything(quietest) or not (anything(shared) or anything(own)):
        return Drawing("No capacities to draw: there are no batteries, or no consumption")
    per_kwh = float(np.asarray(battery.equipment.given_kwh(1.0)))
    within = np.count_nonzero(shared <= 1.01 * quietest / per_kwh)
    finding = (
        f"{within:,} of {counted(len(shared), 'shared battery', 'shared batteries')} "
        f"{'is' if within == 1 else 'are'} "
        "no larger than what "
        f"{'its building uses on its' if len(shared) == 1 else 'their buildings use on their'} "
        "quietest day"
        if anything(shared)
        else "Batteries of each alone against what buildings use on their quietest day"
    )
    entries = [
        legend_line("shared", SHARED, marker="o", ms=5, ls=""),
        legend_line("each alone", OWN, marker="s", ms=4, ls=""),
        legend_line("lowest use / (depth of discharge x efficiency)", INK, lw=1.0),
    ]
    figure, panels = sheet(finding, (1, 1), 3.4, entries, left_in=1.0)
    axes = panels[0, 0]
    for size, colour, marker in ((own, OWN, "s"), (shared, SHARED, "o")):
        there = (size > DUST_KWH) & (quietest > DUST_KWH)
        axes.plot(quietest[there], size[there], ls="", marker=marker, ms=5, color=colour, alpha=0.8)
    line = np.array([quietest[quietest > DUST_KWH].min(), quietest.max()])
    axes.plot(line, line / per_kwh, color=INK, lw=1.0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("lowest consumption of a day in the discharge window [kWh]")
    axes.set_ylabel("capacity [kWh]")
    return Drawing(finding, figure)
