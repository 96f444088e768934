"""The daily schedule of batteries that level a load: charge in the valley, discharge at the peak.

Source: battery sharing among commercial buildings, Frontiers in Energy Research 10 (2022) 929693,
eq. (1) to (11), with corrections. The published optimum of a day is a quadratic programme over all
batteries. Batteries that have the same power and usable energy per kWh of capacity act together as
one large battery does, and with one window to charge in and a later one to discharge in that
battery's optimum is found by water filling: the valley is raised to one level, and the peak cut to
another.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.water_filling import Basin, basin

type Cycle = Literal["full", "free"]
type PerDay = float | FloatArray


@dataclass(frozen=True, slots=True)
class Equipment:
    """Ratings, efficiencies and depth of discharge per kWh of capacity.

    Attributes
    ----------
    power_per_capacity : float
        Rating in both directions at the plug [kW/kWh].
    depth_of_discharge : float
        Share of the capacity that a cycle may use, 0..1 [-].
    charge_efficiency, discharge_efficiency : float
        From the plug to the store and from the store to the plug, 0 < efficiency <= 1 [-].
    """

    power_per_capacity: float = 0.16
    depth_of_discharge: float = 0.90
    charge_efficiency: float = 0.90
    discharge_efficiency: float = 0.90

    def given_kwh(self, capacity_kwh: PerDay) -> PerDay:
        """Return what a full cycle gives at the plug [kWh]."""
        return self.depth_of_discharge * self.discharge_efficiency * capacity_kwh


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The hours of a day in which batteries charge, and later ones in which they discharge.

    Without windows, a battery that loses energy would be made to charge and discharge at once
    only to use energy up in the valley.

    Attributes
    ----------
    charge, discharge : array of bool, shape (steps,)
        Whether each step of the day belongs to the window.
    step_h : float
        Length of a step [h].

    Raises
    ------
    ValueError
        If a step belongs to both, or the batteries would discharge before they charge.
    """

    charge: NDArray[np.bool_]
    discharge: NDArray[np.bool_]
    step_h: float = 1.0

    def __post_init__(self) -> None:
        charging, discharging = np.flatnonzero(self.charge), np.flatnonzero(self.discharge)
        if charging.size and discharging.size and charging[-1] >= discharging[0]:
            raise ValueError("batteries must have charged before they begin to discharge")

    @classmethod
    def of_clock(
        cls,
        clock_h: FloatArray,
        charge_h: tuple[float, float] = (0.0, 8.0),
        discharge_h: tuple[float, float] = (8.0, 22.0),
        step_h: float = 1.0,
    ) -> "Windows":
        """Return the windows of a day whose steps start at hours of the clock.

        Parameters
        ----------
        clock_h : array, shape (steps,)
            What the clock shows as each step starts [h].
        charge_h, discharge_h : tuple of float
            From when to before when a window lasts [h].
        step_h : float
            Length of a step [h].
        """

        def inside(window: tuple[float, float]) -> NDArray[np.bool_]:
            return (clock_h >= window[0]) & (clock_h < window[1])

        return cls(inside(charge_h), inside(discharge_h), step_h)


@dataclass(frozen=True, slots=True, eq=False)
class Levelling:
    """What batteries do on some days.

    Attributes
    ----------
    charge_kwh, discharge_kwh : array, shape (days, steps)
        Energy at the plug [kWh], both at least 0 and never both above 0.
    stored_kwh : array, shape (days,)
        Energy that goes through the store [kWh].
    valley_kwh, peak_kwh : array, shape (days,)
        Load up to which the valley is filled, and down to which the peak is cut [kWh].
    """

    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    stored_kwh: FloatArray
    valley_kwh: FloatArray
    peak_kwh: FloatArray

    @property
    def exchange_kwh(self) -> FloatArray:
        """Energy at the plug [kWh], positive when charging, shape (days, steps)."""
        return self.charge_kwh - self.discharge_kwh


def level_load(
    load_kwh: FloatArray,
    capacity_kwh: PerDay,
    equipment: Equipment,
    windows: Windows,
    cycle: Cycle,
    most_discharge_kwh: FloatArray | None = None,
) -> Levelling:
    """Return the schedule that makes the standard deviation of the load of every day least.

    Parameters
    ----------
    load_kwh : array, shape (days, steps)
        Load before the batteries [kWh].
    capacity_kwh : float or array, shape (days,)
        Capacity of all batteries together, at least 0 [kWh].
    equipment : Equipment
        Ratings and efficiencies per kWh of it.
    windows : Windows
        When they may charge and discharge.
    cycle : {"full", "free"}
        Whether every day takes the whole usable energy through the store, as far as the power
        allows it, or as much as serves the levelling.
    most_discharge_kwh : array, shape (days, steps), optional
        Most energy that the batteries may give in a step, for instance the load of a building
        that feeds nothing back [kWh].

    Notes
    -----
    With the level ``v`` of the valley and ``p`` of the peak, ``ch = clip(v - S, 0, P)`` and
    ``dis = clip(S - p, 0, P)``, whose sums are ``E / eta_c`` and ``E eta_d``. For a free cycle the
    stored energy ``E`` is where one more kWh of it changes nothing,
    ``(v - m) / eta_c = (p - m) eta_d`` with ``m`` the mean of the load that results, or a bound.
    """
    load = np.atleast_2d(load_kwh)
    days = len(load)
    capacity = np.broadcast_to(np.asarray(capacity_kwh, dtype=np.float64), days)
    rated = (equipment.power_per_capacity * windows.step_h * capacity)[:, None]
    hours = windows.charge, windows.discharge
    night, day = (load[:, window] for window in hours)
    most = np.broadcast_to(rated, day.shape)
    if most_discharge_kwh is not None:
        limit = np.maximum(np.atleast_2d(most_discharge_kwh)[:, windows.discharge], 0.0)
        most = np.minimum(most, limit)
    charge, discharge = np.zeros((2, *load.shape))
    if not (night.size and day.size):
        nothing = np.zeros(days)
        return Levelling(charge, discharge, nothing, np.full(days, np.nan), np.full(days, np.nan))
    valley = basin(night, np.broadcast_to(rated, night.shape))
    peak = basin(-day, most)
    through = _Through(
        valley, peak, equipment.charge_efficiency, equipment.discharge_efficiency,
        load.mean(axis=1), load.shape[1],
    )  # fmt: skip
    bound = np.minimum(equipment.depth_of_discharge * capacity, through.bound_kwh)
    stored = bound if cycle == "full" else through.best_kwh(bound)
    level_v, _ = valley.piece(stored / equipment.charge_efficiency)
    level_p = -peak.piece(stored * equipment.discharge_efficiency)[0]
    charge[:, windows.charge] = np.clip(level_v[:, None] - night, 0.0, rated)
    discharge[:, windows.discharge] = np.clip(day - level_p[:, None], 0.0, most)
    return Levelling(charge, discharge, stored, level_v, level_p)


@dataclass(frozen=True, slots=True)
class _Through:
    """The energy that goes through the store on each day, and what it is worth.

    Attributes
    ----------
    valley, peak : Basin
        Where it is charged and discharged.
    charge_efficiency, discharge_efficiency : float
        Of the batteries [-].
    mean_kwh : array, shape (days,)
        Mean load before the batteries [kWh].
    steps : int
        Steps of a day.
    """

    valley: Basin
    peak: Basin
    charge_efficiency: float
    discharge_efficiency: float
    mean_kwh: FloatArray
    steps: int

    @property
    def bound_kwh(self) -> FloatArray:
        """The most that both windows have room for [kWh], shape (days,)."""
        return np.minimum(
            self.valley.room_kwh * self.charge_efficiency,
            self.peak.room_kwh / self.discharge_efficiency,
        )

    def best_kwh(self, bound_kwh: FloatArray) -> FloatArray:
        """Return the energy at which one more kWh is worth nothing, at most a bound [kWh].

        The worth falls along straight pieces and leaps between them; the bends are bisected, and
        the piece with the root is solved exactly.
        """
        bends = np.concatenate(
            [
                self.valley.filled_kwh * self.charge_efficiency,
                self.peak.filled_kwh / self.discharge_efficiency,
            ],
            axis=1,
        )
        bends = np.minimum(np.sort(bends, axis=1), bound_kwh[:, None])
        middles = (bends[:, :-1] + bends[:, 1:]) / 2.0
        pieces = middles.shape[1]
        rows = np.arange(len(bends))
        low = np.full(len(bends), -1)  # One more kWh is worth something in this piece,
        high = np.full(len(bends), pieces)  # and nothing any more in this one.
        for _ in range(pieces.bit_length()):
            apart = high - low > 1
            middle = np.where(apart, (low + high) // 2, 0)
            wanted = self._worth(middles[rows, middle])[0] > 0.0
            low = np.where(apart & wanted, middle, low)
            high = np.where(apart & ~wanted, middle, high)
        leap = bends[rows, high]
        before = np.where(low < 0, np.inf, self._root(middles[rows, np.maximum(low, 0)]))
        after = self._root(middles[rows, np.minimum(high, pieces - 1)])
        after = np.where(high < pieces, np.maximum(after, leap), bound_kwh)
        best: FloatArray = np.where(before <= leap, before, after)
        return np.clip(best, 0.0, bound_kwh)

    def _root(self, stored_kwh: FloatArray) -> FloatArray:
        """Return where the piece of the worth through some energy is 0 [kWh]."""
        worth, fall = self._worth(stored_kwh)
        return stored_kwh + worth / fall

    def _worth(self, stored_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the worth of one more kWh through the store, and its fall with every kWh."""
        eta_c, eta_d = self.charge_efficiency, self.discharge_efficiency
        valley, valley_per_kwh = self.valley.piece(stored_kwh / eta_c)
        below_peak, peak_per_kwh = self.peak.piece(stored_kwh * eta_d)
        lost_per_step = (1.0 / eta_c - eta_d) / self.steps
        mean = self.mean_kwh + stored_kwh * lost_per_step
        worth = (-below_peak - mean) * eta_d - (valley - mean) / eta_c
        fall = peak_per_kwh * eta_d**2 + valley_per_kwh / eta_c**2
        fall = fall - lost_per_step * (1.0 / eta_c - eta_d)
        # Where no more fits, the worth does not matter: the bound decides.
        return worth, np.where(fall > 0.0, fall, 1.0)


def answer_to_prices(
    load_kwh: PerDay,
    valley_kwh: PerDay,
    peak_kwh: PerDay,
    share: PerDay,
    rated_kwh: PerDay,
    charging: bool,
    discharging: bool,
) -> FloatArray:
    """Return what a battery does that knows two marginal prices and the load, and nobody else.

    Parameters
    ----------
    load_kwh : float or array, shape (n,)
        Load of the step before all batteries [kWh].
    valley_kwh, peak_kwh : float or array, shape (n,)
        Load at which a kWh is worth what charging it costs, and what discharging it earns; NaN
        for a battery that has heard no prices [kWh].
    share : float or array, shape (n,)
        The battery's part of the capacity of all [-].
    rated_kwh : float or array, shape (n,)
        Most that it exchanges in a step [kWh].
    charging, discharging : bool
        Which window the step belongs to.

    Returns
    -------
    array, shape (n,)
        Energy at the plug [kWh], positive when charging; 0 without prices. Where all have the
        same rating per capacity, the answers add up to the schedule of `level_load`.
    """
    if charging:
        wanted = np.clip(share * (valley_kwh - load_kwh), 0.0, rated_kwh)
    elif discharging:
        wanted = 0.0 - np.clip(share * (load_kwh - peak_kwh), 0.0, rated_kwh)
    else:
        return np.zeros(np.broadcast_shapes(*map(np.shape, (load_kwh, share, valley_kwh))))
    return np.where(np.isnan(wanted), 0.0, wanted)
