"""Runs in which three messages of ten are lost end, balance, and pass their audit."""

from pathlib import Path

import pytest

from hmesh.runs import audit_run, load_scenario, read_run, start_run
from tests.audited_runs import FEW

LOST = ("messages.loss_rate=0.3", "messages.keep=all", "plots=false")
LATE = ("messages.latency_h=0.01", "messages.latency=exponential", "messages.deadline_h=0.6")
ELASTIC = "communities.homes.members.0.elasticity={value: 0.3, reference_price: 40}"
RUNS = {
    "vehicles": ("three-communities", [*FEW, "hours=6"]),
    "vehicles by curves": ("three-communities", [*FEW, "hours=6", "game.bids=curves"]),
    "late vehicles": ("three-communities", [*FEW, "hours=4", *LATE]),
    "late vehicles by curves": (
        "three-communities", [*FEW, "hours=4", "game.bids=curves", *LATE]
    ),
    "vehicles beside elastic loads": (
        "three-communities", [*FEW, "hours=3", "game.solver=exact", "record.welfare=true", ELASTIC]
    ),
    "schools": ("school-buses", ["hours=36", "school_buses.groups.0.schools=4"]),
    "schools by curves": (
        "school-buses", ["hours=36", "school_buses.groups.0.schools=4", "game.bids=curves"]
    ),
    "batteries": ("battery-sharing", ["hours=36", "communities.district.members.0.businesses=8"]),
    "homes": ("smart-home", ["smart_homes.groups.0.count=2"]),
    "houses": (
        "composite-storage", ["years=null", "hours=36", "composite_storage.groups.0.count=5"]
    ),
    "storages": ("community-storage", ["hours=36"]),
    "city": (
        "one-city",
        ["hours=24", "vehicles.count=60", "smart_homes.groups.0.count=3",
         "composite_storage.groups.0.count=3"],
    ),
}  # fmt: skip
LONG = ("city",)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in RUNS],
)
def test_a_run_that_loses_messages_balances_and_passes_its_audit(name: str, tmp_path: Path) -> None:
    scenario, changes = RUNS[name]
    start_run(load_scenario(scenario, [*changes, *LOST]), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    lost = 0
    for summary in read_run(tmp_path / "run").summary.values():
        assert summary["money_imbalance"] == 0.0
        lost += sum(count["lost"] for count in summary["messages"].values())
    assert lost
