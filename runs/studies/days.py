"""Days of the built-in case study, simulated in memory for the tables of studies."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.scenarios.member_groups import ProfileMembers
from hmesh.runs.schemes.vehicles.step import vehicles_of
from hmesh.runs.studies.changes import study_scenario
from hmesh.runs.world.members import LoadSources
from hmesh.runs.world.setting import Setting, make_setting
from hmesh.runs.world.simulation import Simulation
from hmesh.runs.world.totals import Totals

SCENARIO = "three-communities"
DAY_STEPS = 24

type Record = Callable[[Simulation], None]


def case_study(
    *changes: str,
    solver: str = "exact",
    seed: int | None = None,
) -> Setting:
    """Return the setting of the published case study with some keys changed."""
    return make_setting(study_scenario(SCENARIO, f"game.solver={solver}", *changes, seed=seed))


def live_day(
    setting: Setting, strategy: str, record: Record = lambda simulation: None
) -> Simulation:
    """Return the world of a strategy after its first day."""
    simulation = Simulation(setting, strategy, record)
    for _ in range(DAY_STEPS):
        simulation.step()
    return simulation


@dataclass(frozen=True, slots=True)
class Reductions:
    """By how much less one strategy has than another [%]."""

    par: float
    bill: float


def reductions(fewer: Totals, reference: Totals) -> Reductions:
    """Return the reductions of the peak-to-average ratio and of the vehicles' bill."""
    return Reductions(
        reduction(par_of(fewer), par_of(reference)),
        reduction(fewer.sums["ev_bill"], reference.sums["ev_bill"]),
    )


def reduction(value: float, reference: float) -> float:
    """Return by how much less ``value`` is than ``reference`` [%]."""
    return 100.0 * (1.0 - value / reference)


def par_of(totals: Totals) -> float:
    """Return a peak-to-average ratio that is there."""
    ratio = totals.peak_to_average_ratio()
    assert ratio is not None
    return ratio


@dataclass(frozen=True, slots=True)
class _RepeatedDay(LoadSources):
    """The loads of the first day, every day."""

    def load_kwh(self, step: int) -> FloatArray:
        return LoadSources.load_kwh(self, step % DAY_STEPS)


@dataclass(frozen=True, slots=True)
class RepeatingDay:
    """A day that leaves every battery as it found it.

    Attributes
    ----------
    totals : Totals
        Of that day alone.
    days_before : int
        Days simulated before it, and left out.
    change_kwh : float
        Largest change of a battery over that day [kWh].
    mean_soc : float
        Mean state of charge at its end.
    """

    totals: Totals
    days_before: int
    change_kwh: float
    mean_soc: float


def repeating_day(
    setting: Setting, strategy: str, tolerance_kwh: float = 1e-6, most_days: int = 60
) -> RepeatingDay:
    """Simulate the first day of a setting again and again until it repeats.

    Parameters
    ----------
    setting : Setting
        Its loads are those of its first day on every day.
    strategy : str
        A strategy of the vehicles.
    tolerance_kwh : float
        Change of a battery over a day that counts as none [kWh].
    most_days : int
        Days after which the last is returned though it does not repeat.
    """
    members, sources = setting.members, setting.members.sources
    every_day = _RepeatedDay(sources.profiles, sources.tables, sources.step_h)
    members = replace(members, sources=every_day)
    simulation = Simulation(replace(setting, members=members), strategy)
    fleet = vehicles_of(simulation).fleet.population
    change, day = np.inf, -1
    while change > tolerance_kwh and day + 1 < most_days:
        day += 1
        simulation.totals = Totals()
        before = fleet["energy_kwh"].copy()
        for _ in range(DAY_STEPS):
            simulation.step()
        change = float(np.abs(fleet["energy_kwh"] - before).max())
    soc = float((fleet["energy_kwh"] / fleet["capacity_kwh"]).mean())
    return RepeatingDay(simulation.totals, day, change, soc)


def scaled_loads(factor: float) -> tuple[str, ...]:
    """Return the changes that multiply every load of the case study."""
    communities = study_scenario(SCENARIO).communities
    return tuple(
        f"communities.{name}.members.{at}.annual_kwh={group.annual_kwh * factor}"
        for name, community in communities.items()
        for at, group in enumerate(community.members)
        if isinstance(group, ProfileMembers)
    )
