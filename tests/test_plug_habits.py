"""Who plugs in where it arrives, and that one who does not takes part in nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.plug_habits import PlugHabit, plugs_in
from hmesh.runs.audits.reference.plugging import plugs_in as plain
from hmesh.runs.audits.run_audit import audit_run
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_vehicle_groups import COMMUTERS, DRAWN, TAXIS, VANS, problems, scenario

POINTS = ((0.2, 1.0), (0.6, 0.5), (0.9, 0.0))


@pytest.mark.parametrize(
    "habit",
    [
        PlugHabit(), PlugHabit(at_home=True), PlugHabit(below=0.4), PlugHabit(probability=POINTS),
        PlugHabit(True, 0.7, POINTS),
    ],
)  # fmt: skip
def test_habits_are_those_of_the_second_implementation(habit: PlugHabit) -> None:
    rng = np.random.default_rng(1)
    home, place = rng.integers(0, 3, (2, 500))
    soc, u = rng.random((2, 500))
    found = plugs_in(habit, home, place, soc, u)
    for k in range(500):
        assert found[k] == plain(
            only_at=int(home[k]) if habit.at_home else None,
            below=habit.below if habit.below < np.inf else None,
            points=habit.probability or None,
            place=int(place[k]), soc=float(soc[k]), draw=float(u[k]),
        )  # fmt: skip


def test_a_probability_is_met_as_often_as_it_says() -> None:
    u = np.random.default_rng(2).random(40_000)
    none = np.zeros(len(u), dtype=np.int64)
    does = plugs_in(PlugHabit(probability=POINTS), none, none, np.full(len(u), 0.5), u)
    # 0.625 of them; five standard deviations are 1.2 %.
    assert does.mean() == pytest.approx(0.625, abs=0.0125)


def stepped(each: Scenario, strategy: str, steps: int) -> tuple[Any, list[dict[str, np.ndarray]]]:
    """Return the vehicles of a world, and what they do in its first steps."""
    world = Simulation(make_setting(each), strategy)
    vehicles: Any = world.schemes["vehicles"]
    reported = []
    for _ in range(steps):
        world.step()
        columns = ("community", "plugged_part", "plugs_in", "energy_kwh", "place")
        reported.append({name: vehicles.fleet.population[name].copy() for name in columns})
        reported[-1]["exchange_kwh"] = vehicles.exchange_kwh()
    return vehicles, reported


def test_who_does_not_plug_in_takes_part_in_nothing() -> None:
    taxis = TAXIS | {"travel": DRAWN, "plug_in": {"below": 0.6}, "count": 20}
    vehicles, reported = stepped(scenario(taxis, COMMUTERS), "three_level", 20)
    rows = vehicles.vehicles.groups.rows[0]
    idle = 0
    for step in reported:
        out = rows[~step["plugs_in"][rows] & (step["place"][rows] == step["community"][rows])]
        at_rest = out[step["plugged_part"][out] == 0.0]
        assert np.all(step["exchange_kwh"][at_rest] == 0.0)
        idle += len(at_rest)
    assert idle > 0
    assert vehicles.present.sum() < len(vehicles.fleet)


def test_at_home_is_where_its_plan_begins() -> None:
    vehicles, reported = stepped(scenario(VANS | {"plug_in": "at_home"}), "three_level", 24)
    home = vehicles.fleet.population["home"]
    np.testing.assert_array_equal(home, vehicles.traffic.trips.homes())
    away = 0
    for step in reported:
        elsewhere = (step["community"] >= 0) & (step["community"] != home)
        assert np.all(step["plugged_part"][elsewhere] == 0.0)
        assert np.all(step["exchange_kwh"][elsewhere] == 0.0)
        away += int(elsewhere.sum())
    assert away > 0


def test_habits_of_one_group_leave_the_draws_of_another() -> None:
    habit = {"plug_in": {"probability": [[0.0, 1.0], [1.0, 0.3]]}}
    found = []
    for groups in ((TAXIS | habit,), (COMMUTERS | habit, TAXIS | habit)):
        vehicles, reported = stepped(scenario(*groups), "typical", 12)
        rows = vehicles.vehicles.groups.rows[-1]
        found.append(np.stack([step["plugs_in"][rows] for step in reported]))
    np.testing.assert_array_equal(*found)
    assert 0 < found[0].mean() < 1


def test_mistakes_in_habits() -> None:
    (line,) = problems(TAXIS | {"plug_in": "at_hom"})
    assert "groups.0.plug_in: 'at_hom' is not allowed" in line
    assert "did you mean 'at_home'" in line
    (line,) = problems(TAXIS | {"plug_in": {"below": 1.4}})
    assert "groups.0.plug_in.below" in line
    (line,) = problems(TAXIS | {"plug_in": {"probability": [[0.5, 1.0], [0.5, 0.2]]}})
    assert "the states of charge do not ascend" in line


@pytest.mark.slow
def test_a_run_with_habits_passes_its_audit(tmp_path: Path) -> None:
    taxis = TAXIS | {"travel": DRAWN, "plug_in": {"below": 0.8, "probability": POINTS}}
    groups = (COMMUTERS, VANS | {"plug_in": "at_home"}, taxis)
    each = scenario(*groups, step_h=0.25, hours=24)
    start_run(each, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert [check.name for check in report.checks if check.passed is False] == []
    home = read_run(tmp_path / "run").table("fleet").to_pandas()["home"]
    assert home.notna().all()
