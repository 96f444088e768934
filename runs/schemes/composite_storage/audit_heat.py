"""How well heat pumps work, what tanks lose and what rooms store, worked out a second time."""

from collections.abc import Iterator, Sequence

import numpy as np

from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.reference.heat_pumps import cop_at, rooms_as_store, tank_loss_at
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.schemes.composite_storage.audit_houses import PREFIX, TANK_ALONE
from hmesh.runs.schemes.composite_storage.heat_pump_section import OutdoorCop, OutdoorTank
from hmesh.runs.schemes.composite_storage.own_rules import BOTH
from hmesh.runs.schemes.composite_storage.rooms_section import Rooms
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.world.dataset_files import load_dataset


def heat_checks(
    inputs: RunInputs, setting: CompositeStorageSetting, strategies: Sequence[str]
) -> Iterator[Check]:
    """Return what was found of heat pumps and stores of heat before anybody acts.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario of the run settles.
    setting : CompositeStorageSetting
        Its houses before anybody acts.
    strategies : sequence of str
        What houses do under each strategy of the run.
    """
    devices = setting.settings.devices
    if devices.outdoor_cop is not None:
        yield _cops(inputs, setting, devices.outdoor_cop)
    if devices.outdoor_tank is not None:
        yield _tank_losses(inputs, setting, devices.outdoor_tank)
    if setting.settings.rooms is not None:
        yield _rooms(setting, setting.settings.rooms, strategies)


def _cops(inputs: RunInputs, setting: CompositeStorageSetting, outdoors: OutdoorCop) -> Check:
    """Check how well heat pumps work by the weather of the dataset."""
    tally = Tally(f"{PREFIX}heat pumps work by the temperature outdoors", EXACT, "of the COP")
    dataset = load_dataset(inputs.scenario.path_of(outdoors.dataset), ("weather",))
    weather = dataset.series["weather"]
    outside = weather.over("temp_air", inputs.calendar, inputs.steps)[:, 0]
    due = np.array([cop_at(temperature, outdoors) for temperature in outside.tolist()])
    tally.add(relative(setting.cop, due), lambda at: f"step {at[0]}", None)
    return tally.check()


def _tank_losses(
    inputs: RunInputs, setting: CompositeStorageSetting, outdoors: OutdoorTank
) -> Check:
    """Check what tanks lose by the weather of the dataset."""
    tally = Tally(f"{PREFIX}tanks lose by the temperature outdoors", EXACT, "of the share")
    dataset = load_dataset(inputs.scenario.path_of(outdoors.dataset), ("weather",))
    weather = dataset.series["weather"]
    outside = weather.over("temp_air", inputs.calendar, inputs.steps)[:, 0]
    rated = setting.settings.devices.tank_loss_per_h
    due = np.array([tank_loss_at(each, outdoors, rated) for each in outside.tolist()])
    tally.add(relative(setting.tank_loss, due), lambda at: f"step {at[0]}", None)
    return tally.check()


def _rooms(setting: CompositeStorageSetting, rooms: Rooms, strategies: Sequence[str]) -> Check:
    """Check what rooms store, lose and cost by their comfort."""
    tally = Tally(f"{PREFIX}rooms store what their comfort allows", EXACT, "of the figure")
    own = setting.settings.devices
    store = rooms_as_store(rooms, own.heat_pump_kw * own.highest_cop)
    found, due = [], []
    for strategy in strategies:
        used, devices = strategy in (TANK_ALONE, BOTH), setting.devices(strategy)
        power = devices.tank_power_per_kwh * devices.tank_kwh
        battery = setting.sizes(strategy).battery_kwh * setting.settings.battery_price_per_kwh
        found.append([setting.sizes(strategy).tank_kwh, power, setting.investment(strategy)])
        due.append([store.size_kwh * used, store.power_kw * used, battery])
    tally.add(relative(np.array(found), np.array(due)), lambda at: strategies[at[0]], None)
    lost = np.full(len(setting.tank_loss), store.loss_per_h)
    tally.add(relative(setting.tank_loss, lost), lambda at: f"loss in step {at[0]}", None)
    return tally.check()
