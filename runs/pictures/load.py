"""Load of communities and of the system, and how far its peak stands above its mean."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything, highest, lowest, settled
from hmesh.runs.pictures.chart import ALL, QUIET, Chart, Series, limits, lines
from hmesh.runs.pictures.chart_figure import draw_chart
from hmesh.runs.pictures.figure_layout import (
    FIXED,
    FIXED_AREA,
    Drawing,
    draw_bars,
    legend_area,
    legend_line,
    sheet,
    strategy_colour,
    stroke,
)
from hmesh.runs.pictures.quantity_text import change, power_text, power_texts, power_unit
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name, verb

MOST_COLUMNS = 3
NOTICEABLE = 0.005


def system_chart(data: RunData) -> Chart | None:
    """Return the chart of the load of the system; None where nothing is drawn from the grid."""
    fixed, net = _loads(data)
    if not anything(net.sum(axis=1)):
        return None
    finding = load_finding(data)
    return _chart(data, "system", fixed.sum(axis=0), net.sum(axis=1), "kW", finding)


def draw_load(data: RunData) -> Drawing:
    """Draw the load of the system and of every community, with what no price moves behind it."""
    fixed, net = _loads(data)
    if not (net.any() or fixed.any()):
        return Drawing("No load to draw: nobody draws or delivers any energy")
    size, unit = power_unit(net.sum(axis=1))
    fixed, net = fixed / size, net / size
    entries = [
        legend_line(
            f"{strategy_label(name)}, peak {power_text(data.total(name, 'peak_kw'))}",
            strategy_colour(data.strategies, name),
            lw=2.2,
            ls=stroke(number),
        )
        for number, name in enumerate(data.strategies)
    ]
    entries.append(legend_area("inelastic load of homes and buildings", FIXED_AREA))
    # The load of a single community is that of the system.
    shown = data.groups if len(data.groups) > 1 else ()
    columns = max(min(len(shown), MOST_COLUMNS), 1)
    rows = -(-len(shown) // columns)
    finding = load_finding(data)
    figure, panels = sheet(
        finding, (rows + 1, columns), 2.0, entries, height_ratios=[1.4] + [1.0] * rows,
        note=data.timeline.note_with_range, gap_in=0.7,
    )  # fmt: skip
    whole = figure.add_subplot(panels[0, 0].get_gridspec()[0, :])
    for axes in (*panels[0], *panels[1:].flat[len(shown) :]):
        axes.remove()
    system = _chart(data, "System", fixed.sum(axis=0), net.sum(axis=1), unit, finding)
    parts = [
        _chart(data, group.name, fixed[n], net[:, n], unit, finding, range=limits([fixed, net]))
        for n, group in enumerate(shown)
    ]
    for axes, chart in zip((whole, *panels[1:].flat), (system, *parts), strict=False):
        draw_chart(axes, chart)
        data.timeline.dress(axes, 13 if axes is whole else 15 // columns)
        axes.set_xlabel("")
    for axes in (whole, *panels[1:, 0]):
        axes.set_ylabel(system.axis)
    figure.supxlabel(data.timeline.title(), fontsize=10, y=0.14 / figure.get_figheight())
    return Drawing(finding, figure)


def _loads(data: RunData) -> tuple[FloatArray, FloatArray]:
    """Return fixed and net load [kW], shapes (groups, steps) and (strategies, groups, steps)."""
    return (
        data.grouped(data.power_kw("fixed_load_kwh"))[0],
        data.grouped(data.power_kw("net_kwh")),
    )


def _chart(
    data: RunData, name: str, fixed: FloatArray, net: FloatArray, unit: str, finding: str,
    **more: Any,
) -> Chart:  # fmt: skip
    """Return loads of all strategies, shape (strategies, steps), before the inelastic load."""
    series = [
        Series("inelastic load", fixed, QUIET, "area", lower=np.zeros_like(fixed)),
        *lines(data, dict(zip(data.strategies, net, strict=True))),
    ]
    return Chart(
        data, name, "Load of the system", {ALL: finding}, {ALL: series}, "load", unit,
        part=name, **more,
    )  # fmt: skip


def draw_peak_to_average(data: RunData) -> Drawing:
    """Draw the peak-to-average ratio of every strategy beside that of the inelastic load."""
    ratios = {name: data.total(name, "par") for name in data.strategies}
    known = {name: float(ratio) for name, ratio in ratios.items() if ratio is not None}
    if not known:
        return Drawing("No peak-to-average ratio: the mean load of the system is not above zero")
    fixed = data.power_kw("fixed_load_kwh")[0].sum(axis=0)
    bars = [
        (strategy_label(name), known.get(name), strategy_colour(data.strategies, name))
        for name in data.strategies
    ]
    if fixed.mean() > 0:
        bars.append(("Inelastic load alone", float(fixed.max() / fixed.mean()), FIXED))
    finding = ratio_finding(data, known)
    left_in = max(1.75, 0.25 + 0.078 * max(len(label) for label, _, _ in bars))
    figure, panels = sheet(
        finding, (1, 1), 0.42 + 0.5 * len(bars), left_in=left_in, heading_in=0.05
    )
    axes = panels[0, 0]
    first = known.get(data.strategies[0])
    texts = []
    for row, (_, ratio, _) in enumerate(bars):
        text = "undefined: the mean load is not above zero" if ratio is None else f"{ratio:.3f}"
        if ratio is not None and first and 0 < row < len(data.strategies):
            text += f"   {ratio / first - 1:+.1%}".replace("%", " %").replace("-", "\u2212")
        texts.append(text)
    labels, ratios_or_none, colours = zip(*bars, strict=True)
    lengths = [np.nan if ratio is None else ratio for ratio in ratios_or_none]
    draw_bars(axes, labels, lengths, colours, texts, 0.22, fontsize=10)
    if first:
        for shown in axes.texts[1 : len(data.strategies)]:
            shown.set_fontweight("bold")
    axes.axvline(1.0, color="#555555", lw=1, ls=(0, (4, 3)), zorder=3)
    axes.text(1.0, -0.62, " load that never changes", color="#555555", va="bottom", fontsize=9)
    axes.set_ylim(len(bars) - 0.5, -0.95)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel("peak-to-average ratio of the system's load [-]")
    return Drawing(finding, figure)


def load_finding(data: RunData) -> str:
    """Compare the lowest peak with that of the first strategy."""
    peaks = {name: float(data.total(name, "peak_kw")) for name in data.strategies}
    first, best = data.strategies[0], lowest(data.strategies, lambda name: peaks[name])
    before, after = power_texts([peaks[first], peaks[best]])
    when = data.timeline.clock(int(data.total(best, "peak_step")))
    if not anything(peaks[first]):
        most = highest(data.strategies, lambda name: peaks[name])
        text = f"The system draws nothing under {strategy_name(first)}"
        if anything(peaks[most]):
            text += f", but up to {power_text(peaks[most])} under {strategy_name(most)}"
        return text
    if len(peaks) == 1:
        return f"Under {strategy_name(first)} the system's load peaks at {before}, at {when}"
    if (
        settled(peaks[best]) >= settled(peaks[first])
        or peaks[best] > (1 - NOTICEABLE) * peaks[first]
    ):
        return (
            f"No strategy lowers the system's peak under {strategy_name(first)}, "
            f"{power_text(peaks[first])}, by more than {NOTICEABLE:.1%}"
        ).replace("%", " %")
    return capital(
        f"{strategy_name(best)} {verb(best, 'lowers')} the system's peak from {before} "
        f"under {strategy_name(first)} to {after}, at {when}"
    )


def ratio_finding(data: RunData, known: dict[str, float]) -> str:
    """Compare the lowest ratio with that of the first strategy."""
    first, best = data.strategies[0], lowest(known, lambda name: known[name])
    if len(known) == 1 or first not in known:
        name = strategy_name(best)
        return f"Under {name} the system's peak is {known[best]:.2f} times its mean load"
    if known[best] > (1 - NOTICEABLE) * known[first]:
        return (
            f"No strategy cuts the peak-to-average ratio by more than {NOTICEABLE:.1%} "
            f"against {strategy_name(first)}"
        ).replace("%", " %")
    name, reference = (strategy_name(each).removeprefix("the ") for each in (best, first))
    fall = change(known[best], known[first])
    return capital(
        f"{name} {verb(best, 'cuts')} the peak-to-average ratio by {fall} against {reference}"
    )
