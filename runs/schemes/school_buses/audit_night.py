"""Whether buses charge in a window as flatly as ratings and stores allow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Label, relative
from hmesh.runs.audits.reference.school_hours import SchoolHours
from hmesh.runs.audits.reference.school_yard import SchoolYard
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.school_buses.audit_tallies import SchoolTallies
from hmesh.runs.schemes.school_buses.demand_forecast import UtilityForecast


@dataclass(frozen=True, slots=True)
class Night:
    """A charging window: its steps, their load, what may be drawn in any k of them, and wishes.

    Attributes
    ----------
    slots : array of int
        The steps.
    load_kwh : array, shape (slots,)
        Load expected in each.
    within_kwh : array, shape (slots + 1,)
        What all buses may draw in 0, 1, ... steps.
    wanted_kwh : array, shape (schools,)
        What each school is to draw in all.
    """

    slots: NDArray[np.intp]
    load_kwh: FloatArray
    within_kwh: FloatArray
    wanted_kwh: FloatArray


class ChargingWindows:
    """The charging windows of one strategy, each compared with what is drawn in it.

    Parameters
    ----------
    hours : SchoolHours
        When windows open.
    forecast : UtilityForecast
        The load that is forecast.
    yard : SchoolYard
        The buses.
    tallies : SchoolTallies
        What deviates.
    reliable : bool
        Whether messages and supply are certain.

    Attributes
    ----------
    night : Night or None
        The last window; None before there is one.
    """

    night: Night | None

    def __init__(
        self,
        hours: SchoolHours,
        forecast: UtilityForecast,
        yard: SchoolYard,
        tallies: SchoolTallies,
        *,
        reliable: bool,
    ) -> None:
        self.hours, self.forecast = hours, forecast
        self.yard, self.tallies, self._reliable = yard, tallies, reliable
        self.night, self._drawn = None, list[FloatArray]()

    @property
    def planned_kwh(self) -> FloatArray:
        """What the window still leaves each school to draw [kWh]."""
        if self.night is None:
            return np.zeros(len(self.yard))
        drawn = sum(self._drawn, np.zeros(len(self.yard)))
        return np.maximum(self.night.wanted_kwh - drawn, 0.0)

    def compare(self, step: int, rows: Columns, of_schools: Label, of_all: Label) -> None:
        """Compare what is drawn in a step with the schedule, and that once it is over.

        Parameters
        ----------
        step : int
            The step.
        rows : dict of array
            What the results state of every school.
        of_schools, of_all : callable
            How deviations of schools and of their strategy are named.
        """
        tallies = self.tallies
        if self.hours.opens(step):
            slots = np.array(self.hours.valley(step), dtype=np.intp)
            load = self.forecast.demand_kwh(slots.tolist())
            needs, limit, count = self.yard.needs_kwh, self.yard.limit_kwh, len(slots)
            wanted = self.yard.by_school(np.minimum(needs, count * limit))
            within = self.yard.within(needs, count)
            self.night, self._drawn = Night(slots, load, within, wanted), []
        if not self._reliable:
            tallies.flat.note("messages may be lost or late, or supply fail")
            return
        if self.night is None:
            return
        slots = self.night.slots
        scheduled = len(slots) > len(self._drawn) and slots[len(self._drawn)] == step
        if scheduled:
            self._drawn.append(rows["charged_kwh"])
        else:
            tallies.full.add(np.abs(rows["charged_kwh"])[None, None], of_schools, step)
        if scheduled and len(self._drawn) == len(slots):
            self._hold(step, self.night, of_schools, of_all)

    def _hold(self, step: int, night: Night, of_schools: Label, of_all: Label) -> None:
        """Hold a schedule against the best that ratings and stores allow.

        The sum of squares is least exactly where no other schedule lies downhill; the steepest way
        down fills the lowest steps first, as much as fits in one, two, ... steps.
        """
        tallies, drawn = self.tallies, np.array(self._drawn).T
        due = relative(drawn.sum(axis=1), night.wanted_kwh)
        tallies.full.add(due[None, None], of_schools, step)
        level = night.load_kwh + drawn.sum(axis=0)
        ascending = np.argsort(level, kind="stable")
        fits = np.diff(night.within_kwh)
        gap = float(level @ drawn.sum(axis=0) - level[ascending] @ fits)
        scale = max(float(np.abs(level) @ np.maximum(fits, 1.0)), 1.0)
        tallies.flat.add(np.array([[max(gap, 0.0) / scale]]), of_all, step)
