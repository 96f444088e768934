"""What a store's own rule leaves of room and power: bounds that are kept, schedules that hold."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.battery import charged, exchange_bounds
from hmesh.environment.last_digits import DUST_KWH
from hmesh.markets.community_storage import StorageRatings, bounds_at_a_price, exchange
from hmesh.markets.community_storage_bounds import most_delivered, most_delivered_at_once
from hmesh.markets.store_remainder import left_of_exchange, left_of_schedule, within_room
from hmesh.runs.audits.reference.store_left import left_over

SHARE = st.floats(0.0, 1.0)


def store(draw: Any) -> dict[str, float]:
    size, least = draw(st.floats(1.0, 50.0)), draw(st.floats(0.0, 0.4))
    return {
        "energy_kwh": size * draw(st.floats(least, 0.9)),
        "capacity_kwh": size,
        "soc_min": least,
        "soc_max": 0.9,
        "power_kw": draw(st.floats(0.5, 20.0)),
        "step_h": draw(st.sampled_from([0.25, 1.0])),
        "charge_efficiency": draw(st.sampled_from([1.0, 0.85])),
        "discharge_efficiency": draw(st.sampled_from([1.0, 0.9])),
    }


@given(st.data(), SHARE, SHARE, st.booleans())
def test_rule_and_answer_pass_the_plug_as_one_exchange_within_bounds(
    data: Any, by_rule: float, by_price: float, charging: bool
) -> None:
    given_store = store(data.draw)
    lower, upper = (np.array([bound]) for bound in exchange_bounds(**given_store))
    done = by_rule * (upper if charging else lower)
    less, more = left_of_exchange(done, lower, upper)
    assert less <= 0.0 <= more
    for answer in (by_price * less, by_price * more):
        both = done + answer
        assert lower - 1e-12 <= both <= upper + 1e-12
        # Nothing is charged and discharged at once, but for what rounding leaves of nothing.
        assert min(max(done, 0.0), max(-answer, 0.0)) <= DUST_KWH
        assert min(max(-done, 0.0), max(answer, 0.0)) <= DUST_KWH


@pytest.mark.parametrize("dust", [1e-16, -1e-16, DUST_KWH, -DUST_KWH])
def test_what_rounding_leaves_of_nothing_is_no_direction(dust: float) -> None:
    lower, upper, done = np.array([-0.5]), np.array([2.8]), np.array([dust])
    less, more = left_of_exchange(done, lower, upper)
    assert (less[0], more[0]) == pytest.approx((-0.5, 2.8))
    # A store of 4 kWh at 0.5 kWh above its least content, by the reference of audits.
    content, limits = np.array([1.5]), (np.array([1.0]), np.array([4.3]))
    _, give, take = left_over(content, done, *limits, np.array([5.0]), (1.0, 1.0))
    assert (give[0], take[0]) == pytest.approx((0.5, 2.8))
    twice = 2.0 * DUST_KWH
    assert left_of_exchange(np.array([-twice]), lower, upper)[1] == 0.0
    assert left_of_exchange(np.array([twice]), lower, upper)[0] == 0.0
    assert left_over(content, np.array([-twice]), *limits, np.array([5.0]), (1.0, 1.0))[2] == 0.0
    assert left_over(content, np.array([twice]), *limits, np.array([5.0]), (1.0, 1.0))[1] == 0.0


def follow(
    held: np.ndarray, schedule: np.ndarray, given_store: dict[str, float]
) -> tuple[float, np.ndarray]:
    """Follow a schedule as far as the store allows; return what was left out, and what it holds."""
    left_out = 0.0
    for wanted in schedule.T:
        lower, upper = exchange_bounds(**given_store | {"energy_kwh": held})
        done = np.clip(wanted, lower, upper)
        left_out += float(np.abs(wanted - done).sum())
        held = charged(
            held, done, given_store["charge_efficiency"], given_store["discharge_efficiency"]
        )
    return left_out, held


@settings(max_examples=200)
@given(st.data(), SHARE, st.lists(st.floats(-1.0, 1.0), max_size=8))
def test_an_answer_never_makes_a_schedule_harder_to_follow(
    data: Any, part: float, wishes: list[float]
) -> None:
    given_store = store(data.draw)
    rated = given_store["power_kw"] * given_store["step_h"]
    ahead = rated * np.array([wishes]).reshape(1, -1)
    held = np.array([given_store["energy_kwh"]])
    into, out_of = given_store["charge_efficiency"], given_store["discharge_efficiency"]
    size = given_store["capacity_kwh"]
    least, most = (np.array([given_store[name] * size]) for name in ("soc_min", "soc_max"))
    spare, room = left_of_schedule(held, ahead, least, most, into, out_of)
    bounds = (np.array([bound]) for bound in exchange_bounds(**given_store))
    before, _ = follow(held, ahead, given_store)
    for bound in within_room(*bounds, spare, room, into, out_of):
        after = charged(held, part * bound, into, out_of)
        missed, _ = follow(after, ahead, given_store)
        assert missed <= before + 1e-9 * size


@given(st.data(), SHARE, st.booleans(), st.lists(st.floats(-1.0, 1.0), max_size=6))
def test_the_audit_finds_the_same_step_by_step(
    data: Any, by_rule: float, charging: bool, wishes: list[float]
) -> None:
    one = store(data.draw)
    into, out_of = one["charge_efficiency"], one["discharge_efficiency"]
    rated = one["power_kw"] * one["step_h"]
    lower, upper = (np.array([bound]) for bound in exchange_bounds(**one))
    done, held = by_rule * (upper if charging else lower), np.array([one["energy_kwh"]])
    ahead = rated * np.array([wishes]).reshape(1, -1)
    least, most = (np.array([one[name] * one["capacity_kwh"]]) for name in ("soc_min", "soc_max"))
    after = charged(held, done, into, out_of)
    kept = left_of_schedule(after, ahead, least, most, into, out_of)
    less, more = within_room(*left_of_exchange(done, lower, upper), *kept, into, out_of)
    usable, give, take = left_over(held, done, least, most, rated, (into, out_of), ahead.T)
    np.testing.assert_allclose(usable, after - least, atol=1e-9)
    np.testing.assert_allclose(-give, less, atol=1e-9)
    np.testing.assert_allclose(take, more, atol=1e-9)


def test_by_hand() -> None:
    done = np.array([2.0, -2.0, 0.0])
    lower, upper = np.full(3, -3.0), np.full(3, 5.0)
    less, more = left_of_exchange(done, lower, upper)
    np.testing.assert_array_equal(less, [0.0, -1.0, -3.0])
    np.testing.assert_array_equal(more, [3.0, 0.0, 5.0])
    # It holds 4 of 1 to 10 kWh, is to charge 4 kWh at 0.5 and then to discharge 1 at 0.5.
    spare, room = left_of_schedule(
        np.array([4.0]), np.array([[4.0, -1.0]]), np.array([1.0]), np.array([10.0]), 0.5, 0.5
    )
    assert (spare, room) == (3.0, 4.0)


@settings(max_examples=200)
@given(st.data(), SHARE, st.lists(SHARE, min_size=1, max_size=4), st.booleans())
def test_a_storage_that_serves_while_it_is_charged_keeps_its_bounds(
    data: Any, sun: float, wishes: list[float], bright: bool
) -> None:
    one = store(data.draw)
    step_h, stored = one.pop("step_h"), np.array([one.pop("energy_kwh")])
    ratings = StorageRatings(**one)
    generation = np.array([sun * one["capacity_kwh"]])
    wanted = one["capacity_kwh"] * np.array([wishes])
    for sharing in ("priority", "proportional"):
        done = exchange(
            stored, generation, np.array([bright]), wanted, ratings, step_h, sharing,
            serves_while_charging=True,
        )  # fmt: skip
        out_of, into = ratings.bounds(stored, step_h)
        through = done.charge_kwh - done.discharge_kwh.sum(axis=1)
        assert -out_of - 1e-9 <= through <= into + 1e-9
        assert (done.discharge_kwh <= wanted + 1e-12).all()
        np.testing.assert_allclose(done.charge_kwh + done.spilled_kwh, generation)
        assert (done.spilled_kwh >= 0).all()
        assert (done.discharge_kwh >= 0).all()
        turns = exchange(
            stored, generation, np.array([bright]), wanted, ratings, step_h, sharing
        )  # fmt: skip
        # It serves no less than one that takes turns, and spills no more.
        assert done.discharge_kwh.sum() >= turns.discharge_kwh.sum() - 1e-9
        assert done.spilled_kwh <= turns.spilled_kwh + 1e-9


def test_what_the_plant_gives_at_once_loses_nothing() -> None:
    ratings = StorageRatings(10.0, 0.1, 0.9, 4.0, 0.8, 0.8)
    stored, wanted = np.array([5.0]), np.array([[3.0, 2.0]])
    done = exchange(
        stored, np.array([6.0]), np.array([True]), wanted, ratings, 1.0, serves_while_charging=True
    )  # fmt: skip
    np.testing.assert_array_equal(done.discharge_kwh, wanted)
    assert done.charge_kwh == 6.0
    assert done.spilled_kwh == 0.0
    dark = exchange(
        stored, np.array([6.0]), np.array([False]), wanted, ratings, 1.0,
        serves_while_charging=True,
    )  # fmt: skip
    # 4 kWh above the least, of which 0.8 arrives and the plug lets 4 pass.
    np.testing.assert_allclose(dark.discharge_kwh, [[3.0, 0.2]])
    assert dark.charge_kwh == 0.0


@pytest.mark.parametrize("grid_charging", [False, True])
def test_a_storage_takes_from_the_grid_only_where_it_may(grid_charging: bool) -> None:
    ratings = StorageRatings(10.0, 0.1, 0.9, 4.0)
    done = np.array([1.0, -1.0, 0.0])
    lower, upper = bounds_at_a_price(
        done, np.array([3.0, 5.0, 8.0]), ratings, 1.0, grid_charging=grid_charging
    )
    np.testing.assert_allclose(lower, [-2.0, -4.0, -4.0])
    np.testing.assert_allclose(upper, [4.0, 4.0, 1.0] if grid_charging else [1.0, 0.0, 0.0])


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_nothing_delivers_more_than_the_bound_of_serving_at_once(seed: int) -> None:
    draw = np.random.default_rng(seed)
    ratings = StorageRatings(8.0, 0.1, 0.9, draw.uniform(1.0, 5.0), 0.85, 0.9)
    sun, demand = draw.uniform(0.0, 4.0, 24), draw.uniform(0.0, 1.5, (24, 3))
    sun[draw.random(24) < 0.5] = 0.0
    stored, given_out = np.array([4.0]), 0.0
    for slot in range(24):
        done = exchange(
            stored, sun[slot : slot + 1], np.array([True]), demand[slot : slot + 1], ratings, 1.0,
            serves_while_charging=True,
        )  # fmt: skip
        delivered = done.discharge_kwh.sum(axis=1)
        given_out += float(delivered[0])
        stored = charged(stored, done.charge_kwh - delivered, 0.85, 0.9)
    wanted = demand.sum(axis=1)
    most = most_delivered_at_once(sun, wanted, 4.0, ratings, 1.0)
    # All demand is wanted at once, so that the rule itself is best.
    assert given_out == pytest.approx(most, rel=1e-9)
    assert most >= most_delivered(sun, wanted, 4.0, ratings, 1.0) - 1e-9
