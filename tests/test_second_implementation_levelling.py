"""The second implementation of levelling days against the first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.load_levelling import Equipment, Windows, answer_to_prices, level_load
from hmesh.runs.audits.reference import levelling
from tests.games import SEEDS


@given(SEEDS, st.booleans(), st.booleans())
def test_both_implementations_plan_the_same_day(seed: int, full: bool, bounded: bool) -> None:
    random = np.random.default_rng(seed)
    buildings, steps = int(random.integers(1, 5)), int(random.integers(4, 25))
    load = random.uniform(-5, 50, (buildings, steps))
    capacity = random.choice([0.0, 5.0, 60.0, 400.0], buildings) * random.uniform(0.5, 1)
    windows = random.choice([0, 1, 2, 3], steps)
    windows.sort()
    charges, discharges = windows == 1, windows == 2
    efficiencies = random.choice([1.0, 0.9, 0.7], 2).tolist()
    equipment = Equipment(float(random.uniform(0.05, 0.5)), 0.9, *efficiencies)
    most = load if bounded else None
    first = level_load(
        load, capacity, equipment, Windows(charges, discharges), "full" if full else "free", most
    )
    store = levelling.Store(0.9 * capacity, equipment.power_per_capacity * capacity, *efficiencies)
    second = levelling.day_plan(load, store, charges, discharges, most, full=full)
    np.testing.assert_allclose(second.exchange_kwh, first.exchange_kwh, atol=1e-8)
    if not (charges.any() and discharges.any()):
        assert np.isnan(second.valley_kwh).all()
        return
    share = np.array([0.2, 0.8])
    rated = np.array([3.0, 20.0])
    for window, is_charging in ((charges, True), (discharges, False)):
        for t in np.flatnonzero(window).tolist():
            own = float(load[0, t])
            expected = answer_to_prices(
                own, float(second.valley_kwh[0]), float(second.peak_kwh[0]), share, rated,
                is_charging, not is_charging,
            )  # fmt: skip
            answer = levelling.answer_to_prices(own, second, share, rated, charges=is_charging)
            assert answer == pytest.approx(expected, abs=1e-12)
