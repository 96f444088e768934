"""When a home buys what it cannot serve itself: in the cheapest slots of its loads."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

type Mask = NDArray[np.bool_]

# Prices that differ by less are one price, whatever rounding makes of them [money/kWh].
SAME_PRICE = 9


def cheapest_slots(refused: Mask, taken: Mask, window: Mask, price: FloatArray) -> Mask:
    """Return the slots in which loads that a home does not serve are bought from the grid.

    Each load gets as many slots as were refused. It stays where it was refused unless another slot
    of its window is cheaper; of equally cheap ones it takes the earliest.

    Parameters
    ----------
    refused : array of bool, shape (steps, homes, loads)
        Slots that were wanted and that the home does not serve.
    taken : array of bool, shape (steps, homes, loads)
        Slots in which the home serves the load.
    window : array of bool, shape (steps, homes, loads)
        Slots that a shiftable load may take and accepts; none for other loads.
    price : array, shape (steps,)
        What a kWh bought costs in each [money/kWh].

    Returns
    -------
    array of bool, shape (steps, homes, loads)
        A mask; as many slots of each load as of `refused`.
    """
    may = refused | (window & ~taken)
    asked = np.where(may, np.round(price, SAME_PRICE)[:, None, None], np.inf)
    # The last key counts first; a stable order leaves equal slots as they follow each other.
    order = np.lexsort((~refused, asked), axis=0)
    rank = np.argsort(order, axis=0)
    bought: Mask = rank < refused.sum(axis=0)
    return bought
