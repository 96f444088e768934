"""Which outcomes of a sweep are bimodal, so that their mean describes none of the runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hmesh.runs.schemes.registry import figures_of_schemes
from hmesh.runs.strategy_names import strategy_name
from hmesh.runs.sweeps.distribution import FEWEST_FOR_HUMPS, LEVEL, Humps, humps

if TYPE_CHECKING:
    from hmesh.runs.sweeps.ensemble import Ensemble

_OF_EVERY_RUN = ("peak_kw", "par", "generation_cost", "utility_profit")


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one outcome across seeds: numbers of point and strategy, name, and test."""

    point: int
    strategy: int
    quantity: str
    humps: Humps


@dataclass(frozen=True)
class Shapes:
    """The shapes of the outcomes of a sweep.

    Attributes
    ----------
    ensemble : Ensemble
        The numbers of its runs.
    """

    ensemble: "Ensemble"

    @property
    def quantities(self) -> list[str]:
        """The quantities that are tested: those of the table, and metrics."""
        figures = [figure.key for figure in figures_of_schemes()]
        named = dict.fromkeys((*_OF_EVERY_RUN, *figures))
        there = [name for name in named if name in self.ensemble.quantities]
        return [*there, *(n for n in self.ensemble.quantities if n.startswith("metrics."))]

    @cached_property
    def every(self) -> tuple[Shape, ...]:
        """The shapes of all that is tested."""
        return tuple(self._tested())

    @property
    def two(self) -> list[Shape]:
        """Those that are bimodal, by their p-value."""
        return sorted((s for s in self.every if s.humps.two), key=lambda s: s.humps.p)

    def stated(self, shape: Shape) -> str:
        """Return in words of what an outcome is."""
        plan = self.ensemble.plan
        values = plan.points[shape.point].values.items()
        place = ", ".join(plan.label(key, value) for key, value in values)
        under = strategy_name(self.ensemble.strategies[shape.strategy])
        return f"{shape.quantity} under {under}{f' at {place}' if place else ''}"

    def lines(self) -> Iterator[str]:
        """Yield which outcomes are bimodal, or that none is."""
        for shape in self.two:
            peaks = " and ".join(f"{peak:,.4g}" for peak in shape.humps.peaks)
            yield (
                f"{self.stated(shape)} is bimodal, with modes near {peaks}: its mean describes "
                f"neither (dip test, p = {shape.humps.p:.3g})"
            )
        if self.every and not self.two:
            yield (
                f"No outcome is bimodal (dip test of {len(self.every):,} distributions, "
                f"p >= {LEVEL:g})"
            )

    def _tested(self) -> Iterator[Shape]:
        plan = self.ensemble.plan
        if len(plan.seeds) < FEWEST_FOR_HUMPS:
            return
        for quantity in self.quantities:
            values = self.ensemble.of(quantity)
            for point in range(values.shape[0]):
                for strategy in range(values.shape[2]):
                    found = humps(values[point, :, strategy])
                    if found is not None:
                        yield Shape(point, strategy, quantity, found)
