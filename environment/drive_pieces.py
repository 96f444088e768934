"""Vehicles that drive in a step, moved by the kernel, a piece of the fleet at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.drive_kernel import ascends, drive
from hmesh.environment.population import Population
from hmesh.environment.row_threads import PIECE_ROWS, at_once, over_pieces
from hmesh.environment.stays import SettingOut
from hmesh.environment.trips import TripBatch

type Columns = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64],
    FloatArray, NDArray[np.bool_], FloatArray,
]  # fmt: skip

# Columns of the fleet that driving writes.
WRITTEN = (
    "place", "community", "night_now", "day_finished", "plugged_part", "driven_km",
    "km_before_plug", "next_trip_km",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moves:
    """The vehicles with trips in a step.

    Attributes
    ----------
    rows : array of int, shape (n,)
        Their rows of the fleet, ascending.
    drivers : array of int, shape (drivers,), or None
        Rows of those that drive in the step; None where the columns of the fleet alone show it.
    ahead_km : array, shape (n,)
        Length of the trip whose energy each keeps back [km].
    setting_out : SettingOut
        Those that set out.
    """

    rows: NDArray[np.intp]
    drivers: NDArray[np.intp] | None
    ahead_km: FloatArray
    setting_out: SettingOut


def drive_in_pieces(fleet: Population, trips: Sequence[TripBatch], begin: int, end: int) -> Moves:
    """Move all vehicles with trips in a step; write their columns.

    Parameters
    ----------
    fleet : Population
        The vehicles.
    trips : sequence of TripBatch
        The trips under way in the step, at least one.
    begin, end : int
        The step [ms].
    """
    vehicle, base, alike, columns = columns_of(trips)
    # Of batches in another order a piece is the whole fleet.
    rows = len(vehicle)
    ordered = all(at_once(trips, lambda each: ascends(np.ascontiguousarray(each.vehicles)), rows))
    piece = PIECE_ROWS if ordered else len(fleet)
    pieces = -(-len(fleet) // piece)
    edges = np.append(np.arange(pieces) * piece, len(fleet))
    begins = np.cumsum([0, *(len(each.vehicles) for each in trips)])[:-1].tolist()
    bounds = np.array(
        [
            first + (each.vehicles.searchsorted(edges) if ordered else _all_of(each))
            for first, each in zip(begins, trips, strict=True)
        ]
    )
    moved, drivers, out_vehicle = (np.empty(rows, dtype=np.int64) for _ in range(3))
    ahead_km, out_km = np.empty(rows), np.empty(rows)
    after_plug = np.empty(rows, dtype=np.bool_)
    written = np.zeros((pieces, 3), dtype=np.int64)
    given = vehicle, bounds, base, alike, *columns, 2 + int(columns[2].max()), begin, end
    of_fleet = [fleet[name] for name in WRITTEN]
    room = moved, ahead_km, drivers, out_vehicle, out_km, after_plug, written

    def move(first: int, last: int) -> None:
        drive(first // piece, -(-last // piece), piece, *given, *of_fleet, *room)

    if ordered:
        over_pieces(len(fleet), move)
    else:
        move(0, len(fleet))
    # Each piece has written where as many as the trips of the pieces before are.
    starts = (bounds - bounds[:, :1]).sum(axis=0)[:-1]
    moving, kept_km = _without_gaps(starts, written[:, 0], moved, ahead_km)
    out = _without_gaps(starts, written[:, 1], out_vehicle, out_km, after_plug)
    [drive_now] = _without_gaps(starts, written[:, 2], drivers)
    return Moves(moving, drive_now, kept_km, SettingOut(*out))


def _all_of(batch: TripBatch) -> NDArray[np.int64]:
    """Return where the trips of a batch begin and end."""
    return np.array([0, len(batch.vehicles)])


def _without_gaps(
    starts: NDArray[np.int64], counts: NDArray[np.int64], *columns: NDArray[Any]
) -> list[Any]:
    """Return columns of which pieces have written some rows each, from a start on."""
    whole = int(counts.sum())
    if np.array_equal(starts, np.cumsum(counts) - counts):
        return [each[:whole] for each in columns]
    parts = [slice(a, a + n) for a, n in zip(starts.tolist(), counts.tolist(), strict=True)]
    return [np.concatenate([each[part] for part in parts]) for each in columns]


def columns_of(
    batches: Sequence[TripBatch],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], Columns]:
    """Return the vehicle of each trip of some batches, and the columns of their trips.

    A batch whose trips are all alike has one row of the columns.

    Returns
    -------
    vehicle : array of int, shape (trips,)
        Row of the fleet of each, batch after batch.
    base : array of int, shape (batches,)
        Row of the first trip of each batch in the columns.
    alike : array of bool, shape (batches,)
        Whether all of its trips have that row.
    columns : tuple of array, shape (rows,)
        Departure, arrival, destination, length, whether the night follows, and the length of the
        next trip.
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
    base = np.cumsum([0, *sizes])[:-1]

    def joined(name: str, kind: type) -> NDArray[np.generic]:
        values: NDArray[np.generic] = np.empty(sum(sizes), dtype=kind)
        for each, first, size in zip(batches, base.tolist(), sizes, strict=True):
            values[first : first + size] = getattr(each, name)
        return values

    names = ("departs_ms", "arrives_ms", "destination", "km", "night_follows", "next_km")
    kinds = (np.int64, np.int64, np.int64, np.float64, np.bool_, np.float64)
    columns: Columns = tuple(joined(*each) for each in zip(names, kinds, strict=True))  # type: ignore[assignment]
    return vehicle, base, np.array(alike), columns
