"""Whether batteries of buildings did what the closed form has them do, and all energy is there."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.audits.answers_of_stores import AnswerNames, AnswersOfStores
from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.behaviour_checks import behaviours_of, by_design, rules_by_design
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.investments import faded
from hmesh.runs.audits.known_stores import KnownStores
from hmesh.runs.audits.reference.capacity_fade import capacity_by_step, loss_per_year
from hmesh.runs.audits.run_inputs import FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments, SchemeAudit
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.battery_sharing.audit_answers import check_answers
from hmesh.runs.schemes.battery_sharing.audit_buildings import (
    check_capacities,
    check_exchanges,
    check_loads,
    check_physics,
)
from hmesh.runs.schemes.battery_sharing.audit_days import check_days
from hmesh.runs.schemes.battery_sharing.audit_figures import deviations_of_run, economics_of_run
from hmesh.runs.schemes.battery_sharing.audit_tallies import BatteryTallies
from hmesh.runs.schemes.battery_sharing.section import BatterySharing
from hmesh.runs.schemes.battery_sharing.setting import BatterySetting
from hmesh.runs.schemes.step_rows import BATTERY, first_recorded
from hmesh.runs.strategy_names import strategies_within

ENERGIES = (
    "load_kwh", "stored_kwh", "charged_kwh", "own_kwh", "sent_kwh", "received_kwh", "unplaced_kwh",
)  # fmt: skip
KINDS_OF_PAYMENT = ("battery_charging", "battery_supply", "battery_exchange")


class BatteryAudit(SchemeAudit):
    """The audit of the scheme of shared batteries."""

    message_kinds: Sequence[str] = (
        "Forecast", "BatteryState", "Schedule", "PeakSignal", "MeterReading", "Surplus", "Need",
        "TransferOrder",
    )  # fmt: skip

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.inputs, self.hours = inputs, hours
        given: BatterySharing = inputs.scenario.battery_sharing
        assert given is not None
        self.given = given
        places = inputs.communities
        self.parties: Sequence[str] = [
            *(f"coordinator@{name}" for name in places), *(f"batteries@{name}" for name in places),
            "grid",
        ]  # fmt: skip
        self.strategies = strategies_within("battery_sharing", inputs.strategies)
        self.tallies = BatteryTallies()
        self.behaving = behaviours_of(inputs, "battery_sharing")
        shape = hours["net_kwh"].shape
        self.charged, self.covered, self.received = np.zeros((3, *shape))
        self.by_step: Figures = {}
        self.of_run: Figures = {}
        self.at: Columns | None = None
        self.answers_beside = given.price_response is not None
        self.response = np.zeros(shape)
        self._used = [s for s, name in enumerate(self.strategies) if name != "no_battery"]
        setting = inputs.of_scheme("battery_sharing")
        count = len(setting.names) if setting else 0
        recorded = first_recorded(inputs.scenario.record.buildings, count)
        if setting is None or recorded < count:
            text = f"only {recorded:,} of {count:,} buildings are written down"
            self.tallies.note(FILE_GONE if setting is None else text)
            self._from_ledger(run)
            self._read_answers(run, None, recorded)
        else:
            self.setting = setting
            self.at = self._read(run, count)
            self._read_answers(run, setting, count)
            self._sum_up(self.at)
            self._check(run, self.at)

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what buildings draw more than they use [kWh], of the shape of the hours."""
        return {"home_storage_kwh": self.charged - self.covered + self.response}

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what batteries draw where each group of buildings is connected [kWh]."""
        if self.at is None or self.inputs.setting is None:
            return self._by_community()
        at = self.at
        drawn = at["charged_kwh"] - at["own_kwh"] - at["received_kwh"] + self.response_of(at)
        groups = _of_buildings(self.inputs.setting.members.groups)
        return {
            (group.name.partition("/")[0], group.name.partition("/")[2]): drawn[
                :, :, group.rows
            ].sum(axis=2)
            for group in groups
        }

    def _by_community(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return it where only communities are known: NaN where several groups share it."""
        drawn = self.charged - self.covered + self.response
        unknown = np.full(drawn.shape[:2], np.nan)
        found: dict[tuple[str, str], FloatArray] = {}
        for m, (name, community) in enumerate(self.inputs.scenario.communities.items()):
            groups = [group.name for group in community.members if group.kind == "building"]
            here = drawn[:, :, m] if len(groups) == 1 else unknown
            found |= {(name, group): here for group in groups}
        return found

    def payments(self) -> Sequence[Payments]:
        """Return what batteries pay for charging, and what covering loads is worth."""
        price = np.nan_to_num(self.hours["community_price"])
        parties = (
            ("batteries@{community}", "aggregator@{community}"),
            ("aggregator@{community}", "consumers@{community}"),
            ("consumers@{community}", "batteries@{community}"),
        )
        energies = (self.charged, self.covered, self.received)
        answered = [] if self.answers_of is None else [self.answers_of.payments()]
        return answered + [
            Payments(kind, payer, payee, energy, price * energy, energy > 0)
            for kind, (payer, payee), energy in zip(
                KINDS_OF_PAYMENT, parties, energies, strict=True
            )
        ]

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the summary, by step and of the run."""
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        bill = (price * (self.charged - self.covered)).sum(axis=2)
        charged = self.charged.sum(axis=2)
        answered = {} if self.answers_of is None else self.answers_of.figures()
        if self.answers_of is not None:
            answered["battery_sharing_response_loss_kwh"] = self._lost_kwh(answered)
        setting = self.inputs.of_scheme("battery_sharing")
        drawn = self.charged - self.covered + self.response
        cost, invests = economics_of_run(
            self.inputs, self.given, setting, self.hours, drawn,
            self.of_run.get("battery_capacity_kwh"),
        )  # fmt: skip
        total = self.hours["net_kwh"].sum(axis=2)
        return (
            {**answered, "battery_charged_kwh": charged, "battery_bill": bill}
            | self.by_step
            | cost,
            self.of_run | deviations_of_run(self.inputs, self.given, setting, total) | invests,
        )

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        yield from self.tallies.checks()
        if self.answers_of is not None:
            yield from self.answers_of.checks()
        prices = "priced_battery" in self.strategies
        checks = ["answer of each of them to the prices of the day"] if prices else []
        yield from by_design(self.behaving, "batteries", checks)
        of_rules = ["closed form of the day", "sum of what was not followed"]
        yield from rules_by_design(self.strategies, "what batteries exchange", of_rules)

    def _lost_kwh(self, answered: Figures) -> FloatArray:
        """Return what batteries lose of what they exchange at prices [kWh]."""
        into, out_of = (
            answered[f"battery_sharing_response_{way}_kwh"] for way in ("charged", "discharged")
        )
        given = self.given
        lost: FloatArray = (1.0 - given.charge_efficiency) * into
        return lost + (1.0 / given.discharge_efficiency - 1.0) * out_of

    def _read_answers(self, run: Run, setting: BatterySetting | None, recorded: int) -> None:
        """Read what batteries answer to prices; of each where all are written down."""
        response, given = self.given.price_response, self.given
        if response is None:
            return
        places = list(self.inputs.scenario.communities.values())
        there = [
            m
            for m, place in enumerate(places)
            if any(group.kind == "building" for group in place.members)
        ]
        groups = [(self.inputs.communities[m], BATTERY, m) for m in there]
        stores = None
        if setting is not None and self.inputs.setting is not None:
            community = np.zeros(recorded, dtype=np.intp)
            for m, rows in enumerate(setting.communities):
                community[rows] = m
            stores = KnownStores(
                [(row, BATTERY) for row in range(recorded)],
                np.searchsorted(there, community),
                community,
                _of_buildings(self.inputs.setting.members.nodes),
                response.lam,
                response.theta,
                np.full(recorded, given.charge_efficiency),
                np.full(recorded, given.discharge_efficiency),
                complete=True,
            )
        names = AnswerNames("battery_sharing", "batteries", "batteries", "battery_sharing")
        self.answers_of = AnswersOfStores(
            run, self.inputs, self.hours, names, groups, self._used, stores
        )
        self.response = self.answers_of.of_communities()

    def response_of(self, at: Columns) -> FloatArray:
        """Return what every battery exchanges at prices [kWh], of the shape of the columns."""
        answers = self.answers_of
        return np.zeros_like(at["load_kwh"]) if answers is None else answers.exchange_kwh

    def _from_ledger(self, run: Run) -> None:
        """Take the energies of communities from the payments where buildings report only some."""
        strategies, communities = list(self.inputs.strategies), self.inputs.communities
        names = ["step", "strategy", "payer", "payee", "energy_kwh"]
        for kind, side, energy in zip(
            KINDS_OF_PAYMENT,
            ("payer", "payee", "payer"),
            (self.charged, self.covered, self.received),
            strict=True,
        ):
            for row in run.table("ledger", names, [("kind", "=", kind)]).to_pylist():
                place = (
                    row["step"],
                    strategies.index(row["strategy"]),
                    communities.index(row[side].partition("@")[2]),
                )
                energy[place] += row["energy_kwh"]

    def _read(self, run: Run, count: int) -> Columns:
        """Read buildings.parquet; every column of shape (steps, strategies, buildings)."""
        inputs = self.inputs
        shape = inputs.steps, len(inputs.strategies), count
        reader = TableReader(run, "buildings", {"strategy": inputs.strategies}, inputs.start_ms)
        rows = reader.rest()
        if len(rows["step"]) != int(np.prod(shape)):
            message = f"it has {counted(len(rows['step']), 'row')}, not {int(np.prod(shape)):,}"
            raise DamagedTableError("buildings", message)
        columns = {name: values.reshape(shape) for name, values in rows.items()}
        for name, expected in zip(("step", "strategy", "building"), np.indices(shape), strict=True):
            if (columns[name] != expected).any():
                raise DamagedTableError("buildings", f"column {name} is out of order")
        return {name: columns[name] for name in ENERGIES}

    def of_communities(self, values: FloatArray) -> FloatArray:
        """Return the sums of a quantity of buildings over each community."""
        return np.stack([values[..., rows].sum(axis=-1) for rows in self.setting.communities], -1)

    def _sum_up(self, at: Columns) -> None:
        given = self.given
        self.charged = self.of_communities(at["charged_kwh"])
        self.received = self.of_communities(at["received_kwh"])
        self.covered = self.of_communities(at["own_kwh"]) + self.received
        sent = at["sent_kwh"].sum(axis=2)
        discharged = at["own_kwh"].sum(axis=2) + sent
        charged = self.charged.sum(axis=2)
        self.by_step = {
            "battery_discharged_kwh": discharged,
            "battery_exchanged_kwh": sent,
            "battery_line_loss_kwh": sent - self.received.sum(axis=2),
            "battery_conversion_loss_kwh": (1.0 - given.charge_efficiency) * charged
            + (1.0 / given.discharge_efficiency - 1.0) * discharged,
            "battery_unplaced_kwh": at["unplaced_kwh"].sum(axis=2),
        }

    def capacities(self) -> FloatArray:
        """Return the capacity of every battery [kWh], shape (strategies, buildings)."""
        setting, nothing = self.setting, np.zeros(len(self.setting.names))
        return np.stack(
            [
                nothing
                if name == "no_battery"
                else setting.own_kwh
                if name == "own_battery"
                else setting.shared_kwh
                for name in self.strategies
            ]
        )

    def _discharged(self, at: Columns) -> FloatArray:
        """Return what every battery discharges at its plug [kWh]."""
        done = at["charged_kwh"] - at["own_kwh"] - at["sent_kwh"] + self.response_of(at)
        return np.maximum(0.0 - done, 0.0)

    def _by_step(self, at: Columns, new: FloatArray) -> FloatArray:
        """Return the capacity of every battery in each step, of the shape of the columns [kWh]."""
        given, inputs = self.given, self.inputs
        shape = at["load_kwh"].shape
        if not given.fades:
            return np.broadcast_to(new, shape)
        days, discharged = inputs.calendar.days_of(0, inputs.steps), self._discharged(at)
        return np.stack(
            [
                capacity_by_step(
                    new[s], discharged[:, s], days, inputs.step_h,
                    given.calendar_fade, given.cycle_fade,
                )
                for s in range(shape[1])
            ],
            axis=1,
        )  # fmt: skip

    def _faded(self, at: Columns, new: FloatArray, size: FloatArray) -> Figures:
        """Return what is left of batteries that lose capacity."""
        given, discharged = self.given, self._discharged(at).sum(axis=0)
        if not given.fades:
            return {}
        hours = self.inputs.steps * self.inputs.step_h
        loss = [
            loss_per_year(new[s], discharged[s], hours, given.calendar_fade, given.cycle_fade)
            for s in range(len(new))
        ]
        return faded("battery", new.sum(axis=1), size[-1].sum(axis=1), np.array(loss))

    def _check(self, run: Run, at: Columns) -> None:
        """Check every building, and who gave what to whom."""
        new = self.capacities()
        capacity = self._by_step(at, new)
        check_capacities(self, run)
        check_loads(self, at)
        check_physics(self, at, capacity)
        check_exchanges(self, run, at)
        rows = [rows for rows in self.behaving.values() if rows is not None]
        clipped = check_days(
            self.inputs, self.setting, self.strategies, at, capacity, self.hours,
            np.concatenate(rows) if rows else np.empty(0, dtype=np.intp),
        )  # fmt: skip
        self.tallies.days += clipped.tallies
        if self.answers_of is not None:
            check_answers(
                self.inputs, self.setting, self.strategies, at, capacity, self.answers_of
            )  # fmt: skip
        if clipped.known:
            self.by_step["battery_unfollowed_kwh"] = clipped.unfollowed_kwh
            self.by_step["counts.battery_clipped"] = clipped.clipped
        noticeable = 1e-9 * np.maximum(new, 1.0)
        self.by_step["counts.battery_unplaced"] = np.count_nonzero(
            at["unplaced_kwh"] > noticeable, axis=2
        )
        held = self.held_after(at)[-1].sum(axis=1)
        started = self.given.soc_min * new.sum(axis=1)
        self.of_run = {
            **self._faded(at, new, capacity),
            "battery_capacity_kwh": new.sum(axis=1),
            "battery_stored_change_kwh": held - started,
        }

    def held_after(self, at: Columns) -> FloatArray:
        """Return what every battery holds after each step [kWh]."""
        response = self.response_of(at)
        given_up = at["own_kwh"] + at["sent_kwh"] + np.maximum(-response, 0.0)
        taken = at["charged_kwh"] + np.maximum(response, 0.0)
        after: FloatArray = (
            at["stored_kwh"]
            + self.given.charge_efficiency * taken
            - given_up / self.given.discharge_efficiency
        )
        return after


def _of_buildings[T](of_kinds: Mapping[type, T]) -> T:
    """Return what belongs to buildings, of what belongs to each kind of member."""
    return next(each for kind, each in of_kinds.items() if kind.__name__ == "Building")
