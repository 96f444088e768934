"""Small inputs from the field, each with the outcome that was worked out by hand."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hmesh.environment import InputError
from hmesh.runs import audit_run, check_scenario, load_scenario, read_run, start_run
from hmesh.runs.schemes.school_buses.warnings import school_warnings

HEAD = """
name: case
time_zone: Europe/Berlin
start: "2024-06-03T00:00"
currency: EUR
strategies: [typical]
generation_cost: {quadratic: 0.0004, linear: 0.10}
prices: {utility: [0, 0.6], aggregator: [0, 0.6], time_of_use: {on_peak: 0.3, off_peak: 0.2}}
plots: false
"""
PLACES = """
communities:
  homes: {members: [{kind: household, name: h, count: 10, annual_kwh: 3500, profile: h0}]}
  works: {members: [{kind: building, name: w, count: 1, annual_kwh: 50000, profile: g1}]}
"""
VEHICLE = (
    "vehicles: {count: 1, day_plans: plans.csv, capacity_kwh: 40, power_kw: 7, soc_start: 0.9, "
    "consumption_kwh_per_km: 0.2, lam: 0.5, theta: 0.012}\n"
)
PLAN = "plan,departs_h,duration_h,km,origin,destination\n"
DIARY = "person,day,departs_h,arrives_h,origin,destination,km\n"
DEALT = (
    "vehicles: {count: 2, lam: 0.5, theta: 0.012}\n"
    "travel: {kind: diaries, file: diaries.csv, deal: once}\n"
)


def write(folder: Path, text: str, **files: str) -> str:
    """Write a scenario and the CSV files that it names, and return its path."""
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    (folder / "s.yaml").write_text(text)
    return str(folder / "s.yaml")


def played(folder: Path, text: str, *changes: str, **files: str) -> Any:
    """Run a scenario, audit the run, and return it."""
    out = folder / f"run-{len(list(folder.iterdir()))}"
    start_run(load_scenario(write(folder, text, **files), changes), out)
    assert [c for c in audit_run(out).checks if c.passed is False] == []
    return read_run(out)


def vehicles(run: Any, strategy: str = "typical") -> pd.DataFrame:
    """Return the rows of vehicles under a strategy."""
    rows: pd.DataFrame = run.table("vehicles").to_pandas()
    return rows[rows["strategy"] == strategy]


def hours(run: Any, strategy: str = "typical") -> pd.DataFrame:
    """Return the rows of communities under a strategy."""
    rows: pd.DataFrame = run.table("hours").to_pandas()
    return rows[rows["strategy"] == strategy]


def charging_hours(run: Any, vehicle: int = 0) -> list[int]:
    """Return the steps in which a vehicle charges."""
    rows = vehicles(run)
    rows = rows[(rows["vehicle"] == vehicle) & (rows["energy_kwh"] > 0)]
    return [int(step) for step in rows["step"]]


def whereabouts(run: Any, vehicle: int, step: int) -> str:
    """Return where a vehicle is in a step, "road" where it drives."""
    rows = vehicles(run)
    row = rows[(rows["vehicle"] == vehicle) & (rows["step"] == step)]
    place = row["community"].iloc[0]
    return "road" if pd.isna(place) else str(place)


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("step_h", [1, 0.5, 0.25])
def test_losses_at_the_plug_do_not_depend_on_the_step(tmp_path: Path, step_h: float) -> None:
    # 100 km at 0.2 kWh/km are drawn with an efficiency of 0.9 on each of two evenings.
    plan = PLAN + "a,7,1,50,homes,works\na,17,1,50,works,homes\n"
    text = HEAD + PLACES + VEHICLE + f"hours: 48\nstep_h: {step_h}\n"
    run = played(tmp_path, text, "vehicles.charge_efficiency=0.9", plans=plan)
    assert vehicles(run)["energy_kwh"].sum() == pytest.approx(2 * 20 / 0.9, abs=1e-9)


def test_an_empty_battery_leaves_energy_unmet(tmp_path: Path) -> None:
    # 12.6 kWh are there for 31 kWh of driving; nothing is charged between the trips.
    plan = PLAN + "a,7,2,150,homes,works\na,17,1,5,works,homes\n"
    text = HEAD + PLACES + VEHICLE + "hours: 24\n"
    run = played(tmp_path, text, "vehicles.capacity_kwh=14", plans=plan)
    assert vehicles(run)["unmet_kwh"].sum() == pytest.approx(18.4, abs=1e-9)
    assert charging_hours(run)[0] == 18


NIGHT = PLAN.replace("\n", ",day\n") + (
    "n,21.5,1,20,homes,works,weekday\nn,6,1,20,works,homes,weekday\n"
)


def test_who_works_by_night_charges_by_day_at_home(tmp_path: Path) -> None:
    run = played(tmp_path, HEAD + PLACES + VEHICLE + "hours: 168\n", plans=NIGHT)
    where = [whereabouts(run, 0, step) for step in range(48)]
    # From 21:30 to 22:30 it drives: half an hour at home before, half an hour at work after that.
    day = ["works"] * 6 + ["road"] + ["homes"] * 15 + ["works"] * 2
    assert where == day * 2
    # 4 kWh are gone on the first morning, 8 kWh on the others: full after two hours at 7 kW.
    assert charging_hours(run) == [7, 31, 32, 55, 56, 79, 80, 103, 104]
    # From Friday night on it is at work, where it does not plug in.
    assert whereabouts(run, 0, 6 * 24 + 12) == "works"


def test_who_comes_home_after_midnight_charges_then(tmp_path: Path) -> None:
    diary = DIARY + "a,weekday,07:30,08:00,homes,works,20\na,weekday,23:30,24:15,works,homes,20\n"
    run = played(tmp_path, HEAD + PLACES + DEALT + "hours: 72\n", diaries=diary)
    # It comes home at a quarter past midnight and charges for the other three quarters.
    assert {step % 24 for step in charging_hours(run)} <= {0, 1, 2, 3}
    first = vehicles(run)[lambda rows: rows["energy_kwh"] > 0].iloc[0]
    assert (first["step"], first["energy_kwh"]) == (24, 0.75 * 7)
    # The same as a plan by calendar days, whose first trip is that past midnight.
    plan = PLAN + "a,0.25,0.5,20,works,homes\na,7.5,0.5,20,homes,works\n"
    run = played(tmp_path, HEAD + PLACES + VEHICLE + "hours: 72\n", plans=plan)
    assert charging_hours(run) == [1, 25, 26, 49, 50]


def test_an_errand_after_work_comes_before_the_night(tmp_path: Path) -> None:
    plan = PLAN + (
        "a,7,0.5,10,homes,works\na,16,0.5,10,works,homes\na,20,0.5,10,homes,works\n"
        "a,0.5,0.5,10,works,homes\n"
    )
    run = played(tmp_path, HEAD + PLACES + VEHICLE + "hours: 72\n", plans=plan)
    assert {step % 24 for step in charging_hours(run)} <= {1, 2}


def test_persons_have_days_of_their_own(tmp_path: Path) -> None:
    diary = DIARY + (
        "early,weekday,5,5.5,homes,works,20\nearly,weekday,14,14.5,works,homes,20\n"
        "night,weekday,21.5,22,homes,works,20\nnight,weekday,30,30.5,works,homes,20\n"
    )
    text = HEAD + PLACES + DEALT.replace("count: 2", "count: 6") + "hours: 72\n"
    run = played(tmp_path, text, diaries=diary)
    at_noon = [whereabouts(run, vehicle, 36) for vehicle in range(6)]
    at_two = [whereabouts(run, vehicle, 26) for vehicle in range(6)]
    assert set(at_noon) == {"works", "homes"}
    assert [a == "works" for a in at_noon] == [a == "homes" for a in at_two]
    night = at_noon.index("homes")
    # Home at half past six, plugged in for the other half of the hour.
    assert whereabouts(run, night, 30) == "homes"
    assert charging_hours(run, night)[0] == 30
    # Dealt again every day, one person's night would run into another's morning.
    with pytest.raises(InputError, match=r"arrives at 30\.5 h, when other days begin at 5 h.*once"):
        check_scenario(write(tmp_path, text.replace("once", "daily"), diaries=diary))


WEEKEND = DIARY + (
    "w,2024-06-07,16,19,homes,works,250\nw,2024-06-09,17,20,works,homes,250\n"
    "w,weekday,8,8.5,homes,works,20\nw,weekday,17,17.5,works,homes,20\n"
)


@pytest.mark.slow
def test_who_is_away_for_a_weekend_is_there_until_sunday(tmp_path: Path) -> None:
    run = played(tmp_path, HEAD + PLACES + DEALT + "hours: 240\n", diaries=WEEKEND)
    friday, saturday, sunday = 96, 120, 144
    for vehicle in (0, 1):
        assert whereabouts(run, vehicle, friday + 12) == "homes"
        assert whereabouts(run, vehicle, friday + 17) == "road"
        for step in range(friday + 19, sunday + 17):
            assert whereabouts(run, vehicle, step) == "works"
        assert whereabouts(run, vehicle, sunday + 18) == "road"
        assert whereabouts(run, vehicle, sunday + 20) == "homes"
        # On all other days the person goes to work.
        for day in (0, 1, 2, 3, 7, 8, 9):
            assert whereabouts(run, vehicle, 24 * day + 12) == "works"
            assert whereabouts(run, vehicle, 24 * day + 20) == "homes"
        # Nobody plugs in away from home.
        assert not {*range(friday + 16, sunday + 20)} & {*charging_hours(run, vehicle)}
    assert whereabouts(run, 0, saturday + 3) == "works"


def test_a_weekend_that_nobody_comes_back_from_is_refused(tmp_path: Path) -> None:
    lost = WEEKEND.replace("2024-06-09,17,20,works,homes", "2024-06-09,17,20,homes,homes")
    with pytest.raises(InputError, match="line 2, column destination: the day ends at works"):
        check_scenario(write(tmp_path, HEAD + PLACES + DEALT, diaries=lost))


STREET = "time,member,load_kwh\n" + "".join(
    f"2024-06-03T{hour}:00,{member},{load}\n"
    for hour, loads in ((12, (0.5, -0.4, -0.4)), (13, (0.5, -0.2, -0.1)))
    for member, load in zip(("consumer", "pv1", "pv2"), loads, strict=True)
)
SURPLUS = (
    HEAD.replace("T00:00", "T12:00").replace("[typical]", "[typical, two_level, three_level]")
    + "hours: 2\nrecord: {vehicles: none}\n"
    "communities: {street: {members: [{kind: household, name: h, file: loads.csv}]}}\n"
)


@pytest.mark.parametrize("travel", ["", "travel: {kind: drawn, fit: {day_plans: true}}\n"])
def test_a_community_without_vehicles_needs_no_day_plans(tmp_path: Path, travel: str) -> None:
    run = played(tmp_path, SURPLUS + travel, loads=STREET)
    for strategy in ("typical", "two_level", "three_level"):
        net = hours(run, strategy)["net_kwh"].tolist()
        assert net == pytest.approx([-0.3, 0.2], abs=1e-12)
        assert hours(run, strategy)["ev_kwh"].tolist() == [0.0, 0.0]
    assert len(run.table("trips")) == 0


def test_a_day_plan_file_that_is_named_is_read_without_vehicles_too(tmp_path: Path) -> None:
    text = SURPLUS + "vehicles: {count: 0, day_plans: plans.csv}\n"
    plan = PLAN + "a,7,1,5,street,street\na,17,1,5,street,street\n"
    played(tmp_path, text, loads=STREET, plans=plan)
    with pytest.raises(InputError, match="'homes' is no community"):
        check_scenario(write(tmp_path, text, plans=plan.replace("7,1,5,street", "7,1,5,homes")))


@pytest.mark.slow
def test_a_year_needs_what_it_is_said_to_need(tmp_path: Path) -> None:
    # A leap year, with both changes of the clocks.
    text = HEAD.replace("2024-06-03", "2024-01-01") + PLACES + "years: 1\nstep_h: 12\n"
    text = text.replace("count: 10,", "count: 1,")
    start_run(load_scenario(write(tmp_path, text)), tmp_path / "run")
    rows = hours(read_run(tmp_path / "run"))
    homes = rows[rows["community"] == "homes"]
    assert len(homes) == 366 * 2
    assert homes["fixed_load_kwh"].sum() == pytest.approx(3500.0, abs=5e-4)


def test_kilowatts_and_kilowatt_hours_are_the_same_load(tmp_path: Path) -> None:
    # Quarters of the day on which the clocks go back, by the clocks and in UTC.
    clock = [h for h in (0, 1, 2, 2, *range(3, 24)) for _ in range(4)]
    utc = pd.date_range("2024-10-26T22:00", periods=100, freq="15min")
    kwh = "time,member,load_kwh\n" + "".join(
        f"2024-10-27T{hour:02}:{15 * (n % 4):02},a,{n}\n" for n, hour in enumerate(clock)
    )
    kw = "time,member,load_kw\n" + "".join(
        f"{time:%Y-%m-%dT%H:%M}Z,b,{4 * n}\n" for n, time in enumerate(utc)
    )
    text = HEAD.replace("2024-06-03", "2024-10-27") + (
        "hours: 25\ncommunities:\n"
        "  homes: {members: [{kind: household, name: h, file: kwh.csv}]}\n"
        "  offices: {members: [{kind: building, name: g, file: kw.csv}]}\n"
    )
    rows = hours(played(tmp_path, text, kwh=kwh, kw=kw))
    homes, offices = (
        rows[rows["community"] == name]["fixed_load_kwh"].to_numpy()
        for name in ("homes", "offices")
    )
    assert (homes - offices).tolist() == [0.0] * 25
    assert homes[0] == 0 + 1 + 2 + 3
    assert homes.sum() == sum(range(100))


@pytest.mark.parametrize(("reserve", "unmet_kwh"), [("false", 37.0), ("true", 21.0)])
def test_a_reserve_keeps_the_energy_of_the_next_trip(
    tmp_path: Path, reserve: str, unmet_kwh: float
) -> None:
    plan = PLAN + "a,7,2,110,homes,works\na,17,1,5,works,homes\n"
    text = HEAD.replace("[typical]", "[two_level, three_level]") + PLACES + VEHICLE + "hours: 36\n"
    changes = ("vehicles.lam=0.08", "vehicles.soc_start=0.6", f"vehicles.trip_reserve={reserve}")
    run = played(tmp_path, text, *changes, plans=plan)
    for strategy in ("two_level", "three_level"):
        assert vehicles(run, strategy)["unmet_kwh"].sum() == pytest.approx(unmet_kwh, abs=1e-9)


SCHOOL = (
    HEAD.replace("2024-06-03", "2024-11-25").replace("Europe/Berlin", "America/Los_Angeles")
    + """hours: 96
holidays: {country: US, subdivision: CA}
school_terms: {terms: [[2024-08-12, 2024-12-20]]}
communities:
  hanford: {members: [{kind: household, name: h, count: 100, annual_kwh: 6000, profile: h0}]}
school_buses:
  groups: [{name: yard, community: hanford, schools: 2, buses: 5}]
  rounds: [[6, 8], [23, 1]]
  critical: {share_of_peak: 0.95}
"""
)


def test_school_buses_drive_past_midnight(tmp_path: Path) -> None:
    text = SCHOOL.replace("[typical]", "[charge_after_use, valley_charging]")
    run = played(tmp_path, text)
    rows = run.table("schools").to_pandas()
    rows = rows[(rows["strategy"] == "valley_charging") & (rows["school"] == 0)]
    driven = rows.set_index("step")["driven_kwh"]
    away = [int(step) for step in driven.index[driven > 0]]
    # The round that began on Sunday is none; Thanksgiving and the day after it are none either.
    begins = [6, 7, 23, 24, 30, 31, 47, 48, 54, 55, 71, 72]
    assert away == begins
    # The first night and morning are driven on what was there; later the night's charging comes
    # after the round at 23, which `check` warns of and the run counts.
    assert driven[driven > 0].tolist()[:6] == pytest.approx([5 * 35.0] * 6)
    counts = run.summary["valley_charging"]["counts"]
    assert counts["unmet_rounds"] > 0
    (warning,) = school_warnings(load_scenario(write(tmp_path, text)))
    assert str(warning).startswith("school_buses.rounds.1: begins at 23, while the charging window")


@pytest.mark.parametrize(
    ("rounds", "message"),
    [
        (
            "[[6, 8], [23, 23]]",
            "rounds.1: ends at 23, not after it begins at 23; past midnight it would take 24 h",
        ),
        ("[[6, 8], [23, 7]]", "rounds.1: ends at 7, after the first one of the next day begins"),
        ("[[8, 6]]", "rounds.0: ends at 6, not after it begins at 8; past midnight it would take"),
        ("[[23, 1], [6, 8]]", "rounds.1: begins at 6, before the one before ends"),
    ],
)
def test_rounds_that_meet_are_refused_with_the_reason(
    tmp_path: Path, rounds: str, message: str
) -> None:
    with pytest.raises(InputError, match=rf"school_buses\.{message}".replace("[", r"\[")):
        check_scenario(write(tmp_path, SCHOOL.replace("[[6, 8], [23, 1]]", rounds)))


@pytest.mark.slow
@pytest.mark.parametrize(("exports", "bill"), [("false", -1.034684210528), ("true", -1.8905)])
def test_a_battery_may_deliver_only_where_a_key_says_so(
    tmp_path: Path, exports: str, bill: float
) -> None:
    """Negative prices at noon and expensive evenings: right to ten digits by a calculation
    apart."""
    rows = {"load": [0.5] * 168, "heat": [0.0] * 168}
    rows["pv"] = [2.0 if 9 <= hour % 24 < 17 else 0.0 for hour in range(168)]
    files = {
        name: "time,member,load_kwh\n"
        + "".join(
            f"2024-06-{1 + hour // 24:02}T{hour % 24:02}:00,a,{value}\n"
            for hour, value in enumerate(values)
        )
        for name, values in rows.items()
    }
    text = f"""
name: negative
time_zone: Europe/Berlin
start: "2024-06-01T00:00"
hours: 168
currency: EUR
strategies: [no_house_storage, house_battery]
communities: {{street: {{members: []}}}}
plots: false
composite_storage:
  manager: foresight
  groups: [{{name: houses, community: street, appliances: {{file: load.csv}},
            heat: {{file: heat.csv}}, photovoltaics: {{file: pv.csv}}}}]
  sizes: {{house_battery: {{battery_kwh: 5}}}}
  devices: {{battery_power_per_kwh: 0.5, battery_efficiency: 0.95, soc_min: 0, soc_max: 1,
            battery_wear: 0, battery_exports: {exports}}}
  tariff: {{bands: [{{hours: [11, 15], price: -0.06}}, {{hours: [17, 21], price: 0.45}},
           {{price: 0.2}}], feed_in: 0.08}}
"""
    run = played(tmp_path, text, **files)
    assert run.totals("house_battery")["house_bill"] == pytest.approx(bill, abs=1e-9)
    assert run.totals("no_house_storage")["house_bill"] == pytest.approx(7.98, abs=1e-9)
