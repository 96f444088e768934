"""Vehicles in groups: what each has, whose draws move, and that their runs pass the audit."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.errors import InputError
from hmesh.environment.group_rows import GroupRows
from hmesh.environment.streams import Streams
from hmesh.plugins import behaviour
from hmesh.runs.audits.run_audit import audit_run
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.run import resume_run, start_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.behaving_rows import behaving_rows
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run
from tests.test_audit_tampering import edit, otherwise

COMMUTERS: dict[str, Any] = {
    "name": "commuters",
    "count": 12,
    "capacity_kwh": {
        "distribution": "normal", "mean": 50.0, "deviation": 10.0, "low": 25.0, "high": 90.0
    },
    "departure_soc": 0.8,
    "departure_weight": [5.0, 40.0],
}  # fmt: skip
VANS: dict[str, Any] = {
    "name": "vans",
    "count": 6,
    "capacity_kwh": 75.0,
    "power_kw": 22.0,
    "v2g_kw": 0.0,
    "charging_curve": [[0.0, 1.0], [0.6, 1.0], [0.9, 0.2]],
    "charge_efficiency": [0.85, 0.95],
    "discharge_efficiency": 0.9,
    "trip_reserve": True,
}
TAXIS: dict[str, Any] = {
    "name": "taxis",
    "count": 5,
    "soc_start": [0.3, 0.8],
    "lam": {"distribution": "normal", "mean": 70.0, "deviation": 5.0},
    "theta": [1.5, 2.5],
    "charge_efficiency": 0.9,
    "departure_soc": [0.5, 0.9],
    "departure_weight": 20.0,
    "charging_curve": [[0.3, 1.0], [0.9, 0.05]],
}
GROUPS = (COMMUTERS, VANS, TAXIS)
HABIT: dict[str, Any] = {"plug_in": {"below": 0.8, "probability": [[0.2, 1.0], [0.9, 0.4]]}}
STRATEGIES = ["typical", "two_level", "three_level", "planner"]


def scenario(*groups: dict[str, Any], **changes: Any) -> Scenario:
    given = {
        "vehicles": {"groups": list(groups or GROUPS)}, "plots": False, "hours": 24,
        "game.solver": "exact", "strategies": STRATEGIES,
    }  # fmt: skip
    return load_scenario("three-communities", given | changes)


def columns(each: Scenario, group: str) -> dict[str, np.ndarray]:
    """Return the columns of the vehicles of a group."""
    setting = make_setting(each).schemes["vehicles"]
    rows = setting.groups.rows[setting.groups.names.index(group)]
    names = set(setting.fleet.attributes) - {"vehicle_group", "model_row", "charging_curve"}
    return {name: setting.fleet[name][rows] for name in names}


def problems(*groups: dict[str, Any], **changes: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        make_setting(scenario(*groups, **changes))
    return [str(problem) for problem in caught.value.problems]


def test_a_group_or_a_vehicle_more_moves_no_other_draw() -> None:
    alone = columns(scenario(TAXIS), "taxis")
    for others in (
        (TAXIS, COMMUTERS),
        (COMMUTERS, VANS, TAXIS),
        (COMMUTERS | {"count": 13}, TAXIS | {"count": 8}),
    ):
        beside = columns(scenario(*others), "taxis")
        for name, values in alone.items():
            np.testing.assert_array_equal(beside[name][: len(values)], values, err_msg=name)


def test_what_all_give_is_what_a_group_leaves_out() -> None:
    given = {"soc_min": 0.1, "theta": 3.0, "groups": [VANS, TAXIS | {"soc_min": 0.15}]}
    each = scenario(vehicles=given)
    vans, taxis = each.vehicles.groups
    assert (vans.soc_min, taxis.soc_min, vans.theta) == (0.1, 0.15, 3.0)
    assert each.vehicles.count == 11
    again = Scenario.from_resolved(each.resolved())
    assert again.vehicles == each.vehicles
    assert set(columns(again, "taxis")["soc_min"]) == {0.15}


def test_one_group_without_a_name_is_the_section_itself() -> None:
    plain = make_setting(load_scenario("three-communities", {"vehicles.count": 7}))
    fleet = plain.schemes["vehicles"].fleet
    lam = Streams(plain.scenario.seed).generator("satisfaction", "electric vehicle").random(7)
    np.testing.assert_array_equal(fleet["lam"], 50.0 + 20.0 * lam)
    assert plain.schemes["vehicles"].groups.names == ("",)


def test_those_that_join_keep_the_shares_of_groups() -> None:
    groups = GroupRows.of(["a", "b", "c"], [30, 10, 0], 12)
    joined = groups.group[40:]
    assert np.bincount(joined, minlength=3).tolist() == [9, 3, 0]
    assert groups.number[groups.rows[1]].tolist() == list(range(13))
    # A vehicle that joins later moves no draw of those before.
    fewer, streams = GroupRows.of(["a", "b", "c"], [30, 10, 0], 4), Streams(5)
    more, less = (each.draw(streams, "lam", "electric vehicle") for each in (groups, fewer))
    np.testing.assert_array_equal(more[:44], less)


def test_models_give_battery_power_and_consumption(tmp_path: Path) -> None:
    table = tmp_path / "models.csv"
    table.write_text(
        "name,capacity_kwh,power_kw,consumption_kwh_per_km,share\n"
        "small,30,4,0.13,3\nlarge,90,11,0.2,1\n"
    )
    drawn = {"name": "cars", "count": 400, "model": {"file": str(table)}}
    vans = {"name": "vans", "count": 3, "model": {"file": str(table), "name": "large"}}
    setting = make_setting(scenario(drawn, vans)).schemes["vehicles"]
    fleet = setting.fleet
    assert set(fleet["capacity_kwh"][400:]) == {90.0}
    assert set(fleet["power_kw"][400:]) == {11.0} == set(fleet["v2g_kw"][400:])
    small = np.mean(fleet["capacity_kwh"][:400] == 30.0)
    # Three of four, and four standard deviations of 400 draws are 9 %.
    assert small == pytest.approx(0.75, abs=0.09)
    assert [setting.models[k] for k in fleet["model_row"][400:]] == ["large"] * 3
    (unknown,) = problems(vans | {"model": {"file": str(table), "name": "larg"}})
    assert "there is no model 'larg' (allowed: small, large; did you mean 'large'?)" in unknown
    (both,) = problems(vans | {"capacity_kwh": 50.0})
    assert "groups.0.capacity_kwh: the models of" in both
    table.write_text("name,capacity_kwh,power_kw,consumption_kwh_per_km\nx,0,4,-1\nx,9,z,0\n")
    assert len(problems(vans)) == 4


def test_mistakes_are_named_together() -> None:
    found = problems(
        COMMUTERS | {"departure_weight": None, "behaviour": "stubborn"},
        VANS | {"soc_max": 0.1},
        TAXIS | {"name": "commuters", "soc_start": 0.95, "departure_soc": 0.99},
        **{"vehicles.count": 4},
    )
    places = [line.split(":")[1].strip().removeprefix("vehicles.") for line in found]
    assert places == [
        "groups.2.name", "groups.0.departure_weight", "groups.0.behaviour",
        "groups.1.soc_max", "groups.1.soc_start", "groups.2.soc_start", "groups.2.departure_soc",
        "count",
    ]  # fmt: skip
    for curve in ([[0.5, 1.0], [0.4, 0.5]], [[0.0, 0.0], [1.0, 1.0]], []):
        (line,) = problems(VANS | {"charging_curve": curve})
        assert "groups.0.charging_curve: " in line
    assert problems(COMMUTERS, **{"game.solver": "negotiate"}) == [
        "--set: vehicles.groups.0.departure_soc: game.solver negotiate with bids: prices takes the "
        "answer of a vehicle for one line (allowed: game.solver: exact, or negotiate with bids: "
        "curves)"
    ]


def test_shares_must_be_shares() -> None:
    for key, value, message in (
        ("soc_start", [0.5, 1.5], "the highest value is 1.5"),
        ("soc_min", {"distribution": "normal", "mean": 0.2, "deviation": 0.1}, "without bound"),
        ("charge_efficiency", [0.0, 0.9], "a lowest value above 0"),
        ("v2g_kw", [-1.0, 2.0], "a lowest value of at least 0"),
    ):
        (line,) = problems(TAXIS | {key: value})
        assert message in line
        assert f"groups.0.{key}" in line


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("groups") / "run"
    start_run(scenario(), folder)
    return folder


def test_a_run_of_groups_passes_its_audit(run: Path) -> None:
    report = audit_run(run)
    assert [check.name for check in report.checks if check.passed is False] == []
    names = [check.name for check in report.checks if check.passed]
    assert "departures: energy held and wanted as vehicles set out" in names


def test_what_is_missing_at_departure_is_counted(run: Path) -> None:
    loaded = read_run(run)
    departures, fleet = (loaded.table(t).to_pandas() for t in ("departures", "fleet"))
    assert (departures["short_kwh"] > 0).any()
    for name, rows in departures.groupby("strategy", observed=True):
        totals = loaded.totals(str(name))
        assert totals["departure_short_kwh"] == pytest.approx(rows["short_kwh"].sum())
        assert totals["counts"]["departures_short"] == (rows["short_kwh"] > 1e-9).sum()
    wanting = fleet.set_index("vehicle").loc[departures["vehicle"], "group"]
    assert set(wanting) == {"commuters", "taxis"}


def test_groups_in_another_order_have_the_same_results() -> None:
    worlds = []
    for order in ((0, 1, 2), (2, 0, 1)):
        world = Simulation(make_setting(scenario(*(GROUPS[k] for k in order))), "three_level")
        for _ in range(20):
            world.step()
        fleet: Any = world.schemes["vehicles"]
        groups = fleet.vehicles.groups
        energy = fleet.fleet.population["energy_kwh"]
        held = [energy[groups.rows[groups.names.index(each["name"])]] for each in GROUPS]
        worlds.append(np.concatenate(held))
    np.testing.assert_allclose(worlds[0], worlds[1], rtol=0, atol=1e-7)


def test_no_v2g_and_a_curve_bind() -> None:
    world = Simulation(make_setting(scenario(VANS)), "three_level")
    fleet: Any = world.schemes["vehicles"]
    for _ in range(12):
        world.step()
        for parked in fleet.parked:
            assert np.all(parked.lower_kwh == 0.0)
            full = parked.energy_kwh > 0.6 * 75.0
            assert np.all(parked.upper_kwh[full] < 22.0)


DRAWN: dict[str, Any] = {
    "kind": "drawn", "home": {"homes": 1.0}, "speed_km_h": 30.0,
    "days": {
        "every": {
            "travels": 0.9, "stops": [0.5, 0.5], "trip_km": 12.0,
            "departs_h": {"distribution": "normal", "mean": 9.0, "deviation": 2.0},
            "purposes": {"any": {"stay_h": 1.5}},
        }
    },
}  # fmt: skip


def driven(each: Scenario, group: str) -> list[np.ndarray]:
    """Return where the vehicles of a group are in every step of a day, and how far they drive."""
    world = Simulation(make_setting(each), "typical")
    vehicles: Any = world.schemes["vehicles"]
    rows = vehicles.vehicles.groups.rows[vehicles.vehicles.groups.names.index(group)]
    found = []
    for _ in range(24):
        world.step()
        fleet = vehicles.fleet.population
        found.append(np.stack((fleet["community"][rows], fleet["driven_km"][rows])))
    return found


def test_each_group_travels_in_its_own_way(tmp_path: Path) -> None:
    plans = tmp_path / "plans.csv"
    plans.write_text(
        "plan,departs_h,km,origin,destination\n"
        "pattern 1,6,30,homes,malls\npattern 1,9,30,malls,homes\n"
    )
    taxis, vans = TAXIS | {"travel": DRAWN}, VANS | {"day_plans": str(plans)}
    setting = make_setting(scenario(COMMUTERS, vans, taxis)).schemes["vehicles"]
    # One of the published plans is called so too.
    assert setting.plans.names.count("pattern 1 (2)") == 1
    assert {setting.plans.names[k] for k in setting.fleet["day_plan"][12:18]} == {"pattern 1 (2)"}
    alone = driven(scenario(taxis), "taxis")
    assert sum(float(step[1].sum()) for step in alone) > 0
    for others in ((COMMUTERS, vans, taxis), (taxis | {"count": 9}, COMMUTERS | {"travel": DRAWN})):
        beside = driven(scenario(*others), "taxis")
        for one, another in zip(alone, beside, strict=True):
            np.testing.assert_array_equal(one, another[:, : one.shape[1]])
    wrong = taxis | {"travel": DRAWN | {"home": {"home": 1.0}}}
    (line,) = problems(COMMUTERS, wrong)
    assert "vehicles.groups.1.travel.home.home: no community is called 'home'" in line


def test_charger_outages_of_a_group_stay_as_another_group_comes() -> None:
    given = {"mean_time_between_failures_h": 6.0, "mean_time_to_repair_h": 3.0}
    found = []
    for groups in ((TAXIS,), (COMMUTERS, TAXIS)):
        each = scenario(*groups, **{"chance.charger_outages": given})
        world = Simulation(make_setting(each), "typical")
        vehicles: Any = world.schemes["vehicles"]
        rows = vehicles.vehicles.groups.rows[-1]
        out = []
        for _ in range(12):
            world.step()
            out.append(vehicles.fleet.population["charger_out"][rows].copy())
        found.append(np.stack(out))
    np.testing.assert_array_equal(*found)
    assert found[0].any()


@pytest.mark.usefixtures("plugins_withdrawn")
def test_a_group_decides_by_its_behaviour() -> None:
    @behaviour("stubborn")
    class Stubborn(ElectricVehicle):
        """Does nothing."""

        def respond(self, price: float) -> float:
            """Return nothing."""
            return 0.0

    each = scenario(COMMUTERS, TAXIS | {"behaviour": "stubborn"})
    rows = behaving_rows(make_setting(each), "vehicles")
    assert {name: mine.tolist() for name, mine in rows.items()} == {"stubborn": [*range(12, 17)]}
    some = {"behaviour": "stubborn", "count": 2, "group": "commuters"}
    chosen = scenario(COMMUTERS, TAXIS, behaviours=[some])
    (mine,) = behaving_rows(make_setting(chosen), "vehicles").values()
    assert len(mine) == 2
    assert mine.max() < 12
    (line,) = problems(COMMUTERS, behaviours=[some | {"group": "comuters"}])
    assert "did you mean 'commuters'?" in line


def test_a_night_worker_charges_as_she_comes_home_in_the_morning(tmp_path: Path) -> None:
    plans = tmp_path / "night.csv"
    plans.write_text(
        "plan,departs_h,duration_h,km,origin,destination\n"
        "night,6.5,0.5,20,offices,homes\nnight,23.5,0.5,20,homes,offices\n"
    )
    worker = {
        "name": "night", "count": 1, "day_plans": str(plans), "soc_start": 0.3, "power_kw": 3.0
    }  # fmt: skip
    world = Simulation(
        make_setting(scenario(worker, start="2023-01-16T00:00", step_h=0.5)), "typical"
    )
    vehicles: Any = world.schemes["vehicles"]
    charged = []
    while world.running:
        world.step()
        charged.append(float(vehicles.charged_kwh.sum()))
    # At work at night it waits; home at 7:00 it charges until it is full, long before 23:30.
    room = 0.9 * 40.0 - (0.3 * 40.0 - 20 * 0.16)
    full_at = 14 + int(np.ceil(room / 1.5))
    assert charged[:14] == [0.0] * 14
    assert charged[14 : full_at - 1] == [1.5] * (full_at - 15)
    assert sum(charged) == pytest.approx(room)
    assert charged[full_at:] == [0.0] * (48 - full_at)


def test_built_in_preferences_of_groups_are_converted() -> None:
    euro = {"currency": "EUR", "strategies": ["typical"]}
    given = {"lam": [0.2, 0.4], "theta": 0.01}
    own = scenario(TAXIS | given, COMMUTERS | given, **euro)
    assert [each.key for each in own.converted_money if each.key.startswith("vehicles")] == []
    plain = {"name": "plain", "count": 3}
    mixed = scenario(TAXIS | given, plain, **euro)
    keys = [each.key for each in mixed.converted_money if each.key.startswith("vehicles")]
    assert keys == ["vehicles.lam", "vehicles.theta"]
    taxis, others = mixed.vehicles.groups
    assert taxis.lam == (0.2, 0.4)
    assert others.lam == mixed.vehicles.lam
    assert others.lam[1] < 1.0


@pytest.mark.slow
def test_a_run_of_groups_goes_on_as_if_never_interrupted(run: Path, tmp_path: Path) -> None:
    each = scenario(TAXIS | HABIT, VANS, COMMUTERS, step_h=0.5)
    start_run(each, tmp_path / "whole")
    folder = interrupted_run(tmp_path / "part", 19, each)
    resume_run(folder)
    for table in ("vehicles", "departures", "hours", "fleet", "trips"):
        name = f"{table}.parquet"
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), table


PLACES = [("fleet", c) for c in ("group", "v2g_kw", "soc_max", "wanted_kwh", "miss_weight")]
PLACES += [("departures", c) for c in ("vehicle", "wanted_kwh", "held_kwh", "short_kwh")]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), PLACES)
def test_a_changed_value_is_found(run: Path, tmp_path: Path, table: str, column: str) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    values = pq.read_table(folder / f"{table}.parquet").column(column).to_pylist()
    chosen = next(k for k, value in enumerate(values) if value) if any(values) else 0
    wrong = otherwise(values[chosen], values)
    edit(folder, table, column, lambda row, value: wrong if row == chosen else value)
    assert not audit_run(folder).passed


def test_groups_share_a_table_of_models_and_state_their_own_v2g(tmp_path: Path) -> None:
    table = tmp_path / "models.csv"
    table.write_text(
        "name,capacity_kwh,power_kw,consumption_kwh_per_km,v2g_kw\n"
        "small,30,7,0.15,5\nlarge,80,11,0.2,9\n"
    )
    model = {"file": str(table), "name": "large"}
    groups: list[dict[str, Any]] = [
        {"name": "first", "count": 3, "model": model},
        {"name": "second", "count": 2, "v2g_kw": 0.0, "model": model},
    ]
    start_run(scenario(*groups, hours=3, strategies=["typical"]), tmp_path / "run")
    fleet = read_run(tmp_path / "run").table("fleet").to_pandas()
    assert fleet["model"].tolist() == ["large"] * 5
    assert fleet["v2g_kw"].tolist() == [9, 9, 9, 0, 0]
    assert audit_run(tmp_path / "run").passed
