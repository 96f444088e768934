"""Branching on days against trying every setting of their binary variables."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.markets.day_branching import Part, RelaxedPart, branch_on_days

VARIABLES = 5


class Days:
    """Days whose binary variables cost what a table says; a relaxation costs what is least."""

    def __init__(self, seed: int, count: int, forbidden: float) -> None:
        chance = np.random.default_rng(seed)
        # Ties are likely, and settings of negative cost.
        self.costs = chance.integers(-5, 6, (count, *(2,) * VARIABLES)).astype(float)
        self.costs[chance.random(self.costs.shape) < forbidden] = np.inf
        self.relaxed = 0

    def relax(self, parts: Sequence[Part]) -> list[RelaxedPart[tuple[int, ...]]]:
        found = []
        for part in parts:
            self.relaxed += 1
            given = dict(part.settings)
            ways = [
                bits
                for bits in product((0, 1), repeat=VARIABLES)
                if all(bits[variable] == value for variable, value in given.items())
            ]
            costs = [float(self.costs[(part.day, *bits)]) for bits in ways]
            if min(costs) == np.inf:
                continue
            best = ways[int(np.argmin(costs))]
            # As if a variable that is 1 and not set were left open: then it is a bound below.
            wanted = [variable for variable in range(VARIABLES) if best[variable]]
            left = [variable for variable in wanted if variable not in given]
            cost = min(costs) - 0.5 * len(left)
            found.append(RelaxedPart(part, cost, left[0] if left else None, best))
        return found


@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4), forbidden=st.sampled_from([0.0, 0.7])
)
@settings(max_examples=60)
def test_the_cheapest_setting_is_found_and_proved(seed: int, count: int, forbidden: float) -> None:
    days = Days(seed, count, forbidden)
    relaxed = days.relax([Part(day) for day in range(count)])
    first = [each for each in relaxed if each.open_variable is not None]
    found = branch_on_days(first, days.relax, gap=0.0)
    assert list(found) == [each.part.day for each in first]
    for day, search in found.items():
        assert search.complete
        assert search.best is not None
        cheapest = days.costs[day].min()
        assert (search.best.cost, search.bound) == (cheapest, cheapest)
        assert days.costs[(day, *search.best.solution)] == cheapest


def test_a_part_that_cannot_be_cheaper_is_not_parted() -> None:
    days = Days(1, 1, 0.0)
    everything = sum(2**level for level in range(1, VARIABLES + 1))
    branch_on_days(days.relax([Part(0)]), days.relax, gap=0.0)
    assert days.relaxed - 1 < everything


def test_a_search_of_many_parts_ends_without_a_proof() -> None:
    days = Days(2, 1, 0.0)
    days.costs[0] = days.costs[0] - 10.0 * np.indices(days.costs[0].shape).sum(axis=0)
    (search,) = branch_on_days(days.relax([Part(0)]), days.relax, 0.0, most_parts=4).values()
    assert not search.complete
    assert search.best is None
    assert search.bound <= days.costs.min()


def test_a_day_without_a_solution_has_an_infinite_bound() -> None:
    days = Days(3, 1, 0.0)
    first = days.relax([Part(0)])
    days.costs[:] = np.inf
    (search,) = branch_on_days(first, days.relax, 0.0).values()
    assert search.best is None
    assert search.bound == pytest.approx(np.inf)
