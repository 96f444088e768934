import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linprog

from hmesh.environment.arrays import FloatArray
from hmesh.runs import run_sweep
from hmesh.runs.sweeps.dip import dip
from hmesh.runs.sweeps.distribution import (
    QUANTILES,
    bin_edges,
    bootstrap_interval,
    humps,
    quantiles,
)
from hmesh.runs.sweeps.sweep_summary import sweep_lines


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_quantiles_leave_out_what_is_missing() -> None:
    values = generator().normal(size=(9, 4))
    values[2, 1] = values[:, 3] = np.nan
    found = quantiles(values)
    assert found[:, 0] == pytest.approx(np.quantile(values[:, 0], QUANTILES))
    assert found[:, 1] == pytest.approx(np.nanquantile(values[:, 1], QUANTILES))
    assert np.isnan(found[:, 3]).all()


def test_bootstrap_intervals_are_those_of_scipy() -> None:
    values = generator(3).gamma(2.0, size=(25, 3))
    values[4, 2] = np.nan
    ends = bootstrap_interval(values, generator(), 9999)
    for quantity in range(3):
        held = values[np.isfinite(values[:, quantity]), quantity]
        due = stats.bootstrap(
            (held,), np.mean, n_resamples=9999, method="BCa", rng=generator(2)
        ).confidence_interval
        # Both are drawn: an end of 9,999 resamples is known to about 0.02 of its standard error.
        error = 0.1 * held.std(ddof=1) / len(held) ** 0.5
        assert ends[:, quantity] == pytest.approx((due.low, due.high), abs=error)


def test_intervals_of_few_or_equal_values() -> None:
    values = np.array([[1.0, 2.0], [1.0, 3.0], [1.0, np.nan]])
    ends = bootstrap_interval(values, generator())
    assert ends[:, 0].tolist() == [1.0, 1.0]
    assert np.isnan(ends[:, 1]).all()


def two(distance: float, number: int = 30, seed: int = 1) -> Any:
    halves = np.repeat((0.0, distance), number // 2)
    return halves + generator(seed).normal(size=len(halves))


def test_two_humps_are_found_where_they_are_and_one_is_one() -> None:
    found = humps(two(8.0))
    assert found is not None
    assert found.two
    assert found.peaks == pytest.approx((0.0, 8.0), abs=1.0)
    # Neither scale nor place matters.
    scaled = humps(1e6 + 1e3 * two(8.0))
    assert scaled is not None
    assert scaled.peaks == pytest.approx([1e6 + 1e3 * peak for peak in found.peaks])
    counts, _ = np.histogram(two(8.0), bin_edges(two(8.0), found))
    valley = int(counts[2:-2].min())
    assert valley < counts[: len(counts) // 2].max() / 2
    assert valley < counts[len(counts) // 2 :].max() / 2
    one = humps(two(0.0))
    assert one is not None
    assert not one.two
    assert len(one.peaks) == 1


def test_what_has_no_shape_is_not_tested() -> None:
    assert humps(np.full(20, 3.0)) is None
    assert humps(np.full(20, 3e9) + 1e-9 * generator().normal(size=20)) is None
    assert humps(two(9.0, number=8)) is None


def nearest_of_one_hump(x: FloatArray, mode: int) -> float:
    """Return how far a sample is from the nearest distribution with a mode, by a linear programme.

    Its values left of the mode, then from the mode on, then the distance.
    """
    n = len(x)
    left, size = mode + 1, n + 2
    rows: list[FloatArray] = []
    most: list[float] = []

    def require(limit: float, **terms: float) -> None:
        row = np.zeros(size)
        for place, factor in terms.items():
            row[int(place[1:])] += factor
        rows.append(row)
        most.append(limit)

    last = f"d{size - 1}"
    for j in range(n):
        sides = [] if j > mode else [(j, j / n, (j + 1 if j < mode else j) / n)]
        if j >= mode:
            sides.append((left + j - mode, (j if j > mode else j + 1) / n, (j + 1) / n))
        for place, upper, lower in sides:
            require(upper, **{f"v{place}": 1.0, last: -1.0})
            require(-lower, **{f"v{place}": -1.0, last: -1.0})
    for place in range(size - 2):
        require(0.0, **{f"v{place}": 1.0, f"v{place + 1}": -1.0})
    for first, end, bend, base in ((0, left, 1.0, 0), (mode, n, -1.0, left - mode)):
        for j in range(first + 1, end - 1):
            before, after = x[j] - x[j - 1], x[j + 1] - x[j]
            at = base + j
            require(0.0, **{
                f"v{at}": bend * (1 / before + 1 / after),
                f"v{at - 1}": -bend / before, f"v{at + 1}": -bend / after,
            })  # fmt: skip
    goal = np.eye(size)[-1]
    found = linprog(goal, A_ub=np.array(rows), b_ub=np.array(most), bounds=[(0, 1)] * size)
    return float(found.fun)


@pytest.mark.parametrize("seed", range(6))
def test_the_dip_is_the_distance_to_the_nearest_distribution_of_one_hump(seed: int) -> None:
    stream = generator(seed)
    number = int(stream.integers(3, 10))
    x = np.sort(stream.random(number) + 3.0 * (stream.random(number) < 0.5) * (seed % 2))
    due = min(nearest_of_one_hump(x, mode) for mode in range(number))
    assert dip(x) == pytest.approx(due, abs=1e-9)
    assert dip(7.0 - 2.0 * x[::-1]) == pytest.approx(due, abs=1e-9)


def test_the_dip_of_atoms_and_of_even_steps() -> None:
    assert dip(np.repeat((0.0, 8.0), 10)) == pytest.approx(0.25, abs=1e-9)
    assert dip(np.arange(20.0)) == pytest.approx(1 / 40)
    # Counts are no humps, unless they are far apart.
    counts = np.repeat((3.0, 4.0, 5.0, 6.0), 5)
    steady, split = humps(counts), humps(np.where(counts < 5, counts, counts + 20))
    assert steady is not None
    assert not steady.two
    assert split is not None
    assert split.two


@pytest.mark.slow
@pytest.mark.parametrize("number", [10, 20, 50])
def test_flat_outcomes_are_taken_for_two_humps_in_one_of_twenty(number: int) -> None:
    samples = generator(number).random((2000, number))
    found = [humps(sample) for sample in samples]
    count = sum(each is not None and each.two for each in found)
    # At a level of 0.05, further away has a chance below 1 in 1,000.
    assert 100 - 33 <= count <= 100 + 33


@pytest.mark.slow
@pytest.mark.parametrize("draw", ["normal", "lognormal", "standard_cauchy", "exponential"])
def test_one_hump_is_seldom_taken_for_two(draw: str) -> None:
    samples = getattr(generator(7), draw)(size=(200, 20))
    found = [humps(sample) for sample in samples]
    # At a level of 0.05, more than 20 of 200 have a chance below 1 in 1,000.
    assert sum(each is not None and each.two for each in found) <= 20


@pytest.mark.slow
def test_a_sweep_whose_outcome_has_two_humps_says_so(tmp_path: Path) -> None:
    # The feeder of the only community that uses much is out for the whole run, or is not.
    changes: dict[str, Any] = {
        "vehicles.count": 4,
        "hours": 1,
        "strategies": ["typical"],
        "communities.malls.members.0.annual_kwh": 1000,
        "communities.offices.members.0.annual_kwh": 1000,
        "chance.feeder_outages": {
            "mean_time_between_failures_h": 6e5,
            "mean_time_to_repair_h": 4e5,
        },
    }
    swept = run_sweep("three-communities", (), tmp_path, seeds=20, changes=changes, workers=1)
    costs = swept.ensemble.of("generation_cost")[0, :, 0]
    lines = [line for line in sweep_lines(swept) if "bimodal" in line]
    assert any(
        line.startswith("generation_cost under typical charging is bimodal") for line in lines
    )
    (plot,) = swept.plots
    assert plot.path.name == "distribution.png"
    assert "is bimodal, with modes near" in plot.finding
    reported = json.loads((tmp_path / "summary.json").read_text())
    (found,) = [each for each in reported["two_humps"] if each["quantity"] == "generation_cost"]
    (named,) = [each for each in reported["bimodal"] if each["quantity"] == "generation_cost"]
    assert named["unimodal_p"] == found["one_hump_p"]
    assert named["modes"] == found["humps"]
    assert found["one_hump_p"] < 0.05
    with (tmp_path / "summary.csv").open() as file:
        rows = {row["quantity"]: row for row in csv.DictReader(file)}
    row = rows["generation_cost"]
    assert float(row["one_hump_p"]) == found["one_hump_p"]
    assert float(row["median"]) == pytest.approx(np.median(costs))
    assert float(row["quantile_95"]) == pytest.approx(np.quantile(costs, 0.95))
    assert float(row["bootstrap_low_95"]) < costs.mean() < float(row["bootstrap_high_95"])
    assert rows["losses_kwh"]["one_hump_p"] == ""


@pytest.mark.slow
def test_metrics_of_plugins_are_columns(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from hmesh.plugins import metric\n\n\n"
        '@metric("drawn_kwh")\n'
        "def drawn_kwh(world):\n"
        "    return float(world.net_kwh.sum())\n"
    )
    out = tmp_path / "sweep"
    swept = run_sweep(
        "three-communities", ("vehicles.count=3,5",), out, seeds=2, workers=1,
        changes={"hours": 2, "strategies": ["typical"]}, plugins=[str(tmp_path / "mine.py")],
    )  # fmt: skip
    drawn = swept.ensemble.of("metrics.drawn_kwh.mean")
    assert drawn == pytest.approx(swept.ensemble.of("mean_kw"))
    differences = json.loads((out / "summary.json").read_text())["differences"]
    assert "metrics.drawn_kwh.mean" in differences[0]["quantities"]
    assert "bootstrap_low_95" in differences[0]["quantities"]["metrics.drawn_kwh.mean"]
