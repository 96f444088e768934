"""The rule of local exchange: who gets how much of a surplus, and at which price."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.local_exchange import (
    ALLOCATIONS,
    Allocation,
    PriceRule,
    capped_shares,
    exchange_locally,
    feed_in_price,
    local_prices,
)
from hmesh.runs.audits.reference.local_sharing import Terms, share

EXACT = 1e-9
SHARING = [name for name in ALLOCATIONS if name != "none"]


def members(seed: int, count: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what some members use and generate, and their weights; some do neither."""
    rng = np.random.default_rng(seed)
    used = rng.lognormal(0.0, 1.0, count) * (rng.random(count) < 0.8)
    generated = rng.lognormal(0.0, 1.2, count) * (rng.random(count) < 0.5)
    return used, generated, rng.uniform(0.2, 3.0, count)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize("pass_on", [False, True])
def test_energy_is_neither_made_nor_lost(allocation: Allocation, pass_on: bool) -> None:
    for seed in range(60):
        used, generated, weight = members(seed)
        found = exchange_locally(used, generated, allocation, weight, pass_on=pass_on)
        lack, surplus = np.maximum(used - generated, 0.0), np.maximum(generated - used, 0.0)
        size = max(surplus.sum(), 1.0)
        assert found.received_kwh.sum() == pytest.approx(found.given_kwh.sum(), abs=EXACT * size)
        assert np.allclose(found.given_kwh + found.fed_in_kwh, surplus, rtol=0, atol=EXACT * size)
        assert (found.received_kwh <= lack + EXACT).all()
        assert min(map(np.min, (found.received_kwh, found.given_kwh, found.fed_in_kwh))) >= 0.0


@pytest.mark.parametrize("allocation", [name for name in SHARING if name != "static"])
def test_nothing_is_fed_in_while_somebody_lacks(allocation: Allocation) -> None:
    for seed in range(40):
        used, generated, weight = members(seed)
        found = exchange_locally(used, generated, allocation, weight)
        lack, surplus = np.maximum(used - generated, 0.0), np.maximum(generated - used, 0.0)
        due = min(lack.sum(), surplus.sum())
        assert found.received_kwh.sum() == pytest.approx(due, rel=EXACT, abs=EXACT)


@pytest.mark.parametrize("allocation", ["equal", "consumption", "need"])
@pytest.mark.parametrize("seed", range(40))
def test_rounding_leaves_nothing_to_be_fed_in(allocation: Allocation, seed: int) -> None:
    rng = np.random.default_rng(seed)
    used, generated = rng.uniform(2.0, 3.0, 60), rng.uniform(0.0, 4.0, 60)
    surplus = np.maximum(generated - used, 0.0)
    assert surplus.sum() < np.maximum(used - generated, 0.0).sum()
    found = exchange_locally(used, generated, allocation, np.ones(60))
    assert found.fed_in_kwh.sum() == 0.0


def test_shares_are_those_of_handing_out_drop_by_drop() -> None:
    """The one with least by its weight and lacks something gets the next drop."""
    drops = 2000
    for seed in range(4):
        rng = np.random.default_rng(seed)
        cap, weight = rng.uniform(0.0, 1.0, 6), rng.uniform(0.3, 2.0, 6)
        cap[0] = 0.0
        available = rng.uniform(0.1, 0.9) * cap.sum()
        drop, got = available / drops, np.zeros(6)
        for _ in range(drops):
            lacking = got + drop <= cap
            got[np.argmin(np.where(lacking, (got + drop) / weight, np.inf))] += drop
        # What a drop is too large for, and the order of drops, are a few drops at most.
        assert np.abs(capped_shares(available, cap, weight) - got).max() <= 7 * drop


def test_closed_forms() -> None:
    used, generated = np.array([4.0, 2.0, 1.0, 0.0]), np.array([0.0, 0.0, 0.5, 2.0])
    weight = np.array([1.0, 1.0, 2.0, 4.0])

    def received(allocation: Allocation, *, pass_on: bool = False) -> list[float]:
        found = exchange_locally(used, generated, allocation, weight, pass_on=pass_on)
        assert found.given_kwh[:3].tolist() == [0.0, 0.0, 0.0]
        return found.received_kwh.tolist()

    # 2 kWh are there, and 4, 2 and 0.5 are lacking.
    assert received("need") == pytest.approx([8 / 6.5, 4 / 6.5, 1 / 6.5, 0.0])
    assert received("equal") == pytest.approx([0.75, 0.75, 0.5, 0.0])
    assert received("consumption") == pytest.approx([8 / 7, 4 / 7, 2 / 7, 0.0])
    assert received("static") == pytest.approx([0.25, 0.25, 0.5, 0.0])
    assert received("static", pass_on=True) == pytest.approx([0.75, 0.75, 0.5, 0.0])
    assert received("none") == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@given(seed=st.integers(0, 10_000), factor=st.floats(1e-3, 1e3))
def test_order_and_units_do_not_matter(allocation: Allocation, seed: int, factor: float) -> None:
    used, generated, weight = members(seed)
    one = exchange_locally(used, generated, allocation, weight)
    order = np.random.default_rng(seed).permutation(len(used))
    other = exchange_locally(used[order], generated[order], allocation, weight[order])
    scaled = exchange_locally(factor * used, factor * generated, allocation, 7.0 * weight)
    assert np.allclose(one.received_kwh[order], other.received_kwh, rtol=EXACT, atol=EXACT)
    assert np.allclose(one.given_kwh[order], other.given_kwh, rtol=EXACT, atol=EXACT)
    size = factor * max(generated.sum(), 1.0)
    assert np.allclose(factor * one.received_kwh, scaled.received_kwh, rtol=0, atol=EXACT * size)


@pytest.mark.parametrize("allocation", ["consumption", "need"])
def test_by_energy_it_does_not_pay_to_be_two(allocation: Allocation) -> None:
    """A member that lacks energy gets the same in all if it counts as two halves."""
    for seed in range(50):
        used, generated, weight = members(seed)
        lacking = int(np.argmax(used - generated))
        halves = [np.append(v, v[lacking] / 2) for v in (used, generated, weight)]
        for values in halves:
            values[lacking] /= 2
        whole = exchange_locally(used, generated, allocation, weight).received_kwh[lacking]
        parts = exchange_locally(halves[0], halves[1], allocation, halves[2]).received_kwh
        assert parts[lacking] + parts[-1] == pytest.approx(whole, rel=EXACT, abs=EXACT)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize("pass_on", [False, True])
def test_a_second_implementation_agrees(allocation: Allocation, pass_on: bool) -> None:
    terms = Terms(allocation, pass_on and allocation == "static", 0.5, 0.5, None, 0.0)
    for seed in range(60):
        used, generated, weight = members(seed, 1 + seed % 30)
        first = exchange_locally(used, generated, allocation, weight, pass_on=pass_on)
        again = share(terms, used, generated, weight, True)
        size = max(generated.sum(), used.sum(), 1.0)
        for one, other in (
            (first.received_kwh, again.received_kwh), (first.given_kwh, again.given_kwh),
            (first.fed_in_kwh, again.fed_in_kwh),
        ):  # fmt: skip
            assert np.abs(one - other).max() <= EXACT * size


RULES: list[PriceRule] = ["split", "scarcity"]


@pytest.mark.parametrize("rule", RULES)
@given(
    retail=st.floats(-1.0, 1.0), part=st.floats(0.0, 1.0), fee=st.floats(0.0, 0.5),
    seller=st.floats(0.0, 1.0), ratio=st.floats(0.0, 5.0), tariff=st.none() | st.floats(-1.0, 1.0),
)  # fmt: skip
def test_nobody_pays_more_than_retail_or_gets_less_than_feed_in(
    rule: PriceRule, retail: float, part: float, fee: float, seller: float, ratio: float,
    tariff: float | None,
) -> None:  # fmt: skip
    feed_in = feed_in_price(retail, part, tariff)
    assert feed_in <= retail
    found = local_prices(retail, feed_in, fee, rule, seller, ratio)
    terms = Terms("need", False, seller if rule == "split" else None, part, tariff, fee)
    again = terms.local(retail, ratio, 1.0)
    assert terms.feed_in(retail) == feed_in
    if found is None:
        assert retail - fee < feed_in
        assert again is None
        return
    assert feed_in <= found.local <= retail - fee
    assert again == pytest.approx(found.local, rel=EXACT, abs=1e-12)


def test_prices_at_the_ends() -> None:
    def local(rule: PriceRule, seller: float = 0.5, ratio: float = 0.5, fee: float = 0.06) -> float:
        found = local_prices(0.30, 0.10, fee, rule, seller, ratio)
        assert found is not None
        return found.local

    assert local("split") == pytest.approx(0.17)
    assert local("split", seller=0.0) == pytest.approx(0.10)
    assert local("split", seller=1.0) == pytest.approx(0.24)
    assert local("scarcity", ratio=0.0) == pytest.approx(0.24)
    assert local("scarcity", ratio=0.5) == pytest.approx(0.17)
    assert local("scarcity", ratio=1.0) == local("scarcity", ratio=9.0) == pytest.approx(0.10)
    assert local_prices(0.30, 0.10, 0.21, "split", 0.5, 1.0) is None
