"""The utility: generates what its communities use and looks for its best price."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import mesa
import numpy as np
from numpy.typing import NDArray

from hmesh.agents.community_energy_aggregator import MOST_ATTEMPTS, CommunityEnergyAggregator
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.price_search import SearchedPrice, search_price
from hmesh.markets.search_on_lines import search_price_on_lines
from hmesh.markets.three_level_game import PriceBounds


@dataclass(frozen=True, slots=True)
class KnownLines:
    """The utility's lines in a step, and which communities take part.

    Attributes
    ----------
    feed : Feed
        The lines, with all that is drawn whatever the price.
    taking_part : array of int
        Communities that take part, in the order of their aggregators.
    """

    feed: Feed
    taking_part: NDArray[np.intp]

    @classmethod
    def of(cls, feed: Feed | None, taking_part: Sequence[int]) -> Self | None:
        """Return the lines of a step, None where they change nothing."""
        return None if feed is None else cls(feed, np.array(taking_part, dtype=np.intp))

    def demand_kwh(self, heard_kwh: Sequence[float]) -> NDArray[np.float64]:
        """Return the demand of all communities from what those said that take part [kWh]."""
        demand = np.zeros(self.feed.communities)
        demand[self.taking_part] = heard_kwh
        return demand


class UtilityCompany(mesa.Agent[Any]):
    """Sells to the aggregators at one price, and knows of them only what they answer.

    Parameters
    ----------
    model : mesa.Model
        The world it lives in, with ``bus``.
    cost : GenerationCost
        What the energy of a step costs it.
    bounds : PriceBounds
        What it may ask.
    tolerance : float
        Distance between prices it need not tell apart, as a share of the price range.
    """

    name = "utility"

    def __init__(
        self, model: Any, cost: GenerationCost, bounds: PriceBounds, tolerance: float
    ) -> None:
        super().__init__(model)
        self.cost = cost
        self.bounds = bounds
        self.tolerance = tolerance
        self.price = bounds.utility_lower
        self.fallbacks = 0
        self._step = 0
        self._round = 0
        self._last_heard: dict[str, float] = {}

    @property
    def bus(self) -> MessageBus:
        """What carries its messages."""
        bus: MessageBus = self.model.bus
        return bus

    def begin_step(self, step: int) -> None:
        """Start the rounds of a step."""
        self._step, self._round, self.fallbacks = step, 0, 0

    def negotiate(
        self,
        aggregators: Sequence[CommunityEnergyAggregator],
        lines: "KnownLines | None" = None,
    ) -> SearchedPrice | None:
        """Look for the price that earns most, by asking the aggregators.

        Parameters
        ----------
        aggregators : sequence of CommunityEnergyAggregator
            Those that take part.
        lines : KnownLines, optional
            Its lines to them, where it counts their losses or keeps limits that they share.

        Returns
        -------
        SearchedPrice or None
            None where the deadline has passed before anyone answered; then the price of the step
            before stands.
        """
        if not self._room():
            self.fallbacks += 1
            return None
        bounds = self.bounds.utility_lower, self.bounds.utility_upper
        if lines is None:
            found = search_price(
                lambda price: self._ask(aggregators, price),
                self.cost,
                *bounds,
                self.tolerance,
                go_on=self._room,
            )
        else:
            known = lines

            def ask(price: float) -> NDArray[np.float64]:
                self._ask(aggregators, price)
                return known.demand_kwh([self._last_heard.get(a.name, 0.0) for a in aggregators])

            found = search_price_on_lines(
                ask, self.cost, *bounds, known.feed, self.tolerance, go_on=self._room
            )
        self.price = found.price
        return found

    def _room(self) -> bool:
        """Whether a question and its answer leave time for the announcements that follow."""
        return self.bus.now_h + 4 * self.bus.patience_h <= self.bus.deadline_h

    def _ask(self, aggregators: Sequence[CommunityEnergyAggregator], price: float) -> float:
        """Ask all aggregators, and count on what each said last where it stays silent."""
        silent = list(aggregators)
        for _ in range(MOST_ATTEMPTS):
            self._round += 1
            offers = [self._offer(aggregator, price) for aggregator in silent]
            reached = [bool(self.bus.send(offer)) for offer in offers]
            self.bus.wait()
            silent = [
                aggregator
                for aggregator, offer, arrived in zip(silent, offers, reached, strict=True)
                if not (arrived and self._hear(aggregator.hear(offer)))
            ]
            self.bus.wait()
            if not silent or not self._room():
                break
        return sum(self._last_heard.get(aggregator.name, 0.0) for aggregator in aggregators)

    def _offer(self, aggregator: CommunityEnergyAggregator, price: float) -> PriceOffer:
        return PriceOffer(
            step=self._step, round=self._round, sender=self.name, receiver=aggregator.name,
            price=price,
        )  # fmt: skip

    def _hear(self, bid: EnergyBid) -> bool:
        """Let an aggregator answer; whether its answer arrives in time."""
        heard = bool(self.bus.send(bid))
        if heard:
            self._last_heard[bid.sender] = float(bid.energy_kwh)
        return heard

    def announce(self, price: float, aggregators: Sequence[CommunityEnergyAggregator]) -> None:
        """Set the price of the step; an aggregator it does not reach keeps the last it heard."""
        self.price = price
        for aggregator in aggregators:
            announcement = PriceAnnouncement(
                step=self._step, round=self._round, sender=self.name, receiver=aggregator.name,
                price=price,
            )  # fmt: skip
            if self.bus.send(announcement):
                aggregator.heard_price = price
            else:
                self.fallbacks += 1
        self.bus.wait()

    def state(self) -> dict[str, Any]:
        """Return what it remembers from one step to the next."""
        return {"price": self.price, "last_heard": dict(self._last_heard)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.price = state["price"]
        self._last_heard = dict(state["last_heard"])
