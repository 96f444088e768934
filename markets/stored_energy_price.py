"""What the energy in a store has cost."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray


def average_price_after[T: (float, FloatArray)](
    average_price: T, stock_kwh: T, price: T | float, charged_kwh: T
) -> T:
    """Return the average price of stored energy after charging.

    Parameters
    ----------
    average_price : float or array, shape (n,)
        Average price of the energy stored so far [money/kWh].
    stock_kwh : float or array, shape (n,)
        That energy [kWh], at least 0.
    price : float or array, shape (n,)
        Price of the energy added [money/kWh].
    charged_kwh : float or array, shape (n,)
        Energy added [kWh], at least 0.

    Returns
    -------
    float or array, shape (n,)
        Average price [money/kWh]; the one before where the store stays empty. Withdrawals, for
        driving or for the grid, leave at the average price and do not change it.

    Notes
    -----
    ``(avg stock + p ch) / (stock + ch)``. Source: Khwanrit (2024), eq. (4.19), corrected: as
    printed it sums over another index than it averages, ignores what is withdrawn and divides 0 by
    0 before the first charge.
    """
    total: Any = np.asarray(stock_kwh + charged_kwh, dtype=np.float64)
    share = np.divide(charged_kwh, total, out=np.zeros(np.shape(total)), where=total > 0)
    after: T = average_price + share * (price - average_price)
    return after
