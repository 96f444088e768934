"""What a group of smart homes does in a step, and what adds up of it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.smart_homes import SmartHomes
from hmesh.environment.arrays import FloatArray
from hmesh.markets.power_flow_assignment import StepFlows
from hmesh.runs.schemes.smart_homes.setting import SUMS, HomeGroup
from hmesh.runs.schemes.smart_homes.sources import BySky, DeviceSource

type Mask = NDArray[np.bool_]


@dataclass(slots=True)
class GroupOfAStep:
    """What a group of homes does in a step.

    Attributes
    ----------
    flows : StepFlows
        Its power flow.
    wanted_kwh, demand_kwh : array, shape (homes, appliances)
        What appliances wanted for the step, and what they count on [kWh].
    imported_kwh : array, shape (homes, appliances)
        What the grid serves of them [kWh].
    exported_kwh, curtailed_kwh : array, shape (homes, generators)
        What the grid takes, and what is left of that [kWh].
    energy_kwh, losses_kwh : array, shape (homes, storages)
        Stored energy as the step begins, and what storages lose in it [kWh].
    totals_kwh : dict
        All of it added up, by the names of `SUMS` [kWh].
    """

    flows: StepFlows
    wanted_kwh: FloatArray
    demand_kwh: FloatArray
    imported_kwh: FloatArray
    exported_kwh: FloatArray
    curtailed_kwh: FloatArray
    energy_kwh: FloatArray
    losses_kwh: FloatArray
    totals_kwh: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        flows = self.flows
        energies = (
            self.generation_kwh, self.wanted_kwh, self.served_kwh, flows.direct_kwh,
            flows.charge_kwh, flows.discharge_kwh, self.losses_kwh, self.curtailed_kwh,
            self.imported_kwh, self.exported_kwh,
        )  # fmt: skip
        self.totals_kwh = {
            what: float(values.sum()) for what, values in zip(SUMS, energies, strict=True)
        }

    @property
    def served_kwh(self) -> FloatArray:
        """What the home itself serves of its appliances, shape (homes, appliances) [kWh]."""
        return np.where(self.flows.served, self.demand_kwh, 0.0)

    @property
    def generation_kwh(self) -> FloatArray:
        """What generators deliver, shape (homes, generators) [kWh]."""
        flows = self.flows
        return flows.direct_kwh.sum(axis=2) + flows.stored_kwh + flows.curtailed_kwh


def settle_group(
    group: HomeGroup,
    homes: SmartHomes,
    bought_kwh: FloatArray,
    t: int,
    clear: float,
    grid_part: float,
) -> GroupOfAStep:
    """Return what a group of homes does in a step.

    Parameters
    ----------
    group : HomeGroup
        Where and what they are.
    homes : SmartHomes
        Its agents.
    bought_kwh : array, shape (homes, appliances)
        What the grid is to serve of what was refused [kWh].
    t : int
        The step of the day.
    clear : float
        Share of the sunshine of a clear sky that clouds leave [-].
    grid_part : float
        For which part of the step the grid serves what homes lack and takes what they leave, 0..1.
    """
    homes.t = t
    generation = _generation(group, homes, t, clear)
    wanted = np.stack([a.population.steps_kwh[t] for a in homes.appliances], axis=1)
    demand = np.stack([a.population.committed_kwh[t] for a in homes.appliances], axis=1)
    energy = homes.energy_kwh.copy()
    flows = homes.settle(generation, demand)
    unserved = bought_kwh + np.where(flows.served, 0.0, demand)
    left = flows.curtailed_kwh
    # A home settles its own flows whether or not the grid is there.
    exported = left * grid_part if grid_part > 0.0 else np.zeros_like(left)
    return GroupOfAStep(
        flows=flows,
        wanted_kwh=wanted,
        demand_kwh=demand,
        imported_kwh=unserved * grid_part,
        exported_kwh=exported,
        curtailed_kwh=left - exported,
        energy_kwh=energy,
        losses_kwh=homes.bank.losses_kwh(flows.charge_kwh, flows.discharge_kwh),
    )


def _generation(group: HomeGroup, homes: SmartHomes, t: int, clear: float) -> FloatArray:
    """Return what generators deliver, dimmed by the clouds that chance drew."""
    columns = []
    for generator, source in zip(homes.generators, group.generators, strict=True):
        day = generator.population
        day.heard |= {"t": t, "clear": clear if _is_clouded(source) else 1.0}
        day.delivered_kwh = day.steps_kwh[t] * day.heard["clear"]
        columns.append(day.delivered_kwh)
    return np.stack(columns, axis=1) if columns else np.zeros((group.homes, 0))


def _is_clouded(source: DeviceSource) -> bool:
    return isinstance(source, BySky) and source.clouded


def refused_slots(homes: SmartHomes) -> Mask:
    """Return the slots that appliances wanted and will not get, even elsewhere.

    Where fewer slots were moved out of those wanted than are missing, the first of them count.

    Returns
    -------
    array of bool, shape (steps, homes, appliances)
        A mask.
    """
    wanted = np.stack([a.population.steps_kwh for a in homes.appliances], axis=2) > 0.0
    committed = homes.committed_kwh > 0.0
    missing = wanted.sum(axis=0) - committed.sum(axis=0)
    given_up = wanted & ~committed
    return given_up & (np.cumsum(given_up, axis=0) <= missing)
