"""Generation of photovoltaics as renewables.ninja computes it."""

import json
from datetime import timedelta
from pathlib import Path

from hmesh.environment.datasets.readers.foreign import Foreign, ImportOptions
from hmesh.environment.datasets.readers.text_table import (
    column_numbers,
    column_times,
    read_text,
    read_text_table,
)
from hmesh.environment.errors import InputError, Problem


def read_renewables_ninja(source: Path, options: ImportOptions) -> Foreign:
    """Read a CSV file of photovoltaics of one point, hourly by UTC.

    Its electricity is a mean power [kW] of the capacity that its comment names; its member
    generates that and has no load. Temperature of the air is taken, irradiance in the plane of the
    modules is not.

    Parameters
    ----------
    source : Path
        The file, comments included.
    options : ImportOptions
        What a person states about it; nothing is needed.

    Raises
    ------
    InputError
        If its columns or the capacity are missing.
    """
    import pandas as pd

    table = read_text_table(source, comment="#")
    time, electricity = table.needed("time"), table.needed("electricity")
    times, _ = column_times(table, table.columns[time], time, None)
    capacity_kw = _capacity_kw(source)
    profiles = pd.DataFrame(
        {
            "time": times,
            "member": source.stem,
            "load_kw": 0.0,
            "pv_kw": column_numbers(table, electricity),
        }
    )
    members = pd.DataFrame({"member": [source.stem], "pv_kw": [capacity_kw]})
    tables = {"members": members, "profiles": profiles}
    air = table.first("temperature", "t2m")
    if air is not None:
        weather = pd.DataFrame({"time": times, "temp_air": column_numbers(table, air)})
        tables["weather"] = weather
    return Foreign(
        name=source.stem,
        source="renewables.ninja",
        licence=options.licence or "CC BY-NC 4.0",
        time_zone=options.time_zone or "UTC",
        clock="utc",
        labels="start",
        start=min(times),
        end=max(times) + timedelta(hours=1),
        resolution=60,
        tables=tables,
        notes=(f"Photovoltaics of {capacity_kw:g} kW; the member has no load.",),
    )


def _capacity_kw(source: Path) -> float:
    for line in read_text(source).splitlines():
        if not line.startswith("#"):
            break
        text = line[1:].strip()
        if not text.startswith("{"):
            continue
        try:
            capacity = json.loads(text)["params"]["capacity"]
            return float(capacity)
        except (ValueError, KeyError, TypeError):
            continue
    message = "names no capacity in a comment"
    raise InputError([Problem(str(source), message, "the file with its lines of comments")])
