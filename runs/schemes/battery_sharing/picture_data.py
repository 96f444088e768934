"""What the figures of shared batteries need of a run."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.load_levelling import Equipment, Windows
from hmesh.runs.pictures.run_data import RunData, codes_of
from hmesh.runs.studies.battery_sharing.building_year import HOURS, SATURDAY, closed_weekdays


class BatteryData:
    """The buildings of a run, by whole days of its calendar.

    Parameters
    ----------
    data : RunData
        The run.
    """

    def __init__(self, data: RunData) -> None:
        self.data = data
        self.given: dict[str, Any] = data.scenario["battery_sharing"]
        calendar = data.timeline.calendar
        days = calendar.days_of(0, data.steps)
        starts = np.flatnonzero(np.diff(days, prepend=-1))
        lengths = np.diff(np.append(starts, data.steps))
        steps = round(HOURS / data.step_h)
        self.whole = [range(first, first + steps) for first in starts[lengths == steps].tolist()]
        dates = [calendar.date_of(day.start) for day in self.whole]
        self.weekday = np.array([date.weekday() for date in dates], dtype=np.intp)
        self.day_of_step = days

    @property
    def equipment(self) -> Equipment:
        """What comes with every kWh of capacity."""
        given = self.given
        return Equipment(
            given["power_per_capacity"], given["soc_max"] - given["soc_min"],
            given["charge_efficiency"], given["discharge_efficiency"],
        )  # fmt: skip

    @property
    def windows(self) -> Windows:
        """When batteries charge and discharge on a whole day."""
        clock = np.arange(round(HOURS / self.data.step_h)) * self.data.step_h
        return Windows.of_clock(
            clock.astype(np.float64), tuple(self.given["charge_window"]),
            tuple(self.given["discharge_window"]), self.data.step_h,
        )  # fmt: skip

    def of_days(self, values: FloatArray) -> FloatArray:
        """Return the whole days of values of every step, shape (..., days, steps)."""
        steps = round(HOURS / self.data.step_h)
        at = np.array([list(day) for day in self.whole], dtype=np.intp).reshape(-1, steps)
        return values[..., at]

    @cached_property
    def load_kwh(self) -> FloatArray:
        """Load of every recorded building [kWh], shape (buildings, steps)."""
        first = [("strategy", "=", self.data.strategies[0])]
        load = self.data.run.table("buildings", ["load_kwh"], first).column("load_kwh").to_numpy()
        buildings = len(load) // self.data.steps
        return np.asarray(load.reshape(self.data.steps, buildings).T)

    @cached_property
    def batteries(self) -> dict[str, FloatArray]:
        """Capacities of every building's battery [kWh], shared and alone."""
        names = ["shared_capacity_kwh", "own_capacity_kwh"]
        rows = self.data.run.table("batteries", names)
        return {name: rows.column(name).to_numpy() for name in names}

    @cached_property
    def closed(self) -> NDArray[np.bool_]:
        """Weekdays on which each recorded building is closed, shape (buildings, 7).

        Stated by the meters; nobody is closed in runs that do not hold a week by the hour.
        """
        hours = self.of_days(self.load_kwh)
        working = self.weekday < SATURDAY
        if self.data.step_h != 1.0 or len(set(self.weekday.tolist())) < 7 or not working.any():
            return np.zeros((len(self.load_kwh), 7), dtype=np.bool_)
        return closed_weekdays(hours, self.weekday, np.zeros(len(self.weekday), dtype=np.bool_))

    def exchanges(self, strategy: str) -> dict[str, NDArray[Any]]:
        """Return who gave what to whom in which step's day under a strategy."""
        names = ["step", "giver", "taker", "sent_kwh", "received_kwh", "strategy"]
        rows = self.data.run.table("exchanges", names, [("strategy", "=", strategy)])
        assert rows.num_rows == 0 or (codes_of(rows.column("strategy"), [strategy]) == 0).all()
        return {name: rows.column(name).to_numpy() for name in names[:-1]}
