"""Balance files of Form EIA-930 of the US Energy Information Administration."""

from pathlib import Path

from hmesh.environment.datasets.readers.foreign import (
    Foreign,
    ImportOptions,
    numbers,
    read_table,
    times,
)

_REGION, _TIME = "Balancing Authority", "UTC Time at End of Hour"
_ADJUSTED, _RAW = "Demand (MW) (Adjusted)", "Demand (MW)"
_KW_PER_MW = 1000.0


def read_eia930(source: Path, options: ImportOptions) -> Foreign:
    """Read the hourly demand of all balancing authorities of a file.

    The adjusted demand is taken, where the file has it. Authorities without demand are left out.

    Parameters
    ----------
    source : Path
        The file.
    options : ImportOptions
        The user's description of it; nothing is needed.

    Raises
    ------
    InputError
        If columns are missing, or do not hold times and numbers.
    """
    import pandas as pd

    table = read_table(source, (_REGION, _TIME, _RAW), thousands=",")
    column = _ADJUSTED if _ADJUSTED in table.columns else _RAW
    demand = pd.DataFrame(
        {
            "time": times(table, _TIME, "%m/%d/%Y %I:%M:%S %p", source),
            "region": table[_REGION].astype(str),
            "demand_kwh": numbers(table, column, source) * _KW_PER_MW,
        }
    )
    has_demand = demand.groupby("region")["demand_kwh"].transform("count") > 0
    left_out = sorted(demand.loc[~has_demand, "region"].unique())
    notes = [f"{column}."]
    if left_out:
        notes.append(f"Without demand and left out: {', '.join(left_out)}.")
    demand = demand[has_demand]
    hour = pd.Timedelta(hours=1)
    return Foreign(
        name=source.stem,
        source="US Energy Information Administration, Form EIA-930",
        licence=options.licence or "US Government work, public domain",
        time_zone=options.time_zone or "UTC",
        clock="utc",
        labels="end",
        start=(demand["time"].min() - hour).to_pydatetime(),
        end=demand["time"].max().to_pydatetime(),
        resolution=60,
        tables={"system_demand": demand},
        notes=tuple(notes),
    )
