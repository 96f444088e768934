"""What the connection of a household leaves those of its parts that answer to a price."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def share_room(
    least_kwh: FloatArray,
    most_kwh: FloatArray,
    limit_kwh: FloatArray,
    household: NDArray[np.intp],
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of parts within which no answers of theirs exceed a connection.

    Parameters
    ----------
    least_kwh, most_kwh : array, shape (households,)
        What each household draws at least and at most beside these parts, less what it delivers
        [kWh].
    limit_kwh : array, shape (households,)
        What its connection lets pass in a step, both ways; infinite without a limit [kWh].
    household : array of int, shape (parts,)
        The household of each part that answers, -1 for a part of none.
    lower_kwh, upper_kwh : array, shape (parts,)
        What each part can exchange at least and at most, least <= 0 <= greatest [kWh].

    Returns
    -------
    lower_kwh, upper_kwh : array, shape (parts,)
        Narrower bounds; those of parts of no household are as they were [kWh].

    Notes
    -----
    The room of a connection is shared by its parts in proportion to what each could draw, and to
    what each could deliver: with all at their bounds, ``-limit <= least + sum of least`` and
    ``most + sum of greatest <= limit``. A household that exceeds its limit by itself leaves no room
    on that side; the other side has as much more. One part that draws while another delivers could
    use more room than that: so the limit is kept whatever the parts answer.
    """
    own = household >= 0
    who, count = household[own], len(limit_kwh)
    more = np.bincount(who, upper_kwh[own], count)
    less = np.bincount(who, 0.0 - lower_kwh[own], count)
    narrowed = lower_kwh.copy(), upper_kwh.copy()
    narrowed[0][own] *= _share(limit_kwh + least_kwh, less)[who]
    narrowed[1][own] *= _share(limit_kwh - most_kwh, more)[who]
    return narrowed


def _share(room_kwh: FloatArray, wanted_kwh: FloatArray) -> FloatArray:
    """Return the share of what is wanted for which there is room, 1 where there is enough [-]."""
    room = np.maximum(room_kwh, 0.0)
    scarce = wanted_kwh > room
    share: FloatArray = np.where(scarce, room, 1.0) / np.where(scarce, wanted_kwh, 1.0)
    return share


def excess_kwh(connection_kwh: FloatArray, limit_kwh: FloatArray) -> FloatArray:
    """Return by how much what passes connections is above their limits, 0 where it is not [kWh].

    Parameters
    ----------
    connection_kwh : array, shape (households,)
        What passes each, above 0 drawn from the grid [kWh].
    limit_kwh : array, shape (households,)
        What may pass, both ways [kWh].
    """
    excess: FloatArray = np.maximum(np.abs(connection_kwh) - limit_kwh, 0.0)
    return excess
