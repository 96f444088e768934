"""Road networks of MATSim: nodes and links in XML."""

import gzip
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hmesh.environment.errors import InputError, Problem, shortened
from hmesh.environment.road_files.network import FoundRoad, RoadFileContent
from hmesh.environment.road_files.values import number

_M_PER_KM = 1000.0
_KM_H_PER_M_S = 3.6
_DEGREES = ("EPSG:4326", "WGS84")


def read_matsim_network(path: Path) -> RoadFileContent:
    """Read a network of MATSim, as XML or packed by gzip.

    Nodes have `x` and `y` in metres, unless the network names a reference system of longitude and
    latitude; links have `length` in metres and `freespeed` in m/s, in one direction. Links that
    cars may not drive are left out.

    Raises
    ------
    InputError
        If it cannot be read, or a node or link has no usable numbers: every one.
    """
    root = read_xml(path)
    system = root.findtext("attributes/attribute[@name='coordinateReferenceSystem']", "")
    on_earth = system.strip() in _DEGREES
    unit = 1.0 if on_earth else _M_PER_KM
    problems: list[Problem] = []
    junctions: dict[str, tuple[float, float]] = {}
    for node in root.iterfind("nodes/node"):
        try:
            name, at = node.attrib["id"], (float(node.attrib["x"]), float(node.attrib["y"]))
        except (KeyError, ValueError):
            place = f"{path}, node {node.get('id')!r}"
            problems.append(Problem(place, "has no position", "numbers x and y"))
            continue
        junctions[name] = at[0] / unit, at[1] / unit
    roads: list[FoundRoad] = []
    for link in root.iterfind("links/link"):
        if "car" not in link.get("modes", "car").replace(" ", "").split(","):
            continue
        place = f"{path}, link {link.get('id')!r}"
        given: dict[str, Any] = dict(link.attrib)
        try:
            metres, speed = number(given, "length", place), number(given, "freespeed", place)
        except InputError as error:
            problems += error.problems
            continue
        km = None if metres is None else metres / _M_PER_KM
        speed = None if speed is None else speed * _KM_H_PER_M_S
        start, end = given.get("from", ""), given.get("to", "")
        roads.append(FoundRoad(place, start, end, km, speed))
    if problems:
        raise InputError(shortened(problems))
    return RoadFileContent(str(path), junctions, roads, on_earth)


def read_xml(path: Path) -> ElementTree.Element:
    """Return the root of an XML file, which may be packed by gzip.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        if b"<!ENTITY" in content:
            raise InputError([Problem(str(path), "defines entities", "XML without entities")])
        return ElementTree.fromstring(content)
    except (OSError, EOFError, ElementTree.ParseError) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}", "XML")]) from None
