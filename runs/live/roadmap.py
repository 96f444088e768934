"""Where communities lie on the map, and what is known of those on the roads between them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hmesh.environment.arrays import FloatArray
from hmesh.environment.road_map import RoadMap
from hmesh.runs.report.map_geometry import MapGeometry, geometry_of
from hmesh.runs.report.places import ON_SCREEN
from hmesh.runs.results.road_lines import road_content, road_lines

if TYPE_CHECKING:
    from hmesh.runs.world.setting import Setting


def geometry(setting: "Setting") -> MapGeometry:
    """Return where the communities lie and which ways join them, as on the page of a report.

    Returns
    -------
    MapGeometry
        Its places lie between -1 and 1.
    """
    scenario = setting.scenario.model_dump(mode="json")
    roads, lines = setting.roads, None
    if isinstance(roads, RoadMap):
        lines = road_lines(road_content(roads), setting.communities)
    found = geometry_of(scenario, lines, ON_SCREEN).within(1.0)
    # On this chart up is positive.
    return found.moved(lambda points: points * [1.0, -1.0]) if found.to_scale else found


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
    carried_kwh : array, shape (communities, communities), or None
        Energy charged in one community and delivered in another in the step [kWh]; None where it
        is not followed.
    """

    at: FloatArray
    soc: FloatArray
    each: int
    vehicles: int
    carried_kwh: FloatArray | None = None
