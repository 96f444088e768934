"""What rows of the summary table are made of: label, value, decimal places, whether compared."""

from collections.abc import Callable, Mapping
from typing import Any

from hmesh.environment.last_digits import anything

type Totals = Mapping[str, Any]
# The label of a row, its value, how many decimal places its largest value has, and whether changes
# are shown.
type Row = tuple[str, Callable[[Totals], float | None], Callable[[float], int], bool]

# Decimal places of the smallest energies: a watt-hour.
_MOST_PLACES = 6
_UNITS = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"))


def unit_of_money(largest: float) -> tuple[float, str]:
    """Return the unit in which all amounts of a row are short: its size and its sign."""
    return next(((size, sign) for size, sign in _UNITS if largest >= 10 * size), (1.0, ""))


def whole(_: float) -> int:
    """Return the decimal places of a whole number."""
    return 0


def one(_: float) -> int:
    """Return one decimal place."""
    return 1


def two(_: float) -> int:
    """Return two decimal places."""
    return 2


def three(_: float) -> int:
    """Return three decimal places."""
    return 3


def loss(largest: float) -> int:
    """Return the decimal places of energies of a few homes, three where they are small."""
    return 3 if largest < 100 else 1


def mwh(largest: float) -> int:
    """Return the decimal places of energies in MWh: two, more where the largest is below one."""
    if largest < 10.0**-_MOST_PLACES:
        return 2
    return next((n for n in range(2, _MOST_PLACES) if largest >= 10.0 ** (2 - n)), _MOST_PLACES)


def power(largest: float) -> int:
    """Return the decimal places of powers."""
    return 0 if largest >= 100 else 2


def price(largest: float) -> int:
    """Return the decimal places of prices."""
    return 2 if largest >= 10 else 3


def money(largest: float) -> int:
    """Return the decimal places of amounts of money."""
    return 0 if largest >= 1000 else 2


def share(energies: Mapping[str, float]) -> float | None:
    """Return how much of what is wanted is served, in per cent; None where nothing is wanted."""
    wanted = energies["wanted_kwh"]
    return 100.0 * energies["served_kwh"] / wanted if anything(wanted) else None
