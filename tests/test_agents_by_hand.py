"""What agents do in single steps, worked out by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmesh.agents.battery_coordinator import BatteryCoordinator, SharingRules
from hmesh.agents.community_storage import CommunityStorage
from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.agents.fleet import Fleet
from hmesh.agents.house_devices import RooftopPhotovoltaics
from hmesh.agents.house_storages import carried_out, device_state, planned_step
from hmesh.agents.row_agent import AgentGroup, Column, RowAgent
from hmesh.agents.storage_controllers import StorageControllers
from hmesh.agents.threshold_vehicles import ImitatingVehicle, RegretVehicle
from hmesh.environment.population import Population
from hmesh.markets.load_levelling import Equipment, level_load
from tests.storage_houses import CASES, tariff
from tests.test_building_battery import WINDOWS, World, bank_of, loads_of, prices
from tests.test_home_energy_rules import houses_of
from tests.test_school_agents import Desk


def test_devices_that_hear_something_else_do_it_as_far_as_they_can() -> None:
    """Of three houses one heard what was decided, one hears too much, one hears nothing."""
    houses = houses_of([CASES["hybrid_storage"]] * 3, tariff(1, 10.0))
    houses.begin_step(np.full(3, 0.4), np.full(3, 1.2), np.full(3, 0.1))
    columns = houses.columns
    state = device_state(columns, 1.0)
    idle = planned_step(columns, state, np.zeros(3), np.zeros(3), np.ones(3, dtype=np.bool_))
    orders = (idle.battery_kwh.copy(), idle.tank_kwh.copy(), idle.heat_pump_kwh.copy())
    orders[0][1], orders[1][1], orders[2][1] = 99.0, 99.0, 0.5
    done = carried_out(columns, 1.0, idle, orders, np.array([True, True, False]))
    for house in (0, 2):
        assert done.battery_kwh[house] == idle.battery_kwh[house] == 0.0
        assert done.heat_pump_kwh[house] == idle.heat_pump_kwh[house]
    battery, tank = float(state.battery_high_kwh[1]), float(state.tank_high_kwh[1])
    assert (done.battery_kwh[1], done.tank_kwh[1]) == (battery, tank)
    assert 0 < battery < 99
    assert 0 < tank < 99
    assert done.heat_pump_kwh[1] == 0.5
    # What the heat pump does not make of the need and the charge of the tank is unmet.
    assert done.unmet_heat_kwh[1] == pytest.approx(1.2 + tank - 0.5 * float(state.cop[1]))
    assert done.import_kwh[1] == pytest.approx(0.4 + 0.5 + battery - 0.1)
    orders[2][1] = 99.0
    most = carried_out(columns, 1.0, idle, orders, np.ones(3, dtype=np.bool_))
    made = min(float(state.pump_kwh[1]), (1.2 + tank) / float(state.cop[1]))
    assert most.heat_pump_kwh[1] == pytest.approx(made)


def test_a_battery_answers_with_the_power_of_the_part_of_a_step_that_is_supplied() -> None:
    bank = bank_of(World(), 6)
    bank["energy_kwh"][:] = 0.9 * bank["capacity_kwh"]
    bank["share"][:] = 1.0
    bank.hear_prices(prices(True))
    whole = bank.answer(1e6, False, True)
    bank.population.heard["supplied_part"] = np.full(6, 0.25)
    np.testing.assert_allclose(bank.answer(1e6, False, True), 0.25 * whole)
    assert (whole[1:] < 0).all()


def test_a_schedule_is_dealt_to_the_batteries_that_were_heard() -> None:
    world = World()
    bank, loads = bank_of(world, 8), loads_of(8)
    bank["energy_kwh"][:] = 0.1 * bank["capacity_kwh"]
    rules = SharingRules(Equipment(), "full", False, 0.08)
    coordinator = BatteryCoordinator(world, "district", bank, rules)
    heard = np.arange(8) % 3 > 0
    listen = coordinator._hear_buildings

    def partly(step: int, forecast_kwh: np.ndarray) -> Any:
        forecast, state = listen(step, forecast_kwh)
        return SimpleNamespace(message=forecast.message, rows=heard), state

    coordinator._hear_buildings = partly  # type: ignore[method-assign]
    schedule = coordinator.send_schedule(0, loads, WINDOWS)
    capacity = bank["capacity_kwh"][heard]
    load = loads[heard].sum(axis=0) * 8 / heard.sum()
    whole = level_load(load, float(capacity.sum()), rules.equipment, WINDOWS, rules.cycle)
    assert not schedule[~heard].any()
    due = (capacity / capacity.sum())[:, None] * whole.exchange_kwh[0]
    np.testing.assert_allclose(schedule[heard], due, atol=1e-9)


def test_an_order_that_was_not_negotiated_belongs_to_its_step() -> None:
    desk = Desk(1, [3, 2], keep="all")
    desk.desk.order(7, 2.0, np.array([1.0, 0.0]))
    log = desk.bus.drain_log()
    assert set(log["kind"]) >= {"ExchangeOrder"}
    assert set(log["step"]) == {7}


def test_columns_of_arrays_have_their_width() -> None:
    class Ranked(RowAgent):
        ranks = Column(np.float64, "-", 0.0, "how it ranks the others", width=4)

    population = Population(Ranked.attributes(), 3)
    assert population["ranks"].shape == (3, 4)


@pytest.mark.parametrize(("kind", "width"), [("external", 3), ("conditional", 9)])
def test_a_vehicle_remembers_a_regret_of_each_threshold_or_of_each_after_each(
    kind: str, width: int
) -> None:
    class Regrets(RegretVehicle):
        given = SimpleNamespace(thresholds=(1.0, 2.0, 3.0), regret=kind)

    assert Regrets.widths() == {"regret": width}


def test_vehicles_that_know_their_community_ask_those_who_live_there() -> None:
    class Copies(ImitatingVehicle):
        given = SimpleNamespace(network=SimpleNamespace(kind="community"))

    class Rows(SimpleNamespace):
        def __len__(self) -> int:
            return 4

    stream = SimpleNamespace(generator=lambda *_: np.random.default_rng(1))
    model = SimpleNamespace(streams=stream)
    Copies.begin_rows(Rows(model=model, community=np.array([0, 1, 0, 1])))  # type: ignore[arg-type]
    # Of two in each community the other one, whatever is drawn.
    draws = np.array([[0.0, 0.9]] * 4)
    assert Copies.peers_of(np.arange(4), draws).tolist() == [[2, 2], [3, 3], [0, 0], [1, 1]]


def test_what_vehicles_work_out_is_kept_apart_by_class_and_name() -> None:
    class Other(ElectricVehicle):
        """A vehicle of another class."""

    class OfTwo(Fleet):
        def __init__(self) -> None:
            self._worked_out = {}

        def __len__(self) -> int:
            return 2

    fleet = OfTwo()
    mine = fleet.worked_out(ElectricVehicle, "price")
    mine[:] = 1.0
    assert fleet.worked_out(ElectricVehicle, "price") is mine
    assert np.isnan(fleet.worked_out(Other, "price")).all()
    assert np.isnan(fleet.worked_out(ElectricVehicle, "energy")).all()


def test_modules_without_supply_deliver_nothing() -> None:
    population = Population(RooftopPhotovoltaics.attributes(), 2)
    population.set("scale", [2.0, 2.0])
    population.heard |= {"there": np.array([True, False]), "sources_kwh": np.array([1.5])}
    for module in AgentGroup(World(), RooftopPhotovoltaics, population):
        module.step()
    assert population["generation_kwh"].tolist() == [3.0, 0.0]


def test_a_battery_without_supply_exchanges_nothing() -> None:
    bank = bank_of(World(), 3)
    bank["share"][:] = 1.0
    bank.hear_prices(prices(True))
    bank.population.heard["supplied_part"] = np.zeros(3)
    assert bank.answer(1e6, False, True).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("finished", "charges"), [(True, True), (False, False)])
def test_a_vehicle_without_a_price_charges_once_its_night_has_begun(
    finished: bool, charges: bool
) -> None:
    population = Population(ElectricVehicle.attributes(), 1)
    population.set("way_kwh", -1.0)
    population.set("day_finished", finished)
    population.heard |= {"unpriced": True}

    class Bounded(ElectricVehicle):
        def exchange_bounds(self) -> tuple[float, float]:
            return -2.0, 3.0

    (vehicle,) = AgentGroup(World(), Bounded, population)
    assert vehicle._exchange() == (3.0 if charges else 0.0)
    population.set("way_kwh", 1.5)
    assert vehicle._exchange() == 1.5


def test_a_storage_that_serves_nobody_only_charges_what_its_plant_generates() -> None:
    population = Population(CommunityStorage.attributes(), 1)
    for name, value in {
        "capacity_kwh": 10.0, "energy_kwh": 4.0, "power_kw": 5.0, "soc_max": 1.0,
        "charge_efficiency": 0.5, "generation_kwh": 2.0, "charge_above_kw": 1.0, "alpha": 1,
    }.items():  # fmt: skip
        population.set(name, value)
    population.heard["generation_kwh"] = np.array([2.0])
    nobody, world = np.zeros(0), World()
    world.step_h = 1.0

    class Lonely(StorageControllers):
        def __init__(self) -> None:
            AgentGroup.__init__(self, world, CommunityStorage, population)
            self.households = SimpleNamespace(  # type: ignore[assignment]
                of_storage=[np.zeros(0, dtype=np.intp)],
                population=SimpleNamespace(heard={"drawn_kwh": nobody}),
            )
            self.sharing, self.serves_while_charging = "priority", False
            self.grid_charging, self._most = False, np.array([2])
            self._seen = nobody, nobody, np.array([True])
            self._reported, self._ruled_kwh = (nobody, nobody), None

    Lonely().step_of(0)
    assert population["energy_kwh"].tolist() == [4.0 + 0.5 * 2.0]
