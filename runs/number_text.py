"""Numbers as people read them: changes, amounts of any size, values that must differ on paper."""

from collections.abc import Sequence
from itertools import pairwise

# Values closer than this are one value to a reader, and the difference is rounding.
SAME = 1e-9
MOST_DIGITS = 9
FACTOR_FROM, MOST_FACTOR = 10.0, 1000.0
# From here on digits after the point, or all digits, say nothing.
_WHOLE_FROM, _POWER_FROM = 1e5, 1e10


def fixed(value: float, digits: int) -> str:
    """Return a number with so many decimal places, fewer where it is large; never -0."""
    if abs(value) >= _POWER_FROM:
        return f"{value:.3e}"
    return f"{rounded(value, digits):,.{0 if abs(value) >= _WHOLE_FROM else digits}f}"


def rounded(value: float, digits: int) -> float:
    """Return a number rounded to so many decimal places; never -0.0, which reads as less than 0."""
    # Adding zero takes the sign from a zero.
    return round(value, digits) + 0.0


def change(value: float | None, first: float | None) -> str:
    """Return a change against a first value, in at most eight characters.

    Parameters
    ----------
    value, first : float or None
        The two values; None where there is none.

    Returns
    -------
    str
        Per cent, or a factor from ten times on. "" where nothing changes, where there is nothing
        above zero to compare with, and where the sign changes: -38,661 % explains nothing.
    """
    if value is None or first is None or first <= 0 or value < 0 or same(value, first):
        return ""
    factor = value / first
    if factor >= MOST_FACTOR:
        return f"x >{MOST_FACTOR:,.0f}"
    if factor >= FACTOR_FROM:
        return f"x {factor:.1f}"
    moved = round(100.0 * (factor - 1.0), 1)
    return f"{moved:+.1f} %" if moved else "0.0 %"


def texts_apart(values: Sequence[float], digits: int, tolerance: float = SAME) -> list[str]:
    """Return numbers with as many decimal places as are needed to distinguish different ones.

    Parameters
    ----------
    values : sequence of float
        The numbers that stand together, as in one title.
    digits : int
        Decimal places at least.
    tolerance : float, optional
        Values that differ by a smaller share of the largest may read alike.

    Returns
    -------
    list of str
        A text for each: another one for another number, the same for the same.
    """
    room = tolerance * max(map(abs, values), default=0.0)
    apart = 1 + sum(other - one > room for one, other in pairwise(sorted(values)))
    for places in range(digits, MOST_DIGITS + 1):
        texts = [f"{rounded(value, places):,.{places}f}" for value in values]
        if len(set(texts)) >= apart:
            return texts
    return [f"{value:.10g}" for value in values]


def same(value: float, other: float) -> bool:
    """Return whether two numbers are the same up to rounding."""
    return abs(value - other) <= SAME * max(abs(value), abs(other))


def times(number: int) -> str:
    """Return how often something happened: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")
