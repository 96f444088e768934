"""Whether smart homes settled their power flow as their assignment has it, home by home."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.behaviour_checks import rules_by_design
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.investments import invested, valued_at
from hmesh.runs.audits.metered_groups import MetersAudit, ReadMeters
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import (
    NO_ANSWERS,
    AnswersDue,
    Figures,
    MemberFlows,
    Payments,
    SchemeAudit,
)
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.smart_homes.audit_answers import hold_home_answers, read_answers
from hmesh.runs.schemes.smart_homes.audit_days import check_capacities, check_plans
from hmesh.runs.schemes.smart_homes.audit_rules import check_rules
from hmesh.runs.schemes.smart_homes.audit_tables import (
    DETAILS,
    HomeTables,
    read_groups,
    read_homes,
    there_of,
)
from hmesh.runs.schemes.smart_homes.records import recorded_homes
from hmesh.runs.schemes.smart_homes.section import SmartHomesSettings
from hmesh.runs.strategy_names import strategies_within

_BALANCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("generation_kwh", ("direct_kwh", "charged_kwh", "curtailed_kwh", "exported_kwh")),
    ("served_kwh", ("direct_kwh", "discharged_kwh")),
)


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of homes as far as the scenario alone states it."""

    name: str
    community: int
    connected: bool


class HomeAudit(SchemeAudit):
    """The audit of the scheme of smart homes."""

    message_kinds: Sequence[str] = (
        "SupplyForecast", "SlotRequest", "StorageReport", "Registration", "SlotSchedule",
        "SlotOffer", "SlotAnswer", "SlotCommitment",
    )  # fmt: skip

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.run, self.inputs, self.hours = run, inputs, hours
        settings: SmartHomesSettings = inputs.scenario.smart_homes
        assert settings is not None
        self.settings = settings
        self.groups = [
            _Group(g.name, inputs.communities.index(g.community), g.connected)
            for g in settings.groups
        ]
        self.parties: Sequence[str] = [
            f"{name}@{group.name}"
            for group in settings.groups
            for name in ("controller", "storages", *(device.name for device in group.devices))
        ]
        # An appliance that no home moves could be one that cannot be moved: only numbers of offers
        # differ, which no check counts.
        self.not_covered = [
            f"run.scenario.smart_homes.groups.{g}.appliances.{k}.shiftable"
            for g, group in enumerate(settings.groups)
            for k in range(len(group.appliances))
        ]
        if settings.price_response is not None:
            self.answers_beside = True
            self.parties = [*self.parties, *(f"homes@{name}" for name in inputs.communities)]
        self.totals = read_groups(run, inputs, [group.name for group in self.groups])
        self.note = FILE_GONE if inputs.setting is None else ""
        self.tables: HomeTables | None = None
        setting = inputs.of_scheme("smart_homes")
        if setting is None:
            self.answers_of = read_answers(run, inputs, hours, settings, None, [])
        else:
            recorded = recorded_homes(setting, inputs.scenario.record.homes)
            self.recorded = recorded
            self.answers_of = read_answers(run, inputs, hours, settings, setting, recorded)
            self.tables = read_homes(run, inputs, setting, recorded, self.answers_of)
            if not self.tables.complete:
                there = sum(group.homes for group in setting.groups)
                self.note = f"only {sum(recorded):,} of {there:,} homes are written down"

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what connected homes use, generate and store, of the shape of the hours [kWh]."""
        t = self.totals
        return {
            "fixed_load_kwh": self._of_communities(t["served_kwh"] + t["imported_kwh"]),
            "generation_kwh": self._of_communities(t["curtailed_kwh"] - t["generation_kwh"]),
            "home_storage_kwh": self._of_communities(t["charged_kwh"] - t["discharged_kwh"])
            + (0.0 if self.answers_of is None else self.answers_of.of_communities()),
        }

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what each connected group draws [kWh], of shape (steps, strategies)."""
        net = self.totals["imported_kwh"] - self.totals["exported_kwh"]
        names = self.inputs.communities
        answers = self.answers_of
        return {
            (names[group.community], group.name): net[:, :, g]
            + (0.0 if answers is None else answers.of_group(group.name))
            for g, group in enumerate(self.groups)
            if group.connected
        }

    def payments(self) -> Sequence[Payments]:
        """Return what connected homes pay for what they draw, and get for what they feed in."""
        price = np.nan_to_num(self.hours["community_price"])
        there = supplied(self.hours).copy()
        connected = {group.community for group in self.groups if group.connected}
        there[:, :, [m for m in range(there.shape[2]) if m not in connected]] = False
        imported = self._of_communities(self.totals["imported_kwh"], priced=True)
        exported = self._of_communities(self.totals["exported_kwh"], priced=True)
        homes, aggregator = "homes@{community}", "aggregator@{community}"
        answers = self.answers_of
        return (
            Payments("home_supply", homes, aggregator, imported, price * imported, there),
            Payments("home_feed_in", aggregator, homes, exported, price * exported, there),
            *([] if answers is None else [answers.payments()]),
            *(self.own.payments() if self.settings.tariffs else ()),
        )

    @cached_property
    def own(self) -> MetersAudit:
        """What homes with a tariff of their own should pay."""
        inputs, groups, why = self.inputs, None, self.note or FILE_GONE
        setting, tables = inputs.of_scheme("smart_homes"), self.tables
        shape = inputs.steps, len(inputs.strategies), len(inputs.communities)
        if setting is not None and tables is not None and tables.complete:
            groups = []
            held = {each.group.settings.name: each for each in tables.groups}
            for made in setting.own_tariffs:
                mine = held[made.name]
                net = mine.imported.sum(axis=3) - mine.exported.sum(axis=3)
                place = np.full(net.shape, mine.group.community)
                bought, sold = np.where(net > 0, net, 0.0), np.where(net < 0, -net, 0.0)
                groups.append(
                    ReadMeters(made.name, made.rows, made.tariff, made.bill, bought, sold, place)
                )
        tariffs = [tariff for _, tariff in self.settings.tariffs]
        return MetersAudit(self.run, inputs, shape, "homes", "smart_home", tariffs, groups, why)

    def direct_kwh(self) -> FloatArray:
        """Return what homes with a tariff of their own settle with the utility [kWh]."""
        return self.own.direct_kwh() if self.settings.tariffs else np.zeros(1)

    def member_flows(self, group: str) -> MemberFlows | str:
        """Return what the homes of a group trade at the price of their community."""
        if self.tables is None or not self.tables.complete:
            return self.note
        held = next(each for each in self.tables.groups if each.group.settings.name == group)
        m = held.group.community
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)[:, :, m, None]
        answer = held.response
        names = [each.name for each in self.own.groups or ()]
        if group in names:
            own = self.own.flows(names.index(group))
            return MemberFlows(
                own["bought_kwh"], own["sold_kwh"], own["paid"], own["received"],
                np.full((1, 1, 1), m),
            )  # fmt: skip
        bought = held.imported.sum(axis=3) + np.maximum(answer, 0.0).sum(axis=3)
        sold = held.exported.sum(axis=3) + np.maximum(0.0 - answer, 0.0).sum(axis=3)
        return MemberFlows(bought, sold, price * bought, price * sold, np.full((1, 1, 1), m))

    def committed_kwh(self, group: str) -> FloatArray | str:
        """Return what each home of a group draws by its assignment, less what it delivers."""
        if self.tables is None or not self.tables.complete:
            return self.note
        held = next(each for each in self.tables.groups if each.group.settings.name == group)
        net: FloatArray = held.imported.sum(axis=3) - held.exported.sum(axis=3)
        return net

    def answers_due(self, group: str) -> AnswersDue | str:
        """Return what storages of the homes of a group have left."""
        if self.answers_of is None:
            return NO_ANSWERS
        if self.tables is None or not self.tables.complete:
            return self.note
        held = next(each for each in self.tables.groups if each.group.settings.name == group)
        last = held.first + held.homes
        keys = self.answers_of.stores.keys
        return self.answers_of.due(
            np.array([h - held.first if held.first <= h < last else -1 for h, _ in keys])
        )

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the summary, by step and of the run."""
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        t = self.totals
        net = self._of_communities(t["imported_kwh"] - t["exported_kwh"], priced=True)
        by_step: Figures = {f"home_{name}": energies.sum(axis=2) for name, energies in t.items()}
        by_step["home_bill"] = (price * net).sum(axis=2)
        if self.settings.tariffs:
            paid, received = self.own.paid_and_received()
            by_step["home_bill"] += paid - received
            by_step |= self.own.figures()
        of_run: Figures = {
            f"homes.{group.name}.{name}": energies[:, :, g].sum(axis=0)
            for g, group in enumerate(self.groups)
            for name, energies in t.items()
        }
        if self.answers_of is not None:
            by_step |= self.answers_of.figures()
        cost, invests = self._of_storages()
        by_step, of_run = by_step | cost, of_run | invests
        if self.inputs.reliable:
            by_step["counts.home_messages_unheard"] = np.zeros(net.shape[:2])
        if self.tables is not None and self.tables.complete:
            more_by_step, more_of_run = self.tables.figures()
            by_step, of_run = by_step | more_by_step, of_run | more_of_run
        return by_step, of_run

    def _of_storages(self) -> tuple[Figures, Figures]:
        """Return what homes pay and by wear, and what their storages cost."""
        economics, inputs = self.settings.economics, self.inputs
        if economics is None:
            return {}, {}
        setting, t, invests = inputs.of_scheme("smart_homes"), self.totals, {}
        if setting is not None:
            size = sum(
                group.homes * sum(storage.capacity_kwh for storage in group.settings.storages)
                for group in setting.groups
            )
            price = economics.storage_price_per_kwh * size * there_of(inputs)
            invests = invested("home", economics, price, inputs)
        tariff, measured = economics.tariff, None if setting is None else setting.tariff
        if tariff is not None and tariff.dataset is not None and measured is None:
            return {}, invests
        # All homes are connected where economics is stated.
        priced = tariff is None
        bought, sold = (
            self._of_communities(t[f"{way}ed_kwh"], priced=priced) for way in ("import", "export")
        )
        given = t["discharged_kwh"].sum(axis=2)
        if (answers := self.answers_of) is not None:
            bought = bought + answers.of_communities(answers.charged_kwh)
            sold = sold + answers.of_communities(answers.discharged_kwh)
            given = given + answers.discharged_kwh.sum(axis=2)
        price = valued_at(inputs, economics, self.hours, measured)
        value = price if economics.feed_in is None else economics.feed_in
        cost = (price * bought - value * sold).sum(axis=2)
        if priced and self.settings.tariffs:
            paid, received = self.own.paid_and_received()
            cost = cost + paid - received
        return {"home_running_cost": cost + economics.wear * given}, invests

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        label = self.inputs.places.label([group.name for group in self.groups])
        balance = Tally("smart homes: groups use what they generate", EXACT, "of the energy")
        for whole, pieces in _BALANCES:
            total = sum((self.totals[name] for name in pieces), np.zeros(1))
            balance.add(relative(self.totals[whole], total), label)
        apart = Tally("smart homes: without a grid nothing comes or goes", 0.0, "kWh")
        for g, group in enumerate(self.groups):
            if not group.connected:
                traded = np.abs(self.totals["imported_kwh"]) + np.abs(self.totals["exported_kwh"])
                apart.add(traded[:, :, g], label)
        yield from (balance.check(), apart.check())
        if self.tables is None:
            yield Check("smart homes: home by home", None, np.nan, 0.0, "", note=self.note)
            return
        yield self._details(self.tables)
        yield from check_rules(self.inputs, self.tables, self._prices())
        if self.settings.tariffs:
            yield from self.own.checks("smart homes with a tariff: ")
        yield from check_plans(self.inputs, self.tables)
        not_applying = ["what the schedule grants", "what slots agreed on waste"]
        follows = strategies_within("smart_homes", self.inputs.strategies)
        yield from rules_by_design(follows, "which slots are granted", not_applying)
        yield check_capacities(self.run, self.inputs, self.tables)
        if self.answers_of is not None:
            hold_home_answers(self.answers_of, self.tables)
            yield from self.answers_of.checks()

    def _details(self, tables: HomeTables) -> Check:
        """Compare the totals of groups with their homes."""
        tally = Tally("smart homes: groups are the sum of their homes", EXACT, "of the energy")
        if not tables.complete:
            tally.note(self.note)
            return tally.check()
        for g, home_group in enumerate(tables.groups):
            for name in DETAILS:
                label = self.inputs.places.label([f"{self.groups[g].name}, {name}"])
                off = relative(self.totals[name][:, :, g], home_group.total_kwh(name))
                tally.add(off[:, :, None], label)
        return tally.check()

    def _prices(self) -> dict[str, FloatArray]:
        """Return what a kWh bought costs the groups with a tariff in each step, by name."""
        found = {}
        for group in self.own.groups or () if self.settings.tariffs else ():
            tariff, energy = group.tariff, self.own.audit_of(group).energy()
            found[group.name] = (energy + sum(tariff.fees.values())) * (1 + tariff.value_added_tax)
        return found

    def _of_communities(self, values: FloatArray, *, priced: bool = False) -> FloatArray:
        """Add up what connected groups do in each community, of the shape of the hours.

        With ``priced`` those alone that pay the price of their community.
        """
        added = np.zeros(self.hours["net_kwh"].shape)
        for g, group in enumerate(self.groups):
            if group.connected and not (priced and self.settings.groups[g].tariff is not None):
                added[:, :, group.community] += values[:, :, g]
        return added
