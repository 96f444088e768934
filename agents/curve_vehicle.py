"""Vehicles whose behaviour states at every price what they would exchange: as a curve.

A game solves with them as it does with those that best-respond: `exact` adds their curves to the
demand of their community, and under `negotiate` they answer from the same curves.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

from hmesh.agents.electric_vehicle import ElectricVehicle, VehicleRows
from hmesh.environment.arrays import FloatArray
from hmesh.environment.population import AgentAttribute
from hmesh.markets.answer_curves import energy_of_curves


class CurveVehicle(ElectricVehicle):
    """A vehicle that answers by a curve; a subclass states it in ``curve_rows``.

    Attributes
    ----------
    given : object
        The keys of its behaviour in the scenario; None where it has none.
    path_of : callable
        From a file that these name to where it lies.
    """

    given: ClassVar[Any] = None
    path_of: ClassVar[Callable[[str], Path]] = staticmethod(Path)

    @classmethod
    def curve_rows(cls, vehicles: VehicleRows) -> FloatArray:
        """Return the curve of each, rows of `hmesh.markets.answer_curves.COLUMNS`, shape (n, 14).

        It changes nothing: what a behaviour remembers, it changes as it learns.
        """
        raise NotImplementedError(f"{cls.__name__} states no curve")

    @classmethod
    def respond_rows(cls, vehicles: VehicleRows, price: float) -> FloatArray:
        """Return the energies of their curves at a price [kWh], shape (n,)."""
        return energy_of_curves(vehicles.curves(cls), price)

    @classmethod
    def with_keys(cls, given: Any, path_of: Callable[[str], Path] = Path) -> type[Self]:
        """Return the class of those vehicles that have its behaviour with some keys."""
        added = {"given": given, "path_of": staticmethod(path_of), "__module__": cls.__module__}
        return type(cls.__name__, (cls,), added)

    @classmethod
    def begin_rows(cls, vehicles: VehicleRows) -> None:
        """Prepare what all vehicles of the class need; called before the first step."""

    @classmethod
    def widths(cls) -> dict[str, int]:
        """Return how many numbers the columns have whose width depends on keys, by name."""
        return {}

    @classmethod
    def attributes(cls) -> tuple[AgentAttribute, ...]:
        """Return the columns of this type, as wide as its keys ask for."""
        widths = {} if cls.given is None else cls.widths()
        return tuple(
            replace(each, width=widths.get(each.name, each.width)) for each in super().attributes()
        )
