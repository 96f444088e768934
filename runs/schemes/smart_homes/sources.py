"""What the devices of smart homes generate and want: by published days, schedules, sun or meter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.smart_home_profiles import smart_home_profile
from hmesh.environment.standard_profiles import season_of
from hmesh.environment.sunshine import ClearSky, MeasuredSky
from hmesh.environment.thermal_comfort import needs_conditioning, room_temperature
from hmesh.runs.schemes.smart_homes.device_keys import Comfort

DAY_H = 24


@dataclass(frozen=True, slots=True)
class DeviceSource:
    """The energy of one kind of device in many homes.

    Attributes
    ----------
    scale : array, shape (homes,)
        Factor of each home [-].
    """

    scale: FloatArray

    def base_kwh(self, first: int, steps: int) -> FloatArray:
        """Return the energies of some steps before scaling [kWh].

        Returns
        -------
        array, shape (steps,) or (steps, homes)
            Energies.
        """
        raise NotImplementedError

    def steps_kwh(self, first: int, steps: int) -> FloatArray:
        """Return the energies of some steps [kWh], shape (steps, homes)."""
        base = self.base_kwh(first, steps)
        return (base[:, None] if base.ndim == 1 else base) * self.scale


@dataclass(frozen=True, slots=True)
class ByClock(DeviceSource):
    """The same every day, its power constant between some clock hours.

    Attributes
    ----------
    edges_h : array, shape (pieces + 1,)
        Clock hours from 0 to 24, ascending [h].
    power_kw : array, shape (pieces,)
        Power between them [kW].
    """

    calendar: Calendar
    edges_h: FloatArray
    power_kw: FloatArray

    def base_kwh(self, first: int, steps: int) -> FloatArray:
        """Return the energies between the clock hours at which each step starts and ends."""
        begins = np.array([[self.calendar.hour_of_day(first + t)] for t in range(steps)])
        ends = begins + self.calendar.step_h
        # A step may reach past midnight.
        since = np.concatenate([self.edges_h[:-1], self.edges_h[:-1] + DAY_H])
        until = np.concatenate([self.edges_h[1:], self.edges_h[1:] + DAY_H])
        lasts_h = np.maximum(np.minimum(ends, until) - np.maximum(begins, since), 0.0)
        energies: FloatArray = (lasts_h * np.tile(self.power_kw, 2)).sum(axis=1)
        return energies


@dataclass(frozen=True, slots=True)
class BySky(DeviceSource):
    """Photovoltaics; the base is that of modules of 1 kW peak.

    Attributes
    ----------
    sky : ClearSky or MeasuredSky
        What modules generate.
    orientation : int
        Which of its modules.
    clouded : bool
        Whether clouds that chance draws dim it.
    """

    sky: ClearSky | MeasuredSky
    orientation: int
    clouded: bool

    def base_kwh(self, first: int, steps: int) -> FloatArray:
        """Return what modules of 1 kW peak generate under the sky."""
        return np.array(
            [self.sky.generation_kwh(first + t)[self.orientation] for t in range(steps)]
        )


@dataclass(frozen=True, slots=True)
class ByMeter(DeviceSource):
    """What was measured or worked out beforehand for every step of the run.

    Attributes
    ----------
    measured_kwh : array, shape (steps,) or (steps, homes)
        Energies of the run [kWh].
    """

    measured_kwh: FloatArray

    def base_kwh(self, first: int, steps: int) -> FloatArray:
        """Return the energies of some steps of the run."""
        return self.measured_kwh[first : first + steps]


def published_source(calendar: Calendar, profile: str, kind: str, scale: FloatArray) -> ByClock:
    """Return a device of the published day."""
    return ByClock(scale, calendar, np.arange(DAY_H + 1.0), smart_home_profile(profile)[kind])


def scheduled_source(
    calendar: Calendar,
    power_kw: float,
    hours: Sequence[tuple[float, float]],
    scale: FloatArray,
) -> ByClock:
    """Return a device that runs with one power at some clock hours."""
    edges = sorted({0.0, float(DAY_H), *(edge for pair in hours for edge in pair)})
    middle = (np.array(edges[1:]) + np.array(edges[:-1])) / 2
    on = in_hours(middle, hours)
    return ByClock(scale, calendar, np.array(edges), np.where(on, power_kw, 0.0))


def comfort_source(
    calendar: Calendar,
    power_kw: float,
    comfort: Comfort,
    outdoor_c: FloatArray,
    scale: FloatArray,
) -> ByMeter:
    """Return an air conditioner that runs where its room by itself would be uncomfortable."""
    room = room_temperature(outdoor_c, calendar.step_h, comfort.time_constant_h, comfort.gains_k)
    seasons = [season_of(calendar.date_of(step)) for step in range(len(outdoor_c))]
    needed = needs_conditioning(room, seasons, comfort.category)
    return ByMeter(scale, np.where(needed, power_kw * calendar.step_h, 0.0))


def in_hours(clock_h: FloatArray, hours: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return which clock hours lie in some times of a day, from inclusive, to exclusive."""
    inside = np.zeros(clock_h.shape, dtype=np.bool_)
    for begins, ends in hours:
        inside |= (clock_h >= begins) & (clock_h < ends)
    return inside
