"""A few days for a year: clusters that are recovered, weights and means that add up."""

import numpy as np
import pytest

from hmesh.markets.battery_sizing import Sizing
from hmesh.markets.load_levelling import Equipment, Windows
from hmesh.markets.representative_days import representative_days


def year(noise: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Days of three kinds, mixed."""
    random = np.random.default_rng(seed)
    hours = np.arange(24.0)
    kinds = np.stack(
        [10 + 8 * np.exp(-(((hours - m) / 4) ** 2)) for m in (10, 15)] + [np.full(24, 6.0)]
    )
    kind = random.permutation(np.repeat([0, 1, 2], [120, 60, 20]))
    return kinds[kind] * (1 + noise * random.standard_normal((200, 24))), kind


def test_kinds_of_days_are_found_again() -> None:
    load, kind = year(0.02)
    found = representative_days(load, 3, np.random.default_rng(1))
    np.testing.assert_array_equal(found.weight, [120, 60, 20])
    assert (found.cluster == kind).all()
    assert found.silhouette > 0.7
    assert found.components <= 3
    np.testing.assert_array_equal(kind[found.typical_day], [0, 1, 2])


def test_means_of_parts_add_up_and_the_error_falls_with_the_clusters() -> None:
    load, _ = year(0.1)
    parts = np.stack([0.3 * load, 0.7 * load])
    errors = []
    for clusters in (1, 2, 4, 8, 200):
        found = representative_days(load, clusters, np.random.default_rng(1))
        np.testing.assert_allclose(found.mean_of(parts).sum(axis=0), found.load_kwh)
        np.testing.assert_allclose(found.weight @ found.load_kwh, load.sum(axis=0))
        direct = np.sqrt(((load - found.load_kwh[found.cluster]) ** 2).mean())
        assert found.error_kwh == pytest.approx(direct)
        errors.append(found.error_kwh)
    assert (np.diff(errors) < 0).all()
    assert errors[-1] == pytest.approx(0.0, abs=1e-9)


def test_representative_days_size_the_battery_as_the_year_does() -> None:
    load, _ = year(0.02)
    windows = Windows.of_clock(np.arange(24.0))
    found = representative_days(load, 3, np.random.default_rng(1))
    whole = Sizing(Equipment(), windows, "full").best_capacity_kwh(load[None])
    few = Sizing(Equipment(), windows, "full", weight=found.weight)
    assert few.best_capacity_kwh(found.load_kwh[None]) == pytest.approx(whole, rel=0.02)


def test_flat_meters_and_too_few_days() -> None:
    flat = np.full((30, 24), 3.0)
    found = representative_days(flat, 1, np.random.default_rng(1))
    assert found.error_kwh == 0.0
    assert found.components == 0
    assert np.isnan(found.silhouette)
    with pytest.raises(ValueError, match="2 clusters of 1 different days"):
        representative_days(flat, 2, np.random.default_rng(1))


def test_the_same_stream_finds_the_same_days() -> None:
    load, _ = year(0.3)
    one = representative_days(load, 4, np.random.default_rng(9))
    two = representative_days(load, 4, np.random.default_rng(9))
    np.testing.assert_array_equal(one.cluster, two.cluster)
