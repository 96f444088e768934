"""What storages of smart homes cost and save, where a scenario has prices."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.investment_rows import investment_figures

if TYPE_CHECKING:
    from hmesh.runs.schemes.smart_homes.step import SmartHomeSharing


def cost_of_step(homes: "SmartHomeSharing") -> dict[str, float]:
    """Return what homes pay for energy and by wear of storages, where it is asked for."""
    economics = homes.setting.settings.economics
    if economics is None:
        return {}
    price, tariff = homes.simulation.paid_price(), homes.setting.tariff
    if tariff is not None:
        price = np.full_like(price, tariff[homes.simulation.step_index])
    imported, exported = homes.grid_kwh()
    own = 0.0
    if tariff is None and homes.own_tariffs is not None:
        imported, exported = homes.traded_kwh()
        own = homes.own_tariffs.meters.bill
    given = sum(of_group.totals_kwh["discharged_kwh"] for of_group in homes.of_step)
    if (answers := homes.answers) is not None:
        imported = imported + answers.summed(answers.charged_kwh)
        exported = exported + answers.summed(answers.discharged_kwh)
        given += float(answers.discharged_kwh.sum())
    feed_in = price if economics.feed_in is None else economics.feed_in
    paid = float((price * imported - feed_in * exported).sum()) + own
    return {"home_running_cost": paid + economics.wear * given}


def cost_of_storages(homes: "SmartHomeSharing") -> dict[str, float]:
    """Return what storages cost, and what money costs, where it is stated."""
    economics = homes.setting.settings.economics
    if economics is None:
        return {}
    size = sum(float(each.bank.capacity_kwh.sum()) for each in homes.groups)
    scenario = homes.simulation.setting.scenario
    hours = scenario.steps * scenario.step_h
    return investment_figures("home", economics, economics.storage_price_per_kwh * size, hours)
