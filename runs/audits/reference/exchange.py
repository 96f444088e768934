"""Energy from the battery of one building for another: who gives and takes, and the least of it."""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from hmesh.runs.audits.reference.arrays import FloatArray

# What rounding leaves of nothing [kWh].
_DUST_KWH = 1e-9


def exchanged(
    set_kwh: FloatArray, load_kwh: FloatArray, line_loss_rate: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what batteries give that serve their own building first, eqs. (7), (9) and (13).

    Parameters
    ----------
    set_kwh, load_kwh : array, shape (buildings,)
        What each battery is set to give, and load of its building [kWh].
    line_loss_rate : float
        Share of what is sent that a line loses [-].

    Returns
    -------
    own, sent, received, unplaced : array, shape (buildings,)
        To the own building, to others, from others, and what nobody needs [kWh]. The largest
        surplus goes to the largest need, ties by number.
    """
    own = np.minimum(set_kwh, np.maximum(load_kwh, 0.0))
    surplus, need = set_kwh - own, np.maximum(load_kwh, 0.0) - own
    sent, received, unplaced = np.zeros((3, len(own)))
    givers = sorted(np.flatnonzero(surplus > _DUST_KWH).tolist(), key=lambda b: -surplus[b])
    takers = sorted(np.flatnonzero(need > _DUST_KWH).tolist(), key=lambda b: -need[b])
    open_kwh = {taker: need[taker] / (1 - line_loss_rate) for taker in takers}
    for giver in givers:
        left = surplus[giver]
        for taker in takers:
            flow = min(left, open_kwh[taker])
            left, open_kwh[taker] = left - flow, open_kwh[taker] - flow
            sent[giver] += flow
            received[taker] += (1 - line_loss_rate) * flow
        unplaced[giver] = left
    return own, sent, received, unplaced


def least_exchanged(
    load_kwh: FloatArray, total_kwh: FloatArray, most_kwh: FloatArray, energy_kwh: FloatArray
) -> float:
    """Return the least energy that leaves batteries for other buildings on a day [kWh].

    Parameters
    ----------
    load_kwh : array, shape (buildings, steps)
        Load of each building while batteries discharge [kWh].
    total_kwh : array, shape (steps,)
        What all batteries give together [kWh].
    most_kwh, energy_kwh : array, shape (buildings,)
        What each may give in a step, and on the day [kWh].

    Notes
    -----
    A programme in what each gives to its own building, no more than its load, and to others.
    """
    buildings, steps = load_kwh.shape
    count = buildings * steps
    flow = np.arange(count)
    of_building, of_step = flow // steps, flow % steps
    one = np.ones(2 * count)
    both = np.concatenate([flow, flow + count])
    in_step = coo_array((one, (np.tile(of_step, 2), both)), shape=(steps, 2 * count))
    on_day = coo_array((one, (np.tile(of_building, 2), both)), shape=(buildings, 2 * count))
    rated = coo_array((one, (np.tile(flow, 2), both)), shape=(count, 2 * count))
    found = linprog(
        np.concatenate([np.zeros(count), np.ones(count)]),
        A_ub=vstack([on_day, rated]),
        b_ub=np.concatenate([energy_kwh, np.repeat(most_kwh, steps)]),
        A_eq=in_step,
        b_eq=total_kwh,
        bounds=[*((0.0, load) for load in load_kwh.ravel()), *([(0.0, None)] * count)],
    )
    return float(found.fun) if found.success else np.inf
