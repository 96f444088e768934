"""Thermal comfort by season: when a room by itself is too cold or too warm.

Operative temperatures are those of ISO 7730:2005 for light, mostly sitting activity (table A.5):
24.5 °C in summer and 22.0 °C in winter, and how far the three categories let them stray. Between
the seasons a room may be as cold as in winter and as warm as in summer.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.standard_profiles import Season

type Category = Literal["A", "B", "C"]

SUMMER_C, WINTER_C = 24.5, 22.0
_STRAY_K: dict[Category, tuple[float, float]] = {"A": (1.0, 1.0), "B": (1.5, 2.0), "C": (2.5, 3.0)}


def comfort_band(season: Season, category: Category = "B") -> tuple[float, float]:
    """Return the lowest and the highest comfortable temperature of a season [°C].

    Parameters
    ----------
    season : {"winter", "transition", "summer"}
        The season.
    category : {"A", "B", "C"}, optional
        Category of thermal comfort of ISO 7730.
    """
    summer_k, winter_k = _STRAY_K[category]
    lowest = SUMMER_C - summer_k if season == "summer" else WINTER_C - winter_k
    highest = WINTER_C + winter_k if season == "winter" else SUMMER_C + summer_k
    return lowest, highest


def room_temperature(
    outdoor_c: FloatArray, step_h: float, time_constant_h: float, gains_k: float
) -> FloatArray:
    """Return the temperature of a room that is neither heated nor cooled.

    Parameters
    ----------
    outdoor_c : array, shape (steps,)
        Temperature of the air outdoors, mean over each step [°C].
    step_h : float
        Length of a step [h].
    time_constant_h : float
        How slowly the room follows: the ratio of its heat capacity to its losses [h].
    gains_k : float
        How much warmer than outdoors people, devices and sun keep it [K].

    Returns
    -------
    array, shape (steps,)
        Temperature at the end of each step [°C].

    Notes
    -----
    The exact solution of ``T' = (T_out + gains - T) / tau`` with the outdoor temperature constant
    over each step; the room starts in balance with the first step.
    """
    keeps = math.exp(-step_h / time_constant_h)
    target = outdoor_c + gains_k
    room = np.empty_like(target)
    now = float(target[0])
    for step, wanted in enumerate(target.tolist()):
        now = wanted + (now - wanted) * keeps
        room[step] = now
    return room


def needs_conditioning(
    room_c: FloatArray, seasons: Sequence[Season], category: Category = "B"
) -> NDArray[np.bool_]:
    """Return in which steps a room would leave its comfort band.

    Parameters
    ----------
    room_c : array, shape (steps,)
        Temperature of the room left to itself [°C].
    seasons : sequence of str
        Season of each step.
    category : {"A", "B", "C"}, optional
        Category of thermal comfort of ISO 7730.
    """
    bands = {season: comfort_band(season, category) for season in set(seasons)}
    low, high = np.array([bands[season] for season in seasons]).T
    needs: NDArray[np.bool_] = (room_c < low) | (room_c > high)
    return needs


def room_store_kwh(kwh_per_k: float, lowest_c: float, highest_c: float) -> float:
    r"""Return the heat that rooms hold between two comfortable temperatures [kWh].

    .. math:: C (T_h - T_l)

    Parameters
    ----------
    kwh_per_k : float
        Heat capacity of the rooms with their walls and floors C [kWh/K].
    lowest_c, highest_c : float
        Lowest and highest comfortable temperature [°C].

    Notes
    -----
    A house of one temperature, ``C T' = Q - (T - T_out) C / tau``, needs ``Q_0`` to stay at the
    lowest comfortable temperature. What it holds beyond, ``E = C (T - T_l)``, obeys
    ``E' = (Q - Q_0) - E / tau``, whatever the weather. So its comfort band is a store of heat
    without losses of filling or drawing, which loses `room_loss_per_h` of what it holds.
    """
    return kwh_per_k * (highest_c - lowest_c)


def room_loss_per_h(time_constant_h: float) -> float:
    """Return the share of the heat in rooms beyond the lowest temperature lost in an hour [1/h].

    Parameters
    ----------
    time_constant_h : float
        How slowly rooms cool: the ratio of their heat capacity to their losses [h].
    """
    return -math.expm1(-1.0 / time_constant_h)


def room_temperature_of(stored_kwh: FloatArray, kwh_per_k: float, lowest_c: float) -> FloatArray:
    """Return the temperature of rooms by the heat that they hold beyond the lowest one [°C].

    Parameters
    ----------
    stored_kwh : array, any shape
        Heat beyond that of the lowest temperature [kWh].
    kwh_per_k : float
        Heat capacity of the rooms [kWh/K].
    lowest_c : float
        Lowest comfortable temperature [°C].
    """
    return lowest_c + stored_kwh / kwh_per_k
