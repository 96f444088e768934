"""Points of a table turned into the communities of a scenario, on a road network where given."""

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np

from hmesh.environment.errors import (
    InputError,
    Problem,
    missing_file,
    nearest,
    refuse_all,
    shortened,
)
from hmesh.environment.number_words import counted
from hmesh.environment.road_files.read_roads import read_road_file
from hmesh.environment.road_map import RoadMap
from hmesh.environment.safe_files import beside
from hmesh.runs.scenarios.scenario_reading import load_scenario

# What each column may be called, and how its numbers become those of a location.
_COLUMNS = {
    "latitude": ("latitude", 1.0), "lat": ("latitude", 1.0),
    "longitude": ("longitude", 1.0), "lon": ("longitude", 1.0), "lng": ("longitude", 1.0),
    "x_km": ("x_km", 1.0), "y_km": ("y_km", 1.0), "x_m": ("x_km", 1e-3), "y_m": ("y_km", 1e-3),
}  # fmt: skip
_PAIRS = (("longitude", "latitude"), ("x_km", "y_km"))
_HIGHEST = {"longitude": 180.0, "latitude": 90.0, "x_km": 20_038.0, "y_km": 20_038.0}
_SPEED_KM_H = 50.0
_FARTHEST_KM = 2.0
_GEOJSON = (".geojson", ".json")
_READ = "CSV in UTF-8, or points of GeoJSON, as which GeoPandas and QGIS write other files"


@dataclass(frozen=True, slots=True)
class PlacePoints:
    """Points of a table.

    Attributes
    ----------
    on_earth : bool
        Whether they are longitude and latitude [deg]; else to the east and to the north [km].
    at : dict
        Position of each, by its name.
    lines : dict
        Line of the table, or feature of GeoJSON, in which each stands, by its name.
    households : dict
        How many households there are, by the names of those that say it.
    counted : str
        What ``lines`` counts: "line" or "feature".
    """

    on_earth: bool
    at: dict[str, tuple[float, float]]
    lines: dict[str, int]
    households: dict[str, int]
    counted: str = "line"


def import_places(
    source: Path,
    out: Path,
    roads: Path | None = None,
    nodes: Path | None = None,
    farthest_km: float | None = None,
    time_zone: str | None = None,
    currency: str | None = None,
) -> Iterator[str]:
    """Write a scenario whose communities are the points of a table, and report their distances.

    Parameters
    ----------
    source : Path
        CSV file with a name, and latitude and longitude [deg] or x_km and y_km, of each place;
        where wanted with its households. Or GeoJSON, whose points have a name or community.
    out : Path
        The scenario, a file that does not exist yet.
    roads, nodes : Path, optional
        Road network as `roads.file` and `roads.nodes` of a scenario take it, or None.
    farthest_km : float, optional
        How far the nearest junction of a place may be; None for 2 km [km].
    time_zone, currency : str, optional
        Of the scenario; None for UTC and EUR.

    Yields
    ------
    str
        The lines of the report.

    Raises
    ------
    InputError
        With all that is wrong in the table or about its places, each with its line, or if the
        file cannot be written.
    """
    if out.suffix.lower() not in (".yaml", ".yml"):
        message = f"{out} is no scenario"
        raise InputError([Problem("--out", message, "a name that ends in .yaml")])
    if out.exists():
        raise InputError([Problem("--out", f"{out} is there already", "a new file")])
    if farthest_km is not None and farthest_km <= 0:
        message = f"{farthest_km:g} cannot be"
        raise InputError([Problem("--farthest-km", message, "a number above 0")])
    farthest = _FARTHEST_KM if farthest_km is None else farthest_km
    points = read_points(source)
    found = None if roads is None else _on_network(source, points, roads, nodes, farthest)
    text = _scenario(points, out, roads, nodes, farthest, time_zone or "UTC", currency or "EUR")
    try:
        with beside(out) as new:
            new.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError([Problem(str(out), f"cannot be written: {error.strerror}")]) from None
    load_scenario(str(out))  # refuses names that no community can have
    yield counted(len(points.at), "place")
    if found is not None:
        yield from _ways(found)
    yield f"scenario: {out}"


def read_points(path: Path) -> PlacePoints:
    """Read the points of a table.

    Raises
    ------
    InputError
        With all that is wrong, each with its line.
    """
    geojson = path.suffix.lower() in _GEOJSON
    counted = "feature" if geojson else "line"
    head, rows = _features(path) if geojson else _rows(path)
    kinds = {column: _COLUMNS[column] for column in head if column in _COLUMNS}
    axes = [axis for axis, _ in kinds.values()]
    pair = next((pair for pair in _PAIRS if set(pair) <= set(axes)), None)
    missing = [Problem(f"{path}, {counted} 1", "has no column name")] if "name" not in head else []
    if pair is None or len(axes) != 2:
        here = ", ".join(kinds) or "none of them"
        allowed = "latitude and longitude, or x_km and y_km"
        near = next((found for found in (nearest(c, _COLUMNS) for c in head) if found), "")
        missing.append(Problem(f"{path}, {counted} 1", f"has {here}", allowed, near))
    if missing or pair is None:
        raise InputError(missing)
    problems: list[Problem] = []
    points = PlacePoints(pair == _PAIRS[0], {}, {}, {}, counted)
    for line, row in rows:
        place = f"{path}, {counted} {line}"
        name = row["name"]
        if not name or name in points.at:
            message = f"{name!r} stands there twice" if name else "has no name"
            problems.append(Problem(f"{place}, column name", message, "its own name"))
        values = {}
        for column, (axis, factor) in kinds.items():
            values[axis] = _number(place, column, row[column], problems) * factor
        if not any(np.isnan(list(values.values()))):
            problems += _out_of_range(place, values)
        points.at[name] = (values[pair[0]], values[pair[1]])
        points.lines[name] = line
        if row.get("households"):
            count = _number(place, "households", row["households"], problems)
            if not np.isnan(count) and (count < 0 or count % 1):
                message = f"{row['households']!r} cannot be"
                problems.append(Problem(f"{place}, column households", message, "a whole number"))
            points.households[name] = int(np.nan_to_num(count))
    if not problems and not points.at:
        problems.append(Problem(str(path), "has no places", "a row for each"))
    if problems:
        raise InputError(shortened(problems))
    return points


def _rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the columns of a table, and its rows with their lines."""
    refuse_all(missing_file(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        reader = csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
        head = [name.strip().lower() for name in next(reader, [])]
        rows = [
            (reader.line_num, dict.fromkeys(head, "") | dict(zip(head, map(str.strip, cells))))  # noqa: B905
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}", _READ)]) from None
    return head, rows


def _features(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the properties of the points of GeoJSON with their positions, and their numbers."""
    refuse_all(missing_file(path))
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if content["type"] != "FeatureCollection":
            raise InputError([Problem(str(path), f"is a {content['type']}", "a FeatureCollection")])
        rows = []
        for number, feature in enumerate(content["features"], 1):
            geometry = feature["geometry"] or {"type": None}
            if geometry["type"] == "Point":
                longitude, latitude, *_ = geometry["coordinates"]
                own = {str(key).lower(): value for key, value in feature["properties"].items()}
                own = {key: "" if value is None else str(value) for key, value in own.items()}
                own.setdefault("name", own.get("community", ""))
                at = {"longitude": repr(longitude), "latitude": repr(latitude)}
                rows.append((number, own | at))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"cannot be read: {type(error).__name__} {error}"
        raise InputError([Problem(str(path), message, "GeoJSON by RFC 7946")]) from None
    head = [
        "name",
        "longitude",
        "latitude",
        *({"households"} & {k for _, row in rows for k in row}),
    ]
    return head, rows


def _number(place: str, column: str, text: str, problems: list[Problem]) -> float:
    """Return a number, NaN where there is none, which is then among the problems."""
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        message = f"{text!r} is no number" if text else "is empty"
        problems.append(Problem(f"{place}, column {column}", message, "a number with a point"))
        return float(np.nan)
    return value


def _out_of_range(place: str, values: dict[str, float]) -> Iterator[Problem]:
    for axis, value in values.items():
        most = _HIGHEST[axis]
        if abs(value) > most:
            swapped = axis == "latitude" and abs(value) <= 180.0
            hint = "; latitude and longitude may be in the wrong order" if swapped else ""
            message = f"{value:g} is no {axis}{hint}"
            yield Problem(f"{place}, column {axis}", message, f"from {-most:g} to {most:g}")


def _on_network(
    source: Path, points: PlacePoints, roads: Path, nodes: Path | None, farthest_km: float
) -> RoadMap:
    """Return the places on their roads.

    Raises
    ------
    InputError
        For every place that is far away, cannot be reached or is at the junction of another.
    """
    content = read_road_file(roads, nodes)
    if content.on_earth != points.on_earth:
        have, want = ("latitude and longitude", "x_km and y_km")[:: 1 if points.on_earth else -1]
        message = f"has positions of {want}, the places have {have}"
        raise InputError([Problem(content.path, message, f"places by {want}")])
    try:
        return RoadMap(content, points.at, _SPEED_KM_H, farthest_km=farthest_km)
    except InputError as error:
        raise InputError([_at_line(source, points, each) for each in error.problems]) from None


def _at_line(source: Path, points: PlacePoints, problem: Problem) -> Problem:
    """Return a problem of a community with the line of its place."""
    name = problem.place.removeprefix("communities.").removesuffix(".location")
    if name not in points.lines:
        return problem
    allowed = problem.allowed.replace("roads.farthest_km", "--farthest-km")
    place = f"{source}, {points.counted} {points.lines[name]}, {name}"
    return replace(problem, place=place, allowed=allowed)


def _ways(roads: RoadMap) -> Iterator[str]:
    """Report how far the places are from each other by road."""
    pairs = list(permutations(roads.communities, 2))
    if not pairs:
        return
    km = [roads.distance_km(*pair) for pair in pairs]
    minutes = [60.0 * roads.travel_h(*pair) for pair in pairs]
    for what, n in (("shortest", int(np.argmin(km))), ("longest", int(np.argmax(km)))):
        origin, destination = pairs[n]
        yield f"{what} way: {origin} to {destination}, {km[n]:.1f} km, {minutes[n]:.0f} min"


def _scenario(
    points: PlacePoints,
    out: Path,
    roads: Path | None,
    nodes: Path | None,
    farthest_km: float,
    time_zone: str,
    currency: str,
) -> str:
    """Return a scenario with the places as communities."""
    import yaml

    def line(given: object) -> str:
        text: str = yaml.safe_dump(
            given, default_flow_style=True, allow_unicode=True, width=1e9, sort_keys=False
        )
        return text.strip().removesuffix("...").strip()

    lines = [
        f"# Communities at the places of {out.stem}. Complete their members and vehicles:",
        "# docs/scenario.md, docs/vehicles.md. Mistakes are found by hmesh check.",
        "",
        f"name: {line(out.stem)}",
        'start: "2024-01-15T00:00"            # a Monday; local time',
        f"time_zone: {line(time_zone)}",
        "hours: 24",
        f"currency: {line(currency)}",
        "strategies: [typical]",
        "generation_cost: {quadratic: 0.0, linear: 0.1}     # [money/kWh^2], [money/kWh]",
        "prices: {utility: [0, 1], aggregator: [0, 1]}      # lowest and highest [money/kWh]",
        "",
        "communities:",
    ]
    keys = _PAIRS[0][::-1] if points.on_earth else _PAIRS[1]
    for name, position in points.at.items():
        at = dict(zip(keys, position[::-1] if points.on_earth else position, strict=True))
        lines += [f"  {line(name)}:", f"    location: {line(at)}"]
        count = points.households.get(name, 0)
        members = {"kind": "household", "name": "households", "count": count}
        members |= {"annual_kwh": 3500, "profile": "h0"}
        lines += ["    members:", f"      - {line(members)}"] if count else ["    members: []"]
    if roads is not None:
        given: dict[str, object] = {"file": _seen_from(out, roads)}
        given |= {} if nodes is None else {"nodes": _seen_from(out, nodes)}
        given |= {"speed_km_h": _SPEED_KM_H}
        given |= {} if farthest_km == _FARTHEST_KM else {"farthest_km": farthest_km}
        lines += ["", f"roads: {line(given)}     # speed where a road has none [km/h]"]
    return "\n".join(lines) + "\n"


def _seen_from(out: Path, file: Path) -> str:
    """Return a file as a scenario names it, by its own folder."""
    try:
        return Path(os.path.relpath(file, out.parent)).as_posix()
    except ValueError:  # another drive
        return file.resolve().as_posix()
