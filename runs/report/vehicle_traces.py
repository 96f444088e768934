"""Where single vehicles are and how full they are, for the moving map."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.pictures.run_data import RunData, codes_of
from hmesh.runs.report.map_selection import Window
from hmesh.runs.report.trips_made import change_on_their_way, drives_made

ON_THE_ROAD = 65_535
NOT_THERE = 65_534
SOC_UNITS = 250


def vehicle_traces(data: RunData, window: Window) -> dict[str, Any] | None:
    """Return the vehicles of a window, None where none was recorded.

    Returns
    -------
    dict
        ``where``, shape (steps, vehicles): community in which each is parked, `ON_THE_ROAD` or
        `NOT_THERE`; ``soc``, shape (strategies, steps, vehicles): state of charge as each step
        begins [1/SOC_UNITS]; ``trips``: ``departs`` and ``arrives`` [h since the start of the run],
        ``origin`` and ``destination`` of each trip, ordered by vehicle and time, and in ``first``
        the place of the first trip of each vehicle; ``made``, a list with the same of the drives
        made, ``where`` included, for each strategy, empty where all trips are made as meant.
    """
    vehicles = window.vehicles
    if len(vehicles) == 0:
        return None
    strategies = len(data.strategies)
    where = np.full((strategies, window.steps, len(vehicles)), NOT_THERE, dtype=np.uint16)
    soc = np.zeros((len(data.strategies), window.steps, len(vehicles)), dtype=np.uint8)
    for steps, values in data.vehicle_blocks(["community", "soc"], vehicles):
        begin, end = max(steps.start, window.first), min(steps.stop, window.last)
        if begin >= end:
            continue
        rows = slice(begin - steps.start, end - steps.start)
        here = slice(begin - window.first, end - window.first)
        known = values["soc"][rows]
        community = values["community"][rows]
        parked = np.where(np.isnan(community), ON_THE_ROAD, community)
        where[:, here] = np.where(np.isnan(known), NOT_THERE, parked).transpose(1, 0, 2)
        scaled = np.rint(np.nan_to_num(known) * SOC_UNITS)
        soc[:, here] = np.clip(scaled, 0, SOC_UNITS).transpose(1, 0, 2)
    # Vehicles are at the same places under every strategy, unless they stop on their way.
    meant = trip_columns(data, [("vehicle", "in", vehicles.tolist())])
    made = []
    if change_on_their_way(data):
        made = [
            {"where": where[s], **_trips(data, window, drives_made(data, meant, strategy))}
            for s, strategy in enumerate(data.strategies)
        ]
    trips = _trips(data, window, meant)
    return {"where": where[0], "soc": soc, "trips": trips, "made": made}


def trip_columns(data: RunData, filters: Any = None) -> dict[str, NDArray[Any]]:
    """Return the trips of a run as arrays, those of a vehicle together and in their order.

    Returns
    -------
    dict
        ``vehicle``; ``departs`` and ``arrives`` [h since the start of the run]; ``origin`` and
        ``destination`` as numbers of communities; ``km``; ``energy_kwh``.
    """
    rows = data.run.table("trips", filters=filters)
    start_ms = round(data.timeline.calendar.start.timestamp() * 1000)
    found: dict[str, NDArray[Any]] = {
        name: rows.column(name).to_numpy() for name in ("vehicle", "km", "energy_kwh")
    }
    for name in ("departs", "arrives"):
        at_ms = rows.column(name).cast("int64").to_numpy()
        found[name] = (at_ms - start_ms) / 3_600_000
    for name in ("origin", "destination"):
        found[name] = codes_of(rows.column(name), data.communities)
    order = np.lexsort((found["departs"], found["vehicle"]))
    return {name: values[order] for name, values in found.items()}


def _trips(
    data: RunData, window: Window, trips: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    step_h = data.step_h
    inside = (trips["arrives"] > window.first * step_h) & (trips["departs"] < window.last * step_h)
    trips = {name: values[inside] for name, values in trips.items()}
    first = np.searchsorted(trips["vehicle"], [*window.vehicles, data.recorded])
    places = {name: trips[name].astype(np.uint16) for name in ("origin", "destination")}
    times = {name: trips[name].astype(np.float32) for name in ("departs", "arrives")}
    return {"first": first.astype(np.uint32), **places, **times}
