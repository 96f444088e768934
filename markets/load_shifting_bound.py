"""How much energy a home wastes at least, however its loads are shifted."""

import itertools

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.power_flow_assignment import unbounded_exchange
from hmesh.markets.slot_choices import Mask

MOST_AVAILABLE = 12
MOST_NODES = 10_000


def least_waste(
    home: Homes, demand_kwh: FloatArray, window: Mask, most_nodes: int = MOST_NODES
) -> float:
    """Return a lower bound of what one home wastes under any admissible choice of slots.

    A mixed-integer programme chooses a set of loads for every step, of those that may be on. It
    allows more than `shift_loads`: an inelastic load may be refused although it could be met,
    storages have no rating, and shared ones are one storage with the best of their efficiencies. So
    no choice wastes less than its bound.

    Parameters
    ----------
    home : Homes
        One home, with an assignment of multiple power flow.
    demand_kwh : array, shape (steps, 1, loads)
        What each load wants [kWh].
    window : array of bool, shape (steps, 1, loads)
        Slots that a shiftable load may take; none for other loads.
    most_nodes : int, optional
        Nodes of the search tree after which the bound known by then is returned.

    Returns
    -------
    float
        Losses and curtailment at least [kWh]. 0 if in some step more than `MOST_AVAILABLE`
        loads may be on.

    Raises
    ------
    RuntimeError
        If the solver fails.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    steps, _, loads = demand_kwh.shape
    slot = demand_kwh[:, 0].max(axis=0)
    available = np.where(window[:, 0], slot > 0.0, demand_kwh[:, 0] > 0.0)
    if int(available.sum(axis=1).max()) > MOST_AVAILABLE:
        return 0.0
    which, on = _loads_on(available)
    wanted = np.where(window[:, 0].any(axis=0), slot, demand_kwh[:, 0][which]) * on
    loss, stored = _exchange(home, home.generation_kwh[which, 0], wanted)
    storages = stored.shape[1]
    served = sum_day(home, demand_kwh).served[:, 0].sum(axis=0)
    most = np.count_nonzero(demand_kwh[:, 0] > 0.0, axis=0)

    # Variables: each set of loads on, then what each storage curtails, then what it holds.
    sets, flows = len(which), steps * storages
    size = sets + 2 * flows
    cost = np.concatenate([loss, np.ones(flows), np.zeros(flows)])
    rows, columns, values = [which], [np.arange(sets)], [np.ones(sets)]
    for load in range(loads):
        rows.append(np.full(sets, steps + load))
        columns.append(np.arange(sets))
        values.append(on[:, load].astype(np.float64))
    first = steps + loads
    for s in range(storages):
        place = first + s * steps + np.arange(steps)
        holds = sets + flows + s * steps + np.arange(steps)
        rows += [place[which], place, place, place[1:]]
        columns += [np.arange(sets), sets + s * steps + np.arange(steps), holds, holds[:-1]]
        values += [stored[:, s], -np.ones(steps), -np.ones(steps), np.ones(steps - 1)]
    matrix = csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(first + flows, size),
    )
    start, room = _usable(home)
    begins = np.zeros((storages, steps))
    begins[:, 0] = -start
    found = milp(
        cost,
        integrality=np.concatenate([np.ones(sets), np.zeros(2 * flows)]),
        bounds=Bounds(
            np.zeros(size),
            np.concatenate([np.ones(sets), np.full(flows, np.inf), np.repeat(room, steps)]),
        ),
        constraints=LinearConstraint(
            matrix,
            np.concatenate([np.ones(steps), served, begins.ravel()]),
            np.concatenate([np.ones(steps), most, begins.ravel()]),
        ),
        options={"node_limit": most_nodes, "mip_rel_gap": 1e-9},
    )
    if found.mip_dual_bound is None:
        raise RuntimeError(f"no bound of what is wasted was found: {found.message}")
    return max(float(found.mip_dual_bound), 0.0)


def _loads_on(available: Mask) -> tuple[NDArray[np.intp], Mask]:
    """Return every set of loads that may be on, with its step: shapes (sets,), (sets, loads)."""
    steps: list[int] = []
    on: list[NDArray[np.bool_]] = []
    for t, may in enumerate(available):
        loads = np.flatnonzero(may)
        for states in itertools.product((False, True), repeat=len(loads)):
            chosen = np.zeros(len(may), dtype=np.bool_)
            chosen[loads] = states
            steps.append(t)
            on.append(chosen)
    return np.array(steps, dtype=np.intp), np.array(on)


def _exchange(
    home: Homes, generation_kwh: FloatArray, used_kwh: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what each set of loads loses, and what it adds to each storage, or to all as one."""
    charge, discharge = unbounded_exchange(home.assignment, home.layout, generation_kwh, used_kwh)
    eta_c, eta_d = home.bank.charge_efficiency[0], home.bank.discharge_efficiency[0]
    if home.assignment == "mpfa_mg":
        charge, discharge = charge.sum(axis=1)[:, None], discharge.sum(axis=1)[:, None]
        eta_c, eta_d = eta_c.max(keepdims=True), eta_d.max(keepdims=True)
    loss = ((1.0 - eta_c) * charge + (1.0 / eta_d - 1.0) * discharge).sum(axis=1)
    return loss, charge * eta_c - discharge / eta_d


def _usable(home: Homes) -> tuple[FloatArray, FloatArray]:
    """Return usable energy at the start, and room for it, of each storage or of all as one."""
    bank = home.bank
    usable = (home.energy_kwh - bank.soc_min * bank.capacity_kwh)[0]
    room = ((bank.soc_max - bank.soc_min) * bank.capacity_kwh)[0]
    if home.assignment == "mpfa_mg":
        return usable.sum(keepdims=True), room.sum(keepdims=True)
    return usable, room
