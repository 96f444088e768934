"""What a community draws at every price: the sum of its members' answers, in lines."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.stores import Answer


@dataclass(frozen=True)
class Demand:
    """Lines of a demand that never rises with its price, and may fall at once between two.

    Attributes
    ----------
    cuts : array, shape (lines + 1,)
        Prices at which the lines begin and end [money/kWh], ascending.
    offset, gain : array
        Line ``k`` holds from ``cuts[k]`` to ``cuts[k + 1]``: ``offset + gain * price`` [kWh].
    moved_kwh : float
        Energy that all members may move, which rounding is a share of [kWh].
    """

    cuts: FloatArray
    offset: FloatArray
    gain: FloatArray
    moved_kwh: float

    @cached_property
    def lowest(self) -> float:
        """The lowest price."""
        return float(self.cuts[0])

    @cached_property
    def highest(self) -> float:
        """The highest price."""
        return float(self.cuts[-1])

    @property
    def least_from(self) -> float:
        """The lowest price from which on the demand is as little as it gets [money/kWh]."""
        steady = (self.gain == 0) & self._near(self.offset[-1])
        return float(self.cuts[len(steady) - int(np.argmin(np.append(steady[::-1], False)))])

    @property
    def most_to(self) -> float:
        """The highest price up to which the demand is as much as it gets [money/kWh]."""
        steady = (self.gain == 0) & self._near(self.offset[0])
        return float(self.cuts[int(np.argmin(np.append(steady, False)))])

    def _near(self, energy_kwh: float) -> NDArray[np.bool_]:
        """Return which lines begin at an energy, to within the rounding of sums."""
        near: NDArray[np.bool_] = np.abs(self.offset - energy_kwh) <= 1e-12 * self.moved_kwh
        return near

    def ends(self) -> tuple[FloatArray, FloatArray]:
        """Return the demand at the lower and the upper end of each line [kWh]."""
        return (
            self.offset + self.gain * self.cuts[:-1],
            self.offset + self.gain * self.cuts[1:],
        )

    @cached_property
    def choke(self) -> FloatArray:
        """Prices at which lines that fall would draw nothing [money/kWh], 0 of the others."""
        falls = self.gain < 0
        return np.divide(-self.offset, self.gain, out=np.zeros_like(self.gain), where=falls)

    @cached_property
    def _numbers(self) -> tuple[list[float], list[float], list[float]]:
        return self.cuts.tolist(), self.offset.tolist(), self.gain.tolist()

    def at(self, price: float) -> tuple[float, float]:
        """Return the demand at a price [kWh]: the least and the most where it falls at once."""
        cuts, offset, gain = self._numbers
        count = len(offset)
        first = min(bisect_left(cuts, price, 1) - 1, count - 1)
        last = max(bisect_right(cuts, price, 0, count), 1)
        values = [offset[line] + gain[line] * price for line in range(first, last)]
        return min(values), max(values)

    def between(self, lowest: float, highest: float) -> "Demand":
        """Return the part between two prices."""
        holds = (self.cuts[:-1] < highest) & (self.cuts[1:] > lowest)
        if not holds.any():
            # A single price: the lines that meet there, each without length.
            holds = (self.cuts[:-1] <= lowest) & (lowest <= self.cuts[1:])
            holds &= np.cumsum(holds) == 1
        first = int(np.argmax(holds))
        count = int(holds.sum())
        cuts = np.clip(self.cuts[first : first + count + 1], lowest, highest)
        return Demand(cuts, self.offset[holds], self.gain[holds], self.moved_kwh)

    def within(self, least_kwh: float, most_kwh: float) -> "Demand":
        """Return the part in which it stays between two energies, at least one price.

        Where no price keeps it the highest is left if too much is drawn, else the lowest; where
        none keeps both, the lowest at which not too much is drawn.
        """
        low, high = self.ends()
        if low[0] <= most_kwh and high[-1] >= least_kwh:
            return self
        if high[-1] > most_kwh:
            return self.between(self.highest, self.highest)
        if low[0] < least_kwh:
            return self.between(self.lowest, self.lowest)
        lowest, highest = _prices_between(self, least_kwh, most_kwh)
        return self.between(lowest, max(lowest, highest))


def _prices_between(demand: Demand, least_kwh: float, most_kwh: float) -> tuple[float, float]:
    """Return the lowest and the highest price at which a demand is between two energies."""
    low, high = demand.ends()
    with np.errstate(divide="ignore", invalid="ignore"):
        falls_to_most = (most_kwh - demand.offset) / demand.gain
        falls_to_least = (least_kwh - demand.offset) / demand.gain
    first = int(np.argmax(high <= most_kwh))
    last = len(low) - 1 - int(np.argmax((low >= least_kwh)[::-1]))
    from_price = demand.cuts[first]
    if low[first] > most_kwh:
        from_price = np.clip(falls_to_most[first], demand.cuts[first], demand.cuts[first + 1])
    to_price = demand.cuts[last + 1]
    if high[last] < least_kwh:
        to_price = np.clip(falls_to_least[last], demand.cuts[last], demand.cuts[last + 1])
    return float(from_price), float(to_price)


def demand_of(fixed_kwh: float, answers: Iterable[Answer], lowest: float, highest: float) -> Demand:
    """Return the demand of a community between two prices.

    Parameters
    ----------
    fixed_kwh : float
        What answers to no price [kWh].
    answers : iterable of Answer
        Those of its members.
    lowest, highest : float
        Between which prices [money/kWh].
    """
    prices = [np.array([lowest, highest])]
    more_offset, more_gain = [np.zeros(2)], [np.zeros(2)]
    offset, gain, moved = fixed_kwh, 0.0, abs(fixed_kwh)
    for answer in answers:
        # Each begins with the line that holds at the lowest price, and goes on from cut to cut.
        begun = (answer.cuts <= lowest).sum(axis=0)[None]
        offset += float(np.take_along_axis(answer.offset, begun, axis=0).sum())
        gain += float(np.take_along_axis(answer.gain, begun, axis=0).sum())
        inside = (answer.cuts > lowest) & (answer.cuts < highest)
        prices.append(answer.cuts[inside])
        more_offset.append(np.diff(answer.offset, axis=0)[inside])
        more_gain.append(np.diff(answer.gain, axis=0)[inside])
        moved += float(np.abs(answer.offset).sum())
    price = np.concatenate(prices)
    order = np.argsort(price, kind="stable")
    cuts = price[order]
    offsets = offset + np.cumsum(np.concatenate(more_offset)[order])
    gains = gain + np.cumsum(np.concatenate(more_gain)[order])
    return _ascending(cuts, offsets[:-1], gains[:-1], moved)


def _ascending(cuts: FloatArray, offset: FloatArray, gain: FloatArray, moved_kwh: float) -> Demand:
    """Return a demand without the lines that have no length, unless it has none other."""
    long: NDArray[np.bool_] = np.diff(cuts) > 0
    if not long.any():
        long[-1] = True
    # Where nobody answers any more the sum of what they did leaves rounding.
    gain = np.where(np.abs(gain) <= 1e-13 * np.abs(gain).max(initial=0.0), 0.0, gain)
    return Demand(np.append(cuts[:-1][long], cuts[-1]), offset[long], gain[long], moved_kwh)
