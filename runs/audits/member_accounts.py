"""What single members pay, computed again from the energies of each by scenario and tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.bills_of_members import CREDITS, GroupBills
from hmesh.runs.audits.consumers_used import consumers_used, unknown_use
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.local_exchange import LocalExchangeAudit
from hmesh.runs.audits.member_bills import MemberBills
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.scheme_audit import OwnBills
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run


def consumer_bills(
    run: Run,
    inputs: RunInputs,
    hours: Columns,
    energies: Energies,
    local: LocalExchangeAudit | None = None,
    tariffs: Mapping[tuple[str, str], GroupBills] | None = None,
) -> dict[str, MemberBills] | str:
    """Return what households and buildings should have paid for their loads, or why it is unknown.

    What buildings with batteries pay besides is read from buildings.parquet, and what a local
    exchange saves each of them is what its audit says. Those with a tariff pay its parts.
    """
    if why := unknown_use(inputs, energies):
        return why
    if tariffs is None:
        return "a file of a tariff of members is gone or has changed"
    batteries = "battery_sharing" in inputs.scenario.schemes
    if batteries and inputs.scenario.record.buildings != "all":
        return "not every building with a battery is recorded"
    if local is not None and local.less_paid is None:
        return f"what local energy saves each member is not known, since {local.unknown_members}"
    price = np.where(supplied(hours), hours["community_price"], 0.0)
    found: dict[str, list[tuple[int, FloatArray, FloatArray]]] = {}
    for group in consumers_used(inputs, hours):
        if group.kind == "prosumer":
            continue  # Their account is that of all their parts.
        m = inputs.communities.index(group.community)
        bought, paid = np.zeros((2, len(inputs.strategies), group.count))
        own = None if tariffs is None else tariffs.get((group.community, group.group))
        if own is not None:
            bought += own.bought_kwh.sum(axis=0)
            paid += sum(
                amount.sum(axis=0) for kind, amount in own.parts.items() if kind not in CREDITS
            )
        for step, used in enumerate(group.steps if own is None else ()):
            bought += used
            paid += price[step, :, m, None] * used
        found.setdefault(f"{group.kind}s", []).append((m, bought, paid))
    bills = {}
    for kind, parts in found.items():
        where = np.repeat([m for m, *_ in parts], [bought.shape[1] for _, bought, _ in parts])
        bought, paid = (np.concatenate([part[n] for part in parts], axis=1) for n in (1, 2))
        if kind == "buildings" and batteries:
            more = _of_batteries(run, inputs, price, where)
            bought, paid = bought + more[0], paid + more[1]
        if local is not None and local.less_paid is not None:
            paid = paid - local.less_paid[kind]
        bills[kind] = MemberBills({"bought_kwh": bought, "paid": paid}, where)
    return bills


def _of_batteries(
    run: Run, inputs: RunInputs, price: FloatArray, where: NDArray[np.intp]
) -> FloatArray:
    """Return what buildings buy for batteries and of others', energy and money."""
    rows = run.table("buildings", ["step", "strategy", "building", "charged_kwh", "received_kwh"])
    strategies = {name: s for s, name in enumerate(inputs.strategies)}
    more = np.zeros((2, len(inputs.strategies), len(where)))

    def add(held: dict[str, list[Any]], owner: str, energy_kwh: FloatArray) -> None:
        # No row at all is an array of no type of its own, so that the type of indices is given.
        s = np.array([strategies[name] for name in held["strategy"]], dtype=np.intp)
        step, building = (np.array(held[name], dtype=np.intp) for name in ("step", owner))
        np.add.at(more[0], (s, building), energy_kwh)
        np.add.at(more[1], (s, building), energy_kwh * price[step, s, where[building]])

    held = rows.to_pydict()
    add(held, "building", np.array(held["charged_kwh"]) + np.array(held["received_kwh"]))
    if inputs.scenario.battery_sharing.price_response is not None:
        names = ["step", "strategy", "owner", "exchange_kwh"]
        held = run.table("store_answers", names, [("scheme", "=", "battery_sharing")]).to_pydict()
        add(held, "owner", np.maximum(np.array(held["exchange_kwh"], dtype=float), 0.0))
    return more


def vehicle_bills(
    run: Run, inputs: RunInputs, count: int, with_tariff: OwnBills | None
) -> dict[str, MemberBills] | str:
    """Return what vehicles should have paid and received by their table, or why it is unknown.

    Those with a tariff of their own pay its parts.
    """
    if with_tariff is None:
        return "the bills of vehicles with a tariff are not known"
    if "vehicles" not in inputs.scenario.schemes:
        return {}
    recorded = inputs.scenario.record.vehicles
    if recorded == "none" or (isinstance(recorded, int) and recorded < count):
        return "not every vehicle is recorded"
    rows = run.table("vehicles", ["strategy", "vehicle", "energy_kwh", "price"])
    # Those of prosumers follow, who have their own accounts.
    shape = (len(inputs.strategies), inputs.scenario.section("vehicles").count)
    shape = (shape[0], max(shape[1], count))
    sums = {name: np.zeros(shape) for name in ("bought_kwh", "sold_kwh", "paid", "received")}
    for batch in rows.to_batches():
        strategies = {name: s for s, name in enumerate(inputs.strategies)}
        coded = batch.column("strategy")
        codes = np.array([strategies[name] for name in coded.dictionary.to_pylist()])
        s = codes[coded.indices.to_numpy()]
        vehicle = batch.column("vehicle").to_numpy()
        energy = batch.column("energy_kwh").to_numpy()
        price = np.nan_to_num(batch.column("price").to_numpy(zero_copy_only=False))
        for sign, flow, money in ((1.0, "bought_kwh", "paid"), (-1.0, "sold_kwh", "received")):
            side = np.where(sign * energy > 0, sign * energy, 0.0)
            np.add.at(sums[flow], (s, vehicle), side)
            np.add.at(sums[money], (s, vehicle), side * price)
    for rows, flows in with_tariff.values():
        for name, values in flows.items():
            sums[name][:, rows] = values
    own = {name: values[:, :count] for name, values in sums.items()}
    return {"vehicles": MemberBills(own, None)}
