"""A fault in any rule of houses with storages fails the audit of a fresh run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.injected_faults import Injected, assert_fails, assert_passes, given, result

TWO_NIGHTS = ("years=null", "hours=72", "plots=false", "checkpoint_every_h=null")
RULES = "hmesh.markets.home_energy_rules"
HOUSES = "hmesh.agents.storage_houses"
STORAGES = "hmesh.agents.house_storages"
DECIDE = "houses with storages: managers decide by their rules"
DEVICES = "houses with storages: devices do what they can"


def managed(**changed):  # type: ignore[no-untyped-def]
    """Return a fault by which managers are given other states of their devices."""

    def change(load, heat, sun, state, tariff, targets):  # type: ignore[no-untyped-def]
        values = {name: rule(state) for name, rule in changed.items()}
        return load, heat, sun, replace(state, **values), tariff, targets

    return given(change)


FAULTS = {
    "a night's charge is multiplied by the efficiency that it should be divided by": Injected(
        f"{HOUSES}.manage_step",
        given(
            lambda load, heat, sun, state, tariff, targets: (
                load,
                heat,
                sun,
                state,
                tariff,
                replace(
                    targets,
                    battery_kwh=state.battery_held_kwh
                    + (targets.battery_kwh - state.battery_held_kwh) * state.battery_efficiency**2,
                ),
            )
        ),
        DECIDE,
    ),
    "what expensive hours lack is expected to be stored, not delivered": Injected(
        f"{HOUSES}.targets_of",
        result(
            lambda targets, lack, surplus, heat, sun, eta, eta_tank: replace(
                targets, battery_kwh=np.maximum(lack - surplus, 0.0)
            )
        ),
        DECIDE,
    ),
    "the day that was counts twice": Injected(
        f"{HOUSES}.expected", given(lambda past, day, weight: (past, day, 2 * weight)), DECIDE
    ),
    "upkeep is forgotten where it decides": Injected(
        f"{HOUSES}.manage_step",
        managed(battery_wear=lambda state: state.battery_wear + 20.0),
        DECIDE,
    ),
    "a battery is idle while it is expensive": Injected(
        f"{HOUSES}.manage_step",
        managed(battery_low_kwh=lambda state: 0.0 * state.battery_low_kwh),
        DECIDE,
    ),
    "a tank is filled by night only half as fast": Injected(
        f"{HOUSES}.manage_step",
        managed(tank_high_kwh=lambda state: 0.05 * state.tank_high_kwh),
        DECIDE,
    ),
    "a battery may charge beyond its rating": Injected(
        f"{STORAGES}.exchange_bounds",
        result(lambda bounds, *_: (bounds[0] * 1.05, bounds[1] * 1.05)),
        "houses with storages: ",
    ),
    "charging loses nothing": Injected(
        f"{STORAGES}.charged",
        given(lambda held, exchanged, *_: (held, exchanged, 1.0, 1.0)),
        DEVICES,
    ),
    "a tank loses nothing while it stands": Injected(
        f"{STORAGES}.heat_after",
        given(lambda held, exchanged, step_h, eta, loss: (held, exchanged, step_h, eta, 0.0)),
        DEVICES,
    ),
    "a heat pump makes a tenth more heat": Injected(
        f"{HOUSES}.manage_step",
        managed(cop=lambda state: 1.1 * state.cop),
        DEVICES,
    ),
    "the cheapest hours of a day are its most expensive": Injected(
        "hmesh.runs.schemes.composite_storage.setting.tariff_signals",
        given(lambda purchase, day: (-purchase, day)),
        DECIDE,
    ),
    "a plan charges in the wrong hours": Injected(
        "hmesh.runs.schemes.composite_storage.setting.CompositeStorageSetting.plans",
        result(lambda plans, *_: tuple(np.roll(plan, 1, axis=0) for plan in plans)),
        DECIDE,
        ("composite_storage.manager=foresight",),
    ),
    "a plan forgets what discharging wears": Injected(
        "hmesh.runs.schemes.composite_storage.setting.dispatch_exactly",
        lambda right: (
            lambda demand, devices, prices, **named: right(
                demand, devices, replace(prices, battery_wear=14.0), **named
            )
        ),
        DECIDE,
        ("composite_storage.manager=foresight",),
    ),
}


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("injected", FAULTS.values(), ids=FAULTS)
def test_a_fault_in_houses_fails_the_audit(injected: Injected, tmp_path: Path) -> None:
    assert_fails(injected, "composite-storage", (*TWO_NIGHTS, *injected.changes), tmp_path)


@pytest.mark.parametrize("manager", ["rule_based", "foresight"])
def test_without_a_fault_the_audit_of_houses_passes(manager: str, tmp_path: Path) -> None:
    changes = (*TWO_NIGHTS, f"composite_storage.manager={manager}")
    assert_passes("composite-storage", changes, tmp_path)
