"""The utility's desk for schools: it fills valleys with their charging and buys in critical hours.

It knows of the schools only what they answer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.community_energy_aggregator import MOST_ATTEMPTS
from hmesh.agents.school_district import SchoolDistrict
from hmesh.agents.utility_company import UtilityCompany
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import (
    EnergyRequest,
    ExchangeOrder,
    IncentiveOffer,
    ScheduleProposal,
    SupplyOffer,
    ValleyAnnouncement,
)
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

    price: float | NDArray[np.float64]
    energy_kwh: NDArray[np.float64]
    rationed: bool = False
    gap: float = 0.0
    questions: int = 0
    fallbacks: int = 0


class DemandResponse:
    """The utility in its second role.

    Parameters
    ----------
    utility : UtilityCompany
        On whose behalf it trades, and whose message bus it uses.
    schools : SchoolDistrict
        With whom.
    tolerance : float
        Distance between prices that need not be told apart, as a share of the price range.
    """

    def __init__(self, utility: UtilityCompany, schools: SchoolDistrict, tolerance: float) -> None:
        self.utility = utility
        self.schools = schools
        self.tolerance = tolerance
        self._step = 0
        self._round = 0
        self._heard: dict[float, NDArray[np.float64]] = {}
        self._last = np.zeros(len(schools))

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
        if not self._room() or len(self.schools) == 0:
            return self._nothing()
        found = search_incentive(
            lambda price: float(self._ask(price).sum()), terms, self.tolerance, self._room
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
            questions=found.probes,
        )  # fmt: skip

    def order(
        self,
        step: int,
        price: float | NDArray[np.float64],
        energy_kwh: NDArray[np.float64],
        *,
        rationed: bool = False,
        gap: float = 0.0,
        questions: int = 0,
    ) -> IncentiveTrade:
        """Take energy at a price; a school that the order does not reach stays idle."""
        if step != self._step or questions == 0:
            self._begin(step)
        wanted = energy_kwh > 0
        sold, missed = np.zeros(len(self.schools)), 0
        if wanted.any():
            count = int(np.count_nonzero(wanted))
            order = ExchangeOrder(
                step=step, round=self._round, sender=self.utility.name, receiver=SCHOOLS,
                count=count, energy_kwh=energy_kwh[wanted],
                price=price if isinstance(price, float) else price[wanted],
            )  # fmt: skip
            reached = np.broadcast_to(self.bus.send(order), count)
            self.bus.wait()
            sold[wanted] = np.where(reached, energy_kwh[wanted], 0.0)
            missed = count - int(np.count_nonzero(reached))
        return IncentiveTrade(price, sold, rationed, gap, questions, missed)

    def fill_valley(
        self, step: int, load_kwh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
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
        within = self.schools.within(self.schools.needs_kwh(), slots)
        heard = self._hear_requests(load_kwh, within)
        schedule[heard] = fill_valley(load_kwh, within[heard])
        waiting = heard.copy()
        for _ in range(MOST_ATTEMPTS):
            if not waiting.any() or not self.bus.open:
                break
            proposal = ScheduleProposal(
                step=step, round=self._round, sender=self.utility.name, receiver=SCHOOLS,
                count=int(waiting.sum()), energy_kwh=schedule[waiting].sum(axis=1),
                schedule_kwh=schedule[waiting],
            )  # fmt: skip
            reached = np.zeros(count, dtype=np.bool_)
            reached[waiting] = self.bus.send(proposal)
            self.bus.wait()
            self._round += 1
            agreed |= reached
            waiting &= ~reached
        schedule[~agreed] = 0.0
        return schedule, agreed

    def _hear_requests(
        self, load_kwh: NDArray[np.float64], within_kwh: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Announce the valley until every school has asked for its energy; return who has."""
        count = len(self.schools)
        heard = np.zeros(count, dtype=np.bool_)
        for _ in range(MOST_ATTEMPTS):
            silent = ~heard
            if not silent.any() or not self._room():
                break
            about = {"step": self._step, "round": self._round, "count": int(silent.sum())}
            valley = ValleyAnnouncement(
                sender=self.utility.name, receiver=SCHOOLS, load_kwh=load_kwh, **about
            )
            reached = self.bus.send(valley)
            self.bus.wait()
            request = EnergyRequest(
                sender=SCHOOLS, receiver=self.utility.name, energy_kwh=within_kwh[silent, -1],
                within_kwh=within_kwh[silent], **about,
            )  # fmt: skip
            returned = self.bus.send(request)
            self.bus.wait()
            self._round += 1
            heard[silent] = np.asarray(reached) & np.asarray(returned)
        return heard

    def _begin(self, step: int) -> None:
        self._step, self._round = step, 0
        self._heard = {}
        self._last = np.zeros(len(self.schools))

    def _room(self) -> bool:
        """Whether a question and its answer leave time for the order that follows."""
        return self.bus.now_h + 3 * self.bus.patience_h <= self.bus.deadline_h

    def _nothing(self) -> IncentiveTrade:
        count = len(self.schools)
        return IncentiveTrade(float("nan"), np.zeros(count), fallbacks=count)

    def _below(self, price: float, terms: IncentiveTerms) -> NDArray[np.float64] | None:
        """Return what was offered just below a price; None where nobody was asked there."""
        near = self.tolerance * (terms.highest_price - terms.lowest_price)
        lower = [asked for asked in self._heard if price - near <= asked < price]
        return np.minimum(self._heard[max(lower)], self._heard[price]) if lower else None

    def _ask(self, price: float) -> NDArray[np.float64]:
        """Ask every school until it has answered; return what each offers [kWh]."""
        count = len(self.schools)
        silent = np.ones(count, dtype=np.bool_)
        for _ in range(MOST_ATTEMPTS):
            about = {"step": self._step, "round": self._round, "count": int(silent.sum())}
            offer = IncentiveOffer(sender=self.utility.name, receiver=SCHOOLS, price=price, **about)
            reached = self.bus.send(offer)
            self.bus.wait()
            energy = self.schools.respond(price)
            bid = SupplyOffer(
                sender=SCHOOLS, receiver=self.utility.name, energy_kwh=energy[silent], **about
            )
            returned = self.bus.send(bid)
            self.bus.wait()
            self._round += 1
            answered = np.zeros(count, dtype=np.bool_)
            answered[silent] = np.asarray(reached) & np.asarray(returned)
            self._last = np.where(answered, energy, self._last)
            silent &= ~answered
            if not silent.any() or not self._room():
                break
        self._heard[price] = self._last
        return self._last
