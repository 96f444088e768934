"""The kernel of sums over groups: what their vehicles charge, give and pay in a step.

It adds in the order of the rows, as `numpy.bincount` does, so that it gives the same bits.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel


@kernel("i2[] i2[] f8[] f8[] f8[]! f8[]! f8[]!")
def add_to_groups(
    group: NDArray[np.int16],
    community: NDArray[np.int16],
    exchange_kwh: FloatArray,
    price: FloatArray,
    charged: FloatArray,
    discharged: FloatArray,
    paid: FloatArray,
) -> None:
    """Add up exchanges by group; the last of the prices counts on the road."""
    for row in range(len(group)):
        g, m, energy = group[row], community[row], exchange_kwh[row]
        if energy > 0.0:
            charged[g] += energy
        else:
            discharged[g] -= energy
        paid[g] += energy * (price[m] if m >= 0 else price[len(price) - 1])
