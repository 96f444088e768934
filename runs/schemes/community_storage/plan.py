"""The plan of a storage's allowance for the days ahead, made of forecasts or of what will be."""

from dataclasses import dataclass, replace

import numpy as np

from hmesh.agents.storage_controllers import ratings_of
from hmesh.environment.arrays import FloatArray
from hmesh.environment.day_slots import slot_by_clock, steps_of_day
from hmesh.markets.allowance_iteration import Horizon, Iterations, iterate_allowance
from hmesh.markets.community_storage import average_left, served_first
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is expected from now to the end of a plan.

    Attributes
    ----------
    first : int
        The step that begins.
    days : tuple of int
        How many of the steps ahead lie on each date, first that of now.
    day_slots : tuple of int
        How many steps each of these dates has in all.
    used_kwh : array, shape (households,)
        What households have used today [kWh].
    forecast_kwh : array, shape (steps, households)
        What is forecast of every step for whom it is ranked [kWh].
    demand_kwh : array, shape (steps, households)
        What households are planned to use [kWh].
    generation_kwh : array, shape (steps, storages)
        What plants are planned to generate [kWh].
    """

    first: int
    days: tuple[int, ...]
    day_slots: tuple[int, ...]
    used_kwh: FloatArray
    forecast_kwh: FloatArray
    demand_kwh: FloatArray
    generation_kwh: FloatArray


def days_ahead(setting: CommunityStorageSetting, step: int, steps: int) -> list[range]:
    """Return the steps of a plan by date: as many dates as the scenario wants, within the run."""
    days: list[range] = []
    first = step
    while first < steps and len(days) < setting.rules.horizon_days:
        end = min(steps_of_day(setting.calendar, first).stop, steps)
        days.append(range(first, end))
        first = end
    return days


def averages_ahead(ahead: Ahead, *, static: bool) -> FloatArray:
    """Return what every household would report of the rest of the day in each step to come [kWh].

    Parameters
    ----------
    ahead : Ahead
        What is expected.
    static : bool
        Whether it states the mean of the whole day instead.

    Returns
    -------
    array, shape (steps, households)
    """
    averages = np.empty_like(ahead.forecast_kwh)
    begin = 0
    used = ahead.used_kwh
    for steps, slots in zip(ahead.days, ahead.day_slots, strict=True):
        rows = slice(begin, begin + steps)
        # At the end of a run the rest of its last day is not simulated and not forecast.
        left = np.arange(steps, 0.0, -1.0)[:, None]
        so_far = used + np.cumsum(ahead.demand_kwh[rows], axis=0) - ahead.demand_kwh[rows]
        whole = used + ahead.forecast_kwh[rows].sum(axis=0)
        if static:
            averages[rows] = whole / slots
        else:
            averages[rows] = average_left(np.broadcast_to(whole, so_far.shape), so_far, left)
        begin, used = begin + steps, np.zeros_like(used)
    return averages


def plan_allowances(
    setting: CommunityStorageSetting,
    ahead: Ahead,
    stored_kwh: FloatArray,
    capacity_kwh: FloatArray,
    *,
    static: bool,
) -> list[Iterations]:
    """Return what comes of every alpha for each storage.

    Parameters
    ----------
    setting : CommunityStorageSetting
        The storages and their rules.
    ahead : Ahead
        What is expected.
    stored_kwh : array, shape (storages,)
        What each holds now [kWh].
    capacity_kwh : array, shape (storages,)
        What is left of their capacity [kWh].
    static : bool
        Whether households are ranked by the static averages.
    """
    rules, step_h = setting.rules, setting.calendar.step_h
    averages = averages_ahead(ahead, static=static)
    steps = range(ahead.first, ahead.first + sum(ahead.days))
    by_clock = np.array([slot_by_clock(setting.calendar, step) for step in steps], dtype=np.intp)
    storage_of = setting.households["storage"]
    found = []
    for row in range(len(setting.names)):
        own = np.flatnonzero(storage_of == row)
        generation = ahead.generation_kwh[:, row]
        horizon = Horizon(
            generation_kwh=generation,
            bright=generation >= setting.storages["charge_above_kw"][row] * step_h,
            # Rows of slots side by side in memory, which `[:, own]` would not give.
            demand_kwh=ahead.demand_kwh.take(own, axis=1),
            served=served_first(
                averages.take(own, axis=1), int(setting.storages["dischargers"][row])
            ),
            least_kwh=setting.least_kwh[by_clock].take(own, axis=1),
            most_kwh=setting.most_kwh[own],
            step_h=step_h,
        )
        found.append(
            iterate_allowance(
                horizon,
                float(stored_kwh[row]),
                replace(ratings_of(setting.storages, row), capacity_kwh=float(capacity_kwh[row])),
                rules.sharing,
                rules.stop_when,
                rules.tolerance_kwh,
                rules.most_alpha,
                serves_while_charging=rules.serve_while_charging,
            )
        )
    return found
