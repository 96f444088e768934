"""What photovoltaics generate, under a clear sky or measured sunshine, computed by pvlib."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.extras import optional, require

if TYPE_CHECKING:
    import pandas as pd

BLOCK_STEPS = 768
SAMPLE_H = 0.25
STANDARD_W_PER_M2 = 1000.0
ALBEDO = 0.2
_USE = "generation of photovoltaics"


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
        require("pvlib", "sun", _USE)
        self.calendar = calendar
        self.latitude, self.longitude, self.altitude_m = latitude, longitude, altitude_m
        self.orientations = tuple(orientations)
        self._block = -1
        self._kwh: FloatArray = np.empty((0, len(self.orientations)))

    def generation_kwh(self, step: int) -> FloatArray:
        """Return what modules of 1 kW peak generate in a step [kWh], shape (orientations,)."""
        block, row = divmod(step, BLOCK_STEPS)
        if block != self._block:
            self._kwh = self._compute(block * BLOCK_STEPS)
            self._block = block
        kwh: FloatArray = self._kwh[row]
        return kwh

    def _compute(self, first_step: int) -> FloatArray:
        """Return the generation of a block of steps, shape (steps, orientations)."""
        step_h = self.calendar.step_h
        samples = max(round(step_h / SAMPLE_H), 1)
        middle_h = (np.arange(BLOCK_STEPS * samples) + 0.5) * (step_h / samples)
        times = _times(self.calendar, first_step * step_h + middle_h)
        with warnings.catch_warnings():
            # pvlib still asks pandas in ways that a later pandas will not know.
            warnings.simplefilter("ignore", DeprecationWarning)
            shares = self._shares(times)
        mean = shares.reshape(BLOCK_STEPS, samples, -1).mean(axis=1)
        performance = np.array([modules.performance_ratio for modules in self.orientations])
        generation: FloatArray = mean * step_h * performance
        return generation

    def _shares(self, times: "pd.DatetimeIndex") -> FloatArray:
        """Return the sunshine on the modules as a share of that of their peak power.

        Returns
        -------
        array, shape (times, orientations)
            Shares of 1,000 W/m2 [-].
        """
        place = _pvlib("location").Location(self.latitude, self.longitude, altitude=self.altitude_m)
        sun: Any = place.get_solarposition(times)
        sky: Any = place.get_clearsky(times, model="ineichen", solar_position=sun)
        return _on_modules(self.orientations, sun, sky["ghi"], sky["dni"], sky["dhi"])


class MeasuredSky:
    """Generation of modules at one place in measured sunshine, along the calendar of a run.

    What was not measured of direct and diffuse irradiance follows from the rest: the direct from
    global and diffuse, or both from the global by the model of Erbs et al. (1982). The sun stands
    as in the middle of a step. On tilted modules the isotropic model holds, as under a clear sky.

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
    ghi : array, shape (steps,)
        Global horizontal irradiance, mean over each step [W/m2].
    dhi, dni : array, shape (steps,), or None
        Diffuse horizontal and direct normal irradiance, where measured [W/m2].
    """

    def __init__(
        self,
        calendar: Calendar,
        latitude: float,
        longitude: float,
        altitude_m: float,
        orientations: Sequence[Orientation],
        ghi: FloatArray,
        dhi: FloatArray | None = None,
        dni: FloatArray | None = None,
    ) -> None:
        irradiance = _pvlib("irradiance")
        middle_h = (np.arange(len(ghi)) + 0.5) * calendar.step_h
        times = _times(calendar, middle_h)
        place = _pvlib("location").Location(latitude, longitude, altitude=altitude_m)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            sun: Any = place.get_solarposition(times)
            zenith = sun["zenith"].to_numpy()
            if dhi is None and dni is None:
                split = irradiance.erbs(ghi, zenith, times)
                dhi, dni = np.asarray(split["dhi"]), np.asarray(split["dni"])
            elif dhi is None:
                dhi = np.maximum(ghi - dni * np.maximum(np.cos(np.radians(zenith)), 0.0), 0.0)
            elif dni is None:
                dni = np.nan_to_num(irradiance.dni(ghi, dhi, zenith))
            shares = _on_modules(orientations, sun, ghi, dni, dhi)
        performance = np.array([modules.performance_ratio for modules in orientations])
        self._kwh = shares * calendar.step_h * performance

    def generation_kwh(self, step: int) -> FloatArray:
        """Return what modules of 1 kW peak generate in a step [kWh], shape (orientations,)."""
        kwh: FloatArray = self._kwh[step]
        return kwh


def _pvlib(module: str) -> Any:
    return optional(f"pvlib.{module}", "sun", _USE)


def _on_modules(
    orientations: Sequence[Orientation], sun: Any, ghi: Any, dni: Any, dhi: Any
) -> FloatArray:
    """Return the sunshine on modules as a share of that of their peak power [-].

    Parameters
    ----------
    sun : DataFrame
        Position of the sun, as pvlib computes it.
    ghi, dni, dhi : array-like, shape (times,)
        Irradiance [W/m2].
    """
    irradiance = _pvlib("irradiance")
    shares = np.empty((len(sun), len(orientations)))
    for column, modules in enumerate(orientations):
        sunshine = irradiance.get_total_irradiance(
            modules.tilt,
            modules.azimuth,
            sun["apparent_zenith"],
            sun["azimuth"],
            dni,
            ghi,
            dhi,
            albedo=ALBEDO,
        )["poa_global"]
        shares[:, column] = np.maximum(np.nan_to_num(sunshine), 0.0) / STANDARD_W_PER_M2
    return shares


def _times(calendar: Calendar, elapsed_h: NDArray[np.floating[Any]]) -> "pd.DatetimeIndex":
    """Return times that lie some hours after the start of a run."""
    import pandas as pd

    begins = np.datetime64(calendar.time_of(0).astimezone(UTC).replace(tzinfo=None))
    return pd.DatetimeIndex(
        begins.astype("datetime64[us]") + np.rint(elapsed_h * 3.6e9).astype("timedelta64[us]")
    ).tz_localize("UTC")
