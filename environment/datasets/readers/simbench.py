"""Load profiles of SimBench."""

from pathlib import Path

from hmesh.environment.datasets.readers.foreign import (
    UNKNOWN_LICENCE,
    Foreign,
    ImportOptions,
    numbers,
    read_table,
    times,
)
from hmesh.environment.errors import InputError, Problem

_ACTIVE = "_pload"


def read_simbench(source: Path, options: ImportOptions) -> Foreign:
    """Read the active power of all profiles of a LoadProfile.csv.

    The profiles are shares of the rated power of a load; each becomes a member of 1 kW, and
    `scale` makes it the load that is wanted. Reactive power is not used.

    Parameters
    ----------
    source : Path
        The file.
    options : ImportOptions
        The user's description of it; nothing is needed.

    Raises
    ------
    InputError
        If it has no profiles, or does not hold times and numbers.
    """
    import pandas as pd

    table = read_table(source, ("time",), separator=";")
    profiles = [column for column in table.columns if column.endswith(_ACTIVE)]
    if not profiles:
        message = f"has no column that ends in {_ACTIVE}"
        raise InputError([Problem(f"{source}, line 1", message, "such as H0-A_pload")])
    time = times(table, "time", "%d.%m.%Y %H:%M", source)
    minutes = round(float(time.diff().dt.total_seconds().median()) / 60) if len(time) > 1 else 15
    tidy = pd.concat(
        [
            pd.DataFrame(
                {
                    "time": time,
                    "member": column.removesuffix(_ACTIVE),
                    "load_kw": numbers(table, column, source),
                }
            )
            for column in profiles
        ]
    )
    return Foreign(
        name="simbench",
        source="SimBench",
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=options.time_zone or "Europe/Berlin",
        clock=options.clock or "standard",
        labels="start",
        start=time.min().to_pydatetime(),
        end=(time.max() + pd.Timedelta(minutes=minutes)).to_pydatetime(),
        resolution=minutes,
        tables={"members": tidy[["member"]].drop_duplicates(), "profiles": tidy},
        notes=("Every member is a load of 1 kW.",),
    )
