"""How vehicles travel on one kind of day: everything that is drawn for a tour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.distributions import discrete, histogram


class Distribution(Protocol):
    """Anything that turns uniform draws into values."""

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each share u, 0 <= u < 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Shares of values between edges, spread evenly within each bin.

    Attributes
    ----------
    edges : array, shape (bins + 1,)
        Ascending.
    shares : array, shape (bins,)
        Not below 0; their sum is above 0 and need not be 1.
    """

    edges: FloatArray
    shares: FloatArray

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each share u, 0 <= u < 1."""
        return histogram(u, self.edges, self.shares)


@dataclass(frozen=True, slots=True, eq=False)
class Discrete:
    """Some values, each with its share.

    Attributes
    ----------
    points, shares : array, shape (values,)
        The values, and shares not below 0 whose sum is above 0 and need not be 1.
    """

    points: FloatArray
    shares: FloatArray

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each share u, 0 <= u < 1."""
        return discrete(u, self.points, self.shares)


@dataclass(frozen=True, slots=True, eq=False)
class Purpose:
    """What a vehicle stops for.

    Attributes
    ----------
    share : float
        Share of the stops, among the purposes possible at the hour of departure.
    stay_h : Distribution
        How long it stays [h].
    destinations : array, shape (communities, communities)
        Share of each destination, a row for each origin.
    from_h, to_h : float
        Clock hours between which one departs for it; over midnight where from_h > to_h [h].
    """

    share: float
    stay_h: Distribution
    destinations: FloatArray
    from_h: float = 0.0
    to_h: float = 24.0

    def possible(self, hour: FloatArray) -> NDArray[np.bool_]:
        """Return whether one departs for it at each of some clock hours, 0 <= hour < 24."""
        if self.from_h <= self.to_h:
            return (self.from_h <= hour) & (hour < self.to_h)
        return (hour >= self.from_h) | (hour < self.to_h)


@dataclass(frozen=True, slots=True, eq=False)
class TravelDay:
    """How vehicles travel on one kind of day.

    Attributes
    ----------
    travels : float
        Probability that a vehicle travels.
    stops : array, shape (most stops,)
        Share of the tours with 1, 2, 3 ... stops before the way home.
    departs_h : Distribution
        Clock hour of the first departure [h].
    purposes : sequence of Purpose
        What stops are for.
    trip_km : Distribution or None
        Length of every trip; the way home from a single stop is as long as the way there [km].
    tour_km : sequence of Distribution
        Length of a whole tour, all its trips alike, by its number of stops; the last one holds for
        more stops as well [km]. Without these and `trip_km` a trip is as long as the road.
    """

    travels: float
    stops: FloatArray
    departs_h: Distribution
    purposes: Sequence[Purpose]
    trip_km: Distribution | None = None
    tour_km: Sequence[Distribution] = ()
