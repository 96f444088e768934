"""How many members `record: auto` writes, and what is said of it."""

import pytest

from hmesh.environment.errors import InputError
from hmesh.runs.results.size_notes import size_note
from hmesh.runs.scenarios.record_section import MANY_ROWS, Record
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_files import BUILT_IN, content_of
from hmesh.runs.scenarios.scenario_reading import load_scenario

STRATEGIES = "strategies=[typical, three_level]"


def recording(record: object) -> Record:
    """Return what the built-in scenario records with another section in its file."""
    path = BUILT_IN / "three-communities.yaml"
    content = dict(content_of(path.read_text(encoding="utf-8"), path.name)) | {"record": record}
    return Scenario.model_validate(content).record


def read(*changes: str) -> Scenario:
    return load_scenario("three-communities", [STRATEGIES, *changes])


@pytest.mark.parametrize(
    ("changes", "rows_of_each"),
    [
        pytest.param(("hours=24",), 48, id="a day under two strategies"),
        pytest.param(("hours=24", "step_h=0.5"), 96, id="half hours"),
        pytest.param(("hours=8760", "strategies=[typical]"), 8760, id="a year under one"),
    ],
)
def test_as_many_are_written_as_make_the_rows_of_the_run(
    changes: tuple[str, ...], rows_of_each: int
) -> None:
    most = read(*changes, "record.vehicles=auto").record.vehicles
    assert isinstance(most, int)
    assert most * rows_of_each <= MANY_ROWS < (most + 1) * rows_of_each


def test_somebody_is_written_however_long_a_run_is() -> None:
    step = "step_h=0.05"
    assert read("hours=1000000", step, "strategies=[typical]", "record=auto").record.homes == 1
    assert read("hours=1000000", step, "record=auto").record.homes == 1


def test_one_word_stands_for_every_kind_of_a_file() -> None:
    stated, plain = recording("auto"), recording({})
    others = set(Record.kinds)
    assert {getattr(stated, kind) for kind in Record.kinds} == {277_777}
    assert stated.model_dump(exclude=others) == plain.model_dump(exclude=others)


def test_one_word_leaves_what_else_a_file_records() -> None:
    file = load_scenario("one-city").record
    record = load_scenario("one-city", ["record=auto"]).record
    assert file.accounts == "all"
    others = set(Record.kinds)
    assert record.model_dump(exclude=others) == file.model_dump(exclude=others)
    assert len({getattr(record, kind) for kind in Record.kinds}) == 1


def test_every_number_of_members_is_a_kind() -> None:
    counted = {name for name, field in Record.model_fields.items() if field.default == "all"}
    assert counted == set(Record.kinds)


def test_other_kinds_keep_what_they_say() -> None:
    record = read("record.vehicles=auto", "record.homes=none", "record.schools=3").record
    assert (record.homes, record.schools, record.houses) == ("none", 3, "all")


def test_results_state_the_number_which_a_longer_run_keeps() -> None:
    scenario = read("hours=8760", "record.vehicles=auto")
    resolved = scenario.resolved()
    assert resolved["record"]["vehicles"] == 1141
    longer = Scenario.from_resolved({**resolved, "hours": 17520.0})
    assert longer.record.vehicles == 1141


def test_a_note_says_how_many_are_written() -> None:
    assert size_note(read("record.vehicles=auto")) == (
        "of vehicles at most the first 416,666 are written at every step, which makes up to "
        "20,000,000 rows (record: auto); all are simulated"
    )
    assert "of vehicles and homes at most" in size_note(
        read("record.vehicles=auto", "record.homes=auto")
    )
    assert "of each kind at most the first 416,666" in size_note(read("record=auto"))
    assert size_note(read("record.vehicles=5")) == ""


def test_another_word_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="all, none, auto or a whole number") as refused:
        read("record.vehicles=aut")
    assert "did you mean 'auto'?" in str(refused.value)
    with pytest.raises(InputError, match="record: 'automatic' is not allowed"):
        read("record=automatic")
