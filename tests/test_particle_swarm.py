"""Searches of sizes by swarm, held to the exact programme and to their published equations."""

from dataclasses import replace

import numpy as np
import pytest

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.markets.house_dispatch import HouseDevices
from hmesh.markets.house_sizing import cost_of_sizes, size_exactly
from hmesh.markets.particle_swarm import Swarm, adaptive_swarm, pymoo_swarm
from tests.storage_houses import some_days, tariff

ANNUITIES = (50.0, 14.0)
LOW, HIGH = np.zeros(2), np.array([20.0, 30.0])


def bowl(points: FloatArray) -> FloatArray:
    return 5.0 + ((points - [3.0, 20.0]) ** 2).sum(axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_no_search_finds_less_than_the_exact_programme(seed: int) -> None:
    demand = some_days(3)
    prices = tariff(demand.steps, 7.0)
    exact = size_exactly(demand, HouseDevices(), prices, ANNUITIES)
    costs = cost_of_sizes(demand, HouseDevices(), prices, ANNUITIES)
    swarm = Swarm(particles=8, iterations=12)
    for found in (
        adaptive_swarm(costs, LOW, HIGH, np.random.default_rng(seed), swarm),
        pymoo_swarm(costs, LOW, HIGH, seed, swarm),
    ):
        assert found.cost >= exact.objective * (1 - 1e-9)
        assert found.cost <= exact.objective * 1.05
        assert found.evaluations == 8 * 13


def test_both_find_the_bottom_of_a_bowl() -> None:
    swarm = Swarm(particles=15, iterations=80)
    for found in (
        adaptive_swarm(bowl, LOW, HIGH, np.random.default_rng(2), swarm),
        pymoo_swarm(bowl, LOW, HIGH, 2, swarm),
    ):
        assert found.point == pytest.approx([3.0, 20.0], abs=0.05)
        assert found.cost == pytest.approx(5.0, abs=0.01)


def test_particles_stay_within_bounds_and_the_best_never_worsens() -> None:
    seen: list[FloatArray] = []

    def costs(points: FloatArray) -> FloatArray:
        seen.append(points.copy())
        return bowl(points)

    found = adaptive_swarm(costs, LOW, HIGH, np.random.default_rng(1))
    tried = np.concatenate(seen)
    assert (tried >= LOW).all()
    assert (tried <= HIGH).all()
    assert found.cost == bowl(tried).min()
    assert (np.diff(found.history) <= 0).all()
    assert len(tried) == found.evaluations


def test_who_forgets_all_is_pulled_by_nothing_and_only_slows_down() -> None:
    # Eqs. (1) to (3): the pull is towards a best that evaporates, and a move is the new speed.
    swarm = Swarm(particles=12, iterations=8, common_pull=0.0, inertia=0.5)
    forgetful, loyal = (
        moves(replace(swarm, evaporation=evaporation)) for evaporation in (1e-12, 1.0)
    )
    assert forgetful[1:] == pytest.approx(0.5 * forgetful[:-1], abs=1e-12)
    assert np.abs(loyal[1:] - 0.5 * loyal[:-1]).max() > 0.1


def moves(swarm: Swarm) -> FloatArray:
    """Return the moves, shape (iterations, particles, 2), of those that met no bound."""
    places: list[FloatArray] = []

    def costs(points: FloatArray) -> FloatArray:
        places.append(points.copy())
        return bowl(points - 500.0)

    low, high = LOW + 490.0, HIGH + 490.0
    adaptive_swarm(costs, low, high, np.random.default_rng(5), swarm)
    path = np.array(places)
    free = ((path > low) & (path < high)).all(axis=(0, 2))
    assert free.any()
    return np.diff(path[:, free], axis=0)


def test_costs_of_which_fitness_cannot_be_the_inverse_are_refused() -> None:
    with pytest.raises(InputError, match="costs above 0"):
        adaptive_swarm(lambda points: bowl(points) - 5.0e3, LOW, HIGH, np.random.default_rng(1))
