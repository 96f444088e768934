"""Batteries of buildings, community storages and school buses answer to prices, and say so."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import TABLES, audit_run, resume_run, start_run
from hmesh.runs.results.result_tables import tables_of
from tests.interrupted_runs import interrupted_run
from tests.quick_cases import quick
from tests.store_answer_runs import COLUMNS, ON, finished, scenario, simulated, world
from tests.test_audit_tampering import edit, otherwise

FEEDERS = (
    "grid.limits=keep",
    *(
        f"communities.{name}.feeder.rating_kw=50"
        for name in ("homes", "malls", "offices", "district", "street", "suburb")
    ),
)
SHOCKS: dict[str, dict[str, Any]] = {
    "prices tripled": {"changes": ("prices.utility=[0, 108]", "prices.aggregator=[0, 135]")},
    "generation ten times more expensive": {
        "changes": ("generation_cost.linear=101.4", "generation_cost.quadratic=0.2")
    },
    "feeders of 50 kW": {"changes": FEEDERS},
    "no vehicles": {"changes": (), "vehicles": False},
}


def moved(shock: dict[str, Any], *keys: str) -> dict[str, float]:
    """Return by how much a shock moves the energies of each column in all [kWh]."""
    before, *_ = simulated(*keys)
    after, *_ = simulated(*keys, *shock["changes"], vehicles=shock.get("vehicles", True))
    return {name: float(np.abs(after[name] - before[name]).sum()) for name in COLUMNS}


@pytest.mark.slow
@pytest.mark.parametrize("shock", SHOCKS)
def test_batteries_storages_and_buses_feel_every_shock(shock: str) -> None:
    found = moved(SHOCKS[shock], *ON)
    assert min(found.values()) > 0.5, found


@pytest.mark.slow
@pytest.mark.parametrize("shock", SHOCKS)
def test_without_the_keys_nothing_of_them_is_felt(shock: str) -> None:
    found = moved(SHOCKS[shock])
    if "generation" in shock:
        # In critical hours the incentive price knows what generation costs.
        found.pop("school_bus_kwh")
    assert set(found.values()) == {0.0}, found


@pytest.mark.parametrize("strategy", ["everybody_shares", "three_level", "planner"])
def test_energy_and_money_balance_and_no_store_leaves_its_bounds(strategy: str) -> None:
    simulation = world(*ON, strategy=strategy)
    schemes: Any = simulation.schemes
    stores = {
        "battery_sharing": schemes["battery_sharing"].batteries,
        "community_storage": schemes["community_storage"].controllers.population,
        "school_buses": schemes["school_buses"].district.buses.population,
    }
    answered = 0.0
    while simulation.running:
        held = {name: own["energy_kwh"].copy() for name, own in stores.items()}
        simulation.step()
        assert float(simulation.ledger.imbalance()) == 0.0
        total = sum(simulation.hour_kwh[name] for name in simulation.hour_kwh)
        total = total - 2.0 * simulation.hour_kwh["school_bus_kwh"]
        np.testing.assert_allclose(simulation.net_kwh, total, atol=1e-9)
        np.testing.assert_allclose(
            simulation.meters.node_kwh.sum(), simulation.net_kwh.sum(), atol=1e-9
        )
        for name, own in stores.items():
            size = own["capacity_kwh"]
            after = own["energy_kwh"]
            most = np.maximum(own["soc_max"] * size, held[name])
            assert (after <= most + 1e-9).all(), name
            answers = schemes[name].answers
            if answers is not None:
                answered += float(np.abs(answers.exchange_kwh).sum())
                out = answers.exchange_kwh < 0
                assert (after[out] >= (own["soc_min"] * size)[out] - 1e-9).all(), name
    # Each scheme has stores that act under its last strategy alone.
    assert (answered > 1.0) == (strategy == "everybody_shares")


@pytest.mark.slow
def test_buses_drive_their_rounds_and_follow_their_schedules() -> None:
    for reserve in ("true", "false"):
        changes = (f"school_buses.reserve={reserve}", "school_buses.round_km=60", "hours=60")
        _, before, _ = simulated(*changes)
        _, after, _simulation = simulated(*ON, *changes)
        assert after["school_buses_response_discharged_kwh"] > 1.0
        assert after["school_unmet_kwh"] <= before["school_unmet_kwh"] + 1e-9
        counts = after["counts"], before["counts"]
        for name in ("unmet_rounds", "school_schedules_missed"):
            assert counts[0].get(name, 0) <= counts[1].get(name, 0), name


def test_buses_stay_silent_in_critical_hours() -> None:
    simulation = world(*ON)
    schools: Any = simulation.schemes["school_buses"]
    critical = answering = 0
    while simulation.running:
        simulation.step()
        there = sum(len(each) for each in schools.answering)
        critical += schools.critical
        answering += there > 0
        assert not (schools.critical and there)
    assert critical
    assert answering


@pytest.mark.slow
def test_the_schedule_of_the_day_is_followed_as_without_answers() -> None:
    # Within the first day nothing is held that the coordinator does not know of.
    _, before, _ = simulated("hours=24")
    _, after, _ = simulated(*ON, "hours=24")
    assert after["battery_sharing_response_charged_kwh"] > 1.0
    for name in ("battery_unfollowed_kwh", "battery_discharged_kwh", "battery_charged_kwh"):
        assert after[name] == pytest.approx(before[name], abs=1e-9)


def test_a_storage_charges_from_the_grid_only_where_it_may() -> None:
    name = "community_storage_response_charged_kwh"
    _, allowed, _ = simulated(*ON)
    _, refused, _ = simulated(*ON, "community_storage.grid_charging=false")
    assert allowed[name] > 1.0
    assert refused[name] == 0.0
    assert refused["community_storage_response_discharged_kwh"] > 0.0


@pytest.mark.slow
def test_a_storage_that_serves_while_it_charges_spills_no_more() -> None:
    small = "community_storage.storages.0.capacity_kwh=5"
    _, turns, _ = simulated(small, strategy="community_storage_optimal")
    _, both, _ = simulated(
        small, "community_storage.serve_while_charging=true", strategy="community_storage_optimal"
    )
    assert both["storage_delivered_kwh"] > turns["storage_delivered_kwh"] + 0.5
    assert both["plant_spilled_kwh"] < turns["plant_spilled_kwh"] - 0.5


def test_buses_answer_together_as_their_school_where_its_worth_is_theirs() -> None:
    simulation = world("school_buses.price_response={}")
    schools: Any = simulation.schemes["school_buses"]
    buses, own = schools.district.buses.population, schools.district.population
    np.testing.assert_array_equal(buses["lam"], own["lam"][buses["school"]])
    np.testing.assert_allclose(buses["theta"], 2.0 * own["theta"][buses["school"]])
    while not any(len(each) == 4 for each in schools.answering or ()):
        simulation.step()
    answers = next(each for each in schools.answering if len(each))
    lam, theta = (own[name][0] for name in ("lam", "theta"))
    free = np.full(2, 1e6)
    first = np.flatnonzero(buses["school"][answers.rows] == 0)
    held = answers.usable_kwh[first]
    price = float(lam - theta * held.sum()) - 0.5
    wanted = (lam - buses["theta"][answers.rows[first]] * held - price) / (
        buses["theta"][answers.rows[first]]
    )
    assert (np.abs(wanted) < free).all()
    assert wanted.sum() == pytest.approx((lam - price) / theta - held.sum())


def agents_of(simulation: Any) -> dict[str, Any]:
    schemes = simulation.schemes
    district = schemes["school_buses"].district
    return {
        "batteries": schemes["battery_sharing"].deciding,
        "storages": schemes["community_storage"].controllers,
        "schools": district,
        "buses": district.buses,
    }


CHANGED = {
    "batteries": ("energy_kwh",),
    "storages": ("energy_kwh",),
    "schools": ("average_price",),
    "buses": ("energy_kwh", "owed_kwh"),
}


@pytest.mark.slow
def test_agents_one_by_one_do_what_the_population_does() -> None:
    simulation = world(*ON, "messages.loss_rate=0.1", "game.solver=negotiate")
    groups, checked = agents_of(simulation), dict.fromkeys(CHANGED, 0)
    while simulation.running:
        before = {
            (name, column): groups[name].population[column].copy()
            for name, columns in CHANGED.items()
            for column in columns
        }
        simulation.step()
        after = {key: groups[key[0]].population[key[1]].copy() for key in before}
        for (name, column), held in before.items():
            groups[name].population[column][:] = held
        for name, group in groups.items():
            for agent in group:
                agent.step()
            for column in CHANGED[name]:
                found = group.population[column]
                np.testing.assert_allclose(found, after[name, column], 1e-12, 1e-12)
            responses: Any = {
                "batteries": "battery_sharing", "storages": "community_storage",
                "buses": "school_buses", "schools": "school_buses",
            }  # fmt: skip
            answers: Any = simulation.schemes[responses[name]]
            checked[name] += bool(np.any(answers.answers.exchange_kwh))
        for key, held in after.items():
            groups[key[0]].population[key[1]][:] = held
    assert min(checked.values()) > 3, checked


def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    resume_run(interrupted_run(tmp_path / "run", 11, scenario(*ON)))
    for name in (*(f"{table}.parquet" for table in tables_of(scenario(*ON))), "summary.json"):
        whole = (finished(*ON) / name).read_bytes()
        assert (tmp_path / "run" / name).read_bytes() == whole, name


VARIED: dict[str, tuple[str, ...]] = {
    "exact": (),
    "negotiate": ("game.solver=negotiate", "messages.keep=all"),
    "curves": ("game.solver=negotiate", "game.bids=curves", "messages.keep=all"),
    "limits": FEEDERS,
    "turns": ("community_storage.serve_while_charging=false",),
    "plant alone": ("community_storage.grid_charging=false",),
    "of their schools": ("school_buses.price_response={}", "school_buses.reserve=false"),
    "other strategies": ("strategies=[nobody_shares, three_level, own_battery, two_level]",),
    "outages": (
        "chance.feeder_outages={mean_time_between_failures_h: 20, mean_time_to_repair_h: 3}",
    ),
    "lost messages": ("messages.loss_rate=0.2", "game.solver=negotiate"),
}


@pytest.mark.parametrize("name", quick({"exact", "of their schools"}, VARIED))
def test_the_audit_passes(name: str) -> None:
    report = audit_run(finished(*ON, *VARIED[name]))
    assert report.passed, [check for check in report.checks if check.passed is False]
    at_prices = [check for check in report.checks if "at a price: " in check.name]
    # Under the other strategies batteries alone answer.
    assert len(at_prices) == (4 if name == "other strategies" else 12)
    assert name in ("lost messages", "outages") or all(check.passed for check in at_prices)


@pytest.mark.slow
def test_the_audit_passes_without_vehicles() -> None:
    report = audit_run(finished(*ON, vehicles=False))
    assert report.passed, [check for check in report.checks if check.passed is False]


@pytest.mark.slow
@pytest.mark.parametrize("column", [column.name for column in TABLES["store_answers"]])
def test_one_changed_answer_fails_the_audit(tmp_path: Path, column: str) -> None:
    directory = shutil.copytree(finished(*ON), tmp_path / "run")
    rows = pq.read_table(directory / "store_answers.parquet").to_pylist()
    moving = [row for row, values in enumerate(rows) if values["exchange_kwh"]]
    chosen = moving[len(moving) // 2]
    wrong = otherwise(rows[chosen][column], [row[column] for row in rows])
    edit(directory, "store_answers", column, lambda row, value: wrong if row == chosen else value)
    assert not audit_run(directory).passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "check"),
    [
        ("hmesh.agents.remaining_stores.left_of_exchange", "batteries at a price: what"),
        ("hmesh.runs.schemes.battery_sharing.step.left_of_schedule", "batteries at a price: what"),
        ("hmesh.agents.storage_controllers.bounds_at_a_price", "storages at a price: what"),
        ("hmesh.agents.school_district.SchoolDistrict.room_beside_kwh", "buses at a price: what"),
        ("hmesh.agents.school_district.SchoolDistrict.answer_bounds", "buses at a price: what"),
    ],
)
def test_a_fault_in_a_rule_fails_the_audit(
    rule: str, check: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pkgutil

    right = pkgutil.resolve_name(rule)

    def wrong(*given: Any, **named: Any) -> Any:
        found = right(*given, **named)
        return tuple(0.9 * each for each in found) if isinstance(found, tuple) else 0.9 * found

    monkeypatch.setattr(rule, wrong)
    start_run(scenario(*ON), tmp_path / "run")
    monkeypatch.undo()
    report = audit_run(tmp_path / "run")
    assert any(check in each.name and each.passed is False for each in report.checks)


def test_runs_without_the_keys_have_no_such_table() -> None:
    assert "store_answers" not in tables_of(scenario())
    assert "store_answers" in tables_of(scenario(ON[0]))


def test_a_wrong_answer_fails_the_audit(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(*ON), tmp_path / "run")

    def wrong(row: int, value: float) -> float:
        return value + 0.01 if row == 7 else value

    edit(directory, "store_answers", "exchange_kwh", wrong)
    report = audit_run(directory)
    assert any("at a price: " in each.name and each.passed is False for each in report.checks)


def test_a_storage_that_may_charge_from_the_grid_needs_a_price() -> None:
    with pytest.raises(InputError, match="grid_charging"):
        scenario("community_storage.grid_charging=true")
