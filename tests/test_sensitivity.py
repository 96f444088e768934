import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.runs import make_plan, run_sweep
from hmesh.runs.sweeps.growth import grown
from hmesh.runs.sweeps.key_sensitivity import indices, make_design, sensitivity_lines

NAME = "three-communities"
VARY = ("vehicles.theta=1:3", "generation_cost.linear=5:15")
SMALL: dict[str, Any] = {"vehicles.count": 5, "hours": 1, "strategies": ["typical"]}


def ishigami(shares: Any) -> Any:
    """Return Ishigami's function, a = 7 and b = 0.1, of which all indices are known."""
    x = np.pi * (2.0 * shares - 1.0)
    return np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


# From the variances V1 = (1 + b pi^4 / 5)^2 / 2, V2 = a^2 / 8, V13 = 8 b^2 pi^8 / 225.
V1, V2, V13 = (1 + 0.1 * np.pi**4 / 5) ** 2 / 2, 49 / 8, 8 * 0.01 * np.pi**8 / 225
FIRST = np.array([V1, V2, 0.0]) / (V1 + V2 + V13)
TOTAL = np.array([V1 + V13, V2, V13]) / (V1 + V2 + V13)


@pytest.mark.slow
def test_sobol_indices_of_ishigamis_function_are_the_known_ones() -> None:
    pytest.importorskip("SALib")
    design = make_design("sobol", ["x1", "x2", "x3"], 2048, 1)
    assert design.shares.shape == (2048 * 5, 3)
    found = indices(design, ishigami(design.shares))
    for k, reported in enumerate(found):
        # A quasi-random estimate from 2,048 points is known to one or two hundredths.
        assert reported["first_order"] == pytest.approx(FIRST[k], abs=0.02)
        assert reported["total_order"] == pytest.approx(TOTAL[k], abs=0.02)
        assert 0 < reported["total_order_95"] < 0.1


def test_effects_of_morris_are_those_of_a_line_and_a_product() -> None:
    pytest.importorskip("SALib")
    design = make_design("morris", ["a", "b", "c", "d"], 20, 1)
    a, b, c, _ = design.shares.T
    found = indices(design, 5.0 * a - 2.0 * b + 4.0 * b * c)
    assert found[0]["mean_effect"] == pytest.approx(5.0)
    assert found[0]["effect_deviation"] == pytest.approx(0.0, abs=1e-9)
    # The effect of b is 4 c - 2, that of c is 4 b, and both vary.
    assert -2.0 < found[1]["mean_effect"] < 2.0
    assert found[1]["effect_deviation"] > 0.5
    assert found[2]["mean_effect"] == found[2]["effect_size"] > 0.5
    assert found[3]["effect_size"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_twice_as_many_points_of_sobol_begin_with_the_same() -> None:
    pytest.importorskip("SALib")
    few, many = (make_plan(NAME, VARY, sample="sobol", points=n, changes=SMALL) for n in (4, 8))
    assert len(few.points) == 16
    assert grown(many, json.loads(json.dumps(few.described()))) is not None
    assert make_design("sobol", ["a"], 4, 1).shares.tolist() != (
        make_design("sobol", ["a"], 4, 2).shares.tolist()
    )


@pytest.mark.parametrize(
    ("options", "vary", "words"),
    [
        ({"sample": "sobol", "points": 6}, VARY, "6 base points are no power of 2"),
        ({"sample": "morris", "points": 1}, VARY, "one trajectory has no spread"),
        ({"sample": "sobol"}, VARY, "--points: is missing"),
        ({"sample": "sobol", "points": 4}, (), "Sobol's design varies at least one key"),
        ({"sample": "morris", "points": 4}, ("vehicles.count=5",), "the same all over"),
        ({"sample": "soboll", "points": 4}, VARY, "did you mean 'sobol'"),
    ],
)
def test_wrong_designs_are_refused(options: Any, vary: Any, words: str) -> None:
    pytest.importorskip("SALib")
    with pytest.raises(InputError, match=words.replace("?", r"\?")):
        make_plan(NAME, vary, changes=SMALL, **options)


def test_without_salib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SALib", "SALib.sample", "SALib.sample.sobol"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'hmesh\[sensitivity\]'"):
        make_plan(NAME, VARY, sample="sobol", points=4, changes=SMALL)


@pytest.mark.slow
@pytest.mark.parametrize(("sample", "points", "runs"), [("sobol", 8, 32), ("morris", 4, 12)])
def test_what_a_bill_depends_on_is_found(
    tmp_path: Path, sample: str, points: int, runs: int
) -> None:
    pytest.importorskip("SALib")
    swept = run_sweep(
        NAME, VARY, tmp_path, sample=sample, points=points, changes=SMALL, workers=1
    )  # fmt: skip
    # A design of Morris comes back to points where it was.
    assert len(swept.plan.points) <= runs == len(swept.plan.rows)
    with (tmp_path / "sensitivity.csv").open() as file:
        rows = {(row["quantity"], row["key"]): row for row in csv.DictReader(file)}
    theta, used = ("vehicles.theta", "generation_cost.linear")
    column = "total_order" if sample == "sobol" else "effect_size"
    # Under typical charging nobody looks at prices, and no draw depends on theta.
    assert float(rows["generation_cost", theta][column]) == pytest.approx(0.0, abs=1e-9)
    assert float(rows["generation_cost", used][column]) > 0.5
    line = next(
        line for line in sensitivity_lines(swept.ensemble) if line.startswith("generation_cost")
    )
    assert f"depends most on {used}" in line
    assert (tmp_path / "plots" / "sensitivity.png").is_file()
