"""Errors in YAML files name the line at which the key stands."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.errors import InputError, Problem
from hmesh.runs import load_scenario
from hmesh.runs.scenarios.yaml_reader import place, with_lines
from hmesh.runs.world.dataset_files import load_description

SCENARIO = """\
name: street
time_zone: Europe/Berlin

start: "2024-06-03T00:00"
hours: -3
currency: EUR
communities:
  homes:
    members:
      - {kind: household, name: a, count: 10, annual_kwh: 3500, profile: h0}
      - kind: household
        name: b
        count: 0
        annual_kwh: 3500
        profile: h0
vehicles: {count: 1, capacity_kwh: 40,
           power: 7}
"""


def test_each_mistake_of_a_scenario_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    with pytest.raises(InputError) as caught:
        load_scenario(str(tmp_path / "s.yaml"))
    lines = {problem.place.partition(": ")[2]: problem.line for problem in caught.value.problems}
    assert lines["hours"] == 5
    assert lines["communities.homes.members.1.count"] == 13
    assert lines["vehicles.power"] == 17
    assert "; line 5)" in str(caught.value)
    with pytest.raises(InputError) as caught:
        load_scenario(str(tmp_path / "s.yaml"), ("hours=-4",))
    lines = {problem.place: problem.line for problem in caught.value.problems}
    assert lines["--set: hours"] == 0  # it stands in no file


def test_a_missing_key_has_the_line_of_its_section(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO.replace("        profile: h0\n", ""))
    with pytest.raises(InputError) as caught:
        load_scenario(str(tmp_path / "s.yaml"))
    lines = {problem.place.partition(": ")[2]: problem.line for problem in caught.value.problems}
    assert lines["communities.homes.members.1.profile"] == 11


def test_a_mistake_of_a_dataset_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("schema: 1\nname: x\nresolution: 7\n")
    with pytest.raises(InputError) as caught:
        load_description(tmp_path)
    lines = {problem.place.partition(": ")[2]: problem.line for problem in caught.value.problems}
    assert lines["resolution"] == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=8))
def test_lines_are_those_of_the_text(rows: list[tuple[str, int]]) -> None:
    text = "list:\n" + "".join(f"  - {{{name}: {value}}}\n" for name, value in rows)
    assert len(yaml.safe_load(text)["list"]) == len(rows)
    problems = [Problem(place("f", ("list", n, name)), "x") for n, (name, _) in enumerate(rows)]
    found = with_lines(problems, text, "f")
    assert [problem.line for problem in found] == [n + 2 for n in range(len(rows))]
