"""Figures of the summary of houses with storages, computed again from their tables."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.audits.investments import faded
from hmesh.runs.audits.reference.capacity_fade import loss_per_year
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.schemes.composite_storage.setting import (
    CREDITS,
    ENERGIES,
    OF_EVERY_BILL,
    CompositeStorageSetting,
)

if TYPE_CHECKING:
    from hmesh.runs.schemes.composite_storage.audit import CompositeStorageAudit


def _of_faded(audit: "CompositeStorageAudit", setting: CompositeStorageSetting) -> Figures:
    """Return what is left of batteries that lose capacity, where all houses are written down."""
    own, replay, many = audit.settings.devices, audit.replay, range(len(audit.strategies))
    if not own.battery_fades or replay is None or replay.recorded < setting.houses:
        return {}
    new = [np.full(setting.houses, setting.sizes(s).battery_kwh) for s in audit.strategies]
    hours = audit.inputs.steps * audit.inputs.step_h
    loss = [
        loss_per_year(
            new[s], replay.discharged_kwh(s).sum(axis=0), hours, own.calendar_fade, own.cycle_fade
        )
        for s in many
    ]
    price = audit.settings.battery_price_per_kwh
    part = [
        price * new[s][0] / whole if (whole := setting.investment(audit.strategies[s])) else 0.0
        for s in many
    ]
    return faded(
        "house",
        np.array([each.sum() for each in new]),
        np.array([replay.battery_kwh(s)[-1].sum() for s in many]),
        np.array(loss),
        np.array(part),
    )


def figures_of_houses(audit: "CompositeStorageAudit") -> tuple[Figures, Figures]:
    """Return the figures of the summary, by step and of the run.

    Parameters
    ----------
    audit : CompositeStorageAudit
        The audit of the houses.
    """
    of_all = {name: values.sum(axis=2) for name, values in audit.sums.items()}
    by_step: Figures = {f"house_{name}": of_all[name] for name in ENERGIES}
    if audit.answers_of is not None:
        by_step |= audit.answers_of.figures()
    if audit.inputs.reliable:
        by_step["counts.houses_unheard"] = np.zeros(of_all["import_kwh"].shape)
    if audit.settings.manager == "rule_based":
        by_step["counts.house_plans_missed"] = np.zeros(of_all["import_kwh"].shape)
    setting = audit.setting
    if setting is None:
        return by_step, {}
    if (replay := audit.replay) is not None and replay.recorded == setting.houses:
        unmet = replay.rows["unmet_heat_kwh"] > 0
        by_step["counts.houses_without_enough_heat"] = unmet.sum(axis=2).astype(float)
    prices = setting.prices
    paid = {each.kind: each.amount.sum(axis=2) for each in audit.bills.payments()}
    bill = paid["house_purchase"] - paid["house_feed_in"]
    for kind, amount in paid.items():
        if kind not in OF_EVERY_BILL:
            bill = bill - amount if kind in CREDITS else bill + amount
    if audit.settings.tariff.itemized:
        by_step |= {
            f"house_bill_{kind.removeprefix('house_')}": amount
            for kind, amount in paid.items()
            if kind != "carbon_tax"
        }
    upkeep = (
        prices.battery_wear * of_all["discharge_kwh"]
        + prices.tank_wear * of_all["tank_discharge_kwh"]
    )
    by_step |= {
        "house_co2_kg": prices.emission_factor * of_all["import_kwh"],
        "house_bill": bill + paid["house_base_charge"],
        "house_upkeep": upkeep,
        "house_carbon_tax": paid["carbon_tax"],
        "house_running_cost": bill + upkeep + paid["carbon_tax"],
        "house_unserved_kwh": audit.unserved(setting),
    }
    devices = setting.settings.equipment
    eta, eta_tank = devices.battery_efficiency, devices.tank_efficiency
    charged = (eta * of_all["charge_kwh"] - of_all["discharge_kwh"] / eta).sum(axis=0)
    more, less = (each.sum(axis=(0, 2)) for each in audit.answered("battery"))
    charged = charged + eta * more - less / eta
    kept = (1.0 - float(setting.tank_loss[-1])) ** setting.step_h
    last = (
        kept * of_all["tank_kwh"][-1]
        + eta_tank * of_all["tank_charge_kwh"][-1]
        - of_all["tank_discharge_kwh"][-1] / eta_tank
    )
    more, less = (each[-1].sum(axis=1) for each in audit.answered("tank"))
    last = last + devices.cop * (eta_tank * more - less / eta_tank)
    houses = float(setting.houses)
    if (rooms := audit.settings.rooms) is not None:
        held = of_all["tank_kwh"] / houses
        by_step["house_rooms_warmer_kh"] = held / rooms.kwh_per_k * audit.inputs.step_h
    years = audit.inputs.steps * audit.inputs.step_h / 8760.0
    return by_step, _of_faded(audit, setting) | {
        "house_years": np.full(len(audit.strategies), years),
        "house_lifetime_years": np.full(len(audit.strategies), audit.settings.lifetime_years),
        "house_battery_kwh": np.array([setting.sizes(s).battery_kwh for s in audit.strategies]),
        "house_tank_kwh": np.array([setting.sizes(s).tank_kwh for s in audit.strategies]),
        "house_stored_change_kwh": charged,
        "house_tank_change_kwh": last,
        "house_investment": np.array([setting.investment(s) for s in audit.strategies]) * houses,
        "house_interest_rate": np.full(len(audit.strategies), audit.settings.interest_rate),
    }
