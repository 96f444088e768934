"""Trips of vehicles from plans or events of MATSim."""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import hypot
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE, Foreign, ImportOptions
from hmesh.environment.errors import InputError, Problem, missing_file
from hmesh.environment.number_words import counted
from hmesh.environment.road_files.matsim_network import read_matsim_network, read_xml

_M_PER_KM = 1000.0
_BEGINNING = 100_000
# A plan or a stream of events has a day, and no date.
_START = datetime(2024, 1, 1)
_DAY_S = 86_400.0
# A day of MATSim may last until the morning after; what departs later is of another day.
_ONE_DAY_UNTIL_S = 30 * 3600.0
_WEEK = 7
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

type Element = ElementTree.Element


@dataclass(slots=True)
class _Found:
    """Trips as they are found, and what of the file is left out."""

    rows: list[dict[str, object]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    straight: int = 0

    def leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def add(
        self,
        person: str,
        departs_s: float,
        arrives_s: float,
        km: float | None,
        ends: tuple["_Activity | None", "_Activity | None"],
    ) -> None:
        """Add a trip by car, or leave it out where it has no length or no time."""
        begin, end = ends
        if km is None and begin is not None and end is not None:
            km = begin.straight_km(end)
            self.straight += km is not None
        if arrives_s <= departs_s:
            self.leave_out("that take no time")
        elif km is None:
            self.leave_out("whose length is not known")
        elif km <= 0.0:
            self.leave_out("of no length")
        else:
            self.rows.append(
                {
                    "vehicle": person,
                    "departs": departs_s,
                    "arrives": arrives_s,
                    "km": km,
                    "origin": "" if begin is None else begin.kind,
                    "destination": "" if end is None else end.kind,
                }
            )


@dataclass(frozen=True, slots=True)
class _Activity:
    """What a person does somewhere."""

    kind: str
    x: float | None
    y: float | None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "_Activity":
        """Return an activity of a plan or of an event."""
        kind = given.get("type", "")
        kind = given.get("actType", kind)
        try:
            return cls(kind, float(given["x"]), float(given["y"]))
        except (KeyError, ValueError):
            return cls(kind, None, None)

    def straight_km(self, other: "_Activity") -> float | None:
        """Return the straight distance to another one, in a system in metres [km]."""
        if self.x is None or self.y is None or other.x is None or other.y is None:
            return None
        if max(abs(self.x), abs(other.x)) <= 180.0 and max(abs(self.y), abs(other.y)) <= 90.0:
            return None  # degrees
        return hypot(other.x - self.x, other.y - self.y) / _M_PER_KM


def read_matsim(source: Path, options: ImportOptions) -> Foreign:
    """Read the trips that people make by car, from plans or events of MATSim.

    Each person has a vehicle. Places are the kinds of their activities. Of a plan the selected one
    counts. The length of a trip is that of its route, or of the links that its vehicle enters, for
    which events need their network; where neither is known, the straight distance between both
    activities. Trips by other modes are left out. Trips of several days are those of their days of
    the week, from that of `start` on.

    Parameters
    ----------
    source : Path
        XML file, which may be packed by gzip.
    options : ImportOptions
        The user's description of it: `network`, that of the events, and `start`.

    Raises
    ------
    InputError
        If it cannot be read, or holds no trip by car.
    """
    import pandas as pd

    kind = _kind(source)
    found = _Found()
    if kind == "events":
        lengths = None if options.network is None else _lengths_km(options.network)
        _read_events(source, lengths, found)
    else:
        _read_plans(source, found)
    if not found.rows:
        message = "holds no trip by car of known length and time"
        allowed = "; ".join(_reasons(found)) or f"{kind} with legs by car"
        raise InputError([Problem(str(source), message, allowed)])
    trips = pd.DataFrame(found.rows)
    trips = trips.sort_values(["vehicle", "departs"], kind="stable").reset_index(drop=True)
    start = _START if options.start is None else _date(options.start)
    days = 1
    if trips["departs"].max() >= _ONE_DAY_UNTIL_S:
        start = _date(options.needed("start", "the file holds several days", "2024-01-15"))
        day = (trips["departs"] // _DAY_S).astype(int)
        days = min(int(day.max()) + 1, _WEEK)
        for _ in range(int((day >= _WEEK).sum())):
            found.leave_out("after seven days")
        for column in ("departs", "arrives"):
            trips[column] -= day * _DAY_S
        trips["day"] = [_WEEKDAYS[(start.weekday() + each) % _WEEK] for each in day.tolist()]
        trips = trips[day < _WEEK].reset_index(drop=True)
    for column in ("departs", "arrives"):
        trips[column] = trips[column].map(_clock)
    warnings = [Problem(str(source), f"left out: {reason}") for reason in _reasons(found)]
    if found.straight:
        some = counted(found.straight, "trip has", "trips have")
        message = f"{some} the straight distance between their activities"
        warnings.append(Problem(str(source), message, "routes, or --roads with their network"))
    name = source.name.removesuffix(".gz").removesuffix(".xml")
    return Foreign(
        name=name,
        source="MATSim",
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=options.time_zone or "UTC",
        clock="wall",
        labels="start",
        start=start,
        end=start + timedelta(days=days),
        resolution=60,
        tables={"vehicles": trips[["vehicle"]].drop_duplicates(), "trips": trips},
        notes=(f"{counted(len(trips), 'trip')} by car of {kind} of MATSim.",),
        warnings=tuple(warnings),
    )


def _reasons(found: _Found) -> Iterator[str]:
    for reason, count in found.left_out.items():
        yield f"{counted(count, 'trip')} {reason}"


def _kind(source: Path) -> str:
    """Return whether a file holds plans or events, by its first element."""
    if problems := missing_file(source):
        raise InputError(problems)
    try:
        with _open(source) as file:
            if b"<!ENTITY" in file.read(_BEGINNING):
                raise InputError([Problem(str(source), "defines entities", "XML without entities")])
        with _open(source) as file:
            _, first = next(ElementTree.iterparse(file, ("start",)))
    except (OSError, EOFError, ElementTree.ParseError, StopIteration) as error:
        raise InputError([Problem(str(source), f"cannot be read: {error}", "XML")]) from None
    kinds = {"events": "events", "population": "plans", "plans": "plans"}
    if first.tag not in kinds:
        message, allowed = f"is XML of {first.tag}", "plans (population) or events of MATSim"
        raise InputError([Problem(str(source), message, allowed)])
    return kinds[first.tag]


def _open(source: Path) -> IO[bytes]:
    if source.suffix.lower() == ".gz":
        return gzip.open(source)  # type: ignore[return-value]
    return source.open("rb")


def _elements(source: Path, tag: str) -> Iterator[Element]:
    """Yield the elements of a name one by one, so that a large file needs no memory."""
    try:
        with _open(source) as file:
            parts = ElementTree.iterparse(file, ("start", "end"))
            _, root = next(parts)
            for moment, element in parts:
                if moment == "end" and element.tag == tag:
                    yield element
                    root.clear()
    except (OSError, EOFError, ElementTree.ParseError) as error:
        raise InputError([Problem(str(source), f"cannot be read: {error}", "XML")]) from None


def _lengths_km(network: Path) -> dict[str, float]:
    """Return the lengths of the links of a network [km]."""
    read_matsim_network(network)  # refuses one that cannot be used
    found = {}
    for link in read_xml(network).iterfind("links/link"):
        if "length" in link.attrib:
            found[link.get("id", "")] = float(link.attrib["length"]) / _M_PER_KM
    return found


def _read_plans(source: Path, found: _Found) -> None:
    """Find the trips of the selected plan of each person."""
    for person in _elements(source, "person"):
        name = person.get("id", "")
        plans = person.findall("plan")
        chosen = [plan for plan in plans if plan.get("selected") == "yes"] or plans[:1]
        if not chosen:
            continue
        parts = [part for part in chosen[0] if part.tag in ("act", "activity", "leg")]
        ends_s = None
        for n, part in enumerate(parts):
            place = f"{source}, person {name!r}"
            if part.tag != "leg":
                ends_s = _time_s(part.get("end_time"), place)
                continue
            if part.get("mode") != "car":
                found.leave_out("by other modes than car")
                continue
            route = part.find("route")
            departs_s = _time_s(part.get("dep_time"), place)
            departs_s = ends_s if departs_s is None else departs_s
            took_s = _time_s(part.get("trav_time"), place)
            if took_s is None and route is not None:
                took_s = _time_s(route.get("trav_time"), place)
            if departs_s is None or took_s is None:
                found.leave_out("without a departure or a travel time")
                continue
            given = "" if route is None else route.get("distance", "")
            km = None if given in ("", "NaN") else _number(given, place) / _M_PER_KM
            before = _Activity.of(parts[n - 1].attrib) if n > 0 else None
            after = _Activity.of(parts[n + 1].attrib) if n + 1 < len(parts) else None
            found.add(name, departs_s, departs_s + took_s, km, (before, after))


@dataclass(slots=True)
class _UnderWay:
    """A person who has departed by car."""

    departs_s: float
    begin: _Activity | None
    km: float = 0.0
    known: bool = False
    arrives_s: float | None = None


def _read_events(source: Path, lengths_km: dict[str, float] | None, found: _Found) -> None:
    """Find the trips in events: departure, links entered, arrival, and what is done before."""
    doing: dict[str, _Activity] = {}
    under_way: dict[str, _UnderWay] = {}
    # Who drives a vehicle; where events do not say, it is called as the person.
    driver: dict[str, str] = {}
    arrived: dict[str, _UnderWay] = {}

    def complete(person: str, end: _Activity | None) -> None:
        trip = arrived.pop(person)
        km = trip.km if trip.known else None
        assert trip.arrives_s is not None
        found.add(person, trip.departs_s, trip.arrives_s, km, (trip.begin, end))

    for event in _elements(source, "event"):
        given = event.attrib
        kind, person = given.get("type", ""), given.get("person", "")
        if person in arrived and kind in ("departure", "actstart"):
            complete(person, _Activity.of(given) if kind == "actstart" else None)
        if kind == "actend":
            doing[person] = _Activity.of(given)
        elif kind == "departure":
            if given.get("legMode") != "car":
                found.leave_out("by other modes than car")
                continue
            at_s = _number(given.get("time", ""), f"{source}, departure of {person!r}")
            under_way[person] = _UnderWay(at_s, doing.get(person))
        elif kind in ("vehicle enters traffic", "PersonEntersVehicle"):
            driver[given.get("vehicle", "")] = person
        elif kind == "entered link" and lengths_km is not None:
            vehicle = given.get("vehicle", "")
            who = under_way.get(driver.get(vehicle, vehicle))
            length = lengths_km.get(given.get("link", ""))
            if who is not None and length is not None:
                who.km += length
                who.known = True
        elif kind == "travelled" and person in under_way and "distance" in given:
            who = under_way[person]
            who.km = _number(given["distance"], f"{source}, travelled of {person!r}") / _M_PER_KM
            who.known = True
        elif kind == "arrival" and person in under_way:
            trip = under_way.pop(person)
            trip.arrives_s = _number(given.get("time", ""), f"{source}, arrival of {person!r}")
            arrived[person] = trip
    for person in list(arrived):
        complete(person, None)
    for _ in under_way:
        found.leave_out("without an arrival")


def _time_s(text: str | None, place: str) -> float | None:
    """Return a time of day as MATSim writes it, hours past 24 included [s]; None where unknown."""
    if text is None or text in ("", "undefined", "-Infinity", "Infinity"):
        return None
    parts = text.split(":")
    if len(parts) == 1:
        return _number(text, place)
    hours, minutes, seconds = (_number(part, place) for part in [*parts, "0"][:3])
    return 3600.0 * hours + 60.0 * minutes + seconds


def _number(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"{text!r} is no number"
        raise InputError([Problem(place, message, "seconds, metres or hh:mm:ss")]) from None


def _clock(at_s: float) -> str:
    """Return seconds since midnight by the clock, to the second."""
    seconds = round(at_s)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text[:10])
    except ValueError:
        raise InputError(
            [Problem("--start", f"{text!r} is no date", "such as 2024-01-15")]
        ) from None
