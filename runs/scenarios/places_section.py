"""Where communities are, and the road network that joins them."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, refuse_all
from hmesh.runs.scenarios.base import AS_TUPLE, Positive, Section, existing, file_there, refuse

PlacesFile = Annotated[str, file_there(".graphml", ".geojson", ".json", ".csv", ".xml", ".gz")]
DEGREES = ("longitude", "latitude")
KILOMETRES = ("x_km", "y_km")

_Degree = Annotated[float, Field(ge=-180, le=180)]
_Point = Annotated[tuple[_Degree, _Degree], AS_TUPLE]
_Ring = Annotated[tuple[_Point, ...], AS_TUPLE]
_Kilometres = Annotated[float, Field(ge=-20_038, le=20_038)]


class PlaceSettings(Section):
    """Where a community is: latitude and longitude, or x_km and y_km on a plane."""

    latitude: float | None = Field(default=None, description="latitude, north positive [deg]")
    longitude: _Degree | None = Field(default=None, description="longitude, east positive [deg]")
    x_km: _Kilometres | None = Field(default=None, description="position to the east [km]")
    y_km: _Kilometres | None = Field(default=None, description="position to the north [km]")

    @check("latitude")
    @classmethod
    def _between_the_poles(cls, latitude: float | None) -> float | None:
        if latitude is not None and abs(latitude) > 90.0:
            hint = "; latitude and longitude may be in the wrong order" * (abs(latitude) <= 180.0)
            raise refuse(f"{latitude:g} is no latitude{hint}", allowed="from -90 to 90")
        return latitude

    @model_validator(mode="after")
    def _one_pair(self) -> Self:
        given = {name for name in (*DEGREES, *KILOMETRES) if getattr(self, name) is not None}
        if given not in (set(DEGREES), set(KILOMETRES)):
            text = ", ".join(sorted(given)) or "nothing"
            raise refuse(f"{text} is given", allowed="latitude and longitude, or x_km and y_km")
        return self

    @property
    def on_earth(self) -> bool:
        """Whether it is on the Earth, not on a plane."""
        return self.latitude is not None

    @property
    def position(self) -> tuple[float, float]:
        """Longitude and latitude [deg], or the position to the east and to the north [km]."""
        east, north = DEGREES if self.on_earth else KILOMETRES
        return getattr(self, east), getattr(self, north)


class Area(Section):
    """The area of a community, a polygon of GeoJSON."""

    type: Literal["Polygon"] = Field(description="kind of GeoJSON geometry")
    coordinates: Annotated[tuple[_Ring, ...], AS_TUPLE] = Field(
        description="rings of [longitude, latitude], the outer one first, each closed"
    )

    @check("coordinates")
    @classmethod
    def _closed(cls, rings: tuple[Any, ...]) -> tuple[Any, ...]:
        if not rings:
            raise refuse("there is no ring", allowed="one or more")
        problems = [
            Problem(
                f"{n}", f"its {len(ring)} points are no closed ring", "four or more, last as first"
            )
            for n, ring in enumerate(rings)
            if len(ring) < 4 or ring[0] != ring[-1]
        ]
        refuse_all(problems)
        return rings

    def holds(self, place: tuple[float, float]) -> bool:
        """Return whether a place is within the outer ring and in none of its holes."""
        from matplotlib.path import Path

        outer, *holes = (Path(np.array(ring)) for ring in self.coordinates)
        inside = bool(outer.contains_point(place, radius=1e-9))
        return inside and not any(hole.contains_point(place) for hole in holes)


class RoadFile(Section):
    """A road network in a file, on which communities with a location lie."""

    file: PlacesFile = Field(
        description="GraphML of OSMnx, lines of GeoJSON, CSV table of roads, or network of MATSim"
    )
    nodes: str | None = Field(
        default=None, description="CSV table of the junctions of a CSV table of roads, or null"
    )
    speed_km_h: Positive = Field(
        default=50.0, description="speed of roads for which none is given [km/h]"
    )
    shortest: Literal["time", "length"] = Field(
        default="time", description="whether ways are shortest in time or in length"
    )
    farthest_km: Positive = Field(
        default=2.0, description="how far a community's nearest junction may be [km]"
    )

    @check("nodes")
    @classmethod
    def _existing_nodes(cls, file: str | None, info: ValidationInfo) -> str | None:
        table = str(info.data.get("file", "")).lower().endswith(".csv")
        if table and file is None:
            raise refuse("a table of roads needs one of junctions", allowed="nodes: FILE.csv")
        if not table and file is not None:
            raise refuse("only a CSV table of roads has one of junctions", allowed="null")
        return None if file is None else existing(file, info, (".csv",))

    @property
    def files(self) -> list[str]:
        """The files that it names."""
        return [self.file, *([] if self.nodes is None else [self.nodes])]


def location_problems(communities: dict[str, Any]) -> list[Problem]:
    """Return what is wrong with where communities are: some without place, on Earth and plane."""
    placed = {name: each.location for name, each in communities.items() if each.location}
    problems = []
    if placed:
        problems = [
            Problem(f"{name}.location", "is missing, where others have one", "a location for each")
            for name in communities
            if name not in placed
        ]
    if len({place.on_earth for place in placed.values()}) > 1:
        first = next(iter(placed))
        kind = "latitude and longitude" if placed[first].on_earth else "x_km and y_km"
        problems += [
            Problem(f"{name}.location", f"is given otherwise than that of {first}", kind)
            for name, place in placed.items()
            if place.on_earth != placed[first].on_earth
        ]
    for name, community in communities.items():
        area, place = community.area, community.location
        if area is None:
            continue
        if place is None or not place.on_earth:
            message = "an area needs a location of latitude and longitude"
            problems.append(Problem(f"{name}.area", message, "location, or no area"))
        elif not area.holds(place.position):
            east, north = place.position
            swapped = area.holds((north, east))
            hint = "; latitude and longitude are in the wrong order" if swapped else ""
            message = f"longitude {east:g}, latitude {north:g} is outside the area{hint}"
            problems.append(Problem(f"{name}.location", message, "a place within area"))
    return problems
