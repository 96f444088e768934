"""Where communities lie on the map, and where the vehicles between them are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from environment.traffic import ON_THE_ROAD
from runs.report.places import ON_SCREEN, place_communities, road_graph

if TYPE_CHECKING:
    from environment.trips import TripBatch
    from runs.world.setting import Setting
    from runs.world.simulation import Simulation

type Points = NDArray[np.float64]

# Vehicles of a road are spread over it by this, the golden section, so that no two meet.
_SPREAD = 0.6180339887498949
LANE = 0.03
MOST_DOTS = 600


def places(setting: "Setting") -> Points:
    """Return where the communities lie, as on the page of a report.

    Returns
    -------
    array, shape (communities, 2)
        Between -1 and 1.
    """
    graph = road_graph(setting.scenario.model_dump(mode="json"))
    at = place_communities(graph, ON_SCREEN)
    size = float(np.abs(at).max())
    return at / size if size > 0 else at


@dataclass(frozen=True, slots=True)
class OnTheRoad:
    """Vehicles under way in a step.

    Attributes
    ----------
    at : array, shape (dots, 2)
        Where they are.
    soc : array, shape (dots,)
        How full their batteries are [-].
    each : int
        How many vehicles a dot stands for.
    vehicles : int
        How many there are.
    """

    at: Points
    soc: NDArray[np.float64]
    each: int
    vehicles: int


class Roads:
    """Follows the vehicles of a world on their ways.

    Parameters
    ----------
    setting : Setting
        The world before anybody acts in it.
    """

    def __init__(self, setting: "Setting") -> None:
        self.setting = setting
        self.places = places(setting)
        self._under_way: list[TripBatch] = []

    def read(self, world: "Simulation") -> OnTheRoad:
        """Return where the vehicles are in the step that is now, which must follow the last read.

        A trip is known to the step. Within it the vehicles of a road are spread over what they
        drive in the step.
        """
        step, fleet = world.step_index, world.vehicles.fleet.population
        self._under_way = [
            batch
            for batch in (*self._under_way, *world.vehicles.traffic.departed)
            if np.any(np.asarray(batch.arrives_step) > step)
        ]
        here = np.full((len(fleet), 2), np.nan)
        for batch in self._under_way:
            rows = batch.vehicles
            begin, end, origin, destination = (
                np.broadcast_to(part, rows.shape)
                for part in (
                    batch.departs_step, batch.arrives_step, batch.origin, batch.destination
                )
            )  # fmt: skip
            start, goal = self.places[origin], self.places[destination]
            done = (step + (rows * _SPREAD) % 1.0 - begin) / (end - begin)
            now = (done >= 0) & (done <= 1)
            at = start + done[:, np.newaxis] * (goal - start) + LANE * _to_the_right(goal - start)
            here[rows[now]] = at[now]
        shown = np.flatnonzero((fleet["community"] == ON_THE_ROAD) & np.isfinite(here[:, 0]))
        vehicles = len(world.vehicles.on_the_road)
        each = max(-(-len(shown) // MOST_DOTS), 1)
        dots = shown[::each]
        soc = fleet["energy_kwh"][dots] / fleet["capacity_kwh"][dots]
        return OnTheRoad(here[dots], soc, each, vehicles)


def _to_the_right(way: Points) -> Points:
    """Return the direction to the right of each way, of length 1; none for a way to nowhere."""
    length = np.hypot(way[:, 0], way[:, 1])[:, np.newaxis]
    across = np.column_stack((way[:, 1], -way[:, 0]))
    right: Points = np.divide(across, length, out=np.zeros_like(across), where=length > 0)
    return right
