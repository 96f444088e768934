"""A part of a plugin that is wrong or fails is named with its place, and never a traceback."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hmesh.environment import InputError
from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.command_line import app
from hmesh.runs.live.source import make_source
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.schemes.descriptor import SchemeDescriptor
from hmesh.runs.schemes.part_kinds import REQUIRED
from hmesh.runs.schemes.registry import register, unregister
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.sweeps.sweep import run_sweep
from tests.test_registry import folder as folder
from tests.test_registry import import_from, written
from tests.test_registry import lights as lights

BROKEN = """
from hmesh.plugins import strategy


@strategy("broken", scheme="vehicles")
class Broken:
    def decide(self, simulation):
        return simulation.prices_of_yesterday
"""
BARE = """
from hmesh.plugins import scheme
from hmesh.runs.schemes.scheme_step import Scheme


@scheme("lamps")
class Lamps(Scheme):
    def __init__(self, simulation):
        self.simulation = simulation
"""
LINE = "plugin broken.py, line 8, in decide: AttributeError: 'Simulation' object has no attribute"
SMALL = ("hours=2", "vehicles.count=6", "strategies=[broken]", "plots=false")


class Forgetful(Scheme):
    def __init__(self, simulation: Any) -> None:
        self.simulation = simulation

    def state(self) -> dict[str, Any]:
        return {"lit_h": 0.0}


class Alone:
    def __init__(self, *given: Any) -> None:
        self.given = given


@pytest.mark.parametrize(
    ("part", "given", "message"),
    [
        ("section", Alone, "section: Alone is no subclass of SchemeSection"),
        ("step", Alone, "step: Alone is no subclass of Scheme"),
        ("step", Scheme, "step: Scheme cannot be called with simulation"),
        ("step", Forgetful, "step: Forgetful has state and no restore"),
        ("audit", Alone, "audit: Alone is no subclass of SchemeAudit"),
        ("audit", lambda run: None, "audit: <lambda> cannot be called with run, inputs, hours"),
        ("live", Alone, "live: Alone is no subclass of SchemeLive"),
        ("charts", lambda: [], "charts: <lambda> cannot be called with data"),
        (
            "sentence",
            lambda totals: "",
            "sentence: <lambda> cannot be called with totals, currency",
        ),
        ("rows", 3, "rows: 3 cannot be called with totals"),
        ("pictures", (("lamps", 3),), "pictures: 3 cannot be called with data"),
        ("tables", ["lights"], r"tables: \['lights'\] is no mapping"),
        ("notes", ["dark"], r"notes: \['dark'\] is no mapping"),
    ],
)
def test_a_part_of_another_kind_is_refused(
    part: str, given: Any, message: str, folder: Path
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        register(replace(import_from(folder), **{part: given}))
    assert caught.value.problems[0].place == "scheme street_lights (street_lights)"


def test_a_part_of_another_kind_at_its_place_is_refused(folder: Path) -> None:
    (folder / "sentences.py").write_text('"""Nothing."""\n\nsentence = "Lamps are lit"\n')
    register(import_from(folder))
    with pytest.raises(InputError, match="sentence: 'Lamps are lit' cannot be called with totals"):
        import_from(folder).part("sentence")


def without(lights: SchemeDescriptor, **methods: Callable[..., Any]) -> None:
    """Let the audit of the street lights not state something."""
    unregister("street_lights")
    register(replace(lights, audit=type("Less", (lights.part("audit"),), methods)))


@pytest.mark.parametrize(
    ("method", "stated", "message"),
    [
        ("drawn_kwh", {}, "no audit states what is drawn at its connection 'street-lights'"),
        ("payments", [], "column kind holds street_lights; payments and sales of a SchemeAudit"),
    ],
)
def test_what_an_audit_does_not_state_is_named(
    method: str, stated: Any, message: str, lights: SchemeDescriptor, tmp_path: Path
) -> None:
    start_run(load_scenario(written(tmp_path, hours=8)), tmp_path / "run")
    without(lights, **{method: lambda self: stated})
    (failed,) = [c for c in audit_run(tmp_path / "run").checks if c.passed is False]
    assert message in failed.note


def test_parts_that_a_plugin_of_one_file_leaves_out_are_named_with_the_file(
    tmp_path: Path, plugins_withdrawn: None
) -> None:
    (tmp_path / "lamps.py").write_text(BARE, encoding="utf-8")
    given = ["check", "three-communities", "--plugin", str(tmp_path / "lamps.py")]
    answer = CliRunner().invoke(app, given)
    assert answer.exit_code == 2
    assert answer.stderr.splitlines() == [
        f"scheme lamps (lamps.py): {part} is missing from its descriptor (allowed: {what})"
        for part, what in REQUIRED.items()
        if part != "step"
    ]


@pytest.fixture
def broken(tmp_path: Path, plugins_withdrawn: None) -> str:
    """Return a plugin with a strategy that fails in its first step."""
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    return str(tmp_path / "broken.py")


def test_a_command_names_the_line_of_a_plugin_that_fails(broken: str, tmp_path: Path) -> None:
    changes = [part for change in SMALL for part in ("--set", change)]
    options = ["--plugin", broken, "--out", str(tmp_path / "run"), "--no-progress"]
    answer = CliRunner().invoke(app, ["run", "three-communities", *changes, *options])
    assert answer.exit_code == 2
    assert LINE in answer.output
    assert "Traceback" not in answer.output


def test_a_sweep_names_the_line_of_a_plugin_that_fails(broken: str, tmp_path: Path) -> None:
    ended = run_sweep(
        "three-communities", ["vehicles.count=6,7"], tmp_path / "sweep",
        changes=SMALL, workers=1, plugins=[broken],
    )  # fmt: skip
    assert len(ended.failures) == 2
    assert all(LINE in failure.error for failure in ended.failures)


def test_the_live_view_stands_still_and_names_the_line(broken: str) -> None:
    source = make_source("three-communities", list(SMALL), plugins=[broken])
    world = LiveWorld(source=source, strategy="Broken", seed="1")
    assert world.problems == []
    world.step()
    assert not world.running
    assert [LINE in problem for problem in world.problems] == [True]


def test_an_error_of_no_plugin_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any) -> None:
        raise KeyError("a mistake of hMESH")

    monkeypatch.setattr("hmesh.runs.scenarios.check.check_scenario", fail)
    answer = CliRunner().invoke(app, ["check", "three-communities"])
    assert isinstance(answer.exception, KeyError)
