"""The manager without foresight: balances, limits, gap to foresight, each agent alike."""

from dataclasses import replace
from typing import Any

import mesa
import numpy as np
import pytest

from hmesh.agents.house_populations import HousePopulations
from hmesh.agents.storage_household import HomeEnergyManager
from hmesh.agents.storage_houses import StorageHouses
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.streams import Streams
from hmesh.markets.exact_dispatch import dispatch_exactly
from hmesh.markets.home_energy_rules import (
    HouseState,
    HouseStep,
    Targets,
    TariffSignal,
    manage_step,
    tariff_signals,
)
from hmesh.markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HouseFlows,
    HousePrices,
    electricity_imbalance,
    heat_imbalance,
    running_cost,
    self_consumption_rate,
)
from hmesh.markets.house_programme import Stored
from tests.storage_houses import CASES, some_days, tariff


class Model(mesa.Model):  # type: ignore[type-arg]
    def __init__(self, step_h: float = 1.0, loss_rate: float = 0.0) -> None:
        super().__init__(rng=0)
        self.step_h = step_h
        self.bus = MessageBus(Streams(1), loss_rate=loss_rate)


def houses_of(devices: list[HouseDevices], prices: HousePrices, **about: Any) -> StorageHouses:
    columns = HousePopulations.of(len(devices))
    for name, values in (
        ("capacity_kwh", [each.battery_kwh for each in devices]),
        ("power_kw", [each.battery_power_per_kwh * each.battery_kwh for each in devices]),
        ("energy_kwh", [each.soc_min * each.battery_kwh for each in devices]),
        ("wear", prices.battery_wear),
    ):
        columns.batteries.set(name, values)
    columns.tanks.set("capacity_kwh", [each.tank_kwh for each in devices])
    columns.tanks.set("power_kw", [each.tank_power_per_kwh * each.tank_kwh for each in devices])
    columns.tanks.set("wear", prices.tank_wear)
    return StorageHouses(Model(**about), columns)


def live(houses: StorageHouses, demand: HouseDemand, prices: HousePrices) -> HouseFlows:
    """Run all steps, and return what every house did, shape (steps, houses)."""
    cheap, peak_price, cheapest, left = tariff_signals(prices.purchase, demand.day)
    kept: dict[str, list[Any]] = {name: [] for name in HouseFlows.__dataclass_fields__}
    count = len(houses)
    for step in range(demand.steps):
        if step and demand.day[step] != demand.day[step - 1]:
            houses.begin_day()
        houses.begin_step(
            *(
                np.full(count, each[step])
                for each in (demand.load_kwh, demand.heat_kwh, demand.generation_kwh)
            )
        )
        houses.model.bus.begin_step(step)
        signal = TariffSignal(
            purchase=float(prices.purchase[step]), feed_in=float(prices.feed_in[step]),
            cheap=bool(cheap[step]), peak_price=float(peak_price[step]),
            cheapest=float(cheapest[step]),
            cheap_steps=int(left[step]),
        )  # fmt: skip
        done = houses.decide(step, signal, np.ones(count, dtype=np.bool_))
        houses.move(done)
        for name, values in (
            ("import_kwh", done.import_kwh), ("export_kwh", done.export_kwh),
            ("charge_kwh", np.maximum(done.battery_kwh, 0.0)),
            ("discharge_kwh", np.maximum(-done.battery_kwh, 0.0)),
            ("stored_kwh", houses.columns.batteries["energy_kwh"].copy()),
            ("heat_pump_kwh", done.heat_pump_kwh),
            ("tank_charge_kwh", np.maximum(done.tank_kwh, 0.0)),
            ("tank_discharge_kwh", np.maximum(-done.tank_kwh, 0.0)),
            ("tank_kwh", houses.columns.tanks["heat_kwh"].copy()),
            ("unmet_heat_kwh", done.unmet_heat_kwh),
        ):  # fmt: skip
            kept[name].append(values)
    return HouseFlows(**{name: np.array(values) for name, values in kept.items()})


def one(flows: HouseFlows, house: int) -> HouseFlows:
    return HouseFlows(
        **{name: getattr(flows, name)[:, house] for name in HouseFlows.__dataclass_fields__}
    )


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("feed_in", [7.0, 15.0, 30.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_balances_limits_and_never_cheaper_than_foresight(feed_in: float, seed: int) -> None:
    demand = some_days(14, seed)
    prices = tariff(demand.steps, feed_in)
    devices = list(CASES.values())
    flows = live(houses_of(devices, prices), demand, prices)
    load, sun = demand.load_kwh[:, None], demand.generation_kwh[:, None]
    assert np.abs(electricity_imbalance(flows, load, sun)).max() < 1e-9
    assert np.abs(heat_imbalance(flows, demand.heat_kwh[:, None], 3.0)).max() < 1e-9
    assert flows.unmet_heat_kwh.max() == 0.0
    for pair in (
        (flows.import_kwh, flows.export_kwh),
        (flows.charge_kwh, flows.discharge_kwh),
        (flows.tank_charge_kwh, flows.tank_discharge_kwh),
    ):
        assert np.minimum(*pair).max() == 0.0
    assert (flows.export_kwh <= sun + 1e-9).all()
    assert flows.heat_pump_kwh.max() <= 1.5 + 1e-9
    for house, each in enumerate(devices):
        own = one(flows, house)
        assert own.stored_kwh.min() >= 0.1 * each.battery_kwh - 1e-12
        assert own.stored_kwh.max() <= 0.9 * each.battery_kwh + 1e-12
        start = Stored(0.1 * each.battery_kwh, 0.0)
        best = dispatch_exactly(demand, each, prices, start=start, gap=1e-6)
        found = float(running_cost(own, prices).sum())
        assert found >= best.cost - 1e-4 * abs(best.cost) - 1e-6
        if each is CASES["no_storage"]:
            assert found == pytest.approx(best.cost)


def test_storages_save_money_and_take_the_published_order_of_self_consumption() -> None:
    demand = some_days(28)
    prices = tariff(demand.steps, 7.0)
    order = ("no_storage", "thermal_tank", "battery", "hybrid_storage")
    flows = live(houses_of([CASES[name] for name in order], prices), demand, prices)
    cost = [float(running_cost(one(flows, k), prices).sum()) for k in range(4)]
    rate = [self_consumption_rate(flows.export_kwh[:, k], demand.generation_kwh) for k in range(4)]
    assert cost[0] > max(cost[1:])
    # The published hybrid has a smaller battery: it need not save more than the larger one.
    assert cost[3] < cost[1]
    assert rate == sorted(rate)


def test_self_consumption_never_falls_with_size_where_the_sun_is_kept() -> None:
    demand = some_days(28)
    prices = tariff(demand.steps, 7.0)
    for sizes in ([(b, 0.0) for b in (0, 2, 4, 8, 12)], [(0.0, h) for h in (0, 4, 8, 16)]):
        devices = [HouseDevices().sized(*size) for size in sizes]
        flows = live(houses_of(devices, prices), demand, prices)
        rates = [
            self_consumption_rate(flows.export_kwh[:, k], demand.generation_kwh)
            for k in range(len(sizes))
        ]
        assert all(np.diff(rates) >= -1e-9)
        assert rates[-1] > rates[0] + 0.05


def test_each_manager_alone_decides_what_all_do_at_once() -> None:
    class Alone(HomeEnergyManager):
        pass

    demand = some_days(5)
    prices = tariff(demand.steps, 7.0)
    devices = list(CASES.values()) * 2
    houses = houses_of(devices, prices)
    houses.managers.replace([4, 5, 6, 7], Alone)
    flows = live(houses, demand, prices)
    for name in HouseFlows.__dataclass_fields__:
        values = getattr(flows, name)
        assert (values[:, :4] == values[:, 4:]).all()


def test_a_manager_with_a_will_of_its_own_changes_its_house_alone() -> None:
    class Lazy(HomeEnergyManager):
        def decide(
            self, load_kwh: float, heat_kwh: float, generation_kwh: float, state: HouseState,
            tariff: TariffSignal, targets: Targets,
        ) -> HouseStep:  # fmt: skip
            nothing = np.zeros(1)
            idle = replace(
                state, battery_low_kwh=nothing, battery_high_kwh=nothing, tank_low_kwh=nothing,
                tank_high_kwh=nothing,
            )  # fmt: skip
            return super().decide(load_kwh, heat_kwh, generation_kwh, idle, tariff, targets)

    demand = some_days(5)
    prices = tariff(demand.steps, 7.0)
    hybrid = CASES["hybrid_storage"]
    houses = houses_of([hybrid, hybrid, HouseDevices()], prices)
    houses.managers.replace([1], Lazy)
    flows = live(houses, demand, prices)
    assert flows.charge_kwh[:, 1].sum() == 0.0 < flows.charge_kwh[:, 0].sum()
    assert flows.import_kwh[:, 1] == pytest.approx(flows.import_kwh[:, 2])


def test_storages_of_houses_that_hear_nothing_stay_idle_and_are_counted() -> None:
    demand = some_days(4)
    prices = tariff(demand.steps, 7.0)
    houses = houses_of([CASES["hybrid_storage"], HouseDevices()], prices, loss_rate=1.0)
    flows = live(houses, demand, prices)
    assert houses.unheard == 2
    assert flows.charge_kwh.max() == flows.tank_charge_kwh.max() == 0.0
    assert flows.import_kwh[:, 0] == pytest.approx(flows.import_kwh[:, 1])
    some = houses_of([CASES["battery"]] * 50, prices, loss_rate=0.1)
    flows = live(some, demand, prices)
    assert (
        np.abs(
            electricity_imbalance(flows, demand.load_kwh[:, None], demand.generation_kwh[:, None])
        ).max()
        < 1e-9
    )
    assert 0 < some.unheard < 50


def test_no_house_changes_by_the_order_of_houses() -> None:
    demand = some_days(5)
    prices = tariff(demand.steps, 7.0)
    devices = list(CASES.values())
    flows = live(houses_of(devices, prices), demand, prices)
    turned = live(houses_of(devices[::-1], prices), demand, prices)
    for name in HouseFlows.__dataclass_fields__:
        assert (getattr(flows, name) == getattr(turned, name)[:, ::-1]).all()


def test_heat_that_nothing_can_give_is_reported_and_not_hidden() -> None:
    demand = some_days(2)
    cold = replace(demand, heat_kwh=demand.heat_kwh + 4.0)
    prices = tariff(demand.steps, 7.0)
    flows = live(houses_of([HouseDevices()], prices), cold, prices)
    expected = np.maximum(cold.heat_kwh - 4.5, 0.0)
    assert flows.unmet_heat_kwh[:, 0] == pytest.approx(expected, abs=1e-9)
    assert expected.sum() > 1.0


def test_signals_of_a_tariff_show_the_night_and_the_next_expensive_price() -> None:
    demand = some_days(3)
    prices = tariff(demand.steps, 7.0)
    cheap, peak_price, cheapest, left = tariff_signals(prices.purchase, demand.day)
    hour = np.arange(demand.steps) % 24
    assert (cheap == ((hour >= 22) | (hour < 8))).all()
    assert (peak_price == 26.84).all()
    assert (left[:48] == np.where(cheap, (8 - hour) % 24, 0)[:48]).all()
    assert (cheapest == 13.21).all()
    flat, still, never, none = tariff_signals(np.full(48, 20.0), np.repeat([0, 1], 24))
    assert not flat.any()
    assert (still == 20.0).all()
    assert np.isinf(never).all()
    assert (none == 0).all()


def test_a_store_that_does_not_pay_is_not_used() -> None:
    # eta^2 (peak_price - wear) against the feed-in of the sun and the price of the night.
    demand = some_days(5)
    close = tariff(demand.steps, 24.0, night=25.0, day=26.0)
    flows = live(houses_of([CASES["hybrid_storage"]], close), demand, close)
    assert flows.charge_kwh.max() == flows.tank_charge_kwh.max() == 0.0


def test_a_step_of_one_house_by_hand() -> None:
    # 3 kWh of sun, 1 of load and 0.9 of heat (0.3 electric): 1.7 left, battery takes 0.5 of it,
    # the tank what the pump has left, (1.5 - 0.3) kWh or 3.6 of heat but 1.2 electric: sold 0.
    array = np.array
    state = HouseState(
        battery_low_kwh=array([-1.0]), battery_high_kwh=array([0.5]), battery_held_kwh=array([2.0]),
        tank_low_kwh=array([-2.0]), tank_high_kwh=array([9.0]), tank_held_kwh=array([2.0]),
        pump_kwh=array([1.5]), cop=array([3.0]), battery_efficiency=array([0.95]),
        tank_efficiency=array([0.98]), battery_wear=array([0.0]), tank_wear=array([0.0]),
    )  # fmt: skip
    day = TariffSignal(
        purchase=27.0, feed_in=7.0, cheap=False, peak_price=27.0, cheapest=13.0, cheap_steps=0
    )
    none = Targets(battery_kwh=array([0.0]), tank_kwh=array([0.0]))
    done = manage_step(array([1.0]), array([0.9]), array([3.0]), state, day, none)
    assert done.battery_kwh == pytest.approx([0.5])
    assert done.heat_pump_kwh == pytest.approx([1.5])
    assert done.tank_kwh == pytest.approx([3.6])
    assert (done.import_kwh[0], done.export_kwh[0]) == pytest.approx((0.0, 0.0), abs=1e-12)
    # Without sun the tank gives the heat and the battery the load, as far as it can.
    done = manage_step(array([1.4]), array([0.9]), array([0.0]), state, day, none)
    assert done.tank_kwh == pytest.approx([-0.9])
    assert done.battery_kwh == pytest.approx([-1.0])
    assert done.import_kwh == pytest.approx([0.4])
    # Sold at more than the most expensive price, the sun goes out and the battery serves the house.
    rich = replace(day, feed_in=40.0)
    done = manage_step(array([0.8]), array([0.9]), array([3.0]), state, rich, none)
    assert done.battery_kwh == pytest.approx([-0.8])
    assert done.export_kwh == pytest.approx([3.0])


def test_a_battery_that_the_sun_fills_does_not_serve_the_house_at_once() -> None:
    # Flat, negative prices: what is stored costs less to take out than feeding in costs now, and
    # feeding in costs less than buying, so that the sun would be both kept and sold.
    array = np.array
    state = HouseState(
        battery_low_kwh=array([-1.0]), battery_high_kwh=array([0.5]), battery_held_kwh=array([2.0]),
        tank_low_kwh=array([0.0]), tank_high_kwh=array([0.0]), tank_held_kwh=array([0.0]),
        pump_kwh=array([1.5]), cop=array([3.0]), battery_efficiency=array([0.9]),
        tank_efficiency=array([0.98]), battery_wear=array([0.0]), tank_wear=array([0.0]),
    )  # fmt: skip
    flat = TariffSignal(
        purchase=-10.0, feed_in=-9.0, cheap=False, peak_price=-10.0, cheapest=np.inf, cheap_steps=0
    )
    none = Targets(battery_kwh=array([0.0]), tank_kwh=array([0.0]))
    done = manage_step(array([0.8]), array([0.0]), array([3.0]), state, flat, none)
    assert done.battery_kwh == pytest.approx([0.5])
