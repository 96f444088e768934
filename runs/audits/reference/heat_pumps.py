"""How well a heat pump works at a temperature outdoors, by a data sheet or Carnot's cycle."""

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
