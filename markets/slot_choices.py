"""Load shifting by trying every choice of slots, those of many homes side by side."""

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import settled
from hmesh.markets.home_day import Homes, sum_day

type Mask = NDArray[np.bool_]

# Choices settled side by side: enough that the steps of a day cost more than their calls.
_ROWS = 8192


def count_choices(served: Mask, demand_kwh: FloatArray, window: Mask) -> FloatArray:
    """Return how many choices of slots each home has, shape (homes,).

    Parameters
    ----------
    served : array of bool, shape (steps, homes, loads)
        Slots served without shifting.
    demand_kwh, window : array
        As of `shift_loads`.
    """
    slots, least = window.sum(axis=0), served.sum(axis=0)
    most = np.count_nonzero(demand_kwh > 0.0, axis=0)
    count = np.ones(slots.shape[0])
    for load in range(slots.shape[1]):
        numbers = np.stack([slots[:, load], least[:, load], most[:, load]], axis=1)
        kinds, kind_of = np.unique(numbers, axis=0, return_inverse=True)
        count *= np.array([_choices_of(*kind) for kind in kinds.tolist()])[kind_of]
    return count


@lru_cache(maxsize=4096)
def _choices_of(slots: int, least: int, most: int) -> float:
    if slots == 0:
        return 1.0
    return float(sum(math.comb(slots, chosen) for chosen in range(least, most + 1)))


def try_all(
    homes: Homes,
    demand_kwh: FloatArray,
    window: Mask,
    slot_kwh: FloatArray,
    least: NDArray[np.int_],
) -> tuple[FloatArray, FloatArray]:
    """Return the demand that wastes least of all choices of each home, and what it wastes.

    Choices of all homes are settled side by side. Of those that differ only by rounding the first
    counts; where none is admissible, infinity is wasted.

    Parameters
    ----------
    homes, demand_kwh, window : Homes, array, array of bool
        As of `shift_loads`.
    slot_kwh : array, shape (homes, loads)
        What each load wants in a slot [kWh].
    least : array of int, shape (homes, loads)
        In how many slots each load is served without shifting.
    """
    best, wasted = demand_kwh.copy(), np.full(demand_kwh.shape[1], np.inf)
    choices = [
        _choices(demand_kwh[:, home], window[:, home], least[home]) for home in range(len(wasted))
    ]
    counts = [math.prod(len(mask) for _, mask in of_home) for of_home in choices]
    ends = np.cumsum(counts)
    for begin in range(0, int(ends[-1]) if ends.size else 0, _ROWS):
        row = np.arange(begin, min(begin + _ROWS, int(ends[-1])))
        home = np.searchsorted(ends, row, side="right")
        demand = demand_kwh[:, home]
        shifted = np.zeros((row.size, demand.shape[2]), dtype=np.bool_)
        for h in range(home[0], home[-1] + 1):
            here = slice(*np.searchsorted(home, (h, h + 1)))
            # The choices of the last load change fastest.
            pick = row[here] - (ends[h] - counts[h])
            for load, mask in reversed(choices[h]):
                pick, chosen = np.divmod(pick, len(mask))
                demand[:, here, load] = mask[chosen].T * slot_kwh[h, load]
                shifted[here, load] = True
        sums = sum_day(homes.rows(home), demand)
        good = admissible(sums.served, demand, least[home], shifted)
        found = settled(np.where(good, sums.wasted_kwh, np.inf))
        starts = np.flatnonzero(np.diff(home, prepend=-1))
        lowest = np.minimum.reduceat(found, starts)
        at_lowest = np.flatnonzero(found == np.repeat(lowest, np.diff(starts, append=row.size)))
        k = at_lowest[np.searchsorted(at_lowest, starts)]
        better = np.isfinite(lowest) & (lowest < settled(wasted[home[starts]]))
        k = k[better]
        best[:, home[k]], wasted[home[k]] = demand[:, k], sums.wasted_kwh[k]
    return best, wasted


def _choices(
    demand_kwh: FloatArray, window: Mask, least: NDArray[np.int_]
) -> list[tuple[int, Mask]]:
    """Return the shiftable loads of a home, each with its choices of slots."""
    return [
        (
            load,
            _subsets(
                tuple(np.flatnonzero(window[:, load]).tolist()),
                int(least[load]),
                int(np.count_nonzero(demand_kwh[:, load] > 0.0)),
                len(demand_kwh),
            ),
        )
        for load in np.flatnonzero(window.any(axis=0)).tolist()
    ]


@lru_cache(maxsize=64)
def _subsets(slots: tuple[int, ...], least: int, most: int, steps: int) -> Mask:
    """Return every choice of `least` to `most` slots, shape (choices, steps)."""
    masks = [np.zeros((0, steps), dtype=np.bool_)]
    for count in range(least, most + 1):
        choices = math.comb(len(slots), count)
        chosen = itertools.chain.from_iterable(itertools.combinations(slots, count))
        mask = np.zeros((choices, steps), dtype=np.bool_)
        places = np.fromiter(chosen, np.intp, choices * count).reshape(choices, count)
        mask[np.arange(choices)[:, None], places] = True
        masks.append(mask)
    return np.concatenate(masks)


def admissible(
    served: Mask, demand_kwh: FloatArray, least: NDArray[np.int_], shiftable: Mask
) -> Mask:
    """Return for each home whether all chosen slots are served, and no load less than before."""
    enough: Mask = (served.sum(axis=0) >= least).all(axis=1)
    refused = (demand_kwh > 0.0) & ~served
    enough &= ~(refused & shiftable).any(axis=(0, 2))
    return enough
