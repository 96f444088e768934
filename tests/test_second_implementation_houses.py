"""The second implementation of a house's rules and of its dispatch against the first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.markets.exact_dispatch import dispatch_exactly
from hmesh.markets.home_energy_rules import TariffSignal, tariff_signals
from hmesh.markets.house_dispatch import HousePrices, running_cost
from hmesh.markets.house_programme import Stored
from hmesh.runs.audits.reference import house_dispatch
from hmesh.runs.audits.reference.houses import Devices, Houses, Tariff, tariffs
from tests.games import SEEDS
from tests.storage_houses import CASES, some_days, tariff
from tests.test_home_energy_rules import houses_of


def devices_of(own, prices: HousePrices) -> Devices:  # type: ignore[no-untyped-def]
    return Devices(
        own.battery_kwh, own.soc_min, own.soc_max, own.battery_power_per_kwh * own.battery_kwh,
        own.battery_efficiency, prices.battery_wear, own.tank_kwh,
        own.tank_power_per_kwh * own.tank_kwh, own.tank_efficiency, own.tank_loss_per_h,
        prices.tank_wear, own.heat_pump_kw, own.cop,
    )  # fmt: skip


@given(SEEDS)
def test_both_implementations_read_the_same_tariff(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = int(random.integers(1, 60))
    day = np.sort(random.integers(0, 3, steps))
    purchase = random.choice([10.0, 10.0, 20.0, 30.0, -5.0], steps)
    cheap, peak_price, cheapest, left = tariff_signals(purchase, day)
    reported = tariffs(purchase.tolist(), purchase.tolist(), day.tolist())
    for step, each in enumerate(reported):
        assert each == Tariff(
            purchase[step], purchase[step], left[step], peak_price[step], cheapest[step]
        )
        assert bool(cheap[step]) == (each.cheap_steps > 0)


@given(SEEDS, st.sampled_from([7.0, 12.0, 20.0, 40.0]), st.sampled_from([1.0, 0.5]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_both_implementations_manage_a_house_alike(
    seed: int, feed_in: float, step_h: float, answering: bool
) -> None:
    random = np.random.default_rng(seed)
    demand = some_days(4, seed)
    prices = tariff(demand.steps, feed_in)
    owns = [replace(own, heat_pump_kw=float(random.uniform(0.3, 1.5))) for own in CASES.values()]
    there = random.random((demand.steps, len(owns))) < 0.95
    product = houses_of(owns, prices, step_h=step_h)
    product.columns.heat_pumps.set("power_kw", [own.heat_pump_kw for own in owns])
    cheap, peak_price, cheapest, left = tariff_signals(prices.taxed, demand.day)
    reported = tariffs(prices.taxed.tolist(), prices.feed_in.tolist(), demand.day.tolist())
    houses = [
        Houses(
            devices_of(own, prices), step_h, 0.3,
            np.array([own.soc_min * own.battery_kwh]), np.zeros(1), own.battery_kwh,
        )
        for own in owns
    ]  # fmt: skip
    for step in range(demand.steps):
        needs = [
            np.where(there[step], series[step], 0.0)
            for series in (demand.load_kwh, demand.heat_kwh, demand.generation_kwh)
        ]
        signal = TariffSignal(
            purchase=prices.taxed[step], feed_in=prices.feed_in[step], cheap=bool(cheap[step]),
            peak_price=peak_price[step], cheapest=cheapest[step], cheap_steps=int(left[step]),
        )  # fmt: skip
        if step and demand.day[step] != demand.day[step - 1]:
            product.begin_day()
            for house in houses:
                house.begin_day()
        product.begin_step(*needs)
        decided = product.decide(step, signal, there[step])
        _, lower, upper = product.room_left(decided)
        # What storages exchange at a price besides moves them, and nothing else of the step.
        answer = np.where(answering, random.uniform(lower, upper), 0.0)
        product.move(product.with_response(decided, answer))
        for h, house in enumerate(houses):
            done = house.step(
                *(need[h : h + 1] for need in needs),
                reported[step],
                there=there[step, h : h + 1],
                answer_kwh=(answer[h], answer[len(owns) + h]),
            )
            found = np.concatenate((
                done.import_kwh, done.export_kwh, done.charge_kwh - done.discharge_kwh,
                done.heat_pump_kwh, done.tank_charge_kwh - done.tank_discharge_kwh,
                done.unmet_heat_kwh, house.stored_kwh, house.tank_kwh,
            ))  # fmt: skip
            due = (
                decided.import_kwh[h], decided.export_kwh[h], decided.battery_kwh[h],
                decided.heat_pump_kwh[h], decided.tank_kwh[h], decided.unmet_heat_kwh[h],
                product.columns.batteries["energy_kwh"][h], product.columns.tanks["heat_kwh"][h],
            )  # fmt: skip
            assert found == pytest.approx(due, abs=1e-8), (step, h)


@given(SEEDS, st.sampled_from(sorted(CASES)), st.sampled_from([7.0, 20.0, 40.0]))
@settings(max_examples=10, deadline=None)
def test_both_implementations_find_the_same_cheapest_dispatch(
    seed: int, case: str, feed_in: float
) -> None:
    demand, own = some_days(2, seed), CASES[case]
    prices = tariff(demand.steps, feed_in)
    start = own.soc_min * own.battery_kwh
    plan = dispatch_exactly(demand, own, prices, start=Stored(start, 0.0), gap=1e-7)
    flows = plan.flows
    least = house_dispatch.cheapest(
        (demand.load_kwh, demand.heat_kwh, demand.generation_kwh),
        house_dispatch.Prices(prices.taxed, prices.feed_in, prices.battery_wear, prices.tank_wear),
        devices_of(own, prices),
        1.0,
        (start, 0.0),
        (float(flows.stored_kwh[-1]), float(flows.tank_kwh[-1])),
    )
    total = float(running_cost(flows, prices).sum())
    assert least == pytest.approx(total, rel=1e-5, abs=1e-3)
