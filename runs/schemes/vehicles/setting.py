"""What all strategies share of the vehicles: the fleet, its day plans and its trips."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.calendar import Calendar
from hmesh.environment.day_plans import DayPlans
from hmesh.environment.growth import Growth
from hmesh.environment.planned_trips import PlannedTrips
from hmesh.environment.population import Population
from hmesh.environment.streams import Streams
from hmesh.environment.trips import TripSource
from hmesh.runs.scenarios.preferences import FromFile, preference_values
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.vehicles.section import CONNECTION, Vehicles
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.travel import growth_of, plans_of, residential, trips_of


@dataclass(frozen=True)
class VehicleSetting:
    """The vehicles of a run, before anybody acts.

    Attributes
    ----------
    fleet : Population
        Their columns; each world forks them.
    plans : DayPlans
        The day plans; a blank one where vehicles follow none.
    connections : array of int, shape (communities,)
        Node of the grid where the vehicles of each community are plugged in.
    growth : Growth or None
        When vehicles join the fleet; None where all are there from the start.
    trips : TripSource or None
        Where the trips of all strategies come from; None where they follow day plans.
    residential : array of bool, shape (communities,)
        In which communities people live.
    """

    fleet: Population
    plans: DayPlans
    connections: NDArray[np.intp]
    growth: Growth | None
    trips: TripSource | None
    residential: NDArray[np.bool_]

    def trips_of(self, fleet: Population, calendar: Calendar) -> TripSource:
        """Return where the trips of a fleet come from: its day plans if from nowhere else."""
        if self.trips is not None:
            return self.trips
        return PlannedTrips(self.plans, calendar, fleet["day_plan"], self.growth, self.residential)


def make_vehicle_setting(vehicles: Vehicles, setting: Setting) -> VehicleSetting:
    """Make the vehicles of a scenario.

    Raises
    ------
    InputError
        If a file cannot be used, or its parts do not fit together.
    """
    scenario, calendar, streams = setting.scenario, setting.calendar, setting.streams
    plans, growth = plans_of(scenario, setting.roads), growth_of(scenario, calendar)
    size = growth.final(scenario.steps) if growth else vehicles.count
    nodes = [setting.grid.node_index[f"{name}/{CONNECTION}"] for name in setting.communities]
    return VehicleSetting(
        fleet=_fleet(scenario, streams, plans, size),
        plans=plans,
        connections=np.array(nodes, dtype=np.intp),
        growth=growth,
        trips=trips_of(scenario, plans, calendar, streams, setting.roads, size, growth),
        residential=residential(scenario),
    )


def _fleet(scenario: Scenario, streams: Streams, plans: DayPlans, size: int) -> Population:
    """Deal the day plans to the vehicles in turn and draw what each values its energy at.

    Vehicles that join later have their rows from the start, and bring their energy as they join.
    """
    vehicles: Vehicles = scenario.vehicles
    fleet = Population(ElectricVehicle.attributes(), size)
    for name in (
        "capacity_kwh", "power_kw", "consumption_kwh_per_km", "soc_min", "soc_max",
        "charge_efficiency", "discharge_efficiency",
    ):  # fmt: skip
        fleet.set(name, getattr(vehicles, name))
    fleet.set("day_plan", np.arange(size, dtype=np.int32) % len(plans.names))
    for name, purpose, above in (
        ("lam", "satisfaction", -np.inf), ("theta", "fall of satisfaction", 0.0)
    ):  # fmt: skip
        draw = streams.generator(purpose, "electric vehicle").random(size)
        preference = getattr(vehicles, name)
        if isinstance(preference, FromFile):
            values = preference.read(scenario.path_of(preference.file), draw, above)
        else:
            values = preference_values(preference, draw)
        fleet.set(name, values)
    fleet.set("energy_kwh", vehicles.soc_start * vehicles.capacity_kwh)
    fleet["energy_kwh"][vehicles.count :] = 0.0
    return fleet
