"""What single batteries, households, vehicles and houses do in a step, worked out by hand."""

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from hmesh.agents import answering, joining_vehicles, threshold_vehicles
from hmesh.agents.battery_coordinator import BatteryCoordinator
from hmesh.agents.building_battery import BuildingBattery
from hmesh.agents.community_energy_aggregator import CommunityEnergyAggregator
from hmesh.agents.community_storage import ServedHousehold
from hmesh.agents.demand_response import DemandResponse
from hmesh.agents.electric_school_bus import ElectricSchoolBus
from hmesh.agents.electric_vehicle import ElectricVehicle, VehicleRows
from hmesh.agents.fleet import Fleet
from hmesh.agents.home_devices import Appliance, HomeStorage
from hmesh.agents.house_storages import move_storages
from hmesh.agents.joining_vehicles import JoiningVehicle
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.smart_homes import SmartHomes
from hmesh.agents.threshold_vehicles import ImitatingVehicle
from hmesh.agents.utility_company import UtilityCompany
from hmesh.environment.calendar import Calendar
from hmesh.environment.charging_curve import ChargingCurves
from hmesh.environment.home_messages import SlotOffer
from hmesh.environment.population import Population
from hmesh.environment.vehicle_battery import vehicle_bounds
from hmesh.markets.home_energy_rules import TariffSignal
from hmesh.markets.learned_blocks import joined
from tests.storage_houses import CASES, tariff
from tests.test_building_battery import World
from tests.test_home_energy_rules import houses_of


@pytest.mark.parametrize(
    ("load", "charging", "discharging", "exchange"),
    # Below the valley of 40 kWh it charges half of the gap, above the peak of 60 it discharges it.
    [(36.0, True, False, 2.0), (66.0, False, True, -3.0), (36.0, False, False, 0.0)],
)
def test_a_battery_steps_by_the_load_and_the_hours_that_it_hears(
    load: float, charging: bool, discharging: bool, exchange: float
) -> None:
    population = Population(BuildingBattery.attributes(), 1)
    for name, value in {
        "capacity_kwh": 20.0, "energy_kwh": 10.0, "power_kw": 5.0, "soc_min": 0.1, "share": 0.5,
        "charge_efficiency": 0.5, "discharge_efficiency": 0.5, "valley_kwh": 40.0,
        "peak_kwh": 60.0,
    }.items():  # fmt: skip
        population.set(name, value)
    (battery,) = AgentGroup(World(), BuildingBattery, population)
    nothing = np.zeros(1)
    population.heard |= {
        "community_kwh": np.array([load]), "planned_kwh": nothing, "charging": charging,
        "discharging": discharging, "building_kwh": nothing, "sent_kwh": -nothing,
    }  # fmt: skip
    if exchange < 0.0:
        # What it discharges serves its own building.
        population.heard["building_kwh"] = np.array([9.0])
    battery.step()
    stored = 0.5 * exchange if exchange > 0.0 else exchange / 0.5
    assert battery.energy_kwh == pytest.approx(10.0 + stored, rel=1e-12)


def test_households_draw_what_they_are_granted_and_need() -> None:
    population = Population(ServedHousehold.attributes(), 3)
    population.set("demand_kwh", np.array([1.0, 2.0, 3.0]))
    population.set("used_kwh", np.array([0.5, 0.0, 4.0]))
    population.heard["granted_kwh"] = np.array([4.0, 1.5, 0.0])
    for household in AgentGroup(World(), ServedHousehold, population):
        household.step()
    assert population.heard["drawn_kwh"].tolist() == [1.0, 1.5, 0.0]
    assert population["used_kwh"].tolist() == [1.5, 2.0, 7.0]


def test_agents_without_groups_belong_to_none() -> None:
    group = AgentGroup(World(), ServedHousehold, Population(ServedHousehold.attributes(), 3))
    assert group.belongs("early").tolist() == [False, False, False]


def test_vehicles_at_stops_can_do_nothing_but_draw_what_they_need() -> None:
    population = Population(ElectricVehicle.attributes(), 2)
    for name, value in {
        "capacity_kwh": 40.0, "energy_kwh": 20.0, "power_kw": 6.0, "way_kwh": [-1.0, 1.5],
        "community": 0,
    }.items():  # fmt: skip
        population.set(name, np.asarray(value))
    world = World()
    AgentGroup(world, ElectricVehicle, population)
    lower, upper = VehicleRows(world, population, np.arange(2)).exchange_bounds()
    assert lower[0] < 0.0 < upper[0]
    assert (lower[1], upper[1]) == (1.5, 1.5)


def test_rounding_takes_no_battery_of_a_house_below_its_lowest_state_of_charge() -> None:
    houses = houses_of([CASES["hybrid_storage"]], tariff(1, 10.0))
    houses.begin_step(np.full(1, 0.4), np.full(1, 1.2), np.full(1, 0.1))
    columns = houses.columns
    battery = columns.batteries
    least = float(battery["soc_min"][0] * battery["capacity_kwh"][0])
    battery["energy_kwh"][:] = least + 0.25
    # All that it can give, and a rounding error more.
    given = -0.25 * battery["discharge_efficiency"] * (1.0 + 1e-13)
    decided: Any = SimpleNamespace(
        battery_kwh=given, tank_kwh=np.zeros(1), heat_pump_kwh=np.zeros(1)
    )
    move_storages(columns, 1.0, decided)
    assert float(battery["energy_kwh"][0]) == least


def test_who_has_left_an_aggregator_is_not_drawn_again_as_a_first_member() -> None:
    class Joining(JoiningVehicle):
        given = SimpleNamespace(first_share=0.5)

    vehicles: Any = SimpleNamespace(
        member=np.array([-1, -1, 0, 0, 1, 1]),
        draw=lambda name, number: np.array([0.2, 0.8, 0.2, 0.8, 0.2, 0.8]),
    )
    assert Joining.members(vehicles).tolist() == [True, False, False, False, True, True]


def test_the_only_member_of_a_community_that_stays_silent_leaves_its_demand_unknown() -> None:
    asked: list[Any] = []
    aggregator: Any = CommunityEnergyAggregator.__new__(CommunityEnergyAggregator)
    aggregator._groups, aggregator._places, aggregator.parties = [["home"]], {"homes": 0}, []
    aggregator._talk = SimpleNamespace(ask=lambda parties, offer, hear: asked.append(parties))
    assert np.isnan(joined(aggregator._ask(20.0))).tolist() == [True]
    assert asked == [[]]


def test_vehicles_that_imitate_adopt_what_earned_more_and_err_where_they_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draws: dict[str, Any] = {
        "first threshold": 0.9, "acquaintance 0": 0.0, "adoption": 0.5,
        "error of imitation": [0.0, 0.5, 0.1],
    }  # fmt: skip

    def vehicles() -> Any:
        return SimpleNamespace(
            model=SimpleNamespace(step_index=0), step_h=1.0, rows=np.arange(3),
            population=SimpleNamespace(group=SimpleNamespace(rows_of=lambda kind: np.arange(3))),
            earned=np.array([1.0, 5.0, 2.0]), asked=np.array([1, 1, 0]),
            choice=np.array([0, 2, 1]),
            draw=lambda name, number=0: np.broadcast_to(draws[name], 3),
        )  # fmt: skip

    class Copying(ImitatingVehicle):
        peers_of: ClassVar[Any] = staticmethod(lambda own, drawn: np.array([[1], [0], [0]]))

    def revised(error: float) -> list[int]:
        Copying.given = SimpleNamespace(
            compare_every_h=1, compared=1, strength=np.inf, error=error, thresholds=[10, 20, 30]
        )
        all_of_them = vehicles()
        monkeypatch.setattr(threshold_vehicles, "VehicleRows", lambda *_: all_of_them)
        Copying.revise_rows(all_of_them)
        assert all_of_them.earned == all_of_them.asked == 0.0
        return all_of_them.choice.tolist()  # type: ignore[no-any-return]

    # The first one knows the second one, who earned more; the others know the first one.
    assert revised(0.0) == [2, 2, 1]
    # Of draws below 0.3 thirds are the three thresholds.
    assert revised(0.3) == [0, 2, 1]


def test_charging_curves_bound_a_fleet_as_they_bound_each_vehicle() -> None:
    curves = ChargingCurves.of([[(0.0, 1.0), (0.8, 0.25)], [(0.5, 0.5)]])
    count = 6
    columns = {
        "plugged_part": np.array([1.0, 1.0, 0.5, 0.25, 1.0, 0.0]),
        "charging_curve": np.array([0, 1, -1, 0, -1, 1]),
        "capacity_kwh": np.full(count, 40.0),
        "power_kw": np.array([10.0, 20.0, 10.0, 30.0, 3.0, 9.0]),
        "charge_efficiency": np.full(count, 0.9),
    }
    held = np.array([10.0, 20.0, 5.0, 30.0, 39.0, 8.0])
    fleet: Any = SimpleNamespace(
        population=columns, each=lambda name, rows: columns[name][rows],
        model=SimpleNamespace(calendar=SimpleNamespace(step_h=1.0)),
    )  # fmt: skip
    upper = (40.0 - held) / 0.9
    Fleet._bend(fleet, curves, np.arange(count), held, upper)
    for row in range(count):
        _, alone = vehicle_bounds(
            held[row : row + 1], 40.0, 0.0, 1.0, columns["power_kw"][row : row + 1], 1.0, 0.9, 1.0,
            plugged=columns["plugged_part"][row : row + 1], curves=curves,
            which=columns["charging_curve"][row : row + 1],
        )  # fmt: skip
        assert upper[row] == pytest.approx(float(alone[0]), rel=1e-12)


def test_storages_of_homes_keep_what_else_they_heard() -> None:
    population = Population(HomeStorage.attributes(), 2)
    population.heard["response_kwh"] = np.array([7.0, 8.0])
    homes: Any = SimpleNamespace(storages=SimpleNamespace(population=population))
    flows: Any = SimpleNamespace(
        charge_kwh=np.array([[1.0, 0.0]]), discharge_kwh=np.array([[0.0, 2.0]]),
        energy_kwh=np.array([[3.0, 4.0]]),
    )  # fmt: skip
    SmartHomes.move(homes, flows)
    heard = {name: values.tolist() for name, values in population.heard.items()}
    assert heard == {
        "response_kwh": [7.0, 8.0], "charge_kwh": [1.0, 0.0], "discharge_kwh": [0.0, 2.0],
    }  # fmt: skip
    assert population["energy_kwh"].tolist() == [3.0, 4.0]


def test_homes_without_a_better_slot_are_offered_no_saving() -> None:
    sent: list[Any] = []

    def say(kind: Any, receiver: str, step: int, round_: int, **said: Any) -> Any:
        sent.append((kind, receiver, step, round_, said))
        return "said", "there"

    homes: Any = SimpleNamespace(appliances=["washer", "dryer"], _say=say)
    take = np.zeros((24, 3, 2), dtype=np.bool_)
    take[5, 1, 1] = True
    offer: Any = SimpleNamespace(
        take=take, leave=np.zeros_like(take), saved_kwh=np.array([0.5, 0.75, 0.25])
    )
    said, concerned = SmartHomes._offer(homes, 0, offer, 3, 1)
    assert (said, concerned.tolist(), sent) == (None, [False, False, False], [])
    answer: Any = SmartHomes._offer(homes, 1, offer, 3, 1)
    assert answer == ("said", "there")
    ((kind, receiver, step, round_, words),) = sent
    assert (kind, receiver, step, round_) == (SlotOffer, "dryer", 3, 1)
    assert words["energy_kwh"].tolist() == [0.0, 0.75, 0.0]


@pytest.mark.parametrize(
    ("charge", "sold", "owed", "stored"),
    # What it charges replaces in part what it sold; what it sells it owes with both losses.
    [(0.5, 0.0, 2.0 - 2.0 / (100.0 / 0.5) * 0.5, 0.25), (0.0, 0.25, 2.0 + 0.25 / 0.4, -0.3125)],
)
def test_a_bus_that_charges_replaces_what_it_owes(
    charge: float, sold: float, owed: float, stored: float
) -> None:
    population = Population(ElectricSchoolBus.attributes(), 1)
    for name, value in {
        "capacity_kwh": 200.0, "soc_min": 0.0, "soc_max": 1.0, "at_plug_kwh": 100.0,
        "charge_efficiency": 0.5, "discharge_efficiency": 0.8, "reserve_kwh": 0.0,
        "driven_km": 12.0, "km_before_plug": 2.0, "consumption_kwh_per_km": 1.5, "owed_kwh": 2.0,
        "plugged": True,
    }.items():  # fmt: skip
        population.set(name, value)
    population.heard |= {"charge_kwh": np.array([charge]), "sold_kwh": np.array([sold])}
    (bus,) = AgentGroup(World(), ElectricSchoolBus, population)
    bus.step()
    assert bus.owed_kwh == pytest.approx(owed, rel=1e-12)
    # Its way back takes 10 km.
    assert bus.energy_kwh == pytest.approx(100.0 + stored - 15.0, rel=1e-12)


def test_an_appliance_refuses_slots_beyond_those_that_it_may_be_moved_to() -> None:
    accepted = np.array([[False, True], [True, False], [True, False], [False, True]])
    appliance: Any = SimpleNamespace(population=SimpleNamespace(accepted=accepted), row=1)
    take = np.array([True, False, True, False])
    assert Appliance.refuses(appliance, take).tolist() == [False, False, True, False]


def test_leaders_ask_as_long_as_all_that_follows_has_time() -> None:
    def rooms(begin: Any, waits: int) -> list[bool]:
        """Return whether there is room for a question where so many waits are left, or less."""
        bus = SimpleNamespace(now_h=0.5, patience_h=0.125, deadline_h=0.5 + 0.125 * waits)
        leader: Any = SimpleNamespace(
            bus=bus, name="x", model=SimpleNamespace(bus=bus), utility=SimpleNamespace(name="u"),
            schools=[],
        )  # fmt: skip
        begin(leader)
        enough = leader._talk.room
        bus.deadline_h -= 0.0625
        return [enough, leader._talk.room]

    # An offer and its answer; above an aggregator those of the utility; one announcement each.
    for begin, waits in (
        (lambda leader: CommunityEnergyAggregator._open(leader, 3, []), 2 + 2 + 2),
        (lambda leader: UtilityCompany.begin_step(leader, 3), 2 + 2),
        (lambda leader: DemandResponse._begin(leader, 3), 2 + 1),
    ):
        assert rooms(begin, waits) == [True, False]


def test_managers_decide_once_where_all_orders_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    houses = houses_of([CASES["battery"]], tariff(1, 10.0))
    houses.begin_step(np.full(1, 0.4), np.full(1, 1.2), np.full(1, 0.1))
    houses.model.bus.begin_step(0)
    managed, manage = list[list[bool]](), houses._manage

    def counted(who: Any, *given: Any) -> Any:
        managed.append(who.tolist())
        return manage(who, *given)

    monkeypatch.setattr(houses, "_manage", counted)
    signal = TariffSignal(
        purchase=30.0, feed_in=10.0, cheap=False, peak_price=30.0, cheapest=20.0, cheap_steps=0
    )
    houses.decide(0, signal, np.ones(1, dtype=np.bool_))
    assert managed == [[True]]


def test_a_coordinator_sends_prices_or_schedules_on_the_first_step_of_a_day() -> None:
    sent: list[tuple[Any, ...]] = []
    for day, left in (
        ((3, "f", "w", True), 7),
        ((3, "f", "w", False), None),
        ((2, "f", "w", 1), 8),
    ):
        coordinator: Any = SimpleNamespace(
            model=SimpleNamespace(step_index=3), _day=day, _left=left,
            send_prices=lambda *said: sent.append(("prices", *said)),
            send_schedule=lambda *said: sent.append(("schedule", *said)),
            exchange=lambda *said: sent.append(("left", *said)),
        )  # fmt: skip
        BatteryCoordinator.step(coordinator)
    assert sent == [
        ("prices", 3, "f", "w"), ("left", 3, 7), ("schedule", 3, "f", "w"), ("left", 3, 8)
    ]  # fmt: skip


@pytest.mark.parametrize("compiled", [True, False])
def test_stores_at_their_bounds_are_counted(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "compiled_for", lambda rows: compiled)

    class Stores:
        lower_kwh = np.array([-2.0, -2.0, 0.0, -1.0])
        upper_kwh = np.array([2.0, 2.0, 0.0, 1.0])
        usable_kwh = np.array([1.0, -0.5, -1e-15, 3.0])
        at_bound = answering.AnsweringStores.at_bound
        bounded = answering.AnsweringStores.bounded

        def __len__(self) -> int:
            return 4

    stores: Any = Stores()
    # Who can do nothing else is at no bound.
    assert stores.bounded(np.array([2.0, 0.5, 0.0, -1.0])) == (2, 1)


@pytest.mark.parametrize(("step", "hours"), [(287, 288.0), (983, 696.0), (500, None)])
def test_members_compare_what_a_whole_month_would_bring_as_it_ends(
    step: int, hours: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Any] = []

    class Joining(JoiningVehicle):
        given = SimpleNamespace(first_share=0.5, cost=2.0, sensitivity=3.0, reconsiders=0.5)
        kind_of = staticmethod(lambda: "kinds")

    draws = {
        "first members of aggregators": 0.4, "reconsidered aggregator": [0.4, 0.6, 0.4],
        "chosen aggregator": [0.8, 0.1, 0.6],
    }  # fmt: skip
    # From January 20 on; the 288th and the 984th hour are the last ones of their months.
    vehicles: Any = SimpleNamespace(
        model=SimpleNamespace(step_index=step, calendar=Calendar("2024-01-20T00:00", "UTC")),
        step_h=1.0, rows=np.array([0, 2, 4]), member=np.array([0, 1, 1]),
        month_gain=np.array([10.0, 20.0, 30.0]),
        population=SimpleNamespace(group=SimpleNamespace(rows_of=lambda kind: np.arange(5))),
        draw=lambda name, number=None: np.broadcast_to(draws[name], 3),
    )  # fmt: skip
    everybody = SimpleNamespace(
        rows=np.arange(5), month_gain=np.arange(5.0), member=np.array([0, -1, 1, -1, 1]),
        draw=lambda name, number: np.array([0.0, 0.4, 0.0, 0.6, 0.0]),
    )  # fmt: skip

    def savings(gain: Any, members: Any, kinds: Any) -> Any:
        compared.append((gain.tolist(), members.tolist(), kinds))
        return np.array([0.0, 1.0, 2.0, 3.0, 4.0])

    def chance(saving: Any, cost: float, sensitivity: float) -> Any:
        compared.append((saving.tolist(), cost, sensitivity))
        return np.array([0.9, 0.05, 0.5])

    monkeypatch.setattr(joining_vehicles, "VehicleRows", lambda *_: everybody)
    monkeypatch.setattr(joining_vehicles, "savings_beside_others", savings)
    monkeypatch.setattr(joining_vehicles, "chance_to_take_part", chance)
    Joining.revise_rows(vehicles)
    if hours is None:
        assert compared == []
        return
    months = hours / joining_vehicles.A_MONTH_H
    (gain, members, kinds), chosen = compared
    assert gain == pytest.approx([number / months for number in range(5)], rel=1e-12)
    assert (members, kinds) == ([False, True, True, False, True], "kinds")
    assert chosen == ([0.0, 2.0, 4.0], 2.0, 3.0)
    # The second does not reconsider and stays; the third does, and leaves.
    assert vehicles.member.tolist() == [1, 1, 0]
    assert vehicles.member.dtype == np.int8
    assert vehicles.month_gain == 0.0
