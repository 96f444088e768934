"""Community storage: Algorithm 2 mended and as printed, its plan, and three exact bounds."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets import allowance_iteration
from hmesh.markets.allowance_iteration import (
    Course,
    Horizon,
    Iterations,
    iterate_allowance,
    simulate_horizon,
)
from hmesh.markets.community_storage import (
    Sharing,
    StorageRatings,
    allowance_kwh,
    allowances_together_kwh,
    average_left,
    dealt_kwh,
    exchange,
    served_by_storage,
    served_first,
)
from hmesh.markets.community_storage_bounds import (
    largest_demands_kwh,
    most_delivered,
    most_delivered_lp,
    most_in_turns,
)
from hmesh.markets.printed_discharge import printed_dischargers

RATINGS = StorageRatings(10.0)
QUARTER_H = 0.25
SLOTS, DAY = 192, 96


def two_days(seed: int, households: int = 3) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return demands and forecasts of two days and the sun's energy [kWh], in whole Wh."""
    stream = np.random.default_rng(seed)
    hour = np.arange(SLOTS) % DAY / 4
    shape = 0.35 + np.exp(-((hour - 8) ** 2) / 8) + 1.6 * np.exp(-((hour - 19.5) ** 2) / 6)
    level = np.linspace(2.9, 3.4, households)
    load = shape[:, None] * level * 2 * 24 / shape.sum() / 13
    demand = load * np.exp(0.4 * stream.standard_normal((SLOTS, households)))
    forecast = demand * np.exp(0.17 * stream.standard_normal((SLOTS, households)))
    sky = np.clip(stream.beta(3, 2, SLOTS), 0, 1)
    sun = 3.0 * 0.8 * np.maximum(np.sin((hour - 6) / 12 * np.pi), 0) * sky * QUARTER_H
    return np.rint(demand * 1000) / 1000, forecast, np.rint(sun * 1000) / 1000


def averages(forecast: FloatArray, demand: FloatArray) -> FloatArray:
    """Return the averages left of whole days, shape (slots, households)."""
    promised, metered = (part.reshape(-1, DAY, demand.shape[1]) for part in (forecast, demand))
    used = np.cumsum(metered, axis=1) - metered
    of_day = np.broadcast_to(promised.sum(axis=1, keepdims=True), used.shape)
    left = (DAY - np.arange(DAY, dtype=np.float64))[:, None]
    return average_left(of_day, used, left).reshape(demand.shape)


def horizon(seed: int, k: int = 2, households: int = 3, printed: bool = False) -> Horizon:
    demand, forecast, sun = two_days(seed, households)
    average = averages(forecast, demand)
    history = np.stack([two_days(seed + 100 + past, households)[0] for past in range(7)])
    by_slot = history.reshape(-1, DAY, households)
    return Horizon(
        generation_kwh=sun,
        bright=sun / QUARTER_H >= 0.02,
        demand_kwh=demand,
        served=printed_dischargers(average) if printed else served_first(average, k),
        least_kwh=np.tile(by_slot.min(axis=0), (SLOTS // DAY, 1)),
        most_kwh=np.maximum(by_slot.max(axis=(0, 1)), demand.max(axis=0)),
        step_h=QUARTER_H,
    )


def everything(given: Horizon, ratings: StorageRatings = RATINGS, start: float = 5.0) -> Course:
    """Serve all demand of those who may draw: the allowance of alpha without end."""
    return simulate_horizon(given, start, ratings, np.zeros(1))


def delivered(given: Horizon, ratings: StorageRatings = RATINGS, start: float = 5.0) -> float:
    return float(everything(given, ratings, start).delivered_kwh[0])


def bound_in_turns(given: Horizon, k: int, ratings: StorageRatings = RATINGS) -> float:
    wanted = largest_demands_kwh(given.demand_kwh, k)
    return most_in_turns(given.generation_kwh, given.bright, wanted, 5.0, ratings, QUARTER_H)


@pytest.mark.parametrize("order", list(permutations((1.0, 2.0, 3.0))))
def test_of_three_with_two_served_the_one_of_the_lowest_average_is_off(
    order: tuple[float, float, float],
) -> None:
    average = np.array(order)
    served = served_first(average, 2)
    assert set(served.tolist()) == {0, 1, 2} - {int(average.argmin())}
    assert average[served[0]] > average[served[1]]


def test_the_algorithm_as_printed_serves_whom_its_lines_say() -> None:
    table = {
        (1, 2, 3): set(), (2, 1, 3): set(), (1, 3, 2): {1, 2},
        (2, 3, 1): {0, 1}, (3, 1, 2): {0, 2}, (3, 2, 1): {1},
    }  # fmt: skip
    orders = np.array(list(table), dtype=np.float64)
    for served, expected in zip(printed_dischargers(orders), table.values(), strict=True):
        assert set(served[served >= 0].tolist()) == expected
    with pytest.raises(ValueError, match="3 households, not for 4"):
        printed_dischargers(np.zeros(4))


def test_ties_go_to_the_lower_row_and_the_untold_are_never_served() -> None:
    assert served_first(np.array([1.0, 2.0, 2.0, 2.0]), 2).tolist() == [1, 2]
    assert served_first(np.array([np.nan, -5.0, np.nan]), 2).tolist() == [1, -1]
    assert served_first(np.array([0.3]), 5).tolist() == [0]
    assert served_first(np.empty(0), 2).tolist() == []


@given(
    average=st.lists(st.integers(-3, 3) | st.just(None), min_size=0, max_size=9),
    seed=st.integers(0, 2**16),
    storages=st.integers(1, 4),
)
def test_several_storages_serve_as_each_alone(
    average: list[int | None], seed: int, storages: int
) -> None:
    stream = np.random.default_rng(seed)
    reported = np.array([np.nan if value is None else value for value in average], dtype=np.float64)
    storage_of = stream.integers(0, storages, len(reported))
    most = stream.integers(0, 4, storages)
    together = served_by_storage(reported, storage_of, most)
    for row in range(storages):
        own = np.flatnonzero(storage_of == row)
        alone = served_first(reported[own], int(most[row]))
        expected = own[alone[alone >= 0]].tolist()
        assert together[row][together[row] >= 0].tolist() == expected


@given(
    wanted=st.lists(st.floats(0, 5), min_size=1, max_size=5), available=st.floats(0, 20),
    sharing=st.sampled_from(["priority", "proportional"]),
)  # fmt: skip
def test_what_there_is_is_dealt_and_no_more(
    wanted: list[float], available: float, sharing: str
) -> None:
    given_kwh = np.array(wanted)
    dealt = dealt_kwh(given_kwh, np.array(available), sharing)  # type: ignore[arg-type]
    assert (dealt >= 0).all()
    assert (dealt <= given_kwh).all()
    assert dealt.sum() == pytest.approx(min(given_kwh.sum(), available), abs=1e-9)
    if sharing == "priority":
        short = np.flatnonzero(dealt < given_kwh - 1e-9)
        assert (dealt[short[0] + 1 :] <= 1e-9).all() if len(short) else True
    elif given_kwh.sum() > 0:
        share = dealt[given_kwh > 1e-6] / given_kwh[given_kwh > 1e-6]
        assert share == pytest.approx(np.full(len(share), share[:1].mean() if len(share) else 1.0))


@given(
    stored=st.floats(0, 10), sun=st.floats(0, 3), bright=st.booleans(),
    wanted=st.lists(st.floats(0, 4), min_size=0, max_size=3), power=st.sampled_from([1.0, np.inf]),
    efficiency=st.sampled_from([1.0, 0.9]),
)  # fmt: skip
def test_a_slot_keeps_energy_limits_and_turns(
    stored: float, sun: float, bright: bool, wanted: list[float], power: float, efficiency: float
) -> None:
    ratings = StorageRatings(10.0, 0.1, 0.95, power, efficiency, efficiency)
    done = exchange(np.array(stored), sun, bright, np.array(wanted), ratings, QUARTER_H)
    out = float(done.discharge_kwh.sum())
    charge = float(done.charge_kwh)
    assert charge + float(done.spilled_kwh) == pytest.approx(sun)
    assert charge == 0 or out == 0
    assert max(charge, out) <= power * QUARTER_H + 1e-12
    after = stored + charge * efficiency - out / efficiency
    assert after <= max(stored, 9.5) + 1e-9
    assert after >= min(stored, 1.0) - 1e-9
    if bright and stored < 9.5 - 1e-6:
        assert out == 0
    if not bright:
        assert charge == 0


@pytest.mark.parametrize("efficiency", [1.0, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_energy_is_kept_over_two_days(seed: int, efficiency: float) -> None:
    given = horizon(seed)
    ratings = StorageRatings(10.0, charge_efficiency=efficiency, discharge_efficiency=efficiency)
    weights = 1.0 / np.array([1, 2, 5, 50])
    course = simulate_horizon(given, 5.0, ratings, weights)
    served = course.discharge_kwh.sum(axis=(0, 2))
    charged_kwh = course.charge_kwh.sum(axis=0)
    end = 5.0 + efficiency * charged_kwh - served / efficiency
    assert course.stored_kwh[-1] == pytest.approx(end)
    assert course.charge_kwh + course.spilled_kwh == pytest.approx(
        np.repeat(given.generation_kwh[:, None], 4, axis=1)
    )
    assert (course.discharge_kwh >= 0).all()
    each = course.of_households(given)
    assert each.sum(axis=2) == pytest.approx(course.discharge_kwh.sum(axis=2))
    assert (each <= given.demand_kwh[:, None] + 1e-12).all()
    assert ((each > 0).sum(axis=2) <= 2).all()
    assert not ((course.charge_kwh > 0) & (course.discharge_kwh.sum(axis=2) > 0)).any()
    assert (course.stored_kwh >= 1.0 - 1e-9).all()
    assert (course.stored_kwh <= 9.5 + 1e-9).all()


@pytest.mark.parametrize("seed", range(4))
def test_more_sharing_delivers_more_and_no_bound_is_passed(seed: int) -> None:
    given = horizon(seed)
    total = given.demand_kwh.sum(axis=1)
    everyone = most_delivered(given.generation_kwh, total, 5.0, RATINGS, QUARTER_H)
    two = most_delivered_lp(given.generation_kwh, given.demand_kwh, 5.0, RATINGS, QUARTER_H, 2)
    in_turns = bound_in_turns(given, 2)
    rule = delivered(given)
    printed = delivered(horizon(seed, printed=True))
    assert printed < rule <= in_turns + 1e-9 <= two + 1e-9 <= everyone + 1e-9
    assert everyone <= 5.0 - 1.0 + given.generation_kwh.sum() + 1e-9
    assert rule > 0.85 * in_turns
    by_k = [delivered(horizon(seed, k)) for k in (1, 2, 3)]
    assert by_k == sorted(by_k)


@pytest.mark.parametrize("seed", range(4))
def test_serving_the_largest_demands_comes_near_the_optimum_and_is_no_bound(seed: int) -> None:
    given = horizon(seed)
    greedy = delivered(replace(given, served=served_first(given.demand_kwh, 2)))
    in_turns = bound_in_turns(given, 2)
    # What is served decides which slots charge, so that less may be more.
    assert 0.97 * in_turns < greedy < in_turns - 1e-3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("capacity", [1.0, 2.0, 4.0, 10.0])
def test_charged_and_serving_at_once_what_is_lived_is_the_recursion(
    seed: int, capacity: float
) -> None:
    given = horizon(seed)
    least, most = 0.1 * capacity, 0.95 * capacity
    stored, served = capacity / 2, 0.0
    for sun, demand in zip(given.generation_kwh, given.demand_kwh.sum(axis=1), strict=True):
        part = min(demand, stored + sun - least)
        stored = min(stored + sun - part, most)
        served += part
    ratings = StorageRatings(capacity)
    total = given.demand_kwh.sum(axis=1)
    found = most_delivered(given.generation_kwh, total, capacity / 2, ratings, QUARTER_H)
    assert found == pytest.approx(served, abs=1e-9)


@pytest.mark.parametrize("capacity", [1.0, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_linear_programme_equals_the_recursion(seed: int, capacity: float) -> None:
    given, ratings = horizon(seed), StorageRatings(capacity)
    for k in (None, 1, 2):
        wanted = largest_demands_kwh(given.demand_kwh, k or 3)
        closed = most_delivered(given.generation_kwh, wanted, capacity / 2, ratings, QUARTER_H)
        solved = most_delivered_lp(
            given.generation_kwh, given.demand_kwh, capacity / 2, ratings, QUARTER_H, k
        )
        assert closed == pytest.approx(solved, abs=1e-7)


def test_the_recursion_holds_with_losses_and_a_rating_too() -> None:
    given, ratings = horizon(5), StorageRatings(4.0, 0.1, 0.95, 0.8, 0.92, 0.9)
    wanted = given.demand_kwh.sum(axis=1)
    closed = most_delivered(given.generation_kwh, wanted, 2.0, ratings, QUARTER_H)
    solved = most_delivered_lp(given.generation_kwh, given.demand_kwh, 2.0, ratings, QUARTER_H)
    assert closed == pytest.approx(solved, abs=1e-7)


def brute_force(
    sun: list[int], bright: list[bool], wanted: list[int], held: int, least: int, most: int
) -> int:
    """Try every whole part that could be served in every slot."""
    if not sun:
        return 0
    rest = (sun[1:], bright[1:], wanted[1:])
    if bright[0] and held < most:
        return brute_force(*rest, min(held + sun[0], most), least, most)
    return max(
        part + brute_force(*rest, held - part, least, most)
        for part in range(min(wanted[0], max(held - least, 0)) + 1)
    )


@given(seed=st.integers(0, 2**20))
@settings(max_examples=60)
def test_the_dynamic_programme_equals_trying_everything(seed: int) -> None:
    stream = np.random.default_rng(seed)
    slots = int(stream.integers(1, 6))
    sun, wanted = stream.integers(0, 5, slots), stream.integers(0, 4, slots)
    bright = (stream.random(slots) < 0.5) & (sun > 0)
    most = int(stream.integers(2, 8))
    least = int(stream.integers(0, most))
    held = int(stream.integers(0, 10))
    ratings = StorageRatings(10.0, least / 10, most / 10)
    found = most_in_turns(
        sun.astype(float), bright, wanted.astype(float), float(held), ratings, QUARTER_H, 1.0
    )
    assert found == brute_force(sun.tolist(), bright.tolist(), wanted.tolist(), held, least, most)


def test_alpha_without_end_serves_all_demand() -> None:
    given = horizon(1)
    many = simulate_horizon(given, 5.0, RATINGS, np.array([1e-9, 0.0]))
    assert many.discharge_kwh[:, 0] == pytest.approx(many.discharge_kwh[:, 1], abs=1e-6)
    allowed = np.array([given.allowed_kwh(slot, np.array([0.0]))[0] for slot in range(given.slots)])
    assert allowed == pytest.approx(given.demand_kwh[np.arange(SLOTS)[:, None], given.served])


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20)
def test_the_allowance_grows_with_alpha_and_never_passes_the_demand(seed: int) -> None:
    stream = np.random.default_rng(seed)
    demand, least = stream.gamma(1.0, 0.1, 20), stream.gamma(1.0, 0.05, 20)
    alpha = np.arange(1, 30)[:, None]
    allowed = allowance_kwh(demand, least, np.full(20, 0.2), 1.0 / alpha)
    assert (np.diff(allowed, axis=0) >= 0).all()
    assert (allowed <= np.minimum(demand, 0.2)).all()
    assert (allowance_kwh(-demand, least, least, 0.5) == 0).all()


@given(seed=st.integers(0, 2**16), households=st.integers(0, 40), weights=st.integers(1, 30))
@settings(max_examples=60)
def test_allowances_added_by_their_corners_are_those_added_one_by_one(
    seed: int, households: int, weights: int
) -> None:
    stream = np.random.default_rng(seed)
    # Whole numbers, so that corners meet weights, and demand or least demand may be nothing.
    demand = stream.integers(-1, 5, households).astype(float)
    least, most = stream.integers(0, 4, (2, households)).astype(float)
    weight = stream.permutation(np.concatenate([[0.0, 1.0], 1.0 / np.arange(1, weights + 1)]))
    alone = allowance_kwh(demand, least, most, weight[:, None]).sum(axis=-1)
    together = allowances_together_kwh(demand, least, most, weight)
    assert together == pytest.approx(alone, rel=1e-12, abs=1e-12)
    assert (together >= 0.0).all()


@pytest.mark.parametrize("sharing", ["priority", "proportional"])
@pytest.mark.parametrize("serving", [False, True])
def test_the_iteration_is_the_same_where_allowances_are_added_by_their_corners(
    sharing: Sharing, serving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, ratings = horizon(3, k=5, households=9), StorageRatings(500.0)

    def iterated() -> Iterations:
        return iterate_allowance(given, 250.0, ratings, sharing, serves_while_charging=serving)

    one_by_one = iterated()
    monkeypatch.setattr(allowance_iteration, "ADDED_BY_CORNERS", 4)
    together = iterated()
    assert together.chosen == one_by_one.chosen > 20
    assert together.delivered_kwh == pytest.approx(one_by_one.delivered_kwh, rel=1e-11)
    assert together.stored_kwh == pytest.approx(one_by_one.stored_kwh, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_iteration_stops_where_the_energy_left_settles(seed: int) -> None:
    given = horizon(seed)
    found = iterate_allowance(given, 5.0, RATINGS)
    assert found.settled
    assert found.alpha.tolist() == list(range(1, len(found.alpha) + 1))
    changes = np.abs(np.diff(found.final_kwh))
    assert (changes[:-1] >= 1e-3).all()
    assert changes[-1] < 1e-3
    assert 10 < found.chosen == found.alpha[-1]
    for row in (0, len(found.alpha) - 1):
        alone = simulate_horizon(given, 5.0, RATINGS, 1.0 / found.alpha[row : row + 1])
        assert alone.delivered_kwh[0] == pytest.approx(found.delivered_kwh[row], abs=1e-12)
        assert alone.stored_kwh[:, 0] == pytest.approx(found.stored_kwh[:, row], abs=1e-12)
    assert found.delivered_kwh[found.chosen - 1] > found.delivered_kwh[0]
    assert found.delivered_kwh[found.chosen - 1] <= delivered(given) + 0.2


def test_a_storage_that_the_sun_fills_at_the_end_stops_early_unless_reported_otherwise() -> None:
    # Nothing to charge but in the last slot, which fills it whatever was served.
    slots = 8
    sun = np.array([0.0] * (slots - 1) + [20.0])
    given = Horizon(
        sun, sun > 0, np.full((slots, 1), 0.4), np.zeros((slots, 1), dtype=np.intp),
        np.full((slots, 1), 0.2), np.array([0.4]), QUARTER_H,
    )  # fmt: skip
    left = iterate_allowance(given, 9.5, RATINGS)
    deliver = iterate_allowance(given, 9.5, RATINGS, stop_when="delivered")
    assert left.chosen == 2
    assert deliver.chosen > 20
    assert deliver.delivered_kwh[-1] > 1.2 * left.delivered_kwh[-1]


def test_an_iteration_that_is_cut_short_says_so() -> None:
    found = iterate_allowance(horizon(0), 5.0, RATINGS, most_alpha=3)
    assert not found.settled
    assert found.chosen == 3


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_households_stand_changes_nothing(seed: int) -> None:
    given = horizon(seed, households=5)
    demand, forecast, _ = two_days(seed, 5)
    order = np.random.default_rng(seed).permutation(5)
    average = averages(forecast, demand)[:, order]
    moved = Horizon(
        given.generation_kwh, given.bright, demand[:, order], served_first(average, 2),
        given.least_kwh[:, order], given.most_kwh[order], QUARTER_H,
    )  # fmt: skip
    one = everything(given)
    other = everything(moved)
    assert other.of_households(moved) == pytest.approx(one.of_households(given)[..., order])
    assert other.stored_kwh == pytest.approx(one.stored_kwh)


def test_everything_scales_with_its_unit() -> None:
    given = horizon(2)
    doubled = Horizon(
        2 * given.generation_kwh, given.bright, 2 * given.demand_kwh, given.served,
        2 * given.least_kwh, 2 * given.most_kwh, QUARTER_H,
    )  # fmt: skip
    twice = everything(doubled, StorageRatings(20.0), 10.0)
    assert twice.discharge_kwh == pytest.approx(2 * everything(given).discharge_kwh)


def test_served_by_all_without_sun_the_storage_empties_to_its_limit() -> None:
    given = horizon(3, k=3)
    dark = Horizon(
        0 * given.generation_kwh, np.zeros(SLOTS, dtype=bool), given.demand_kwh, given.served,
        given.least_kwh, given.most_kwh, QUARTER_H,
    )  # fmt: skip
    course = everything(dark)
    assert course.stored_kwh[-1, 0] == pytest.approx(1.0)
    assert course.delivered_kwh[0] == pytest.approx(4.0)
    each = course.of_households(dark)[:, 0]
    first = np.flatnonzero(each.sum(axis=1) < dark.demand_kwh.sum(axis=1) - 1e-9)[0]
    assert first > 10
    assert each[:first] == pytest.approx(dark.demand_kwh[:first])
    assert delivered(dark, start=1.0) == 0.0
    assert delivered(dark, start=0.5) == 0.0


def test_as_many_served_as_there_are_and_more_are_the_same() -> None:
    assert (horizon(0, 3).served == horizon(0, 7).served).all()
    alone = horizon(0, 2, households=1)
    assert (alone.served == 0).all()
    assert delivered(alone) > 0


def test_a_right_forecast_of_constant_demand_keeps_the_order_all_day() -> None:
    demand = np.tile([0.1, 0.3, 0.2], (DAY, 1))
    average = averages(demand, demand)
    assert average == pytest.approx(demand)
    assert (served_first(np.round(average, 9), 2) == [1, 2]).all()


def test_at_the_beginning_of_a_day_the_average_is_the_static_one() -> None:
    demand, forecast, _ = two_days(0)
    average = averages(forecast, demand)
    static = forecast.reshape(2, DAY, 3).mean(axis=1)
    assert average[[0, DAY]] == pytest.approx(static)


def test_ratings_are_met_in_any_length_of_a_slot() -> None:
    ratings = StorageRatings(10.0, power_kw=2.0)
    for step_h, bright in product((1.0, 0.25, 1 / 12), (True, False)):
        done = exchange(np.array(5.0), 9.0, bright, np.array([9.0]), ratings, step_h)
        moved = float(done.charge_kwh) + float(done.discharge_kwh.sum())
        assert moved == pytest.approx(2.0 * step_h)
