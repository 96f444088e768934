"""What an audit knows of stores that answer to a price, and what they should answer by it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import TableReader
from hmesh.runs.results.run_reader import Run


@dataclass(frozen=True, slots=True)
class KnownStores:
    """The stores of a scheme that are written down, as its scenario has them.

    Attributes
    ----------
    keys : sequence of tuple
        Number of the owner of each, and which of its storages it is.
    pair : array of int, shape (stores,)
        The group of each among those of `AnswersOfStores`, -1 where not all of it are written down.
    community, nodes : array of int, shape (stores,)
        Where each stands, and its node of the grid.
    lam, theta : float or array, shape (stores,)
        What each values energy at [money/kWh, money/kWh^2].
    charge_efficiency, discharge_efficiency : array, shape (stores,)
        Losses of each [-].
    complete : bool
        Whether all stores are written down.
    behind : array of bool, shape (stores,), or False
        Which are behind a connection that has a limit, so that what they have left is not all that
        bounds them.
    """

    keys: Sequence[tuple[int, str]]
    pair: NDArray[np.intp]
    community: NDArray[np.intp]
    nodes: NDArray[np.intp]
    lam: float | FloatArray
    theta: float | FloatArray
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray
    complete: bool
    behind: NDArray[np.bool_] | bool = False

    def __len__(self) -> int:
        return len(self.keys)


_NONE = np.empty(0, dtype=np.intp)
NO_STORES = KnownStores(
    (), _NONE, _NONE, _NONE, 0.0, 1.0, np.empty(0), np.empty(0), complete=False
)  # fmt: skip


def answered_kwh(run: Run, inputs: RunInputs, but: str) -> FloatArray:
    """Return what stores of all schemes but one exchange at prices [kWh].

    Returns
    -------
    array, shape (steps, strategies)
    """
    found = np.zeros((inputs.steps, len(inputs.strategies)))
    schemes = list(inputs.scenario.schemes)
    if not any(inputs.scenario.section(name).stores_answer for name in schemes if name != but):
        return found
    lists = {"strategy": inputs.strategies, "scheme": schemes}
    rows = TableReader(run, "store_answer_sums", lists, inputs.start_ms).rest()
    inside = (rows["step"] >= 0) & (rows["step"] < inputs.steps) & (rows["strategy"] >= 0)
    if but in schemes:
        inside &= rows["scheme"] != schemes.index(but)
    net = rows["charged_kwh"] - rows["discharged_kwh"]
    np.add.at(found, (rows["step"][inside], rows["strategy"][inside]), net[inside])
    return found


def whole_pairs(
    pairs: Sequence[tuple[str, str]],
    keys: Sequence[tuple[int, str]],
    groups: Sequence[tuple[str, int, int]],
    recorded: Sequence[int],
) -> NDArray[np.intp]:
    """Return the pair to which each store belongs, -1 where its group is not all written down.

    Parameters
    ----------
    pairs, keys : sequence of (str, str), sequence of (int, str)
        As of `AnswersOfStores` and `KnownStores`.
    groups : sequence of (str, int, int)
        Name of each group, its first owner, and how many it has.
    recorded : sequence of int
        How many of each group are written down.
    """
    found = []
    for owner, storage in keys:
        pair = -1
        for (name, first, count), there in zip(groups, recorded, strict=True):
            if first <= owner < first + count and there == count:
                pair = pairs.index((name, storage))
        found.append(pair)
    return np.array(found, dtype=np.intp)


def room_beside(
    energy_kwh: FloatArray,
    least_kwh: FloatArray,
    most_kwh: FloatArray,
    rated_kwh: FloatArray,
    charged_kwh: FloatArray,
    discharged_kwh: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what stores hold once their own rule has acted, and could give and take beside it.

    Parameters
    ----------
    energy_kwh, least_kwh, most_kwh, rated_kwh : array
        Stored before the step, its limits, and the rating of the step at the plug [kWh].
    charged_kwh, discharged_kwh : array
        What the rule has them do, at the plug [kWh].
    charge_efficiency, discharge_efficiency : array
        Losses [-].

    Returns
    -------
    usable, give, take : array
        Energy above the least, and what each could give and take besides; all of one shape [kWh].
    """
    after = energy_kwh + charge_efficiency * charged_kwh - discharged_kwh / discharge_efficiency
    more = np.minimum(rated_kwh - charged_kwh, (most_kwh - after) / charge_efficiency)
    less = np.minimum(rated_kwh - discharged_kwh, (after - least_kwh) * discharge_efficiency)
    # What rounding leaves of nothing is no direction.
    take = np.where(discharged_kwh > DUST_KWH, 0.0, np.maximum(more, 0.0))
    give = np.where(charged_kwh > DUST_KWH, 0.0, np.maximum(less, 0.0))
    return after - least_kwh, give, take
