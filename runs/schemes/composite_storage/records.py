"""What a simulation writes down of its houses with storages."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter

if TYPE_CHECKING:
    from hmesh.runs.schemes.composite_storage.step import CompositeStorageHouses


def recorded_houses(wanted: str | int, houses: int) -> int:
    """Return how many houses, counted from the first, are written down."""
    if isinstance(wanted, int):
        return min(wanted, houses)
    return houses if wanted == "all" else 0


def write_houses(writer: RowWriter, scheme: "CompositeStorageHouses") -> None:
    """Write who the recorded houses are and how they are scaled."""
    setting, series = scheme.setting, scheme.setting.series
    count = _recorded(scheme)
    if count == 0:
        return
    names = scheme.simulation.setting.communities
    writer.add(
        "storage_houses",
        {
            "house": np.arange(count),
            "group": [setting.group_of(house).name for house in range(count)],
            "community": Coded(setting.community[:count], names),
            "load_scale": series.load_scale[:count],
            "heat_scale": series.heat_scale[:count],
        },
    )


def write_step(writer: RowWriter, scheme: "CompositeStorageHouses") -> None:
    """Write what houses do in a step: all of a group added up, and the recorded ones each."""
    simulation = scheme.simulation
    columns = scheme.houses.columns
    about: dict[str, Any] = {"step": simulation.step_index, "strategy": simulation.strategy}
    stored = {
        "stored_kwh": columns.batteries["energy_kwh"],
        "tank_kwh": columns.tanks["heat_kwh"],
    }
    in_groups = {name: scheme.in_groups(values) for name, values in stored.items()}
    names = [group.name for group in scheme.setting.settings.groups]
    writer.add("house_sums", about | {"group": names} | scheme.by_group | in_groups)
    count = _recorded(scheme)
    if count == 0:
        return
    writer.add(
        "house_steps",
        about
        | {"house": np.arange(count)}
        | {name: values[:count] for name, values in (scheme.energies_kwh | stored).items()},
    )


def _recorded(scheme: "CompositeStorageHouses") -> int:
    wanted = scheme.simulation.setting.scenario.record.houses
    return recorded_houses(wanted, scheme.setting.houses)
