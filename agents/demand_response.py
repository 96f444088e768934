"""The utility's desk for schools: it fills valleys with their charging and buys in critical hours.

It knows of the schools only what they answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.community_energy_aggregator import Bids
from hmesh.agents.school_district import SchoolDistrict
from hmesh.agents.utility_company import UtilityCompany
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import MOST_ATTEMPTS, Conversation, Heard, Party, Who, rows_of
from hmesh.environment.curve_messages import SupplyCurveBid, SupplyCurveRequest
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import (
    EnergyRequest,
    ExchangeOrder,
    IncentiveOffer,
    ScheduleProposal,
    SupplyOffer,
    ValleyAnnouncement,
)
from hmesh.markets.answer_curves import SUPPLY_COLUMNS, supply_kwh
from hmesh.markets.incentive_game import IncentiveTerms, ration, search_incentive
from hmesh.markets.valley_filling import fill_valley

SCHOOLS = "schools"


@dataclass(frozen=True, slots=True)
class IncentiveTrade:
    """What was bought of the schools in a critical step.

    Attributes
    ----------
    price : float or array, shape (schools,)
        What is paid for it [money/kWh]; NaN where nobody was asked.
    energy_kwh : array, shape (schools,)
        What each school sells [kWh].
    rationed : bool
        Whether less was taken than offered.
    gap : float
        What some price not asked might have saved more [money].
    questions : int
        Prices asked.
    fallbacks : int
        Schools that stayed idle because an order did not reach them in time.
    """

    price: float | FloatArray
    energy_kwh: FloatArray
    rationed: bool = False
    gap: float = 0.0
    questions: int = 0
    fallbacks: int = 0


class DemandResponse:
    """The utility as the buyer of demand response from schools.

    Parameters
    ----------
    utility : UtilityCompany
        On whose behalf it trades, and whose message bus it uses.
    schools : SchoolDistrict
        With whom.
    tolerance : float
        Distance between prices that count as equal, as a share of the price range.
    bids : {"prices", "curves"}
        Whether it asks schools about prices, or for their answers to every price.
    """

    def __init__(
        self,
        utility: UtilityCompany,
        schools: SchoolDistrict,
        tolerance: float,
        bids: Bids = "prices",
    ) -> None:
        self.utility = utility
        self.schools = schools
        self.tolerance = tolerance
        self.bids = bids
        self._begin(0)

    @property
    def bus(self) -> MessageBus:
        """What carries its messages."""
        return self.utility.bus

    def negotiate(self, step: int, terms: IncentiveTerms) -> IncentiveTrade:
        """Look for the best price by asking the schools, and take what suits.

        Where the deadline leaves no time for one question, nothing is bought. A school that stays
        silent counts with what it offered last in this step, and with nothing before.
        """
        self._begin(step)
        if not self._talk.room or len(self.schools) == 0:
            return self._nothing()
        by_curves = self.bids == "curves"
        asked: Callable[[float], FloatArray] = self._ask
        if by_curves:
            asked = self._read(self._hear_curves(terms))
        found = search_incentive(
            lambda price: float(asked(price).sum()),
            terms,
            self.tolerance,
            lambda: by_curves or self._talk.room,
        )
        offered = self._heard[found.price]
        total = float(offered.sum())
        firm = self._below(found.price, terms)
        wanted = total
        if firm is not None:
            # Where supply jumps the schools are indifferent, and the utility takes what suits it.
            wanted = float(np.clip(terms.worth_kwh(found.price), float(firm.sum()), total))
        wanted = min(wanted, terms.most_kwh)
        energy = ration(offered, wanted, 0.0 if firm is None else firm)
        return self.order(
            step, found.price, energy, rationed=wanted < total * (1 - 1e-12), gap=found.gap,
            questions=1 if by_curves else found.probes,
        )  # fmt: skip

    def order(
        self,
        step: int,
        price: float | FloatArray,
        energy_kwh: FloatArray,
        *,
        rationed: bool = False,
        gap: float = 0.0,
        questions: int = 0,
    ) -> IncentiveTrade:
        """Take energy at a price; a school that the order does not reach stays idle."""
        if step != self._talk.step or questions == 0:
            self._begin(step)
        wanted = energy_kwh > 0
        sold, missed = np.zeros(len(self.schools)), 0
        if wanted.any():

            def order(about: dict[str, Any], who: Who) -> ExchangeOrder:
                asked = price if isinstance(price, float) else rows_of(price, who)
                return ExchangeOrder(energy_kwh=rows_of(energy_kwh, who), price=asked, **about)

            def follow(heard: Heard[ExchangeOrder]) -> None:
                sold[:] = self.schools.follow(heard)

            self._talk.announce(SCHOOLS, len(self.schools), order, follow, among=wanted)
            self.bus.wait()
            missed = self._talk.unreached
        return IncentiveTrade(price, sold, rationed, gap, questions, missed)

    def fill_valley(self, step: int, load_kwh: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Plan the charging of the steps ahead with the schools.

        Parameters
        ----------
        step : int
            The step that is now.
        load_kwh : array, shape (slots,)
            Demand expected in each step of the valley [kWh].

        Returns
        -------
        schedule_kwh : array, shape (schools, slots)
            What each school charges in each of them [kWh].
        agreed : array of bool, shape (schools,)
            Schools that hold a schedule; the others could not be reached in time.
        """
        self._begin(step)
        count, slots = len(self.schools), len(load_kwh)
        schedule = np.zeros((count, slots))
        agreed = np.zeros(count, dtype=np.bool_)
        if slots == 0 or count == 0:
            return schedule, ~agreed
        within = np.zeros((count, slots + 1))

        def hear(answer: Heard[EnergyRequest]) -> None:
            answer.write(within, answer.message.within_kwh)

        asked = Party(SCHOOLS, count, self.schools.hear_valley)
        answered = self._talk.ask(
            [asked], lambda about: ValleyAnnouncement(load_kwh=load_kwh, **about), hear
        )
        if answered[0] is None:
            return schedule, agreed
        heard = np.broadcast_to(answered[0], count).copy()
        due = np.zeros((count, slots))
        due[heard] = fill_valley(load_kwh, within[heard])

        def propose(about: dict[str, Any], who: Who) -> ScheduleProposal:
            of_each = rows_of(due, who)
            return ScheduleProposal(energy_kwh=of_each.sum(axis=1), schedule_kwh=of_each, **about)

        def follow(proposal: Heard[ScheduleProposal]) -> None:
            agreed[:] |= proposal.who
            proposal.write(schedule, proposal.message.schedule_kwh)

        self._talk.announce(SCHOOLS, count, propose, follow, among=heard, attempts=MOST_ATTEMPTS)
        return schedule, agreed

    def _begin(self, step: int) -> None:
        # A question and its answer leave time for the order that follows.
        self._talk = Conversation(self.bus, self.utility.name, step, keeps_waits=3)
        self._heard: dict[float, FloatArray] = {}
        self._last = np.zeros(len(self.schools))

    def _nothing(self) -> IncentiveTrade:
        count = len(self.schools)
        return IncentiveTrade(float("nan"), np.zeros(count), fallbacks=count)

    def _below(self, price: float, terms: IncentiveTerms) -> FloatArray | None:
        """Return what was offered just below a price; None where nobody was asked there."""
        near = self.tolerance * (terms.highest_price - terms.lowest_price)
        lower = [asked for asked in self._heard if price - near <= asked < price]
        return np.minimum(self._heard[max(lower)], self._heard[price]) if lower else None

    def _hear_curves(self, terms: IncentiveTerms) -> FloatArray:
        """Let schools state what they would sell at every price; nothing of those that are silent.

        Returns
        -------
        array, shape (schools, 5)
            As of `hmesh.markets.answer_curves.school_curves`.
        """
        curves = np.zeros((len(self.schools), len(SUPPLY_COLUMNS)))
        lowest, highest = terms.lowest_price, terms.highest_price

        def hear(answer: Heard[SupplyCurveBid]) -> None:
            answer.write(curves, answer.message.curves)

        self._talk.ask(
            [Party(SCHOOLS, len(self.schools), self.schools.hear_curves)],
            lambda about: SupplyCurveRequest(lowest_price=lowest, highest_price=highest, **about),
            hear,
        )
        return curves

    def _read(self, curves: FloatArray) -> Callable[[float], FloatArray]:
        """Return what reads from the curves what schools offer, and asks those that stated none."""
        untold = np.isnan(curves[:, 0])
        reported = np.nan_to_num(curves)

        def offered(price: float) -> FloatArray:
            offers = supply_kwh(reported, price)
            if untold.any() and self._talk.room:
                offers = np.where(untold, self._ask(price), offers)
            self._heard[price] = offers
            return offers

        return offered

    def _ask(self, price: float) -> FloatArray:
        """Ask every school until it has answered; return what each offers [kWh]."""
        last = self._last = self._last.copy()

        def hear(answer: Heard[SupplyOffer]) -> None:
            answer.write(last, np.asarray(answer.message.energy_kwh))

        schools = Party(SCHOOLS, len(self.schools), self.schools.hear)
        self._talk.ask([schools], lambda about: IncentiveOffer(price=price, **about), hear)
        self._heard[price] = last
        return last
