"""Energies, powers and shares as texts of pictures, with digits enough to distinguish them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.number_text import fixed, texts_apart

if TYPE_CHECKING:
    pass


# Values of a title that differ by a smaller share read alike: more digits would hide the finding.
ALIKE = 1e-4


def change(value: float, reference: float) -> str:
    """Return a change in per cent, as "40.7 %"; "" where there is nothing to compare with."""
    return f"{abs(value / reference - 1):.1%}".replace("%", " %") if reference > 0 else ""


def power_unit(values_kw: "FloatArray | float") -> tuple[float, str]:
    """Return the unit in which powers are best stated, as its size in kW and its name."""
    highest = float(np.max(np.abs(values_kw), initial=0.0))
    return (1000.0, "MW") if highest >= 2000 else (1.0, "kW")


def energy_text(energy_kwh: float) -> str:
    """Return an energy with its unit."""
    if abs(energy_kwh) >= 2000:
        return f"{fixed(energy_kwh / 1000, 1)} MWh"
    return f"{fixed(energy_kwh, 0 if abs(energy_kwh) >= 10 or not energy_kwh else 2)} kWh"


def power_text(power_kw: float) -> str:
    """Return a power with its unit."""
    size, unit = power_unit(power_kw)
    return f"{fixed(power_kw / size, _power_digits(power_kw, size))} {unit}"


def _power_digits(power_kw: float, size: float) -> int:
    # A house has a few kilowatts, and tenths of them make no difference of strategies.
    return 0 if size == 1 and abs(power_kw) >= 100 else 2 if abs(power_kw) < 10 else 1


def power_texts(powers_kw: Sequence[float]) -> list[str]:
    """Return powers of one unit with digits enough to distinguish different ones."""
    size, unit = power_unit(np.array(powers_kw))
    digits = _power_digits(max(map(abs, powers_kw), default=0.0), size)
    texts = texts_apart([power / size for power in powers_kw], digits, ALIKE)
    return [f"{text} {unit}" for text in texts]


def percents(shares: Sequence[float], digits: int = 0) -> list[str]:
    """Return shares in per cent with digits enough to distinguish different ones."""
    return [f"{text} %" for text in texts_apart([100.0 * share for share in shares], digits, ALIKE)]
