import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hmesh.environment import InputError
from hmesh.runs import (
    audit_run,
    branch_run,
    extend_run,
    load_scenario,
    read_run,
    resume_run,
    start_run,
)
from hmesh.runs.command_line import app
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_again, interrupted_run

NAME = "three-communities"
CHANGES: dict[str, Any] = {
    "vehicles.count": 12,
    "hours": 20,
    "plots": False,
    "checkpoint_every_h": 6,
    "checkpoint_every_minutes": None,
    "record.states": "all",
    "record.accounts": "all",
    "strategies": ["typical", "three_level"],
}
CAP = {
    "at": "2023-01-16T11:00",
    "until": "2023-01-16T18:00",
    "set": {"prices.utility": [0, 50], "prices.aggregator": [0, 52]},
}
LOST = {"at": "2023-01-16T14:00", "until": "2023-01-16T17:00", "feeders_out": ["homes"]}
JOIN = {"at": "2023-01-17T00:00", "vehicles": 5}


def made(directory: Path, **changes: Any) -> Path:
    given = CHANGES | {key.replace("__", "."): value for key, value in changes.items()}
    start_run(load_scenario(NAME, given), directory)
    return directory


def content(directory: Path) -> dict[str, bytes]:
    """Return the results of a run, without when and by which versions they were made."""
    return {
        path.name: path.read_bytes()
        for path in directory.iterdir()
        if path.is_file() and path.name != "run.json"
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("further")


@pytest.fixture(scope="module")
def short(folder: Path) -> Path:
    return made(folder / "short")


@pytest.fixture(scope="module")
def longer(folder: Path) -> Path:
    return made(folder / "longer", hours=31)


@pytest.fixture(scope="module")
def eventful(folder: Path) -> Path:
    return made(folder / "eventful", events=[CAP, LOST])


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the steps that are made from now on."""
    made_steps: list[int] = []
    step = Simulation.step

    def counting(simulation: Simulation) -> None:
        made_steps.append(simulation.step_index)
        step(simulation)

    monkeypatch.setattr(Simulation, "step", counting)
    return made_steps


def copied(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def test_an_extended_run_is_the_longer_one(
    short: Path, longer: Path, tmp_path: Path, steps: list[int]
) -> None:
    run = copied(short, tmp_path / "run")
    begun = extend_run(run, "+11")
    assert (begun.steps_done, begun.why) == (20, "")
    resume_run(run)
    assert sorted(set(steps)) == list(range(20, 31))
    assert content(run) == content(longer)
    assert read_run(run).info["scenario"] == read_run(longer).info["scenario"]
    other = branch_run(run, "2023-01-16T20:00", tmp_path / "other", {"feeders_out": ["homes"]})
    assert other.steps_done == 18  # a state from before the extension
    # What was written because the shorter run ended is not in it.
    years = pq.read_table(run / "accounts.parquet").column("year").to_pylist()
    assert len(years) == len(pq.read_table(short / "accounts.parquet"))


@pytest.mark.slow
def test_an_extension_that_is_interrupted_is_the_longer_run(
    short: Path, longer: Path, tmp_path: Path
) -> None:
    run = copied(short, tmp_path / "run")
    extend_run(run, "31")

    interrupted_again(run, 25)
    with pytest.raises(InputError, match="is not finished"):
        extend_run(run, "+1")
    resume_run(run)
    assert content(run) == content(longer)
    assert audit_run(run).passed


@pytest.mark.slow
def test_a_run_without_states_is_made_again(longer: Path, tmp_path: Path, steps: list[int]) -> None:
    run = made(tmp_path / "run", record__states="none")
    del steps[:]
    begun = extend_run(run, "+11")
    assert begun.steps_done == 0
    assert "kept no state" in begun.why
    resume_run(run)
    assert min(steps) == 0
    assert content(run) == content(longer)


@pytest.mark.slow
def test_a_scheme_that_plans_over_the_run_is_made_again(tmp_path: Path) -> None:
    given = {"hours": 24, "plots": False, "record.states": "end", "years": None}
    run = tmp_path / "run"
    start_run(load_scenario("school-buses", given), run)
    assert "school_buses plan over the length" in extend_run(run, "+36").why
    resume_run(run)
    start_run(load_scenario("school-buses", given | {"hours": 60}), tmp_path / "longer")
    assert content(run) == content(tmp_path / "longer")


@pytest.mark.slow
@pytest.mark.parametrize(("hours", "taken"), [(24, 24), (30, 0)])
def test_homes_that_plan_a_day_are_extended_at_midnight(
    tmp_path: Path, hours: int, taken: int
) -> None:
    given = {"hours": hours, "plots": False, "record.states": "end"}
    run = tmp_path / "run"
    start_run(load_scenario("smart-home", given), run)
    assert extend_run(run, "+12").steps_done == taken
    resume_run(run)
    start_run(load_scenario("smart-home", given | {"hours": hours + 12}), tmp_path / "longer")
    assert content(run) == content(tmp_path / "longer")


@pytest.mark.slow
def test_a_branch_is_the_run_with_one_more_event(
    short: Path, eventful: Path, tmp_path: Path, steps: list[int]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    changes = ["prices.utility=[0,50]", "prices.aggregator=[0,52]"]
    begun = branch_run(short, CAP["at"], first, changes, until=CAP["until"])
    assert begun.steps_done == 6  # the last checkpoint before step 10
    resume_run(first)
    assert sorted(set(steps)) == list(range(6, 20))
    # And a branch of the branch, whose folder keeps the states since.
    begun = branch_run(first, LOST["at"], second, {"feeders_out": ["homes"]}, until=LOST["until"])
    assert begun.steps_done == 12
    resume_run(second)
    assert content(second) == content(eventful)


@pytest.mark.slow
def test_events_change_what_they_name(short: Path, eventful: Path) -> None:
    tables = [pq.read_table(path / "hours.parquet").to_pandas() for path in (short, eventful)]
    before, after = (table[table["strategy"] == "three_level"] for table in tables)
    assert before[before["step"] < 10].equals(after[after["step"] < 10])
    capped = after["step"].between(10, 16)
    assert after.loc[capped, "community_price"].max() <= 52.0
    assert after.loc[~capped, "community_price"].max() > 52.0
    dark = after["step"].between(13, 15) & (after["community"] == "homes")
    assert after.loc[dark, "community_price"].isna().all()
    assert after.loc[~dark, "community_price"].notna().all()
    report = audit_run(eventful)
    assert report.passed


@pytest.mark.slow
def test_an_audit_finds_a_cap_that_was_not_kept(eventful: Path, tmp_path: Path) -> None:
    run = copied(eventful, tmp_path / "run")
    table = pq.read_table(run / "hours.parquet").to_pandas()
    capped = (table["step"] == 12) & (table["strategy"] == "three_level")
    table.loc[capped, "community_price"] = 60.0  # within the bounds of all other hours
    schema = pq.read_schema(run / "hours.parquet")
    pq.write_table(type(pq.read_table(run / "hours.parquet")).from_pandas(table, schema),
                   run / "hours.parquet")  # fmt: skip
    failed = {check.name for check in audit_run(run).checks if check.passed is False}
    assert "prices: within their bounds" in failed


@pytest.mark.slow
def test_a_tariff_changes_for_some_hours_and_is_audited(tmp_path: Path) -> None:
    higher = {
        "at": "2023-01-16T07:00", "until": "2023-01-16T11:00",
        "set": {"prices.time_of_use.on_peak": 44, "prices.time_of_use.off_peak": 30.5},
    }  # fmt: skip
    run = made(tmp_path / "run", strategies=["two_level"], events=[higher])
    table = pq.read_table(run / "hours.parquet").to_pandas()
    asked = table[table["community"] == "homes"]["utility_price"].tolist()
    # The run begins at one; the tariff is on-peak from nine on.
    assert asked == [23.0] * 6 + [30.5] * 2 + [44.0] * 2 + [36.0] * 10
    assert audit_run(run).passed
    branch_run(run, "2023-01-16T12:00", tmp_path / "other", ["prices.time_of_use.on_peak=40"])
    resume_run(tmp_path / "other")
    table = pq.read_table(tmp_path / "other" / "hours.parquet").to_pandas()
    assert table[table["community"] == "homes"]["utility_price"].tolist()[11:] == [40.0] * 9
    assert audit_run(tmp_path / "other").passed


@pytest.mark.slow
def test_vehicles_join_on_the_day_of_an_event(tmp_path: Path) -> None:
    run = made(tmp_path / "run", events=[JOIN], hours=30)
    summary = read_run(run).summary["three_level"]
    assert summary["counts"]["vehicles_joined"] == 5
    assert audit_run(run).passed
    begun = branch_run(run, "2023-01-17T00:00", tmp_path / "more", {"vehicles": 2})
    assert "place in the fleet" in begun.why
    resume_run(tmp_path / "more")
    assert read_run(tmp_path / "more").summary["typical"]["counts"]["vehicles_joined"] == 7


@pytest.mark.slow
def test_a_run_with_events_that_is_interrupted_is_the_same(eventful: Path, tmp_path: Path) -> None:
    scenario = load_scenario(NAME, CHANGES | {"events": [CAP, LOST]})
    run = interrupted_run(tmp_path / "run", 14, scenario)
    # An unfinished run branches, too, from its checkpoint.
    begun = branch_run(run, "2023-01-16T17:00", tmp_path / "other", {"feeders_out": ["malls"]})
    assert begun.steps_done == 14
    resume_run(run)
    assert content(run) == content(eventful)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"at": "2023-02-01T00:00", "vehicles": 1}, "events.0.at: 2023-02-01T00:00 is not within"),
        ({"at": "2023-01-16T05:30", "set": {"prices.utility": [0, 50]}}, "no step begins at"),
        ({"at": "2023-01-16T05:00", "vehicles": 1}, "vehicles join as a day begins"),
        ({"at": "2023-01-16T05:00", "feeders_out": ["home"]}, "did you mean 'homes'"),
        ({"at": "2023-01-16T05:00"}, "events.0: changes nothing"),
        ({"at": "2023-01-16T05:00", "until": "2023-01-16T05:00", "feeders_out": ["homes"]},
         "is not after"),
        ({"at": "2023-01-16T05:00", "set": {"prices.aggregator": [0, 52]}}, "force a loss"),
        ({"at": "2023-01-16T05:00", "set": {"prices.agregator": [0, 52]}},
         "'prices.agregator': cannot change in the course of a run"),
        ({"at": "2023-01-16T05:00", "set": {"prices.time_of_use.on_peak": [1, 2]}}, "a number"),
        ({"at": "2023-01-16T05:00", "set": {"prices.utility": 5}}, "two numbers in brackets"),
        ({"at": "soon", "feeders_out": ["homes"]}, "events.0.at: 'soon' is no time"),
    ],
)  # fmt: skip
def test_wrong_events_are_refused(event: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(NAME, CHANGES | {"events": [event]})
    assert words in str(caught.value)


def test_what_cannot_be_branched_is_refused(short: Path, tmp_path: Path) -> None:
    out, at = tmp_path / "new", "2023-01-16T12:00"
    for words, given in {
        "'game.solver' cannot change in the course of a run": (at, ["game.solver=exact"]),
        "did you mean 'prices.utility'": (at, ["prices.utilty=[0,1]"]),
        "nothing changes": (at, []),
        "2024-01-01T00:00 is not within": ("2024-01-01T00:00", ["feeders_out=[homes]"]),
        "is no time": ("noon", ["feeders_out=[homes]"]),
    }.items():
        with pytest.raises(InputError, match=words):
            branch_run(short, given[0], out, given[1])
        assert not out.exists()
    with pytest.raises(InputError, match="is no more than the 20 h"):
        extend_run(short, "20")
    assert read_run(short).complete


@pytest.mark.slow
def test_the_command_branches_and_extends(short: Path, tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "new"
    words = ["branch", str(short), "--at", "2023-01-16T20:00", "--out", str(out)]
    words += ["--set", "feeders_out=[homes]", "--hours", "+1", "--no-progress"]
    result = runner.invoke(app, words, prog_name="hmesh")
    assert result.exit_code == 0, result.output
    assert "18 steps are taken over" in result.output
    assert read_run(out).info["steps_total"] == 21


@pytest.mark.slow
def test_figures_after_the_burn_in_are_those_of_its_steps(tmp_path: Path) -> None:
    run = made(tmp_path / "run", record__burn_in_h=6, strategies=["typical"], hours=10)
    held = read_run(run).summary["typical"]
    later = held["after_burn_in"]
    hours = pq.read_table(run / "hours.parquet").to_pandas()
    demand = hours[hours["step"] >= 6].groupby("step")["net_kwh"].sum()
    assert later["mean_kw"] == pytest.approx(demand.mean(), rel=1e-12)
    assert later["peak_kw"] == demand.max()
    assert later["peak_step"] == demand.idxmax()
    assert later["generation_cost"] < held["generation_cost"]
    assert audit_run(run).passed
    with pytest.raises(InputError, match=r"record\.burn_in_h: nothing is left of 20 h"):
        load_scenario(NAME, CHANGES | {"record.burn_in_h": 20})
