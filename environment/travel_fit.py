"""What is drawn for a tour, fitted to tables of tours, of departures, and to day plans."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import DAY_KINDS, DayKind
from hmesh.environment.day_plans import DayPlans
from hmesh.environment.errors import InputError, missing_columns
from hmesh.environment.table_file import LARGEST, TableFile, numbers, plain
from hmesh.environment.travel_day import Discrete, Histogram, Purpose, TravelDay

# Fine bins where values are rare and far apart, so that the mean of long tails is kept.
_QUANTILES = np.concatenate(
    [np.linspace(0, 0.98, 99), np.linspace(0.982, 0.998, 9), [0.999, 0.9995, 1.0]]
)
# So many tours of a kind have a shape of their own.
_ENOUGH = 200


class _Columns(TableFile):
    """Some columns of a table, each with its kind."""

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        self._kinds = columns
        super().__init__(path)

    def _columns(self, place: str, header: list[str]) -> list[str]:
        if problems := missing_columns(place, header, list(self._kinds)):
            raise InputError(problems)
        return list(self._kinds)

    def _types(self) -> Iterable[tuple[str, str]]:
        return self._kinds.items()


@dataclass(frozen=True, slots=True, eq=False)
class FittedTours:
    """What a table of tours states.

    Attributes
    ----------
    stops : array, shape (most stops,)
        Share of the tours with 1, 2, 3 ... stops.
    tour_km : tuple of Histogram
        Length of a tour by its number of stops; the last one for all others [km].
    stay_h : Histogram
        How long a vehicle stays at a stop, the stops of a tour alike [h].
    speed_km_h : float
        Distance of all tours over their time on the road [km/h].
    """

    stops: FloatArray
    tour_km: tuple[Histogram, ...]
    stay_h: Histogram
    speed_km_h: float


def fitted_histogram(values: FloatArray) -> Histogram:
    """Return the histogram of values whose bins hold equal shares of them, finer in its tail."""
    edges = np.quantile(values, _QUANTILES)
    shares = np.diff(_QUANTILES)
    width = np.diff(edges)
    if not (width > 0).any():
        return Histogram(np.array([edges[0], edges[0]]), np.ones(1))
    return Histogram(edges, shares)


def fit_tours(path: Path | str, most_stops: int = 8) -> FittedTours:
    """Fit the shape of tours to a table of tours.

    Parameters
    ----------
    path : Path or str
        CSV or Parquet file with the columns distance_km, travel_time_min, dwell_time_min and
        trips_in_tour. Tours of a single trip come home from nowhere and do not count.
    most_stops : int
        Tours with more stops count as tours with so many.

    Raises
    ------
    InputError
        If the file cannot be used: every problem of its rows.
    """
    names = ("distance_km", "travel_time_min", "dwell_time_min", "trips_in_tour")
    file = _Columns(Path(path), dict.fromkeys(names, "number"))
    km, driving, staying, trips = (numbers(file.table.column(name)) for name in names)
    for name, values, least in zip(
        names, (km, driving, staying, trips), (0, 0, -1, 0), strict=True
    ):
        wrong = np.flatnonzero(~((values <= LARGEST) & (values > least)))
        allowed = "0 or more" if least < 0 else "a number above 0"
        file.report(wrong, name, lambda row, values=values: f"{values[row]:g} cannot be", allowed)  # type: ignore[misc]
    counted = trips >= 2
    if not file.problems and not counted.any():
        file.report(
            np.zeros(1, int), "trips_in_tour", lambda row: "no tour comes home", "2 or more"
        )
    if file.problems:
        raise InputError(file.problems)
    km, driving, staying, trips = (each[counted] for each in (km, driving, staying, trips))
    stops = np.minimum(trips - 1, most_stops).astype(np.int64)
    counts = np.bincount(stops, minlength=most_stops + 1)[1:]
    own = next((k for k, count in enumerate(counts) if count < _ENOUGH), most_stops)
    sizes = [stops == k + 1 for k in range(own)]
    if own < most_stops and (stops > own).any():
        sizes.append(stops > own)
    return FittedTours(
        stops=np.trim_zeros(counts, "b") / counts.sum(),
        tour_km=tuple(fitted_histogram(km[size]) for size in sizes),
        stay_h=fitted_histogram(staying / 60.0 / (trips - 1)),
        speed_km_h=float(km.sum() / (driving.sum() / 60.0)),
    )


def fit_departures(path: Path | str, column: str = "plug_out_local") -> dict[DayKind, Histogram]:
    """Fit the clock hour of departure to a table of local times, by quarters of an hour.

    Parameters
    ----------
    path : Path or str
        CSV or Parquet file.
    column : str
        Its column of local times without a zone.

    Returns
    -------
    dict
        A histogram for each of weekday, saturday and sunday of which there are times.
    """
    import pyarrow as pa

    file = _Columns(Path(path), {column: "time"})
    values = plain(file.table.column(column))
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        parsed = [_time(text) for text in values.to_pylist()]
        times = np.array(parsed, dtype="datetime64[m]")
    else:
        times = values.cast(pa.timestamp("us")).to_numpy().astype("datetime64[m]")
    file.report(
        np.flatnonzero(np.isnat(times)), column, lambda row: "is no time", "as 2024-01-31 07:45"
    )
    if file.problems:
        raise InputError(file.problems)
    days = times.astype("datetime64[D]")
    quarter = (times - days).astype(np.int64) // 15
    # 1970-01-01 was a Thursday.
    weekday = (days.astype(np.int64) + 3) % 7
    kinds: dict[DayKind, NDArray[np.bool_]] = {
        "weekday": weekday < 5, "saturday": weekday == 5, "sunday": weekday == 6,
    }  # fmt: skip
    edges = np.arange(97) / 4.0
    return {
        kind: Histogram(edges, np.bincount(quarter[chosen], minlength=96).astype(np.float64))
        for kind, chosen in kinds.items()
        if chosen.any()
    }


def fit_plans(plans: DayPlans, communities: int) -> tuple[dict[DayKind, TravelDay], float]:
    """Fit tours to day plans, each of which counts alike.

    Parameters
    ----------
    plans : DayPlans
        The plans.
    communities : int
        How many communities there are.

    Returns
    -------
    days : dict
        How vehicles travel on the kinds of day on which some plan drives.
    speed_km_h : float
        Distance of all trips over their time on the road [km/h].
    """
    days: dict[DayKind, TravelDay] = {}
    for kind in DAY_KINDS:
        tours = [plans.trips_of(plan, kind) for plan in range(len(plans.names))]
        driven = [tour for tour in tours if len(tour) > 1]
        if driven:
            days[kind] = _fitted_day(plans, driven, len(driven) / len(tours), communities)
    hours = plans.arrives_h - plans.departs_h
    return days, float(plans.km.sum() / hours.sum())


def _fitted_day(
    plans: DayPlans, tours: Sequence[Sequence[int]], travels: float, communities: int
) -> TravelDay:
    stops = np.array([len(tour) - 1 for tour in tours])
    length = np.array([plans.km[list(tour)].sum() for tour in tours])
    going = [trip for tour in tours for trip in tour[:-1]]
    after = [trip for tour in tours for trip in tour[1:]]
    matrix = np.zeros((communities, communities))
    np.add.at(matrix, (plans.origin[going], plans.destination[going]), 1.0)
    # From where no plan goes on, anywhere else is as good.
    unknown = matrix.sum(axis=1) == 0
    matrix[unknown] = (1.0 - np.eye(communities))[unknown]
    stays = _discrete(plans.departs_h[after] - plans.arrives_h[going])
    return TravelDay(
        travels=travels,
        stops=np.bincount(stops)[1:].astype(np.float64),
        departs_h=_discrete(np.array([plans.departs_h[tour[0]] for tour in tours])),
        purposes=(Purpose(1.0, stays, matrix),),
        tour_km=tuple(
            _discrete(length[stops == k] if (stops == k).any() else length)
            for k in range(1, int(stops.max()) + 1)
        ),
    )


def _discrete(values: FloatArray) -> Discrete:
    points, counts = np.unique(values, return_counts=True)
    return Discrete(points, counts.astype(np.float64))


def _time(text: str | None) -> np.datetime64:
    try:
        return np.datetime64((text or "NaT").strip().replace(" ", "T"), "m")
    except ValueError:
        return np.datetime64("NaT", "m")
