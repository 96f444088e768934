"""Where a vehicle is in a step by its trips alone: how long it is parked, how far it drives."""

from collections.abc import Sequence
from dataclasses import dataclass

ON_THE_ROAD = -1


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip, with moments from the start of the run [ms]."""

    departs_ms: int
    arrives_ms: int
    destination: int
    km: float


@dataclass(frozen=True, slots=True)
class StepWhereabouts:
    """What a step is for one vehicle.

    Attributes
    ----------
    community
        Where it is plugged in longest, if nowhere where it is parked longest; -1 where it is on the
        road all the time.
    parked_ms
        How long it is plugged in there [ms].
    km, km_before
        How far it drives, and how far before it leaves that place for the last time [km].
    place
        Where it is as the step ends, -1 on the road.
    departures
        For each trip that begins in the step how far it has driven in it before [km], and whether
        it has left the place where it is parked longest for the last time.
    """

    community: int
    parked_ms: int
    km: float
    km_before: float
    place: int
    departures: list[tuple[float, bool]]


def whereabouts(
    place: int,
    trips: list[Trip],
    begin_ms: int,
    end_ms: int,
    plugs_in: Sequence[bool] | None = None,
) -> StepWhereabouts:
    """Follow one vehicle through a step.

    Parameters
    ----------
    place
        Where it is as the step begins, -1 on the road.
    trips
        Its trips that touch the step, one after another.
    begin_ms, end_ms
        The step.
    plugs_in
        Whether it is plugged in before its first trip, and after each of them; always if None.
    """
    parked: dict[int, int] = {}
    plugged: dict[int, int] = {}
    leaves: dict[int, int] = {}
    unplugs: dict[int, int] = {}
    since = begin_ms
    for number, trip in enumerate([*trips, None]):
        until = end_ms if trip is None else min(max(trip.departs_ms, begin_ms), end_ms)
        if place != ON_THE_ROAD and until > since:
            parked[place] = parked.get(place, 0) + until - since
            leaves[place] = until
            if plugs_in is None or plugs_in[number]:
                plugged[place] = plugged.get(place, 0) + until - since
                unplugs[place] = until
        if trip is not None:
            arrived = trip.arrives_ms < end_ms
            place = trip.destination if arrived else ON_THE_ROAD
            since = max(trip.arrives_ms, begin_ms)
    # Of places where it is plugged in, or parked, equally long the first one counts.
    counts = plugged or parked
    community = max(counts, key=lambda each: counts[each], default=ON_THE_ROAD)
    leaves = unplugs if plugged else dict.fromkeys(leaves, 0)
    km = km_before = 0.0
    departures: list[tuple[float, bool]] = []
    for trip in trips:
        driven_ms = max(min(trip.arrives_ms, end_ms) - max(trip.departs_ms, begin_ms), 0)
        driven = trip.km * driven_ms / (trip.arrives_ms - trip.departs_ms)
        if trip.departs_ms >= begin_ms:
            departures.append((km, trip.departs_ms >= leaves.get(community, 0)))
        km += driven
        if trip.departs_ms < leaves.get(community, 0):
            km_before += driven
    stayed_ms = plugged.get(community, 0)
    return StepWhereabouts(community, stayed_ms, km, km_before, place, departures)
