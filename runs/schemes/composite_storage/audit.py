"""Whether houses with storages did what they could, by their rules, and what foresight saves.

What houses need is worked out independently from the scenario, their managers decide again, and for
a house of every kind the cheapest dispatch of the whole run is found.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.answers_of_stores import AnswerNames, AnswersOfStores
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.behaviour_checks import behaviours_of, by_design, rules_by_design
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.reference.house_dispatch import (
    battery_after,
    electricity_lacks,
    heat_lacks,
    tank_after,
)
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import (
    NO_ANSWERS,
    AnswersDue,
    Figures,
    MemberFlows,
    Payments,
    SchemeAudit,
)
from hmesh.runs.audits.stated_bills import BillAudit
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.prosumer_parts import limited_groups
from hmesh.runs.schemes.composite_storage.audit_answers import hold_house_answers, known_stores
from hmesh.runs.schemes.composite_storage.audit_bills import HouseBills
from hmesh.runs.schemes.composite_storage.audit_foresight import CheapestDispatch
from hmesh.runs.schemes.composite_storage.audit_heat import heat_checks
from hmesh.runs.schemes.composite_storage.audit_house_figures import figures_of_houses
from hmesh.runs.schemes.composite_storage.audit_houses import RecordedHouses
from hmesh.runs.schemes.composite_storage.audit_messages import KINDS, PARTIES, check_house_messages
from hmesh.runs.schemes.composite_storage.audit_replay import decided_again
from hmesh.runs.schemes.composite_storage.own_rules import equipped_as
from hmesh.runs.schemes.composite_storage.records import RESPONDING
from hmesh.runs.schemes.composite_storage.section import CompositeStorage
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.schemes.step_rows import first_recorded
from hmesh.runs.strategy_names import strategies_within

STORED = ("stored_kwh", "tank_kwh")
PREFIX = "houses with storages: "


class CompositeStorageAudit(SchemeAudit):
    """The audit of the houses with storages."""

    message_kinds: Sequence[str] = KINDS
    parties: Sequence[str] = PARTIES

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.run, self.inputs, self.hours = run, inputs, hours
        settings: CompositeStorage = inputs.scenario.composite_storage
        assert settings is not None
        self.settings = settings
        self.setting: CompositeStorageSetting | None = inputs.of_scheme("composite_storage")
        self.follows = strategies_within("composite_storage", inputs.strategies)
        # Which storages houses have.
        self.strategies = [equipped_as(strategy) for strategy in self.follows]
        self.groups = [group.name for group in settings.groups]
        self.community = [inputs.communities.index(g.community) for g in settings.groups]
        rows = TableReader(
            run,
            "house_sums",
            {"strategy": inputs.strategies, "group": self.groups},
            inputs.start_ms,
        ).rest()
        keys: dict[str, range | Sequence[str]] = {
            "step": range(inputs.steps),
            "strategy": inputs.strategies,
            "group": self.groups,
        }
        self.sums = framed("house_sums", rows, keys)
        self.recorded = 0
        if self.setting is not None:
            self.recorded = first_recorded(inputs.scenario.record.houses, self.setting.houses)
        self.answers_of = self._read_answers()
        if settings.price_response is not None:
            self.answers_beside = True
            self.parties = [*PARTIES, *(f"houses@{name}" for name in inputs.communities)]

    def _read_answers(self) -> AnswersOfStores | None:
        """Return what batteries and tanks exchanged at the price of the step, if they answer."""
        settings, setting = self.settings.price_response, self.setting
        if settings is None:
            return None
        groups = [
            (group, storage, m)
            for group, m in zip(self.groups, self.community, strict=True)
            for storage in RESPONDING
        ]
        stores = None
        if setting is not None:
            limited = limited_groups(self.inputs.scenario)
            stores = known_stores(setting, settings, self.recorded, limited)
        names = AnswerNames("composite_storage", "houses", "houses", "house", idle=True)
        used = range(len(self.strategies))
        return AnswersOfStores(self.run, self.inputs, self.hours, names, groups, used, stores)

    def answered(self, storage: str) -> tuple[FloatArray, FloatArray]:
        """Return what groups charge and discharge of a storage at the price of the step [kWh]."""
        if self.answers_of is None:
            nothing = np.zeros(self.sums["import_kwh"].shape)
            return nothing, nothing
        mine = [k for k, (_, name) in enumerate(self.answers_of.pairs) if name == storage]
        return self.answers_of.charged_kwh[:, :, mine], self.answers_of.discharged_kwh[:, :, mine]

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what houses use, generate and store [kWh], of the shape of the hours."""
        sums = self.sums
        return {
            "fixed_load_kwh": self.placed(sums["appliances_kwh"] + sums["heat_pump_kwh"]),
            "generation_kwh": 0.0 - self.placed(sums["generation_kwh"]),
            "home_storage_kwh": self.placed(sums["charge_kwh"] - sums["discharge_kwh"])
            + (0.0 if self.answers_of is None else self.answers_of.of_communities()),
        }

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what each group draws [kWh], of shape (steps, strategies)."""
        net = self.sums["import_kwh"] - self.sums["export_kwh"]
        names = self.inputs.communities
        return {
            (names[m], name): net[:, :, g]
            + (0.0 if self.answers_of is None else self.answers_of.of_group(name))
            for g, (m, name) in enumerate(zip(self.community, self.groups, strict=True))
        }

    def direct_kwh(self) -> FloatArray:
        """Return what houses settle with the utility: nothing by the price of communities [kWh]."""
        if self.settings.tariff.community:
            return np.zeros(1)
        return self.placed(self.sums["import_kwh"] - self.sums["export_kwh"])

    def aggregator_margin(self) -> FloatArray:
        """Return what aggregators keep of the price where houses deliver, and ask besides."""
        share = self.settings.tariff.feed_in_share
        if share is None:
            return np.zeros(1)
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        base = sum(
            np.where(each.there, each.amount, 0.0)
            for each in self.bills.payments()
            if each.kind == "house_base_charge"
        )
        kept: FloatArray = (1.0 - share) * price * self.placed(self.sums["export_kwh"])
        return kept + base

    def payments(self) -> Sequence[Payments]:
        """Return what houses pay by their bills, and for what storages answer."""
        bill = self.bills.payments()
        if not bill or self.answers_of is None:
            return bill
        return [self.answers_of.payments(), *bill]

    def member_flows(self, group: str) -> MemberFlows | str:
        """Return what the houses of a group trade at the price of their community."""
        setting, replay, share = self.setting, self.replay, self.settings.tariff.feed_in_share
        if setting is None or replay is None:
            return FILE_GONE
        g = self.groups.index(group)
        rows, m = setting.groups[g], self.community[g]
        if replay.recorded < rows.stop:
            return "not all their houses are written down"
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)[:, :, m, None]
        bought, sold = (replay.rows[name][:, :, rows] for name in ("import_kwh", "export_kwh"))
        prices = setting.prices
        tax = prices.carbon_tax * prices.emission_factor
        if share is None:
            paid, received = self._by_tariff(setting, rows, bought, sold)
            paid = paid + tax * bought
        else:
            paid = (price + tax) * bought + setting.base_charge[:, None, None]
            received = share * price * sold
        if self.answers_of is not None:
            exchange = self.answers_of.exchange_kwh
            for first in (0, self.recorded):
                answer = exchange[:, :, first + rows.start : first + rows.stop]
                more, less = np.maximum(answer, 0.0), np.maximum(0.0 - answer, 0.0)
                bought, sold = bought + more, sold + less
                paid, received = paid + price * more, received + price * less
        return MemberFlows(bought, sold, paid, received, np.full((1, 1, 1), m))

    def _by_tariff(
        self,
        setting: CompositeStorageSetting,
        rows: slice,
        bought: FloatArray,
        sold: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Return what meters pay and are paid, each (steps, strategies, houses) [money]."""
        monthly = setting.bill.monthly
        kinds = () if monthly is None else monthly.kinds
        own = np.arange(rows.start, rows.stop)
        tariff, energy = self.settings.tariff, setting.bill.energy
        audit = BillAudit(self.inputs, tariff, energy, own, kinds, "house")
        sides = np.zeros((2, *bought.shape))
        for s in range(bought.shape[1]):
            parts = audit.parts(bought[:, s], sold[:, s], setting.bill.feed_in)
            for kind, amount in parts.items():
                sides[int(kind in ("house_feed_in", "house_net_metering")), :, s] += amount
        return sides[0], sides[1]

    def committed_kwh(self, group: str) -> FloatArray | str:
        """Return what each house of a group draws by its manager, less what it delivers."""
        setting, replay = self.setting, self.replay
        if setting is None or replay is None:
            return FILE_GONE
        rows = setting.groups[self.groups.index(group)]
        if replay.recorded < rows.stop:
            return "not all their houses are written down"
        net: FloatArray = replay.rows["import_kwh"] - replay.rows["export_kwh"]
        return net[:, :, rows]

    def answers_due(self, group: str) -> AnswersDue | str:
        """Return what batteries and tanks of the houses of a group have left."""
        if self.answers_of is None:
            return NO_ANSWERS
        return self.answers_of.due(self._stores_of(group))

    def _stores_of(self, group: str) -> NDArray[np.intp]:
        """Return which house of a group each store that is written down is of, -1 for none."""
        rows = (
            slice(0, 0) if self.setting is None else self.setting.groups[self.groups.index(group)]
        )
        keys = () if self.answers_of is None else self.answers_of.stores.keys
        return np.array([h - rows.start if rows.start <= h < rows.stop else -1 for h, _ in keys])

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the summary, by step and of the run."""
        return figures_of_houses(self)

    @cached_property
    def bills(self) -> HouseBills:
        """What houses pay and are paid."""
        return HouseBills(self)

    @cached_property
    def replay(self) -> RecordedHouses | None:
        """The houses that are written down, or None where their files are gone."""
        setting = self.setting
        if setting is None:
            return None
        return RecordedHouses(
            self.run, self.inputs, setting, self.follows, self.recorded,
            self.hours["community_price"], self.answers_of,
        )  # fmt: skip

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        yield from self._balances()
        setting = self.setting
        if setting is None:
            yield Check(f"{PREFIX}house by house", None, np.nan, 0.0, "", note=FILE_GONE)
            return
        yield self._needs(setting)
        yield from self.bills.parts.checks(PREFIX)
        yield from heat_checks(self.inputs, setting, self.strategies)
        assert self.replay is not None
        by_month = setting.bill.monthly is not None or self.settings.tariff.netted
        if by_month and self.replay.recorded < setting.houses:
            note = f"only {self.replay.recorded:,} of {setting.houses:,} houses are written down"
            yield Check(f"{PREFIX}charges of months", None, np.nan, 0.0, "", note=note)
        behaving = behaviours_of(self.inputs, "composite_storage")
        yield from self._one_by_one(self.replay, setting, by_rules=not behaving)
        by_their_rules = "managers decide by their rules"
        yield from by_design(behaving, "managers", [by_their_rules])
        yield from rules_by_design(
            self.follows, "what batteries and tanks exchange", [by_their_rules]
        )
        if self.answers_of is not None:
            hold_house_answers(
                self.answers_of, setting, self.strategies, self.replay.rows, self.replay.parts,
                self.replay.battery_kwh,
            )  # fmt: skip
            yield from self.answers_of.checks()
        asked = self.hours["community_price"]
        yield check_house_messages(self.run, self.inputs, setting, self.follows, self.sums, asked)

    def _one_by_one(
        self, replay: RecordedHouses, setting: CompositeStorageSetting, *, by_rules: bool
    ) -> Iterator[Check]:
        """Return what was found of the houses that are written down."""
        yield replay.who_they_are()
        if not replay.recorded:
            note = "no house is written down"
            yield Check(f"{PREFIX}house by house", None, np.nan, 0.0, "", note=note)
            return
        there = supplied(self.hours)[:, :, setting.community]
        yield from replay.checks(there, self.sums)
        cheapest = CheapestDispatch(replay)
        throughout = there & (replay.parts == 1.0)[:, None]
        if by_rules:
            foreseen = self.settings.manager == "foresight"
            yield cheapest.planned(throughout) if foreseen else decided_again(replay, there)
        yield cheapest.never_cheaper(throughout)

    def placed(self, values: FloatArray) -> FloatArray:
        """Add up the groups of each community, of the shape of the hours."""
        added = np.zeros(self.hours["net_kwh"].shape)
        for g, m in enumerate(self.community):
            added[:, :, m] += values[:, :, g]
        return added

    def _there(self) -> NDArray[np.bool_]:
        """Return where groups are supplied, of the shape of the sums."""
        there: NDArray[np.bool_] = supplied(self.hours)[:, :, self.community]
        return there

    def _by_group(self, setting: CompositeStorageSetting) -> dict[str, FloatArray]:
        """Return what each group needs and generates by the scenario, shape (steps, groups)."""
        needs = np.array([setting.series.of_step(step) for step in range(self.inputs.steps)])
        first = [rows.start for rows in setting.groups]
        added = np.add.reduceat(needs, first, axis=2)
        names = ("appliances_kwh", "heat_kwh", "generation_kwh")
        return {name: added[:, k] for k, name in enumerate(names)}

    def unserved(self, setting: CompositeStorageSetting) -> FloatArray:
        """Return the load of appliances that outages left unserved, shape (steps, strategies)."""
        load = self._by_group(setting)["appliances_kwh"]
        missed = (1.0 - self._parts()) * load
        lost: FloatArray = np.where(self._there(), missed[:, None], load[:, None]).sum(axis=2)
        return lost

    def _parts(self) -> FloatArray:
        """Return for which part of each step groups are supplied, (steps, groups)."""
        parts: FloatArray = self.inputs.served_part[:, self.community]
        return parts

    def _needs(self, setting: CompositeStorageSetting) -> Check:
        tally = Tally(f"{PREFIX}need and generate what the scenario says", EXACT, "of the energy")
        for name, values in self._by_group(setting).items():
            due = np.where(self._there(), (self._parts() * values)[:, None], 0.0)
            tally.add(relative(self.sums[name], due), self._label(name))
        return tally.check()

    def _balances(self) -> Iterator[Check]:
        sums, devices = self.sums, self.settings.equipment
        electricity = Tally(f"{PREFIX}electricity in is electricity out", EXACT, "kWh per house")
        heat = Tally(f"{PREFIX}heat in is heat out", EXACT, "kWh per house")
        scale = np.maximum(sums["appliances_kwh"] + sums["generation_kwh"] + sums["heat_kwh"], 1.0)
        off = electricity_lacks(sums, sums["appliances_kwh"], sums["generation_kwh"])
        electricity.add(np.abs(off) / scale, self._label("electricity"))
        cop = devices.cop if self.setting is None else self.setting.cop[:, None, None]
        off = heat_lacks(sums, sums["heat_kwh"], cop)
        heat.add(np.abs(off) / scale, self._label("heat"))
        store = Tally(f"{PREFIX}storages change by what goes in and out", EXACT, "of the energy")
        eta, eta_tank = devices.battery_efficiency, devices.tank_efficiency
        lost = devices.tank_loss_per_h if self.setting is None else self.setting.tank_loss
        kept = np.broadcast_to((1.0 - lost) ** self.inputs.step_h, self.inputs.steps)
        more, less = self.answered("battery")
        after = battery_after(sums["stored_kwh"], sums, eta) + eta * more - less / eta
        store.add(relative(sums["stored_kwh"][1:], after[:-1]), self._label("battery", 1), 1)
        more, less = self.answered("tank")
        after = tank_after(sums["tank_kwh"], sums, eta_tank, kept[:, None, None])
        after = after + devices.cop * (eta_tank * more - less / eta_tank)
        store.add(relative(sums["tank_kwh"][1:], after[:-1]), self._label("tank", 1), 1)
        yield from (electricity.check(), heat.check(), store.check())

    def _label(self, what: str, first: int = 0) -> Label:
        return self.inputs.places.label([f"{group}, {what}" for group in self.groups], first)
