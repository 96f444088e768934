from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.agents import row_agent
from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.agents.fleet import Fleet
from hmesh.environment.battery import charged
from hmesh.environment.charging_curve import ChargingCurves
from hmesh.environment.population import Population
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.games import SEEDS


class World(SimpleNamespace):
    """As much of a world as vehicles look at; agents are made on access in it."""


CURVES = ChargingCurves.of(
    [[(0.0, 1.0), (0.7, 1.0), (1.0, 0.2)], [(0.1, 0.5), (0.4, 1.0), (0.9, 0.0)]]
)


def fleet_of(seed: int, size: int, step_h: float, *, alike: bool, groups: bool = False) -> Fleet:
    """Return vehicles of every kind: full, empty, overdrawn, on the road and cut off.

    With groups they also have charging curves, powers of their own for discharging, and some want
    energy by their departure.
    """
    random = np.random.default_rng(seed)
    population = Population(ElectricVehicle.attributes(), size)
    shape = () if alike else size
    capacity = random.uniform(20, 100, shape)
    population.set("capacity_kwh", capacity)
    population.set("power_kw", random.choice([0.0, 3.7, 7.0, 50.0], shape))
    population.set("soc_min", random.choice([0.0, 0.2], shape))
    population.set("soc_max", random.choice([0.9, 1.0], shape))
    population.set("charge_efficiency", random.choice([1.0, 0.91], shape))
    population.set("discharge_efficiency", random.choice([1.0, 0.93], shape))
    population.set("consumption_kwh_per_km", random.uniform(0.1, 0.3, shape))
    population.set("lam", random.uniform(50, 70, shape))
    population.set("theta", random.uniform(0.5, 4, shape))
    population.set("energy_kwh", random.choice([0.0, 0.1, 0.37, 0.9, 1.0], size) * capacity)
    population.set("community", random.integers(-1, 3, size).astype(np.int16))
    population.set("reserve_kwh", random.choice([0.0, 4.8], size))
    population.set("driven_km", random.choice([0.0, 3.0, 400.0], size))
    population.set("cut_off", random.random(size) < 0.1)
    if groups:
        population.set("v2g_kw", random.choice([0.0, 3.7, 11.0], shape))
        population.set("charging_curve", random.integers(-1, 2, shape).astype(np.int16))
        population.set("wanted_kwh", random.uniform(0.0, 0.7, shape) * capacity)
        population.set("miss_weight", random.choice([0.0, 15.0, 400.0], shape))
    # What is the same for all is known to be so only once it cannot change.
    shared = population.fork()
    model = World(calendar=SimpleNamespace(step_h=step_h))
    curves = CURVES if groups else None
    return Fleet(model, shared, keeps_reserve=True, outages=True, curves=curves, departures=groups)


@given(SEEDS, st.integers(1, 40), st.sampled_from([0.25, 1.0, 1 / 3]), st.booleans(), st.booleans())
def test_one_vehicle_has_the_bits_of_the_fleet(
    seed: int, size: int, step_h: float, alike: bool, groups: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_agent, "MOST_OBJECTS", 0)
        fleet = fleet_of(seed, size, step_h, alike=alike, groups=groups)
    prices = np.random.default_rng(seed).uniform(-20, 90, 5)
    seen = 0
    for community in range(3):
        parked = fleet.parked_in(community)
        seen += len(parked)
        answers = np.array([parked.respond(float(price)) for price in prices]).reshape(5, -1)
        after = fleet.population["energy_kwh"].copy()
        if len(parked):
            parked.move(answers[0])
        moved = fleet.population["energy_kwh"].copy()
        fleet.population["energy_kwh"][:] = after
        for k, row in enumerate(parked.rows.tolist()):
            vehicle = fleet[row]
            bounds = vehicle.exchange_bounds()
            assert bounds == (parked.lower_kwh[k], parked.upper_kwh[k])
            alone = np.array([vehicle.respond(float(price)) for price in prices])
            assert alone.tobytes() == answers[:, k].tobytes()
            left = charged(
                vehicle.energy_kwh,
                float(alone[0]),
                vehicle.charge_efficiency,
                vehicle.discharge_efficiency,
            )
            assert np.float64(left).tobytes() == moved[row].tobytes()
            assert -1e-9 <= left <= vehicle.capacity_kwh * (1 + 1e-12)
    for row in np.flatnonzero(~fleet.plugged).tolist():
        seen += 1
        assert fleet[row].exchange_bounds() == (0.0, 0.0)
        assert fleet[row].respond(30.0) == 0.0
    assert seen == size


@given(SEEDS, st.integers(1, 40))
def test_driving_takes_what_the_battery_holds_and_shows_what_it_lacks(seed: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_agent, "MOST_OBJECTS", 0)
        fleet = fleet_of(seed, size, 1.0, alike=False)
    rows = np.arange(size)
    left, lacking = fleet.driven(rows, np.zeros(size))
    for vehicle in fleet:
        wanted = vehicle.driven_km * vehicle.consumption_kwh_per_km
        used = min(wanted, vehicle.energy_kwh)
        assert left[vehicle.row] == vehicle.energy_kwh - used
        assert lacking[vehicle.row] == wanted - used
    assert np.all(lacking >= 0)


class Stubborn(ElectricVehicle):
    """Charges 1 kWh whatever it costs, or as much as it can."""

    def respond(self, price: float) -> float:
        return min(1.0, self.exchange_bounds()[1])


class Moody(ElectricVehicle):
    """Buys by steps, and more than before at some more expensive prices."""

    def respond(self, price: float) -> float:
        lower, upper = self.exchange_bounds()
        return upper if int(price / 7) % 2 else max(lower, -1.0)


class Ordinary(ElectricVehicle):
    """Decides alone, and as everybody."""


class Greedy(ElectricVehicle):
    """Wants more than fits."""

    def respond(self, price: float) -> float:
        return self.exchange_bounds()[1] + 0.5


ROWS = [3, 30, 31, 500, 998]
# Half of the vehicle study, so that prices stay between their bounds.
HALF = (
    "vehicles.count=1000",
    "communities.homes.members.0.count=500",
    "communities.malls.members.0.annual_kwh=3.6e6",
    "communities.offices.members.0.annual_kwh=1.5e6",
    "generation_cost.quadratic=1e-3",
)


def simulated(will: type[ElectricVehicle], solver: str = "negotiate") -> list[dict[str, Any]]:
    """Return what happens in a day of 1,000 vehicles, of which five decide alone."""
    watched = [*ROWS, 0, 17, 999]
    steps: list[dict[str, Any]] = []

    def record(simulation: Simulation) -> None:
        vehicles = simulation.schemes["vehicles"]
        fleet, prices = vehicles.fleet.population, simulation.market.decision.community_price
        asked = [float(prices[max(int(fleet["community"][row]), 0)]) for row in watched]
        steps.append(
            {
                "exchange": simulation.schemes["vehicles"].exchange_kwh(),
                "utility_price": simulation.market.decision.utility_price,
                "community": fleet["community"].copy(),
                "energy": fleet["energy_kwh"].copy(),
                "driven": fleet["driven_km"] * fleet["consumption_kwh_per_km"],
                "unexplained": simulation.market.decision.counts.get("unexplained_vehicles", 0),
                "passive": simulation.meters.passive_kwh,
                "net": simulation.net_kwh,
            }
        )
        answers = [
            vehicles.fleet[row].respond(price) for row, price in zip(watched, asked, strict=True)
        ]
        assert steps[-1]["exchange"][watched].tolist() == answers

    scenario = load_scenario("three-communities", [*HALF, f"game.solver={solver}"])
    simulation = Simulation(make_setting(scenario), "three_level", record)
    simulation.schemes["vehicles"].fleet.replace(ROWS, will)
    for _ in range(24):
        simulation.step()
    assert simulation.ledger.imbalance() == 0.0
    assert simulation.totals.counts["unmet_trips"] == 0
    for before, after in pairwise(steps):
        balance = before["energy"] + before["exchange"] - before["driven"]
        np.testing.assert_allclose(after["energy"], balance, rtol=0, atol=1e-9)
    for step in steps:
        vehicles = [step["exchange"][step["community"] == m].sum() for m in range(3)]
        np.testing.assert_allclose(step["net"], step["passive"] + vehicles, rtol=1e-9)
    return steps


@pytest.mark.parametrize("solver", ["negotiate", "exact"])
def test_a_few_keep_their_will_among_a_thousand(solver: str) -> None:
    for step in simulated(Stubborn, solver):
        parked = step["community"][ROWS] >= 0
        room = np.maximum(0.9 * 40 - step["energy"][ROWS], 0.0)
        wanted = np.where(parked, np.minimum(1.0, room), 0.0)
        np.testing.assert_allclose(step["exchange"][ROWS], wanted, rtol=0, atol=1e-12)
        assert step["unexplained"] == 0  # a load that never changes explains itself


def test_whom_no_line_explains_is_supplied_all_the_same() -> None:
    odd, usual = simulated(Moody), simulated(Ordinary)
    assert max(step["unexplained"] for step in odd) >= 3
    # Five odd ones among a thousand move the prices, but not far.
    for step, other in zip(odd, usual, strict=True):
        assert step["utility_price"] == pytest.approx(other["utility_price"], abs=1.0)


def test_whoever_decides_alone_as_all_do_changes_nothing() -> None:
    alone, together = simulated(Ordinary), simulated(ElectricVehicle)
    for step, other in zip(alone, together, strict=True):
        assert step["exchange"].tobytes() == other["exchange"].tobytes()
        assert step["utility_price"] == other["utility_price"]


def test_an_answer_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Greedy 3 answers .* outside its bounds from .* to"):
        simulated(Greedy)
    nothing = type("Nothing", (ElectricVehicle,), {"respond": lambda self, price: float("nan")})
    with pytest.raises(ValueError, match="Nothing 3 answers nan"):
        simulated(nothing)
