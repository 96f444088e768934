"""Whether the kept messages of houses with storages say what their tables say."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.strategy_names import is_own
from hmesh.runs.world.expected_price import ExpectedPrice

# The parties as messages name them.
HOUSES, BATTERIES, TANKS, PUMPS, RETAILER = (
    "home energy managers", "house batteries", "thermal tanks", "heat pumps", "retailer",
)  # fmt: skip

KINDS = ("TariffNotice", "HouseStorageReport", "DeviceSetPoint", "RetailExchange")
PARTIES = (RETAILER, HOUSES, BATTERIES, TANKS, PUMPS)
_COLUMNS = ("step", "round", "kind", "sender", "receiver", "value", "count", "time")


def check_house_messages(
    run: Run,
    inputs: RunInputs,
    setting: CompositeStorageSetting,
    strategies: Sequence[str],
    sums: Columns,
    community_price: FloatArray,
) -> Check:
    """Compare every kept message of houses with what they hold, do, buy and pay by the tables.

    Parameters
    ----------
    run, inputs, setting : Run, RunInputs, CompositeStorageSetting
        The run, what its scenario settles, and its houses before anybody acts.
    strategies : sequence of str
        What houses do under each strategy of the run.
    sums : dict of array, shape (steps, strategies, groups)
        What groups do together.
    community_price : array
        What every community asked, of the shape of the hours [money/kWh].
    """
    tally = Tally("messages: of houses with storages, as they must be", EXACT, "of the value")
    messages = inputs.scenario.messages
    kept = messages.keep == "all" or (messages.keep == "leaders" and setting.houses == 1)
    if messages.keep == "none":
        tally.note("no message was kept")
        return tally.check()
    if not inputs.reliable:
        tally.note("set points may be changed where one is lost or late, so only who said them")
    for s in range(len(strategies)):
        named = inputs.strategies[s]
        rows = run.table(
            "messages",
            _COLUMNS,
            [
                ("strategy", "=", named),
                ("kind", "in", KINDS),
                ("sender", "in", [*PARTIES, *setting.announcers]),
                ("receiver", "in", PARTIES),
            ],
        )
        said = {name: np.array(rows.column(name).to_pylist()) for name in _COLUMNS}
        due, texts = _due(
            inputs,
            setting,
            {name: values[:, s].sum(axis=1) for name, values in sums.items()},
            community_price[:, s],
            hears=setting.settings.manager == "rule_based" and not is_own(strategies[s]),
        )
        count = due["value"].size if kept else 0
        if len(said["step"]) != count:
            text = f"{named}, {len(said['step']):,} messages in place of {count:,}"
            off = np.array([float(abs(len(said["step"]) - count))])
            tally.add(off, lambda at, text=text: text, None)  # type: ignore[misc]
            continue
        if not kept:
            continue
        shape = due["value"].shape
        off = relative(said["value"].reshape(shape), due["value"])
        if not inputs.reliable:
            off[:, due["kind"][0] == "DeviceSetPoint"] = 0.0
        for name in ("step", "round", "kind", "sender", "receiver"):
            off = np.where(said[name].reshape(shape) == due[name], off, np.inf)
        off = np.where(said["count"].reshape(shape) == due["count"], off, np.inf)
        if messages.latency_h == 0:
            off = np.where(said["time"].reshape(shape) == 0.0, off, np.inf)
        tally.add(off[:, None], inputs.places.label(texts, 0, [named]))
    return tally.check()


def _due(
    inputs: RunInputs,
    setting: CompositeStorageSetting,
    sums: dict[str, FloatArray],
    community_price: FloatArray,
    *,
    hears: bool,
) -> tuple[dict[str, NDArray[np.generic]], list[str]]:
    """Return what should be said in each step, arrays of shape (steps, messages), and its names.

    Parameters
    ----------
    inputs, setting : RunInputs, CompositeStorageSetting
        What the scenario settles, and the houses before anybody acts.
    sums : dict of array, shape (steps,)
        What all houses do together.
    community_price : array, shape (steps, communities)
        What every community asked [money/kWh].
    hears : bool
        Whether managers hear tariff and storages before they decide.
    """
    battery = sums["charge_kwh"] - sums["discharge_kwh"]
    tank = sums["tank_charge_kwh"] - sums["tank_discharge_kwh"]
    lines: list[tuple[int, str, str, str, FloatArray]] = []
    if hears:
        lines = [
            *_notices(inputs, setting, community_price),
            (0, "HouseStorageReport", BATTERIES, HOUSES, sums["stored_kwh"]),
            (0, "HouseStorageReport", TANKS, HOUSES, sums["tank_kwh"]),
        ]
    lines += [
        (1, "DeviceSetPoint", HOUSES, BATTERIES, battery),
        (1, "DeviceSetPoint", HOUSES, TANKS, tank),
        (1, "DeviceSetPoint", HOUSES, PUMPS, sums["heat_pump_kwh"]),
        (2, "RetailExchange", HOUSES, RETAILER, sums["import_kwh"] - sums["export_kwh"]),
    ]
    shape = (len(battery), len(lines))
    columns: dict[str, NDArray[np.generic]] = {
        name: np.broadcast_to(np.array([message[k] for message in lines]), shape)
        for k, name in enumerate(("round", "kind", "sender", "receiver"))
    }
    counts = [setting.counts.get(sender, setting.houses) for _, _, sender, _, _ in lines]
    columns["count"] = np.broadcast_to(np.array(counts), shape)
    columns["step"] = np.broadcast_to(np.arange(shape[0])[:, None], shape)
    columns["value"] = np.stack([message[-1] for message in lines], axis=1)
    return columns, [f"{kind} {sender} - {receiver}" for _, kind, sender, receiver, _ in lines]


def _notices(
    inputs: RunInputs, setting: CompositeStorageSetting, community_price: FloatArray
) -> list[tuple[int, str, str, str, FloatArray]]:
    """Return the prices that should be sent: the tariff, or those expected of communities."""
    if not setting.local:
        return [(0, "TariffNotice", RETAILER, HOUSES, setting.prices.taxed)]
    expected = ExpectedPrice(inputs.scenario)
    prices = np.empty(community_price.shape)
    for step, asked in enumerate(community_price):
        prices[step] = expected.coming(1)[0]
        expected.observe(asked)
    prices += setting.prices.carbon_tax * setting.prices.emission_factor
    return [
        (0, "TariffNotice", announcer, HOUSES, prices[:, m])
        for announcer, m in zip(setting.announcers, setting.inhabited, strict=True)
    ]
