"""Searches by particle swarm: the published adaptive one, and that of pymoo to compare with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.extras import optional

type Costs = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Swarm:
    """How a swarm searches.

    Attributes
    ----------
    particles, iterations : int
        Particles, and how often they move.
    inertia, own_pull, common_pull : float
        Weights of a particle's speed, of the pull of its own best and of the best of all [-].
    speed_share : float
        Share of its speed with which a particle moves, the source's rho [-].
    evaporation : float
        Share of the fitness of its own best that a particle remembers after a move that brought
        nothing better, the source's T, 0 < T <= 1 [-]; 1 forgets nothing.
    """

    particles: int = 12
    iterations: int = 20
    inertia: float = 0.729
    own_pull: float = 1.494
    common_pull: float = 1.494
    speed_share: float = 1.0
    evaporation: float = 0.95


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes
    ----------
    point, cost : array, float
        The best point of all that were tried, and what it costs.
    evaluations : int
        How many were tried.
    history : tuple of float
        Best cost after each round, from the first points on.
    """

    point: FloatArray
    cost: float
    evaluations: int
    history: tuple[float, ...] = ()


def adaptive_swarm(
    costs: Costs,
    low: FloatArray,
    high: FloatArray,
    chance: np.random.Generator,
    swarm: Swarm | None = None,
) -> Found:
    """Return the cheapest point that the published adaptive swarm finds.

    Parameters
    ----------
    costs : callable
        Takes points, shape (particles, dimensions), returns their costs, above 0 each.
    low, high : array, shape (dimensions,)
        Bounds; a particle that would leave them stops there.
    chance : numpy.random.Generator
        Its random numbers.
    swarm : Swarm, optional
        How it searches.

    Raises
    ------
    InputError
        If a cost is not above 0: fitness is its inverse.

    Notes
    -----
    Source: Scientific Reports 14 (2024) 6279, eqs. (1) to (3), corrected. Eq. (2) moves a particle
    by its new speed, ``x' = x + rho v'``, not by its old one. Eq. (3) copies the adaptive swarm of
    Cui and Potok with f and P mixed up: it is the remembered fitness of the personal best, not its
    place, that evaporates by T until the particle beats it. For costs, fitness is ``1 / cost``.
    The best point of all is kept besides and never evaporates.
    """
    rules = swarm or Swarm()
    shape = rules.particles, len(low)
    place = low + chance.random(shape) * (high - low)
    speed = (chance.random(shape) - 0.5) * (high - low)
    cost = _positive(costs(place))
    own, remembered = place.copy(), 1.0 / cost
    best = int(np.argmin(cost))
    point, least, history = place[best].copy(), float(cost[best]), [float(cost[best])]
    for _ in range(rules.iterations):
        pull = rules.own_pull * chance.random(shape) * (own - place)
        common = rules.common_pull * chance.random(shape) * (point - place)
        speed = rules.inertia * speed + pull + common
        moved = place + rules.speed_share * speed
        place = np.clip(moved, low, high)
        speed = np.where(moved == place, speed, 0.0)
        cost = _positive(costs(place))
        fitness = 1.0 / cost
        better = fitness > rules.evaporation * remembered
        own[better] = place[better]
        remembered = np.where(better, fitness, rules.evaporation * remembered)
        best = int(np.argmin(cost))
        if cost[best] < least:
            point, least = place[best].copy(), float(cost[best])
        history.append(least)
    return Found(point, least, rules.particles * (rules.iterations + 1), tuple(history))


def _positive(cost: FloatArray) -> FloatArray:
    wrong = cost[~(cost > 0)]
    if wrong.size:
        message = f"a cost of {wrong[0]:g}, of which fitness cannot be the inverse"
        raise InputError([Problem("particle swarm", message, "costs above 0; add a constant")])
    return cost


def pymoo_swarm(
    costs: Costs, low: FloatArray, high: FloatArray, seed: int, swarm: Swarm | None = None
) -> Found:
    """Return the cheapest point that pymoo's particle swarm finds.

    Notes
    -----
    Its adaptation is another one: that of Zhan et al. (2009), which changes inertia and pulls by
    the state of the search. Of `Swarm` only the numbers of particles and iterations matter.
    """
    use = "pymoo's particle swarm"
    pso: Any = optional("pymoo.algorithms.soo.nonconvex.pso", "sizing", use).PSO
    problem: Any = optional("pymoo.core.problem", "sizing", use).Problem
    minimize: Any = optional("pymoo.optimize", "sizing", use).minimize

    rules, tried = swarm or Swarm(), 0

    class _Costs(problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(low), n_obj=1, xl=low, xu=high)

        def _evaluate(self, x: FloatArray, out: dict[str, Any], *_: Any) -> None:
            nonlocal tried
            tried += len(x)
            out["F"] = costs(x)[:, None]

    found = minimize(
        _Costs(), pso(pop_size=rules.particles), ("n_gen", rules.iterations + 1), seed=seed,
        verbose=False,
    )  # fmt: skip
    return Found(np.asarray(found.X, dtype=np.float64), float(found.F[0]), tried)
