"""What sentences about a run are made of: words, and figures of its summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hmesh.environment.last_digits import anything
from hmesh.runs.number_text import fixed

type Totals = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the summary within a sentence.

    Attributes
    ----------
    key : str
        Its key in the section of its strategy.
    value : float
        Its value.
    text : str
        How it is stated.
    """

    key: str
    value: float
    text: str


type Sentence = tuple[str | Figure, ...]


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency."""
    return f"{fixed(amount, 0 if amount >= 1000 else 2)} {currency}"


def energy(totals: Totals, key: str) -> Figure:
    """Return an energy of the totals with its unit."""
    energy = float(totals[key])
    size, unit = (1000.0, "MWh") if abs(energy) >= 2000 else (1.0, "kWh")
    amount = energy / size
    digits = 2 if abs(amount) < 10 else 1 if abs(amount) < 100 or size > 1 else 0
    return Figure(key, totals[key], f"{fixed(amount, digits)} {unit}")


def bill(totals: Totals, key: str, currency: str) -> Sentence:
    """Return what is paid, or earned where it is below zero."""
    verb = "pay " if totals[key] >= 0 else "earn "
    return (verb, Figure(key, totals[key], money(abs(totals[key]), currency)))


def share(part: float, whole: float) -> str:
    """Return a share in per cent, after a comma; "" where there is no whole."""
    return f", {100 * part / whole:.1f} %" if anything(whole) else ""
