import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hmesh.environment import InputError
from hmesh.runs import (
    Scenario,
    builtin_scenarios,
    check_scenario,
    load_scenario,
    read_yaml,
    scenario_hash,
)
from hmesh.runs.scenarios.member_groups import FileMembers, ProfileMembers

NAME = "three-communities"
FILE = Path("hmesh/runs/scenarios/built_in/three-communities.yaml")


def problems(*overrides: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_scenario(NAME, overrides)
    return [str(problem) for problem in caught.value.problems]


def write(folder: Path, text: str) -> str:
    path = folder / "scenario.yaml"
    path.write_text(text)
    return str(path)


def problems_of_file(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_scenario(write(folder, text))
    return [str(problem) for problem in caught.value.problems]


SMALL = """
name: small
time_zone: Europe/Berlin
start: 2024-01-15T01:00
communities:
  north: {members: [{kind: household, name: a, count: 3, annual_kwh: 4e3, profile: h0}]}
  south: {members: []}
vehicles: {count: 0}
"""


def test_the_shipped_scenario_holds_the_recommended_defaults() -> None:
    scenario = load_scenario(NAME)
    homes = scenario.communities["homes"].members[0]
    assert isinstance(homes, ProfileMembers)
    assert (homes.count, homes.annual_kwh, homes.profile) == (1000, 4800.0, "h0")
    assert list(scenario.communities) == ["homes", "malls", "offices"]
    assert scenario.generation_cost.quadratic == 5e-4
    assert scenario.generation_cost.linear == 10.14
    assert scenario.vehicles.count == 2000
    assert scenario.vehicles.lam == (50.0, 70.0)
    assert scenario.prices.time_of_use.on_peak == 36.0
    assert scenario.steps == 24


def test_the_shipped_scenario_spells_every_key_out() -> None:
    given = read_yaml(FILE.read_text(), FILE.name)
    # Plugins and their behaviours are those of a user; a built-in scenario has none.
    assert set(given) == set(Scenario.model_fields) - {"plugins", "behaviours"}
    for key, value in given.items():
        if isinstance(value, dict) and key != "communities":
            model = type(getattr(load_scenario(NAME), key))
            assert set(value) == set(model.model_fields), key


def test_what_a_file_leaves_out_is_filled_in(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, SMALL))
    default = load_scenario(NAME)
    assert scenario.prices == default.prices
    # The source prices as if lines lost nothing.
    assert scenario.game == default.game.model_copy(update={"losses": "known"})
    assert scenario.grid.limits == "keep"
    assert default.grid.limits == "count"
    assert scenario.messages == default.messages
    assert scenario.vehicles == default.vehicles.model_copy(update={"count": 0})


def test_built_in_scenarios_are_named_and_described() -> None:
    found = builtin_scenarios()
    assert NAME in dict(found)
    assert all(load_scenario(name).description == text for name, text in found)


def test_resolved_is_plain_and_reads_back_to_the_same_scenario() -> None:
    scenario = load_scenario(NAME, ["vehicles.count=7", "record.vehicles=3"])
    reported = json.loads(json.dumps(scenario.resolved(), allow_nan=False))
    assert reported == scenario.resolved()
    assert Scenario.from_resolved(reported) == scenario
    assert list(reported["communities"]) == list(scenario.communities)


def test_a_resolved_scenario_that_was_changed_by_hand_is_refused() -> None:
    reported = load_scenario(NAME).resolved() | {"hours": "24"}
    with pytest.raises(InputError, match=r"run\.json: scenario\.hours: '24' is not allowed"):
        Scenario.from_resolved(reported)


def test_the_hash_shows_scenarios_and_seeds_apart() -> None:
    hashes = {
        scenario_hash(load_scenario(NAME).resolved()),
        scenario_hash(load_scenario(NAME, seed=2).resolved()),
        scenario_hash(load_scenario(NAME, ["vehicles.theta=2.1"]).resolved()),
    }
    assert len(hashes) == 3
    assert scenario_hash(load_scenario(NAME, ["seed=1"]).resolved()) in hashes


def test_overrides_reach_every_depth_and_are_read_as_yaml() -> None:
    scenario = load_scenario(
        NAME,
        [
            "vehicles.lam=[40, 60]",
            "communities.homes.members.0.count=500",
            "roads.0.km=12",
            "game.tolerance=1e-4",
            "description=no",
            "messages.deadline_h=0.5",
            "holidays=null",
            "strategies=[three_level]",
            "start=2024-06-01T00:00",
        ],
        seed=9,
    )
    assert scenario.vehicles.lam == (40.0, 60.0)
    assert scenario.communities["homes"].members[0].count == 500  # type: ignore[union-attr]
    assert scenario.roads[0].km == 12.0
    assert scenario.game.tolerance == 1e-4
    assert scenario.description == "no"
    assert scenario.messages.deadline_h == 0.5
    assert scenario.holidays is None
    assert scenario.strategies == ("three_level",)
    assert scenario.start == "2024-06-01T00:00"
    assert scenario.seed == 9


def test_an_override_opens_a_section_that_was_left_out() -> None:
    scenario = load_scenario(NAME, ["holidays=null", "holidays.country=NO"])
    assert scenario.holidays is not None
    assert scenario.holidays.country == "NO"


@pytest.mark.parametrize(
    ("change", "place", "parts"),
    [
        ("vehicles.soc_mn=0.3", "--set: vehicles.soc_mn", ["no key 'soc_mn'", "mean 'soc_min'?"]),
        ("vehicels.count=5", "--set: vehicels", ["mean 'vehicles'?"]),
        ("vehicles.colour=5", "--set: vehicles.colour", ["allowed: count, day_plans"]),
        ("vehicles.soc_max=1.5", "--set: vehicles.soc_max", ["1.5 is not", "from 0 to 1"]),
        ("vehicles.count=many", "--set: vehicles.count", ["'many'", "a whole number from 0"]),
        ("vehicles.count=1.5", "--set: vehicles.count", ["1.5", "a whole number"]),
        ("vehicles.count='5'", "--set: vehicles.count", ["'5'", "a whole number"]),
        ("vehicles.count=true", "--set: vehicles.count", ["true", "a whole number"]),
        ("vehicles.count=-1", "--set: vehicles.count", ["-1"]),
        ("vehicles.theta=0", "--set: vehicles.theta", ["0", "above 0", "[money/kWh^2]"]),
        ("vehicles.theta=.nan", "--set: vehicles.theta", ["nan"]),
        ("vehicles.capacity_kwh=.inf", "--set: vehicles.capacity_kwh", ["inf"]),
        ("vehicles.lam=[70, 50]", "--set: vehicles.lam", ["lower bound 70", "upper bound 50"]),
        ("vehicles.lam=[1, 2, 3]", "--set: vehicles.lam", ["two values in brackets"]),
        ("vehicles.lam=[1, two]", "--set: vehicles.lam.1", ["'two'", "a number"]),
        ("vehicles.trip_reserve=yes", "--set: vehicles.trip_reserve", ["'yes'", "true or false"]),
        ("vehicles.day_plans=no.csv", "--set: vehicles.day_plans", ["there is no file"]),
        ("vehicles=null", "--set: vehicles", ["null", "a section with the keys count"]),
        ("vehicles={}", "--set: vehicles.count", ["is missing", "a whole number"]),
        ("generation_cost.quadratic=-1", "--set: generation_cost.quadratic", ["from 0"]),
        ("prices.utility=[80, 70]", "--set: prices.utility", ["lower bound 80"]),
        ("prices.aggregator=[0, 50]", "--set: prices.aggregator", ["utility's 70", "at least 70"]),
        ("prices.retail=margin", "--set: prices.retail", ["marginal, average", "mean 'marginal'?"]),
        ("prices.time_of_use.to_hour=9", "--set: prices.time_of_use.to_hour", ["ends at 9"]),
        ("prices.time_of_use.to_hour=25", "--set: prices.time_of_use.to_hour", ["to 24"]),
        ("prices.time_of_use.on_peak=71", "--set: prices.time_of_use.on_peak", ["at most 70"]),
        ("game.solver=exacct", "--set: game.solver", ["closed_form", "mean 'exact'?"]),
        ("game.grid_step=0", "--set: game.grid_step", ["above 0"]),
        ("messages.loss_rate=1", "--set: messages.loss_rate", ["from 0 to below 1"]),
        ("messages.keep=some", "--set: messages.keep", ["none, leaders, all"]),
        ("record.vehicles=some", "--set: record.vehicles", ["all, none, auto or a whole number"]),
        ("record.vehicles=-1", "--set: record.vehicles", ["-1"]),
        ("checkpoint_every_h=0", "--set: checkpoint_every_h", ["above 0", "or null"]),
        ("strategies=[typcal]", "--set: strategies.0", ["'typcal'", "mean 'typical'?"]),
        ("strategies=[typical, typical]", "--set: strategies.1", ["named twice"]),
        ("strategies=[]", "--set: strategies", ["no strategy", "typical, two_level"]),
        ("hours=24.5", "--set: hours", ["24.5", "such as 24 or 25"]),
        ("hours=0", "--set: hours", ["above 0"]),
        ("step_h=0.7", "--set: step_h", ["0.7", "1/4"]),
        ("step_h=1.5", "--set: step_h", ["1.5"]),
        ("time_zone=Europe/Berln", "--set: time_zone", ["mean 'Europe/Berlin'?"]),
        ("start=tomorrow", "--set: start", ["'tomorrow' is no time", "2024-01-15T01:00"]),
        ("start=2024-01-15T01:00+01:00", "--set: start", ["carries an offset"]),
        ("start=2024-03-31T02:30", "--set: start", ["is skipped", "2024-03-31T03:30"]),
        ("currency=yen", "--set: currency", ["'yen'", "three capital letters"]),
        ("name=a b", "--set: name", ["'a b'"]),
        ("seed=-1", "--set: seed", ["from 0"]),
        ("holidays.country=Germany", "--set: holidays.country", ["mean 'DE'?"]),
        ("holidays.country=QQ", "--set: holidays.country", ["no holidays", "'QQ'"]),
        (
            "holidays={country: DE, subdivision: BX}",
            "--set: holidays.subdivision",
            ["'BX'", "BB, BE"],
        ),
        ("communities={}", "--set: communities", ["there is no community"]),
        ("communities.utility.members=[]", "--set: communities.utility", ["no name"]),
        (
            "communities.homes.members.0.profile=h0_dynamik",
            "--set: communities.homes.members.0.profile",
            ["'h0_dynamik'", "mean 'h0_dynamic'?"],
        ),
        (
            "communities.homes.members.0.cuont=5",
            "--set: communities.homes.members.0.cuont",
            ["mean 'count'?"],
        ),
        (
            "communities.homes.members.0.kind=hut",
            "--set: communities.homes.members.0.kind",
            ["'hut'", "household, building"],
        ),
        (
            "communities.homes.members.0={kind: building, name: x, file: loads.txt}",
            "--set: communities.homes.members.0.file",
            ["cannot read 'loads.txt'", ".csv or .parquet"],
        ),
        (
            "communities.homes.feeder.rating_kw=-5",
            "--set: communities.homes.feeder.rating_kw",
            ["-5", "above 0", "[kW]"],
        ),
        ("roads.0.between.1=mals", "--set: roads.0.between.1", ["'mals'", "mean 'malls'?"]),
        ("roads.1.between=[malls, homes]", "--set: roads.1.between", ["given twice"]),
        ("roads.1.between=[malls, malls]", "--set: roads.1.between", ["where it begins"]),
        ("roads.1.km=0", "--set: roads.1.km", ["above 0"]),
        ("roads=5", "--set: roads", ["a list in brackets"]),
        ("roads.9.km=3", "--set: roads.9", ["no part '9'", "0 to 2"]),
        ("seed.x=3", "--set: seed.x", ["no section 'seed'"]),
        ("vehicles.count", "--set", ["'vehicles.count' changes nothing", "=value"]),
        ("vehicles.count=[1", "--set: vehicles.count: line 1, column", ["is not YAML"]),
    ],
)
def test_each_mistake_is_reported_with_its_place_and_remedy(
    change: str, place: str, parts: list[str]
) -> None:
    (problem,) = problems(change)
    assert problem.startswith(f"{place}")
    assert all(part in problem for part in parts), problem


def test_states_of_charge_are_compared() -> None:
    reported = problems("vehicles.soc_min=0.95")
    assert reported[0].startswith("three-communities.yaml: vehicles.soc_max: ")
    assert "soc_max 0.9 is not above soc_min 0.95" in reported[0]
    (problem,) = problems("vehicles.soc_start=0.1")
    assert "from soc_min 0.2 to soc_max 0.9" in problem


def test_a_tariff_above_the_bounds_is_fine_where_nobody_asks_for_it() -> None:
    load_scenario(NAME, ["prices.time_of_use.on_peak=71", "strategies=[typical, three_level]"])


def test_every_problem_is_reported_at_once() -> None:
    reported = problems(
        "vehicles.soc_min=0.95",
        "vehicles.count=-1",
        "roads.0.between.0=hoems",
        "prices.utility=[9, 8]",
        "nothing",
        "gmae.solver=grid",
    )
    assert [problem.split(": ")[1] for problem in reported[1:]] == [
        "prices.utility",
        "roads.0.between.0",
        "vehicles.count",
        "vehicles.soc_max",
        "vehicles.soc_start",
        "gmae",
    ]


def test_the_seed_is_checked_too() -> None:
    with pytest.raises(InputError, match=r"^--seed: -4 is not allowed \(allowed: a whole number"):
        load_scenario(NAME, seed=-4)


def test_unknown_scenarios_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'three-communities'"):
        load_scenario("three_comunities")
    write(tmp_path, SMALL)
    with pytest.raises(InputError, match=r"did you mean '.*scenario\.yaml'"):
        load_scenario(str(tmp_path / "scenaro.yaml"))
    with pytest.raises(InputError, match="is a folder"):
        load_scenario(str(tmp_path))


def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path) -> None:
    assert "scenario.yaml: is not a scenario" in problems_of_file(tmp_path, "")[0]
    assert "scenario.yaml: is not a scenario" in problems_of_file(tmp_path, "- 1")[0]
    (tmp_path / "scenario.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"scenario\.yaml: cannot be read"):
        load_scenario(str(tmp_path / "scenario.yaml"))


def test_keys_given_twice_are_refused_all_at_once(tmp_path: Path) -> None:
    reported = problems_of_file(tmp_path, SMALL + "name: again\nroads: [{km: 1, km: 2}]\n")
    assert reported == [
        "scenario.yaml: name: is given twice, in lines 2 and 9 (allowed: each key once)",
        "scenario.yaml: roads.0.km: is given twice, in lines 10 and 10 (allowed: each key once)",
    ]


def test_yaml_mistakes_name_line_and_column(tmp_path: Path) -> None:
    (reported,) = problems_of_file(tmp_path, "name: a\nhours: [1, 2\nseed: 3\n")
    assert reported.startswith("scenario.yaml: line 3, column 5: is not YAML")
    (reported,) = problems_of_file(tmp_path, "name: &a [*a]\n")
    assert reported == "scenario.yaml: name.0: refers to itself"
    (reported,) = problems_of_file(tmp_path, "name: !!python/name:os.system\n")
    assert "the tag tag:yaml.org,2002:python/name:os.system is not understood" in reported
    (reported,) = problems_of_file(tmp_path, "1: a\n")
    assert "the key 1 in line 1 is not text" in reported
    (reported,) = problems_of_file(tmp_path, "[" * 5000)
    assert "nested too deeply" in reported


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("NO", "NO"), ("true", True), ("5e-4", 5e-4), ("010", 10),
        ("1:30", "1:30"), ("2024-01-15", "2024-01-15"), ("0x10", "0x10"), ("1_000", "1_000"),
        (".5", 0.5), ("-3", -3), ("~", None), ("", None), ("'1'", "1"), ("-.inf", float("-inf")),
    ],
)  # fmt: skip
def test_plain_values_are_read_by_the_core_schema(text: str, value: object) -> None:
    read = read_yaml(text, "file")
    assert read == value
    assert type(read) is type(value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**17), 10**17)
        | st.floats(allow_nan=False)
        | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"])),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.from_regex(r"[a-z]{2,5}", fullmatch=True), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
@example("Infinity")
def test_what_json_writes_is_read_back(value: object) -> None:
    # JSON has no word of its own for the infinite; within quotes the word is text.
    text_or_infinite = re.compile(r'"(?:[^"\\]|\\.)*"|Infinity')
    text = text_or_infinite.sub(
        lambda found: ".inf" if found[0] == "Infinity" else found[0],
        json.dumps(value, ensure_ascii=False),
    )
    assert read_yaml(text, "f") == value


def test_loads_and_day_plans_lie_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "loads.csv").write_text("time,member,load_kwh\n")
    (tmp_path / "plans.csv").write_text("plan\n")
    members = "members: [{kind: building, name: b, file: loads.csv, members: [x], scale: 2}]"
    text = SMALL.replace("members: []", members)
    text = text.replace("count: 0", "count: 0, day_plans: plans.csv")
    path = write(tmp_path, text)
    scenario = load_scenario(path)
    (group,) = scenario.communities["south"].members
    assert isinstance(group, FileMembers)
    assert group.members == ("x",)
    assert scenario.path_of(group.file).read_text().startswith("time")
    assert scenario.files() == ["loads.csv", "plans.csv"]

    resolved = scenario.resolved()
    again = Scenario.from_resolved(json.loads(json.dumps(resolved)))
    assert again == scenario
    assert again.path_of("plans.csv") == tmp_path / "plans.csv"
    before = scenario_hash(again.resolved())
    (tmp_path / "loads.csv").write_text("time,member,load_kw\n")
    assert scenario_hash(again.resolved()) != before
    (tmp_path / "loads.csv").unlink()
    with pytest.raises(InputError, match=r"loads\.csv: cannot be read"):
        again.resolved()
    (tmp_path / "load.csv").write_text("")
    with pytest.raises(InputError, match=r"there is no file .*did you mean 'load\.csv'"):
        load_scenario(path)


def test_where_the_files_lie_does_not_change_the_hash(tmp_path: Path) -> None:
    hashes = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        (folder / "plans.csv").write_text("plan\n")
        text = SMALL.replace("count: 0", "count: 0, day_plans: plans.csv")
        hashes.add(scenario_hash(load_scenario(write(folder, text)).resolved()))
    assert len(hashes) == 1


def test_groups_of_one_community_have_distinct_names() -> None:
    group = yaml.safe_dump(load_scenario(NAME).communities["homes"].members[0].model_dump())
    inline = "{" + group.strip().replace("\n", ", ") + "}"
    (problem,) = problems(f"communities.homes.members=[{inline}, {inline}]")
    assert problem.startswith("--set: communities.homes.members.1.name: another group")


@pytest.mark.parametrize(("step_h", "steps"), [(0.25, 96), (0.0833333333, 288), (2, 12), (24, 1)])
def test_steps_are_parts_or_multiples_of_an_hour(step_h: float, steps: int) -> None:
    scenario = load_scenario(NAME, [f"step_h={step_h}"])
    assert scenario.steps == steps
    assert scenario.steps * scenario.step_h == pytest.approx(24, rel=1e-15)


def test_a_scenario_cannot_be_changed_by_chance() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_scenario(NAME).vehicles.count = 3


@pytest.mark.parametrize(
    ("start", "years", "hours"),
    [("2023-01-16T01:00", 1, 8760), ("2023-01-16T01:00", 2, 17544), ("2024-02-29T00:00", 1, 8784)],
)
def test_years_are_those_of_the_calendar(start: str, years: int, hours: float) -> None:
    scenario = load_scenario("three-communities", [f'start="{start}"', f"years={years}"])
    assert (scenario.hours, scenario.steps) == (hours, hours)
    assert Scenario.from_resolved(scenario.resolved()) == scenario


def test_a_length_on_the_command_line_replaces_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    head = "name: s\ntime_zone: UTC\nstart: 2023-01-01T00:00\n"
    rest = "communities: {a: {members: []}}\nstrategies: [typical]\n"
    for length in ("hours: 48\n", "years: 2\n", "hours: 48\nyears: null\n"):
        path.write_text(head + length + rest, encoding="utf-8")
        for change, hours in (("hours=30", 30), ("years=1", 8760), ("seed=2", None)):
            scenario = load_scenario(str(path), [change])
            assert scenario.hours == (hours or (17544 if length[0] == "y" else 48))
            assert Scenario.from_resolved(scenario.resolved()) == scenario
        problem = "--set: hours: years state the length"
        with pytest.raises(InputError, match=problem):
            load_scenario(str(path), ["hours=30", "years=1"])
    path.write_text(head + "hours: 48\nyears: 1\n" + rest, encoding="utf-8")
    with pytest.raises(InputError, match=r"s.yaml: hours: .*one of hours and years; line 4"):
        load_scenario(str(path))


def test_years_may_end_at_another_offset() -> None:
    scenario = load_scenario(
        "three-communities", ['start="2023-03-26T12:00"', "years=1", "time_zone=Europe/Berlin"]
    )
    assert scenario.hours == 8784 + 1


def test_changes_may_be_a_mapping_of_values() -> None:
    values = {
        "vehicles.count": 5,
        "seed": np.int64(7),
        "vehicles.theta": np.float64(1e-05),
        "prices.utility": (0, 60.5),
        "strategies": ["typical"],
        "holidays": None,
        "plots": False,
        "description": "a: b # 家",
    }
    texts = [
        "vehicles.count=5", "seed=7", "vehicles.theta=1e-05", "prices.utility=[0, 60.5]",
        "strategies=[typical]", "holidays=null", "plots=false", "description='a: b # 家'",
    ]  # fmt: skip
    by_mapping = load_scenario(NAME, values)
    assert by_mapping == load_scenario(NAME, texts)
    assert by_mapping.vehicles.theta == 1e-05
    assert check_scenario(NAME, {"vehicles.count": 5}).vehicles.count == 5


def test_wrong_values_of_a_mapping_are_reported_as_on_the_command_line() -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(NAME, {"vehicles.cont": 5, "hours": "many"})
    with pytest.raises(InputError) as expected:
        load_scenario(NAME, ["vehicles.cont=5", "hours=many"])
    assert str(caught.value) == str(expected.value)
    for wrong in (object(), {1, 2}, float("nan"), Path("x")):
        with pytest.raises(InputError, match=r"--set: hours: .* \(allowed: text, a number"):
            load_scenario(NAME, {"hours": wrong})


def test_a_single_text_is_no_list_of_changes() -> None:
    with pytest.raises(InputError, match=r"is no list of changes .*\['hours=3'\]"):
        load_scenario(NAME, "hours=3")
