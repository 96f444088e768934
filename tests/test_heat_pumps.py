"""Heat pumps by the temperature outdoors: closed forms, a second implementation, and whole runs."""

import json
from pathlib import Path

import numpy as np
import pytest

import hmesh.runs.schemes.composite_storage.setting as setting_module
from hmesh.environment.errors import InputError
from hmesh.environment.heat_pump import carnot_cop, cop_of_points
from hmesh.environment.thermal_tank import loss_at_temperature
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.audits.reference.heat_pumps import cop_at, tank_loss_at
from hmesh.runs.schemes.composite_storage.heat_pump_section import OutdoorCop, OutdoorTank
from hmesh.runs.world.setting import make_setting

POINTS = ((-10.0, 2.2), (2.0, 3.1), (12.0, 4.4))
DATASET = """
schema: 1
name: air
licence: CC0
time_zone: Europe/Berlin
clock: wall
labels: start
start: 2024-01-10T00:00
end: 2024-01-13T00:00
resolution: 60
tables: {weather: weather.csv}
"""
SCENARIO = """
name: cold
time_zone: Europe/Berlin
start: "2024-01-10T00:00"
hours: 72
currency: EUR
strategies: [no_house_storage, hybrid_storage]
communities: {street: {members: []}}
plots: false
composite_storage:
  groups: [{name: houses, community: street, appliances: {annual_kwh: 3000},
            heat: {annual_kwh: 9000}, photovoltaics: {pv_kw: 0}}]
  devices: {heat_pump_kw: 3, outdoor_cop: {dataset: air, %s}}
  tariff: {bands: [{hours: [22, 6], price: 0.2}, {price: 0.4}], feed_in: 0.08}
"""


def outside(hour: int) -> float:
    return round(-4.0 + 9.0 * np.sin(hour / 24 * 2 * np.pi) + hour / 12, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three cold days."""
    (tmp_path / "air").mkdir()
    (tmp_path / "air" / "dataset.yaml").write_text(DATASET, encoding="utf-8")
    rows = [f"2024-01-{10 + hour // 24}T{hour % 24:02}:00,{outside(hour)}" for hour in range(72)]
    text = "time,temp_air\n" + "\n".join(rows) + "\n"
    (tmp_path / "air" / "weather.csv").write_text(text, encoding="utf-8")
    return tmp_path


def test_points_and_carnot_by_hand_and_by_a_second_implementation() -> None:
    air = np.array([-20.0, -10.0, -4.0, 2.0, 7.0, 12.0, 30.0, 60.0])
    found = cop_of_points(air, np.array(POINTS))
    assert found.tolist() == pytest.approx([2.2, 2.2, 2.65, 3.1, 3.75, 4.4, 4.4, 4.4])
    share = carnot_cop(air, 45.0, 0.4, 6.0)
    assert share[3] == pytest.approx(0.4 * 318.15 / 43)
    assert share[-2:].tolist() == [6.0, 6.0]
    assert carnot_cop(np.array([-60.0]), 60.0, 0.3, 6.0)[0] == 1.0
    stated = OutdoorCop(dataset="x", points=POINTS)
    assert [cop_at(t, stated) for t in air.tolist()] == pytest.approx(found.tolist())
    stated = OutdoorCop(dataset="x", carnot_share=0.4)
    assert [cop_at(t, stated) for t in air.tolist()] == pytest.approx(share.tolist())


@pytest.mark.parametrize("how", [f"points: {[list(p) for p in POINTS]}", "carnot_share: 0.4"])
def test_houses_draw_what_the_temperature_asks_for(
    folder: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "s.yaml").write_text(SCENARIO % how, encoding="utf-8")
    made = load_scenario(folder / "s.yaml")
    start_run(made, folder / "run")
    assert audit_run(folder / "run").passed
    steps = read_run(folder / "run").table("house_steps").to_pandas()
    mine = steps[steps["strategy"] == "no_house_storage"].sort_values("step")
    due = made.composite_storage.devices.outdoor_cop
    cop = np.array([cop_at(outside(hour), due) for hour in range(72)])
    assert not mine["unmet_heat_kwh"].any()
    np.testing.assert_allclose(mine["heat_pump_kwh"], mine["heat_kwh"] / cop, rtol=1e-12)
    if how.startswith("carnot"):
        right = setting_module.carnot_cop
        monkeypatch.setattr(setting_module, "carnot_cop", lambda *a: 1.02 * right(*a))
        start_run(made, folder / "wrong")
        monkeypatch.setattr(setting_module, "carnot_cop", right)
        failed = audit_run(folder / "wrong").failed
        assert any("heat in is heat out" in name for name in failed), failed


def test_mistakes_are_named(folder: Path) -> None:
    for how, message in (
        ("points: [[5, 3], [2, 2]]", "temperatures do not rise"),
        ("highest: 5", "nothing sets it"),
        ("points: [[5, 3]], carnot_share: 0.4", "points and carnot_share are given"),
    ):
        (folder / "s.yaml").write_text(SCENARIO % how, encoding="utf-8")
        with pytest.raises(InputError) as error:
            load_scenario(folder / "s.yaml")
        assert message in str(error.value)
    (folder / "s.yaml").write_text(SCENARIO % "carnot_share: 0.4", encoding="utf-8")
    with pytest.raises(InputError, match="foresight plans with one coefficient"):
        load_scenario(folder / "s.yaml", ["composite_storage.manager=foresight"])


def test_a_warm_day_costs_less_than_a_cold_one(folder: Path) -> None:
    cost = []
    for name, more in (("cold", 0.0), ("warm", 10.0)):
        text = "time,temp_air\n" + "".join(
            f"2024-01-{10 + hour // 24}T{hour % 24:02}:00,{outside(hour) + more}\n"
            for hour in range(72)
        )
        (folder / "air" / "weather.csv").write_text(text, encoding="utf-8")
        (folder / "s.yaml").write_text(SCENARIO % "carnot_share: 0.4", encoding="utf-8")
        start_run(load_scenario(folder / "s.yaml"), folder / name)
        totals = json.loads((folder / name / "summary.json").read_text())
        cost.append(totals["no_house_storage"]["house_bill"])
    assert cost[1] < cost[0]


def test_a_tank_loses_by_the_temperature_around_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = OutdoorTank(dataset="x", tank_temperature=60.0, rated_temperature=20.0)
    # Twice as much at -20 degC as at 20 degC, nothing in air as warm as the water.
    assert loss_at_temperature(0.01, -20.0, 60.0, 20.0) == pytest.approx(0.02)
    for air in (-20.0, 0.0, 20.0, 59.0, 60.0, 70.0):
        found = float(loss_at_temperature(0.01, air, 60.0, 20.0))
        assert found == pytest.approx(tank_loss_at(air, stated, 0.01), abs=1e-15)
    text = SCENARIO % "carnot_share: 0.4"
    text = text.replace("heat_pump_kw: 3,", "heat_pump_kw: 3, outdoor_tank: {dataset: air},")
    text = text.replace("hybrid_storage]", "thermal_tank]")
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    made = load_scenario(folder / "s.yaml")
    start_run(made, folder / "run")
    report = audit_run(folder / "run")
    assert report.passed, "\n".join(report.lines())
    steps = read_run(folder / "run").table("house_steps").to_pandas()
    mine = steps[steps["strategy"] == "thermal_tank"].sort_values("step")
    tank, eta = mine["tank_kwh"].to_numpy(), made.composite_storage.devices.tank_efficiency
    through = eta * mine["tank_charge_kwh"] - mine["tank_discharge_kwh"] / eta
    kept = np.array([1 - 0.01 * (60 - outside(hour)) / 40 for hour in range(72)])
    assert tank.max() > 1
    np.testing.assert_allclose(tank[1:], (kept * tank + through.to_numpy())[:-1], atol=1e-9)
    right = setting_module.loss_at_temperature
    monkeypatch.setattr(setting_module, "loss_at_temperature", lambda *a: 1.1 * right(*a))
    start_run(made, folder / "wrong")
    monkeypatch.setattr(setting_module, "loss_at_temperature", right)
    failed = audit_run(folder / "wrong").failed
    assert any("storages change by what goes in and out" in name for name in failed), failed
    for change, message in (
        ("outdoor_tank.rated_temperature=60", "60 is not below the 60 of the water"),
        ("tank_loss_per_h=0.7", "the tank would lose"),
    ):
        with pytest.raises(InputError, match=message):
            made_setting(folder, f"composite_storage.devices.{change}")
    for change in ("manager=foresight", "sizing=least_cost"):
        with pytest.raises(InputError, match=" with one "):
            load_scenario(folder / "s.yaml", [f"composite_storage.{change}"])


def made_setting(folder: Path, change: str) -> object:
    return make_setting(load_scenario(folder / "s.yaml", [change]))
