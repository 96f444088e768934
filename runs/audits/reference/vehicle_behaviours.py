"""What vehicles exchange that decide by a behaviour, stated plainly.

One that goes by thresholds charges all it can up to a price, sells all it can above another, and
stays idle between them. One that learns which thresholds to use follows one of several.
"""

from collections.abc import Sequence

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray


def by_thresholds(
    price: FloatArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
    below: FloatArray | float,
    above: FloatArray | float,
) -> FloatArray:
    """Return what vehicles exchange at prices by two thresholds [kWh], any common shape."""
    energy = np.zeros(np.broadcast_shapes(np.shape(price), np.shape(below)))
    charges, sells = price <= below, price > above
    energy = np.where(sells, lower_kwh, energy)
    return np.where(charges, upper_kwh, energy)


def off_any_threshold(
    price: FloatArray,
    energy_kwh: FloatArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
    thresholds: Sequence[float | None],
    margin: float | None,
) -> FloatArray:
    """Return how far an exchange is from the nearest of what several thresholds ask for [kWh]."""
    nearest = np.full(np.shape(price), np.inf)
    for threshold in thresholds:
        below = np.inf if threshold is None else threshold
        above = np.inf if margin is None else below + margin
        due = by_thresholds(price, lower_kwh, upper_kwh, below, above)
        nearest = np.minimum(nearest, np.abs(energy_kwh - due))
    return nearest
