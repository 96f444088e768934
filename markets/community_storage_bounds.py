"""What a community's storage could deliver at most: three bounds, each exact for what it relaxes.

From the loosest to the tightest: all households are served and the storage is charged and serves
at once (`most_delivered`, in closed form); at most k are served at once (the same, of the largest
k demands of each slot; `most_delivered_lp` finds both as a linear programme); and the rule of the
source holds by which the storage serves nobody while it is charged (`most_in_turns`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.community_storage import StorageRatings

WH_PER_KWH = 1000.0


def largest_demands_kwh(demand_kwh: FloatArray, dischargers: int) -> FloatArray:
    """Return what the households of the largest demands use together in each slot [kWh].

    Parameters
    ----------
    demand_kwh : array, shape (slots, households)
        Demands; below 0 they count as 0 [kWh].
    dischargers : int
        How many households.

    Returns
    -------
    array, shape (slots,)
    """
    served = np.maximum(demand_kwh, 0.0)
    if dischargers < served.shape[1]:
        served = np.partition(served, -dischargers, axis=1)[:, -dischargers:]
    total: FloatArray = served.sum(axis=1)
    return total


def most_delivered(
    generation_kwh: FloatArray,
    wanted_kwh: FloatArray,
    stored_kwh: float,
    ratings: StorageRatings,
    step_h: float,
) -> float:
    """Return the most that can be delivered where storage is charged and serves at once [kWh].

    Parameters
    ----------
    generation_kwh, wanted_kwh : array, shape (slots,)
        What the plant generates, and what may be served, at least 0 [kWh].
    stored_kwh : float
        What the storage holds at first [kWh].
    ratings : StorageRatings
        What it is able to do, in numbers.
    step_h : float
        Length of a slot [h].

    Notes
    -----
    Energy is worth the same whenever it is delivered, so none is better kept than delivered: the
    store follows Lindley's recursion ``E' = clip(E + PV - D, E_min, E_max)``, and what the lower
    end cuts off is all that is not served.
    """
    rated = float(ratings.power_kw) * step_h
    into = float(ratings.charge_efficiency) * np.minimum(generation_kwh, rated)
    served = np.minimum(wanted_kwh, rated)
    out_of = served / float(ratings.discharge_efficiency)
    least = float(ratings.soc_min * ratings.capacity_kwh)
    most = float(ratings.soc_max * ratings.capacity_kwh)
    held, unserved = stored_kwh, 0.0
    for change in (into - out_of).tolist():
        unserved += max(least - held - change, 0.0)
        held = min(max(held + change, least), most)
    return float(served.sum()) - unserved * float(ratings.discharge_efficiency)


def most_delivered_at_once(
    generation_kwh: FloatArray,
    wanted_kwh: FloatArray,
    stored_kwh: float,
    ratings: StorageRatings,
    step_h: float,
) -> float:
    """Return the most that can be delivered where the plant serves households itself [kWh].

    Parameters
    ----------
    generation_kwh, wanted_kwh, stored_kwh, ratings, step_h : array, array, float, StorageRatings, \
    float
        As in `most_delivered`; generation under a sky that is not bright counts as none.

    Notes
    -----
    What the plant gives households in the same slot passes no store: it loses nothing and takes
    nothing of the rating, so that none of it is better kept. `most_delivered` bounds the rest.
    """
    at_once = np.minimum(generation_kwh, wanted_kwh)
    left = most_delivered(
        generation_kwh - at_once, wanted_kwh - at_once, stored_kwh, ratings, step_h
    )
    return float(at_once.sum()) + left


def most_delivered_lp(
    generation_kwh: FloatArray,
    demand_kwh: FloatArray,
    stored_kwh: float,
    ratings: StorageRatings,
    step_h: float,
    dischargers: int | None = None,
) -> float:
    """Return the most that can be delivered where storage is charged and serves at once [kWh].

    Found as a linear programme with a variable for each household and slot.

    Parameters
    ----------
    generation_kwh : array, shape (slots,)
        What the plant generates [kWh].
    demand_kwh : array, shape (slots, households)
        Demands, at least 0 [kWh].
    stored_kwh, ratings, step_h : float, StorageRatings, float
        As in `most_delivered`.
    dischargers : int or None
        How many households may be served at once, a household served in part counting in part;
        None for all.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    slots, households = demand_kwh.shape
    rated = float(ratings.power_kw) * step_h
    # The variables: charge of each slot, what is stored after it, and each household's energy.
    at_slot = sparse.identity(slots, format="csr")
    each_slot = sparse.kron(at_slot, np.ones((1, households)), format="csr")
    before = sparse.diags([1.0, -1.0], [0, -1], shape=(slots, slots), format="csr")
    balance = sparse.hstack(
        [
            -float(ratings.charge_efficiency) * at_slot,
            before,
            each_slot / float(ratings.discharge_efficiency),
        ]
    )
    start = np.zeros(slots)
    start[0] = stored_kwh
    limits: list[Any] = []
    room: list[FloatArray] = []
    nothing = sparse.csr_matrix((slots, 2 * slots))
    if np.isfinite(rated):
        limits.append(sparse.hstack([nothing, each_slot]))
        room.append(np.full(slots, rated))
    if dischargers is not None:
        share = np.divide(1.0, demand_kwh, out=np.zeros_like(demand_kwh), where=demand_kwh > 0)
        limits.append(sparse.hstack([nothing, each_slot.multiply(share.ravel())]))
        room.append(np.full(slots, float(dischargers)))
    size = float(ratings.capacity_kwh)
    bounds = [
        *((0.0, most) for most in np.minimum(generation_kwh, rated)),
        *((ratings.soc_min * size, ratings.soc_max * size) for _ in range(slots)),
        *((0.0, most) for most in demand_kwh.ravel()),
    ]
    found = linprog(
        np.concatenate([np.zeros(2 * slots), -np.ones(slots * households)]),
        A_eq=balance,
        b_eq=start,
        A_ub=sparse.vstack(limits) if limits else None,
        b_ub=np.concatenate(room) if room else None,
        bounds=bounds,
        method="highs",
    )
    if found.status != 0:
        raise RuntimeError(f"the linear programme was not solved: {found.message}")
    return -float(found.fun)


def most_in_turns(
    generation_kwh: FloatArray,
    bright: NDArray[np.bool_],
    wanted_kwh: FloatArray,
    stored_kwh: float,
    ratings: StorageRatings,
    step_h: float,
    parts_per_kwh: float = WH_PER_KWH,
) -> float:
    """Return the most that can be delivered where a storage that is charged serves nobody [kWh].

    Parameters
    ----------
    generation_kwh, bright : array, shape (slots,)
        What the plant generates [kWh], and whether it is enough to charge. The storage is charged
        whenever it is and there is room.
    wanted_kwh : array, shape (slots,)
        What may be served, as `largest_demands_kwh` gives it [kWh].
    stored_kwh, ratings, step_h : float, StorageRatings, float
        As in `most_delivered`.
    parts_per_kwh : float
        Into how many parts a kWh is divided. Energies are rounded to whole parts of what is
        stored, so that the result may be off by one part in every slot.

    Notes
    -----
    A dynamic programme over the energy stored. Serving less may be better: a storage that is not
    full is charged, and serves nobody, when the sky is bright.
    """
    from scipy.ndimage import maximum_filter1d

    rated = float(ratings.power_kw) * step_h

    def parts(energy_kwh: Any) -> Any:
        return np.rint(np.asarray(energy_kwh) * parts_per_kwh).astype(np.int64)

    least = int(parts(ratings.soc_min * ratings.capacity_kwh))
    most = int(parts(ratings.soc_max * ratings.capacity_kwh))
    into = parts(float(ratings.charge_efficiency) * np.minimum(generation_kwh, rated))
    out_of = parts(np.minimum(wanted_kwh, rated) / float(ratings.discharge_efficiency))
    # Above its limits a storage only gives, below them it only takes: the grid covers both.
    begin = int(parts(stored_kwh))
    low, high = min(least, begin), max(most, begin)
    held = np.arange(low, high + 1)
    worth = np.zeros(len(held))
    for slot in reversed(range(len(into))):
        # Serving leaves any content from what is held down to the lower limit.
        left = np.where(held >= least, worth - held, -np.inf)
        window = min(int(out_of[slot]) + 1, len(held))
        best = maximum_filter1d(
            left, window, mode="constant", cval=-np.inf, origin=(window - 1) // 2
        )
        worth_after = np.where(held > least, held + best, worth)
        if bright[slot]:
            taken = np.maximum(np.minimum(held + into[slot], most), held)
            worth_after = np.where(held < most, worth[taken - low], worth_after)
        worth = worth_after
    return float(worth[begin - low]) / parts_per_kwh * float(ratings.discharge_efficiency)
