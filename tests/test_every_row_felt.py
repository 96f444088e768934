"""In a city in which everybody answers to prices, all of them feel what changes for one.

A row of `ROWS` is a kind of agents with an answer; a change of `CHANGES` must move the energies of
every row, in a city in which all answers are on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml

from hmesh.agents.consumer import Building, Household
from hmesh.environment.arrays import FloatArray
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_files import BUILT_IN
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.elastic_loads import ELASTIC_LOADS
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

PLACES = ("homes", "malls", "offices", "district", "street", "suburb")
PROSUMERS = "communities.suburb.members.1"
OWNS = yaml.safe_load((BUILT_IN / "one-city.yaml").read_text(encoding="utf-8"))["communities"][
    "suburb"
]["members"][1]["owns"]
WITHOUT_VEHICLES = {f"{PROSUMERS}.owns": {k: v for k, v in OWNS.items() if k != "vehicle"}}
# A small city of one afternoon, evening and night, in which everybody answers as in the large one.
CITY: dict[str, Any] = {
    "strategies": ["everybody_shares"],
    "start": "2023-01-16T15:00",
    "hours": 10,
    "game.solver": "exact",
    "vehicles.count": 60,
    "communities.homes.members.0.count": 60,
    "communities.malls.members.0.annual_kwh": 4e5,
    "communities.offices.members.0.annual_kwh": 3e5,
    "communities.district.members.0.businesses": 4,
    "communities.district.members.0.peak_kw": 300,
    "communities.suburb.members.0.count": 6,
    f"{PROSUMERS}.count": 8,
    "smart_homes.groups.0.count": 3,
    "composite_storage.groups.0.count": 2,
    "battery_sharing.capacity_kwh": 200,
    "school_buses.groups.0.schools": 1,
}
SECTIONS = (
    "smart_homes",
    "composite_storage",
    "battery_sharing",
    "community_storage",
    "school_buses",
)
OFF: dict[str, Any] = {
    **{
        f"communities.{name}.members.{n}.elasticity": None
        for name, n in (*((name, 0) for name in PLACES), ("street", 1), ("suburb", 1))
    },
    # Houses of prosumers pay the price of their community.
    f"{PROSUMERS}.owns": {},
    **{f"{name}.price_response": None for name in SECTIONS},
    "community_storage.grid_charging": False,
    "composite_storage.tariff": {"feed_in": 8.5},
}
CHANGES: dict[str, dict[str, Any]] = {
    "prices tripled": {"prices.utility": [0, 108], "prices.aggregator": [0, 135]},
    "generation ten times more expensive": {
        "generation_cost.quadratic": 1.0e-2, "generation_cost.linear": 101.4
    },
    "feeders of 50 kW": {
        **{f"communities.{name}.feeder.rating_kw": 50 for name in PLACES},
    },
    "no vehicles": {"vehicles.count": 0, **WITHOUT_VEHICLES},
}  # fmt: skip


def of_members(kind: type) -> Callable[[Simulation], FloatArray]:
    """Return what reads the loads of households or of buildings."""
    return lambda city: city.consumers[kind].population["load_kwh"].copy()


def of_homes(city: Simulation) -> FloatArray:
    """Return what storages of smart homes hold."""
    groups = city.schemes["smart_homes"].groups  # type: ignore[attr-defined]
    return np.concatenate([group.energy_kwh.ravel() for group in groups])


def of_houses(storages: str, column: str) -> Callable[[Simulation], FloatArray]:
    """Return what reads what batteries or tanks of houses hold."""

    def read(city: Simulation) -> FloatArray:
        columns = city.schemes["composite_storage"].houses.columns  # type: ignore[attr-defined]
        held: FloatArray = getattr(columns, storages)[column].copy()
        return held

    return read


def of_stores(scheme: str) -> Callable[[Simulation], FloatArray]:
    """Return what reads what the stores of a scheme exchange at prices."""

    def read(city: Simulation) -> FloatArray:
        answers = city.schemes[scheme].answers  # type: ignore[attr-defined]
        if answers is None:
            return np.ones(1)
        exchange: FloatArray = answers.exchange_kwh.copy()
        return exchange

    return read


def of_prosumers(city: Simulation) -> FloatArray:
    """Return what passes the connections of prosumers, their vehicles aside."""
    assert city.prosumers is not None
    parts = city.prosumers.parts.items()
    drawn: FloatArray = np.sum(
        [columns["home_kwh"] for kind, columns in parts if kind != "vehicles"], axis=0
    )
    return drawn


# What the agents of each kind exchange or hold in a step, of one shape in all cities.
ROWS: dict[str, Callable[[Simulation], FloatArray]] = {
    "households": of_members(Household),
    "buildings": of_members(Building),
    "smart homes": of_homes,
    "batteries of houses": of_houses("batteries", "energy_kwh"),
    "tanks of houses": of_houses("tanks", "heat_kwh"),
    "batteries of buildings": of_stores("battery_sharing"),
    "storage of the street": of_stores("community_storage"),
    "school buses": of_stores("school_buses"),
    "prosumers": of_prosumers,
}


def city(**changes: Any) -> Scenario:
    return load_scenario("one-city", CITY | changes)


def energies(scenario: Scenario) -> dict[str, FloatArray]:
    """Return the energies of every row, shape (steps, agents)."""
    found: dict[str, list[FloatArray]] = {name: [] for name in ROWS}

    def look(simulation: Simulation) -> None:
        for name, read in ROWS.items():
            found[name].append(read(simulation))

    simulation = Simulation(make_setting(scenario), "everybody_shares", look)
    for _ in range(scenario.steps):
        simulation.step()
        used = sum(simulation.hour_kwh.values()) - 2.0 * simulation.hour_kwh["school_bus_kwh"]
        np.testing.assert_allclose(simulation.net_kwh, used, rtol=1e-9, atol=1e-9)
    assert simulation.ledger.imbalance() == 0
    return {name: np.array(steps) for name, steps in found.items()}


@pytest.fixture(scope="module")
def as_it_is() -> dict[str, FloatArray]:
    return energies(city())


@pytest.mark.quick_every(2)
@pytest.mark.parametrize("change", CHANGES)
def test_every_row_feels_a_change(change: str, as_it_is: dict[str, FloatArray]) -> None:
    changed = energies(city(**CHANGES[change]))
    for name, before in as_it_is.items():
        moved = np.abs(changed[name] - before).sum() / np.abs(before).sum()
        assert moved > 1e-3, f"{name}: {moved:.1e} of the energy"


def test_no_row_feels_anything_where_no_answer_is_on() -> None:
    quiet = energies(city(**OFF))
    for change in ("prices tripled", "generation ten times more expensive", "no vehicles"):
        changed = energies(city(**OFF | CHANGES[change] | {f"{PROSUMERS}.owns": {}}))
        for name, before in quiet.items():
            np.testing.assert_array_equal(changed[name], before, err_msg=f"{name}: {change}")


def test_all_of_a_community_are_priced_together() -> None:
    simulation = Simulation(make_setting(city()), "everybody_shares")
    simulation.step()
    answering = {ELASTIC_LOADS, *SECTIONS, "vehicles"}
    assert set(simulation.market.answering) == answering
    together = [
        {group.name for group in simulation.market.groups_in(m) if len(group)}
        for m in range(len(PLACES))
    ]
    assert {"consumers", "vehicles", "batteries"} in together
    assert {"consumers", "storages"} in together
