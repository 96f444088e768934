"""How the capacity of many batteries is spread over buildings so that they exchange least.

Source: battery sharing among commercial buildings, Frontiers in Energy Research 10 (2022) 929693,
eq. (17), which names a genetic algorithm and nonlinear programming for it. It is a linear
programme: rating and usable energy are proportional to the capacity, and what a battery gives
beyond its own building's load is exchanged. It is solved for a few days, and days on which the
capacities so found exchange most are added until no other day matters.

Many capacities and schedules exchange equally little. Of such capacities those count with which
batteries would exchange least if all followed the common schedule alike, and of such schedules the
one in which batteries of a higher number give earlier (`_lateness`). Without such rules the last
digits of the loads would choose.

All batteries charge alike, per kWh of capacity, so that each gives the same share of its capacity
in a day; when it gives it is free, as long as all together follow the common schedule.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH, descending
from hmesh.markets.load_levelling import Equipment

MOST_ROUNDS = 40
# HiGHS takes costs that differ by 1e-7 for the same; in this unit that is far below any of ours.
COST = 1e4
# Weight of the last rule of `_programme`, which counts where the first two leave a choice.
LAST = 1e-3


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
        Ratings and efficiencies per kWh of capacity.
    step_h : float
        Length of a step [h].
    """

    load_kwh: FloatArray
    total_kwh: FloatArray
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


def capacity_rule_kwh(discharge: SharedDischarge) -> FloatArray:
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
    capacity: FloatArray = load.sum(axis=2).min(axis=1) / per_kwh
    for _ in range(1000):
        within = np.minimum(load, discharge.rated_kwh * capacity[:, None, None])
        smaller = np.minimum(within.sum(axis=2).min(axis=1) / per_kwh, capacity)
        if np.allclose(smaller, capacity, rtol=1e-13, atol=0.0):
            break
        capacity = smaller
    return capacity


def least_exchange(discharge: SharedDischarge, capacity_kwh: FloatArray) -> FloatArray:
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


def exchanged_kwh(given_kwh: FloatArray, load_kwh: FloatArray) -> FloatArray:
    """Return what leaves batteries for other buildings on each day [kWh], shape (days,).

    Parameters
    ----------
    given_kwh, load_kwh : array, shape (buildings, days, steps)
        What each battery gives and each building uses [kWh].
    """
    away: FloatArray = np.maximum(given_kwh - load_kwh, 0.0).sum(axis=(0, 2))
    return away


def _one_day(discharge: SharedDischarge, day: int, capacity_kwh: FloatArray) -> FloatArray:
    """Solve the transport problem of a day, from batteries to steps; shape (buildings, steps)."""
    load, total = discharge.load_kwh[:, day], discharge.total_kwh[day]
    buildings, steps = load.shape
    if not total.any():
        return np.zeros_like(load)
    rated = discharge.rated_kwh * capacity_kwh[:, None]
    own, away = np.minimum(load, rated), np.maximum(rated - load, 0.0)
    energy = capacity_kwh * (total.sum() / capacity_kwh.sum())
    late = _lateness(buildings, steps).ravel()
    # A programme without whole numbers, which `milp` hands on with less ado than `linprog` does.
    found = milp(
        COST * np.concatenate([late, 1.0 + late]),
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
    to_own, to_others = found.x.reshape(2, buildings, steps)
    given = np.clip(to_own, 0.0, own)
    given += np.where(to_others > DUST_KWH, np.clip(to_others, 0.0, away), 0.0)
    return _with_sums(given, energy, own, rated)


def _with_sums(
    given: FloatArray,
    energy_kwh: FloatArray,
    own_kwh: FloatArray,
    rated_kwh: FloatArray,
) -> FloatArray:
    """Let every battery give what it holds, no more and no less; the solver is only near that.

    Too much is taken from all its steps alike. Too little is added where the battery gives already
    and its building can use more, at most as much again; what that leaves over where its building
    can use more, and then where its rating allows more.

    Notes
    -----
    The sum over n steps is right to ``(4 n + 8) u`` of the energy, u the unit roundoff. A sum of n
    numbers above 0 is right to ``n u``: one such error is in the sum that is corrected and one in
    the sum that results; up to ``2 n u`` are left as they are; and what is scaled, added and
    limited rounds a handful of times.
    """
    total = given.sum(axis=1)
    shrunk = np.divide(energy_kwh, total, out=np.ones_like(total), where=total > energy_kwh)
    given = given * shrunk[:, None]
    unit_roundoff = np.finfo(np.float64).eps / 2.0
    rounding = 2 * given.shape[1] * unit_roundoff * energy_kwh
    for most in (np.minimum(2.0 * given, own_kwh), own_kwh, rated_kwh):
        lacking = energy_kwh - given.sum(axis=1)
        if not (lacking > rounding).any():
            break
        there = np.maximum(most - given, 0.0)
        free = there.sum(axis=1)
        filled = (lacking > rounding) & (free > 0.0)
        share = np.divide(lacking, free, out=np.zeros_like(free), where=filled)
        given = given + np.minimum(share, 1.0)[:, None] * there
    return np.asarray(np.minimum(given, rated_kwh), dtype=np.float64)


@lru_cache(maxsize=8)
def _lateness(buildings: int, steps: int) -> FloatArray:
    """Return what it costs a battery to give in a step, beside 1 for what is exchanged.

    Returns
    -------
    array, shape (buildings, steps)
        ``sqrt(i) cbrt(t) / (2 n sqrt(I) cbrt(T))``, i and t counted from 1 to I and T, n the
        smaller of both [-]. Least in all where batteries of a higher number give in earlier steps.

    Notes
    -----
    Two schedules differ by energy that goes around cycles of batteries and steps. Each cycle
    changes what is exchanged by a whole multiple of that energy and, at most n batteries long,
    these costs by less than half of it. So they decide among schedules that exchange least, and
    never against one. Roots are no multiples of each other, so that hardly two schedules cost the
    same.
    """
    step = np.cbrt(np.arange(1, steps + 1) / steps)
    costs: FloatArray = np.outer(_roots(buildings), step) / (2 * min(buildings, steps))
    costs.flags.writeable = False
    return costs


def _roots(count: int) -> FloatArray:
    """Return the square roots of 1 / n to n / n, of which hardly two sums are equal."""
    return np.sqrt(np.arange(1, count + 1) / count)


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

    capacity_kwh: FloatArray
    given_kwh: FloatArray
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
        worst = descending(others)[:days_at_once]
        worst = worst[others[worst] > DUST_KWH]
        if away.sum() - bound <= near or not worst.size or rounds == MOST_ROUNDS:
            break
        days = np.union1d(days, worst)
    return Allocation(capacities, given, float(away.sum()), bound, days, rounds)


def _programme(discharge: SharedDischarge, capacity_kwh: float) -> tuple[FloatArray, float]:
    """Solve the programme of some days; return the capacities and what they exchange [kWh].

    Notes
    -----
    Solved three times over: for the least exchange; for the least that would be exchanged besides
    if every battery gave its share of the common schedule, where the first is not exceeded; and,
    as a thousandth part of that, for the least sum of ``sqrt(i) C_i``, so that the first buildings
    get what is left to choose.
    """
    buildings, days, steps = discharge.load_kwh.shape
    cells = discharge.load_kwh.size
    each = sparse.eye_array(cells)
    nothing = sparse.csr_array((days * steps, buildings))
    # Cells run over buildings, then days, then steps, as the loads do.
    each_step = sparse.kron(np.ones((1, buildings)), sparse.eye_array(days * steps))
    each_day = sparse.kron(sparse.eye_array(buildings * days), np.ones((1, steps)))
    of_building = sparse.kron(sparse.eye_array(buildings), np.ones((days * steps, 1)))
    per_kwh = discharge.total_kwh / capacity_kwh if capacity_kwh else np.zeros((days, steps))
    per_day = sparse.kron(sparse.eye_array(buildings), per_kwh.sum(axis=1)[:, None])
    rated = sparse.hstack([-discharge.rated_kwh * of_building, each, each])
    energy = sparse.hstack([-per_day, each_day, each_day])
    capacity = sparse.hstack([np.ones((1, buildings)), sparse.csr_array((1, 2 * cells))])
    follow = sparse.hstack([nothing, each_step, each_step])
    load = discharge.load_kwh.ravel()
    no_limit = np.full(buildings, np.inf)
    upper = np.concatenate([no_limit, load, np.full(cells, np.inf)])
    exchanged = np.concatenate([np.zeros(buildings + cells), np.ones(cells)])
    at_most, limit = sparse.vstack([rated, energy]), np.zeros(cells + buildings * days)
    equal = sparse.vstack([follow, capacity])
    totals = np.concatenate([discharge.total_kwh.ravel(), [capacity_kwh]])
    bound = float(_solved(exchanged, at_most, limit, equal, totals, upper).fun)
    # What each would give beyond its load in every cell if all gave alike: one more column each.
    alike = sparse.kron(sparse.eye_array(buildings), per_kwh.ravel()[:, None])
    found = _solved(
        np.concatenate([LAST * _roots(buildings), np.zeros(2 * cells), np.ones(cells)]),
        sparse.vstack(
            [
                sparse.hstack([at_most, sparse.csr_array((len(limit), cells))]),
                sparse.hstack([exchanged[None], sparse.csr_array((1, cells))]),
                sparse.hstack([alike, sparse.csr_array((cells, 2 * cells)), -each]),
            ]
        ),
        np.concatenate([limit, [bound], load]),
        sparse.hstack([equal, sparse.csr_array((equal.shape[0], cells))]),
        totals,
        np.concatenate([upper, np.full(cells, np.inf)]),
    )
    return np.maximum(found.x[:buildings], 0.0), bound


def _solved(
    cost: FloatArray,
    at_most: Any,
    limit: FloatArray,
    equal: Any,
    totals: FloatArray,
    upper: FloatArray,
) -> Any:
    """Solve a linear programme of variables from 0 to an upper limit.

    Raises
    ------
    ValueError
        If it has no solution.
    """
    found = linprog(
        cost,
        A_ub=at_most.tocsr(),
        b_ub=limit,
        A_eq=equal.tocsr(),
        b_eq=totals,
        bounds=np.column_stack([np.zeros(len(upper)), upper]),
        method="highs",
    )
    if found.status != 0:
        raise ValueError(f"batteries cannot follow the schedule: {found.message}")
    return found
