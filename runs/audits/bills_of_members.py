"""Bills of members with a tariff of their own, worked out a second time, meter by meter.

What each meter reads follows from the scenario: loads, generation and outages; prices, charges of
months and net metering from the tariff, by `hmesh.runs.audits.reference.stated_tariff`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.member_energies import each_generation, each_load
from hmesh.runs.audits.run_inputs import FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments, SchemeAudit
from hmesh.runs.audits.stated_bills import BillAudit, amounts_of_ledger
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.groups_with_tariff import groups_with_tariff

type Key = tuple[str, str]

PREFIX = "members with a tariff: "
_CONSUMERS = "consumers@{community}"
CREDITS = ("member_feed_in", "member_net_metering")


@dataclass(frozen=True, slots=True)
class GroupBills:
    """What the meters of a group read, and what they should pay, each of shape (steps, meters).

    Attributes
    ----------
    community : int
        Number of their community.
    load_kwh, generated_kwh : array
        What members use and generate [kWh].
    parts : mapping of array
        What each is due by kind of payment, credits too [money].
    """

    community: int
    load_kwh: FloatArray
    generated_kwh: FloatArray
    parts: Mapping[str, FloatArray]

    @property
    def bought_kwh(self) -> FloatArray:
        """What each meter draws [kWh]."""
        return np.maximum(self.load_kwh - self.generated_kwh, 0.0)

    @property
    def sold_kwh(self) -> FloatArray:
        """What each meter delivers [kWh]."""
        return np.maximum(self.generated_kwh - self.load_kwh, 0.0)

    def energy_of(self, kind: str) -> FloatArray:
        """Return the energy that is paid for by a kind of payment [kWh]."""
        if kind == "member_feed_in":
            return self.sold_kwh
        if kind not in self.parts:
            return np.zeros_like(self.load_kwh)
        by_energy = kind == "member_purchase" or kind.startswith("member_fee_")
        return self.bought_kwh if by_energy else np.zeros_like(self.load_kwh)


class MemberTariffAudit(SchemeAudit):
    """The audit of the members with a tariff of their own, beside those of the schemes.

    Parameters
    ----------
    run, inputs, hours, out : Run, RunInputs, dict of array, array of bool
        The run, what its scenario settles, the columns of hours.parquet, and which communities
        have no supply in which steps.
    """

    of_agents = False

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns, out: NDArray[np.bool_]) -> None:
        self.run, self.inputs, self.hours, self._out = run, inputs, hours, out
        self._groups = list(groups_with_tariff(inputs.scenario))
        self._audits: dict[Key, BillAudit] = {}

    @property
    def there(self) -> bool:
        """Whether anybody has a tariff of its own."""
        return bool(self._groups)

    @cached_property
    def groups(self) -> dict[Key, GroupBills] | None:
        """The bills of each group by community and name; None where a file of it is gone."""
        setting = self.inputs.setting
        if setting is None:
            return None
        wanted = {(name, group.name): group.tariff for name, _, group in self._groups}
        energy = {
            (name, group.name): made.bill
            for (name, _, group), made in zip(self._groups, setting.tariffs_of_members, strict=True)
        }
        suns, found = each_generation(self.inputs), {}
        for key, _, count, loads in each_load(self.inputs):
            if key not in wanted:
                continue
            m = self.inputs.communities.index(key[0])
            dark = self._out[:, m, None]
            load = np.where(dark, 0.0, np.array(list(loads)).reshape(-1, count))
            sun = np.where(dark, 0.0, suns[key]) + np.zeros_like(load)
            found[key] = self._of_group(key, m, load, sun, wanted[key], energy[key])
        return found if len(found) == len(wanted) else None

    def _of_group(
        self, key: Key, m: int, load: FloatArray, sun: FloatArray, tariff: Any, bill: Any
    ) -> GroupBills:
        where = np.full(load.shape[1], m)
        kinds = () if bill.monthly is None else bill.monthly.kinds
        audit = self._audits[key] = BillAudit(
            self.inputs, tariff, bill.energy, where, kinds, "member"
        )
        bought, sold = np.maximum(load - sun, 0.0), np.maximum(sun - load, 0.0)
        return GroupBills(m, load, sun, audit.parts(bought, sold, bill.feed_in))

    def _placed(self, of_group: Any) -> FloatArray:
        """Return what meters amount to in each community, of the shape of the hours."""
        added = np.zeros(self.hours["net_kwh"].shape)
        for group in (self.groups or {}).values():
            added[:, :, group.community] += of_group(group).sum(axis=1)[:, None]
        return added

    def apart_kwh(self) -> Mapping[str, FloatArray]:
        """Return what they use and generate, which is no trade with aggregators [kWh]."""
        if self.groups is None:
            paid = self._of_ledger("member_purchase")[0]
            return {"fixed_load_kwh": paid, "generation_kwh": np.zeros_like(paid)}
        return {
            "fixed_load_kwh": self._placed(lambda group: group.load_kwh),
            "generation_kwh": -self._placed(lambda group: group.generated_kwh),
        }

    def direct_kwh(self) -> FloatArray:
        """Return what they settle with the utility: all that their meters read [kWh]."""
        if self.groups is None:
            bought, sold = (
                self._of_ledger(kind)[0] for kind in ("member_purchase", "member_feed_in")
            )
            return bought - sold
        return self._placed(lambda group: group.load_kwh - group.generated_kwh)

    @property
    def _kinds(self) -> dict[str, set[int]]:
        """The communities in which each kind of payment is due."""
        found: dict[str, set[int]] = {}
        for name, _, group in self._groups:
            tariff, m = group.tariff, self.inputs.communities.index(name)
            kinds = ["member_purchase", "member_base_charge", "member_feed_in"]
            kinds += [f"member_fee_{fee}" for fee in tariff.fees]
            in_file = tariff.file is not None and self._charges_in_file(name, group.name)
            kinds += ["member_demand_charge"] if tariff.demand_charges or in_file else []
            kinds += ["member_tier_charge"] if tariff.tiers else []
            kinds += ["member_net_metering"] if tariff.netted else []
            kinds += ["member_value_added_tax"] if tariff.value_added_tax else []
            for kind in kinds:
                found.setdefault(kind, set()).add(m)
        return found

    def _charges_in_file(self, community: str, group: str) -> bool:
        own = (self.groups or {}).get((community, group))
        return own is not None and "member_demand_charge" in own.parts

    def payments(self) -> Sequence[Payments]:
        """Return what they should pay and be paid, part by part."""
        shape, due = self.hours["net_kwh"].shape, []
        for kind, places in self._kinds.items():
            there = np.zeros(shape, dtype=np.bool_)
            there[:, :, sorted(places)] = True
            sides = (_CONSUMERS, "utility")
            if kind in CREDITS:
                sides = ("utility", _CONSUMERS)
            elif kind == "member_value_added_tax":
                sides = (_CONSUMERS, "state")
            if self.groups is None:
                energy, amount = self._of_ledger(kind)
            else:
                energy = self._placed(lambda group, kind=kind: group.energy_of(kind))
                amount = self._placed(
                    lambda group, kind=kind: group.parts.get(kind, np.zeros_like(group.load_kwh))
                )
            due.append(Payments(kind, *sides, energy, amount, there))
        return due

    def _of_ledger(self, kind: str) -> tuple[FloatArray, FloatArray]:
        """Return energies and amounts of a kind as the ledger has them, where files are gone."""
        side = "payee" if kind in CREDITS else "payer"
        ledger = self.run.table("ledger").to_pandas()
        return amounts_of_ledger(self.inputs, ledger, kind, side, len(self.hours["net_kwh"]))

    def figures(self) -> tuple[Figures, Figures]:
        """Return the energies that meters read, and the parts of the bills."""
        if self.groups is None:
            return {}, {}
        by_step: Figures = {
            "member_tariff_import_kwh": self._placed(lambda g: g.bought_kwh).sum(axis=2),
            "member_tariff_export_kwh": self._placed(lambda g: g.sold_kwh).sum(axis=2),
        }
        bill = np.zeros(self.hours["net_kwh"].shape[:2])
        for paid in self.payments():
            sign = 1.0 if paid.payer == _CONSUMERS else -1.0
            amount = sign * paid.amount.sum(axis=2)
            by_step[f"member_bill_{paid.kind.removeprefix('member_')}"] = amount
            bill += amount
        return by_step | {"member_bill": bill}, {}

    def checks(self) -> Iterator[Check]:
        """Check the prices of bands; bills are checked with the ledger and the accounts."""
        if self.groups is None:
            note = f"amounts are those of the ledger: {FILE_GONE}"
            yield Check(f"{PREFIX}meter by meter", None, np.nan, 0.0, "", note=note)
            return
        for (community, group), audit in self._audits.items():
            yield from audit.checks(f"{PREFIX}{community}/{group}: ")
