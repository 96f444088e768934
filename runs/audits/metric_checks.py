"""Whether the metrics of plugins in summary.json are what metrics.parquet amounts to."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run

_FIGURES = ("mean", "max", "last")


def check_metrics(run: Run, inputs: RunInputs) -> Iterator[Check]:
    """Check that every metric has its rows, and its mean, maximum and last value.

    What a metric should be is known to its plugin alone.
    """
    metrics = [metric.name for metric in inputs.scenario.metrics]
    if not metrics:
        return
    names = {"strategy": inputs.strategies, "metric": metrics, "community": inputs.communities}
    rows = TableReader(run, "metrics", names, inputs.start_ms).rest()
    tally = Tally("metrics: summary as the table has it", EXACT, "of the figure")
    for s, strategy in enumerate(inputs.strategies):
        held = run.summary[strategy].get("metrics", {})
        if set(held) != set(metrics):
            raise DamagedTableError("metrics", f"the summary of {strategy} has other metrics")
        for k, metric in enumerate(metrics):
            mine = (rows["strategy"] == s) & (rows["metric"] == k)
            for place, reported in _parts(held[metric], inputs):
                values = _of_place(rows, mine, place, inputs.steps, metric)
                due = _figures(values)
                off = [_off(reported.get(name), due[name]) for name in _FIGURES]
                labels = [f"{metric}, {name}" for name in _FIGURES]
                tally.add(np.array(off), _label(labels), None)
    yield tally.check()


def _label(labels: list[str]) -> Label:
    return lambda place: labels[place[0]]


def _parts(
    held: Mapping[str, Any], inputs: RunInputs
) -> Iterator[tuple[int, Mapping[str, float | None]]]:
    """Yield the number of each community with its figures, -1 for a single number."""
    if set(held) == set(_FIGURES) and not isinstance(held["mean"], Mapping):
        yield -1, held
        return
    for m, name in enumerate(inputs.communities):
        yield m, held.get(name, {})


def _of_place(rows: Columns, mine: Any, place: int, steps: int, metric: str) -> Any:
    here = mine & (rows["community"] == place)
    if not np.array_equal(rows["step"][here], np.arange(steps)):
        raise DamagedTableError("metrics", f"the rows of {metric} are not those of every step")
    return rows["value"][here]


def _figures(values: Any) -> dict[str, float | None]:
    there = values[~np.isnan(values)]
    return {
        "mean": float(there.mean()) if len(there) else None,
        "max": float(there.max()) if len(there) else None,
        "last": None if np.isnan(values[-1]) else float(values[-1]),
    }


def _off(reported: float | None, due: float | None) -> float:
    if reported is None or due is None:
        return 0.0 if reported is due else np.inf
    return abs(reported - due) / max(abs(reported), abs(due), 1.0)
