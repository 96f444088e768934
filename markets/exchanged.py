"""What many batteries exchange in all."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.compiled import compiled_for
from hmesh.markets.answer_kernels import exchanged_sums


def sums_of_exchange(exchange_kwh: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return what batteries exchange in all, and what of it they charge and discharge [kWh].

    Parameters
    ----------
    exchange_kwh : array, shape (n,)
        What each exchanges, above 0 charging [kWh].
    """
    if compiled_for(len(exchange_kwh)):
        return exchanged_sums(np.ascontiguousarray(exchange_kwh))
    return (
        float(exchange_kwh.sum()),
        float(np.maximum(exchange_kwh, 0.0).sum()),
        float(np.maximum(-exchange_kwh, 0.0).sum()),
    )
