"""What agents do in single steps, worked out by hand."""

from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmesh.agents.agent_selection import AgentSelection
from hmesh.agents.battery_coordinator import BatteryCoordinator, SharingRules
from hmesh.agents.building_battery import BatteryBank, BuildingBattery
from hmesh.agents.community_storage import CommunityStorage
from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.agents.fleet import Fleet
from hmesh.agents.fleet_learning import let_learn
from hmesh.agents.house_devices import RooftopPhotovoltaics
from hmesh.agents.house_storages import carried_out, device_state, planned_step
from hmesh.agents.remaining_stores import answer_beside, remainder_of
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


def test_batteries_of_a_community_know_the_supply_of_their_own_rows() -> None:
    whole = bank_of(World(), 6)
    whole["energy_kwh"][:] = 0.9 * whole["capacity_kwh"]
    whole["share"][:] = 1.0
    part = np.array([1.0, 0.5, 0.25, 0.75, 0.125, 1.0])
    whole.population.heard["supplied_part"] = part
    bank = BatteryBank(whole.group, slice(2, 5))
    bank.hear_prices(prices(True))
    rated = whole.population["power_kw"][2:5] * part[2:5]
    assert bank.answer(1e6, False, True) == pytest.approx(-rated, rel=1e-12)


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


@pytest.mark.parametrize("most", [0, 2])
def test_a_storage_that_serves_nobody_only_charges_what_its_plant_generates(most: int) -> None:
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
            self.grid_charging, self._most = False, np.array([most])
            self._seen = nobody, nobody, np.array([True])
            self._reported, self._ruled_kwh = (nobody, nobody), None

    Lonely().step_of(0)
    assert population["energy_kwh"].tolist() == [4.0 + 0.5 * 2.0]


def selection_of_five() -> tuple[AgentSelection, list[Any]]:
    """Return two groups, of whose second one agent is of a class of its own, and their agents."""

    class Other(BuildingBattery):
        """A battery of another class."""

    model, groups = World(), list[Any]()
    for capacities in ([3.0, 1.0], [2.0, 1.0, 5.0]):
        population = Population(BuildingBattery.attributes(), len(capacities))
        population.set("capacity_kwh", capacities)
        groups.append(AgentGroup(model, BuildingBattery, population))
    groups[1].replace([1], Other)
    part, rows = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 2])
    found = AgentSelection(groups, part, rows, Random(1))
    return found, [Other, groups]


def test_agents_of_two_groups_are_selected_sorted_and_counted_as_one() -> None:
    found, (other, groups) = selection_of_five()
    capacities = [3.0, 1.0, 2.0, 1.0, 5.0]
    assert found.get("capacity_kwh").tolist() == capacities
    assert [agent.capacity_kwh for agent in found] == capacities
    assert [agent.capacity_kwh for agent in found[1:4]] == capacities[1:4]
    assert found[-1].capacity_kwh == 5.0
    assert found.get("row").tolist() == [0, 1, 0, 1, 2]
    assert found.get(["capacity_kwh", "power_kw"])[2] == [2.0, groups[1][0].power_kw]
    large = found.select(lambda agent: agent.capacity_kwh > 1.5)
    assert large.get("capacity_kwh").tolist() == [3.0, 2.0, 5.0]
    assert found.select(at_most=2).get("capacity_kwh").tolist() == [3.0, 1.0]
    assert found.select(at_most=0.5).get("capacity_kwh").tolist() == [3.0, 1.0]
    assert len(found.select(at_most=1.0)) == 5
    assert len(found.select(at_most=1)) == 1
    assert found.select(agent_type=other).rows.tolist() == [1]
    assert len(found.select(agent_type=BuildingBattery)) == 5
    where = np.array([False, True, True, True, False])
    assert found.select(where=where, agent_type=other).part.tolist() == [1]
    assert found.select(where=where).get("capacity_kwh").tolist() == [1.0, 2.0, 1.0]
    falling, rising = found.sort("capacity_kwh"), found.sort("capacity_kwh", ascending=True)
    # Equal ones stay in their order, whichever way.
    assert list(zip(falling.part, falling.rows, strict=True)) == [
        (1, 2), (0, 0), (1, 0), (0, 1), (1, 1)
    ]  # fmt: skip
    assert list(zip(rising.part, rising.rows, strict=True)) == [
        (0, 1), (1, 1), (1, 0), (0, 0), (1, 2)
    ]  # fmt: skip
    by_size = found.sort(lambda agent: -agent.capacity_kwh, ascending=True)
    assert by_size.get("capacity_kwh").tolist() == [5.0, 3.0, 2.0, 1.0, 1.0]
    sizes = found.groupby("capacity_kwh")
    assert [(key, len(held)) for key, held in sizes] == [(3.0, 1), (1.0, 2), (2.0, 1), (5.0, 1)]
    assert found.agg("capacity_kwh", max) == 5.0
    assert found.agg("capacity_kwh", [min, sum]) == [1.0, 12.0]
    assert groups[1][2] in found
    assert groups[1][2] not in large.select(at_most=2)
    assert "a text" not in found
    shuffled = found.shuffle()
    assert sorted(shuffled.get("capacity_kwh").tolist()) == sorted(capacities)
    assert found.get("capacity_kwh").tolist() == capacities
    found.set("power_kw", np.arange(5.0))
    assert [group.population["power_kw"].tolist() for group in groups] == [
        [0.0, 1.0], [2.0, 3.0, 4.0]
    ]  # fmt: skip
    assert found.map(lambda agent, factor: agent.power_kw * factor, 2.0) == [0, 2, 4, 6, 8]
    assert found.select(where=where, inplace=True) is found
    assert found.get("power_kw").tolist() == [1.0, 2.0, 3.0]
    assert found.sort("power_kw", inplace=True) is found
    assert found.get("power_kw").tolist() == [3.0, 2.0, 1.0]


def test_agents_of_exactly_a_type_are_found_in_all_groups() -> None:
    _, (other, groups) = selection_of_five()
    plain = AgentSelection.of_type(groups, BuildingBattery, Random(1))
    assert plain.get("capacity_kwh").tolist() == [3.0, 1.0, 2.0, 5.0]
    own = AgentSelection.of_type(groups, other, Random(1))
    assert (own.groups, own.part.tolist(), own.rows.tolist()) == ([groups[1]], [0], [1])
    nobody = AgentSelection.of_type(groups, ElectricVehicle, Random(1))
    assert (len(nobody), nobody.groups) == (0, [])


@pytest.mark.parametrize("plugged_in", [None, 7.0])
def test_a_store_answers_alone_as_all_stores_do_beside_their_rule(plugged_in: Any) -> None:
    """Of four one did not hear the price; what they do by their rule leaves less room and power."""
    population = Population(CommunityStorage.attributes(), 4)
    for name, values in {
        "capacity_kwh": [10.0, 10.0, 20.0, 10.0], "energy_kwh": [5.0, 9.0, 6.0, 5.0],
        "soc_min": 0.1, "soc_max": 0.95, "charge_efficiency": 0.9, "discharge_efficiency": 0.8,
        "power_kw": 4.0, "lam": [60.0, 20.0, 50.0, 60.0], "theta": 2.0,
    }.items():  # fmt: skip
        population.set(name, values)
    price = 30.0
    population.heard |= {
        "price": np.array([price, price, price, np.nan]),
        "spare_kwh": np.array([4.0, 1.5, 5.0, 4.0]), "room_kwh": np.array([0.5, 0.5, 6.0, 4.5]),
    }  # fmt: skip
    done, bounds = np.array([1.0, -0.5, 0.0, 1.0]), (np.full(4, -4.0), np.full(4, 4.0))
    held = None if plugged_in is None else np.full(4, plugged_in)
    rest = remainder_of(population, done, bounds, held)
    stores = AgentGroup(World(), CommunityStorage, population)
    assert answer_beside(stores[3], 1.0, (-4.0, 4.0), plugged_in) == 0.0
    for row in range(3):
        each = (float(done[row]), (-4.0, 4.0), plugged_in)
        answer = answer_beside(stores[row], *each)
        assert rest.lower_kwh[row] <= answer <= rest.upper_kwh[row]
        # By hand: the energy at which a kWh is worth the price, with what is lost on the way.
        before = float(population["energy_kwh"][row]) if plugged_in is None else plugged_in
        before += done[row] * 0.9 if done[row] > 0 else done[row] / 0.8
        usable = before - 0.1 * population["capacity_kwh"][row]
        assert rest.usable_kwh[row] == pytest.approx(usable, rel=1e-12)
        lam = population["lam"][row]
        into, out_of = (lam - price / 0.9) / 2.0 - usable, (lam - price * 0.8) / 2.0 - usable
        due = into / 0.9 if into > 0.0 else out_of * 0.8 if out_of < 0.0 else 0.0
        due = float(np.clip(due, rest.lower_kwh[row], rest.upper_kwh[row]))
        assert answer == pytest.approx(due, rel=1e-9, abs=1e-12)


def test_vehicles_that_revise_one_by_one_are_those_of_their_class() -> None:
    class Own(ElectricVehicle):
        """A vehicle that looks around by itself."""

        def revise(self) -> None:
            """Note that it did."""

    class Few(dict[int, Any]):
        classes = (ElectricVehicle, Own)

        def rows_of(self, kind: Any) -> Any:
            return np.array({Own: [1, 3], ElectricVehicle: [0, 2]}.get(kind, [0, 1, 2, 3]))

    revised = list[int]()
    fleet: Any = Few(
        {row: SimpleNamespace(revise=lambda row=row: revised.append(row)) for row in range(4)}
    )
    let_learn(fleet, [], np.zeros(0), [], 0.0)
    assert revised == [1, 3]
