"""How much of their demand a community's storage may serve over a horizon: alpha step by step.

The plan of a horizon is simulated for alpha = 1, 2, 3, ... until it brings no more. The
source calls a run with alpha = 1 normal and one with the last alpha optimal, it seems; it defines
neither. Source: ICT Express, 2022, equations (38) to (42).
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged
from hmesh.markets.community_storage import (
    Sharing,
    SlotExchange,
    StorageRatings,
    allowance_kwh,
    allowances_together_kwh,
    exchange,
)

type StopWhen = Literal["left", "delivered"]

TOLERANCE_KWH = 1e-3
# How many alphas are tried at once, at first and at most.
FIRST, AT_ONCE = 8, 64
# Of those served, each with every alpha tried at once: what the processor keeps near itself.
MOST_NUMBERS = 2**16
# Where more are served at once, what they may draw is added up by the corners of their allowances,
# of which any number of alphas is tried in nearly the time of one.
ADDED_BY_CORNERS, AT_ONCE_BY_CORNERS = 256, 1024
MOST_ALPHA = 4096


@dataclass(frozen=True, slots=True)
class Horizon:
    """What one storage and its households meet, or expect to meet, over some slots.

    Attributes
    ----------
    generation_kwh : array
        What the plant generates in each slot, shape (slots,) [kWh].
    bright : array of bool
        Whether that is enough to charge, shape (slots,).
    demand_kwh : array
        Demand of every household, shape (slots, households) [kWh].
    served : array of int
        Rows of the households that may draw in each slot, in their order, -1 where nobody does,
        shape (slots, k); as `served_first` gives it.
    least_kwh : array
        Least demand seen in the same slot of a day, shape (slots, households) [kWh].
    most_kwh : array
        Highest demand seen, shape (households,) [kWh].
    step_h : float
        Length of a slot [h].
    """

    generation_kwh: FloatArray
    bright: NDArray[np.bool_]
    demand_kwh: FloatArray
    served: NDArray[np.intp]
    least_kwh: FloatArray
    most_kwh: FloatArray
    step_h: float

    @property
    def slots(self) -> int:
        """How many slots it has."""
        return len(self.generation_kwh)

    def allowed_kwh(self, slot: int, weights: FloatArray) -> FloatArray:
        """Return what those served in a slot may draw with each weight, (weights, k) [kWh]."""
        served = self.served[slot]
        allowed = allowance_kwh(
            self.demand_kwh[slot, served],
            self.least_kwh[slot, served],
            self.most_kwh[served],
            weights[:, None],
        )
        there = served >= 0
        return allowed if there.all() else np.where(there, allowed, 0.0)

    def allowed_together_kwh(self, slot: int, weights: FloatArray) -> FloatArray:
        """Return what those served may draw together with each weight, (weights, 1) [kWh]."""
        served = self.served[slot]
        served = served[served >= 0]
        together = allowances_together_kwh(
            self.demand_kwh[slot, served],
            self.least_kwh[slot, served],
            self.most_kwh[served],
            weights,
        )
        return together[:, None]


@dataclass(frozen=True, slots=True)
class Course:
    """What a storage does over a horizon, once for every weight.

    Attributes
    ----------
    stored_kwh : array
        What it holds before each slot and at the end, shape (slots + 1, weights) [kWh].
    charge_kwh, spilled_kwh : array
        What it takes in of the generation, and what is lost, shape (slots, weights) [kWh].
    discharge_kwh : array
        What those served get, in their order, shape (slots, weights, k) [kWh].
    """

    stored_kwh: FloatArray
    charge_kwh: FloatArray
    spilled_kwh: FloatArray
    discharge_kwh: FloatArray

    def of_households(self, horizon: Horizon) -> FloatArray:
        """Return what every household gets, shape (slots, weights, households) [kWh]."""
        slots, weights, _ = self.discharge_kwh.shape
        each = np.zeros((slots, weights, horizon.demand_kwh.shape[1]))
        slot, place = np.nonzero(horizon.served >= 0)
        each[slot, :, horizon.served[slot, place]] = self.discharge_kwh[slot, :, place]
        return each

    @property
    def delivered_kwh(self) -> FloatArray:
        """What all households get together, shape (weights,) [kWh]."""
        delivered: FloatArray = self.discharge_kwh.sum(axis=(0, 2))
        return delivered


def simulate_horizon(
    horizon: Horizon,
    stored_kwh: float,
    ratings: StorageRatings,
    weights: FloatArray,
    sharing: Sharing = "priority",
    *,
    serves_while_charging: bool = False,
) -> Course:
    """Return what a storage does over a horizon with each of some weights.

    Parameters
    ----------
    horizon : Horizon
        What it meets.
    stored_kwh : float
        What it holds at first [kWh].
    ratings : StorageRatings
        What it is able to do, in numbers.
    weights : array, shape (weights,)
        Weights 1 / alpha of the least demand, 0..1; 0 serves all demand.
    sharing : {"priority", "proportional"}
        Who is served where the energy is short.
    serves_while_charging : bool, optional
        As in `hmesh.markets.community_storage.exchange`.
    """
    slots, count = horizon.slots, len(weights)
    charge, spilled = np.empty((slots, count)), np.empty((slots, count))
    discharge = np.empty((slots, count, horizon.served.shape[1]))
    stored = np.full((slots + 1, count), stored_kwh)
    for slot, done, _ in _slot_by_slot(
        horizon,
        functools.partial(horizon.allowed_kwh, weights=weights),
        stored, ratings, sharing, serves_while_charging=serves_while_charging,
    ):  # fmt: skip
        charge[slot], spilled[slot] = done.charge_kwh, done.spilled_kwh
        discharge[slot] = done.discharge_kwh
    return Course(stored, charge, spilled, discharge)


def _slot_by_slot(
    horizon: Horizon,
    allowed_kwh: Callable[[int], FloatArray],
    stored: FloatArray,
    ratings: StorageRatings,
    sharing: Sharing,
    *,
    serves_while_charging: bool,
) -> Iterator[tuple[int, SlotExchange, FloatArray]]:
    """Yield each slot, what is done in it and what is delivered, (weights,) [kWh].

    What those served may draw in a slot is given by its number, (weights, k) or, for all of them
    together, (weights, 1) [kWh]. What is stored before each slot, of shape (slots + 1, weights), is
    written from the second row on [kWh].
    """
    for slot in range(horizon.slots):
        done = exchange(
            stored[slot], horizon.generation_kwh[slot], horizon.bright[slot],
            allowed_kwh(slot), ratings, horizon.step_h, sharing,
            serves_while_charging=serves_while_charging,
        )  # fmt: skip
        delivered = done.discharge_kwh.sum(axis=-1)
        stored[slot + 1] = charged(
            stored[slot],
            done.charge_kwh - delivered,
            ratings.charge_efficiency,
            ratings.discharge_efficiency,
        )
        yield slot, done, delivered


@dataclass(frozen=True, slots=True)
class Iterations:
    """The result of each alpha, up to the one that was taken.

    Attributes
    ----------
    alpha : array of int
        Whole numbers from 1 on, shape (iterations,).
    delivered_kwh, final_kwh : array
        What households would get, and what would be left at the end, of the shape of `alpha` [kWh].
    stored_kwh : array
        What the storage would hold before each slot and at the end, shape (slots + 1, iterations)
        [kWh].
    chosen : int
        The alpha that is taken.
    settled : bool
        Whether the iteration converged before the highest alpha that is tried.
    """

    alpha: NDArray[np.int64]
    delivered_kwh: FloatArray
    final_kwh: FloatArray
    stored_kwh: FloatArray
    chosen: int
    settled: bool


def iterate_allowance(
    horizon: Horizon,
    stored_kwh: float,
    ratings: StorageRatings,
    sharing: Sharing = "priority",
    stop_when: StopWhen = "left",
    tolerance_kwh: float = TOLERANCE_KWH,
    most_alpha: int = MOST_ALPHA,
    *,
    serves_while_charging: bool = False,
) -> Iterations:
    """Raise alpha until it brings no more.

    Parameters
    ----------
    horizon, stored_kwh, ratings, sharing : Horizon, float, StorageRatings, str
        As in `simulate_horizon`.
    stop_when : {"left", "delivered"}
        Whether to stop as soon as the energy left at the end changes by less than the tolerance,
        as equation (42) suggests, or the energy delivered. They differ where the sun fills the
        storage at the end of the horizon whatever was served.
    tolerance_kwh : float
        Change that counts as none [kWh].
    most_alpha : int
        Highest alpha that is tried.
    serves_while_charging : bool, optional
        As in `simulate_horizon`.

    Notes
    -----
    A larger alpha may deliver a little less: what is served before sunrise decides which slots
    charge. That does not end the iteration, for it would leave alpha near 6 where it settles near
    40.
    """
    delivered, stored = np.empty(0), np.empty((horizon.slots + 1, 0))
    done = 0
    # Many are tried at once, and those after the last one wanted are thrown away. Of what single
    # households get only the sum of a slot is kept, which no rule of sharing changes.
    at_most = horizon.served.shape[1]
    together = at_most > ADDED_BY_CORNERS
    allowed = horizon.allowed_together_kwh if together else horizon.allowed_kwh
    most_at_once = (
        AT_ONCE_BY_CORNERS if together else min(max(MOST_NUMBERS // max(at_most, 1), 1), AT_ONCE)
    )
    at_once = most_at_once if together else min(FIRST, most_at_once)
    while True:
        alpha = np.arange(done + 1, min(done + at_once, most_alpha) + 1)
        held = np.full((horizon.slots + 1, len(alpha)), stored_kwh)
        given = np.zeros(len(alpha))
        for _, _, of_slot in _slot_by_slot(
            horizon, functools.partial(allowed, weights=1.0 / alpha), held, ratings, sharing,
            serves_while_charging=serves_while_charging,
        ):  # fmt: skip
            given += of_slot
        done = int(alpha[-1])
        delivered = np.concatenate([delivered, given])
        stored = np.concatenate([stored, held], axis=1)
        final = stored[-1]
        changes = np.abs(np.diff(final if stop_when == "left" else delivered))
        stops = np.flatnonzero(changes < tolerance_kwh)
        if len(stops) or done == most_alpha:
            break
        at_once = min(2 * at_once, most_at_once)
    last = int(stops[0]) + 2 if len(stops) else done
    rows = slice(last)
    return Iterations(
        np.arange(1, last + 1),
        delivered[rows],
        final[rows],
        stored[:, rows],
        chosen=last,
        settled=len(stops) > 0,
    )
