"""Which steps and vehicles the moving map shows, where a run has more than a page can hold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import first_highest
from hmesh.runs.pictures.run_data import RunData

# So many keep a page with one run, the library of charts included, below ten megabytes.
MOST_COMMUNITY_HOURS = 100_000
MOST_VEHICLE_HOURS = 2_000_000
MOST_VEHICLES = 3_000
# A fixed share that spreads over every regular pattern, such as day plans that are dealt in turn.
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, slots=True)
class Window:
    """What of a run the moving map shows.

    Attributes
    ----------
    first, last : int
        The steps from `first` to before `last`.
    vehicles : array of int
        The vehicles, ascending.
    """

    first: int
    last: int
    vehicles: NDArray[np.intp]

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return self.last - self.first


def window_of(data: RunData, share: float = 1.0) -> Window:
    """Return what of a run the moving map shows: all of it, if a page can hold it.

    Parameters
    ----------
    data : RunData
        The run.
    share : float, optional
        The run's share of the page.

    Returns
    -------
    Window
        Of a longer run the steps around the highest peak of its first strategy; of a larger fleet
        vehicles that are evenly spread over it.
    """
    worlds = len(data.strategies)
    steps = max(int(MOST_COMMUNITY_HOURS * share / (worlds * len(data.communities))), 1)
    steps = min(steps, data.steps)
    peak = first_highest(data.hours("net_kwh")[0].sum(axis=0))
    first = min(max(peak - steps // 2, 0), data.steps - steps)
    most = min(int(MOST_VEHICLE_HOURS * share / (worlds * steps)), round(MOST_VEHICLES * share))
    return Window(first, first + steps, spread(data.recorded, most))


def spread(count: int, most: int) -> NDArray[np.intp]:
    """Return at most so many of the numbers below `count`, ascending, in no pattern of theirs."""
    numbers = np.arange(count)
    if count <= most:
        return numbers
    return np.sort(np.argsort(numbers * _GOLDEN % 1.0, kind="stable")[:most])


def thinning(data: RunData, window: Window) -> list[str]:
    """Return what a reader must know of what the map and the charts leave out."""
    lines = []
    if window.steps < data.steps:
        lines.append(
            f"The map shows {window.steps:,} of {data.steps:,} steps, around the highest peak "
            "of the first strategy."
        )
    if data.timeline.block:
        lines.append(f"A point of a chart is the mean of a {data.timeline.block}.")
    if data.vehicles and not data.recorded:
        lines.append(
            f"None of the {data.vehicles:,} vehicles was recorded (record.vehicles: none), so that "
            "none is drawn; communities, prices and lines are complete."
        )
    elif data.recorded < data.vehicles:
        lines.append(
            f"Only the first {data.recorded:,} of {data.vehicles:,} vehicles were recorded; what "
            "is shown of single vehicles covers those alone."
        )
    if 0 < len(window.vehicles) < data.recorded:
        lines.append(
            f"The map draws {len(window.vehicles):,} of {data.recorded:,} recorded vehicles, "
            "evenly spread over them; all figures count every one."
        )
    return lines
