"""Scenarios of studies: listed, each with a notebook, and run for some hours."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmesh.runs import builtin_scenarios, load_scenario
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.scenario_files import study_scenarios
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
STUDIES = dict(study_scenarios())


def test_studies_are_listed_beside_the_built_in_scenarios() -> None:
    assert not set(STUDIES) & {name for name, _ in builtin_scenarios()}
    listed = CliRunner().invoke(app, ["scenarios"]).stdout
    assert all(name in listed and text in listed for name, text in STUDIES.items())


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_a_notebook_that_varies_it_and_runs(name: str) -> None:
    assert f'\\"{name}\\",' in (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    changes = (
        {"hours": 2} if name in ("members", "adoption") else {"hours": 2, "vehicles.count": 50}
    )
    scenario = load_scenario(name, changes)
    assert (scenario.name, scenario.description) == (name, STUDIES[name])
    for strategy in scenario.strategies:
        world = Simulation(make_setting(scenario), strategy)
        for _ in range(scenario.steps):
            world.step()
        assert world.net_kwh.sum() != 0.0
