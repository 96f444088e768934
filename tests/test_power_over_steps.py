"""Energies of a step are powers times its length, in steps of an hour and of other lengths."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmesh.agents.house_devices import HeatPump
from hmesh.agents.house_storages import device_state
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.population import Population
from hmesh.environment.school_rounds import RoundStep
from hmesh.markets.power_flow_assignment import StepFlows
from tests.smart_homes import study_home, study_window
from tests.storage_houses import CASES, tariff
from tests.test_building_battery import World, bank_of, prices
from tests.test_home_energy_rules import houses_of
from tests.test_school_agents import district_of
from tests.test_smart_homes import agents_of, world

LENGTHS = (0.25, 2.0)


@pytest.mark.parametrize("step_h", LENGTHS)
def test_a_battery_answers_with_its_power(step_h: float) -> None:
    bank = bank_of(World(step_h=step_h), 6)
    bank["capacity_kwh"][1:] = 1e6
    bank["energy_kwh"][:] = 0.5 * bank["capacity_kwh"]
    bank["power_kw"][:] = np.arange(6) * 10.0
    bank["share"][:] = 1.0
    bank.hear_prices(prices(True))
    for load, charging, sign in ((1e7, False, -1.0), (-1e7, True, 1.0)):
        together = bank.answer(load, charging, not charging)
        np.testing.assert_allclose(together, sign * bank["power_kw"] * step_h)
        alone = [agent.answer(load, charging, not charging) for agent in bank.group]
        np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("step_h", LENGTHS)
def test_a_heat_pump_takes_its_power(step_h: float) -> None:
    houses = houses_of([CASES["hybrid_storage"]] * 2, tariff(1, 10.0))
    houses.begin_step(np.full(2, 0.4), np.full(2, 1.2), np.full(2, 0.1))
    columns = houses.columns
    columns.heat_pumps["power_kw"][:] = 3.0
    np.testing.assert_allclose(device_state(columns, step_h).pump_kwh, 3.0 * step_h)
    pumps: Any = Population(HeatPump.attributes(), 2)
    pumps.set("power_kw", 3.0)
    pumps.heard |= {"set_point_kwh": np.array([99.0, 0.5]), "taken_kwh": np.zeros(2)}
    model: Any = World(step_h=step_h)
    model.step_h = step_h
    for pump in AgentGroup(model, HeatPump, pumps):
        pump.step()
    assert pumps.heard["taken_kwh"].tolist() == [3.0 * step_h, min(0.5, 3.0 * step_h)]


@pytest.mark.parametrize("step_h", LENGTHS)
def test_plugs_of_buses_let_their_power_pass(step_h: float) -> None:
    district = district_of(3, [4, 2], step_h=step_h, power_kw=np.arange(6) * 20.0)
    district.begin_step(RoundStep.whole(0.0, 1), np.ones(2, dtype=np.bool_))
    np.testing.assert_allclose(district.limit_kwh(), np.arange(6) * 20.0 * step_h)


@pytest.mark.parametrize("step_h", LENGTHS)
def test_storages_of_homes_exchange_with_the_grid_while_it_is_there(step_h: float) -> None:
    homes, demand = study_home("mpfa_sg", "winter", capacity_kwh=1e6)
    homes.bank.power_kw[:] = [[3.0, 8.0]]
    group = agents_of(homes, demand, study_window(demand), world())
    group.model.step_h = step_h
    group.storages.population["energy_kwh"][:] = 0.5e6
    idle = np.zeros((1, 2))
    flows: StepFlows = SimpleNamespace(  # type: ignore[assignment]
        charge_kwh=idle, discharge_kwh=idle, energy_kwh=np.full((1, 2), 0.5e6)
    )
    _, lower, upper = group.room_left(flows, 0.5)
    np.testing.assert_allclose(upper, [[1.5 * step_h, 4.0 * step_h]])
    np.testing.assert_allclose(lower, -upper)
