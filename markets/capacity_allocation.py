"""How the capacity of many batteries is spread over buildings so that they exchange least.

Source: battery sharing among commercial buildings, Frontiers in Energy Research 10 (2022) 929693,
eq. (17), which names a genetic algorithm and nonlinear programming for it. It is a linear
programme: rating and usable energy are proportional to the capacity, and what a battery gives
beyond its own building's load is exchanged. It is solved for a few days, and days on which the
capacities so found exchange most are added until no other day matters.

All batteries charge alike, per kWh of capacity, so that each gives the same share of its capacity
in a day; when it gives it is free, as long as all together follow the common schedule.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from markets.load_levelling import Equipment

MOST_ROUNDS = 40


@dataclass(frozen=True, slots=True, eq=False)
class SharedDischarge:
    """Loads of buildings while batteries discharge, and what these give together.

    Attributes
    ----------
    load_kwh : array, shape (buildings, days, steps)
        Load of every building in the steps of the discharge window [kWh], at least 0.
    total_kwh : array, shape (days, steps)
        What all batteries give together [kWh], at least 0.
    equipment : Equipment
        What comes with every kWh of capacity.
    step_h : float
        Length of a step [h].
    """

    load_kwh: NDArray[np.float64]
    total_kwh: NDArray[np.float64]
    equipment: Equipment
    step_h: float = 1.0

    @property
    def rated_kwh(self) -> float:
        """What a kWh of capacity gives at most in a step [kWh/kWh]."""
        return self.equipment.power_per_capacity * self.step_h

    def on(self, days: NDArray[np.intp]) -> "SharedDischarge":
        """Return some of the days."""
        loads, total = self.load_kwh[:, days], self.total_kwh[days]
        return SharedDischarge(loads, total, self.equipment, self.step_h)


def capacity_rule_kwh(discharge: SharedDischarge) -> NDArray[np.float64]:
    """Return the largest capacity with which each building never gives anything away.

    Returns
    -------
    array, shape (buildings,)
        Capacity whose full cycle the building can use on the day on which it uses least [kWh].

    Notes
    -----
    Source: the paper's finding that the best capacity is the lowest daytime consumption, with the
    efficiency and depth of discharge it leaves out and the power within which the battery gives:
    ``DoD eta_d C = min over days of sum over steps of min(load, rating)``. The right side is
    concave in C, so that iterating from above comes down to the largest solution.
    """
    per_kwh = float(np.asarray(discharge.equipment.given_kwh(1.0)))
    load = discharge.load_kwh
    capacity: NDArray[np.float64] = load.sum(axis=2).min(axis=1) / per_kwh
    for _ in range(1000):
        within = np.minimum(load, discharge.rated_kwh * capacity[:, None, None])
        smaller = np.minimum(within.sum(axis=2).min(axis=1) / per_kwh, capacity)
        if np.allclose(smaller, capacity, rtol=1e-13, atol=0.0):
            break
        capacity = smaller
    return capacity


def least_exchange(
    discharge: SharedDischarge, capacity_kwh: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what every battery gives in every step so that least is exchanged.

    Parameters
    ----------
    discharge : SharedDischarge
        Loads, and the schedule of all batteries together.
    capacity_kwh : array, shape (buildings,)
        Capacity of each [kWh], together as large as the schedule needs.

    Returns
    -------
    array, shape (buildings, days, steps)
        Energy at the plug [kWh]; what exceeds the building's load is exchanged.

    Raises
    ------
    ValueError
        If the batteries cannot follow the schedule.
    """
    given = [_one_day(discharge, day, capacity_kwh) for day in range(len(discharge.total_kwh))]
    return np.stack(given, axis=1)


def exchanged_kwh(
    given_kwh: NDArray[np.float64], load_kwh: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what leaves batteries for other buildings on each day [kWh], shape (days,).

    Parameters
    ----------
    given_kwh, load_kwh : array, shape (buildings, days, steps)
        What each battery gives and each building uses [kWh].
    """
    away: NDArray[np.float64] = np.maximum(given_kwh - load_kwh, 0.0).sum(axis=(0, 2))
    return away


def _one_day(
    discharge: SharedDischarge, day: int, capacity_kwh: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve the transport problem of a day, from batteries to steps; shape (buildings, steps)."""
    load, total = discharge.load_kwh[:, day], discharge.total_kwh[day]
    buildings, steps = load.shape
    if not total.any():
        return np.zeros_like(load)
    rated = discharge.rated_kwh * capacity_kwh[:, None]
    own, away = np.minimum(load, rated), np.maximum(rated - load, 0.0)
    energy = capacity_kwh * (total.sum() / capacity_kwh.sum())
    # A programme without whole numbers, which `milp` hands on with less ado than `linprog` does.
    found = milp(
        np.repeat([0.0, 1.0], buildings * steps),
        constraints=LinearConstraint(
            _given_by_battery_and_step(buildings, steps),
            np.concatenate([np.full(buildings, -np.inf), total]),
            np.concatenate([energy * (1.0 + 1e-12), total]),
        ),
        bounds=Bounds(0.0, np.concatenate([own.ravel(), away.ravel()])),
        options={"presolve": False},
    )
    if found.status != 0:
        raise ValueError(f"batteries cannot follow the schedule of day {day}: {found.message}")
    given = np.clip(found.x.reshape(2, buildings, steps).sum(axis=0), 0.0, rated)
    # The solver keeps its rows only nearly. Every battery gives what it holds, no more, no less;
    # what that takes is changed where it gives its own building less than that could use.
    part = np.where(given < own, given, 0.0)
    left = energy - (given - part).sum(axis=1)
    free = part.sum(axis=1)
    whole = np.divide(left, free, out=np.ones(buildings), where=free > 0.0)
    changed = np.clip(whole[:, None] * part, 0.0, own)
    return np.asarray(np.where(part > 0.0, changed, given), dtype=np.float64)


@lru_cache(maxsize=8)
def _given_by_battery_and_step(buildings: int, steps: int) -> sparse.csc_array:
    """Return the rows that sum up what each battery gives, and what all give in each step."""
    each_step = sparse.kron(np.ones((1, buildings)), sparse.eye_array(steps))
    each_battery = sparse.kron(sparse.eye_array(buildings), np.ones((1, steps)))
    rows = sparse.vstack([each_battery, each_step])
    return sparse.hstack([rows, rows]).tocsc()


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """Capacities with which batteries exchange least.

    Attributes
    ----------
    capacity_kwh : array, shape (buildings,)
        Capacity of each battery [kWh].
    given_kwh : array, shape (buildings, days, steps)
        What each gives so that least is exchanged [kWh].
    exchanged_kwh : float
        What is exchanged on all days [kWh].
    bound_kwh : float
        What any capacities exchange at least, from the days that were solved together [kWh].
    days : array of int
        These days.
    rounds : int
        Programmes solved.
    """

    capacity_kwh: NDArray[np.float64]
    given_kwh: NDArray[np.float64]
    exchanged_kwh: float
    bound_kwh: float
    days: NDArray[np.intp]
    rounds: int


def allocate_capacity(
    discharge: SharedDischarge,
    capacity_kwh: float,
    first_days: NDArray[np.intp],
    *,
    days_at_once: int = 8,
    tolerance: float = 1e-6,
) -> Allocation:
    """Spread a capacity over the buildings so that their batteries exchange least in all days.

    Parameters
    ----------
    discharge : SharedDischarge
        Loads, and the schedule of all batteries together.
    capacity_kwh : float
        Capacity of all of them [kWh].
    first_days : array of int
        Days to begin with, such as representative ones and those of the least consumption.
    days_at_once : int
        Days added in a round.
    tolerance : float
        How far the result may be above the least, as a share of all energy given [-].

    Raises
    ------
    ValueError
        If the batteries cannot follow the schedule.
    """
    days = np.unique(first_days)
    near = tolerance * float(discharge.total_kwh.sum())
    rounds = 0
    while True:
        rounds += 1
        capacities, bound = _programme(discharge.on(days), capacity_kwh)
        given = least_exchange(discharge, capacities)
        away = exchanged_kwh(given, discharge.load_kwh)
        others = away.copy()
        others[days] = 0.0
        worst = np.argsort(-others, kind="stable")[:days_at_once]
        worst = worst[others[worst] > 0.0]
        if away.sum() - bound <= near or not worst.size or rounds == MOST_ROUNDS:
            break
        days = np.union1d(days, worst)
    return Allocation(capacities, given, float(away.sum()), bound, days, rounds)


def _programme(
    discharge: SharedDischarge, capacity_kwh: float
) -> tuple[NDArray[np.float64], float]:
    """Solve the programme of some days; return the capacities and what they exchange [kWh]."""
    buildings, days, steps = discharge.load_kwh.shape
    cells = discharge.load_kwh.size
    each = sparse.eye_array(cells)
    nothing = sparse.csr_array((days * steps, buildings))
    # Cells run over buildings, then days, then steps, as the loads do.
    each_step = sparse.kron(np.ones((1, buildings)), sparse.eye_array(days * steps))
    each_day = sparse.kron(sparse.eye_array(buildings * days), np.ones((1, steps)))
    of_building = sparse.kron(sparse.eye_array(buildings), np.ones((days * steps, 1)))
    given_per_kwh = (
        discharge.total_kwh.sum(axis=1) / capacity_kwh if capacity_kwh else np.zeros(days)
    )
    per_day = sparse.kron(sparse.eye_array(buildings), given_per_kwh[:, None])
    rated = sparse.hstack([-discharge.rated_kwh * of_building, each, each])
    energy = sparse.hstack([-per_day, each_day, each_day])
    capacity = sparse.hstack([np.ones((1, buildings)), sparse.csr_array((1, 2 * cells))])
    follow = sparse.hstack([nothing, each_step, each_step])
    upper = np.concatenate(
        [np.full(buildings, np.inf), discharge.load_kwh.ravel(), np.full(cells, np.inf)]
    )
    found = linprog(
        np.concatenate([np.zeros(buildings + cells), np.ones(cells)]),
        A_ub=sparse.vstack([rated, energy]).tocsr(),
        b_ub=np.zeros(cells + buildings * days),
        A_eq=sparse.vstack([follow, capacity]).tocsr(),
        b_eq=np.concatenate([discharge.total_kwh.ravel(), [capacity_kwh]]),
        bounds=np.column_stack([np.zeros(len(upper)), upper]),
        method="highs",
    )
    if found.status != 0:
        raise ValueError(f"batteries cannot follow the schedule: {found.message}")
    return np.asarray(found.x[:buildings], dtype=np.float64), float(found.fun)
