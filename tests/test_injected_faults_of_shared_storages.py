"""A fault in any rule of a community's storage fails the audit of a fresh run."""

from pathlib import Path

import pytest

from tests.injected_faults import Injected, assert_fails, assert_passes, given, result
from tests.quick_cases import quick

DAY = ("hours=24", "plots=false", "checkpoint_every_h=null")
CONTROL = "hmesh.agents.storage_controllers"
RULES = "hmesh.markets.community_storage"
PLAN = "hmesh.markets.allowance_iteration"
SERVED = "households: served as the mended Algorithm 2 has it"
PLANS = "plans: what comes of every alpha"
LOSSES = (
    "community_storage.storages.0.charge_efficiency=0.9",
    "community_storage.storages.0.discharge_efficiency=0.9",
)

FAULTS = {
    "the household that needs least is served first": Injected(
        f"{CONTROL}.served_by_storage",
        given(lambda average, *rest: (-average, *rest)),
        SERVED,
    ),
    "one household more is served": Injected(
        f"{CONTROL}.served_by_storage",
        given(lambda average, storage, most: (average, storage, most + 1)),
        SERVED,
    ),
    "half of the least demand is served, too": Injected(
        f"{CONTROL}.allowance_kwh",
        given(lambda demand, least, most, weight: (demand, least / 2, most, weight)),
        SERVED,
    ),
    "nobody is served more than half of the highest demand": Injected(
        f"{CONTROL}.allowance_kwh",
        given(lambda demand, least, most, weight: (demand, least, most / 4, weight)),
        SERVED,
    ),
    "short energy is dealt out in proportion": Injected(
        f"{RULES}.dealt_kwh",
        given(lambda wanted, available, sharing: (wanted, available, "proportional")),
        "",
        ("community_storage.storages.0.soc_start=0.12",),
    ),
    "a full storage is charged": Injected(
        f"{RULES}.exchange_bounds",
        result(lambda bounds, *_: (bounds[0], bounds[1] + 0.01)),
        SERVED,
    ),
    "room is multiplied by the efficiency": Injected(
        f"{RULES}.exchange_bounds",
        result(lambda bounds, *columns: (bounds[0], bounds[1] * columns[6] ** 2)),
        SERVED,
        LOSSES,
    ),
    "charging loses nothing": Injected(
        f"{CONTROL}.charged",
        given(lambda held, exchanged, into, out_of: (held, exchanged, 1.0, out_of)),
        "storages: store changes by what goes in and out",
        LOSSES,
    ),
    "a storage serves while the sky is bright": Injected(
        f"{CONTROL}.exchange",
        given(lambda held, sun, bright, *rest: (held, sun, bright & False, *rest)),
        SERVED,
    ),
    "a plan begins with twice the weight of the least demand": Injected(
        f"{PLAN}.allowance_kwh",
        given(lambda demand, least, most, weight: (demand, 2 * least, most, weight)),
        PLANS,
    ),
    "a plan ends as soon as little changes": Injected(
        "hmesh.runs.schemes.community_storage.plan.iterate_allowance",
        given(lambda *about: (*about[:5], 0.5, about[6])),
        "plans: ",
    ),
    "a plan ranks by what has been used": Injected(
        "hmesh.runs.schemes.community_storage.plan.average_left",
        result(lambda average, forecast, used, left: used),
        PLANS,
    ),
    "what is left of a day is that of the whole day": Injected(
        "hmesh.agents.served_households.average_left",
        given(lambda forecast, used, left: (forecast, 0.0 * used, left)),
        "households: expect what their forecaster predicts",
    ),
    "the sky is bright only at twice the power": Injected(
        f"{CONTROL}.exchange",
        given(lambda held, sun, bright, *rest: (held, sun, bright & (sun > 0.3), *rest)),
        SERVED,
    ),
}


@pytest.mark.parametrize("name", quick(list(FAULTS)[::3], FAULTS))
def test_a_fault_in_a_shared_storage_fails_the_audit(name: str, tmp_path: Path) -> None:
    injected = FAULTS[name]
    assert_fails(injected, "community-storage", (*DAY, *injected.changes), tmp_path)


@pytest.mark.parametrize(
    "changes", quick({LOSSES}, [(), LOSSES, ("community_storage.sharing=proportional",)])
)
def test_without_a_fault_the_audit_of_a_shared_storage_passes(
    changes: tuple[str, ...], tmp_path: Path
) -> None:
    assert_passes("community-storage", (*DAY, *changes), tmp_path)
