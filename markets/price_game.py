"""What decides the price game of a utility and its aggregators, and the prices that result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import Answers
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.price_limits import prices_within

WithoutVehicles = Literal["pass_through", "profit_max"]
# From prices of the utility to prices and demands of the communities, shape (communities, prices).
type Followers = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class PriceBounds:
    """Prices the utility and the aggregators may ask [money/kWh].

    Raises
    ------
    ValueError
        If a bound is not finite, a lower one is above its upper one, or the utility may ask more
        than the aggregators may, which would force them to a loss.
    """

    utility_lower: float
    utility_upper: float
    aggregator_lower: float
    aggregator_upper: float

    def __post_init__(self) -> None:
        bounds = (
            self.utility_lower, self.utility_upper, self.aggregator_lower, self.aggregator_upper
        )  # fmt: skip
        if not np.isfinite(bounds).all():
            raise ValueError(f"price bounds must be finite, got {bounds}")
        if self.utility_lower > self.utility_upper or self.aggregator_lower > self.aggregator_upper:
            raise ValueError(f"a lower price bound is above its upper one: {bounds}")
        if self.utility_upper > self.aggregator_upper:
            raise ValueError(
                f"the utility may ask up to {self.utility_upper}, the aggregators only up to "
                f"{self.aggregator_upper}: they would be forced to a loss"
            )

    def for_utility(self, lower: float, upper: float) -> "PriceBounds":
        """Return these bounds with others for the utility [money/kWh]."""
        return PriceBounds(lower, upper, self.aggregator_lower, self.aggregator_upper)


@dataclass(frozen=True, slots=True)
class Game:
    """Everything that decides the prices of one step.

    Attributes
    ----------
    kinks : tuple of Answers
        One per community; in a community without vehicles nobody answers.
    cost : GenerationCost
        What the utility pays.
    bounds : PriceBounds
        What may be asked.
    without_vehicles : {"pass_through", "profit_max"}
        How a community that cannot answer is priced: at the utility's price, or at the upper price
        bound.
    feed : Feed or None
        The lines as the utility knows them, with their losses and with the limits of those that
        communities share; None where it prices as if nothing was lost or limited.
    limits_kwh : pair of array, shape (communities,), or None
        Least and most that the own lines of every community let it draw [kWh]; None where its
        aggregator keeps no limit.
    """

    kinks: tuple[Answers, ...]
    cost: GenerationCost
    bounds: PriceBounds
    without_vehicles: WithoutVehicles = "pass_through"
    feed: Feed | None = None
    limits_kwh: tuple[FloatArray, FloatArray] | None = None

    def answering(self) -> NDArray[np.bool_]:
        """Return whether anybody in each community answers to its price, shape (communities,)."""
        return np.array([answers.answering for answers in self.kinks], dtype=bool)

    def lost_kwh(self, demand_kwh: FloatArray) -> float | FloatArray:
        """Return what is generated more than is sold, as far as the utility knows [kWh].

        Parameters
        ----------
        demand_kwh : array, shape (communities, k)
            Demand of every community [kWh].
        """
        if self.feed is None or self.feed.loss_free:
            return 0.0
        return self.feed.generation_kwh(demand_kwh) - demand_kwh.sum(axis=0)

    def aggregator_bounds(self, community: int) -> tuple[float, float]:
        """Return the prices between which an aggregator may ask, its limits kept [money/kWh]."""
        lower, upper = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        kinks = self.kinks[community]
        if self.limits_kwh is None or not kinks.answering:
            return lower, upper
        limits = (float(limit[community]) for limit in self.limits_kwh)
        return prices_within(kinks, lower, upper, *limits)

    def captive_price(self, utility_price: float) -> float:
        """Return the price of a community without vehicles at ``utility_price`` [money/kWh]."""
        if self.without_vehicles == "profit_max":
            return self.bounds.aggregator_upper
        lower, upper = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        return min(max(utility_price, lower), upper)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Prices of one step.

    Attributes
    ----------
    utility_price : float
        What the utility asks of every aggregator [money/kWh].
    community_price : array, shape (communities,)
        What every aggregator asks of its community [money/kWh].
    demand_kwh : array, shape (communities,)
        What every community buys at these prices [kWh].
    attained_lowest : bool
        False where the utility's best price is reached only if aggregators that are indifferent
        between two prices choose as the utility likes.
    unlimited_price : float or None
        What the utility would ask if no line that communities share had a limit [money/kWh]; None
        where that is its price.
    """

    utility_price: float
    community_price: FloatArray
    demand_kwh: FloatArray
    attained_lowest: bool = True
    unlimited_price: float | None = None
