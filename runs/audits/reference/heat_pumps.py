"""How well a heat pump works, and what a tank loses, at a temperature outdoors."""

from itertools import pairwise
from typing import Any


def cop_at(outside: float, stated: Any) -> float:
    """Return the coefficient of performance at a temperature of the air [-].

    Parameters
    ----------
    outside
        The temperature [degC].
    stated
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
    outside
        The temperature [degC].
    stated
        With `tank_temperature` and `rated_temperature` [degC].
    rated
        The share at the latter [1/h].
    """
    if outside >= stated.tank_temperature:
        return 0.0
    per_kelvin = rated / (stated.tank_temperature - stated.rated_temperature)
    return float(per_kelvin * (stated.tank_temperature - outside))
