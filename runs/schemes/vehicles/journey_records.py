"""What a simulation writes down of vehicles whose battery does not reach."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.journeys import Journeys
from hmesh.environment.moments import MS_PER_H, step_moment
from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import write_rows
from hmesh.runs.schemes.vehicles.records import recorded_vehicles

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


def write_journeys(writer: RowWriter, vehicles: "VehicleSharing", journeys: Journeys) -> None:
    """Write the stops that end in a step, and the trips found late or not made in it."""
    recorded = recorded_vehicles(vehicles.setting)
    stops = list(journeys.stops)
    if vehicles.simulation.last_step:
        step, step_h = vehicles.simulation.step_index, vehicles.simulation.step_h
        stops += journeys.open_stops(step_moment(step + 1, step_h))
    stops = [stop for stop in stops if stop.vehicle < recorded]
    changed = [trip for trip in journeys.changed if trip.vehicle < recorded]
    if stops:
        names = tuple(dict.fromkeys(stop.kind for stop in stops))
        moments = {
            name: np.array([getattr(stop, f"{of}_ms") for stop in stops]) / MS_PER_H
            for name, of in (("arrives", "arrived"), ("plug_in", "from"), ("plug_out", "to"))
        }
        moments["plug_out"][moments["plug_out"] < 0] = np.nan
        places = np.array([stop.place for stop in stops])
        kinds = np.array([names.index(stop.kind) for stop in stops])
        writer.add(
            "stops",
            {
                "strategy": vehicles.simulation.strategy,
                "vehicle": np.array([stop.vehicle for stop in stops]),
                "community": Coded(places, vehicles.setting.communities),
                "charger": Coded(kinds, names),
                **moments,
                "energy_kwh": np.array([stop.drawn_kwh for stop in stops]),
            },
        )
    if changed:
        meant = np.array([(trip.departs_ms, trip.arrives_ms) for trip in changed]) / MS_PER_H
        actual = np.array([(trip.set_out_ms, trip.arrived_ms) for trip in changed])
        made = actual[:, 0] >= 0
        planned = np.array([(trip.departs_ms, trip.arrives_ms) for trip in changed])
        late = np.where(made[:, None], (actual - planned) / MS_PER_H, np.nan)
        write_rows(
            writer,
            vehicles,
            "changed_trips",
            {
                "vehicle": np.array([trip.vehicle for trip in changed]),
                "departs": meant[:, 0],
                "arrives": meant[:, 1],
                "made": made.astype(np.int64),
                "departs_late_h": late[:, 0],
                "late_h": late[:, 1],
                "stops": np.array([trip.stops for trip in changed]),
                "departed": np.where(made, actual[:, 0] / MS_PER_H, np.nan),
                "arrived": np.where(made, actual[:, 1] / MS_PER_H, np.nan),
            },
        )
