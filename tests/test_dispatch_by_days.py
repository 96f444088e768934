"""Days solved one by one against all steps written down plainly as one programme."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.markets.dispatch_by_days import dispatch_by_days
from hmesh.markets.exact_dispatch import dispatch_exactly
from hmesh.markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HousePrices,
    electricity_imbalance,
    running_cost,
)
from hmesh.markets.house_programme import HouseProgramme, Stored, burning
from hmesh.markets.known_days import KnownDays
from tests.plain_dispatch import plain_cost
from tests.storage_houses import CASES, DAY, NIGHT, some_days, tariff
from tests.test_exact_dispatch import physical

# Between the prices, at the most expensive, and above all of them.
FEED_INS = (19.0, DAY, 30.0, 48.0)


def near(cost: float, other: float) -> bool:
    return abs(cost - other) <= 1e-6 * max(abs(other), 1.0)


@st.composite
def houses(draw: st.DrawFn, days: int, hours: int) -> tuple[HouseDemand, HouseDevices, HousePrices]:
    """Draw a house of a few short days that may earn by doing two things at once."""
    steps = days * hours
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sun = np.where(chance.random(steps) < 0.7, 4.0 * chance.random(steps), 0.0)
    demand = HouseDemand(
        load_kwh=2.0 * chance.random(steps),
        heat_kwh=np.where(chance.random(steps) < 0.6, 4.0 * chance.random(steps), 0.0),
        generation_kwh=sun,
        day=np.repeat(np.arange(days), hours),
    )
    devices = HouseDevices(
        battery_kwh=draw(st.sampled_from([0.0, 3.0, 8.0])),
        tank_kwh=draw(st.sampled_from([0.0, 5.0, 12.0])),
        battery_efficiency=draw(st.sampled_from([0.8, 0.95, 1.0])),
        tank_efficiency=draw(st.sampled_from([0.9, 1.0])),
        tank_loss_per_h=draw(st.sampled_from([0.0, 0.02])),
        battery_power_per_kwh=draw(st.sampled_from([0.3, 1.0])),
    )
    least = draw(st.sampled_from([-10.0, 5.0]))
    prices = HousePrices(
        purchase=chance.uniform(least, 30.0, steps),
        feed_in=np.full(steps, draw(st.sampled_from([-3.0, 8.0, 20.0, 35.0]))),
        battery_wear=draw(st.sampled_from([0.0, 1.4])),
        tank_wear=draw(st.sampled_from([0.0, 0.8])),
    )
    return demand, devices, prices


@pytest.mark.slow
@given(house=houses(days=2, hours=6))
@settings(max_examples=30, deadline=None)
def test_no_house_is_cheaper_written_down_plainly(
    house: tuple[HouseDemand, HouseDevices, HousePrices],
) -> None:
    demand, devices, prices = house
    found = dispatch_exactly(demand, devices, prices)
    physical(found, demand, devices)
    assert near(found.cost, plain_cost(demand, devices, prices))
    assert found.bound <= found.cost + 1e-6
    assert found.gap <= 1e-6


@pytest.mark.slow
@given(house=houses(days=2, hours=6), share=st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=20, deadline=None)
def test_nor_one_that_begins_with_what_is_reported_and_ends_as_it_likes(
    house: tuple[HouseDemand, HouseDevices, HousePrices], share: float
) -> None:
    demand, devices, prices = house
    start = Stored((0.1 + 0.8 * share) * devices.battery_kwh, share * devices.tank_kwh)
    found = dispatch_exactly(demand, devices, prices, start=start)
    assert near(found.cost, plain_cost(demand, devices, prices, start))
    assert found.bound <= found.cost + 1e-6


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("feed_in", FEED_INS)
@pytest.mark.parametrize("case", ["battery", "thermal_tank", "hybrid_storage"])
def test_days_alone_give_the_cheapest_dispatch_and_prove_it(case: str, feed_in: float) -> None:
    demand, devices = some_days(3), CASES[case]
    prices = tariff(demand.steps, feed_in)
    for start in (None, Stored(0.1 * devices.battery_kwh, 0.0)):
        days = dispatch_by_days(demand, devices, prices, start)
        assert days is not None
        assert days.flows is not None
        assert days.gap <= 1e-6
        assert near(days.cost, float(running_cost(days.flows, prices).sum()))
        assert near(days.cost, plain_cost(demand, devices, prices, start))


def test_days_between_two_tariffs_follow_from_both() -> None:
    """Tariffs from both ends inwards, against each alone; few days are solved again."""
    demand, devices, known = some_days(5), CASES["hybrid_storage"], KnownDays()
    for feed_in in (48.0, 28.0, 38.0, 33.0):
        prices = tariff(demand.steps, feed_in)
        found = dispatch_exactly(demand, devices, prices, known=known)
        alone = dispatch_exactly(demand, devices, prices)
        assert near(found.cost, alone.cost)
        assert found.gap <= 1e-6
        physical(found, demand, devices)
        # What is delivered is the slope of the cost, and so the same for all that cost least.
        assert near(float(found.flows.export_kwh.sum()), float(alone.flows.export_kwh.sum()))
    assert known.reused >= 5


@pytest.mark.slow
@given(house=houses(days=2, hours=6))
@settings(max_examples=20, deadline=None)
def test_what_follows_between_tariffs_is_never_beaten(
    house: tuple[HouseDemand, HouseDevices, HousePrices],
) -> None:
    demand, devices, prices = house
    known = KnownDays()
    for feed_in in (48.0, 8.0, 30.0, 20.0):
        here = replace(prices, feed_in=np.full(demand.steps, feed_in))
        found = dispatch_exactly(demand, devices, here, known=known)
        alone = dispatch_exactly(demand, devices, here)
        assert abs(found.cost - alone.cost) <= 2e-6 * max(abs(alone.cost), 1.0)
        assert found.bound <= alone.cost + 2e-6 * max(abs(alone.cost), 1.0)


def test_days_are_known_at_one_tariff_of_all_steps() -> None:
    demand, devices = some_days(2), CASES["battery"]
    prices = tariff(demand.steps, 48.0)
    prices.feed_in[3] = 40.0
    with pytest.raises(ValueError, match="the same in all steps"):
        dispatch_exactly(demand, devices, prices, known=KnownDays())


def test_days_of_other_lengths_are_days() -> None:
    # As where clocks are set forward and back.
    demand = replace(some_days(3), day=np.repeat(np.arange(3), [23, 25, 24]))
    devices, prices = CASES["hybrid_storage"], tariff(72, 30.0)
    found = dispatch_exactly(demand, devices, prices)
    physical(found, demand, devices)
    assert near(found.cost, plain_cost(demand, devices, prices))


def test_where_feed_in_is_the_price_nobody_buys_to_deliver() -> None:
    demand, devices = some_days(2), CASES["hybrid_storage"]
    for feed_in in (NIGHT, DAY):
        prices = tariff(demand.steps, feed_in)
        found = dispatch_exactly(demand, devices, prices)
        physical(found, demand, devices)
        assert near(found.cost, plain_cost(demand, devices, prices))


@pytest.mark.slow
@pytest.mark.parametrize("feed_in", [19.0, 30.0])
@pytest.mark.parametrize("case", ["battery", "thermal_tank", "hybrid_storage"])
def test_a_month_is_as_cheap_as_one_programme(case: str, feed_in: float) -> None:
    demand, devices = some_days(31), CASES[case]
    prices = tariff(demand.steps, feed_in)
    days = dispatch_exactly(demand, devices, prices)
    one = dispatch_exactly(demand, devices, prices, as_one=True, gap=1e-7)
    assert near(days.cost, one.cost)
    physical(days, demand, devices)


@given(seed=st.integers(0, 1000), feed_in=st.sampled_from(FEED_INS))
@settings(max_examples=15, deadline=None)
def test_the_relaxation_is_a_lower_bound_and_tighter_than_none(seed: int, feed_in: float) -> None:
    demand, devices = some_days(1, seed), CASES["hybrid_storage"]
    prices = tariff(demand.steps, feed_in)
    free = HouseProgramme(demand, devices, prices).solve().fun
    netted = HouseProgramme(demand, devices, prices)
    netted.forbid_at_once()
    tight = netted.solve(relaxed=True).fun
    exact = netted.solve(1e-9).fun
    assert free - 1e-6 <= tight <= exact + 1e-6
    # Most of what the plain relaxation misses, the two modes of a step state.
    assert exact - tight <= 0.2 * (exact - free) + 1e-6


@pytest.mark.slow
def test_midnights_that_are_reported_are_held_and_cost_no_less() -> None:
    demand, devices = some_days(5), CASES["hybrid_storage"]
    for feed_in in FEED_INS:
        prices = tariff(demand.steps, feed_in)
        reported = Stored(0.5 * devices.battery_kwh, 2.0)
        held = dispatch_exactly(demand, devices, prices, midnight=reported)
        physical(held, demand, devices)
        assert held.flows.stored_kwh[23::24] == pytest.approx(reported.battery_kwh)
        assert held.flows.tank_kwh[23::24] == pytest.approx(reported.tank_kwh)
        assert held.cost >= dispatch_exactly(demand, devices, prices).cost - 1e-6
        one = dispatch_exactly(demand, devices, prices, midnight=reported, as_one=True)
        assert near(held.cost, one.cost)


def test_days_that_need_what_the_day_before_stored_are_one_programme() -> None:
    # The second day's heat is beyond its heat pump unless the tank arrives there filled.
    demand = some_days(2)
    heat = demand.heat_kwh.copy()
    heat[24:30] = 6.0
    demand = replace(demand, heat_kwh=heat)
    devices = HouseDevices(tank_kwh=14.1)
    prices = tariff(48, 30.0)
    found = dispatch_exactly(demand, devices, prices)
    assert near(found.cost, plain_cost(demand, devices, prices))
    physical(found, demand, devices)
    assert found.flows.tank_kwh[23] > 5.0


def test_no_energy_is_burnt_to_have_room_for_a_day_that_pays_for_buying() -> None:
    # Full batteries, nobody at home on the first day, and a second whose night pays for buying.
    nothing = np.zeros(48)
    demand = HouseDemand(
        load_kwh=np.where(np.arange(48) < 24, 0.0, 0.5), heat_kwh=nothing,
        generation_kwh=nothing, day=np.repeat(np.arange(2), 24),
    )  # fmt: skip
    prices = HousePrices(
        purchase=np.where((np.arange(48) >= 24) & (np.arange(48) < 27), -40.0, 20.0),
        feed_in=nothing, battery_wear=0.1,
    )  # fmt: skip
    devices = HouseDevices(battery_kwh=8.0)
    start = Stored(7.2, 0.0)
    free = HouseProgramme(demand, devices, prices, start=start)
    free.forbid_at_once()
    assert burning(free.flows(free.solve().x))
    found = dispatch_exactly(demand, devices, prices, start=start)
    assert not burning(found.flows)
    assert near(found.cost, plain_cost(demand, devices, prices, start))


def test_heat_that_no_day_can_give_is_reported_with_its_step() -> None:
    demand = some_days(2)
    heat = demand.heat_kwh.copy()
    heat[30] = 40.0
    with pytest.raises(InputError, match=r"heat_kwh, step 30.*40 kWh of heat"):
        dispatch_exactly(replace(demand, heat_kwh=heat), CASES["hybrid_storage"], tariff(48, 30.0))


def test_a_gap_that_is_left_is_reported() -> None:
    demand, devices = some_days(6), CASES["hybrid_storage"]
    prices = tariff(demand.steps, 30.0, night=NIGHT)
    hasty = dispatch_exactly(demand, devices, prices, as_one=True, gap=0.5)
    exact = dispatch_exactly(demand, devices, prices)
    assert exact.gap <= 1e-6
    assert hasty.bound <= exact.cost + 1e-6
    assert hasty.cost >= exact.cost - 1e-6
    assert hasty.gap == pytest.approx((hasty.cost - hasty.bound) / abs(hasty.cost), abs=1e-12)


def market(days: int) -> tuple[HouseDemand, HouseDevices, HousePrices]:
    """Return a house whose prices change from day to day beside a fixed feed-in tariff."""
    demand, chance = some_days(days), np.random.default_rng(3)
    hour = np.arange(demand.steps) % 24
    level = np.repeat(chance.normal(12.0, 5.0, days), 24)
    purchase = np.maximum(level + 6.0 * np.sin((hour - 9) / 12.0 * np.pi), 0.01)
    prices = HousePrices(
        purchase=purchase, feed_in=np.full(demand.steps, 10.0), battery_wear=1.4, tank_wear=0.8
    )
    return demand, CASES["hybrid_storage"], prices


def test_many_days_that_hang_together_are_solved_block_by_block_and_nearly_as_cheaply() -> None:
    demand, devices, prices = market(12)
    start = Stored(devices.soc_min * devices.battery_kwh, 0.0)
    one = dispatch_exactly(demand, devices, prices, start=start, as_one=True)
    blocks = dispatch_exactly(demand, devices, prices, start=start)
    days = dispatch_by_days(demand, devices, prices, start)
    assert days is not None
    assert days.gap > 1e-6  # What follows says something only where days alone are not proved.
    flows, eta = blocks.flows, devices.battery_efficiency
    before = np.concatenate([[start.battery_kwh], flows.stored_kwh[:-1]])
    change = eta * flows.charge_kwh - flows.discharge_kwh / eta
    np.testing.assert_allclose(flows.stored_kwh, before + change, atol=1e-6)
    imbalance = electricity_imbalance(flows, demand.load_kwh, demand.generation_kwh)
    np.testing.assert_allclose(imbalance, 0.0, atol=1e-6)
    assert not burning(flows)
    assert blocks.bound <= one.cost + 1e-6
    assert one.cost - 1e-6 <= blocks.cost <= one.cost + 0.01 * abs(one.cost)
    assert blocks.gap >= (blocks.cost - one.cost) / abs(blocks.cost) - 1e-9


def test_no_clock_ends_a_search() -> None:
    rooms = ("environment", "markets", "agents", "runs")
    root = Path(__file__).parents[1]
    code = [path for room in rooms for path in (root / "hmesh" / room).rglob("*.py")]
    assert len(code) > 300
    assert [path.name for path in code if "time_limit" in path.read_text(encoding="utf-8")] == []
