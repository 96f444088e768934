"""Batteries that lose capacity over the years: the rule, its second implementation, whole runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.capacity_fade import FadingCapacity, share_left
from hmesh.environment.errors import InputError
from hmesh.markets.cash_flows import capacity_left
from hmesh.markets.load_levelling import level_load
from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.audits.reference.capacity_fade import capacity_by_step, loss_per_year
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_composite_storage_runs import json_like

YEAR_H = 8760.0
# Faster than any battery ages, so that some days show it: 0.9 of the capacity in a year, and one
# hundredth in a full cycle.
AGE, USE = 0.9, 0.01
FADE = f"calendar_fade: {AGE}, cycle_fade: {USE}"
COMMON = ("plots=false",)
HOUSES = (
    "years=null", "hours=96", "composite_storage.groups.0.count=2",
    "composite_storage.groups.0.variation=0.2", "strategies=[no_house_storage, house_battery]",
    f"composite_storage.devices={{{FADE}}}",
)  # fmt: skip
BUILDINGS = (
    "hours=96", "communities.district.members.0.businesses=4",
    "communities.district.members.0.peak_kw=900",
    "battery_sharing.capacity_kwh=2000", "battery_sharing.own_capacity=shared",
    "battery_sharing.spread=mean_load", "battery_sharing.dispatch=alike",
    f"battery_sharing.calendar_fade={AGE}", f"battery_sharing.cycle_fade={USE}",
    "battery_sharing.economics={battery_price_per_kwh: 100}",
)  # fmt: skip
STORAGE = (
    "hours=72", "step_h=1.0", "community_storage.forecaster={kind: persistence}",
    f"community_storage.storages.0.calendar_fade={AGE}",
    f"community_storage.storages.0.cycle_fade={USE}",
    "community_storage.economics={storage_price_per_kwh: 400, pv_price_per_kw: 900}",
)  # fmt: skip
RUNS: dict[str, tuple[str, Sequence[str], str]] = {
    "composite-storage": ("house", HOUSES, "house_battery"),
    "battery-sharing": ("battery", BUILDINGS, "shared_battery"),
    "community-storage": ("storage", STORAGE, "community_storage_optimal"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a short run of each scheme whose batteries lose capacity."""
    found = {}
    for name, (_, changes, _) in RUNS.items():
        found[name] = tmp_path_factory.mktemp("fade") / name
        start_run(load_scenario(name, (*COMMON, *changes)), found[name])
    return found


def totals(folder: Path) -> dict[str, dict[str, Any]]:
    summary: dict[str, dict[str, Any]] = json.loads((folder / "summary.json").read_text())
    return summary


def test_loss_by_age_and_by_cycles_is_added_and_never_more_than_all() -> None:
    assert share_left(10.0, 3000.0, 0.01, 0.00005) == pytest.approx(1.0 - 0.1 - 0.15)
    assert share_left(200.0, 0.0, 0.01, 0.0) == 0.0
    # In the middle of each year, as savings of later years are worked out.
    years = capacity_left(2.0, 0.01, 0.0001, 250.0)
    assert years.tolist() == pytest.approx([1.0 - 0.0175, 1.0 - 0.0525])


def test_the_second_implementation_finds_the_same_capacity_day_by_day() -> None:
    chance = np.random.default_rng(3)
    new, step_h = np.array([0.0, 5.0, 12.0]), 0.25
    exchange = chance.normal(0.0, 1.0, (3 * 96, 3)) * (new > 0)
    days = np.arange(len(exchange)) // 96
    by_age, by_use = np.array([0.5, 0.02, 0.9]), np.array([0.0, 0.01, 0.03])
    fade = FadingCapacity(new, by_age, by_use)
    found = []
    for step, energy in enumerate(exchange):
        if step % 96 == 0:
            fade.age(step * step_h)
        found.append(fade.left_kwh.copy())
        fade.exchange(energy)
    given = np.maximum(-exchange, 0.0)
    due = capacity_by_step(new, given, days, step_h, by_age, by_use)
    np.testing.assert_allclose(found, due, rtol=1e-12)
    hours = len(exchange) * step_h
    loss = loss_per_year(new, given.sum(axis=0), hours, by_age, by_use)
    assert fade.loss_per_year(hours) == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("name", RUNS)
def test_runs_whose_batteries_lose_capacity_pass_their_audit(
    runs: dict[str, Path], name: str
) -> None:
    report = audit_run(runs[name])
    assert report.passed, "\n".join(report.lines())
    prefix, _, strategy = RUNS[name]
    left = totals(runs[name])[strategy][f"{prefix}_capacity_left"]
    # By age alone until the last day begins; by cycles it is less.
    last_day_h = load_scenario(name, RUNS[name][1]).hours - 24.0
    by_age = 1.0 - AGE * last_day_h / YEAR_H
    assert 0.9 < left < by_age


def test_an_audit_finds_batteries_that_did_not_age(runs: dict[str, Path]) -> None:
    for name, place in (
        ("composite-storage", ("composite_storage", "devices")),
        ("battery-sharing", ("battery_sharing",)),
    ):
        path = runs[name] / "run.json"
        before = path.read_text()
        info = json.loads(before)
        section = info["scenario"]
        for key in place:
            section = section[key]
        section["calendar_fade"] = 0.1
        path.write_text(json.dumps(info))
        try:
            assert not audit_run(runs[name]).passed
        finally:
            path.write_text(before)


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_is_an_uninterrupted_one(name: str) -> None:
    _, changes, strategy = RUNS[name]
    setting = make_setting(load_scenario(name, (*COMMON, *changes)))
    whole, stopped = (Simulation(setting, strategy) for _ in range(2))
    for _ in range(31):
        whole.step()
        stopped.step()
    resumed = Simulation(setting, strategy)
    resumed.restore(json_like(stopped.state()))
    for _ in range(20):
        whole.step()
        resumed.step()
    assert whole.summary() == resumed.summary()


def test_schedules_are_made_for_the_capacity_that_is_left() -> None:
    setting = make_setting(load_scenario("battery-sharing", (*COMMON, *BUILDINGS)))
    world = Simulation(setting, "own_battery")
    for _ in range(49):
        world.step()
    scheme: Any = world.schemes["battery_sharing"]
    fade, shared = scheme.fade, setting.schemes["battery_sharing"]
    assert (fade.left_kwh < fade.new_kwh * (1.0 - AGE * 48 / YEAR_H)).all()
    forecast = shared.forecast.load_kwh(48)
    windows, rules = shared.windows(shared.forecast.day(48)), shared.rules
    due = level_load(
        forecast, fade.left_kwh, rules.equipment, windows, rules.cycle, forecast
    ).exchange_kwh  # fmt: skip
    np.testing.assert_allclose(scheme._plan_kwh, due, rtol=1e-12)
    # A full cycle of what is left, no longer of the new battery.
    given = np.maximum(-scheme._plan_kwh, 0.0).sum(axis=1)
    most = rules.equipment.given_kwh(fade.left_kwh)
    assert (given <= most * (1.0 + 1e-9)).all()


@pytest.mark.parametrize(
    ("name", "place", "batteries"),
    [
        ("three-communities", "vehicles.cycle_fade", "vehicles"),
        ("school-buses", "school_buses.calendar_fade", "buses"),
        ("smart-home", "smart_homes.groups.0.storages.0.cycle_fade", "smart homes"),
    ],
)
def test_batteries_that_keep_their_capacity_say_so(name: str, place: str, batteries: str) -> None:
    with pytest.raises(InputError) as refused:
        load_scenario(name, [f"{place}=0.1"])
    text = str(refused.value)
    key = place.rpartition(".")[2]
    assert f"{place}: there is no key {key!r}: batteries of {batteries} keep their capacity" in text
    assert "metered_sites.battery" in text
    assert "wear under economics" in text
    # What it names is there.
    for where in ("battery_sharing", "community_storage.storages.0"):
        load_scenario(where.partition(".")[0].replace("_", "-"), [f"{where}.cycle_fade=0.001"])


@pytest.mark.parametrize(
    ("change", "allowed"),
    [("manager=foresight", "manager: rule_based"), ("sizing=least_cost", "sizing: given")],
)
def test_plans_that_know_one_capacity_are_refused(change: str, allowed: str) -> None:
    with pytest.raises(InputError) as refused:
        load_scenario("composite-storage", (*HOUSES, f"composite_storage.{change}"))
    text = str(refused.value)
    assert "composite_storage.devices.calendar_fade" in text
    assert "one capacity" in text
    assert allowed in text
