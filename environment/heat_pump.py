"""The coefficient of performance of a heat pump by the temperature outdoors."""

import numpy as np

from hmesh.environment.arrays import FloatArray

KELVIN = 273.15


def cop_of_points(temp_air: FloatArray, points: FloatArray) -> FloatArray:
    """Return the coefficient of performance on lines between points of a data sheet [-].

    Parameters
    ----------
    temp_air : array, any shape
        Temperature of the air [degC].
    points : array, shape (points, 2)
        Rising temperatures [degC] and the coefficient at each [-]; beyond the ends it stays.
    """
    found: FloatArray = np.interp(temp_air, points[:, 0], points[:, 1])
    return found


def carnot_cop(
    temp_air: FloatArray, flow_temperature: float, carnot_share: float, highest: float
) -> FloatArray:
    r"""Return a share of the coefficient of performance of Carnot's cycle [-].

    .. math:: \min(\eta\,T_f / (T_f - T_a), \mathrm{highest}), at least 1

    Parameters
    ----------
    temp_air : array, any shape
        Temperature of the air [degC].
    flow_temperature : float
        Temperature of the water that it heats T_f, taken as constant [degC].
    carnot_share : float
        Share of Carnot's coefficient that it reaches [-].
    highest : float
        Highest coefficient that it ever reaches, also where the air is as warm as the water [-].

    Notes
    -----
    Temperatures count in kelvin. Below 1 it would heat by electricity alone, which gives 1.
    """
    lift = flow_temperature - temp_air
    with np.errstate(divide="ignore"):
        ideal = np.where(lift > 0, (flow_temperature + KELVIN) / lift, np.inf)
    found: FloatArray = np.clip(carnot_share * ideal, 1.0, highest)
    return found
