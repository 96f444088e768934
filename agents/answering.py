"""All those that answer to the price of their community, as its aggregator addresses them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Heard, Who, reply_to, rows_of
from hmesh.environment.battery import charged, is_one
from hmesh.environment.compiled import compiled_for
from hmesh.environment.curve_messages import CurveBid, CurveRequest
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.environment.row_threads import over_rows
from hmesh.markets.answer_curves import battery_curves
from hmesh.markets.answer_kernels import bounded
from hmesh.markets.answers import Answers, battery_answers, inelastic_answer, sum_of_answers
from hmesh.markets.vehicle_response import best_response
from hmesh.markets.welfare import satisfaction

# Less than this below the lowest state of charge is rounding.
TOO_LITTLE_KWH = 1e-9

type PerStore = float | FloatArray


class Answering(Protocol):
    """Those of one kind in one community that answer to the price of the step."""

    @property
    def name(self) -> str:
        """What they are called, "vehicles"; with their community it is their address."""
        ...

    @property
    def charge_efficiency(self) -> PerStore:
        """From the plug to the store, as each states it [-]."""
        ...

    @property
    def discharge_efficiency(self) -> PerStore:
        """From the store to the plug, as each states it [-]."""
        ...

    @property
    def lower_kwh(self) -> FloatArray:
        """What each can exchange in this step at least, below 0 delivered [kWh]."""
        ...

    @property
    def blocks(self) -> Sequence[slice]:
        """The places of those of each fixed block of rows (`hmesh.environment.row_blocks`)."""
        ...

    def __len__(self) -> int: ...

    def hear(self, offer: PriceOffer, who: Who) -> EnergyBid:
        """Answer an offer with the energies of those that hear it."""
        ...

    def hear_curves(self, request: CurveRequest, who: Who) -> CurveBid:
        """Return the answers to every price of those that hear the request."""
        ...

    def follow(self, announcement: Heard[PriceAnnouncement]) -> FloatArray:
        """Return what each exchanges at the price announced [kWh], 0 where it is not heard."""
        ...

    def answers(self, fixed_kwh: float) -> Answers:
        """Return what they would exchange at every price, plus an inelastic load [kWh]."""
        ...

    def respond(self, price: float) -> FloatArray:
        """Return what each exchanges at ``price`` [kWh], above 0 drawn from the grid."""
        ...

    def best_kwh(self, price: float) -> FloatArray:
        """Return the exchange of each that it values most at ``price`` [kWh]."""
        ...

    def worth(self, exchange_kwh: FloatArray) -> float:
        """Return what all of them value after an exchange, before they pay for it [money]."""
        ...

    def total_kwh(self, exchange_kwh: FloatArray) -> float:
        """Return what all of them exchange together [kWh]."""
        ...

    def least_kwh(self) -> float:
        """Return what all of them exchange together at least [kWh]."""
        ...


@dataclass(frozen=True, slots=True)
class AnsweringStores:
    """Stores of one community that answer to the price of the step.

    A quantity that is the same for all of them is one number instead of an array.

    Attributes
    ----------
    name : str
        What they are called; with their community it is their address.
    rows : array of int, shape (n,)
        Their rows among all of their kind, ascending.
    usable_kwh : array, shape (n,)
        Stored energy above the lowest permitted state of charge [kWh].
    lower_kwh, upper_kwh : array, shape (n,)
        What each can exchange in this step at least and at most [kWh].
    lam, theta : float or array, shape (n,)
        What each values energy at [money/kWh, money/kWh^2].
    charge_efficiency, discharge_efficiency : float or array, shape (n,)
        From the plug to the store and back, which each states [-].
    """

    name: str
    rows: NDArray[np.intp]
    usable_kwh: FloatArray
    lower_kwh: FloatArray
    upper_kwh: FloatArray
    lam: PerStore
    theta: PerStore
    charge_efficiency: PerStore = 1.0
    discharge_efficiency: PerStore = 1.0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def blocks(self) -> Sequence[slice]:
        """The places of those of each fixed block of rows: they are one block."""
        return (slice(0, len(self)),)

    def hear(self, offer: PriceOffer, who: Who) -> EnergyBid:
        """Answer an offer with the energies of those that hear it."""
        energy = rows_of(self.respond(offer.price), who)
        return EnergyBid(energy_kwh=energy, **reply_to(offer, len(energy)))

    def hear_curves(self, request: CurveRequest, who: Who) -> CurveBid:
        """Return the answers to every price of those that hear the request."""
        reported = rows_of(self.curves(request), who)
        return CurveBid(curves=reported, **reply_to(request, len(reported)))

    def curves(self, request: CurveRequest) -> FloatArray:
        """Return the answers of each as a row, as of `hmesh.markets.answer_curves`."""
        return battery_curves(*self._columns)

    def follow(self, announcement: Heard[PriceAnnouncement]) -> FloatArray:
        """Return what each exchanges at the price announced [kWh].

        Those that do not hear it stay idle.
        """
        price, who = announcement.message.price, announcement.who
        self.remember(price, who)
        energy = self.respond(price)
        if who is not True:
            energy[~who] = 0.0
        return energy

    def remember(self, price: float, who: Who) -> None:
        """Keep the price that some of them heard, where their kind remembers it."""

    def answers(self, fixed_kwh: float) -> Answers:
        """Return what they would exchange at every price, plus an inelastic load [kWh]."""
        return battery_answers(fixed_kwh, *self._columns)

    def respond(self, price: float) -> FloatArray:
        """Return what each exchanges at ``price`` [kWh], above 0 when charging."""
        return self.best_kwh(price)

    def best_kwh(self, price: float) -> FloatArray:
        """Return the exchange of each that it values most at ``price`` [kWh]."""
        return best_response(price, *self._columns)

    def worth(self, exchange_kwh: FloatArray) -> float:
        """Return what all of them value that they hold after an exchange [money]."""
        return self.total_kwh(self.worth_of_each(exchange_kwh)) if len(self) else 0.0

    def worth_of_each(self, exchange_kwh: FloatArray) -> FloatArray:
        """Return what each values that it holds after an exchange [money]."""
        held = charged(
            self.usable_kwh, exchange_kwh, self.charge_efficiency, self.discharge_efficiency
        )
        return satisfaction(self.lam, self.theta, held)

    def total_kwh(self, exchange_kwh: FloatArray) -> float:
        """Return what all of them exchange together [kWh]."""
        return float(exchange_kwh.sum())

    def least_kwh(self) -> float:
        """Return what all of them exchange together at least [kWh]."""
        return self.total_kwh(self.lower_kwh)

    def stored_kwh(self, energy_kwh: FloatArray, exchange_kwh: FloatArray) -> FloatArray:
        """Return what each holds after an exchange that held ``energy_kwh`` before it [kWh]."""
        return charged(energy_kwh, exchange_kwh, self.charge_efficiency, self.discharge_efficiency)

    def at_bound(self, exchange_kwh: FloatArray) -> int:
        """Return how many would exchange more if their bounds allowed it."""
        bounded = (exchange_kwh <= self.lower_kwh) | (exchange_kwh >= self.upper_kwh)
        return int(np.count_nonzero(bounded & (self.lower_kwh < self.upper_kwh)))

    def bounded(self, exchange_kwh: FloatArray) -> tuple[int, int]:
        """Return how many are `at_bound`, and how many hold too little to discharge."""
        if compiled_for(len(self)):
            columns = exchange_kwh, self.lower_kwh, self.upper_kwh, self.usable_kwh
            counts = over_rows(bounded, *(np.ascontiguousarray(each) for each in columns))
            at_bound, below = (sum(each) for each in zip(*counts, strict=True))
            return at_bound, below
        return self.at_bound(exchange_kwh), int(np.count_nonzero(self.usable_kwh < -TOO_LITTLE_KWH))

    @property
    def _columns(self) -> tuple[Any, ...]:
        return (
            self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip


def answers_of(groups: Sequence[Answering], fixed_kwh: float) -> Answers:
    """Return what several groups would exchange at every price, plus an inelastic load [kWh]."""
    if not groups:
        return inelastic_answer(fixed_kwh)
    first = groups[0].answers(fixed_kwh)
    if len(groups) == 1:
        return first
    # A group of nobody adds nothing.
    return sum_of_answers((first, *(group.answers(0.0) for group in groups[1:] if len(group))))


def stated_efficiency(groups: Sequence[Answering], name: str) -> PerStore:
    """Return an efficiency that everybody in several groups states; one number for all if equal."""
    stated: list[PerStore] = [getattr(group, name) for group in groups]
    if len(stated) == 1:
        return stated[0]
    if all(is_one(each) for each in stated):
        return 1.0
    counts = [len(group) for group in groups]
    return np.concatenate(
        [np.broadcast_to(each, count) for each, count in zip(stated, counts, strict=True)]
    )
