"""Where vehicles that drive in a step stay in it, and at which place they take part in its market.

Trips, stays and plugs are arrays ordered by vehicle and time; moments are whole milliseconds, so
that the parts of a step add up to it exactly.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.trips import TripBatch


@dataclass(frozen=True, slots=True)
class Stays:
    """The stays of some vehicles within a step, ordered by vehicle and time.

    Attributes
    ----------
    owner : array of int, shape (n,)
        Number of the vehicle, among those that drive.
    place : array of int, shape (n,)
        Community.
    begins_ms, ends_ms : array of int, shape (n,)
        From when to when within the step [ms]; equal where it has not arrived by the step's end.
    arrives : array of bool, shape (n,)
        Whether the vehicle arrives there, instead of being there since before the step.
    night : array of bool, shape (n,)
        Whether it is the vehicle's night at home.
    next_km : array, shape (n,)
        Length of the trip that the vehicle knows to come next [km].
    """

    owner: NDArray[np.intp]
    place: NDArray[np.int64]
    begins_ms: NDArray[np.int64]
    ends_ms: NDArray[np.int64]
    arrives: NDArray[np.bool_]
    night: NDArray[np.bool_]
    next_km: FloatArray

    @classmethod
    def nowhere(cls) -> "Stays":
        """Return no stays."""
        whole, none = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_)
        return cls(whole, whole, whole, whole, none, none, np.empty(0))

    @property
    def length_ms(self) -> NDArray[np.int64]:
        """Length of each [ms]."""
        return self.ends_ms - self.begins_ms


@dataclass(frozen=True, slots=True)
class Moving:
    """Vehicles that drive in a step, or arrive as it begins, and their trips.

    Attributes
    ----------
    vehicles : array of int, shape (n,)
        Rows of the fleet, ascending.
    trips : TripBatch
        All trips of the step by vehicle and time, each value an array.
    owner : array of int, shape (trips,)
        Number of the vehicle of each trip, from 0 to n - 1.
    first, last : array of int, shape (n,)
        The first and the last trip of each vehicle.
    """

    vehicles: NDArray[np.intp]
    trips: TripBatch
    owner: NDArray[np.intp]
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    @classmethod
    def of(cls, trips: TripBatch) -> "Moving":
        """Order trips by vehicle and time."""
        order = np.lexsort((np.asarray(trips.departs_ms), trips.vehicles))
        trips = trips.where(order)
        vehicle = trips.vehicles
        opens = np.ones(len(vehicle), dtype=np.bool_)
        opens[1:] = vehicle[1:] != vehicle[:-1]
        first = np.flatnonzero(opens)
        last = np.append(first[1:], len(vehicle)) - 1
        return cls(vehicle[first], trips, np.cumsum(opens) - 1, first, last)

    def stays(
        self,
        place: NDArray[np.integer],
        night: NDArray[np.bool_],
        next_km: FloatArray,
        begin_ms: int,
        end_ms: int,
    ) -> Stays:
        """Return where the vehicles stay within a step.

        Parameters
        ----------
        place : array of int, shape (n,)
            Community in which each vehicle is as the step begins, below 0 on the road.
        night : array of bool, shape (n,)
            Whether it is in its night at home then.
        next_km : array, shape (n,)
            Length of the trip that it knows to come next then [km].
        begin_ms, end_ms : int
            The step.
        """
        trips, count = self.trips, len(self.vehicles)
        # A vehicle has one stay more than trips: one before the first, and one after each.
        before = self.first + np.arange(count)
        after = np.arange(len(self.owner)) + self.owner + 1
        size = count + len(self.owner)
        owner = np.empty(size, dtype=np.intp)
        owner[before], owner[after] = np.arange(count), self.owner
        where, begins, ends = (np.empty(size, dtype=np.int64) for _ in range(3))
        nights, kms = np.empty(size, dtype=np.bool_), np.empty(size)
        arrives = np.ones(size, dtype=np.bool_)
        departs = np.asarray(trips.departs_ms)
        where[before], where[after] = place, trips.destination
        nights[before], nights[after] = night, trips.night_follows
        kms[before], kms[after] = next_km, trips.next_km
        arrives[before] = False
        begins[before], begins[after] = begin_ms, trips.arrives_ms
        ends[before] = np.where(np.asarray(place) >= 0, departs[self.first], begin_ms)
        following = np.append(departs[1:], end_ms)
        following[self.last] = end_ms
        ends[after] = following
        # A stop on the way is no stay.
        ends = np.where(where < 0, begin_ms, ends)
        begins = np.clip(begins, begin_ms, end_ms)
        ends = np.maximum(np.clip(ends, begin_ms, end_ms), begins)
        return Stays(owner, where, begins, ends, arrives, nights, kms)

    def driven_km(self, begin_ms: int, end_ms: int) -> FloatArray:
        """Return what of each trip is driven within a step, shape (trips,) [km]."""
        trips = self.trips
        begins = np.maximum(trips.departs_ms, begin_ms)
        overlap = np.maximum(np.minimum(trips.arrives_ms, end_ms) - begins, 0)
        whole = np.asarray(trips.arrives_ms) - np.asarray(trips.departs_ms)
        km: FloatArray = trips.km * overlap / whole
        return km

    def so_far_km(self, km: FloatArray) -> FloatArray:
        """Return what vehicles have driven in a step before each trip, shape (trips,) [km].

        Parameters
        ----------
        km : array, shape (trips,)
            What of each trip is driven within the step [km].
        """
        number = np.arange(len(km)) - self.first[self.owner]
        so_far = np.zeros(len(km))
        # Each vehicle's own are added up, whatever the others drive.
        for k in range(1, 1 + int(number.max(initial=0))):
            later = np.flatnonzero(number == k)
            so_far[later] = so_far[later - 1] + km[later - 1]
        return so_far


@dataclass(frozen=True, slots=True)
class SettingOut:
    """Vehicles that set out in a step, a row for each trip, by vehicle and time.

    Attributes
    ----------
    vehicles : array of int, shape (n,)
        Rows of the fleet.
    km_so_far : array, shape (n,)
        Distance driven in the step before the trip [km].
    after_plug : array of bool, shape (n,)
        Whether it has left the plug by then at which it exchanges energy in the step.
    km : array, shape (n,)
        Length of the trip [km].
    """

    vehicles: NDArray[np.intp]
    km_so_far: FloatArray
    after_plug: NDArray[np.bool_]
    km: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def nobody(cls) -> "SettingOut":
        """Return that nobody sets out."""
        return cls(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0, dtype=np.bool_))


def market_stay(
    stays: Stays, plugged_ms: NDArray[np.int64], vehicles: int, places: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the stay with which each vehicle takes part in the market of a step.

    It takes part where it is plugged in longest, all stays at a place together; of equally long
    ones where it is first. A vehicle that is plugged in nowhere counts as parked where it stays
    longest.

    Parameters
    ----------
    stays : Stays
        The stays of the step.
    plugged_ms : array of int, shape (stays,)
        How long the vehicle is plugged in during each [ms].
    vehicles, places : int
        How many vehicles and communities there are.

    Returns
    -------
    stay : array of int, shape (vehicles,)
        The last stay at that place; -1 where the vehicle is on the road all the time.
    plugged_ms : array of int, shape (vehicles,)
        How long it is plugged in there [ms].
    """
    chosen = np.full(vehicles, -1, dtype=np.intp)
    total = np.zeros(vehicles, dtype=np.int64)
    ever = np.bincount(stays.owner, plugged_ms, vehicles) > 0
    counts = np.where(ever[stays.owner], plugged_ms, stays.length_ms) > 0
    some = np.flatnonzero(counts)
    if len(some) == 0:
        return chosen, total
    key = stays.owner[some] * places + stays.place[some]
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    plugged = np.bincount(group, plugged_ms[some])
    length = np.bincount(group, stays.length_ms[some])
    last = np.empty(len(first), dtype=np.intp)
    last[group] = some  # Of several at a place the last one remains.
    owner = stays.owner[some][first]
    order = np.lexsort((first, -length, -plugged, owner))
    opens = np.ones(len(order), dtype=np.bool_)
    opens[1:] = owner[order][1:] != owner[order][:-1]
    best = order[opens]
    chosen[owner[best]] = last[best]
    total[owner[best]] = plugged[best].astype(np.int64)
    return chosen, total
