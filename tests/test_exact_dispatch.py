"""A house's cheapest dispatch: balances, limits, closed forms, brute force, invariances."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.environment.thermal_tank import heat_after
from hmesh.markets.exact_dispatch import ExactDispatch, dispatch_exactly
from hmesh.markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HousePrices,
    electricity_imbalance,
    emissions_kg,
    heat_imbalance,
    running_cost,
    self_consumption_rate,
)
from hmesh.markets.house_programme import HouseProgramme, Stored
from hmesh.markets.house_sizing import cost_of_sizes, size_exactly
from hmesh.markets.payback import discounted_payback
from tests.quick_cases import quick
from tests.storage_houses import CASES, NIGHT, some_days, tariff

FEED_INS = (7.0, 20.0, 30.0)


def physical(found: ExactDispatch, demand: HouseDemand, devices: HouseDevices) -> None:
    """Hold a dispatch to every balance and limit of S4, whatever it costs."""
    flows, step_h = found.flows, demand.step_h
    assert np.abs(electricity_imbalance(flows, demand.load_kwh, demand.generation_kwh)).max() < 1e-6
    assert np.abs(heat_imbalance(flows, demand.heat_kwh, devices.cop)).max() < 1e-6
    eta = devices.battery_efficiency
    change = eta * flows.charge_kwh - flows.discharge_kwh / eta
    assert flows.stored_kwh == pytest.approx(np.roll(flows.stored_kwh, 1) + change, abs=1e-6)
    exchange = flows.tank_charge_kwh - flows.tank_discharge_kwh
    held = heat_after(
        np.roll(flows.tank_kwh, 1), exchange, step_h, devices.tank_efficiency,
        devices.tank_loss_per_h,
    )  # fmt: skip
    assert flows.tank_kwh == pytest.approx(held, abs=1e-6)
    size, tank = devices.battery_kwh, devices.tank_kwh
    assert flows.stored_kwh.min() >= devices.soc_min * size - 1e-6
    assert flows.stored_kwh.max() <= devices.soc_max * size + 1e-6
    assert flows.tank_kwh.max() <= tank + 1e-6
    rated = devices.battery_power_per_kwh * size * step_h + 1e-6
    assert max(flows.charge_kwh.max(), flows.discharge_kwh.max()) <= rated
    assert flows.heat_pump_kwh.max() <= devices.heat_pump_kw * step_h + 1e-6
    assert (flows.export_kwh <= demand.generation_kwh + 1e-6).all()
    for one, other in (
        (flows.import_kwh, flows.export_kwh),
        (flows.charge_kwh, flows.discharge_kwh),
        (flows.tank_charge_kwh, flows.tank_discharge_kwh),
    ):
        assert np.minimum(one, other).max() < 1e-6
    midnights = np.flatnonzero(np.diff(demand.day, append=demand.day[-1] + 1))
    assert np.ptp(flows.stored_kwh[midnights]) < 1e-6
    assert np.ptp(flows.tank_kwh[midnights]) < 1e-6


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("feed_in", [*FEED_INS, 0.0, -2.0])
def test_every_balance_and_limit_holds_and_nothing_is_done_both_ways_at_once(
    case: str, feed_in: float
) -> None:
    demand = some_days()
    found = dispatch_exactly(demand, CASES[case], tariff(demand.steps, feed_in))
    physical(found, demand, CASES[case])


@pytest.mark.parametrize("night", quick({-6.0}, [-6.0, -30.0]))
def test_a_house_paid_for_buying_does_not_burn_energy_in_its_storages(night: float) -> None:
    demand = some_days(2)
    for devices in CASES.values():
        found = dispatch_exactly(demand, devices, tariff(demand.steps, 7.0, night))
        physical(found, demand, devices)


def test_steps_of_a_quarter_hour_are_held_to_the_same() -> None:
    hourly = some_days(3)
    quarters = HouseDemand(
        load_kwh=np.repeat(hourly.load_kwh / 4, 4),
        heat_kwh=np.repeat(hourly.heat_kwh / 4, 4),
        generation_kwh=np.repeat(hourly.generation_kwh / 4, 4),
        day=np.repeat(hourly.day, 4),
        step_h=0.25,
    )
    prices = tariff(hourly.steps, 7.0)
    finer = replace(
        prices, purchase=np.repeat(prices.purchase, 4), feed_in=np.repeat(prices.feed_in, 4)
    )
    devices = replace(CASES["hybrid_storage"], tank_loss_per_h=0.0)
    found = dispatch_exactly(quarters, devices, finer)
    physical(found, quarters, devices)
    # Without standing loss a finer step can only help, and a flat hour leaves nothing to gain.
    assert found.cost == pytest.approx(dispatch_exactly(hourly, devices, prices).cost, rel=1e-7)


def test_no_capacity_is_the_house_without_storage() -> None:
    demand = some_days()
    for feed_in in FEED_INS:
        prices = tariff(demand.steps, feed_in)
        found = dispatch_exactly(demand, HouseDevices(), prices)
        net = demand.load_kwh + demand.heat_kwh / 3.0 - demand.generation_kwh
        assert found.flows.import_kwh == pytest.approx(np.maximum(net, 0.0), abs=1e-7)
        assert found.flows.export_kwh == pytest.approx(np.maximum(-net, 0.0), abs=1e-7)


@given(
    night=st.floats(1, 30), spread=st.floats(0, 30), efficiency=st.floats(0.7, 1.0),
    wear=st.floats(0, 5), need=st.floats(0.1, 30), size=st.floats(0.5, 20),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_day_of_two_prices_has_its_closed_form(
    night: float, spread: float, efficiency: float, wear: float, need: float, size: float
) -> None:
    # Saving per kWh discharged: p_day - p_night / eta^2 - wear; used if that is above 0.
    hour = np.arange(24)
    peak_price = (hour >= 8) & (hour < 22)
    nothing = np.zeros(24)
    demand = HouseDemand(
        load_kwh=np.where(peak_price, need / 14, 0.0), heat_kwh=nothing, generation_kwh=nothing,
        day=np.zeros(24, dtype=np.intp),
    )  # fmt: skip
    prices = HousePrices(
        purchase=np.where(peak_price, night + spread, night), feed_in=nothing, battery_wear=wear
    )
    devices = HouseDevices(battery_kwh=size, battery_efficiency=efficiency)
    saving = night + spread - night / efficiency**2 - wear
    most = min(0.8 * size * efficiency, need, 14 * 0.5 * size, 10 * 0.5 * size * efficiency**2)
    without = need * (night + spread)
    found = dispatch_exactly(demand, devices, prices)
    assert found.cost == pytest.approx(without - max(saving, 0.0) * most, rel=1e-6, abs=1e-6)


def test_netting_is_exact_against_brute_force() -> None:
    # Two hours with sun, every choice of who buys and who delivers tried as its own programme.
    demand = HouseDemand(
        load_kwh=np.array([0.6, 1.0, 0.8, 0.5]),
        heat_kwh=np.zeros(4),
        generation_kwh=np.array([0.0, 1.2, 0.7, 0.0]),
        day=np.zeros(4, dtype=np.intp),
    )
    devices = HouseDevices(battery_kwh=2.0)
    for feed_in in (15.0, 30.0, 50.0):
        prices = HousePrices(
            purchase=np.array([13.0, 27.0, 27.0, 27.0]), feed_in=np.full(4, feed_in)
        )
        found = dispatch_exactly(demand, devices, prices)
        best = np.inf
        for buys in product((True, False), repeat=2):
            # Who must not deliver pays to; who must not buy pays too much to.
            feed, pay = prices.feed_in.copy(), prices.purchase.copy()
            for step, alone in zip((1, 2), buys, strict=True):
                feed[step], pay[step] = (-1e4, pay[step]) if alone else (feed[step], 1e4)
            only = HousePrices(purchase=pay, feed_in=feed)
            tried = dispatch_exactly(demand, devices, only, relaxed=True)
            flows = tried.flows
            if (np.minimum(flows.import_kwh, flows.export_kwh) < 1e-9).all():
                best = min(best, float(running_cost(flows, prices).sum()))
        assert found.cost == pytest.approx(best, abs=1e-6)


def test_leaving_netting_out_is_a_lower_bound_that_bites_only_above_the_price() -> None:
    demand = some_days()
    for feed_in in FEED_INS:
        prices = tariff(demand.steps, feed_in)
        bound = dispatch_exactly(demand, CASES["battery"], prices, relaxed=True)
        netted = dispatch_exactly(demand, CASES["battery"], prices)
        if feed_in <= NIGHT:
            assert netted.cost == pytest.approx(bound.cost, abs=1e-6)
        else:
            assert bound.cost < netted.cost - 1.0


def test_the_energy_identity_holds() -> None:
    # imp = imp_1 - (PSR - PSR_1) PV + (loss - loss_1) + (hp - hp_1)
    demand = some_days()
    for feed_in in FEED_INS:
        prices = tariff(demand.steps, feed_in)
        base = dispatch_exactly(demand, CASES["no_storage"], prices).flows
        generated = demand.generation_kwh.sum()
        for devices in CASES.values():
            flows = dispatch_exactly(demand, devices, prices).flows
            consumed = self_consumption_rate(flows.export_kwh, demand.generation_kwh)
            before = self_consumption_rate(base.export_kwh, demand.generation_kwh)
            loss = (flows.charge_kwh - flows.discharge_kwh).sum()
            more_heat = (flows.heat_pump_kwh - base.heat_pump_kwh).sum()
            identity = base.import_kwh.sum() - (consumed - before) * generated + loss + more_heat
            assert flows.import_kwh.sum() == pytest.approx(identity, rel=1e-9)


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("feed_in", [7.0, 30.0])
@pytest.mark.parametrize("case", ["battery", "thermal_tank", "hybrid_storage"])
def test_savings_change_with_feed_in_and_tax_as_the_envelope_states(
    case: str, feed_in: float
) -> None:
    demand, small = some_days(14), 1e-4
    prices = tariff(demand.steps, feed_in)
    taxed = replace(prices, emission_factor=0.347)

    def saving(given: HousePrices) -> float:
        base = dispatch_exactly(demand, CASES["no_storage"], given)
        return base.cost - dispatch_exactly(demand, CASES[case], given).cost

    base = dispatch_exactly(demand, CASES["no_storage"], taxed).flows
    flows = dispatch_exactly(demand, CASES[case], taxed).flows
    more_sold = flows.export_kwh.sum() - base.export_kwh.sum()
    more_fed = replace(prices, feed_in=prices.feed_in + small)
    assert (saving(more_fed) - saving(prices)) / small == pytest.approx(more_sold, rel=1e-3)
    less_co2 = emissions_kg(base.import_kwh, 0.347) - emissions_kg(flows.import_kwh, 0.347)
    with_tax = replace(taxed, carbon_tax=small)
    assert (saving(with_tax) - saving(taxed)) / small == pytest.approx(less_co2, rel=1e-3)
    # So with a tax payback lengthens where storage adds emissions, and else shortens.
    heavy = replace(taxed, carbon_tax=1.0)
    without, with_it = (discounted_payback(saving(each), 1000.0, 0.0) for each in (taxed, heavy))
    if np.isfinite(without):
        assert (with_it > without) == (less_co2 < 0)


def test_cost_falls_and_is_convex_in_each_size() -> None:
    demand = some_days()
    prices = tariff(demand.steps, 7.0)
    for sizes in ([(b, 0.0) for b in (0, 2, 4, 6, 8)], [(0.0, h) for h in (0, 4, 8, 12, 16)]):
        costs = [
            dispatch_exactly(demand, HouseDevices().sized(*size), prices).cost for size in sizes
        ]
        falls = -np.diff(costs)
        assert (falls >= -1e-6).all()
        assert (np.diff(falls) <= 1e-6).all()
    assert falls[0] > 1.0


@pytest.mark.parametrize("feed_in", [19.0, 30.0])
def test_where_the_sun_outbids_the_night_larger_storages_cost_no_more_either(
    feed_in: float,
) -> None:
    demand = some_days(5)
    prices = tariff(demand.steps, feed_in)
    costs = {
        size: dispatch_exactly(demand, HouseDevices().sized(*size), prices).cost
        for size in product((0.0, 3.0, 8.0), (0.0, 6.0, 14.0))
    }
    for (one, cost), (other, more) in product(costs.items(), costs.items()):
        if one[0] <= other[0] and one[1] <= other[1]:
            assert more <= cost + 1e-6
    assert costs[8.0, 14.0] < costs[0.0, 0.0] - 1.0


@given(
    sizes=st.tuples(*[st.tuples(st.floats(0, 12), st.floats(0, 20))] * 2),
    share=st.floats(0.1, 0.9),
)
@settings(max_examples=10, deadline=None)
def test_the_cost_of_sizes_is_convex_in_both_at_once(
    sizes: tuple[tuple[float, float], tuple[float, float]], share: float
) -> None:
    demand = some_days(3)
    costs = cost_of_sizes(demand, HouseDevices(), tariff(demand.steps, 7.0), (0.0, 0.0))
    ends = np.array(sizes)
    between = share * ends[0] + (1 - share) * ends[1]
    one, other, middle = costs(np.array([*ends, between]))
    assert middle <= share * one + (1 - share) * other + 1e-6


def test_two_storages_save_at_least_as_much_as_one_and_no_more_than_both_alone() -> None:
    demand = some_days(14)
    prices = tariff(demand.steps, 7.0)
    costs = {
        size: dispatch_exactly(demand, HouseDevices().sized(*size), prices).cost
        for size in ((0.0, 0.0), (8.0, 0.0), (0.0, 8.0), (8.0, 8.0))
    }
    base = costs[0.0, 0.0]
    alone = [base - costs[8.0, 0.0], base - costs[0.0, 8.0]]
    both = base - costs[8.0, 8.0]
    assert max(alone) - 1e-6 <= both <= sum(alone) + 1e-6


def test_self_consumption_rises_in_the_published_order_where_feed_in_is_low() -> None:
    demand = some_days(28)
    prices = tariff(demand.steps, 7.0)
    rates = [
        self_consumption_rate(
            dispatch_exactly(demand, devices, prices).flows.export_kwh, demand.generation_kwh
        )
        for devices in (
            CASES["no_storage"], CASES["thermal_tank"], CASES["battery"], CASES["hybrid_storage"],
        )
    ]  # fmt: skip
    assert rates == sorted(rates)
    assert rates[3] > rates[0] + 0.1


def test_where_feed_in_is_high_a_battery_lowers_self_consumption_and_raises_emissions() -> None:
    demand = some_days(28)
    prices = tariff(demand.steps, 30.0)
    base = dispatch_exactly(demand, CASES["no_storage"], prices).flows
    flows = dispatch_exactly(demand, CASES["battery"], prices).flows
    assert flows.export_kwh.sum() > base.export_kwh.sum()
    assert flows.import_kwh.sum() > base.import_kwh.sum()


@given(factor=st.floats(0.01, 100), feed_in=st.sampled_from([7.0, 30.0]))
@settings(max_examples=10, deadline=None)
def test_all_money_times_a_factor_changes_nothing_but_the_bill(
    factor: float, feed_in: float
) -> None:
    demand = some_days(2)
    prices = tariff(demand.steps, feed_in)
    other = HousePrices(
        purchase=factor * prices.purchase, feed_in=factor * prices.feed_in,
        battery_wear=factor * prices.battery_wear, tank_wear=factor * prices.tank_wear,
    )  # fmt: skip
    one = dispatch_exactly(demand, CASES["hybrid_storage"], prices)
    two = dispatch_exactly(demand, CASES["hybrid_storage"], other)
    assert two.cost == pytest.approx(factor * one.cost, rel=1e-6)
    assert two.flows.import_kwh.sum() == pytest.approx(one.flows.import_kwh.sum(), rel=1e-5)


def test_whole_weeks_may_change_places() -> None:
    weeks = some_days(14)
    order = np.concatenate([np.arange(168, 336), np.arange(168)])
    shifted = HouseDemand(
        load_kwh=weeks.load_kwh[order], heat_kwh=weeks.heat_kwh[order],
        generation_kwh=weeks.generation_kwh[order], day=weeks.day,
    )  # fmt: skip
    for feed_in in (7.0, 30.0):
        prices = tariff(weeks.steps, feed_in)
        for devices in CASES.values():
            one, two = (dispatch_exactly(each, devices, prices) for each in (weeks, shifted))
            assert two.cost == pytest.approx(one.cost, rel=1e-9)


def test_a_known_start_and_a_free_end_cost_no_more_than_equal_midnights() -> None:
    demand = some_days()
    prices = tariff(demand.steps, 7.0)
    devices = CASES["hybrid_storage"]
    equal = dispatch_exactly(demand, devices, prices)
    start = Stored(float(equal.flows.stored_kwh[-1]), float(equal.flows.tank_kwh[-1]))
    free = dispatch_exactly(demand, devices, prices, start=start)
    assert free.cost <= equal.cost + 1e-6


def test_a_ramp_limits_the_change_of_what_is_drawn() -> None:
    demand = some_days(3)
    prices = tariff(demand.steps, 7.0)
    devices = CASES["hybrid_storage"]
    free = dispatch_exactly(demand, devices, prices)
    held = dispatch_exactly(demand, devices, prices, ramp_kw=1.0)
    drawn = held.flows.import_kwh - held.flows.export_kwh
    assert np.abs(np.diff(drawn)).max() <= 1.0 + 1e-6
    assert np.abs(np.diff(free.flows.import_kwh - free.flows.export_kwh)).max() > 1.0
    assert held.cost > free.cost


def test_heat_that_cannot_be_given_is_reported_with_its_step() -> None:
    demand = some_days(1)
    heat = demand.heat_kwh.copy()
    heat[20] = 9.0
    with pytest.raises(InputError, match=r"heat_kwh, step 20.*9 kWh of heat") as reported:
        dispatch_exactly(replace(demand, heat_kwh=heat), HouseDevices(), tariff(24, 7.0))
    assert "at most 4.5 kWh" in str(reported.value)
    # A tank large enough gives the rest.
    dispatch_exactly(replace(demand, heat_kwh=heat), CASES["thermal_tank"], tariff(24, 7.0))


@pytest.mark.parametrize(("value", "text"), [(np.nan, "is missing"), (-0.5, "is -0.5")])
def test_missing_and_negative_hours_are_refused_with_their_step(value: float, text: str) -> None:
    demand = some_days(1)
    load = demand.load_kwh.copy()
    load[5] = value
    with pytest.raises(InputError, match=rf"load_kwh, step 5.*{text}"):
        replace(demand, load_kwh=load)
    with pytest.raises(InputError, match="23 steps"):
        replace(demand, heat_kwh=demand.heat_kwh[:-1])


def test_sizes_of_one_programme_are_those_that_no_others_beat() -> None:
    demand = some_days(7)
    prices = tariff(demand.steps, 7.0)
    annuities = (294 * 111 / 11.517 * 7 / 365, 80 * 111 / 11.517 * 7 / 365)
    best = size_exactly(demand, HouseDevices(), prices, annuities)
    physical(best, demand, HouseDevices().sized(best.battery_kwh, best.tank_kwh))
    assert best.battery_kwh > 0.5
    assert best.tank_kwh > 0.5
    costs = cost_of_sizes(demand, HouseDevices(), prices, annuities)
    chance = np.random.default_rng(3)
    around = np.array([[best.battery_kwh, best.tank_kwh]]) * (0.5 + chance.random((30, 2)))
    assert (costs(around) >= best.objective - 1e-6).all()
    at = costs(np.array([[best.battery_kwh, best.tank_kwh]]))[0]
    assert at == pytest.approx(best.objective, rel=1e-8)


def test_sizing_refuses_prices_that_need_a_search() -> None:
    demand = some_days(2)
    with pytest.raises(InputError, match="do two things at once"):
        size_exactly(demand, HouseDevices(), tariff(demand.steps, 30.0), (1.0, 1.0))


def test_the_programme_of_a_year_has_the_size_of_the_source() -> None:
    demand = some_days(365)
    prices = tariff(demand.steps, 7.0)
    programme = HouseProgramme(demand, CASES["hybrid_storage"], prices)
    assert (len(programme.cost), programme.row_count) == (78_840, 35_768)
    sized = HouseProgramme(demand, HouseDevices(), prices, annuities=(1.0, 1.0))
    assert (len(sized.cost), sized.row_count) == (78_842, 97_088)
