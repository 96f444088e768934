"""Who hears something else does something else: nobody knows more than messages hold."""

from functools import cache
from typing import Any

import pytest

from hmesh.runs import load_scenario
from hmesh.runs.world import simulation as world
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.audited_runs import FEW
from tests.lying_bus import LyingBus, outcome, same

ALIKE = (
    "hours=24", "start='2014-01-13T00:00'", "communities.district.members.0.businesses=8",
    "battery_sharing.spread=equal",
)  # fmt: skip
# By scheme: a scenario, its changes, and how many steps are enough.
CASES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "vehicles": ("three-communities", tuple(FEW), 3),
    "schools": ("school-buses", ("school_buses.groups.0.schools=3", "hours=48"), 46),
    "schools by curves": (
        "school-buses",
        ("school_buses.groups.0.schools=3", "hours=48", "game.bids=curves"),
        36,
    ),
    "batteries": ("battery-sharing", ALIKE, 24),
    "storage": ("community-storage", ("hours=24",), 72),
    "homes": ("smart-home", ("smart_homes.groups.0.appliances.0.refuses=[[0, 12]]",), 24),
    "houses": ("composite-storage", ("years=null", "hours=24"), 24),
}
# Leader and follower, the strategy, and who says what between them.
PAIRS: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "utility and aggregators": (
        "vehicles",
        "three_level",
        [("PriceOffer", "utility"), ("EnergyBid", "homes"), ("PriceAnnouncement", "utility")],
    ),
    "aggregator and vehicles": (
        "vehicles",
        "three_level",
        [("PriceOffer", "homes"), ("EnergyBid", "vehicles@"), ("PriceAnnouncement", "homes")],
    ),
    "utility and schools": (
        "schools",
        "optimal_energy_price",
        [
            ("IncentiveOffer", "utility"), ("SupplyOffer", "schools"), ("ExchangeOrder", "utility"),
            ("EnergyRequest", "schools"), ("ScheduleProposal", "utility"),
        ],
    ),
    "utility and schools by curves": (
        "schools by curves",
        "optimal_energy_price",
        [("SupplyCurveBid", "schools"), ("ExchangeOrder", "utility")],
    ),
    "coordinator and batteries": (
        "batteries",
        "shared_battery",
        [
            ("Forecast", "batteries@"), ("BatteryState", "batteries@"), ("Schedule", "coordinator"),
            ("Surplus", "batteries@"), ("Need", "batteries@"), ("TransferOrder", "coordinator"),
        ],
    ),
    "coordinator and batteries by prices": (
        "batteries",
        "priced_battery",
        [("Forecast", "batteries@"), ("PeakSignal", "coordinator"), ("MeterReading", "grid")],
    ),
    "storage controller and households": (
        "storage",
        "community_storage_optimal",
        [
            ("DemandForecast", "forecasters@"), ("DemandOutlook", "households@"),
            ("DemandOutlook", "plant@"), ("DemandStatus", "households@"),
            ("GenerationReport", "plant@"), ("DischargeGrant", ""),
        ],
    ),
    "home controller and devices": (
        "homes",
        "mpfa_mg_shifting",
        [
            ("SupplyForecast", ""), ("StorageReport", ""), ("SlotRequest", ""),
            ("SlotOffer", ""), ("SlotAnswer", ""), ("SlotCommitment", ""),
        ],
    ),
    "home energy manager and devices": (
        "houses",
        "hybrid_storage",
        [("TariffNotice", ""), ("HouseStorageReport", ""), ("DeviceSetPoint", "")],
    ),
}  # fmt: skip
SAID = [
    pytest.param(pair, kind, sender, id=f"{pair}: {kind} of {sender or 'all'}")
    for pair, (_, _, messages) in PAIRS.items()
    for kind, sender in messages
]


@cache
def setting_of(case: str) -> Any:
    scenario, changes, _ = CASES[case]
    return make_setting(load_scenario(scenario, list(changes)))


@cache
def honest(case: str, strategy: str) -> list[Any]:
    return outcome(Simulation(setting_of(case), strategy), CASES[case][2])


@pytest.mark.parametrize(("pair", "kind", "sender"), SAID)
def test_who_hears_something_else_does_something_else(
    pair: str, kind: str, sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, strategy, _ = PAIRS[pair]
    expected = honest(case, strategy)
    monkeypatch.setattr(world, "MessageBus", LyingBus)
    simulation = Simulation(setting_of(case), strategy)
    bus = simulation.bus
    assert isinstance(bus, LyingBus)
    bus.kind, bus.sender = kind, sender
    found = outcome(simulation, CASES[case][2])
    assert bus.changed
    assert not same(found, expected)
