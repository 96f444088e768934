"""Totals of storages of communities in a step: energies, money and counts."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.runs.investment_rows import fade_figures, investment_figures

if TYPE_CHECKING:
    from hmesh.runs.schemes.community_storage.step import CommunityStorageSharing

AT_BOUND = 1e-9


def sums_of(storages: "CommunityStorageSharing") -> dict[str, float]:
    """Return the energies of the step, and what the aggregators credit."""
    names = (
        "plant_generation_kwh", "plant_stored_kwh", "plant_spilled_kwh",
        "storage_delivered_kwh", "storage_households_kwh", "storage_credit",
    )  # fmt: skip
    if not storages.used:
        further = () if storages.rules.economics is None else ("storage_running_cost",)
        if storages.rules.night_charging is not None:
            further = (*further, "storage_grid_kwh")
        nothing = dict.fromkeys((*names, *further), 0.0)
        return nothing | {"storage_households_kwh": storages.wanted_kwh}
    done = storages.controllers.done
    credit = storages.simulation.paid_price() * storages.of_communities(storages.delivered_kwh)
    answered = {} if storages.answers is None else storages.answers.sums()
    if storages.rules.night_charging is not None:
        answered = answered | {"storage_grid_kwh": float(storages.controllers.grid_kwh.sum())}
    values = (
        float(storages.controllers.population["generation_kwh"].sum()),
        float(done.charge_kwh.sum()),
        float(done.spilled_kwh.sum()),
        float(storages.delivered_kwh.sum()),
        float(storages.households.population["demand_kwh"].sum()),
        float(credit.sum()),
    )
    return answered | _cost(storages) | dict(zip(names, values, strict=True))


def _cost(storages: "CommunityStorageSharing") -> dict[str, float]:
    """Return what storages pay at the prices that value energy, less what they deliver."""
    if storages.rules.economics is None:
        return {}
    price = storages.simulation.paid_price()
    if storages.shared.tariff is not None:
        price = np.full_like(price, storages.shared.tariff[storages.simulation.step_index])
    drawn = storages.of_communities(storages.controllers.grid_kwh - storages.delivered_kwh)
    if storages.answers is not None:
        drawn += storages.answers.of_communities()
    return {"storage_running_cost": float((price * drawn).sum())}


def counts_of(storages: "CommunityStorageSharing") -> dict[str, int]:
    """Count who went short, was not heard or not known of, and plans that did not settle."""
    controllers, shared = storages.controllers, storages.shared
    there = controllers.served >= 0
    short = there & (controllers.done.discharge_kwh < controllers.allowed_kwh - AT_BOUND)
    serving = (controllers.done.charge_kwh == 0.0) | storages.rules.serve_while_charging
    demand = storages.households.population["demand_kwh"]
    return {
        "storage_messages_unheard": controllers.fallbacks,
        "households_not_ranked": controllers.unheard,
        "households_served_less_than_allowed": int((short & serving[:, None]).sum()),
        "demands_above_history": int((demand > shared.most_kwh + AT_BOUND).sum()),
        "plants_cut_off": int(np.count_nonzero(~storages.supplied)),
        "plant_readings_filled": shared.plants.filled(storages.simulation.step_index),
        "allowances_not_settled": sum(not plan.settled for plan in storages.plans),
    }


def summary_of(storages: "CommunityStorageSharing") -> dict[str, Any]:
    """Return what the storages hold at the end, and how much more than at first."""
    held = float(storages.controllers.population["energy_kwh"].sum())
    first = float(storages.shared.storages["energy_kwh"].sum())
    hours = storages.setting.scenario.steps * storages.setting.scenario.step_h
    invests = fade_figures("storage", storages.fade, hours, storages.shared.storages_part)
    if storages.fade is None and storages.shared.fade() is not None:
        # Under a strategy without storages nothing is lost.
        invests = {"storage_capacity_left": 1.0, "storage_fade_per_year": 0.0}
    if (economics := storages.rules.economics) is not None:
        price = storages.shared.investment if storages.used else 0.0
        invests |= investment_figures("storage", economics, price, hours)
    return {"storage_final_kwh": held, "storage_change_kwh": held - first, **invests}
