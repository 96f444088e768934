"""Sizes of the storages of houses that cost least over a run, bought and run with foresight."""

import numpy as np

from hmesh.markets.house_dispatch import HouseDemand, HouseDevices, HousePrices
from hmesh.markets.house_sizing import PROHIBITIVE, annuity, size_exactly
from hmesh.runs.schemes.composite_storage.house_keys import StorageSizes
from hmesh.runs.schemes.composite_storage.section import CompositeStorage

YEAR_H = 8760.0
# Which storages a strategy may buy: battery and tank.
BUYS = {
    "house_battery": (True, False), "thermal_tank": (False, True), "hybrid_storage": (True, True)
}  # fmt: skip


def least_cost_sizes(
    settings: CompositeStorage,
    strategy: str,
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
) -> StorageSizes:
    """Return the sizes with the least cost of running and investing under a strategy.

    Parameters
    ----------
    settings : CompositeStorage
        The scenario's section.
    strategy : str
        Which storages it may buy.
    demand : HouseDemand
        The mean needs of all houses over the run.
    devices : HouseDevices
        The devices of a house; their sizes do not matter.
    prices : HousePrices
        What it pays and is paid.

    Raises
    ------
    InputError
        If with these prices it would pay to do two things at once, which needs given sizes.
    """
    years = demand.steps * demand.step_h / YEAR_H
    heat = settings.tank_heat_kwh(1.0)
    life = settings.interest_rate, settings.lifetime_years
    each = settings.battery_price_per_kwh, settings.tank_price_per_kwh / heat
    bought = BUYS[strategy]
    annuities = tuple(
        annuity(price, *life, years) if buys else PROHIBITIVE
        for price, buys in zip(each, bought, strict=True)
    )
    found = size_exactly(demand, devices, prices, (annuities[0], annuities[1]))
    battery, tank = (
        size if buys else 0.0
        for size, buys in zip((found.battery_kwh, found.tank_kwh / heat), bought, strict=True)
    )
    return StorageSizes(battery_kwh=battery, tank_kwh=tank)


def mean_demand(demands: list[HouseDemand]) -> HouseDemand:
    """Return the mean needs of houses."""
    first = demands[0]
    load, heat, sun = (
        np.mean([getattr(each, f"{name}_kwh") for each in demands], axis=0)
        for name in ("load", "heat", "generation")
    )
    return HouseDemand(
        load_kwh=load, heat_kwh=heat, generation_kwh=sun, day=first.day, step_h=first.step_h
    )
