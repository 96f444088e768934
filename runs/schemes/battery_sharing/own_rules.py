"""Strategies that plugins add to the shared batteries of buildings."""

from typing import TYPE_CHECKING, Protocol

from hmesh.environment.arrays import FloatArray

if TYPE_CHECKING:
    from hmesh.runs.schemes.battery_sharing.step import BatterySharingScheme


class BatteryRule(Protocol):
    """Decides what the batteries of all buildings of a world are to exchange in a step.

    What they give covers the load of their own building first, then that of others.
    """

    def decide(self, scheme: "BatterySharingScheme") -> FloatArray:
        """Return what each battery is to take, negative to give, shape (buildings,) [kWh]."""
        ...


# The rule of each strategy of a plugin, by its name.
RULES: dict[str, type[BatteryRule]] = {}
