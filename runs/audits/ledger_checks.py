"""Whether everybody pays for what was delivered, at the price of the step, and nothing is left."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import (
    Payments,
    Sale,
    SchemeAudit,
    apart_kwh,
    direct_kwh,
    parts,
    received,
    total,
)
from hmesh.runs.audits.table_reader import (
    Columns,
    DamagedTableError,
    TableReader,
    UnknownNameError,
    framed,
)
from hmesh.runs.results.run_reader import Run

_ALWAYS = ("fixed_load", "wholesale")
_GENERATION = "generation"


def read_ledger(
    run: Run,
    inputs: RunInputs,
    there: NDArray[np.bool_],
    schemes: Sequence[SchemeAudit] = (),
) -> dict[str, Columns]:
    """Return ledger.parquet by kind of payment.

    Parameters
    ----------
    run, inputs : Run, RunInputs
        The run, and what its scenario settles.
    there : array of bool, shape (steps, strategies, communities)
        Where there is supply; nobody pays elsewhere.
    schemes : sequence of SchemeAudit, optional
        The audits of the schemes.

    Returns
    -------
    dict
        For each kind its columns, of the shape of ``there``, 0 where nobody pays; for generation,
        which has one payment a step, of shape (steps, strategies, 1).

    Raises
    ------
    DamagedTableError
        If a payment is missing, stands there twice or is owed by nobody.
    """
    sold = (*_ALWAYS, *(("photovoltaics",) if inputs.photovoltaics else ()))
    payments = [
        (kind, *_parties(kind, community)) for kind in sold for community in inputs.communities
    ]
    sales = [sale for each in schemes for sale in each.sales()]
    of_schemes = [paid for each in schemes for paid in each.payments()]
    owed: list[Sale | Payments] = [*sales, *of_schemes]
    payments += [
        (paid.kind, paid.payer.format(community=name), paid.payee.format(community=name))
        for paid in owed
        for name in inputs.communities
    ]
    sold += tuple(sale.kind for sale in sales)
    payments.append((_GENERATION, "utility", "generators"))
    sold += tuple(paid.kind for paid in of_schemes)
    kinds = [*sold, _GENERATION]
    parties = list(dict.fromkeys(party for _, *both in payments for party in both))
    names = {
        "strategy": inputs.strategies, "kind": kinds, "payer": parties, "payee": parties,
    }  # fmt: skip
    try:
        rows = TableReader(run, "ledger", names, inputs.start_ms).rest()
    except UnknownNameError as error:
        message = f"{error.message}; payments and sales of a SchemeAudit state who pays for what"
        raise DamagedTableError("ledger", message) from None
    _refuse_missing(set(rows["kind"].tolist()), kinds, of_schemes)
    place = {name: k for k, name in enumerate(parties)}
    known = np.array([(kinds.index(k), place[a], place[b]) for k, a, b in payments])
    many = np.array([len(parties) ** 2, len(parties), 1])
    found = np.stack([rows.pop(name) for name in ("kind", "payer", "payee")], axis=1) @ many
    order = np.argsort(known @ many)
    sorted_known = (known @ many)[order]
    at = np.minimum(np.searchsorted(sorted_known, found), len(payments) - 1)
    if (sorted_known[at] != found).any():
        row = int(np.argmax(sorted_known[at] != found))
        raise DamagedTableError("ledger", f"row {row} is a payment that nobody owes")
    rows["payment"] = order[at]
    paid = framed(
        "ledger",
        rows,
        {
            "step": range(inputs.steps),
            "strategy": inputs.strategies,
            "payment": [", ".join(payment) for payment in payments],
        },
        np.concatenate(
            [there] * (len(sold) - len(of_schemes))
            + [paid.there for paid in of_schemes]
            + [np.ones_like(there[:, :, :1])],
            axis=2,
        ),
        ascending=2,
    )
    count = len(inputs.communities)
    return {
        kind: {name: values[:, :, k * count : (k + 1) * count] for name, values in paid.items()}
        for k, kind in enumerate(kinds)
    }


def _refuse_missing(there: set[int], kinds: list[str], due: Sequence[Payments]) -> None:
    """Raise where nothing at all is paid for what a scheme should pay for."""
    for paid in due:
        if paid.there.any() and kinds.index(paid.kind) not in there:
            message = f"has no payment {paid.kind!r}, which payments of a SchemeAudit state"
            raise DamagedTableError("ledger", f"{message}; pay of the scheme's step enters them")


def check_money(
    inputs: RunInputs,
    hours: Columns,
    flows: Columns,
    ledger: dict[str, Columns],
    schemes: Sequence[SchemeAudit] = (),
) -> list[Check]:
    """Check the payments against the energies, the prices and each other.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    hours, flows, ledger : dict of array, dict of array, dict of dict of array
        As `read_hours`, `read_lines` and `read_ledger` give them.
    schemes : sequence of SchemeAudit, optional
        The audits of the schemes.
    """
    generated_kwh = hours["net_kwh"].sum(axis=2) + flows["losses_kwh"].sum(axis=2)
    cost = inputs.cost.total(generated_kwh)
    energies, prices = _energies(inputs, hours, ledger, schemes)
    paid = ledger[_GENERATION]
    here = inputs.places.label([_GENERATION])
    energies.add(relative(paid["energy_kwh"], generated_kwh[:, :, None]), here)
    generation = Tally("money: generation costs what it should", EXACT, "of the amount")
    generation.add(relative(paid["amount"], cost[:, :, None]), here)
    generation.add(
        relative(paid["price"] * paid["energy_kwh"], cost[:, :, None] * _some(paid)), here
    )
    amounts = Tally("money: each amount is price times energy", EXACT, "of the amount")
    # A charge that is due whatever is used has no price per energy; `_due` holds its amount.
    charges = {
        paid.kind for each in schemes for paid in each.payments() if not paid.energy_kwh.any()
    }
    for kind in ledger.keys() - {_GENERATION} - charges:
        rows = ledger[kind]
        items = [f"{kind}, {name}" for name in inputs.communities]
        off = relative(rows["amount"], rows["price"] * rows["energy_kwh"])
        amounts.add(off, inputs.places.label(items))
    circle = Tally("money: paid is earned, step by step", EXACT, "of the amount")
    circle.add(_left_over(hours, ledger, cost, schemes), inputs.places.label())
    tallies = [energies, prices, amounts, generation, circle]
    return [tally.check() for tally in (*tallies, *_due(inputs, ledger, schemes))]


def _due(
    inputs: RunInputs, ledger: dict[str, Columns], schemes: Sequence[SchemeAudit]
) -> list[Tally]:
    """Compare the payments of schemes with what they should be."""
    payments = [paid for scheme in schemes for paid in scheme.payments()]
    if not payments:
        return []
    tally = Tally("money: schemes pay what they should", EXACT, "of the amount")
    for paid in payments:
        rows = ledger[paid.kind]
        label = inputs.places.label([f"{paid.kind}, {name}" for name in inputs.communities])
        for due, reported in ((paid.energy_kwh, "energy_kwh"), (paid.amount, "amount")):
            tally.add(np.where(paid.there, relative(rows[reported], due), 0.0), label)
    return [tally]


def _energies(
    inputs: RunInputs,
    hours: Columns,
    ledger: dict[str, Columns],
    schemes: Sequence[SchemeAudit],
) -> tuple[Tally, Tally]:
    """Compare energies and prices of the payments with those of the hours."""
    energies = Tally("money: paid for what was delivered", EXACT, "of the energy")
    prices = Tally("money: paid at the prices of the step", 0.0, "money/kWh")
    of_schemes = {paid.kind for scheme in schemes for paid in scheme.payments()}
    metered = {
        column: hours[column]
        - total(parts(schemes, column), hours[column])
        - apart_kwh(schemes, hours, column)
        for column in ("fixed_load_kwh", "generation_kwh")
    }
    delivered = {
        "fixed_load": metered["fixed_load_kwh"],
        "wholesale": hours["net_kwh"] - direct_kwh(schemes, hours),
        "photovoltaics": -metered["generation_kwh"],
    }
    there = supplied(hours)
    for scheme in schemes:
        scheme.check_sales(ledger, energies)
        for sale in scheme.sales():
            if sale.energy_kwh is not None:
                delivered[sale.kind] = sale.energy_kwh
    for kind in ledger.keys() - {_GENERATION} - of_schemes:
        items = [f"{kind}, {name}" for name in inputs.communities]
        label = inputs.places.label(items)
        if kind in delivered:
            energies.add(relative(ledger[kind]["energy_kwh"], delivered[kind]), label)
        price = hours["utility_price" if kind == "wholesale" else "community_price"]
        prices.add(np.where(there, np.abs(ledger[kind]["price"] - price), 0.0), label)
    return energies, prices


def _left_over(
    hours: Columns,
    ledger: dict[str, Columns],
    cost: FloatArray,
    schemes: Sequence[SchemeAudit],
) -> FloatArray:
    """Return everybody's payments less profits and cost, as a share of them."""
    paid = {kind: ledger[kind]["amount"].sum(axis=2) for kind in ledger}
    bill = paid["fixed_load"] - paid.get("photovoltaics", 0.0)
    for scheme in schemes:
        sales = scheme.sales()
        bill += sum((sale.sign * paid[sale.kind] for sale in sales), np.zeros_like(bill))
    direct = received(schemes, hours, "utility").sum(axis=2)
    bill += direct + received(schemes, hours, "aggregator").sum(axis=2)
    bought = hours["net_kwh"] - direct_kwh(schemes, hours)
    price = np.where(supplied(hours), hours["community_price"], 0.0)
    margin = price - hours["utility_price"]
    besides = total((each.aggregator_margin() for each in schemes), bought)
    aggregators = (margin * bought + besides).sum(axis=2)
    utility = (hours["utility_price"] * bought).sum(axis=2) + direct - cost
    return relative(bill, aggregators + utility + paid[_GENERATION])


def _some(paid: Columns) -> NDArray[np.bool_]:
    """Return where energy is generated: what rounding leaves of none has no price per energy."""
    some: NDArray[np.bool_] = np.abs(paid["energy_kwh"]) > DUST_KWH
    return some


def _parties(kind: str, community: str) -> tuple[str, str]:
    aggregator = f"aggregator@{community}"
    return {
        "fixed_load": (f"consumers@{community}", aggregator),
        "wholesale": (aggregator, "utility"),
        "photovoltaics": (aggregator, f"consumers@{community}"),
    }[kind]
