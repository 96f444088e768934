"""An outage of 20 minutes costs a third of an hour's energy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.environment.spans import part_within
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.scenarios.durations import in_hours
from tests.interrupted_runs import interrupted_run

SPAN = st.tuples(st.integers(-5, 25), st.integers(0, 20)).map(lambda s: (s[0], s[0] + s[1]))
SMALL = (
    "vehicles.count=12", "hours=4", "plots=false", "strategies=[typical]",
    "game.solver=exact", "start=2023-01-16T16:00", "communities.homes.members.0.pv_kw=1",
    "location={latitude: 50, longitude: 8}",
)  # fmt: skip
BOTH = "strategies=[typical, three_level]"
DARK = "events=[{at: '2023-01-16 17:40', lasts: 20 min, feeders_out: [homes]}]"


@given(st.lists(SPAN, max_size=4), st.integers(0, 10), st.integers(1, 10))
def test_what_several_outages_fill_counts_once(
    spans: list[tuple[int, int]], begin: int, length: int
) -> None:
    minutes = [
        any(first <= minute < last for first, last in spans)
        for minute in range(begin, begin + length)
    ]
    assert part_within(spans, begin, begin + length) == sum(minutes) / length


@pytest.mark.parametrize(
    ("given_as", "hours"),
    [("20 min", 1 / 3), ("1 h 30 min", 1.5), ("2 d", 48.0), ("90 s", 0.025), (0.5, 0.5)],
)
def test_durations_are_read(given_as: object, hours: float) -> None:
    assert in_hours(given_as) == hours


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of two runs, one with an outage of 20 minutes, one without."""
    folder = tmp_path_factory.mktemp("dark")
    start_run(load_scenario("three-communities", SMALL), folder / "light")
    start_run(load_scenario("three-communities", (*SMALL, DARK)), folder / "dark")
    return folder


def test_twenty_minutes_cost_a_third_of_an_hour(dark: Path) -> None:
    hours = {name: read_run(dark / name).table("hours").to_pandas() for name in ("light", "dark")}
    key = ["step", "strategy", "community"]
    both = hours["light"].merge(hours["dark"], on=key, suffixes=("", "_dark"))
    out = (both["step"] == 1) & (both["community"] == "homes")
    assert out.sum() == 1
    part = np.where(out, 2 / 3, 1.0)
    for name in ("fixed_load_kwh", "generation_kwh"):
        np.testing.assert_allclose(both[f"{name}_dark"], both[name] * part, rtol=1e-12)
    missed = both["fixed_load_kwh"] * (1 - part)
    np.testing.assert_allclose(both["unserved_kwh_dark"], missed, rtol=1e-12)
    vehicles = read_run(dark / "dark").table("vehicles").to_pandas()
    there = (vehicles["step"] == 1) & (vehicles["community"] == "homes")
    assert there.any()
    assert vehicles[there]["plugged_part"].max() == pytest.approx(2 / 3, abs=1e-15)
    assert read_run(dark / "dark").summary["typical"]["counts"]["feeders_out_in_part"] == 1


def test_vehicles_charge_for_the_rest_of_the_step_and_no_more(dark: Path) -> None:
    vehicles = read_run(dark / "dark").table("vehicles").to_pandas()
    there = (vehicles["step"] == 1) & (vehicles["community"] == "homes")
    assert (vehicles[there]["max_kwh"] <= 7.0 * 2 / 3 + 1e-9).all()
    after = (vehicles["step"] == 2) & (vehicles["community"] == "homes")
    assert (vehicles[after]["plugged_part"] == 1.0).any()


@pytest.mark.slow
def test_a_run_with_outages_in_part_passes_its_audit_and_resumes(
    tmp_path: Path, dark: Path
) -> None:
    assert not [each for each in audit_run(dark / "dark").checks if each.passed is False]
    more = "events=[{at: '2023-01-16 16:50', lasts: 2 h 25 min, feeders_out: [homes, malls]}]"
    scenario = load_scenario("three-communities", (*SMALL, more, "step_h=15 min", BOTH))
    start_run(scenario, tmp_path / "whole")

    resume_run(interrupted_run(tmp_path / "broken", 7, scenario))
    for file in sorted((tmp_path / "whole").glob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "broken" / file.name).read_bytes(), file.name
    assert not [each for each in audit_run(tmp_path / "whole").checks if each.passed is False]


@pytest.mark.parametrize(
    ("scenario", "change", "reported"),
    [
        ("three-communities", DARK.replace("20 min", "20 m"), "is no duration"),
        ("three-communities", DARK.replace("lasts", "until: '2023-01-16T18:00', lasts"), "one of"),
        ("three-communities", DARK.replace("20 min", "0"), "a number above 0"),
    ],
)
def test_mistakes_of_outages_are_reported(scenario: str, change: str, reported: str) -> None:
    with pytest.raises(InputError, match=reported):
        load_scenario(scenario, (change,))


def test_schemes_that_know_whole_steps_alone_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    event = "events=[{at: '2013-04-02 07:40', lasts: 20 min, feeders_out: [district]}]"
    load_scenario("battery-sharing", (event,))
    # As a scheme of a plugin may.
    alone = "hmesh.runs.scenarios.events_section.knows_parts"
    monkeypatch.setattr(alone, lambda name: name != "battery_sharing")
    with pytest.raises(InputError, match="battery_sharing knows whole steps alone"):
        load_scenario("battery-sharing", (event,))
