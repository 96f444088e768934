"""Load shifting by local search: slots exchanged or added one by one, the most saving first."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import settled
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.power_flow_assignment import TOLERANCE_KWH, unbounded_exchange
from hmesh.markets.slot_choices import Mask, admissible

# Less than this is no improvement: a milliwatt-hour.
LEAST_GAIN_KWH = 1e-6


def exchange_slots(
    homes: Homes, demand_kwh: FloatArray, window: Mask, slot_kwh: FloatArray
) -> tuple[FloatArray, FloatArray]:
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
        good = admissible(sums.served, trial, least[active], shiftable[active])
        good &= sums.wasted_kwh < wasted[active] - LEAST_GAIN_KWH
        moved = active[good]
        demand[:, moved], wasted[moved] = trial[:, good], sums.wasted_kwh[good]
        energy[:, moved], served[:, moved] = sums.energy_kwh[:, good], sums.served[:, good]
        tried[moved] = False
    return demand, wasted


def _best_move(
    homes: Homes,
    demand_kwh: FloatArray,
    served: Mask,
    energy_kwh: FloatArray,
    window: Mask,
    slot_kwh: FloatArray,
    most: NDArray[np.int_],
    tried: Mask,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], FloatArray]:
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


def _bearable(usable_kwh: FloatArray, gained_kwh: FloatArray) -> Mask:
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


def _hourly(homes: Homes, used_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
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
