"""What a rule of a plugin decides, checked before a scheme uses it."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem


def decided_kwh(strategy: str, found: Any, *shape: int) -> FloatArray:
    """Return energies that the rule of a strategy decided [kWh].

    Parameters
    ----------
    strategy : str
        What a scenario calls it.
    found : array_like
        What its ``decide`` returned [kWh].
    *shape : int
        For how many agents, or for how many quantities of how many agents, it decides.

    Raises
    ------
    InputError
        When that is no array of so many finite numbers.
    """
    allowed = f"{' x '.join(map(str, shape))} finite numbers [kWh]"
    place = f"strategy {strategy!r}: decide"
    try:
        energy = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError([Problem(place, f"returned {found!r:.60}", allowed)]) from None
    if energy.shape != shape:
        message = f"returned an array of shape {energy.shape}"
        raise InputError([Problem(place, message, allowed)])
    if not np.isfinite(energy).all():
        at = tuple(np.argwhere(~np.isfinite(energy))[0].tolist())
        row = ", ".join(map(str, at))
        raise InputError([Problem(place, f"returned {energy[at]} for row {row}", allowed)])
    return energy
