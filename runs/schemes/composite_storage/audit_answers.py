"""What batteries and tanks of houses could answer to the price of the step."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.answers_of_stores import AnswersOfStores
from hmesh.runs.audits.known_stores import KnownStores, room_beside, whole_pairs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.schemes.composite_storage.records import RESPONDING
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting


def known_stores(
    setting: CompositeStorageSetting,
    settings: PriceResponse,
    recorded: int,
    limited: Collection[tuple[str, str]],
) -> KnownStores:
    """Return the batteries of houses that are written down, and then their tanks."""
    names = [group.name for group in setting.settings.groups]
    keys = [(house, storage) for storage in RESPONDING for house in range(recorded)]
    sizes = [
        (name, each.start, each.stop - each.start)
        for name, each in zip(names, setting.groups, strict=True)
    ]
    written = [max(min(recorded - first, count), 0) for _, first, count in sizes]
    own = setting.settings.equipment
    eta = np.repeat([own.battery_efficiency, own.tank_efficiency], recorded)
    pairs = [(name, storage) for name in names for storage in RESPONDING]
    behind = np.repeat(
        [(group.community, group.name) in limited for group in setting.settings.groups],
        [count for _, _, count in sizes],
    )
    return KnownStores(
        keys,
        whole_pairs(pairs, keys, sizes, written),
        np.tile(setting.community[:recorded], 2),
        np.tile(setting.node[:recorded], 2),
        settings.lam,
        settings.theta,
        eta,
        eta,
        complete=recorded == setting.houses,
        behind=np.tile(behind[:recorded], 2),
    )


def hold_house_answers(
    answers: AnswersOfStores,
    setting: CompositeStorageSetting,
    strategies: Sequence[str],
    rows: Columns,
    parts: FloatArray,
    battery_kwh: Callable[[int], FloatArray],
) -> None:
    """Compare what storages had left by the tables with what houses leave of them.

    Parameters
    ----------
    answers : AnswersOfStores
        What the tables say of answers.
    setting : CompositeStorageSetting
        The houses before anybody acts.
    strategies : sequence of str
        What houses do under each strategy of the run.
    rows : dict of array, shape (steps, strategies, houses written down)
        Columns of house_steps.
    parts : array, shape (steps, houses)
        For which part of each step houses are supplied.
    battery_kwh : callable
        What returns the capacity of their batteries under each strategy, shape (steps, houses).
    """
    if not len(answers.stores):
        return
    for s, name in enumerate(strategies):
        usable, give, take = _room(setting, name, s, rows, parts, battery_kwh(s))
        answers.hold(slice(0, answers.inputs.steps), s, usable, give, take)


def _room(
    setting: CompositeStorageSetting,
    strategy: str,
    s: int,
    rows: Columns,
    parts: FloatArray,
    battery_kwh: FloatArray,
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Return what battery and tank hold and can do beside what their house decided."""
    devices = setting.devices(strategy)
    size = np.broadcast_to(battery_kwh, rows["stored_kwh"][:, s].shape)
    mine = {name: values[:, s] for name, values in rows.items()}
    one = np.ones(mine["stored_kwh"].shape)
    hours = setting.step_h * parts[:, : one.shape[1]]
    tank = devices.tank_kwh
    eta, eta_tank = devices.battery_efficiency * one, devices.tank_efficiency * one
    battery = room_beside(
        mine["stored_kwh"], devices.soc_min * size, devices.soc_max * size,
        devices.battery_power_per_kwh * devices.battery_kwh * hours,
        mine["charge_kwh"], mine["discharge_kwh"], eta, eta,
    )  # fmt: skip
    kept = (1.0 - devices.tank_loss_per_h) ** setting.step_h * mine["tank_kwh"]
    usable, give, take = room_beside(
        kept, 0.0 * one, tank * one, devices.tank_power_per_kwh * tank * hours,
        mine["tank_charge_kwh"], mine["tank_discharge_kwh"], eta_tank, eta_tank,
    )  # fmt: skip
    pump, cop = mine["heat_pump_kwh"], devices.cop
    give = np.where(give > cop * pump, pump, give / cop)
    most = np.maximum(devices.heat_pump_kw * hours - pump, 0.0)
    take = np.where(take > cop * most, most, take / cop)
    tanks = (usable / cop, give, take)
    return [np.concatenate(both, axis=1) for both in zip(battery, tanks, strict=True)]
