"""What agents hear of a step once everybody has paid: what a behaviour learns from."""

from dataclasses import dataclass

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class StepPayment[E: (float, FloatArray)]:
    """What an agent paid in a step, and what others of its kind paid.

    Attributes
    ----------
    price : float, or array, shape (n,)
        What its community pays in the step [money/kWh]; of many vehicles an array.
    energy_kwh : float or array, shape (n,)
        What it exchanges in the step, above 0 charging [kWh].
    mean_paid : float
        What those of its kind pay on average that could exchange energy in the step, negative
        where they receive money [money].
    """

    price: E
    energy_kwh: E
    mean_paid: float

    @property
    def paid(self) -> E:
        """What it pays, negative where it receives money [money]."""
        return self.price * self.energy_kwh
