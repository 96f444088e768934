"""Strategies that plugins add to the houses with storages."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from hmesh.environment.arrays import FloatArray
from hmesh.runs.strategy_names import is_own

if TYPE_CHECKING:
    from hmesh.runs.schemes.composite_storage.step import CompositeStorageHouses

# The storages of houses that follow a rule of a plugin are those of this strategy.
BOTH = "hybrid_storage"


class HouseRule(Protocol):
    """Decides what batteries and tanks of all houses of a world are to exchange in a step.

    Houses have both.
    """

    def decide(self, scheme: "CompositeStorageHouses") -> Sequence[FloatArray]:
        """Return what batteries and tanks are to take, negative to give, shape (2, houses) [kWh].

        That of tanks is heat. Heat pumps make what heat is left to make.
        """
        ...


# The rule of each strategy of a plugin, by its name.
RULES: dict[str, type[HouseRule]] = {}


def equipped_as(strategy: str) -> str:
    """Return the built-in strategy whose storages houses have under a strategy."""
    return BOTH if is_own(strategy) else strategy
