"""How school buses buy and sell energy: one class for each way compared."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.messages import BusPlugIn
from hmesh.markets.incentive_game import (
    IncentiveGame,
    IncentiveTerms,
    solve_closed_form,
    solve_exact,
    solve_grid,
)
from hmesh.markets.valley_filling import shave_peak

if TYPE_CHECKING:
    from hmesh.runs.schemes.school_buses.step import SchoolBusSharing


@dataclass(slots=True)
class SchoolDecision:
    """What schools do in a step.

    Attributes
    ----------
    charge_kwh, sold_kwh : array, shape (buses,)
        What every bus charges and delivers at its plug [kWh], both at least 0.
    price : array, shape (schools,)
        What each school is paid for what it sells [money/kWh]; NaN where nobody asked.
    counts : dict
        How often something happened that a reader should know of.
    worst : dict
        Largest value of something that should be small.
    """

    charge_kwh: FloatArray
    sold_kwh: FloatArray
    price: FloatArray
    counts: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)


class SchoolStrategy(Protocol):
    """Decides what the schools of a world charge and sell in a step."""

    def decide(self, sharing: "SchoolBusSharing") -> SchoolDecision:
        """Decide from the state of the world."""
        ...


class ChargeAfterUse:
    """Buses charge as soon as they are back, at full power; nobody sells."""

    def decide(self, sharing: "SchoolBusSharing") -> SchoolDecision:
        """Charge all that are plugged in."""
        decision = _idle(sharing)
        sharing.district.population.heard["at_once"][:] = True
        decision.charge_kwh = sharing.district.charge_kwh
        charging = int(np.count_nonzero(decision.charge_kwh))
        if charging:
            sharing.simulation.bus.send(
                BusPlugIn(
                    step=sharing.simulation.step_index,
                    round=0,
                    sender="schools",
                    receiver="utility",
                    count=charging,
                    energy_kwh=float(decision.charge_kwh.sum()),
                )
            )
        return decision


class ValleyCharging:
    """Buses charge in the valleys of the demand, as the utility and the schools agreed."""

    def decide(self, sharing: "SchoolBusSharing") -> SchoolDecision:
        """Charge as scheduled; schools that could not be reached charge at once."""
        decision = _idle(sharing)
        district, planned = sharing.district, sharing.planned_kwh()
        scheduled = np.zeros(len(district.buses))
        if planned.any():
            scheduled = district.deal_out(planned, district.needs_kwh())
        district.population.heard |= {"planned_kwh": planned, "at_once": ~sharing.agreed}
        at_once = ~sharing.agreed[district.school_of]
        decision.charge_kwh = np.where(at_once, district.charge_kwh, scheduled)
        # An outage may keep buses from what was planned; what they lack then is for another night.
        done = district.by_school(scheduled)
        short = int(np.count_nonzero(planned > done + 1e-6))
        decision.counts = {"school_schedules_missed": short}
        return decision


class Centralised(ValleyCharging):
    """The utility also discharges the buses itself, as flattens the critical hours most."""

    def decide(self, sharing: "SchoolBusSharing") -> SchoolDecision:
        """Take what belongs to this step of all that can be taken of the buses."""
        decision = super().decide(sharing)
        simulation, district = sharing.simulation, sharing.district
        step = simulation.step_index
        block = sharing.schools.critical_block(step) if sharing.critical else []
        if len(block) == 0:
            return decision
        load = sharing.schools.forecast.demand_kwh(block)
        load[0] = float(simulation.net_kwh.sum())
        spare = np.where(decision.charge_kwh > 0, 0.0, district.spare_kwh())
        within = district.within(spare, len(block))
        price = district.population["average_price"] + sharing.schools.rules.centralised_margin
        trade = sharing.desk.order(step, price, shave_peak(load, within)[:, 0])
        decision.sold_kwh = district.deal_out(trade.energy_kwh, spare)
        decision.price = price.copy()
        decision.counts |= {"critical_steps": 1, "fallbacks": trade.fallbacks}
        return decision


class OptimalEnergyPrice(ValleyCharging):
    """In critical hours the utility offers the incentive price that costs it least."""

    def decide(self, sharing: "SchoolBusSharing") -> SchoolDecision:
        """Let the utility find its price, and the schools sell."""
        decision = super().decide(sharing)
        district, game = sharing.district, sharing.simulation.setting.scenario.game
        step = sharing.simulation.step_index
        if not sharing.critical or sharing.on_round:
            return decision
        _only_idle_buses_sell(sharing, decision.charge_kwh)
        terms = sharing.terms()
        if game.solver == "negotiate":
            trade = sharing.desk.negotiate(step, terms)
        else:
            solved = incentive_game(sharing, terms)
            if game.solver == "closed_form":
                outcome = solve_closed_form(solved)
            elif game.solver == "grid":
                outcome = solve_grid(solved, game.grid_step, game.grid_zooms)
            else:
                outcome = solve_exact(solved)
            trade = sharing.desk.order(
                step, outcome.price, outcome.energy_kwh, rationed=outcome.rationed
            )
        price = float(trade.price)
        spare = np.where(decision.charge_kwh > 0, 0.0, district.spare_kwh())
        decision.sold_kwh = district.deal_out(trade.energy_kwh, spare)
        decision.price = np.full(len(district), price)
        lowest, highest = terms.lowest_price, terms.highest_price
        decision.counts |= {
            "critical_steps": 1,
            "incentive_price_at_bound": int(
                bool(trade.energy_kwh.any()) and (price <= lowest or price >= highest)
            ),
            "purchases_rationed": int(trade.rationed),
            "incentive_questions": trade.questions,
            "fallbacks": trade.fallbacks,
        }
        decision.worst = {"incentive_gap": trade.gap}
        return decision


STRATEGIES: dict[str, type[SchoolStrategy]] = {
    "charge_after_use": ChargeAfterUse,
    "valley_charging": ValleyCharging,
    "centralised": Centralised,
    "optimal_energy_price": OptimalEnergyPrice,
}


def incentive_game(sharing: "SchoolBusSharing", terms: IncentiveTerms) -> IncentiveGame:
    """Return the game of a critical step from what every school knows of itself."""
    own = sharing.district.population
    names = (
        "lam", "theta", "average_price", "stored_kwh", "upper_kwh", "discharge_efficiency"
    )  # fmt: skip
    columns = {name: own[name] for name in names}
    return IncentiveGame(terms, saturates=sharing.schools.rules.saturates, **columns)


def _only_idle_buses_sell(sharing: "SchoolBusSharing", charge_kwh: FloatArray) -> None:
    """Let buses that charge in this step not count in what their school can sell."""
    if charge_kwh.any():
        district = sharing.district
        idle = np.where(charge_kwh > 0, 0.0, district.sell_kwh)
        district.population["upper_kwh"][:] = district.by_school(idle)


def _idle(sharing: "SchoolBusSharing") -> SchoolDecision:
    """Return that nobody does anything."""
    nothing = np.zeros(len(sharing.district.buses))
    return SchoolDecision(nothing, nothing, np.full(len(sharing.district), np.nan))
