"""Load shifting: other slots for the shiftable loads of a home, so that least energy is lost."""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import settled
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.power_flow_assignment import TOLERANCE_KWH, unbounded_exchange

type Energies = NDArray[np.float64]
type Mask = NDArray[np.bool_]

# Less than this is no improvement: a milliwatt-hour.
LEAST_GAIN_KWH = 1e-6
MOST_CANDIDATES = 50_000

_BATCH = 1024
# Choices settled side by side: enough that the steps of a day cost more than their calls.
_ROWS = 8192


@dataclass(frozen=True, slots=True)
class ShiftedDay:
    """What load shifting found for many homes.

    Attributes
    ----------
    demand_kwh : array, shape (steps, homes, loads)
        Demand with the new slots; that of homes without improvement as it was [kWh].
    before_kwh, after_kwh : array, shape (homes,)
        What is wasted, losses and curtailment, without and with the new slots [kWh].
    exact : array of bool, shape (homes,)
        Where every choice of slots was tried.
    """

    demand_kwh: Energies
    before_kwh: NDArray[np.float64]
    after_kwh: NDArray[np.float64]
    exact: Mask

    @property
    def improved(self) -> Mask:
        """Which homes waste less with the new slots, shape (homes,)."""
        better: Mask = self.after_kwh < self.before_kwh
        return better


def shift_loads(
    homes: Homes, demand_kwh: Energies, window: Mask, most_candidates: int = MOST_CANDIDATES
) -> ShiftedDay:
    """Choose the slots of shiftable loads so that least energy is wasted.

    A choice is admissible if every slot chosen is served, no load is served in fewer slots than
    without shifting, none in more than it wanted, and shiftable loads only within their windows.
    Where a home has at most `most_candidates` choices all of them are tried; elsewhere slots are
    exchanged or added one by one, the most saving first, until no such move saves anything.

    Parameters
    ----------
    homes : Homes
        The homes, with an assignment of multiple power flow.
    demand_kwh : array, shape (steps, homes, loads)
        What each load wants; the same in each slot that a shiftable load wants [kWh].
    window : array of bool, shape (steps, homes, loads)
        Slots that a shiftable load may take, at least those it wants; none for other loads.
    most_candidates : int, optional
        Up to how many choices all are tried.

    Raises
    ------
    ValueError
        If the assignment is a single power flow: it gives a load no other generator to wait for.

    Notes
    -----
    Source: Designs 2024, 8, 11, and eNMES thesis, section 3.5.5. Losses of a multiple power flow
    are ``(1 - eta) (G - L) + (1 / eta - eta) D``: with the same energy served, the slots with the
    smallest lack ``D`` lose least, and an added slot saves only if its lack is less than
    ``eta / (1 + eta)`` of the load.
    """
    if homes.assignment not in ("mpfa_sg", "mpfa_mg"):
        raise ValueError(f"loads are shifted in a multiple power flow, not in {homes.assignment}")
    first, same_as = _kinds(homes, demand_kwh, window)
    if first.size < same_as.size:
        kinds = shift_loads(
            homes.rows(first), demand_kwh[:, first], window[:, first], most_candidates
        )
        return ShiftedDay(
            kinds.demand_kwh[:, same_as],
            kinds.before_kwh[same_as],
            kinds.after_kwh[same_as],
            kinds.exact[same_as],
        )
    before = sum_day(homes, demand_kwh)
    shiftable = window.any(axis=0)
    demand = np.where(shiftable & ~before.served, 0.0, demand_kwh)
    after = before.wasted_kwh.copy()
    exact = count_choices(before.served, demand_kwh, window) <= most_candidates
    slot = demand_kwh.max(axis=0)
    tried = np.flatnonzero(exact & shiftable.any(axis=1))
    found, wasted = _try_all(
        homes.rows(tried),
        demand_kwh[:, tried],
        window[:, tried],
        slot[tried],
        before.served.sum(axis=0)[tried],
    )
    better = wasted < after[tried] - LEAST_GAIN_KWH
    demand[:, tried[better]], after[tried[better]] = found[:, better], wasted[better]
    searched = np.flatnonzero(~exact)
    for begin in range(0, searched.size, _BATCH):
        batch = searched[begin : begin + _BATCH]
        demand[:, batch], after[batch] = _exchange_slots(
            homes.rows(batch), demand_kwh[:, batch], window[:, batch], slot[batch]
        )
    unchanged = after >= before.wasted_kwh
    demand[:, unchanged] = demand_kwh[:, unchanged]
    return ShiftedDay(demand, before.wasted_kwh, after, exact)


def _kinds(
    homes: Homes, demand_kwh: Energies, window: Mask
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first home of each kind, and the kind of each home; homes of a kind are equal."""
    bank = homes.bank
    count = len(homes.energy_kwh)
    columns = [
        homes.generation_kwh.transpose(1, 0, 2).reshape(count, -1),
        demand_kwh.transpose(1, 0, 2).reshape(count, -1),
        window.transpose(1, 0, 2).reshape(count, -1),
        homes.energy_kwh,
        *(getattr(bank, name) for name in bank.__dataclass_fields__),
    ]
    # Equal bits, and not equal numbers: 0.0 and -0.0 need not be the same.
    rows = np.ascontiguousarray(np.concatenate(columns, axis=1, dtype=np.float64))
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first, kind_of = np.unique(keys, return_index=True, return_inverse=True)
    # In the order of the homes, so that what is searched in batches is searched in the same ones.
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return first[order], place[kind_of]


def count_choices(served: Mask, demand_kwh: Energies, window: Mask) -> NDArray[np.float64]:
    """Return how many choices of slots each home has, shape (homes,).

    Parameters
    ----------
    served : array of bool, shape (steps, homes, loads)
        Slots served without shifting.
    demand_kwh, window
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


def _try_all(
    homes: Homes,
    demand_kwh: Energies,
    window: Mask,
    slot_kwh: Energies,
    least: NDArray[np.int_],
) -> tuple[Energies, NDArray[np.float64]]:
    """Return the demand that wastes least of all choices of each home, and what it wastes.

    Choices of all homes are settled side by side. Of those that differ only by rounding the first
    counts; where none is admissible, infinity is wasted.

    Parameters
    ----------
    homes, demand_kwh, window
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
        good = _admissible(sums.served, demand, least[home], shifted)
        found = settled(np.where(good, sums.wasted_kwh, np.inf))
        starts = np.flatnonzero(np.diff(home, prepend=-1))
        lowest = np.minimum.reduceat(found, starts)
        at_lowest = np.flatnonzero(found == np.repeat(lowest, np.diff(starts, append=row.size)))
        k = at_lowest[np.searchsorted(at_lowest, starts)]
        better = np.isfinite(lowest) & (lowest < settled(wasted[home[starts]]))
        k = k[better]
        best[:, home[k]], wasted[home[k]] = demand[:, k], sums.wasted_kwh[k]
    return best, wasted


def _choices(demand_kwh: Energies, window: Mask, least: NDArray[np.int_]) -> list[tuple[int, Mask]]:
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
    masks = []
    for count in range(least, most + 1):
        choices = math.comb(len(slots), count)
        chosen = itertools.chain.from_iterable(itertools.combinations(slots, count))
        mask = np.zeros((choices, steps), dtype=np.bool_)
        places = np.fromiter(chosen, np.intp, choices * count).reshape(choices, count)
        mask[np.arange(choices)[:, None], places] = True
        masks.append(mask)
    return np.concatenate(masks)


def _admissible(
    served: Mask, demand_kwh: Energies, least: NDArray[np.int_], shiftable: Mask
) -> Mask:
    """Return for each home whether all chosen slots are served, and no load less than before."""
    enough: Mask = (served.sum(axis=0) >= least).all(axis=1)
    refused = (demand_kwh > 0.0) & ~served
    enough &= ~(refused & shiftable).any(axis=(0, 2))
    return enough


def _exchange_slots(
    homes: Homes, demand_kwh: Energies, window: Mask, slot_kwh: Energies
) -> tuple[Energies, NDArray[np.float64]]:
    """Exchange and add slots one by one; return the demand, and what each home wastes with it."""
    steps, count, loads = demand_kwh.shape
    before = sum_day(homes, demand_kwh)
    least = before.served.sum(axis=0)
    most = np.count_nonzero(demand_kwh > 0.0, axis=0)
    shiftable = window.any(axis=0)
    demand = np.where(shiftable & ~before.served, 0.0, demand_kwh)
    wasted = before.wasted_kwh.copy()
    energy, served = before.energy_kwh, before.served
    # For each home, load, slot left (the last row: none) and slot taken.
    tried = np.zeros((count, loads, steps + 1, steps), dtype=np.bool_)
    active = np.arange(count)
    while active.size:
        load, leave, take, saved = _best_move(
            homes.rows(active),
            demand[:, active],
            served[:, active],
            energy[:, active],
            window[:, active],
            slot_kwh[active],
            most[active],
            tried[active],
        )
        worth = saved > LEAST_GAIN_KWH
        active, load, leave, take = active[worth], load[worth], leave[worth], take[worth]
        if active.size == 0:
            break
        tried[active, load, leave, take] = True
        trial = demand[:, active]
        row = np.arange(active.size)
        leaves = leave < steps
        trial[leave[leaves], row[leaves], load[leaves]] = 0.0
        trial[take, row, load] = slot_kwh[active, load]
        sums = sum_day(homes.rows(active), trial)
        good = _admissible(sums.served, trial, least[active], shiftable[active])
        good &= sums.wasted_kwh < wasted[active] - LEAST_GAIN_KWH
        moved = active[good]
        demand[:, moved], wasted[moved] = trial[:, good], sums.wasted_kwh[good]
        energy[:, moved], served[:, moved] = sums.energy_kwh[:, good], sums.served[:, good]
        tried[moved] = False
    return demand, wasted


def _best_move(
    homes: Homes,
    demand_kwh: Energies,
    served: Mask,
    energy_kwh: Energies,
    window: Mask,
    slot_kwh: Energies,
    most: NDArray[np.int_],
    tried: Mask,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return each home's most saving move: load, slot left, slot taken, and what it would save.

    What a move saves and whether the storages bear it are stated for loads that otherwise keep
    their slots.
    """
    steps, count, _ = demand_kwh.shape
    used = np.where(served, demand_kwh, 0.0)
    best = np.full(count, -np.inf)
    which = np.zeros((3, count), dtype=np.intp)
    least_kwh = homes.bank.soc_min * homes.bank.capacity_kwh
    usable = (energy_kwh[1:] - least_kwh).transpose(2, 1, 0)
    loss, stored = _hourly(homes, used)
    for load in np.flatnonzero(window.any(axis=(0, 1))):
        on = (demand_kwh[:, :, load] > 0.0).T
        toggled = used.copy()
        toggled[:, :, load] = np.where(on.T, 0.0, slot_kwh[:, load])
        loss_then, stored_then = _hourly(homes, toggled)
        saved, gained = (loss - loss_then).T, (stored_then - stored).transpose(2, 1, 0)
        free = window[:, :, load].T & ~on
        may = np.empty((count, steps + 1, steps), dtype=np.bool_)
        may[:, :steps] = on[:, :, None] & free[:, None, :]
        more = on.sum(axis=1) < most[:, load]
        may[:, steps] = free & more[:, None]
        may &= ~tried[:, load]
        total = np.empty((count, steps + 1, steps))
        total[:, :steps] = saved[:, :, None] + saved[:, None, :]
        total[:, steps] = saved
        may &= total > LEAST_GAIN_KWH
        for s in range(homes.layout.storages):
            may &= _bearable(usable[s], gained[s])
        total[~may] = -np.inf
        flat = total.reshape(count, -1)
        k = settled(flat).argmax(axis=1)
        found = flat[np.arange(count), k]
        better = settled(found) > settled(best)
        best[better] = found[better]
        leave, take = np.divmod(k, steps)
        which[:, better] = np.stack([np.full(count, load), leave, take])[:, better]
    return which[0], which[1], which[2], best


def _bearable(usable_kwh: Energies, gained_kwh: Energies) -> Mask:
    """Return which moves leave a storage enough after every step.

    Parameters
    ----------
    usable_kwh : array, shape (homes, steps)
        Usable energy after each step [kWh].
    gained_kwh : array, shape (homes, steps)
        What the storage gains when the load's slot at that step is switched over [kWh].

    Returns
    -------
    array of bool, shape (homes, steps + 1, steps)
        For each slot left (the last row: none) and slot taken.
    """
    count, steps = usable_kwh.shape
    # The least usable energy from a step on, and from slot j up to just before slot i.
    rest = np.minimum.accumulate(usable_kwh[:, ::-1], axis=1)[:, ::-1]
    place = np.arange(steps)
    later = np.maximum(place[:, None], place[None, :])
    bearable = np.empty((count, steps + 1, steps), dtype=np.bool_)
    need = -gained_kwh - TOLERANCE_KWH
    bearable[:, steps] = rest >= need
    bearable[:, :steps] = rest[:, later] + gained_kwh[:, :, None] >= need[:, None, :]
    for j in range(steps - 1):
        between = np.minimum.accumulate(usable_kwh[:, j:-1], axis=1)
        bearable[:, j + 1 : steps, j] &= between >= need[:, j, None]
    return bearable


def _hourly(homes: Homes, used_kwh: Energies) -> tuple[Energies, Energies]:
    """Return what each step loses, and what it adds to each storage, if none meets its limits.

    Returns
    -------
    losses_kwh : array, shape (steps, homes)
        Losses of all storages [kWh].
    stored_kwh : array, shape (steps, homes, storages)
        Change of the stored energy [kWh].
    """
    steps, count, loads = used_kwh.shape
    charge, discharge = (
        flow.reshape(steps, count, -1)
        for flow in unbounded_exchange(
            homes.assignment,
            homes.layout,
            homes.generation_kwh.reshape(steps * count, -1),
            used_kwh.reshape(steps * count, loads),
        )
    )
    losses = homes.bank.losses_kwh(charge, discharge).sum(axis=2)
    bank = homes.bank
    stored = charge * bank.charge_efficiency - discharge / bank.discharge_efficiency
    return losses, stored
