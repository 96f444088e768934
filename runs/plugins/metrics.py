"""The metrics of a run: their values in every step, and what they amount to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.runs.plugins.registered import METRICS, Metric

_STATE = ("sum", "number", "largest", "last")


def metrics_of(plugins: Sequence[str]) -> tuple[Metric, ...]:
    """Return the metrics that some plugins registered, by name."""
    return tuple(METRICS[name] for name in sorted(METRICS) if METRICS[name].plugin in plugins)


class MetricTotals:
    """The values of all metrics in a step, and their mean, maximum and last value so far.

    Parameters
    ----------
    metrics : sequence of Metric
        The metrics of the run.
    communities : sequence of str
        Names of the communities.

    Attributes
    ----------
    values : dict of array, shape () or (communities,)
        What each metric is in the step.
    """

    def __init__(self, metrics: Sequence[Metric], communities: Sequence[str]) -> None:
        self.metrics = metrics
        self.communities = list(communities)
        self.values: dict[str, FloatArray] = {}
        self._totals: dict[str, dict[str, list[float]]] = {}

    def observe(self, simulation: Any) -> None:
        """Compute every metric after a settlement.

        Raises
        ------
        InputError
            When one fails, or returns neither a number nor one for each community.
        """
        for metric in self.metrics:
            value = self._value(metric, simulation)
            self.values[metric.name] = value
            self._add(metric.name, np.atleast_1d(value))

    def _value(self, metric: Metric, simulation: Any) -> FloatArray:
        allowed = f"a number, or an array of {len(self.communities)} numbers, one per community"
        try:
            given = metric.function(simulation)
        except InputError:
            raise
        except Exception as error:
            message = f"fails in step {simulation.step_index}: {type(error).__name__}: {error}"
            raise InputError([Problem(metric.place, message)]) from error
        try:
            value = np.array(given, dtype=np.float64)
        except (TypeError, ValueError):
            message = f"returns {type(given).__name__} {given!r}"
            raise InputError([Problem(metric.place, message, allowed)]) from None
        held = self._totals.get(metric.name)
        if value.shape not in ((), (len(self.communities),)):
            message = f"returns an array of shape {value.shape}"
            raise InputError([Problem(metric.place, message, allowed)])
        if held is not None and len(held["sum"]) != value.size:
            message = f"returns {value.size} numbers in step {simulation.step_index}"
            same = f"{len(held['sum'])} as before"
            raise InputError([Problem(metric.place, message, same)])
        if np.isinf(value).any():
            message = f"is infinite in step {simulation.step_index}"
            raise InputError([Problem(metric.place, message, "finite numbers, or NaN for none")])
        return value

    def _add(self, name: str, value: FloatArray) -> None:
        new = {
            "sum": [0.0] * len(value),
            "number": [0.0] * len(value),
            "largest": [float("nan")] * len(value),
            "last": [float("nan")] * len(value),
        }
        held = self._totals.setdefault(name, new)
        for k, number in enumerate(value.tolist()):
            held["last"][k] = number
            if not np.isnan(number):
                held["sum"][k] += number
                held["number"][k] += 1.0
                held["largest"][k] = float(np.fmax(held["largest"][k], number))

    def summary(self) -> dict[str, Any]:
        """Return mean, maximum and last value of each metric; nothing where there are none."""
        if not self.metrics:
            return {}
        found: dict[str, Any] = {}
        for name, held in self._totals.items():
            figures = [
                {
                    "mean": total / number if number else None,
                    "max": None if np.isnan(largest) else largest,
                    "last": None if np.isnan(last) else last,
                }
                for total, number, largest, last in zip(
                    *(held[part] for part in _STATE), strict=True
                )
            ]
            whole = self.values[name].ndim == 0 if name in self.values else len(figures) == 1
            found[name] = figures[0] if whole else dict(zip(self.communities, figures, strict=True))
        return {"metrics": found}

    def rows(self) -> dict[str, Any]:
        """Return the values of the step as rows of metrics.parquet, without step and strategy."""
        names: list[str] = []
        places: list[str | None] = []
        values: list[float] = []
        for name, value in self.values.items():
            here = self.communities if value.ndim else [None]
            names += [name] * len(here)
            places += here
            values += np.atleast_1d(value).tolist()
        return {"metric": names, "community": places, "value": values}

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {
            name: held | {"scalar": self.values[name].ndim == 0}
            for name, held in self._totals.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`.

        Raises
        ------
        ValueError
            When it is not one of these metrics.
        """
        known = {metric.name for metric in self.metrics}
        if not set(state) <= known:
            raise ValueError(f"holds the metrics {', '.join(state)}")
        for name, held in state.items():
            shape = () if held["scalar"] else (len(self.communities),)
            self._totals[name] = {part: [float(x) for x in held[part]] for part in _STATE}
            self.values[name] = np.array(self._totals[name]["last"]).reshape(shape)
