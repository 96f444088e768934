"""Algorithm 2 of the community storage study as it was printed, which no model uses.

Kept to show what the misprints would do: where the third household is expected to need most nobody
is served, and where the first is, it is switched off. Source: ICT Express, 2022, Algorithm 2 and
equations (33) to (37).
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def printed_dischargers(average_kwh: FloatArray) -> NDArray[np.intp]:
    """Return whom Algorithm 2 as printed serves, of three households.

    Parameters
    ----------
    average_kwh : array, shape (..., 3)
        Averages left.

    Returns
    -------
    array of int, shape (..., 2)
        Rows of the households in the order of
        `hmesh.markets.community_storage.served_first`, -1 where nobody is.

    Raises
    ------
    ValueError
        If there are not three households, for whom alone it was printed.
    """
    if average_kwh.shape[-1] != 3:
        raise ValueError(f"it was printed for 3 households, not for {average_kwh.shape[-1]}")
    first, second, third = np.moveaxis(average_kwh, -1, 0)
    of_first = (first > second) & (first > third)
    of_second = (second > first) & (second > third)
    cases = [
        of_first & (second > third),  # lines 10 and 11: H2 on, and H1, the largest, off
        of_first,
        of_second & (first > third),
        of_second,
        # Line 20 asks for what line 13 has caught: H3 is never found to be the largest.
    ]
    served = np.select(
        [case[..., None] for case in cases],
        [np.array(rows) for rows in ([1, -1], [0, 2], [1, 0], [1, 2])],
        np.array([-1, -1]),
    )
    return served.astype(np.intp)
