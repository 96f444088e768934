"""Admission control of a home's day: what is granted, what is offered instead, what holds.

The four states of the published scheme: appliances register their requests (F1), the controller
makes a schedule by the power-flow assignment (F2), offers other slots where these lose less (F3),
and commits the slots that hold (F4).
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.load_shifting import MOST_CANDIDATES, shift_loads

type Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Offer:
    """Other slots for some loads.

    Attributes
    ----------
    leave, take : array of bool, shape (steps, homes, loads)
        Slots of the schedule to be left, and slots to be taken instead.
    saved_kwh : array, shape (homes,)
        What each home would lose less [kWh].
    """

    leave: Mask
    take: Mask
    saved_kwh: FloatArray


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What holds for the day, at the end of admission control.

    Attributes
    ----------
    granted_kwh : array, shape (steps, homes, loads)
        The schedule: what can be served of what was asked for [kWh].
    committed_kwh : array, shape (steps, homes, loads)
        What holds: the schedule, or other slots that were offered and accepted [kWh].
    before_kwh, after_kwh : array, shape (homes,)
        What is wasted with the one and with the other [kWh].
    exact : array of bool, shape (homes,)
        Where the last search tried every choice of slots.
    offers, refusals : int
        How many homes were offered slots, and how many of these offers were refused.
    """

    granted_kwh: FloatArray
    committed_kwh: FloatArray
    before_kwh: FloatArray
    after_kwh: FloatArray
    exact: Mask
    offers: int
    refusals: int

    @property
    def rescheduled(self) -> Mask:
        """Which loads got other slots, shape (homes, loads)."""
        other: Mask = ((self.granted_kwh > 0.0) != (self.committed_kwh > 0.0)).any(axis=0)
        return other


def schedule_day(homes: Homes, demand_kwh: FloatArray) -> FloatArray:
    """Return what can be served of a day's demand (F2) [kWh].

    Parameters
    ----------
    homes : Homes
        The homes, with the generation that is expected.
    demand_kwh : array, shape (steps, homes, loads)
        What was asked for [kWh].
    """
    return scheduled_day(homes, demand_kwh)[0]


def scheduled_day(homes: Homes, demand_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the schedule of a day, as of `schedule_day`, and what each home wastes with it [kWh].

    What is not served changes no flow, so the schedule wastes what the demand does.
    """
    sums = sum_day(homes, demand_kwh)
    return np.where(sums.served, demand_kwh, 0.0), sums.wasted_kwh


def negotiate_slots(
    homes: Homes,
    demand_kwh: FloatArray,
    granted_kwh: FloatArray,
    window: Mask,
    most_candidates: int = MOST_CANDIDATES,
    most_rounds: int = 3,
    wasted_kwh: FloatArray | None = None,
) -> Generator[Offer, Mask, DayPlan]:
    """Offer other slots until they are accepted or none is left to offer (F3), and commit (F4).

    A home whose appliances refuse a slot is offered others without it; after the last round its
    schedule stands.

    Yields
    ------
    Offer
        To be sent which of the slots it takes are refused, of their shape.

    Parameters
    ----------
    homes : Homes
        The homes, with the generation that is expected.
    demand_kwh, granted_kwh : array, shape (steps, homes, loads)
        What was asked for, and the schedule [kWh].
    window : array of bool, shape (steps, homes, loads)
        Slots that a shiftable load may take; none for other loads.
    most_candidates : int, optional
        As of `hmesh.markets.shift_loads`.
    most_rounds : int, optional
        How often a home is offered slots at most; 0 for no shifting.
    wasted_kwh : array, shape (homes,), optional
        What each wastes with the schedule, where that is known [kWh].

    Returns
    -------
    DayPlan
        Losses never rise, and no load is served less than by the schedule.
    """
    wasted = sum_day(homes, granted_kwh).wasted_kwh if wasted_kwh is None else wasted_kwh
    committed, after = granted_kwh.copy(), wasted.copy()
    exact = np.ones(len(wasted), dtype=np.bool_)
    offers = refusals = 0
    if homes.assignment not in ("mpfa_sg", "mpfa_mg"):
        most_rounds = 0
    window = window.copy()
    asked = np.flatnonzero(window.any(axis=(0, 2)))
    for _ in range(most_rounds):
        if asked.size == 0:
            break
        found = shift_loads(
            homes.rows(asked), demand_kwh[:, asked], window[:, asked], most_candidates
        )
        exact[asked] = found.exact
        better = asked[found.improved]
        if better.size == 0:
            break
        proposed = schedule_day(homes.rows(better), found.demand_kwh[:, found.improved])
        saved = (found.before_kwh - found.after_kwh)[found.improved]
        offer = _offer(window.shape, better, granted_kwh[:, better], proposed, saved)
        refused = (yield offer) & offer.take
        unwilling = refused[:, better].any(axis=(0, 2))
        offers, refusals = offers + better.size, refusals + int(np.count_nonzero(unwilling))
        willing = better[~unwilling]
        committed[:, willing] = proposed[:, ~unwilling]
        after[willing] = found.after_kwh[found.improved][~unwilling]
        window &= ~refused
        asked = better[unwilling]
    return DayPlan(granted_kwh, committed, wasted, after, exact, offers, refusals)


def _offer(
    shape: tuple[int, ...],
    homes: NDArray[np.intp],
    granted_kwh: FloatArray,
    proposed_kwh: FloatArray,
    saved_kwh: FloatArray,
) -> Offer:
    """Return an offer to some homes, as one to all of which the others get nothing."""
    leave, take = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    leave[:, homes] = (granted_kwh > 0.0) & (proposed_kwh == 0.0)
    take[:, homes] = (granted_kwh == 0.0) & (proposed_kwh > 0.0)
    saved = np.zeros(shape[1])
    saved[homes] = saved_kwh
    return Offer(leave, take, saved)
