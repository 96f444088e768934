"""What buses cost and earn that also give energy back, where a scenario has prices."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.investment_rows import investment_figures

if TYPE_CHECKING:
    from hmesh.runs.schemes.school_buses.step import SchoolBusSharing

# Strategies under which buses sell nothing in critical hours.
ONE_WAY = ("charge_after_use", "valley_charging")


def cost_of_step(buses: "SchoolBusSharing") -> dict[str, float]:
    """Return what schools pay for energy and by wear less what they earn, where it is asked for."""
    economics = buses.schools.rules.economics
    if economics is None:
        return {}
    price, tariff = buses.simulation.paid_price(), buses.schools.tariff
    if tariff is not None:
        price = np.full_like(price, tariff[buses.simulation.step_index])
    at = price[buses.community]
    bought = buses.charged_kwh + buses.district.by_school(buses.response_kwh)
    given = float(buses.sold_kwh.sum()) + float(np.maximum(0.0 - buses.response_kwh, 0.0).sum())
    earned = float(buses.income.sum())
    paid = float((at * bought).sum())
    if tariff is None and buses.meters is not None:
        paid = buses.charging_bill
    return {"school_running_cost": paid - earned + economics.wear * given}


def cost_of_chargers(buses: "SchoolBusSharing") -> dict[str, float]:
    """Return what buses cost that may sell, and what money costs, where it is stated."""
    scenario, rules = buses.setting.scenario, buses.schools.rules
    economics = rules.economics
    if economics is None:
        return {}
    each = economics.charger_price + economics.charger_price_per_kw * rules.power_kw
    each += economics.battery_price_per_kwh * rules.capacity_kwh
    sells = buses.strategy not in ONE_WAY or buses.answers is not None
    price = each * len(buses.district.buses) if sells else 0.0
    return investment_figures("school", economics, price, scenario.steps * scenario.step_h)
