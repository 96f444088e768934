"""Kernels of demand curves and best answers give the bits of the rules, whatever the demand."""

from typing import Any

import numpy as np
import pytest

from hmesh.environment import compiled
from hmesh.markets import aggregator_response
from hmesh.markets.aggregator_response import response_map
from hmesh.markets.answers import Answers, battery_answers, sum_of_answers
from hmesh.markets.demand_curve import DemandCurve, bends_of, merged
from hmesh.markets.threshold_answers import threshold_answers

CURVE = ("edges", "intercept", "slope")
MAP = ("starts", "price_offset", "price_gain", "demand_offset", "demand_gain")


def demands(count: int, batteries: int) -> list[Answers]:
    """Return demands of random batteries; in every second one kinks are at few prices."""
    random = np.random.default_rng(5)
    found = []
    for k in range(count):
        size = int(random.integers(0, batteries))

        def column(low: float, high: float, size: int = size, coarse: bool = k % 2 == 0) -> Any:
            drawn = random.uniform(low, high, size)
            return np.round(2.0 * drawn) / 2.0 if coarse else drawn

        usable, fixed = column(-2, 20), float(random.choice([0.0, 300.0, -40.0]))
        lower = -np.minimum(np.abs(column(0, 7)), np.maximum(usable, 0.0))
        plugs = (0.9, 0.85) if k % 5 == 0 else (1.0, 1.0)
        answers = battery_answers(
            fixed, column(40, 80), np.maximum(column(0.5, 4), 0.5), usable, lower,
            np.abs(column(0, 7)), *plugs,
        )  # fmt: skip
        if k % 7 == 0:
            answers = sum_of_answers((answers, threshold_answers(column(10, 60), column(0, 7))))
        found.append(answers)
    return found


def bits(found: Any, names: tuple[str, ...]) -> list[bytes]:
    """Return the bits of some arrays."""
    return [getattr(found, name).tobytes() for name in names]


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what switches kernels on and off, which run as Python does."""

    def switch(on: bool) -> None:
        monkeypatch.setattr(compiled, "FROM_ROWS", 0 if on else 10**15)

    for made in compiled.KERNELS:
        monkeypatch.setattr(made, "compiled", made.function)
    monkeypatch.setattr(compiled, "LOADED_AFTER", 0)
    monkeypatch.setattr(compiled, "_installed", lambda: True)
    return switch


def test_curves_of_the_kernel_are_those_of_the_rule(kernels: Any) -> None:
    for k, answers in enumerate(demands(60, 30)):
        bends = bends_of(answers, 0.0, 70.0).within(3.0 * (k % 3), 70.0 - k % 4)
        found = []
        for on in (False, True):
            kernels(on)
            found.append(bits((merged(bends) if k % 2 else bends).curve(), CURVE))
        assert found[0] == found[1]


def test_best_answers_of_the_kernel_are_those_of_the_rule(kernels: Any) -> None:
    for answers in demands(60, 40):
        curve, found = bends_of(answers, 0.0, 70.0).curve(), []
        for on in (False, True):
            kernels(on)
            found.append(bits(response_map(curve, 0.0, 70.0), MAP))
        assert found[0] == found[1]


def test_stack_and_rounds_leave_the_same_arcs(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = [bends_of(answers, 0.0, 70.0).curve() for answers in demands(60, 40)]
    monkeypatch.setattr(compiled, "FROM_ROWS", 10**15)

    def maps(rounds: int) -> list[list[bytes]]:
        monkeypatch.setattr(aggregator_response, "FEW_ROUNDS", rounds)
        return [bits(response_map(curve, 0.0, 70.0), MAP) for curve in curves]

    assert maps(10**6) == maps(0) == maps(1)


def test_arcs_that_go_one_after_another_pass_the_stack_once() -> None:
    """Of a demand that falls ever more steeply only few pieces are ever the best."""
    edges = np.linspace(0.0, 70.0, 4001)
    slope = np.linspace(5.0, 0.0, 4000)
    slope[-1] = 0.0
    # Continuous: each piece begins where the one before ends.
    intercept = 900.0 + np.concatenate(([0.0], np.cumsum(np.diff(slope) * edges[1:-1])))
    found = response_map(DemandCurve(edges, intercept, slope), 0.0, 70.0)
    asked = np.linspace(0.0, 70.0, 29)
    tried = np.linspace(0.0, 70.0, 20_001)
    demand = DemandCurve(edges, intercept, slope).demand_kwh(tried)
    most = ((tried[None] - asked[:, None]) * demand[None]).max(axis=1)
    earned = (found.price(asked) - asked) * found.demand_kwh(asked)
    assert (earned >= most - 1e-9).all()
