"""Rounds of school buses from the blocks of a timetable: when buses are away, and how far."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.datasets.dataset import Dataset
from hmesh.environment.datasets.service_days import service_days
from hmesh.environment.errors import InputError, Problem

DAY_H = 24.0


@dataclass(frozen=True, slots=True, eq=False)
class BlockRounds:
    """Rounds that blocks amount to.

    Attributes
    ----------
    hours : tuple of (float, float)
        Clock hours from and to for each round, past midnight where to lies before from [h].
    round_km : array, shape (buses,)
        Mean length of a round of each bus of the timetable, so that all of its rounds together are
        as long as its blocks [km].
    """

    hours: tuple[tuple[float, float], ...]
    round_km: FloatArray


def rounds_of_blocks(
    departs_h: FloatArray,
    arrives_h: FloatArray,
    km: FloatArray,
    bus: NDArray[np.object_],
) -> BlockRounds:
    """Return the rounds of all buses together from the blocks of a day.

    Parameters
    ----------
    departs_h, arrives_h : array, shape (blocks,)
        When each begins and ends, past midnight above 24 [h].
    km : array, shape (blocks,)
        Length of each [km].
    bus : array of str, shape (blocks,)
        The bus that runs it.

    Notes
    -----
    All buses are away from the first departure to the last arrival of blocks that overlap or follow
    each other at once; what follows after a time in which none is away is another round.
    """
    hours: list[list[float]] = []
    for k in np.lexsort((arrives_h, departs_h)).tolist():
        if hours and departs_h[k] <= hours[-1][1]:
            hours[-1][1] = max(hours[-1][1], float(arrives_h[k]))
        else:
            hours.append([float(departs_h[k]), float(arrives_h[k])])
    _, which = np.unique(bus.astype(str), return_inverse=True)
    of_bus = np.bincount(which, km)
    clock = tuple((first % DAY_H, last % DAY_H or DAY_H) for first, last in hours)
    return BlockRounds(clock, of_bus / len(hours))


def read_block_rounds(dataset: Dataset, services: tuple[str, ...] = ()) -> BlockRounds:
    """Return the rounds of the blocks of a dataset.

    Parameters
    ----------
    dataset : Dataset
        With a table `bus_blocks`, and `calendar` or `calendar_dates`.
    services : tuple of str, optional
        Services whose blocks count; all if none.

    Raises
    ------
    InputError
        If there are no blocks, or their services do not all run on the same days.
    """
    table, place = dataset.records.get("bus_blocks"), str(dataset.folder)
    if table is None:
        raise InputError([Problem(place, "has no table bus_blocks", "blocks that buses run")])
    columns = table.columns
    counts = np.array([not services or name in services for name in columns["service_id"]])
    if not counts.any():
        message = "no block is of one of the services"
        raise InputError([Problem(place, message, ", ".join(sorted(set(columns["service_id"]))))])
    days = service_days(dataset.records.get("calendar"), dataset.records.get("calendar_dates"))
    used = sorted(set(columns["service_id"][counts]))
    run_on = {name: tuple(days.get(name, ())) for name in used}
    if len(set(run_on.values())) > 1:
        message = f"its blocks are of services that run on different days: {', '.join(used)}"
        raise InputError([Problem(place, message, "school_terms.services of the same days")])
    names = columns["bus"] if "bus" in columns else columns["block"]
    return rounds_of_blocks(
        columns["departs"][counts], columns["arrives"][counts], columns["km"][counts],
        np.asarray(names, dtype=np.object_)[counts],
    )  # fmt: skip
