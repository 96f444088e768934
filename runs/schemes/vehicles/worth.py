"""What chargers for both directions cost under a strategy, and what vehicles then pay."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.investment_rows import investment_figures
from hmesh.runs.schemes.vehicles.vehicle_payments import paid_and_received

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing

# The strategy under which nobody discharges.
ONE_WAY = "typical"


def cost_of_step(vehicles: "VehicleSharing") -> dict[str, float]:
    """Return what vehicles pay for energy and by wear of their batteries, where it is asked for."""
    economics = vehicles.setting.scenario.vehicles.economics
    if economics is None:
        return {}
    price, tariff = vehicles.simulation.paid_price(), vehicles.vehicles.tariff
    if tariff is not None:
        price = np.full_like(price, tariff[vehicles.simulation.step_index])
    energy = float((price * vehicles.vehicle_kwh).sum())
    if tariff is None and vehicles.own_tariffs is not None:
        paid, received = paid_and_received(vehicles)
        energy = paid - received
    wear = economics.wear * float(vehicles.discharged_kwh.sum())
    return {"ev_running_cost": energy + wear}


def cost_of_chargers(vehicles: "VehicleSharing") -> dict[str, float]:
    """Return what chargers for both directions cost, and what money costs, where it is stated."""
    scenario = vehicles.setting.scenario
    economics = scenario.vehicles.economics
    if economics is None:
        return {}
    v2g_kw = vehicles.whole.fleet["v2g_kw"][: vehicles.vehicles_there]
    power_kw = v2g_kw[v2g_kw > 0]
    price = economics.charger_price * len(power_kw)
    price += economics.charger_price_per_kw * float(power_kw.sum())
    if vehicles.strategy == ONE_WAY:
        price = 0.0
    return investment_figures("ev", economics, price, scenario.steps * scenario.step_h)
