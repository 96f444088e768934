"""Who joins and leaves a local exchange, stated plainly, one member at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MembershipChoice:
    """What a member chose as a month began.

    Attributes
    ----------
    expected_saving : float
        What it expected to save in a month [money].
    probability : float
        With which it would take part if it chose again [-].
    takes_part : bool
        Whether it takes part.
    """

    expected_saving: float
    probability: float
    takes_part: bool


def choices(
    kinds: Sequence[int],
    took_part: Sequence[bool],
    saved: Sequence[float],
    terms: tuple[float, float, float],
    draws: Sequence[tuple[float, float]],
) -> list[MembershipChoice]:
    """Return what the members of a community choose.

    Parameters
    ----------
    kinds, took_part, saved : sequence of int, sequence of bool, sequence of float
        Of each member its kind, whether it took part, and what that saved it, as of a whole month.
    terms : (float, float, float)
        What taking part costs, how strongly savings count, and how likely each chooses again.
    draws : sequence of (float, float)
        Of each member the draws of whether it chooses again, and of what.
    """
    cost, sensitivity, reconsiders = terms
    found = []
    for kind, before, own, (again, choice) in zip(kinds, took_part, saved, draws, strict=True):
        others = [
            each
            for of_kind, there, each in zip(kinds, took_part, saved, strict=True)
            if there and of_kind == kind
        ]
        expected = own if before else sum(others) / len(others) if others else 0.0
        exponent = min(max(sensitivity * (expected - cost), -700.0), 700.0)
        probability = 1.0 / (1.0 + math.exp(-exponent))
        after = choice < probability if again < reconsiders else before
        found.append(MembershipChoice(expected, probability, after))
    return found
