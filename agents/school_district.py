"""All schools of a world with their buses, deciding at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_school_bus import ElectricSchoolBus
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.school import School
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Heard, Who, reply_to, rows_of
from hmesh.environment.battery import charged, energy_at_plug, exchange_bounds, usable_kwh
from hmesh.environment.curve_messages import SupplyCurveBid, SupplyCurveRequest
from hmesh.environment.messages import (
    EnergyRequest,
    ExchangeOrder,
    IncentiveOffer,
    SupplyOffer,
    ValleyAnnouncement,
)
from hmesh.environment.population import Population
from hmesh.environment.school_rounds import RoundStep
from hmesh.markets.answer_curves import school_curves
from hmesh.markets.school_response import school_response
from hmesh.markets.stored_energy_price import average_price_after
from hmesh.markets.valley_filling import deal_out, within_steps

ROUNDING = 1e-9


class SchoolDistrict(AgentGroup[School]):
    """All schools of a world.

    Parameters
    ----------
    model : mesa.Model
        The world of their run, with ``calendar``.
    schools : Population
        Columns of the schools.
    buses : Population
        Columns of the buses, in the order of their schools.
    keeps_reserve : bool
        Whether the energy of the rounds ahead is kept back.
    from_empty : bool
        Whether satisfaction counts energy from an empty battery, not from the lowest state of
        charge for discharging.

    Attributes
    ----------
    buses : AgentGroup of ElectricSchoolBus
        All buses.
    school_of : array of int, shape (buses,)
        School of every bus.
    """

    def __init__(
        self,
        model: Any,
        schools: Population,
        buses: Population,
        *,
        keeps_reserve: bool,
        from_empty: bool = False,
    ) -> None:
        super().__init__(model, School, schools)
        self.buses = AgentGroup(model, ElectricSchoolBus, buses)
        self.school_of: NDArray[np.intp] = buses["school"].astype(np.intp)
        self.keeps_reserve = keeps_reserve
        self.from_empty = from_empty

    def buses_of(self, school: int) -> list[ElectricSchoolBus]:
        """Return the buses of a school."""
        rows = self[school].bus_rows
        return self.buses[rows.start : rows.stop]

    def by_school(self, values: FloatArray) -> FloatArray:
        """Return the sums of a quantity of buses over each school, shape (schools,)."""
        # Of no bus at all bincount would return whole numbers.
        return np.bincount(self.school_of, values, len(self)).astype(np.float64, copy=False)

    def each(self, name: str) -> float | FloatArray:
        """Return a constant quantity of the buses; one number if it is the same for all."""
        common = self.buses.population.common(name)
        values: FloatArray = self.buses.population[name]
        return values if common is None else common

    def begin_step(self, on_round: RoundStep, supplied: NDArray[np.bool_] | FloatArray) -> None:
        """Send the buses on their way, and let them see what they could exchange.

        Parameters
        ----------
        on_round : RoundStep
            What the step is to the buses that drive rounds.
        supplied : array, shape (schools,)
            For which part of the step each school is supplied by the grid, 0..1.
        """
        fleet, schools = self.buses.population, len(self)
        self.population.heard |= {
            "order_kwh": np.zeros(schools),
            "planned_kwh": np.zeros(schools),
            "at_once": np.zeros(schools, dtype=np.bool_),
        }
        fleet.heard |= {"charge_kwh": np.zeros(len(fleet)), "sold_kwh": np.zeros(len(fleet))}
        fleet["driven_km"][:] = on_round.share * fleet["round_km"]
        fleet["km_before_plug"][:] = on_round.before * fleet["round_km"]
        parked = np.where(fleet["round_km"] > 0, on_round.parked, 1.0)
        fleet["plugged_part"][:] = parked * supplied[self.school_of]
        fleet["plugged"][:] = fleet["plugged_part"] > 0
        fleet["at_plug_kwh"][:] = energy_at_plug(
            fleet["energy_kwh"], fleet["km_before_plug"], fleet["consumption_kwh_per_km"]
        )
        rounds = on_round.ahead + on_round.rest
        kept = rounds * fleet["round_km"] * fleet["consumption_kwh_per_km"]
        self.rounds_kwh = kept
        fleet["reserve_kwh"][:] = kept if self.keeps_reserve else 0.0
        lower, self.charge_kwh = self.exchange_bounds()
        self.sell_kwh = 0.0 - lower
        least = 0.0 if self.from_empty else self.each("soc_min")
        counted = usable_kwh(fleet["at_plug_kwh"], self.each("capacity_kwh"), least)
        self.population["stored_kwh"][:] = self.by_school(counted)
        self.population["upper_kwh"][:] = self.by_school(self.sell_kwh)
        self.population["discharge_efficiency"][:] = self._discharge_efficiency()

    def _discharge_efficiency(self) -> float | FloatArray:
        """Return what each school delivers of what it takes out [-].

        Where its buses differ it is that of all they can sell in the step.
        """
        of_buses = self.each("discharge_efficiency")
        if isinstance(of_buses, float):
            return of_buses
        sold, taken = self.by_school(self.sell_kwh), self.by_school(self.sell_kwh / of_buses)
        return np.divide(sold, taken, out=np.ones_like(sold), where=taken > 0)

    def exchange_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return what every bus can exchange in this step at least and at most [kWh]."""
        return self._bounds(self.each("power_kw"))

    def _bounds(
        self,
        power_kw: FloatArray | float,
        reserve_kwh: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        fleet, each = self.buses.population, self.each
        # Where power has no end, so that it may be plugged in for however long.
        endless = isinstance(power_kw, float) and power_kw == np.inf
        plugged = fleet["plugged" if endless else "plugged_part"]
        lower, upper = exchange_bounds(
            fleet["at_plug_kwh"],
            each("capacity_kwh"),
            each("soc_min"),
            each("soc_max"),
            power_kw,
            self.model.calendar.step_h,
            each("charge_efficiency"),
            each("discharge_efficiency"),
            fleet["reserve_kwh"] if reserve_kwh is None else reserve_kwh,
            plugged,
        )
        return lower, upper

    def needs_kwh(self) -> FloatArray:
        """Return what every bus wants to charge, however long it takes [kWh]."""
        return self._bounds(np.inf)[1]

    def spare_kwh(self) -> FloatArray:
        """Return what every bus could sell, however long it takes [kWh]."""
        return 0.0 - self._bounds(np.inf)[0]

    def answer_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return what every bus can exchange in this step that keeps the energy of its rounds."""
        return self._bounds(self.each("power_kw"), self.rounds_kwh)

    def room_beside_kwh(self, planned_kwh: FloatArray, charge_kwh: FloatArray) -> FloatArray:
        """Return what every bus may store beside what its school has planned [kWh].

        Parameters
        ----------
        planned_kwh : array, shape (schools,)
            What each school is to charge in the steps to come by its schedule [kWh].
        charge_kwh : array, shape (buses,)
            What every bus charges in this step by it [kWh].
        """
        left = np.maximum(self.needs_kwh() - charge_kwh, 0.0)
        of_school = self.by_school(left)
        share = np.divide(planned_kwh, of_school, out=np.zeros_like(of_school), where=of_school > 0)
        room = left * (1.0 - np.minimum(share, 1.0))[self.school_of]
        stored: FloatArray = room * self.each("charge_efficiency")
        return stored

    def limit_kwh(self) -> FloatArray:
        """Return what the plug of every bus lets pass in a step [kWh]."""
        fleet = self.buses.population
        step_h: float = self.model.calendar.step_h
        limit: FloatArray = fleet["power_kw"] * step_h * fleet["plugged_part"]
        return limit

    def within(self, energy_kwh: FloatArray, steps: int) -> FloatArray:
        """Return how much of the energies of buses can flow in 0, 1, ... steps.

        Returns
        -------
        array, shape (schools, steps + 1)
            By school [kWh].
        """
        return within_steps(energy_kwh, self.limit_kwh(), self.school_of, len(self), steps)

    def deal_out(self, energy_kwh: FloatArray, of_kwh: FloatArray) -> FloatArray:
        """Split the energies of schools among their buses; those with most to exchange go first.

        Parameters
        ----------
        energy_kwh : array, shape (schools,)
            Energy of each school in this step [kWh].
        of_kwh : array, shape (buses,)
            What every bus has to exchange in all, as from `needs_kwh` or `spare_kwh` [kWh].
        """
        return deal_out(energy_kwh, of_kwh, self.limit_kwh(), self.school_of)

    def hear(self, offer: IncentiveOffer, who: Who) -> SupplyOffer:
        """Answer an incentive price with what those that hear it would sell."""
        energy = rows_of(self.respond(offer.price), who)
        return SupplyOffer(energy_kwh=energy, **reply_to(offer, len(energy)))

    def hear_curves(self, request: SupplyCurveRequest, who: Who) -> SupplyCurveBid:
        """State what those that hear it would sell at every incentive price."""
        own = self.population
        curves = school_curves(
            own["lam"], own["theta"], own["average_price"], own["stored_kwh"], own["upper_kwh"],
            saturates=own["saturates"], discharge_efficiency=own["discharge_efficiency"],
        )  # fmt: skip
        # Schools with their own behaviour are asked about prices.
        curves[self.self_willed] = np.nan
        reported = rows_of(curves, who)
        return SupplyCurveBid(curves=reported, **reply_to(request, len(reported)))

    def hear_valley(self, valley: ValleyAnnouncement, who: Who) -> EnergyRequest:
        """Ask for what can be charged in the steps of a valley."""
        within = rows_of(self.within(self.needs_kwh(), len(valley.load_kwh)), who)
        return EnergyRequest(
            energy_kwh=within[:, -1], within_kwh=within, **reply_to(valley, len(within))
        )

    def follow(self, order: Heard[ExchangeOrder]) -> FloatArray:
        """Return what each sells of what was ordered: no more than it can [kWh].

        Those that do not hear it stay idle.
        """
        sold = np.zeros(len(self))
        order.write(sold, np.asarray(order.message.energy_kwh))
        most = self.population["upper_kwh"]
        # An order is made of offers, and may exceed them by rounding.
        sold = np.where(sold > most + ROUNDING * (1.0 + most), most, sold)
        self.population.heard["order_kwh"] = sold
        return sold

    def respond(self, price: float) -> FloatArray:
        """Return what every school sells at an incentive price [kWh], shape (schools,)."""
        own = self.population
        energy = school_response(
            price, own["lam"], own["theta"], own["average_price"], own["stored_kwh"],
            own["upper_kwh"], saturates=own["saturates"],
            discharge_efficiency=own["discharge_efficiency"],
        )  # fmt: skip
        for row in self.self_willed.tolist():
            school, most = self[row], float(own["upper_kwh"][row])
            answer = school.respond(price)
            if not -1e-9 <= answer <= most + 1e-9:
                raise ValueError(
                    f"{type(school).__name__} {row} answers {answer} kWh, outside its bounds from "
                    f"0 to {most} kWh"
                )
            energy[row] = answer
        return energy

    def driving_kwh(self, exchange_kwh: FloatArray | float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Return what this step's driving takes from batteries, and what they lack for it [kWh].

        A battery is never emptied below 0: what it does not hold is unmet.

        Parameters
        ----------
        exchange_kwh : array, shape (buses,), or float
            What each exchanges while it is parked [kWh], above 0 when charging.
        """
        fleet = self.buses.population
        per_km = fleet["consumption_kwh_per_km"]
        way_there = fleet["km_before_plug"] * per_km
        there = np.minimum(way_there, fleet["energy_kwh"])
        way_back = (fleet["driven_km"] - fleet["km_before_plug"]) * per_km
        back = np.minimum(way_back, self._left_kwh(exchange_kwh))
        return there + back, (way_there - there) + (way_back - back)

    def _left_kwh(self, exchange_kwh: FloatArray | float) -> FloatArray:
        """Return what an exchange leaves in the batteries, with which buses set out [kWh]."""
        left = charged(
            self.buses.population["at_plug_kwh"],
            np.asarray(exchange_kwh, dtype=np.float64),
            self.each("charge_efficiency"),
            self.each("discharge_efficiency"),
        )
        # Emptied to the last by a sale whose losses round, a battery is empty and not less.
        return np.maximum(left, 0.0)

    def replaced_kwh(self, charge_kwh: FloatArray) -> FloatArray:
        """Return what of the charging of each bus replaces energy it sold before [kWh]."""
        if not charge_kwh.any():
            return np.zeros_like(charge_kwh)
        owed, needs = self.buses.population["owed_kwh"], self.needs_kwh()
        share = np.divide(owed, needs, out=np.zeros_like(needs), where=needs > 0)
        replaced: FloatArray = np.minimum(share, 1.0) * charge_kwh
        return replaced

    def move(
        self,
        charge_kwh: FloatArray,
        sold_kwh: FloatArray,
        response_kwh: FloatArray | float = 0.0,
    ) -> None:
        """Let the batteries charge, sell and drive [kWh].

        What they exchange at the price of the step beside that is above 0 when charging.
        """
        fleet = self.buses.population
        per_sold = fleet["discharge_efficiency"] * fleet["charge_efficiency"]
        owed = fleet["owed_kwh"] + sold_kwh / per_sold - self.replaced_kwh(charge_kwh)
        fleet["owed_kwh"][:] = np.maximum(owed, 0.0)
        left = self._left_kwh(charge_kwh - sold_kwh + response_kwh)
        way_back = (fleet["driven_km"] - fleet["km_before_plug"]) * fleet["consumption_kwh_per_km"]
        fleet["energy_kwh"][:] = left - np.minimum(way_back, left)

    def remember_price(self, price: FloatArray, charge_kwh: FloatArray) -> None:
        """Let what the buses charge enter the average price of what they hold.

        Call it before they `move`.

        Parameters
        ----------
        price : array, shape (schools,)
            What each school pays [money/kWh].
        charge_kwh : array, shape (buses,)
            What each bus charges at its plug [kWh].
        """
        fleet, own = self.buses.population, self.population
        own.heard["price"] = price
        stored = charge_kwh * fleet["charge_efficiency"]
        own["average_price"][:] = average_price_after(
            own["average_price"],
            self.by_school(fleet["at_plug_kwh"]),
            # Energy lost in charging is paid for too.
            price * _per_stored(self.by_school(charge_kwh), self.by_school(stored)),
            self.by_school(stored),
        )


def _per_stored(charge_kwh: FloatArray, stored_kwh: FloatArray) -> FloatArray:
    """Return the energy drawn for each kWh stored; 1 where nothing is."""
    return np.divide(charge_kwh, stored_kwh, out=np.ones_like(stored_kwh), where=stored_kwh > 0)
