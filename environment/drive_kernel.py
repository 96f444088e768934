"""The kernel of vehicles that drive: what `Traffic` does in a step where no plug is followed.

It gives what `hmesh.environment.stays` and the columns of the fleet say, bit for bit, without
sorting: the trips of a vehicle are a chain that begins at its row. Pieces of the fleet are worked
on one by one, so that what is known of their vehicles stays in the processor's cache.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel


@kernel(
    "i8 i8 i8 i8[]= i8[,]= i8[]= b1[]= i8[]= i8[]= i8[]= f8[]= b1[]= f8[]= i8 i8 i8 "
    "i2[]! i2[]! b1[]! b1[]! f8[]! f8[]! f8[]! f8[]! "
    "i8[]! f8[]! i8[]! i8[]! f8[]! b1[]! i8[,]!"
)
def drive(
    first_piece: int,
    end_piece: int,
    piece_rows: int,
    vehicle: NDArray[np.int64],
    bounds: NDArray[np.int64],
    base: NDArray[np.int64],
    alike: NDArray[np.bool_],
    departs_ms: NDArray[np.int64],
    arrives_ms: NDArray[np.int64],
    destination: NDArray[np.int64],
    trip_km: FloatArray,
    night_follows: NDArray[np.bool_],
    next_km: FloatArray,
    most_places: int,
    begin: int,
    end: int,
    place: NDArray[np.int16],
    community: NDArray[np.int16],
    night_now: NDArray[np.bool_],
    day_finished: NDArray[np.bool_],
    plugged_part: FloatArray,
    driven_km: FloatArray,
    km_before_plug: FloatArray,
    next_trip_km: FloatArray,
    rows: NDArray[np.int64],
    ahead_km: FloatArray,
    drivers: NDArray[np.int64],
    out_vehicle: NDArray[np.int64],
    out_km: FloatArray,
    out_after: NDArray[np.bool_],
    written: NDArray[np.int64],
) -> None:
    """Move the vehicles of some pieces of the fleet that have trips in a step.

    Parameters
    ----------
    first_piece, end_piece, piece_rows : int
        The pieces, the last one left out, and how many rows of the fleet each has.
    vehicle : array of int, shape (trips,)
        Row of the fleet of each trip, ascending within a batch.
    bounds : array of int, shape (batches, pieces + 1)
        Where the trips of each batch and piece begin and end in `vehicle`.
    base : array of int, shape (batches,)
        Row of the first trip of each batch in the columns that follow.
    alike : array of bool, shape (batches,)
        Whether all trips of a batch have that row.
    departs_ms, arrives_ms, destination, trip_km, night_follows, next_km : array, shape (sources,)
        As those of a `TripBatch`.
    most_places : int
        How many places a vehicle may be at in a step, the road included.
    begin, end : int
        The step [ms].
    place, community, night_now, day_finished, plugged_part, driven_km, km_before_plug, \
next_trip_km : array, shape (vehicles,)
        Columns of the fleet, which are written.
    rows, ahead_km : array, shape (trips,)
        Room for the vehicles that move, ascending, and for the length of the trip whose energy
        each keeps back [km]. Those of a piece begin after as many as the pieces before have trips.
    drivers : array, shape (trips,)
        Room for those of them that drive in the step, likewise.
    out_vehicle, out_km, out_after : array, shape (trips,)
        Room for those that set out, as in `SettingOut`, likewise.
    written : array of int, shape (pieces, 3)
        Room for how many of each piece move, set out, and drive.
    """
    batches = len(base)
    # Of vehicles with one trip that is the same for many, one is worked out.
    sources = len(departs_ms) if alike.any() and len(departs_ms) <= 4096 else 0
    known = np.zeros(sources, np.bool_)
    known_place, known_night = np.empty(sources, np.int64), np.empty(sources, np.bool_)
    known_row, known_ahead = np.empty(sources, np.int64), np.empty(sources)
    known_at, known_out = np.empty(sources, np.int64), np.empty(sources, np.int64)
    # The places of one vehicle: where it is first, and where trips lead to.
    places, at_place, until = (
        np.empty(most_places, np.int64),
        np.empty(most_places, np.int64),
        np.empty(most_places, np.int64),
    )
    known_km, nights = np.empty(most_places, np.float64), np.empty(most_places, np.bool_)
    for piece in range(first_piece, end_piece):
        first = piece * piece_rows
        size = min(piece_rows, len(place) - first)
        before_piece = trips = 0
        for batch in range(batches):
            before_piece += bounds[batch, piece] - bounds[batch, 0]
            trips += bounds[batch, piece + 1] - bounds[batch, piece]
        # The trips of a vehicle as a chain, by departure.
        head = np.full(size, -1, np.int32)
        chain, source = np.empty(trips, np.int32), np.empty(trips, np.int64)
        trip = 0
        for batch in range(batches):
            for k in range(bounds[batch, piece], bounds[batch, piece + 1]):
                row = vehicle[k] - first
                mine = base[batch] if alike[batch] else base[batch] + k - bounds[batch, 0]
                source[trip] = mine
                departs = departs_ms[mine]
                before, after = -1, head[row]
                while after >= 0 and departs_ms[source[after]] <= departs:
                    before, after = after, chain[after]
                chain[trip] = after
                if before < 0:
                    head[row] = trip
                else:
                    chain[before] = trip
                trip += 1
        moving = out = driving = 0
        for local in range(size):
            trip = head[local]
            if trip < 0:
                continue
            row = first + local
            k = source[trip]
            at = before_piece + moving
            alone = chain[trip] < 0 and sources > 0
            if (
                alone
                and known[k]
                and known_place[k] == place[row]
                and known_night[k] == night_now[row]
                and known_ahead[k] == next_trip_km[row]
            ):
                other = known_row[k]
                community[row], plugged_part[row] = community[other], plugged_part[other]
                day_finished[row], driven_km[row] = day_finished[other], driven_km[other]
                km_before_plug[row] = km_before_plug[other]
                next_trip_km[row] = next_trip_km[other]
                place[row], night_now[row] = place[other], night_now[other]
                rows[at], ahead_km[at] = row, ahead_km[known_at[k]]
                moving += 1
                drivers[before_piece + driving] = row
                driving += 1 if driven_km[row] > 0.0 else 0
                if known_out[k] >= 0:
                    there = before_piece + out
                    out_vehicle[there], out_km[there] = row, out_km[known_out[k]]
                    out_after[there] = out_after[known_out[k]]
                    out += 1
                continue
            if alone:
                known_place[k], known_night[k] = place[row], night_now[row]
                known_ahead[k] = next_trip_km[row]
                known_row[k], known_at[k], known_out[k] = row, at, -1
            # The stay before the first trip, then one after each.
            first_out, total_km = out, 0.0
            count = 0
            where, night, ahead = np.int64(place[row]), night_now[row], next_trip_km[row]
            stay_begins = begin
            stay_ends = departs_ms[k] if where >= 0 else begin
            first_trip = trip
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
                    known_km[found], nights[found] = ahead, night
                if trip < 0:
                    break
                k = source[trip]
                departs, arrives = departs_ms[k], arrives_ms[k]
                overlap = max(min(arrives, end) - max(departs, begin), 0)
                km = trip_km[k] * overlap / (arrives - departs)
                if departs >= begin:
                    out_vehicle[before_piece + out] = row
                    out_km[before_piece + out] = total_km
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
            out_now = before_piece + first_out
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
            there_now = arrives_ms[last] < end
            rows[at] = row
            ahead_km[at] = known_km[best] if count else next_km[last]
            moving += 1
            drivers[before_piece + driving] = row
            driving += 1 if total_km > 0.0 else 0
            community[row] = places[best] if count else -1
            plugged_part[row] = (at_place[best] if count else 0) / (end - begin)
            day_finished[row] = nights[best] if count else False
            driven_km[row], km_before_plug[row] = total_km, before_km
            next_trip_km[row] = next_km[last]
            place[row] = destination[last] if there_now else -1
            night_now[row] = there_now and night_follows[last]
            if alone:
                known[last] = True
                if out > first_out:
                    known_out[last] = before_piece + first_out
        written[piece, 0], written[piece, 1], written[piece, 2] = moving, out, driving


@kernel("i8[]=")
def ascends(rows: NDArray[np.int64]) -> bool:
    """Return whether each row is above the one before."""
    falls = 0
    for k in range(len(rows) - 1):
        falls += rows[k + 1] <= rows[k]
    return falls == 0


@kernel("i8[] i2[]! i2[] b1[]! b1[] f8[]! f8[]! f8[]!")
def stay_put(
    rows: NDArray[np.int64],
    community: NDArray[np.int16],
    place: NDArray[np.int16],
    day_finished: NDArray[np.bool_],
    night_now: NDArray[np.bool_],
    plugged_part: FloatArray,
    driven_km: FloatArray,
    km_before_plug: FloatArray,
) -> None:
    """Let vehicles that drove in the step before stay where they are, plugged in all the time."""
    for k in range(len(rows)):
        row = rows[k]
        community[row] = place[row]
        day_finished[row] = night_now[row]
        plugged_part[row] = 1.0
        driven_km[row] = 0.0
        km_before_plug[row] = 0.0
