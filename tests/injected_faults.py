"""Faults that are injected into rules, one at a time, and what the audit of a run says of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hmesh.runs import audit_run, load_scenario, start_run
from tests.audited_runs import FEW

type Fault = Callable[[Any], Any]

AFTERNOON = (
    *FEW, "vehicles.count=10", "hours=5", "start='2023-01-16T15:00'", "game.solver=exact",
    "plots=false",
)  # fmt: skip
LOSSES = (
    "game.losses=known", "communities.homes.feeder.loss_rate=0.1",
    "communities.malls.feeder.loss_rate=0.05",
)  # fmt: skip
SCHOOLS = (
    "hours=33", "plots=false", "game.solver=exact",
    "school_buses.groups=[{name: a, community: rochester, schools: 3, buses: 2}]",
    "school_buses.round_km=[40, 90]", "school_buses.charge_efficiency=1.0",
)  # fmt: skip
BUILDINGS = (
    "hours=24", "plots=false", "start='2014-01-13T00:00'", "checkpoint_every_h=null",
    "communities.district.members.0.businesses=8",
)  # fmt: skip


@dataclass(frozen=True)
class Injected:
    """A rule with a fault in it.

    Attributes
    ----------
    rule
        Where the program finds the rule.
    fault
        From the right rule to the wrong one.
    check
        Part of the name of a check that has to fail.
    changes
        Of the scenario.
    """

    rule: str
    fault: Fault
    check: str
    changes: tuple[str, ...] = ()


def result(change: Callable[..., Any]) -> Fault:
    """Return a fault that changes what a rule returns, given that and what the rule was given."""
    return lambda right: lambda *given, **named: change(right(*given, **named), *given)


def given(change: Callable[..., tuple[Any, ...]]) -> Fault:
    """Return a fault that changes what a rule is given."""
    return lambda right: lambda *given, **named: right(*change(*given), **named)


def run_with(injected: Injected | None, scenario: str, changes: tuple[str, ...], to: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if injected is not None:
            module, _, name = injected.rule.rpartition(".")
            owner = pytest.importorskip(module) if module.islower() else None
            if owner is None:
                module, _, holder = module.rpartition(".")
                owner = getattr(pytest.importorskip(module), holder)
            patch.setattr(owner, name, injected.fault(getattr(owner, name)))
        start_run(load_scenario(scenario, changes), to)


def assert_fails(injected: Injected, scenario: str, changes: tuple[str, ...], folder: Path) -> None:
    """Assert that the audit of a run with a fault fails by the fault's check."""
    run_with(injected, scenario, changes, folder / "run")
    failed = audit_run(folder / "run").failed
    assert any(injected.check in name for name in failed), failed


def assert_passes(scenario: str, changes: tuple[str, ...], folder: Path) -> None:
    """Assert that the audit of a run without a fault passes."""
    run_with(None, scenario, changes, folder / "run")
    report = audit_run(folder / "run")
    assert report.passed, "\n".join(report.lines())
