"""The drives that vehicles made: their trips, late, by way of a charger, or not at all."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.pictures.run_data import RunData, codes_of

type Trips = dict[str, NDArray[Any]]

CHANGED, STOPS = "changed_trips", "stops"


def change_on_their_way(data: RunData) -> bool:
    """Return whether vehicles of a run stop on their way, so that trips are not as they are meant.

    Then they differ from strategy to strategy.
    """
    files = (data.run.directory / f"{name}.parquet" for name in (CHANGED, STOPS))
    return "vehicles" in data.schemes and all(file.is_file() for file in files)


def drives_made(data: RunData, meant: Trips, strategy: str) -> Trips:
    """Return the drives of a strategy, those of a vehicle together and in their order.

    Parameters
    ----------
    data : RunData
        A run whose vehicles stop on their way.
    meant : dict of array
        Trips as `trip_columns` returns them.
    strategy : str
        The strategy.

    Returns
    -------
    dict
        The columns of `meant`, a row for each drive: two or more of a trip with stops, the first of
        which ends and the last of which begins where the vehicle charged, none of a trip not made.
        ``trip`` is the row of `meant`, and ``km`` and ``energy_kwh`` are those of the trip.
    """
    by_trip = _changes(data, strategy)
    stops = _stops(data, strategy)
    rows: list[tuple[int, float, float, int, int]] = []
    columns = [meant[name].tolist() for name in ("vehicle", "departs", "arrives")]
    places = [meant[name].tolist() for name in ("origin", "destination")]
    waits_for_ever: dict[int, float] = {}
    for row, (vehicle, departs, arrives, origin, destination) in enumerate(
        zip(*columns, *places, strict=True)
    ):
        if departs >= waits_for_ever.get(vehicle, np.inf):
            # It is still on its way as the run ends.
            continue
        left, arrived = by_trip.get((vehicle, _ms(departs)), (departs, arrives))
        if np.isnan(left):
            continue
        here, at = origin, left
        for place, comes, goes in stops.get(vehicle, ()):
            if not left <= comes <= (arrived if (vehicle, _ms(departs)) in by_trip else np.inf):
                continue
            if (vehicle, _ms(departs)) not in by_trip and not np.isnan(goes):
                continue
            rows.append((row, at, comes, here, place))
            here, at = place, goes
        if np.isnan(at):
            waits_for_ever[vehicle] = departs
        else:
            rows.append((row, at, arrived, here, destination))
    made = np.array(rows, dtype=np.float64).reshape(-1, 5)
    trip = made[:, 0].astype(np.int64)
    found = {name: values[trip] for name, values in meant.items()}
    found |= {"trip": trip, "departs": made[:, 1], "arrives": made[:, 2]}
    return found | {
        name: made[:, k].astype(np.int64) for k, name in ((3, "origin"), (4, "destination"))
    }


def _changes(data: RunData, strategy: str) -> dict[tuple[int, int], tuple[float, float]]:
    """Return when the trips were made that are not as meant, by vehicle and departure [h].

    NaN for those not made.
    """
    names = ["strategy", "vehicle", "departs", "departed", "arrived"]
    rows = data.run.table(CHANGED, names, [("strategy", "=", strategy)])
    departs, departed, arrived = (_hours(data, rows.column(name)) for name in names[2:])
    keys = zip(rows.column("vehicle").to_pylist(), (_ms(at) for at in departs), strict=True)
    return dict(zip(keys, zip(departed, arrived, strict=True), strict=True))


def _stops(data: RunData, strategy: str) -> dict[int, list[tuple[int, float, float]]]:
    """Return the stops of each vehicle: where, when it came and when it went on [h]."""
    names = ["strategy", "vehicle", "community", "arrives", "plug_out"]
    rows = data.run.table(STOPS, names, [("strategy", "=", strategy)])
    places = codes_of(rows.column("community"), data.communities).tolist()
    comes, goes = (_hours(data, rows.column(name)) for name in names[3:])
    found: dict[int, list[tuple[int, float, float]]] = {}
    for vehicle, *stop in zip(rows.column("vehicle").to_pylist(), places, comes, goes, strict=True):
        found.setdefault(vehicle, []).append((stop[0], stop[1], stop[2]))
    return {vehicle: sorted(each, key=lambda stop: stop[1]) for vehicle, each in found.items()}


def _hours(data: RunData, column: Any) -> list[float]:
    """Return times since the start of the run [h], NaN where there is none."""
    start_ms = round(data.timeline.calendar.start.timestamp() * 1000)
    return [
        float("nan") if at is None else (at - start_ms) / 3_600_000
        for at in column.cast("int64").to_pylist()
    ]


def _ms(hours: float) -> int:
    return round(hours * 3_600_000)
