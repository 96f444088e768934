"""Figures of the summary computed again: deviations of the load, and whether batteries pay."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.investments import invested, valued_at
from hmesh.runs.audits.reference.stated_tariff import day_lies_in
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.battery_sharing.section import BatterySharing, MeasuredDays
from hmesh.runs.schemes.battery_sharing.setting import BatterySetting


def deviations(total_kwh: FloatArray, days: NDArray[np.intp], prefix: str = "") -> Figures:
    """Return the standard deviations of a load.

    Parameters
    ----------
    total_kwh : array, shape (steps, strategies)
        The load [kWh].
    days : array of int
        Day of each step.
    prefix : str, optional
        With which the figures begin.
    """
    each = [total_kwh[days == day] for day in np.unique(days)]
    within = np.array([load.var(axis=0) for load in each])
    return {
        f"{prefix}load_deviation_kwh": np.sqrt(
            ((total_kwh - total_kwh.mean(axis=0)) ** 2).mean(axis=0)
        ),
        f"{prefix}load_deviation_daily_mean_kwh": np.sqrt(within).mean(axis=0),
        f"{prefix}load_deviation_daily_rms_kwh": np.sqrt(within.mean(axis=0)),
    }


def deviations_of_run(
    inputs: RunInputs, given: BatterySharing, setting: BatterySetting | None, total_kwh: FloatArray
) -> Figures:
    """Return the deviations over all days, and over those that the scenario chooses.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario of the run settles.
    given : BatterySharing
        Its section.
    setting : BatterySetting or None
        Its batteries before anybody acts; None where files are gone.
    total_kwh : array, shape (steps, strategies)
        Demand of all communities [kWh].
    """
    days = inputs.calendar.days_of(0, inputs.steps)
    found = deviations(total_kwh, days)
    if given.measure_days is None:
        return found
    chosen = _chosen(inputs, given.measure_days, setting, days)
    if chosen is None:
        return found
    if not chosen.any():
        return found | dict.fromkeys(("measured_load_deviation_kwh",), np.zeros(total_kwh.shape[1]))
    return found | deviations(total_kwh[chosen], days[chosen], "measured_")


def _chosen(
    inputs: RunInputs, wanted: MeasuredDays, setting: BatterySetting | None, days: NDArray[np.intp]
) -> NDArray[np.bool_] | None:
    """Return which steps lie in the days that the scenario chooses; None where not known."""
    calendar = inputs.calendar
    first = {day: int(np.flatnonzero(days == day)[0]) for day in np.unique(days).tolist()}
    dates = {day: calendar.date_of(step) for day, step in first.items()}
    inside = {
        day for day, date in dates.items() if day_lies_in(wanted, date, calendar.is_holiday(date))
    }
    if wanted.highest is not None:
        if setting is None:
            return None
        steps = {day: np.flatnonzero(days == day) for day in sorted(dates)}
        whole = [day for day in steps if len(steps[day]) * inputs.step_h == 24][:365]
        energy = {
            day: sum(float(setting.forecast.of_step(int(at)).sum()) for at in steps[day])
            for day in whole
            if day in inside
        }
        # Energies that differ by rounding alone are equal, and the earlier day counts.
        order = sorted(energy, key=lambda day: (-float(f"{energy[day]:.9e}"), day))
        inside = set(order[: wanted.highest])
    return np.isin(days, list(inside))


def economics_of_run(
    inputs: RunInputs,
    given: BatterySharing,
    setting: BatterySetting | None,
    hours: Columns,
    drawn_kwh: FloatArray,
    capacity_kwh: FloatArray | None,
) -> tuple[Figures, Figures]:
    """Return what batteries pay less what they save in each step, and what they cost.

    Parameters
    ----------
    inputs, given, setting : RunInputs, BatterySharing, BatterySetting or None
        As of `deviations_of_run`.
    hours : dict of array
        Columns of hours.parquet.
    drawn_kwh : array
        What batteries draw less what they give, of the shape of the hours [kWh].
    capacity_kwh : array, or None
        Their capacity under each strategy [kWh], None where it is not known.
    """
    economics = given.economics
    if economics is None:
        return {}, {}
    dataset = economics.tariff is not None and economics.tariff.dataset is not None
    if dataset and setting is None:
        return {}, {}
    price = valued_at(inputs, economics, hours, None if setting is None else setting.tariff)
    cost = (price * drawn_kwh).sum(axis=2)
    if capacity_kwh is None:
        return {"battery_running_cost": cost}, {}
    invests = economics.battery_price_per_kwh * capacity_kwh
    return {"battery_running_cost": cost}, invested("battery", economics, invests, inputs)
