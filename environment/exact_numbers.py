"""Floats as whole numbers, for sums that must not depend on their order.

Every finite float is a whole multiple of the smallest positive one. Counted in that unit it is a
whole number, which Python adds without rounding.
"""

_BITS = 1074  # The smallest positive float is 2**-1074.
_UNITS_OF_ONE = 1 << _BITS


def to_exact(value: float) -> int:
    """Return a finite float as a whole number of the smallest units."""
    numerator, denominator = value.as_integer_ratio()  # The denominator is a power of 2.
    return numerator << (_BITS + 1 - denominator.bit_length())


def from_exact(units: int) -> float:
    """Return the float nearest to a whole number of the smallest units."""
    return units / _UNITS_OF_ONE
