"""What a varied key changes: the mean over seeds of what matters most, with its interval."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.safe_files import beside, own_folder, remove_own
from hmesh.runs.pictures.figure_layout import (
    legend_line,
    panel_title,
    sheet,
    strategy_colour,
    style,
)
from hmesh.runs.results.names import PICTURE_FILES
from hmesh.runs.schemes.registry import sections_first
from hmesh.runs.strategy_names import strategy_label, strategy_name
from hmesh.runs.sweeps.ensemble import Ensemble
from hmesh.runs.sweeps.plan_differences import value_text
from hmesh.runs.sweeps.statistics import statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a panel shows, what its axis says, and how the title calls it.
_FIRST = (
    ("peak_kw", "peak [kW]", "the peak"),
    ("par", "peak to average [-]", "the peak-to-average ratio"),
)
_LAST = ("utility_profit", "utility's profit [{currency}]", "the utility's profit")
# Where strategies are compared, and every member has an account.
_GAINS = (
    ("gains.members", "gain of all members [{currency}]", "the gain of all members"),
    ("price_of_anarchy", "price of anarchy [-]", "the price of anarchy"),
    ("accounts.members.worse_off", "share of members worse off [-]", "the share worse off"),
)

# Runs of the same seeds that differ by less differ by rounding alone.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class SweepPlot:
    """A figure of a sweep: the key it is about, its title, and the PNG file."""

    key: str
    finding: str
    path: Path


@dataclass(frozen=True)
class _Along:
    """An ensemble along one key, averaged over all others.

    Attributes
    ----------
    values : list
        The different values of the key.
    of : dict of array, shape (values, seeds, strategies)
        Quantity by name.
    """

    ensemble: Ensemble
    key: str
    values: list[Any]
    of: dict[str, FloatArray]

    @property
    def positions(self) -> FloatArray:
        """Where the values stand on the axis."""
        if self.numeric:
            return np.array(self.values, dtype=np.float64)
        return np.arange(len(self.values), dtype=np.float64)

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)


def draw_sweep(directory: Path, ensemble: Ensemble) -> list[SweepPlot]:
    """Draw a figure for each varied key into the folder `plots` of a sweep.

    Parameters
    ----------
    directory : Path
        The folder of the sweep.
    ensemble : Ensemble
        The numbers of its runs.

    Returns
    -------
    list of SweepPlot
        One for each key that has more than one value, in the order of the plan.
    """
    keys = [key for key in ensemble.plan.keys if len(ensemble.plan.values(key)) > 1]
    folder = own_folder(directory, "plots")
    remove_own(folder, PICTURE_FILES, keep_others=True)
    if not keys or not ensemble.strategies:
        return []
    from matplotlib import style as matplotlib_style

    own_folder(directory, "plots", make=True)
    plots = []
    with matplotlib_style.context(["default", style()]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        for key in keys:
            along = _along(ensemble, key)
            finding = _finding(along)
            path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', key)}.png"
            with beside(path) as new:
                stated = {"Title": key, "Description": finding}
                quickly = {"compress_level": 3}
                figure = _draw(along, finding)
                figure.savefig(new, format="png", metadata=stated, pil_kwargs=quickly)
            plots.append(SweepPlot(key, finding, path))
    return plots


def headlines(ensemble: Ensemble) -> list[tuple[str, str, str]]:
    """Return what panels show: the load, bills of schemes, and what the utility earns."""
    of_schemes = [
        (figure.key, figure.axis, figure.title)
        for each in sections_first()
        for figure in each.figures
        if figure.axis and (each.always_there or figure.key in ensemble.quantities)
    ]
    gains = [each for each in _GAINS if each[0] in ensemble.quantities]
    return [*_FIRST, *of_schemes, _LAST, *gains]


def _along(ensemble: Ensemble, key: str) -> _Along:
    """Average over all points that share a value; a seed that lacks one of them is left out."""
    values = ensemble.plan.values(key)
    if all(isinstance(value, int | float) for value in values):
        values = sorted(values)
    of = {}
    for name, *_ in headlines(ensemble):
        if name in ensemble.quantities:
            quantity = ensemble.of(name)
            points = ensemble.plan.points
            of[name] = np.stack([
                quantity[[point.values[key] == value for point in points]].mean(axis=0)
                for value in values
            ])  # fmt: skip
    return _Along(ensemble, key, values, of)


def _draw(along: _Along, finding: str) -> "Figure":
    strategies = along.ensemble.strategies
    entries = [
        legend_line(strategy_label(name), strategy_colour(strategies, name), marker="o", ms=4)
        for name in strategies
    ]
    seeds = len(along.ensemble.plan.seeds)
    note = f"mean and its 95 % interval over {seeds} seeds" if seeds > 1 else "one seed"
    others = [key for key in along.ensemble.plan.keys if key != along.key]
    if others and along.ensemble.plan.sample == "grid":
        note += f", averaged over {', '.join(others)}"
    shown = headlines(along.ensemble)
    figure, panels = sheet(
        finding, (-(-len(shown) // 2), 2), 2.3, entries, left_in=1.0, gap_in=0.75, note=note,
    )  # fmt: skip
    for axes, (name, label, _) in zip(panels.flat, shown, strict=False):
        panel_title(axes, label.format(currency=along.ensemble.currency))
        if name in along.of:
            _draw_panel(axes, along, along.of[name])
        axes.set_xlabel(along.key)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    return figure


def _draw_panel(axes: "Axes", along: _Along, quantity: FloatArray) -> None:
    strategies = along.ensemble.strategies
    joined = "-" if along.numeric and along.ensemble.plan.sample == "grid" else "none"
    span = float(np.ptp(along.positions)) or 1.0
    for s, strategy in enumerate(strategies):
        found = statistics(quantity[:, :, s].T)
        # Set apart a little, so that no interval hides another.
        aside = (s - (len(strategies) - 1) / 2) * 0.008 * span
        axes.errorbar(
            along.positions + aside, found.mean, yerr=np.nan_to_num(found.half_width),
            color=strategy_colour(strategies, strategy), ls=joined, lw=1.5, marker="o", ms=4,
            capsize=2.5, elinewidth=1.1,
        )  # fmt: skip
    if not along.numeric:
        axes.set_xticks(along.positions, [value_text(value) for value in along.values])
        axes.margins(x=0.1)
    if max(abs(limit) for limit in axes.get_ylim()) >= 1000:
        axes.yaxis.set_major_formatter("{x:,.0f}")


def _finding(along: _Along) -> str:
    """State the two surest changes under the last strategy under which there are any."""
    strategies = along.ensemble.strategies
    for s, strategy in reversed(list(enumerate(strategies))):
        stated = [
            (sureness, text)
            for name, _, called in headlines(along.ensemble)
            if name in along.of
            for sureness, text in [_headline(along, along.of[name][:, :, s], called)]
            if sureness > 1
        ]
        # Stable, so that of equally sure ones the first headline is stated.
        texts = [text for _, text in sorted(stated, key=lambda pair: -pair[0])[:2]]
        if texts:
            return f"Under {strategy_name(strategy)} {' and '.join(texts)} {_way(along)}"
    return f"No effect of {along.key} differs from chance"


def _way(along: _Along) -> str:
    if along.ensemble.plan.sample != "grid" and along.numeric:
        return f"as {along.key} rises"
    first, last = value_text(along.values[0]), value_text(along.values[-1])
    return f"as {along.key} goes from {first} to {last}"


def _headline(along: _Along, values: FloatArray, called: str) -> tuple[float, str]:
    """Return how sure a change is, as a multiple of what chance may do, and the change in words.

    Parameters
    ----------
    values : array of float, shape (values, seeds)
    """
    if along.ensemble.plan.sample != "grid" and along.numeric:
        return _rank_correlation(along.positions, values, called)
    found = statistics((values[-1] - values[0])[:, None])
    change = float(found.mean[0])
    before = float(statistics(values[0][:, None]).mean[0])
    if not np.isfinite(change) or abs(change) <= _SAME * abs(before):
        return 0.0, ""
    chance = float(np.nan_to_num(found.half_width[0]))
    verb = "rises" if change > 0 else "falls"
    size = f"from {before:,.4g} to {before + change:,.4g}"
    if before > 0 and -before < change < 10 * before:
        size = f"by {abs(change) / before:.1%}".replace("%", " %")
    return abs(change) / max(chance, _SAME * abs(change)), f"{called} {verb} {size}"


def _rank_correlation(positions: FloatArray, values: FloatArray, called: str) -> tuple[float, str]:
    """Return the same of a Latin hypercube, from Spearman's rank correlation of point means."""
    from scipy.stats import spearmanr

    mean = statistics(values.T).mean
    known = np.isfinite(mean)
    if known.sum() < 4 or np.ptp(mean[known]) == 0:
        return 0.0, ""
    correlation, chance = spearmanr(positions[known], mean[known])
    verb = "rises" if correlation > 0 else "falls"
    return 0.05 / max(
        float(chance), 1e-300
    ), f"{called} {verb} (rank correlation {correlation:+.2f})"
