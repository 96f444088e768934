"""Behaviours of plugins: who has them, how they decide and learn, and what an audit says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import hmesh
from hmesh.agents import ElectricVehicle, row_agent
from hmesh.environment import InputError
from hmesh.plugins import behaviour
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.plugins.registered import BEHAVIOURS
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from hmesh.runs.world.behaving_rows import behaving_rows, check_behaviours
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

pytestmark = pytest.mark.usefixtures("plugins_withdrawn")

PLUGIN = '''
import numpy as np
from hmesh.agents import ElectricVehicle
from hmesh.agents.row_agent import Column
from hmesh.plugins import behaviour

ARMS = np.array([20.0, 30.0, 40.0, 50.0])


@behaviour("bandit")
class Bandit(ElectricVehicle):
    """Charges below one of four thresholds, and tries another where it pays more than most."""

    exploration = Column(np.float64, "-", 0.5, "how often it then tries another threshold")
    arm = Column(np.int16, "-", 0, "threshold that it follows", state=True)
    cost = Column(np.float64, "money", 0.0, "what it paid of late", state=True)

    @classmethod
    def respond_rows(cls, vehicles, price):
        lower, upper = vehicles.exchange_bounds()
        return np.where(price < ARMS[vehicles.arm], upper, 0.0)

    @classmethod
    def learn_rows(cls, vehicles, settlement):
        world = vehicles.model
        vehicles.cost = 0.9 * vehicles.cost + settlement.paid
        stream = world.streams.generator("bandit", "electric vehicle", world.step_index)
        draw = stream.random(len(vehicles.population))[vehicles.rows]
        another = (vehicles.cost > settlement.mean_paid) & (draw < vehicles.exploration)
        vehicles.arm = np.where(another, (vehicles.arm + 1) % len(ARMS), vehicles.arm)


@behaviour("one_by_one")
class OneByOne(ElectricVehicle):
    """The same, vehicle by vehicle."""

    exploration = Column(np.float64, "-", 0.5, "how often it then tries another threshold")
    arm = Column(np.int16, "-", 0, "threshold that it follows", state=True)
    cost = Column(np.float64, "money", 0.0, "what it paid of late", state=True)

    def respond(self, price):
        return self.exchange_bounds()[1] if price < ARMS[self.arm] else 0.0

    def learn(self, settlement):
        self.cost = 0.9 * self.cost + settlement.paid
        stream = self.model.streams.generator("bandit", "electric vehicle", self.model.step_index)
        draw = stream.random(len(self.population))[self.row]
        if self.cost > settlement.mean_paid and draw < self.exploration:
            self.arm = (self.arm + 1) % len(ARMS)
'''
SOME = ["vehicles.count=30", "hours=6", "strategies=[three_level]", "plots=false"]


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "bandit.py"
    path.write_text(PLUGIN)
    return path


def load(plugin: Path, choices: Any, *changes: str) -> Scenario:
    given = [*SOME, f"behaviours={json.dumps(choices)}", *changes]
    return load_scenario("three-communities", given, None, [str(plugin)])


def world(plugin: Path, choices: Any, *changes: str) -> Simulation:
    return Simulation(make_setting(load(plugin, choices, *changes)), "three_level")


def fleet_of(simulation: Simulation) -> Any:
    return simulation.schemes["vehicles"].deciding


def rows(plugin: Path, choices: Any, *changes: str) -> dict[str, list[int]]:
    found = behaving_rows(make_setting(load(plugin, choices, *changes)), "vehicles")
    return {name: held.tolist() for name, held in found.items()}


def test_a_run_with_behaviours_is_resumed_audited_and_reported(
    plugin: Path, tmp_path: Path
) -> None:
    choices = [
        {"behaviour": "bandit", "share": 0.3, "columns": {"exploration": 1.0}},
        {"behaviour": "one_by_one", "count": 4, "community": "homes"},
    ]
    scenario = load(plugin, choices, "messages.keep=all")
    start_run(scenario, tmp_path / "whole")

    resume_run(interrupted_run(tmp_path / "parts", 3, scenario))
    for name in ("hours.parquet", "vehicles.parquet", "summary.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    report = audit_run(tmp_path / "whole")
    assert report.passed, report.failed
    counts = {
        name: len(held) for name, held in behaving_rows(make_setting(scenario), "vehicles").items()
    }
    assert counts["one_by_one"] == 4
    by_design = {check.name: check.note for check in report.checks if check.by_design}
    assert set(by_design) == {f"behaviour: {n} vehicles follow {b}" for b, n in counts.items()}
    assert all("5 checks do not apply" in note for note in by_design.values())
    names = [check.name for check in report.checks]
    assert "vehicles: none does better by another exchange" in names  # of all others
    assert not any(name.startswith("equilibrium") for name in names)
    page = hmesh.report(tmp_path / "whole", tmp_path / "page.html")
    assert "vehicles follow bandit" in page.read_text()
    assert read_run(tmp_path / "whole").scenario.behaviours == scenario.behaviours


def test_a_behaviour_in_arrays_is_that_of_each_vehicle(plugin: Path) -> None:
    first = world(plugin, [{"behaviour": "bandit", "rows": [3, 17]}])
    second = world(plugin, [{"behaviour": "one_by_one", "rows": [3, 17]}])
    for _ in range(6):
        first.step()
        second.step()
    fleets = [fleet_of(each).population for each in (first, second)]
    assert len(set(fleets[0]["arm"][3:18].tolist())) > 1  # some learned
    for name in ("arm", "cost", "energy_kwh"):
        assert fleets[0][name].tobytes() == fleets[1][name].tobytes()
    bandit = fleet_of(first)[5]
    can = bandit.exchange_bounds()[1] if bandit.can_exchange else 0.0
    assert bandit.respond(-10.0) == can


def test_what_some_decide_leaves_the_draws_of_others(plugin: Path) -> None:
    few = rows(plugin, [{"behaviour": "bandit", "share": 0.3}])["bandit"]
    more = rows(plugin, [{"behaviour": "bandit", "share": 0.3}], "vehicles.count=60")["bandit"]
    assert [row for row in more if row < 30] == few
    both = rows(
        plugin, [{"behaviour": "bandit", "share": 0.3}, {"behaviour": "one_by_one", "share": 0.5}]
    )
    assert both["bandit"] == few
    assert not set(both["one_by_one"]) & set(few)
    everybody = rows(
        plugin, [{"behaviour": "bandit", "share": 0.3}, {"behaviour": "one_by_one", "share": 0.7}]
    )
    assert sum(map(len, everybody.values())) == 30
    setting = make_setting(load(plugin, [{"behaviour": "bandit", "share": 0.3}]))
    plain = make_setting(load_scenario("three-communities", SOME))
    for name in ("lam", "theta", "day_plan"):
        mine, theirs = (each.schemes["vehicles"].fleet[name] for each in (setting, plain))
        assert mine.tobytes() == theirs.tobytes()


def test_agents_are_chosen_by_row_and_by_community(plugin: Path) -> None:
    assert rows(plugin, [{"behaviour": "bandit", "rows": [2, 4]}])["bandit"] == [2, 3, 4]
    choice = {"behaviour": "bandit", "share": 1.0, "community": "malls"}
    simulation = world(plugin, [choice], "start=2023-01-16T12:00")
    fleet = fleet_of(simulation)
    there = np.flatnonzero(fleet.population["community"] == 1)
    assert 0 < len(there) < 30
    assert fleet.self_willed.tolist() == there.tolist()


WRONG: dict[str, tuple[Any, list[str]]] = {
    r"behaviours.0.behaviour: there is no behaviour 'bandid' .*did you mean 'bandit'": (
        [{"behaviour": "bandid", "share": 0.1}], [],
    ),
    r"register it with @behaviour in a file named in `plugins:`": (
        [{"behaviour": "bandid", "share": 0.1}], [],
    ),
    r"share and count are given \(allowed: one of share, count and rows": (
        [{"behaviour": "bandit", "share": 0.1, "count": 2}], [],
    ),
    r"neither share, count nor rows is given": ([{"behaviour": "bandit"}], []),
    r"behaviours.1.share: shares of the agents of vehicles add up to more than 1 .*at most 0.4": (
        [{"behaviour": "bandit", "share": 0.6}, {"behaviour": "one_by_one", "share": 0.5}], [],
    ),
    r"no community is called 'mall' .*did you mean 'malls'": (
        [{"behaviour": "bandit", "share": 0.6, "community": "mall"}], [],
    ),
    r"behaviours.0.columns.armm: the behaviour declares no column 'armm' .*did you mean 'arm'": (
        [{"behaviour": "bandit", "share": 0.6, "columns": {"armm": 1}}], [],
    ),
    r"row 4 stands after row 2": ([{"behaviour": "bandit", "rows": [4, 2]}], []),
    r"behaviours.0.count: 31 agents of vehicles shall have it, and 30 are left": (
        [{"behaviour": "bandit", "count": 31}], [],
    ),
    r"behaviours.0.rows: 2 agents of vehicles shall have it, and 1 are left": (
        [{"behaviour": "bandit", "rows": [29, 30]}], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_said_with_its_key(message: str, plugin: Path) -> None:
    choices, changes = WRONG[message]
    with pytest.raises(InputError, match=message):
        check_behaviours(make_setting(load(plugin, choices, *changes)))


def test_a_behaviour_of_agents_that_are_not_there_is_refused(plugin: Path) -> None:
    given = {"hours": 6, "behaviours": [{"behaviour": "bandit", "share": 0.1}]}
    with pytest.raises(InputError, match="agents of vehicles, which do not take part"):
        load_scenario("smart-home", given, None, [str(plugin)])
    with pytest.raises(InputError, match=r"behaviour of the plugin bandit.py .*or --plugin"):
        load_scenario("three-communities", given)


def test_solvers_that_ask_nobody_are_warned_of(plugin: Path) -> None:
    scenario = load(plugin, [{"behaviour": "bandit", "share": 0.1}], "game.solver=exact")
    assert any(
        "exact computes prices from lam" in str(each) for each in scenario_warnings(scenario)
    )
    scenario = load(plugin, [{"behaviour": "bandit", "share": 0.1}])
    assert not any("computes prices" in str(each) for each in scenario_warnings(scenario))


def test_a_class_that_decides_nothing_is_no_behaviour() -> None:
    with pytest.raises(InputError, match=r"not a subclass .*ElectricVehicle \(vehicles\)"):
        behaviour("odd")(dict)
    with pytest.raises(InputError, match="not a subclass of a type"):
        behaviour("odd")(ElectricVehicle)
    idle = type("Idle", (ElectricVehicle,), {})
    with pytest.raises(InputError, match=r"overrides no decision .*respond or respond_rows"):
        behaviour("odd")(idle)
    assert "odd" not in BEHAVIOURS


def test_an_array_answer_is_checked_like_any_other(plugin: Path) -> None:
    plugin.write_text(PLUGIN.replace("upper, 0.0)", "upper + 0.5, 0.0)"))
    simulation = world(plugin, [{"behaviour": "bandit", "rows": [3, 17]}])
    fleet_of(simulation).population["arm"][:] = 3
    with pytest.raises(ValueError, match=r"Bandit \d+ answers .* outside its bounds"):
        simulation.step()
    plugin.write_text(PLUGIN.replace("upper, 0.0)", "upper, 0.0)[:-1]"))
    simulation = world(plugin, [{"behaviour": "bandit", "rows": [3, 17]}])
    with pytest.raises(ValueError, match=r"Bandit.respond_rows returns an array of shape"):
        simulation.step()


def test_rows_cannot_be_written_to_in_silence(plugin: Path) -> None:
    simulation = world(plugin, [{"behaviour": "bandit", "rows": [3, 5]}])
    vehicles = fleet_of(simulation)[4].as_rows()
    vehicles.arm = 2
    assert fleet_of(simulation)[4].arm == 2
    with pytest.raises(ValueError, match="read-only"):
        vehicles.arm[0] = 3
    with pytest.raises(InputError, match="there is no such column"):
        vehicles.armm = 3


def test_many_with_a_behaviour_in_arrays_need_no_objects(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_agent, "MOST_OBJECTS", 10)
    choices = [
        {"behaviour": "bandit", "rows": [0, 9]},
        {"behaviour": "one_by_one", "rows": [10, 12]},
    ]
    simulation = world(plugin, choices)
    fleet = fleet_of(simulation)
    kept = [agent for agent in simulation.agents if isinstance(agent, ElectricVehicle)]
    assert [type(agent).__name__ for agent in kept] == ["OneByOne"] * 3
    assert type(fleet[4]).__name__ == "Bandit"
    assert type(fleet[13]) is ElectricVehicle
    simulation.step()


def test_a_sweep_varies_who_has_a_behaviour_and_how(plugin: Path, tmp_path: Path) -> None:
    given = "behaviours=[{behaviour: bandit, share: 0.1, columns: {exploration: 0.1}}]"
    done = CliRunner().invoke(
        app,
        [
            *("sweep", "three-communities", "--plugin", str(plugin), "--out", str(tmp_path / "s")),
            *("--vary", "behaviours.0.share=0,1", "--workers", "1", "--no-progress"),
            *(word for change in (*SOME, "hours=3", given) for word in ("--set", change)),
        ],
    )
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "s" / "runs.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "behaviours.0.share" in lines[0].split(",")


OTHERS = """
from hmesh.agents.building_battery import BuildingBattery
from hmesh.agents.community_storage import ServedHousehold
from hmesh.agents.school import School
from hmesh.agents.storage_household import HomeEnergyManager
from hmesh.plugins import behaviour


@behaviour("half_battery")
class HalfBattery(BuildingBattery):
    def answer(self, load_kwh, charging, discharging):
        return 0.5 * super().answer(load_kwh, charging, discharging)


@behaviour("half_school")
class HalfSchool(School):
    def respond(self, price):
        return 0.5 * super().respond(price)


@behaviour("half_household")
class HalfHousehold(ServedHousehold):
    def draw(self, granted_kwh):
        return 0.5 * granted_kwh


@behaviour("sleepy_manager")
class SleepyManager(HomeEnergyManager):
    def decide(self, load_kwh, heat_kwh, generation_kwh, state, tariff, targets):
        return super().decide(load_kwh, heat_kwh, 0.5 * generation_kwh, state, tariff, targets)
"""


@pytest.mark.parametrize(
    ("scenario", "name", "changes"),
    [
        ("battery-sharing", "half_battery", {"hours": 24, "strategies": ["priced_battery"]}),
        ("school-buses", "half_school", {"hours": 14, "strategies": ["optimal_energy_price"]}),
        pytest.param(
            "community-storage", "half_household",
            {"hours": 12, "strategies": ["community_storage_normal"]}, marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_other_agents_have_behaviours_too(
    scenario: str, name: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "others.py").write_text(OTHERS)
    plugins = [str(tmp_path / "others.py")]
    given = {"plots": False, **changes}
    start_run(load_scenario(scenario, given, None, plugins), tmp_path / "plain")
    given["behaviours"] = [{"behaviour": name, "count": 3}]
    start_run(load_scenario(scenario, given, None, plugins), tmp_path / "own")
    report = audit_run(tmp_path / "own")
    assert report.passed, report.failed
    (by_design,) = (check for check in report.checks if check.by_design)
    assert by_design.name.endswith(f"follow {name}")
    assert " apply (" in by_design.note
    assert read_run(tmp_path / "own").summary != read_run(tmp_path / "plain").summary


def test_managers_whose_houses_follow_a_plan_are_not_asked(tmp_path: Path) -> None:
    (tmp_path / "others.py").write_text(OTHERS)
    given = {
        "composite_storage.manager": "foresight",
        "behaviours": [{"behaviour": "sleepy_manager", "count": 1}],
    }
    with pytest.raises(InputError, match="no agent of composite_storage is asked, since manager"):
        load_scenario("composite-storage", given, None, [str(tmp_path / "others.py")])
