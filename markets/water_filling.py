"""How high water stands on uneven ground: the arithmetic under the levelling of loads.

An hour is a column of ground whose room is what a battery may charge in it. Energy fills the
lowest hours first, up to one common level, and no hour beyond its room. All functions work on
many days at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Basin:
    """The energy that every level holds, as straight pieces between bends.

    Attributes
    ----------
    level_kwh : array, shape (days, bends)
        Ascending levels at which an hour starts, or ceases, to take more [kWh].
    filled_kwh : array, shape (days, bends)
        Energy held at each of them [kWh].
    hours : array, shape (days, bends)
        Hours that take more just above each of them.
    """

    level_kwh: FloatArray
    filled_kwh: FloatArray
    hours: NDArray[np.int64]

    @property
    def room_kwh(self) -> FloatArray:
        """Energy that fits in all hours of a day together [kWh], shape (days,)."""
        room: FloatArray = self.filled_kwh[:, -1]
        return room

    def piece(self, energy_kwh: FloatArray) -> tuple[FloatArray, ...]:
        """Return the level that holds some energy, and how it rises with more of it.

        Parameters
        ----------
        energy_kwh : array, shape (days,)
            Energy held [kWh], from 0 to `room_kwh`.

        Returns
        -------
        level_kwh, per_kwh : array, shape (days,)
            The highest level that holds it [kWh], and the rise with each kWh more, 0 where no
            more fits [-].
        """
        at = np.count_nonzero(self.filled_kwh <= energy_kwh[:, None], axis=1)[:, None] - 1
        at = np.maximum(at, 0)
        level, filled, hours = (
            np.take_along_axis(values, at, axis=1)[:, 0]
            for values in (self.level_kwh, self.filled_kwh, self.hours)
        )
        per_kwh = np.where(hours > 0, 1.0 / np.maximum(hours, 1), 0.0)
        return level + (energy_kwh - filled) * per_kwh, per_kwh


def basin(ground_kwh: FloatArray, room_kwh: FloatArray) -> Basin:
    """Return what every level holds.

    Parameters
    ----------
    ground_kwh : array, shape (days, hours)
        Level at which each hour starts to take energy [kWh].
    room_kwh : array, shape (days, hours)
        Most energy that each hour takes [kWh], at least 0 and finite.
    """
    levels = np.concatenate([ground_kwh, ground_kwh + room_kwh], axis=1)
    steps = np.repeat([1, -1], ground_kwh.shape[1])
    order = np.argsort(levels, axis=1, kind="stable")
    level = np.take_along_axis(levels, order, axis=1)
    hours = np.cumsum(steps[order], axis=1)
    filled = np.zeros_like(level)
    np.cumsum(hours[:, :-1] * np.diff(level, axis=1), axis=1, out=filled[:, 1:])
    return Basin(level, filled, hours)
