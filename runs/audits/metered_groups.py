"""Bills of members of a scheme with a tariff of their own, worked out again by its tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.reference.known_tariff import known_before, rooms_of, surcharge_of_tier
from hmesh.runs.audits.run_inputs import FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments
from hmesh.runs.audits.stated_bills import BillAudit
from hmesh.runs.results.run_reader import Run

type Rows = NDArray[np.intp]

_BY_ENERGY, _CREDITS = ("purchase", "fee_"), ("feed_in", "net_metering")


@dataclass(frozen=True, slots=True)
class ReadMeters:
    """What the tables of a scheme say that the meters of a group read.

    Attributes
    ----------
    name : str
        The group.
    rows : array of int
        Which members of their kind have the meters, ascending.
    tariff : object
        What the scenario states.
    bill : object
        The parts of the tariff by step; the energy is used where no bands set it.
    bought_kwh, sold_kwh : array, shape (steps, strategies, meters)
        What each draws and delivers [kWh].
    place : array of int, shape (steps, strategies, meters)
        In the account of which community each is.
    """

    name: str
    rows: Rows
    tariff: Any
    bill: Any
    bought_kwh: FloatArray
    sold_kwh: FloatArray
    place: Rows


@dataclass(frozen=True, slots=True)
class KnownTerms:
    """What a kWh costs and brings the meters of a group in each step under one strategy.

    Attributes
    ----------
    purchase, feed_in : array, shape (steps, meters)
        Per kWh bought and delivered [money/kWh].
    rooms : array, shape (charges, steps, meters)
        What may be bought before each charge rises [kWh].
    per_kwh : list of float
        What a kWh beyond costs more [money/kWh].
    """

    purchase: FloatArray
    feed_in: FloatArray
    rooms: FloatArray
    per_kwh: list[float]


class MetersAudit:
    """What meters of a scheme's members should pay, group by group.

    Parameters
    ----------
    run, inputs : Run, RunInputs
        The run, and what its scenario settles.
    shape : (int, int, int)
        Steps, strategies and communities.
    party, prefix : str
        Who pays, as the ledger calls them, and what kinds of payments begin with.
    tariffs : sequence
        The tariffs that the scenario states.
    groups : sequence of ReadMeters, or None
        What the meters of each group read; None where that is not known, so that amounts are those
        of the ledger.
    why : str, optional
        What to state then.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        shape: tuple[int, int, int],
        party: str,
        prefix: str,
        tariffs: Sequence[Any],
        groups: Sequence[ReadMeters] | None,
        why: str = FILE_GONE,
    ) -> None:
        self.run, self.inputs, self.shape = run, inputs, shape
        self.party, self.prefix, self.tariffs = party, prefix, tariffs
        self.groups, self.why = groups, why

    def audit_of(self, group: ReadMeters) -> BillAudit:
        """Return the second implementation of the tariff of a group."""
        monthly = group.bill.monthly
        kinds = () if monthly is None else monthly.kinds
        return BillAudit(
            self.inputs, group.tariff, group.bill.energy, group.rows, kinds, self.prefix
        )

    @cached_property
    def _parts(self) -> list[dict[str, FloatArray]]:
        """By group and kind of payment what each meter is due, (steps, strategies, meters)."""
        found = []
        for group in self.groups or ():
            audit = self.audit_of(group)
            each = [
                audit.parts(group.bought_kwh[:, s], group.sold_kwh[:, s], group.bill.feed_in)
                for s in range(self.shape[1])
            ]
            found.append({kind: np.stack([one[kind] for one in each], axis=1) for kind in each[0]})
        return found

    def terms(self, group: ReadMeters, strategy: int, need_kw: FloatArray) -> KnownTerms:
        """Return what a kWh costs and brings by what meters know before each step.

        Parameters
        ----------
        group : ReadMeters
            The group.
        strategy : int
            Number of the strategy.
        need_kw : array, shape (steps, meters)
            Power that each is let have in any case [kW].
        """
        audit, tariff, step_h = self.audit_of(group), group.tariff, self.inputs.step_h
        taxed = 1.0 + tariff.value_added_tax
        price = (audit.energy() + sum(tariff.fees.values())) * taxed
        bought = group.bought_kwh[:, strategy]
        steps, meters = bought.shape
        purchase = np.broadcast_to(price[:, None], bought.shape).copy()
        rooms = np.empty((len(audit.demand), steps, meters))
        for meter in range(meters):
            known = known_before(
                bought[:, meter].tolist(), audit.begins, step_h, audit.demand,
                self.inputs.calendar.is_holiday,
            )  # fmt: skip
            for step in range(steps):
                purchase[step, meter] += taxed * surcharge_of_tier(known, step, tariff.tiers)
                need = float(need_kw[step, meter])
                rooms[:, step, meter] = rooms_of(known, step, need, audit.demand)
        paid = np.broadcast_to(group.bill.feed_in[:, None], bought.shape)
        per_kwh = [taxed * each.price_per_kw / (each.interval / 60) for each in audit.demand]
        return KnownTerms(purchase, purchase if tariff.netted else paid, rooms, per_kwh)

    def placed(self, values: Sequence[FloatArray]) -> FloatArray:
        """Return what meters of each group amount to in each community, shape of the hours."""
        added = np.zeros(self.shape)
        step, strategy = np.ogrid[: self.shape[0], : self.shape[1]]
        for group, each in zip(self.groups or (), values, strict=True):
            np.add.at(added, (step[..., None], strategy[..., None], group.place), each)
        return added

    @property
    def bought_kwh(self) -> FloatArray:
        """What they draw in each community [kWh], of the shape of the hours."""
        return self.placed([group.bought_kwh for group in self.groups or ()])

    @property
    def sold_kwh(self) -> FloatArray:
        """What they deliver in each community [kWh], of the shape of the hours."""
        return self.placed([group.sold_kwh for group in self.groups or ()])

    def direct_kwh(self) -> FloatArray:
        """Return what they settle with the utility [kWh], of the shape of the hours."""
        if self.groups is None:
            ledger = self._ledger
            bought, sold = (ledger.get(f"{self.prefix}_{k}") for k in ("purchase", "feed_in"))
            nothing = np.zeros(self.shape)
            return (nothing if bought is None else bought[0]) - (
                nothing if sold is None else sold[0]
            )
        return self.bought_kwh - self.sold_kwh

    @cached_property
    def _ledger(self) -> dict[str, tuple[FloatArray, FloatArray, NDArray[np.bool_]]]:
        """Energies, amounts and places of payments as the ledger has them, by kind."""
        rows = self.run.table("ledger").to_pandas()
        rows = rows[rows["kind"].astype(str).str.startswith(f"{self.prefix}_")]
        side = np.where(rows["payer"].astype(str).str.startswith(f"{self.party}@"),
                        rows["payer"].astype(str), rows["payee"].astype(str))  # fmt: skip
        names, strategies = self.inputs.communities, list(self.inputs.strategies)
        m = np.array([names.index(name.partition("@")[2]) for name in side], dtype=np.intp)
        s = np.array([strategies.index(name) for name in rows["strategy"]], dtype=np.intp)
        found = {}
        for kind in self._kinds_possible():
            mine = (rows["kind"].astype(str) == kind).to_numpy()
            if not mine.any():
                continue
            at = (rows["step"].to_numpy()[mine], s[mine], m[mine])
            energy, amount = np.zeros((2, *self.shape))
            there = np.zeros(self.shape, dtype=np.bool_)
            energy[at], amount[at] = rows["energy_kwh"][mine], rows["amount"][mine]
            there[at] = True
            found[kind] = energy, amount, there
        return found

    def _kinds_possible(self) -> list[str]:
        """Return all kinds of payments that any tariff of the scenario may ask."""
        names = {"purchase", "base_charge", "feed_in", "demand_charge", "tier_charge"}
        names |= {"net_metering", "value_added_tax"}
        fees = {f"fee_{fee}" for tariff in self.tariffs for fee in tariff.fees}
        return [f"{self.prefix}_{name}" for name in sorted(names | fees)]

    def payments(self) -> Sequence[Payments]:
        """Return what they should pay and be paid, part by part."""
        due = []
        held = dict(self._ledger) if self.groups is None else {}
        if self.groups is not None:
            kinds = dict.fromkeys(kind for parts in self._parts for kind in parts)
            for kind in kinds:
                energies, amounts = [], []
                for group, parts in zip(self.groups, self._parts, strict=True):
                    nothing = np.zeros(group.bought_kwh.shape)
                    amounts.append(parts.get(kind, nothing))
                    energies.append(self._energy(group, kind) if kind in parts else nothing)
                marks = [
                    np.full(group.bought_kwh.shape, float(kind in parts))
                    for group, parts in zip(self.groups, self._parts, strict=True)
                ]
                there = self.placed(marks) > 0
                held[kind] = self.placed(energies), self.placed(amounts), there
        for kind, (energy, amount, there) in held.items():
            name = kind.removeprefix(f"{self.prefix}_")
            members = f"{self.party}@{{community}}"
            sides = (members, "utility")
            if name in _CREDITS:
                sides = ("utility", members)
            elif name == "value_added_tax":
                sides = (members, "state")
            due.append(Payments(kind, *sides, energy, amount, there))
        return due

    def _energy(self, group: ReadMeters, kind: str) -> FloatArray:
        name = kind.removeprefix(f"{self.prefix}_")
        if name == "feed_in":
            return group.sold_kwh
        if name.startswith(_BY_ENERGY):
            return group.bought_kwh
        return np.zeros_like(group.bought_kwh)

    def _money(self, parts: Mapping[str, FloatArray], *, received: bool) -> FloatArray | float:
        names = [f"{self.prefix}_{credit}" for credit in _CREDITS]
        mine = [amount for kind, amount in parts.items() if (kind in names) == received]
        return sum(mine, np.zeros(1))

    def flows(self, number: int) -> dict[str, FloatArray]:
        """Return what the meters of a group buy, sell, pay and receive.

        Each of shape (steps, strategies, meters), by the names of accounts.parquet.
        """
        assert self.groups is not None
        group, parts = self.groups[number], self._parts[number]
        nothing = np.zeros_like(group.bought_kwh)
        return {
            "bought_kwh": group.bought_kwh,
            "sold_kwh": group.sold_kwh,
            "paid": nothing + self._money(parts, received=False),
            "received": nothing + self._money(parts, received=True),
        }

    def figures(self) -> Figures:
        """Return the energies that meters read, and the parts of the bills, by step."""
        if self.groups is None:
            return {}
        by_step: Figures = {
            f"{self.prefix}_tariff_import_kwh": self.bought_kwh.sum(axis=2),
            f"{self.prefix}_tariff_export_kwh": self.sold_kwh.sum(axis=2),
        }
        bill = np.zeros(self.shape[:2])
        for paid in self.payments():
            sign = 1.0 if paid.payer.startswith(f"{self.party}@") else -1.0
            amount = sign * paid.amount.sum(axis=2)
            by_step[f"{self.prefix}_bill_{paid.kind.removeprefix(f'{self.prefix}_')}"] = amount
            bill += amount
        return by_step | {f"{self.prefix}_bill": bill}

    def paid_and_received(self) -> tuple[FloatArray, FloatArray]:
        """Return what all of them pay and are paid, each of shape (steps, strategies) [money]."""
        paid, received = np.zeros((2, *self.shape[:2]))
        for each in self.payments():
            side = paid if each.payer.startswith(f"{self.party}@") else received
            side += each.amount.sum(axis=2)
        return paid, received

    def checks(self, who: str) -> Iterator[Check]:
        """Check the prices of bands; bills are checked with the ledger and the accounts."""
        if self.groups is None:
            note = f"amounts are those of the ledger: {self.why}"
            yield Check(f"{who}meter by meter", None, np.nan, 0.0, "", note=note)
            return
        for group in self.groups:
            yield from self.audit_of(group).checks(f"{who}{group.name}: ")
