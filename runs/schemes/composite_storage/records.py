"""What a simulation writes down of its houses with storages."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import first_recorded, write_rows

if TYPE_CHECKING:
    from hmesh.runs.schemes.composite_storage.step import CompositeStorageHouses


# The storages of a house that answer to the price of the step.
RESPONDING = ("battery", "tank")


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
    columns = scheme.houses.columns
    stored = {
        "stored_kwh": columns.batteries["energy_kwh"],
        "tank_kwh": columns.tanks["heat_kwh"],
    }
    in_groups = {name: scheme.in_groups(values) for name, values in stored.items()}
    names = [group.name for group in scheme.setting.settings.groups]
    write_rows(writer, scheme, "house_sums", {"group": names} | scheme.by_group | in_groups)
    count = _recorded(scheme)
    if scheme.answers is not None:
        written = np.arange(count)
        scheme.answers.record(writer, np.append(written, scheme.setting.houses + written))
    if count:
        rows = {"house": np.arange(count)} | scheme.energies_kwh | stored
        write_rows(writer, scheme, "house_steps", rows, count)


def _recorded(scheme: "CompositeStorageHouses") -> int:
    wanted = scheme.simulation.setting.scenario.record.houses
    return first_recorded(wanted, scheme.setting.houses)
