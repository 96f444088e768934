"""Who gains and who pays: the accounts of all strategies of a run, side by side."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.distribution import gini, savings, share_worse_off
from hmesh.runs.world.compared_bills import bills_of

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

# Parties of the ledger that are many, each of one community, and what is said of all of them.
PLURAL = {"aggregator": "aggregators"}
# Consumers and their batteries are one party of a community each; who of them is a household and
# who a building the accounts of members say.
CONSUMERS = ("consumers", "batteries")


def summaries(simulations: Sequence["Simulation"]) -> dict[str, dict[str, Any]]:
    """Return the outcome of every strategy of a run, by name, with accounts where they are kept."""
    found = {simulation.strategy: simulation.summary() for simulation in simulations}
    if simulations and simulations[0].accounts is not None and simulations[0].step_index:
        for name, figures in account_figures(simulations).items():
            found[name]["accounts"] = figures
    return found


def account_figures(simulations: Sequence["Simulation"]) -> dict[str, dict[str, Any]]:
    """Return the figures of the accounts under each strategy.

    Parameters
    ----------
    simulations : sequence of Simulation
        The worlds of all strategies after the same step; others are compared with the first.

    Returns
    -------
    dict
        By strategy: ``parties``, the balance of each party of the ledger; ``kinds``, that of each
        kind with its change of stored energy and the value of that; ``communities``, that of
        each kind there; ``stored_price``; and with accounts of members ``members``.
    """
    first = simulations[0]
    assert first.accounts is not None
    price = first.accounts.utility_price_sum / first.step_index
    first_bills = bills_of(first, price)
    found = {}
    for simulation in simulations:
        balances = dict(sorted(simulation.ledger.balances.items()))
        communities = _by_community(simulation, balances)
        figures: dict[str, Any] = {
            "parties": balances,
            "kinds": _by_kind(simulation, balances, price),
            "communities": communities,
            "stored_price": price,
        }
        if first.accounts.by_member:
            figures["members"] = _of_members(bills_of(simulation, price), first_bills)
        found[simulation.strategy] = figures
    return found


def kind_of(party: str) -> str:
    """Return the kind that a party of the ledger belongs to."""
    name = party.partition("@")[0]
    return PLURAL.get(name, name)


def _by_kind(
    simulation: "Simulation", balances: Mapping[str, float], price: float
) -> dict[str, dict[str, float]]:
    """Return the balance of every kind, and its change of stored energy with the value of that."""
    accounts = simulation.accounts
    assert accounts is not None
    money: dict[str, float] = {
        kind: float(accounts.kinds[kind].balance.sum())
        for kind in ("households", "buildings")
        if kind in accounts.kinds
    }
    for party, balance in balances.items():
        if (kind := kind_of(party)) not in CONSUMERS:
            money[kind] = money.get(kind, 0.0) + balance
    found = {kind: {"balance": balance} for kind, balance in money.items()}
    for kind, held in accounts.stored_kwh().items():
        change = float((held - accounts.stored_first_kwh[kind]).sum())
        value = {"stored_change_kwh": change, "stored_value": price * change}
        found[kind] = found.get(kind, {"balance": 0.0}) | value
    return found


def _by_community(
    simulation: "Simulation", balances: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Return the balance of every kind in every community."""
    names, accounts = simulation.setting.communities, simulation.accounts
    assert accounts is not None
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    for kind in ("households", "buildings"):
        if kind in accounts.kinds:
            held = accounts.kinds[kind]
            money = np.bincount(held.community, held.balance, len(names))
            for m in np.unique(held.homes).tolist():
                found[names[m]][kind] = float(money[m])
    for party, balance in balances.items():
        kind, place = kind_of(party), party.partition("@")[2]
        if place in found and kind not in CONSUMERS:
            found[place][kind] = balance
    return found


def _of_members(bills: Mapping[str, FloatArray], first: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Return how bills and savings are spread over all members, and over those of each kind."""
    every, every_first = (np.concatenate([np.empty(0), *held.values()]) for held in (bills, first))
    of_kinds = {kind: _spread(bills[kind], first[kind]) for kind in bills}
    return _spread(every, every_first) | {"kinds": of_kinds}


def _spread(bill: FloatArray, first: FloatArray) -> dict[str, float | None]:
    """Return the figures of some members' bills; None where there is no number."""
    saved = savings(bill, first)
    figures = {
        "gini_bills": gini(bill),
        "gini_savings": gini(saved),
        "worse_off": share_worse_off(saved),
    }
    known = {name: None if isnan(value) else value for name, value in figures.items()}
    return {"count": len(bill), **known}
