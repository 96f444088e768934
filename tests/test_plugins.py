"""Plugins: metrics, strategies and schemes of one's own wherever built-in ones are."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import hmesh
from hmesh.agents import ElectricVehicle
from hmesh.agents.row_agent import AgentGroup, Column
from hmesh.environment import InputError, Population
from hmesh.plugins import add_scheme, metric, scheme, strategy
from hmesh.runs import Scenario, audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.live.source import make_source
from hmesh.runs.plugins import loading
from hmesh.runs.plugins.registered import METRICS
from hmesh.runs.schemes.registry import schemes
from hmesh.runs.strategy_names import STRATEGIES, STRATEGIES_OF_ALL
from hmesh.runs.world.price_rules import RULES
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

pytestmark = pytest.mark.usefixtures("plugins_withdrawn")

PLUGIN = """
import numpy as np
from hmesh.plugins import Decision, metric, strategy


@strategy("flat", scheme="vehicles", label="a flat tariff", colour="#123456")
class FlatTariff:
    def decide(self, simulation):
        price = np.where(simulation.supplied, 33.0, np.nan)
        return Decision(30.0, price, simulation.market.respond(price))


@metric("demand_kw")
def demand(simulation):
    return simulation.net_kwh.sum() / simulation.step_h


@metric("late_kw")
def late(simulation):
    return np.where(simulation.step_index >= 2, simulation.net_kwh, np.nan)
"""
CHANGES = ["vehicles.count=9", "hours=4", "game.solver=exact", "strategies=[flat, three_level]"]


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "my_agents.py"
    path.write_text(PLUGIN)
    return path


def load(plugin: Path, *changes: str) -> Scenario:
    return load_scenario(
        "three-communities", [*CHANGES, "plots=false", *changes], None, [str(plugin)]
    )


def typed(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="hmesh")


def test_a_plugin_is_valid_wherever_a_built_in_name_is(plugin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    set_ = [word for change in (*CHANGES, "plots=false") for word in ("--set", change)]
    given = ("three-communities", "--plugin", plugin, *set_)
    assert "strategies flat, three_level" in typed("check", *given).output
    done = typed("run", *given, "--out", folder, "--no-progress")
    assert done.exit_code == 0, done.output
    assert "A flat" in done.output
    run = read_run(folder)
    rows = run.table("metrics").to_pandas()
    hours = run.table("hours").to_pandas()
    for name in ("flat", "three_level"):
        demand = hours[hours.strategy == name].groupby("step").net_kwh.sum()
        mine = rows[(rows.strategy == name) & (rows.metric == "demand_kw")]
        assert mine.community.isna().all()
        np.testing.assert_allclose(mine.value, demand, rtol=1e-12)
        reported = run.summary[name]["metrics"]
        assert reported["demand_kw"]["max"] == pytest.approx(demand.max())
        assert reported["demand_kw"]["mean"] == pytest.approx(demand.mean())
        assert reported["demand_kw"]["last"] == pytest.approx(demand.iloc[-1])
        late = hours[(hours.strategy == name) & (hours.community == "malls") & (hours.step >= 2)]
        assert reported["late_kw"]["malls"]["mean"] == pytest.approx(late.net_kwh.mean())
    recorded = run.info["scenario"]["plugins"]["my_agents.py"]
    assert recorded["path"] == str(plugin)
    report = audit_run(folder)
    assert report.passed
    assert report.verdict.endswith("1 by design")
    (by_design,) = (check for check in report.checks if check.by_design)
    assert "by design: 3 checks do not apply" in by_design.note
    assert "metrics: summary as the table has it" in [check.name for check in report.checks]
    page = tmp_path / "page.html"
    hmesh.report(folder, page, audit=False)
    assert "flat tariff" in page.read_text()
    source = make_source("three-communities", [*CHANGES], None, "flat", [str(plugin)])
    assert source.changed({}, 7).strategies == ("flat", "three_level")


def test_the_audit_finds_forged_metrics(plugin: Path, tmp_path: Path) -> None:
    start_run(load(plugin), tmp_path / "run")
    path = tmp_path / "run" / "summary.json"
    summary = json.loads(path.read_text())
    summary["flat"]["metrics"]["demand_kw"]["max"] += 1.0
    path.write_text(json.dumps(summary))
    assert "metrics: summary as the table has it" in audit_run(tmp_path / "run").failed


def test_runs_without_metrics_have_no_table_of_them(tmp_path: Path) -> None:
    changes = ["vehicles.count=3", "hours=1", "strategies=[typical]", "plots=false"]
    start_run(load_scenario("three-communities", changes), tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.parquet").exists()
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert "plugins" not in info["scenario"]


def test_a_scenario_names_plugins_beside_it(plugin: Path, tmp_path: Path) -> None:
    text = Path(load_scenario.__code__.co_filename).parent / "built_in" / "three-communities.yaml"
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"plugins: [my_agents.py]\n{text.read_text()}")
    scenario = load_scenario(mine, ["strategies=[flat]"])
    assert scenario.plugins == ("my_agents.py",)
    assert scenario.strategies == ("flat",)
    again = Scenario.from_resolved(json.loads(json.dumps(scenario.resolved())))
    assert again.resolved() == scenario.resolved()
    assert "flat" not in load_scenario(text).strategies  # only where it is named
    with pytest.raises(InputError, match=r"strategy of the plugin my_agents.py .*--plugin"):
        load_scenario(text, ["strategies=[flat]"])


def test_modules_are_plugins_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text("from my_package import more")
    more = package / "more.py"
    more.write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    scenario = load_scenario(
        "three-communities", {"plugins": ["my_package"], "strategies": ["flat"]}
    )
    (first,) = scenario.loaded_plugins
    assert Path(first.path) == package
    more.write_text(PLUGIN.replace("33.0", "34.5"))
    os.utime(more, (1, 1))
    scenario = load_scenario(
        "three-communities", {"plugins": ["my_package"], "strategies": ["flat"]}
    )
    assert scenario.loaded_plugins[0].sha256 != first.sha256


def test_plugins_of_installed_packages_are_plugins_of_every_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed_agents.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(loading, "_installed", lambda: ("installed_agents",))
    scenario = load_scenario("three-communities", ["strategies=[flat]"])
    assert scenario.plugins == ("installed_agents",)


SCHOOLS = """
import numpy as np
from hmesh.plugins import strategy
from hmesh.runs.schemes.school_buses.strategies import SchoolDecision


@strategy("slow_charging", scheme="school_buses", label="slow charging")
class SlowCharging:
    def decide(self, sharing):
        district = sharing.district
        nobody = np.full(len(district), np.nan)
        return SchoolDecision(0.5 * district.charge_kwh, np.zeros(len(district.buses)), nobody)
"""


def test_a_strategy_of_school_buses(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SCHOOLS)
    given = {
        "hours": 14, "strategies": ["charge_after_use", "slow_charging"], "plots": False,
        "messages.keep": "all",
    }  # fmt: skip
    scenario = load_scenario("school-buses", given, None, [str(tmp_path / "slow.py")])
    summary = start_run(scenario, tmp_path / "run")
    at_once, slow = (summary[name]["school_charged_kwh"] for name in scenario.strategies)
    assert 0 < slow < at_once
    report = audit_run(tmp_path / "run")
    assert report.passed, report.failed
    (by_design,) = (check for check in report.checks if check.by_design)
    assert by_design.name == "rule: slow_charging sets what schools charge and sell"
    assert "5 checks do not apply" in by_design.note
    assert STRATEGIES_OF_ALL["everybody_shares"]["school_buses"] != "slow_charging"
    with pytest.raises(InputError, match=r"register it with @strategy in a file named in"):
        load_scenario("school-buses", ["strategies=[slow_chargin]"])


WRONG = {
    "there is no file": None,
    "line 3: cannot be loaded: ZeroDivisionError: division by zero": "\n\n1 / 0\n",
    "line 2: cannot be loaded: SyntaxError": "\ndef broken(:\n",
    "'Peak kW' is not a valid name": (
        "from hmesh.plugins import metric\n@metric('Peak kW')\ndef peak(world): ...\n"
    ),
    "another metric has this name: metric 'one'": (
        "from hmesh.plugins import metric\n"
        "@metric('one')\ndef first(world): ...\n@metric('one')\ndef second(world): ...\n"
    ),
    "there is no scheme 'vehicle' (allowed: smart_homes, composite_storage, metered_sites,"
    " battery_sharing, community_storage, school_buses, vehicles; did you mean 'vehicles'?)": (
        "from hmesh.plugins import strategy\n"
        "@strategy('one', scheme='vehicle')\nclass One:\n    def decide(self, world): ...\n"
    ),
    "scheme vehicles has a strategy of this name": (
        "from hmesh.plugins import strategy\n"
        "@strategy('typical', scheme='vehicles')\nclass One:\n    def decide(self, world): ...\n"
    ),
    "has no method decide": (
        "from hmesh.plugins import strategy\n@strategy('one', scheme='vehicles')\nclass One: ...\n"
    ),
    "audit is missing from its descriptor": (
        "from hmesh.plugins import scheme\n@scheme('lamps')\nclass Lamps: ...\n"
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_with_a_plugin_is_one_message(message: str, tmp_path: Path) -> None:
    text = WRONG[message]
    if text is not None:
        (tmp_path / "wrong.py").write_text(text)
    known = set(STRATEGIES), set(METRICS), set(schemes()), set(RULES)
    done = typed("check", "three-communities", "--plugin", tmp_path / "wrong.py")
    assert done.exit_code == 2
    assert message in done.output
    assert "Traceback" not in done.output
    assert (set(STRATEGIES), set(METRICS), set(schemes()), set(RULES)) == known


def test_an_unknown_module_is_one_message() -> None:
    done = typed("check", "three-communities", "--plugin", "no_such.module")
    assert done.exit_code == 2
    assert "plugin no_such.module: cannot be imported" in done.output
    with pytest.raises(InputError, match=r"plugins: 'a.py' is not a list of plugins"):
        load_scenario("three-communities", ["plugins=a.py"])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("'much'", "returns str 'much'"),
        ("[1.0, 2.0]", "returns an array of shape"),
        ("1 / 0", "fails in step 0: ZeroDivisionError"),
        ("float('inf')", "is infinite in step 0"),
    ],
)
def test_a_metric_that_returns_no_number_is_named(
    returned: str, message: str, plugin: Path
) -> None:
    plugin.write_text(f"{PLUGIN}\n@metric('odd')\ndef odd(simulation):\n    return {returned}\n")
    simulation = Simulation(make_setting(load(plugin)), "flat")
    with pytest.raises(InputError, match=rf"metric 'odd' .*my_agents.py:\d+.*: {message}"):
        simulation.step()


def interrupted(plugin: Path, folder: Path) -> Path:
    return interrupted_run(folder, 2, load(plugin))


def test_a_resumed_run_has_the_metrics_of_an_uninterrupted_one(
    plugin: Path, tmp_path: Path
) -> None:
    start_run(load(plugin), tmp_path / "whole")
    resume_run(interrupted(plugin, tmp_path / "parts"))
    for name in ("metrics.parquet", "summary.json", "hours.parquet"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_plugin_that_changed_is_refused_on_resume_unless_allowed(
    plugin: Path, tmp_path: Path
) -> None:
    folder = interrupted(plugin, tmp_path / "run")
    before = read_run(folder).info["scenario"]["plugins"]["my_agents.py"]["sha256"]
    plugin.write_text(PLUGIN.replace("33.0", "35.0"))
    done = typed("resume", folder, "--no-progress")
    assert done.exit_code == 2
    assert "plugin my_agents.py has changed since the run began" in done.output
    assert "--allow-changed-plugins" in done.output
    done = typed("resume", folder, "--no-progress", "--allow-changed-plugins")
    assert done.exit_code == 0, done.output
    run = read_run(folder)
    assert run.info["changed_plugins"] == {"my_agents.py": [before]}
    prices = run.table("hours", filters=[("strategy", "=", "flat")]).to_pandas()
    assert set(prices[prices.step < 2].community_price) == {33.0}
    assert set(prices[prices.step >= 2].community_price) == {35.0}
    plugin.write_text(PLUGIN)
    checks = {check.name: check for check in audit_run(folder).checks}
    changed = checks["files: plugins as the run loaded them"]
    assert changed.passed is None
    assert "changed since: my_agents.py" in changed.note


@pytest.mark.slow
def test_a_sweep_with_two_workers_compares_metrics(plugin: Path, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "hmesh.runs", "sweep", "three-communities", "--out", "sweep"),
        *("--plugin", plugin.name, "--vary", "vehicles.count=3,9", "--workers", "2"),
        *(word for change in CHANGES for word in ("--set", change)),
        "--no-progress",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "sweep" / "runs.csv").read_text().splitlines()
    assert len(lines) == 1 + 4
    assert "metrics.demand_kw.mean" in lines[0].split(",")
    assert "metrics.late_kw.malls.max" in lines[0].split(",")
    plugin.write_text(PLUGIN.replace("33.0", "35.0"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "plugins.my_agents.py" in done.stderr


def test_a_program_registers_too(tmp_path: Path) -> None:
    @strategy("at_forty", scheme="vehicles")
    class AtForty:
        def decide(self, simulation: Any) -> Any:
            raise NotImplementedError

    assert STRATEGIES["at_forty"].title == "at forty"
    assert load_scenario("three-communities", ["strategies=[at_forty]"]).strategies == ("at_forty",)
    assert hmesh.plugins.metric is metric
    assert callable(scheme)
    assert callable(add_scheme)


class Patient(ElectricVehicle):
    """A vehicle that counts how often it was asked."""

    patience_h = Column(np.float64, "h", 2.0, "how long it waits")
    asked = Column(np.int64, "-", 0, "how often it was asked", state=True)


def test_columns_of_a_subclass_exist_are_saved_and_restored() -> None:
    def fleet() -> AgentGroup[ElectricVehicle]:
        setting = make_setting(load_scenario("three-communities", ["vehicles.count=5"]))
        group: AgentGroup[ElectricVehicle] = (
            Simulation(setting, "typical").schemes["vehicles"].fleet
        )
        group.replace([1, 3], Patient)
        return group

    first, second = fleet(), fleet()
    patient = first[1]
    assert isinstance(patient, Patient)
    assert patient.patience_h == 2.0
    patient.asked += 3
    assert first.population["asked"].tolist() == [0, 3, 0, 0, 0]
    second.population.restore(first.population.state())
    assert second[1].asked == 3  # type: ignore[attr-defined]
    assert "patience_h" not in first.population.state()


def test_columns_of_a_subclass_are_the_groups_own() -> None:
    common = Population(ElectricVehicle.attributes(), 4)
    mine, other = common.fork(), common.fork()
    mine.add(Patient.attributes())
    assert "asked" in mine.attributes
    assert "asked" not in other.attributes
    assert "asked" not in other
    mine.add(Patient.attributes())


def test_a_column_that_contradicts_one_there_is_refused() -> None:
    class Odd(ElectricVehicle):
        lam = Column(np.int64, "-", 1, "another thing", state=True)

    population = Population(ElectricVehicle.attributes(), 4)
    with pytest.raises(InputError, match=r"column lam: a changing column of int64 is declared"):
        population.add(Odd.attributes())


def test_a_scheme_of_a_plugin_takes_part_and_leaves_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (tmp_path / "lights.py").write_text(
        "from street_lights.scheme import SCHEME\n"
        "from hmesh.plugins import add_scheme\n"
        "add_scheme(SCHEME)\n"
    )
    changes = {
        "vehicles.count": 0,
        "hours": 3,
        "plots": False,
        "strategies": ["lights_all_night"],
        "street_lights": {"community": "homes", "lamps": 20},
    }
    scenario = load_scenario("three-communities", changes, None, [str(tmp_path / "lights.py")])
    start_run(scenario, tmp_path / "run")
    assert audit_run(tmp_path / "run").passed
    loading.unload("lights.py")
    assert "street_lights" not in schemes()
    assert audit_run(tmp_path / "run").passed  # run.json names the plugin, which is loaded again
