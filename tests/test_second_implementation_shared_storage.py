"""The second implementation of a community's storage against the first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.markets.allowance_iteration import iterate_allowance
from hmesh.markets.community_storage import Sharing, StorageRatings, served_first
from hmesh.markets.community_storage_bounds import (
    largest_demands_kwh,
    most_delivered,
    most_delivered_at_once,
    most_in_turns,
)
from hmesh.runs.audits.reference import shared_storage
from tests.test_community_storage import QUARTER_H, horizon

SEEDS = st.integers(0, 200)


def storage_of(
    ratings: StorageRatings, sharing: Sharing, *, at_once: bool = False
) -> shared_storage.StorageUnit:
    return shared_storage.StorageUnit(
        float(ratings.capacity_kwh), float(ratings.soc_min), float(ratings.soc_max),
        float(ratings.power_kw), float(ratings.charge_efficiency),
        float(ratings.discharge_efficiency), QUARTER_H, sharing == "proportional",
        at_once,
    )  # fmt: skip


@given(
    SEEDS, st.integers(1, 3), st.sampled_from([1.0, 4.0, 10.0]), st.sampled_from([1.0, 0.9]),
    st.sampled_from(["priority", "proportional"]), st.sampled_from(["left", "delivered"]),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_both_implementations_plan_the_same_allowances(
    seed: int, k: int, size: float, eta: float, sharing: Sharing, stop: str, at_once: bool
) -> None:
    met = horizon(seed, k)
    ratings = StorageRatings(size, power_kw=1.5, charge_efficiency=eta, discharge_efficiency=eta)
    first = iterate_allowance(
        met, size / 2, ratings, sharing, stop, most_alpha=20,  # type: ignore[arg-type]
        serves_while_charging=at_once,
    )  # fmt: skip
    outlook = shared_storage.Outlook(
        met.generation_kwh.tolist(), met.bright.tolist(), met.served.tolist(),
        met.demand_kwh.tolist(), met.least_kwh.tolist(), met.most_kwh.tolist(),
    )  # fmt: skip
    second = shared_storage.plan(
        outlook, storage_of(ratings, sharing, at_once=at_once), size / 2,
        by_delivered=stop == "delivered",
        tolerance_kwh=1e-3, most_alpha=20,
    )  # fmt: skip
    assert (second.chosen, second.settled) == (first.chosen, first.settled)
    np.testing.assert_allclose(second.delivered_kwh, first.delivered_kwh, atol=1e-9)
    np.testing.assert_allclose(np.transpose(second.stored_kwh), first.stored_kwh, atol=1e-9)


@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.3, np.nan]), min_size=1, max_size=6), st.integers(1, 4)
)
def test_both_implementations_rank_households_alike(averages: list[float], k: int) -> None:
    first = served_first(np.array(averages), k)
    assert shared_storage.ranked(averages, k) == first[first >= 0].tolist()


@given(SEEDS, st.sampled_from([1.0, 2.0, 4.0]), st.sampled_from([1.0, 0.9]), st.integers(1, 3))
@settings(max_examples=12, deadline=None)
def test_both_implementations_bound_what_is_delivered_alike(
    seed: int, size: float, eta: float, k: int
) -> None:
    met = horizon(seed, k)
    ratings = StorageRatings(size, power_kw=1.5, charge_efficiency=eta, discharge_efficiency=eta)
    storage, start = storage_of(ratings, "priority"), size / 2
    wanted = shared_storage.most_wanted(met.demand_kwh, k)
    np.testing.assert_allclose(wanted, largest_demands_kwh(met.demand_kwh, k))
    loose = most_delivered(met.generation_kwh, wanted, start, ratings, QUARTER_H)
    found = shared_storage.most_at_once(storage, met.generation_kwh, wanted, start)
    assert found == pytest.approx(loose)
    direct = most_delivered_at_once(met.generation_kwh, wanted, start, ratings, QUARTER_H)
    found = shared_storage.most_at_once_and_direct(storage, met.generation_kwh, wanted, start)
    assert found == pytest.approx(direct)
    turns = most_in_turns(met.generation_kwh, met.bright, wanted, start, ratings, QUARTER_H, 200.0)
    second = shared_storage.most_in_turns(
        storage, met.generation_kwh, met.bright.tolist(), wanted, start, 200.0
    )
    assert second == pytest.approx(turns, abs=1e-9)
