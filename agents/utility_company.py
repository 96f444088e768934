"""The utility: generates what its communities use and looks for its best price."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.community_energy_aggregator import Bids, CommunityEnergyAggregator
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Conversation, Heard, Party
from hmesh.environment.curve_messages import CommunityCurve, CurveRequest
from hmesh.environment.light_mesa import mesa
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.price_game import PriceBounds
from hmesh.markets.price_search import SearchedPrice, search_price
from hmesh.markets.search_on_lines import search_price_on_lines


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

    def demand_kwh(self, heard_kwh: Sequence[float]) -> FloatArray:
        """Return the demand of all communities from what those said that take part [kWh]."""
        demand = np.zeros(self.feed.communities)
        demand[self.taking_part] = heard_kwh
        return demand


class UtilityCompany(mesa.Agent[Any]):
    """Sells to the aggregators at one price, and knows of them only what they answer.

    Parameters
    ----------
    model : mesa.Model
        The world of its run, with ``bus``.
    cost : GenerationCost
        What the energy of a step costs it.
    bounds : PriceBounds
        What it may ask.
    tolerance : float
        Distance between prices that count as equal, as a share of the price range.
    bids : {"prices", "curves"}
        Whether it asks aggregators about prices, or for their answers to every price.
    """

    name = "utility"

    def __init__(
        self,
        model: Any,
        cost: GenerationCost,
        bounds: PriceBounds,
        tolerance: float,
        bids: Bids = "prices",
    ) -> None:
        super().__init__(model)
        self.cost = cost
        self.bounds = bounds
        self.tolerance = tolerance
        self.bids = bids
        self.price = bounds.utility_lower
        self.fallbacks = 0
        self._aggregators: Sequence[CommunityEnergyAggregator] = ()
        self._lines: KnownLines | None = None
        self._parties: list[Party[PriceOffer, EnergyBid]] = []
        self._last_heard: dict[str, float] = {}

    @property
    def bus(self) -> MessageBus:
        """What carries its messages."""
        bus: MessageBus = self.model.bus
        return bus

    def begin_step(self, step: int) -> None:
        """Start the rounds of a step."""
        # A question and its answer leave time for the announcements of both levels that follow.
        self._talk = Conversation(self.bus, self.name, step, keeps_waits=4, first_round=1)
        self.fallbacks = 0
        self._curves: dict[str, CommunityCurve] = {}

    def step(self) -> None:
        """Ask the aggregators that take part, choose the best price, and announce it."""
        self.begin_step(self.model.step_index)
        self.negotiate(self._aggregators, self._lines)
        self.announce(self.price, self._aggregators)

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
        self.take_part(aggregators, lines)
        if not self._talk.room:
            self.fallbacks += 1
            return None
        if self.bids == "curves":
            self._hear_curves(aggregators)
        bounds = self.bounds.utility_lower, self.bounds.utility_upper

        def go_on() -> bool:
            return self.bids == "curves" or self._talk.room

        if lines is None:
            found = search_price(
                lambda price: self._ask(aggregators, price),
                self.cost,
                *bounds,
                self.tolerance,
                go_on=go_on,
            )
        else:
            known = lines

            def ask(price: float) -> FloatArray:
                self._ask(aggregators, price)
                return known.demand_kwh([self._last_heard.get(a.name, 0.0) for a in aggregators])

            found = search_price_on_lines(
                ask, self.cost, *bounds, known.feed, self.tolerance, go_on=go_on
            )
        self.price = found.price
        # Of a curve that it has it asks nobody.
        return replace(found, probes=1) if self.bids == "curves" else found

    def take_part(
        self,
        aggregators: Sequence[CommunityEnergyAggregator],
        lines: "KnownLines | None" = None,
    ) -> None:
        """Deal with some aggregators in the step, over known lines; see `negotiate`."""
        self._aggregators, self._lines = aggregators, lines
        self._parties = [aggregator.party for aggregator in aggregators]

    def ask_once(self, price: float) -> None:
        """Ask what aggregators would take at a price that is set already, if there is time."""
        self.price = price
        if self._talk.room:
            self._ask(self._aggregators, price)

    def _hear_curves(self, aggregators: Sequence[CommunityEnergyAggregator]) -> None:
        """Let aggregators state what they would take at every price."""
        lowest, highest = self.bounds.utility_lower, self.bounds.utility_upper

        def hear(answer: Heard[CommunityCurve]) -> None:
            self._curves[answer.message.sender] = answer.message

        self._talk.ask(
            [aggregator.curve_party for aggregator in aggregators],
            lambda about: CurveRequest(lowest_price=lowest, highest_price=highest, **about),
            hear,
        )

    def _ask(self, aggregators: Sequence[CommunityEnergyAggregator], price: float) -> float:
        """Ask all aggregators, and count on what each said last where it stays silent."""
        for name, curve in self._curves.items():
            self._last_heard[name] = curve.demand_kwh(price)
        if self.bids == "prices":
            self._talk.ask(
                self._parties,
                lambda about: PriceOffer(price=price, **about),
                self._hear,
            )
        return sum(self._last_heard.get(aggregator.name, 0.0) for aggregator in aggregators)

    def _hear(self, answer: Heard[EnergyBid]) -> None:
        """Remember what an aggregator would take."""
        self._last_heard[answer.message.sender] = float(answer.message.energy_kwh)

    def announce(self, price: float, aggregators: Sequence[CommunityEnergyAggregator]) -> None:
        """Set the price of the step; an aggregator it does not reach keeps the last it heard."""
        self.price = price
        talk = self._talk
        # It belongs to the last round in which somebody was asked.
        talk.round -= 1
        for aggregator in aggregators:
            talk.announce(
                aggregator.name,
                1,
                lambda about, _: PriceAnnouncement(price=price, **about),
                aggregator.follow,
            )
        talk.round += 1
        self.fallbacks += talk.unreached
        self.bus.wait()

    def state(self) -> dict[str, Any]:
        """Return what it remembers from one step to the next."""
        return {"price": self.price, "last_heard": dict(self._last_heard)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.price = state["price"]
        self._last_heard = dict(state["last_heard"])
