"""Both implementations of batteries, thresholds, elastic loads and ways agree on random worlds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.battery import charged, exchange_bounds
from hmesh.environment.charging_curve import ChargingCurves, most_charged_kwh
from hmesh.environment.roads import RoadNetwork
from hmesh.markets.answer_curves import threshold_curves
from hmesh.markets.answers import demand_at
from hmesh.markets.elastic_answers import elastic_answers, elastic_load
from hmesh.markets.threshold_answers import two_threshold_answers
from hmesh.markets.value_of_energy import PlanningStores, planned_answer, value_of_energy
from hmesh.markets.welfare import satisfaction
from hmesh.runs.audits.reference.batteries import (
    held_after,
    most_along_curve,
    most_charge,
    most_discharge,
    plugged_rating,
)
from hmesh.runs.audits.reference.loads import LoadsWithElasticity
from hmesh.runs.audits.reference.plans import PlanningBatteries
from hmesh.runs.audits.reference.shortest_ways import shortest
from hmesh.runs.audits.reference.vehicle_behaviours import by_thresholds, off_any_threshold

SEED = st.integers(0, 2**32 - 1)
COUNT = 12


@given(SEED)
def test_both_find_the_same_bounds_and_stores(seed: int) -> None:
    rng = np.random.default_rng(seed)
    capacity, power = rng.uniform(10.0, 90.0, COUNT), rng.uniform(0.0, 80.0, COUNT)
    power[0] = np.inf
    into, out_of = rng.uniform(0.7, 1.0, (2, COUNT))
    soc_min, soc_max = rng.uniform(0.0, 0.4, COUNT), rng.uniform(0.6, 1.0, COUNT)
    held, reserve = rng.random(COUNT) * capacity, rng.uniform(0.0, 9.0, COUNT)
    part = rng.random(COUNT) * (rng.random(COUNT) < 0.8)
    part[0] = 0.5
    lower, upper = exchange_bounds(
        held, capacity, soc_min, soc_max, power, 0.5, into, out_of, reserve, part
    )
    rated = plugged_rating(power, 0.5, part)
    np.testing.assert_allclose(upper, most_charge(held, soc_max * capacity, rated, into))
    kept = soc_min * capacity + reserve
    np.testing.assert_allclose(-lower, most_discharge(held, kept, rated, out_of), atol=1e-12)
    for exchange in (lower, upper, rng.uniform(lower, upper)):
        np.testing.assert_allclose(
            charged(held, exchange, into, out_of), held_after(held, exchange, into, out_of)
        )


@given(
    st.lists(st.floats(0.02, 0.98), min_size=1, max_size=3, unique=True).filter(
        lambda socs: min(np.diff([0.0, *sorted(socs), 1.0])) > 0.02
    ),
    st.lists(st.floats(0.05, 1.0), min_size=5, max_size=5),
    st.booleans(),
    SEED,
)
def test_both_charge_as_far_along_a_curve(
    socs: list[float], shares: list[float], ends_at_nothing: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = list(zip([0.0, *sorted(socs), 1.0], shares, strict=False))
    points[-1] = (1.0, 0.0 if ends_at_nothing else shares[-1])
    capacity, power = rng.uniform(20.0, 90.0, COUNT), rng.uniform(3.0, 60.0, COUNT)
    soc, hours, into = rng.uniform(0.0, 0.99, COUNT), rng.uniform(0.0, 2.0, COUNT), 0.9
    most = power * rng.uniform(0.1, 1.5, COUNT)
    first = most_charged_kwh(
        ChargingCurves.of([points]), np.zeros(COUNT, int), soc * capacity, capacity, power, hours,
        into, most,
    )  # fmt: skip
    full_hours = power * into / capacity * hours
    limit = np.minimum(most / power, 1.0)
    reached = most_along_curve(points, soc, full_hours, limit)
    second = np.minimum((reached - soc) * capacity / into, np.minimum(power, most) * hours)
    np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-6)


@given(SEED)
def test_both_go_by_the_same_thresholds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    below = rng.uniform(0.0, 30.0, COUNT)
    above = below + rng.uniform(0.0, 20.0, COUNT)
    lower, upper = -rng.uniform(0.0, 7.0, COUNT), rng.uniform(0.0, 7.0, COUNT)
    answers = two_threshold_answers(below, above, lower, upper)
    curves = threshold_curves(below, above, lower, upper)
    assert len(curves) == COUNT
    for price in (*rng.uniform(0.0, 50.0, 6), below[0]):
        due = by_thresholds(np.full(COUNT, price), lower, upper, below, above)
        assert demand_at(answers, float(price)) == pytest.approx(due.sum(), abs=1e-9)
        of_one = [0.0, float(below[0]), None]
        asked = np.full(COUNT, price)
        chosen = rng.integers(0, 3, COUNT)
        below_of = np.array([0.0, below[0], np.inf])[chosen]
        made = by_thresholds(asked, lower, upper, below_of, np.inf)
        assert off_any_threshold(asked, made, lower, upper, of_one, None).max() == 0.0


@given(SEED)
def test_both_let_loads_fall_as_far(seed: int) -> None:
    rng = np.random.default_rng(seed)
    load, elasticity = rng.uniform(0.1, 9.0, COUNT), rng.uniform(0.01, 2.0, COUNT)
    reference = rng.uniform(5.0, 40.0, COUNT)
    least, most = rng.uniform(0.0, 1.0, COUNT), rng.uniform(1.0, 2.0, COUNT)
    loads = LoadsWithElasticity(load, elasticity, reference, least, most)
    answers = elastic_answers(load, elasticity, reference, least, most)
    lam, theta, lower, upper = elastic_load(load, elasticity, reference, least, most)
    for price in rng.uniform(0.0, 90.0, 6):
        more = loads.more_kwh(float(price))
        assert demand_at(answers, float(price)) == pytest.approx((load + more).sum(), rel=1e-9)
        assert (more >= lower - 1e-12).all()
        assert (more <= upper + 1e-12).all()
        np.testing.assert_allclose(
            loads.worth(float(price)), satisfaction(lam, theta, more), rtol=1e-9, atol=1e-9
        )


@given(SEED)
def test_both_find_ways_as_short(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph: nx.Graph[str] = nx.Graph()
    names = [f"town {n}" for n in range(8)]
    for n in range(1, 8):
        graph.add_edge(names[n], names[rng.integers(n)], km=rng.uniform(0.1, 30.0))
    for a, b in rng.integers(0, 8, (6, 2)):
        if a != b:
            graph.add_edge(names[a], names[b], km=rng.uniform(0.1, 30.0))
    roads = RoadNetwork(graph)
    both_ways = [
        way for a, b, km in graph.edges(data="km") for way in ((a, b, float(km)), (b, a, float(km)))
    ]
    best = shortest(both_ways, names[0], names)
    for name in names:
        assert roads.distance_km(names[0], name) == pytest.approx(best[name], rel=1e-12)


@given(SEED, st.integers(2, 9))
def test_both_plan_at_known_prices_alike(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    most, charge, discharge = rng.uniform([[5.0], [1.0], [1.0]], [[60.0], [30.0], [30.0]], (3, 12))
    lam, theta = rng.uniform(10.0, 60.0, 12), rng.uniform(0.0, 1.0, 12)
    into, out_of = rng.uniform(0.7, 1.0, (2, 12))
    stores = PlanningStores(
        lam=lam, theta=theta, most_kwh=most, charge_kwh=charge, discharge_kwh=discharge,
        charge_efficiency=into, discharge_efficiency=out_of,
    )  # fmt: skip
    plain = PlanningBatteries(lam, theta, most, charge, discharge, into, out_of)
    price, place = rng.uniform(5.0, 60.0, (6, 3)), rng.integers(0, 3, 12)
    first = value_of_energy(stores, price, place, levels)
    second = plain.values(price[:, place], levels)
    np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-9)
    usable = rng.random(12) * most
    lower = -np.minimum(discharge, usable * out_of)
    upper = np.minimum(charge, (most - usable) / into)
    answer = planned_answer(stores, first, usable, lower, upper)
    for asked in rng.uniform(0.0, 70.0, 5):
        energy = answer.energy_kwh(float(asked))
        off = plain.wrong_by(second, usable, (lower, upper), np.full(12, asked), energy)
        assert off.max() < 1e-6
