"""Leaders that learn, mark up or form a cartel, against exact prices and brute force."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.environment import InputError
from hmesh.markets.answers import demand_at
from hmesh.markets.leader_learning import Bandits, Climbers, price_at_cost
from hmesh.markets.three_level_game import follow_exact
from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from hmesh.runs.world.step_games import game_of

SOME: dict[str, Any] = {
    "hours": 8, "vehicles.count": 60, "strategies": ["leaders"], "game.solver": "exact",
    "plots": False, "start": "2023-01-16T10:00",
}  # fmt: skip


def world(leaders: dict[str, Any], **changes: Any) -> Simulation:
    scenario = load_scenario("three-communities", {**SOME, "game.leaders": leaders, **changes})
    return Simulation(make_setting(scenario), "leaders")


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    """Return a world after a step, of whose game prices are known exactly."""
    made = world({"utility": {"rule": "tariff"}})
    made.step()
    return made


@pytest.mark.parametrize(
    ("method", "plays", "off"),
    [("gradient", 3000, 0.01), pytest.param("bandit", 4000, 0.06, marks=pytest.mark.slow)],
)
def test_a_monopolist_learns_its_exact_price(
    simulation: Simulation, method: str, plays: int, off: float
) -> None:
    game = game_of(simulation)
    cost, community = 18.0, int(simulation.market.present.argmax())
    exact = float(follow_exact(game, cost).community_price[community])
    lowest, highest = game.bounds.aggregator_lower - cost, game.bounds.aggregator_upper - cost
    learner: Climbers | Bandits
    if method == "gradient":
        learner = Climbers.of(lowest, highest, (1,))
    else:
        learner = Bandits.of(lowest, highest, 31, (1,))
    asked = []
    for _ in range(plays):
        markup = float(learner.asked()[0])
        sold = demand_at(game.kinks[community], cost + markup)
        learner.learn(np.array([markup * sold]), np.array([True]))
        asked.append(cost + markup)
    # It asks what the exact monopolist does, but for what it still tries.
    late = np.median(asked[-plays // 4 :])
    assert late == pytest.approx(exact, abs=off * (highest - lowest))
    assert abs(np.median(asked[: plays // 40]) - exact) > abs(late - exact)


def test_learners_differ_only_where_they_were_heard() -> None:
    for learner in (Climbers.of(0.0, 10.0, (2, 3)), Bandits.of(0.0, 10.0, 5, (2, 3))):
        heard = np.zeros((2, 3), dtype=bool)
        heard[1, 2] = True
        before = learner.asked().copy()
        for _ in range(4):
            learner.learn(np.full((2, 3), 7.0), heard)
        same = learner.asked() == before
        assert same.sum() >= 5
        assert same[~heard].all()


def test_a_price_that_follows_cost_is_the_cost_at_its_own_demand() -> None:
    assert price_at_cost(lambda p: 40.0 - p, 0.0, 100.0) == pytest.approx(20.0)
    assert price_at_cost(lambda p: 40.0 - p, 25.0, 100.0) == 25.0
    assert price_at_cost(lambda p: 400.0 - p, 0.0, 100.0) == 100.0
    jump = price_at_cost(lambda p: 50.0 if p <= 30.0 else 10.0, 0.0, 100.0)
    assert jump == pytest.approx(30.0)


def test_a_cartel_earns_what_no_other_prices_earn() -> None:
    together = world({"utility": {"rule": "welfare"}, "aggregators": {"rule": "cartel"}})
    apart = world({"utility": {"rule": "welfare"}})
    few = world(
        {"utility": {"rule": "welfare"}, "aggregators": {"rule": "cartel", "members": ["homes"]}}
    )
    for each in (together, apart, few):
        each.step()
    game = game_of(together)

    answers = game.answering()

    def earned(prices: np.ndarray[Any, Any]) -> float:
        bought = np.array([demand_at(k, float(p)) for k, p in zip(game.kinks, prices, strict=True)])
        cost = game.cost.marginal(float(bought.sum()))
        cost = min(max(cost, game.bounds.utility_lower), game.bounds.utility_upper)
        # Where nobody answers, the utility's price is passed through.
        return float(((prices - cost) * bought)[answers].sum())

    cartel, game_alone = (each.market.decision.community_price for each in (together, apart))
    best = earned(cartel)
    assert best >= earned(game_alone)
    stream = np.random.default_rng(6)
    lowest, highest = game.bounds.aggregator_lower, game.bounds.aggregator_upper
    assert answers.sum() > 1
    for _ in range(100):
        assert earned(stream.uniform(lowest, highest, 3)) <= best + 1e-6 * abs(best)
        near = np.clip(cartel + stream.normal(0.0, 1.0, 3), lowest, highest)
        assert earned(near) <= best + 1e-6 * abs(best)
    # The utility asks what the last kWh costs, no matter who buys.
    for each in (together, apart, few):
        cost = game.cost.marginal(float(each.net_kwh.sum()))
        due = min(max(cost, game.bounds.utility_lower), game.bounds.utility_upper)
        assert each.market.decision.utility_price == pytest.approx(due, rel=1e-6)


def test_a_markup_is_added_to_the_best_price_of_the_utility() -> None:
    made = world({"aggregators": {"rule": "fixed_markup", "markup": 0.25}}, **{"hours": 3})
    for _ in range(3):
        made.step()
        decision, bounds = made.market.decision, made.setting.bounds
        due = np.clip(
            1.25 * decision.utility_price, bounds.aggregator_lower, bounds.aggregator_upper
        )
        assert decision.community_price == pytest.approx(np.full(3, due))


def test_what_leaders_learned_is_restored() -> None:
    leaders = {
        "utility": {"rule": "tariff"},
        "aggregators": {"rule": "learning", "learning": {"highest": 40, "hours_apart": 2}},
    }
    whole, parts = world(leaders), world(leaders)
    for _ in range(5):
        whole.step()
        parts.step()
    resumed = world(leaders)
    resumed.restore(parts.state())
    for _ in range(3):
        whole.step()
        resumed.step()
        first, second = (each.market.decision.community_price for each in (whole, resumed))
        assert first.tobytes() == second.tobytes()


def test_leaders_that_fit_nothing_are_refused() -> None:
    wrong = {
        "a cartel moves no price": {"aggregators": {"rule": "cartel"}},
        "learning: is missing": {"utility": {"rule": "learning"}},
        "members go with cartel": {"aggregators": {"members": ["homes"]}},
        "highest -1 is not above": {"utility": {"rule": "learning", "learning": {"highest": -1}}},
    }
    for message, leaders in wrong.items():
        with pytest.raises(InputError, match=message):
            load_scenario("three-communities", {"game.leaders": leaders})


LIMITED: dict[bool, dict[str, Any]] = {
    False: {
        "communities.homes.feeder.rating_kw": 120, "communities.homes.members.0.count": 200,
        "vehicles.count": 300, "start": "2023-01-16T22:00",
    },
    # A line to homes and malls, where vehicles are plugged in at both.
    True: {
        "grid.lines.0.rating_kw": 500, "grid.lines.2.rating_kw": 5000, "vehicles.count": 400,
        "grid.lines.3.between": ["north", "malls-low"], "start": "2023-01-16T15:00",
        "grid.connections.malls/buildings": "south",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "leaders",
    [
        {"aggregators": {"rule": "fixed_markup", "markup": 0.01}},
        {"utility": {"rule": "welfare"}},
        {"utility": {"rule": "welfare"}, "aggregators": {"rule": "cartel"}},
        {"utility": {"rule": "learning", "learning": {"highest": 30}}},
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_leaders_keep_the_limits_of_lines_where_some_price_does(
    leaders: dict[str, Any], shared: bool
) -> None:
    name = "two-voltage-levels" if shared else "three-communities"
    changes = SOME | {"hours": 2, "game.leaders": leaders} | LIMITED[shared]
    worlds = []
    for mode in ("keep", "count"):
        scenario = load_scenario(name, changes | {"grid.limits": mode})
        made = Simulation(make_setting(scenario), "leaders")
        made.step()
        worlds.append(made)
    kept, free = worlds
    assert free.loading.max() > 1.05
    assert kept.loading.max() == pytest.approx(1.0, abs=1e-6)
    decision = kept.market.decision
    assert decision.unlimited_price is not None
    # Without limits they would ask what they do where there are none.
    assert decision.unlimited_price == pytest.approx(free.market.decision.community_price, rel=1e-6)
    moved = np.abs(decision.community_price - decision.unlimited_price)
    assert np.nanmax(moved) > 0.01


@pytest.mark.slow
def test_an_audit_follows_the_rules_of_leaders(tmp_path: Path) -> None:
    out = {"at": "2023-01-16T13:00", "until": "2023-01-16T15:00", "feeders_out": ["malls"]}
    for number, leaders in enumerate((
        {"utility": {"rule": "fixed_markup", "markup": 0.2}, "aggregators": {"rule": "cartel"}},
        {"utility": {"rule": "welfare"}, "aggregators": {"rule": "fixed_markup", "markup": 0.1}},
        {"utility": {"rule": "tariff"}},
    )):  # fmt: skip
        changes = SOME | {"game.leaders": leaders, "grid.limits": "count", "events": [out]}
        folder = tmp_path / str(number)
        start_run(load_scenario("three-communities", changes), folder)
        report = audit_run(folder)
        assert report.passed, report.failed
        own = [check.name for check in report.checks if check.name.startswith("leaders: ")]
        assert len(own) == (2 if number == 1 else 1)
        assert "vehicles: none does better by another exchange" in {c.name for c in report.checks}
        table = pq.read_table(folder / "hours.parquet").to_pandas()
        for column in ("utility_price", "community_price"):
            table.loc[table["step"] == 4, column] -= 0.5
        schema = pq.read_schema(folder / "hours.parquet")
        pq.write_table(pa.Table.from_pandas(table, schema), folder / "hours.parquet")
        failed = {check.name for check in audit_run(folder).checks if check.passed is False}
        assert failed & set(own)
