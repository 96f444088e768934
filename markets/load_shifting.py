"""Load shifting: other slots for the shiftable loads of a home, so that least energy is lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.slot_choices import Mask, count_choices, try_all
from hmesh.markets.slot_exchange import LEAST_GAIN_KWH, exchange_slots

MOST_CANDIDATES = 50_000

_BATCH = 1024


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

    demand_kwh: FloatArray
    before_kwh: FloatArray
    after_kwh: FloatArray
    exact: Mask

    @property
    def improved(self) -> Mask:
        """Which homes waste less with the new slots, shape (homes,)."""
        better: Mask = self.after_kwh < self.before_kwh
        return better


def shift_loads(
    homes: Homes, demand_kwh: FloatArray, window: Mask, most_candidates: int = MOST_CANDIDATES
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
    found, wasted = try_all(
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
        demand[:, batch], after[batch] = exchange_slots(
            homes.rows(batch), demand_kwh[:, batch], window[:, batch], slot[batch]
        )
    unchanged = after >= before.wasted_kwh
    demand[:, unchanged] = demand_kwh[:, unchanged]
    return ShiftedDay(demand, before.wasted_kwh, after, exact)


def _kinds(
    homes: Homes, demand_kwh: FloatArray, window: Mask
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
