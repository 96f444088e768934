"""Rules of learning and imitating, against theory and against plain calculations."""

import networkx as nx
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from hmesh.environment.arrays import FloatArray
from hmesh.environment.social_network import SocialNetwork, by_community, scale_free, small_world
from hmesh.markets.answer_curves import energy_of_curves, threshold_curves
from hmesh.markets.imitation import best_of, fermi
from hmesh.markets.q_learning import choose, exploration_after, value_learned
from hmesh.markets.regret_matching import (
    drawn_by_weight,
    play_conditional,
    play_unconditional,
    regret_gained,
)
from hmesh.markets.value_of_energy import (
    PlanningStores,
    planned_answer,
    value_at,
    value_of_energy,
)

STRATEGIES = 4


def played_out(steps: int, players: int = 400) -> FloatArray:
    """Return the largest average regret of each against one who answers what it plays most."""
    stream = np.random.default_rng(5)
    regret = np.zeros((players, STRATEGIES))
    often = np.zeros((players, STRATEGIES))
    for _ in range(steps):
        chosen = play_unconditional(regret, stream.random(players))
        # What was played most so far brings nothing now: an opponent who learns too.
        gains = stream.random((players, STRATEGIES))
        gains[np.arange(players), often.argmax(axis=1)] = 0.0
        often[np.arange(players), chosen] += 1.0
        regret += regret_gained(gains, chosen)
    return np.asarray(regret.max(axis=1) / steps)


def test_average_regret_falls_as_one_over_the_root_of_time() -> None:
    short, long = played_out(100), played_out(400)
    for steps, found in ((100, short), (400, long)):
        # Gains lie in a range of width 1: Blackwell's bound.
        assert 0.0 < found.mean() <= np.sqrt(STRATEGIES / steps)
    assert long.mean() / short.mean() == pytest.approx(0.5, abs=0.1)


def test_conditional_regrets_leave_what_was_worse() -> None:
    stream = np.random.default_rng(1)
    players, steps, count = 300, 400, 3
    regret = np.zeros((players, count, count))
    last, often = np.full(players, -1), np.zeros((players, count))
    everyone = np.arange(players)
    for step in range(1, steps + 1):
        own = regret[everyone, np.maximum(last, 0)]
        inertia = np.full(players, 2.0 * (count - 1) * step)
        last = play_conditional(own, last, inertia, stream.random(players))
        gains = np.broadcast_to([0.1, 0.9, 0.5], (players, count))
        regret[everyone, last] += regret_gained(gains, last)
        often[everyone, last] += 1.0
    assert (last == 1).all()  # the best one is absorbing
    assert often.mean(axis=0)[1] > 0.9 * steps
    first = play_conditional(np.zeros((6, 3)), np.full(6, -1), np.ones(6), np.arange(6) / 6)
    assert first.tolist() == [0, 0, 1, 1, 2, 2]


def test_weights_are_drawn_in_proportion() -> None:
    draw = (np.arange(1000) + 0.5) / 1000
    found = drawn_by_weight(np.broadcast_to([1.0, 0.0, 3.0], (1000, 3)), draw)
    assert np.bincount(found, minlength=3).tolist() == [250, 0, 750]


def test_q_values_tend_to_those_of_the_bellman_equation() -> None:
    reward, discount = np.array([[1.0, 0.0], [0.0, 2.0]]), 0.5
    following = np.array([[1, 0], [0, 1]])
    exact = np.zeros((2, 2))
    for _ in range(200):
        exact = reward + discount * exact.max(axis=1)[following]
    table, state, stream = np.zeros((2, 2)), 0, np.random.default_rng(2)
    for step in range(4000):
        explores = exploration_after(1.0, 0.0, np.array([step]))
        action = int(choose(table[[state]], explores, stream.random(1))[0])
        after = int(following[state, action])
        value, got = table[[state], action], reward[[state], action]
        best = table[[after]].max(axis=1)
        table[state, action] = value_learned(value, got, best, 0.1, discount)[0]
        state = after
    np.testing.assert_allclose(table, exact, atol=1e-6)
    assert exploration_after(0.4, 1.0, np.array([0, 3])).tolist() == [0.4, 0.1]


def fixated(selection: float, error: float, rounds: int) -> NDArray[np.int64]:
    """Return how many of forty players follow each of two strategies in the end."""
    stream, players = np.random.default_rng(3), 40
    peers_of = by_community(np.zeros(players, dtype=np.int16))
    choice, everyone = np.arange(players) % 2, np.arange(players)
    for _ in range(rounds):
        gain = np.where(choice == 1, 1.0, 0.0)
        peer = best_of(peers_of(everyone, stream.random((players, 1))), gain)
        adopts = stream.random(players) < fermi(gain, gain[peer], selection)
        choice = np.where(adopts, choice[peer], choice)
        errs = stream.random(players) < error
        choice = np.where(errs, stream.integers(0, 2, players), choice)
    return np.bincount(choice, minlength=2)


def test_imitation_fixates_unless_there_are_errors() -> None:
    assert fixated(np.inf, 0.0, 60).tolist() == [0, 40]
    assert fixated(5.0, 0.0, 200).tolist() == [0, 40]
    assert 40 in fixated(0.0, 0.0, 3000)  # by chance alone, on one of them
    assert fixated(5.0, 0.3, 200).min() > 0


def test_networks_are_those_of_networkx_and_peers_are_neighbours() -> None:
    world = small_world(30, 4, 0.2, 7)
    graph = nx.watts_strogatz_graph(30, 4, 0.2, 7)
    assert world.degree.tolist() == [degree for _, degree in sorted(graph.degree)]
    draws = np.random.default_rng(0).random((30, 5))
    for player, peers in enumerate(world.peers_of(np.arange(30), draws)):
        assert set(peers.tolist()) <= set(graph[player])
    assert scale_free(200, 4, 1).degree.max() > 3 * small_world(200, 4, 0.1, 1).degree.max()
    alone = SocialNetwork.of(3, np.array([[0, 2]]))
    assert alone.peers_of(np.array([1, 2]), np.zeros((2, 1))).tolist() == [[1], [0]]
    community = np.array([0, 1, 0, 1, 0, 2])
    peers = by_community(community)(np.arange(6), draws[:6])
    assert (community[peers] == community[:, None]).all()
    assert (peers[:5] != np.arange(5)[:, None]).all()
    assert (peers[5] == 5).all()


def test_thresholds_are_two_jumps() -> None:
    curves = threshold_curves(
        np.array([20.0, np.inf]), np.array([30.0, np.inf]), np.array([-2.0, -3.0]),
        np.array([5.0, 4.0]),
    )  # fmt: skip
    prices = (20.0, 20.1, 30.0, 30.1)
    found = [energy_of_curves(curves, price).tolist() for price in prices]
    assert found == [[5.0, 4.0], [0.0, 4.0], [0.0, 4.0], [-2.0, 4.0]]


@pytest.mark.parametrize("losses", [False, True])
def test_the_value_of_energy_is_the_slope_of_the_best_plan(losses: bool) -> None:
    price = np.array([30.0, 12.0, 45.0, 20.0, 38.0])
    into, out_of = (0.9, 0.8) if losses else (1.0, 1.0)
    most, power, lam, theta = 20.0, 5.0, 40.0, 1.5
    column = np.array([1.0])
    stores = PlanningStores(
        lam * column, theta * column, most * column, power * column, power * column,
        into * column, out_of * column,
    )  # fmt: skip
    value = value_of_energy(stores, price[:, None], np.zeros(1, dtype=np.intp), 801)
    assert (np.diff(value) <= 1e-9).all()

    def best(held: float) -> float:
        """Return what the best plan is worth, found by a solver that knows no recursion."""

        def lost(x: FloatArray) -> float:
            bought, sold = x[:5], x[5:]
            end = held + into * bought.sum() - sold.sum() / out_of
            return float(price @ (bought - sold) - lam * end + 0.5 * theta * end * end)

        def room(x: FloatArray) -> FloatArray:
            at = held + np.cumsum(into * x[:5] - x[5:] / out_of)
            return np.concatenate((at, most - at))

        start = np.full(10, 0.1)
        found = minimize(
            lost, start, method="SLSQP", bounds=[(0.0, power)] * 10,
            constraints={"type": "ineq", "fun": room}, options={"maxiter": 500, "ftol": 1e-12},
        )  # fmt: skip
        return -float(found.fun)

    for held in (1.0, 7.3, 13.1, 18.5):
        slope = (best(held + 0.02) - best(held - 0.02)) / 0.04
        reported = value_at(value, np.array([held]), stores.most_kwh)[0]
        # The slope jumps at kinks, between two levels.
        near = value_at(value, np.array([held - 0.05]), stores.most_kwh)[0]
        far = value_at(value, np.array([held + 0.05]), stores.most_kwh)[0]
        assert far - 0.05 <= slope <= near + 0.05
        assert far <= reported <= near
    answer = planned_answer(stores, value, np.array([9.0]), np.array([-4.0]), np.array([5.0]))
    curves = answer.curves()
    answers = [energy_of_curves(curves, p)[0] for p in np.linspace(-10, 80, 400)]
    assert answers[0] == 5.0
    assert answers[-1] == pytest.approx(-4.0)
    assert (np.diff(answers) <= 1e-9).all()
