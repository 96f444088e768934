"""Games of critical hours for tests, drawn or as published."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.incentive_game import IncentiveGame, IncentiveTerms
from tests.games import SEEDS

COLUMNS = ("lam", "theta", "average_price", "stored_kwh", "upper_kwh")


def but(game: IncentiveGame, **changed: object) -> IncentiveGame:
    """Return the game with other columns, terms or weights of the terms' cost."""
    cost = {k: changed.pop(k) for k in ("quadratic", "linear", "fixed") if k in changed}
    terms = {k: changed.pop(k) for k in IncentiveTerms.__dataclass_fields__ if k in changed}
    if cost:
        terms["cost"] = replace(game.terms.cost, **cost)  # type: ignore[arg-type]
    return replace(game, terms=replace(game.terms, **terms), **changed)  # type: ignore[arg-type]


def rows(game: IncentiveGame, which: NDArray[np.intp]) -> IncentiveGame:
    """Return the game of some of its schools."""
    return replace(game, **{name: getattr(game, name)[which] for name in COLUMNS})


@st.composite
def incentive_games(draw: st.DrawFn, *, capped: bool | None = None) -> IncentiveGame:
    """Draw schools of every kind: full, empty, without buses, steep and flat in what they value."""
    random = np.random.default_rng(draw(SEEDS))
    schools = draw(st.integers(0, 12))
    saturates = draw(st.booleans())
    terms = IncentiveTerms(
        GenerationCost(random.choice([0.0, 1e-6, 1e-5, 1e-4]), random.uniform(0.0, 2.0)),
        random.uniform(1_000, 150_000),
        random.choice([0.0, random.uniform(1, 5_000)]),
        random.uniform(0.0, 1.6),
        random.uniform(1.6, 6.0),
        draw(st.booleans()) if capped is None else capped,
    )
    upper = random.choice([0.0, 1.0], schools, p=[0.15, 0.85]) * random.uniform(0, 900, schools)
    return IncentiveGame(
        terms,
        random.uniform(0.1, 2.0, schools),
        random.choice([1e-4, 1e-3, 1e-2], schools) * random.uniform(0.5, 1.5, schools),
        random.choice([1.0, 1.5, random.uniform(0.5, 2)], schools),
        random.uniform(-100, 1500, schools),
        upper,
        saturates,
    )


@st.composite
def interior_games(draw: st.DrawFn) -> IncentiveGame:
    """Draw games whose closed form keeps every school between its bounds."""
    random = np.random.default_rng(draw(SEEDS))
    schools = draw(st.integers(1, 12))
    theta = random.uniform(5e-4, 2e-3, schools)
    lam = random.uniform(1.0, 1.2, schools)
    average = random.uniform(1.3, 1.5, schools)
    # All begin to sell at nearly one price, and none can run out.
    stored = (average + lam - random.uniform(1.9, 1.901)) / theta
    return IncentiveGame(
        IncentiveTerms(
            GenerationCost(random.uniform(4e-6, 9e-6), random.uniform(0.6, 0.9)),
            150_000.0, random.uniform(2_000, 60_000), 1.0, 10.0, capped=False,
        ),
        lam, theta, average, stored, np.full(schools, 1e6),
    )  # fmt: skip
