"""What a simulation writes down of plugs: chargers, sessions and events."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.moments import MS_PER_H, step_moment
from hmesh.environment.plug_traffic import NEVER_MS, PlugTraffic, Sessions
from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import write_rows
from hmesh.runs.schemes.vehicles.records import recorded_vehicles

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


def write_plugs(writer: RowWriter, vehicles: "VehicleSharing", plugs: PlugTraffic) -> None:
    """Write the chargers of a step, and what the scenario asks for of sessions and events."""
    record = vehicles.setting.scenario.record
    if plugs.limited.any():
        _write_chargers(writer, vehicles, plugs)
    if record.sessions and plugs.ended:
        _write_sessions(writer, vehicles, plugs, Sessions.joined(plugs.ended))
    if record.sessions and vehicles.simulation.last_step:
        _write_sessions(writer, vehicles, plugs, plugs.open_sessions())
    if record.events:
        note_events(vehicles, plugs)


def _write_chargers(writer: RowWriter, vehicles: "VehicleSharing", plugs: PlugTraffic) -> None:
    step, step_h = vehicles.simulation.step_index, vehicles.simulation.step_h
    length_ms = step_moment(step + 1, step_h) - step_moment(step, step_h)
    places = np.flatnonzero(plugs.limited)
    write_rows(
        writer,
        vehicles,
        "chargers",
        {
            "community": Coded(places, vehicles.setting.communities),
            "plugs_taken": plugs.taken_ms[places] / length_ms,
            "waiting": plugs.waiting_ms[places] / length_ms,
            "arrivals": plugs.arrivals[places],
            "without_plug": plugs.unplugged[places],
        },
    )


def _write_sessions(
    writer: RowWriter, vehicles: "VehicleSharing", plugs: PlugTraffic, ended: Sessions
) -> None:
    order = np.lexsort((ended.vehicles, ended.to_ms))
    order = order[ended.vehicles[order] < recorded_vehicles(vehicles.setting)]
    if len(order) == 0:
        return
    rows, place, plug = (each[order] for each in (ended.vehicles, ended.place, ended.plug))
    exchanged = np.where(ended.in_market[order], vehicles.session_kwh()[rows], 0.0)
    # Names of kinds one community after another, so that a number stands for each.
    given = [kind.name for kinds in plugs.chargers for kind in kinds]
    names = tuple(dict.fromkeys(given))
    code = np.array([*(names.index(name) for name in given), -1])
    first = np.cumsum([0, *(len(kinds) for kinds in plugs.chargers)])
    writer.add(
        "sessions",
        {
            "strategy": vehicles.simulation.strategy,
            "vehicle": rows,
            "community": Coded(place, vehicles.setting.communities),
            "charger": Coded(code[np.where(plug < 0, -1, first[place] + plug)], names),
            "arrives": ended.arrived_ms[order] / MS_PER_H,
            "plug_in": ended.from_ms[order] / MS_PER_H,
            "plug_out": np.where(
                ended.to_ms[order] == NEVER_MS, np.nan, ended.to_ms[order] / MS_PER_H
            ),
            "energy_kwh": ended.drawn_kwh[order] + np.maximum(exchanged, 0.0),
            "delivered_kwh": ended.delivered_kwh[order] + np.maximum(-exchanged, 0.0),
        },
    )


def note_events(vehicles: "VehicleSharing", plugs: PlugTraffic) -> None:
    """Let the log of the world know what happens to the recorded vehicles in the step."""
    recorded = recorded_vehicles(vehicles.setting)
    for each in plugs.happened:
        mine = each.vehicles < recorded
        vehicles.simulation.log.note(
            each.kind, "vehicle", each.at_ms[mine], each.vehicles[mine], each.place[mine],
            each.value[mine],
        )  # fmt: skip
