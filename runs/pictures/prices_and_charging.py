"""Prices, and the energy that vehicles take and give at them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import first_highest
from hmesh.runs.number_text import texts_apart
from hmesh.runs.pictures.figure_layout import (
    ALIKE,
    BAND,
    INK,
    Drawing,
    draw_area,
    draw_course,
    energy_text,
    group_colour,
    legend_area,
    legend_line,
    panel_title,
    power_unit,
    sheet,
    stack,
    strategy_colour,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name

if TYPE_CHECKING:
    from matplotlib.artist import Artist


# Less than this share of what vehicles exchange is rounding of their answers.
ROUNDING = 1e-9


def draw_prices(data: RunData) -> Drawing:
    """Draw the price in every community and that of the utility, a panel for each strategy."""
    community, utility = data.hours("community_price"), data.hours("utility_price")[:, 0]
    if np.isnan(community).all():
        return Drawing("No prices to draw: no community was ever supplied")
    if not (np.nan_to_num(community).any() or utility.any()):
        return Drawing("No prices to draw: every price is zero")
    alone = [
        (number, group.members[0])
        for number, group in enumerate(data.groups)
        if len(group.members) == 1
    ]
    entries: list[Artist] = [
        legend_line(data.groups[number].name, group_colour(number), lw=2.2) for number, _ in alone
    ]
    if len(alone) < len(data.groups):
        entries.append(legend_area("lowest to highest of all communities", BAND))
    entries.append(legend_line("utility's price to the communities", INK, lw=1.3, ls=(0, (3, 1.5))))
    finding = price_finding(data, community)
    figure, panels = sheet(
        finding, (len(data.strategies), 1), 2.0, entries, sharey=True,
        note=data.timeline.note_with_range,
    )  # fmt: skip
    for row, strategy in enumerate(data.strategies):
        axes = panels[row, 0]
        if len(alone) < len(data.groups):
            lowest = data.timeline.mean(np.fmin.reduce(community[row]))
            highest = data.timeline.mean(np.fmax.reduce(community[row]))
            draw_area(axes, data.timeline.edges_h, lowest, highest, color=BAND)
        for number, m in alone:
            draw_course(axes, data.timeline, community[row, m], group_colour(number))
        draw_course(axes, data.timeline, utility[row], INK, lw=1.3, ls=(0, (3, 1.5)), zorder=3)
        panel_title(axes, strategy_label(strategy), strategy_colour(data.strategies, strategy))
        axes.set_ylabel(f"price [{data.currency}/kWh]")
        data.timeline.dress(axes, 13, lowest=row == len(data.strategies) - 1)
    axes.set_ylim(*_limits(np.concatenate([community, utility[:, None]], axis=1)))
    return Drawing(finding, figure)


def draw_charging(data: RunData) -> Drawing:
    """Draw what vehicles charge (up) and discharge (down) in every community."""
    if data.vehicles == 0:
        return Drawing("No charging to draw: the scenario has no vehicles")
    charging = data.grouped(data.vehicle_power_kw("vehicle_charging"))
    discharging = data.grouped(data.vehicle_power_kw("vehicle_discharging"))
    if not (charging.any() or discharging.any()):
        return Drawing("No charging to draw: no vehicle charged or discharged")
    size, unit = power_unit(charging.sum(axis=1))
    colours = [group_colour(number) for number in range(len(data.groups))]
    entries = [
        legend_area(group.name, colour) for group, colour in zip(data.groups, colours, strict=True)
    ]
    finding = charging_finding(data)
    figure, panels = sheet(
        finding, (len(data.strategies), 1), 2.1, entries, sharey=True, left_in=1.05,
        note=data.timeline.note,
    )  # fmt: skip
    for row, strategy in enumerate(data.strategies):
        axes = panels[row, 0]
        edges = data.timeline.edges_h
        stack(axes, edges, data.timeline.mean(charging[row]) / size, colours)
        stack(axes, edges, -data.timeline.mean(discharging[row]) / size, colours)
        axes.axhline(0.0, color=INK, lw=0.8)
        panel_title(axes, strategy_label(strategy), strategy_colour(data.strategies, strategy))
        axes.set_ylabel(f"power [{unit}]\n\u2190 discharging   charging \u2192")
        data.timeline.dress(axes, 13, lowest=row == len(data.strategies) - 1)
    highest = data.timeline.mean(charging.sum(axis=1)).max() / size
    lowest = data.timeline.mean(discharging.sum(axis=1)).max() / size
    margin = 0.07 * max(highest + lowest, 1e-9)
    axes.set_ylim(-lowest - margin * (lowest > 0), highest + margin)
    return Drawing(finding, figure)


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return limits of the axis that show all values, and zero where it is near."""
    lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
    span = max(highest - lowest, 0.1 * abs(highest), 1e-9)
    if 0 < lowest < 0.6 * span:
        return 0.0, highest + 0.07 * span
    return lowest - 0.07 * span, highest + 0.07 * span


def price_range(price: NDArray[np.float64]) -> str:
    """Return the lowest and the highest of known prices, once where they are the same."""
    ends = texts_apart([float(price.min()), float(price.max())], 2, ALIKE)
    return " to ".join(dict.fromkeys(ends))


def price_finding(data: RunData, price: NDArray[np.float64]) -> str:
    """Tell the range of prices of the last strategy against the first, and who pays most."""
    last = len(data.strategies) - 1
    rows = list(dict.fromkeys((last, 0)))
    known = [row for row in rows if not np.isnan(price[row]).all()]
    ends = [float(end(price[row])) for row in known for end in (np.nanmin, np.nanmax)]
    texts = texts_apart(ends, 1 if max(map(abs, ends), default=0.0) >= 10 else 2, ALIKE)
    ranges = {
        row: " to ".join(dict.fromkeys(texts[2 * n : 2 * n + 2])) for n, row in enumerate(known)
    }
    if not ranges:
        return "Communities are not supplied, and pay no price"
    told = [
        f"{ranges.get(row, 'no price')}{f' {data.currency}/kWh' if row == rows[0] else ''} under "
        f"{strategy_name(data.strategies[row])}"
        for row in rows
    ]
    if last and ranges.get(last) == ranges.get(0):
        names = [strategy_name(data.strategies[row]) for row in rows]
        told = [f"{ranges[last]} {data.currency}/kWh {' as '.join(f'under {n}' for n in names)}"]
    text = f"Communities pay {', '.join(told)}"
    # A community without supply has no price.
    counts = np.maximum((~np.isnan(price[last])).sum(axis=1), 1)
    means = np.nansum(price[last], axis=1) / counts
    if means.max() - means.min() > 0.01 * abs(means.mean()):
        text += f"; highest on average in {data.communities[first_highest(means)]}"
    return text


def charging_finding(data: RunData) -> str:
    """Tell what vehicles took and gave under the last strategy against the first."""

    def told(strategy: str) -> str:
        charged, discharged = (
            float(data.total(strategy, f"vehicle_{which}_kwh"))
            for which in ("charged", "discharged")
        )
        least = ROUNDING * max(charged, discharged)
        take, give = (
            energy_text(energy) if energy > least else "none" for energy in (charged, discharged)
        )
        return (
            "neither take nor give any energy"
            if take == give
            else f"take {take} and give {give} back"
        )

    first, last = data.strategies[0], data.strategies[-1]
    text = f"Under {strategy_name(last)} vehicles {told(last)}"
    if first != last:
        text += f"; under {strategy_name(first)} they {told(first)}"
    return capital(text)
