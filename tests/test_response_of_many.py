"""An aggregator of very many members answers single prices as it does from a response map."""

from typing import Any

import numpy as np
import pytest

from hmesh.agents import community_energy_aggregator
from hmesh.environment import compiled
from hmesh.markets import response_on_demand
from hmesh.markets.aggregator_response import response_map
from hmesh.markets.answers import Answers, battery_answers
from hmesh.markets.demand_bins import demand_bins
from hmesh.markets.demand_curve import bends_of, demand_curve, merged
from hmesh.markets.response_of_many import response_of_many
from hmesh.markets.response_on_demand import ResponseOnDemand
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
def test_answers_are_those_of_the_map_and_alike_without_kernels(
    as_python: None, monkeypatch: pytest.MonkeyPatch, clustered: bool, losses: bool
) -> None:
    # Blocks are passed over in short arrays too.
    monkeypatch.setattr(response_on_demand, "FEW_PIECES", 0)
    monkeypatch.setattr(response_on_demand, "BLOCK", 16)
    answers = members(7, clustered=clustered, losses=losses)
    curve = demand_curve(answers, LOW, HIGH)
    every = response_map(curve, 0.0, 70.0)
    asked = np.random.default_rng(1).uniform(0.0, 70.0, 25).tolist()
    found = []
    for rows in (0, 10**15):
        monkeypatch.setattr(compiled, "FROM_ROWS", rows)
        single = response_of_many(answers, LOW, HIGH)
        found.append([(single.price(q), single.demand_kwh(q)) for q in asked])
    assert found[0] == found[1]
    for q, (price, demand) in zip(asked, found[0], strict=True):
        assert demand == pytest.approx(float(curve.demand_kwh(price)), rel=1e-9, abs=1e-9 * COUNT)
        # No price earns more; where two earn the same up to rounding, either is an answer.
        best = (float(every.price(q)) - q) * float(every.demand_kwh(q))
        assert (price - q) * demand == pytest.approx(best, rel=1e-10, abs=1e-9 * COUNT)


def test_blocks_that_are_passed_over_hold_no_better_piece(
    as_python: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = demand_curve(members(3, clustered=False, losses=False), LOW, HIGH)
    asked = np.random.default_rng(2).uniform(0.0, 70.0, 40).tolist()
    found = []
    for rows, block in ((0, 16), (0, 10**6), (10**15, 16)):
        monkeypatch.setattr(compiled, "FROM_ROWS", rows)
        monkeypatch.setattr(response_on_demand, "BLOCK", block)
        monkeypatch.setattr(response_on_demand, "FEW_PIECES", 0)
        # Each from all pieces: none has been asked before.
        found.append([ResponseOnDemand(curve).price(q) for q in asked])
    assert found[0] == found[1] == found[2]


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


def test_a_world_whose_aggregators_answer_single_prices_finds_the_same(
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
