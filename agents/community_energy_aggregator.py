"""The aggregator of a community: buys from the utility and sells to its members, by messages."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from hmesh.agents.answering import Answering, stated_efficiency
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Conversation, Heard, Party, Who, reply_to
from hmesh.environment.curve_messages import CommunityCurve, CurveBid, CurveRequest
from hmesh.environment.light_mesa import mesa
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.markets.aggregator_response import ResponseMap, best_price, response_map
from hmesh.markets.answer_curves import COLUMNS, SATURATED
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.learned_blocks import (
    CurvesElsewhere,
    GroupAnswer,
    LearnedByBlocks,
    curves_by_blocks,
    joined,
    learn_by_blocks,
    learned_of_curves,
)
from hmesh.markets.learned_demand import learn_demand
from hmesh.markets.learned_lines import LearnedDemand
from hmesh.markets.price_game import PriceBounds
from hmesh.markets.price_limits import price_limits, prices_within
from hmesh.markets.response_of_many import many, response_of_many
from hmesh.markets.response_on_demand import ResponseOnDemand

type Bids = Literal["prices", "curves"]

MOST_REVISIONS = 10


class CommunityEnergyAggregator(mesa.Agent[Any]):
    """Trades for a community and earns the difference between two prices.

    It learns the demand of those that answer to its price by asking them, and the price of the
    utility by being asked; it reads nobody's parameters.

    Parameters
    ----------
    model : mesa.Model
        The world of its run, with ``bus`` and ``streams``.
    name : str
        Name of the community.
    bounds : PriceBounds
        What it may ask.
    without_vehicles : {"pass_through", "profit_max"}
        How it prices a community that cannot answer.
    bids : {"prices", "curves"}
        Whether it asks those that answer about prices, or for their answers to every price.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        bounds: PriceBounds,
        without_vehicles: Literal["pass_through", "profit_max"],
        bids: Bids = "prices",
    ) -> None:
        super().__init__(model)
        self.name = name
        self.bounds = bounds
        self.without_vehicles = without_vehicles
        self.bids = bids
        self.heard_price = bounds.utility_lower
        self.unexplained = 0
        self.fallbacks = 0
        self.questions = 0
        self.price = float("nan")
        self.exchange_kwh: dict[str, FloatArray] = {}
        self._groups: list[Answering]
        # Those of its community that answer to its price, as it addresses them.
        self.parties: list[Party[PriceOffer, EnergyBid]]
        self._places: dict[str, int]
        self._fixed_kwh = 0.0
        self._learned: LearnedDemand | LearnedByBlocks | None = None
        self._answers: ResponseMap | ResponseOnDemand | None = None
        self._limits_kwh: tuple[float, float] | None = None
        self._held = False
        # What it asks, where somebody outside of the world decides that.
        self.played_price: Callable[[], float] | None = None

    @property
    def bus(self) -> MessageBus:
        """What carries its messages."""
        bus: MessageBus = self.model.bus
        return bus

    def begin_step(
        self,
        step: int,
        answering: Sequence[Answering],
        fixed_kwh: float,
        limits_kwh: tuple[float, float] | None = None,
    ) -> None:
        """Meter the inelastic load of the step and learn what those want that answer to its price.

        With ``limits_kwh``, the least and the most that its own lines let the community draw [kWh],
        it asks no price at which they are exceeded.
        """
        self._limits_kwh = limits_kwh
        self._open(step, answering)
        self._fixed_kwh = fixed_kwh
        self._learned = self._answers = None
        if self._count:
            learned = self._hear_curves() if self.bids == "curves" else self._probe()
            self.unexplained = learned.unexplained_count
            self.questions = learned.probes
            self._understand(learned)

    def _open(self, step: int, answering: Sequence[Answering]) -> None:
        # Asking leaves time for the utility to ask, and for both to announce.
        self._talk = Conversation(self.bus, self.name, step, keeps_waits=6)
        self._groups = [group for group in answering if len(group)]
        self._places = {self._address(group): k for k, group in enumerate(self._groups)}
        self._count = sum(map(len, self._groups))
        self.parties = [Party(self._address(each), len(each), each.hear) for each in self._groups]
        self.unexplained = self.fallbacks = self.questions = 0

    def _probe(self) -> LearnedDemand | LearnedByBlocks:
        """Learn what everybody wants from what they answer to some prices."""
        lowest, highest = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        groups, blocks = self._groups, self._blocks
        if blocks is not None:
            plugs = [(group.charge_efficiency, group.discharge_efficiency) for group in groups]
            return learn_by_blocks(self._ask, self._fixed_kwh, lowest, highest, blocks, plugs)
        return learn_demand(
            lambda price: joined(self._ask(price)), self._fixed_kwh, lowest, highest,
            charge_efficiency=stated_efficiency(groups, "charge_efficiency"),
            discharge_efficiency=stated_efficiency(groups, "discharge_efficiency"),
        )  # fmt: skip

    @property
    def _blocks(self) -> list[Sequence[slice]] | None:
        """The blocks of each group; None where each is one block, so that all are learned as one.

        Those of a population of several blocks are learned by block, also where workers hold them.
        """
        blocks = [group.blocks for group in self._groups]
        return blocks if any(len(each) > 1 for each in blocks) else None

    def _hear_curves(self) -> LearnedDemand | LearnedByBlocks:
        """Let everybody state what they would take at every price.

        Those that are not heard, or cannot state it so, are asked what they take at one price.
        """
        lowest, highest = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        heard: list[FloatArray | CurvesElsewhere] = [
            np.full((len(group), len(COLUMNS)), np.nan) for group in self._groups
        ]

        def hear(answer: Heard[CurveBid]) -> None:
            place = self._places[answer.message.sender]
            curves: Any = answer.message.curves
            if isinstance(curves, np.ndarray):
                of_group = heard[place]
                assert isinstance(of_group, np.ndarray)
                answer.write(of_group, curves)
            else:
                heard[place] = curves

        self._talk.ask(
            [Party(self._address(each), len(each), each.hear_curves) for each in self._groups],
            lambda about: CurveRequest(lowest_price=lowest, highest_price=highest, **about),
            hear,
        )
        stated = [each for each in heard if isinstance(each, np.ndarray)]
        unstated = any(bool(np.isnan(each[:, SATURATED]).any()) for each in stated)
        taken = self._ask(0.5 * (lowest + highest)) if unstated else None
        probes, blocks = 1 + int(unstated), self._blocks
        if blocks is None:
            taken_kwh = None if taken is None else np.asarray(joined(taken))
            return learned_of_curves(self._fixed_kwh, np.concatenate(stated), taken_kwh, probes)
        groups = tuple(
            curves_by_blocks(curves, places, None if taken is None else taken[k], probes)
            if isinstance(curves, np.ndarray)
            else curves.learned()
            for k, (curves, places) in enumerate(zip(heard, blocks, strict=True))
        )
        return LearnedByBlocks(self._fixed_kwh, groups, probes)

    def _understand(self, learned: LearnedDemand | LearnedByBlocks) -> None:
        bounds, kinks = self.bounds, learned.kinks
        self._learned = learned
        self._held = False
        if self.bids == "prices" and many(kinks):
            lowest, highest = bounds.aggregator_lower, bounds.aggregator_upper
            asked = lowest, highest
            if self._limits_kwh is not None:
                asked = prices_within(kinks, lowest, highest, *self._limits_kwh)
            self._held = asked != (lowest, highest)
            self._answers = response_of_many(kinks, *asked)
            return
        curve = demand_curve(kinks, bounds.aggregator_lower, bounds.aggregator_upper)
        if self._limits_kwh is not None:
            floor, ceiling = price_limits(curve, *self._limits_kwh)
            self._held = (floor, ceiling) != (bounds.aggregator_lower, bounds.aggregator_upper)
            if self._held:
                curve = demand_curve(kinks, floor, ceiling)
        # Losses give a demand several times as many pieces, too many for the prices asked. Without
        # them the map keeps the last digits of published results.
        if self.bids == "prices" and kinks.dead_bands:
            self._answers = ResponseOnDemand(curve)
        else:
            self._answers = response_map(curve, bounds.utility_lower, bounds.utility_upper)

    def step(self) -> None:
        """Ask everybody, choose the best price for that of the utility, and announce it.

        It does so in a step in which it has negotiated; where prices are computed it has no part.
        """
        if not np.isnan(self.price):
            self.begin_step(self.model.step_index, self._groups, self._fixed_kwh)
            self.announce(self.heard_price)

    def _address(self, group: Answering) -> str:
        return f"{group.name}@{self.name}"

    @property
    def party(self) -> Party[PriceOffer, EnergyBid]:
        """Itself, as the utility addresses it."""
        return Party(self.name, 1, self.hear)

    def _ask(self, price: float) -> list[GroupAnswer]:
        """Ask everybody until they have answered; NaN for those that stay silent."""
        heard: list[GroupAnswer | None] = [None] * len(self._groups)

        def hear(answer: Heard[EnergyBid]) -> None:
            place = self._places[answer.message.sender]
            energy: Any = answer.message.energy_kwh
            if answer.who is True and answer.rows is True:
                heard[place] = energy
                return
            of_group = heard[place]
            if of_group is None:
                of_group = heard[place] = np.full(len(self._groups[place]), np.nan)
            assert isinstance(of_group, np.ndarray)
            answer.write(of_group, np.asarray(energy))

        self._talk.ask(self.parties, lambda about: PriceOffer(price=price, **about), hear)
        return [
            np.full(len(group), np.nan) if energy is None else energy
            for group, energy in zip(self._groups, heard, strict=True)
        ]

    def hear(self, offer: PriceOffer, who: Who = True) -> EnergyBid:
        """Answer the utility's offer with the energy the community would take."""
        self.heard_price = offer.price
        energy = float(self._demand_kwh(offer.price))
        return EnergyBid(energy_kwh=energy, **reply_to(offer, 1))

    @property
    def curve_party(self) -> Party[CurveRequest, CommunityCurve]:
        """Itself, as the utility addresses it to hear its curve."""
        return Party(self.name, 1, self.hear_curves)

    def hear_curves(self, request: CurveRequest, who: Who = True) -> CommunityCurve:
        """State to the utility what the community would take at every price."""
        answers = self._answers
        if answers is None:
            start = np.array([request.lowest_price])
            offset, gain = np.array([self._fixed_kwh]), np.zeros(1)
        else:
            assert isinstance(answers, ResponseMap)
            start, offset, gain = answers.starts, answers.demand_offset, answers.demand_gain
        return CommunityCurve(
            start_price=start, offset_kwh=offset, gain=gain, **reply_to(request, 1)
        )

    def follow(self, announcement: Heard[PriceAnnouncement]) -> None:
        """Take over the utility's price of the step."""
        self.heard_price = announcement.message.price

    def _demand_kwh(self, utility_price: float) -> float:
        if self._answers is None:
            return self._fixed_kwh
        if self.played_price is not None:
            assert self._learned is not None
            bounds, kinks = self.bounds, self._learned.kinks
            curve = demand_curve(kinks, bounds.aggregator_lower, bounds.aggregator_upper)
            return float(curve.demand_kwh(self.played_price()))
        return float(self._answers.demand_kwh(utility_price))

    def best_price(self, utility_price: float) -> float:
        """Return what it asks of its community when the utility asks ``utility_price``."""
        lower, upper = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        if self.played_price is not None:
            return self.played_price()
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
            What the utility would ask if no line that communities share had a limit; None where
            that is what it asks [money/kWh].
        """
        if utility_price is None and not (self._learned is not None and self._held):
            return price
        asked = self.heard_price if utility_price is None else utility_price
        if self._learned is None:
            return self.best_price(asked)
        bounds = self.bounds
        curve = demand_curve(self._learned.kinks, bounds.aggregator_lower, bounds.aggregator_upper)
        return best_price(curve, asked)

    def announce(self, utility_price: float) -> tuple[float, dict[str, FloatArray]]:
        """Set the price of the step and let everybody act on it.

        Of agents whose answers no line explains, the answers to that price replace what was assumed
        of them, until the price no longer changes (``MOST_REVISIONS`` times at most).

        Returns
        -------
        price : float
            Community price [money/kWh].
        energy_kwh : dict of array, shape (n,)
            What each agent of a group exchanges, by name of the group [kWh]; one that the
            announcement does not reach stays idle.
        """
        price = self.best_price(utility_price)
        for _ in range(MOST_REVISIONS if self.unexplained else 0):
            self._revise(self._ask(price))
            revised = self.best_price(utility_price)
            if revised == price:
                break
            price = revised
        self.price, self.exchange_kwh = price, self._settle(price)
        return self.price, self.exchange_kwh

    def impose(
        self, step: int, answering: Sequence[Answering], price: float
    ) -> dict[str, FloatArray]:
        """Set a price that was found without asking; return what everyone exchanges [kWh]."""
        self._open(step, answering)
        return self._settle(price)

    def _revise(self, answer: Sequence[GroupAnswer]) -> None:
        learned = self._learned
        if isinstance(learned, LearnedByBlocks):
            self._understand(learned.revised(answer))
        else:
            assert learned is not None
            self._understand(learned.revised(joined(answer)))

    def _settle(self, price: float) -> dict[str, FloatArray]:
        talk, energies = self._talk, dict[str, FloatArray]()
        for group in self._groups:

            def follow(announcement: Heard[PriceAnnouncement], group: Answering = group) -> None:
                energies[group.name] = group.follow(announcement)

            talk.announce(
                self._address(group),
                len(group),
                lambda about, _: PriceAnnouncement(price=price, **about),
                follow,
            )
            if group.name not in energies:
                energies[group.name] = np.zeros(len(group))
        self.fallbacks += talk.unreached
        return energies
