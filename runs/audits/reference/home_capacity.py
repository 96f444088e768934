"""How much storage a home needs: the published conditions, and every step of a day."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from hmesh.runs.audits.reference.homes import Home, Numbers, dispatch


@dataclass(frozen=True, slots=True)
class Charge:
    """States of charge between which storages are sized, and their efficiencies [1]."""

    start: float
    least: float
    most: float
    charge_efficiency: float
    discharge_efficiency: float


def published_total(
    home: Home,
    generation: Sequence[Numbers],
    served: Sequence[Numbers],
    charge: Charge,
    window: int,
) -> float:
    """Return the least total capacity under conditions (19) and (20) of Designs 2024, 8, 11.

    For every subset of generators, and of loads, and every run of 1 to `window` adjacent steps.
    """
    generators, loads = range(len(generation[0])), range(len(served[0]))
    storages = range(len(home.capacity_kwh))
    pooled, eta = home.assignment == "mpfa_mg", charge.discharge_efficiency

    def of(device: int, lines: Sequence[int]) -> set[int]:
        return set(storages) if pooled else {lines[device]}

    room, needs = [], []
    for some in _subsets(generators):
        reached = set[int]().union(*(of(g, home.generator_storage) for g in some))
        used = {
            load
            for load in loads
            if of(load, home.load_storage) & reached or any(home.feeds(g, load) for g in some)
        }
        over = [
            sum(generation[t][g] for g in some) - sum(served[t][load] for load in used)
            for t in range(len(served))
        ]
        room.append([(charge.most - charge.start) / eta * (s in reached) for s in storages])
        needs.append(_largest_run(over, window))
    for some in _subsets(loads):
        reached = set[int]().union(*(of(load, home.load_storage) for load in some))
        used = {
            g
            for g in generators
            if of(g, home.generator_storage) & reached or any(home.feeds(g, k) for k in some)
        }
        short = [
            sum(served[t][load] for load in some) - sum(generation[t][g] for g in used)
            for t in range(len(served))
        ]
        room.append([(charge.start - charge.least) / eta * (s in reached) for s in storages])
        needs.append(_largest_run(short, window))
    found = linprog(np.ones(len(storages)), A_ub=-np.array(room), b_ub=-np.array(needs))
    return float(found.fun) if found.success else np.inf


def needed(
    home: Home, generation: Sequence[Numbers], served: Sequence[Numbers], charge: Charge
) -> list[float]:
    """Return the least capacity of each storage with which a day can be as it was.

    Whatever its size ``C``, a storage holds ``start C`` at first and then what flows in and out: it
    may never be below ``least C``, nor above ``most C``, charging before discharging in each step.
    """
    storages = range(len(home.capacity_kwh))
    capacity, change = [0.0] * len(storages), [0.0] * len(storages)
    for made, used in zip(generation, served, strict=True):
        _, lack, left = dispatch(home, made, used)
        for s in storages:
            if home.assignment == "mpfa_mg":
                into, out = sum(left) / len(storages), sum(lack) / len(storages)
            else:
                into = sum(e for e, k in zip(left, home.generator_storage, strict=True) if k == s)
                out = sum(e for e, k in zip(lack, home.load_storage, strict=True) if k == s)
            brim = change[s] + charge.charge_efficiency * into
            change[s] = brim - out / charge.discharge_efficiency
            above, below = max(brim, change[s], 0.0), max(-change[s], 0.0)
            for off, between in (
                (above, charge.most - charge.start),
                (below, charge.start - charge.least),
            ):
                if off > 0.0:
                    capacity[s] = max(capacity[s], off / between if between > 0 else np.inf)
    return capacity


def _subsets(all_of: range) -> Iterator[tuple[int, ...]]:
    for count in range(1, len(all_of) + 1):
        yield from itertools.combinations(all_of, count)


def _largest_run(values: Sequence[float], window: int) -> float:
    sums = [
        sum(values[t : t + length])
        for length in range(1, window + 1)
        for t in range(len(values) - length + 1)
    ]
    return max(0.0, *sums)
