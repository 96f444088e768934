"""Trip files of the US National Household Travel Survey."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.datasets.readers.foreign import Foreign, ImportOptions, numbers, read_table
from hmesh.environment.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

_KM_PER_MILE = 1.609344
_NEEDED = ("HOUSEID", "VEHID", "STRTTIME", "ENDTIME", "TRPMILES", "WHYFROM", "WHYTO")
_DAYS = dict(
    enumerate(
        ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"), start=1
    )
)
# Purposes of the surveys of 2017 and 2022.
_PLACES = {
    1: "home", 2: "home", 3: "work", 4: "work", 5: "volunteering", 6: "passenger", 7: "change",
    8: "school", 9: "care", 10: "care", 11: "shop", 12: "errand", 13: "meal", 14: "errand",
    15: "leisure", 16: "sport", 17: "visit", 18: "health", 19: "worship",
}  # fmt: skip


def read_nhts(source: Path, options: ImportOptions) -> Foreign:
    """Read the trips that a household's vehicles made on the travel day, stated by their drivers.

    Trips of passengers, by other means than a vehicle of the household, of no distance and of
    unknown times are left out. A trip that ends before it begins ends on the next day, and so do
    trips that come later in a person's day, by TDTRPNUM, and begin earlier on the clock.

    Parameters
    ----------
    source : Path
        The file, such as trippub.csv.
    options : ImportOptions
        The user's description of it; nothing is needed.

    Raises
    ------
    InputError
        If columns are missing, or no trip of a driver is there.
    """
    import pandas as pd

    table = read_table(source, _NEEDED)
    columns = {
        name: numbers(table, name, source)
        for name in ("VEHID", "STRTTIME", "ENDTIME", "TRPMILES", "WHYFROM", "WHYTO")
    }
    driven = (columns["VEHID"] > 0) & (columns["VEHID"] < 97) & (columns["TRPMILES"] > 0)
    driven &= (columns["STRTTIME"] >= 0) & (columns["ENDTIME"] >= 0)
    if "DRVR_FLG" in table.columns:
        driven &= numbers(table, "DRVR_FLG", source) == 1
    departs_h, arrives_h = _hours(columns["STRTTIME"]), _hours(columns["ENDTIME"])
    driven &= departs_h != arrives_h
    arrives_h = arrives_h + 24.0 * (arrives_h < departs_h)
    if {"PERSONID", "TDTRPNUM"} <= set(table.columns):
        past_h = 24.0 * _past_midnight(table, departs_h, driven, source)
        departs_h, arrives_h = departs_h + past_h, arrives_h + past_h
    trips = pd.DataFrame(
        {
            "vehicle": table["HOUSEID"].astype(str) + "-" + columns["VEHID"].map("{:.0f}".format),
            "departs": departs_h.map(_clock),
            "arrives": arrives_h.map(_clock),
            "km": columns["TRPMILES"] * _KM_PER_MILE,
            "origin": columns["WHYFROM"].map(_PLACES).fillna("other"),
            "destination": columns["WHYTO"].map(_PLACES).fillna("other"),
        }
    )
    if "TRAVDAY" in table.columns:
        trips["day"] = numbers(table, "TRAVDAY", source).map(_DAYS)
    if "WTTRDFIN" in table.columns:
        trips["weight"] = numbers(table, "WTTRDFIN", source)
    trips = trips[driven]
    if trips.empty:
        raise InputError([Problem(str(source), "holds no trip of a driver of a vehicle")])
    begin, end = _months(table)
    return Foreign(
        name=source.stem,
        source="US National Household Travel Survey",
        licence=options.licence or "US Government work, public domain",
        time_zone=options.time_zone or "UTC",
        clock="wall",
        labels="start",
        start=begin,
        end=end,
        resolution=60,
        tables={"vehicles": trips[["vehicle"]].drop_duplicates(), "trips": trips},
        notes=(f"{len(trips):,} of {len(table):,} trips; times are local wherever it was.",),
    )


def _past_midnight(
    table: "pd.DataFrame", departs_h: "pd.Series[float]", driven: "pd.Series[bool]", source: Path
) -> "pd.Series[int]":
    """Return 1 for trips that follow one of the same person that departs later on the clock."""
    order = table.assign(
        departs_h=departs_h.where(driven), number=numbers(table, "TDTRPNUM", source)
    ).sort_values(["HOUSEID", "PERSONID", "number"], kind="stable")
    latest = order.groupby(["HOUSEID", "PERSONID"], sort=False)["departs_h"].cummax()
    return (order["departs_h"] < latest).astype(int).reindex(table.index)


def _hours(clock: "pd.Series[float]") -> "pd.Series[float]":
    """Return times such as 1745 in hours."""
    return clock // 100 + clock % 100 / 60


def _clock(hours: float) -> str:
    # Rows that are left out have no time.
    minutes = round(hours * 60) if hours >= 0 else 0
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _months(table: "pd.DataFrame") -> tuple[datetime, datetime]:
    """Return when the survey began and ended, by the months of its travel days."""
    import pandas as pd

    months: Any = table.get("TDAYDATE")
    if months is None:
        return datetime(2017, 1, 1), datetime(2018, 1, 1)
    dates = pd.to_datetime(months.astype(str).str[:6], format="%Y%m", errors="coerce").dropna()
    if dates.empty:
        return datetime(2017, 1, 1), datetime(2018, 1, 1)
    begin, last = dates.min(), dates.max()
    return begin.to_pydatetime(), (last + pd.DateOffset(months=1)).to_pydatetime()
