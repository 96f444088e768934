"""Trips that are drawn for every vehicle and day, so that no two days are alike."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar, DayKind
from hmesh.environment.distributions import discrete
from hmesh.environment.growth import Growth
from hmesh.environment.streams import Streams
from hmesh.environment.tours import Tours, fit_into_day, trips_of
from hmesh.environment.travel_day import TravelDay
from hmesh.environment.trips import DayTrips, TripSource

# A trip goes somewhere, if only for a metre.
_SHORTEST_KM = 1e-3

type Draw = Callable[[str], FloatArray]


class DrawnTrips(TripSource):
    """Trips drawn from distributions, a tour of each vehicle that travels on a day.

    Every draw comes from a stream named by what is drawn and the day, one for each vehicle in the
    order of rows, so that a vehicle more changes no other's trips.

    Parameters
    ----------
    days : mapping
        How vehicles travel on each kind of day; on a kind that is missing they stay parked.
    home : array of int, shape (size,)
        Community in which each vehicle begins and ends its days.
    calendar, streams : Calendar, Streams
        Of the run.
    speed_km_h : float or None
        Mean speed on the road; None where trips take as long as the roads [km/h].
    road_km : array, shape (communities, communities), optional
        Lengths of the roads, for days that draw none [km].
    road_h : array, shape (communities, communities), optional
        How long the roads take, where there is no mean speed [h].
    day_begins_h : float
        Clock hour at which one travel day ends and the next begins; a tour is home by then [h].
    growth : Growth, optional
        When vehicles join the fleet.
    agent_type : str, optional
        What its streams are named after.
    """

    def __init__(
        self,
        days: Mapping[DayKind, TravelDay],
        home: NDArray[np.integer],
        calendar: Calendar,
        streams: Streams,
        *,
        speed_km_h: float | None,
        road_km: FloatArray | None = None,
        road_h: FloatArray | None = None,
        day_begins_h: float = 4.0,
        growth: Growth | None = None,
        agent_type: str = "electric vehicle",
    ) -> None:
        super().__init__(len(home), growth)
        self.days = days
        self.home = home.astype(np.int16)
        self.calendar = calendar
        self.streams = streams
        self.speed_km_h = speed_km_h
        self.road_km = road_km
        self.road_h = road_h
        self.day_begins_h = day_begins_h
        self.agent_type = agent_type

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, its home."""
        return self.home

    def _make(self, day: int) -> DayTrips:
        today = self.calendar.start.date() + timedelta(days=day)
        begins, ends = travel_day(self.calendar, today, self.day_begins_h)
        travel = self.days.get(self.calendar.day_kind(today))
        vehicles = np.empty(0, dtype=np.intp)
        if travel is not None:
            going = self._draw("travel", day)[: self.joined(day)] < travel.travels
            vehicles = np.flatnonzero(going)
        if travel is None or len(vehicles) == 0:
            return trips_of(Tours.blank(vehicles, 1), {})
        tours = self._tours(travel, vehicles, day)
        tours.departs_h[:] = self.calendar.elapsed_hours(today, tours.departs_h)
        tours, counts = fit_into_day(tours, begins, ends)
        return trips_of(tours, counts)

    def _draw(self, purpose: str, day: int) -> FloatArray:
        return self.streams.generator(purpose, self.agent_type, day).random(self.size)

    def _tours(self, travel: TravelDay, vehicles: NDArray[np.intp], day: int) -> Tours:
        """Draw a tour for each of some vehicles, departures by the clock."""

        def draw(purpose: str) -> FloatArray:
            return self._draw(purpose, day)[vehicles]

        most = len(travel.stops)
        tours = Tours.blank(vehicles, most + 1)
        departs = travel.departs_h.values(draw("departure")) % 24.0
        tours.departs_h[:] = np.where(departs < self.day_begins_h, departs + 24.0, departs)
        tours.places[:, 0] = self.home[vehicles]
        sizes = np.arange(1.0, most + 1)
        stops = discrete(draw("stops"), sizes, travel.stops).astype(np.int64)
        length = self._length(travel, stops, tours, draw)
        clock = tours.departs_h.copy()
        for k in range(most + 1):
            out = np.flatnonzero(stops > k)
            if len(out):
                out = _stop(travel, k, out, tours, stops, clock, draw)
            # Who finds nothing to stop for at this hour goes home, or does not set out at all.
            back = np.flatnonzero((stops == k) & (k > 0))
            tours.places[back, k + 1] = tours.places[back, 0]
            both = np.concatenate([out, back])
            tours.km[both, k] = length(k, both)
            tours.driving_h[both, k] = self._driving_h(k, both, tours)
            clock[out] += tours.driving_h[out, k] + tours.stay_h[out, k]
        tours.trips[:] = stops + 1
        return tours.where(stops > 0)

    def _driving_h(self, k: int, rows: NDArray[np.intp], tours: Tours) -> FloatArray:
        """Return how long trip k of some tours takes [h]."""
        if self.speed_km_h is not None:
            hours: FloatArray = tours.km[rows, k] / self.speed_km_h
            return hours
        if self.road_h is None:
            raise ValueError("without a mean speed, the roads say how long trips take")
        by_road: FloatArray = self.road_h[tours.places[rows, k], tours.places[rows, k + 1]]
        return by_road

    def _length(
        self, travel: TravelDay, stops: NDArray[np.int64], tours: Tours, draw: Draw
    ) -> Callable[[int, NDArray[np.intp]], FloatArray]:
        """Return the function that gives the length of trip k of some tours [km]."""
        if travel.tour_km:
            u, whole = draw("tour length"), np.empty(len(stops))
            for size in np.unique(stops).tolist():
                rows = stops == size
                lengths = travel.tour_km[min(size, len(travel.tour_km)) - 1]
                whole[rows] = lengths.values(u[rows])
            each = np.maximum(whole / (stops + 1), _SHORTEST_KM)
            return lambda k, rows: each[rows]
        if travel.trip_km is None:
            road_km = self.road_km
            if road_km is None:
                raise ValueError("trips of no drawn length need the lengths of the roads")
            places = tours.places
            return lambda k, rows: road_km[places[rows, k], places[rows, k + 1]]
        trip_km = travel.trip_km

        def length(k: int, rows: NDArray[np.intp]) -> FloatArray:
            drawn = np.maximum(trip_km.values(draw(f"trip length {k}")[rows]), _SHORTEST_KM)
            return np.where((stops[rows] == 1) & (k == 1), tours.km[rows, 0], drawn)

        return length


def _stop(
    travel: TravelDay,
    k: int,
    out: NDArray[np.intp],
    tours: Tours,
    stops: NDArray[np.int64],
    clock: FloatArray,
    draw: Draw,
) -> NDArray[np.intp]:
    """Draw where stop k of some tours is and how long it takes; return which tours have it."""
    which = _purposes(travel, clock[out] % 24.0, draw(f"purpose {k}")[out])
    stops[out[which < 0]] = k
    out, which = out[which >= 0], which[which >= 0]
    u_stay, u_place = draw(f"stay {k}"), draw(f"destination {k}")
    for number, purpose in enumerate(travel.purposes):
        rows = out[which == number]
        tours.stay_h[rows, k] = np.maximum(purpose.stay_h.values(u_stay[rows]), 0.0)
        for origin in np.unique(tours.places[rows, k]).tolist():
            here = rows[tours.places[rows, k] == origin]
            shares = purpose.destinations[origin]
            places = discrete(u_place[here], np.arange(float(len(shares))), shares)
            tours.places[here, k + 1] = places.astype(np.int64)
    return out


def travel_day(calendar: Calendar, day: date, begins_h: float) -> tuple[float, float]:
    """Return when the travel day of a date begins and ends, from the start of the run [h]."""
    tomorrow = day + timedelta(days=1)
    return calendar.elapsed_h(day, begins_h), calendar.elapsed_h(tomorrow, begins_h)


def _purposes(travel: TravelDay, hour: FloatArray, u: FloatArray) -> NDArray[np.intp]:
    """Return the purpose of each of some stops, -1 where none is possible at its hour."""
    shares = np.array([p.share * p.possible(hour) for p in travel.purposes])
    sums = np.cumsum(shares, axis=0)
    # u < 1, but the product may round up to the sum of all.
    aim = np.minimum(u * sums[-1], np.nextafter(sums[-1], 0.0))
    which = (sums <= aim).sum(axis=0)
    return np.where(sums[-1] > 0, which, -1)
