"""What the live view shows of vehicles: where they are, and how full their batteries."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.journey_records import AT_STOP
from hmesh.environment.journeys import Journeys
from hmesh.environment.moments import step_moment
from hmesh.environment.plug_traffic import NOT_ASKING
from hmesh.environment.traffic import ABSENT
from hmesh.environment.trips import TripBatch
from hmesh.runs.live.chart_style import amount
from hmesh.runs.live.readings import Reading, Roads, SchemeLive
from hmesh.runs.live.roadmap import OnTheRoad, geometry
from hmesh.runs.schemes.vehicles.carried_energy import CarriedEnergy
from hmesh.runs.schemes.vehicles.step import VehicleSharing
from hmesh.runs.world.setting import Setting

# Vehicles of a road are spread over it by this, the golden section, so that no two meet.
_SPREAD = 0.6180339887498949
LANE = 0.03
MOST_DOTS = 600


class VehiclesLive(SchemeLive):
    """Vehicles in the live view."""

    def soc(self, scheme: Any) -> tuple[float, float]:
        """Return what the batteries of all vehicles that are there hold and could hold [kWh]."""
        fleet = scheme.fleet.population
        there = fleet["community"] != ABSENT
        return float(fleet["energy_kwh"][there].sum()), float(fleet["capacity_kwh"][there].sum())

    def line(self, scheme: Any, reading: Reading, community: int) -> str:
        """Return how many vehicles are plugged in in a community, and what they do."""
        moved = float(reading.hour_kwh["ev_kwh"][community])
        doing = "charge" if moved >= 0 else "deliver"
        parked = int(scheme.present[community])
        text = f", {doing} {amount(abs(moved), 0)} kWh" if moved else ""
        queue = ""
        if scheme.plugs is not None and scheme.fleet.chargers:
            fleet = scheme.fleet.population
            asks = (fleet["asks_since_ms"] != NOT_ASKING) & (fleet["plug"] < 0)
            waiting = int((asks & (fleet["place"] == community)).sum())
            queue = f", {waiting:,} waiting" if waiting else ""
        return f"{parked:,} plugged in{queue}{text}"

    def roads(self, setting: Any) -> Roads:
        """Return what follows the vehicles on the roads."""
        return VehicleRoads(setting)


class VehicleRoads(Roads):
    """Follows the vehicles of a world on their ways.

    Parameters
    ----------
    setting : Setting
        The world before anybody acts in it.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.geometry = geometry(setting)
        self._under_way: list[TripBatch] = []
        vehicles = len(setting.schemes["vehicles"].fleet)
        self.carried = CarriedEnergy.of(vehicles, len(setting.communities))

    def read(self, scheme: VehicleSharing) -> OnTheRoad:
        """Return where the vehicles are in the step that is now, which must follow the last read.

        Each vehicle is shown at a moment of its own within the step, so that those of a road are
        spread over what they drive in it.
        """
        step, fleet = scheme.simulation.step_index, scheme.fleet.population
        begin_ms, end_ms = (step_moment(k, scheme.simulation.step_h) for k in (step, step + 1))
        self._under_way = [
            batch
            for batch in (*self._under_way, *scheme.traffic.departed)
            if np.any(np.asarray(batch.arrives_ms) > begin_ms)
        ]
        here = np.full((len(fleet), 2), np.nan)
        for batch in self._under_way:
            rows = batch.vehicles
            begin, end, origin, destination = (
                np.broadcast_to(part, rows.shape)
                for part in (
                    batch.departs_ms, batch.arrives_ms, batch.origin, batch.destination
                )
            )  # fmt: skip
            at_ms = begin_ms + (rows * _SPREAD) % 1.0 * (end_ms - begin_ms)
            done = (at_ms - begin) / (end - begin)
            now = (done >= 0) & (done <= 1)
            here[rows[now]] = self._along(origin[now], destination[now], done[now])
        if scheme.journeys is not None:
            self._as_they_go(here, scheme, scheme.journeys, (begin_ms, end_ms))
        shown = np.flatnonzero(np.isfinite(here[:, 0]))
        vehicles = len(shown)
        each = max(-(-len(shown) // MOST_DOTS), 1)
        dots = shown[::each]
        soc = fleet["energy_kwh"][dots] / fleet["capacity_kwh"][dots]
        carried = None if self.carried is None else self.carried.read(scheme)
        return OnTheRoad(here[dots], soc, each, vehicles, carried)

    def _as_they_go(
        self,
        here: FloatArray,
        scheme: VehicleSharing,
        journeys: Journeys,
        span: tuple[int, int],
    ) -> None:
        """Put vehicles that stop on their way where they are, and none on the road that stays."""
        begin_ms, end_ms = span
        here[scheme.fleet.population["driven_km"] == 0.0] = np.nan
        for vehicle, journey in journeys.by_vehicle.items():
            at_ms = begin_ms + (vehicle * _SPREAD) % 1.0 * (end_ms - begin_ms)
            if at_ms < journey.set_out_ms:
                here[vehicle] = np.nan
                continue
            trip, km = journey.trip, journey.done_km
            if journey.stage != AT_STOP:
                whole = journey.at_ms - journey.leg_from_ms
                part = (at_ms - journey.leg_from_ms) / whole if whole else 1.0
                km += journey.leg_km * min(max(part, 0.0), 1.0)
            share = np.array([km / trip.km if trip.km else 1.0])
            ends = np.array([trip.origin]), np.array([trip.destination])
            here[vehicle] = self._along(*ends, share)[0]

    def _along(self, origin: Any, destination: Any, done: Any) -> FloatArray:
        """Return places after shares of ways, in the lane to the right, shape (vehicles, 2)."""
        at = np.empty((len(done), 2))
        pairs = np.column_stack((origin, destination))
        for ends in np.unique(pairs, axis=0).tolist():
            mine = (pairs == ends).all(axis=1)
            line, behind = self.geometry.way(*ends)
            leg = np.clip(np.searchsorted(behind, done[mine], side="right") - 1, 0, len(line) - 2)
            whole = np.maximum(behind[leg + 1] - behind[leg], 1e-12)
            share = ((done[mine] - behind[leg]) / whole)[:, np.newaxis]
            way = line[leg + 1] - line[leg]
            at[mine] = line[leg] + share * way + LANE * _to_the_right(way)
        return at


def _to_the_right(way: FloatArray) -> FloatArray:
    """Return the direction to the right of each way, of length 1; none for a way to nowhere."""
    length = np.hypot(way[:, 0], way[:, 1])[:, np.newaxis]
    across = np.column_stack((way[:, 1], -way[:, 0]))
    right: FloatArray = np.divide(across, length, out=np.zeros_like(across), where=length > 0)
    return right
