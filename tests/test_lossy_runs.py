"""Runs of vehicles and school buses with losses, in which nobody could have done better."""

import numpy as np
import pytest
from hypothesis import given

from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.games import SEEDS

INTO, OUT_OF = 0.9, 0.85
LOSSES = [f"vehicles.charge_efficiency={INTO}", f"vehicles.discharge_efficiency={OUT_OF}"]


def simulation(*changes: str, strategy: str = "three_level") -> Simulation:
    scenario = load_scenario(
        "three-communities",
        ["vehicles.count=80", "strategies=[three_level]", *LOSSES, *changes],
    )
    return Simulation(make_setting(scenario), strategy)


@pytest.mark.parametrize("solver", ["exact", "negotiate", "grid", "closed_form"])
def test_no_vehicle_could_do_better_in_any_hour(solver: str) -> None:
    run = simulation(f"game.solver={solver}", "hours=24")
    fleet, idle, hours = run.schemes["vehicles"].fleet, 0, 0
    for _ in range(24):
        run.step()
        # What was decided, seen from before the batteries moved.
        for parked, energy, price in zip(
            run.market.answering["vehicles"],
            run.market.decision.exchange_kwh["vehicles"],
            run.market.decision.community_price,
            strict=True,
        ):
            if len(parked) == 0:
                continue
            shares = np.linspace(0.0, 1.0, 2001)[:, None]
            others = parked.lower_kwh + shares * (parked.upper_kwh - parked.lower_kwh)

            def payoff(plug_kwh: np.ndarray, parked=parked, price=price) -> np.ndarray:  # type: ignore[no-untyped-def]
                stored = np.where(plug_kwh > 0, INTO * plug_kwh, plug_kwh / OUT_OF)
                held = parked.usable_kwh + stored
                return parked.lam * held - parked.theta / 2 * held**2 - price * plug_kwh

            assert np.all(energy >= parked.lower_kwh)
            assert np.all(energy <= parked.upper_kwh)
            best = np.maximum(payoff(others).max(axis=0), payoff(np.zeros(len(parked))))
            assert np.all(payoff(energy) >= best - 1e-9 * np.abs(best))
            hours += len(parked)
            idle += int((energy == 0.0).sum())
    assert hours > 1000
    # Losses leave some of them idle, and none of them all the time.
    assert 0 < idle < hours
    assert np.all(fleet.population["energy_kwh"] >= 0)


def test_negotiated_prices_are_the_exact_ones() -> None:
    exact, asked = (simulation(f"game.solver={solver}") for solver in ("exact", "negotiate"))
    for _ in range(12):
        prices = []
        for run in (exact, asked):
            run.step()
            decision = run.market.decision
            prices.append(np.array([decision.utility_price, *decision.community_price]))
        # Both go on from the same state.
        asked.schemes["vehicles"].fleet.population["energy_kwh"][:] = exact.schemes[
            "vehicles"
        ].fleet.population["energy_kwh"]
        np.testing.assert_allclose(prices[1], prices[0], rtol=0, atol=1e-6 * 70)
        assert asked.market.decision.counts["unexplained_vehicles"] == 0


@given(SEEDS)
def test_one_vehicle_answers_as_it_does_in_its_fleet(seed: int) -> None:
    random = np.random.default_rng(seed)
    run = RUN
    fleet = run.schemes["vehicles"].fleet
    fleet.population["energy_kwh"][:] = random.uniform(0, 1, len(fleet)) * 40
    parked = fleet.parked_in(0)
    for price in random.uniform(-20, 90, 3).tolist():
        together = parked.respond(price)
        for k in random.integers(0, len(parked), 3).tolist():
            assert fleet[int(parked.rows[k])].respond(price) == together[k]


RUN = simulation()
