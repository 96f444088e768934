"""What a rule of a plugin decides, checked before a scheme uses it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import InputError, Problem


def decided_kwh(strategy: str, found: Any, rows: int) -> NDArray[np.float64]:
    """Return energies that the rule of a strategy decided [kWh].

    Parameters
    ----------
    strategy : str
        What a scenario calls it.
    found : array_like, shape (rows,)
        What its ``decide`` returned [kWh].
    rows : int
        How many agents it decides for.

    Raises
    ------
    InputError
        When that is no array of so many finite numbers.
    """
    allowed = f"{rows} finite numbers [kWh]"
    place = f"strategy {strategy!r}: decide"
    try:
        energy = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError([Problem(place, f"returned {found!r:.60}", allowed)]) from None
    if energy.shape != (rows,):
        message = f"returned an array of shape {energy.shape}"
        raise InputError([Problem(place, message, allowed)])
    if not np.isfinite(energy).all():
        at = int(np.flatnonzero(~np.isfinite(energy))[0])
        raise InputError([Problem(place, f"returned {energy[at]} for row {at}", allowed)])
    return energy
