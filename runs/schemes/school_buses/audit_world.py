"""The schools of one strategy of a run, lived through again and held against its results."""

from typing import TYPE_CHECKING

import mesa
import numpy as np
from numpy.typing import NDArray

from hmesh.agents.school_district import SchoolDistrict
from hmesh.markets.incentive_game import (
    IncentiveGame,
    IncentiveTerms,
    solve_closed_form,
    solve_exact,
    solve_grid,
)
from hmesh.markets.valley_filling import shave_peak
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.school_buses.audit_messages import (
    Said,
    SchoolMessages,
    asked,
    planned,
    told_as_curves,
)
from hmesh.runs.schemes.school_buses.setting import SchoolSetting
from hmesh.runs.strategy_names import is_own

if TYPE_CHECKING:
    from hmesh.runs.schemes.school_buses.audit import SchoolAudit

TRADING = ("centralised", "optimal_energy_price")


class _Model(mesa.Model):  # type: ignore[type-arg]
    """As much of a world as schools look at."""

    def __init__(self, inputs: RunInputs) -> None:
        super().__init__(rng=0)
        self.calendar = inputs.calendar


class SchoolTallies:
    """One line for each thing checked of schools."""

    def __init__(self) -> None:
        name = "schools: "
        self.worth = Tally(f"{name}worth of energy never changes", 0.0)
        self.store = Tally(f"{name}stores change by exchange and driving", EXACT, "of the energy")
        self.bounds = Tally(
            f"{name}bounds as rating, stores and rounds allow", EXACT, "of the energy"
        )
        self.within = Tally(f"{name}exchange within rating and bounds", EXACT, "kWh")
        self.unmet = Tally(f"{name}unmet is what stores lack", EXACT, "of the energy")
        self.soc = Tally(f"{name}no battery below 0 or above 1", EXACT, "1")
        self.average = Tally(f"{name}average price of what is stored", EXACT, "of the price")
        self.replaced = Tally(f"{name}what charging replaces", EXACT, "of the energy")
        self.at_once = Tally(f"{name}charging after use at full power", EXACT, "of the energy")
        self.flat = Tally(f"{name}no schedule of a night is flatter", EXACT, "of the load")
        self.full = Tally(f"{name}every school gets what it asked for", EXACT, "of the energy")
        self.shaved = Tally(f"{name}centralised control shaves most", EXACT, "of the energy")
        self.best = Tally(f"{name}none sells more than suits it", EXACT, "of the energy")
        self.price = Tally(f"{name}no incentive price costs the utility less", EXACT, "of the cost")
        self.one = Tally(f"{name}one incentive price for all", 0.0)
        self.idle = Tally(f"{name}nothing asked or sold outside critical hours", 0.0)
        self.said = Tally("messages: of schools, as they must be", EXACT, "of the value")

    def _all(self) -> list[Tally]:
        return list(vars(self).values())

    def tell(self, note: str) -> None:
        """Add a note to every line."""
        for tally in self._all():
            tally.tell(note)

    def checks(self) -> list[Check]:
        """Return what was found."""
        return [tally.check() for tally in self._all()]


class SchoolWorld:
    """The schools of one strategy, lived through again."""

    def __init__(
        self,
        audit: "SchoolAudit",
        setting: SchoolSetting,
        strategy: int,
        messages: SchoolMessages,
    ) -> None:
        inputs = audit.inputs
        self.audit, self.inputs, self.setting = audit, inputs, setting
        self.messages = messages
        self.s, self.strategy = strategy, audit.strategies[strategy]
        self.own = is_own(self.strategy)
        self.district = SchoolDistrict(
            _Model(inputs),
            setting.schools.fork(),
            setting.buses.fork(),
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
        self._night: tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]] | None = None
        self._drawn: list[NDArray[np.float64]] = []

    def step(self, step: int, rows: Columns) -> None:
        """Check a step and go on to the next."""
        audit, district, tallies = self.audit, self.district, self.audit.tallies
        price = audit.hours["community_price"][step, self.s][self.community]
        there = ~np.isnan(price)
        rounds = self.setting.rounds
        district.begin_step(float(rounds.share[step]), int(rounds.ahead[step]), there)
        charged, sold = rows["charged_kwh"], rows["sold_kwh"]
        charge = district.deal_out(charged, district.needs_kwh())
        spare = np.where(charge > 0, 0.0, district.spare_kwh())
        deliver = district.deal_out(sold, spare)
        self._compare(step, rows, charge)
        self._night_before(step, rows)
        most = district.by_school(np.where(charge > 0, 0.0, district.sell_kwh))
        game = self._trade(step, rows, most)
        # A rule of a plugin may say whatever it wants.
        if self.messages.kept and not self.own:
            self.messages.add(step, self._due(step, rows, game))
        self._sum_up(step, rows, district.by_school(district.replaced_kwh(charge)))
        off = np.maximum(np.abs(district.by_school(charge) - charged), 0.0)
        off = np.maximum(off, np.abs(district.by_school(deliver) - sold))
        tallies.within.add(off[None, None], self._label(step), step)
        fleet = district.buses.population
        _, unmet = district.driving_kwh()
        short = fleet["fell_short"] | (unmet > EXACT)
        ends = bool(rounds.ends[step])
        self.figures["counts.unmet_rounds"][step] = np.count_nonzero(short) if ends else 0
        fleet["fell_short"][:] = False if ends else short
        district.remember_price(np.nan_to_num(price), charge)
        district.move(charge, deliver)

    def at_end(self) -> dict[str, float]:
        """Return the figures of the state that the run ended in."""
        fleet = self.district.buses.population
        soc = fleet["energy_kwh"] / fleet["capacity_kwh"]
        change = float(fleet["energy_kwh"].sum() - self.setting.buses["energy_kwh"].sum())
        return {
            "school_final_mean_soc": float(soc.mean()) if len(soc) else np.nan,
            "school_stored_change_kwh": change,
        }

    def _label(self, step: int) -> Label:
        return self.inputs.places.label("school", step, [self.inputs.strategies[self.s]])

    def _compare(self, step: int, rows: Columns, charge: NDArray[np.float64]) -> None:
        """Hold what the results say of every school against what its buses are and can."""
        district, tallies, label = self.district, self.audit.tallies, self._label(step)
        own, fleet, by_school = district.population, district.buses.population, district.by_school
        used, unmet = district.driving_kwh()
        least = np.ones(len(district))
        np.minimum.at(least, district.school_of, fleet["energy_kwh"] / fleet["capacity_kwh"])
        most = by_school(np.where(charge > 0, 0.0, district.sell_kwh))
        sells = self.strategy == "optimal_energy_price" and self._is_trading(step)
        usable = by_school(fleet["energy_kwh"] - fleet["soc_min"] * fleet["capacity_kwh"])
        for tally, name, expected in (
            (tallies.worth, "lam", own["lam"]),
            (tallies.worth, "theta", own["theta"]),
            (tallies.store, "stored_kwh", by_school(fleet["energy_kwh"])),
            (tallies.store, "usable_kwh", usable),
            (tallies.store, "counted_kwh", own["stored_kwh"]),
            (tallies.store, "driven_kwh", by_school(used)),
            (tallies.unmet, "unmet_kwh", by_school(unmet)),
            (tallies.bounds, "min_kwh", 0.0 - by_school(district.charge_kwh)),
            (tallies.bounds, "max_kwh", most if sells else own["upper_kwh"]),
            (tallies.average, "average_price", own["average_price"]),
            (tallies.soc, "least_soc", least),
            (tallies.store, "energy_kwh", rows["sold_kwh"] - rows["charged_kwh"]),
            (tallies.replaced, "replaced_kwh", by_school(district.replaced_kwh(charge))),
        ):
            tally.add(relative(rows[name], expected)[None, None], label, step)
        soc = fleet["energy_kwh"] / fleet["capacity_kwh"]
        beyond = np.maximum(np.maximum(-soc, soc - 1.0), 0.0).max(initial=0.0)
        tallies.soc.add(np.array([[beyond]]), self.inputs.places.label("", step), step)
        outside = np.maximum(rows["charged_kwh"] + rows["min_kwh"], rows["sold_kwh"] - most)
        outside = np.maximum(outside, -np.minimum(rows["charged_kwh"], rows["sold_kwh"]))
        tallies.within.add(np.maximum(outside, 0.0)[None, None], label, step)
        if self.strategy == "charge_after_use":
            at_once = relative(rows["charged_kwh"], by_school(district.charge_kwh))
            tallies.at_once.add(at_once[None, None], label, step)

    def _night_before(self, step: int, rows: Columns) -> None:
        """Check the schedule of a charging window once it is over."""
        tallies, setting = self.audit.tallies, self.setting
        if self.strategy == "charge_after_use" or self.own:
            return
        if setting.opens[step]:
            slots = setting.valley(step)
            load = setting.forecast.demand_kwh(slots.tolist())
            within = self.district.within(self.district.needs_kwh(), len(slots))
            self._night, self._drawn = (slots, load, within), []
        if not self.reliable:
            tallies.flat.tell("messages may be lost or late, or supply fail")
            return
        if self._night is None:
            return
        slots, load, within = self._night
        scheduled = len(slots) > len(self._drawn) and slots[len(self._drawn)] == step
        if scheduled:
            self._drawn.append(rows["charged_kwh"])
        else:
            tallies.full.add(np.abs(rows["charged_kwh"])[None, None], self._label(step), step)
        if scheduled and len(self._drawn) == len(slots):
            self._hold_night(step, np.array(self._drawn).T, load, within)

    def _hold_night(
        self,
        step: int,
        drawn: NDArray[np.float64],
        load: NDArray[np.float64],
        within: NDArray[np.float64],
    ) -> None:
        """Hold a schedule against the best that ratings and stores allow.

        The sum of squares is least exactly where no other schedule lies downhill; the steepest way
        down fills the lowest steps first, as much as fits in one, two, ... steps.
        """
        tallies = self.audit.tallies
        due = relative(drawn.sum(axis=1), within[:, -1])
        tallies.full.add(due[None, None], self._label(step), step)
        level = load + drawn.sum(axis=0)
        ascending = np.argsort(level, kind="stable")
        fits = np.diff(within.sum(axis=0))
        gap = float(level @ drawn.sum(axis=0) - level[ascending] @ fits)
        scale = max(float(np.abs(level) @ np.maximum(fits, 1.0)), 1.0)
        here = self.inputs.places.label("", step, [self.inputs.strategies[self.s]])
        tallies.flat.add(np.array([[max(gap, 0.0) / scale]]), here, step)

    def _due(self, step: int, rows: Columns, game: IncentiveGame | None) -> list[Said]:
        """Return the messages that should have been sent in a step."""
        schools, due = len(self.district), []
        if self.strategy == "charge_after_use":
            charge = self.district.charge_kwh
            buses, energy = int(np.count_nonzero(charge)), float(charge.sum())
            return [Said(0, "BusPlugIn", buses, energy, from_schools=True)] if buses else []
        if self.setting.opens[step] and self._night is not None:
            _, load, within = self._night
            due += planned(schools, load, within) if schools and len(load) else []
        round_: int | None = 0
        if game is not None and self.inputs.scenario.game.solver == "negotiate":
            if self.inputs.scenario.game.bids == "curves":
                due += told_as_curves(game, schools)
                round_ = 1
            else:
                prices = self.messages.prices_asked(step)
                due += asked(prices, game, schools)
                # Questions to several schools are not kept where only leaders' messages are.
                round_ = len(prices) or None
        sold = rows["sold_kwh"]
        if (selling := int(np.count_nonzero(sold))) and self.strategy in TRADING:
            due.append(Said(round_, "ExchangeOrder", selling, float(sold.sum())))
        return due

    def _is_trading(self, step: int) -> bool:
        return self.setting.is_critical(step) and self.setting.rounds.share[step] == 0

    def _metered(self, step: int) -> float:
        """Return what all drew before schools and vehicles did [kWh]."""
        hours = self.audit.hours
        return float(
            (
                hours["net_kwh"][step, self.s]
                - hours["ev_kwh"][step, self.s]
                + hours["school_bus_kwh"][step, self.s]
            ).sum()
        )

    def _trade(self, step: int, rows: Columns, most: NDArray[np.float64]) -> IncentiveGame | None:
        """Check what was sold, and the price; return the game that set it, if one did."""
        tallies, setting = self.audit.tallies, self.setting
        required = max(self._metered(step) - setting.base_kwh(step), 0.0)
        critical = setting.is_critical(step)
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
            tallies.price.tell("messages may be lost or late, or supply fail")
        if self.strategy == "centralised":
            self._centralised(step, rows)
            return None
        rules = self.audit.rules
        terms = IncentiveTerms(
            self.inputs.cost, setting.base_kwh(step), required, *rules.incentive_price,
            rules.capped,
        )  # fmt: skip
        game = IncentiveGame(
            terms, rows["lam"], rows["theta"], rows["average_price"], rows["counted_kwh"], most,
            rules.saturates, rules.discharge_efficiency,
        )  # fmt: skip
        price = float(rows["incentive_price"][0])
        same = (rows["incentive_price"] == price) | np.isnan(rows["incentive_price"] + price)
        tallies.one.add(np.where(same, 0.0, 1.0)[None, None], label, step)
        if np.isnan(price):
            if self.reliable:
                tallies.price.add(np.array([[np.inf]]), label, step)
            return None
        offered = game.offers(price)
        scale = np.maximum(np.abs(offered), 1.0)
        over = np.maximum(rows["sold_kwh"] - offered, 0.0) / scale
        tallies.best.add(over[None, None], label, step)
        if self.reliable:
            self._hold_price(step, game, price, float(rows["sold_kwh"].sum()))
        return game

    def _hold_price(self, step: int, game: IncentiveGame, price: float, bought: float) -> None:
        """Hold the additional cost of a trade against that of the exact price."""
        settings, terms = self.inputs.scenario.game, game.terms
        cost = float(terms.additional_cost(price, bought))
        here = self.inputs.places.label("", step, [self.inputs.strategies[self.s]])
        room, solver = 0.0, settings.solver
        if solver == "closed_form":
            best = solve_closed_form(game).additional_cost
        elif solver == "grid":
            best = solve_grid(game, settings.grid_step, settings.grid_zooms).additional_cost
        else:
            best = solve_exact(game).additional_cost
        if solver == "negotiate":
            # A price that is off by the tolerance pays more for all, and buys that much more.
            width = settings.tolerance * (terms.highest_price - terms.lowest_price)
            marginal = abs(terms.cost.marginal(terms.peak_kwh)) + abs(price)
            room = width * (float(game.upper_kwh.sum()) + float((1 / game.theta).sum()) * marginal)
        scale = max(abs(best), abs(terms.cost_without), 1.0)
        # Formula and grid promise their own price, the others that none is better.
        off = abs(cost - best) if solver in ("closed_form", "grid") else cost - best - room
        # Costs of the whole system are subtracted to find what the peak alone costs.
        rounding = 1e-13 * abs(terms.cost.total(terms.peak_kwh))
        off = max(off - rounding, 0.0)
        self.audit.tallies.price.add(np.array([[off / scale]]), here, step)

    def _centralised(self, step: int, rows: Columns) -> None:
        """Hold what the utility took of the buses against the flattest peak."""
        district, setting, tallies = self.district, self.setting, self.audit.tallies
        label = self._label(step)
        price = rows["average_price"] + self.audit.rules.centralised_margin
        tallies.price.add(relative(rows["incentive_price"], price)[None, None], label, step)
        if not self.reliable:
            return
        block = setting.critical_block(step)
        load = setting.forecast.demand_kwh(block)
        load[0] = self._metered(step)
        within = district.within(district.spare_kwh(), len(block))
        expected = shave_peak(load, within)[:, 0]
        tallies.shaved.add(relative(rows["sold_kwh"], expected)[None, None], label, step)

    def _sum_up(self, step: int, rows: Columns, replaced: NDArray[np.float64]) -> None:
        """Add the step to what the hours, the ledger and the summary are held against."""
        audit, places = self.audit, len(self.inputs.communities)
        price = np.nan_to_num(rows["incentive_price"])
        for to, values in (
            (audit.charged, rows["charged_kwh"]),
            (audit.sold, rows["sold_kwh"]),
            (audit.income, rows["sold_kwh"] * price),
            (audit.replaced, replaced),
        ):
            to[step, self.s] = np.bincount(self.community, values, places)
        used, unmet = self.district.driving_kwh()
        self.figures["school_driven_kwh"][step] = used.sum()
        self.figures["school_unmet_kwh"][step] = unmet.sum()
        generated = float(audit.hours["net_kwh"][step, self.s].sum())
        losses = float(audit.losses_kwh[step, self.s])
        cost = self.inputs.cost
        self.figures["school_replaced_generation_cost"][step] = cost.total(
            generated + losses
        ) - cost.total(generated + losses - float(replaced.sum()))
