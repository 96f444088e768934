"""How much storage a home needs, by linear programming: as published, and with every step."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.home_layout import Assignment, HomeLayout
from hmesh.markets.power_flow_assignment import unbounded_exchange

PUBLISHED_WINDOW = 2


@dataclass(frozen=True, slots=True)
class StateOfCharge:
    """Between which states of charge storages are sized, and with what efficiency.

    Attributes
    ----------
    start, least, most : float
        State of charge at the start of the day, and its limits, 0..1 [-].
    charge_efficiency, discharge_efficiency : float
        Of all storages, 0 < efficiency <= 1 [-].

    Raises
    ------
    InputError
        If they are out of order or out of range.
    """

    start: float = 0.21
    least: float = 0.20
    most: float = 0.94
    charge_efficiency: float = 0.92
    discharge_efficiency: float = 0.92

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.least <= self.start <= self.most <= 1 or self.least == self.most:
            problems.append(
                Problem(
                    "state of charge",
                    f"least {self.least:g}, start {self.start:g}, most {self.most:g}",
                    "0 <= least <= start <= most <= 1, least < most",
                )
            )
        for name in ("charge_efficiency", "discharge_efficiency"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                problems.append(Problem(name, f"the value {value:g}", "above 0, up to 1"))
        if problems:
            raise InputError(problems)


def published_capacity(
    assignment: Assignment,
    layout: HomeLayout,
    generation_kwh: FloatArray,
    served_kwh: FloatArray,
    charge: StateOfCharge | None = None,
    window: int = PUBLISHED_WINDOW,
) -> FloatArray:
    """Return the least total capacity under the published conditions.

    For every set of generators and every run of adjacent steps, what they generate must be used
    by the loads they can reach or find room in their storages; for every set of loads, what they
    use must come from the generators that can reach them or from their storages:

    - ``sum_S G <= sum L(S) + sum_{N(S)} (most - start) ESS / eta``
    - ``sum_T L <= sum G(T) + sum_{N(T)} (start - least) ESS / eta``

    Parameters
    ----------
    assignment : str
        Which of `ASSIGNMENTS`.
    layout : HomeLayout
        Devices of the home.
    generation_kwh : array, shape (steps, generators)
        Generation [kWh].
    served_kwh : array, shape (steps, loads)
        What the loads use [kWh].
    charge : StateOfCharge, optional
        States of charge and efficiency; the published ones if left out.
    window : int, optional
        Longest run of adjacent steps over which energies are summed: 1 as printed, 2 as is
        needed to reproduce table 3.4.

    Returns
    -------
    array, shape (storages,)
        Capacity of each storage [kWh]. Where only their sum is determined they are made equal as
        far as the conditions allow.

    Raises
    ------
    InputError
        If a load is to be met from a storage that starts empty, or window is below 1.

    Notes
    -----
    Source: Designs 2024, 8, 11, conditions (19) and (20), for subsets; eNMES thesis eqs. (3.18) to
    (3.20). One efficiency divides in both, as printed, so that a storage is credited with more
    than it delivers; `dynamic_capacity` is the physical alternative.
    """
    charge = charge or StateOfCharge()
    if window < 1:
        raise InputError([Problem("window", f"the value {window}", "1 or more steps")])
    rows: list[FloatArray] = []
    needs: list[float] = []
    charge_storages, load_storages = _lines(assignment, layout)
    eta = charge.discharge_efficiency
    for generators in _subsets(layout.generators):
        storages = set().union(*(charge_storages[g] for g in generators))
        loads = {load for load in range(layout.loads) if load_storages[load] & storages} | {
            load
            for g in generators
            for load in range(layout.loads)
            if layout.feeds_directly(assignment, g, load)
        }
        surplus = generation_kwh[:, generators].sum(axis=1) - served_kwh[:, sorted(loads)].sum(1)
        rows.append(_row(storages, layout.storages, (charge.most - charge.start) / eta))
        needs.append(_largest_run(surplus, window))
    for loads_fed in _subsets(layout.loads):
        storages = set().union(*(load_storages[load] for load in loads_fed))
        generators_used = {g for g in range(layout.generators) if charge_storages[g] & storages} | {
            g
            for load in loads_fed
            for g in range(layout.generators)
            if layout.feeds_directly(assignment, g, load)
        }
        deficit = served_kwh[:, loads_fed].sum(axis=1) - generation_kwh[
            :, sorted(generators_used)
        ].sum(axis=1)
        rows.append(_row(storages, layout.storages, (charge.start - charge.least) / eta))
        needs.append(_largest_run(deficit, window))
    return _least_total(np.array(rows), np.array(needs), layout.storages)


def dynamic_capacity(
    assignment: Assignment,
    layout: HomeLayout,
    generation_kwh: FloatArray,
    served_kwh: FloatArray,
    charge: StateOfCharge | None = None,
    *,
    returns: bool = False,
) -> FloatArray:
    """Return the least capacities with which the power flow serves given loads, step by step.

    The flows of each storage are those of the assignment; the storage must hold them between its
    limits in every step, without curtailing anything.

    Parameters
    ----------
    assignment, layout, generation_kwh, served_kwh, charge : str, HomeLayout, array, array, \
    StateOfCharge
        As of `published_capacity`.
    returns : bool, optional
        Whether each storage starts as charged as suits it best and ends at least so, instead of
        starting at ``charge.start``.

    Returns
    -------
    array, shape (storages,)
        Capacity of each storage [kWh].

    Raises
    ------
    InputError
        If no capacity suffices.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    charge = charge or StateOfCharge()
    into, out = unbounded_exchange(assignment, layout, generation_kwh, served_kwh)
    capacities = np.zeros(layout.storages)
    steps = len(into)
    for s in range(layout.storages):
        gained = charge.charge_efficiency * into[:, s]
        change = gained - out[:, s] / charge.discharge_efficiency
        # Variables: the capacity, then the stored energy at the start and after each step.
        t = np.arange(steps)
        dynamics = coo_array(
            (
                np.concatenate([np.ones(steps), -np.ones(steps)]),
                (np.concatenate([t, t]), np.concatenate([t + 2, t + 1])),
            ),
            shape=(steps, steps + 2),
        ).toarray()
        energy = np.eye(steps + 1, steps + 2, k=1)
        capacity = np.zeros(steps + 2)
        capacity[0] = 1.0
        over, under = energy - charge.most * capacity, charge.least * capacity - energy
        # What is charged comes before what is delivered.
        brim = energy[:-1] - charge.most * capacity
        limits = [over, under, brim]
        bounds = [np.zeros(steps + 1), np.zeros(steps + 1), -gained]
        equal, values = [dynamics], [change]
        if returns:
            limits.append((energy[0] - energy[-1])[None, :])
            bounds.append(np.zeros(1))
        else:
            equal.append((energy[0] - charge.start * capacity)[None, :])
            values.append(np.zeros(1))
        found = linprog(
            capacity,
            A_ub=np.concatenate(limits),
            b_ub=np.concatenate(bounds),
            A_eq=np.concatenate(equal),
            b_eq=np.concatenate(values),
            bounds=(0.0, None),
            method="highs",
        )
        if found.status == 2:
            raise InputError([_impossible(s, change.sum(), returns)])
        if not found.success:
            raise RuntimeError(f"no capacity of storage {s} was found: {found.message}")
        capacities[s] = found.x[0]
    return capacities


def serves(
    assignment: Assignment,
    layout: HomeLayout,
    generation_kwh: FloatArray,
    served_kwh: FloatArray,
    capacity_kwh: FloatArray,
    charge: StateOfCharge,
    start_kwh: FloatArray | None = None,
) -> bool:
    """Return whether storages serve given loads and curtail nothing, by simulation.

    Parameters
    ----------
    assignment, layout, generation_kwh, served_kwh, charge : str, HomeLayout, array, array, \
    StateOfCharge
        As of `published_capacity`.
    capacity_kwh : array, shape (storages,)
        Sizes [kWh].
    start_kwh : array, shape (storages,), optional
        Stored energy at the start; that of ``charge.start`` if left out [kWh].
    """
    bank = StorageBank.of(
        (1, layout.storages),
        capacity_kwh=capacity_kwh,
        soc_min=charge.least,
        soc_max=charge.most,
        charge_efficiency=charge.charge_efficiency,
        discharge_efficiency=charge.discharge_efficiency,
    )
    energy = bank.at(charge.start) if start_kwh is None else np.asarray(start_kwh)[None, :]
    homes = Homes(assignment, layout, bank, generation_kwh[:, None], energy)
    day = sum_day(homes, served_kwh[:, None])
    all_served = bool((day.served == (served_kwh[:, None] > 0.0)).all())
    tolerance = 1e-9 * max(float(generation_kwh.sum()), 1.0)
    return all_served and float(day.curtailed_kwh[0]) <= tolerance


def _least_total(rows: FloatArray, needs: FloatArray, storages: int) -> FloatArray:
    """Return the capacities of least sum, and among these those whose largest is least."""
    from scipy.optimize import linprog

    short = (needs > 0.0) & ~(rows > 0.0).any(axis=1)
    if short.any():
        raise InputError(
            [
                Problem(
                    "state of charge",
                    "loads are to be met from storages that have nothing to give",
                    "a start above the least",
                )
            ]
        )
    first = linprog(np.ones(storages), A_ub=-rows, b_ub=-needs, bounds=(0.0, None), method="highs")
    if not first.success:
        raise RuntimeError(f"no capacity was found: {first.message}")
    capacities: FloatArray = first.x
    # The last variable is the largest capacity.
    below = np.hstack([np.eye(storages), -np.ones((storages, 1))])
    total = np.hstack([np.ones(storages), 0.0])[None, :]
    even = linprog(
        np.hstack([np.zeros(storages), 1.0]),
        A_ub=np.vstack([np.hstack([-rows, np.zeros((len(rows), 1))]), below, total]),
        b_ub=np.concatenate([-needs, np.zeros(storages), [first.fun * (1 + 1e-12)]]),
        bounds=(0.0, None),
        method="highs",
    )
    if even.success:
        capacities = even.x[:storages]
    return capacities


def _lines(assignment: Assignment, layout: HomeLayout) -> tuple[list[set[int]], list[set[int]]]:
    """Return the storages that each generator charges, and those that feed each load."""
    if assignment == "mpfa_mg":
        every = set(range(layout.storages))
        return [every] * layout.generators, [every] * layout.loads
    return [{s} for s in layout.generator_storage], [{s} for s in layout.load_storage]


def _subsets(size: int) -> Iterator[list[int]]:
    for count in range(1, size + 1):
        for subset in itertools.combinations(range(size), count):
            yield list(subset)


def _row(storages: Sequence[int] | set[int], size: int, coefficient: float) -> FloatArray:
    row = np.zeros(size)
    row[sorted(storages)] = coefficient
    return row


def _largest_run(values: FloatArray, window: int) -> float:
    """Return the largest sum of 1 to ``window`` adjacent values, or 0 if all are below."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    runs = [sums[length:] - sums[:-length] for length in range(1, min(window, len(values)) + 1)]
    return max(0.0, *(float(run.max()) for run in runs))


def _impossible(storage: int, change_kwh: float, returns: bool) -> Problem:
    if returns:
        return Problem(
            f"storage {storage}",
            f"it loses {-change_kwh:.3f} kWh a day whatever its size",
            "generation that covers the loads and the losses",
        )
    return Problem(
        f"storage {storage}",
        "no size serves these loads from this start",
        "a start above the least state of charge and below the most",
    )
