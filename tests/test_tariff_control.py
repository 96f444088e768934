"""A battery that knows its tariff: against search, linear programmes, a second implementation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from hmesh.environment.battery import charged
from hmesh.markets import tariff_control
from hmesh.markets.connection import Connection, settle_connection
from hmesh.markets.lowest_peak import lowest_peak_kw
from hmesh.markets.tariff_control import (
    SiteBatteries,
    StepTariff,
    best_exchange,
    self_consumption,
    step_cost,
    worth_of_stored,
)
from hmesh.runs.audits.reference import metered_sites as plain

DAY = 24


def batteries(n: int, size: float = 12.0, wear: float = 0.0) -> SiteBatteries:
    def full(value: float) -> np.ndarray:
        return np.full(n, value)

    return SiteBatteries(
        full(size), full(0.4 * size), full(0.1), full(0.95), full(0.95), full(0.92), full(wear)
    )


def free(n: int) -> Connection:
    none = np.full(n, np.inf)
    yes = np.ones(n, dtype=np.bool_)
    return Connection(none, none, none, ~yes, yes, yes)


def random_connection(rng: np.random.Generator, n: int) -> Connection:
    def limit() -> np.ndarray:
        return np.where(rng.random(n) < 0.4, np.inf, rng.uniform(1.0, 9.0, n))

    return Connection(
        limit(), limit(), limit(), rng.random(n) < 0.5, rng.random(n) < 0.5, rng.random(n) < 0.5
    )


def random_days(rng: np.random.Generator, steps: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    load = rng.uniform(0.2, 6.0, (steps, n))
    sun = np.maximum(rng.uniform(-5.0, 9.0, (steps, n)), 0.0)
    return load, sun


def tariffs(steps: int, demand: float = 0.0) -> list[StepTariff]:
    return [StepTariff(0.18 if t % DAY < 6 else 0.3, 0.08, demand) for t in range(steps)]


def dispatched(
    load: np.ndarray, sun: np.ndarray, prices: list[StepTariff], held: SiteBatteries, aim: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cost of each site's run with perfect forecasts, and its highest power."""
    n = load.shape[1]
    at, aims = free(n), np.full(n, aim)
    worth = worth_of_stored(load, sun, prices, held, at, aims, 1.0)
    energy, cost, peak = held.soc_min * held.capacity_kwh, np.zeros(n), np.zeros(n)
    for t, price in enumerate(prices):
        exchange = best_exchange(energy, load[t], sun[t], price, held, at, aims, 1.0, worth[t + 1])
        flows = settle_connection(load[t], sun[t], exchange, at, 1.0)
        cost += step_cost(flows, price, held.wear, aims, 1.0)
        peak = np.maximum(peak, flows.import_kwh)
        energy = charged(energy, exchange, held.charge_efficiency, held.discharge_efficiency)
    return cost, peak


def cheapest(
    load: np.ndarray,
    sun: np.ndarray,
    prices: list[StepTariff],
    held: SiteBatteries,
    k: int,
    *,
    peak: bool = False,
) -> float:
    """Return the least cost of a site, or its least highest power, by a linear programme."""
    steps = len(load)
    size, up, down = (float(getattr(held, n)[k]) for n in
                      ("capacity_kwh", "charge_efficiency", "discharge_efficiency"))  # fmt: skip
    low, top = float(held.soc_min[k]) * size, float(held.soc_max[k]) * size
    power = float(held.power_kw[k])
    # import, export, charge, discharge, stored after each step, highest power.
    cost = np.concatenate([
        [p.purchase for p in prices], [-p.feed_in for p in prices], np.zeros(3 * steps), [0.0]
    ])  # fmt: skip
    if peak:
        cost = np.append(np.zeros(5 * steps), 1.0)
    balance = np.zeros((2 * steps, 5 * steps + 1))
    right = np.zeros(2 * steps)
    rows = np.arange(steps)
    balance[rows, rows] = 1.0
    balance[rows, steps + rows] = -1.0
    balance[rows, 2 * steps + rows] = -1.0
    balance[rows, 3 * steps + rows] = 1.0
    right[:steps] = load[:, k] - sun[:, k]
    balance[steps + rows, 4 * steps + rows] = 1.0
    balance[steps + rows[1:], 4 * steps + rows[:-1]] = -1.0
    balance[steps + rows, 2 * steps + rows] = -up
    balance[steps + rows, 3 * steps + rows] = 1.0 / down
    right[steps] = low
    highest = np.zeros((steps, 5 * steps + 1))
    highest[rows, rows], highest[rows, -1] = 1.0, -1.0
    bounds = [(0, None)] * (2 * steps) + [(0, power)] * (2 * steps)
    bounds += [(low, top)] * steps + [(0, None)]
    found = linprog(cost, highest, np.zeros(steps), balance, right, bounds)
    assert found.status == 0
    return float(found.fun)


def test_costs_between_the_least_and_what_was_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines between levels lie above a convex worth, the closer the more levels there are."""
    rng = np.random.default_rng(5)
    load, sun = random_days(rng, 48, 3)
    prices, held, none = tariffs(48), batteries(3), np.zeros(3)
    least = np.array([cheapest(load, sun, prices, held, k) for k in range(3)])
    cost, _ = dispatched(load, sun, prices, held, 0.0)
    foreseen = worth_of_stored(load, sun, prices, held, free(3), none, 1.0)[0, :, 0]
    assert (least <= cost + 1e-9).all()
    assert (cost <= foreseen + 1e-9).all()
    monkeypatch.setattr(tariff_control, "LEVELS", 81)
    finer = worth_of_stored(load, sun, prices, held, free(3), none, 1.0)[0, :, 0]
    assert (finer - least <= 0.25 * (foreseen - least) + 1e-9).all()


def test_finds_the_lowest_power_that_can_be_kept_and_keeps_it() -> None:
    rng = np.random.default_rng(6)
    load, _ = random_days(rng, 48, 3)
    sun = np.zeros_like(load)
    held = batteries(3)
    start = held.soc_min * held.capacity_kwh
    found = lowest_peak_kw(start, load, sun, np.ones(48, dtype=np.bool_), held, free(3), 1.0)
    for k in range(3):
        least = cheapest(load, sun, tariffs(48), held, k, peak=True)
        assert least - 1e-9 <= found[k] <= least + load[:, k].max() / 1000
    for k in range(3):
        one = SiteBatteries(*(getattr(held, name)[k : k + 1] for name in held.__slots__))
        column = load[:, k : k + 1], sun[:, k : k + 1]
        _, peak = dispatched(*column, tariffs(48, 10.0), one, float(found[k]))
        assert peak[0] <= found[k] + 1e-6


@pytest.mark.parametrize("step_h", [1.0, 0.25])
def test_no_other_exchange_costs_less(step_h: float) -> None:
    """Search every exchange of a step on a fine grid."""
    rng = np.random.default_rng(7)
    n = 40
    load, sun = random_days(rng, 1, n)
    load, sun = load * step_h, sun * step_h
    held, at = batteries(n, wear=0.02), random_connection(rng, n)
    worth = np.sort(rng.uniform(0.0, 3.0, (n, 11)), axis=1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    energy = rng.uniform(1.2, 11.4, n)
    aim = rng.uniform(0.0, 5.0, n)
    for price in (StepTariff(0.3, 0.1, 4.0), StepTariff(0.3, -0.1, 0.0, worthless=True)):
        chosen = best_exchange(energy, load[0], sun[0], price, held, at, aim, step_h, worth)

        def total(exchange: np.ndarray, price: StepTariff = price) -> np.ndarray:
            flows = settle_connection(
                load[0], sun[0], exchange, at, step_h, worthless=price.worthless
            )
            after = charged(
                energy, flows.battery_kwh, held.charge_efficiency, held.discharge_efficiency
            )
            levels = held.levels_kwh
            ahead = [np.interp(e, levels[k], worth[k]) for k, e in enumerate(after)]
            return step_cost(flows, price, held.wear, aim, step_h) + ahead

        least = total(chosen)
        low, high = held.bounds(energy, step_h)
        for share in np.linspace(0.0, 1.0, 301):
            assert (total(low + share * (high - low)) >= least - 1e-9).all()


@given(seed=st.integers(0, 2**32 - 1), worthless=st.booleans())
@settings(max_examples=8)
def test_a_second_implementation_finds_the_same(seed: int, worthless: bool) -> None:
    rng = np.random.default_rng(seed)
    n, steps = 3, 6
    load, sun = random_days(rng, steps, n)
    held, at = batteries(n, wear=0.01), random_connection(rng, n)
    prices = [
        StepTariff(0.2 + 0.1 * (t % 2), -0.05 if worthless else 0.08, 3.0 * (t > 2), worthless)
        for t in range(steps)
    ]
    aim = rng.uniform(1.0, 5.0, n)
    worth = worth_of_stored(load, sun, prices, held, at, aim, 0.5)
    energy = held.levels_kwh[:, 4] + 0.1
    exchange = best_exchange(energy, load[0], sun[0], prices[0], held, at, aim, 0.5, worth[1])
    plain_rule = self_consumption(energy, load[0], sun[0], held, at, 0.5)
    for k in range(n):
        site = plain.Site(
            *(float(getattr(held, name)[k]) for name in held.__slots__),
            *(getattr(at, name)[k].item() for name in at.__slots__),
        )  # fmt: skip
        stated = [plain.Price(p.purchase, p.feed_in, p.demand_price, p.worthless) for p in prices]
        own = load[:, k].tolist(), sun[:, k].tolist()
        again = plain.worth_ahead(site, *own, stated, float(aim[k]), 0.5)
        np.testing.assert_allclose(worth[:, k], again, rtol=1e-11, atol=1e-11)
        now = (site, float(energy[k]), own[0][0], own[1][0], stated[0], float(aim[k]), 0.5,
               plain.levels(site), again[1])  # fmt: skip
        least = plain.least_cost(*now)
        assert plain.total_cost(*now, float(exchange[k])) == pytest.approx(least, abs=1e-10)
        low, high = plain.allowed(site, float(energy[k]), own[0][0], own[1][0], 0.5)
        due = min(max(own[1][0] - own[0][0], low), high)
        assert plain_rule[k] == pytest.approx(due, abs=1e-12)


def test_a_site_alone_decides_as_among_others_and_in_any_unit() -> None:
    rng = np.random.default_rng(9)
    load, sun = random_days(rng, 12, 5)
    held, at, aim = batteries(5), random_connection(rng, 5), rng.uniform(1, 5, 5)
    worth = worth_of_stored(load, sun, tariffs(12, 2.0), held, at, aim, 1.0)
    for k in (0, 3):
        own = slice(k, k + 1)
        one = SiteBatteries(*(getattr(held, name)[own] for name in held.__slots__))
        there = Connection(*(getattr(at, name)[own] for name in at.__slots__))
        alone = worth_of_stored(
            load[:, own], sun[:, own], tariffs(12, 2.0), one, there, aim[own], 1.0
        )
        np.testing.assert_array_equal(worth[:, own], alone)
    doubled = SiteBatteries(2 * held.capacity_kwh, 2 * held.power_kw, *(
        getattr(held, name) for name in held.__slots__[2:]
    ))  # fmt: skip
    twice = Connection(2 * at.import_kw, 2 * at.export_kw, 2 * at.inverter_kw, at.dc_coupled,
                       at.battery_exports, at.grid_charges)  # fmt: skip
    more = worth_of_stored(2 * load, 2 * sun, tariffs(12, 2.0), doubled, twice, 2 * aim, 1.0)
    np.testing.assert_allclose(more, 2 * worth, rtol=1e-12)
