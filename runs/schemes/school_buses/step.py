"""School buses of one strategy's world: what they charge, and what they sell in critical hours."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.demand_response import DemandResponse
from hmesh.agents.remaining_stores import remainder_of
from hmesh.agents.school_district import SchoolDistrict
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import usable_kwh
from hmesh.markets.incentive_game import IncentiveTerms
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.school_buses.records import recorded_schools, write_step
from hmesh.runs.schemes.school_buses.school_days import SchoolDays
from hmesh.runs.schemes.school_buses.setting import PAYERS, SchoolSetting
from hmesh.runs.schemes.school_buses.strategies import STRATEGIES, SchoolDecision
from hmesh.runs.schemes.school_buses.worth import cost_of_chargers, cost_of_step
from hmesh.runs.schemes.step_rows import BATTERY
from hmesh.runs.schemes.store_answers import StoreAnswers, StoreNames, StoreScheme, one_store_each
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments, at_price
from hmesh.runs.world.tariff_meters import TariffMeters

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

AT_BOUND = 1e-9
ANSWERING = StoreNames("school_buses", "buses", "schools", "school_buses", "school_bus_kwh")


class SchoolBusSharing(StoreScheme):
    """Schools that charge their buses by night and help the utility in critical hours.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    strategy : str
        A name of `hmesh.runs.schemes.school_buses.strategies.STRATEGIES`.
    schools : SchoolSetting
        What all strategies share.
    district : SchoolDistrict
        The schools and their buses.
    desk : DemandResponse
        Who trades with them for the utility.
    decision : SchoolDecision
        What was decided in the step.
    days : SchoolDays
        The rounds and windows of each day, events of the clock.
    on_round : bool
        Whether buses are on their rounds for all of the step.
    agreed : array of bool, shape (schools,)
        Schools that hold a schedule for the charging window.
    """

    decision: SchoolDecision

    def __init__(self, simulation: "Simulation") -> None:
        setting = simulation.setting
        self.simulation = simulation
        self.setting = setting
        self.schools: SchoolSetting = setting.schemes["school_buses"]
        self.strategy = strategy_within("school_buses", simulation.strategy)
        self.decide = STRATEGIES[self.strategy]().decide
        rules = self.schools.rules
        self.district = SchoolDistrict(
            simulation,
            self.schools.schools.fork(),
            self.schools.buses.fork(),
            keeps_reserve=rules.reserve,
            from_empty=rules.origin == "empty",
        )
        game = setting.scenario.game
        self.desk = DemandResponse(simulation.utility, self.district, game.tolerance, game.bids)
        self.community = self.district.population["community"].astype(np.intp)
        tariff = self.schools.own_tariff
        self.meters = None if tariff is None else TariffMeters(simulation, [tariff], PAYERS)
        # Buses that charge after use take part in nothing.
        if rules.price_response is not None and self.strategy != "charge_after_use":
            school_of = self.district.school_of
            groups = rules.groups
            of_school = np.repeat(np.arange(len(groups)), [each.schools for each in groups])
            names = [group.name for group in groups]
            self.answers = StoreAnswers(
                simulation, ANSWERING, self.district.buses.population,
                one_store_each(BATTERY, of_school[school_of], names),
                self.community[school_of], self.schools.nodes[school_of],
            )  # fmt: skip
            self.answer_nodes = self.answers.answer_nodes
        self.days = SchoolDays(simulation, self.schools)
        self.agreed = np.ones(len(self.district), dtype=np.bool_)
        self._slots = np.empty(0, dtype=np.intp)
        self._schedule_kwh = np.zeros((len(self.district), 0))

    @property
    def critical(self) -> bool:
        """Whether the step is critical."""
        return self.days.critical

    @property
    def deciding(self) -> SchoolDistrict:
        """The schools."""
        return self.district

    def act(self) -> None:
        """Drive, plan the night where its window opens, charge and sell."""
        simulation, schools, step = self.simulation, self.schools, self.simulation.step_index
        here = schools.rounds.at(step)
        supplied = np.where(simulation.supplied, 1.0 - simulation.chance.lost_part, 0.0)
        self.district.begin_step(here, supplied[self.community])
        self.on_round = here.parked == 0.0
        self.base_kwh = schools.base_kwh(step)
        self.metered_kwh = float(simulation.net_kwh.sum())
        self._plan(step)
        self.decision = self.decide(self)
        by_school = self.district.by_school
        self.charged_kwh = by_school(self.decision.charge_kwh)
        self.sold_kwh = by_school(self.decision.sold_kwh)
        # The price of a school that nobody asked is no number, and it sells nothing.
        self.income = np.where(self.sold_kwh > 0, self.sold_kwh * self.decision.price, 0.0)
        self.replaced_kwh = by_school(self.district.replaced_kwh(self.decision.charge_kwh))
        self._drive()
        simulation.draw("school_bus_kwh", self.community, schools.nodes, self.charged_kwh)
        if self.meters is not None:
            # What buses sell in critical hours is paid the incentive, and read apart.
            self.meters.read(self.community, self.charged_kwh, np.zeros(len(self.community)))
        simulation.draw(
            "school_bus_kwh", self.community, schools.nodes, -self.sold_kwh, direct=True
        )

    def _drive(self) -> None:
        """See what driving takes, with what the buses exchange while they are parked."""
        done = self.decision.charge_kwh - self.decision.sold_kwh + self.response_kwh
        self.driven_kwh, self.unmet_kwh = self.district.driving_kwh(done)

    def look_around(self) -> None:
        """See what schedules and rounds leave of the buses, outside critical hours."""
        if self.answers is None:
            return
        self.answers.begin_step()
        district, decision = self.district, self.decision
        fleet, ahead = district.buses.population, self._slots > self.simulation.step_index
        planned = self._schedule_kwh[:, ahead].sum(axis=1)
        fleet.heard["room_kwh"] = district.room_beside_kwh(planned, decision.charge_kwh)
        fleet.heard["rounds_kwh"] = district.rounds_kwh
        done = decision.charge_kwh - decision.sold_kwh
        left = remainder_of(fleet, done, district.answer_bounds(), fleet["at_plug_kwh"])
        self.answering = self.answers.offer(left, not self.critical)

    def take_response(self, exchange_kwh: list[FloatArray]) -> None:
        """Take over what buses exchange at the price of the step, and let them drive."""
        super().take_response(exchange_kwh)
        self._drive()

    @property
    def response_kwh(self) -> FloatArray:
        """What each bus exchanges at the price of the step, beside its school's order [kWh]."""
        if self.answers is None:
            return np.zeros(len(self.district.buses))
        return self.answers.exchange_kwh

    def terms(self) -> IncentiveTerms:
        """Return what the utility knows of the incentive game of the step."""
        rules = self.schools.rules
        required = max(self.metered_kwh - self.base_kwh, 0.0)
        return IncentiveTerms(
            self.setting.cost, self.base_kwh, required, *rules.incentive_price, rules.capped
        )

    def planned_kwh(self) -> FloatArray:
        """Return what every school is to charge in the step by its schedule [kWh]."""
        at = np.flatnonzero(self._slots == self.simulation.step_index)
        planned: FloatArray = self._schedule_kwh[:, at].sum(axis=1)
        return planned

    def _plan(self, step: int) -> None:
        """Agree on a schedule where the charging window opens."""
        if self.strategy == "charge_after_use" or not self.schools.opens[step]:
            return
        self._slots = self.schools.valley(step)
        load = self.schools.forecast.demand_kwh(self._slots.tolist())
        self._schedule_kwh, self.agreed = self.desk.fill_valley(step, load)

    def _of_communities(self, values: FloatArray) -> FloatArray:
        return np.bincount(self.community, values, len(self.setting.communities))

    def pay(self) -> None:
        """Let schools pay for what they charge and be paid for what they sell."""
        pay, step = self.simulation.ledger.pay, self.simulation.step_index
        if self.answers is not None:
            self.answers.pay()
        charged, sold = self._of_communities(self.charged_kwh), self._of_communities(self.sold_kwh)
        income = self._of_communities(self.income)
        for m in self.simulation.supplied_communities:
            name = self.setting.communities[m]
            schools, aggregator = f"schools@{name}", f"aggregator@{name}"
            price = float(self.simulation.market.decision.community_price[m])
            if charged[m] > 0 and self.meters is None:
                pay(step, "school_charging", schools, aggregator, float(charged[m]), price)
            if sold[m] > 0:
                paid, energy = float(income[m]), float(sold[m])
                pay(step, "incentive", "utility", schools, energy, paid / energy, paid)
        self.simulation.direct_income -= float(income.sum())
        if self.meters is not None:
            self.meters.pay()

    @property
    def charging_bill(self) -> float:
        """What schools pay in the step for what their buses charge [money]."""
        if self.meters is not None:
            return self.meters.bill
        price = self.simulation.paid_price()
        return float((price * self._of_communities(self.charged_kwh)).sum())

    def member_communities(self) -> Mapping[str, NDArray[np.intp]]:
        """Return where each school is."""
        return {"schools": self.community}

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield what each school pays for charging, and is paid for what it sells."""
        price, nothing = self.simulation.paid_price()[self.community], np.zeros(len(self.community))
        if self.meters is not None:
            yield self.meters.payments()
        else:
            yield at_price("schools", price, self.charged_kwh, nothing)
        yield MemberPayments("schools", nothing, self.sold_kwh, nothing, self.income)
        if self.answers is not None:
            bought = self.district.by_school(np.maximum(self.response_kwh, 0.0))
            sold = self.district.by_school(np.maximum(-self.response_kwh, 0.0))
            yield at_price("schools", price, bought, sold)

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what the buses of each school hold [kWh]."""
        return {"schools": self.district.by_school(self.district.buses.population["energy_kwh"])}

    def sums(self) -> dict[str, float]:
        """Return the energies, the bill, and what replacing sold energy costs in the step."""
        price = self.simulation.paid_price()
        replaced = self._of_communities(self.replaced_kwh)
        income = float(self.income.sum())
        cost, drawn = self.setting.cost, float(self.simulation.net_kwh.sum())
        drawn += float(self.simulation.flows.losses_kwh.sum())
        required = max(self.metered_kwh - self.base_kwh, 0.0) if self.critical else 0.0
        return {
            "school_charged_kwh": float(self.charged_kwh.sum()),
            "school_sold_kwh": float(self.sold_kwh.sum()),
            "school_replaced_kwh": float(replaced.sum()),
            "school_driven_kwh": float(self.driven_kwh.sum()),
            "school_unmet_kwh": float(self.unmet_kwh.sum()),
            "required_kwh": required,
            "school_charging_bill": self.charging_bill,
            "school_income": income,
            "school_bill": self.charging_bill - income,
            "school_replaced_bill": float((price * replaced).sum()),
            "school_replaced_generation_cost": cost.total(drawn)
            - cost.total(drawn - float(replaced.sum())),
            **({} if self.answers is None else self.answers.sums()),
            **cost_of_step(self),
            **({} if self.meters is None else self.meters.sums()),
        }

    def counts(self) -> dict[str, int]:
        """Count what was unmet, missed or fell back in the step."""
        fleet, ends = self.district.buses.population, self.schools.rounds.ends
        short = fleet["fell_short"] | (self.unmet_kwh > AT_BOUND)
        ended = bool(ends[self.simulation.step_index])
        planned = self.schools.opens[self.simulation.step_index]
        without = planned and self.strategy != "charge_after_use"
        return {
            "unmet_rounds": int(np.count_nonzero(short)) if ended else 0,
            "schools_without_schedule": int(np.count_nonzero(~self.agreed)) if without else 0,
            **self.decision.counts,
        }

    def worst(self) -> dict[str, float]:
        """Return how much the utility may have missed."""
        return self.decision.worst

    def record(self, writer: RowWriter) -> None:
        """Write the schools' rows of the step."""
        write_step(writer, self)
        if self.answers is not None:
            recorded = recorded_schools(self.setting.scenario.record.schools, len(self.district))
            self.answers.record(writer, slice(int((self.district.school_of < recorded).sum())))

    def move(self) -> None:
        """Let the batteries charge, sell and drive, and the prices paid be remembered."""
        fleet = self.district.buses.population
        short = fleet["fell_short"] | (self.unmet_kwh > AT_BOUND)
        ended = bool(self.schools.rounds.ends[self.simulation.step_index])
        fleet["fell_short"][:] = False if ended else short
        price = self.simulation.paid_price()[self.community]
        if self.meters is not None:
            own = self.meters.groups[0].bill.purchase
            price = np.full(len(price), own[self.simulation.step_index])
            self.meters.move()
        charge, response = self.decision.charge_kwh, self.response_kwh
        self.district.remember_price(price, charge + np.maximum(response, 0.0))
        self.district.move(charge, self.decision.sold_kwh, response)

    def summary(self) -> dict[str, Any]:
        """Return how full the batteries are at the end, and what they hold more than at first."""
        fleet = self.district.buses.population
        soc = fleet["energy_kwh"] / fleet["capacity_kwh"]
        started = self.schools.buses["energy_kwh"]
        return {
            "school_final_mean_soc": float(soc.mean()) if len(soc) else None,
            "school_stored_change_kwh": float(fleet["energy_kwh"].sum() - started.sum()),
            **cost_of_chargers(self),
        }

    def usable_kwh(self) -> FloatArray:
        """Return what every school holds above the lowest states of charge [kWh]."""
        fleet = self.district.buses.population
        usable = usable_kwh(fleet["energy_kwh"], fleet["capacity_kwh"], fleet["soc_min"])
        return self.district.by_school(usable)

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        return {
            "schools": self.district.population.state(),
            "buses": self.district.buses.population.state(),
            "agreed": self.agreed,
            "slots": self._slots,
            "schedule_kwh": self._schedule_kwh,
            "critical": self.days.critical,
            **({} if self.meters is None else {"meters": self.meters.state()}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.district.population.restore(state["schools"])
        self.district.buses.population.restore(state["buses"])
        if state["schedule_kwh"].shape[1:] != state["slots"].shape:
            raise ValueError("schedules and their slots differ in length")
        self.agreed, self._slots = state["agreed"], state["slots"]
        self._schedule_kwh = state["schedule_kwh"]
        self.days.critical = state["critical"]
        if self.meters is not None:
            self.meters.restore(state["meters"])
