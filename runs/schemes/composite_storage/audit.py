"""Whether houses with storages did what they could, by their rules, and what foresight saves.

What houses need is worked out independently from the scenario, their managers decide again, and for
a house of every kind the cheapest dispatch of the whole run is found.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.answers_of_stores import AnswerNames, AnswersOfStores
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.behaviour_checks import behaviours_of, by_design
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.reference.heat_pumps import cop_at, tank_loss_at
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
from hmesh.runs.audits.stated_bills import BillAudit, amounts_of_ledger
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.prosumer_parts import limited_groups
from hmesh.runs.schemes.composite_storage.audit_answers import hold_house_answers, known_stores
from hmesh.runs.schemes.composite_storage.audit_messages import KINDS, PARTIES, check_house_messages
from hmesh.runs.schemes.composite_storage.audit_replay import HouseReplay
from hmesh.runs.schemes.composite_storage.heat_pump_section import OutdoorCop, OutdoorTank
from hmesh.runs.schemes.composite_storage.records import RESPONDING
from hmesh.runs.schemes.composite_storage.section import CompositeStorage
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.schemes.composite_storage.step import (
    CREDITS,
    ENERGIES,
    OF_EVERY_BILL,
    STATE,
    UNTAXED,
)
from hmesh.runs.schemes.step_rows import first_recorded
from hmesh.runs.strategy_names import strategies_within
from hmesh.runs.world.dataset_files import load_dataset

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
        self.strategies = strategies_within("composite_storage", inputs.strategies)
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

    def _answered(self, storage: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what groups charge and discharge of a storage at the price of the step [kWh]."""
        if self.answers_of is None:
            nothing = np.zeros(self.sums["import_kwh"].shape)
            return nothing, nothing
        mine = [k for k, (_, name) in enumerate(self.answers_of.pairs) if name == storage]
        return self.answers_of.charged_kwh[:, :, mine], self.answers_of.discharged_kwh[:, :, mine]

    def hour_kwh(self) -> Mapping[str, NDArray[np.float64]]:
        """Return what houses use, generate and store [kWh], of the shape of the hours."""
        sums = self.sums
        return {
            "fixed_load_kwh": self._placed(sums["appliances_kwh"] + sums["heat_pump_kwh"]),
            "generation_kwh": 0.0 - self._placed(sums["generation_kwh"]),
            "home_storage_kwh": self._placed(sums["charge_kwh"] - sums["discharge_kwh"])
            + (0.0 if self.answers_of is None else self.answers_of.of_communities()),
        }

    def drawn_kwh(self) -> Mapping[tuple[str, str], NDArray[np.float64]]:
        """Return what each group draws [kWh], of shape (steps, strategies)."""
        net = self.sums["import_kwh"] - self.sums["export_kwh"]
        names = self.inputs.communities
        return {
            (names[m], name): net[:, :, g]
            + (0.0 if self.answers_of is None else self.answers_of.of_group(name))
            for g, (m, name) in enumerate(zip(self.community, self.groups, strict=True))
        }

    def direct_kwh(self) -> NDArray[np.float64]:
        """Return what houses settle with the utility: nothing by the price of communities [kWh]."""
        if self.settings.tariff.community:
            return np.zeros(1)
        return self._placed(self.sums["import_kwh"] - self.sums["export_kwh"])

    def aggregator_margin(self) -> NDArray[np.float64]:
        """Return what aggregators keep of the price where houses deliver, and ask besides."""
        share = self.settings.tariff.feed_in_share
        if share is None:
            return np.zeros(1)
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        base = sum(
            np.where(each.there, each.amount, 0.0)
            for each in self._bill()
            if each.kind == "house_base_charge"
        )
        kept: NDArray[np.float64] = (1.0 - share) * price * self._placed(self.sums["export_kwh"])
        return kept + base

    def payments(self) -> Sequence[Payments]:
        """Return what houses pay by their bills, and for what storages answer."""
        bill = self._bill()
        if not bill or self.answers_of is None:
            return bill
        return [self.answers_of.payments(), *bill]

    def _bill(self) -> Sequence[Payments]:
        """Return what houses pay for purchases, by month and as tax, and get for feed-in."""
        bought, sold = (self._placed(self.sums[name]) for name in ("import_kwh", "export_kwh"))
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
    def _bills(self) -> BillAudit:
        assert self.setting is not None
        bill, where = self.setting.bill, self.setting.community
        kinds = () if bill.monthly is None else bill.monthly.kinds
        tariff = self.settings.tariff
        return BillAudit(self.inputs, tariff, bill.energy, where, kinds, "house")

    @cached_property
    def _energy_prices(self) -> NDArray[np.float64]:
        return self._bills.energy()

    @cached_property
    def _monthly(self) -> Mapping[str, NDArray[np.float64]]:
        """Charges of months; those of the ledger where not all houses are written down."""
        setting, replay = self.setting, self.replay
        assert setting is not None
        kinds = list(() if setting.bill.monthly is None else setting.bill.monthly.kinds)
        netted = self.settings.tariff.netted
        if replay is not None and replay.recorded == setting.houses:
            rows = replay.rows
            found = dict(self._bills.monthly(rows["import_kwh"])) if kinds else {}
            if netted:
                found["house_net_metering"] = np.stack(
                    [
                        self._bills.credits(
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

    def member_flows(self, group: str) -> MemberFlows | str:
        """Return what the houses of a group trade at the price of their community."""
        setting, replay, share = self.setting, self.replay, self.settings.tariff.feed_in_share
        if setting is None or replay is None:
            return FILE_GONE
        g = self.groups.index(group)
        rows, m = setting.groups[g], self.community[g]
        if replay.recorded < rows.stop or share is None:
            return "not all their houses are written down"
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)[:, :, m, None]
        bought, sold = (replay.rows[name][:, :, rows] for name in ("import_kwh", "export_kwh"))
        prices = setting.prices
        tax = prices.carbon_tax * prices.emission_factor
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

    def committed_kwh(self, group: str) -> NDArray[np.float64] | str:
        """Return what each house of a group draws by its manager, less what it delivers."""
        setting, replay = self.setting, self.replay
        if setting is None or replay is None:
            return FILE_GONE
        rows = setting.groups[self.groups.index(group)]
        if replay.recorded < rows.stop:
            return "not all their houses are written down"
        net: NDArray[np.float64] = replay.rows["import_kwh"] - replay.rows["export_kwh"]
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
        of_all = {name: values.sum(axis=2) for name, values in self.sums.items()}
        by_step: Figures = {f"house_{name}": of_all[name] for name in ENERGIES}
        if self.answers_of is not None:
            by_step |= self.answers_of.figures()
        if self.inputs.reliable:
            by_step["counts.houses_unheard"] = np.zeros(of_all["import_kwh"].shape)
        if self.settings.manager == "rule_based":
            by_step["counts.house_plans_missed"] = np.zeros(of_all["import_kwh"].shape)
        setting = self.setting
        if setting is None:
            return by_step, {}
        if (replay := self.replay) is not None and replay.recorded == setting.houses:
            unmet = replay.rows["unmet_heat_kwh"] > 0
            by_step["counts.houses_without_enough_heat"] = unmet.sum(axis=2).astype(float)
        prices = setting.prices
        paid = {each.kind: each.amount.sum(axis=2) for each in self._bill()}
        bill = paid["house_purchase"] - paid["house_feed_in"]
        for kind, amount in paid.items():
            if kind not in OF_EVERY_BILL:
                bill = bill - amount if kind in CREDITS else bill + amount
        if self.settings.tariff.itemized:
            by_step |= {
                f"house_bill_{kind.removeprefix('house_')}": amount
                for kind, amount in paid.items()
                if kind != "carbon_tax"
            }
        upkeep = (
            prices.battery_wear * of_all["discharge_kwh"]
            + prices.tank_wear * of_all["tank_discharge_kwh"]
        )
        by_step |= {
            "house_co2_kg": prices.emission_factor * of_all["import_kwh"],
            "house_bill": bill + paid["house_base_charge"],
            "house_upkeep": upkeep,
            "house_carbon_tax": paid["carbon_tax"],
            "house_running_cost": bill + upkeep + paid["carbon_tax"],
            "house_unserved_kwh": self._unserved(setting),
        }
        devices = setting.settings.devices
        eta, eta_tank = devices.battery_efficiency, devices.tank_efficiency
        charged = (eta * of_all["charge_kwh"] - of_all["discharge_kwh"] / eta).sum(axis=0)
        more, less = (each.sum(axis=(0, 2)) for each in self._answered("battery"))
        charged = charged + eta * more - less / eta
        kept = (1.0 - float(setting.tank_loss[-1])) ** setting.step_h
        last = (
            kept * of_all["tank_kwh"][-1]
            + eta_tank * of_all["tank_charge_kwh"][-1]
            - of_all["tank_discharge_kwh"][-1] / eta_tank
        )
        more, less = (each[-1].sum(axis=1) for each in self._answered("tank"))
        last = last + devices.cop * (eta_tank * more - less / eta_tank)
        houses = float(setting.houses)
        years = self.inputs.steps * self.inputs.step_h / 8760.0
        return by_step, {
            "house_years": np.full(len(self.strategies), years),
            "house_lifetime_years": np.full(len(self.strategies), self.settings.lifetime_years),
            "house_battery_kwh": np.array([setting.sizes(s).battery_kwh for s in self.strategies]),
            "house_tank_kwh": np.array([setting.sizes(s).tank_kwh for s in self.strategies]),
            "house_stored_change_kwh": charged,
            "house_tank_change_kwh": last,
            "house_investment": np.array([setting.investment(s) for s in self.strategies]) * houses,
            "house_interest_rate": np.full(len(self.strategies), self.settings.interest_rate),
        }

    @cached_property
    def replay(self) -> HouseReplay | None:
        """The houses that are written down, or None where their files are gone."""
        setting = self.setting
        if setting is None:
            return None
        return HouseReplay(
            self.run, self.inputs, setting, self.strategies, self.recorded,
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
        yield from self._bills.checks(PREFIX)
        if settings_of := self.settings.devices.outdoor_cop:
            yield self._cops(setting, settings_of)
        if tank := self.settings.devices.outdoor_tank:
            yield self._tank_losses(setting, tank)
        assert self.replay is not None
        by_month = setting.bill.monthly is not None or self.settings.tariff.netted
        if by_month and self.replay.recorded < setting.houses:
            note = f"only {self.replay.recorded:,} of {setting.houses:,} houses are written down"
            yield Check(f"{PREFIX}charges of months", None, np.nan, 0.0, "", note=note)
        behaving = behaviours_of(self.inputs, "composite_storage")
        yield from self.replay.checks(supplied(self.hours), self.sums, by_rules=not behaving)
        yield from by_design(behaving, "managers", ["managers decide by their rules"])
        if self.answers_of is not None:
            hold_house_answers(self.answers_of, setting, self.strategies, self.replay.rows)
            yield from self.answers_of.checks()
        asked = self.hours["community_price"]
        yield check_house_messages(
            self.run, self.inputs, setting, self.strategies, self.sums, asked
        )

    def _placed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up the groups of each community, of the shape of the hours."""
        added = np.zeros(self.hours["net_kwh"].shape)
        for g, m in enumerate(self.community):
            added[:, :, m] += values[:, :, g]
        return added

    def _there(self) -> NDArray[np.bool_]:
        """Return where groups are supplied, of the shape of the sums."""
        there: NDArray[np.bool_] = supplied(self.hours)[:, :, self.community]
        return there

    def _by_group(self, setting: CompositeStorageSetting) -> dict[str, NDArray[np.float64]]:
        """Return what each group needs and generates by the scenario, shape (steps, groups)."""
        needs = np.array([setting.series.of_step(step) for step in range(self.inputs.steps)])
        first = [rows.start for rows in setting.groups]
        added = np.add.reduceat(needs, first, axis=2)
        names = ("appliances_kwh", "heat_kwh", "generation_kwh")
        return {name: added[:, k] for k, name in enumerate(names)}

    def _unserved(self, setting: CompositeStorageSetting) -> NDArray[np.float64]:
        load = self._by_group(setting)["appliances_kwh"]
        lost: NDArray[np.float64] = np.where(self._there(), 0.0, load[:, None]).sum(axis=2)
        return lost

    def _needs(self, setting: CompositeStorageSetting) -> Check:
        tally = Tally(f"{PREFIX}need and generate what the scenario says", EXACT, "of the energy")
        for name, values in self._by_group(setting).items():
            due = np.where(self._there(), values[:, None], 0.0)
            tally.add(relative(self.sums[name], due), self._label(name))
        return tally.check()

    def _cops(self, setting: CompositeStorageSetting, outdoors: OutdoorCop) -> Check:
        """Check how well heat pumps work by the weather of the dataset."""
        tally = Tally(f"{PREFIX}heat pumps work by the temperature outdoors", EXACT, "of the COP")
        dataset = load_dataset(self.inputs.scenario.path_of(outdoors.dataset), ("weather",))
        weather = dataset.series["weather"]
        outside = weather.over("temp_air", self.inputs.calendar, self.inputs.steps)[:, 0]
        due = np.array([cop_at(temperature, outdoors) for temperature in outside.tolist()])
        tally.add(relative(setting.cop, due), lambda at: f"step {at[0]}", None)
        return tally.check()

    def _tank_losses(self, setting: CompositeStorageSetting, outdoors: OutdoorTank) -> Check:
        """Check what tanks lose by the weather of the dataset."""
        tally = Tally(f"{PREFIX}tanks lose by the temperature outdoors", EXACT, "of the share")
        dataset = load_dataset(self.inputs.scenario.path_of(outdoors.dataset), ("weather",))
        weather = dataset.series["weather"]
        outside = weather.over("temp_air", self.inputs.calendar, self.inputs.steps)[:, 0]
        rated = self.settings.devices.tank_loss_per_h
        due = np.array([tank_loss_at(each, outdoors, rated) for each in outside.tolist()])
        tally.add(relative(setting.tank_loss, due), lambda at: f"step {at[0]}", None)
        return tally.check()

    def _balances(self) -> Iterator[Check]:
        sums, devices = self.sums, self.settings.devices
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
        more, less = self._answered("battery")
        after = battery_after(sums["stored_kwh"], sums, eta) + eta * more - less / eta
        store.add(relative(sums["stored_kwh"][1:], after[:-1]), self._label("battery", 1), 1)
        more, less = self._answered("tank")
        after = tank_after(sums["tank_kwh"], sums, eta_tank, kept[:, None, None])
        after = after + devices.cop * (eta_tank * more - less / eta_tank)
        store.add(relative(sums["tank_kwh"][1:], after[:-1]), self._label("tank", 1), 1)
        yield from (electricity.check(), heat.check(), store.check())

    def _label(self, what: str, first: int = 0) -> Label:
        return self.inputs.places.label([f"{group}, {what}" for group in self.groups], first)
