"""How something spreads on a social network, stated plainly, one after another."""

import math
from collections.abc import Sequence


def adopters_of_month(
    neighbours: Sequence[Sequence[int]],
    adopted: Sequence[bool],
    draws: Sequence[float],
    rates: tuple[float, float],
    thresholds: Sequence[float] | None,
) -> list[int]:
    """Return who adopts in a month.

    Parameters
    ----------
    neighbours : sequence of sequence of int
        Whom each knows.
    adopted : sequence of bool
        Who has adopted before.
    draws : sequence of float
        A uniform draw of each.
    rates : (float, float)
        Of adopting by oneself, and more of it where all acquaintances have [1/year].
    thresholds : sequence of float, or None
        From which share of acquaintances on each adopts; None where the second rate counts.
    """
    found = []
    for who, known in enumerate(neighbours):
        if adopted[who]:
            continue
        share = sum(1 for other in known if adopted[other]) / len(known) if known else 0.0
        rate = rates[0] if thresholds is not None else rates[0] + rates[1] * share
        by_chance = draws[who] < 1.0 - math.exp(-rate / 12.0)
        if by_chance or (thresholds is not None and share >= thresholds[who]):
            found.append(who)
    return found
