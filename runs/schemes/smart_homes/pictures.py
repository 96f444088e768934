"""Smart homes: what serves them hour by hour, what is lost and what is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import anything, first_highest, first_lowest, highest, lowest
from hmesh.runs.number_text import counted, same, texts_apart
from hmesh.runs.pictures.figure_layout import (
    ALIKE,
    INK,
    Drawing,
    Part,
    change,
    draw_course,
    legend_area,
    legend_line,
    panel_title,
    percents,
    sheet,
    stack,
    strategy_colour,
)
from hmesh.runs.pictures.run_data import RunData, codes_of
from hmesh.runs.strategy_names import strategy_label, strategy_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_GROUPS = 3
DIRECT, STORED, IMPORTED, UNMET = "#E69F00", "#0072B2", "#CC79A7", "#E3E3E3"
CHARGED, EXPORTED, LOST = "#56B4E9", "#999933", "#D55E00"


@dataclass(frozen=True, slots=True)
class _Groups:
    """The groups that figures show, and how many there are."""

    shown: tuple[str, ...]
    count: int

    @property
    def note(self) -> str:
        """What a reader must know of the groups that are left out."""
        left = self.count - len(self.shown)
        return f"{counted(left, 'more group')} not shown" if left else ""


def groups_of(data: RunData) -> _Groups:
    """Return the groups of homes that figures show."""
    names = [group["name"] for group in data.scenario["smart_homes"]["groups"]]
    return _Groups(tuple(names[:MOST_GROUPS]), len(names))


def group_energy(data: RunData, column: str) -> NDArray[np.float64]:
    """Return a column of home_groups, shape (strategies, groups, steps) [kWh]."""
    count = len(data.scenario["smart_homes"]["groups"])
    rows = data.run.table("home_groups", [column]).column(column).to_numpy()
    shape = (data.steps, len(data.strategies), count)
    energy: NDArray[np.float64] = rows.reshape(shape).transpose(1, 2, 0)
    return energy


def home_energy(data: RunData) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return what serves homes, and where their generation goes, group by group."""
    power = {
        name: group_energy(data, f"{name}_kwh") / data.step_h
        for name in ("direct", "discharged", "imported", "wanted", "served", "charged", "exported",
                     "curtailed")
    }  # fmt: skip
    unmet = np.maximum(power["wanted"] - power["served"] - power["imported"], 0.0)
    up = (
        Part("served straight from generators", power["direct"], DIRECT),
        Part("served from storages", power["discharged"], STORED),
        Part("served by the grid", power["imported"], IMPORTED),
        Part("wanted in this step, not served then", unmet, UNMET),
    )
    down = (
        Part("charged into storages", power["charged"], CHARGED),
        Part("fed into the grid", power["exported"], EXPORTED),
        Part("curtailed", power["curtailed"], LOST),
    )
    return up, down


def draw_home_energy(data: RunData) -> Drawing:
    """Draw what serves homes (up) and where their generation goes (down), by assignment."""
    groups = groups_of(data)
    shares = home_energy(data)
    if not any(share.power_kw.any() for side in shares for share in side):
        return Drawing("No energy of homes to draw: they want, generate and store nothing")
    up, down = (tuple(share.power_kw for share in side) for side in shares)
    looks = [(share.name, share.colour) for side in shares for share in side]
    there = [anything(values) for values in (*up, *down)]
    entries = [legend_area(*look) for look, some in zip(looks, there, strict=True) if some]
    colours = [colour for _, colour in looks]
    finding = served_finding(data)
    note = "; ".join(filter(None, (data.timeline.note, groups.note)))
    figure, panels = sheet(
        finding, (len(data.strategies), len(groups.shown)), 1.35, entries, note=note,
    )  # fmt: skip
    for row, strategy in enumerate(data.strategies):
        for g, group in enumerate(groups.shown):
            axes, edges = panels[row, g], data.timeline.edges_h
            layers = [
                data.timeline.mean(np.stack([v[row, g] for v in part])) for part in (up, down)
            ]
            stack(axes, edges, layers[0], colours[: len(up)])
            stack(axes, edges, -layers[1], colours[len(up) :])
            axes.axhline(0.0, color=INK, lw=0.8)
            panel_title(
                axes, f"{strategy_label(strategy)}, {group}",
                strategy_colour(data.strategies, strategy),
            )  # fmt: skip
            if g == 0:
                axes.set_ylabel("power [kW]")
            data.timeline.dress(axes, 13 // len(groups.shown), lowest=row == len(panels) - 1)
            highest = max(float(sum(v[:, g].max() for v in up)), 1e-9)
            lowest = float(sum(v[:, g].max() for v in down))
            axes.set_ylim(-1.07 * lowest, 1.07 * _stacked(up, g) if highest else 1.0)
    return Drawing(finding, figure)


def _stacked(layers: Sequence[NDArray[np.float64]], group: int) -> float:
    """Return how high layers of a group reach under any strategy."""
    total: NDArray[np.float64] = sum((values[:, group] for values in layers), np.zeros(1))
    return max(float(total.max()), 1e-9)


def served_finding(data: RunData) -> str:
    """Tell how much of what homes want they serve, under the first and the best strategy."""
    shares = {
        name: data.total(name, "home_served_kwh") / max(data.total(name, "home_wanted_kwh"), 1e-12)
        for name in data.strategies
    }
    first = data.strategies[0]
    best = highest(shares, lambda name: shares[name])
    before, after = percents([shares[first], shares[best]])
    if len(shares) > 1 and same(min(shares.values()), shares[best]):
        return f"Homes serve {after} of what they want under every strategy"
    text = f"Homes serve {before} of what they want under {strategy_name(first)}"
    if best != first:
        text += f", {after} under {strategy_name(best)}"
    return text


def draw_home_losses(data: RunData) -> Drawing:
    """Draw what storages lose under each strategy, a panel for each group."""
    groups = groups_of(data)
    losses = group_energy(data, "losses_kwh").sum(axis=2)
    if not losses.any():
        return Drawing("No losses to draw: storages lose nothing")
    finding = losses_finding(data)
    figure, panels = sheet(
        finding, (1, len(groups.shown)), 0.5 + 0.32 * len(data.strategies),
        note=groups.note, left_in=2.1, sharey=True,
    )  # fmt: skip
    for g, group in enumerate(groups.shown):
        _bars(panels[0, g], data, losses[:, g], "{:,.3f}", "lost in the run [kWh]")
        panel_title(panels[0, g], group)
    return Drawing(finding, figure)


def losses_finding(data: RunData) -> str:
    """Tell which strategy loses least, against the first."""
    losses = {name: float(data.total(name, "home_losses_kwh")) for name in data.strategies}
    first, least = data.strategies[0], lowest(losses, lambda name: losses[name])
    before, after = texts_apart([losses[first], losses[least]], 2, ALIKE)
    if len(losses) > 1 and same(max(losses.values()), losses[least]):
        return f"Storages lose {before} kWh under every strategy"
    text = f"Storages lose {before} kWh under {strategy_name(first)}"
    if least == first:
        return text + (", the least of all strategies" if len(losses) > 1 else "")
    return (
        f"{text}, {after} kWh under {strategy_name(least)}: "
        f"{change(losses[least], losses[first])} less"
    )


def draw_home_storage(data: RunData) -> Drawing:
    """Draw the energy that recorded homes have in store, a panel for each group."""
    groups = groups_of(data)
    stored = stored_kwh(data)
    if stored is None:
        return Drawing("No stored energy to draw: no home was recorded")
    if not stored.any():
        return Drawing("No stored energy to draw: no storage holds energy that can be used")
    entries = [
        legend_line(strategy_label(name), strategy_colour(data.strategies, name), lw=2.2)
        for name in data.strategies
    ]
    finding = stored_finding(data, stored)
    note = "; ".join(filter(None, (data.timeline.note_with_range, groups.note)))
    figure, panels = sheet(finding, (len(groups.shown), 1), 2.1, entries, note=note)
    for g, group in enumerate(groups.shown):
        axes = panels[g, 0]
        for row, strategy in enumerate(data.strategies):
            colour = strategy_colour(data.strategies, strategy)
            draw_course(axes, data.timeline, stored[row, g], colour)
        panel_title(axes, group)
        axes.set_ylabel("usable energy of a home [kWh]")
        data.timeline.dress(axes, 13, lowest=g == len(groups.shown) - 1)
        axes.set_ylim(0.0, 1.07 * max(float(stored[:, g].max()), 1e-9))
    return Drawing(finding, figure)


def stored_kwh(data: RunData) -> NDArray[np.float64] | None:
    """Return the usable energy of a recorded home before each step.

    Returns
    -------
    array, shape (strategies, groups, steps), or None
        Mean over the recorded homes of each group [kWh]; None without any.
    """
    homes = data.run.table("homes", ["home", "group"])
    if homes.num_rows == 0:
        return None
    settings = data.scenario["smart_homes"]["groups"]
    names = [group["name"] for group in settings]
    group_of = np.zeros(int(np.max(homes.column("home").to_numpy())) + 1, dtype=np.int64)
    group_of[homes.column("home").to_numpy()] = codes_of(homes.column("group"), names)
    rows = data.run.table("home_storages", ["step", "strategy", "home", "storage", "energy_kwh"])
    group = group_of[rows.column("home").to_numpy()]
    storages = list(dict.fromkeys(s["name"] for held in settings for s in held["storages"]))
    least = np.zeros((len(settings), len(storages)))
    for g, held in enumerate(settings):
        for s in held["storages"]:
            least[g, storages.index(s["name"])] = s["soc_min"] * s["capacity_kwh"]
    usable = (
        rows.column("energy_kwh").to_numpy()
        - least[group, codes_of(rows.column("storage"), storages)]
    )
    total = np.zeros((len(data.strategies), len(settings), data.steps))
    where = (
        codes_of(rows.column("strategy"), data.strategies),
        group,
        rows.column("step").to_numpy(),
    )
    np.add.at(total, where, usable)
    count = np.maximum(
        np.bincount(group_of[homes.column("home").to_numpy()], minlength=len(names)), 1
    )
    mean: NDArray[np.float64] = total / count[None, :, None]
    return mean


def stored_finding(data: RunData, stored: NDArray[np.float64]) -> str:
    """Tell which strategy stores most."""
    peaks = stored.max(axis=(1, 2))
    most, fewest = first_highest(peaks), first_lowest(peaks)
    largest, smallest = texts_apart([float(peaks[most]), float(peaks[fewest])], 2, ALIKE)
    text = f"A home has up to {largest} kWh in store under {strategy_name(data.strategies[most])}"
    if most != fewest:
        text += f", up to {smallest} kWh under {strategy_name(data.strategies[fewest])}"
    return text


def draw_home_capacity(data: RunData) -> Drawing:
    """Draw the capacity that the first home of each group needs, by both programmes."""
    groups = groups_of(data)
    rows = data.run.table("home_capacities").to_pylist()
    if not rows:
        return Drawing("No capacities to draw: no home was recorded")
    first = {home["group"]: home["home"] for home in reversed(data.run.table("homes").to_pylist())}
    total = np.zeros((2, len(data.strategies), len(groups.shown)))
    for row in rows:
        for g, group in enumerate(groups.shown):
            if first.get(group) == row["home"]:
                s = data.strategies.index(row["strategy"])
                total[:, s, g] += (row["published_kwh"], row["dynamic_kwh"])
    if not total.any():
        return Drawing("No capacities to draw: homes need no storage on their first day")
    finding = capacity_finding(data, total)
    titles = ("by the published conditions", "step by step")
    figure, panels = sheet(
        finding, (2, len(groups.shown)), 0.5 + 0.3 * len(data.strategies),
        note="; ".join(filter(None, ("first home of each group, first day", groups.note))),
        left_in=2.1, sharey=True, gap_in=0.85,
    )  # fmt: skip
    for k, title in enumerate(titles):
        for g, group in enumerate(groups.shown):
            _bars(panels[k, g], data, total[k, :, g], "{:,.1f}", "storage capacity [kWh]")
            panel_title(panels[k, g], f"{group}, {title}")
    return Drawing(finding, figure)


def capacity_finding(data: RunData, total: NDArray[np.float64]) -> str:
    """Tell the least capacity under any strategy, by both programmes."""
    published, dynamic = total.max(axis=2)
    least = first_lowest(published)
    fewest, before = texts_apart([float(published[least]), float(published[0])], 1, ALIKE)
    text = (
        f"Storages need {fewest} kWh under {strategy_name(data.strategies[least])}"
        f"{', the least' if len(published) > 1 else ''} by the published conditions"
    )
    if least:
        text += f", {before} kWh under {strategy_name(data.strategies[0])}"
    return f"{text}; step by step at most {dynamic.max():,.1f} kWh suffice"


def _bars(axes: "Axes", data: RunData, values: NDArray[np.float64], form: str, label: str) -> None:
    """Draw a bar for each strategy, its value beside it."""
    places = np.arange(len(data.strategies))
    colours = [strategy_colour(data.strategies, name) for name in data.strategies]
    axes.barh(places, values, 0.66, color=colours)
    axes.set_yticks(places, [strategy_label(name) for name in data.strategies])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.set_xlim(0, 1.18 * max(float(values.max()), 1e-9))
    for place, value in zip(places.tolist(), values.tolist(), strict=True):
        axes.text(value, place, f" {form.format(value)}", va="center", fontsize=9)
    axes.set_xlabel(label)
