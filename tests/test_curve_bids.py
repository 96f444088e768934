"""Followers that send their answers to every price at once: the same outcome, fewer messages."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.markets.answer_curves import battery_curves, school_curves, sum_of_curves, supply_kwh
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.school_response import school_response
from hmesh.markets.vehicle_response import best_response
from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.world import simulation as world
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.answer_games import LossyCommunity, lossy_communities
from tests.audited_runs import FEW, finished
from tests.lying_bus import LyingBus, outcome, same

LOSSES = ("vehicles.charge_efficiency=0.9", "vehicles.discharge_efficiency=0.85")


@given(lossy_communities(most=6))
def test_the_curves_of_batteries_add_up_to_what_they_answer(community: LossyCommunity) -> None:
    columns = (
        community.lam, community.theta, community.usable_kwh, community.lower_kwh,
        community.upper_kwh, community.into, community.out_of,
    )  # fmt: skip
    answers = sum_of_curves(1.5, battery_curves(*columns))
    curve = demand_curve(answers, -60.0, 100.0)
    prices = np.random.default_rng(1).uniform(-60, 100, 200)
    expected = 1.5 + best_response(prices[:, None], *columns).sum(axis=1)
    np.testing.assert_allclose(curve.demand_kwh(prices), expected, atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([1.0, 0.85]))
def test_the_curves_of_schools_say_what_they_sell(
    seed: int, saturates: bool, efficiency: float
) -> None:
    random = np.random.default_rng(seed)
    columns = (
        random.uniform(0.5, 1.5, 6), random.uniform(0.0005, 0.003, 6), random.uniform(0, 2, 6),
        random.uniform(0, 2000, 6), random.choice([0.0, 1.0], 6) * random.uniform(0, 900, 6),
    )  # fmt: skip
    curves = school_curves(*columns, saturates=saturates, discharge_efficiency=efficiency)
    for price in (*random.uniform(-2, 6, 40), *(columns[2] / efficiency)):
        due = school_response(price, *columns, saturates=saturates, discharge_efficiency=efficiency)
        np.testing.assert_allclose(supply_kwh(curves, float(price)), due, atol=1e-9)


def test_schools_that_show_curves_sell_what_they_would_by_prices() -> None:
    found, asked = [], []
    for changes in (["game.solver=exact"], [], ["game.bids=curves"]):
        few = ["school_buses.groups.0.schools=4", "hours=36", *changes]
        simulation = Simulation(
            make_setting(load_scenario("school-buses", few)), "optimal_energy_price"
        )
        sharing: Any = simulation.schemes["school_buses"]
        sold = []
        for _ in range(36):
            simulation.step()
            sold.append([*np.nan_to_num(sharing.decision.price), *sharing.sold_kwh])
        found.append(np.array(sold))
        asked.append(simulation.totals.counts["incentive_questions"])
    exact, by_prices, by_curves = found
    assert exact[:, 4:].any()
    lowest, highest = sharing.schools.rules.incentive_price
    near = 1e-6 * (highest - lowest)
    # What a school sells rises by 1 / theta with the price.
    of_energy = near / float(sharing.district.population["theta"].min())
    for one in (by_prices, by_curves):
        np.testing.assert_allclose(one[:, :4], exact[:, :4], rtol=0, atol=near)
        np.testing.assert_allclose(one[:, 4:], exact[:, 4:], rtol=0, atol=of_energy)
    assert 0 < 5 * asked[2] < asked[1]
    assert {"SupplyCurveRequest", "SupplyCurveBid"} <= set(simulation.bus.statistics)
    assert "IncentiveOffer" not in simulation.bus.statistics


def world_of(*changes: str, strategy: str = "three_level") -> Simulation:
    return Simulation(make_setting(load_scenario("three-communities", [*FEW, *changes])), strategy)


def prices_of(simulation: Simulation, steps: int = 24) -> list[Any]:
    found = []
    for _ in range(steps):
        simulation.step()
        decision = simulation.market.decision
        found.append([decision.utility_price, *decision.community_price])
    return found


@pytest.mark.parametrize("strategy", ["two_level", "three_level"])
@pytest.mark.parametrize("changes", [(), LOSSES], ids=["without losses", "with losses"])
def test_curves_and_prices_find_what_is_exact(changes: tuple[str, ...], strategy: str) -> None:
    exact = prices_of(world_of("game.solver=exact", *changes, strategy=strategy))
    asked = world_of(*changes, strategy=strategy)
    reported = world_of("game.bids=curves", *changes, strategy=strategy)
    width = asked.setting.bounds.utility_upper - asked.setting.bounds.utility_lower
    for simulation in (asked, reported):
        np.testing.assert_allclose(prices_of(simulation), exact, rtol=0, atol=1e-6 * width)
    of_prices, of_curves = (
        sum(count.sent for count in simulation.bus.statistics.values())
        for simulation in (asked, reported)
    )
    assert of_curves < 0.3 * of_prices
    kinds = set(reported.bus.statistics)
    assert kinds <= {"CurveRequest", "CurveBid", "CommunityCurve", "PriceAnnouncement"}
    assert (
        reported.totals.counts["vehicle_questions"] < asked.totals.counts["vehicle_questions"] / 9
    )


class Thrifty(ElectricVehicle):
    """Buys as if every kWh cost a third more."""

    def respond(self, price: float) -> float:
        return super().respond(4.0 * price / 3.0)


class Stepwise(ElectricVehicle):
    """Charges or does not, which no line explains."""

    def respond(self, price: float) -> float:
        upper = self.exchange_bounds()[1]
        return upper if price < 30.0 else (0.5 * upper if price < 36.0 else 0.0)


@pytest.mark.parametrize(
    ("will", "unexplained"), [(Thrifty, False), (Stepwise, True)], ids=["line", "steps"]
)
def test_a_vehicle_with_a_will_of_its_own_shows_its_own_curve(
    will: type[ElectricVehicle], unexplained: bool
) -> None:
    found = []
    for bids in ("prices", "curves"):
        simulation = world_of(f"game.bids={bids}", "hours=6")
        fleet = simulation.schemes["vehicles"].fleet  # type: ignore[attr-defined]
        fleet.replace([0, 3, 5], will)
        found.append(prices_of(simulation, 6))
        assert bool(simulation.totals.counts["unexplained_vehicles"]) is unexplained
    if not unexplained:
        np.testing.assert_allclose(found[0], found[1], atol=7e-5)


def test_schools_by_curves_pass_their_audit(tmp_path: Path) -> None:
    changes = ["hours=36", "school_buses.groups.0.schools=4", "game.bids=curves"]
    scenario = load_scenario("school-buses", [*changes, "messages.keep=all", "plots=false"])
    start_run(scenario, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())


def test_runs_by_curves_pass_their_audit() -> None:
    folder = finished(*FEW, "hours=5", "game.bids=curves", "messages.keep=all", "plots=false")
    report = audit_run(folder)
    assert report.passed, "\n".join(report.lines())


SAID = [
    ("CurveBid", "vehicles@"), ("CommunityCurve", "homes"), ("PriceAnnouncement", "homes"),
    ("PriceAnnouncement", "utility"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sender"), SAID)
def test_who_hears_another_curve_does_something_else(
    kind: str, sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = outcome(world_of("game.bids=curves"), 2)
    monkeypatch.setattr(world, "MessageBus", LyingBus)
    simulation = world_of("game.bids=curves")
    bus = simulation.bus
    assert isinstance(bus, LyingBus)
    bus.kind, bus.sender = kind, sender
    found = outcome(simulation, 2)
    assert bus.changed
    assert not same(found, expected)
