"""What photovoltaics generate under a clear sky, computed by pvlib."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from environment.calendar import Calendar

if TYPE_CHECKING:
    import pandas as pd

BLOCK_STEPS = 768
SAMPLE_H = 0.25
STANDARD_W_PER_M2 = 1000.0
ALBEDO = 0.2


@dataclass(frozen=True, slots=True)
class Orientation:
    """How photovoltaic modules stand, and how well they do.

    Attributes
    ----------
    tilt : float
        Angle from the horizontal [deg].
    azimuth : float
        Where they face, clockwise from north, 180 is south [deg].
    performance_ratio : float
        Energy delivered per energy that their peak power promises [-].
    """

    tilt: float
    azimuth: float
    performance_ratio: float


class ClearSky:
    """Generation of modules at one place under a clear sky, along the calendar of a run.

    Sunshine is that of the Ineichen-Perez model with pvlib's monthly turbidity of the place, on
    tilted modules by the isotropic model; power is proportional to it. It is sampled every
    quarter hour and averaged over each step. Many steps are computed at once, and only those are
    kept.

    Parameters
    ----------
    calendar : Calendar
        The calendar of the run.
    latitude, longitude : float
        Of the place, north and east positive [deg].
    altitude_m : float
        Height above the sea [m].
    orientations : sequence of Orientation
        The modules.
    """

    def __init__(
        self,
        calendar: Calendar,
        latitude: float,
        longitude: float,
        altitude_m: float,
        orientations: Sequence[Orientation],
    ) -> None:
        self.calendar = calendar
        self.latitude, self.longitude, self.altitude_m = latitude, longitude, altitude_m
        self.orientations = tuple(orientations)
        self._block = -1
        self._kwh: NDArray[np.float64] = np.empty((0, len(self.orientations)))

    def generation_kwh(self, step: int) -> NDArray[np.float64]:
        """Return what modules of 1 kW peak generate in a step [kWh], shape (orientations,)."""
        block, row = divmod(step, BLOCK_STEPS)
        if block != self._block:
            self._kwh = self._compute(block * BLOCK_STEPS)
            self._block = block
        kwh: NDArray[np.float64] = self._kwh[row]
        return kwh

    def _compute(self, first_step: int) -> NDArray[np.float64]:
        """Return the generation of a block of steps, shape (steps, orientations)."""
        import pandas as pd

        step_h = self.calendar.step_h
        samples = max(round(step_h / SAMPLE_H), 1)
        begins = np.datetime64(
            self.calendar.time_of(first_step).astimezone(UTC).replace(tzinfo=None)
        )
        middle_h = (np.arange(BLOCK_STEPS * samples) + 0.5) * (step_h / samples)
        times = pd.DatetimeIndex(
            begins.astype("datetime64[us]") + np.rint(middle_h * 3.6e9).astype("timedelta64[us]")
        ).tz_localize("UTC")
        with warnings.catch_warnings():
            # pvlib still asks pandas in ways that a later pandas will not know.
            warnings.simplefilter("ignore", DeprecationWarning)
            shares = self._shares(times)
        mean = shares.reshape(BLOCK_STEPS, samples, -1).mean(axis=1)
        performance = np.array([modules.performance_ratio for modules in self.orientations])
        generation: NDArray[np.float64] = mean * step_h * performance
        return generation

    def _shares(self, times: "pd.DatetimeIndex") -> NDArray[np.float64]:
        """Return the sunshine on the modules as a share of that of their peak power.

        Returns
        -------
        array, shape (times, orientations)
            Shares of 1,000 W/m2 [-].
        """
        from pvlib import irradiance
        from pvlib.location import Location

        place = Location(self.latitude, self.longitude, altitude=self.altitude_m)
        sun: Any = place.get_solarposition(times)
        sky: Any = place.get_clearsky(times, model="ineichen", solar_position=sun)
        shares = np.empty((len(times), len(self.orientations)))
        for column, modules in enumerate(self.orientations):
            sunshine = irradiance.get_total_irradiance(
                modules.tilt,
                modules.azimuth,
                sun["apparent_zenith"],
                sun["azimuth"],
                sky["dni"],
                sky["ghi"],
                sky["dhi"],
                albedo=ALBEDO,
            )["poa_global"]
            shares[:, column] = np.maximum(np.nan_to_num(sunshine), 0.0) / STANDARD_W_PER_M2
        return shares
