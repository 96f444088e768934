"""What a simulation writes down of its buildings and their batteries."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import first_recorded, write_rows
from hmesh.runs.strategy_names import is_own, strategies_within

if TYPE_CHECKING:
    from hmesh.runs.schemes.battery_sharing.step import BatterySharingScheme


def shares(strategy: str) -> bool:
    """Return whether batteries serve other buildings too: those of a plugin do."""
    return strategy in ("shared_battery", "priced_battery") or is_own(strategy)


def write_batteries(writer: RowWriter, sharing: "BatterySharingScheme") -> None:
    """Write how large the battery of each building is, with and without sharing."""
    shared = sharing.shared
    followed = set(strategies_within("battery_sharing", sharing.setting.scenario.strategies))
    nothing = np.zeros(len(shared.names))
    writer.add(
        "batteries",
        {
            "building": np.arange(len(shared.names)),
            "name": Coded(np.arange(len(shared.names)), list(shared.names)),
            "community": Coded(sharing.community, list(sharing.setting.communities)),
            "shared_capacity_kwh": shared.shared_kwh if any(map(shares, followed)) else nothing,
            "own_capacity_kwh": shared.own_kwh if "own_battery" in followed else nothing,
        },
    )


def write_step(writer: RowWriter, sharing: "BatterySharingScheme") -> None:
    """Write what the recorded buildings and their batteries did in a step."""
    wanted = sharing.setting.scenario.record.buildings
    recorded = first_recorded(wanted, len(sharing.batteries))
    if recorded == 0:
        return
    columns = {
        "building": np.arange(len(sharing.batteries)),
        "load_kwh": sharing.load_kwh,
        "stored_kwh": sharing.batteries["energy_kwh"],
        "charged_kwh": sharing.charged_kwh,
        "own_kwh": sharing.own_kwh,
        "sent_kwh": sharing.sent_kwh,
        "received_kwh": sharing.received_kwh,
        "unplaced_kwh": sharing.unplaced_kwh,
    }
    write_rows(writer, sharing, "buildings", columns, recorded)


def write_exchanges(
    writer: RowWriter,
    sharing: "BatterySharingScheme",
    giver: NDArray[np.int64],
    taker: NDArray[np.int64],
    sent_kwh: FloatArray,
    received_kwh: FloatArray,
) -> None:
    """Write who gave how much to whom in a day that ends."""
    if giver.size:
        sent = {"giver": giver, "taker": taker, "sent_kwh": sent_kwh}
        write_rows(writer, sharing, "exchanges", sent | {"received_kwh": received_kwh})
