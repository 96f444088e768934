"""What houses with storages pay and are paid, part by part, worked out a second time."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.scheme_audit import Payments
from hmesh.runs.audits.stated_bills import BillAudit, amounts_of_ledger
from hmesh.runs.schemes.composite_storage.setting import CREDITS, STATE, UNTAXED

if TYPE_CHECKING:
    from hmesh.runs.schemes.composite_storage.audit import CompositeStorageAudit


class HouseBills:
    """The bills of the houses of a run.

    Parameters
    ----------
    audit : CompositeStorageAudit
        The audit of the houses; bills need what its sums and its recorded houses say.
    """

    def __init__(self, audit: "CompositeStorageAudit") -> None:
        self.audit, self.run, self.inputs, self.hours = audit, audit.run, audit.inputs, audit.hours
        self.settings, self.setting = audit.settings, audit.setting
        self.strategies, self.community = audit.strategies, audit.community

    def payments(self) -> Sequence[Payments]:
        """Return what houses pay for purchases, by month and as tax, and get for feed-in."""
        sums, placed = self.audit.sums, self.audit.placed
        bought, sold = (placed(sums[name]) for name in ("import_kwh", "export_kwh"))
        setting = self.setting
        if setting is None:
            return ()
        prices, tariff = setting.prices, self.settings.tariff
        inhabited = np.zeros(bought.shape, dtype=np.bool_)
        inhabited[:, :, self.community] = True
        each = np.bincount(setting.community, minlength=bought.shape[2])
        base = setting.base_charge[:, None, None] * each + np.zeros_like(bought)
        tax = prices.carbon_tax * prices.emission_factor
        houses, utility = "houses@{community}", "utility"
        energy = self._energy_prices[:, None, None]
        feed_in = setting.bill.feed_in[:, None, None]
        if (share := tariff.feed_in_share) is not None:
            utility = "aggregator@{community}"
            energy = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
            feed_in = share * energy
        due = [
            Payments("house_purchase", houses, utility, bought, energy * bought, inhabited),
            *(
                Payments(f"house_fee_{name}", houses, utility, bought, fee * bought, inhabited)
                for name, fee in tariff.fees.items()
            ),
            *(
                Payments(kind, houses, utility, 0.0 * bought, amount, inhabited)
                for kind, amount in self._monthly.items()
                if kind not in CREDITS
            ),
            Payments("house_feed_in", utility, houses, sold, feed_in * sold, inhabited),
            Payments("house_base_charge", houses, utility, 0.0 * bought, base, inhabited),
            Payments("carbon_tax", houses, STATE, bought, tax * bought, inhabited),
        ]
        due += [
            Payments(kind, utility, houses, 0.0 * bought, amount, inhabited)
            for kind, amount in self._monthly.items()
            if kind in CREDITS
        ]
        if tariff.value_added_tax:
            amount = np.zeros_like(bought)
            for paid in due:
                if paid.kind not in UNTAXED:
                    amount += tariff.value_added_tax * paid.amount
            due.append(
                Payments("house_value_added_tax", houses, STATE, 0.0 * bought, amount, inhabited)
            )
        return due

    @cached_property
    def parts(self) -> BillAudit:
        """The parts of what a house pays by the tariff."""
        assert self.setting is not None
        bill, where = self.setting.bill, self.setting.community
        kinds = () if bill.monthly is None else bill.monthly.kinds
        tariff = self.settings.tariff
        return BillAudit(self.inputs, tariff, bill.energy, where, kinds, "house")

    @cached_property
    def _energy_prices(self) -> FloatArray:
        return self.parts.energy()

    @cached_property
    def _monthly(self) -> Mapping[str, FloatArray]:
        """Charges of months; those of the ledger where not all houses are written down."""
        setting, replay = self.setting, self.audit.replay
        assert setting is not None
        kinds = list(() if setting.bill.monthly is None else setting.bill.monthly.kinds)
        netted = self.settings.tariff.netted
        if replay is not None and replay.recorded == setting.houses:
            rows = replay.rows
            found = dict(self.parts.monthly(rows["import_kwh"])) if kinds else {}
            if netted:
                found["house_net_metering"] = np.stack(
                    [
                        self.parts.credits(
                            rows["import_kwh"][:, s], rows["export_kwh"][:, s], setting.bill.feed_in
                        )
                        for s in range(len(self.strategies))
                    ],
                    axis=1,
                )
            return found
        ledger = self.run.table("ledger").to_pandas()
        steps = len(self.hours["net_kwh"])
        return {
            kind: amounts_of_ledger(
                self.inputs, ledger, kind, "payee" if kind in CREDITS else "payer", steps
            )[1]
            for kind in (*kinds, *(CREDITS if netted else ()))
        }
