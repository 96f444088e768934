"""What a simulation writes down of its vehicles in every step."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import usable_kwh
from hmesh.environment.moments import MS_PER_H
from hmesh.environment.trips import Whole
from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import first_recorded, write_rows
from hmesh.runs.schemes.vehicles.setting import VehicleSetting

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing
    from hmesh.runs.world.setting import Setting


def recorded_vehicles(setting: "Setting") -> int:
    """Return how many vehicles, counted from the first, are written down."""
    vehicles: VehicleSetting = setting.schemes["vehicles"]
    end = vehicles.first + len(vehicles.fleet)
    return max(first_recorded(setting.scenario.record.vehicles, end) - vehicles.first, 0)


def write_fleet(writer: RowWriter, setting: "Setting") -> None:
    """Write what never changes of the recorded vehicles."""
    vehicles: VehicleSetting = setting.schemes["vehicles"]
    recorded, fleet = recorded_vehicles(setting), vehicles.fleet
    rows = slice(recorded)
    names = (
        "capacity_kwh", "power_kw", "consumption_kwh_per_km", "lam", "theta", "v2g_kw", "soc_min",
        "soc_max", "soc_start", "charge_efficiency", "discharge_efficiency", "wanted_kwh",
        "miss_weight",
    )  # fmt: skip
    # Vehicles that are all alike are a group without a name.
    groups = vehicles.groups.names if vehicles.groups.names[0] else ()
    group = fleet["vehicle_group"][rows] if groups else np.full(recorded, -1, dtype=np.int16)
    writer.add(
        "fleet",
        {
            "vehicle": np.arange(recorded),
            "day_plan": Coded(fleet["day_plan"][rows], vehicles.plans.names),
            **{name: fleet[name][rows] for name in names},
            "group": Coded(group, groups),
            "model": Coded(fleet["model_row"][rows], vehicles.models),
            "home": Coded(fleet["home"][rows], setting.communities),
        },
    )


def write_departures(writer: RowWriter, vehicles: "VehicleSharing") -> None:
    """Write with how much the recorded vehicles set out that want energy at their departure."""
    departing = vehicles.departing
    if departing is None:
        return
    some = departing.vehicles < recorded_vehicles(vehicles.setting)
    if not some.any():
        return
    write_rows(
        writer,
        vehicles,
        "departures",
        {
            "vehicle": departing.vehicles[some] + vehicles.vehicles.first,
            "wanted_kwh": departing.wanted_kwh[some],
            "held_kwh": departing.held_kwh[some],
            "short_kwh": departing.short_kwh[some],
        },
    )


def write_step(writer: RowWriter, vehicles: "VehicleSharing") -> None:
    """Write what the recorded vehicles could do in a step, and did."""
    setting, simulation = vehicles.setting, vehicles.simulation
    recorded = min(recorded_vehicles(setting), vehicles.traffic.vehicles_there)
    if recorded == 0:
        return
    rows = slice(recorded)
    fleet = vehicles.fleet.population
    where: NDArray[np.int16] = fleet["community"][rows]
    prices = np.append(simulation.market.decision.community_price, np.nan)
    energy: FloatArray = vehicles.fleet.energy_at_plug_kwh(rows)
    part = vehicles.fleet.plugged_part[rows]
    plugged = part > 0
    lower, upper = vehicles.fleet.exchange_bounds(rows, energy, part)
    if vehicles.narrowed:
        for parked in vehicles.parked:
            there = parked.rows < recorded
            lower[parked.rows[there]] = parked.lower_kwh[there]
            upper[parked.rows[there]] = parked.upper_kwh[there]
    exchange = vehicles.exchange_kwh()[rows]
    _, unmet = vehicles.fleet.driven(rows, exchange)
    write_rows(
        writer,
        vehicles,
        "vehicles",
        {
            "vehicle": np.arange(recorded) + vehicles.vehicles.first,
            "community": Coded(where, setting.communities),
            "soc": fleet["energy_kwh"][rows] / fleet["capacity_kwh"][rows],
            "usable_kwh": usable_kwh(energy, fleet["capacity_kwh"][rows], fleet["soc_min"][rows]),
            "energy_kwh": exchange,
            "min_kwh": lower,
            "max_kwh": upper,
            "lam": fleet["lam"][rows],
            "theta": fleet["theta"][rows],
            "price": np.where(plugged, prices[where], np.nan),
            "driven_km": fleet["driven_km"][rows],
            "unmet_kwh": unmet,
            "plugged": plugged.astype(np.int64),
            "plugged_part": part,
        },
    )


def write_trips(writer: RowWriter, vehicles: "VehicleSharing") -> None:
    """Write the trips that begin in the step, once for all strategies."""
    setting, simulation = vehicles.setting, vehicles.simulation
    if simulation.strategy != setting.scenario.strategies[0]:
        return
    recorded = recorded_vehicles(setting)
    used = vehicles.vehicles.fleet["consumption_kwh_per_km"]

    def named(community: Whole) -> str | Coded:
        names = setting.communities
        return names[community] if isinstance(community, int) else Coded(community, names)

    for whole in vehicles.traffic.departed:
        batch = whole.where(whole.vehicles < recorded)
        rows = batch.vehicles
        if len(rows) == 0:
            continue
        writer.add(
            "trips",
            {
                "vehicle": rows,
                "departs": batch.departs_ms / MS_PER_H,
                "arrives": batch.arrives_ms / MS_PER_H,
                "origin": named(batch.origin),
                "destination": named(batch.destination),
                "km": batch.km,
                "energy_kwh": batch.km * used[rows],
            },
        )
