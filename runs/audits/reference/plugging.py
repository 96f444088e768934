"""Whether a vehicle plugs in as it arrives, by the habit of its group."""

from collections.abc import Sequence
from itertools import pairwise


def plugs_in(
    *,
    only_at: int | None,
    below: float | None,
    points: Sequence[tuple[float, float]] | None,
    place: int,
    soc: float,
    draw: float,
) -> bool:
    """Return whether a vehicle plugs in.

    Parameters
    ----------
    only_at : int or None
        The only community in which it does, None for any.
    below : float or None
        State of charge below which it does, None for any [-].
    points : sequence of (float, float), or None
        States of charge with the probability that it does, a straight line between two; None: 1.
    place : int
        Where it arrives.
    soc : float
        State of charge with which it arrives [-].
    draw : float
        From 0 to below 1; it plugs in if the probability is above.
    """
    if only_at is not None and place != only_at:
        return False
    if below is not None and soc >= below:
        return False
    return points is None or draw < _between(points, soc)


def _between(points: Sequence[tuple[float, float]], soc: float) -> float:
    """Return the probability at a state of charge."""
    if soc <= points[0][0]:
        return points[0][1]
    for (low, first), (high, last) in pairwise(points):
        if soc <= high:
            return first + (last - first) * (soc - low) / (high - low)
    return points[-1][1]
