"""Relaxations with variables set are those of a programme that is built with them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hmesh.markets import relaxed_programme
from hmesh.markets.mixed_integer_programme import MixedIntegerProgramme
from hmesh.markets.relaxed_programme import RelaxedProgramme

ITEMS = 12


def knapsack(seed: int) -> tuple[MixedIntegerProgramme, NDArray[np.intp]]:
    """Return a programme that packs what is worth most, and the columns of its items."""
    rng = np.random.default_rng(seed)
    made = MixedIntegerProgramme()
    items = made.add_columns(ITEMS, high=1.0, cost=-rng.uniform(1, 9, ITEMS), binary=True)
    for _ in range(3):
        weights = rng.uniform(1, 5, ITEMS)
        row = [(items[[k]], weights[k]) for k in range(ITEMS)]
        made.add_rows(row, -np.inf, 0.4 * float(weights.sum()))
    return made, items


@pytest.fixture(params=["kept", "from nothing"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "from nothing":
        monkeypatch.setattr(relaxed_programme._KeptSolver, "of", lambda programme: None)
    return request.param


def test_the_solver_of_scipy_is_kept() -> None:
    assert RelaxedProgramme(knapsack(0)[0])._kept is not None


@pytest.mark.parametrize("seed", range(4))
def test_settings_come_and_go(way: str, seed: int) -> None:
    programme, items = knapsack(seed)
    relaxed = RelaxedProgramme(programme)
    rng = np.random.default_rng(seed + 100)
    for _ in range(6):
        chosen = rng.choice(items, 3, replace=False).tolist()
        settings = dict(zip(chosen, rng.integers(0, 2, 3).astype(float).tolist(), strict=True))
        fresh, _ = knapsack(seed)
        for column, value in settings.items():
            fresh.fix(np.array([column]), value)
        expected, found = fresh.solve(relaxed=True), relaxed.solve(settings)
        assert found is not None
        assert programme.cost @ found == pytest.approx(expected.fun, rel=1e-12)
        assert [found[column] for column in settings] == list(settings.values())


def test_what_has_no_solution_leaves_the_next_one_whole(way: str) -> None:
    programme, items = knapsack(1)
    relaxed = RelaxedProgramme(programme)
    first = relaxed.solve({})
    assert first is not None
    assert relaxed.solve(dict.fromkeys(items.tolist(), 1.0)) is None
    assert relaxed.message
    again = relaxed.solve({})
    assert again is not None
    assert programme.cost @ again == pytest.approx(float(programme.cost @ first), rel=1e-12)
