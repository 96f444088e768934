"""Which part of a long run an audit judges one by one, and which faults such a part shows.

A fault that is present in a share x of N steps escapes n of them, drawn without replacement, with a
probability of at most (1 - x)^n. n steps therefore show it with a probability of at least y where
n >= ln(1 - y) / ln(1 - x). What is drawn follows from the seed of the run, so that an audit can be
repeated.

What takes long to judge, such as the game of a step, is judged so often that a fault in 5 % of all
is found with 95 %, which takes 59 (the 95/95 criterion of S. S. Wilks, Determination of sample
sizes for setting tolerance limits, Annals of Mathematical Statistics 12 (1941)). What takes little
is judged more often, and linear programmes less often. Every check states which faults it finds.
"""

from math import ceil, expm1, log

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.streams import Streams

# A fault in so large a part of all steps is to be found, and with this probability.
FAULTY_SHARE, FOUND = 0.05, 0.95


def enough() -> int:
    """Return how many items show a fault that is present in `FAULTY_SHARE` of all."""
    return ceil(log(1.0 - FOUND) / log(1.0 - FAULTY_SHARE))


def shown_share(drawn: int) -> float:
    """Return the smallest share of faulty items that a number of drawn ones shows."""
    return -expm1(log(1.0 - FOUND) / drawn)


def drawn_part(seed: int, items: str, count: int, judged: int | None = None) -> NDArray[np.intp]:
    """Return which of a number of items are judged, ascending.

    Parameters
    ----------
    seed : int
        Of the run.
    items : str
        What they are, such as ``"steps"``; another word draws others.
    count : int
        How many there are.
    judged : int, optional
        How many are judged; by default as many as are enough.
    """
    judged = enough() if judged is None else judged
    if count <= judged:
        return np.arange(count)
    chosen = Streams(seed).generator("audit", items).choice(count, judged, replace=False)
    return np.sort(chosen).astype(np.intp)


def note_of(drawn: int, count: int, items: str) -> str:
    """Return what a reader should know of a part that is judged, "" where it is all."""
    if drawn >= count:
        return ""
    share = 100 * shown_share(drawn)
    return (
        f"{drawn:,} of {count:,} {items} judged, drawn by the seed; a fault in {share:.2g} % of "
        f"them is found with {100 * FOUND:.0f} %"
    )
