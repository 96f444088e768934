"""Strategies that plugins add to the smart homes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem

if TYPE_CHECKING:
    from hmesh.markets.home_day import Homes

# The power flow that a rule of a plugin is settled by, where it names no `assignment`.
ASSIGNMENT = "mpfa_mg"


class HomeRule(Protocol):
    """Decides which wanted slots of appliances all homes of a group grant for the day ahead.

    Who feeds whom follows the assignment that its attribute ``assignment`` names, `ASSIGNMENT`
    where it has none.
    """

    def decide(self, homes: "Homes", demand_kwh: FloatArray) -> NDArray[np.bool_]:
        """Return which slots are granted, shape (steps, homes, appliances).

        Of ``demand_kwh``, what appliances want as controllers heard it, of the same shape [kWh].
        """
        ...


# The rule of each strategy of a plugin, by its name.
RULES: dict[str, type[HomeRule]] = {}


def assignment_under(strategy: str) -> str:
    """Return which power flow a strategy of a plugin is settled by."""
    return str(getattr(RULES[strategy], "assignment", ASSIGNMENT))


def granted_by(strategy: str) -> Callable[[Any, FloatArray], FloatArray]:
    """Return the rule of a strategy of a plugin as a function that checks what it decides.

    Parameters
    ----------
    strategy : str
        What a scenario calls it.

    Returns
    -------
    callable
        Of homes and of what their appliances want, which returns what is granted of it [kWh].
    """
    rule = RULES[strategy]()

    def granted(homes: "Homes", demand_kwh: FloatArray) -> FloatArray:
        found = np.asarray(rule.decide(homes, demand_kwh))
        if found.shape != demand_kwh.shape or found.dtype != np.bool_:
            size = " x ".join(map(str, demand_kwh.shape))
            allowed = f"{size} True or False: steps, homes and appliances"
            message = f"returned an array of shape {found.shape} of {found.dtype}"
            raise InputError([Problem(f"strategy {strategy!r}: decide", message, allowed)])
        return np.where(found, demand_kwh, 0.0)

    return granted
