"""Community storage: sun and charging, who draws when, how the allowance settles, and shares."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.number_text import texts_apart
from hmesh.runs.pictures.chart import ALL, Chart, Series, limits
from hmesh.runs.pictures.chart_figure import draw_charts
from hmesh.runs.pictures.figure_layout import (
    FIXED_AREA,
    INK,
    Drawing,
    draw_course,
    group_colour,
    legend_area,
    legend_line,
    panel_title,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.quantity_text import ALIKE, percents
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.step_sums import StepSums
from hmesh.runs.schemes.community_storage.charts import (
    COLUMNS,
    DELIVERED,
    STORED,
    soc_percent,
    storage_power,
)
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_HOUSEHOLDS = 6
MOST_GROUPS = 12
MOST_COURSES = 6
NOTHING = "No community storage to draw: no strategy uses one"


def draw_charging(data: RunData) -> Drawing:
    """Draw what plants generate and storages take of it, and how full these are."""
    sums = StepSums(data, "storages", [*COLUMNS, "generation_kwh"])
    if not sums.strategies:
        return Drawing(NOTHING)
    power, stored = storage_power(data, sums), soc_percent(data, sums)
    if power is None and not any(share.any() for share in stored.values()):
        return Drawing("No charging of storages to draw: there is no sun, and nothing is stored")
    # Panels with the same power are one only where the same is stored, which has a second axis:
    # drawn without width, and too small to move the axis of power, it keeps the others apart.
    series = {
        name: [*(power.series[name] if power else ()), Series("", 1e-9 * share, width=0.0)]
        for name, share in stored.items()
    }
    chart = Chart(data, "storage_power", "", {}, series, "power", "kW")
    finding = _charging_finding(data, sums)
    drawing = draw_charts([chart], finding, (legend_line("stored", INK, lw=1.4),), right_in=0.95)
    drawn = [share for name, share in stored.items() if chart.alike[name] == name]
    for axes, share in zip(drawing.axes, drawn, strict=True):
        beside = axes.twinx()
        draw_course(beside, data.timeline, share, INK, lw=1.4)
        beside.set_ylim(0, 100)
        beside.set_ylabel("state of charge [%]")
        beside.grid(visible=False)
    return drawing


def _charging_finding(data: RunData, sums: StepSums) -> str:
    rows = [data.strategies.index(name) for name in sums.strategies]
    taken, sun = (sums.of(name).sum(axis=1)[rows] for name in ("charge_kwh", "generation_kwh"))
    if not sun.all():
        return "Plants generate nothing, so that storages only deliver what they began with"
    shares = percents((taken / sun).tolist())
    lines = [
        f"{share} under {strategy_name(strategy)}"
        for share, strategy in zip(shares, sums.strategies, strict=True)
    ]
    return f"Of the generation of plants, storages store {' and '.join(lines)}"


def draw_households(data: RunData) -> Drawing:
    """Draw the demand of the first households, and what of it the storage serves."""
    rows = _households(data)
    if rows is None:
        return Drawing("No households of community storage to draw: none was recorded")
    strategy = [name for name in data.strategies if (rows.strategy == name).any()][-1]
    mine = rows[(rows.strategy == strategy) & (rows.household < MOST_HOUSEHOLDS)]
    count = int(mine.household.max()) + 1
    demand, drawn = (
        mine[column].to_numpy().reshape(data.steps, count).T / data.step_h
        for column in ("demand_kwh", "drawn_kwh")
    )
    groups = mine["group"].astype(str).to_numpy()[:count]
    if not demand.any():
        return Drawing("No demand of households to draw: the recorded ones use no energy")
    share = drawn.sum(axis=1) / np.maximum(demand.sum(axis=1), 1e-12)
    least, most = percents([float(share.min()), float(share.max())])
    served = most if least == most else f"{least.removesuffix(' %')} to {most}"
    finding = (
        f"Under {strategy_name(strategy)} the storage serves {served} of a household's demand"
        + (f" (the first {count} are drawn)" if int(rows.household.max()) + 1 > count else "")
    )
    charts = [
        Chart(
            data, "household_demand", "", {},
            {
                ALL: [
                    Series("demand", demand[row], FIXED_AREA, "area"),
                    Series("of it from the storage", drawn[row], DELIVERED, "area"),
                ]
            },
            unit="kW", range=limits([demand]), panel_in=1.25,
            part=f"{groups[row]}: served in {np.count_nonzero(drawn[row]):,} of "
            f"{counted(data.steps, 'step')}",
        )
        for row in range(count)
    ]  # fmt: skip
    return draw_charts(charts, finding)


def draw_iterations(data: RunData) -> Drawing:
    """Draw the state of charge that the first plan expects with several alphas."""
    rows = data.run.table(
        "storage_courses", ["step", "strategy", "storage", "alpha", "stored_kwh"]
    ).to_pandas()
    if len(rows) == 0:
        return Drawing("No plan of community storage to draw: no strategy plans an allowance")
    strategy, storage = rows.strategy.iloc[-1], rows.storage.iloc[0]
    mine = rows[(rows.strategy == strategy) & (rows.storage == storage)]
    capacity = _capacity(data, str(storage))
    alphas = np.unique(mine.alpha)
    places = np.unique(np.geomspace(1, len(alphas), MOST_COURSES).round().astype(int)) - 1
    entries = [
        legend_line(f"alpha {alphas[place]}", group_colour(k)) for k, place in enumerate(places)
    ]
    least = mine.groupby("alpha").stored_kwh.min()
    ends = [float(least.loc[alphas[end]]) / capacity for end in (0, -1)]
    first, last = percents(ends)
    finding = (
        f"The larger alpha, the emptier {storage} gets before sunrise: down to {first} "
        f"with alpha {alphas[0]}, {last} with alpha {alphas[-1]}"
        if ends[1] < ends[0] and first != last
        else f"{capital(str(storage))} is planned to hold {first} at least, with any alpha"
    )
    figure, panels = sheet(finding, (1, 1), 3.2, entries, note="the first plan of the run")
    axes = panels[0, 0]
    for k, place in enumerate(places):
        course = mine[mine.alpha == alphas[place]].sort_values("step")
        hours = course.step.to_numpy() * data.step_h
        axes.plot(hours, 100 * course.stored_kwh.to_numpy() / capacity, color=group_colour(k))
    axes.set_ylim(0, 100)
    axes.set_ylabel("state of charge [%]")
    axes.set_xlabel("hours from the start of the plan")
    axes.set_xlim(0, data.step_h * int(mine.step.max()))
    return Drawing(finding, figure)


def draw_convergence(data: RunData) -> Drawing:
    """Draw what the first plan expects to deliver, and to be left, with every alpha."""
    rows = data.run.table(
        "storage_plans",
        ["step", "strategy", "storage", "alpha", "delivered_kwh", "final_kwh", "chosen"],
    ).to_pandas()
    if len(rows) == 0:
        return Drawing("No plan of community storage to draw: no strategy plans an allowance")
    strategy, storage = rows.strategy.iloc[0], rows.storage.iloc[0]
    mine = rows[
        (rows.strategy == strategy) & (rows.storage == storage) & (rows.step == rows.step.min())
    ].sort_values("alpha")
    alpha = mine.alpha.to_numpy()
    delivered, final = mine.delivered_kwh.to_numpy(), mine.final_kwh.to_numpy()
    chosen = int(alpha[mine.chosen.to_numpy() == 1][0])
    gain = float(delivered[alpha == chosen][0])
    less, more = texts_apart([float(delivered[0]), gain], 1, ALIKE)
    with_one = "" if chosen == alpha[0] else f"{less} kWh with alpha {alpha[0]} and "
    finding = (
        f"{capital(str(storage))} is expected to deliver {with_one}{more} kWh with alpha {chosen}, "
        "where what is left settles"
    )
    entries = [
        legend_line("delivered up to the end of the plan", DELIVERED, lw=2.0),
        legend_line("left at its end", STORED, lw=2.0),
    ]
    figure, panels = sheet(finding, (1, 1), 2.8, entries, note="the first plan of the run")
    axes = panels[0, 0]
    axes.plot(alpha, delivered, color=DELIVERED, lw=2.0, marker="o", ms=3)
    axes.plot(alpha, final, color=STORED, lw=2.0, marker="o", ms=3)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("alpha")
    axes.set_ylabel("energy [kWh]")
    return Drawing(finding, figure)


def draw_shares(data: RunData) -> Drawing:
    """Draw what part of their demand households get from grid and storage."""
    rows = _households(data)
    if rows is None:
        return Drawing("No households of community storage to draw: none was recorded")
    sums = rows.groupby(["strategy", "group"], observed=True)[["demand_kwh", "drawn_kwh"]].sum()
    strategies = [name for name in data.strategies if name in sums.index.get_level_values(0)]
    groups = list(dict.fromkeys(rows["group"].astype(str)))[:MOST_GROUPS]
    of_groups = {
        name: np.array(
            [
                100 * float(sums.loc[(name, group), "drawn_kwh"])
                / max(float(sums.loc[(name, group), "demand_kwh"]), 1e-12)
                for group in groups
            ]
        )
        for name in strategies
    }  # fmt: skip
    totals = rows.groupby("strategy", observed=True)[["demand_kwh", "drawn_kwh"]].sum()
    if not totals.demand_kwh.all():
        return Drawing("No shares to draw: the recorded households use no energy")
    served = percents([totals.drawn_kwh[name] / totals.demand_kwh[name] for name in strategies])
    lines = " and ".join(
        f"{share} under {strategy_name(name)}"
        for share, name in zip(served, strategies, strict=True)
    )
    finding = f"Of the households' demand storages serve {lines}; the grid serves the rest"
    entries = [legend_area("from the storage", DELIVERED), legend_area("from the grid", FIXED_AREA)]
    height = 0.5 + 0.42 * len(groups)
    figure, panels = sheet(finding, (len(strategies), 1), height, entries, left_in=1.5, gap_in=0.6)
    for row, name in enumerate(strategies):
        _bars(panels[row, 0], groups, of_groups[name])
        panel_title(panels[row, 0], strategy_label(name), strategy_colour(data.strategies, name))
    panels[-1, 0].set_xlabel("share of the demand [%]")
    return Drawing(finding, figure)


def _bars(axes: "Axes", groups: list[str], share: FloatArray) -> None:
    """Draw a bar of 100 % for each group, the share of the storage first."""
    places = np.arange(len(groups))
    axes.barh(places, share, height=0.62, color=DELIVERED)
    axes.barh(places, 100 - share, left=share, height=0.62, color=FIXED_AREA)
    for place, value in zip(places.tolist(), share.tolist(), strict=True):
        axes.text(min(value + 1, 92), place, f"{value:.1f} %", va="center", fontsize=9)
    axes.set_yticks(places, groups)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)


def _households(data: RunData) -> Any:
    """Return the rows of households, None where there are none."""
    rows = data.run.table(
        "storage_households", ["strategy", "household", "group", "demand_kwh", "drawn_kwh"]
    ).to_pandas()
    return None if len(rows) == 0 else rows


def _capacity(data: RunData, storage: str) -> float:
    units = data.scenario["community_storage"]["storages"]
    return float(next(unit["capacity_kwh"] for unit in units if unit["name"] == storage))
