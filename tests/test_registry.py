"""A scheme from outside: street lights, registered from a folder, wherever a built-in one is."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from hmesh.environment import InputError
from hmesh.runs import (
    Scenario,
    audit_run,
    load_scenario,
    read_run,
    resume_run,
    start_run,
    write_report,
)
from hmesh.runs.command_line import app
from hmesh.runs.results.result_tables import TABLES
from hmesh.runs.run_notes import notes
from hmesh.runs.run_summary import summary_table
from hmesh.runs.schemes.descriptor import SchemeDescriptor
from hmesh.runs.schemes.part_kinds import REQUIRED
from hmesh.runs.schemes.registry import register, scheme, schemes, unregister
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.strategy_names import strategy_name
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

SOURCE = Path(__file__).parent / "street_lights"
NIGHT = {
    "name": "a-lit-street",
    "time_zone": "Asia/Tokyo",
    "start": "2023-01-16T12:00",
    "hours": 24,
    "strategies": ["lights_all_night", "lights_dimmed"],
    "communities": {
        "street": {
            "members": [
                {
                    "kind": "household",
                    "name": "homes",
                    "count": 3,
                    "annual_kwh": 4000,
                    "profile": "h0",
                }
            ],
            "feeder": {"loss_rate": 0.01},
        },
        "hill": {"members": []},
    },
    "street_lights": {"community": "street", "lamps": 20},
}


def import_from(folder: Path) -> SchemeDescriptor:
    """Import the descriptor of the street lights that lie in a folder."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "street_lights"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    made: SchemeDescriptor = importlib.import_module("street_lights.scheme").SCHEME
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which street lights can be imported."""
    copied = tmp_path / "plugin" / "street_lights"
    shutil.copytree(SOURCE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(tmp_path / "plugin"))
    yield copied
    if "street_lights" in schemes():
        unregister("street_lights")


@pytest.fixture
def lights(folder: Path) -> SchemeDescriptor:
    """The street lights, registered."""
    descriptor = import_from(folder)
    register(descriptor)
    return descriptor


def written(tmp_path: Path, **changes: Any) -> str:
    """Return the path of a scenario with street lights."""
    path = tmp_path / "night.yaml"
    path.write_text(yaml.safe_dump(NIGHT | changes))
    return str(path)


def test_a_scheme_from_outside_is_run_resumed_audited_and_reported(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    scenario = load_scenario(written(tmp_path))
    assert scenario.schemes == ("street_lights",)
    assert scenario.connections("street") == ("homes", "street-lights")
    assert Scenario.from_resolved(scenario.resolved()) == scenario
    start_run(scenario, tmp_path / "run")
    run = read_run(tmp_path / "run")
    # Twelve hours of 20 lamps of 60 W; dimmed to half for the six after midnight.
    assert run.summary["lights_all_night"]["lights_kwh"] == pytest.approx(12 * 1.2)
    assert run.summary["lights_dimmed"]["lights_kwh"] == pytest.approx(9 * 1.2)
    assert run.table("lights").num_rows == 2 * 24
    report = audit_run(run.directory)
    assert report.passed, report.lines()
    assert "street lights: lit at night" in {check.name for check in report.checks}
    reported = [str(cell) for cell in summary_table(run.summary, "JPY").columns[0].cells]
    assert "street lights [kWh]" in reported
    write_report([run.directory], tmp_path / "page.html", audit=False)
    page = (tmp_path / "page.html").read_text()
    assert "Street lights use " in page
    assert "Street lights draw at most 1.2 kW" in page
    assert strategy_name("lights_dimmed") == "dimmed street lights"


def test_a_scheme_from_outside_is_known_on_the_command_line(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    answer = CliRunner().invoke(app, ["check", written(tmp_path)])
    assert answer.exit_code == 0, answer.output
    assert "strategies lights_all_night, lights_dimmed" in answer.output
    out = tmp_path / "run"
    answer = CliRunner().invoke(app, ["run", written(tmp_path), "--out", str(out), "--no-progress"])
    assert answer.exit_code == 0, answer.output
    assert "street_lights: Street lights draw at most 1.2 kW" in answer.output
    assert (out / "plots" / "street_lights.png").is_file()
    assert CliRunner().invoke(app, ["audit", str(out)]).exit_code == 0


def test_a_scheme_from_outside_goes_on_where_it_was_interrupted(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    scenario = load_scenario(written(tmp_path, checkpoint_every_h=None))
    start_run(scenario, tmp_path / "whole")

    resume_run(interrupted_run(tmp_path / "broken", 15, scenario))
    for name in ("lights.parquet", "hours.parquet", "summary.json"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_outages_darken_lamps_and_are_noted_and_audited(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    often = {"mean_time_between_failures_h": 4, "mean_time_to_repair_h": 3}
    path = written(tmp_path, chance={"feeder_outages": often}, hours=48)
    summary = start_run(load_scenario(path), tmp_path / "run")
    assert summary["lights_all_night"]["counts"]["lights_out"] > 0
    assert any("kept street lights dark" in line for line in notes(summary))
    report = audit_run(tmp_path / "run")
    assert report.passed, report.lines()


def test_lamps_that_draw_too_much_fail_their_audit_and_that_of_the_world(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    start_run(load_scenario(written(tmp_path)), tmp_path / "run")
    audit = lights.part("audit")

    class Wrong(audit):  # type: ignore[misc, valid-type]
        def hour_kwh(self) -> Any:
            return {}

        def payments(self) -> Any:
            return [replace(paid, amount=2 * paid.amount) for paid in super().payments()]

    unregister("street_lights")
    register(replace(lights, audit=Wrong))
    failed = {check.name for check in audit_run(tmp_path / "run").checks if check.passed is False}
    assert "energy: members use and generate what they should" in failed
    assert "money: schemes pay what they should" in failed


def test_without_registration_its_names_are_unknown_again(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    load_scenario(written(tmp_path))
    unregister("street_lights")
    assert "lights" not in TABLES
    assert "street_lights" not in Scenario.model_fields
    assert "StreetLights" not in Scenario.model_json_schema()["$defs"]
    with pytest.raises(InputError, match="there is no key 'street_lights'"):
        load_scenario(written(tmp_path))
    with pytest.raises(InputError, match="'lights_dimmed' is not allowed"):
        load_scenario(written(tmp_path))


def test_wrong_values_of_its_section_are_reported_with_their_place(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    path = written(tmp_path, street_lights={"community": "stret", "lamps": 0})
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    assert "street_lights.lamps: 0 is not allowed" in str(caught.value)
    path = written(tmp_path, street_lights={"community": "stret", "lamps": 1})
    with pytest.raises(InputError, match="no community is called 'stret'"):
        load_scenario(path)
    path = written(tmp_path)
    with pytest.raises(InputError, match="street_lights: is missing"):
        load_scenario(path, ["street_lights=null"])


@pytest.mark.parametrize("part", REQUIRED)
def test_a_part_that_is_left_out_is_named_with_where_it_belongs(part: str, folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        register(replace(import_from(folder), **{part: None}))
    (problem,) = caught.value.problems
    assert problem.place == "scheme street_lights (street_lights)"
    assert problem.message == f"{part} is missing from its descriptor"
    assert problem.allowed == REQUIRED[part]
    assert "street_lights" not in schemes()


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("section", "section"), ("step", "step"), ("tables", "tables"), ("audit", "audit"),
        ("charts", "pictures"), ("charts", "charts"), ("sentences", "sentence"),
        ("words", "rows"), ("words", "notes"),
    ],
)  # fmt: skip
def test_a_file_that_is_left_out_is_named(file: str, part: str, folder: Path) -> None:
    (folder / f"{file}.py").unlink()
    with pytest.raises(InputError, match=f"{part}: there is no module street_lights.{file}"):
        register(import_from(folder))


def test_a_name_that_a_file_leaves_out_is_named(folder: Path) -> None:
    (folder / "words.py").write_text('"""Nothing."""\n')
    register(import_from(folder))
    with pytest.raises(InputError, match=r"rows: street_lights\.words has no 'rows'"):
        scheme("street_lights").part("rows")


def installed(folder: Path, value: str) -> dict[str, str]:
    """Return an environment in which a package names an entry point; its folder is on the path."""
    about = folder.parent / "street_lights-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: street-lights\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[hmesh.schemes]\nlights = {value}\n")
    path = os.pathsep.join([str(folder.parent), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path}


def hmesh(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from hmesh.runs.command_line import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_installed_scheme_is_found_by_its_entry_point(folder: Path, tmp_path: Path) -> None:
    answer = hmesh(installed(folder, "street_lights.scheme:SCHEME"), "check", written(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert "strategies lights_all_night, lights_dimmed" in answer.stdout


def test_an_entry_point_that_leads_nowhere_is_named(folder: Path, tmp_path: Path) -> None:
    answer = hmesh(installed(folder, "street_lights.scheme:SCHEM"), "check", written(tmp_path))
    assert answer.returncode == 2
    assert "entry point lights of hmesh.schemes: street_lights.scheme:SCHEM" in answer.stderr


def test_a_world_without_vehicles_has_a_market(lights: SchemeDescriptor, tmp_path: Path) -> None:
    setting = make_setting(load_scenario(written(tmp_path)))
    world = Simulation(setting, "lights_all_night")
    assert list(world.schemes) == ["street_lights"]
    for _ in range(8):
        world.step()
        price = setting.cost.marginal(float(world.net_kwh.sum()))
        assert world.market.decision.utility_price == price
        assert (world.market.decision.community_price == price).all()
        assert world.market.present.tolist() == [0, 0]
    # Under a game that nobody plays, communities pay what the utility asks.
    game = Simulation(setting, "everybody_shares")
    game.step()
    asked = game.market.decision.utility_price
    assert (game.market.decision.community_price == asked).all()
    assert asked == setting.bounds.utility_upper


def test_a_section_that_its_file_leaves_out_is_named_and_nothing_registered(folder: Path) -> None:
    (folder / "section.py").write_text('"""Nothing."""\n')
    with pytest.raises(InputError, match=r"section: street_lights\.section has no"):
        register(import_from(folder))
    assert "street_lights" not in schemes()
    load_scenario("three-communities")


def test_names_that_are_taken_are_refused(lights: SchemeDescriptor) -> None:
    with pytest.raises(InputError, match="another scheme is called 'street_lights' too"):
        register(lights)
    strategies = scheme("vehicles").strategies
    with pytest.raises(InputError, match="vehicles has a strategy 'typical' too"):
        register(replace(lights, name="lamps", strategies=strategies))


def broken_step(lights: SchemeDescriptor, **methods: Callable[..., Any]) -> None:
    """Register street lights whose step does something else."""
    unregister("street_lights")
    made = type("Broken", (lights.part("step"),), methods)
    register(replace(lights, step=made))


def test_a_figure_that_its_step_never_gives_is_named(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    broken_step(lights, sums=lambda self: {})
    with pytest.raises(InputError, match="its step never gives the figure 'lights_bill'"):
        start_run(load_scenario(written(tmp_path)), tmp_path / "run")


def test_a_table_that_is_not_declared_is_named(lights: SchemeDescriptor, tmp_path: Path) -> None:
    unregister("street_lights")
    register(replace(lights, tables={}))
    with pytest.raises(ValueError, match="no table 'lights': it belongs among the tables of its"):
        start_run(load_scenario(written(tmp_path)), tmp_path / "run")


def test_an_energy_that_the_hours_lack_is_named(lights: SchemeDescriptor, tmp_path: Path) -> None:
    def act(self: Any) -> None:
        self.out = False
        self.simulation.draw("light_kwh", [0], [0], [1.0])

    broken_step(lights, act=act)
    with pytest.raises(ValueError, match="the hours have no energy 'light_kwh', but fixed_load"):
        start_run(load_scenario(written(tmp_path)), tmp_path / "run")


def test_a_connection_that_no_section_names_is_named(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    setting = make_setting(load_scenario(written(tmp_path)))
    assert setting.node("street", "street-lights") >= 0
    with pytest.raises(InputError, match="no section names a connection 'street-lights'"):
        setting.node("hill", "street-lights")


def without(lights: SchemeDescriptor, part: str, method: str) -> None:
    """Register street lights whose step or audit leaves a method out."""
    base = lights.part(part)
    (general,) = (each for each in base.__mro__ if each.__name__ in ("Scheme", "SchemeAudit"))
    less = type("Less", (base,), {method: getattr(general, method)})
    unregister("street_lights")
    register(replace(lights, **{part: less}))


@pytest.mark.parametrize(
    ("part", "method", "message"),
    [
        ("step", "pay", "no payment 'street_lights', .*; pay of the scheme's step enters them"),
        ("step", "summary", "lacks lights_lit_h; sums, counts, worst or summary of its step"),
        ("audit", "hour_kwh", "Less has no hour_kwh, which states its scheme's energies"),
        ("audit", "drawn_kwh", "drawn_kwh of the SchemeAudit of the scheme that connects it"),
        ("audit", "payments", "payments and sales of a SchemeAudit state who pays for what"),
    ],
)
def test_a_method_that_is_left_out_is_named_by_the_audit(
    part: str, method: str, message: str, lights: SchemeDescriptor, tmp_path: Path
) -> None:
    without(lights, part, method)
    start_run(load_scenario(written(tmp_path)), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert not report.passed
    assert re.search(message, "\n".join(check.note for check in report.checks if not check.passed))


def test_a_step_that_writes_no_rows_of_its_tables_is_refused(
    lights: SchemeDescriptor, tmp_path: Path
) -> None:
    without(lights, "step", "record")
    message = "its step writes no rows of lights .allowed: record or record_start of its step"
    with pytest.raises(InputError, match=message):
        start_run(load_scenario(written(tmp_path)), tmp_path / "run")


@pytest.mark.parametrize(
    ("part", "method", "unsettled"),
    [
        ("step", "counts", set()),
        ("audit", "figures", {"counts.lights_out", "lights_bill", "lights_kwh", "lights_lit_h"}),
        ("audit", "checks", set()),
    ],
)
def test_a_method_that_a_scheme_can_do_without_leaves_its_audit_as_it_is(
    part: str, method: str, unsettled: set[str], lights: SchemeDescriptor, tmp_path: Path
) -> None:
    start_run(load_scenario(written(tmp_path)), tmp_path / "whole")
    before = set(audit_run(tmp_path / "whole").not_covered)
    without(lights, part, method)
    start_run(load_scenario(written(tmp_path)), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed
    assert set(report.not_covered) - before == {f"summary.{name}" for name in unsettled}


def test_what_a_scheme_leaves_out_it_does_not_do() -> None:
    idle = Scheme()
    idle.begin_step()
    idle.look_around()
    idle.act()
    idle.pay()
    idle.move()
    idle.restore(idle.state())
    idle.take_response([])
    assert idle.answering is None
    assert idle.unpriced_kwh() == []
    assert idle.sums() == idle.counts() == idle.worst() == idle.summary() == {}
