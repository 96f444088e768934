"""Rounds of school buses at their own minute: parts of steps, events, energy at all steps."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.calendar import Calendar
from hmesh.environment.moments import step_moment
from hmesh.environment.school_rounds import SchoolRounds, charging_window, rounds_of_days
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.audits.reference.school_yard import round_parts
from tests.test_school_rounds import calendar_from

ROUNDS = "school_buses.rounds=[[6.3, 8.25], [15.5, 17.75]]"
GROUPS = "school_buses.groups=[{name: south, community: rochester, schools: 2, buses: 3}]"
RUN = ("hours=48", "plots=false", "start=2023-01-24T00:00", ROUNDS, GROUPS, "record.events=true")


@settings(max_examples=15)
@given(
    st.integers(0, 30),
    st.sampled_from([5 / 60, 0.25, 0.5, 1.0, 3.0]),
    st.tuples(st.floats(5, 8), st.floats(0.2, 3), st.floats(12, 18), st.floats(0.2, 4)),
)
def test_parts_of_steps_are_those_of_a_plain_timetable(
    day: int, step_h: float, given_as: tuple[float, float, float, float]
) -> None:
    calendar: Calendar = calendar_from(f"2023-01-{day + 1:02d}T00:00", step_h)
    steps = round(72 / step_h)
    first, lasts, second, takes = given_as
    rounds = ((first, first + lasts), (second, second + takes))
    found = SchoolRounds.of(calendar, steps, rounds, *charging_window(calendar, steps, 22, 5)[::-1])
    spans = list(rounds_of_days(calendar, -1, 3, rounds))
    for step in range(steps):
        edges = step_moment(step, step_h), step_moment(step + 1, step_h)
        plain = round_parts(spans, *edges)
        here = found.at(step)
        assert here.share == pytest.approx(plain.share, abs=1e-12)
        assert (here.parked, here.rest) == pytest.approx((plain.parked, plain.rest), abs=1e-12)
        assert here.before == pytest.approx(plain.before, abs=1e-12)
        assert found.ends[step] == plain.ends
    assert np.all((found.parked >= 0) & (found.parked <= 1))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of runs whose rounds begin and end within hours."""
    folder = tmp_path_factory.mktemp("rounds")
    start_run(load_scenario("school-buses", RUN), folder / "60")
    start_run(load_scenario("school-buses", (*RUN, "step_h=15 min")), folder / "15")
    return folder


def test_buses_charge_for_the_part_of_the_hour_in_which_they_are_back(runs: Path) -> None:
    run = read_run(runs / "60")
    power = load_scenario("school-buses").school_buses.power_kw
    rows = run.table("schools").to_pandas()
    mine = rows[(rows["strategy"] == "charge_after_use") & (rows["school"] == 0)]
    charged = mine.set_index("step")["charged_kwh"]
    # Back at 8:15 and at 17:45, three buses each, and hungry enough for all the power there is.
    assert charged[8] == pytest.approx(min(3 * power * 0.75, 3 * 70), rel=1e-12)
    assert charged[17] == pytest.approx(3 * power * 0.25, rel=1e-12)
    assert charged[7] == charged[16] == 0
    assert (mine["min_kwh"].abs() <= 3 * power * 1.0 + 1e-9).all()


def test_driven_energy_and_charging_are_the_same_at_shorter_steps(runs: Path) -> None:
    totals = {}
    for name in ("60", "15"):
        summary = read_run(runs / name).summary["charge_after_use"]
        totals[name] = [
            summary[key] for key in ("school_driven_kwh", "school_unmet_kwh", "school_charged_kwh")
        ]
    assert totals["60"] == pytest.approx(totals["15"], rel=1e-9, abs=1e-9)
    assert totals["60"][0] == pytest.approx(2 * 2 * 6 * 70.0)


def test_events_are_at_their_own_minute(runs: Path) -> None:
    events = read_run(runs / "60").table("events").to_pandas()
    mine = events[(events["strategy"] == "valley_charging") & (events["subject"] == "bus")]
    clock = mine["time"].dt.strftime("%H:%M")
    assert set(clock[mine["kind"] == "departs"]) == {"06:18", "15:30"}
    assert set(clock[mine["kind"] == "arrives"]) == {"08:15", "17:45"}
    assert len(mine) == 2 * 2 * 2 * 6
    utility = events[(events["strategy"] == "valley_charging") & (events["subject"] == "utility")]
    kinds = [kind for kind in utility["kind"] if kind.startswith("critical")]
    assert kinds[::2] == ["critical_begins"] * (len(kinds) // 2)
    assert kinds


@pytest.mark.slow
def test_such_runs_pass_their_audit_and_resume(runs: Path, tmp_path: Path) -> None:
    for name in ("60", "15"):
        checks = audit_run(runs / name).checks
        assert not [each for each in checks if each.passed is False]
        made = {each.name.partition(":")[0] for each in checks if each.passed}
        assert {"events of buses", "events of utilities"} <= made

    def stop(done: int, _: int) -> None:
        if done in (7, 16, 31):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_run(load_scenario("school-buses", RUN), tmp_path / "broken", stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            resume_run(tmp_path / "broken", stop)
    resume_run(tmp_path / "broken")
    for file in sorted((runs / "60").glob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "broken" / file.name).read_bytes(), file.name


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        ("school_buses.price_response={}",),
        ("events=[{at: '2023-01-24 08:20', lasts: 25 min, feeders_out: [rochester]}]",),
        ("school_buses.reserve=false", "school_buses.charge_efficiency=0.9"),
    ],
)
def test_prices_outages_and_losses_go_with_parts_of_hours(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    start_run(load_scenario("school-buses", (*RUN, *more)), tmp_path / "run")
    assert not [each for each in audit_run(tmp_path / "run").checks if each.passed is False]
