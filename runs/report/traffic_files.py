"""The trips of a run as files of traffic simulators: events of MATSim, trips of SUMO."""

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import quoteattr

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.geography import great_circle_km
from hmesh.environment.safe_files import beside
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_geometry import MapGeometry, geometry_of_run
from hmesh.runs.report.places import TO_SCALE
from hmesh.runs.report.trip_paths import Trip, trips

NETWORK_FILE = "trips.matsim-network.xml"
_S_PER_H = 3600.0
_M_PER_KM = 1000.0
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


@dataclass(frozen=True, slots=True)
class _Link:
    """A road as MATSim has it: in one direction, from node to node."""

    name: str
    ends: tuple[str, str]
    length_m: float
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class _Way:
    """The links from one community to another, and the share of the time at the end of each."""

    links: list[_Link]
    done: list[float]


def write_matsim(data: RunData, path: Path) -> None:
    """Write departures, links entered and arrivals as events of MATSim, and their network beside.

    Times are seconds since midnight of the first day. Positions are longitude and latitude.

    Raises
    ------
    InputError
        When the run recorded no trip, or a file cannot be written.
    """
    network = _Network(data)
    midnight_s = _midnight_s(data)

    def events() -> Iterator[str]:
        pending: list[tuple[float, int, str]] = []
        number = 0
        for trip in _by_departure(data):
            departs_s = midnight_s + float(trip.times_h[0]) * _S_PER_H
            # What happens before the next departure is complete.
            while pending and pending[0][0] <= departs_s:
                yield heapq.heappop(pending)[2]
            for at_s, text in _events(trip, network.way(trip), midnight_s):
                heapq.heappush(pending, (at_s, number, text))
                number += 1
        while pending:
            yield heapq.heappop(pending)[2]

    def whole() -> Iterator[str]:
        yield f'{_HEAD}<events version="1.0">\n'
        yield from events()
        yield "</events>\n"

    _write(path, whole())
    _write(path.with_name(NETWORK_FILE), network.pieces())


def write_sumo(data: RunData, path: Path) -> None:
    """Write trips as SUMO takes them, by longitude and latitude, in the order of departure.

    Times are seconds since midnight of the first day. What SUMO finds itself is a parameter.

    Raises
    ------
    InputError
        As `write_matsim`.
    """
    midnight_s = _midnight_s(data)

    def pieces() -> Iterator[str]:
        yield f"{_HEAD}<routes>\n"
        yield '  <vType id="electric" vClass="evehicle"/>\n'
        count: dict[int, int] = {}
        for trip in _by_departure(data):
            number = count[trip.vehicle] = count.get(trip.vehicle, -1) + 1
            departs, arrives = (midnight_s + at * _S_PER_H for at in trip.times_h[[0, -1]])
            start, end = (f"{place[0]:.6f},{place[1]:.6f}" for place in trip.path[[0, -1]])
            stated = {
                "origin": trip.origin, "destination": trip.destination, "arrives": f"{arrives:.3f}",
                "km": repr(trip.km), "energy_kwh": repr(trip.energy_kwh),
            }  # fmt: skip
            parameters = "".join(
                f'    <param key="{key}" value={quoteattr(text)}/>\n'
                for key, text in stated.items()
            )
            yield (
                f'  <trip id="{trip.vehicle}_{number}" type="electric" depart="{departs:.3f}" '
                f'fromLonLat="{start}" toLonLat="{end}">\n{parameters}  </trip>\n'
            )
        yield "</routes>\n"

    _write(path, pieces())


def _by_departure(data: RunData) -> Iterator[Trip]:
    """Return every recorded trip in the order of departure, those of a moment by vehicle."""
    return trips(data, by_departure=True)


def _midnight_s(data: RunData) -> float:
    """Return how long after midnight of the first day the run starts [s]."""
    start = data.timeline.calendar.start
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return start.timestamp() - midnight.timestamp()


def _events(trip: Trip, way: _Way, midnight_s: float) -> Iterator[tuple[float, str]]:
    """Yield the events of a trip in their order, each with its time."""
    begin, end = (midnight_s + float(at) * _S_PER_H for at in trip.times_h[[0, -1]])
    person = f'person="{trip.vehicle}"'
    links = way.links
    (x, y), (to_x, to_y) = trip.path[0], trip.path[-1]

    def event(at_s: float, kind: str, rest: str) -> tuple[float, str]:
        return at_s, f'  <event time="{at_s:.3f}" type="{kind}" {rest}/>\n'

    def at(link: _Link) -> str:
        return f"link={quoteattr(link.name)}"

    origin, destination = quoteattr(trip.origin), quoteattr(trip.destination)
    place = f'x="{x:.6f}" y="{y:.6f}"'
    yield event(begin, "actend", f"{person} {at(links[0])} {place} actType={origin}")
    yield event(begin, "departure", f'{person} {at(links[0])} legMode="car"')
    vehicle = f'vehicle="{trip.vehicle}"'
    yield event(begin, "entered link", f"{vehicle} {at(links[0])}")
    for (link, done), (after, _) in pairwise(zip(links, way.done, strict=True)):
        at_s = begin + (end - begin) * done
        yield event(at_s, "left link", f"{vehicle} {at(link)}")
        yield event(at_s, "entered link", f"{vehicle} {at(after)}")
    yield event(end, "arrival", f'{person} {at(links[-1])} legMode="car"')
    place = f'x="{to_x:.6f}" y="{to_y:.6f}"'
    yield event(end, "actstart", f"{person} {at(links[-1])} {place} actType={destination}")


class _Network:
    """The links that trips use, made as they are used.

    Parameters
    ----------
    data : RunData
        The run.
    """

    def __init__(self, data: RunData) -> None:
        self.names = data.communities
        self.geometry: MapGeometry = geometry_of_run(data, TO_SCALE)
        self.nodes: dict[str, FloatArray] = {}
        self.links: dict[str, _Link] = {}
        self._ways: dict[tuple[str, str], _Way] = {}

    def way(self, trip: Trip) -> _Way:
        """Return the links of a trip."""
        ends = trip.origin, trip.destination
        if ends not in self._ways:
            origin, destination = (self.names.index(name) for name in ends)
            lines = self.geometry.lines
            if lines is not None and origin != destination:
                self._ways[ends] = self._on_network(origin, destination)
            else:
                self._ways[ends] = self._straight(trip)
        return self._ways[ends]

    def _on_network(self, origin: int, destination: int) -> _Way:
        lines = self.geometry.lines
        assert lines is not None
        roads = lines.ways[origin, destination]
        hours = lines.hours[roads]
        links = []
        for road, took_h in zip(roads, hours.tolist(), strict=True):
            points = self.geometry.degrees(lines.lines[road])
            km = float(lines.km[road])
            speed = km / took_h if took_h > 0 else 1.0
            links.append(self._link(f"road {road}", points, km, speed))
        return _Way(links, np.cumsum(hours / hours.sum()).tolist())

    def _straight(self, trip: Trip) -> _Way:
        """Return a way of straight roads, or one within a community."""
        links, done = [], []
        times = trip.times_h
        whole_h = float(times[-1] - times[0])
        legs_km = great_circle_km(trip.path[:-1], trip.path[1:])
        scale = trip.km / legs_km.sum() if legs_km.sum() > 0 else 0.0
        for n, km in enumerate((legs_km * scale).tolist()):
            km = km if scale else trip.km / len(legs_km)
            leg_h = max(float(times[n + 1] - times[n]), 1e-9)
            name = f"{trip.origin} - {trip.destination} {n}"
            links.append(self._link(name, trip.path[n : n + 2], km, km / leg_h))
            done.append(float(times[n + 1] - times[0]) / whole_h if whole_h > 0 else 1.0)
        return _Way(links, done)

    def _link(self, name: str, points: FloatArray, km: float, speed_km_h: float) -> _Link:
        ends = tuple(f"{point[0]:.6f} {point[1]:.6f}" for point in points[[0, -1]])
        self.nodes |= dict(zip(ends, points[[0, -1]], strict=True))
        link = _Link(name, (ends[0], ends[1]), km * _M_PER_KM, speed_km_h / 3.6)
        return self.links.setdefault(name, link)

    def pieces(self) -> Iterator[str]:
        """Return the network as MATSim reads it."""
        yield _HEAD
        yield '<!DOCTYPE network SYSTEM "http://www.matsim.org/files/dtd/network_v2.dtd">\n'
        yield "<network>\n  <attributes>\n"
        yield '    <attribute name="coordinateReferenceSystem" class="java.lang.String">'
        yield "EPSG:4326</attribute>\n  </attributes>\n  <nodes>\n"
        for name, at in self.nodes.items():
            yield f'    <node id={quoteattr(name)} x="{at[0]:.6f}" y="{at[1]:.6f}"/>\n'
        yield "  </nodes>\n  <links>\n"
        for link in self.links.values():
            start, end = map(quoteattr, link.ends)
            yield (
                f"    <link id={quoteattr(link.name)} from={start} to={end} "
                f'length="{link.length_m!r}" freespeed="{link.speed_m_s!r}" capacity="3600" '
                'permlanes="1" modes="car"/>\n'
            )
        yield "  </links>\n</network>\n"


def _write(path: Path, pieces: Iterator[str]) -> None:
    with ExitStack() as stack:
        new = stack.enter_context(beside(path))
        file: TextIO = stack.enter_context(new.open("w", encoding="utf-8"))
        file.writelines(pieces)
