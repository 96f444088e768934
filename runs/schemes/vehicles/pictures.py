"""Where the vehicles are, and how full their batteries are."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import first_highest
from hmesh.runs.pictures.figure_layout import (
    ROAD,
    Drawing,
    draw_area,
    group_colour,
    legend_area,
    legend_line,
    panel_title,
    percents,
    sheet,
    stack,
    strategy_colour,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.timeline import MEAN_DAY_FROM_H
from hmesh.runs.strategy_names import strategy_label, strategy_name

if TYPE_CHECKING:
    from matplotlib.artist import Artist

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


def draw_state_of_charge(data: RunData) -> Drawing:
    """Draw how the state of charge is spread over the vehicles, a panel for each strategy."""
    if data.vehicles == 0:
        return Drawing("No state of charge to draw: the scenario has no vehicles")
    if data.recorded == 0:
        return Drawing("No state of charge to draw: record.vehicles is none in the scenario")
    soc = data.timeline.mean(data.soc_quantiles(SHARES)) * 100
    edges = data.timeline.edges_h
    at_h = (edges[:-1] + edges[1:]) / 2 if data.timeline.block else edges[:-1]
    grey = "#666666"
    entries: list[Artist] = [
        legend_line("median", grey, lw=2),
        legend_area("middle half", grey, alpha=0.45),
        legend_area("5 % to 95 %", grey, alpha=0.18),
        legend_line("mean at the end", grey, marker="D", ms=6, ls="none"),
        legend_line("limits of charging", grey, lw=1, ls=(0, (4, 3))),
    ]
    finding = soc_finding(data)
    notes = [data.timeline.note] if data.timeline.note else []
    if data.recorded < data.vehicles:
        notes.append(f"bands of the first {data.recorded:,} of {data.vehicles:,} vehicles")
    figure, panels = sheet(
        finding, (len(data.strategies), 1), 2.0, entries, sharey=True, note="; ".join(notes)
    )
    limits = [100 * data.scenario["vehicles"][name] for name in ("soc_min", "soc_max")]
    for row, strategy in enumerate(data.strategies):
        axes, colour = panels[row, 0], strategy_colour(data.strategies, strategy)
        lowest, quarter, half, three_quarters, highest = soc[row]
        axes.fill_between(at_h, lowest, highest, color=colour, alpha=0.18, lw=0)
        axes.fill_between(at_h, quarter, three_quarters, color=colour, alpha=0.45, lw=0)
        axes.plot(at_h, half, color=colour, lw=2)
        end = 100 * data.total(strategy, "final_mean_soc")
        axes.plot(edges[-1], end, color=colour, marker="D", ms=6, clip_on=False, zorder=4)
        for limit in limits:
            axes.axhline(limit, color=grey, lw=1, ls=(0, (4, 3)))
        panel_title(axes, strategy_label(strategy), colour)
        axes.set_ylim(0, 100)
        axes.set_yticks(range(0, 101, 20))
        axes.set_ylabel("state of charge [%]")
        data.timeline.dress(axes, 13, lowest=row == len(data.strategies) - 1)
    return Drawing(finding, figure)


def draw_whereabouts(data: RunData) -> Drawing:
    """Draw how many vehicles are in every community and on the road."""
    if data.vehicles == 0:
        return Drawing("Nowhere to draw vehicles: the scenario has none")
    # Trips are the same under every strategy.
    present = data.grouped(data.hours("vehicles_present"))[0]
    where = np.vstack([present, data.there - present.sum(axis=0)])
    mean_day = data.timeline.span_h > MEAN_DAY_FROM_H
    edges = data.timeline.edges_h
    if mean_day:
        where, edges = data.timeline.mean_day(where), np.arange(25.0)
    colours = [group_colour(number) for number in range(len(data.groups))]
    entries = [
        legend_area(group.name, colour) for group, colour in zip(data.groups, colours, strict=True)
    ]
    cut_off = data.total(data.strategies[0], "counts").get("vehicles_cut_off", 0) > 0
    away = "on the road or cut off" if cut_off else "on the road"
    entries.append(legend_area(away, ROAD, hatch="////", edgecolor="#999999", lw=0))
    finding = road_finding(where[-1], where.sum(axis=0), away, mean_day, data)
    note = "mean of all days" if mean_day else ""
    figure, panels = sheet(finding, (1, 1), 3.4, entries, heading_in=0.12, note=note)
    axes = panels[0, 0]
    stack(axes, edges, where, [*colours, ROAD])
    road = {"facecolor": "none", "edgecolor": "#999999", "hatch": "////"}
    draw_area(axes, edges, where[:-1].sum(axis=0), where.sum(axis=0), **road)
    axes.set_ylim(0, data.vehicles)
    axes.set_ylabel("vehicles")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.get_major_locator().set_params(integer=True)
    if mean_day:
        axes.set_xlim(0, 24)
        axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
        axes.set_xlabel(f"clock hour ({data.timeline.calendar.zone.key})")
    else:
        data.timeline.dress(axes, 13)
    return Drawing(finding, figure)


def road_finding(
    road: NDArray[np.float64],
    there: NDArray[np.float64],
    away: str,
    mean_day: bool,
    data: RunData,
) -> str:
    """Tell when most vehicles are in no community."""
    most = first_highest(road)
    if road[most] == 0:
        return "No vehicle leaves its community"
    share = f"{road[most] / there[most]:.0%}".replace("%", " %")
    when = f"{most:02d}:00" if mean_day else data.timeline.clock(most)
    if len(road) == 1:
        return f"{share} of the vehicles are {away} in the only step"
    text = f"{share} of the vehicles are {away} at {when}; at no other time are there more"
    return f"On a mean day {text}" if mean_day else text


def soc_finding(data: RunData) -> str:
    """Tell how full the whole fleet ends under the last strategy against the first."""
    first, last = data.strategies[0], data.strategies[-1]
    begin, end = percents([float(data.total(name, "final_mean_soc")) for name in (first, last)])
    text = f"Batteries end {end} full on average under {strategy_name(last)}"
    return text + (f", {begin} under {strategy_name(first)}" if first != last else "")
