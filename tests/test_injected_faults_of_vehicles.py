"""A fault in any rule of chargers, outages, stays and adoption fails the audit of a fresh run."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.runs.world.adoption import joining_months
from tests.injected_faults import Injected, assert_fails, assert_passes, given, result
from tests.quick_cases import quick
from tests.test_travel_runs import CHANGES, scenario_file

CROWDED = (
    *CHANGES, "hours=36", "record.sessions=true", "record.events=true", "plots=false",
    "communities.homes.chargers={count: 4, power_kw: 5, move_when_full: true}",
    "communities.malls.chargers=[{name: slow, count: 1, power_kw: 3.7}, "
    "{name: fast, count: 1, power_kw: 50, v2g: false, queue: none}]",
    "vehicles.plug_in={below: 0.5}",
)  # fmt: skip
ON_THE_WAY = (
    *CHANGES, "hours=36", "record.sessions=true", "record.events=true", "plots=false",
    "vehicles.capacity_kwh=12", "vehicles.soc_start=0.6", "travel.charge_on_the_way=true",
    "travel.days.every.trip_km={distribution: gamma, mean: 40, deviation: 25}",
    "communities.offices.chargers={name: fast, on_the_way: true, count: 1, power_kw: 40}",
    "communities.homes.chargers=[{name: fast, on_the_way: true, count: 1, power_kw: 40}, "
    "{name: slow, count: 9}]",
    "chance.feeder_outages={mean_time_between_failures_h: 30, mean_time_to_repair_h: 3}",
)  # fmt: skip
EVENING = (
    "vehicles.count=12", "hours=5", "plots=false", "strategies=[typical, three_level]",
    "game.solver=exact", "start=2023-01-16T16:00",
    "events=[{at: '2023-01-16 17:40', lasts: 20 min, feeders_out: [homes]}]",
)  # fmt: skip
DEPARTING = (
    "vehicles.count=12", "hours=10", "plots=false", "strategies=[three_level]",
    "game.solver=exact", "start=2023-01-16T22:00", "prices.utility=[5, 70]",
    "vehicles.departure_soc=0.9", "vehicles.departure_weight=30",
)  # fmt: skip
THRESHOLDS = (
    "vehicles.count=8", "hours=8", "plots=false", "strategies=[three_level]",
    "game.solver=exact", "start=2023-01-16T18:00", "prices.utility=[5, 70]",
    "vehicles.behaviour={name: threshold, charge_below: 35, sell_above: 45}",
)  # fmt: skip
ADOPTED = (
    "start=2023-01-30T12:00", "hours=42", "vehicles.count=6", "strategies=[typical]",
    "plots=false", "growth.adoption={adopters: 40, innovation: 2.0}",
)  # fmt: skip
CURVED = (
    "vehicles.count=8", "hours=8", "plots=false", "strategies=[three_level]",
    "game.solver=exact", "start=2023-01-16T18:00",
    "vehicles.charging_curve=[[0, 1], [0.5, 1], [1, 0.1]]", "prices.utility=[5, 70]",
)  # fmt: skip
GIVEN = "the travel that is given"
BUILT_IN = "three-communities"


def last_come(right: Any) -> Any:
    """Return a fault by which the last that came is served first."""

    def serve(visits: Any, kinds: Any, taken: Any) -> Any:
        most = visits.asks_ms.max(initial=0)
        asks = np.where(visits.asks_ms >= 0, most - visits.asks_ms, visits.asks_ms)
        return right(replace(visits, asks_ms=asks), kinds, taken)

    return serve


FAULTS = {
    "the last that came is served first": (GIVEN, Injected(
        "hmesh.environment.plug_traffic.plug_in", last_come, "chargers: ", CROWDED,
    )),
    "vehicles plug in that need not": (GIVEN, Injected(
        "hmesh.environment.plug_habits.plugs_in",
        result(lambda does, *_: np.ones_like(does)),
        "", CROWDED,
    )),
    "a stay counts half": (GIVEN, Injected(
        "hmesh.environment.drive_rule.market_stay",
        result(lambda found, *_: (found[0], found[1] // 2)),
        "vehicles: plugged in unless an outage prevents it", CROWDED,
    )),
    "a stop takes twice as long": (GIVEN, Injected(
        "hmesh.environment.journey_step.stop_ms",
        result(lambda found, *_: 2 * found),
        "stops: at fast chargers", ON_THE_WAY,
    )),
    "a battery reaches a tenth further": (GIVEN, Injected(
        "hmesh.environment.journey_step.reaches",
        given(lambda km, held, used: (0.9 * km, held, used)),
        "", ON_THE_WAY,
    )),
    "nobody charges on the way": (GIVEN, Injected(
        "hmesh.environment.journey_step.first_stop",
        result(lambda found, *_: None),
        "stops: at fast chargers", ON_THE_WAY,
    )),
    "failures by chance last half as long": (GIVEN, Injected(
        "hmesh.environment.outages.Outages.spans",
        result(lambda spans, *_: [(a, (a + b) // 2) for a, b in spans]),
        "hours: supply fails where chance has it", ON_THE_WAY,
    )),
    "an outage of a part of a step counts half": (BUILT_IN, Injected(
        "hmesh.runs.world.supply.part_within",
        result(lambda part, *_: part / 2),
        "vehicles: plugged in unless an outage prevents it", EVENING,
    )),
    "energy wanted at departure is worth half": (BUILT_IN, Injected(
        "hmesh.agents.fleet.Fleet._departure",
        result(lambda wanted, *_: wanted and (wanted[0], wanted[1] / 2)),
        "vehicles: none does better by another exchange", DEPARTING,
    )),
    "vehicles sell at a higher price than theirs": (BUILT_IN, Injected(
        "hmesh.agents.threshold_vehicles.ThresholdVehicle.prices",
        lambda right: classmethod(lambda kind, vehicles: (
            vehicles.charge_below, 2 * vehicles.sell_above)),
        "behaviour: threshold by its own rule", THRESHOLDS,
    )),
    "acquaintances count twice": (BUILT_IN, Injected(
        "hmesh.runs.world.adoption.adopts_by_bass",
        given(lambda share, innovation, imitation, draw: (share, 2 * innovation, imitation, draw)),
        "growth: vehicles join as they are adopted", ADOPTED,
    )),
    "a curve lets half pass": (BUILT_IN, Injected(
        "hmesh.environment.vehicle_battery.most_charged_kwh",
        result(lambda most, *_: most / 2),
        "vehicles: bounds as rating and store allow", CURVED,
    )),
}  # fmt: skip


@pytest.fixture(autouse=True)
def forgotten_adoption() -> Iterator[None]:
    """Leave what a faulty rule of adoption gave to no other test."""
    joining_months.cache_clear()
    yield
    joining_months.cache_clear()


@pytest.mark.parametrize("name", quick(["vehicles sell at a higher price than theirs"], FAULTS))
def test_a_fault_in_what_vehicles_meet_fails_the_audit(name: str, tmp_path: Path) -> None:
    source, injected = FAULTS[name]
    scenario = scenario_file(tmp_path, "given") if source == GIVEN else source
    assert_fails(injected, scenario, injected.changes, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", dict.fromkeys((source, injected.changes) for source, injected in FAULTS.values())
)
def test_without_a_fault_the_audit_of_what_vehicles_meet_passes(
    changes: tuple[str, tuple[str, ...]], tmp_path: Path
) -> None:
    source, words = changes
    scenario = scenario_file(tmp_path, "given") if source == GIVEN else source
    assert_passes(scenario, words, tmp_path)
