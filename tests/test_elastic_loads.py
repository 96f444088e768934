"""Households and buildings whose load answers to the price of their community."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.agents.consumer import Building, Household
from hmesh.environment.errors import InputError
from hmesh.environment.grid import Grid
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import PriceAnnouncement
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.elastic_answers import elastic_answers, elastic_load
from hmesh.markets.vehicle_response import best_response
from hmesh.markets.welfare import satisfaction
from hmesh.runs import audit_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from hmesh.runs.world.decision import Decision
from hmesh.runs.world.elastic_loads import ELASTIC_LOADS
from hmesh.runs.world.priced_grid import answering_nodes
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_audit_tampering import edit

STRATEGIES = ("typical", "two_level", "three_level", "planner")
ELASTICITY = {"value": 0.4, "reference_price": 30.0, "lower_share": 0.6, "upper_share": 1.3}
FEW: dict[str, Any] = {
    "strategies": list(STRATEGIES),
    "hours": 6,
    "start": "2023-01-16T06:00",
    "vehicles.count": 40,
    "communities.homes.members.0.count": 20,
    "communities.malls.members.0.annual_kwh": 2e5,
    "communities.offices.members.0.annual_kwh": 2e5,
    "record.welfare": True,
}
ELASTIC = {
    f"communities.{name}.members.0.elasticity": ELASTICITY for name in ("homes", "malls", "offices")
}


def elastic(**changes: Any) -> Scenario:
    given = {name.replace("__", "."): value for name, value in changes.items()}
    return load_scenario("three-communities", FEW | ELASTIC | given)


def simulated(strategy: str, scenario: Scenario) -> Simulation:
    simulation = Simulation(make_setting(scenario), strategy)
    for _ in range(scenario.steps):
        simulation.step()
    return simulation


@given(
    load=st.floats(0.01, 50),
    eps=st.floats(0.05, 5),
    reference=st.floats(1, 80),
    least=st.floats(0, 1),
    most=st.floats(1, 3),
    price=st.floats(-20, 200),
)
def test_no_other_use_is_worth_more(
    load: float, eps: float, reference: float, least: float, most: float, price: float
) -> None:
    lam, theta, lower, upper = elastic_load(load, eps, reference, least, most)
    more = best_response(price, lam, theta, 0.0, lower, upper)
    # The line that defines it.
    share = np.clip(1 - eps * (price / reference - 1), least, most)
    assert load + float(more) == pytest.approx(load * share, abs=1e-9 * load)
    tried = np.linspace(float(lower), float(upper), 2001)
    payoff = satisfaction(lam, theta, tried) - price * tried
    best = satisfaction(lam, theta, more) - price * more
    assert float(best) >= payoff.max() - 1e-9 * max(1.0, np.abs(payoff).max())
    answers = elastic_answers(load, eps, reference, least, most)
    curve = demand_curve(answers, -20.0, 200.0)
    assert float(curve.demand_kwh(price)) == pytest.approx(load * share, abs=1e-9 * (1 + load))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_balances_of_energy_and_money_close(strategy: str) -> None:
    scenario = elastic(communities__homes__feeder__loss_rate=0.03)
    simulation = Simulation(make_setting(scenario), strategy)
    moved = 0.0
    for _ in range(scenario.steps):
        simulation.step()
        used = sum(simulation.hour_kwh.values())
        np.testing.assert_allclose(simulation.net_kwh, used, rtol=1e-9, atol=1e-9)
        loads = [
            np.bincount(group.population["community"], group.population["load_kwh"], 3)
            for group in simulation.consumers.values()
        ]
        np.testing.assert_allclose(simulation.meters.fixed_kwh, sum(loads), rtol=1e-12)
        node_kwh = simulation.meters.node_kwh.sum()
        assert node_kwh == pytest.approx(simulation.net_kwh.sum(), rel=1e-12, abs=1e-9)
        answered = simulation.market.decision.exchange_kwh[ELASTIC_LOADS]
        moved += sum(float(np.abs(energy).sum()) for energy in answered)
    assert simulation.ledger.imbalance() == 0
    # Where nobody asks a price everybody uses their load.
    assert (moved == 0.0) == (strategy == "typical")


def test_bills_follow_the_load_that_was_used() -> None:
    simulation = simulated("two_level", elastic())
    stiff = simulated("two_level", load_scenario("three-communities", FEW))
    mine, theirs = (each.totals.summary(1.0) for each in (simulation, stiff))
    change = mine["fixed_load_kwh"] - theirs["fixed_load_kwh"]
    assert mine["elastic_response_kwh"] == pytest.approx(change)
    assert mine["fixed_load_bill"] != theirs["fixed_load_bill"]
    assert "elastic_response_kwh" not in theirs
    assert ELASTIC_LOADS not in stiff.market.answering


@pytest.mark.parametrize("bids", ["prices", "curves"])
@pytest.mark.parametrize("strategy", ["two_level", "three_level"])
@pytest.mark.parametrize("vehicles", [0, 40])
def test_messages_find_the_exact_prices(bids: str, strategy: str, vehicles: int) -> None:
    given = {"vehicles__count": vehicles, "communities__homes__feeder__loss_rate": 0.03}
    exact = Simulation(make_setting(elastic(game__solver="exact", **given)), strategy)
    reported = Simulation(make_setting(elastic(game__bids=bids, **given)), strategy)
    for _ in range(3):
        exact.step()
        reported.step()
        mine, theirs = reported.market.decision, exact.market.decision
        assert mine.utility_price == pytest.approx(theirs.utility_price, abs=1e-6 * 36)
        np.testing.assert_allclose(mine.community_price, theirs.community_price, atol=1e-6 * 45)
        assert mine.counts["unexplained_vehicles"] == 0


def test_no_strategy_beats_the_planner_from_the_same_state() -> None:
    for strategy in STRATEGIES:
        simulation = Simulation(make_setting(elastic(game__solver="exact")), strategy)
        for _ in range(4):
            simulation.step()
            assert simulation.welfare is not None
            planner = simulation.welfare.planner
            assert simulation.welfare.welfare <= planner + 1e-9 * abs(planner)
            if strategy == "planner":
                assert simulation.welfare.welfare == pytest.approx(planner, rel=1e-9)


def test_limits_are_kept_by_prices_that_loads_feel() -> None:
    limits = {"grid__limits": "keep", "game__solver": "exact", "vehicles__count": 0}
    rated = {"communities__malls__feeder__rating_kw": 70}
    most = {}
    for tighter in ({}, rated):
        simulation = Simulation(make_setting(elastic(**limits, **tighter)), "planner")
        drawn = []
        for _ in range(6):
            simulation.step()
            drawn.append(float(simulation.net_kwh[1]))
        most[bool(tighter)] = max(drawn)
        rents = simulation.totals.summary(1.0)["congestion_rent"]
        assert (rents > 0) == bool(tighter)
    assert most[True] <= 70 + 1e-9 < most[False]


class _Raised(MessageBus):
    """A bus on which every announced price is a fifth higher when it is heard."""

    def in_flight(self, message: Any) -> Any:
        if isinstance(message, PriceAnnouncement) and message.receiver.startswith("consumers@"):
            return replace(message, price=1.2 * message.price)
        return message


def test_loads_act_on_the_price_that_they_hear() -> None:
    reported = simulated("three_level", elastic(hours=2))
    simulation = Simulation(make_setting(elastic(hours=2)), "three_level")
    simulation.bus.__class__ = _Raised
    for _ in range(2):
        simulation.step()
    mine, theirs = (
        np.concatenate(each.market.decision.exchange_kwh[ELASTIC_LOADS])
        for each in (simulation, reported)
    )
    assert (mine < theirs - 1e-6).any()
    np.testing.assert_array_equal(
        simulation.market.decision.community_price, reported.market.decision.community_price
    )


def test_members_that_no_announcement_reaches_use_their_load() -> None:
    simulation = Simulation(make_setting(elastic(messages__loss_rate=0.8)), "three_level")
    simulation.step()
    energy = simulation.market.decision.exchange_kwh[ELASTIC_LOADS][0]
    heard = simulation.consumers[Household].population.heard["price"]
    assert 0 < np.count_nonzero(np.isnan(heard)) < len(heard)
    assert not energy[np.isnan(heard)].any()
    assert energy[~np.isnan(heard)].all()


@pytest.mark.parametrize("strategy", ["typical", "three_level"])
def test_each_member_steps_as_it_does_in_the_hour(strategy: str) -> None:
    simulation = Simulation(make_setting(elastic()), strategy)
    for _ in range(2):
        simulation.step()
        for kind in (Household, Building):
            group = simulation.consumers[kind]
            used = group.population["load_kwh"].copy()
            for agent in group:
                agent.step()
            np.testing.assert_array_equal(group.population["load_kwh"], used)


def test_a_resumed_run_ends_as_an_uninterrupted_one() -> None:
    setting = make_setting(
        elastic(chance__demand_noise__household={"sigma": 0.3, "correlation_h": 2})
    )
    whole, first, second = (Simulation(setting, "three_level") for _ in range(3))
    for _ in range(6):
        whole.step()
    for _ in range(3):
        first.step()
    second.restore(deepcopy(first.state()))
    for _ in range(3):
        second.step()
    assert whole.summary() == second.summary()
    for kind, group in whole.consumers.items():
        mine = second.consumers[kind].population["load_kwh"]
        assert mine.tobytes() == group.population["load_kwh"].tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hmesh.runs.run import start_run

    directory = tmp_path_factory.mktemp("elastic") / "run"
    tight = {
        "grid__limits": "keep",
        "grid__shed": True,
        "communities__homes__feeder__loss_rate": 0.03,
        "communities__homes__feeder__rating_kw": 12,
        "plots": False,
        "messages__keep": "all",
    }
    start_run(elastic(**tight), directory)
    return directory


def test_a_run_passes_its_audit(folder: Path) -> None:
    report = audit_run(folder)
    assert report.passed, "\n".join(report.lines())
    made = {check.name for check in report.checks if check.passed}
    assert made >= {
        "elasticity: members use what they should at their price",
        "messages: offers are answered as they must",
        "welfare: satisfaction less cost of generation",
        "welfare: the planner's from the same state",
        "equilibrium: utility's price (three_level)",
        "planner: prices are the cost delivered",
    }


def test_a_load_that_answers_otherwise_is_found(folder: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(folder, tmp_path / "run")

    # The malls at eight o'clock, under the three-level game.
    rows = pq.read_table(directory / "hours.parquet").to_pandas()
    chosen = (rows["strategy"] == "three_level") & (rows["community"] == "malls")
    row = int(rows.index[chosen & (rows["step"] == 2)][0])
    edit(directory, "hours", "fixed_load_kwh", lambda at, kwh: kwh * (1.0 + 1e-6 * (at == row)))
    failed = {check.name for check in audit_run(directory).checks if check.passed is False}
    assert "elasticity: members use what they should at their price" in failed
    assert "energy: members use and generate what they should" in failed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("value", 0.0),
        ("reference_price", -1.0),
        ("lower_share", 1.2),
        ("upper_share", 0.9),
        ("elasticity", 0.4),
    ],
)
def test_what_makes_no_sense_is_refused(key: str, value: float) -> None:
    with pytest.raises(InputError) as found:
        elastic(communities__homes__members__0__elasticity=ELASTICITY | {key: value})
    text = str(found.value)
    assert "communities.homes.members" in text
    assert key in text


def test_an_elasticity_that_changes_nothing_is_refused() -> None:
    stiff = ELASTICITY | {"lower_share": 1.0, "upper_share": 1.0}
    with pytest.raises(InputError, match="no price changes the load"):
        elastic(communities__homes__members__0__elasticity=stiff)


def test_what_has_hardly_a_meaning_is_warned_of() -> None:
    assert not [each for each in scenario_warnings(elastic()) if "elasticity" in each.place]
    quiet = scenario_warnings(elastic(strategies=["typical"]))
    assert [each.place for each in quiet if "no load answers" in each.message] == [
        f"communities.{name}.members.0.elasticity" for name in ("homes", "malls", "offices")
    ]
    other = ELASTICITY | {"reference_price": 3000.0}
    far = scenario_warnings(elastic(communities__homes__members__0__elasticity=other))
    assert "communities.homes.members.0.elasticity.reference_price" in {p.place for p in far}


def test_loads_answer_in_a_city_without_vehicles(tmp_path: Path) -> None:
    from hmesh.runs.run import start_run

    changes = {
        "strategies": ["nobody_shares", "everybody_shares"],
        "hours": 24,
        "communities.district.members.0.businesses": 5,
        "communities.district.members.0.elasticity": ELASTICITY,
        "messages.keep": "all",
        "plots": False,
    }
    start_run(load_scenario("battery-sharing", changes), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["nobody_shares"]["elastic_response_kwh"] == 0.0
    assert abs(summary["everybody_shares"]["elastic_response_kwh"]) > 1.0
    assert summary["everybody_shares"]["counts"]["unexplained_vehicles"] == 0
    assert summary["everybody_shares"]["worst"]["utility_profit_gap"] >= 0.0
    # Without vehicles their prices are checked all the same, and another price is found.
    checks = {check.name: check for check in report.checks}
    name = "equilibrium: communities' prices (three_level)"
    assert checks[name].passed
    assert checks["equilibrium: utility's price (three_level)"].passed
    edit(tmp_path / "run", "hours", "community_price", lambda row, price: price + 1.0)
    assert not {check.name: check for check in audit_run(tmp_path / "run").checks}[name].passed


def test_a_rule_must_say_what_every_group_exchanges() -> None:
    simulation = Simulation(make_setting(elastic()), "three_level")
    price = np.full(3, 30.0)
    simulation.market.decide = lambda world: Decision(30.0, price, {})
    with pytest.raises(ValueError, match=r"Market\.respond"):
        simulation.step()
    simulation = Simulation(make_setting(elastic()), "three_level")
    simulation.market.decide = lambda world: Decision(30.0, price, world.market.respond(price))
    simulation.step()
    # At the reference price everybody uses their load.
    energies = simulation.market.decision.exchange_kwh[ELASTIC_LOADS]
    assert not np.concatenate(energies).any()


def test_those_that_answer_are_priced_where_all_of_them_are_fed() -> None:
    graph: Any = nx.DiGraph()
    graph.add_node("utility", kind="utility")
    for parent, node, loss in (
        ("utility", "street", 0.1),
        ("street", "near", 0.0),
        ("street", "far", 0.02),
        ("near", "left", 0.0),
        ("near", "right", 0.0),
    ):
        graph.add_node(node, kind="connection")
        graph.add_edge(parent, node, length_km=0.1, rating_kw=10.0, loss_rate=loss)
    grid = Grid(graph)
    at = grid.node_index
    setting: Any = SimpleNamespace(
        grid=grid, communities=("street",), community_nodes=np.array([at["street"]])
    )
    nodes = answering_nodes(setting, [[at["left"], at["right"]]])
    assert nodes.tolist() == [at["near"]]
    assert answering_nodes(setting, [[at["far"]]]).tolist() == [at["far"]]
    with pytest.raises(InputError, match="lines with losses"):
        answering_nodes(setting, [[at["far"], at["left"]]])
