"""Whether storages that communities share did what their rule says, and how far it is from best.

Suns, demands, forecasts, rankings, grants and plans are worked out independently from the scenario
and what stands in the tables before them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.answers_of_stores import AnswerNames, AnswersOfStores
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.behaviour_checks import behaviours_of, by_design, rules_by_design
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.investments import invested, valued_at
from hmesh.runs.audits.known_stores import KnownStores
from hmesh.runs.audits.reference.store_left import left_over
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments, SchemeAudit
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.schemes.community_storage.audit_households import HouseholdChecks
from hmesh.runs.schemes.community_storage.audit_messages import check_messages
from hmesh.runs.schemes.community_storage.audit_tables import StorageTables, read_storage_tables
from hmesh.runs.schemes.community_storage.audit_units import StorageChecks
from hmesh.runs.schemes.community_storage.section import CONNECTION, CommunityStorage
from hmesh.runs.schemes.community_storage.setting import UNUSED, CommunityStorageSetting
from hmesh.runs.schemes.step_rows import STORAGE
from hmesh.runs.strategy_names import strategies_within


class CommunityStorageAudit(SchemeAudit):
    """The audit of the scheme of storages that communities share."""

    message_kinds: Sequence[str] = (
        "DemandForecast", "DemandOutlook", "DemandStatus", "GenerationReport", "DischargeGrant",
        "StorageDraw", "GridPurchase",
    )  # fmt: skip

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.run = run
        self.inputs = inputs
        self.hours = hours
        rules: CommunityStorage = inputs.scenario.community_storage
        assert rules is not None
        self.rules = rules
        names = [storage.name for storage in rules.storages]
        self.parties: Sequence[str] = (
            "grid",
            *names,
            *(f"{who}@{name}" for name in names for who in ("households", "forecasters", "plant")),
            *(f"storages@{name}" for name in inputs.communities),
        )
        follows = strategies_within("community_storage", inputs.strategies)
        self.used = [s for s, strategy in enumerate(follows) if strategy != UNUSED]
        self.follows = [follows[s] for s in self.used]
        communities = inputs.communities
        self.community = np.array([communities.index(s.community) for s in rules.storages])
        # What the checks of households count; figures are asked for after checks.
        self._counted: Figures = {}
        self.tables: StorageTables = read_storage_tables(run, inputs, rules, self.used)
        self.answers_beside = rules.price_response is not None
        self.response = np.zeros(hours["net_kwh"].shape)
        if rules.price_response is not None:
            self._read_answers(rules.price_response)
        # What storages draw by the clock amounts to the same as an answer to a price.
        self.from_grid = self._of_communities(self.tables.storages["grid_kwh"])
        self.response = self.response + self.from_grid

    def _read_answers(self, response: PriceResponse) -> None:
        """Read what storages answer to prices."""
        storages = self.rules.storages
        shared: CommunityStorageSetting | None = self.inputs.of_scheme("community_storage")
        groups = [
            (storage.name, STORAGE, m)
            for storage, m in zip(storages, self.community.tolist(), strict=True)
        ]
        stores = KnownStores(
            [(row, STORAGE) for row in range(len(storages))],
            np.arange(len(storages)),
            self.community,
            np.zeros(len(storages), dtype=np.intp) if shared is None else shared.nodes,
            response.lam,
            response.theta,
            np.array([storage.charge_efficiency for storage in storages]),
            np.array([storage.discharge_efficiency for storage in storages]),
            complete=True,
        )
        names = AnswerNames("community_storage", "storages", "storages", "community_storage")
        self.answers_of = AnswersOfStores(
            self.run, self.inputs, self.hours, names, groups, self.used, stores
        )
        self.response = self.answers_of.of_communities()

    def _check_answers(self) -> Iterator[Check]:
        """Compare what storages had left in every step with their rule, and their answers."""
        if self.answers_of is None:
            return
        storages, reported = self.rules.storages, self.tables.storages
        size = self._checks().capacity_kwh
        socs = [
            np.array([getattr(storage, name) for storage in storages])
            for name in ("soc_min", "soc_max")
        ]
        rated = np.array([storage.power_kw or np.inf for storage in storages]) * self.inputs.step_h
        rated = rated * self._parts()
        for k, s in enumerate(self.used):
            done = reported["charge_kwh"][:, k] - reported["delivered_kwh"][:, k]
            stores = self.answers_of.stores
            least, most = (soc * size[:, k] for soc in socs)
            usable, give, take = left_over(
                reported["stored_kwh"][:, k], done, least, most, rated,
                (stores.charge_efficiency, stores.discharge_efficiency),
            )  # fmt: skip
            if not self.rules.grid_charging:
                take = np.zeros_like(take)
            self.answers_of.hold(slice(0, self.inputs.steps), s, usable, give, take)
        yield from self.answers_of.checks()

    def _of_communities(self, values: FloatArray) -> FloatArray:
        """Return what storages amount to in each community, of the shape of the hours."""
        shaped = np.zeros(self.hours["net_kwh"].shape)
        for row, m in enumerate(self.community.tolist()):
            shaped[:, self.used, m] += values[:, :, row]
        return shaped

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what plants add to the generation, and what storages exchange [kWh]."""
        storages = self.tables.storages
        charge = self._of_communities(storages["charge_kwh"])
        delivered = self._of_communities(storages["delivered_kwh"])
        return {"generation_kwh": -charge, "shared_storage_kwh": charge - delivered + self.response}

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what plants and storages draw at their connection of each community [kWh]."""
        drawn = self.response - self._of_communities(self.tables.storages["delivered_kwh"])
        return {
            (name, CONNECTION): drawn[:, :, m]
            for m, name in enumerate(self.inputs.communities)
            if m in self.community
        }

    def payments(self) -> Sequence[Payments]:
        """Return what aggregators credit their members for what storages deliver."""
        delivered = self._of_communities(self.tables.storages["delivered_kwh"])
        there = supplied(self.hours) & np.isin(np.arange(delivered.shape[2]), self.community)
        there &= np.isin(np.arange(delivered.shape[1]), self.used)[:, None]
        price = np.nan_to_num(self.hours["community_price"])
        charged = []
        if self.rules.night_charging is not None:
            charged.append(
                Payments(
                    "storage_charging", "storages@{community}", "aggregator@{community}",
                    self.from_grid, price * self.from_grid, there,
                )
            )  # fmt: skip
        return (
            Payments(
                "shared_storage", "aggregator@{community}", "consumers@{community}",
                delivered, price * delivered, there,
            ),
            *charged,
            *([] if self.answers_of is None else [self.answers_of.payments()]),
        )  # fmt: skip

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the summary, by step and of the run."""
        shape = self.hours["net_kwh"].shape[:2]
        storages, rules = self.tables.storages, self.rules

        def spread(values: NDArray[Any]) -> FloatArray:
            whole = np.zeros(shape)
            whole[:, self.used] = values
            return whole

        delivered = self._of_communities(storages["delivered_kwh"])
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        figures: Figures = {
            **({} if self.answers_of is None else self.answers_of.figures()),
            "plant_generation_kwh": spread(storages["generation_kwh"].sum(axis=2)),
            "plant_stored_kwh": spread(storages["charge_kwh"].sum(axis=2)),
            "plant_spilled_kwh": spread(storages["spilled_kwh"].sum(axis=2)),
            "storage_delivered_kwh": delivered.sum(axis=2),
            "storage_credit": (price * delivered).sum(axis=2),
        }
        out = ~supplied(self.hours)[:, :, self.community]
        if rules.night_charging is not None:
            figures["storage_grid_kwh"] = self.from_grid.sum(axis=2)
        figures["counts.plants_cut_off"] = spread(out[:, self.used].sum(axis=2))
        demand = self._demand_kwh()
        if demand is not None:
            figures["storage_households_kwh"] = np.broadcast_to(demand.sum(axis=1)[:, None], shape)
            shared: CommunityStorageSetting = self.inputs.of_scheme("community_storage")
            above = demand > shared.most_kwh + 1e-9
            figures["counts.demands_above_history"] = spread(above.sum(axis=1)[:, None])
            plants = shared.plants
            filled = np.array([plants.filled(step) for step in range(shape[0])])
            figures["counts.plant_readings_filled"] = spread(filled[:, None])
        if self.inputs.reliable:
            figures["counts.storage_messages_unheard"] = np.zeros(shape)
        figures |= {name: spread(values) for name, values in self._counted.items()}
        first = sum(s.soc_start * s.capacity_kwh for s in rules.storages)
        final = np.full(shape[1], first)
        if self.used:
            final[self.used] = self._checks().final_kwh().sum(axis=1)
        lost: Figures = {}
        if self.used:
            lost = self._checks().fade_figures(rules.economics, shape[1], self.used)
        cost, invests = self._economics(delivered)
        return figures | cost, {
            "storage_final_kwh": final, "storage_change_kwh": final - first, **invests, **lost
        }  # fmt: skip

    def _economics(self, delivered_kwh: FloatArray) -> tuple[Figures, Figures]:
        """Return what storages pay less what they deliver, and what they cost."""
        economics = self.rules.economics
        if economics is None:
            return {}, {}
        price = np.zeros(len(self.inputs.strategies))
        for storage in self.rules.storages:
            plant = 0.0 if storage.pv_dataset is not None else storage.pv_kw
            price[self.used] += economics.storage_price_per_kwh * storage.capacity_kwh
            if economics.pv_price_per_kw is not None:
                price[self.used] += economics.pv_price_per_kw * plant
        invests = invested("storage", economics, price, self.inputs)
        shared: CommunityStorageSetting | None = self.inputs.of_scheme("community_storage")
        tariff = economics.tariff
        if shared is None and tariff is not None and not tariff.bands:
            return {}, invests
        measured = None if shared is None else shared.tariff
        at = valued_at(self.inputs, economics, self.hours, measured)
        return {"storage_running_cost": (at * (self.response - delivered_kwh)).sum(axis=2)}, invests

    def checks(self) -> Iterator[Check]:
        """Check the storages, their households and their plans."""
        self._behaving = behaviours_of(self.inputs, "community_storage")
        yield from self._checks_of_tables()
        yield from by_design(self._behaving, "households", ["draw of all that each may"])
        not_applying = ["who is served first", "what each is allowed"]
        yield from rules_by_design(self.follows, "what households may draw", not_applying)

    def _checks_of_tables(self) -> Iterator[Check]:
        if not self.used:
            idle = Tally("storages: used by no strategy", 0.0)
            yield idle.check()
            return
        shared: CommunityStorageSetting | None = self.inputs.of_scheme("community_storage")
        label = self.inputs.places.label(
            [storage.name for storage in self.rules.storages],
            strategies=[self.inputs.strategies[s] for s in self.used],
        )
        units = self._checks()
        yield units.stores(label)
        yield units.spilled(label)
        yield units.limits(label)
        yield units.from_grid(label, self.inputs)
        yield from self._check_answers()
        if shared is None:
            for name in ("storages: plants generate what the sun gives", "households: as metered"):
                gone = Tally(name, EXACT)
                gone.note(FILE_GONE)
                yield gone.check()
            return
        yield units.sun(label, shared, self.inputs)
        demand = self._demand_kwh()
        assert demand is not None
        yield units.bounds(shared, demand, [self.inputs.strategies[s] for s in self.used])
        households = HouseholdChecks(
            self.inputs, self.rules, shared, self.tables, demand,
            self._supplied_storages(), self.used, self.follows, self._own_way(), self._parts(),
            units.capacity_kwh,
        )  # fmt: skip
        yield from households.checks()
        self._counted = households.counts
        yield check_messages(self.run, self.inputs, self.tables, shared, self.used, households)

    def _own_way(self) -> NDArray[np.intp]:
        """Return which households draw by a behaviour of a plugin, by row."""
        rows = [rows for rows in self._behaving.values() if rows is not None]
        return np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)

    def _checks(self) -> StorageChecks:
        return StorageChecks(
            self.rules, self.tables.storages, self._supplied_storages(), self.inputs.step_h,
            self._parts(),
            self.tables.storages["grid_kwh"]
            + (0.0 if self.answers_of is None else self.answers_of.exchange_kwh[:, self.used]),
            self.inputs.calendar.days_of(0, self.inputs.steps),
        )  # fmt: skip

    def _parts(self) -> FloatArray:
        """Return for which part of each step storages are supplied, (steps, storages)."""
        parts: FloatArray = self.inputs.served_part[:, self.community]
        return parts

    def _supplied_storages(self) -> NDArray[np.bool_]:
        """Return where the community of each storage is supplied, (steps, used, storages)."""
        there: NDArray[np.bool_] = supplied(self.hours)[:, self.used][:, :, self.community]
        return there

    def _demand_kwh(self) -> FloatArray | None:
        """Return what households use, computed again, (steps, households); None if unknown."""
        shared: CommunityStorageSetting | None = self.inputs.of_scheme("community_storage")
        if shared is None:
            return None
        wanted = shared.coming_demand_kwh(0, self.inputs.steps)
        # Supply differs by community, never by strategy.
        served = np.where(supplied(self.hours)[:, 0], self.inputs.served_part, 0.0)
        community = self.community[shared.households["storage"].astype(np.intp)]
        demand: FloatArray = wanted * served[:, community]
        return demand
