"""What a community's storage, its plant, its households and their forecasters say to each other.

Arrays of steps are of shape (steps, count): a row for each step ahead, a column for each household
addressed or answering.
"""

from dataclasses import dataclass

from hmesh.environment.arrays import FloatArray
from hmesh.environment.messages import EnergyMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandForecast(EnergyMessage):
    """Forecasters send households, or a plant, what is left of the day; ``energy_kwh`` in all.

    Attributes
    ----------
    steps_kwh : array, shape (steps, count)
        What each step is expected to bring [kWh]; NaN where nothing is known.
    """

    steps_kwh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandOutlook(EnergyMessage):
    """Households, or a plant, report to the controller what they expect up to the end of its plan.

    Attributes
    ----------
    steps_kwh : array, shape (steps, count)
        What each step is expected to bring [kWh]; NaN where nothing is known.
    """

    steps_kwh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandStatus(EnergyMessage):
    """Households state their demand of the step, and what they expect of the rest of the day.

    Attributes
    ----------
    average_kwh : array, shape (count,)
        Mean demand expected of the steps left of the day [kWh]; NaN where nothing is known.
    """

    average_kwh: FloatArray


class GenerationReport(EnergyMessage):
    """A plant reports to the controller what it generates in the step."""

    __slots__ = ()


class DischargeGrant(EnergyMessage):
    """A controller grants households what each may draw from the storage in the step."""

    __slots__ = ()


class StorageDraw(EnergyMessage):
    """Households report to the controller what they draw from the storage in the step."""

    __slots__ = ()


class GridPurchase(EnergyMessage):
    """Households report to the grid what they draw from it in the step."""

    __slots__ = ()
