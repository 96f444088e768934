"""Where the energy in a battery comes from: energy of all origins is mixed within it."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def shares_after_charging(
    shares: FloatArray,
    stored_kwh: FloatArray,
    charged_kwh: FloatArray,
    origin: NDArray[np.intp],
) -> FloatArray:
    """Return the shares that origins have in the energy of batteries once they have charged.

    Batteries mix what they are given, so that whatever leaves them has the shares of what they
    hold, and only charging changes these. This is the proportional sharing of Bialek [1]_, with a
    battery as the node.

    Parameters
    ----------
    shares : array, shape (batteries, origins)
        Shares of the origins before; each row adds up to 1 [-].
    stored_kwh : array, shape (batteries,)
        Energy stored before [kWh].
    charged_kwh : array, shape (batteries,)
        Energy put into store, not negative [kWh].
    origin : array of int, shape (batteries,)
        Where it comes from.

    Returns
    -------
    array, shape (batteries, origins)
        Shares after, as those before; an empty battery that charges nothing keeps its shares.

    References
    ----------
    .. [1] J. Bialek, "Tracing the flow of electricity", IEE Proceedings - Generation,
       Transmission and Distribution 143 (4), 313-320, 1996.
    """
    total = stored_kwh + charged_kwh
    added = np.divide(charged_kwh, total, out=np.zeros_like(total), where=total > 0)
    after: FloatArray = shares * (1.0 - added)[:, None]
    after[np.arange(len(after)), origin] += added
    return after
