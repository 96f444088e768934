"""How well a heat pump works, what a tank loses outdoors, and what rooms store."""

import math
from itertools import pairwise
from typing import Any, NamedTuple


class RoomStore(NamedTuple):
    """Rooms between two temperatures: heat [kWh], its flow [kW], and loss of an hour [1/h]."""

    size_kwh: float
    power_kw: float
    loss_per_h: float


def rooms_as_store(stated: Any, pump_kw: float) -> RoomStore:
    """Return what rooms store between their comfortable temperatures.

    Parameters
    ----------
    stated : object
        With `lowest` and `highest` [degC], `kwh_per_k`, `time_constant_h` and `heating_kw`.
    pump_kw : float
        Most heat that the heat pump makes, where no power is stated [kW].
    """
    size = stated.highest * stated.kwh_per_k - stated.lowest * stated.kwh_per_k
    power = pump_kw if stated.heating_kw is None else stated.heating_kw
    return RoomStore(size, power, 1.0 - math.exp(-1.0 / stated.time_constant_h))


def cop_at(outside: float, stated: Any) -> float:
    """Return the coefficient of performance at a temperature of the air [-].

    Parameters
    ----------
    outside : float
        The temperature [degC].
    stated : object
        With `points`, pairs of temperature and coefficient, or `carnot_share`, `flow_temperature`
        [degC] and `highest`.
    """
    points = list(stated.points)
    if not points:
        lift = stated.flow_temperature - outside
        if lift <= 0:
            return float(stated.highest)
        cop = stated.carnot_share * (stated.flow_temperature + 273.15) / lift
        return float(min(max(cop, 1.0), stated.highest))
    if outside <= points[0][0]:
        return float(points[0][1])
    for (cold, low), (warm, high) in pairwise(points):
        if outside <= warm:
            return float(low + (high - low) * (outside - cold) / (warm - cold))
    return float(points[-1][1])


def tank_loss_at(outside: float, stated: Any, rated: float) -> float:
    """Return the share of its heat that a tank loses in an hour at a temperature of the air [1/h].

    Parameters
    ----------
    outside : float
        The temperature [degC].
    stated : object
        With `tank_temperature` and `rated_temperature` [degC].
    rated : float
        The share at the latter [1/h].
    """
    if outside >= stated.tank_temperature:
        return 0.0
    per_kelvin = rated / (stated.tank_temperature - stated.rated_temperature)
    return float(per_kelvin * (stated.tank_temperature - outside))
