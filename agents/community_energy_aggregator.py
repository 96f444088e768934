"""The aggregator of a community: buys from the utility and sells to its vehicles, by messages."""

from typing import Any, Literal

import mesa
import numpy as np
from numpy.typing import NDArray

from hmesh.agents.fleet import ParkedVehicles
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.markets.aggregator_response import ResponseMap, best_price, response_map
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.learned_demand import LearnedDemand, learn_demand
from hmesh.markets.price_limits import price_limits
from hmesh.markets.three_level_game import PriceBounds

MOST_ATTEMPTS = 8
MOST_REVISIONS = 10


class CommunityEnergyAggregator(mesa.Agent[Any]):
    """Trades for a community and earns the difference between two prices.

    It learns the demand of its vehicles by asking them, and the price of the utility by being
    asked; it reads nobody's parameters.

    Parameters
    ----------
    model : mesa.Model
        The world it lives in, with ``bus`` and ``streams``.
    name : str
        Name of the community.
    bounds : PriceBounds
        What it may ask.
    without_vehicles : {"pass_through", "profit_max"}
        How it prices a community that cannot answer.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        bounds: PriceBounds,
        without_vehicles: Literal["pass_through", "profit_max"],
    ) -> None:
        super().__init__(model)
        self.name = name
        self.bounds = bounds
        self.without_vehicles = without_vehicles
        self.heard_price = bounds.utility_lower
        self.unexplained = 0
        self.fallbacks = 0
        self.questions = 0
        self._step = 0
        self._round = 0
        self._parked: ParkedVehicles
        self._fixed_kwh = 0.0
        self._learned: LearnedDemand | None = None
        self._answers: ResponseMap | None = None
        self._limits_kwh: tuple[float, float] | None = None
        self._held = False

    @property
    def bus(self) -> MessageBus:
        """What carries its messages."""
        bus: MessageBus = self.model.bus
        return bus

    def begin_step(
        self,
        step: int,
        parked: ParkedVehicles,
        fixed_kwh: float,
        limits_kwh: tuple[float, float] | None = None,
    ) -> None:
        """Meter the fixed load of the step and learn what the parked vehicles want.

        With ``limits_kwh``, the least and the most that its own lines let the community draw [kWh],
        it asks no price at which they are left.
        """
        self._limits_kwh = limits_kwh
        self._step, self._round = step, 0
        self._parked, self._fixed_kwh = parked, fixed_kwh
        self._learned = self._answers = None
        self.unexplained = self.fallbacks = self.questions = 0
        if len(parked):
            bounds = self.bounds
            learned = learn_demand(
                self._ask_vehicles, fixed_kwh, bounds.aggregator_lower, bounds.aggregator_upper
            )
            self.unexplained = int(learned.unexplained.sum())
            self.questions = learned.probes
            self._understand(learned)

    def _understand(self, learned: LearnedDemand) -> None:
        bounds = self.bounds
        curve = demand_curve(learned.kinks, bounds.aggregator_lower, bounds.aggregator_upper)
        self._learned = learned
        self._held = False
        if self._limits_kwh is not None:
            floor, ceiling = price_limits(curve, *self._limits_kwh)
            self._held = (floor, ceiling) != (bounds.aggregator_lower, bounds.aggregator_upper)
            if self._held:
                curve = demand_curve(learned.kinks, floor, ceiling)
        self._answers = response_map(curve, bounds.utility_lower, bounds.utility_upper)

    def _ask_vehicles(self, price: float) -> NDArray[np.float64]:
        """Ask every vehicle until it has answered; NaN for those that stay silent."""
        count = len(self._parked)
        if not self._room():
            return np.full(count, np.nan)
        energy, answered = self._ask_once(price, None)
        if answered is True:
            return energy
        silent = ~np.broadcast_to(answered, count)
        heard = np.where(silent, np.nan, energy)
        for _ in range(MOST_ATTEMPTS - 1):
            if not silent.any() or not self._room():
                break
            energy, answered = self._ask_once(price, silent)
            those = silent.copy()
            those[silent] = answered
            heard[those] = energy[those]
            silent &= ~those
        return heard

    def _ask_once(
        self, price: float, asked: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_] | bool]:
        """Ask some vehicles, or all; return what all would answer, and whose answers came."""
        vehicles = f"vehicles@{self.name}"
        energy = self._parked.respond(price)
        told = energy if asked is None else energy[asked]
        step, round_, count = self._step, self._round, len(told)
        self._round += 1
        reached = self.bus.send(
            PriceOffer(
                step=step, round=round_, sender=self.name, receiver=vehicles,
                count=count, price=price,
            )
        )  # fmt: skip
        self.bus.wait()
        returned = self.bus.send(
            EnergyBid(
                step=step, round=round_, sender=vehicles, receiver=self.name,
                count=count, energy_kwh=told,
            )
        )  # fmt: skip
        self.bus.wait()
        if reached is True and returned is True:
            return energy, True
        return energy, np.asarray(reached) & np.asarray(returned)

    def _room(self) -> bool:
        """Whether asking leaves time for the utility to ask, and for both to announce."""
        return self.bus.now_h + 6 * self.bus.patience_h <= self.bus.deadline_h

    def hear(self, offer: PriceOffer) -> EnergyBid:
        """Answer the utility's offer with the energy the community would take."""
        self.heard_price = offer.price
        energy = float(self._demand_kwh(offer.price))
        return EnergyBid(
            step=offer.step, round=offer.round, sender=self.name, receiver=offer.sender,
            energy_kwh=energy,
        )  # fmt: skip

    def _demand_kwh(self, utility_price: float) -> float:
        if self._answers is None:
            return self._fixed_kwh
        return float(self._answers.demand_kwh(utility_price))

    def best_price(self, utility_price: float) -> float:
        """Return what it asks of its community when the utility asks ``utility_price``."""
        lower, upper = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        if self._answers is not None:
            return float(self._answers.price(utility_price))
        if self.without_vehicles == "profit_max":
            return upper
        return min(max(utility_price, lower), upper)

    def unlimited_price(self, price: float, utility_price: float | None) -> float:
        """Return what it would ask if no line had a limit [money/kWh].

        Parameters
        ----------
        price : float
            What it asks [money/kWh].
        utility_price : float or None
            What the utility would ask if the lines had none that communities share; None where that
            is what it asks [money/kWh].
        """
        if utility_price is None and not (self._learned is not None and self._held):
            return price
        asked = self.heard_price if utility_price is None else utility_price
        if self._learned is None:
            return self.best_price(asked)
        bounds = self.bounds
        curve = demand_curve(self._learned.kinks, bounds.aggregator_lower, bounds.aggregator_upper)
        return best_price(curve, asked)

    def announce(self, utility_price: float) -> tuple[float, NDArray[np.float64]]:
        """Set the price of the step and let the vehicles act on it.

        Where vehicles were not understood, their answers to the price meant for them replace what
        was assumed of them, until the price does not move any more.

        Returns
        -------
        price : float
            Community price [money/kWh].
        energy_kwh : array, shape (n,)
            What every vehicle exchanges; one that the announcement does not reach stays idle.
        """
        price = self.best_price(utility_price)
        for _ in range(MOST_REVISIONS if self.unexplained else 0):
            self._revise(self._ask_vehicles(price))
            revised = self.best_price(utility_price)
            if revised == price:
                break
            price = revised
        return price, self._settle(price)

    def impose(self, step: int, parked: ParkedVehicles, price: float) -> NDArray[np.float64]:
        """Set a price that was found without asking; return what every vehicle exchanges [kWh]."""
        self._step, self._round = step, 0
        self._parked = parked
        self.unexplained = self.fallbacks = self.questions = 0
        return self._settle(price)

    def _revise(self, energy: NDArray[np.float64]) -> None:
        learned = self._learned
        assert learned is not None
        inelastic = np.where(learned.unexplained, np.nan_to_num(energy), 0.0)
        kinks = learned.kinks
        saturated = kinks.saturated_kwh + float((inelastic - learned.inelastic_kwh).sum())
        revised = type(kinks)(saturated, kinks.full_price, kinks.empty_price, kinks.slope)
        self._understand(LearnedDemand(revised, learned.unexplained, inelastic, learned.probes))

    def _settle(self, price: float) -> NDArray[np.float64]:
        count = len(self._parked)
        if count == 0:
            return np.empty(0)
        energy = self._parked.respond(price)
        announcement = PriceAnnouncement(
            step=self._step, round=self._round, sender=self.name,
            receiver=f"vehicles@{self.name}", count=count, price=price,
        )  # fmt: skip
        idle = ~np.broadcast_to(self.bus.send(announcement), count)
        if idle.any():
            energy[idle] = 0.0
            self.fallbacks += int(np.count_nonzero(idle))
        return energy
