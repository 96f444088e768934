"""Second implementations of adoption, membership, learning, plug habits, air and fading."""

from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.capacity_fade import FadingCapacity
from hmesh.environment.heat_pump import carnot_cop, cop_of_points
from hmesh.environment.plug_habits import PlugHabit, plugs_in
from hmesh.environment.social_network import SocialNetwork
from hmesh.environment.thermal_tank import loss_at_temperature
from hmesh.markets.diffusion import adopts_by_bass, adopts_by_threshold, share_of_acquaintances
from hmesh.markets.imitation import best_of, fermi
from hmesh.markets.membership import (
    chance_to_take_part,
    expected_savings,
    savings_beside_others,
)
from hmesh.markets.q_learning import choose, exploration_after, value_learned
from hmesh.markets.regret_matching import play_conditional, play_unconditional, regret_gained
from hmesh.runs.audits.reference.capacity_fade import capacity_by_step, loss_per_year
from hmesh.runs.audits.reference.diffusion import adopters_of_month
from hmesh.runs.audits.reference.heat_pumps import cop_at, tank_loss_at
from hmesh.runs.audits.reference.learners import (
    Regrets,
    Values,
    better_known,
    expected_to_save,
    likely_to_follow,
)
from hmesh.runs.audits.reference.membership import choices
from hmesh.runs.audits.reference.plugging import plugs_in as plainly_plugs_in

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.floats(0.0, 1.0)


def points_of(stream: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Return two to five points, ascending along the first axis."""
    count = stream.integers(2, 6)
    along = np.sort(stream.choice(np.linspace(low, high, 60), count, replace=False))
    return np.column_stack((along, stream.random(count)))


@given(seed=SEEDS, rates=st.tuples(SHARES, st.floats(0.0, 9.0)), by_threshold=st.booleans())
def test_who_adopts(seed: int, rates: tuple[float, float], by_threshold: bool) -> None:
    stream = np.random.default_rng(seed)
    count = int(stream.integers(1, 25))
    graph = nx.gnp_random_graph(count, float(stream.random()), seed=seed)
    adopted, draw = stream.random(count) < stream.random(), stream.random(count)
    threshold = stream.random(count)
    network = SocialNetwork.of(count, np.array(graph.edges, dtype=np.intp).reshape(-1, 2))
    share = share_of_acquaintances(network, adopted)
    found = adopts_by_bass(share, *rates, draw)
    if by_threshold:
        found = adopts_by_threshold(share, threshold, rates[0], draw)
    due = adopters_of_month(
        [sorted(graph.neighbors(who)) for who in range(count)], adopted.tolist(), draw.tolist(),
        rates, threshold.tolist() if by_threshold else None,
    )  # fmt: skip
    assert np.flatnonzero(found & ~adopted).tolist() == due


@given(seed=SEEDS, cost=st.floats(-9.0, 9.0), sensitivity=st.floats(0.0, 500.0))
def test_who_takes_part(seed: int, cost: float, sensitivity: float) -> None:
    stream = np.random.default_rng(seed)
    count = int(stream.integers(1, 30))
    kind, there = stream.integers(0, 3, count), stream.random(count) < stream.random()
    saved, draws = np.where(there, stream.uniform(-5.0, 5.0, count), 0.0), stream.random((count, 2))
    due = choices(
        kind.tolist(), there.tolist(), saved.tolist(), (cost, sensitivity, 0.6),
        [(float(a), float(b)) for a, b in draws],
    )  # fmt: skip
    expected = expected_savings(saved, there, kind)
    chance = chance_to_take_part(expected, cost, sensitivity)
    assert [each.expected_saving for each in due] == pytest.approx(expected.tolist())
    assert [each.probability for each in due] == pytest.approx(chance.tolist(), abs=1e-9)


@given(seed=SEEDS, at_home=st.booleans(), below=st.none() | SHARES, by_points=st.booleans())
def test_who_plugs_in(seed: int, at_home: bool, below: float | None, by_points: bool) -> None:
    stream = np.random.default_rng(seed)
    points = tuple((float(a), float(b)) for a, b in points_of(stream, 0.0, 1.0))
    habit = PlugHabit(at_home, np.inf if below is None else below, points if by_points else ())
    home, place = stream.integers(0, 3, (2, 40))
    soc, draw = stream.random((2, 40))
    found = plugs_in(habit, home, place, soc, draw)
    for k in range(40):
        assert found[k] == plainly_plugs_in(
            only_at=int(home[k]) if at_home else None, below=below,
            points=points if by_points else None,
            place=int(place[k]), soc=float(soc[k]), draw=float(draw[k]),
        )  # fmt: skip


@given(seed=SEEDS, share=st.floats(0.05, 0.9), flow=st.floats(25.0, 70.0))
def test_what_cold_air_costs_heat_pumps_and_tanks(seed: int, share: float, flow: float) -> None:
    stream = np.random.default_rng(seed)
    air, points = stream.uniform(-40.0, 80.0, 30), points_of(stream, -20.0, 25.0)
    by_points = SimpleNamespace(points=points.tolist())
    by_carnot = SimpleNamespace(points=(), carnot_share=share, flow_temperature=flow, highest=6.0)
    tank = SimpleNamespace(tank_temperature=flow + 1.0, rated_temperature=20.0)
    for stated, found in (
        (by_points, cop_of_points(air, points)), (by_carnot, carnot_cop(air, flow, share, 6.0)),
    ):  # fmt: skip
        assert found.tolist() == pytest.approx([cop_at(t, stated) for t in air.tolist()], rel=1e-12)
    lost = loss_at_temperature(0.01, air, flow + 1.0, 20.0)
    due = [tank_loss_at(t, tank, 0.01) for t in air.tolist()]
    assert lost.tolist() == pytest.approx(due, rel=1e-9, abs=1e-15)


@given(seed=SEEDS, by_age=SHARES, by_use=st.floats(0.0, 0.05), a_day=st.sampled_from([4, 24, 48]))
def test_what_batteries_keep(seed: int, by_age: float, by_use: float, a_day: int) -> None:
    stream = np.random.default_rng(seed)
    new, step_h = stream.uniform(0.0, 20.0, 3) * (stream.random(3) < 0.8), 24.0 / a_day
    exchange = stream.normal(0.0, 2.0, (3 * a_day, 3)) * (new > 0)
    ages, uses = by_age * stream.random(3), by_use * stream.random(3)
    fade, found = FadingCapacity(new, ages, uses), []
    for step, energy in enumerate(exchange):
        if step % a_day == 0:
            fade.age(step * step_h)
        found.append(fade.left_kwh.copy())
        fade.exchange(energy)
    given_kwh = np.maximum(-exchange, 0.0)
    due = capacity_by_step(new, given_kwh, np.arange(3 * a_day) // a_day, step_h, ages, uses)
    np.testing.assert_allclose(found, due, rtol=1e-12)
    hours = len(exchange) * step_h
    loss = loss_per_year(new, given_kwh.sum(axis=0), hours, ages, uses)
    assert fade.loss_per_year(hours) == pytest.approx(loss, rel=1e-9)


@given(seed=SEEDS, selection=st.floats(0.0, 50.0) | st.just(np.inf))
def test_whom_others_follow(seed: int, selection: float) -> None:
    stream = np.random.default_rng(seed)
    count = int(stream.integers(2, 30))
    gain = np.round(stream.normal(0.0, 3.0, count), 1)  # some gain the same
    peers = stream.integers(0, count, (count, 3))
    best = best_of(peers, gain)
    assert best.tolist() == better_known(peers, gain).tolist()
    followed = fermi(gain, gain[best], selection)
    due = likely_to_follow(gain, gain[best], selection)
    np.testing.assert_allclose(followed, due, atol=1e-12)
    member, kind = stream.random(count) < 0.5, stream.integers(0, 3, count)
    found = savings_beside_others(gain, member, kind)
    np.testing.assert_allclose(found, expected_to_save(gain, member, kind), atol=1e-12)


@given(seed=SEEDS, inertia=st.none() | st.floats(2.0, 9.0))
def test_what_regret_lets_play(seed: int, inertia: float | None) -> None:
    stream = np.random.default_rng(seed)
    count, strategies = 6, int(stream.integers(2, 6))
    again = Regrets.of(count, strategies, inertia)
    every = np.arange(count)
    regret = np.zeros((count, strategies, strategies))
    last, largest = np.full(count, -1), np.zeros(count)
    for plays in range(12):
        draw = stream.random(count)
        if inertia is None:
            chosen = play_unconditional(regret.sum(axis=1), draw)
        else:
            divisor = inertia * (strategies - 1) * largest * plays
            chosen = play_conditional(regret[every, last], last, divisor, draw)
        assert again.choose(every, draw).allowed[every, chosen].all()
        gains = stream.normal(0.0, 2.0, (count, strategies))
        regret[every, chosen] += regret_gained(gains, chosen)
        last, largest = chosen, np.maximum(largest, np.abs(gains).max(axis=1))
        again.take(every, chosen, gains)


@given(seed=SEEDS, rate=SHARES, discount=SHARES, exploration=SHARES, decay=st.floats(0.0, 2.0))
def test_what_worth_by_state_lets_play(
    seed: int, rate: float, discount: float, exploration: float, decay: float
) -> None:
    stream = np.random.default_rng(seed)
    count, states, strategies = 6, int(stream.integers(1, 4)), int(stream.integers(2, 6))
    again = Values.of((count, states, strategies), (rate, discount, exploration, decay))
    worth, spent = np.zeros((count, states, strategies)), np.zeros(count)
    last, plays = np.full((count, 2), -1), np.zeros(count)
    for _ in range(15):
        here = np.flatnonzero(stream.random(count) < 0.8)  # the others are away
        state, draw = stream.integers(0, states, len(here)), stream.random(len(here))
        values = worth[here, state]
        explores = exploration_after(exploration, decay, plays[here])
        chosen = choose(values, explores, draw)
        drawn = again.choose(here, state, draw)
        assert drawn.allowed[np.arange(len(here)), chosen].all()
        # Rounding decides nothing where one is clearly the best, and no draw is near to an end.
        ordered = np.sort(values, axis=1)
        clear = ordered[:, -1] - ordered[:, -2] > 1e-6 * np.abs(values).max(axis=1)
        ends = explores[:, None] * np.arange(strategies + 1) / strategies
        near = np.abs(draw[:, None] - ends).min(axis=1) < 1e-6
        settled = ~near & (clear | (draw < explores))
        assert (drawn.allowed.sum(axis=1)[settled] == 1).all()
        held, paid = stream.normal(0.0, 2.0, (2, len(here)))
        known = last[here, 0] >= 0
        rows = here[known]
        cell = rows, *last[rows].T
        reward, follows = (held - spent[here])[known], values.max(axis=1)[known]
        worth[cell] = value_learned(worth[cell], reward, follows, rate, discount)
        last[here], spent[here] = np.stack([state, chosen], axis=1), held + paid
        plays[here] += 1
        again.take(here, state, chosen, held, paid)
        np.testing.assert_allclose(again.worth, worth, rtol=1e-9, atol=1e-9)
