"""NetCDF files, as xarray writes them, as a table with a column for each member and quantity."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.datasets.readers.text_table import TextTable
from hmesh.environment.errors import InputError, Problem, missing_file

_SINCE = re.compile(
    r"(seconds?|minutes?|hours?|days?|s|min|h|d) since (\d{4}-\d\d?-\d\d?)[ T]?([\d:.]*)\s*"
    r"(Z|UTC|[+-]\d\d?:?\d\d)?", re.IGNORECASE,
)  # fmt: skip
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_CALENDARS = ("", "standard", "gregorian", "proleptic_gregorian")
_FILLS = ("_FillValue", "missing_value")


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable: its dimensions, values and attributes."""

    dimensions: tuple[str, ...]
    values: NDArray[Any]
    attributes: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self.attributes.get(name, "")
        return _plain(value).strip()


def is_netcdf(path: Path) -> bool:
    """Return whether a file is named as netCDF."""
    return path.suffix.lower() in (".nc", ".nc4", ".cdf", ".netcdf")


def read_netcdf_table(path: Path) -> TextTable:
    """Read variables over time as columns; each is named by the label of its member and its unit.

    A variable of time alone is a column, one of time and another dimension a column for each label
    of that dimension. Times are those of UTC where their unit has no other offset.

    Raises
    ------
    InputError
        If it is no netCDF, or holds no time or nothing over time.
    """
    if problems := missing_file(path):
        raise InputError(problems)
    found = _variables(path)
    axis = _time_axis(path, found)
    times = _times(path, found[axis])
    header, columns = ["time"], [[time.isoformat() for time in times]]
    for name, variable in found.items():
        if name in variable.dimensions or axis not in variable.dimensions:
            continue
        if not np.issubdtype(variable.values.dtype, np.number) or len(variable.dimensions) > 2:
            continue
        unit = f" [{variable.text('units')}]" if variable.text("units") else ""
        values = _numbers(variable)
        if len(variable.dimensions) == 1:
            header.append(f"{name}{unit}")
            columns.append(values.tolist())
            continue
        other = next(each for each in variable.dimensions if each != axis)
        if variable.dimensions[0] != axis:
            values = values.T
        for label, course in zip(_labels(found, other, values.shape[1]), values.T, strict=True):
            header.append(f"{label} {name}{unit}")
            columns.append(course.tolist())
    if len(header) == 1:
        message = f"holds nothing over {axis}, but {', '.join(found)}"
        raise InputError([Problem(str(path), message, "variables of time")])
    lines = list(range(2, len(times) + 2))
    return TextTable(path, tuple(header), tuple(columns), lines, "")


def _variables(path: Path) -> dict[str, _Variable]:
    """Return the variables of a file, classic or on HDF5."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:3] == b"CDF":
        return _classic(path)
    if magic != b"\x89HDF":
        raise InputError([Problem(str(path), "is no netCDF", "netCDF 3 or 4")])
    try:
        import h5py
    except ImportError:
        message = "is netCDF 4, and the package h5py is not installed"
        raise InputError([Problem(str(path), message, 'pip install "hmesh[grid]"')]) from None
    found = {}
    try:
        with h5py.File(path) as file:
            scales = [name for name in file if file[name].attrs.get("CLASS") == b"DIMENSION_SCALE"]
            for name in file:
                held = file[name]
                if not isinstance(held, h5py.Dataset):
                    continue
                names = tuple(
                    dim[0].name.rpartition("/")[2] if len(dim) else "" for dim in held.dims
                )
                if name in scales and held.ndim == 1:
                    names = (name,)
                found[name] = _Variable(names, held[()], dict(held.attrs))
    except OSError as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}", "netCDF")]) from None
    return found


def _classic(path: Path) -> dict[str, _Variable]:
    from scipy.io import netcdf_file

    try:
        with netcdf_file(path, "r", mmap=False) as file:
            return {
                name: _Variable(tuple(held.dimensions), _native(held[...]), dict(held._attributes))
                for name, held in file.variables.items()
            }
    except Exception as error:  # whatever SciPy's parser raises of a file that is cut short
        raise InputError([Problem(str(path), f"cannot be read: {error}", "netCDF")]) from None


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of values in the byte order of the machine."""
    return np.array(values).astype(values.dtype.newbyteorder("="))


def _time_axis(path: Path, found: Mapping[str, _Variable]) -> str:
    axes = [
        name
        for name, variable in found.items()
        if variable.dimensions == (name,) and _SINCE.fullmatch(variable.text("units"))
    ]
    if len(axes) != 1:
        message = f"has {len(axes)} axes of time" + (f", {', '.join(axes)}" if axes else "")
        allowed = "one variable of its own dimension with units such as 'hours since 2024-01-01'"
        raise InputError([Problem(str(path), message, allowed)])
    return axes[0]


def _times(path: Path, axis: _Variable) -> list[datetime]:
    calendar = axis.text("calendar")
    if calendar not in _CALENDARS:
        message = f"the times are those of the calendar {calendar!r}"
        raise InputError([Problem(str(path), message, "standard")])
    parts = _SINCE.fullmatch(axis.text("units"))
    assert parts is not None
    unit, day, clock, offset = parts.groups()
    year, month, date = (int(part) for part in day.split("-"))
    start = datetime(year, month, date, tzinfo=UTC)
    for part, seconds in zip((clock or "0").split(":"), (3600, 60, 1), strict=False):
        start += timedelta(seconds=seconds * float(part or 0))
    if offset and offset.upper() not in ("Z", "UTC"):
        hours, minutes = int(offset[1:3].rstrip(":")), int(offset[-2:])
        away = timedelta(hours=hours, minutes=minutes)
        start = start - away if offset[0] == "+" else start + away
    size = _SECONDS[unit[0].lower()]
    since = np.asarray(axis.values, dtype=np.float64) * size
    # Hours as floats miss a second by what rounding leaves.
    return [start + timedelta(seconds=round(seconds)) for seconds in since.tolist()]


def _numbers(variable: _Variable) -> FloatArray:
    """Return values unpacked by scale and offset, NaN where the file marks them as missing."""
    raw = variable.values
    values = raw.astype(np.float64)
    for name in _FILLS:
        if name in variable.attributes:
            values[raw == np.asarray(variable.attributes[name]).ravel()[0]] = np.nan
    factor, offset = (
        float(np.asarray(variable.attributes.get(name, usual)).ravel()[0])
        for name, usual in (("scale_factor", 1.0), ("add_offset", 0.0))
    )
    unpacked: FloatArray = values * factor + offset
    return unpacked


def _labels(found: Mapping[str, _Variable], dimension: str, count: int) -> list[str]:
    """Return the label of each place of a dimension, its number where it has none."""
    axis = found.get(dimension)
    if axis is None or axis.values.shape[:1] != (count,):
        return [f"{dimension} {n}" for n in range(count)]
    if axis.values.ndim == 2:
        # Classic files hold text as rows of characters.
        return [b"".join(row.tolist()).decode().strip("\0 ") for row in axis.values]
    return [_plain(value) for value in axis.values.tolist()]


def _plain(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
