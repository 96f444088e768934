"""Messages by which followers send their answers to every price at once."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRequest(Message):
    """A leader asks its followers for their answers to every price of a range.

    Attributes
    ----------
    lowest_price, highest_price : float
        The range [money/kWh].
    """

    lowest_price: float
    highest_price: float

    @property
    def value(self) -> float:
        """The highest price [money/kWh]."""
        return float(self.highest_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveBid(Message):
    """Followers state what they would take at every price.

    Attributes
    ----------
    curves : array, shape (count, 14)
        A row for each, by `answer_curves.COLUMNS`; NaN of a follower that cannot say it as a curve.
    """

    curves: FloatArray

    @property
    def value(self) -> float:
        """What they would take at a price that is low enough [kWh]."""
        return float(np.nansum(self.curves[:, 0]))


class SupplyCurveRequest(CurveRequest):
    """A utility asks schools what they would sell at every incentive price of a range."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyCurveBid(Message):
    """Schools state what they would sell at every incentive price.

    Attributes
    ----------
    curves : array, shape (count, 5)
        A row for each, by `answer_curves.SUPPLY_COLUMNS`; NaN of a school that cannot say it as a
        curve.
    """

    curves: FloatArray

    @property
    def value(self) -> float:
        """What they would sell at a price that is high enough [kWh]."""
        from_price, to_price, slope, _, jump = self.curves.T
        return float(np.nansum(slope * (to_price - from_price) + jump))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityCurve(Message):
    """An aggregator states what its community would take at every price of the utility.

    Attributes
    ----------
    start_price : array, shape (pieces,)
        Prices from which each piece holds, ascending [money/kWh].
    offset_kwh, gain : array, shape (pieces,)
        At a price p a piece amounts to ``offset_kwh + gain p`` [kWh, kWh^2/money].
    """

    start_price: FloatArray
    offset_kwh: FloatArray
    gain: FloatArray

    @property
    def value(self) -> float:
        """What the community would take at the lowest price [kWh]."""
        return float(self.offset_kwh[0] + self.gain[0] * self.start_price[0])

    def demand_kwh(self, price: float) -> float:
        """Return what it would take at a price [kWh]."""
        piece = max(int(self.start_price.searchsorted(price)) - 1, 0)
        return float(self.offset_kwh[piece] + self.gain[piece] * price)
