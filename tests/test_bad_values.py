"""Whatever stands wherever in a scenario, it is accepted or refused, and never a traceback."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hmesh.environment import InputError
from hmesh.runs import (
    Scenario,
    builtin_scenarios,
    load_scenario,
    read_yaml,
    run_sweep,
    start_run,
)
from hmesh.runs.scenarios.base import LONGEST_NAME
from hmesh.runs.scenarios.check import check_setting
from hmesh.runs.scenarios.problems import problems_of
from hmesh.runs.scenarios.scenario_files import BUILT_IN
from hmesh.runs.scenarios.yaml_reader import DEEPEST, MOST_VALUES, place
from hmesh.runs.world.dataset_files import is_dataset

type Spot = tuple[str | int, ...]

# What people write by mistake, and what breaks arithmetic: one of each kind of value.
BAD: tuple[Any, ...] = (
    "text", "", "x" * 5000, "2024-01-01", 0, -1, 10**30, 1e308, -1e308, 1e-320, float("nan"),
    float("inf"), True, None, [], {}, [1], ["households"], [[1]], [None], [{}], {"a": 1},
    {"": None},
)  # fmt: skip
# A prime, so that the sample meets every value, and places all over.
EVERY = 23 * 12 - 5

# Sections and forms that no built-in scenario has.
RICH = """
name: rich
time_zone: America/Detroit
start: 2024-01-15T00:00
hours: 24
strategies: [typical]
location: {latitude: 42.0, longitude: -83.0}
holidays: {country: US, subdivision: MI}
school_terms:
  terms: [[2023-09-05, 2023-12-22], [2024-01-08, 2024-06-07]]
  days_off: [2024-02-19, [2024-03-25, 2024-03-29]]
communities:
  homes:
    members:
      - {kind: household, name: a, count: 3, annual_kwh: 4e3, profile: h0, pv_kw: 4}
      - {kind: household, name: b, file: loads.csv, members: [m], scale: 1.5}
  offices: {members: [{kind: building, name: c, businesses: 2, peak_kw: 40}]}
roads: [{between: [homes, offices], km: 8}]
vehicles:
  count: 5
  lam: {distribution: normal, mean: 60, deviation: 5, low: 40, high: 80}
  theta: {distribution: triangular, low: 1, mode: 2, high: 3}
travel:
  kind: drawn
  home: {homes: 1}
  speed_km_h: 40
  days:
    weekday:
      stops: [0.7, 0.3]
      departs_h: {distribution: histogram, edges: [6, 8, 12], shares: [2, 1]}
      trip_km: {distribution: gamma, mean: 12, deviation: 6}
      purposes:
        work: {from_h: 5, to_h: 12, stay_h: {distribution: lognormal, mean: 8, deviation: 1}}
        other: {stay_h: {distribution: constant, value: 1}, between: {homes: {offices: 1}}}
    every:
      stops: [1]
      departs_h: {distribution: uniform, low: 8, high: 9}
      trip_km: 5
      purposes: {other: {stay_h: 1}}
"""
LOADS = "time,member,load_kwh\n" + "".join(f"2024-01-15T{h:02}:00,m,0.5\n" for h in range(24))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the rich scenario and the file that it names."""
    there = tmp_path_factory.mktemp("rich")
    (there / "rich.yaml").write_text(RICH)
    (there / "loads.csv").write_text(LOADS)
    return there


def places(value: Any, path: Spot = ()) -> Iterator[Spot]:
    """Yield every place in a scenario, at any depth."""
    if path:
        yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            yield from places(part, (*path, key))


def changed(given: Any, path: Spot, value: Any) -> Any:
    """Return a scenario with another value in one place."""
    result = deepcopy(given)
    section = result
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = deepcopy(value)
    return result


def refused(given: Any, folder: Path) -> list[str]:
    """Return the problems of a scenario; any other exception passes through."""
    context = {"folder": folder, "check_files_in": folder}
    try:
        Scenario.model_validate(given, context=context)
    except ValidationError as error:
        reported = problems_of(error, Scenario, lambda keys: place("s.yaml", keys))
        return [str(problem) for problem in reported]
    except InputError as error:
        return [str(problem) for problem in error.problems]
    return []


def all_cases(folder: Path) -> Iterator[tuple[Any, Spot, Any, Path]]:
    """Yield every scenario with every bad value in every place, as written and filled in."""
    names = [(name, BUILT_IN / f"{name}.yaml") for name, _ in builtin_scenarios()]
    for name, file in [*names, (str(folder / "rich.yaml"), folder / "rich.yaml")]:
        filled = load_scenario(name).model_dump(mode="json")
        for given in (read_yaml(file.read_text(), file.name), filled):
            for path in places(given):
                for value in BAD:
                    yield given, path, value, file.parent


def meet(cases: Iterator[tuple[Any, Spot, Any, Path]]) -> int:
    met = 0
    for given, path, value, beside in cases:
        try:
            refused(changed(given, path, value), beside)
        except Exception as error:
            error.add_note(f"with {value!r:.60} at {place('', path)}")
            raise
        met += 1
    return met


def test_a_sample_of_bad_values_is_refused_or_accepted(folder: Path) -> None:
    met = meet(case for n, case in enumerate(all_cases(folder)) if n % EVERY == 0)
    assert met > 500


@pytest.mark.slow
def test_every_bad_value_in_every_place_is_refused_or_accepted(folder: Path) -> None:
    assert meet(all_cases(folder)) > 50_000


def make_what_is_accepted(folder: Path, every: int) -> int:
    """Make the setting of accepted changes of the rich scenario; return how many there were."""
    given = read_yaml((folder / "rich.yaml").read_text(), "rich.yaml")
    filled = load_scenario(str(folder / "rich.yaml")).model_dump(mode="json")
    # Counts of a million are accepted, and take long to make.
    long = ("count", "hours", "years", "businesses", "vehicles_per_year")
    cases = [
        (whole, path, value)
        for whole in (given, filled)
        for path in places(whole)
        for value in (1e12, 1e-300, 0, "", [], None, True)
        if path[-1] not in long
    ]
    made = 0
    for whole, path, value in cases[::every]:
        scenario = changed(whole, path, value)
        if refused(scenario, folder):
            continue
        context = {"folder": folder, "check_files_in": folder}
        try:
            check_setting(Scenario.model_validate(scenario, context=context))
        except InputError:
            continue
        except Exception as error:
            error.add_note(f"with {value!r:.60} at {place('', path)}")
            raise
        made += 1
    return made


@pytest.mark.slow
def test_a_sample_of_what_is_accepted_can_be_made(folder: Path) -> None:
    assert make_what_is_accepted(folder, 31) > 4


@pytest.mark.slow
def test_all_that_is_accepted_can_be_made(folder: Path) -> None:
    assert make_what_is_accepted(folder, 1) > 200


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "s.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    return [str(problem) for problem in caught.value.problems]


SMALL = """
name: small
time_zone: Europe/Berlin
start: 2024-01-15T00:00
communities: {north: {members: []}}
"""


def test_members_that_are_no_section_are_reported_with_the_keys_of_one(tmp_path: Path) -> None:
    (reported,) = problems(tmp_path, SMALL.replace("[]", "[households]"))
    assert reported.startswith("s.yaml: communities.north.members.0: 'households' is not allowed")
    assert "a section with the keys kind, name" in reported
    for wrong in ("[3]", "[[]]", "[null]", "[true]", "[1.5]", "[2024-01-01]"):
        (reported,) = problems(tmp_path, SMALL.replace("[]", wrong))
        assert reported.startswith("s.yaml: communities.north.members.0: ")


@pytest.mark.parametrize("step_h", ["1e-320", "1e-9", "0.0"])
def test_a_step_of_next_to_nothing_is_refused(tmp_path: Path, step_h: str) -> None:
    (reported,) = problems(tmp_path, f"{SMALL}step_h: {step_h}\n")
    assert reported.startswith(f"s.yaml: step_h: {float(step_h)} is not allowed (allowed: a number")


def test_more_steps_than_memory_holds_are_refused(tmp_path: Path) -> None:
    (reported,) = problems(tmp_path, f"{SMALL}step_h: {1 / 3600}\nhours: 1e6\n")
    assert "3,600,000,000 steps" in reported
    assert "at most 20,000,000 steps" in reported


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("small", "x" * 300),
        SMALL.replace("north", "x" * 300),
        SMALL.replace("[]", f"[{{kind: household, name: {'ä' * 60}, annual_kwh: 1, profile: h0}}]"),
        SMALL.replace("[]", '[{kind: household, name: "a\\nb", annual_kwh: 1, profile: h0}]'),
    ],
)
def test_names_that_no_file_can_bear_are_refused(tmp_path: Path, text: str) -> None:
    (reported,) = problems(tmp_path, text)
    assert "printable characters" in reported
    assert f"at most {LONGEST_NAME} bytes" in reported
    assert len(reported) < 300


@pytest.mark.parametrize("file", ["x" * 300 + ".csv", "a" + "\\0.csv"])
def test_files_that_cannot_be_there_are_refused(tmp_path: Path, file: str) -> None:
    members = f'[{{kind: household, name: a, file: "{file}"}}]'
    (reported,) = problems(tmp_path, SMALL.replace("[]", members))
    assert "cannot be opened" in reported
    with pytest.raises(InputError, match="cannot be opened"):
        load_scenario(file.replace("\\0", "\0"))


def bomb(levels: int) -> str:
    """Return YAML of few lines that stand for 9 ** levels values."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        below = ", ".join([f"*l{level - 1}"] * 9)
        lines.append(f"l{level}: &l{level} [{below}]")
    return "\n".join(lines)


def test_aliases_that_stand_for_too_much_are_refused() -> None:
    assert len(read_yaml(bomb(4), "b.yaml")["l3"]) == 9
    with pytest.raises(InputError) as caught:
        read_yaml(bomb(30), "b.yaml")
    assert f"at most {MOST_VALUES:,}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 3000 + "]" * 3000,
        "{a: " * 100 + "1" + "}" * 100,
        "- " * 100 + "x",
        "a0: &a0 x\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000)),
    ],
)
def test_values_nested_too_deeply_are_refused_with_their_line(text: str) -> None:
    with pytest.raises(InputError, match=rf"d.yaml: line \d+: .*at most {DEEPEST} sections"):
        read_yaml(text, "d.yaml")


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InputError, match=r"s.yaml: a: holds half a character"):
        read_yaml('a: "\\ud800"', "s.yaml")


@pytest.mark.parametrize("value", ["1e160", "-1e13"])
def test_loads_beyond_all_measure_are_reported_with_their_line(tmp_path: Path, value: str) -> None:
    hours = [f"2024-01-15T{hour:02}:00,m,{value if hour == 3 else 1}" for hour in range(24)]
    (tmp_path / "loads.csv").write_text("\n".join(["time,member,load_kwh", *hours]))
    members = "[{kind: household, name: a, file: loads.csv}]"
    (tmp_path / "s.yaml").write_text(SMALL.replace("[]", members))
    scenario = load_scenario(str(tmp_path / "s.yaml"))
    with pytest.raises(InputError) as caught:
        check_setting(scenario)
    (problem,) = caught.value.problems
    assert f"loads.csv, line 5, column load_kwh: '{value}' is beyond 1e+12" in str(problem)


def test_a_folder_that_cannot_be_there_is_refused(tmp_path: Path) -> None:
    out = tmp_path / ("x" * 300)
    changes = ["hours=1", "vehicles.count=0", "strategies=[typical]", "plots=false"]
    with pytest.raises(InputError, match="cannot be opened: File name too long"):
        start_run(load_scenario("three-communities", changes), out)
    given: tuple[dict[str, Any], ...] = ({"workers": 1}, {"scheduler": "tcp://127.0.0.1:1"})
    for by in given:
        with pytest.raises(InputError, match="cannot be opened: File name too long"):
            run_sweep("three-communities", ["hours=1,2"], out, changes=changes[1:], **by)
    assert not is_dataset(out)
    assert list(tmp_path.iterdir()) == []
