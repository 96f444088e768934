"""Whether what batteries answer to prices is what their schedule leaves, followed step by step."""

from collections.abc import Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.answers_of_stores import AnswersOfStores
from hmesh.runs.audits.reference.store_left import left_over
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.battery_sharing.audit_days import BatteryDay, served_by_building
from hmesh.runs.schemes.battery_sharing.setting import BatterySetting
from hmesh.runs.strategy_names import is_own


def check_answers(
    inputs: RunInputs,
    setting: BatterySetting,
    strategies: Sequence[str],
    at: Columns,
    capacity_kwh: FloatArray,
    answers: AnswersOfStores,
) -> None:
    """Compare what batteries had left in every step with their stores and schedules.

    Parameters
    ----------
    inputs, setting, strategies, at, capacity_kwh : RunInputs, BatterySetting, sequence of str, \
    dict of array, array
        As `check_days` takes them.
    answers : AnswersOfStores
        The audit of what they answer.
    """
    if not inputs.reliable:
        answers.left.note("messages may be lost or late")
        return
    given = setting.given
    for s in answers.used:
        strategy = strategies[s]
        if strategy == "shared_battery" and setting.rules.least_exchange:
            answers.left.note("schedules of least exchange may differ")
            continue
        efficiencies = given.charge_efficiency, given.discharge_efficiency
        for day in setting.forecast.days():
            inside, capacity = slice(day.start, day.stop), capacity_kwh[day.start, s]
            limits = given.soc_min * capacity, given.soc_max * capacity
            rated = given.power_per_capacity * inputs.step_h * capacity
            part = served_by_building(inputs, setting)[inside]
            mine = {name: values[inside, s] for name, values in at.items()}
            ahead = np.zeros((len(day), 0))
            if strategy != "priced_battery" and not is_own(strategy):
                ahead = _schedule(inputs, setting, strategy, s, day, mine, capacity)
            done = mine["charged_kwh"] - mine["own_kwh"] - mine["sent_kwh"]
            left = [
                left_over(stored, now, *limits, rated * part[t], efficiencies, ahead[t + 1 :])
                for t, (stored, now) in enumerate(zip(mine["stored_kwh"], done, strict=True))
            ]
            answers.hold(inside, s, *(np.array(each) for each in zip(*left, strict=True)))


def _schedule(
    inputs: RunInputs,
    setting: BatterySetting,
    strategy: str,
    s: int,
    day: range,
    mine: Columns,
    capacity_kwh: FloatArray,
) -> FloatArray:
    """Return the schedule of all batteries on a day, computed again, (steps, batteries) [kWh]."""
    forecast, of_day = setting.forecast.load_kwh(day.start), setting.windows(day)
    windows = of_day.charge, of_day.discharge
    nobody = np.zeros(len(setting.names), dtype=np.bool_)
    one = BatteryDay(
        inputs, setting, strategy, s, day, windows, forecast, capacity_kwh, nobody
    )  # fmt: skip
    planned = np.zeros((len(day), len(setting.names)))
    for rows in setting.communities:
        if rows.stop > rows.start:
            here = {name: values[:, rows].T for name, values in mine.items()}
            planned[:, rows] = one.wanted(rows, here)[0].T
    return planned
