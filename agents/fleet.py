"""All vehicles of a world, and those parked in one community, deciding at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import ElectricVehicle, VehicleRows
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.step_payment import StepPayment
from hmesh.environment.ask_and_answer import Heard, Who, reply_to, rows_of
from hmesh.environment.battery import charged, exchange_bounds, usable_kwh
from hmesh.environment.curve_messages import CurveBid, CurveRequest
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.environment.population import Population
from hmesh.markets.answers import Answers, battery_answers
from hmesh.markets.told_curves import battery_curves
from hmesh.markets.vehicle_response import best_response

type PerVehicle = float | NDArray[np.float64]
# Vehicles of one behaviour among some: its class, their places there, and their rows.
type Behaving = tuple[type[ElectricVehicle], NDArray[np.intp], VehicleRows]


class Fleet(AgentGroup[ElectricVehicle]):
    """All vehicles of a world, deciding at once."""

    def __init__(
        self,
        model: Any,
        population: Population,
        *,
        keeps_reserve: bool = False,
        outages: bool = False,
    ) -> None:
        super().__init__(model, ElectricVehicle, population)
        self.keeps_reserve = keeps_reserve
        self.outages = outages

    @property
    def heard_price(self) -> NDArray[np.float64]:
        """The price that each heard in this step; NaN where it heard none [money/kWh]."""
        heard = self.population.heard
        price: NDArray[np.float64] = heard.setdefault("price", np.full(len(self), np.nan))
        return price

    def begin_step(self) -> None:
        """Forget the prices of the step before."""
        self.heard_price[:] = np.nan
        self.population.heard["unpriced"] = False

    @property
    def plugged(self) -> NDArray[np.bool_]:
        """Whether each vehicle can exchange energy in this step."""
        parked: NDArray[np.bool_] = self.population["community"] >= 0
        return parked & ~self.population["cut_off"] if self.outages else parked

    def each(self, name: str, rows: NDArray[np.intp] | slice) -> PerVehicle:
        """Return a constant quantity of some vehicles; one number if it is the same for all."""
        common = self.population.common(name)
        values: PerVehicle = self.population[name][rows] if common is None else common
        return values

    def exchange_bounds(
        self,
        rows: NDArray[np.intp] | slice,
        energy_kwh: NDArray[np.float64],
        plugged: bool | NDArray[np.bool_] = True,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what vehicles holding ``energy_kwh`` can exchange in this step [kWh]."""
        fleet = self.population
        lower, upper = exchange_bounds(
            energy_kwh,
            self.each("capacity_kwh", rows),
            self.each("soc_min", rows),
            self.each("soc_max", rows),
            self.each("power_kw", rows),
            self.model.calendar.step_h,
            self.each("charge_efficiency", rows),
            self.each("discharge_efficiency", rows),
            fleet["reserve_kwh"][rows] if self.keeps_reserve else 0.0,
            plugged,
        )
        return lower, upper

    def parked_in(self, community: int) -> "ParkedVehicles":
        """Return the vehicles parked in a community whose plugs work."""
        plugged = self.population["community"] == community
        if self.outages:
            plugged &= ~self.population["cut_off"]
        rows = np.flatnonzero(plugged)
        energy = self.population["energy_kwh"][rows]
        lower, upper = self.exchange_bounds(rows, energy)
        usable = usable_kwh(energy, self.each("capacity_kwh", rows), self.each("soc_min", rows))
        names = ("lam", "theta", "charge_efficiency", "discharge_efficiency")
        lam, theta, into, out_of = (self.each(name, rows) for name in names)
        behaving = tuple(
            (kind, k, VehicleRows(self.model, self.population, rows[k], (lower[k], upper[k])))
            for kind, k in self.replaced(rows)
        )
        return ParkedVehicles(
            self, rows, energy, usable, lower, upper, lam, theta, into, out_of, behaving
        )

    def driving_kwh(
        self, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what this step's driving takes from batteries, and what they lack for it [kWh].

        A battery is never emptied below 0: what it does not hold is unmet.
        """
        fleet = self.population
        wanted = fleet["driven_km"][rows] * self.each("consumption_kwh_per_km", rows)
        used = np.minimum(wanted, fleet["energy_kwh"][rows])
        return used, wanted - used


@dataclass(frozen=True, slots=True)
class ParkedVehicles:
    """What the vehicles of a community know of themselves, and nobody else.

    A quantity that is the same for the whole fleet is one number instead of an array.

    Attributes
    ----------
    rows : array of int, shape (n,)
        Rows of the fleet, ascending.
    energy_kwh, usable_kwh : array, shape (n,)
        Stored energy, and what of it lies above the lowest state of charge [kWh].
    lower_kwh, upper_kwh : array, shape (n,)
        What each can exchange in this step at least and at most [kWh].
    lam, theta : float or array, shape (n,)
        What each values energy at [money/kWh, money/kWh^2].
    charge_efficiency, discharge_efficiency : float or array, shape (n,)
        Losses of the plug of each, which it states when it is plugged in [-].
    behaving : tuple of Behaving
        Those of them that have a behaviour.
    """

    fleet: Fleet
    rows: NDArray[np.intp]
    energy_kwh: NDArray[np.float64]
    usable_kwh: NDArray[np.float64]
    lower_kwh: NDArray[np.float64]
    upper_kwh: NDArray[np.float64]
    lam: PerVehicle
    theta: PerVehicle
    charge_efficiency: PerVehicle = 1.0
    discharge_efficiency: PerVehicle = 1.0
    behaving: tuple[Behaving, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def hear(self, offer: PriceOffer, who: Who) -> EnergyBid:
        """Answer an offer with the energies of those that hear it."""
        energy = rows_of(self.respond(offer.price), who)
        return EnergyBid(energy_kwh=energy, **reply_to(offer, len(energy)))

    def hear_curves(self, request: CurveRequest, who: Who) -> CurveBid:
        """Tell the answers to every price of those that hear the request."""
        curves = battery_curves(
            self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip
        for k in self._self_willed():
            vehicle = self.fleet[int(self.rows[k])]
            curves[k] = vehicle.curve(request.lowest_price, request.highest_price)
        told = rows_of(curves, who)
        return CurveBid(curves=told, **reply_to(request, len(told)))

    def follow(self, announcement: Heard[PriceAnnouncement]) -> NDArray[np.float64]:
        """Return what every vehicle exchanges at the price announced [kWh].

        Those that do not hear it stay idle.
        """
        price, who = announcement.message.price, announcement.who
        heard = self.fleet.heard_price
        heard[self.rows] = price if who is True else np.where(who, price, np.nan)
        energy = self.respond(price)
        if who is not True:
            energy[~who] = 0.0
        return energy

    def answers(self, fixed_kwh: float) -> Answers:
        """Return what they would exchange at every price, and a load beside them [kWh]."""
        return battery_answers(
            fixed_kwh, self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip

    def respond(self, price: float) -> NDArray[np.float64]:
        """Return what every vehicle exchanges at ``price`` [kWh], above 0 when charging."""
        energy = self.best_kwh(price)
        self._decide_alone(price, energy)
        return energy

    def best_kwh(self, price: float) -> NDArray[np.float64]:
        """Return the exchange of every vehicle that it values most at ``price`` [kWh]."""
        return best_response(
            price, self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip

    def _decide_alone(self, price: float, energy_kwh: NDArray[np.float64]) -> None:
        """Replace the answers of vehicles with a will of their own by what they want."""
        for kind, places, vehicles in self.behaving:
            if kind.by_rows("respond"):
                answers = np.asarray(kind.respond_rows(vehicles, price), dtype=np.float64)
                if answers.shape != places.shape:
                    raise ValueError(
                        f"{kind.__name__}.respond_rows returns an array of shape {answers.shape} "
                        f"for {len(places)} vehicles"
                    )
            else:
                each = (self.fleet[row].respond(price) for row in vehicles.rows.tolist())
                answers = np.fromiter(each, np.float64, len(places))
            lower, upper = vehicles.exchange_bounds()
            within = (answers >= lower - 1e-9) & (answers <= upper + 1e-9)
            if not within.all():
                k = int(np.argmin(within))
                raise ValueError(
                    f"{kind.__name__} {vehicles.rows[k]} answers {answers[k]} kWh, outside its "
                    f"bounds from {lower[k]} to {upper[k]} kWh"
                )
            energy_kwh[places] = answers

    def learn(self, price: float, exchange_kwh: NDArray[np.float64], mean_paid: float) -> None:
        """Let those with a behaviour learn from what they exchanged at a price."""
        for kind, places, vehicles in self.behaving:
            energy = exchange_kwh[places]
            if kind.by_rows("learn"):
                kind.learn_rows(vehicles, StepPayment(price, energy, mean_paid))
                continue
            for row, own in zip(vehicles.rows.tolist(), energy.tolist(), strict=True):
                self.fleet[row].learn(StepPayment(price, own, mean_paid))

    def _self_willed(self) -> list[int]:
        """Return the numbers of those with a behaviour."""
        return [k for _, places, _ in self.behaving for k in places.tolist()]

    def at_bound(self, exchange_kwh: NDArray[np.float64]) -> int:
        """Return how many vehicles would exchange more if their bounds allowed it."""
        bounded = (exchange_kwh <= self.lower_kwh) | (exchange_kwh >= self.upper_kwh)
        return int(np.count_nonzero(bounded & (self.lower_kwh < self.upper_kwh)))

    def move(self, exchange_kwh: NDArray[np.float64]) -> None:
        """Let the batteries exchange energy at their plugs, above 0 charging [kWh]."""
        fleet = self.fleet
        fleet.population["energy_kwh"][self.rows] = charged(
            self.energy_kwh,
            exchange_kwh,
            fleet.each("charge_efficiency", self.rows),
            fleet.each("discharge_efficiency", self.rows),
        )
