"""The kernel of what energy held is worth to batteries that plan.

It gives what `hmesh.markets.value_of_energy` works out in arrays, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel

type Whole = NDArray[np.int64]


@kernel("f8[] f8[] f8[] f8[] f8[] f8[,] i8[] i8[] f8[] i8[] f8[] f8[,]!")
def plan_values(
    lam: FloatArray,
    theta: FloatArray,
    most: FloatArray,
    into: FloatArray,
    out_of: FloatArray,
    price: FloatArray,
    place: Whole,
    up: Whole,
    part_up: FloatArray,
    down: Whole,
    part_down: FloatArray,
    found: FloatArray,
) -> None:
    """Write the marginal value at each energy before the first step, a row for each battery."""
    levels = found.shape[1]
    last = levels - 1
    value, before = np.empty(levels), np.empty(levels)
    for k in range(len(lam)):
        spacing = most[k] / last
        for j in range(levels):
            value[j] = lam[k] - theta[k] * (j * spacing)
        rise, fall, more, less = up[k], down[k], part_up[k], part_down[k]
        for step in range(len(price) - 1, -1, -1):
            at = price[step, place[k]]
            cost, income = at / into[k], at * out_of[k]
            for j in range(levels):
                now = min(value[j], cost)
                emptied = income
                if fall == 0:
                    emptied = min(value[j], income)
                elif j >= fall:
                    below = j - fall
                    emptied = min((value[below + 1] - value[below]) * less + value[below], income)
                now = max(now, emptied)
                above = j + rise
                if above < last:
                    now = max(now, (value[above + 1] - value[above]) * more + value[above])
                elif above == last and more == 0.0:
                    now = max(now, value[last])
                before[j] = now
            value, before = before, value
        found[k] = value
