"""History of Home Assistant: states at irregular times, and times without any."""

from datetime import UTC, timedelta
from pathlib import Path

import numpy as np

from hmesh.environment.datasets.readers.column_headings import UNIT_NAMES, UNITS, of_member
from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE, Foreign, ImportOptions
from hmesh.environment.datasets.readers.interval_edges import instants_us, intervals_within
from hmesh.environment.datasets.readers.text_table import (
    MISSING,
    column_numbers,
    column_times,
    read_text_table,
)
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.irregular_series import interval_means, register_energies

_MINUTES = 15
# What sensors of energy and power are called by; it says nothing of whose they are.
_KINDS = ("_total_increasing", "_total", "_energy", "_power", "_kwh", "_kw", "_w")


def read_home_assistant(source: Path, options: ImportOptions) -> Foreign:
    """Read the states of sensors, as its page "History" exports them.

    A state holds until the next one, for Home Assistant writes changes only. While a sensor is
    `unavailable` or `unknown` nothing is known, and intervals of which less than half is known are
    gaps of the dataset. A sensor in kWh or Wh is a register that counts up. Sensors whose name
    ends in pv or solar, before words such as energy and power, generate.

    Parameters
    ----------
    source : Path
        CSV file with the columns entity_id, state and last_changed.
    options : ImportOptions
        With the unit, which the file does not hold; resolution 15 min unless it is stated.

    Raises
    ------
    InputError
        If columns are missing, or the unit is.
    """
    import pandas as pd

    table = read_text_table(source)
    who, state = table.needed("entity_id"), table.needed("state")
    when = table.needed("last_changed", "last_updated")
    unit = options.needed("unit", "the export of Home Assistant names none", "kWh")
    if unit.casefold() not in UNITS:
        raise InputError([Problem("--unit", f"'{unit}' is no unit", UNIT_NAMES)])
    kind, factor = UNITS[unit.casefold()]
    times, utc = column_times(table, table.columns[when], when, options.time_format)
    if not utc:
        message = "times carry no offset from UTC"
        raise InputError([Problem(table.place(0, when), message, "as Home Assistant exports them")])
    at_us = instants_us(times, UTC)
    entities = np.array(table.columns[who], dtype=np.object_)
    words = [str(cell).strip().casefold() for cell in table.columns[state]]
    numeric = np.array([word not in MISSING for word in words])
    minutes = options.resolution or _MINUTES
    starts, edges_us = intervals_within(np.sort(at_us), minutes)
    warnings, frames = [], []
    values = factor * column_numbers(table, state)
    for entity in dict.fromkeys(entities.tolist()):
        rows = np.flatnonzero(entities == entity)
        rows = rows[np.argsort(at_us[rows], kind="stable")]
        unknown = int((~numeric[rows]).sum())
        if unknown == len(rows):
            message = f"{entity} has no state that is a number, and is left out"
            warnings.append(Problem(str(source), message))
            continue
        if unknown:
            message = f"{unknown:,} states of {entity} are unavailable or unknown"
            warnings.append(Problem(str(source), message))
        over = interval_means if kind == "power" else register_energies
        each = over(at_us[rows], values[rows], edges_us)
        member, quantity = of_member(_plain(entity), source.stem)
        if kind == "power":
            quantity = quantity.removesuffix("kwh") + "kw"
        frames.append((member, quantity, each))
    if not frames:
        raise InputError([Problem(str(source), "has no state that is a number")])
    members: dict[str, pd.DataFrame] = {}
    for member, quantity, each in frames:
        frame = members.setdefault(member, pd.DataFrame({"time": starts, "member": member}))
        if quantity in frame.columns:
            message = f"two sensors are the {quantity} of '{member}'"
            raise InputError([Problem(str(source), message, "one of them in the export")])
        frame[quantity] = each
    return Foreign(
        name=source.stem,
        source="Home Assistant",
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=options.time_zone or "UTC",
        clock="utc",
        labels="start",
        start=starts[0],
        end=starts[-1] + timedelta(minutes=minutes),
        resolution=minutes,
        tables={
            "members": pd.DataFrame({"member": list(members)}),
            "profiles": pd.concat(members.values(), ignore_index=True),
        },
        notes=(f"States in {unit}, each until the next one.",),
        warnings=tuple(warnings),
    )


def _plain(entity: str) -> str:
    """Return the name of a sensor without its domain and the words for what it measures."""
    name = entity.partition(".")[2] or entity
    while ending := next((each for each in _KINDS if name.endswith(each) and name != each), ""):
        name = name.removesuffix(ending)
    return name
