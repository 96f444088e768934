"""What modules generate under a sky whose daily clearness is drawn, one sky for a community."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.cloudiness import clearness
from hmesh.environment.streams import Streams
from hmesh.environment.sunshine import ClearSky, Orientation


@dataclass(frozen=True, slots=True)
class Sky:
    """Where modules are, and how clear its days are.

    Attributes
    ----------
    community : str
        Everybody there is under one sky.
    latitude, longitude, altitude_m : float
        Where it is [deg, deg, m].
    mean, deviation : float
        Mean share of the clear sky's sunshine in a day, and its standard deviation [-].
    """

    community: str
    latitude: float
    longitude: float
    altitude_m: float
    mean: float
    deviation: float


def drawn_generation(
    pv_kw: float,
    sky: Sky,
    modules: Orientation,
    calendar: Calendar,
    steps: int,
    streams: Streams,
) -> FloatArray:
    """Return what modules generate in each step [kWh], shape (steps,).

    Parameters
    ----------
    pv_kw : float
        Their peak power [kW].
    sky : Sky
        Where they are.
    modules : Orientation
        How they stand.
    calendar : Calendar
        The calendar of the run.
    steps : int
        Number of steps.
    streams : Streams
        From which the clearness of each day is drawn.
    """
    clear = ClearSky(calendar, sky.latitude, sky.longitude, sky.altitude_m, [modules])
    generated = np.concatenate([clear.generation_kwh(step) for step in range(steps)])
    day = calendar.days_of(0, steps)
    normal = np.array(
        [
            streams.generator("daily clearness", sky.community, d).standard_normal()
            for d in range(int(day[-1]) + 1)
        ]
    )
    shares = clearness(normal, sky.mean, sky.deviation)
    series: FloatArray = pv_kw * generated * shares[day]
    return series
