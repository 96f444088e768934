"""Runs with travel of every kind: the same after an interruption, and no energy lost."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, check_scenario, load_scenario, read_run, resume_run, start_run
from tests.interrupted_runs import interrupted_run
from tests.quick_cases import quick

TOURS = "distance_km,travel_time_min,dwell_time_min,trips_in_tour\n30,45,400,2\n12,30,60,3\n"
DIARIES = (
    "person,departs_h,duration_h,origin,destination,km\n"
    "a,7,1,homes,offices,30\na,23.5,1,offices,homes,30\nb,9,1,homes,malls,10\nb,12,1,malls,homes,9\n"
)
# The run begins on Friday evening, 2024-03-29.
WEEKENDS = "person,day,departs_h,arrives_h,origin,destination,km\n" + (
    "a,2024-03-29,22.5,24,homes,malls,30\na,2024-03-31,17,18,malls,homes,30\n"
    "b,,9,10,homes,malls,10\nb,,12,13,malls,homes,9\n"
)
TRAVEL = {
    "fitted to plans": "travel: {kind: drawn, fit: {day_plans: true}}",
    "given": """travel:
  kind: drawn
  home: {homes: 3, malls: 1}
  speed_km_h: 40
  days:
    every:
      travels: 0.8
      stops: [0.7, 0.3]
      departs_h: {distribution: normal, mean: 9, deviation: 2}
      trip_km: {distribution: gamma, mean: 12, deviation: 9}
      purposes:
        work: {to_h: 12, to: {offices: 1}, stay_h: 8}
        shopping: {stay_h: {distribution: lognormal, mean: 1.5, deviation: 1}}
""",
    "by road": """travel:
  kind: drawn
  home: {homes: 1}
  speed_km_h: 40
  days:
    weekday: {stops: [1], departs_h: 8, purposes: {work: {stay_h: 8, to: {offices: 1}}}}
""",
    "fitted to tours": """travel:
  kind: drawn
  home: {homes: 1}
  fit: {tours: tours.csv}
  days: {every: {departs_h: {distribution: histogram, edges: [6, 9, 23], shares: [3, 1]}}}
""",
    "diaries": "travel: {kind: diaries, file: diaries.csv}",
    "diaries once": "travel: {kind: diaries, file: diaries.csv, deal: once}",
    "weekends away": "travel: {kind: diaries, file: weekends.csv, deal: once}",
}
CHANGES = (
    "vehicles.count=12",
    "vehicles.trip_reserve=true",
    "vehicles.charge_efficiency=0.9",
    "vehicles.discharge_efficiency=0.8",
    "growth.vehicles_per_year=2000",
    "growth.vehicles_join=day",
    "start=2024-03-29T22:00",
    "hours=72",
    "checkpoint_every_h=13",
    "plots=false",
    "game.solver=exact",
    "strategies=[typical, three_level]",
)


def scenario_file(tmp_path: Path, travel: str) -> str:
    built_in = (
        Path(__file__).parents[1]
        / "hmesh"
        / "runs"
        / "scenarios"
        / "built_in"
        / "three-communities.yaml"
    )
    text = built_in.read_text().replace("travel:\n  kind: plans", TRAVEL[travel])
    text = text.replace("  charge_on_the_way: null", "  # charge_on_the_way: null")
    (tmp_path / "tours.csv").write_text(TOURS)
    (tmp_path / "diaries.csv").write_text(DIARIES)
    (tmp_path / "weekends.csv").write_text(WEEKENDS)
    (tmp_path / "scenario.yaml").write_text(text)
    return str(tmp_path / "scenario.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("travel", quick({"by road", "diaries once"}, TRAVEL))
def test_a_run_resumes_to_the_same_bytes_and_its_energy_balances(
    tmp_path: Path, travel: str
) -> None:
    scenario = load_scenario(scenario_file(tmp_path, travel), CHANGES)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    summary = start_run(scenario, whole)

    resume_run(interrupted_run(broken, 31, scenario))
    for file in sorted(whole.glob("*.parquet")):
        assert file.read_bytes() == (broken / file.name).read_bytes(), file.name
    assert (whole / "summary.json").read_text() == (broken / "summary.json").read_text()
    for totals in summary.values():
        assert totals["counts"]["vehicles_joined"] == 16
        assert totals["joined_kwh"] == 16 * 20.0
        stored = (
            0.9 * totals["vehicle_charged_kwh"]
            - totals["vehicle_discharged_kwh"] / 0.8
            - (0.16 * totals["driven_km"] - totals["unmet_trip_kwh"])
            + totals["joined_kwh"]
        )
        assert totals["stored_change_kwh"] == pytest.approx(stored, abs=1e-6)
    assert_trips_and_places_agree(whole)
    checks = audit_run(whole).checks
    assert not [check for check in checks if check.passed is False]


def assert_trips_and_places_agree(directory: Path) -> None:
    """Compare where vehicles were with the trips that were written."""
    import pyarrow.parquet as pq

    trips = pq.read_table(directory / "trips.parquet").to_pandas()
    vehicles = pq.read_table(directory / "vehicles.parquet").to_pandas()
    assert len(trips) > 10
    start = json.loads((directory / "run.json").read_text())["scenario"]["start"]
    import pandas as pd

    begin = pd.Timestamp(start, tz="Europe/Berlin")
    departs = (trips["departs"] - begin) / pd.Timedelta(hours=1)
    arrives = (trips["arrives"] - begin) / pd.Timedelta(hours=1)
    first = vehicles[vehicles["strategy"] == "typical"]
    road = first.pivot_table("driven_km", "step", "vehicle", dropna=False)
    expected = np.zeros(road.shape)
    for vehicle, begins, ends, km in zip(
        trips["vehicle"], departs, arrives, trips["km"], strict=True
    ):
        hours = np.arange(math.floor(begins), min(math.ceil(ends), 72))
        driven = np.minimum(hours + 1, ends) - np.maximum(hours, begins)
        expected[hours, vehicle] += km * driven / (ends - begins)
    np.testing.assert_allclose(road.fillna(0.0), expected, atol=1e-9)
    away = first[first["community"].isna()]
    assert (away["driven_km"] > 0).all()
    assert (away["plugged_part"] == 0).all()
    assert ((first["plugged_part"] == 1.0) | (first["driven_km"] > 0)).all()
    joined = first.groupby("vehicle")["step"].min()
    assert (joined.iloc[:12] == 0).all()
    assert (joined.iloc[12:] > 0).all()
    assert (first.groupby("vehicle")["step"].max() == 71).all()


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        (["travel.kind=drwan"], "did you mean 'drawn'?"),
        (["travel.kind=drawn"], "travel.days: no kind of day is given"),
        (["travel.kind=diaries"], "travel.dataset: neither file nor dataset is given"),
        (["travel={kind: drawn, home: {hoems: 1}, fit: {day_plans: true}}"], "mean 'homes'"),
        (
            ["travel={kind: drawn, home: {homes: 0}, fit: {day_plans: true}}"],
            "travel.home: no share is above 0",
        ),
        (
            ["travel={kind: drawn, fit: {day_plans: true}, days: {every: {trip_km: "
             "{distribution: normal, mean: 5, deviation: 1}}}}"],
            "travel.days.every.trip_km: the lowest value is without bound",
        ),
        (
            ["travel={kind: drawn, fit: {day_plans: true}, days: {every: {departs_h: "
             "{distribution: histogram, edges: [3, 2], shares: [1]}}}}"],
            "the edges do not ascend",
        ),
        (
            ["travel={kind: drawn, fit: {day_plans: true}, days: {every: {departs_h: "
             "{distribution: gama, mean: 1}}}}"],
            "did you mean 'gamma'?",
        ),
    ],
)  # fmt: skip
def test_what_a_scenario_says_wrong_about_travel_is_reported(
    changes: list[str], reported: str
) -> None:
    with pytest.raises(InputError) as error:
        load_scenario("three-communities", changes)
    assert reported in str(error.value)


def test_trips_within_a_community_need_a_length(tmp_path: Path) -> None:
    path = scenario_file(tmp_path, "by road")
    text = Path(path).read_text().replace("to: {offices: 1}", "to: {homes: 1}")
    Path(path).write_text(text)
    with pytest.raises(InputError, match="trips within homes have no length"):
        check_scenario(path)


PLANS = """plan,departs_h,duration_h,km,origin,destination
early,7.1,0.2833333333333333,9,homes,offices
early,16.55,0.2833333333333333,9,offices,homes
noon,8.2,0.5,20,homes,malls
noon,12.05,0.1,3,malls,malls
noon,17.9,0.75,22,malls,homes
"""


@pytest.mark.parametrize("efficiency", [1.0, pytest.param(0.9, marks=pytest.mark.slow)])
def test_steps_of_any_length_give_the_same_trips_energy_and_charging(
    tmp_path: Path, efficiency: float
) -> None:
    (tmp_path / "plans.csv").write_text(PLANS)
    built_in = Path(scenario_file(tmp_path, "by road")).parent / "plans.yaml"
    text = (tmp_path / "scenario.yaml").read_text().replace(TRAVEL["by road"], "travel: {}")
    built_in.write_text(text)
    found = {}
    for minutes in (60, 30, 15, 5):
        scenario = load_scenario(
            str(built_in),
            ("vehicles.count=4", "vehicles.day_plans=plans.csv", f"step_h={minutes / 60}",
             "hours=48", "plots=false", "strategies=[typical]", "vehicles.soc_start=0.9",
             f"vehicles.charge_efficiency={efficiency}"),
        )  # fmt: skip
        out = tmp_path / str(minutes)
        totals = start_run(scenario, out)["typical"]
        assert not [check for check in audit_run(out).checks if check.passed is False]
        found[minutes] = read_run(out).table("trips"), totals
    trips, hourly = found[60]
    # Both plans drive between 18 and 45 km on each of two days.
    assert hourly["driven_km"] == pytest.approx(2 * 2 * (18 + 45), abs=1e-9)
    at = trips.column("departs").to_pandas()
    assert set(at.dt.minute) == {6, 33, 12, 3, 54}
    durations = (trips.column("arrives").to_pandas() - at).dt.total_seconds() / 60
    assert set(durations) == {17.0, 30.0, 6.0, 45.0}
    for table, totals in found.values():
        assert table.equals(trips)
        for name in ("driven_km", "vehicle_charged_kwh", "final_mean_soc", "unmet_trip_kwh"):
            assert totals[name] == pytest.approx(hourly[name], abs=1e-9), name
    # All that was driven has been charged again by the second midnight.
    assert hourly["vehicle_charged_kwh"] * efficiency == pytest.approx(
        0.16 * hourly["driven_km"], abs=1e-9
    )
