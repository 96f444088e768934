"""A fault in what batteries of buildings exchange fails the audit of a fresh run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.injected_faults import BUILDINGS, Injected, assert_fails, assert_passes, given, result

COORDINATOR = "hmesh.agents.battery_coordinator"
MATCH = "batteries: own load first, then the largest surplus"
# Batteries of one size, and buildings of many: energy is exchanged.
SUNDAY = (
    *BUILDINGS, "start='2014-01-12T00:00'", "battery_sharing.spread=equal",
    "battery_sharing.capacity_kwh=20000",
)  # fmt: skip

FAULTS = {
    "half of a surplus is not placed": Injected(
        f"{COORDINATOR}.match_exchange",
        given(lambda surplus, need, *rest: (surplus / 2, need, *rest)),
        MATCH,
    ),
    "the smallest need is met first": Injected(
        f"{COORDINATOR}.match_exchange",
        result(
            lambda orders, surplus, need, *_: replace(
                orders,
                taker=np.full_like(orders.taker, np.argmin(np.where(need > 0, need, np.inf))),
            )
        ),
        "batteries: ",
    ),
    "a battery serves others before its own building": Injected(
        "hmesh.runs.schemes.battery_sharing.step.own_load_first",
        result(
            lambda split, wanted, load: replace(
                split,
                own_kwh=split.own_kwh / 2,
                surplus_kwh=split.surplus_kwh + split.own_kwh / 2,
                need_kwh=np.where(split.own_kwh > 0.0, 0.0, split.need_kwh),
            )
        ),
        "batteries: own load first",
    ),
}


@pytest.mark.parametrize("injected", FAULTS.values(), ids=FAULTS)
def test_a_fault_in_exchange_fails_the_audit(injected: Injected, tmp_path: Path) -> None:
    assert_fails(injected, "battery-sharing", (*SUNDAY, *injected.changes), tmp_path)


def test_without_a_fault_the_audit_of_exchange_passes(tmp_path: Path) -> None:
    assert_passes("battery-sharing", SUNDAY, tmp_path)
