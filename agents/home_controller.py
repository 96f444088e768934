"""The controller of one smart home: what it hears of its devices, schedules and settles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.agents.home_devices import Appliance, HomeGenerator, HomeStorage
from hmesh.environment.arrays import FloatArray
from hmesh.environment.light_mesa import mesa
from hmesh.markets.admission_control import schedule_day
from hmesh.markets.home_day import Homes
from hmesh.markets.home_layout import Assignment
from hmesh.markets.load_shifting import MOST_CANDIDATES
from hmesh.markets.power_flow_assignment import StepFlows, settle_step

if TYPE_CHECKING:
    from hmesh.agents.smart_homes import SmartHomes


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """How controllers decide.

    Attributes
    ----------
    assignment : Assignment
        Who feeds whom.
    shifts : bool
        Whether other slots are offered to shiftable appliances.
    most_candidates : int
        Up to how many choices of slots all are tried.
    most_rounds : int
        How often a home is offered slots at most.
    grants : callable or None
        From homes and their demand to what another rule grants of the day ahead; None for all that
        can be served.
    """

    assignment: Assignment
    shifts: bool = False
    most_candidates: int = MOST_CANDIDATES
    most_rounds: int = 3
    grants: Callable[[Homes, FloatArray], FloatArray] | None = None


class HomeController(mesa.Agent[Any]):
    """The controller of one home.

    Parameters
    ----------
    homes : SmartHomes
        The group its home belongs to.
    home : int
        Number of its home.
    registered : bool
        Whether the model keeps it; one made on access is not kept.

    Attributes
    ----------
    flows : StepFlows or None
        The power flow of its home, as it settled it last in `step`.
    """

    def __init__(self, homes: "SmartHomes", home: int, *, registered: bool = False) -> None:
        if registered:
            super().__init__(homes.model)
        else:
            self.model = homes.model
            self.unique_id = None
            self.pos = None
        self.homes = homes
        self.home = home
        self.flows: StepFlows | None = None

    @property
    def generators(self) -> dict[str, HomeGenerator]:
        """The generators of its home, by name."""
        return {group.name: group[self.home] for group in self.homes.generators}

    @property
    def appliances(self) -> dict[str, Appliance]:
        """The appliances of its home, by name."""
        return {group.name: group[self.home] for group in self.homes.appliances}

    @property
    def storages(self) -> list[HomeStorage]:
        """The storages of its home."""
        first = self.home * self.homes.layout.storages
        return self.homes.storages[first : first + self.homes.layout.storages]

    def step(self) -> None:
        """Hear its devices, settle the power flow of its home, and inform the storages."""
        homes, home = self.homes, self.home
        generation = [group.population.delivered_kwh[home] for group in homes.generators]
        demand = [group.population.committed_kwh[homes.t, home] for group in homes.appliances]
        self.flows = self.settle(np.array(generation), np.array(demand))
        rows = slice(home * homes.layout.storages, (home + 1) * homes.layout.storages)
        heard = homes.storages.population.heard
        heard["charge_kwh"][rows] = self.flows.charge_kwh[0]
        heard["discharge_kwh"][rows] = self.flows.discharge_kwh[0]

    def schedule(self) -> FloatArray:
        """Return what its home can serve of what its appliances want (F2).

        Returns
        -------
        array, shape (steps, appliances)
            Energy granted [kWh].
        """
        rows = slice(self.home, self.home + 1)
        generation, demand = self.homes.known()
        homes, wanted = self.homes.day(generation).rows(rows), demand[:, rows]
        grants = self.homes.control.grants or schedule_day
        return grants(homes, wanted)[:, 0]

    def settle(self, generation_kwh: FloatArray, demand_kwh: FloatArray) -> StepFlows:
        """Return the power flow of its home in one step, without letting it happen.

        Parameters
        ----------
        generation_kwh : array, shape (generators,)
            What its generators deliver [kWh].
        demand_kwh : array, shape (appliances,)
            What its appliances want [kWh].
        """
        homes = self.homes
        rows = slice(self.home, self.home + 1)
        return settle_step(
            homes.control.assignment,
            homes.layout,
            generation_kwh[None],
            demand_kwh[None],
            homes.energy_kwh[rows],
            homes.bank.rows(rows),
            homes.model.step_h,
        )
