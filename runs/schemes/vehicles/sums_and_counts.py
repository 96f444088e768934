"""Totals of vehicles in a step: energies, money and counts."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.moments import MS_PER_H
from hmesh.runs.schemes.vehicles.group_figures import group_sums
from hmesh.runs.schemes.vehicles.vehicle_payments import paid_and_received
from hmesh.runs.schemes.vehicles.worth import cost_of_chargers, cost_of_step

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing

AT_BOUND = 1e-9


def sums_of(vehicles: "VehicleSharing") -> dict[str, float]:
    """Return the energies of the step, and the bill with its two parts."""
    paid, received = paid_and_received(vehicles)
    own, bill = vehicles.own_tariffs, paid - received
    if own is None:
        bill = float((vehicles.simulation.paid_price() * vehicles.vehicle_kwh).sum())
    sums = {
        "vehicle_kwh": float(vehicles.vehicle_kwh.sum()),
        "vehicle_charged_kwh": float(vehicles.charged_kwh.sum()),
        "vehicle_discharged_kwh": float(vehicles.discharged_kwh.sum()),
        "driven_km": vehicles.vehicle_sums.driven_km,
        "unmet_trip_kwh": vehicles.vehicle_sums.unmet_kwh,
        "ev_bill": bill,
        "ev_charging_bill": paid,
        "ev_discharging_income": received,
        **({} if own is None else own.meters.sums()),
    }
    if vehicles.traffic.trips.growth is not None:
        sums["joined_kwh"] = vehicles.traffic.joined_kwh
    if vehicles.plugs is not None and vehicles.fleet.chargers:
        sums["waiting_vehicle_h"] = float(vehicles.plugs.waiting_ms.sum()) / MS_PER_H
    if vehicles.journeys is not None:
        sums["on_the_way_kwh"] = float(vehicles.way_kwh.sum())
        sums["late_h"] = vehicles.journeys.delayed_ms / MS_PER_H
    if vehicles.fleet.departures:
        sums["departure_short_kwh"] = vehicles.vehicle_sums.departure_short_kwh
    return sums | cost_of_step(vehicles) | group_sums(vehicles)


def counts_of(vehicles: "VehicleSharing") -> dict[str, int]:
    """Count what was clipped, saturated, unmet or empty in this step."""
    bounds, decision = vehicles.simulation.bounds, vehicles.simulation.market.decision
    price = decision.community_price
    answers = np.array([len(parked) > 0 for parked in vehicles.pay_price])
    present = vehicles.present
    bounded = vehicles.strategy not in ("typical", "planner")
    at_upper = answers & (price >= bounds.aggregator_upper - AT_BOUND) & bounded
    at_lower = answers & (price <= bounds.aggregator_lower + AT_BOUND) & bounded
    set_freely = vehicles.strategy == "three_level"
    utility_at_bound = (
        decision.utility_price >= bounds.utility_upper - AT_BOUND
        or decision.utility_price <= bounds.utility_lower + AT_BOUND
    )
    totals = vehicles.vehicle_sums
    saturated, below = totals.at_bound, totals.too_little
    market = vehicles.simulation.market
    captive = market.passive_kwh.copy()
    for groups in market.answering.values():
        for m, each in enumerate(groups):
            if len(each):
                captive[m] += each.least_kwh()
    return {
        "community_price_at_upper_bound": int(at_upper.sum()),
        "community_price_at_lower_bound": int(at_lower.sum()),
        "utility_price_at_bound": int(set_freely and utility_at_bound),
        "communities_without_vehicles": int((~answers & vehicles.simulation.supplied).sum()),
        "communities_with_captive_load": int((answers & (captive > 0)).sum()),
        "communities_all_saturated": int(((present > 0) & (saturated == present)).sum()),
        "vehicles_at_bound": int(saturated.sum()),
        "parked_below_soc_min": int(below.sum()),
        "vehicles_cut_off": totals.cut_off,
        "unmet_trips": totals.unmet_trips,
        **({} if not vehicles.fleet.departures else {"departures_short": totals.departures_short}),
        **_of_chargers(vehicles),
        **vehicles.traffic.counts,
        **decision.counts,
    }


def _of_chargers(vehicles: "VehicleSharing") -> dict[str, int]:
    """Return how many vehicles found no plug in the step at once, where chargers are named."""
    if vehicles.plugs is None or not vehicles.fleet.chargers:
        return {}
    return {"arrivals_without_plug": int(vehicles.plugs.unplugged.sum())}


def summary_of(vehicles: "VehicleSharing") -> dict[str, Any]:
    """Return how full the batteries are at the end, and what they hold more than at first."""
    whole, there = vehicles.whole.fleet, vehicles.vehicles_there
    energy = vehicles.stored_kwh()["vehicles"]
    soc = energy[:there] / whole["capacity_kwh"][:there]
    return {
        "final_mean_soc": float(soc.mean()) if len(soc) else None,
        "stored_change_kwh": float(energy.sum() - whole["energy_kwh"].sum()),
        **cost_of_chargers(vehicles),
    }
