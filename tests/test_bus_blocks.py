"""Rounds of school buses from the blocks and the calendar of a dataset."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.block_rounds import BlockRounds, rounds_of_blocks
from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.audits.reference.school_yard import round_lengths
from hmesh.runs.world.setting import make_setting

BLOCKS = """block,service_id,departs,arrives,km,bus
a1,week,06:30,07:30,21,a
a2,week,07:30,08:15,12,a
a3,week,14:45,16:00,30,a
b1,week,07:00,08:00,18,b
b2,week,15:30,16:30,25,b
s1,saturday,10:00,11:00,9,a
"""
CALENDAR = """\
service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
week,1,1,1,1,1,0,0,2023-09-05,2024-06-10
saturday,0,0,0,0,0,1,0,2023-09-05,2024-06-10
"""
DATASET = """
schema: 1
name: timetable
licence: CC0
time_zone: America/Detroit
clock: wall
labels: start
start: 2023-09-01T00:00
end: 2024-07-01T00:00
resolution: 60
tables: {bus_blocks: bus_blocks.csv, calendar: calendar.csv,
         calendar_dates: calendar_dates.csv}
"""
SCENARIO = """
name: blocks
time_zone: America/Detroit
start: 2023-10-05T00:00
hours: 120
currency: USD
school_terms: {gtfs: timetable, services: [week]}
strategies: [charge_after_use, valley_charging]
generation_cost: {quadratic: 1.0e-5, linear: 0.08, fixed: 0}
communities:
  quarter: {members: [{kind: building, name: hall, annual_kwh: 250000, profile: g1}]}
vehicles: {count: 0}
school_buses:
  groups: [{name: school, community: quarter, buses: 3}]
  blocks: timetable
  critical: {share_of_peak: 0.95}
  lam: 1
  theta: 0.001
  average_price_start: 0.1
  incentive_price: [0.05, 0.6]
  centralised_margin: 0.05
plots: false
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a timetable of two buses, which does not run on the 9th of October."""
    there = tmp_path / "timetable"
    there.mkdir()
    (there / "dataset.yaml").write_text(DATASET)
    (there / "bus_blocks.csv").write_text(BLOCKS)
    (there / "calendar.csv").write_text(CALENDAR)
    dates = "service_id,date,exception_type\nweek,2023-10-09,2\n"
    (there / "calendar_dates.csv").write_text(dates)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    return tmp_path


def test_blocks_that_meet_are_one_round() -> None:
    found = rounds_of_blocks(
        np.array([6.5, 7.5, 14.75, 7.0, 15.5, 23.5]),
        np.array([7.5, 8.25, 16.0, 8.0, 16.5, 24.5]),
        np.array([21.0, 12.0, 30.0, 18.0, 25.0, 4.0]),
        np.array(["a", "a", "a", "b", "b", "b"], dtype=object),
    )
    assert found.hours == ((6.5, 8.25), (14.75, 16.5), (23.5, 0.5))
    assert found.round_km * 3 == pytest.approx([63, 47])


def test_a_run_drives_the_blocks_on_the_days_of_their_service(folder: Path) -> None:
    start_run(load_scenario(folder / "s.yaml"), folder / "run")
    report = audit_run(folder / "run")
    assert report.passed, report.failed
    rows = read_run(folder / "run").table("schools").to_pandas()
    rows = rows[rows["strategy"] == "valley_charging"]
    by_day = rows.groupby(rows["step"] // 24)["driven_kwh"].sum()
    # Thursday and Friday; buses 0 and 2 are a, bus 1 is b, and 1 kWh drives a km.
    km = 2 * (21 + 12 + 30) + 18 + 25
    assert by_day.tolist() == pytest.approx([km, km, 0, 0, 0])
    setting = make_setting(load_scenario(folder / "s.yaml")).schemes["school_buses"]
    away = np.flatnonzero(setting.rounds.share[:24])
    assert away.tolist() == [6, 7, 8, 14, 15, 16]


def test_lengths_of_rounds_have_a_second_implementation(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        count = int(rng.integers(1, 12))
        bus = rng.choice(["a", "b", "ten", "c"], count).astype(object)
        km = rng.uniform(1.0, 40.0, count)
        departs = rng.integers(300, 1200, count) / 60
        found = rounds_of_blocks(departs, departs + rng.integers(1, 200, count) / 60, km, bus)
        again = round_lengths(list(zip(bus, km, strict=True)), len(found.hours), 7)
        np.testing.assert_allclose(np.resize(found.round_km, 7), again, rtol=1e-12)

    def half(*given: Any) -> BlockRounds:
        right = rounds_of_blocks(*given)
        return replace(right, round_km=right.round_km / 2)

    monkeypatch.setattr("hmesh.environment.block_rounds.rounds_of_blocks", half)
    start_run(load_scenario(folder / "s.yaml", ["hours=24"]), folder / "wrong")
    failed = audit_run(folder / "wrong").failed
    assert any(name.startswith("schools") for name in failed), failed


def test_services_of_different_days_are_refused(folder: Path) -> None:
    made = load_scenario(folder / "s.yaml", ["school_terms={gtfs: timetable}"])
    with pytest.raises(InputError, match="services that run on different days: saturday, week"):
        make_setting(made)
    with pytest.raises(InputError, match=r"no service of .* is called .weeks."):
        make_setting(load_scenario(folder / "s.yaml", ["school_terms.services=[weeks]"]))
