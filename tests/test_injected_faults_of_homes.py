"""A fault in any rule of smart homes fails the audit of a fresh run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from yaml import safe_dump

from tests.injected_faults import Fault, Injected, assert_fails, assert_passes, given, result
from tests.quick_cases import quick
from tests.smart_home_runs import STREET

FLOWS = "hmesh.markets.power_flow_assignment"
DAY = "hmesh.markets.home_day"
ADMIT = "hmesh.markets.admission_control"
SETTLED = "smart homes: flows are those of the assignment"


def unshared(right: Any) -> Any:
    """Return a fault by which the first storage bears all."""

    def share(amount: Any, limits: Any) -> Any:
        shares = np.zeros_like(limits)
        left = np.array(amount)
        for s in range(limits.shape[1]):
            shares[:, s] = np.minimum(left, limits[:, s])
            left = left - shares[:, s]
        return shares

    return share


def netted(right: Any) -> Any:
    """Return a fault by which what is charged and delivered in a step is netted before losses."""
    return lambda bank, charge, discharge: right(
        bank, np.maximum(charge - discharge, 0.0), np.maximum(discharge - charge, 0.0)
    )


def assigned(other: str) -> Fault:
    """Return a fault by which another assignment feeds the homes of one."""
    return given(lambda own, *rest: (other if own == "mpfa_sg" else own, *rest))


FAULTS = {
    "room is multiplied by the efficiency": Injected(
        "hmesh.environment.storage_bank.exchange_bounds",
        result(lambda bounds, *columns: (bounds[0], bounds[1] * columns[6] ** 2)),
        SETTLED,
    ),
    "what is delivered loses nothing": Injected(
        "hmesh.environment.storage_bank.charged",
        given(lambda held, exchanged, into, out_of: (held, exchanged, into, 1.0)),
        "smart homes: storages hold what they took less losses",
    ),
    "losses are those of what is charged less what is delivered": Injected(
        "hmesh.environment.storage_bank.StorageBank.losses_kwh",
        netted,
        "smart homes: storages hold what they took less losses",
    ),
    "delivering loses as little as charging": Injected(
        "hmesh.environment.storage_bank.StorageBank.losses_kwh",
        result(
            lambda lost, bank, charge, discharge: (
                (1 - bank.charge_efficiency) * (charge + discharge)
            )
        ),
        "smart homes: storages hold what they took less losses",
    ),
    "one storage after the other bears what is shared": Injected(
        f"{FLOWS}._shared_equally", unshared, SETTLED
    ),
    "a load is admitted that lacks a little": Injected(
        f"{FLOWS}._suffices",
        lambda right: lambda pooled, layout, lack, can: right(pooled, layout, 0.9 * lack, can),
        "smart homes: ",
    ),
    "loads are admitted in the order of their names": Injected(
        "hmesh.markets.home_layout.HomeLayout.loads_by_priority",
        lambda right: property(lambda layout: list(range(layout.loads))),
        "smart homes: the schedule grants what can be served",
    ),
    "generators feed loads in the order of their names": Injected(
        "hmesh.markets.home_layout.HomeLayout.loads_in_order",
        lambda right: property(lambda layout: list(range(layout.loads))),
        SETTLED,
    ),
    "a separate generator feeds the loads of all chains": Injected(
        "hmesh.markets.home_layout.HomeLayout.feeds_directly",
        given(
            lambda layout, assignment, *devices: (
                layout,
                "mpfa_sg" if assignment == "spfa_gs" else assignment,
                *devices,
            )
        ),
        SETTLED,
    ),
    "storages that are not shared are": Injected(
        f"{DAY}.settle_step", assigned("mpfa_mg"), "smart homes: "
    ),
    "shifting refuses the best slots": Injected(
        f"{ADMIT}.shift_loads",
        given(
            lambda homes, demand, window, most: (
                homes,
                demand,
                window & (np.arange(len(window)) % 2 == 0)[:, None, None],
                most,
            )
        ),
        "smart homes: no other slots waste less",
    ),
    "shifting takes what wastes more": Injected(
        f"{ADMIT}.shift_loads",
        result(
            lambda found, homes, demand, *_: replace(
                found, demand_kwh=np.roll(demand, 1, axis=0), after_kwh=found.before_kwh - 0.01
            )
        ),
        "smart homes: slots agreed on waste no more",
    ),
    "capacities forget the second step of a run": Injected(
        "hmesh.markets.storage_capacity._largest_run",
        given(lambda values, window: (values, 1)),
        "smart homes: capacities suffice",
    ),
}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("street") / "street.yaml"
    path.write_text(safe_dump(STREET | {"messages": {}}))
    return str(path)


@pytest.mark.parametrize("name", quick(list(FAULTS)[::3], FAULTS))
def test_a_fault_in_smart_homes_fails_the_audit(name: str, street: str, tmp_path: Path) -> None:
    injected = FAULTS[name]
    assert_fails(injected, street, injected.changes, tmp_path)


def test_without_a_fault_the_audit_of_smart_homes_passes(street: str, tmp_path: Path) -> None:
    assert_passes(street, (), tmp_path)
