"""What the limits of the lines did in a step: loads shed, overloads left, and rents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.markets.load_shedding import shed_kwh

if TYPE_CHECKING:
    from hmesh.runs.world.decision import Decision
    from hmesh.runs.world.simulation import Simulation


# Of a price: less is no difference that a limit made.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class StepLimits:
    """What the limits of the lines did in a step.

    Attributes
    ----------
    overload_kwh : array, shape (communities,)
        What the line of each community that is most over its limit carries too much [kWh].
    shared_overload_kwh : float
        What all lines that communities share carry too much [kWh].
    shed_kwh : array, shape (communities,)
        Load left unserved so that lines keep their limits [kWh].
    unlimited_price : array, shape (communities,)
        What communities would pay if no line had a limit, NaN without supply [money/kWh].
    rent : array, shape (communities,)
        What they pay more because of limits [money].
    """

    overload_kwh: FloatArray
    shared_overload_kwh: float
    shed_kwh: FloatArray
    unlimited_price: FloatArray
    rent: FloatArray

    def sums(self) -> dict[str, float]:
        """Return the figures of the step that add up over a run."""
        return {
            "overload_kwh": float(self.overload_kwh.sum()),
            "shared_overload_kwh": self.shared_overload_kwh,
            "shed_kwh": float(self.shed_kwh.sum()),
            "congestion_rent": float(self.rent.sum()),
        }

    def counts(self, decision: "Decision") -> dict[str, int]:
        """Return how often limits moved a price, and could not be kept."""
        price, unlimited = decision.community_price, self.unlimited_price
        # Two prices of one rule may differ in their last digits.
        moved = np.abs(price - unlimited) > ROUNDING * np.abs(unlimited)
        return {
            "prices_moved_by_limits": int(moved.sum()),
            "communities_overloaded": int((self.overload_kwh > DUST_KWH).sum()),
        }


def step_limits(simulation: "Simulation", shed: FloatArray) -> StepLimits:
    """Return what the limits of the lines did, once all flows of the step are known.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    shed : array, shape (communities,)
        What `shed_loads` left unserved [kWh].
    """
    decision, supplied = simulation.market.decision, simulation.supplied
    own, shared = simulation.market.grid.overload_kwh(simulation.flows.received_kwh, len(supplied))
    price = np.where(supplied, decision.community_price, np.nan)
    held = decision.unlimited_price
    unlimited = price if held is None else np.where(supplied, held, np.nan)
    bought = simulation.net_kwh - simulation.direct_kwh
    rent = np.where(supplied, (price - unlimited) * bought, 0.0)
    return StepLimits(own, shared, shed, unlimited, rent)


def shed_loads(simulation: "Simulation") -> FloatArray:
    """Leave an equal share of every member's load unserved beyond each line over its limit.

    The loads, the meters and the energies of the step are reduced by it.

    Returns
    -------
    array, shape (communities,)
        What remains unserved in each community [kWh].
    """
    meters, places = simulation.meters, len(simulation.setting.communities)
    unserved = np.zeros(places)
    nodes = len(meters.node_kwh)
    loads = np.zeros(nodes)
    for kind, group in simulation.consumers.items():
        if len(group):
            at = simulation.setting.members.nodes[kind]
            loads += np.bincount(at, np.maximum(group.population["load_kwh"], 0.0), nodes)
    tree = simulation.market.grid.whole.tree
    shed = shed_kwh(tree, meters.node_kwh, loads)
    if not shed.any():
        return unserved
    share = np.divide(shed, loads, out=np.zeros(nodes), where=loads > 0)
    for kind, group in simulation.consumers.items():
        if not len(group):
            continue
        load = group.population["load_kwh"]
        lost = share[simulation.setting.members.nodes[kind]] * np.maximum(load, 0.0)
        unserved += np.bincount(group.population["community"], lost, places)
        load -= lost
    meters.node_kwh[:] -= shed
    meters.fixed_kwh[:] -= unserved
    simulation.hour_kwh["fixed_load_kwh"] -= unserved
    simulation.net_kwh -= unserved
    return unserved
