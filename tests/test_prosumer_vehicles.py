from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import Run, check_scenario, load_scenario, resume_run, start_run
from hmesh.runs.audits.run_audit import audit_run
from hmesh.runs.world.setting import make_setting
from tests.interrupted_runs import interrupted_run
from tests.prosumer_runs import HOUSEHOLDS, PIONEERS, run_of, scenario_of

TRAVEL = (
    "travel={kind: drawn, home: {suburb: 0.5, offices: 0.5}, speed_km_h: 40, days: {every: {"
    "stops: [1], trip_km: 20, departs_h: {distribution: uniform, low: 7, high: 9}, "
    "purposes: {work: {stay_h: {distribution: uniform, low: 2, high: 3}, "
    "between: {suburb: {offices: 1}, offices: {suburb: 1}}}}}}}"
)
VEHICLES = "vehicles={groups: [{name: others, count: 6}], lam: 45, theta: 1, trip_reserve: true}"
OWNED = {"each": 2, "capacity_kwh": 30, "charge_efficiency": 0.9}
ALONE = ("composite_storage=null", "smart_homes=null", "hours=14", "strategies=[three_level]")


def with_vehicles(*changes: str, vehicle: Any = OWNED, **members: Any) -> Any:
    owns = PIONEERS["owns"] | {"vehicle": {"share": 0.7, **vehicle}}
    given = [HOUSEHOLDS | {"profile": "h0"}, PIONEERS | {"owns": owns, **members}]
    return scenario_of(TRAVEL, VEHICLES, *changes, members=given)


def test_they_become_a_group_that_takes_what_the_section_gives() -> None:
    scenario = with_vehicles()
    others, owned = scenario.vehicles.groups
    assert (owned.name, owned.home, owned.count % 2) == ("pioneers", "suburb", 0)
    assert (owned.lam, owned.capacity_kwh, others.capacity_kwh) == (45, 30, 40)
    assert scenario.vehicles.count == 6 + owned.count
    assert type(scenario).from_resolved(scenario.resolved()) == scenario


WRONG = {
    "growth={vehicles_per_year: 10}": "vehicles that join would be in groups of prosumers",
}


def test_vehicles_in_no_group_become_one_beside_those_of_prosumers() -> None:
    scenario = with_vehicles("vehicles={count: 5, lam: 45, theta: 1}")
    others, owned = scenario.vehicles.groups
    assert (others.name, others.count, others.lam) == ("others", 5, 45)
    assert (owned.name, scenario.vehicles.count) == ("pioneers", 5 + owned.count)
    assert type(scenario).from_resolved(scenario.resolved()) == scenario
    alone = with_vehicles("vehicles={groups: [{name: others, count: 5}], lam: 45, theta: 1}")
    assert scenario.vehicles == alone.vehicles
    mine = scenario.vehicles.without_owned(1)
    assert (mine.groups, mine.count) == ((), 5)


@pytest.mark.parametrize("change", WRONG)
def test_what_does_not_fit_vehicles_of_prosumers_is_named(change: str) -> None:
    with pytest.raises(InputError) as refused:
        make_setting(with_vehicles(change))
    assert WRONG[change] in str(refused.value)


@pytest.mark.parametrize("key", ["home", "each"])
def test_keys_that_prosumers_set_are_refused(key: str) -> None:
    with pytest.raises(InputError, match=rf"owns\.vehicle\.{key}"):
        with_vehicles(vehicle={key: "offices"})


@pytest.fixture(scope="module")
def pair() -> tuple[Run, Run]:
    """Return a run of prosumers with vehicles alone, and one of the same vehicles as a group."""
    households = HOUSEHOLDS | {"profile": "h0"}
    owner = {"kind": "prosumer", "name": "drivers", "count": 5, "owns": {"vehicle": OWNED}}
    group = {k: v for k, v in OWNED.items() if k != "each"}
    group |= {"name": "drivers", "count": 10, "home": "suburb"}
    vehicles = f"{VEHICLES[:-1].replace('}]', f'}}, {group}]')}}}"
    return (
        run_of(scenario_of(TRAVEL, VEHICLES, *ALONE, members=[households, owner])),
        run_of(scenario_of(TRAVEL, vehicles, *ALONE, members=[households])),
    )


def test_a_prosumer_with_vehicles_alone_is_those_vehicles(pair: tuple[Run, Run]) -> None:
    composed, alone = (each.table("vehicles").to_pandas() for each in pair)
    for column in ("soc", "energy_kwh", "min_kwh", "max_kwh", "price"):
        assert composed[column].equals(alone[column]), column
    accounts = [each.table("accounts").to_pandas() for each in pair]
    mine = accounts[0][accounts[0].kind == "prosumers"]
    others = accounts[1][accounts[1].kind == "vehicles"].iloc[6:]
    for column in ("bought_kwh", "sold_kwh", "paid", "received", "stored_change_kwh"):
        due = others[column].to_numpy().reshape(5, 2).sum(axis=1)
        assert mine[column].to_numpy() == pytest.approx(due, rel=1e-12, abs=1e-12), column


def test_vehicles_sleep_at_the_home_of_their_prosumer(pair: tuple[Run, Run]) -> None:
    rows = pair[0].table("vehicles").to_pandas()
    owned = rows[rows.vehicle >= 6]
    where = owned.groupby("step").community.value_counts().unstack(fill_value=0)
    assert (where.suburb[[0, 3, 13]] == 10).all()
    assert where.offices.max() >= 9
    others = rows[(rows.vehicle < 6) & (rows.step == 0)]
    assert set(others.community) == {"suburb", "offices"}


def test_an_account_pays_where_its_vehicle_charges(pair: tuple[Run, Run]) -> None:
    ledger = pair[0].table("ledger").to_pandas()
    bills = ledger[ledger.kind == "prosumer_vehicles"]
    paid = bills.groupby("payer").amount.agg(lambda amounts: amounts.abs().sum())
    assert set(paid.index) == {"prosumers@suburb", "prosumers@offices"}
    assert (paid > 0).all()
    assert audit_run(pair[0].directory).passed


@pytest.mark.slow
def test_all_parts_together_keep_a_connection_and_pass_the_audit(tmp_path: Path) -> None:
    elastic = {"value": 0.5, "reference_price": 21, "lower_share": 0.4, "upper_share": 1.3}
    scenario = with_vehicles("hours=30", connection_kw=4, annual_kwh=2500, elasticity=elastic)
    start_run(scenario, tmp_path / "whole")
    report = audit_run(tmp_path / "whole")
    assert report.passed, report.failed
    made = {check.name for check in report.checks if check.passed}
    assert "prosumers: stores answer with the room of their connections" in made

    resume_run(interrupted_run(tmp_path / "resumed", 13, scenario))
    for name in ("prosumers", "prosumer_parts", "vehicles", "accounts", "ledger", "hours"):
        whole, resumed = (
            (tmp_path / folder / f"{name}.parquet").read_bytes() for folder in ("whole", "resumed")
        )
        assert whole == resumed, name


@pytest.mark.slow
@pytest.mark.parametrize("bids", ["prices", "curves"])
def test_messages_find_what_is_computed(bids: str) -> None:
    found = [
        run_of(
            with_vehicles("hours=10", "strategies=[everybody_shares]", *changes, connection_kw=4)
        )
        for changes in (("game.solver=exact",), ("game.solver=negotiate", f"game.bids={bids}"))
    ]
    drawn = [each.table("prosumers").to_pandas().connection_kwh.to_numpy() for each in found]
    assert np.abs(drawn[0] - drawn[1]).max() < 0.02


@pytest.mark.slow
def test_prosumers_move_no_other_draw() -> None:
    alone = scenario_of(TRAVEL, VEHICLES, members=[HOUSEHOLDS | {"profile": "h0"}, PIONEERS])
    first, second = (make_setting(each).schemes for each in (alone, with_vehicles()))
    for column in ("lam", "theta", "day_plan", "energy_kwh"):
        own = first["vehicles"].fleet[column]
        assert (second["vehicles"].fleet[column][: len(own)] == own).all()
    for day in (0, 1):
        trips = [
            each["vehicles"].trips_of(each["vehicles"].fleet, None).parked_at(day)
            for each in (first, second)
        ]
        assert (trips[1][: len(trips[0])] == trips[0]).all()


def test_check_scenario_accepts_them(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    import yaml

    path.write_text(yaml.safe_dump(_plain(with_vehicles())), encoding="utf-8")
    assert check_scenario(path).vehicles.groups[-1].home == "suburb"


def _plain(scenario: Any) -> dict[str, Any]:
    """Return a scenario as somebody would write it, without what prosumers own."""
    resolved = scenario.resolved()
    resolved["vehicles"]["groups"] = resolved["vehicles"]["groups"][:1]
    del resolved["vehicles"]["count"]
    for name in ("composite_storage", "smart_homes"):
        resolved[name]["groups"] = []
    return {key: value for key, value in resolved.items() if key not in ("files", "plugins")}


def test_a_group_with_a_home_follows_the_day_plans_that_begin_there() -> None:
    groups = "vehicles={groups: [{name: day, count: 6, home: homes}, {name: other, count: 4}]}"
    vehicles = make_setting(load_scenario("three-communities", [groups])).schemes["vehicles"]
    plans, day_plan = vehicles.plans, vehicles.fleet["day_plan"]
    begin = plans.start[day_plan]
    assert set(begin[:6]) == {0}
    assert len(set(day_plan[:6])) > 1
    with pytest.raises(InputError, match="no trips of vehicles of day begin at their home suburb"):
        make_setting(
            load_scenario(
                "three-communities",
                [
                    groups.replace("home: homes", "home: suburb"),
                    "communities.suburb={members: []}",
                ],
            )
        )
    with pytest.raises(InputError, match=r"groups\.0\.home: no community is called 'home'"):
        load_scenario("three-communities", [groups.replace("home: homes", "home: home")])
