"""Vehicles at stops on their way, which draw what they need to arrive, at whatever price."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.battery import charged

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


def charge_at_stops(sharing: "VehicleSharing") -> None:
    """Let vehicles at stops draw what they need, whatever the price will be.

    Their rows become ``sharing.at_stops``, and what is drawn in each community
    ``sharing.way_kwh`` [kWh].
    """
    places = len(sharing.setting.communities)
    sharing.at_stops, sharing.way_kwh = np.empty(0, dtype=np.intp), np.zeros(places)
    if sharing.journeys is None:
        return
    fleet = sharing.fleet.population
    rows = np.flatnonzero((fleet["way_kwh"] > 0.0) & (fleet["community"] >= 0))
    sharing.at_stops = rows
    sharing.way_kwh = np.bincount(fleet["community"][rows], fleet["way_kwh"][rows], places)
    if sharing.started:
        nodes = sharing.vehicles.connections
        sharing.simulation.draw("ev_kwh", np.arange(places), nodes, sharing.way_kwh)


def move_at_stops(sharing: "VehicleSharing") -> None:
    """Let batteries take what they charge on the way."""
    rows, fleet = sharing.at_stops, sharing.fleet
    if len(rows):
        into, out_of = (
            fleet.each(name, rows) for name in ("charge_efficiency", "discharge_efficiency")
        )
        held, drawn = fleet.energy_at_plug_kwh(rows), fleet.population["way_kwh"][rows]
        fleet.population["energy_kwh"][rows] = charged(held, drawn, into, out_of)
