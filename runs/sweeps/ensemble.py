"""What the runs of a sweep result in: one row for each run, and statistics across seeds."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.safe_files import beside, write_json
from hmesh.environment.streams import Streams
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.sweeps.distribution import bootstrap_interval, quantiles
from hmesh.runs.sweeps.key_sensitivity import sensitivity_rows
from hmesh.runs.sweeps.outcomes import Shapes
from hmesh.runs.sweeps.plan_differences import SCHEMA, value_text
from hmesh.runs.sweeps.statistics import Statistics, paired_difference, statistics
from hmesh.runs.sweeps.sweep_plan import SweepPlan
from hmesh.runs.who_gains import gain_figures

# What is counted is stated only where it happened, so that a missing one is zero.
_COUNTED = ("counts.", "messages.", "overloaded_steps.")

_QUANTILES = ("quantile_05", "quantile_25", "median", "quantile_75", "quantile_95")
_BOOTSTRAP = ("bootstrap_low_95", "bootstrap_high_95")
_STATISTICS = (
    "seeds", "mean", "standard_deviation", "low_95", "high_95", "variance_saved", *_QUANTILES,
    *_BOOTSTRAP, "one_hump_p",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two cells of an ensemble whose difference is stated, the first minus the second.

    Attributes
    ----------
    cell, reference : (int, int)
        Each the number of the point and of the strategy.
    minus : str
        In what the second differs from the first.
    """

    cell: tuple[int, int]
    reference: tuple[int, int]
    minus: str


@dataclass(frozen=True)
class Ensemble:
    """The numbers of all runs of a sweep.

    Attributes
    ----------
    plan : SweepPlan
        The runs.
    strategies, quantities : tuple of str
        The names along the last two axes of `values`.
    whole : frozenset of str
        Which quantities are whole numbers.
    values : array of float, shape (points, seeds, strategies, quantities)
        NaN where a run failed or has no such number.
    present : array of bool, shape (points, seeds, strategies)
        Which strategies of which runs there are.
    """

    plan: SweepPlan
    strategies: tuple[str, ...]
    quantities: tuple[str, ...]
    whole: frozenset[str]
    values: FloatArray
    present: NDArray[np.bool_]

    @property
    def currency(self) -> str:
        """The currency of all money."""
        return str(self.plan.scenario["currency"])

    def of(self, quantity: str) -> FloatArray:
        """Return one quantity, shape (points, seeds, strategies)."""
        return self.values[..., self.quantities.index(quantity)]

    def comparisons(self) -> Iterator[Comparison]:
        """Yield what is compared: values of a key with its first, strategies with the first.

        The points of a Latin hypercube differ in all keys at once and are not compared.
        """
        plan = self.plan
        numbers = {_identity(point.values): n for n, point in enumerate(plan.points)}
        for number, point in enumerate(plan.points):
            for key in plan.keys if plan.sample == "grid" else ():
                first = plan.values(key)[0]
                other = numbers[_identity({**point.values, key: first})]
                for s in range(len(self.strategies)) if other != number else ():
                    yield Comparison((number, s), (other, s), plan.label(key, first))
        for number in range(len(plan.points)):
            for s in range(1, len(self.strategies)):
                minus = f"strategy={self.strategies[0]}"
                yield Comparison((number, s), (number, 0), minus)


def read_ensemble(directory: Path, plan: SweepPlan, without: Iterable[str] = ()) -> Ensemble:
    """Read the results of the runs of a sweep.

    Parameters
    ----------
    directory : Path
        The folder of the sweep.
    plan : SweepPlan
        Its runs.
    without : iterable of str, optional
        The names of the runs that failed.

    Raises
    ------
    InputError
        When a run is missing, unfinished or damaged.
    """
    failed = set(without)
    found: list[tuple[int, int, str, dict[str, float]]] = []
    for index, run in enumerate(plan.runs):
        if run.name in failed:
            continue
        done = read_run(directory / "runs" / run.name)
        # In the order of the scenario, which the summary does not keep.
        names = run.point.resolved["strategies"]
        totals = {strategy: done.totals(strategy) for strategy in names}
        gains = gain_figures(totals, names)
        found += [
            (*divmod(index, len(plan.seeds)), name, _figures_of(totals[name]) | gains[name])
            for name in names
        ]
    strategies = tuple(dict.fromkeys(strategy for _, _, strategy, _ in found))
    every = dict.fromkeys(name for *_, numbers in found for name in numbers)
    quantities = tuple(sorted(every, key=lambda name: ("." in name, name)))
    shape = (len(plan.points), len(plan.seeds), len(strategies))
    values = np.full((*shape, len(quantities)), np.nan)
    present = np.zeros(shape, dtype=np.bool_)
    missing = {name: 0.0 for name in quantities if name.startswith(_COUNTED)}
    for point, seed, strategy, numbers in found:
        cell = point, seed, strategies.index(strategy)
        reported = missing | numbers
        values[cell] = [reported.get(name, np.nan) for name in quantities]
        present[cell] = True
    whole = frozenset(
        name
        for name in quantities
        if all(isinstance(numbers.get(name, 0), int) for *_, numbers in found)
    )
    return Ensemble(plan, strategies, quantities, whole, values, present)


def write_tables(directory: Path, ensemble: Ensemble) -> None:
    """Write runs.parquet, runs.csv, summary.csv and summary.json into the folder of a sweep."""
    rows = list(_run_rows(ensemble))
    _write_csv(directory / "runs.csv", rows)
    _write_parquet(directory / "runs.parquet", rows, ensemble)
    values = list(_value_groups(ensemble))
    differences = list(_difference_groups(ensemble))
    shapes = Shapes(ensemble)
    _add_humps(shapes, values)
    bimodal = [
        {
            "point": shape.point,
            "strategy": ensemble.strategies[shape.strategy],
            "quantity": shape.quantity,
            "unimodal_p": shape.humps.p,
            "modes": list(shape.humps.peaks),
        }
        for shape in shapes.two
    ]
    reported = {
        "schema": SCHEMA,
        "confidence": 0.95,
        "values": values,
        "differences": differences,
        "bimodal": bimodal,
        # As earlier versions named it: names of results are never taken back.
        "two_humps": [
            {
                **{key: each[key] for key in ("point", "strategy", "quantity")},
                "one_hump_p": each["unimodal_p"],
                "humps": each["modes"],
            }
            for each in bimodal
        ],
    }
    _write_csv(directory / "summary.csv", _summary_rows(ensemble, [*values, *differences]))
    write_json(directory / "summary.json", reported)
    if ensemble.plan.design is not None:
        _write_csv(directory / "sensitivity.csv", list(sensitivity_rows(ensemble)))


def _identity(values: Mapping[str, Any]) -> str:
    return repr(list(values.items()))


def _figures_of(totals: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a strategy by dotted name, those after the burn-in where there are."""
    reported = dict(totals)
    later = reported.pop("after_burn_in", None)
    if later is not None:
        # Of parts of the calendar the burn-in is not known.
        reported = {
            key: part for key, part in reported.items() if not key.startswith("by_")
        } | later
    return dict(_numbers(reported))


def _numbers(value: Any, above: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of a summary by its dotted name."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _numbers(part, f"{above}.{key}" if above else key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield above, value


def _run_rows(ensemble: Ensemble) -> Iterator[dict[str, Any]]:
    """Yield a row for each run and strategy, in the order of the plan."""
    plan = ensemble.plan
    for index, run in enumerate(plan.runs):
        point, seed = divmod(index, len(plan.seeds))
        for s, strategy in enumerate(ensemble.strategies):
            if not ensemble.present[point, seed, s]:
                continue
            numbers = ensemble.values[point, seed, s].tolist()
            reported = zip(ensemble.quantities, numbers, strict=True)
            yield {
                "point": point,
                **run.point.values,
                "seed": run.seed,
                "strategy": strategy,
                **{name: _plain(number, name in ensemble.whole) for name, number in reported},
                "directory": f"runs/{run.name}",
            }


def _plain(number: float, whole: bool) -> float | int | None:
    if np.isnan(number):
        return None
    return int(number) if whole else number


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with beside(path) as new, new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if rows:
            writer.writerow(rows[0])
            writer.writerows([_cell(value) for value in row.values()] for row in rows)


def _cell(value: Any) -> Any:
    """Return a value as a cell holds it; None leaves it empty."""
    if isinstance(value, bool | list | dict):
        return value_text(value)
    return value


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], ensemble: Ensemble) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name in rows[0] if rows else ():
        cells = [row[name] for row in rows]
        columns[name] = pa.array(*_arrow(cells, name, ensemble))
    with beside(path) as new:
        pq.write_table(pa.table(columns), new, compression="zstd")


def _arrow(cells: list[Any], name: str, ensemble: Ensemble) -> tuple[list[Any], Any]:
    """Return the cells of a column and its type, which never depends on which runs failed."""
    import pyarrow as pa

    if name in ("strategy", "directory"):
        return cells, pa.string()
    if name in ("point", "seed") or name in ensemble.whole:
        return cells, pa.int64()
    if name in ensemble.quantities:
        return cells, pa.float64()
    values = [value for value in ensemble.plan.values(name) if value is not None]
    if values and all(isinstance(value, bool) for value in values):
        return cells, pa.bool_()
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        whole = all(isinstance(value, int) for value in values)
        return cells, pa.int64() if whole else pa.float64()
    return [None if cell is None else value_text(cell) for cell in cells], pa.string()


def _value_groups(ensemble: Ensemble) -> Iterator[dict[str, Any]]:
    """Yield the statistics of every point and strategy."""
    for point, strategy in np.argwhere(ensemble.present.any(axis=1)).tolist():
        yield {
            "point": point,
            "keys": ensemble.plan.points[point].values,
            "strategy": ensemble.strategies[strategy],
            "quantities": _reported(
                ensemble,
                statistics(ensemble.values[point, :, strategy]),
                ensemble.values[point, :, strategy],
            ),
        }


def _difference_groups(ensemble: Ensemble) -> Iterator[dict[str, Any]]:
    """Yield the statistics of every comparison, seed by seed."""
    for comparison in ensemble.comparisons():
        point, strategy = comparison.cell
        other, reference = comparison.reference
        here, there = ensemble.values[point, :, strategy], ensemble.values[other, :, reference]
        found = paired_difference(here, there)
        if found.number.any():
            yield {
                "point": point,
                "keys": ensemble.plan.points[point].values,
                "strategy": ensemble.strategies[strategy],
                "minus": comparison.minus,
                "quantities": _reported(ensemble, found, here - there),
            }


def _add_humps(shapes: Shapes, values: Sequence[Mapping[str, Any]]) -> None:
    """Add to the statistics of values whether they have one hump."""
    strategies = shapes.ensemble.strategies
    groups = {(group["point"], group["strategy"]): group["quantities"] for group in values}
    for shape in shapes.every:
        reported = groups[shape.point, strategies[shape.strategy]][shape.quantity]
        reported["one_hump_p"] = shape.humps.p


def _reported(
    ensemble: Ensemble, found: Statistics, values: FloatArray
) -> dict[str, dict[str, Any]]:
    """Return statistics as plain data by quantity, without quantities that nothing is known of.

    `values` are what they are of, shape (seeds, quantities).
    """
    # Seeds are drawn alike for all groups, so that a group more changes none of the others.
    stream = Streams(ensemble.plan.scenario["seed"]).generator("bootstrap of a sweep")
    columns: dict[str, NDArray[Any]] = {
        "seeds": found.number,
        "mean": found.mean,
        "standard_deviation": found.standard_deviation,
        "low_95": found.mean - found.half_width,
        "high_95": found.mean + found.half_width,
    }
    if found.variance_saved is not None:
        columns["variance_saved"] = found.variance_saved
    columns |= dict(zip(_QUANTILES, quantiles(values), strict=True))
    columns |= dict(zip(_BOOTSTRAP, bootstrap_interval(values, stream), strict=True))
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return {
        name: {key: _plain(cell, key == "seeds") for key, cell in zip(columns, row, strict=True)}
        for name, row in zip(ensemble.quantities, rows, strict=True)
        if row[0]
    }


def _summary_rows(ensemble: Ensemble, groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "kind": "difference" if "minus" in group else "value",
            "point": group["point"],
            **{key: group["keys"][key] for key in ensemble.plan.keys},
            "strategy": group["strategy"],
            "minus": group.get("minus"),
            "quantity": quantity,
            **{name: reported.get(name) for name in _STATISTICS},
        }
        for group in groups
        for quantity, reported in group["quantities"].items()
    ]
