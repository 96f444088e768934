"""What a person chooses in the live view: another scenario, its strategies, values, and a file."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from hmesh.environment import InputError
from hmesh.runs import builtin_scenarios, load_scenario
from hmesh.runs.live.choice import Choice, offered, opened
from hmesh.runs.live.source import make_source
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.scenarios.shared_scenario import MOST_BYTES, shared_scenario
from hmesh.runs.strategy_names import strategy_label

SMALL = ["vehicles.count=20", "hours=3"]


@pytest.fixture(scope="module")
def choice() -> Choice:
    source = make_source("three-communities", SMALL)
    return Choice.of("three-communities (as given)", source)


def test_all_built_in_scenarios_are_offered_beside_that_of_the_command_line(
    choice: Choice, tmp_path: Path
) -> None:
    names = {name for name, _ in builtin_scenarios()}
    assert next(iter(offered(choice.source))) == "three-communities (as given)"
    assert set(offered(choice.source)) == names | {"three-communities (as given)"}
    assert set(offered(make_source("three-communities"))) == names
    file = tmp_path / "mine.yaml"
    file.write_bytes(choice.shared()[1]().replace(b"name: three-communities", b"name: mine"))
    own = make_source(str(file))
    assert next(iter(offered(own))) == "mine"
    assert opened("mine", own).source is own


def test_another_scenario_begins_with_its_own_strategies_and_values(choice: Choice) -> None:
    buses = opened("school-buses", choice.source)
    assert buses.source.scenario == load_scenario("school-buses")
    assert buses.compared == strategy_label(buses.source.scenario.strategies[0])
    assert buses.strategy == strategy_label(buses.source.scenario.strategies[-1])
    assert LiveWorld(**buses.arguments).problems == []
    first = opened("three-communities (as given)", choice.source)
    assert first.source is choice.source


@pytest.mark.parametrize("name", ["/etc/passwd", "three-communitys", ["school-buses"], None])
def test_what_is_not_offered_is_not_opened(choice: Choice, name: str) -> None:
    with pytest.raises(InputError, match=r"is not offered.*school-buses"):
        opened(name, choice.source)


def test_any_two_strategies_are_compared(choice: Choice) -> None:
    given = replace(
        choice, strategy=strategy_label("two_level"), compared=strategy_label("three_level")
    )
    world = LiveWorld(**given.arguments)
    world.step()
    assert list(world.history) == ["three_level", "two_level"]
    assert world.watched.strategy == "two_level"
    refused = LiveWorld(**replace(choice, compared="no such").arguments)
    assert "'no such' is not compared" in refused.problems[0]


def test_what_is_chosen_is_a_file_that_gives_the_same_scenario(
    choice: Choice, tmp_path: Path
) -> None:
    given = replace(choice, seed="7", strategy=strategy_label("two_level"))
    given = given.with_value("vehicles__count", 30)
    name, content = given.shared()
    assert name == "three-communities-changed.yaml"
    file = tmp_path / name
    file.write_bytes(content())
    expected = load_scenario("three-communities", ["vehicles.count=30", "hours=3"], 7)
    reached = load_scenario(file)
    assert reached.strategies == ("typical", "two_level")
    assert reached.model_copy(update={"strategies": expected.strategies}) == expected


def test_files_of_a_scenario_go_with_it(tmp_path: Path) -> None:
    name, content = Choice.of("suburbs", make_source("suburbs")).shared()
    assert name == "suburbs-changed.zip"
    with zipfile.ZipFile(io.BytesIO(content())) as archive:
        archive.extractall(tmp_path)
    alone = load_scenario(tmp_path / "suburbs-changed.yaml")
    given = load_scenario("suburbs")
    assert alone.files() == given.files()
    assert alone.resolved()["files"]["sha256"] == given.resolved()["files"]["sha256"]


@pytest.mark.usefixtures("plugins_withdrawn")
def test_a_plugin_of_the_command_line_goes_with_a_built_in_scenario(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    plugin = tmp_path / "elsewhere" / "none.py"
    plugin.write_text('"""Nothing."""\n', encoding="utf-8")
    source = make_source("three-communities", ["vehicles.count=3"], plugins=[str(plugin)])
    name, content = Choice.of("three-communities", source).shared()
    assert name == "three-communities-changed.zip"
    with zipfile.ZipFile(io.BytesIO(content())) as archive:
        archive.extractall(tmp_path)
    assert (tmp_path / "none.py").read_bytes() == plugin.read_bytes()
    alone = load_scenario(tmp_path / "three-communities-changed.yaml")
    assert alone.plugins == ("none.py",)
    assert alone.vehicles.count == 3


def test_what_cannot_be_run_or_passed_on_is_no_file(choice: Choice, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'one' is no whole number"):
        replace(choice, seed="one").shared()
    with pytest.raises(InputError, match="'no such' is not compared"):
        replace(choice, strategy="no such").shared()
    with pytest.raises(InputError, match="allowed: a whole number from 0 to 40"):
        choice.with_value("vehicles__count", 41).shared()
    plans = tmp_path / "plans.csv"
    plans.write_bytes(b" " * (MOST_BYTES + 1))
    file = tmp_path / "town.yaml"
    _, content = choice.shared()
    file.write_bytes(content())
    with pytest.raises(InputError, match=r"names files of 20 MB.*at most 20 MB"):
        shared_scenario(str(file), ["vehicles.day_plans=plans.csv"], 1, ("typical",))
    (tmp_path / "below").mkdir()
    below = tmp_path / "below" / "town.yaml"
    below.write_bytes(content())
    with pytest.raises(InputError, match=r"names \.\./plans\.csv, which lies elsewhere"):
        shared_scenario(str(below), ["vehicles.day_plans=../plans.csv"], 1, ("typical",))


def test_values_show_their_unit_with_the_currency_of_the_scenario() -> None:
    source = make_source("three-communities", ["currency=EUR"])
    shown = {each.words: each.reported(each.value) for each in source.parameters}
    assert shown["vehicles"] == "2,000"
    assert shown["battery of a vehicle"] == "40 kWh"
    assert shown["slope of marginal utility"].endswith(" EUR/kWh²")
    assert not any("money" in text or "[" in words for words, text in shown.items())
