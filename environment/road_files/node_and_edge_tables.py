"""Road networks as two CSV files: one of junctions, one of roads."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hmesh.environment.errors import InputError, Problem, missing_columns, missing_file, shortened
from hmesh.environment.road_files.network import FoundRoad, RoadFileContent
from hmesh.environment.road_files.values import directions, length_km, speed_of

DEGREES = ("longitude", "latitude")
KILOMETRES = ("x_km", "y_km")
# Half the way around the Earth.
FARTHEST_KM = 20_038.0


def read_tables(edges: Path, nodes: Path) -> RoadFileContent:
    """Read a road network of two CSV files.

    Junctions have `node` and `latitude`, `longitude` or `x_km`, `y_km`. Roads have `from`, `to`
    and where wanted `km` or `length_m`, `speed_km_h` and `oneway`.

    Raises
    ------
    InputError
        If a file or column is missing, or a cell cannot be used: every one.
    """
    problems: list[Problem] = []
    junctions: dict[str, tuple[float, float]] = {}
    rows = list(_rows(nodes, ["node"]))
    columns = list(rows[0][1]) if rows else []
    on_earth = "latitude" in columns
    axes = DEGREES if on_earth else KILOMETRES
    if missing := missing_columns(f"{nodes}, line 1", columns, axes):
        raise InputError(missing)
    for place, row in rows:
        name = row["node"]
        try:
            at = float(row[axes[0]]), float(row[axes[1]])
        except ValueError:
            at = np.nan, np.nan
        bounds = (180.0, 90.0) if on_earth else (FARTHEST_KM, FARTHEST_KM)
        if not all(abs(value) <= bound for value, bound in zip(at, bounds, strict=True)):
            allowed = "degrees" if on_earth else "kilometres"
            message = f"{axes[0]} {row[axes[0]]!r}, {axes[1]} {row[axes[1]]!r} is no position"
            problems.append(Problem(place, message, allowed))
        if not name or name in junctions:
            message = f"{name!r} stands there twice" if name else "has no name"
            problems.append(Problem(f"{place}, column node", message, "its own name"))
        junctions[name] = at
    roads: list[FoundRoad] = []
    for place, row in _rows(edges, ["from", "to"]):
        try:
            km, speed = length_km(row, place), speed_of(row, place)
        except InputError as error:
            problems += error.problems
            continue
        road = FoundRoad(place, row["from"], row["to"], km, speed)
        along, against = directions(row)
        roads += [road] * along + [road.reversed()] * against
    if problems:
        raise InputError(shortened(problems))
    return RoadFileContent(str(edges), junctions, roads, on_earth)


def _rows(path: Path, required: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file with their places."""
    if problems := missing_file(path):
        raise InputError(problems)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True)
            header = [name.strip() for name in next(reader, [])]
            if problems := missing_columns(f"{path}, line 1", header, required):
                raise InputError(problems)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    row = dict.fromkeys(header, "") | dict(
                        zip(header, (cell.strip() for cell in cells), strict=False)
                    )
                    yield f"{path}, line {reader.line_num}", row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}", "CSV, UTF-8")]) from None
