"""Typical charging: vehicles charge until full once their night at home has begun."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.messages import PlugIn
from hmesh.environment.row_blocks import added

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


def typical_charging(vehicles: "VehicleSharing") -> list[FloatArray]:
    """Let vehicles charge until full whose night at home has begun.

    For day workers that is after the last trip of the day, as in the source; for night
    workers it is by day. `hmesh.environment.night_at_home` defines which stay it is.
    """
    exchange, count = until_full(vehicles)
    each = zip(vehicles.parked, exchange, strict=True)
    plug_in(vehicles, count, added(here.total_kwh(energy) for here, energy in each))
    if (own := vehicles.own_tariffs) is not None:
        return [own.of_others(m, energy) for m, energy in enumerate(exchange)]
    return exchange


def until_full(vehicles: "VehicleSharing") -> tuple[list[FloatArray], int]:
    """Return what vehicles charge in their night at home, and how many are in it."""
    finished = vehicles.fleet.population["day_finished"]
    vehicles.fleet.population.heard["unpriced"] = True
    exchange = [np.where(finished[here.rows], here.upper_kwh, 0.0) for here in vehicles.parked]
    return exchange, sum(int(finished[here.rows].sum()) for here in vehicles.parked)


def plug_in(vehicles: "VehicleSharing", count: int, energy_kwh: float) -> None:
    """Let the utility hear how many vehicles are plugged in for the night."""
    vehicles.simulation.bus.send(
        PlugIn(
            step=vehicles.simulation.step_index,
            round=0,
            sender="vehicles",
            receiver="utility",
            count=count,
            energy_kwh=energy_kwh,
        )
    )
