"""Where every vehicle is in some steps, as its trips have it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the recorded vehicles are in some steps, each of shape (steps, strategies, vehicles).

    Where no chargers are named all strategies have the same, and there is one for all of them.

    Attributes
    ----------
    community : array of int
        Where each takes part in the market of the step, -1 on the road or not yet there.
    plugged : array
        Part of the step in which it is plugged in there, outages aside.
    km, km_before : array
        How far it drives, and how far of it before it leaves that plug for the last time [km].
    as_parked : array of bool
        Whether it takes part with the stay for which it is parked longest.
    plug_kw, plug_v2g_kw : array
        Highest power of the plug charging and discharging [kW].
    departures : dict of (int, int, int) to list of (float, bool)
        By step, strategy and vehicle, for each trip that begins then how far it has driven in the
        step [km], and whether it has left that plug for the last time.
    way_kwh : array
        What those charge that are at a stop on their way, -1 for those that are at none [kWh].
    kept_km : array
        Length of the drives on which each sets out in the step after it has left its plug [km].
    """

    community: NDArray[np.int64]
    plugged: FloatArray
    km: FloatArray
    km_before: FloatArray
    as_parked: NDArray[np.bool_]
    plug_kw: FloatArray
    plug_v2g_kw: FloatArray
    departures: dict[tuple[int, int, int], list[tuple[float, bool]]]
    way_kwh: FloatArray
    kept_km: FloatArray

    @classmethod
    def blank(cls, shape: tuple[int, int, int]) -> "Whereabouts":
        """Return that of vehicles that are plugged in all the time somewhere."""
        return cls(
            np.empty(shape, np.int64), np.ones(shape), np.zeros(shape), np.zeros(shape),
            np.ones(shape, np.bool_), np.full(shape, np.inf), np.full(shape, np.inf), {},
            np.full(shape, -1.0), np.zeros(shape),
        )  # fmt: skip
