import importlib
import sys
from typing import Any

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.runs import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

pytest.importorskip("gymnasium")
pytest.importorskip("pettingzoo")

import hmesh.rl

NAME = "three-communities"
CHANGES: dict[str, Any] = {"vehicles.count": 12, "hours": 6}
EVERYBODY = ("utility", "aggregator@*", "vehicle@3")


def middle(*numbers: float) -> Any:
    return np.array(numbers or (0.0,))


def played_out(world: Any, draws: Any) -> list[Any]:
    """Return all that is observed and earned in a run of random actions."""
    reported = [world.reset(seed=5)[0]]
    while world.agents:
        actions = {
            name: draws.uniform(-1, 1, world.action_space(name).shape) for name in world.agents
        }
        reported.append(world.step(actions)[:2])
    return reported


def test_pettingzoo_and_gymnasium_accept_the_environments() -> None:
    from gymnasium.utils.env_checker import check_env
    from pettingzoo.test import parallel_api_test

    parallel_api_test(hmesh.rl.parallel_env(NAME, EVERYBODY, changes=CHANGES), num_cycles=14)
    for player in ("utility", "aggregator@homes", "vehicle@3"):
        check_env(hmesh.rl.env(NAME, player, changes=CHANGES), skip_render_check=True)


@pytest.mark.slow
def test_the_same_seed_and_actions_give_the_same_run() -> None:
    world = hmesh.rl.parallel_env(NAME, EVERYBODY, changes=CHANGES)
    assert world.possible_agents == [
        "utility", "aggregator@homes", "aggregator@malls", "aggregator@offices", "vehicle@3",
    ]  # fmt: skip
    first, again = (played_out(world, np.random.default_rng(2)) for _ in range(2))
    other = played_out(
        hmesh.rl.parallel_env(NAME, EVERYBODY, changes=CHANGES), np.random.default_rng(2)
    )
    for one in (again, other):
        for (heard, *_), (due, *_) in zip(one[1:], first[1:], strict=True):
            assert all(np.array_equal(heard[name], due[name]) for name in due)
        assert [each[1] for each in one[1:]] == [each[1] for each in first[1:]]
    # Without a seed the scenario's comes first; what follows, follows from it.
    seeds = [hmesh.rl.env(NAME, "utility", changes=CHANGES) for _ in range(2)]
    reported = [[each.reset()[1]["seed"] for _ in range(3)] for each in seeds]
    assert reported[0] == reported[1]
    assert reported[0][0] == load_scenario(NAME).seed
    assert len(set(reported[0])) == 3


@pytest.mark.parametrize(
    ("strategy", "player"), [("three_level", "utility"), ("two_level", "aggregator@homes")]
)
def test_a_player_that_decides_as_the_agent_would_changes_nothing(
    strategy: str, player: str
) -> None:
    scenario = load_scenario(NAME, CHANGES)
    plain = Simulation(make_setting(scenario), strategy)
    world = hmesh.rl.env(scenario, player, strategy)
    world.reset(seed=scenario.seed)
    lowest, highest = world.played.players[player].decides[0].lowest, 70.0
    balance = 0.0
    for _ in range(scenario.steps):
        plain.step()
        decision = plain.market.decision
        price = decision.utility_price if player == "utility" else decision.community_price[0]
        share = 2.0 * (price - lowest) / (highest - lowest) - 1.0
        _, earned, *_ = world.step(middle(share))
        other = world.played.world.market.decision
        assert other.community_price == pytest.approx(decision.community_price, rel=1e-9)
        for name, exchange in decision.exchange_kwh.items():
            for due, done in zip(exchange, other.exchange_kwh[name], strict=True):
                assert done == pytest.approx(due, abs=1e-6)
        # The reward is the change of the party's account in the ledger.
        paid = plain.ledger.balances[player]
        assert earned == pytest.approx(paid - balance, rel=1e-9, abs=1e-6)
        balance = paid


def test_a_vehicle_trades_by_its_thresholds() -> None:
    world = hmesh.rl.env(NAME, "vehicle@3", changes=CHANGES)
    (before, *_), _ = (world.reset(seed=1)[0][2:3], None)
    heard, earned, *_ = world.step(middle(1.0, 1.0))  # charges below the highest price
    price = heard[1]
    assert heard[2] >= before
    world.reset(seed=1)
    sold, income, *_ = world.step(middle(-1.0, -1.0))  # sells above the lowest
    assert sold[2] < before
    assert income == pytest.approx((before - sold[2]) * sold[1])
    assert earned == pytest.approx(-(heard[2] - before) * price)


def test_what_is_observed_is_named_with_its_unit() -> None:
    world = hmesh.rl.parallel_env(NAME, ["utility", "aggregator@homes"], changes=CHANGES)
    reported = world.describe("aggregator@homes")
    assert reported["action"] == [("price", "money/kWh", 0.0, 70.0)]
    assert [name for name, *_ in reported["observation"]] == [
        "hour_of_day", "utility_price", "price", "metered_load", "answering", "exchange",
    ]  # fmt: skip
    world.reset(seed=1)
    heard, *_ = world.step({"utility": middle(0.0), "aggregator@homes": middle(1.0)})
    assert heard["aggregator@homes"][:3].tolist() == [2.0, 35.0, 70.0]
    assert heard["utility"][1] == 35.0
    # The community takes what it takes at its own price, and says so to the utility.
    assert heard["utility"][2] == pytest.approx(heard["aggregator@homes"][[3, 5]].sum())


@pytest.mark.parametrize(
    ("players", "strategy", "changes", "words"),
    [
        (["utilty"], "three_level", {}, "did you mean 'utility'"),
        (["aggregator@home"], "three_level", {}, "did you mean 'aggregator@homes'"),
        (["vehicle@12"], "three_level", {}, "nobody is called 'vehicle@12'"),
        (["utility"], "two_level", {}, "the utility's tariff is given"),
        (["utility"], "typical", {}, "under typical nobody bargains"),
        (["utility"], "three_level", {"game.solver": "exact"}, "computes prices without asking"),
        (["utility"], "three_levels", {}, "did you mean 'three_level'"),
        ([], "three_level", {}, "nobody is played"),
    ],
)
def test_who_cannot_be_played_is_refused(
    players: list[str], strategy: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        hmesh.rl.parallel_env(NAME, players, strategy, CHANGES | changes)


def test_actions_outside_of_their_space_are_refused() -> None:
    world = hmesh.rl.env(NAME, "utility", changes=CHANGES)
    world.reset(seed=1)
    for action in (middle(1.1), middle(np.nan)):
        with pytest.raises(ValueError, match=r"price of utility is .*, allowed: -1 to 1"):
            world.step(action)
    with pytest.raises(ValueError, match="utility decides price, not 2 numbers"):
        world.step(middle(0.0, 0.0))
    with pytest.raises(InputError, match="names 3 players"):
        hmesh.rl.env(NAME, "aggregator@*", changes=CHANGES)


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    monkeypatch.delitem(sys.modules, "hmesh.runs.rl.environments")
    with pytest.raises(InputError, match=r"pip install 'hmesh\[rl\]'"):
        importlib.import_module("hmesh.runs.rl.environments")
