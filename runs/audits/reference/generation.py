"""What generation costs, and what may be asked for it."""

from dataclasses import dataclass

from hmesh.runs.audits.reference.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Generation:
    """Cost ``a G^2 + b G + c`` of generating ``G`` kWh in a step.

    Attributes
    ----------
    quadratic, linear, fixed : float
        ``a`` [money/kWh^2], ``b`` [money/kWh] and ``c`` [money].
    """

    quadratic: float
    linear: float
    fixed: float = 0.0

    def total[T: (float, FloatArray)](self, energy_kwh: T) -> T:
        """Return the cost of a step [money]."""
        return self.quadratic * energy_kwh**2 + self.linear * energy_kwh + self.fixed

    def marginal[T: (float, FloatArray)](self, energy_kwh: T) -> T:
        """Return the cost of one more kWh [money/kWh]."""
        return 2 * self.quadratic * energy_kwh + self.linear

    def average[T: (float, FloatArray)](self, energy_kwh: T) -> T:
        """Return the cost per kWh [money/kWh]."""
        return self.total(energy_kwh) / energy_kwh


@dataclass(frozen=True, slots=True)
class PriceRange:
    """What utility and aggregators may ask [money/kWh]."""

    utility_lower: float
    utility_upper: float
    aggregator_lower: float
    aggregator_upper: float
