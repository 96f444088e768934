"""Whether metered sites kept their limits, decided by their rules and paid what their tariff says.

What sites use and generate is worked out again from the scenario, their meters and plans by a
second implementation.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.behaviour_checks import rules_by_design
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.investments import faded
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments, SchemeAudit
from hmesh.runs.audits.stated_bills import BillAudit, amounts_of_ledger
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.metered_sites.audit_plans import PlanAudit
from hmesh.runs.schemes.metered_sites.audit_rows import RowAudit
from hmesh.runs.schemes.metered_sites.section import MeteredSites
from hmesh.runs.schemes.metered_sites.setting import (
    ENERGIES,
    UNTAXED,
    YEAR_H,
    MeteredSitesSetting,
    SiteLayout,
)
from hmesh.runs.strategy_names import strategies_within

PREFIX = "metered sites: "


class MeteredSitesAudit(SchemeAudit):
    """The audit of the metered sites."""

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.run, self.inputs, self.hours = run, inputs, hours
        settings: MeteredSites = inputs.scenario.metered_sites
        assert settings is not None
        self.settings = settings
        self.setting: MeteredSitesSetting | None = inputs.of_scheme("metered_sites")
        self.strategies = strategies_within("metered_sites", inputs.strategies)
        self.groups = [group.name for group in settings.groups]
        self.community = [inputs.communities.index(g.community) for g in settings.groups]
        named = {"strategy": inputs.strategies, "group": self.groups}
        rows = TableReader(run, "site_sums", named, inputs.start_ms).rest()
        keys: dict[str, range | Sequence[str]] = {"step": range(inputs.steps), **named}
        self.sums = framed("site_sums", rows, keys)
        if not self.sums["export_kwh"].any():
            # Where nothing is delivered no amount depends on what deliveries are paid.
            self.not_covered = ["run.scenario.metered_sites.tariff.feed_in"]

    @cached_property
    def rows(self) -> RowAudit | None:
        """The sites that are written down, or None where their files are gone."""
        if self.setting is None:
            return None
        return RowAudit(self.run, self.inputs, self.setting, self.strategies)

    def _placed(self, values: FloatArray) -> FloatArray:
        """Add up the groups of each community, of the shape of the hours."""
        added = np.zeros(self.hours["net_kwh"].shape)
        for g, m in enumerate(self.community):
            added[:, :, m] += values[:, :, g]
        return added

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what sites use, generate and store [kWh], of the shape of the hours."""
        sums = self.sums
        return {
            "fixed_load_kwh": self._placed(sums["load_kwh"]),
            "generation_kwh": 0.0 - self._placed(sums["generation_kwh"]),
            "home_storage_kwh": self._placed(sums["charge_kwh"] - sums["discharge_kwh"]),
        }

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what each group draws [kWh], of shape (steps, strategies)."""
        net = self.sums["import_kwh"] - self.sums["export_kwh"]
        names = self.inputs.communities
        return {
            (names[m], name): net[:, :, g]
            for g, (m, name) in enumerate(zip(self.community, self.groups, strict=True))
        }

    def direct_kwh(self) -> FloatArray:
        """Return what sites settle with the utility: all of it [kWh]."""
        return self._placed(self.sums["import_kwh"] - self.sums["export_kwh"])

    def _layout(self, strategy: str) -> SiteLayout:
        assert self.setting is not None
        return self.setting.layout(strategy)

    def _bill_of(self, layout: SiteLayout) -> BillAudit:
        assert self.setting is not None
        bill = self.setting.bill
        kinds = () if bill.monthly is None else bill.monthly.kinds
        tariff = self.settings.tariff
        return BillAudit(self.inputs, tariff, bill.energy, layout.community, kinds, "site")

    @cached_property
    def _monthly(self) -> dict[str, FloatArray]:
        """What is due by month, of the shape of the hours, from what every meter buys."""
        setting, rows = self.setting, self.rows
        assert setting is not None
        assert rows is not None
        kinds = list(() if setting.bill.monthly is None else setting.bill.monthly.kinds)
        netted = self.settings.tariff.netted
        found = {kind: np.zeros(self.hours["net_kwh"].shape) for kind in kinds}
        if netted:
            found["site_net_metering"] = np.zeros(self.hours["net_kwh"].shape)
        if not rows.complete:
            return {kind: self._of_ledger(kind) for kind in found}
        for s, strategy in enumerate(self.strategies):
            layout = self._layout(strategy)
            bought, sold = (rows.of(s, name) for name in ("import_kwh", "export_kwh"))
            if kinds:
                due = self._bill_of(layout).monthly(bought[:, None, :])
                for kind in kinds:
                    found[kind][:, s] = due[kind][:, 0]
            if netted:
                credits = self._bill_of(layout).credits(bought, sold, setting.bill.feed_in)
                found["site_net_metering"][:, s] = credits
        return found

    def _of_ledger(self, kind: str) -> FloatArray:
        """Return payments of a kind as the ledger has them, where no other table settles them."""
        side = "payee" if kind == "site_net_metering" else "payer"
        ledger = self.run.table("ledger").to_pandas()
        return amounts_of_ledger(self.inputs, ledger, kind, side, len(self.hours["net_kwh"]))[1]

    @cached_property
    def _energy(self) -> FloatArray:
        """Price of energy in each step by the bands, without fees and tax [money/kWh]."""
        assert self.setting is not None
        return self._bill_of(self.setting.apart).energy()

    def payments(self) -> Sequence[Payments]:
        """Return what sites pay by their bills, and get for deliveries."""
        setting, tariff = self.setting, self.settings.tariff
        if setting is None:
            return ()
        bought, sold = (self._placed(self.sums[name]) for name in ("import_kwh", "export_kwh"))
        there = np.zeros(bought.shape, dtype=np.bool_)
        there[:, :, self.community] = True
        base, none = np.zeros_like(bought), np.zeros_like(bought)
        for s, strategy in enumerate(self.strategies):
            meters = np.bincount(self._layout(strategy).community, minlength=bought.shape[2])
            base[:, s] = setting.base_charge[:, None] * meters
        sites = "sites@{community}"
        energy, feed_in = self._energy[:, None, None], setting.bill.feed_in[:, None, None]
        due = [
            Payments("site_purchase", sites, "utility", bought, energy * bought, there),
            *(
                Payments(f"site_fee_{name}", sites, "utility", bought, fee * bought, there)
                for name, fee in tariff.fees.items()
            ),
            *(
                Payments(kind, sites, "utility", none, amount, there)
                for kind, amount in self._monthly.items()
                if kind != "site_net_metering"
            ),
            Payments("site_base_charge", sites, "utility", none, base, there),
            Payments("site_feed_in", "utility", sites, sold, feed_in * sold, there),
        ]
        if "site_net_metering" in self._monthly:
            amount = self._monthly["site_net_metering"]
            due.append(Payments("site_net_metering", "utility", sites, none, amount, there))
        if tariff.value_added_tax:
            taxed = sum((p.amount for p in due if p.kind not in UNTAXED), none)
            amount = tariff.value_added_tax * taxed
            due.append(Payments("site_value_added_tax", sites, "state", none, amount, there))
        return due

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the summary, by step and of the run."""
        of_all = {name: values.sum(axis=2) for name, values in self.sums.items()}
        by_step: Figures = {f"site_{name}": of_all[name] for name in ENERGIES}
        setting, rows = self.setting, self.rows
        if setting is None or rows is None:
            return by_step, {}
        bill = np.zeros(of_all["load_kwh"].shape)
        for paid in self.payments():
            sign = 1.0 if paid.payer.startswith("sites") else -1.0
            amount = sign * paid.amount.sum(axis=2)
            by_step[f"site_bill_{paid.kind.removeprefix('site_')}"] = amount
            bill += amount
        wear = self.settings.battery.wear * of_all["discharge_kwh"]
        lost = np.maximum(setting.bill.feed_in, 0.0)[:, None] * of_all["curtailed_kwh"]
        by_step |= {
            "site_bill": bill,
            "site_wear": wear,
            "site_running_cost": bill + wear,
            "site_curtailed_worth": lost,
        }
        if rows.complete:
            for name in ("curtailed", "unserved"):
                many = [
                    (rows.of(s, f"{name}_kwh") > 1e-9).sum(axis=1)
                    for s in range(len(self.strategies))
                ]
                by_step[f"counts.sites_{name}"] = np.stack(many, axis=1).astype(float)
        return by_step, self._of_run(setting, rows, of_all)

    def _of_run(
        self, setting: MeteredSitesSetting, rows: RowAudit, of_all: Mapping[str, FloatArray]
    ) -> Figures:
        """Return the figures of the whole run, each of shape (strategies,)."""
        own, economics, many = self.settings.battery, self.settings.economics, self.strategies
        years = self.inputs.steps * self.inputs.step_h / YEAR_H
        size = np.array([float(setting.battery_kwh(name).sum()) for name in many])
        charged, discharged = (of_all[n].sum(axis=0) for n in ("charge_kwh", "discharge_kwh"))
        cycles = np.divide(discharged, size, where=size > 0, out=np.zeros_like(size)) / years
        peak = [economics.pv_price_per_kw * self._layout(name).pv_kw.sum() for name in many]
        modules = np.where([name == "sites_without_devices" for name in many], 0.0, peak)
        batteries = economics.battery_price_per_kwh * size
        both = modules + batteries
        part = np.divide(batteries, both, where=both > 0, out=np.zeros_like(both))
        fade = np.where(size > 0, own.calendar_fade + own.cycle_fade * cycles, 0.0)
        figures: Figures = {
            "site_battery_kwh": size,
            "site_cycles_per_year": cycles,
            "site_investment": both,
            "site_fade_per_year": fade * part,
            "site_stored_change_kwh": own.charge_efficiency * charged
            - discharged / own.discharge_efficiency,
            "site_years": np.full(len(many), years),
            "site_interest_rate": np.full(len(many), economics.interest_rate),
            "site_lifetime_years": np.full(len(many), economics.lifetime_years),
        }
        if rows.complete and own.fades:
            left = np.array([rows.of(s, "capacity_kwh")[-1].sum() for s in range(len(many))])
            figures |= faded("site", size, left, fade, part)
        if rows.complete:
            figures["site_highest_kw"] = np.array(
                [
                    rows.of(s, "import_kwh").max(axis=0).sum() / self.inputs.step_h
                    for s in range(len(many))
                ]
            )
        return figures

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        yield from self._balances()
        setting, rows = self.setting, self.rows
        if setting is None or rows is None:
            yield Check(f"{PREFIX}site by site", None, np.nan, 0.0, "", note=FILE_GONE)
            return
        yield self._needs(setting)
        yield from self._bill_of(setting.apart).checks(PREFIX)
        monthly = setting.bill.monthly is not None
        if not rows.complete and (monthly or self.settings.tariff.netted):
            note = "not all sites are written down"
            yield Check(f"{PREFIX}charges of months", None, np.nan, 0.0, "", note=note)
        there = supplied(self.hours)
        yield from rows.checks(there, self.sums)
        yield from PlanAudit(rows, there).checks()
        of_plans = ["no exchange costs less"]
        of_plans += ["lowest power that can be kept"] if setting.charges_power else []
        what = "what batteries of sites exchange"
        yield from rules_by_design(self.strategies, what, of_plans)

    def _balances(self) -> Iterator[Check]:
        sums, own = self.sums, self.settings.battery
        label = self.inputs.places.label(self.groups)
        balance = Tally(f"{PREFIX}energy in is energy out", EXACT, "of the energy")
        into = sums["import_kwh"] + sums["generation_kwh"] + sums["discharge_kwh"]
        out = sums["load_kwh"] + sums["export_kwh"] + sums["charge_kwh"]
        balance.add(relative(into, out), label)
        yield balance.check()
        stored = Tally(f"{PREFIX}batteries change by what goes in and out", EXACT, "of the energy")
        after = (
            sums["stored_kwh"]
            + own.charge_efficiency * sums["charge_kwh"]
            - sums["discharge_kwh"] / own.discharge_efficiency
        )
        stored.add(
            relative(sums["stored_kwh"][1:], after[:-1]),
            self.inputs.places.label(self.groups, 1), 1,
        )  # fmt: skip
        yield stored.check()

    def _needs(self, setting: MeteredSitesSetting) -> Check:
        tally = Tally(f"{PREFIX}use and generate what the scenario says", EXACT, "of the energy")
        layout, many = setting.apart, len(self.groups)
        there = supplied(self.hours)[:, :, self.community]
        load, sun = (
            np.stack([np.bincount(layout.group, row, many) for row in series])
            for series in (layout.load_kwh, layout.generation_kwh)
        )
        label = self.inputs.places.label(self.groups)
        got = self.sums["load_kwh"] + self.sums["unserved_kwh"]
        tally.add(relative(got, load[:, None] + np.zeros_like(got)), label)
        bare = np.array([name == "sites_without_devices" for name in self.strategies])
        sun = sun * self.inputs.served_part[:, self.community]
        could = np.where(there & ~bare[:, None], sun[:, None], 0.0)
        tally.add(relative(self.sums["generation_kwh"] + self.sums["curtailed_kwh"], could), label)
        return tally.check()
