"""A house's cheapest dispatch written down plainly, to compare the quick one with."""

from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from hmesh.environment.arrays import FloatArray
from hmesh.markets.house_dispatch import HouseDemand, HouseDevices, HousePrices
from hmesh.markets.house_programme import Stored

NAMES = ("imp", "exp", "bc", "bd", "eb", "hp", "tc", "td", "et", "buys", "fills", "heats")


def plain_cost(
    demand: HouseDemand, devices: HouseDevices, prices: HousePrices, start: Stored | None = None
) -> float:
    """Return the least cost of a house, with a binary variable for whatever may happen at once.

    Every step has one that says whether it buys, charges and fills its tank, with limits wide
    enough for any house of the tests. Returns infinity where there is no dispatch.
    """
    steps, wide = demand.steps, 200.0
    at = {name: np.arange(k * steps, (k + 1) * steps) for k, name in enumerate(NAMES)}
    width = len(NAMES) * steps
    rows, low, high = [], [], []

    def row(least: float, most: float, **terms: float) -> None:
        line = np.zeros(width)
        for name, value in terms.items():
            variable, _, when = name.partition("_at_")
            line[at[variable][int(when)]] += value
        rows.append(line)
        low.append(least)
        high.append(most)

    kept = (1.0 - devices.tank_loss_per_h) ** demand.step_h
    eta, eta_tank = devices.battery_efficiency, devices.tank_efficiency
    for t in range(steps):
        net = demand.generation_kwh[t] - demand.load_kwh[t]
        uses = {f"{name}_at_{t}": 1.0 for name in ("hp", "bc", "exp")}
        row(net, net, **uses, **{f"imp_at_{t}": -1.0, f"bd_at_{t}": -1.0})
        heat = demand.heat_kwh[t]
        row(heat, heat, **{f"hp_at_{t}": devices.cop, f"td_at_{t}": 1.0, f"tc_at_{t}": -1.0})
        for level, charge, discharge, share, stays, held in (
            ("eb", "bc", "bd", eta, 1.0, start.battery_kwh if start else 0.0),
            ("et", "tc", "td", eta_tank, kept, start.tank_kwh if start else 0.0),
        ):
            change = {f"{charge}_at_{t}": -share, f"{discharge}_at_{t}": 1.0 / share}
            before = {} if start and t == 0 else {f"{level}_at_{(t - 1) % steps}": -stays}
            begins = stays * held if start and t == 0 else 0.0
            terms = {f"{level}_at_{t}": 1.0, **change}
            for name, value in before.items():
                terms[name] = terms.get(name, 0.0) + value
            row(begins, begins, **terms)
        for either, one, other in (
            ("buys", "imp", "exp"), ("fills", "bc", "bd"), ("heats", "tc", "td"),
        ):  # fmt: skip
            row(-np.inf, 0.0, **{f"{one}_at_{t}": 1.0, f"{either}_at_{t}": -wide})
            row(-np.inf, wide, **{f"{other}_at_{t}": 1.0, f"{either}_at_{t}": wide})
    last = np.append(np.flatnonzero(np.diff(demand.day)), steps - 1)
    if start is None:
        for one, two in pairwise(last):
            row(0.0, 0.0, **{f"eb_at_{one}": 1.0, f"eb_at_{two}": -1.0})
            row(0.0, 0.0, **{f"et_at_{one}": 1.0, f"et_at_{two}": -1.0})
    step_h = demand.step_h
    most: dict[str, FloatArray | float] = {
        "imp": wide, "exp": demand.generation_kwh,
        "bc": devices.battery_power_per_kwh * devices.battery_kwh * step_h,
        "bd": devices.battery_power_per_kwh * devices.battery_kwh * step_h,
        "eb": devices.soc_max * devices.battery_kwh, "hp": devices.heat_pump_kw * step_h,
        "tc": devices.tank_power_per_kwh * devices.tank_kwh * step_h,
        "td": devices.tank_power_per_kwh * devices.tank_kwh * step_h,
        "et": devices.tank_kwh, "buys": 1.0, "fills": 1.0, "heats": 1.0,
    }  # fmt: skip
    upper = np.concatenate([np.broadcast_to(most[name], steps) for name in NAMES])
    lower = np.zeros(width)
    lower[at["eb"]] = devices.soc_min * devices.battery_kwh
    cost = np.zeros(width)
    cost[at["imp"]], cost[at["exp"]] = prices.taxed, -prices.feed_in
    cost[at["bd"]], cost[at["td"]] = prices.battery_wear, prices.tank_wear
    whole = np.zeros(width)
    whole[9 * steps :] = 1
    found = milp(
        cost, integrality=whole, bounds=Bounds(lower, upper),
        constraints=LinearConstraint(np.array(rows), np.array(low), np.array(high)),
        options={"mip_rel_gap": 1e-9},
    )  # fmt: skip
    return float(found.fun) if found.x is not None else np.inf
