"""Days of a house that are the cheapest at two feed-in tariffs, and so at all tariffs between.

What a day costs falls with the tariff by what it delivers, along a straight line for whatever it
does. The least cost of all that it may do is the lower envelope of such lines, and concave. So a
day that is the cheapest at two tariffs is the cheapest at every tariff between: its line meets the
envelope at both ends, and a concave curve is nowhere below the chord. Only days that change between
two tariffs need be solved again.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.house_dispatch import HouseFlows, HousePrices, running_cost

# A day that costs more than the cheapest by less than this share is the cheapest as well.
SAME_COST = 1e-8


@dataclass(slots=True)
class SolvedDays:
    """What days do.

    Attributes
    ----------
    columns : dict of array, shape (steps,)
        The fields of `HouseFlows`.
    begins, ends : array
        What storages hold before and after each day, shape (days, 2) [kWh, kWh of heat].
    costs, bounds : array
        What each day costs, and cannot cost less than, shape (days,) [money].
    """

    columns: dict[str, FloatArray]
    begins: FloatArray
    ends: FloatArray
    costs: FloatArray
    bounds: FloatArray

    @property
    def cost(self) -> float:
        """What all days cost [money]."""
        return float(self.costs.sum())

    @property
    def bound(self) -> float:
        """What they cannot cost less than [money]."""
        return float(self.bounds.sum())

    def flows(self) -> HouseFlows:
        """Return the dispatch."""
        return HouseFlows(**self.columns)

    def take(self, other: "SolvedDays", days: NDArray[np.intp], steps: NDArray[np.intp]) -> None:
        """Let some days, with their steps, be those of others."""
        for name, values in self.columns.items():
            values[steps] = other.columns[name][steps]
        self.begins[days], self.ends[days] = other.begins[days], other.ends[days]


@dataclass(slots=True)
class KnownDays:
    """The cheapest days of one house at some feed-in tariffs, all other prices alike.

    Attributes
    ----------
    found : dict of bytes to list of (float, HousePrices, SolvedDays)
        By what midnights hold, tariffs with their days.
    solved, reused : int
        How many days were solved, and followed from those of two other tariffs.
    """

    found: dict[bytes, list[tuple[float, HousePrices, SolvedDays]]] = field(default_factory=dict)
    solved: int = 0
    reused: int = 0

    def keep(self, midnights: bytes, prices: HousePrices, days: SolvedDays) -> None:
        """Keep the days of a tariff."""
        self.found.setdefault(midnights, []).append((_tariff(prices), prices, days))

    def reuse(
        self,
        midnights: bytes,
        prices: HousePrices,
        into: SolvedDays,
        todo: NDArray[np.intp],
        first: NDArray[np.intp],
    ) -> NDArray[np.intp]:
        """Write days that follow from two other tariffs, and return those that do not.

        Parameters
        ----------
        midnights : bytes
            What midnights hold, as `keep` has it.
        prices : HousePrices
            The prices of the tariff.
        into : SolvedDays
            Where the days are written.
        todo : array of int
            The days in question.
        first : array of int
            The first step of every day.
        """
        now = _tariff(prices)
        known = sorted(self.found.get(midnights, ()), key=lambda each: each[0])
        below = [each for each in known if each[0] <= now]
        above = [each for each in known if each[0] >= now]
        if not below or not above:
            self.solved += len(todo)
            return todo
        low, high = below[-1], above[0]
        share = 0.0 if high[0] == low[0] else (now - low[0]) / (high[0] - low[0])
        for here, there in ((low, high), (high, low)):
            # Days that are the cheapest here, at the prices there.
            spent = np.add.reduceat(running_cost(here[2].flows(), there[1]), first)
            scale = np.maximum(np.abs(there[2].costs), 1.0)
            same = spent[todo] <= (there[2].costs + SAME_COST * scale)[todo]
            days = todo[same]
            if len(days):
                of_day = np.repeat(
                    np.arange(len(first)), np.diff(first, append=len(prices.feed_in))
                )
                into.take(here[2], days, np.flatnonzero(np.isin(of_day, days)))
                costs = np.add.reduceat(running_cost(here[2].flows(), prices), first)
                into.costs[days] = costs[days]
                chord = (1.0 - share) * low[2].bounds + share * high[2].bounds
                into.bounds[days] = np.minimum(chord, costs)[days]
                self.reused += len(days)
                todo = todo[~same]
        self.solved += len(todo)
        return todo


def _tariff(prices: HousePrices) -> float:
    """Return the feed-in tariff of all steps [money/kWh].

    Raises
    ------
    ValueError
        If it is not the same in all of them.
    """
    tariff = float(prices.feed_in[0])
    if (prices.feed_in != tariff).any():
        raise ValueError("days are known at tariffs that are the same in all steps")
    return tariff
