"""Where communities lie on the map, and what is known of those on the roads between them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.report.places import ON_SCREEN, place_communities, road_graph

if TYPE_CHECKING:
    from hmesh.runs.world.setting import Setting

type Points = NDArray[np.float64]


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
