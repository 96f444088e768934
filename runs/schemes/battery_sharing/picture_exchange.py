"""Energy between buildings: when it flows from closed ones to open ones, and who feeds whom."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import descending, highest
from hmesh.environment.number_words import counted
from hmesh.runs.pictures.figure_layout import (
    FIXED,
    INK,
    ROAD,
    Drawing,
    legend_area,
    legend_line,
    panel_title,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.quantity_text import energy_text, percents
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.schemes.battery_sharing.picture_data import BatteryData
from hmesh.runs.strategy_names import strategy_label, strategy_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WAYS = (
    ("closed to open", "#332288"), ("closed to closed", "#88CCEE"),
    ("open to open", "#44AA99"), ("open to closed", "#DDCC77"),
)  # fmt: skip
MOST_PAIRS = 60
# Less than this share of what batteries give is rounding of their schedules.
NOTICEABLE = 1e-5
OPEN, CLOSED = "#44AA99", "#332288"


def _exchanging(data: RunData) -> list[str]:
    """Return the strategies under which anything was exchanged."""
    return [
        name
        for name in data.strategies
        if data.total(name, "battery_exchanged_kwh")
        > NOTICEABLE * data.total(name, "battery_discharged_kwh")
    ]


def draw_weekly_exchange(data: RunData) -> Drawing:
    """Draw what open and closed buildings give each other on each weekday."""
    battery, strategies = BatteryData(data), _exchanging(data)
    if not strategies:
        return Drawing("No exchange between buildings to draw: nobody gave any energy away")
    if not len(battery.load_kwh):
        return Drawing("No exchange of open and closed buildings to draw: none was recorded")
    if not battery.closed.any():
        return Drawing(
            "No exchange of open and closed buildings to draw: no building is seen to be closed on "
            "any weekday, which takes a run of a week by the hour"
        )
    tables = {name: _by_weekday(battery, name) for name in strategies}
    main = highest(strategies, lambda name: float(tables[name].sum()))
    table = tables[main]
    share = float(table[:2].sum() / table.sum())
    weekend = float(table[:, 5:].sum() / table.sum())
    closed, late = percents([share, weekend])
    finding = (
        f"Under {strategy_name(main)} {closed} of what buildings give away comes from closed ones, "
        f"and {late} is given at weekends"
    )
    entries = [legend_area(label, colour) for label, colour in WAYS]
    largest = max(float(each.sum(axis=0).max()) for each in tables.values())
    size, unit = (1e3, "MWh") if largest >= 2000 else (1.0, "kWh")
    figure, panels = sheet(finding, (len(strategies), 1), 2.1, entries, left_in=1.0, gap_in=0.6)
    for row, name in enumerate(strategies):
        axes, base = panels[row, 0], np.zeros(7)
        for way, (_, colour) in enumerate(WAYS):
            axes.bar(WEEKDAYS, tables[name][way] / size, 0.7, base / size, color=colour)
            base = base + tables[name][way]
        panel_title(axes, strategy_label(name), strategy_colour(data.strategies, name))
        axes.set_ylim(top=1.05 * float(base.max()) / size)
        axes.set_ylabel(f"sent in the run [{unit}]")
    return Drawing(finding, figure)


def _by_weekday(battery: BatteryData, strategy: str) -> FloatArray:
    """Return the energy of each way by weekday [kWh], shape (4, 7)."""
    rows = battery.exchanges(strategy)
    calendar = battery.data.timeline.calendar
    weekday = np.array(
        [calendar.date_of(step).weekday() for step in rows["step"].tolist()], dtype=np.intp
    )
    closed = battery.closed
    unknown = max(int(rows["giver"].max(initial=0)), int(rows["taker"].max(initial=0))) + 1
    if unknown > len(closed):
        closed = np.vstack([closed, np.zeros((unknown - len(closed), 7), dtype=np.bool_)])
    giver, taker = closed[rows["giver"], weekday], closed[rows["taker"], weekday]
    way = np.where(giver, np.where(taker, 1, 0), np.where(taker, 3, 2))
    summed = np.bincount(way * 7 + weekday, rows["sent_kwh"], 28)
    return summed.reshape(4, 7)


def draw_exchange_network(data: RunData) -> Drawing:
    """Draw who feeds whom on the grid, the strongest pairs of the run."""
    battery, strategies = BatteryData(data), _exchanging(data)
    if not strategies:
        return Drawing("No exchange network to draw: nobody gave any energy away")
    main = highest(strategies, lambda name: float(data.total(name, "battery_exchanged_kwh")))
    rows = battery.exchanges(main)
    count = len(battery.batteries["shared_capacity_kwh"])
    pairs, place = np.unique(rows["giver"] * count + rows["taker"], return_inverse=True)
    sent = np.bincount(place, rows["sent_kwh"])
    strongest = descending(sent)[:MOST_PAIRS]
    giver, taker = np.divmod(pairs[strongest], count)
    used = np.unique(np.concatenate([giver, taker]))
    share = 100.0 * float(sent.sum()) / data.total(main, "battery_discharged_kwh")
    drawn = 100.0 * float(sent[strongest].sum() / sent.sum())
    some = f"; the {len(strongest):,} drawn carry {drawn:.0f} %"
    finding = (
        f"Under {strategy_name(main)} {pairs_text(len(pairs))} {energy_text(float(sent.sum()))}, "
        f"{share:.2g} % of what batteries give"
        f"{some if len(strongest) < len(pairs) else ''}"
    )
    entries = [
        legend_line("line of the grid", ROAD, lw=1.4),
        legend_line("energy from a battery to a building", "#CC6677", lw=2.0),
        legend_line("never closed", OPEN, marker="o", ls=""),
        legend_line("closed on some weekday", CLOSED, marker="o", ls=""),
    ]
    figure, panels = sheet(finding, (1, 1), 6.4, entries, left_in=0.3, right_in=0.3)
    axes = panels[0, 0]
    _draw_network(axes, data, battery, used, giver, taker, sent[strongest])
    return Drawing(finding, figure)


def pairs_text(count: int) -> str:
    """Return how many pairs of buildings exchange energy, up to the verb."""
    verb = "exchanges" if count == 1 else "exchange"
    return f"{counted(count, 'pair')} of buildings {verb}"


def _draw_network(
    axes: "Axes",
    data: RunData,
    battery: BatteryData,
    used: NDArray[np.int64],
    giver: NDArray[np.int64],
    taker: NDArray[np.int64],
    sent_kwh: FloatArray,
) -> None:
    """Draw the buildings around their communities, these below the utility, and the exchanges."""
    from matplotlib.patches import FancyArrowPatch

    names = data.run.table("batteries", ["community", "name"])
    community = names.column("community").to_pylist()
    there = [name for name in data.communities if any(community[row] == name for row in used)]
    spot: dict[int, tuple[float, float]] = {}
    axes.plot(0, 2.0, marker="s", ms=9, color=INK)
    axes.annotate("utility", (0, 2.0), (8, 0), textcoords="offset points", va="center")
    for number, name in enumerate(there):
        centre = (3.2 * (number - (len(there) - 1) / 2), 0.0)
        axes.plot([0, centre[0]], [2.0, centre[1]], color=FIXED, lw=1.4, zorder=0)
        axes.plot(*centre, marker="o", ms=8, color=FIXED, zorder=2)
        axes.annotate(name, centre, (6, 6), textcoords="offset points", fontsize=9)
        here = [int(row) for row in used if community[row] == name]
        for k, row in enumerate(here):
            # Between the first and the last of them the line to the utility passes.
            angle = 2 * np.pi * (k + 0.5) / len(here) + np.pi / 2
            spot[row] = centre[0] + 1.35 * np.cos(angle), centre[1] + 1.35 * np.sin(angle)
            axes.plot(*zip(centre, spot[row], strict=True), color=ROAD, lw=0.9, zorder=0)
    closed = battery.closed.any(axis=1) if len(battery.load_kwh) else np.zeros(0, dtype=np.bool_)
    size = battery.batteries["shared_capacity_kwh"]
    widest = max(float(size.max()), 1e-9)
    across = {row: 8.0 + 8.0 * float(np.sqrt(size[row] / widest)) for row in spot}
    largest = float(sent_kwh.max())
    for one, other, energy in zip(giver.tolist(), taker.tolist(), sent_kwh.tolist(), strict=True):
        axes.add_patch(
            FancyArrowPatch(
                spot[one],
                spot[other],
                connectionstyle="arc3,rad=0.25",
                arrowstyle="-|>",
                shrinkA=across[one] / 2,
                shrinkB=across[other] / 2 + 1,
                mutation_scale=9,
                lw=0.5 + 3.5 * energy / largest,
                color="#CC6677",
                alpha=0.6,
            )
        )
    for row, (x, y) in spot.items():
        shut = row < len(closed) and bool(closed[row])
        colour = CLOSED if shut else OPEN
        axes.plot(x, y, marker="o", ms=across[row], color=colour, zorder=3)
        axes.annotate(str(row), (x, y), color="white", fontsize=6.5, ha="center", va="center")
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(
        "numbered as in the tables; the larger a circle, the larger its battery", fontsize=9
    )
