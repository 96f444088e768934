"""The figures of accounts, worked out from payments and from the accounts of members."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.registry import prosumer_parts

type Table = dict[str, NDArray[Any]]


ACCOUNT_KINDS = (
    "households", "buildings", "homes", "houses", "sites", "schools", "vehicles", "prosumers"
)  # fmt: skip


# The figure of the summary that is the change of stored energy of a kind of members.
STORED = {
    "vehicles": "stored_change_kwh",
    "schools": "school_stored_change_kwh",
    "homes": "home_stored_change_kwh",
    "houses": "house_stored_change_kwh",
    "sites": "site_stored_change_kwh",
    "buildings": "battery_stored_change_kwh",
    "storages": "storage_change_kwh",
}


OF_CONSUMERS = ("consumers", "batteries")


def figures_of_parties(
    run: Run, inputs: RunInputs, money: Sequence[Mapping[str, float]], price: float
) -> Figures:
    """Return the figures that payments and the changes of stored energy settle."""
    parties = sorted({party for each in money for party in each})
    figures: Figures = {
        f"accounts.parties.{party}": np.array([each.get(party, 0.0) for each in money])
        for party in parties
    }
    kinds: dict[str, FloatArray] = {}
    for party in parties:
        name, _, community = party.partition("@")
        if name in OF_CONSUMERS:
            continue
        kind = "aggregators" if name == "aggregator" else name
        balance = figures[f"accounts.parties.{party}"]
        kinds[kind] = kinds.get(kind, 0.0) + balance
        if community:
            figures[f"accounts.communities.{community}.{kind}"] = balance
    figures |= {f"accounts.kinds.{kind}.balance": balance for kind, balance in kinds.items()}
    with_prosumers = kinds_of_prosumers(inputs)
    for kind, name in STORED.items():
        if kind in with_prosumers:
            continue  # Part of what they store is on accounts of prosumers.
        reported = [change_of(run, strategy, name) for strategy in inputs.strategies]
        if None not in reported:
            change = np.array(reported, dtype=np.float64)
            figures[f"accounts.kinds.{kind}.stored_change_kwh"] = change
            figures[f"accounts.kinds.{kind}.stored_value"] = price * change
    # Storages of communities pay for themselves only where they answer to prices.
    figures.setdefault("accounts.kinds.storages.balance", np.zeros(len(inputs.strategies)))
    figures["accounts.stored_price"] = np.full(len(inputs.strategies), price)
    return figures


def kinds_of_prosumers(inputs: RunInputs) -> set[str]:
    """Return the kinds of members some of which are parts of prosumers; theirs too."""
    if not inputs.scenario.prosumers_there:
        return set()
    parts = (each.prosumer_part for each in prosumer_parts().values())
    return {"prosumers", *(part.kind for part in parts if part is not None)}


def stored_of_prosumers(
    inputs: RunInputs, accounts: Sequence[Mapping[str, Table]], price: float
) -> Figures:
    """Return the changes of stored energy where prosumers have a part of it."""
    figures: Figures = {}
    for kind in kinds_of_prosumers(inputs):
        if kind in accounts[0]:
            change = np.array([each[kind]["stored_change_kwh"].sum() for each in accounts])
            figures[f"accounts.kinds.{kind}.stored_change_kwh"] = change
            figures[f"accounts.kinds.{kind}.stored_value"] = price * change
    return figures


def change_of(run: Run, strategy: str, name: str) -> float | None:
    """Return a change of stored energy that the summary reports [kWh], None where it has none."""
    return number_of(run.summary.get(strategy), name)


def part_of(held: Any, name: str) -> Mapping[str, Any]:
    """Return a part of a summary, which may be damaged; nothing where there is none."""
    part = held.get(name) if isinstance(held, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def number_of(held: Any, name: str) -> float | None:
    """Return a number of a summary, which may be damaged; None where there is none."""
    number = held.get(name) if isinstance(held, Mapping) else None
    return float(number) if isinstance(number, int | float) else None


def unmixed(inputs: RunInputs, money: Sequence[Mapping[str, float]]) -> Figures:
    """Return the balances of households and buildings where no community has both."""
    figures: Figures = {}
    communities = inputs.scenario.communities
    kinds = {
        name: {f"{g.kind}s" for g in held.members if g.kind != "prosumer"}
        for name, held in communities.items()
    }
    for name, there in kinds.items():
        if len(there) == 1:
            paid = [sum(each.get(f"{p}@{name}", 0.0) for p in OF_CONSUMERS) for each in money]
            figures[f"accounts.communities.{name}.{next(iter(there))}"] = np.array(paid)
    for kind in ACCOUNT_KINDS[:2]:
        places = [name for name, there in kinds.items() if kind in there]
        if places and all(len(kinds[name]) == 1 for name in places):
            own = [figures[f"accounts.communities.{name}.{kind}"] for name in places]
            figures[f"accounts.kinds.{kind}.balance"] = np.sum(own, axis=0)
    return figures


def of_consumers(inputs: RunInputs, accounts: Sequence[Mapping[str, Table]]) -> Figures:
    """Return the balances of households and buildings, in all and in each community."""
    figures: Figures = {}
    for kind in ACCOUNT_KINDS[:2]:
        if kind not in accounts[0]:
            continue
        balance = np.array([each[kind]["received"] - each[kind]["paid"] for each in accounts])
        figures[f"accounts.kinds.{kind}.balance"] = balance.sum(axis=1)
        for m, name in enumerate(inputs.communities):
            here = accounts[0][kind]["community"] == m
            if here.any():
                own = balance[:, here].sum(axis=1)
                figures[f"accounts.communities.{name}.{kind}"] = own
    return figures


def spread(inputs: RunInputs, accounts: Sequence[Mapping[str, Table]], price: float) -> Figures:
    """Return how bills and savings are spread over the members."""
    bills = [
        {
            kind: t["paid"] - t["received"] - price * t["stored_change_kwh"]
            for kind, t in each.items()
        }
        for each in accounts
    ]
    figures: Figures = {}
    groups: dict[str, Sequence[str]] = {"": list(bills[0])}
    groups |= {f"kinds.{kind}.": [kind] for kind in bills[0]}
    for place, kinds in groups.items():
        first = np.concatenate([bills[0][kind] for kind in kinds])
        rows = []
        for each in bills:
            bill = np.concatenate([each[kind] for kind in kinds])
            saved = [
                a - b if abs(a - b) > EXACT * max(abs(a), abs(b)) else 0.0
                for a, b in zip(first.tolist(), bill.tolist(), strict=True)
            ]
            worse = sum(one < 0 for one in saved) / len(saved)
            rows.append((len(bill), _gini(bill.tolist()), _gini(saved), worse))
        for n, name in enumerate(("count", "gini_bills", "gini_savings", "worse_off")):
            figures[f"accounts.members.{place}{name}"] = np.array([row[n] for row in rows])
    return figures


def _gini(amounts: Sequence[float]) -> float:
    """Return the Gini coefficient by the area below the Lorenz curve, NaN where all are 0."""
    ordered, count = sorted(amounts), len(amounts)
    size = math.fsum(map(abs, ordered))
    if size == 0.0:
        return math.nan
    below = np.cumsum(ordered)
    area = (count - 1) * below[-1] - 2.0 * math.fsum(below[:-1])
    found = float(area) / (count * size)
    return found if found > EXACT else 0.0
