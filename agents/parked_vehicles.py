"""The vehicles parked in one community: their answers to a price, and their exchange."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import AnsweringStores
from hmesh.agents.electric_vehicle import ElectricVehicle, VehicleRows
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Who, reply_to
from hmesh.environment.battery import is_one
from hmesh.environment.compiled import compiled_for, whole
from hmesh.environment.curve_messages import CurveRequest
from hmesh.environment.messages import EnergyBid, PriceOffer
from hmesh.environment.row_blocks import added, parts_by_block, sum_by_blocks
from hmesh.environment.row_threads import over_rows
from hmesh.markets.answer_kernels import exchange_energy
from hmesh.markets.answers import Answers, inelastic_answer, sum_of_answers
from hmesh.markets.departure_value import (
    StoreColumns,
    answers_before_departure,
    best_response_before_departure,
    curves_before_departure,
    worth_before_departure,
)
from hmesh.markets.energy_at_prices import Answer, EnergyAtPrice
from hmesh.markets.exchanged import sums_of_exchange

if TYPE_CHECKING:
    from hmesh.agents.fleet import Fleet

# So many vehicles of a community answer when their answers are looked at.
MANY = 2**14

type PerVehicle = float | FloatArray
# Vehicles of one behaviour among some: its class, their places there, and their rows.
type Behaving = tuple[type[ElectricVehicle], NDArray[np.intp], VehicleRows]


@dataclass(frozen=True, slots=True)
class ParkedVehicles(AnsweringStores):
    """The vehicles parked in a community, with parameters that nobody else knows.

    Attributes
    ----------
    fleet : Fleet
        All vehicles.
    energy_kwh : array, shape (n,)
        Stored energy [kWh].
    behaving : tuple of Behaving
        Those of them that have a behaviour.
    departure : tuple of two arrays, shape (n,), or None
        Usable energy that each wants at its next departure [kWh], and what a kWh below it is worth
        more [money/kWh]; None where nobody wants any.
    """

    fleet: "Fleet" = field(kw_only=True)
    energy_kwh: FloatArray = field(kw_only=True)
    behaving: tuple[Behaving, ...] = ()
    departure: tuple[FloatArray, FloatArray] | None = field(kw_only=True, default=None)

    def hear(self, offer: PriceOffer, who: Who) -> EnergyBid:
        """Answer an offer with the energies of those that hear it; those of many when read."""
        if who is not True:
            return AnsweringStores.hear(self, offer, who)
        energy: Any = self.answer_to(offer.price)
        return EnergyBid(energy_kwh=energy, **reply_to(offer, len(self)))

    @property
    def blocks(self) -> Sequence[slice]:
        """The places of those of each fixed block of the fleet's rows."""
        return parts_by_block(self.rows, len(self.fleet))

    def answer_to(self, price: float) -> Answer:
        """Return what all of them answer to a price [kWh]; of many, worked out when read."""
        later = len(self) >= MANY and not self.behaving and self.departure is None
        if not later or not self.fleet.model.bus.transparent:
            return self.respond(price)
        return EnergyAtPrice(price, self._columns, len(self))

    def within(self, lower_kwh: FloatArray, upper_kwh: FloatArray) -> "ParkedVehicles":
        """Return the same vehicles within narrower bounds [kWh]."""
        model, population = self.fleet.model, self.fleet.population
        behaving = tuple(
            (kind, k, VehicleRows(model, population, self.rows[k], (lower_kwh[k], upper_kwh[k])))
            for kind, k, _ in self.behaving
        )
        return replace(self, lower_kwh=lower_kwh, upper_kwh=upper_kwh, behaving=behaving)

    def answers(self, fixed_kwh: float) -> Answers:
        """Return what they would exchange at every price, plus an inelastic load [kWh]."""
        blocks = self.blocks
        if len(blocks) == 1:
            return self._answers(fixed_kwh)
        if not len(self):
            return inelastic_answer(fixed_kwh)
        alike = not self.behaving and self.departure is None
        if alike and is_one(self.charge_efficiency) and is_one(self.discharge_efficiency):
            return self._lossless_blocks(fixed_kwh, blocks)
        parts = tuple(self.block(each).block_answers() for each in blocks)
        whole = sum_of_answers(parts)
        return replace(
            whole, saturated_kwh=fixed_kwh + added(p.saturated_kwh for p in parts), parts=parts
        )

    def block_answers(self) -> Answers:
        """Return what those of one block would exchange at every price [kWh]."""
        return self._answers(0.0) if len(self) else inelastic_answer(0.0)

    def _lossless_blocks(self, fixed_kwh: float, blocks: Sequence[slice]) -> Answers:
        """Return what `answers` does of batteries without losses: a line each, in their order."""
        whole = self._answers(0.0)
        parts = tuple(
            Answers(
                0.0 + float(self.upper_kwh[each].sum()),
                whole.full_price[each], whole.empty_price[each], whole.slope[each],
            )
            for each in blocks
        )  # fmt: skip
        return replace(
            whole, saturated_kwh=fixed_kwh + added(p.saturated_kwh for p in parts), parts=parts
        )

    def _answers(self, fixed_kwh: float) -> Answers:
        """Return what `answers` does of one block."""
        lines = [each for each in self.behaving if each[0].by_rows("curve")]
        if lines:
            others = np.ones(len(self), dtype=np.bool_)
            parts = [inelastic_answer(fixed_kwh)]
            for kind, places, vehicles in lines:
                others[places] = False
                parts.append(kind.answers_rows(vehicles))
            if others.any():
                parts[0] = self.plain().some(np.flatnonzero(others)).answers(fixed_kwh)
            return sum_of_answers(parts)
        stores = self._stores
        if stores is None:
            return AnsweringStores.answers(self, fixed_kwh)
        return answers_before_departure(fixed_kwh, stores)

    def plain(self) -> "ParkedVehicles":
        """Return the same vehicles as if all best-responded."""
        return replace(self, behaving=()) if self.behaving else self

    def some(self, places: NDArray[np.intp]) -> "ParkedVehicles":
        """Return some of them, by their places in ascending order."""
        behaving = tuple(
            (kind, np.flatnonzero(np.isin(places, k)), vehicles)
            for kind, k, vehicles in self.behaving
        )
        return self._only(places, behaving)

    def block(self, places: slice) -> "ParkedVehicles":
        """Return those of one block, which are one after another."""
        model, population = self.fleet.model, self.fleet.population
        behaving = []
        for kind, k, _ in self.behaving:
            mine = k[(k >= places.start) & (k < places.stop)]
            if len(mine):
                bounds = self.lower_kwh[mine], self.upper_kwh[mine]
                vehicles = VehicleRows(model, population, self.rows[mine], bounds)
                behaving.append((kind, mine - places.start, vehicles))
        return self._only(places, tuple(behaving))

    def _only(
        self, places: NDArray[np.intp] | slice, behaving: tuple[Behaving, ...]
    ) -> "ParkedVehicles":
        """Return some of them, those with a behaviour among these as stated."""

        def of(column: PerVehicle) -> Any:
            return column[places] if isinstance(column, np.ndarray) else column

        wanted = None if self.departure is None else (of(self.departure[0]), of(self.departure[1]))
        return replace(
            self, rows=self.rows[places], usable_kwh=self.usable_kwh[places],
            lower_kwh=self.lower_kwh[places], upper_kwh=self.upper_kwh[places],
            lam=of(self.lam), theta=of(self.theta), charge_efficiency=of(self.charge_efficiency),
            discharge_efficiency=of(self.discharge_efficiency), behaving=behaving,
            energy_kwh=self.energy_kwh[places], departure=wanted,
        )  # fmt: skip

    def best_kwh(self, price: float) -> FloatArray:
        """Return the exchange of each that it values most at ``price`` [kWh]."""
        stores = self._stores
        if stores is None:
            return AnsweringStores.best_kwh(self, price)
        return best_response_before_departure(price, stores)

    def worth(self, exchange_kwh: FloatArray) -> float:
        """Return what all of them value that they hold after an exchange [money]."""
        return self.total_kwh(self.worth_of_each(exchange_kwh)) if len(self) else 0.0

    def worth_of_each(self, exchange_kwh: FloatArray) -> FloatArray:
        """Return what each values that it holds after an exchange [money]."""
        stores = self._stores
        if stores is None:
            return AnsweringStores.worth_of_each(self, exchange_kwh)
        return worth_before_departure(stores, exchange_kwh)

    def total_kwh(self, exchange_kwh: FloatArray) -> float:
        """Return what all of them exchange together, block by block of the fleet [kWh]."""
        return float(sum_by_blocks(exchange_kwh, self.rows, len(self.fleet)))

    def sums_of_exchange(self, exchange_kwh: FloatArray) -> FloatArray:
        """Return what they exchange in all, charge and discharge, shape (3,) [kWh]."""

        def of_block(energy: FloatArray) -> FloatArray:
            return np.array(sums_of_exchange(energy))

        sums: FloatArray = sum_by_blocks(exchange_kwh, self.rows, len(self.fleet), of_block)
        return sums

    @property
    def columns(self) -> StoreColumns:
        """What each is as a store, whether or not it wants energy at its departure."""
        stores = self._stores
        if stores is None:
            nothing = np.zeros(len(self))
            stores = StoreColumns(
                self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
                self.charge_efficiency, self.discharge_efficiency, nothing, nothing,
            )  # fmt: skip
        return stores

    @property
    def _stores(self) -> StoreColumns | None:
        """Their columns where some of them want energy at their departure, else None."""
        if self.departure is None:
            return None
        wanted, weight = self.departure
        return StoreColumns(
            self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
            self.charge_efficiency, self.discharge_efficiency, wanted, weight,
        )  # fmt: skip

    def curves(self, request: CurveRequest) -> FloatArray:
        """Return the answers of each as a row; those with a behaviour state their own."""
        stores = self._stores
        curves = (
            AnsweringStores.curves(self, request)
            if stores is None
            else curves_before_departure(stores)
        )
        for kind, places, vehicles in self.behaving:
            if kind.by_rows("curve"):
                curves[places] = vehicles.curves(kind)
                continue
            for k in places.tolist():
                vehicle = self.fleet[int(self.rows[k])]
                curves[k] = vehicle.curve(request.lowest_price, request.highest_price)
        return curves

    def remember(self, price: float, who: Who) -> None:
        """Keep the price that some of them heard."""
        self.fleet.population.heard["price"].remember(self.rows, price, who)

    def respond(self, price: float) -> FloatArray:
        """Return what every vehicle exchanges at ``price`` [kWh], above 0 when charging."""
        energy = self.best_kwh(price)
        self._decide_alone(price, energy)
        return energy

    def _decide_alone(self, price: float, energy_kwh: FloatArray) -> None:
        """Replace the answers of vehicles with decision rules of their own by what they want."""
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

    def move(self, exchange_kwh: FloatArray) -> None:
        """Let the batteries exchange energy at their plugs, above 0 charging [kWh]."""
        energy = self.fleet.population["energy_kwh"]
        if compiled_for(len(self)):
            plug = whole(self.charge_efficiency, self), whole(self.discharge_efficiency, self)
            columns = self.rows, self.energy_kwh, exchange_kwh, *plug
            over_rows(lambda *some: exchange_energy(*some, energy), *columns)
        else:
            energy[self.rows] = self.stored_kwh(self.energy_kwh, exchange_kwh)
