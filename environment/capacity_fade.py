"""How batteries lose capacity: by age and by full cycles, both linear and added."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray

YEAR_H = 8760.0


def share_left[T: (float, FloatArray)](
    years: T | float, cycles: T | float, calendar_fade: T | float, cycle_fade: T | float
) -> T:
    """Return which share of the new capacity is left.

    Parameters
    ----------
    years : float or array, shape (n,)
        Age of the battery [a].
    cycles : float or array, shape (n,)
        Full cycles so far: energy discharged at the plug over the new capacity [-].
    calendar_fade : float or array, shape (n,)
        Share of the new capacity lost in a year, used or not [1/a].
    cycle_fade : float or array, shape (n,)
        Share of it lost in a full cycle [-].

    Returns
    -------
    float or array, shape (n,)
        ``max(1 - f_cal t - f_cyc N, 0)`` [-].

    Notes
    -----
    Loss by calendar and by cycles are added, each linear, as manufacturers state their warranties.
    Temperature, depth of discharge and the knee at the end of life are left out.
    """
    left: T = np.maximum(1.0 - calendar_fade * years - cycle_fade * cycles, 0.0)
    return left


class FadingCapacity:
    """What is left of the capacity of some batteries during a run.

    Parameters
    ----------
    new_kwh : array, shape (n,)
        Capacity when the run begins [kWh].
    calendar_fade, cycle_fade : float or array, shape (n,)
        As of `share_left`.

    Attributes
    ----------
    cycled_kwh : array, shape (n,)
        Energy discharged at the plug since the run began [kWh].
    """

    def __init__(
        self, new_kwh: FloatArray, calendar_fade: FloatArray | float, cycle_fade: FloatArray | float
    ) -> None:
        self.new_kwh = np.array(new_kwh, dtype=np.float64)
        self.calendar_fade, self.cycle_fade = calendar_fade, cycle_fade
        self.cycled_kwh = np.zeros_like(self.new_kwh)
        self.left_kwh = self.new_kwh.copy()

    @classmethod
    def where_asked(
        cls, new_kwh: FloatArray, calendar_fade: FloatArray | float, cycle_fade: FloatArray | float
    ) -> "FadingCapacity | None":
        """Return what is left of batteries, None where none of them loses any."""
        if not (np.any(calendar_fade) or np.any(cycle_fade)):
            return None
        return cls(new_kwh, calendar_fade, cycle_fade)

    @property
    def cycles(self) -> FloatArray:
        """Full cycles of each so far, 0 where there is no battery [-]."""
        new = self.new_kwh
        return np.divide(self.cycled_kwh, new, where=new > 0, out=np.zeros_like(new))

    def age(self, hours: float) -> FloatArray:
        """Return what is left some hours after the run began, shape (n,) [kWh].

        It holds until the next call: batteries lose capacity once a day.
        """
        left = share_left(hours / YEAR_H, self.cycles, self.calendar_fade, self.cycle_fade)
        self.left_kwh[:] = self.new_kwh * left
        return self.left_kwh

    def exchange(self, exchange_kwh: FloatArray) -> None:
        """Count what batteries exchange at their plugs [kWh], below 0 where they discharge."""
        self.cycled_kwh += np.maximum(0.0 - exchange_kwh, 0.0)

    def loss_per_year(self, hours: float) -> float:
        """Return the share of the capacity of all together that a year like these hours takes.

        Parameters
        ----------
        hours : float
            Length of the run [h].
        """
        total = float(self.new_kwh.sum())
        if total == 0.0 or hours == 0.0:
            return 0.0
        per_year = self.calendar_fade + self.cycle_fade * self.cycles * (YEAR_H / hours)
        return float((per_year * self.new_kwh).sum()) / total

    @property
    def share_left(self) -> float:
        """Which share of the capacity of all together is left, 1 where there is none [-]."""
        total = float(self.new_kwh.sum())
        return float(self.left_kwh.sum()) / total if total else 1.0

    def state(self) -> dict[str, Any]:
        """Return what changes during a run; the arrays are live, not copies."""
        return {"cycled_kwh": self.cycled_kwh, "left_kwh": self.left_kwh}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        for name, column in self.state().items():
            if state[name].shape != column.shape:
                raise ValueError(f"{name} of {len(state[name])} batteries for {len(column)}")
            column[:] = state[name]
