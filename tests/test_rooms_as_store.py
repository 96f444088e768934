"""Rooms within bounds of comfort as a store of heat: against the exact solution, and whole runs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import hmesh.runs.schemes.composite_storage.rooms_section as rooms_module
from hmesh.environment.errors import InputError
from hmesh.environment.thermal_comfort import (
    room_loss_per_h,
    room_store_kwh,
    room_temperature_of,
)
from hmesh.environment.thermal_tank import heat_after
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.schemes.composite_storage.warnings import house_warnings

LOWEST, HIGHEST, KWH_PER_K, TAU_H = 20.0, 22.5, 4.0, 50.0
SCENARIO = f"""
name: rooms
time_zone: Europe/Berlin
start: "2024-01-10T00:00"
hours: 120
currency: EUR
strategies: [no_house_storage, house_battery, thermal_tank, hybrid_storage]
communities: {{street: {{members: []}}}}
location: {{latitude: 48.1, longitude: 11.6}}
plots: false
composite_storage:
  groups: [{{name: houses, community: street, count: 3, variation: 0.2,
            appliances: {{annual_kwh: 3000}}, heat: {{annual_kwh: 12000}},
            photovoltaics: {{pv_kw: 4}}}}]
  devices: {{heat_pump_kw: 3}}
  rooms: {{lowest: {LOWEST}, highest: {HIGHEST}, kwh_per_k: {KWH_PER_K}, time_constant_h: {TAU_H}}}
  tariff: {{bands: [{{hours: [22, 6], price: 0.18}}, {{price: 0.4}}], feed_in: 0.08}}
"""


def test_a_house_of_one_temperature_is_that_store_whatever_the_weather() -> None:
    """Integrate ``C T' = Q - (T - T_out) C / tau`` minute by minute, and compare temperatures."""
    rng = np.random.default_rng(5)
    outdoor, more = rng.uniform(-12, 12, 30), rng.uniform(-0.3, 2.0, 30)
    loss = room_loss_per_h(TAU_H)
    assert loss == pytest.approx(1 - math.exp(-1 / TAU_H), rel=1e-14)
    stored, temperature, minutes = 4.0, LOWEST + 4.0 / KWH_PER_K, 600
    for cold, x in zip(outdoor, more, strict=True):
        needed_kw = (LOWEST - cold) * KWH_PER_K / TAU_H
        for _ in range(minutes):
            change = needed_kw - (temperature - cold) * KWH_PER_K / TAU_H
            temperature += change / KWH_PER_K / minutes
        # Heat beyond what is needed comes at the end of the hour, as into a tank.
        temperature += x / KWH_PER_K
        stored = heat_after(stored, float(x), 1.0, 1.0, loss)
        found = room_temperature_of(np.array([stored]), KWH_PER_K, LOWEST)[0]
        assert found == pytest.approx(temperature, abs=1e-3)
    assert room_store_kwh(KWH_PER_K, LOWEST, HIGHEST) == 10.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five cold days of three houses, managed by rules."""
    folder = tmp_path_factory.mktemp("rooms")
    (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    start_run(load_scenario(folder / "s.yaml"), folder / "run")
    return folder / "run"


def test_rooms_stay_comfortable_and_warm_up_by_night(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, report.failed
    assert "houses with storages: rooms store what their comfort allows" in [
        check.name for check in report.checks
    ]
    steps = read_run(run).table("house_steps").to_pandas()
    steps["room"] = LOWEST + steps["tank_kwh"] / KWH_PER_K
    totals = json.loads((run / "summary.json").read_text())
    for strategy, rows in steps.groupby("strategy"):
        if strategy in ("no_house_storage", "house_battery"):
            assert (rows["room"] == LOWEST).all()
            continue
        assert rows["room"].min() == LOWEST
        assert LOWEST + 1 < rows["room"].max() <= HIGHEST + 1e-9
        mean = totals[strategy]["house_rooms_warmer_kh"] / 120
        assert mean == pytest.approx(rows["room"].mean() - LOWEST, rel=1e-9)
    # Energy of the night is cheap, that of the evening is not: the same heat costs less.
    costs = [totals[name]["house_running_cost"] for name in ("no_house_storage", "thermal_tank")]
    assert costs[1] < costs[0]
    assert totals["thermal_tank"]["house_investment"] == 0
    heat = steps.groupby("strategy")["heat_kwh"].sum()
    assert heat.nunique() == 1
    # The rooms that are warmer lose more, by what is stored: nothing comes from nowhere.
    mine = steps[steps["strategy"] == "thermal_tank"].sort_values(["house", "step"])
    after = mine["tank_kwh"] * math.exp(-1 / TAU_H) + mine["tank_charge_kwh"]
    after -= mine["tank_discharge_kwh"]
    within = (mine["house"] == mine["house"].shift(-1)).to_numpy()
    np.testing.assert_allclose(
        after.to_numpy()[within], mine["tank_kwh"].shift(-1).to_numpy()[within], atol=1e-9
    )


@pytest.mark.slow
def test_foresight_warms_rooms_at_least_cost(run: Path) -> None:
    made = load_scenario(run.parent / "s.yaml", ["composite_storage.manager=foresight"])
    start_run(made, run.parent / "foreseen")
    assert audit_run(run.parent / "foreseen").passed
    one, other = (
        json.loads((run.parent / name / "summary.json").read_text()) for name in ("run", "foreseen")
    )
    for strategy in ("thermal_tank", "hybrid_storage"):
        assert other[strategy]["house_running_cost"] < one[strategy]["house_running_cost"]


@pytest.mark.slow
def test_rooms_answer_to_the_price_of_a_community(run: Path) -> None:
    changes = [
        "composite_storage.tariff=community",
        "composite_storage.price_response={lam: 0.5, theta: 0.05}",
        "strategies=[nobody_shares, everybody_shares]",
    ]
    made = load_scenario(run.parent / "s.yaml", changes)
    start_run(made, run.parent / "answering")
    report = audit_run(run.parent / "answering")
    assert report.passed, report.failed


@pytest.mark.slow
def test_a_fault_in_the_store_of_rooms_fails_the_audit(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("room_store_kwh", "room_loss_per_h"):
        right = getattr(rooms_module, name)
        with monkeypatch.context() as patched:
            patched.setattr(rooms_module, name, lambda *a, right=right: 1.02 * right(*a))
            start_run(load_scenario(run.parent / "s.yaml"), run.parent / name)
            assert any("rooms store" in each for each in audit_run(run.parent / name).failed)
        assert not audit_run(run.parent / name).passed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rooms.highest=19", "19 is not above the lowest, 20"),
        ("sizing=least_cost", "rooms have the size that their comfort allows"),
        ("devices.outdoor_tank={dataset: air}", "air"),
    ],
)
def test_mistakes_are_named(run: Path, change: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        load_scenario(run.parent / "s.yaml", [f"composite_storage.{change}"])
    assert message in str(error.value)


def test_keys_of_tanks_that_do_not_count_are_warned_of(run: Path) -> None:
    changes = ["sizes.thermal_tank.tank_kwh=3", "devices.tank_loss_per_h=0.02"]
    made = load_scenario(run.parent / "s.yaml", [f"composite_storage.{each}" for each in changes])
    found = [str(each) for each in house_warnings(made)]
    assert [each.partition(":")[0] for each in found] == [
        "composite_storage.devices.tank_loss_per_h",
        "composite_storage.sizes.thermal_tank.tank_kwh",
    ]
    assert not list(house_warnings(load_scenario(run.parent / "s.yaml")))
