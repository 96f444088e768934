"""Weather files: EnergyPlus weather and TMY3, read by pvlib."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE, Foreign, ImportOptions
from hmesh.environment.errors import InputError, Problem, missing_file
from hmesh.environment.extras import optional

_COLUMNS = ("ghi", "dni", "dhi", "temp_air", "wind_speed", "relative_humidity")
# What stands for missing values in these files, from the lowest of each.
_MISSING = {"ghi": 9999, "dni": 9999, "dhi": 9999, "temp_air": 99.9, "wind_speed": 999}
_HOUR = timedelta(hours=1)


def read_epw(source: Path, options: ImportOptions) -> Foreign:
    """Read an EnergyPlus weather file.

    The months of a typical year are from different years; they are given the year of the start
    that was announced, or else that of the file's first row.

    Parameters
    ----------
    source : Path
        The file.
    options : ImportOptions
        The user's description of it.

    Raises
    ------
    InputError
        If it is no such file.
    """
    read = optional("pvlib.iotools", "sun", str(source)).read_epw
    return _typical_year(source, options, read, label_is_end=False)


def read_tmy3(source: Path, options: ImportOptions) -> Foreign:
    """Read a TMY3 file; its year is found as for EnergyPlus weather.

    Parameters
    ----------
    source : Path
        The file.
    options : ImportOptions
        The user's description of it.

    Raises
    ------
    InputError
        If it is no such file.
    """
    read = optional("pvlib.iotools", "sun", str(source)).read_tmy3
    return _typical_year(source, options, read, label_is_end=True)


def _typical_year(source: Path, options: ImportOptions, read: Any, label_is_end: bool) -> Foreign:
    import pandas as pd

    if problems := missing_file(source):
        raise InputError(problems)
    try:
        year = int(options.start[:4]) if options.start else read(source)[0].index[0].year
        table, about = read(source, coerce_year=year)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        message = f"cannot be read: {type(error).__name__} {error}"
        raise InputError([Problem(str(source), message, "a weather file of this kind")]) from None
    found = [column for column in _COLUMNS if column in table.columns]
    time = table.index.tz_convert("UTC").tz_localize(None)
    weather = pd.DataFrame({"time": time})
    for column in found:
        values = table[column].to_numpy(dtype=float)
        measured = pd.Series(values).where(values < _MISSING.get(column, 999))
        if measured.notna().any():
            weather[column] = measured
    shift = _HOUR if label_is_end else timedelta(0)
    place = about.get("city") or about.get("Name", "")
    return Foreign(
        name=source.stem,
        source=f"{place}, {about['latitude']:g} N {about['longitude']:g} E",
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=options.time_zone or _zone_of(float(about["TZ"])),
        clock="utc",
        labels="end" if label_is_end else "start",
        start=time.min().to_pydatetime() - shift,
        end=time.max().to_pydatetime() - shift + _HOUR,
        resolution=60,
        tables={"weather": weather},
        notes=(f"A typical year, as if it were {year}.",),
    )


def _zone_of(offset_h: float) -> str:
    """Return the zone that is always so far ahead of UTC; UTC where there is none."""
    if offset_h != int(offset_h) or offset_h == 0:
        return "UTC"
    # These names count the hours that UTC is ahead.
    return f"Etc/GMT{-int(offset_h):+d}"
