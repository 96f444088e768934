"""Learners, habits, plans and members are followed by a second implementation, run by run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.markets.membership import savings_beside_others
from hmesh.runs import audit_run, load_scenario, resume_run, start_run
from hmesh.runs.audits.reference.learners import expected_to_save
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

LEARN = ("regret_matching", "q_learning", "imitate", "habit", "foresight", "join_and_leave")
CHOICE = {"thresholds": [15, 25, 35, 50], "sell_margin": 5}
GROUPS: list[dict[str, Any]] = [
    {"name": "regret", "behaviour": {"name": "regret_matching", **CHOICE}},
    {
        "name": "conditional",
        "behaviour": {"name": "regret_matching", "regret": "conditional", **CHOICE},
    },
    {"name": "values", "behaviour": {"name": "q_learning", "exploration": 0.5, **CHOICE}},
    {
        "name": "copies",
        "behaviour": {
            "name": "imitate", "compare_every_h": 6, "compared": 2, "error": 0.1, **CHOICE,
            "network": {"kind": "community"},
        },
    },
    {"name": "habits", "behaviour": {"name": "habit", "attention": [0.2, 0.6]}},
    {"name": "plans", "behaviour": {"name": "foresight", "horizon_h": 6, "levels": 7}},
    {
        "name": "joins",
        "behaviour": {
            "name": "join_and_leave", "first_share": 0.5, "cost": 100, "sensitivity": 0.01,
            "reconsiders": 0.9,
        },
    },
]  # fmt: skip


def many(count: int, **changes: Any) -> dict[str, Any]:
    groups = [{"count": count, **each} for each in GROUPS]
    return {
        "vehicles": {"groups": groups, "charge_efficiency": 0.95, "discharge_efficiency": 0.9},
        "strategies": ["leaders"], "plots": False, "game.solver": "exact",
        "start": "2023-01-31T12:00", "hours": 20, "prices.time_of_use.on_peak": 30,
        "game.leaders.utility.rule": "tariff", "game.leaders.aggregators.rule": "fixed_markup",
        **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run in which a month ends."""
    path = tmp_path_factory.mktemp("replayed") / "whole"
    start_run(load_scenario("three-communities", many(3)), path)
    return path


def own_checks(report: Any) -> dict[str, Any]:
    return {c.name.split()[1]: c for c in report.checks if c.name.endswith("by its own rule")}


def test_what_they_learned_is_followed(folder: Path) -> None:
    report = audit_run(folder)
    assert report.passed, report.failed
    assert set(own_checks(report)) == set(LEARN)


@pytest.mark.parametrize(
    ("behaviour", "wrong"),
    [
        ("regret_matching", "play_unconditional"),
        ("q_learning", "choose"),
        ("imitate", "fermi"),
        ("join_and_leave", "chance_to_take_part"),
    ],
)
@pytest.mark.slow
def test_a_rule_that_is_wrong_is_found(
    behaviour: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hmesh.agents import joining_vehicles, threshold_vehicles

    rules = joining_vehicles if behaviour == "join_and_leave" else threshold_vehicles
    right = getattr(rules, wrong)

    def other_way(*given: Any) -> Any:
        found = right(*given)
        return 1.0 - found if found.dtype == np.float64 else (found + 1) % 4

    monkeypatch.setattr(rules, wrong, other_way)
    start_run(load_scenario("three-communities", many(8, hours=40)), tmp_path / "run")
    assert own_checks(audit_run(tmp_path / "run"))[behaviour].passed is False


@pytest.mark.slow
def test_a_longer_run_is_followed_too(tmp_path: Path) -> None:
    changes = many(12, hours=24 * 8, start="2023-01-29T05:00", strategies=["three_level"])
    start_run(load_scenario("three-communities", changes), tmp_path / "long")
    report = audit_run(tmp_path / "long")
    assert report.passed, report.failed


@pytest.mark.slow
def test_members_of_aggregators_join_and_leave_and_are_resumed(
    folder: Path, tmp_path: Path
) -> None:
    scenario = load_scenario("three-communities", many(3))
    resume_run(interrupted_run(tmp_path / "parts", 14, scenario))
    for name in ("vehicles.parquet", "hours.parquet"):
        assert (tmp_path / "parts" / name).read_bytes() == (folder / name).read_bytes()
    world = Simulation(make_setting(scenario), "leaders")
    fleet: Any = world.schemes["vehicles"].deciding
    (kind,) = (each for each in fleet.classes if each.__name__ == "JoiningVehicle")
    seen = []
    for _ in range(scenario.steps):
        seen.append(kind.members(fleet.rows_at(kind)).tolist())
        world.step()
    # January ends after twelve hours; nobody joins or leaves before.
    assert seen[0] == seen[11]
    assert seen[11] != seen[12] == seen[-1]


def test_savings_are_those_beside_who_does_otherwise() -> None:
    gain, kind = np.array([5.0, 1.0, 3.0, 8.0, 2.0]), np.array([0, 0, 0, 1, 1])
    member = np.array([True, False, False, True, True])
    found = savings_beside_others(gain, member, kind)
    assert found.tolist() == [3.0, 4.0, 2.0, 0.0, 0.0]
    assert expected_to_save(gain, member, kind).tolist() == found.tolist()
