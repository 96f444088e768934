"""Agents that step one by one do what their populations do at once."""

from collections.abc import Callable
from typing import Any

import mesa
import numpy as np
import pytest

from hmesh.agents.consumer import Building, Household
from hmesh.runs import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.audited_runs import FEW

CITY = (
    "hours=48", "vehicles.count=40", "smart_homes.groups.0.count=3",
    "composite_storage.groups.0.count=3", "chance.demand_noise={household: {sigma: 0.3}}",
    "growth.demand_per_year.household=0.1",
    # A manager that steps sets what its house decides before prices are known.
    "composite_storage.price_response=null",
    # All parts of a prosumer share the room behind its connection, which none of them knows alone.
    "communities.suburb.members=[]",
)  # fmt: skip
# The columns that agents of a type change, each as near as it is to what the population does: the
# same bits, where a rule takes each row alone, else within rounding.
BITS, ROUNDING = 0.0, 1e-12


def schemes_of(simulation: Simulation) -> dict[str, Any]:
    return dict(simulation.schemes)


def consumers(kind: Any) -> Callable[[Simulation], Any]:
    return lambda simulation: simulation.consumers[kind]


def houses(name: str) -> Callable[[Simulation], Any]:
    return lambda simulation: getattr(schemes_of(simulation)["composite_storage"].houses, name)


def homes(simulation: Simulation) -> Any:
    return schemes_of(simulation)["smart_homes"].groups[0]


# In the order of the hour: a type, where its agents are, what they change, and how near.
TYPES: dict[str, tuple[Callable[[Simulation], Any], tuple[str, ...], float]] = {
    "households": (consumers(Household), ("load_kwh",), BITS),
    "buildings": (consumers(Building), ("load_kwh",), BITS),
    "generators": (lambda s: homes(s).generators[0], ("delivered_kwh",), BITS),
    "appliances": (lambda s: homes(s).appliances[0], ("committed_kwh",), BITS),
    "home controllers": (homes, (), BITS),
    "storages of homes": (lambda s: homes(s).storages, ("energy_kwh",), ROUNDING),
    "storage households": (houses("households"), ("load_kwh", "heat_kwh"), BITS),
    "photovoltaics": (houses("photovoltaics"), ("generation_kwh",), BITS),
    "home energy managers": (
        houses("managers"),
        ("lack_kwh", "surplus_kwh", "lack_heat_kwh", "surplus_heat_kwh"),
        BITS,
    ),
    "house batteries": (houses("batteries"), ("energy_kwh",), BITS),
    "thermal tanks": (houses("tanks"), ("heat_kwh",), BITS),
    "heat pumps": (houses("heat_pumps"), ("taken_kwh",), ROUNDING),
    "batteries of buildings": (
        lambda s: schemes_of(s)["battery_sharing"].banks[0].group,
        ("energy_kwh",),
        BITS,
    ),
    "served households": (
        lambda s: schemes_of(s)["community_storage"].households,
        ("used_kwh",),
        BITS,
    ),
    "community storages": (
        lambda s: schemes_of(s)["community_storage"].controllers,
        ("energy_kwh",),
        BITS,
    ),
    "schools": (lambda s: schemes_of(s)["school_buses"].district, ("average_price",), BITS),
    "school buses": (
        lambda s: schemes_of(s)["school_buses"].district.buses,
        ("energy_kwh", "owed_kwh"),
        ROUNDING,
    ),
    "vehicles": (lambda s: schemes_of(s)["vehicles"].fleet, ("energy_kwh",), BITS),
}


def quantity(agents: Any, name: str) -> np.ndarray:
    population = agents.population
    if name in population:
        return population[name]
    return population.heard[name] if name in population.heard else getattr(population, name)


def hour_of(simulation: Simulation) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Let an hour go by; return what agents change of themselves before it and after it."""
    before = {
        (name, column): quantity(agents_of(simulation), column).copy()
        for name, (agents_of, columns, _) in TYPES.items()
        for column in columns
    }
    simulation.step()
    return {
        (name, column): (held, quantity(TYPES[name][0](simulation), column).copy())
        for (name, column), held in before.items()
    }


# What is set in every step goes by nothing that was there before.
SET = {
    "households", "buildings", "generators", "appliances", "storage households", "photovoltaics",
    "heat pumps",
}  # fmt: skip


def fork(simulation: Simulation, hour: dict[Any, tuple[np.ndarray, np.ndarray]]) -> None:
    """Put back what agents have changed of themselves in the hour."""
    for (name, column), (before, _) in hour.items():
        now = quantity(TYPES[name][0](simulation), column)
        now[...] = -1.0 if name in SET else before


# Hours in which schools sell, and in which they charge; storages of all kinds charge and give.
HOURS = (9, 18, 25, 32)


@pytest.mark.parametrize("lost", [0.0, 0.3])
def test_agents_one_by_one_do_what_the_population_does(lost: float) -> None:
    simulation = Simulation(
        make_setting(load_scenario("one-city", [*CITY, f"messages.loss_rate={lost}"])),
        "everybody_shares",
    )
    changed = set()
    for step in range(HOURS[-1] + 1):
        hour = hour_of(simulation)
        if step not in HOURS:
            continue
        fork(simulation, hour)
        for agents_of, _, _ in TYPES.values():
            for agent in agents_of(simulation):
                agent.step()
        for (name, column), (before, after) in hour.items():
            near, found = TYPES[name][2], quantity(TYPES[name][0](simulation), column)
            np.testing.assert_allclose(found, after, near, near, err_msg=f"{name}: {column}")
            if before.shape != after.shape or not np.array_equal(before, after):
                changed.add((name, column))
        for controller in homes(simulation):
            settled = schemes_of(simulation)["smart_homes"].of_step[0].flows
            for name in ("charge_kwh", "discharge_kwh", "direct_kwh", "curtailed_kwh"):
                own = getattr(controller.flows, name)[0]
                np.testing.assert_array_equal(own, getattr(settled, name)[controller.home])
    never = {pair for pair in hour if pair not in changed}
    # No house of this city has sun that its tank could take; appliances commit at midnight. With
    # a third of the messages lost most houses leave their batteries idle.
    unused = {("home energy managers", "surplus_heat_kwh"), ("appliances", "committed_kwh")}
    assert lost or never <= unused


def test_leaders_step_as_they_do_in_the_hour() -> None:
    simulation = Simulation(
        make_setting(load_scenario("three-communities", [*FEW, "hours=12"])), "three_level"
    )
    for _ in range(9):
        simulation.step()
        decided = simulation.market.decision
        simulation.step_index -= 1
        simulation.bus.begin_step(simulation.step_index)
        for aggregator in simulation.aggregators:
            aggregator.step()
        simulation.utility.step()
        assert simulation.utility.price == decided.utility_price
        for m, aggregator in enumerate(simulation.aggregators):
            aggregator.step()
            assert aggregator.price == decided.community_price[m]
            exchange = {
                name: each[m] for name, each in decided.exchange_kwh.items() if len(each[m])
            }
            np.testing.assert_equal(aggregator.exchange_kwh, exchange)
        simulation.step_index += 1


@pytest.mark.parametrize("strategy", ["shared_battery", "priced_battery"])
def test_a_coordinator_steps_as_it_does_in_the_hour(strategy: str) -> None:
    changes = [
        "hours=24", "start='2014-01-13T00:00'", "communities.district.members.0.businesses=8",
        "battery_sharing.spread=equal",
    ]  # fmt: skip
    simulation = Simulation(make_setting(load_scenario("battery-sharing", changes)), strategy)
    sharing = schemes_of(simulation)["battery_sharing"]
    ordered = 0
    for step in range(18):
        simulation.step()
        (coordinator,) = sharing.coordinators
        due, prices = coordinator.schedule_kwh, sharing.batteries["peak_kwh"].copy()
        orders = coordinator.orders
        coordinator.schedule_kwh = coordinator.orders = None
        simulation.step_index -= 1
        simulation.bus.begin_step(step)
        coordinator.step()
        simulation.step_index += 1
        np.testing.assert_array_equal(sharing.batteries["peak_kwh"], prices)
        if step == 0 and strategy == "shared_battery":
            np.testing.assert_array_equal(coordinator.schedule_kwh, due)
        coordinator.schedule_kwh = due
        for name in ("giver", "taker", "sent_kwh", "received_kwh"):
            np.testing.assert_array_equal(getattr(coordinator.orders, name), getattr(orders, name))
        ordered += len(orders.giver)
    assert ordered


def test_the_model_holds_every_agent() -> None:
    simulation = Simulation(
        make_setting(load_scenario("one-city", [*CITY[:1], *CITY[1:4]])), "everybody_shares"
    )
    held = {type(agent).__name__ for agent in simulation.agents}
    assert held >= {
        "Household", "Building", "ElectricVehicle", "CommunityEnergyAggregator", "UtilityCompany",
        "HomeController", "HomeStorage", "Photovoltaics", "AirConditioner", "StorageHousehold",
        "HomeEnergyManager", "HouseBattery", "ThermalTank", "HeatPump", "BuildingBattery",
        "BatteryCoordinator", "CommunityStorage", "ServedHousehold", "School", "ElectricSchoolBus",
    }  # fmt: skip
    assert all(type(agent).step is not mesa.Agent.step for agent in simulation.agents)
