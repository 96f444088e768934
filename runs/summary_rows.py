"""What rows of the summary table are made of: label, value, form, and whether changes are told."""

from collections.abc import Callable, Mapping
from typing import Any

type Totals = Mapping[str, Any]
type Row = tuple[str, Callable[[Totals], float | None], Callable[[float], str], bool]


def money(value: float) -> str:
    """Return an amount of money."""
    # Adding zero turns -0.0 into 0.0.
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 2) + 0.0:,.2f}"


def loss(value: float) -> str:
    """Return an energy of a few homes, three digits after the point where it is small."""
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.1f}"


def mwh(value: float) -> str:
    """Return an energy in MWh."""
    return f"{value:,.2f}"


def power(value: float) -> str:
    """Return a power."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def share(energies: Mapping[str, float]) -> float | None:
    """Return how much of what is wanted is served, in per cent; None where nothing is wanted."""
    wanted = energies["wanted_kwh"]
    return 100.0 * energies["served_kwh"] / wanted if wanted > 0 else None
