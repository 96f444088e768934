"""What batteries and tanks of houses answered to the price of the step, and could have."""

from collections.abc import Iterator, Sequence

import numpy as np

from hmesh.runs.audits.answers_of_stores import ResponseTables, pairs_of, room_beside
from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting


def check_house_answers(
    responses: ResponseTables,
    setting: CompositeStorageSetting,
    strategies: Sequence[str],
    rows: Columns,
) -> Iterator[Check]:
    """Check what storages answered against what suits them, and what they could do.

    Parameters
    ----------
    responses
        What the tables say of answers.
    setting
        The houses before anybody acts.
    strategies
        What houses do under each strategy of the run.
    rows
        Columns of house_steps, of shape (steps, strategies, houses written down).
    """
    recorded = len(responses.stores) // 2
    yield responses.check_answers(
        "houses with storages: batteries and tanks answer as suits them best"
    )
    if recorded:
        rooms = [_room(setting, name, s, rows) for s, name in enumerate(strategies)]
        yield responses.check_room(
            "houses with storages: they answer with what houses leave of them",
            *(np.stack(column, axis=1) for column in zip(*rooms, strict=True)),
        )
    names = [group.name for group in setting.settings.groups]
    sizes = [
        (name, each.start, each.stop - each.start)
        for name, each in zip(names, setting.groups, strict=True)
    ]
    written = [max(min(recorded - first, count), 0) for _, first, count in sizes]
    yield responses.check_sums(
        "houses with storages: answers of groups are the sum of their houses'",
        pairs_of(responses.pairs, responses.stores, sizes, written),
    )


def _room(
    setting: CompositeStorageSetting, strategy: str, s: int, rows: Columns
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Return what battery and tank hold and can do beside what their house decided."""
    devices = setting.devices(strategy)
    mine = {name: values[:, s] for name, values in rows.items()}
    one = np.ones(mine["stored_kwh"].shape)
    size, tank = devices.battery_kwh, devices.tank_kwh
    eta, eta_tank = devices.battery_efficiency * one, devices.tank_efficiency * one
    battery = room_beside(
        mine["stored_kwh"], devices.soc_min * size * one, devices.soc_max * size * one,
        devices.battery_power_per_kwh * size * setting.step_h * one,
        mine["charge_kwh"], mine["discharge_kwh"], eta, eta,
    )  # fmt: skip
    kept = (1.0 - devices.tank_loss_per_h) ** setting.step_h * mine["tank_kwh"]
    usable, lower, upper = room_beside(
        kept, 0.0 * one, tank * one, devices.tank_power_per_kwh * tank * setting.step_h * one,
        mine["tank_charge_kwh"], mine["tank_discharge_kwh"], eta_tank, eta_tank,
    )  # fmt: skip
    pump, cop = mine["heat_pump_kwh"], devices.cop
    lower = np.where(-lower > cop * pump, -pump, lower / cop)
    most = np.maximum(devices.heat_pump_kw * setting.step_h - pump, 0.0)
    upper = np.where(upper > cop * most, most, upper / cop)
    tanks = (usable / cop, lower, upper)
    return [np.concatenate(both, axis=1) for both in zip(battery, tanks, strict=True)]
