"""Sizes of a house's storages: exact, and searched as the study of a house with storages does."""

import numpy as np

from hmesh.markets.house_sizing import cost_of_sizes, size_exactly
from hmesh.markets.particle_swarm import Found, Swarm, adaptive_swarm, pymoo_swarm
from hmesh.markets.present_value import annuity_factor
from hmesh.runs.schemes.composite_storage.setting import NO_STORAGE, CompositeStorageSetting
from hmesh.runs.studies.composite_storage.years_lived import priced
from hmesh.runs.studies.study_report import Cell, Column, ReportSection


def sizes(setting: CompositeStorageSetting, feed_in: float) -> ReportSection:
    """Search the sizes of January as the source does, and find them exactly.

    Parameters
    ----------
    setting
        The house.
    feed_in
        Feed-in tariff, below all purchase prices [JPY/kWh].
    """
    steps = np.flatnonzero(setting.months == 1)
    first, last = (int(steps[0]), int(steps[-1]) + 1) if len(steps) else (0, setting.steps)
    demand = setting.demand(0).between(first, last)
    prices = priced(setting, feed_in).of_steps(slice(first, last))
    settings = setting.settings
    factor = annuity_factor(settings.interest_rate, settings.lifetime_years)
    share = (last - first) * setting.step_h / 8760.0
    per_heat = settings.tank_price_per_kwh / settings.tank_heat_kwh(1.0)
    annuities = (
        settings.battery_price_per_kwh / factor * share,
        per_heat / factor * share,
    )
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
