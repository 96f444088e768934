"""What the utility pays for generation, and the retail prices made from it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hmesh.environment.arrays import FloatArray

RetailRule = Literal["marginal", "average"]


@dataclass(frozen=True, slots=True)
class GenerationCost:
    """Quadratic cost of generating the energy of one step.

    ``C(D) = quadratic * D**2 + linear * D + fixed``, evaluated as it stands for negative ``D`` too,
    so that the closed forms of the price games stay valid for a community that exports.

    Parameters
    ----------
    quadratic : float
        Weight of the squared demand [money/kWh^2], at least 0.
    linear : float
        Weight of the demand [money/kWh].
    fixed : float
        Cost of every step [money].

    Raises
    ------
    ValueError
        If ``quadratic`` is negative or a weight is not finite.

    Notes
    -----
    Source: Khwanrit (2024), eq. (4.3) and (5.10); weights are per kWh of one step, not per MWh.
    """

    quadratic: float
    linear: float
    fixed: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.quadratic, self.linear, self.fixed]).all():
            raise ValueError(f"generation cost weights must be finite, got {self}")
        if self.quadratic < 0:
            raise ValueError(f"quadratic generation cost must be >= 0, got {self.quadratic}")

    def total[T: (float, FloatArray)](self, demand_kwh: T) -> T:
        """Return the cost [money] of generating ``demand_kwh`` in one step (any shape)."""
        return (self.quadratic * demand_kwh + self.linear) * demand_kwh + self.fixed

    def marginal[T: (float, FloatArray)](self, demand_kwh: T) -> T:
        """Return the cost of one more kWh [money/kWh], ``C'(D)`` (any shape)."""
        return 2.0 * self.quadratic * demand_kwh + self.linear

    def average[T: (float, FloatArray)](self, demand_kwh: T) -> T:
        """Return the cost per kWh [money/kWh], ``C(D) / D``, eq. (4.4) (any shape, ``D`` not 0)."""
        return self.quadratic * demand_kwh + self.linear + self.fixed / demand_kwh

    def retail_price(self, demand_kwh: float, rule: RetailRule) -> float:
        """Return the price every consumer pays where nobody bargains [money/kWh].

        Parameters
        ----------
        demand_kwh : float
            Total demand of the step [kWh].
        rule : {"marginal", "average"}
            Cost of the last kWh, or cost per kWh; the former also where nobody consumes.
        """
        if rule == "marginal" or demand_kwh == 0:
            return self.marginal(demand_kwh)
        return self.average(demand_kwh)
