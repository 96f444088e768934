"""How large the battery of a load should be: the capacity at which the load is least uneven.

Source: battery sharing among commercial buildings, Frontiers in Energy Research 10 (2022) 929693,
eq. (16). With a full cycle every day the deviation of the load falls with the capacity up to the
best one and rises beyond it. Where the cycle is free, a larger battery can do all that a smaller
one does, so the deviation never rises; the capacity is then the smallest one that comes within a
given share of the least deviation there is.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.golden_section import golden_section
from hmesh.markets.load_levelling import Cycle, Equipment, Windows, level_load

type Measure = Literal["annual", "daily_rms"]

MARGIN = 0.01
# Rows of days that are levelled at once: as many as stay in the processor's cache.
CACHED = 2**13


@dataclass(frozen=True, slots=True, eq=False)
class Sizing:
    """What a battery is sized for.

    Attributes
    ----------
    equipment : Equipment
        Ratings and efficiencies per kWh of capacity.
    windows : Windows
        When it charges and discharges.
    cycle : {"full", "free"}
        Whether it takes its whole usable energy through the store every day.
    measure : {"annual", "daily_rms"}
        Whether the deviation is taken from the mean of the year or of each day.
    exports : bool
        Whether it may give more than the load in a step; a single building feeds nothing back.
    weight : array, shape (days,), optional
        Days for which each stands.
    """

    equipment: Equipment
    windows: Windows
    cycle: Cycle
    measure: Measure = "annual"
    exports: bool = True
    weight: FloatArray | None = None

    def deviation_kwh(self, load_kwh: FloatArray, capacity_kwh: FloatArray) -> FloatArray:
        """Return the standard deviations of levelled loads.

        Parameters
        ----------
        load_kwh : array, shape (loads, days, steps)
            Loads [kWh].
        capacity_kwh : array, shape (loads,)
            Capacity of the battery of each [kWh].

        Returns
        -------
        array, shape (loads,)
            Deviation of each load with its battery [kWh].
        """
        loads, days, _ = load_kwh.shape
        weight = np.ones(days) if self.weight is None else self.weight
        share = weight / weight.sum()
        variance = np.empty(loads)
        at_once = max(CACHED // days, 1)
        for first in range(0, loads, at_once):
            some = slice(first, first + at_once)
            net = self.levelled_kwh(load_kwh[some], capacity_kwh[some])
            means = net.mean(axis=2)
            within = net.var(axis=2) @ share
            between = ((means - (means @ share)[:, None]) ** 2) @ share
            variance[some] = within if self.measure == "daily_rms" else within + between
        deviation: FloatArray = np.sqrt(variance)
        return deviation

    def levelled_kwh(self, load_kwh: FloatArray, capacity_kwh: FloatArray) -> FloatArray:
        """Return the loads with their batteries [kWh], shape (loads, days, steps)."""
        rows = load_kwh.reshape(-1, load_kwh.shape[2])
        capacity = np.repeat(capacity_kwh, load_kwh.shape[1])
        most = None if self.exports else rows
        levelled = level_load(rows, capacity, self.equipment, self.windows, self.cycle, most)
        net: FloatArray = (rows + levelled.exchange_kwh).reshape(load_kwh.shape)
        return net

    def largest_useful_kwh(self, load_kwh: FloatArray) -> FloatArray:
        """Return capacities beyond which no battery does anything more, shape (loads,) [kWh].

        With this capacity every swing of a day is within the power, and the whole energy of a day
        within the store.
        """
        swing = np.ptp(load_kwh, axis=2).max(axis=1)
        rated_kw = self.equipment.power_per_capacity * self.windows.step_h
        energy = (load_kwh.max(axis=2) * load_kwh.shape[2]).max(axis=1)
        stored = energy / (self.equipment.depth_of_discharge * self.equipment.discharge_efficiency)
        largest: FloatArray = np.maximum(swing / rated_kw, np.maximum(stored, 0.0))
        return largest

    def best_capacity_kwh(self, load_kwh: FloatArray, tolerance: float = 1e-6) -> FloatArray:
        """Return the best capacity for each of some loads.

        Parameters
        ----------
        load_kwh : array, shape (loads, days, steps)
            Loads [kWh].
        tolerance : float
            How exactly, as a share of the largest capacity of any use [-].

        Returns
        -------
        array, shape (loads,)
            Where the deviation is least, for a full cycle; the smallest capacity whose deviation
            is within `MARGIN` of the least, for a free one [kWh]. 0 where none makes it smaller,
            as for a load that is flat.
        """
        largest = self.largest_useful_kwh(load_kwh)
        nothing = np.zeros(len(load_kwh))
        without = self.deviation_kwh(load_kwh, nothing)
        if self.cycle == "full":
            best = golden_section(
                lambda capacity: self.deviation_kwh(load_kwh, capacity), nothing, largest, tolerance
            )
            helps = self.deviation_kwh(load_kwh, best) < without * (1.0 - 1e-12)
            return np.where(helps, best, 0.0)
        least = self.deviation_kwh(load_kwh, largest)
        within = (1.0 + MARGIN) * least
        low, high = nothing, largest
        for _ in range(int(np.ceil(-np.log2(tolerance)))):
            middle = (low + high) / 2.0
            enough = self.deviation_kwh(load_kwh, middle) <= within
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.where(without <= within, 0.0, high)


def range_of_deviation_kwh(load_kwh: FloatArray) -> FloatArray:
    """Return the smallest store that makes a load flat, without losses, limits of power or windows.

    Parameters
    ----------
    load_kwh : array, shape (..., steps)
        Loads [kWh].

    Returns
    -------
    array, shape (...)
        The range of the cumulated deviation from the mean [kWh], that before the first step
        included. Of a sum of loads it is at most the sum of theirs: sharing can only lower it.
    """
    cumulated = np.cumsum(load_kwh - load_kwh.mean(axis=-1, keepdims=True), axis=-1)
    return np.maximum(cumulated.max(axis=-1), 0.0) - np.minimum(cumulated.min(axis=-1), 0.0)
