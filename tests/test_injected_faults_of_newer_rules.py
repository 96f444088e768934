"""A fault in windows of school buses, tariffs of members or prosumers fails a fresh run's audit."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.runs import audit_run
from hmesh.runs.schemes.school_buses.demand_forecast import UtilityForecast
from tests.injected_faults import (
    SCHOOLS,
    Injected,
    assert_fails,
    assert_passes,
    given,
    result,
    run_with,
)
from tests.quick_cases import quick
from tests.test_bus_tariffs import TARIFF as OF_BUSES
from tests.test_prosumer_tariffs import SCENARIO as PROSUMERS
from tests.test_vehicle_tariffs import SCENARIO as DRIVERS

WORLD = "hmesh.runs.world"
HOURS = "hmesh.runs.schemes.school_buses.setting"
BUSES, OWNERS, VEHICLES = "school-buses", "prosumers with tariffs", "vehicles with tariffs"
SLOW = (*SCHOOLS, "school_buses.power_kw=20")
PAYING = (*SCHOOLS, OF_BUSES, "record.accounts=all")
MONEY = "money: schemes pay what they should"


def late(right: Callable[..., Any]) -> Callable[..., Iterator[tuple[int, int]]]:
    """Return a timetable by which every round is an hour late."""
    hour_ms = 3_600_000
    return lambda *given: ((leaves + hour_ms, back + hour_ms) for leaves, back in right(*given))


FAULTS = {
    "a charging window opens and closes a step late": (BUSES, Injected(
        f"{HOURS}.charging_window",
        result(lambda found, *_: tuple(np.roll(each, 1) for each in found)),
        "schools: every school gets what it asked for", SLOW,
    )),
    "the last step of a charging window is left out": (BUSES, Injected(
        f"{HOURS}.SchoolSetting.valley", result(lambda steps, *_: steps[:-1]),
        "schools: every school gets what it asked for", SLOW,
    )),
    "the utility meets less without help than it does": (BUSES, Injected(
        f"{HOURS}.base_demand", result(lambda base, *_: 0.97 * base),
        "schools: nothing asked or sold outside critical hours", SCHOOLS,
    )),
    "a peak is shaved hour by hour": (BUSES, Injected(
        f"{HOURS}.SchoolSetting.critical_block", result(lambda steps, *_: steps[:1]),
        "schools: centralised control shaves most", SCHOOLS,
    )),
    "rounds are an hour late": (BUSES, Injected(
        "hmesh.environment.school_rounds.rounds_of_days", late,
        "schools: stores change by exchange and driving", SCHOOLS,
    )),
    "one round more is ahead": (BUSES, Injected(
        "hmesh.environment.school_rounds._ahead", result(lambda ahead, *_: ahead + 1),
        "schools: bounds as rating, stores and rounds allow",
        (*SCHOOLS, "school_buses.reserve=true"),
    )),
    "schools remember a tenth less than their tariff costs": (BUSES, Injected(
        "hmesh.agents.school_district.average_price_after",
        given(lambda average, stock, price, charged: (average, stock, 0.9 * price, charged)),
        "schools: average price of what is stored", PAYING,
    )),
    "bands of schools begin an hour late": (BUSES, Injected(
        f"{WORLD}.stated_bill.band_prices", result(lambda prices, *_: np.roll(prices, 1)),
        MONEY, PAYING,
    )),
    "a school's energy beyond a tier costs half": (BUSES, Injected(
        f"{WORLD}.stated_bill.tier_charge", result(lambda charge, *_: charge / 2), MONEY, PAYING,
    )),
    "a school's highest power counts a hundredth less": (BUSES, Injected(
        f"{WORLD}.stated_bill.demand_charge", result(lambda charge, *_: 0.99 * charge),
        MONEY, PAYING,
    )),
    "base charges of schools are those of a month of 30 days": (BUSES, Injected(
        f"{WORLD}.tariff_meters.base_charge", result(lambda charge, *_: charge * 31 / 30),
        MONEY, PAYING,
    )),
    "base charges of prosumers are those of a month of 30 days": (OWNERS, Injected(
        f"{WORLD}.member_tariffs.base_charge", result(lambda charge, *_: charge * 31 / 30),
        "prosumers: parts trade as their schemes have it",
    )),
    "parts belong to other prosumers": (OWNERS, Injected(
        f"{WORLD}.prosumers.owners", result(lambda own, *_: own[::-1].copy()),
        "prosumers: parts trade as their schemes have it",
    )),
    "connections are exceeded by half of what they are": (OWNERS, Injected(
        f"{WORLD}.prosumers.excess_kwh", result(lambda excess, *_: excess / 2),
        "summary: as the tables have it", ("communities.homes.members.0.connection_kw=0.2",),
    )),
    "a vehicle's highest power counts a hundredth less": (VEHICLES, Injected(
        f"{WORLD}.stated_bill.demand_charge", result(lambda charge, *_: 0.99 * charge), MONEY,
    )),
    "bands of vehicles begin an hour late": (VEHICLES, Injected(
        f"{WORLD}.stated_bill.band_prices", result(lambda prices, *_: np.roll(prices, 1)), MONEY,
    )),
}  # fmt: skip
TEXTS = {OWNERS: PROSUMERS, VEHICLES: DRIVERS}


def source_of(name: str, folder: Path) -> str:
    """Return a built-in scenario by its name, or write one."""
    if name not in TEXTS:
        return name
    (folder / "s.yaml").write_text(TEXTS[name])
    return str(folder / "s.yaml")


@pytest.mark.parametrize("name", quick(["the last step of a charging window is left out"], FAULTS))
def test_a_fault_in_windows_and_tariffs_fails_the_audit(name: str, tmp_path: Path) -> None:
    source, injected = FAULTS[name]
    assert_fails(injected, source_of(source, tmp_path), injected.changes, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "course", dict.fromkeys((source, injected.changes) for source, injected in FAULTS.values())
)
def test_without_a_fault_the_audit_of_windows_and_tariffs_passes(
    course: tuple[str, tuple[str, ...]], tmp_path: Path
) -> None:
    source, changes = course
    assert_passes(source_of(source, tmp_path), changes, tmp_path)


@pytest.mark.slow
def test_a_forecast_that_is_wrong_for_run_and_audit_alike_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = UtilityForecast._expected_kwh
    monkeypatch.setattr(
        UtilityForecast, "_expected_kwh", lambda self, step: 0.99 * right(self, step)
    )
    run_with(None, BUSES, SCHOOLS, tmp_path / "run")
    failed = audit_run(tmp_path / "run").failed
    assert failed == ("schools: demand is forecast as members use it",)
