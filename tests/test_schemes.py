"""What schemes have in common, whichever of them take part."""

import json
from pathlib import Path

import numpy as np
import pytest

from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.pictures.city import Changes, changes_of, draw_whole_and_parts, whole_finding
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.strategy_names import (
    STRATEGIES,
    STRATEGIES_OF,
    STRATEGIES_OF_ALL,
    scheme_of,
    strategy_within,
)


def test_every_strategy_belongs_to_one_scheme() -> None:
    named = [strategy for strategies in STRATEGIES_OF.values() for strategy in strategies]
    assert sorted([*named, *STRATEGIES_OF_ALL]) == sorted(STRATEGIES)
    assert len(set(named)) == len(named)
    for scheme, strategies in STRATEGIES_OF.items():
        assert {scheme_of(strategy) for strategy in strategies} == {scheme}


def test_a_scheme_follows_its_first_strategy_where_another_scheme_is_compared() -> None:
    assert strategy_within("vehicles", "two_level") == "two_level"
    assert strategy_within("vehicles", "of my own") == "of my own"


def test_a_strategy_of_all_is_one_of_each_scheme() -> None:
    assert set(STRATEGIES_OF_ALL) <= set(STRATEGIES)
    for parts in STRATEGIES_OF_ALL.values():
        assert set(parts) == set(STRATEGIES_OF)
        for scheme, strategy in parts.items():
            assert strategy in STRATEGIES_OF[scheme]
    for scheme, strategies in STRATEGIES_OF.items():
        assert strategy_within(scheme, "nobody_shares") == strategies[0]
        assert strategy_within(scheme, "everybody_shares") != strategies[0]


def test_a_strategy_of_all_is_what_its_only_scheme_does(tmp_path: Path) -> None:
    few = ["hours=6", "vehicles.count=100", "game.solver=exact", "plots=false"]
    strategies = "strategies=[typical, nobody_shares, three_level, everybody_shares]"
    start_run(load_scenario("three-communities", [*few, strategies]), tmp_path / "run")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["nobody_shares"] == summary["typical"]
    assert summary["everybody_shares"] == summary["three_level"]


@pytest.mark.parametrize("strategies", ["everybody_shares", "nobody_shares"])
def test_a_strategy_of_all_is_audited_without_any_other(tmp_path: Path, strategies: str) -> None:
    few = ["hours=24", "communities.district.members.0.businesses=6", "plots=false"]
    start_run(load_scenario("battery-sharing", [*few, f"strategies=[{strategies}]"]), tmp_path)
    report = audit_run(tmp_path)
    assert report.passed, report.lines()


@pytest.mark.slow
def test_all_schemes_live_in_one_city_and_its_audit_holds(tmp_path: Path) -> None:
    scenario = load_scenario("one-city", ["hours=48", "messages.keep=leaders"])
    # No built-in scenario has metered sites.
    assert set(scenario.schemes) == set(STRATEGIES_OF) - {"metered_sites"}
    start_run(scenario, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, report.lines()


@pytest.mark.slow
def test_the_whole_of_a_city_is_compared_with_its_parts(tmp_path: Path) -> None:
    changes = ["hours=24", "vehicles.count=50", "game.solver=exact", "plots=false"]
    strategies = "strategies=[nobody_shares, shared_battery, three_level, everybody_shares]"
    start_run(load_scenario("one-city", [*changes, strategies]), tmp_path / "run")
    data = RunData(read_run(tmp_path / "run"))
    changed = changes_of(data)
    assert changed is not None
    assert changed.singles == ("shared_battery", "three_level")
    peaks = [data.total(name, "peak_kw") for name in data.strategies]
    np.testing.assert_allclose(changed.peak, np.array(peaks[1:]) / peaks[0] - 1.0)
    drawing = draw_whole_and_parts(data)
    assert drawing.figure is not None
    reported = whole_finding(changed)
    assert drawing.finding == reported
    assert f"{abs(changed.cost[-1]):.1%}".replace("%", " %") in reported


@pytest.mark.parametrize(
    ("cost", "reported"),
    [
        (
            [-0.02, -0.01, -0.02],
            "lower the cost of a kWh by 2.0 %, one by one by 3.0 %: their effects",
        ),
        ([-0.02, -0.01, -0.05], "by 5.0 %, one by one by 3.0 %: they reinforce each other"),
        (
            [-0.02, 0.01, 0.05],
            "raise the cost of a kWh by 5.0 %; one by one they lower it by 1.0 %",
        ),
    ],
)
def test_a_whole_is_reported_beside_its_parts(cost: list[float], reported: str) -> None:
    change = np.array(cost)
    assert reported in whole_finding(Changes(("shared_battery", "three_level"), change, change))
