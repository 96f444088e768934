"""What generation costs, and what the lines of a tree lose, by their definitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.runs.audits.reference.stores import Array


@dataclass(frozen=True, slots=True)
class Generation:
    """Cost ``a G^2 + b G + c`` of generating ``G`` kWh in a step.

    Attributes
    ----------
    quadratic, linear, fixed
        ``a`` [money/kWh^2], ``b`` [money/kWh] and ``c`` [money].
    """

    quadratic: float
    linear: float
    fixed: float = 0.0

    def total[T: (float, Array)](self, energy_kwh: T) -> T:
        """Return the cost of a step [money]."""
        return self.quadratic * energy_kwh**2 + self.linear * energy_kwh + self.fixed

    def marginal[T: (float, Array)](self, energy_kwh: T) -> T:
        """Return the cost of one more kWh [money/kWh]."""
        return 2 * self.quadratic * energy_kwh + self.linear

    def average[T: (float, Array)](self, energy_kwh: T) -> T:
        """Return the cost per kWh [money/kWh]."""
        return self.total(energy_kwh) / energy_kwh


@dataclass(frozen=True, slots=True)
class PriceRange:
    """What utility and aggregators may ask [money/kWh]."""

    utility_lower: float
    utility_upper: float
    aggregator_lower: float
    aggregator_upper: float


@dataclass(frozen=True, slots=True)
class Tree:
    """Lines between the utility and the communities, each further line after the one before it.

    Attributes
    ----------
    parent
        The line above each, -1 where it leaves the utility.
    community
        The community at the far end of each, -1 where there is none.
    loss_rate
        Energy lost for each kWh that arrives [1].
    rating_kwh
        What may arrive in a step, either way [kWh].
    """

    parent: Sequence[int]
    community: Sequence[int]
    loss_rate: Sequence[float]
    rating_kwh: Sequence[float]

    @classmethod
    def star(cls, loss_rate: Sequence[float], rating_kwh: Sequence[float]) -> "Tree":
        """Return one line from the utility to each community."""
        count = len(loss_rate)
        return cls([-1] * count, list(range(count)), list(loss_rate), list(rating_kwh))

    def arriving(self, demand_kwh: Sequence[float]) -> tuple[list[float], float]:
        """Return what arrives at the far end of each line, and what the utility generates [kWh]."""
        arriving = [demand_kwh[m] if m >= 0 else 0.0 for m in self.community]
        generated = 0.0
        for line in reversed(range(len(self.parent))):
            sent = arriving[line] + self.loss_rate[line] * abs(arriving[line])
            if self.parent[line] < 0:
                generated += sent
            else:
                arriving[self.parent[line]] += sent
        return arriving, generated

    def generated(self, demand_kwh: Sequence[float]) -> float:
        """Return what the utility generates [kWh]."""
        return self.arriving(demand_kwh)[1]

    def kept(self, demand_kwh: Sequence[float]) -> bool:
        """Whether every line carries what it may."""
        arriving, _ = self.arriving(demand_kwh)
        room = np.asarray(self.rating_kwh) - np.abs(arriving)
        return bool((room >= -1e-9 * np.maximum(self.rating_kwh, 1.0)).all())
