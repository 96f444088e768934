"""An aggregator of very many members answers from bins of prices as it does from a sorted curve."""

from typing import Any

import numpy as np
import pytest

from hmesh.agents import community_energy_aggregator
from hmesh.environment import compiled
from hmesh.markets import response_on_bins
from hmesh.markets.aggregator_response import response_map
from hmesh.markets.answers import Answers, battery_answers
from hmesh.markets.demand_curve import bends_of, demand_curve, merged
from hmesh.markets.price_windows import demand_bins
from hmesh.markets.response_on_bins import ResponseOnBins
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

LOW, HIGH, COUNT = 5.0, 70.0, 4000


@pytest.fixture
def as_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels run as Python does."""
    monkeypatch.setattr(compiled, "FROM_ROWS", 0)
    monkeypatch.setattr(compiled, "LOADED_AFTER", 0)
    monkeypatch.setattr(compiled, "_installed", lambda: True)
    monkeypatch.setattr(compiled, "_compile", lambda function, signature: function)
    for made in compiled.KERNELS:
        monkeypatch.setattr(made, "compiled", None)


def members(seed: int, *, clustered: bool, losses: bool) -> Answers:
    """Return batteries, of which trade has left many with the same energy where `clustered`."""
    rng = np.random.default_rng(seed)
    usable = rng.uniform(0.0, 30.0, COUNT)
    if clustered:
        usable = np.where(rng.random(COUNT) < 0.8, rng.integers(3, 25, COUNT), usable)
    upper = np.minimum(7.0, rng.choice([2.0, 5.0, 20.0], COUNT))
    lower = -np.minimum(7.0, usable)
    plug = (0.9, 0.85) if losses else (1.0, 1.0)
    fixed = float(rng.uniform(0.0, 3.0 * COUNT))
    return battery_answers(fixed, 60.0, 2.0, usable, lower, upper, *plug)


@pytest.mark.parametrize("losses", [False, True])
@pytest.mark.parametrize("clustered", [False, True])
def test_answers_are_those_of_the_whole_curve(
    as_python: None, monkeypatch: pytest.MonkeyPatch, clustered: bool, losses: bool
) -> None:
    monkeypatch.setattr(response_on_bins, "FEW_KINKS", 50)
    answers = members(7, clustered=clustered, losses=losses)
    on_bins = ResponseOnBins(answers, LOW, HIGH)
    curve = demand_curve(answers, LOW, HIGH)
    every = response_map(curve, 0.0, 70.0)
    for q in np.random.default_rng(1).uniform(0.0, 70.0, 25).tolist():
        price, demand = on_bins.price(q), on_bins.demand_kwh(q)
        assert demand == pytest.approx(float(curve.demand_kwh(price)), rel=1e-9, abs=1e-9 * COUNT)
        # No price earns more; where two earn the same up to rounding, either is an answer.
        best = (float(every.price(q)) - q) * float(every.demand_kwh(q))
        assert (price - q) * demand == pytest.approx(best, rel=1e-10, abs=1e-9 * COUNT)


def test_many_questions_let_all_be_sorted_once(
    as_python: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_on_bins, "FEW_KINKS", 50)
    monkeypatch.setattr(response_on_bins, "MOST_LOOKS", 0)
    answers = members(3, clustered=False, losses=False)
    on_bins, curve = ResponseOnBins(answers, LOW, HIGH), demand_curve(answers, LOW, HIGH)
    every = response_map(curve, 0.0, 70.0)
    asked = np.linspace(1.0, 69.0, 41).tolist()
    found = [on_bins.price(q) for q in asked]
    assert len(on_bins._windows) < 5
    assert found == pytest.approx([float(every.price(q)) for q in asked], abs=1e-6)


@pytest.mark.parametrize("losses", [False, True])
def test_merged_kinks_bend_the_demand_alike(as_python: None, losses: bool) -> None:
    bends = bends_of(members(2, clustered=True, losses=losses), LOW, HIGH)
    few = merged(bends)
    assert few.kinks < 0.6 * bends.kinks
    assert few.starts_count is not None
    assert few.starts_count.sum() == len(bends.starts)
    prices = np.linspace(LOW, HIGH, 301)
    whole = bends.curve().demand_kwh(prices)
    assert np.abs(few.curve().demand_kwh(prices) - whole).max() <= 1e-10 * COUNT
    for edges in ((0, 512), (100, 180)):
        one, other = (demand_bins(each).between(*edges) for each in (bends, few))
        assert one.answering == other.answering
        inside = np.linspace(one.low, one.high, 50)
        gap = one.curve().demand_kwh(inside) - other.curve().demand_kwh(inside)
        assert np.abs(gap).max() <= 1e-10 * COUNT


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_kinks_are_merged_alike_without_kernels(
    monkeypatch: pytest.MonkeyPatch, as_python: None, share: float
) -> None:
    rng = np.random.default_rng(4)
    usable = np.where(rng.random(COUNT) < share, rng.integers(8, 25, COUNT), rng.random(COUNT))
    answers = battery_answers(
        0.0, 60.0, rng.uniform(1.9, 2.0, COUNT).round(2), usable, 0.0 - usable, usable / 3.0
    )
    found = []
    for rows in (0, 10**15):
        monkeypatch.setattr(compiled, "FROM_ROWS", rows)
        few = merged(bends_of(answers, LOW, HIGH))
        names = ("starts", "starts_slope", "starts_count", "ends", "ends_slope", "ends_count")
        found.append([None if (a := getattr(few, n)) is None else a.tolist() for n in names])
    assert found[0] == found[1]


def test_kinks_that_differ_are_not_merged(as_python: None) -> None:
    usable = np.random.default_rng(2).uniform(8.0, 30.0, COUNT)
    bends = bends_of(
        battery_answers(0.0, 60.0, 2.0, usable, 0.0 - usable / 3.0, usable / 7.0), LOW, HIGH
    )
    assert merged(bends) is bends


def test_a_world_that_negotiates_on_bins_finds_the_same_prices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def prices(many: Any) -> np.ndarray:
        monkeypatch.setattr(community_energy_aggregator, "many", many)
        scenario = load_scenario(
            "three-communities",
            {"vehicles.count": 300, "strategies": ["three_level"], "hours": 4, "plots": False},
        )
        simulation, found = Simulation(make_setting(scenario), "three_level"), []
        while simulation.running:
            simulation.step()
            decision = simulation.market.decision
            found.append([decision.utility_price, *decision.community_price])
        return np.array(found)

    assert np.abs(prices(lambda _: True) - prices(lambda _: False)).max() <= 1e-6 * 70.0
