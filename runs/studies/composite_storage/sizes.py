"""Sizes of a house's storages: exact, and searched as the study of a house with storages does."""

from dataclasses import dataclass

import numpy as np

from hmesh.markets.house_dispatch import HouseDemand, HousePrices
from hmesh.markets.house_sizing import PROHIBITIVE, annuity, cost_of_sizes, size_exactly
from hmesh.markets.particle_swarm import Found, Swarm, adaptive_swarm, pymoo_swarm
from hmesh.runs.schemes.composite_storage.setting import NO_STORAGE, CompositeStorageSetting
from hmesh.runs.studies.composite_storage.simulated_years import priced
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_report import Cell, Column, ReportSection


@dataclass(frozen=True, slots=True)
class JanuarySizes:
    """Sizes that make January cheapest, its share of the annuities counted.

    Attributes
    ----------
    both : (float, float)
        Battery and tank where both may be bought [kWh, kWh of electricity].
    battery_alone, tank_alone : float
        The only one that may be bought [kWh, kWh of electricity].
    """

    both: tuple[float, float]
    battery_alone: float
    tank_alone: float


def january_sizes(setting: CompositeStorageSetting, feed_in: float) -> JanuarySizes:
    """Return the sizes that make January cheapest, each found by one linear programme.

    Parameters
    ----------
    setting : CompositeStorageSetting
        The house.
    feed_in : float
        Feed-in tariff, below all purchase prices [JPY/kWh].
    """
    demand, prices, annuities = _january(setting, feed_in)
    devices, heat = setting.devices(NO_STORAGE), setting.settings.tank_heat_kwh(1.0)
    battery, tank = annuities
    both = size_exactly(demand, devices, prices, annuities)
    alone = size_exactly(demand, devices, prices, (battery, PROHIBITIVE))
    other = size_exactly(demand, devices, prices, (PROHIBITIVE, tank))
    return JanuarySizes(
        (both.battery_kwh, both.tank_kwh / heat), alone.battery_kwh, other.tank_kwh / heat
    )


def table_4(figures: tuple[PublishedFigure, ...], january: JanuarySizes) -> ReportSection:
    """Set the sizes of Table 4 beside those that make January cheapest."""
    ours = {
        ("2 BESS", "battery capacity"): january.battery_alone,
        ("3 TESS", "thermal tank capacity"): january.tank_alone,
        ("4 HESS", "battery capacity"): january.both[0],
        ("4 HESS", "thermal tank capacity"): january.both[1],
    }
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f.item, f.metric, f.value, ours[f.item, f.metric], ours[f.item, f.metric] / f.value)
        for f in figures
        if f.where == "Table 4"
    )
    columns = (
        Column("case"), Column("size"), Column("published [kWh]", ".1f"),
        Column("January, exact [kWh]", ".2f"), Column("times the published", ".2f"),
    )  # fmt: skip
    text = (
        "Simulations take the published sizes. These are those with which the house as it is "
        "assumed here would run January cheapest; tanks in kWh of electricity. The source sizes by "
        "January too, with a house and prices of storages that it does not print.",
    )
    return ReportSection("table_4", "Table 4: sizes", columns, rows, text)


def _january(
    setting: CompositeStorageSetting, feed_in: float
) -> tuple[HouseDemand, HousePrices, tuple[float, float]]:
    """Return needs and prices of January, and the share of the annuities that it bears."""
    steps = np.flatnonzero(setting.months == 1)
    first, last = (int(steps[0]), int(steps[-1]) + 1) if len(steps) else (0, setting.steps)
    settings = setting.settings
    share = (last - first) * setting.step_h / 8760.0
    per_heat = settings.tank_price_per_kwh / settings.tank_heat_kwh(1.0)
    life = settings.interest_rate, settings.lifetime_years
    annuities = (
        annuity(settings.battery_price_per_kwh, *life, share), annuity(per_heat, *life, share)
    )  # fmt: skip
    demand = setting.demand(0).between(first, last)
    return demand, priced(setting, feed_in).of_steps(slice(first, last)), annuities


def sizes(setting: CompositeStorageSetting, feed_in: float) -> ReportSection:
    """Search the sizes of January as the source does, and find them exactly.

    Parameters
    ----------
    setting : CompositeStorageSetting
        The house.
    feed_in : float
        Feed-in tariff, below all purchase prices [JPY/kWh].
    """
    demand, prices, annuities = _january(setting, feed_in)
    settings = setting.settings
    devices = setting.devices(NO_STORAGE)
    exact = size_exactly(demand, devices, prices, annuities)
    costs = cost_of_sizes(demand, devices, prices, annuities)
    low, high = np.zeros(2), np.array([20.0, 40.0])
    swarm = Swarm(particles=6, iterations=10)
    searches: dict[str, Found] = {
        "adaptive swarm of the source, corrected": adaptive_swarm(
            costs, low, high, np.random.default_rng(1), swarm
        ),
        "swarm of pymoo": pymoo_swarm(costs, low, high, 1, swarm),
    }
    heat = settings.tank_heat_kwh(1.0)
    rows: list[tuple[Cell, ...]] = [
        ("one linear programme", exact.battery_kwh, exact.tank_kwh / heat, exact.objective, 0.0, 1)
    ]
    for name, found in searches.items():
        above = found.cost / exact.objective - 1.0
        size = found.point.tolist()
        rows.append((name, size[0], size[1] / heat, found.cost, above, found.evaluations))
    columns = (
        Column("found by"),
        Column("battery [kWh]", ".2f"),
        Column("tank [kWh]", ".2f"),
        Column("cost [JPY]", ",.1f"),
        Column("above the exact", ".1e"),
        Column("dispatches solved"),
    )
    text = (
        "Sizes that make January cheapest, its share of the annuities counted; tanks in the unit "
        "of the scenario. A search can never find less than the linear programme.",
    )
    return ReportSection("sizes", "Sizes, exact and searched", columns, tuple(rows), text)
