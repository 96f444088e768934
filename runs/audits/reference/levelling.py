"""A day of batteries that level a load: filled valleys, cut peaks, and answers to two prices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray

_HALVINGS = 100


@dataclass(frozen=True, slots=True)
class Store:
    """What batteries of some capacity may do; one row for each group of them.

    Attributes
    ----------
    usable_kwh : array, shape (n,)
        Energy that a day may take through the store [kWh].
    rated_kwh : array, shape (n,)
        The most that flows in a step at the plug [kWh].
    charge_efficiency, discharge_efficiency : float
        Stored for each kWh drawn, and delivered for each kWh taken from the store [-].
    """

    usable_kwh: FloatArray
    rated_kwh: FloatArray
    charge_efficiency: float
    discharge_efficiency: float


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What batteries do on a day.

    Attributes
    ----------
    exchange_kwh : array, shape (n, steps)
        Energy at the plug, positive when charging [kWh].
    valley_kwh, peak_kwh : array, shape (n,)
        Loads up to which valleys are filled and down to which peaks are cut [kWh]; NaN without a
        window to charge in and one to discharge in.
    """

    exchange_kwh: FloatArray
    valley_kwh: FloatArray
    peak_kwh: FloatArray


class Ground:
    """Hours that take energy from the lowest upwards, each no more than its room.

    Parameters
    ----------
    ground_kwh, room_kwh : array, shape (n, hours)
        Level at which each hour begins to take, and the most that it takes [kWh].
    """

    def __init__(self, ground_kwh: FloatArray, room_kwh: FloatArray) -> None:
        self.cuts = np.sort(np.concatenate([ground_kwh, ground_kwh + room_kwh], axis=1), axis=1)
        above = self.cuts[:, :, None] - ground_kwh[:, None]
        # What all hours hold at each level at which one of them begins or ceases to take.
        self.filled = np.clip(above, 0.0, room_kwh[:, None]).sum(axis=2)
        self.room_kwh = room_kwh.sum(axis=1)

    def level(self, energy_kwh: FloatArray) -> FloatArray:
        """Return the highest level that holds some energy of each row [kWh]."""
        rows, last = np.arange(len(self.cuts)), self.cuts.shape[1] - 1
        at = np.maximum((self.filled <= energy_kwh[:, None]).sum(axis=1) - 1, 0)
        after = np.minimum(at + 1, last)
        wide = self.filled[rows, after] - self.filled[rows, at]
        share = np.divide(
            energy_kwh - self.filled[rows, at], wide, out=np.zeros(len(rows)), where=wide > 0
        )
        step = self.cuts[rows, after] - self.cuts[rows, at]
        level: FloatArray = self.cuts[rows, at] + share * step
        return level


def day_plan(
    load_kwh: FloatArray,
    store: Store,
    charges: NDArray[np.bool_],
    discharges: NDArray[np.bool_],
    most_discharge_kwh: FloatArray | None = None,
    *,
    full: bool,
) -> DayPlan:
    """Return what makes the load of a day flattest.

    Parameters
    ----------
    load_kwh : array, shape (n, steps)
        Load before the batteries [kWh].
    store : Store
        The batteries.
    charges, discharges : array of bool
        Whether each step belongs to the window to charge in, and to the later one to discharge in.
    most_discharge_kwh : array, shape (n, steps), optional
        The most that may be delivered in each step [kWh]; None without a bound.
    full : bool
        Whether all usable energy is to flow, not only as much as flattens the load.

    Notes
    -----
    One more kWh through the store lifts the valley where ``1 / eta_c`` of it is drawn, lowers the
    peak where ``eta_d`` of it is delivered, and the mean by what is lost. It is worth it as long
    as the sum of squares falls: ``(p - m) eta_d > (v - m) / eta_c``.
    """
    n, steps = load_kwh.shape
    exchange = np.zeros((n, steps))
    if not (charges.any() and discharges.any()):
        return DayPlan(exchange, np.full(n, np.nan), np.full(n, np.nan))
    eta_c, eta_d = store.charge_efficiency, store.discharge_efficiency
    night, day = load_kwh[:, charges], load_kwh[:, discharges]
    room = np.repeat(store.rated_kwh[:, None], night.shape[1], axis=1)
    most = np.repeat(store.rated_kwh[:, None], day.shape[1], axis=1)
    if most_discharge_kwh is not None:
        most = np.minimum(most, np.maximum(most_discharge_kwh[:, discharges], 0.0))
    valley, peak = Ground(night, room), Ground(-day, most)
    stored = np.minimum(store.usable_kwh, valley.room_kwh * eta_c)
    stored = np.minimum(stored, peak.room_kwh / eta_d)
    if not full:
        low, high = np.zeros(n), stored
        for _ in range(_HALVINGS):
            middle = low + (high - low) / 2
            mean = load_kwh.mean(axis=1) + middle * (1 / eta_c - eta_d) / steps
            above = (-peak.level(middle * eta_d) - mean) * eta_d
            worth = above > (valley.level(middle / eta_c) - mean) / eta_c
            low, high = np.where(worth, middle, low), np.where(worth, high, middle)
        stored = high
    v, p = valley.level(stored / eta_c), -peak.level(stored * eta_d)
    exchange[:, charges] = np.clip(v[:, None] - night, 0.0, room)
    exchange[:, discharges] = -np.clip(day - p[:, None], 0.0, most)
    return DayPlan(exchange, v, p)


def answer_to_prices(
    load_kwh: float, plan: DayPlan, share: FloatArray, rated_kwh: FloatArray, *, charges: bool
) -> FloatArray:
    """Return what each battery does that knows the two levels of a plan for all of them [kWh].

    Each fills its share of the valley, or cuts its share of the peak, as far as its rating allows.
    """
    missing = plan.valley_kwh[0] - load_kwh if charges else load_kwh - plan.peak_kwh[0]
    wanted: FloatArray = np.clip(share * missing, 0.0, rated_kwh)
    return wanted if charges else -wanted
