"""The kernel of vehicles that drive: what `Traffic` does in a step where no plug is followed.

It gives what `hmesh.environment.stays` and the columns of the fleet say, bit for bit, without
sorting: the trips of a vehicle are a chain that begins at its row.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.compiled import kernel
from hmesh.environment.trips import TripBatch

type Columns = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64],
    NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64],
]  # fmt: skip


@kernel(
    "i8[] i8[] i8[] i8[] i8[] f8[] b1[] f8[] i8 i8 "
    "i2[]! i2[]! b1[]! b1[]! f8[]! f8[]! f8[]! f8[]! "
    "i8[]! i8[]! f8[]! i8[]! f8[]! b1[]!"
)
def drive(
    vehicle: NDArray[np.int64],
    source: NDArray[np.int64],
    departs_ms: NDArray[np.int64],
    arrives_ms: NDArray[np.int64],
    destination: NDArray[np.int64],
    trip_km: NDArray[np.float64],
    night_follows: NDArray[np.bool_],
    next_km: NDArray[np.float64],
    begin: int,
    end: int,
    place: NDArray[np.int16],
    community: NDArray[np.int16],
    night_now: NDArray[np.bool_],
    day_finished: NDArray[np.bool_],
    plugged_part: NDArray[np.float64],
    driven_km: NDArray[np.float64],
    km_before_plug: NDArray[np.float64],
    next_trip_km: NDArray[np.float64],
    chain: NDArray[np.int64],
    rows: NDArray[np.int64],
    ahead_km: NDArray[np.float64],
    out_vehicle: NDArray[np.int64],
    out_km: NDArray[np.float64],
    out_after: NDArray[np.bool_],
) -> tuple[int, int]:
    """Move all vehicles with trips in a step; write their columns.

    Parameters
    ----------
    vehicle, source : array of int, shape (trips,)
        Row of the fleet of each trip, and its row in the columns that follow.
    departs_ms, arrives_ms, destination, trip_km, night_follows, next_km : array, shape (sources,)
        As those of a `TripBatch`.
    begin, end : int
        The step [ms].
    place, community, night_now, day_finished, plugged_part, driven_km, km_before_plug, \
next_trip_km : array, shape (vehicles,)
        Columns of the fleet, which are written.
    chain : array of int, shape (trips,)
        Room for the chains of trips.
    rows, ahead_km : array, shape (trips,)
        Room for the vehicles that move, ascending, and for the length of the trip whose energy
        each keeps back [km].
    out_vehicle, out_km, out_after : array, shape (trips,)
        Room for those that set out, as in `SettingOut`.

    Returns
    -------
    moving, out : int
        How many move, and how many set out.
    """
    size = len(place)
    head = np.full(size, -1, np.int32)
    for trip in range(len(vehicle)):
        row, departs = vehicle[trip], departs_ms[source[trip]]
        before, after = -1, head[row]
        while after >= 0 and departs_ms[source[after]] <= departs:
            before, after = after, chain[after]
        chain[trip] = after
        if before < 0:
            head[row] = trip
        else:
            chain[before] = trip
    moving = out = 0
    # The places of one vehicle: where it is first, and where trips lead to.
    most = 1
    for k in range(len(destination)):
        most = max(most, destination[k] + 2)
    places, at_place, until = (
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
    )
    known, nights = np.empty(most, np.float64), np.empty(most, np.bool_)
    for row in range(size):
        trip = head[row]
        if trip < 0:
            continue
        # The stay before the first trip, then one after each.
        first_out, total_km = out, 0.0
        count = 0
        where, night, ahead = np.int64(place[row]), night_now[row], next_trip_km[row]
        stay_begins = begin
        stay_ends = departs_ms[source[trip]] if where >= 0 else begin
        first_trip = trip
        k = source[trip]
        while True:
            starts = min(max(stay_begins, begin), end)
            ends = max(min(max(stay_ends, begin), end), starts)
            if ends > starts:
                found = -1
                for other in range(count):
                    if places[other] == where:
                        found = other
                if found < 0:
                    found = count
                    count += 1
                    places[found], at_place[found] = where, 0
                at_place[found] += ends - starts
                until[found] = ends
                known[found], nights[found] = ahead, night
            if trip < 0:
                break
            k = source[trip]
            departs, arrives = departs_ms[k], arrives_ms[k]
            overlap = max(min(arrives, end) - max(departs, begin), 0)
            km = trip_km[k] * overlap / (arrives - departs)
            if departs >= begin:
                out_vehicle[out] = row
                out_km[out] = total_km
                out += 1
            total_km += km
            trip = chain[trip]
            where, night, ahead = destination[k], night_follows[k], next_km[k]
            stay_begins = arrives
            stay_ends = departs_ms[source[trip]] if trip >= 0 else end
        last = k
        best = 0
        for other in range(1, count):
            if at_place[other] > at_place[best]:
                best = other
        unplugs = until[best] if count else 0
        before_km = 0.0
        trip = first_trip
        out_now = first_out
        while trip >= 0:
            k = source[trip]
            departs, arrives = departs_ms[k], arrives_ms[k]
            leads_there = departs < unplugs
            if leads_there:
                overlap = max(min(arrives, end) - max(departs, begin), 0)
                before_km += trip_km[k] * overlap / (arrives - departs)
            if departs >= begin:
                out_after[out_now] = not leads_there
                out_now += 1
            trip = chain[trip]
        there = arrives_ms[last] < end
        rows[moving] = row
        ahead_km[moving] = known[best] if count else next_km[last]
        moving += 1
        community[row] = places[best] if count else -1
        plugged_part[row] = (at_place[best] if count else 0) / (end - begin)
        day_finished[row] = nights[best] if count else False
        driven_km[row], km_before_plug[row] = total_km, before_km
        next_trip_km[row] = next_km[last]
        place[row] = destination[last] if there else -1
        night_now[row] = there and night_follows[last]
    return moving, out


@kernel("i8[] i2[]! i2[] b1[]! b1[] f8[]! f8[]! f8[]!")
def stay_put(
    rows: NDArray[np.int64],
    community: NDArray[np.int16],
    place: NDArray[np.int16],
    day_finished: NDArray[np.bool_],
    night_now: NDArray[np.bool_],
    plugged_part: NDArray[np.float64],
    driven_km: NDArray[np.float64],
    km_before_plug: NDArray[np.float64],
) -> None:
    """Let vehicles that drove in the step before stay where they are, plugged in all the time."""
    for k in range(len(rows)):
        row = rows[k]
        community[row] = place[row]
        day_finished[row] = night_now[row]
        plugged_part[row] = 1.0
        driven_km[row] = 0.0
        km_before_plug[row] = 0.0


def columns_of(
    batches: Sequence[TripBatch],
) -> tuple[NDArray[np.int64], NDArray[np.int64], Columns]:
    """Return the vehicle of each trip of some batches, its row in columns, and the columns.

    They are departure, arrival, destination, length, whether the night follows, and the length of
    the next trip. A batch whose trips are all alike has one row.
    """
    vehicle = np.concatenate([each.vehicles for each in batches])
    alike = [
        not any(
            isinstance(value, np.ndarray)
            for value in (
                each.departs_ms, each.arrives_ms, each.destination,
                each.km, each.night_follows, each.next_km,
            )
        )
        for each in batches
    ]  # fmt: skip
    sizes = [1 if one else len(each.vehicles) for one, each in zip(alike, batches, strict=True)]
    source = np.empty(len(vehicle), dtype=np.int64)
    filled = taken = 0
    for each, one, size in zip(batches, alike, sizes, strict=True):
        here = slice(filled, filled + len(each.vehicles))
        source[here] = taken if one else np.arange(taken, taken + size)
        filled, taken = here.stop, taken + size

    def joined(name: str, kind: type) -> NDArray[np.generic]:
        values: NDArray[np.generic] = np.empty(taken, dtype=kind)
        at = 0
        for each, size in zip(batches, sizes, strict=True):
            values[at : at + size] = getattr(each, name)
            at += size
        return values

    names = ("departs_ms", "arrives_ms", "destination", "km", "night_follows", "next_km")
    kinds = (np.int64, np.int64, np.int64, np.float64, np.bool_, np.float64)
    columns: Columns = tuple(joined(*each) for each in zip(names, kinds, strict=True))  # type: ignore[assignment]
    return vehicle, source, columns
