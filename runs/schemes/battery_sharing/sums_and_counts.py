"""Totals of batteries of buildings in a step: energies, money and counts."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.investment_rows import fade_figures, investment_figures

if TYPE_CHECKING:
    from hmesh.runs.schemes.battery_sharing.step import BatterySharingScheme


def sums_of(batteries: "BatterySharingScheme") -> dict[str, float]:
    """Return the energies, the losses and the bill of the step."""
    price, given = batteries.simulation.paid_price(), batteries.shared.given
    charged, sent = float(batteries.charged_kwh.sum()), float(batteries.sent_kwh.sum())
    discharged = float(batteries.own_kwh.sum()) + sent
    conversion = (1.0 - given.charge_efficiency) * charged
    conversion += (1.0 / given.discharge_efficiency - 1.0) * discharged
    answered: dict[str, float] = {}
    if batteries.answers is not None:
        answered = batteries.answers.sums()
        answered["battery_sharing_response_loss_kwh"] = _lost_kwh(batteries, batteries.response_kwh)
    drawn = batteries.charged_kwh - batteries.own_kwh - batteries.received_kwh
    return {
        "battery_charged_kwh": charged,
        "battery_discharged_kwh": discharged,
        "battery_exchanged_kwh": sent,
        "battery_line_loss_kwh": sent - float(batteries.received_kwh.sum()),
        "battery_conversion_loss_kwh": conversion,
        "battery_unplaced_kwh": float(batteries.unplaced_kwh.sum()),
        "battery_unfollowed_kwh": float(batteries.unfollowed_kwh.sum()),
        "battery_bill": float((price * batteries.of_communities(drawn)).sum()),
        **_cost(batteries, drawn),
        **answered,
    }


def _cost(batteries: "BatterySharingScheme", drawn_kwh: FloatArray) -> dict[str, float]:
    """Return what batteries pay for energy at the prices that value it, less what they save."""
    if batteries.shared.given.economics is None:
        return {}
    price, tariff = batteries.simulation.paid_price(), batteries.shared.tariff
    if tariff is not None:
        price = np.full_like(price, tariff[batteries.simulation.step_index])
    drawn = batteries.of_communities(drawn_kwh + batteries.response_kwh)
    return {"battery_running_cost": float((price * drawn).sum())}


def _lost_kwh(batteries: "BatterySharingScheme", exchange_kwh: FloatArray) -> float:
    """Return what batteries lose of an exchange at their plugs [kWh]."""
    given = batteries.shared.given
    into = (1.0 - given.charge_efficiency) * float(np.maximum(exchange_kwh, 0.0).sum())
    out_of = 1.0 / given.discharge_efficiency - 1.0
    return into + out_of * float(np.maximum(-exchange_kwh, 0.0).sum())


def counts_of(batteries: "BatterySharingScheme") -> dict[str, int]:
    """Count what could not be followed, given or heard in the step."""
    noticeable = 1e-9 * np.maximum(batteries.new_kwh, 1.0)
    return {
        "battery_clipped": int(np.count_nonzero(batteries.unfollowed_kwh > noticeable)),
        "battery_unplaced": int(np.count_nonzero(batteries.unplaced_kwh > noticeable)),
        "fallbacks": batteries.fallbacks,
    }


def summary_of(batteries: "BatterySharingScheme") -> dict[str, Any]:
    """Return how uneven the load is, the capacity, and what batteries hold more than first."""
    held = float(batteries.batteries["energy_kwh"].sum())
    capacity = float(batteries.new_kwh.sum())
    hours = batteries.setting.scenario.steps * batteries.shared.step_h
    further: dict[str, Any] = fade_figures("battery", batteries.fade, hours)
    if batteries.measured_days is not None:
        further |= {f"measured_{k}": v for k, v in batteries.measured.summary().items()}
    if (economics := batteries.shared.given.economics) is not None:
        price = economics.battery_price_per_kwh
        further |= investment_figures("battery", economics, price * capacity, hours)
    return {
        **batteries.deviation.summary(),
        **further,
        "battery_capacity_kwh": capacity,
        "battery_stored_change_kwh": held - batteries.started_kwh,
    }
