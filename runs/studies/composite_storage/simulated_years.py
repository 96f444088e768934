"""Years of a house with storages, simulated in memory for the tables of its study."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hmesh.agents.house_populations import KINDS, HousePopulations
from hmesh.agents.storage_houses import StorageHouses
from hmesh.environment.arrays import FloatArray
from hmesh.environment.light_mesa import mesa
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.streams import Streams
from hmesh.markets.exact_dispatch import dispatch_exactly
from hmesh.markets.home_energy_rules import TariffSignal, tariff_signals
from hmesh.markets.house_dispatch import (
    HouseDemand,
    HouseFlows,
    HousePrices,
    emissions_kg,
    running_cost,
    self_consumption_rate,
)
from hmesh.markets.known_days import KnownDays
from hmesh.markets.payback import discounted_payback
from hmesh.markets.present_value import net_present_value
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting

YEAR_H = 8760.0


class BareWorld(mesa.Model):  # type: ignore[type-arg]
    """As much of a world as houses look at; all messages arrive in it."""

    def __init__(self, step_h: float) -> None:
        super().__init__(rng=0)
        self.step_h = step_h
        self.bus = MessageBus(Streams(0))


@dataclass(frozen=True, slots=True)
class HouseYear:
    """What a house did and what that amounts to.

    Attributes
    ----------
    flows : HouseFlows
        What it did, arrays of shape (steps,).
    self_consumption : float
        Share of its generation that it used [-].
    import_kwh, export_kwh, co2_kg, cost : float
        What it bought, delivered and emitted, and its running cost [kWh, kg, money].
    gap : float
        Share of the cost by which a cheaper dispatch may have been missed [-].
    """

    flows: HouseFlows
    self_consumption: float
    import_kwh: float
    export_kwh: float
    co2_kg: float
    cost: float
    gap: float = 0.0


def year_of(
    flows: HouseFlows, demand: HouseDemand, prices: HousePrices, gap: float = 0.0
) -> HouseYear:
    """Return what the flows of a house amount to."""
    return HouseYear(
        flows,
        self_consumption_rate(flows.export_kwh, demand.generation_kwh),
        float(flows.import_kwh.sum()),
        float(flows.export_kwh.sum()),
        emissions_kg(flows.import_kwh, prices.emission_factor),
        float(running_cost(flows, prices).sum()),
        gap,
    )


def with_foresight(
    setting: CompositeStorageSetting,
    strategy: str,
    prices: HousePrices,
    known: KnownDays | None = None,
) -> HouseYear:
    """Return the cheapest year of the first house, equal at every midnight as the source has it."""
    demand = setting.demand(0)
    found = dispatch_exactly(demand, setting.devices(strategy), prices, known=known)
    return year_of(found.flows, demand, prices, found.gap)


def by_rules(
    setting: CompositeStorageSetting, strategies: Sequence[str], prices: HousePrices
) -> dict[str, HouseYear]:
    """Return the year of the first house under several strategies, managed without foresight."""
    flows = simulate_by_rules(setting, _side_by_side(setting, strategies), prices)
    demand = setting.demand(0)
    return {
        strategy: year_of(_house(flows, k), demand, prices) for k, strategy in enumerate(strategies)
    }


def simulate_by_rules(
    setting: CompositeStorageSetting,
    columns: HousePopulations,
    prices: HousePrices,
    needs: Sequence[FloatArray] | None = None,
) -> HouseFlows:
    """Let houses be managed step by step, and return what they did, shape (steps, houses).

    Parameters
    ----------
    setting : CompositeStorageSetting
        Its days and, without `needs`, the needs of its first house.
    columns : HousePopulations
        The houses.
    prices : HousePrices
        What they pay and are paid.
    needs : sequence of array, shape (houses,), optional
        Factors of each house on load, heat and generation of the first each.
    """
    houses = StorageHouses(BareWorld(setting.step_h), columns, setting.settings.memory)
    count, demand = len(houses), setting.demand(0)
    factors = [np.ones(count)] * 3 if needs is None else list(needs)
    cheap, peak_price, cheapest, left = tariff_signals(prices.taxed, setting.day)
    there = np.ones(count, dtype=np.bool_)
    kept = {name: np.empty((demand.steps, count)) for name in HouseFlows.__dataclass_fields__}
    for step in range(demand.steps):
        if step and setting.day[step] != setting.day[step - 1]:
            houses.begin_day()
        houses.begin_step(
            demand.load_kwh[step] * factors[0],
            demand.heat_kwh[step] * factors[1],
            demand.generation_kwh[step] * factors[2],
        )
        houses.model.bus.begin_step(step)
        signal = TariffSignal(
            purchase=float(prices.taxed[step]),
            feed_in=float(prices.feed_in[step]),
            cheap=bool(cheap[step]),
            peak_price=float(peak_price[step]),
            cheapest=float(cheapest[step]),
            cheap_steps=int(left[step]),
        )
        done = houses.decide(step, signal, there)
        houses.move(done)
        for name, values in (
            ("import_kwh", done.import_kwh),
            ("export_kwh", done.export_kwh),
            ("charge_kwh", np.maximum(done.battery_kwh, 0.0)),
            ("discharge_kwh", np.maximum(0.0 - done.battery_kwh, 0.0)),
            ("stored_kwh", columns.batteries["energy_kwh"]),
            ("heat_pump_kwh", done.heat_pump_kwh),
            ("tank_charge_kwh", np.maximum(done.tank_kwh, 0.0)),
            ("tank_discharge_kwh", np.maximum(0.0 - done.tank_kwh, 0.0)),
            ("tank_kwh", columns.tanks["heat_kwh"]),
            ("unmet_heat_kwh", done.unmet_heat_kwh),
        ):
            kept[name][step] = values
    return HouseFlows(**kept)


def _side_by_side(setting: CompositeStorageSetting, strategies: Sequence[str]) -> HousePopulations:
    """Return the first house under each of several strategies, a row for each."""
    houses = HousePopulations.of(len(strategies))
    for row, strategy in enumerate(strategies):
        of_one = setting.populations(strategy)
        for kind in KINDS:
            columns, one = getattr(houses, kind), getattr(of_one, kind)
            for name in columns.attributes:
                columns[name][row] = one[name][0]
    return houses


def _house(flows: HouseFlows, house: int) -> HouseFlows:
    names = HouseFlows.__dataclass_fields__
    return HouseFlows(**{name: getattr(flows, name)[:, house] for name in names})


def priced(setting: CompositeStorageSetting, feed_in: float, tax: float = 0.0) -> HousePrices:
    """Return the prices of the scenario with another feed-in tariff and carbon tax."""
    prices = setting.prices
    return replace(prices, feed_in=np.full(setting.steps, feed_in), carbon_tax=tax)


def per_year(setting: CompositeStorageSetting) -> float:
    """Return by what a sum over the run is multiplied to be that of a year [1/a]."""
    return YEAR_H / (setting.steps * setting.step_h)


def saving_per_year(setting: CompositeStorageSetting, first: HouseYear, other: HouseYear) -> float:
    """Return how much less a year costs than without storage [money/a], eq. (14)."""
    return (first.cost - other.cost) * per_year(setting)


def payback_of(setting: CompositeStorageSetting, strategy: str, saving: float) -> float:
    """Return the years after which savings have paid the storages of a case [a]."""
    rate = setting.settings.interest_rate
    return discounted_payback(saving, setting.investment(strategy), rate)


def worth_of(setting: CompositeStorageSetting, strategy: str, saving: float) -> float:
    """Return what the storages of a case are worth today over their life [money]."""
    settings = setting.settings
    return net_present_value(
        saving, setting.investment(strategy), settings.interest_rate, settings.lifetime_years
    )
