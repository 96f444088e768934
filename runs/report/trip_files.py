"""The trips of a run as files that map programs read."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from hmesh.environment.safe_files import beside
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.traffic_files import write_matsim, write_sumo
from hmesh.runs.report.trip_paths import Trip, on_earth, trips

_SECONDS = 3600.0


def write_geojson(data: RunData, path: Path) -> None:
    """Write trips as lines and communities as points of GeoJSON (RFC 7946).

    Raises
    ------
    InputError
        When the run recorded no trip, or the file cannot be written.
    """

    def features() -> Iterator[Any]:
        for name, place in zip(data.communities, on_earth(data).tolist(), strict=True):
            point = {"type": "Point", "coordinates": _rounded(place)}
            yield _feature(point, {"community": name})
        for trip in trips(data):
            line = {"type": "LineString", "coordinates": [_rounded(p) for p in trip.path.tolist()]}
            yield _feature(line, _properties(data, trip))

    _write(path, _collection(features()))


def write_kepler(data: RunData, path: Path) -> None:
    """Write trips as kepler.gl takes them: lines whose fourth coordinate is the time [s, UTC].

    Raises
    ------
    InputError
        As `write_geojson`.
    """
    start = data.timeline.calendar.start.timestamp()

    def features() -> Iterator[Any]:
        for trip in trips(data):
            points = [
                [*_rounded(place), 0, round(start + at_h * _SECONDS)]
                for place, at_h in zip(trip.path.tolist(), trip.times_h.tolist(), strict=True)
            ]
            line = {"type": "LineString", "coordinates": points}
            yield _feature(line, _properties(data, trip))

    _write(path, _collection(features()))


def write_deckgl(data: RunData, path: Path) -> None:
    """Write trips as the TripsLayer of deck.gl takes them: paths and seconds since the start.

    Raises
    ------
    InputError
        As `write_geojson`.
    """

    def rows() -> Iterator[Any]:
        for trip in trips(data):
            yield {
                "path": [_rounded(place) for place in trip.path.tolist()],
                "timestamps": [round(at_h * _SECONDS, 3) for at_h in trip.times_h.tolist()],
                **_properties(data, trip),
            }

    _write(path, _list(rows()))


# What is written to which file, by the name of the format.
TRIP_FILES: Mapping[str, tuple[str, Callable[[RunData, Path], None]]] = MappingProxyType(
    {
        "geojson": ("trips.geojson", write_geojson),
        "kepler": ("trips.kepler.json", write_kepler),
        "deckgl": ("trips.deckgl.json", write_deckgl),
        "matsim": ("trips.matsim-events.xml", write_matsim),
        "sumo": ("trips.sumo.xml", write_sumo),
    }
)


def _properties(data: RunData, trip: Trip) -> dict[str, Any]:
    departs, arrives = (_clock(data, at_h) for at_h in (trip.times_h[0], trip.times_h[-1]))
    return {
        "vehicle": trip.vehicle, "origin": trip.origin, "destination": trip.destination,
        "departs": departs, "arrives": arrives, "km": trip.km, "energy_kwh": trip.energy_kwh,
    }  # fmt: skip


def _clock(data: RunData, at_h: float) -> str:
    from datetime import UTC, datetime

    start = data.timeline.calendar.start
    moment = datetime.fromtimestamp(start.timestamp() + at_h * _SECONDS, UTC)
    return moment.astimezone(start.tzinfo).isoformat()


def _feature(geometry: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _rounded(place: Iterable[float]) -> list[float]:
    """Return a place to a tenth of a metre."""
    return [round(degree, 6) for degree in place]


def _collection(features: Iterator[Any]) -> Iterator[str]:
    yield '{"type": "FeatureCollection", "features": '
    yield from _list(features)
    yield "}"


def _list(items: Iterator[Any]) -> Iterator[str]:
    """Return a list of JSON a piece at a time, so that a year of trips needs no memory."""
    before = "["
    for item in items:
        yield before + "\n" + json.dumps(item, ensure_ascii=False)
        before = ","
    yield "\n]"


def _write(path: Path, pieces: Iterator[str]) -> None:
    with ExitStack() as stack:
        new = stack.enter_context(beside(path))
        file: TextIO = stack.enter_context(new.open("w", encoding="utf-8"))
        file.writelines(pieces)
