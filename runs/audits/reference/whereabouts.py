"""Where a vehicle is in a step by its trips alone: how long it is parked, how far it drives."""

from collections.abc import Sequence
from dataclasses import dataclass

ON_THE_ROAD = -1


@dataclass(frozen=True, slots=True)
class TripMade:
    """A trip, with moments from the start of the run [ms]."""

    departs_ms: int
    arrives_ms: int
    origin: int
    destination: int
    km: float


@dataclass(frozen=True, slots=True)
class Stay:
    """A time at a place within a step, with moments from the start of the run [ms].

    Attributes
    ----------
    place : int
        Community.
    begins_ms, ends_ms : int
        From when to when.
    arrives : bool
        Whether the vehicle arrives there in the step.
    leaves : bool
        Whether it leaves in the step.
    """

    place: int
    begins_ms: int
    ends_ms: int
    arrives: bool
    leaves: bool


@dataclass(frozen=True, slots=True)
class StepWhereabouts:
    """What a step is for one vehicle.

    Attributes
    ----------
    community : int
        Where it is plugged in longest, else parked longest; -1 where it is on the road all the
        time.
    plugged_ms : int
        How long it is plugged in there [ms].
    stay : int
        The last stay there, by its number; -1 for none.
    km, km_before : float
        How far it drives, and how far before it leaves that plug for the last time [km].
    departures : list of (float, bool)
        For each trip that begins in the step how far it has driven in it before [km], and whether
        it has left that plug for the last time.
    """

    community: int
    plugged_ms: int
    stay: int
    km: float
    km_before: float
    departures: list[tuple[float, bool]]


def stays_in_step(
    place: int, trips: Sequence[TripMade], begin_ms: int, end_ms: int
) -> tuple[list[Stay], int]:
    """Return the stays of one vehicle in a step, and where it is as the step ends.

    Parameters
    ----------
    place : int
        Where it is as the step begins, -1 on the road.
    trips : sequence of TripMade
        Its trips that touch the step, one after another.
    begin_ms, end_ms : int
        The step.
    """
    stays: list[Stay] = []
    since, arrives = begin_ms, False
    for trip in [*trips, None]:
        departs = end_ms if trip is None else min(max(trip.departs_ms, begin_ms), end_ms)
        # A stay may be over as it begins: then it counts for those that were there before.
        if place != ON_THE_ROAD and (departs > since or not arrives):
            stays.append(Stay(place, since, departs, arrives, departs < end_ms))
        if trip is not None:
            place = trip.destination if trip.arrives_ms < end_ms else ON_THE_ROAD
            since, arrives = max(trip.arrives_ms, begin_ms), True
    return stays, place


def whereabouts(
    stays: Sequence[Stay],
    plugged_ms: Sequence[int],
    trips: Sequence[TripMade],
    begin_ms: int,
    end_ms: int,
) -> StepWhereabouts:
    """Follow one vehicle through a step.

    Parameters
    ----------
    stays : sequence of Stay
        Its stays.
    plugged_ms : sequence of int
        How long it is plugged in during each of them, up to its end [ms].
    trips : sequence of TripMade
        Its trips that touch the step, one after another.
    begin_ms, end_ms : int
        The step.
    """
    counts = list(plugged_ms) if any(plugged_ms) else [s.ends_ms - s.begins_ms for s in stays]
    lengths: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for number, (stay, counted) in enumerate(zip(stays, counts, strict=True)):
        if counted > 0:
            both = lengths.setdefault(stay.place, [0, 0])
            both[0] += plugged_ms[number]
            both[1] += stay.ends_ms - stay.begins_ms
            last[stay.place] = number
    # Of places where it is plugged in, and parked, equally long the first one counts.
    community = max(lengths, key=lambda each: tuple(lengths[each]), default=ON_THE_ROAD)
    plugged = lengths[community][0] if lengths else 0
    leaves_ms = stays[last[community]].ends_ms if plugged > 0 else 0
    km = km_before = 0.0
    departures: list[tuple[float, bool]] = []
    for trip in trips:
        driven_ms = max(min(trip.arrives_ms, end_ms) - max(trip.departs_ms, begin_ms), 0)
        driven = trip.km * driven_ms / (trip.arrives_ms - trip.departs_ms)
        if trip.departs_ms >= begin_ms and trip.origin != ON_THE_ROAD:
            departures.append((km, trip.departs_ms >= leaves_ms))
        km += driven
        if trip.departs_ms < leaves_ms:
            km_before += driven
    return StepWhereabouts(community, plugged, last.get(community, -1), km, km_before, departures)
