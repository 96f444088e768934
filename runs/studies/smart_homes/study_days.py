"""The days of the study of a smart home, simulated."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.home_layout import Assignment, HomeLayout
from hmesh.markets.storage_capacity import (
    published_capacity,
)
from hmesh.runs.schemes.smart_homes.step import SmartHomeSharing
from hmesh.runs.studies.changes import study_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

STRATEGY = {
    "SPFA/S": "spfa_s",
    "SPFA/GS": "spfa_gs",
    "MPFA/SG": "mpfa_sg",
    "MPFA/MG": "mpfa_mg",
    "MPFA/SG+LS": "mpfa_sg_shifting",
    "MPFA/MG+LS": "mpfa_mg_shifting",
}


SEASONS = ("winter", "summer")


# As the table of devices says, air conditioning in summer begins an hour earlier than fits.
FROM_05 = tuple(
    f"smart_homes.groups.1.{kind}.{k}.profile=summer_from_05"
    for kind in ("generators", "appliances")
    for k in (0, 1)
)


@dataclass(frozen=True, slots=True)
class StudyDay:
    """A day of the home under one strategy.

    Attributes
    ----------
    assignment, layout : str, HomeLayout
        Who feeds whom.
    generation_kwh : array, shape (24, generators)
        Generation [kWh].
    wanted_kwh, used_kwh : array, shape (24, appliances)
        What appliances want, and get [kWh].
    losses_kwh : float
        What its storages lose [kWh].
    """

    assignment: Assignment
    layout: HomeLayout
    generation_kwh: FloatArray
    wanted_kwh: FloatArray
    used_kwh: FloatArray
    losses_kwh: float

    def capacity_kwh(self, window: int = 2) -> float:
        """Return the total capacity by the published conditions [kWh]."""
        return float(published_capacity(*self.served, window=window).sum())

    @property
    def served(self) -> tuple[Assignment, HomeLayout, FloatArray, FloatArray]:
        """What the capacity it needs depends on."""
        return self.assignment, self.layout, self.generation_kwh, self.used_kwh

    @property
    def demanded(self) -> tuple[Assignment, HomeLayout, FloatArray, FloatArray]:
        """The same if every load wanted were met."""
        return self.assignment, self.layout, self.generation_kwh, self.wanted_kwh


type Days = dict[tuple[str, str], StudyDay]


def study_days(*changes: str) -> Days:
    """Simulate the day of the built-in study, by name of assignment and season."""
    setting = make_setting(study_scenario("smart-home", "plots=false", *changes))
    days: Days = {}
    for name, strategy in STRATEGY.items():
        simulation = Simulation(setting, strategy)
        homes = simulation.schemes["smart_homes"]
        assert isinstance(homes, SmartHomeSharing)
        hours = []
        for _ in range(setting.scenario.steps):
            simulation.step()
            hours.append(homes.of_step)
        for g, group in enumerate(setting.schemes["smart_homes"].groups):
            mine = [hour[g] for hour in hours]
            days[name, group.settings.name] = StudyDay(
                homes.groups[g].control.assignment,
                group.layout,
                np.array([hour.generation_kwh[0] for hour in mine]),
                np.array([hour.wanted_kwh[0] for hour in mine]),
                np.array([hour.served_kwh[0] for hour in mine]),
                float(sum(hour.totals_kwh["losses_kwh"] for hour in mine)),
            )
    return days
