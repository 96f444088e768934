"""Tours of a day: where vehicles go one stop after another until they are home again."""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.moments import SECOND_MS, moments
from hmesh.environment.trips import TripTable


@dataclass(frozen=True, slots=True, eq=False)
class Tours:
    """One tour of each of some vehicles, of at most k trips.

    Attributes
    ----------
    vehicles : array of int, shape (n,)
        Rows of the fleet, ascending.
    trips : array of int, shape (n,)
        Trips of each tour, from 1 to k; what stands behind them in a row does not count.
    departs_h : array, shape (n,)
        When the first trip departs, from the start of the run [h].
    places : array of int, shape (n, k + 1)
        Community where the tour begins, and where each trip goes.
    km, driving_h : array, shape (n, k)
        Length of each trip [km], and how long it takes [h].
    stay_h : array, shape (n, k)
        How long the vehicle stays after each trip [h]; that after its last does not count.
    """

    vehicles: NDArray[np.intp]
    trips: NDArray[np.int64]
    departs_h: FloatArray
    places: NDArray[np.int64]
    km: FloatArray
    driving_h: FloatArray
    stay_h: FloatArray

    @classmethod
    def blank(cls, vehicles: NDArray[np.intp], most_trips: int) -> Self:
        """Return tours of some vehicles, to be filled in."""
        shape = (len(vehicles), most_trips)
        return cls(
            vehicles=vehicles,
            trips=np.zeros(len(vehicles), dtype=np.int64),
            departs_h=np.zeros(len(vehicles)),
            places=np.zeros((len(vehicles), most_trips + 1), dtype=np.int64),
            km=np.zeros(shape),
            driving_h=np.zeros(shape),
            stay_h=np.zeros(shape),
        )

    def where(self, chosen: NDArray[np.bool_]) -> "Tours":
        """Return some of the tours."""
        return Tours(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def before(self, trips: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which places of a row lie before a number of trips, shape (n, k)."""
        return np.arange(self.km.shape[1]) < trips[:, None]


def fit_into_day(
    tours: Tours, begins_h: float | FloatArray, ends_h: float | FloatArray
) -> tuple[Tours, dict[str, int]]:
    """Return tours that are over when the day is, so that no trip meets one of the day after.

    Stays are shortened first, all of a tour in proportion. A tour whose driving alone takes too
    long for the time it sets out departs earlier; one that drives longer than a day drives less.

    Parameters
    ----------
    tours : Tours
        Tours that depart within the day.
    begins_h, ends_h : float or array, shape (n,)
        The day of all tours, or of each, from the start of the run [h].

    Returns
    -------
    tours : Tours
        What is possible.
    counts : dict
        How many tours had to be changed in each of the three ways.
    """
    driven = tours.before(tours.trips)
    stayed = tours.before(tours.trips - 1)
    driving = np.where(driven, tours.driving_h, 0.0).sum(axis=1)
    staying = np.where(stayed, tours.stay_h, 0.0).sum(axis=1)
    day_h = ends_h - begins_h
    less = np.minimum(1.0, day_h / np.maximum(driving, 1e-12))
    driving = driving * less
    latest = np.maximum(ends_h - driving, begins_h)
    departs = np.minimum(tours.departs_h, latest)
    room = np.maximum(ends_h - departs - driving, 0.0)
    shorter = np.minimum(1.0, room / np.maximum(staying, 1e-12))
    changed = {
        "tours_driving_less": less < 1.0,
        "tours_departing_earlier": tours.departs_h > latest,
        "tours_with_shorter_stays": shorter < 1.0,
    }
    fitted = replace(
        tours,
        departs_h=departs,
        km=tours.km * less[:, None],
        driving_h=tours.driving_h * less[:, None],
        stay_h=tours.stay_h * shorter[:, None],
    )
    return fitted, {name: int(which.sum()) for name, which in changed.items() if which.any()}


def trips_of(
    tours: Tours,
    counts: dict[str, int],
    night_after: NDArray[np.int64] | None = None,
) -> TripTable:
    """Return the trips of tours, each from one whole second to another.

    Parameters
    ----------
    tours : Tours
        Tours that do not overlap.
    counts : dict
        What had to be changed.
    night_after : array of int, shape (n,), optional
        After which trip of a tour, from 0, its vehicle's night at home begins; after its last
        unless given.
    """
    spent = tours.driving_h + tours.stay_h
    departs_h = tours.departs_h[:, None] + np.cumsum(spent, axis=1) - spent
    departs, arrives = moments(departs_h), moments(departs_h + tours.driving_h)
    never = ~tours.before(tours.trips)
    departs[never] = arrives[never] = np.iinfo(np.int64).max // 2
    begins, columns = departs[:, 0].copy(), range(departs.shape[1])
    # A trip takes a second at least; to be over when the day is, the ones before it are earlier,
    # and where these fill the day, one of them is shorter.
    for k in reversed(columns):
        departs[:, k] = np.minimum(departs[:, k], arrives[:, k] - SECOND_MS)
        if k:
            arrives[:, k - 1] = np.minimum(arrives[:, k - 1], departs[:, k])
    departs[:, 0] = np.maximum(departs[:, 0], begins)
    for k in columns:
        if k:
            departs[:, k] = np.maximum(departs[:, k], arrives[:, k - 1])
        arrives[:, k] = np.maximum(arrives[:, k], departs[:, k] + SECOND_MS)
    number, row = np.nonzero(tours.before(tours.trips).T)
    following = np.minimum(number + 1, tours.km.shape[1] - 1)
    last = number == tours.trips[row] - 1
    return TripTable(
        vehicle=tours.vehicles[row],
        number=number,
        departs_ms=departs[row, number],
        arrives_ms=arrives[row, number],
        origin=tours.places[row, number],
        destination=tours.places[row, number + 1],
        km=tours.km[row, number],
        night_follows=last if night_after is None else number == night_after[row],
        next_km=np.where(last, 0.0, tours.km[row, following]),
        counts=counts,
    )
