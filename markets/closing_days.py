"""What a battery gives away on the days on which its building is closed."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.capacity_allocation import SharedDischarge, capacity_rule_kwh
from hmesh.markets.load_levelling import Equipment

_DAYS_PER_WEEK = 7


def closing_day_loss_kwh(
    closed_days_per_week: float,
    capacity_kwh: float,
    equipment: Equipment,
    line_loss_rate: float,
    days: float = 365.0,
) -> float:
    """Return what lines lose of the energy of a building that uses none when it is closed [kWh].

    Parameters
    ----------
    closed_days_per_week : float
        Days of the week on which it is closed, 0 to 7.
    capacity_kwh : float
        Capacity of its battery, used in full every day [kWh].
    equipment : Equipment
        Ratings and efficiencies per kWh of capacity.
    line_loss_rate : float
        Share that a line loses [-].
    days : float
        Days counted.

    Notes
    -----
    ``rate q/7 days DoD eta_d C``. Two closed days instead of one double it; what grows by one
    seventh, 14.3 percentage points, is the share of the discharge that is given away. The source
    (Frontiers in Energy Research 10 (2022) 929693, section 4.7) calls that 14.3 % more loss.
    """
    given = float(np.asarray(equipment.given_kwh(capacity_kwh))) * days
    return line_loss_rate * closed_days_per_week / _DAYS_PER_WEEK * given


def given_away_share(
    discharge: SharedDischarge, open_days: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return what buildings give away whose batteries are as large as open days can use.

    Parameters
    ----------
    discharge : SharedDischarge
        Loads of the buildings; the common schedule is not used, for every battery gives its whole
        usable energy every day, as much as it can to its own building.
    open_days : array of bool, shape (days,)
        Days on which no building is closed.

    Returns
    -------
    capacity_kwh : array, shape (buildings,)
        Largest capacity with which nothing is given away on open days [kWh].
    share : array, shape (buildings, days)
        Share of the usable energy that is given away on each day [-]; 0 without a battery.
    """
    capacity = capacity_rule_kwh(discharge.on(np.flatnonzero(open_days)))
    rated = discharge.rated_kwh * capacity[:, None, None]
    own = np.minimum(discharge.load_kwh, rated).sum(axis=2)
    usable = np.asarray(discharge.equipment.given_kwh(capacity))[:, None]
    away = np.maximum(usable - own, 0.0)
    return capacity, np.divide(away, usable, out=np.zeros_like(away), where=usable > 0)
