"""Every public function takes a path as text, as it takes a Path."""

import inspect
import shutil
import typing
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any

import pytest

from hmesh import environment, runs
from hmesh.environment import Calendar, read_loads
from hmesh.runs import (
    ResultsWriter,
    audit_run,
    draw_plots,
    export_trips,
    load_checkpoint,
    load_scenario,
    read_run,
    resume_run,
    run_sweep,
    save_checkpoint,
    start_run,
    write_report,
)

PACKAGES = ("environment", "runs")
CHANGES = {"vehicles.count": 4, "hours": 2, "strategies": ["typical"], "plots": False}


def parts(annotation: Any) -> set[Any]:
    if isinstance(annotation, UnionType) or typing.get_origin(annotation) is typing.Union:
        return set().union(*(parts(part) for part in typing.get_args(annotation)))
    return {annotation}


def public_functions() -> list[Any]:
    found = []
    for package in (environment, runs):
        for name in package.__all__:
            value = getattr(package, name)
            if inspect.isfunction(value):
                found.append(value)
            elif inspect.isclass(value) and value.__module__.split(".")[0] in PACKAGES:
                members = dict(inspect.getmembers(value, inspect.isroutine))
                if is_dataclass(value):  # a result holds its path
                    del members["__init__"]
                found += [
                    getattr(member, "__func__", member)
                    for own, member in members.items()
                    if own == "__init__" or not own.startswith("_")
                ]
    return [function for function in found if inspect.isfunction(function)]


@pytest.mark.parametrize("function", public_functions(), ids=lambda f: f.__qualname__)
def test_no_path_must_be_a_path(function: Any) -> None:
    for name, annotation in inspect.get_annotations(function).items():
        taken = parts(annotation)
        if name != "return" and Path in taken:
            assert str in taken, f"{function.__qualname__}: {name}"


def test_text_is_taken_for_every_folder_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    built_in = Path(inspect.getfile(runs)).parent / "scenarios/built_in/three-communities.yaml"
    shutil.copy(built_in, "mine.yaml")
    scenario = load_scenario(Path("mine.yaml"), CHANGES)
    assert load_scenario("mine.yaml", CHANGES) == scenario
    summary = start_run(scenario, "run")
    assert resume_run("run") == summary
    assert read_run("run").summary == summary
    assert draw_plots("run", only="load")[0].path == Path("run/plots/load.png")
    assert audit_run("run").passed
    assert write_report("run", "page.html", audit=False) == write_report(
        ["run"], "page.html", audit=False
    )
    assert Path("page.html").is_file()
    if not read_run("run").table("trips").num_rows:
        with pytest.raises(environment.InputError, match="trip"):
            export_trips("run", "geojson")
    ResultsWriter.create("other", scenario)
    assert ResultsWriter.resume("other").directory == Path("other")
    save_checkpoint("state", 1, {"a": 1}, "digest")
    assert load_checkpoint("state", "digest") == (1, {"a": 1})
    sweep = run_sweep(Path("mine.yaml"), (), "sweep", changes=CHANGES, workers=1)
    assert not sweep.failures
    Path("loads.csv").write_text("time,member,load_kwh\n2023-01-16T01:00,a,1.5\n")
    calendar = Calendar("2023-01-16T01:00", "Asia/Tokyo", 1.0)
    assert read_loads("loads.csv", calendar, 1)
