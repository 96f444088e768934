"""Batteries as agents on columns, and their coordinator, who hears only messages."""

import mesa
import numpy as np
import pytest

from hmesh.agents.battery_coordinator import BatteryCoordinator, SharingRules
from hmesh.agents.building_battery import BatteryBank, BuildingBattery
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.ask_and_answer import Heard, Who
from hmesh.environment.battery_messages import PeakSignal
from hmesh.environment.calendar import Calendar
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.population import Population
from hmesh.environment.streams import Streams
from hmesh.markets.battery_exchange import own_load_first
from hmesh.markets.load_levelling import Equipment, Windows, level_load

WINDOWS = Windows.of_clock(np.arange(24.0))
RULES = SharingRules(Equipment(), "full", False, 0.08)


def prices(who: Who) -> Heard[PeakSignal]:
    """Return two prices that some batteries hear."""
    signal = PeakSignal(
        step=0, round=1, sender="coordinator", receiver="batteries", count=12,
        valley_kwh=40.0, peak_kwh=60.0,
    )  # fmt: skip
    return Heard(signal, who, who)


class World(mesa.Model):  # type: ignore[misc,type-arg]
    def __init__(self, loss_rate: float = 0.0, step_h: float = 1.0) -> None:
        super().__init__(rng=1)
        self.calendar = Calendar("2013-04-01", "Asia/Tokyo", step_h)
        self.bus = MessageBus(Streams(1), loss_rate=loss_rate, keep="all")
        self.bus.begin_step(0)


def bank_of(world: World, count: int, seed: int = 1) -> BatteryBank:
    random = np.random.default_rng(seed)
    population = Population(BuildingBattery.attributes(), count)
    capacity = random.uniform(5, 50, count) * (np.arange(count) > 0)  # The first has no battery.
    population.set("capacity_kwh", capacity)
    population.set("power_kw", 0.16 * capacity)
    population.set("share", capacity / capacity.sum())
    population.set("energy_kwh", capacity * random.uniform(0.1, 1.0, count))
    return BatteryBank(AgentGroup(world, BuildingBattery, population), slice(0, count))


def loads_of(count: int, seed: int = 2) -> np.ndarray:
    random = np.random.default_rng(seed)
    hump = np.exp(-(((np.arange(24) - random.uniform(10, 18, (count, 1))) / 4) ** 2))
    return random.uniform(1, 5, (count, 1)) * (1 + 3 * hump)


@pytest.mark.parametrize("step_h", [0.25, 1.0, 2.0])
def test_one_battery_answers_as_the_population_does(step_h: float) -> None:
    world = World(step_h=step_h)
    bank = bank_of(world, 12)
    bank.hear_prices(prices(np.arange(12) != 5))
    for load, charging, discharging in ((30.0, True, False), (80.0, False, True), (50.0, 0, 0)):
        together = bank.answer(load, bool(charging), bool(discharging))
        alone = [agent.answer(load, bool(charging), bool(discharging)) for agent in bank.group]
        np.testing.assert_array_equal(together, alone)
        assert together[5] == 0.0  # It has heard nothing, and stays idle.
        assert together[0] == 0.0


def test_a_battery_with_a_will_of_its_own_stays_within_its_bounds() -> None:
    class Hoarder(BuildingBattery):
        def answer(self, load_kwh: float, charging: bool, discharging: bool) -> float:
            return 1e9

    bank = bank_of(World(), 6)
    bank.hear_prices(prices(True))
    before = bank.answer(80.0, False, True)
    bank.group.replace([3], Hoarder)
    after = bank.answer(80.0, False, True)
    _, upper = bank.exchange_bounds()
    assert after[3] == upper[3]
    np.testing.assert_array_equal(np.delete(after, 3), np.delete(before, 3))
    # Those of another community are none of its own.
    others = BatteryBank(bank.group, slice(0, 3))
    np.testing.assert_array_equal(others.answer(80.0, False, True), before[:3])


@pytest.mark.parametrize("cycle", ["full", "free"])
def test_schedule_and_prices_level_the_day_alike(cycle: str) -> None:
    """The emergent day, battery by battery and hour by hour, is the optimum of the day."""
    world = World()
    bank = bank_of(world, 8)
    bank["energy_kwh"][:] = 0.1 * bank["capacity_kwh"]
    loads = loads_of(8)
    rules = SharingRules(Equipment(), cycle, False, 0.08)  # type: ignore[arg-type]
    coordinator = BatteryCoordinator(world, "district", bank, rules)
    schedule = coordinator.send_schedule(0, loads, WINDOWS)
    coordinator.send_prices(0, loads, WINDOWS)
    capacity = float(bank["capacity_kwh"].sum())
    optimum = level_load(loads.sum(axis=0), capacity, rules.equipment, WINDOWS, rules.cycle)
    np.testing.assert_allclose(schedule.sum(axis=0), optimum.exchange_kwh[0], atol=1e-9)
    for hour in range(24):
        answers = bank.answer(
            float(loads[:, hour].sum()), bool(WINDOWS.charge[hour]), bool(WINDOWS.discharge[hour])
        )
        np.testing.assert_allclose(answers, schedule[:, hour], atol=1e-9)
        bank.move(answers)
        soc = bank["energy_kwh"][1:] / bank["capacity_kwh"][1:]
        assert ((soc >= 0.1 - 1e-9) & (soc <= 1 + 1e-9)).all()
    kinds = {kind: count.sent for kind, count in world.bus.statistics.items()}
    assert kinds == {"Forecast": 16, "BatteryState": 16, "Schedule": 8, "PeakSignal": 8}


def test_a_building_without_load_and_battery_changes_nothing() -> None:
    """Neither the schedules nor the prices of the others."""
    reported = []
    for count in (8, 9):
        bank, loads = bank_of(World(), count), loads_of(8)
        if count == 9:
            bank["capacity_kwh"][:8] = bank_of(World(), 8)["capacity_kwh"]
            bank["capacity_kwh"][8] = bank["power_kw"][8] = bank["energy_kwh"][8] = 0.0
            loads = np.vstack([loads, np.zeros(24)])
        coordinator = BatteryCoordinator(bank.group.model, "d", bank, RULES)
        schedule = coordinator.send_schedule(0, loads, WINDOWS)
        coordinator.send_prices(0, loads, WINDOWS)
        reported.append((schedule[:8], bank["valley_kwh"][0], bank["peak_kwh"][0]))
        assert not schedule[8:].any()
    for one, two in zip(*reported, strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-12)


def test_schedules_of_least_exchange_add_up_to_the_same_day() -> None:
    bank, loads = bank_of(World(), 8), loads_of(8)
    loads[1:3] *= 0.2
    alike = BatteryCoordinator(World(), "d", bank, RULES).send_schedule(0, loads, WINDOWS)
    rules = SharingRules(Equipment(), "full", True, 0.08)
    least = BatteryCoordinator(World(), "d", bank, rules).send_schedule(0, loads, WINDOWS)
    np.testing.assert_allclose(least.sum(axis=0), alike.sum(axis=0), atol=1e-6)
    away = [np.maximum(-plan - loads, 0.0).sum() for plan in (least, alike)]
    assert away[0] < away[1]


def test_exchange_by_messages() -> None:
    bank = bank_of(World(), 5)
    coordinator = BatteryCoordinator(World(), "d", bank, RULES)
    left = own_load_first(np.array([0, 5.0, 1, 0, 0]), np.array([3.0, 2, 2, 0, 1]))
    orders = coordinator.exchange(0, left)
    assert orders.giver.tolist() == [1]
    assert orders.taker.tolist() == [0]
    assert orders.sent_kwh.tolist() == [3.0]
    quiet = coordinator.exchange(0, own_load_first(np.zeros(5), np.ones(5)))
    assert not quiet.giver.size


@pytest.fixture(params=[0.3, 1.0])
def lossy(request: pytest.FixtureRequest) -> World:
    return World(loss_rate=request.param)


def test_what_is_not_heard_is_not_done_and_counted(lossy: World) -> None:
    bank, loads = bank_of(lossy, 40), loads_of(40)
    coordinator = BatteryCoordinator(lossy, "district", bank, RULES)
    schedule = coordinator.send_schedule(0, loads, WINDOWS)
    idle = ~schedule.any(axis=1)
    assert coordinator.fallbacks == np.count_nonzero(idle) - 1 or idle[0]
    assert idle.sum() > 1
    if lossy.bus.loss_rate == 1.0:
        assert idle.all()
        return
    coordinator.send_prices(0, loads, WINDOWS)
    deaf = np.isnan(bank["valley_kwh"])
    assert deaf.any()
    assert not bank.answer(1e9, False, True)[deaf].any()
    left = own_load_first(np.full(40, 2.0), np.where(np.arange(40) < 20, 1.0, 9.0))
    orders = coordinator.exchange(0, left)
    assert 0 < orders.sent_kwh.sum() < 20.0
