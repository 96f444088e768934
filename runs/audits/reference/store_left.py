"""What a store has left once its own rule has acted: by following it step by step."""

from collections.abc import Iterable

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray

# An energy of at most this in a step is what rounding leaves of nothing.
DUST_KWH = 1e-9


def after(
    held: FloatArray, exchange: FloatArray, eta_c: float | FloatArray, eta_d: float | FloatArray
) -> FloatArray:
    """Return what stores hold after an exchange at their plugs [kWh]."""
    taken, given = np.maximum(exchange, 0.0), np.maximum(-exchange, 0.0)
    left: FloatArray = held + eta_c * taken - given / eta_d
    return left


def left_over(
    held: FloatArray,
    done: FloatArray,
    least: FloatArray,
    most: FloatArray,
    rated: FloatArray,
    efficiencies: tuple[float | FloatArray, float | FloatArray],
    ahead: Iterable[FloatArray] = (),
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what stores hold above their least content, and what they could give and take beside.

    Parameters
    ----------
    held : array
        What each holds before the step [kWh].
    done : array
        What its own rule exchanges in it [kWh].
    least, most : array
        Between which contents it stays [kWh].
    rated : array
        What its plug lets pass in a step [kWh].
    efficiencies : (float or array, float or array)
        Of charging and of discharging.
    ahead : iterable of array, optional
        What its rule is to exchange in the steps to come, one after another [kWh].

    Returns
    -------
    usable, give, take : array
        Each at least 0, except that a store below its least content is short of it [kWh].
    """
    eta_c, eta_d = efficiencies
    now = after(held, done, eta_c, eta_d)
    low, high, course = now, now, now
    for exchange in ahead:
        course = after(course, exchange, eta_c, eta_d)
        low, high = np.minimum(low, course), np.maximum(high, course)
    give = np.minimum(rated + done, eta_d * (low - least))
    take = np.minimum(rated - done, (most - high) / eta_c)
    # What rounding leaves of nothing is no direction.
    give = np.where(done > DUST_KWH, 0.0, np.maximum(give, 0.0))
    take = np.where(done < -DUST_KWH, 0.0, np.maximum(take, 0.0))
    return now - least, give, take
