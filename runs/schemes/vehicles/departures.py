"""With how much energy vehicles set out, and what they lack of what they want."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing

# Less than this is no energy that anybody misses [kWh].
NOTHING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Departing:
    """Vehicles that set out in a step and want energy then, one for each trip.

    Attributes
    ----------
    vehicles : array of int, shape (n,)
        Their rows.
    wanted_kwh, held_kwh : array, shape (n,)
        Stored energy that each wants, and has as it sets out [kWh]: where it leaves its plug of the
        step, what it exchanges there in it included.
    """

    vehicles: NDArray[np.intp]
    wanted_kwh: FloatArray
    held_kwh: FloatArray

    @property
    def short_kwh(self) -> FloatArray:
        """What each lacks [kWh], shape (n,)."""
        return np.maximum(self.wanted_kwh - self.held_kwh, 0.0)

    @property
    def is_short(self) -> NDArray[np.bool_]:
        """Whether each lacks any, shape (n,)."""
        return self.short_kwh > NOTHING

    @property
    def short(self) -> int:
        """How many lack any."""
        return int(np.count_nonzero(self.is_short))


def departing_of(sharing: "VehicleSharing") -> Departing | None:
    """Return who sets out in the step; None where no vehicle wants energy at its departure."""
    if not sharing.fleet.departures:
        return None
    fleet = sharing.fleet.population
    weight = fleet["miss_weight"]
    out = sharing.traffic.setting_out
    wanting = weight[out.vehicles] > 0.0
    rows, so_far, after = out.vehicles[wanting], out.km_so_far[wanting], out.after_plug[wanting]
    used, before = fleet["consumption_kwh_per_km"][rows], fleet["km_before_plug"][rows]
    exchanged = charged(
        sharing.fleet.energy_at_plug_kwh(rows),
        sharing.exchange_kwh()[rows],
        fleet["charge_efficiency"][rows],
        fleet["discharge_efficiency"][rows],
    )
    held = np.where(
        after,
        exchanged - (so_far - before) * used,
        fleet["energy_kwh"][rows] - so_far * used,
    )
    least = fleet["soc_min"][rows] * fleet["capacity_kwh"][rows]
    return Departing(rows, fleet["wanted_kwh"][rows] + least, np.maximum(held, 0.0))
