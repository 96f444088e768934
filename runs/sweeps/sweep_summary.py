"""The results of a sweep, in a short table and a few lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.schemes.registry import figures_of_schemes
from hmesh.runs.strategy_names import strategy_label, strategy_name
from hmesh.runs.sweeps.key_sensitivity import sensitivity_lines
from hmesh.runs.sweeps.outcomes import Shapes
from hmesh.runs.sweeps.plan_differences import value_text
from hmesh.runs.sweeps.statistics import paired_difference, statistics

if TYPE_CHECKING:
    from rich.table import Table

    from hmesh.runs.sweeps.ensemble import Ensemble
    from hmesh.runs.sweeps.sweep import Sweep

MOST_ROWS = 24
MOST_FAILURES = 10

_FIRST = (("peak_kw", "peak\n[kW]"), ("par", "peak to\naverage [-]"))
_LAST = ("utility_profit", "utility's\nprofit [{currency}]")


def sweep_table(ensemble: "Ensemble") -> "Table":
    """Return a row for each point and strategy: means over seeds with half their intervals.

    Parameters
    ----------
    ensemble : Ensemble
        The numbers of the runs; where there are many points, the table shows the first.
    """
    from rich import box
    from rich.table import Table

    plan = ensemble.plan
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for key in plan.keys:
        table.add_column(plan.short_keys[key], justify="right", no_wrap=True)
    table.add_column("strategy", no_wrap=True)
    of_schemes = ((figure.key, figure.head) for figure in figures_of_schemes())
    columns = (*_FIRST, *of_schemes, _LAST)
    shown = [(name, head) for name, head in columns if name in ensemble.quantities]
    for _, head in shown:
        table.add_column(head.format(currency=ensemble.currency), justify="right", no_wrap=True)
    cells = np.argwhere(ensemble.present.any(axis=1)).tolist()
    for point, strategy in cells[:MOST_ROWS]:
        values = plan.points[point].values
        numbers = [statistics(ensemble.of(name)[point, :, strategy][:, None]) for name, _ in shown]
        table.add_row(
            *(value_text(values[key]) for key in plan.keys),
            strategy_label(ensemble.strategies[strategy]).partition(" ")[0],
            *(with_interval(float(n.mean[0]), float(n.half_width[0])) for n in numbers),
        )
    if len(cells) > MOST_ROWS:
        table.caption = f"and {len(cells) - MOST_ROWS:,} more rows in summary.csv"
    return table


def sweep_lines(sweep: "Sweep") -> Iterator[str]:
    """Yield what a reader of the table must know: findings, what pairing saved, and failures."""
    for plot in sweep.plots:
        yield f"{plot.key}: {plot.finding}"
    yield from _saved(sweep.ensemble)
    yield from Shapes(sweep.ensemble).lines()
    yield from sensitivity_lines(sweep.ensemble)
    runs, failed = len(sweep.plan.runs), len(sweep.failures)
    there = f", {sweep.found:,} of them were there before" if sweep.found else ""
    yield f"{runs - failed:,} of {runs:,} runs are finished{there}"
    if sweep.spread:
        yield "each was spread over the whole cluster, one after another"
    for failure in sweep.failures[:MOST_FAILURES]:
        yield f"failed: {failure.name}: {failure.error}"
    if failed > MOST_FAILURES:
        yield f"failed: and {failed - MOST_FAILURES:,} more, all in failures.json"
    if failed:
        yield "the same command tries the failed runs again"


def _saved(ensemble: "Ensemble") -> Iterator[str]:
    """State what common random numbers did to differences between values of a key."""
    pairs = [found for found in ensemble.comparisons() if found.cell[1] == found.reference[1]]
    if not pairs or len(ensemble.plan.seeds) < 2:
        return
    entries = []
    # Differences are given for the bill of those whom the run is about.
    bills = {figure.key: figure.title for figure in figures_of_schemes()}
    quantity = next((name for name in bills if name in ensemble.quantities), "generation_cost")
    for s, strategy in enumerate(ensemble.strategies):
        shares = [
            _share(ensemble, quantity, pair.cell, pair.reference)
            for pair in pairs
            if pair.cell[1] == s
        ]
        known = [share for share in shares if np.isfinite(share)]
        if known:
            entries.append(f"{float(np.median(known)):.0%} under {strategy_name(strategy)}")
    if entries:
        saved = ", ".join(entries).replace("%", " %")
        yield (
            "Common random numbers save this share of the variance of differences in "
            f"{bills.get(quantity, 'the cost of generation')}: {saved}"
        )


def _share(
    ensemble: "Ensemble", quantity: str, cell: tuple[int, int], reference: tuple[int, int]
) -> float:
    bill = ensemble.of(quantity)
    first, second = (bill[point, :, strategy][:, None] for point, strategy in (cell, reference))
    saved = paired_difference(first, second).variance_saved
    return float("nan") if saved is None else float(saved[0])


def with_interval(mean: float, half_width: float) -> str:
    """Return a mean with as many digits as its interval makes sense of."""
    if not np.isfinite(mean):
        return "-"
    digits = 0 if abs(mean) >= 100 else 1 if abs(mean) >= 10 else 3
    text = f"{mean:,.{digits}f}"
    return f"{text} ± {half_width:,.{digits}f}" if np.isfinite(half_width) else text
