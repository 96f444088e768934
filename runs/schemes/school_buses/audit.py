"""Whether schools and their buses did what they could, and nobody could have done better.

Every bus is driven, charged and discharged again from the scenario and what its school exchanged;
what the results say of a school is compared with that.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.answers_of_stores import AnswerNames, AnswersOfStores
from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.behaviour_checks import behaviours_of, by_design, rules_by_design
from hmesh.runs.audits.events_in_force import lost_parts
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.investments import invested, valued_at
from hmesh.runs.audits.known_stores import KnownStores, answered_kwh
from hmesh.runs.audits.line_flows import read_lines
from hmesh.runs.audits.metered_groups import MetersAudit, ReadMeters
from hmesh.runs.audits.run_inputs import FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments, SchemeAudit
from hmesh.runs.audits.stated_bills import BillAudit
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.school_buses.audit_days import (
    Timetable,
    forecast_of_demand,
    used_as_forecast,
)
from hmesh.runs.schemes.school_buses.audit_messages import KINDS, SCHOOLS, SchoolMessages
from hmesh.runs.schemes.school_buses.audit_tallies import SchoolTallies
from hmesh.runs.schemes.school_buses.audit_world import SchoolWorld
from hmesh.runs.schemes.school_buses.records import recorded_schools
from hmesh.runs.schemes.school_buses.section import CONNECTION, SchoolBuses
from hmesh.runs.schemes.school_buses.setting import SchoolSetting
from hmesh.runs.schemes.step_rows import BATTERY
from hmesh.runs.strategy_names import strategies_within


class SchoolAudit(SchemeAudit):
    """The audit of the scheme of school buses."""

    message_kinds: Sequence[str] = KINDS

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.inputs = inputs
        self.hours = hours
        rules: SchoolBuses = inputs.scenario.school_buses
        assert rules is not None
        self.rules = rules
        self.parties: Sequence[str] = (SCHOOLS, *(f"buses@{name}" for name in inputs.communities))
        self.strategies = strategies_within("school_buses", inputs.strategies)
        shape = hours["net_kwh"].shape
        self.charged, self.sold, self.income, self.replaced = np.zeros((4, *shape))
        # Stores of other schemes answer to the price after schools have decided.
        self.answered_kwh = answered_kwh(run, inputs, "school_buses")
        # What lines lose is checked line by line beside this.
        self.losses_kwh = read_lines(run, inputs)["losses_kwh"].sum(axis=2)
        self.answers_beside = rules.price_response is not None
        self.response = np.zeros(shape)
        self.figures_by_step: Figures = {}
        self.figures_of_run: Figures = {}
        self.tallies = SchoolTallies()
        self.behaving = behaviours_of(inputs, "school_buses")
        count = rules.school_count
        self.metered_kwh = np.zeros((*shape[:2], count))
        parts = lost_parts(inputs.scenario)
        self.lost_parts = np.where(parts < 1.0, parts, 0.0)
        self.timetable = Timetable(inputs, rules)
        self._run, self._forecast = run, list[Check]()
        count = rules.school_count
        self.why = ""
        recorded = recorded_schools(inputs.scenario.record.schools, count)
        setting = inputs.of_scheme("school_buses")
        if setting is None or recorded < count:
            text = f"only {recorded:,} of {count:,} schools are written down"
            self.why = FILE_GONE if setting is None else text
            self.tallies.note(self.why)
            self.complete = False
            self._from_ledger(run)
            self._read_answers(run, None)
        else:
            self.complete = True
            if used_as_forecast(inputs, self.hours):
                self._forecast = [forecast_of_demand(inputs, self.hours, setting.forecast)]
            self._read_answers(run, setting)
            self._replay(run, setting)

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what schools deliver, charging subtracted [kWh], of the shape of the hours."""
        return {"school_bus_kwh": self.sold - self.charged - self.response}

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what schools draw at their connection of each community [kWh]."""
        drawn = self.charged - self.sold + self.response
        return {
            (name, CONNECTION): drawn[:, :, m]
            for m, name in enumerate(self.inputs.communities)
            if CONNECTION in self.inputs.scenario.connections(name)
        }

    def direct_kwh(self) -> FloatArray:
        """Return what schools sell to the utility, below 0 [kWh], of the shape of the hours."""
        sold: FloatArray = np.negative(self.sold)
        return sold + self.own.direct_kwh() if self.rules.tariff is not None else sold

    @cached_property
    def own(self) -> MetersAudit:
        """What schools with a tariff of their own should pay for what their buses charge."""
        inputs, groups, made = self.inputs, None, None
        setting = inputs.of_scheme("school_buses")
        if setting is not None and self.complete:
            made = setting.own_tariff
        if made is not None:
            where = setting.schools["community"].astype(np.intp)
            place = np.broadcast_to(where, self.metered_kwh.shape)
            nothing = np.zeros_like(self.metered_kwh)
            groups = [
                ReadMeters(
                    made.name, made.rows, made.tariff, made.bill, self.metered_kwh, nothing, place
                )
            ]
        shape = inputs.steps, len(inputs.strategies), len(inputs.communities)
        return MetersAudit(
            self._run, inputs, shape, "schools", "bus", [self.rules.tariff], groups,
            self.why or FILE_GONE,
        )  # fmt: skip

    def own_price(self, setting: SchoolSetting) -> FloatArray | None:
        """Return what a kWh charged costs in each step by their tariff; None without one."""
        tariff, made = self.rules.tariff, setting.own_tariff
        if tariff is None or made is None:
            return None
        audit = BillAudit(self.inputs, tariff, made.bill.energy, made.rows, (), "bus")
        price = audit.energy() + sum(tariff.fees.values())
        return np.asarray(price * (1.0 + tariff.value_added_tax))

    @property
    def answering_strategies(self) -> list[int]:
        """Numbers of the strategies under which buses answer to prices."""
        return [s for s, name in enumerate(self.strategies) if name != "charge_after_use"]

    def payments(self) -> Sequence[Payments]:
        """Return what schools pay for charging, and what the utility pays them."""
        price = np.nan_to_num(self.hours["community_price"])
        charging = Payments(
            "school_charging", "schools@{community}", "aggregator@{community}",
            self.charged, price * self.charged, self.charged > 0,
        )  # fmt: skip
        return (
            *([] if self.answers_of is None else [self.answers_of.payments()]),
            *([charging] if self.rules.tariff is None else self.own.payments()),
            Payments(
                "incentive", "utility", "schools@{community}",
                self.sold, self.income, self.sold > 0,
            ),
        )  # fmt: skip

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the summary, by step and of the run."""
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        bill, income = (price * self.charged).sum(axis=2), self.income.sum(axis=2)
        more: Figures = {}
        if self.rules.tariff is not None:
            bill, more = self.own.paid_and_received()[0], self.own.figures()
        by_step: Figures = {
            "school_charged_kwh": self.charged.sum(axis=2),
            "school_sold_kwh": self.sold.sum(axis=2),
            "school_charging_bill": bill,
            "school_income": income,
            "school_bill": bill - income,
        }
        if self.answers_of is not None:
            by_step |= self.answers_of.figures()
        if self.complete:
            by_step |= self.figures_by_step | {
                "school_replaced_kwh": self.replaced.sum(axis=2),
                "school_replaced_bill": (price * self.replaced).sum(axis=2),
            }
        cost, invests = self._of_chargers()
        return by_step | cost | more, self.figures_of_run | invests

    def _of_chargers(self) -> tuple[Figures, Figures]:
        """Return what buses pay less what they earn, and what chargers for both directions cost."""
        economics, inputs = self.rules.economics, self.inputs
        if economics is None:
            return {}, {}
        rules, buses = self.rules, sum(g.schools * g.buses for g in self.rules.groups)
        each = (
            economics.charger_price
            + economics.charger_price_per_kw * rules.power_kw
            + economics.battery_price_per_kwh * rules.capacity_kwh
        )
        sells = np.array(
            [s not in ("charge_after_use", "valley_charging") for s in self.strategies]
        )
        sells[[s for s in self.answering_strategies if self.answers_of is not None]] = True
        invests = invested("school", economics, np.where(sells, each * buses, 0.0), inputs)
        tariff, setting = economics.tariff, inputs.of_scheme("school_buses")
        measured = None if setting is None else setting.tariff
        if tariff is not None and tariff.dataset is not None and measured is None:
            return {}, invests
        given = self.sold.copy()
        if self.answers_of is not None:
            given += self.answers_of.discharged_kwh
        cost = valued_at(inputs, economics, self.hours, measured) * (self.charged + self.response)
        if tariff is None and self.rules.tariff is not None:
            cost = np.zeros_like(self.charged)
        running = (cost - self.income + economics.wear * given).sum(axis=2)
        if tariff is None and self.rules.tariff is not None:
            running = running + self.own.paid_and_received()[0]
        return {"school_running_cost": running}, invests

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        follow_price = (self.tallies.best, self.tallies.price)
        names = [tally.name for tally in follow_price] if self.behaving else []
        yield from (check for check in self.tallies.checks() if check.name not in names)
        yield from self._forecast
        if self.answers_of is not None:
            yield from self.answers_of.checks()
        if self.rules.tariff is not None:
            yield from self.own.checks("school buses with a tariff: ")
        setting = self.inputs.of_scheme("school_buses")
        if self.inputs.scenario.record.events and self.complete and setting is not None:
            yield from self.timetable.events(self._run, setting)
        priced = "optimal_energy_price" in self.strategies
        checks = ["best response of schools", "incentive price that costs the utility least"]
        yield from by_design(self.behaving, "schools", checks if priced else [])
        of_rules = [
            "schedule of the night", "prices outside critical hours", "incentive price",
            "best response", "messages",
        ]  # fmt: skip
        yield from rules_by_design(self.strategies, "what schools charge and sell", of_rules)

    def _read_answers(self, run: Run, setting: SchoolSetting | None) -> None:
        """Read what buses answer to prices; of each where all schools are written down."""
        response, rules = self.rules.price_response, self.rules
        if response is None:
            return
        places = [self.inputs.communities.index(group.community) for group in rules.groups]
        groups = [(g.name, BATTERY, m) for g, m in zip(rules.groups, places, strict=True)]
        stores = None
        if setting is not None:
            buses, schools = setting.buses, setting.schools
            school = buses["school"].astype(np.intp)
            owned = np.bincount(school, minlength=len(schools)).astype(np.float64)
            lam, theta = schools["lam"][school], (schools["theta"] * owned)[school]
            of_school = np.repeat(np.arange(len(groups)), [g.schools for g in rules.groups])
            stores = KnownStores(
                [(bus, BATTERY) for bus in range(len(school))],
                of_school[school],
                schools["community"].astype(np.intp)[school],
                setting.nodes[school],
                lam if response.lam is None else response.lam,
                theta if response.theta is None else response.theta,
                buses["charge_efficiency"],
                buses["discharge_efficiency"],
                complete=True,
            )
        names = AnswerNames("school_buses", "buses", "schools", "school_buses")
        self.answers_of = AnswersOfStores(
            run, self.inputs, self.hours, names, groups, self.answering_strategies, stores
        )
        self.response = self.answers_of.of_communities()

    def _from_ledger(self, run: Run) -> None:
        """Take the energies of communities from the payments where schools report only some."""
        names = ["step", "strategy", "payer", "payee", "energy_kwh", "amount"]
        strategies = list(self.inputs.strategies)
        communities = self.inputs.communities
        for kind, side, energy in (
            ("school_charging" if self.rules.tariff is None else "bus_purchase", "payer",
             self.charged),
            ("incentive", "payee", self.sold),
        ):  # fmt: skip
            paid = run.table("ledger", names, [("kind", "=", kind)]).to_pylist()
            for row in paid:
                place = (
                    row["step"],
                    strategies.index(row["strategy"]),
                    communities.index(row[side].partition("@")[2]),
                )
                energy[place] += row["energy_kwh"]
                if kind == "incentive":
                    self.income[place] += row["amount"]

    def _replay(self, run: Run, setting: SchoolSetting) -> None:
        """Simulate the run of every strategy again."""
        inputs, strategies = self.inputs, self.inputs.strategies
        schools = len(setting.schools)
        reader = TableReader(run, "schools", {"strategy": strategies}, inputs.start_ms)
        messages = [
            SchoolMessages(run, inputs, s, self.tallies.said) for s in range(len(strategies))
        ]
        hours = self.timetable.hours(setting)
        worlds = [SchoolWorld(self, setting, hours, s, said) for s, said in enumerate(messages)]
        for step in range(inputs.steps):
            rows = reader.take(len(worlds) * schools)
            _in_order(rows, step, len(worlds), schools)
            for s, world in enumerate(worlds):
                mine = slice(s * schools, (s + 1) * schools)
                world.step(step, {name: values[mine] for name, values in rows.items()})
        if len(reader.rest()["step"]):
            raise DamagedTableError("schools", "there are rows after the last step")
        for name in worlds[0].figures:
            self.figures_by_step[name] = np.stack([w.figures[name] for w in worlds], axis=1)
        for name in worlds[0].at_end():
            self.figures_of_run[name] = np.array([world.at_end()[name] for world in worlds])


def _in_order(rows: Columns, step: int, strategies: int, schools: int) -> None:
    """Refuse rows that are not those of every strategy and school of a step, in this order."""
    right = (
        (rows["step"] == step)
        & (rows["strategy"] == np.repeat(np.arange(strategies), schools))
        & (rows["school"] == np.tile(np.arange(schools), strategies))
    )
    if not right.all():
        row = int(np.argmin(right))
        message = f"row {row} of step {step} belongs elsewhere, or one before it is missing"
        raise DamagedTableError("schools", message)
