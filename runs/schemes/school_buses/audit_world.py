"""The schools of one strategy of a run, simulated again and compared with its results."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Label, relative
from hmesh.runs.audits.elastic_members import UNMOVED
from hmesh.runs.audits.reference.school_hours import SchoolHours
from hmesh.runs.audits.reference.school_yard import SchoolYard
from hmesh.runs.audits.reference.schools import (
    Purchase,
    Schools,
    closed_form_price,
    grid_cost,
    least_cost,
)
from hmesh.runs.audits.reference.valleys import flattest
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.school_buses.audit_messages import (
    Said,
    SchoolMessages,
    asked,
    planned,
    sent_as_curves,
)
from hmesh.runs.schemes.school_buses.audit_night import ChargingWindows
from hmesh.runs.schemes.school_buses.setting import SchoolSetting
from hmesh.runs.strategy_names import is_own

if TYPE_CHECKING:
    from hmesh.runs.schemes.school_buses.audit import SchoolAudit

TRADING = ("centralised", "optimal_energy_price")
BUS_COLUMNS = (
    "school", "capacity_kwh", "soc_min", "soc_max", "power_kw", "charge_efficiency",
    "discharge_efficiency", "round_km", "consumption_kwh_per_km", "energy_kwh",
)  # fmt: skip


class SchoolWorld:
    """The schools of one strategy, simulated again."""

    def __init__(
        self,
        audit: "SchoolAudit",
        setting: SchoolSetting,
        hours: SchoolHours,
        strategy: int,
        messages: SchoolMessages,
    ) -> None:
        inputs = audit.inputs
        self.audit, self.inputs, self.setting = audit, inputs, setting
        self.messages = messages
        self.s, self.strategy = strategy, audit.strategies[strategy]
        self.own = is_own(self.strategy)
        self.own_price = audit.own_price(setting)
        self.lam, self.theta = setting.schools["lam"], setting.schools["theta"]
        buses = setting.buses
        columns = {name: buses[name] for name in BUS_COLUMNS}
        if audit.timetable.round_km is not None:
            columns["round_km"] = audit.timetable.round_km
        self.yard = SchoolYard(
            columns,
            setting.schools["average_price"],
            inputs.step_h,
            keeps_reserve=audit.rules.reserve,
            from_empty=audit.rules.origin == "empty",
        )
        self.community = setting.schools["community"].astype(np.intp)
        self.reliable = inputs.reliable and not inputs.scenario.chance.outages
        names = (
            "required_kwh", "school_driven_kwh", "school_unmet_kwh",
            "school_replaced_generation_cost", "counts.unmet_rounds", "counts.critical_steps",
        )  # fmt: skip
        self.figures = {name: np.zeros(inputs.steps) for name in names}
        self._done: FloatArray | float = 0.0
        self.hours = hours
        self.windows = ChargingWindows(
            hours, setting.forecast, self.yard, audit.tallies, reliable=self.reliable
        )

    def step(self, step: int, rows: Columns) -> None:
        """Check a step and go on to the next."""
        audit, yard, tallies = self.audit, self.yard, self.audit.tallies
        price = audit.hours["community_price"][step, self.s][self.community]
        there = np.where(np.isnan(price), 0.0, 1.0 - audit.lost_parts[step, self.community])
        here = audit.timetable.at(step)
        yard.begin_step(here, self.hours.ahead(step), there)
        charged, sold = rows["charged_kwh"], rows["sold_kwh"]
        charge = yard.dealt_out(charged, yard.needs_kwh)
        spare = np.where(charge > 0, 0.0, yard.spare_kwh)
        deliver = yard.dealt_out(sold, spare)
        self._done = charge - deliver + self._answered(step)
        self._compare(step, rows, charge)
        if self.strategy != "charge_after_use" and not self.own:
            of_all = self.inputs.places.label("", step, [self.inputs.strategies[self.s]])
            self.windows.compare(step, rows, self._label(step), of_all)
        most = yard.by_school(np.where(charge > 0, 0.0, yard.sell_kwh))
        game = self._trade(step, rows, most, spare, deliver)
        # A rule of a plugin may say whatever it wants.
        if self.messages.kept and not self.own:
            self.messages.add(step, self._due(step, rows, game))
        self._sum_up(step, rows, yard.by_school(yard.replaced_kwh(charge)))
        response = self._response(step, charge, deliver)
        off = np.abs(yard.by_school(charge) - charged)
        off = np.maximum(off, np.abs(yard.by_school(deliver) - sold))
        tallies.within.add(off[None, None], self._label(step), step)
        if self.own_price is not None:
            price = np.full(len(price), self.own_price[step])
            audit.metered_kwh[step, self.s] = rows["charged_kwh"]
        short = yard.end_step(np.nan_to_num(price), charge, deliver, response, round_ends=here.ends)
        self.figures["counts.unmet_rounds"][step] = short

    def _response(self, step: int, charge: FloatArray, deliver: FloatArray) -> FloatArray | float:
        """Return what buses exchange at the price, and hold what they had left against the rest."""
        answers = self.audit.answers_of
        if answers is None or self.s not in answers.used:
            return 0.0
        if not self.reliable or self.own:
            answers.left.note("schedules are not known")
        else:
            left = self.yard.left_over(charge, deliver, self.windows.planned_kwh)
            answers.hold(step, self.s, *left, not self.hours.is_critical(step))
        return self._answered(step)

    def _answered(self, step: int) -> FloatArray | float:
        """Return what buses exchange at the price of a step [kWh]."""
        answers = self.audit.answers_of
        if answers is None or self.s not in answers.used:
            return 0.0
        response: FloatArray = answers.exchange_kwh[step, self.s]
        return response

    def at_end(self) -> dict[str, float]:
        """Return the figures of the state that the run ended in."""
        yard = self.yard
        soc = yard.held_kwh / yard.capacity_kwh
        return {
            "school_final_mean_soc": float(soc.mean()) if len(soc) else np.nan,
            "school_stored_change_kwh": float(yard.held_kwh.sum()) - yard.started_kwh,
        }

    def _label(self, step: int) -> Label:
        return self.inputs.places.label("school", step, [self.inputs.strategies[self.s]])

    def _compare(self, step: int, rows: Columns, charge: FloatArray) -> None:
        """Hold what the results say of every school against what its buses are and can."""
        yard, tallies, label = self.yard, self.audit.tallies, self._label(step)
        by_school = yard.by_school
        used, unmet = yard.driving_kwh(self._done)
        soc = yard.held_kwh / yard.capacity_kwh
        least = np.ones(len(yard))
        np.minimum.at(least, yard.school, soc)
        most = by_school(np.where(charge > 0, 0.0, yard.sell_kwh))
        sells = self.strategy == "optimal_energy_price" and self._is_trading(step)
        for tally, name, expected in (
            (tallies.worth, "lam", self.lam),
            (tallies.worth, "theta", self.theta),
            (tallies.store, "stored_kwh", by_school(yard.held_kwh)),
            (tallies.store, "usable_kwh", by_school(yard.held_kwh - yard.least_kwh)),
            (tallies.store, "counted_kwh", yard.counted_kwh),
            (tallies.store, "driven_kwh", by_school(used)),
            (tallies.unmet, "unmet_kwh", by_school(unmet)),
            (tallies.bounds, "min_kwh", 0.0 - by_school(yard.charge_kwh)),
            (tallies.bounds, "max_kwh", most if sells else by_school(yard.sell_kwh)),
            (tallies.average, "average_price", yard.average_price),
            (tallies.soc, "least_soc", least),
            (tallies.store, "energy_kwh", rows["sold_kwh"] - rows["charged_kwh"]),
            (tallies.replaced, "replaced_kwh", by_school(yard.replaced_kwh(charge))),
        ):
            tally.add(relative(rows[name], expected)[None, None], label, step)
        beyond = np.maximum(np.maximum(-soc, soc - 1.0), 0.0).max(initial=0.0)
        tallies.soc.add(np.array([[beyond]]), self.inputs.places.label("", step), step)
        outside = np.maximum(rows["charged_kwh"] + rows["min_kwh"], rows["sold_kwh"] - most)
        outside = np.maximum(outside, -np.minimum(rows["charged_kwh"], rows["sold_kwh"]))
        tallies.within.add(np.maximum(outside, 0.0)[None, None], label, step)
        if self.strategy == "charge_after_use":
            at_once = relative(rows["charged_kwh"], by_school(yard.charge_kwh))
            tallies.at_once.add(at_once[None, None], label, step)

    def _due(self, step: int, rows: Columns, game: tuple[Schools, Purchase] | None) -> list[Said]:
        """Return the messages that should have been sent in a step."""
        schools, due = len(self.yard), []
        if self.strategy == "charge_after_use":
            charge = self.yard.charge_kwh
            buses, energy = int(np.count_nonzero(charge)), float(charge.sum())
            return [Said(0, "BusPlugIn", buses, energy, from_schools=True)] if buses else []
        night = self.windows.night
        if self.hours.opens(step) and night is not None:
            load, wanted = night.load_kwh, float(night.wanted_kwh.sum())
            due += planned(schools, load, wanted) if schools and len(load) else []
        round_: int | None = 0
        if game is not None and self.inputs.scenario.game.solver == "negotiate":
            if self.inputs.scenario.game.bids == "curves":
                due += sent_as_curves(*game)
                round_ = 1
            else:
                prices = self.messages.prices_asked(step)
                due += asked(prices, *game)
                # Questions to several schools are not kept where only leaders' messages are.
                round_ = len(prices) or None
        sold = rows["sold_kwh"]
        if (selling := int(np.count_nonzero(sold))) and self.strategy in TRADING:
            due.append(Said(round_, "ExchangeOrder", selling, float(sold.sum())))
        return due

    def _is_trading(self, step: int) -> bool:
        here = self.audit.timetable.at(step)
        # A peak is shaved over whole steps; an incentive is paid for a part of one as well.
        parked = here.share == 0.0 if self.strategy == "centralised" else here.parked > 0.0
        return self.hours.is_critical(step) and parked

    def _metered(self, step: int) -> float:
        """Return what all drew before schools and vehicles did, and prices were set [kWh]."""
        hours = self.audit.hours | {"net_kwh": self.audit.hours[UNMOVED]}
        return float(
            (
                hours["net_kwh"][step, self.s]
                - hours["ev_kwh"][step, self.s]
                + hours["school_bus_kwh"][step, self.s]
            ).sum()
            - self.audit.answered_kwh[step, self.s]
        )

    def _trade(
        self,
        step: int,
        rows: Columns,
        most: FloatArray,
        spare: FloatArray,
        deliver: FloatArray,
    ) -> tuple[Schools, Purchase] | None:
        """Check what was sold, and the price; return the game that set it, if one did."""
        tallies, hours = self.audit.tallies, self.hours
        required = max(self._metered(step) - hours.base_kwh(step), 0.0)
        critical = hours.is_critical(step)
        self.figures["required_kwh"][step] = required if critical else 0.0
        label = self._label(step)
        if self.own:
            return None
        if self.strategy not in TRADING or not self._is_trading(step):
            tallies.idle.add(rows["sold_kwh"][None, None], label, step)
            asked = (~np.isnan(rows["incentive_price"])).astype(np.float64)
            tallies.idle.add(asked[None, None], label, step)
            return None
        self.figures["counts.critical_steps"][step] = 1
        if not self.reliable:
            tallies.price.note("messages may be lost or late, or supply fail")
        if self.strategy == "centralised":
            self._centralised(step, rows, spare, deliver)
            return None
        rules = self.audit.rules
        purchase = Purchase(
            self.inputs.cost, hours.base_kwh(step), required, *rules.incentive_price,
            rules.capped,
        )  # fmt: skip
        schools = Schools(
            rows["lam"], rows["theta"], rows["average_price"], rows["counted_kwh"], most,
            rules.discharge_efficiency, rules.saturates,
        )  # fmt: skip
        price = float(rows["incentive_price"][0])
        same = (rows["incentive_price"] == price) | np.isnan(rows["incentive_price"] + price)
        tallies.one.add(np.where(same, 0.0, 1.0)[None, None], label, step)
        if np.isnan(price):
            if self.reliable:
                tallies.price.add(np.array([[np.inf]]), label, step)
            return None
        offered = schools.offers(price)
        scale = np.maximum(np.abs(offered), 1.0)
        over = np.maximum(rows["sold_kwh"] - offered, 0.0) / scale
        tallies.best.add(over[None, None], label, step)
        if self.reliable:
            self._hold_price(step, schools, purchase, price, float(rows["sold_kwh"].sum()))
        return schools, purchase

    def _hold_price(
        self, step: int, schools: Schools, purchase: Purchase, price: float, bought: float
    ) -> None:
        """Hold the additional cost of a trade against the least that any price costs."""
        settings, solver = self.inputs.scenario.game, self.inputs.scenario.game.solver
        cost, room = purchase.cost(price, bought), purchase.rounding
        here = self.inputs.places.label("", step, [self.inputs.strategies[self.s]])
        if solver == "closed_form":
            formula = closed_form_price(schools, purchase)
            offered = float(schools.offers(formula).sum())
            best = purchase.cost(formula, min(offered, purchase.most_kwh))
        elif solver == "grid":
            best = grid_cost(schools, purchase, settings.grid_step, settings.grid_zooms)
        else:
            best = least_cost(schools, purchase)
        if solver == "negotiate":
            # A price that is off by the tolerance pays more for all, and buys that much more.
            width = settings.tolerance * (purchase.highest_price - purchase.lowest_price)
            peak = purchase.base_kwh + purchase.required_kwh
            marginal = abs(purchase.generation.marginal(peak)) + abs(price)
            more = float((1 / schools.theta).sum()) * marginal
            room += width * (float(schools.upper_kwh.sum()) + more)
        without = purchase.cost(price, 0.0)
        scale = max(abs(best), abs(without), 1.0)
        # Formula and grid promise their own price, the others that none is better.
        off = abs(cost - best) if solver in ("closed_form", "grid") else cost - best
        self.audit.tallies.price.add(np.array([[max(off - room, 0.0) / scale]]), here, step)

    def _centralised(
        self,
        step: int,
        rows: Columns,
        spare: FloatArray,
        deliver: FloatArray,
    ) -> None:
        """Hold what the utility took of the buses against the flattest peak.

        What it takes of all is settled by that; how it is split has to leave the buses what the
        rest of the peak takes: of the k steps in which most is to be taken never more than they
        can give in k steps.
        """
        yard, setting, tallies = self.yard, self.setting, self.audit.tallies
        label = self._label(step)
        price = rows["average_price"] + self.audit.rules.centralised_margin
        tallies.price.add(relative(rows["incentive_price"], price)[None, None], label, step)
        if not self.reliable:
            return
        block = self.hours.critical_block(step)
        load = setting.forecast.demand_kwh(block)
        load[0] = self._metered(step)
        # Shaving a peak is filling the valley of the load turned upside down.
        expected = flattest(-load, yard.within(spare, len(block)))
        here = self.inputs.places.label("", step, [self.inputs.strategies[self.s]])
        taken = relative(rows["sold_kwh"].sum(), expected[0])
        tallies.shaved.add(np.array([[taken]]), here, step)
        left = spare - deliver
        still = np.cumsum(np.concatenate(([0.0], np.sort(expected[1:])[::-1])))
        lacks = still - yard.within(left, len(block) - 1)
        scale = max(float(expected.sum()), 1.0)
        tallies.shaved.add(np.array([[max(float(lacks.max()), 0.0) / scale]]), here, step)

    def _sum_up(self, step: int, rows: Columns, replaced: FloatArray) -> None:
        """Add the step to what the hours, the ledger and the summary are compared with."""
        audit, places = self.audit, len(self.inputs.communities)
        price = np.nan_to_num(rows["incentive_price"])
        for to, values in (
            (audit.charged, rows["charged_kwh"]),
            (audit.sold, rows["sold_kwh"]),
            (audit.income, rows["sold_kwh"] * price),
            (audit.replaced, replaced),
        ):
            to[step, self.s] = np.bincount(self.community, values, places)
        used, unmet = self.yard.driving_kwh(self._done)
        self.figures["school_driven_kwh"][step] = used.sum()
        self.figures["school_unmet_kwh"][step] = unmet.sum()
        generated = float(audit.hours["net_kwh"][step, self.s].sum())
        losses = float(audit.losses_kwh[step, self.s])
        cost = self.inputs.cost
        self.figures["school_replaced_generation_cost"][step] = cost.total(
            generated + losses
        ) - cost.total(generated + losses - float(replaced.sum()))
