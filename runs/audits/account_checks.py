"""Whether the accounts of parties and members are what the payments and tables amount to.

They are added up again from ledger.parquet, row by row and without rounding, and the accounts of
members from what each uses and exchanges by the other tables. No code of `hmesh.runs.world` that
keeps them is used.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hmesh.runs.audits.account_balances import (
    ACCOUNT_KINDS,
    OF_CONSUMERS,
    STORED,
    Table,
    change_of,
    figures_of_parties,
    kinds_of_prosumers,
    number_of,
    of_consumers,
    part_of,
    spread,
    stored_of_prosumers,
    unmixed,
)
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.bills_of_members import GroupBills
from hmesh.runs.audits.local_exchange import LocalExchangeAudit
from hmesh.runs.audits.member_accounts import consumer_bills, vehicle_bills
from hmesh.runs.audits.member_bills import MemberBills
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.prosumer_checks import ProsumerAudit
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, OwnBills
from hmesh.runs.audits.table_reader import (
    Columns,
    DamagedTableError,
    TableReader,
    refuse_disorder,
    refuse_mixed,
)
from hmesh.runs.results.run_reader import Run

_FLOWS = ("bought_kwh", "sold_kwh", "paid", "received", "stored_change_kwh")
_TOGETHER = "prosumers and others of their kinds, stored"


def check_accounts(
    run: Run,
    inputs: RunInputs,
    hours: Columns,
    energies: Energies,
    prosumers: ProsumerAudit,
    local: LocalExchangeAudit | None = None,
    tariffs: Mapping[tuple[str, str], GroupBills] | None = None,
    own: Mapping[str, OwnBills | None] | None = None,
) -> tuple[list[Check], Figures]:
    """Check the accounts, and return the figures of the summary that they settle.

    Parameters
    ----------
    run, inputs, hours, energies : Run, RunInputs, dict of array, \
    mapping of (str, str) to GroupEnergy or None
        The run, what its scenario settles, the columns of hours.parquet, and what members use.
    prosumers : ProsumerAudit
        The audit of the prosumers.
    local : LocalExchangeAudit, optional
        The audit of local exchanges, where there are any.
    tariffs : mapping of (str, str) to GroupBills, optional
        The bills of groups of members with a tariff of their own; None where they are not known.
    own : mapping, optional
        Likewise the accounts of agents of schemes, by the name of the scheme.
    """
    kept = inputs.scenario.record.accounts
    # Runs of earlier versions kept none.
    if kept == "none" or "accounts" not in run.info["scenario"].get("record", {}):
        return [], {}
    money = _money(run, inputs)
    price = math.fsum(hours["utility_price"][:, 0, 0]) / inputs.steps
    figures = figures_of_parties(run, inputs, money, price)
    if kept != "all":
        return [_consumers(run, inputs, money)], figures | unmixed(inputs, money)
    accounts = _read(run, inputs)
    checks = [
        _sums(run, inputs, accounts, money),
        *_members(run, inputs, hours, energies, prosumers, accounts, local, tariffs, own or {}),
    ]
    figures |= of_consumers(inputs, accounts)
    figures |= stored_of_prosumers(inputs, accounts, price)
    figures |= spread(inputs, accounts, price)
    return checks, figures


def _money(run: Run, inputs: RunInputs) -> list[dict[str, float]]:
    """Return what every party received less what it paid, for each strategy."""
    rows = run.table("ledger", ["strategy", "payer", "payee", "amount"]).to_pydict()
    terms: list[defaultdict[str, list[float]]] = [defaultdict(list) for _ in inputs.strategies]
    place = {name: s for s, name in enumerate(inputs.strategies)}
    for strategy, payer, payee, amount in zip(
        rows["strategy"], rows["payer"], rows["payee"], rows["amount"], strict=True
    ):
        terms[place[strategy]][payer].append(-amount)
        terms[place[strategy]][payee].append(amount)
    return [{party: math.fsum(held) for party, held in each.items()} for each in terms]


def _consumers(run: Run, inputs: RunInputs, money: Sequence[Mapping[str, float]]) -> Check:
    """Check that households and buildings of a community have paid what its consumers have."""
    tally = Tally("accounts: households and buildings have paid it all", EXACT, "of the amount")
    for s, strategy in enumerate(inputs.strategies):
        reported = part_of(part_of(run.summary.get(strategy), "accounts"), "communities")
        for name in inputs.communities:
            held = part_of(reported, name)
            split = sum(number_of(held, kind) or 0.0 for kind in ACCOUNT_KINDS[:2])
            due = sum(money[s].get(f"{party}@{name}", 0.0) for party in OF_CONSUMERS)
            off = abs(split - due) / max(abs(due), 1.0)
            tally.add(np.array([off]), _named([f"{strategy}, {name}"]), None)
    return tally.check()


def _read(run: Run, inputs: RunInputs) -> list[dict[str, Table]]:
    """Return the accounts of each strategy by kind, the years of a member added up."""
    names = {
        "strategy": inputs.strategies, "kind": ACCOUNT_KINDS, "community": inputs.communities,
    }  # fmt: skip
    rows = TableReader(run, "accounts", names, inputs.start_ms).rest()
    refuse_disorder("accounts", rows["year"], rows["strategy"])
    group = rows["year"] * len(inputs.strategies) + rows["strategy"]
    refuse_mixed("accounts", group, rows["kind"])
    steps = [inputs.calendar.date_of(step).year for step in range(inputs.steps)]
    years = sorted(set(steps))
    found: list[dict[str, Table]] = []
    for s in range(len(inputs.strategies)):
        of_kinds: dict[str, Table] = {}
        for k, kind in enumerate(ACCOUNT_KINDS):
            mine = (rows["strategy"] == s) & (rows["kind"] == k)
            if not mine.any():
                continue
            table = {name: values[mine] for name, values in rows.items()}
            count, left = divmod(int(mine.sum()), len(years))
            due = np.tile(np.arange(count), len(years))
            of_year = np.repeat(years, count)
            if left or (table["member"] != due).any() or (table["year"] != of_year).any():
                message = f"the {kind} of {inputs.strategies[s]} have not one row for each year"
                raise DamagedTableError("accounts", message)
            where = table["community"].reshape(len(years), count)
            if (where != where[0]).any():
                raise DamagedTableError("accounts", f"{kind} have moved")
            sums = {n: table[n].reshape(len(years), count).sum(axis=0) for n in _FLOWS}
            of_kinds[kind] = sums | {"community": where[0]}
        found.append(of_kinds)
        sizes = [
            {kind: len(t["paid"]) for kind, t in each.items()} for each in (found[0], of_kinds)
        ]
        if sizes[0] != sizes[1]:
            message = f"{inputs.strategies[s]} has others than {inputs.strategies[0]}"
            raise DamagedTableError("accounts", message)
    return found


def _sums(
    run: Run,
    inputs: RunInputs,
    accounts: Sequence[Mapping[str, Table]],
    money: Sequence[Mapping[str, float]],
) -> Check:
    """Check that members together have what the ledger and the stores of their kind say."""
    tally = Tally("accounts: members have paid what their parties have", EXACT, "of the amount")
    for s, strategy in enumerate(inputs.strategies):
        of_kinds, paid = accounts[s], money[s]
        due: dict[str, float] = {}
        reported: dict[str, float] = {}
        together = kinds_of_prosumers(inputs)
        stored = [change_of(run, strategy, name) for k, name in STORED.items() if k in together]
        if together:
            due[_TOGETHER] = math.fsum(each or 0.0 for each in stored)
        for kind, table in of_kinds.items():
            balance = table["received"] - table["paid"]
            place = f"{kind}, stored"
            if kind in together:
                place = _TOGETHER
            else:
                due[place] = change_of(run, strategy, STORED.get(kind, "")) or 0.0
            reported[place] = reported.get(place, 0.0) + math.fsum(table["stored_change_kwh"])
            if kind in ("vehicles", "prosumers"):
                named = [party for party in paid if party.startswith(f"{kind}@")]
                due[kind] = math.fsum(paid[party] for party in named)
                reported[kind] = math.fsum(balance)
                continue
            for m, name in enumerate(inputs.communities):
                key = "consumers" if kind in ACCOUNT_KINDS[:2] else kind
                place = f"{key}, {name}"
                parties = OF_CONSUMERS if key == "consumers" else (kind,)
                due[place] = math.fsum(paid.get(f"{p}@{name}", 0.0) for p in parties)
                reported[place] = reported.get(place, 0.0) + math.fsum(
                    balance[table["community"] == m]
                )
        places = list(due)
        off = [abs(reported[place] - due[place]) / max(abs(due[place]), 1.0) for place in places]
        where = [f"{strategy}, {place}" for place in places]
        tally.add(np.array(off), _named(where), None)
    return tally.check()


def _members(
    run: Run,
    inputs: RunInputs,
    hours: Columns,
    energies: Energies,
    prosumers: ProsumerAudit,
    accounts: Sequence[Mapping[str, Table]],
    local: LocalExchangeAudit | None,
    tariffs: Mapping[tuple[str, str], GroupBills] | None,
    own: Mapping[str, OwnBills | None],
) -> Iterator[Check]:
    """Check the account of every member whose energies follow from the scenario or the tables."""
    tally = Tally("accounts: each member pays for its own energy", EXACT, "of the amount")
    bills: dict[str, MemberBills] = {}
    prosumer_bills = prosumers.bills()
    if local is not None and not isinstance(prosumer_bills, str):
        prosumer_bills = local.settled(prosumer_bills)
    vehicles = len(accounts[0].get("vehicles", {}).get("paid", ()))
    for found in (
        consumer_bills(run, inputs, hours, energies, local, tariffs),
        vehicle_bills(run, inputs, vehicles, own.get("vehicles", {})),
        prosumer_bills,
    ):
        if isinstance(found, str):
            tally.note(found)
        else:
            bills |= found
    for kind, due in bills.items():
        if not due.count:
            continue  # Who is nobody has no account.
        for s, strategy in enumerate(inputs.strategies):
            table = accounts[s].get(kind)
            if table is None or len(table["paid"]) != due.count:
                raise DamagedTableError("accounts", f"not every one of the {kind} has an account")
            for name, values in due.columns.items():
                scale = np.maximum(np.maximum(np.abs(values[s]), np.abs(table[name])), 1.0)
                off = np.abs(table[name] - values[s]) / scale
                where = f"{strategy}, {kind}, {name}"
                tally.add(off, _numbered(where), None)
            if due.community is not None:
                moved = (table["community"] != due.community).astype(np.float64)
                tally.add(moved, _numbered(f"community of {kind}"), None)
    loose = [
        f"accounts.{name} of {kind}"
        for kind in accounts[0]
        for name in ("bought_kwh", "sold_kwh")
        if kind not in bills or name not in bills[kind].columns
    ]
    yield replace(tally.check(), not_covered=tuple(loose))


def _named(places: Sequence[str]) -> Label:
    return lambda at: places[at[0]]


def _numbered(what: str) -> Label:
    return lambda at: f"{what}, {at[0]}"
