"""Vehicles that drive in a step, moved as arrays of all their trips, with plugs and habits."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.drive_pieces import Moves
from hmesh.environment.plug_habits import PlugHabits
from hmesh.environment.plug_traffic import PlugTraffic
from hmesh.environment.population import Population
from hmesh.environment.stays import Moving, SettingOut, Stays, market_stay
from hmesh.environment.trips import TripBatch

ON_THE_ROAD = -1


def drive_by_rule(
    fleet: Population,
    trips: TripBatch,
    begin: int,
    end: int,
    plugs: PlugTraffic | None,
    habits: PlugHabits | None,
    step: int,
) -> Moves:
    """Move all vehicles with trips in a step; write their columns.

    Parameters
    ----------
    fleet : Population
        The vehicles.
    trips : TripBatch
        The trips under way in the step.
    begin, end : int
        The step [ms].
    plugs : PlugTraffic or None
        Who holds a plug and who waits; every vehicle is plugged in where it is parked without.
    habits : PlugHabits or None
        Who plugs in where it arrives; every vehicle does without.
    step : int
        Number of the step.
    """
    moving = Moving.of(trips)
    rows, trips = moving.vehicles, moving.trips
    stays = moving.stays(
        fleet["place"][rows], fleet["night_now"][rows], fleet["next_trip_km"][rows], begin, end
    )
    asks = None if habits is None else _asks(habits, fleet, moving, stays, begin, end, step)
    unplugged_ms, plugged_ms = stays.ends_ms, stays.length_ms
    if plugs is not None:
        for kind, at, place in (
            ("departs", np.asarray(trips.departs_ms), np.asarray(trips.origin)),
            ("arrives", np.asarray(trips.arrives_ms), np.asarray(trips.destination)),
        ):
            now = (at >= begin) & (at < end) & (place >= 0)
            km = np.asarray(trips.km)[now]
            plugs.note(kind, at[now], trips.vehicles[now], place[now], km)
        plugged_in_ms, unplugged_ms, plug = plugs.serve(rows, stays, begin, end, asks)
        plugged_ms = unplugged_ms - plugged_in_ms
    elif asks is not None:
        plugged_ms = np.where(asks, plugged_ms, 0)
    places = 1 + int(stays.place.max(initial=0))
    stay, at_plug_ms = market_stay(stays, plugged_ms, len(rows), places)
    parked = stay >= 0
    if plugs is not None:
        plugs.exchange_at(stay[at_plug_ms > 0])
        plugs.rate(rows[parked], stays.place[stay[parked]], plug[stay[parked]])
    fleet["community"][rows] = np.where(parked, stays.place[stay], ON_THE_ROAD)
    fleet["plugged_part"][rows] = at_plug_ms / (end - begin)
    fleet["day_finished"][rows] = parked & stays.night[stay]
    km = moving.driven_km(begin, end)
    so_far = moving.so_far_km(km)
    fleet["driven_km"][rows] = np.bincount(moving.owner, km, len(rows))
    # A trip ahead of the last moment at the plug is one that leads there.
    unplugs_ms = np.where(at_plug_ms > 0, unplugged_ms[stay], 0)
    leads_there = np.asarray(trips.departs_ms) < unplugs_ms[moving.owner]
    out = (np.asarray(trips.departs_ms) >= begin) & (np.asarray(trips.origin) >= 0)
    setting_out = SettingOut(
        trips.vehicles[out], so_far[out], ~leads_there[out], np.asarray(trips.km)[out]
    )
    km = np.where(leads_there, km, 0.0)
    fleet["km_before_plug"][rows] = np.bincount(moving.owner, km, len(rows))
    last_km = np.asarray(trips.next_km)[moving.last]
    fleet["next_trip_km"][rows] = last_km
    ahead_km = np.where(parked, stays.next_km[stay], last_km)
    there = np.asarray(trips.arrives_ms)[moving.last] < end
    destination = np.asarray(trips.destination)[moving.last]
    fleet["place"][rows] = np.where(there, destination, ON_THE_ROAD)
    fleet["night_now"][rows] = there & np.asarray(trips.night_follows)[moving.last]
    return Moves(rows, None, ahead_km, setting_out)


def _asks(
    habits: PlugHabits,
    fleet: Population,
    moving: Moving,
    stays: Stays,
    begin: int,
    end: int,
    step: int,
) -> NDArray[np.bool_]:
    """Let vehicles that arrive plug in or not; return in which stays they do.

    They go by the state of charge with which the step began, less what they have driven since.
    """
    rows, trips = moving.vehicles, moving.trips
    asks: NDArray[np.bool_] = fleet["plugs_in"][rows][stays.owner]
    after = np.flatnonzero(stays.arrives)
    arrived = np.asarray(trips.arrives_ms) < end
    driven = np.cumsum(km := moving.driven_km(begin, end))
    driven -= (driven - km)[moving.first][moving.owner]
    vehicles = trips.vehicles
    used = driven * fleet["consumption_kwh_per_km"][vehicles]
    left = np.maximum(fleet["energy_kwh"][vehicles] - used, 0.0)
    places = np.asarray(trips.destination)
    asks[after[arrived]] = habits.decide(vehicles[arrived], places[arrived], left[arrived], step)
    last = arrived[moving.last]
    fleet["plugs_in"][rows[last]] = asks[after[moving.last[last]]]
    return asks
