"""Smart homes: what serves them hour by hour, what is lost and what is stored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import first_highest, first_lowest, highest, lowest
from hmesh.environment.number_words import counted
from hmesh.runs.number_text import same, texts_apart
from hmesh.runs.pictures.chart import ALL, QUIET, Chart, balance, lines
from hmesh.runs.pictures.chart_figure import draw_charts
from hmesh.runs.pictures.figure_layout import (
    Drawing,
    Part,
    draw_bars,
    panel_title,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.quantity_text import ALIKE, change, percents
from hmesh.runs.pictures.run_data import RunData, codes_of
from hmesh.runs.schemes.smart_homes.strategies import WITHOUT_STORAGES
from hmesh.runs.strategy_names import strategy_label, strategy_name, strategy_within

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_GROUPS = 3
DIRECT, STORED, IMPORTED = "#E69F00", "#0072B2", "#CC79A7"
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


def group_energy(data: RunData, column: str) -> FloatArray:
    """Return a column of home_groups, shape (strategies, groups, steps) [kWh]."""
    count = len(data.scenario["smart_homes"]["groups"])
    rows = data.run.table("home_groups", [column]).column(column).to_numpy()
    shape = (data.steps, len(data.strategies), count)
    energy: FloatArray = rows.reshape(shape).transpose(1, 2, 0)
    return energy


def home_energy_chart(data: RunData, group: int) -> Chart | None:
    """Return what serves homes of a group (up) and where their generation goes (down)."""
    groups = groups_of(data)
    name = groups.shown[group]
    power = {
        column: group_energy(data, f"{column}_kwh")[:, group] / data.step_h
        for column in ("direct", "discharged", "imported", "wanted", "served", "charged",
                       "exported", "curtailed")
    }  # fmt: skip
    unmet = np.maximum(power["wanted"] - power["served"] - power["imported"], 0.0)
    findings = {}
    for strategy in data.strategies:
        totals = data.total(strategy, "homes")[name]
        served, wanted = totals["served_kwh"], totals["wanted_kwh"]
        findings[strategy] = (
            f"homes serve {100 * served / wanted:.1f} % of their demand and lose "
            f"{totals['losses_kwh']:,.2f} kWh in storages"
            if wanted > 0
            else "homes want nothing"
        )
    heading = f"Supply and use of energy in homes: {name}"
    return balance(
        data, f"home_energy_{group}", heading, findings,
        [
            Part("served straight from generators", power["direct"], DIRECT),
            Part("served from storages", power["discharged"], STORED),
            Part("served by the grid", power["imported"], IMPORTED),
            Part("wanted in this step, not served then", unmet, QUIET),
        ],
        [
            Part("charged into storages", power["charged"], CHARGED),
            Part("fed into the grid", power["exported"], EXPORTED),
            Part("curtailed", power["curtailed"], LOST),
        ],
        note=groups.note, part=name, panel_in=1.35,
    )  # fmt: skip


def draw_home_energy(data: RunData) -> Drawing:
    """Draw what serves homes (up) and where their generation goes (down), by assignment."""
    shown = [home_energy_chart(data, group) for group in range(len(groups_of(data).shown))]
    charts = [chart for chart in shown if chart is not None]
    if not charts:
        return Drawing("No energy of homes to draw: they want, generate and store nothing")
    return draw_charts(charts, served_finding(data))


def served_finding(data: RunData) -> str:
    """State how much of what homes want they serve, under the first and the best strategy."""
    shares = {
        name: data.total(name, "home_served_kwh") / max(data.total(name, "home_wanted_kwh"), 1e-12)
        for name in data.strategies
    }
    first = data.strategies[0]
    best = highest(shares, lambda name: shares[name])
    before, after = percents([shares[first], shares[best]])
    if len(shares) > 1 and same(min(shares.values()), shares[best]):
        return f"Homes serve {after} of their demand under every strategy"
    text = f"Homes serve {before} of their demand under {strategy_name(first)}"
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
    """State which strategy loses least, against the first."""
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
    charts = [
        Chart(
            data, "home_stored", "Energy stored in a home", {},
            {ALL: lines(data, dict(zip(data.strategies, stored[:, g], strict=True)))},
            "usable energy of a home", "kWh", note=groups.note, part=group, panel_in=2.1,
        )
        for g, group in enumerate(groups.shown)
    ]  # fmt: skip
    return draw_charts(charts, stored_finding(data, stored))


def stored_kwh(data: RunData) -> FloatArray | None:
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
    held_kwh = rows.column("energy_kwh").to_numpy()
    usable = held_kwh - least[group, codes_of(rows.column("storage"), storages)]
    there = [strategy_within("smart_homes", name) != WITHOUT_STORAGES for name in data.strategies]
    usable = np.where(
        np.array(there)[codes_of(rows.column("strategy"), data.strategies)], usable, held_kwh
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
    mean: FloatArray = total / count[None, :, None]
    return mean


def stored_finding(data: RunData, stored: FloatArray) -> str:
    """State which strategy stores most."""
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
        note="; ".join(
            filter(
                None,
                ("storage capacity [kWh] of the first home of each group, first day", groups.note),
            )
        ),
        left_in=2.1, sharey=True, gap_in=0.85,
        titles=[f"{group}, {title}" for title in titles for group in groups.shown],
    )  # fmt: skip
    for k, title in enumerate(titles):
        for g, group in enumerate(groups.shown):
            # The note names the quantity and its unit, once for all panels.
            _bars(panels[k, g], data, total[k, :, g], "{:,.1f}", "")
            panel_title(panels[k, g], f"{group}, {title}")
    return Drawing(finding, figure)


def capacity_finding(data: RunData, total: FloatArray) -> str:
    """State the least capacity under any strategy, by both programmes."""
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


def _bars(axes: "Axes", data: RunData, values: FloatArray, form: str, label: str) -> None:
    """Draw a bar for each strategy, its value beside it."""
    labels = [strategy_label(name) for name in data.strategies]
    colours = [strategy_colour(data.strategies, name) for name in data.strategies]
    texts = [form.format(value) for value in values.tolist()]
    draw_bars(axes, labels, values.tolist(), colours, texts)
    axes.set_xlabel(label)
