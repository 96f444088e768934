"""Vehicles that are adopted on a social network: the rule, limits of it, runs and their audit."""

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.environment.social_network import SocialNetwork
from hmesh.markets.diffusion import (
    adopts_by_bass,
    adopts_by_threshold,
    share_of_acquaintances,
)
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.audits.reference.diffusion import adopters_of_month
from hmesh.runs.scenarios.adoption_section import Adoption
from hmesh.runs.world.adoption import joining_months

GRAPH = nx.gnp_random_graph(60, 0.08, seed=4)
GROWING: dict[str, Any] = {
    "start": "2023-01-30T12:00", "hours": 42, "vehicles.count": 6, "strategies": ["typical"],
    "plots": False, "growth.adoption": {"adopters": 40, "innovation": 2.0},
}  # fmt: skip


def network() -> SocialNetwork:
    return SocialNetwork.of(60, np.array(GRAPH.edges, dtype=np.intp))


@pytest.mark.parametrize("by_threshold", [False, True])
def test_the_rule_is_that_of_the_audit(by_threshold: bool) -> None:
    stream = np.random.default_rng(8)
    neighbours = [sorted(GRAPH.neighbors(who)) for who in range(60)]
    for _ in range(10):
        adopted, draw = stream.random(60) < 0.3, stream.random(60)
        threshold = stream.uniform(0.2, 0.8, 60)
        share = share_of_acquaintances(network(), adopted)
        for who in range(60):
            known = adopted[neighbours[who]]
            assert share[who] == pytest.approx(known.mean() if len(known) else 0.0)
        if by_threshold:
            found = adopts_by_threshold(share, threshold, 0.5, draw)
        else:
            found = adopts_by_bass(share, 0.5, 4.0, draw)
        due = adopters_of_month(
            neighbours, adopted.tolist(), draw.tolist(), (0.5, 4.0),
            threshold.tolist() if by_threshold else None,
        )  # fmt: skip
        assert np.flatnonzero(found & ~adopted).tolist() == due


def test_who_knows_nobody_sees_nobody_adopt() -> None:
    known = SocialNetwork.of(3, np.array([[0, 1]], dtype=np.intp))
    share = share_of_acquaintances(known, np.array([True, True, True]))
    assert share.tolist() == [1.0, 1.0, 0.0]


@pytest.mark.slow
def test_where_all_know_all_adoption_is_the_curve_of_bass() -> None:
    innovation, imitation, years = 0.03, 0.4, np.arange(1, 13)
    given = Adoption(adopters=300, innovation=innovation, imitation=imitation, neighbours=300)
    joined = np.mean([np.cumsum(joining_months(given, 0, s, 144)) for s in range(4)], axis=0)
    both = innovation + imitation
    decay = np.exp(-both * years)
    due = 300.0 * (1.0 - decay) / (1.0 + imitation / innovation * decay)
    # In months instead of at once, a little later.
    np.testing.assert_allclose(joined[11::12], due, rtol=0.1, atol=5.0)


def test_nobody_adopts_without_reason_and_all_do_in_the_end() -> None:
    still = Adoption(adopters=50, innovation=0.0, imitation=0.0)
    assert sum(joining_months(still, 10, 1, 60)) == 0
    ring = Adoption(
        adopters=50, rule="threshold", innovation=0.0, thresholds=(0.01, 0.02), rewired=0.0
    )
    assert sum(joining_months(ring, 1, 1, 60)) == 49
    reluctant = Adoption(adopters=50, rule="threshold", innovation=0.0, thresholds=(0.9, 1.0))
    assert sum(joining_months(reluctant, 1, 1, 60)) == 0
    assert joining_months(ring, 1, 2, 24) == joining_months(ring, 1, 2, 60)[:24]


@pytest.mark.slow
def test_a_run_in_which_vehicles_are_adopted_passes_its_audit(tmp_path: Path) -> None:
    start_run(load_scenario("three-communities", GROWING), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, report.failed
    assert any("growth: vehicles join as they are adopted" in str(c) for c in report.checks)
    rows = read_run(tmp_path / "run").table("vehicles").to_pandas()
    there = rows.groupby("step")["vehicle"].nunique()
    assert there.loc[0] == 6
    joined = joining_months(Adoption(adopters=40, innovation=2.0), 6, 1, 1)
    assert there.iloc[-1] == 6 + joined[0] > 6


def test_more_vehicles_than_adopters_are_refused() -> None:
    with pytest.raises(InputError, match="5 may adopt a vehicle, and 6 have one at the start"):
        load_scenario("three-communities", GROWING | {"growth.adoption": {"adopters": 5}})
