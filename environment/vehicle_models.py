"""A person's table of vehicle models: battery, power and consumption of each."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.distributions import discrete
from hmesh.environment.errors import (
    InputError,
    Problem,
    missing_columns,
    missing_file,
    nearest,
    shortened,
)
from hmesh.environment.table_file import LARGEST

# Each column with what its values must be above, or at least where that is 0 and allowed.
_REQUIRED = {"capacity_kwh": True, "power_kw": True, "consumption_kwh_per_km": False}
_OPTIONAL = {"v2g_kw": False, "share": False}


@dataclass(frozen=True, slots=True, eq=False)
class VehicleModels:
    """Models of vehicles, arrays of shape (models,).

    Attributes
    ----------
    names : tuple of str
        Their names.
    columns : dict of array
        ``capacity_kwh``, ``power_kw``, ``consumption_kwh_per_km`` and, where the table has it,
        ``v2g_kw``, by name.
    share : array
        How often each is, of any sum.
    """

    names: tuple[str, ...]
    columns: dict[str, FloatArray]
    share: FloatArray

    def drawn(self, u: FloatArray) -> NDArray[np.intp]:
        """Return a model for each uniform draw, each as often as its share says."""
        rows = np.arange(float(len(self.names)))
        return discrete(u, rows, self.share).astype(np.intp)

    def named(self, name: str, path: Path) -> int:
        """Return the place of a model.

        Raises
        ------
        InputError
            If there is none of the name.
        """
        if name not in self.names:
            problem = Problem(
                str(path),
                f"there is no model {name!r}",
                ", ".join(self.names),
                nearest(name, self.names),
            )
            raise InputError([problem])
        return self.names.index(name)


def read_vehicle_models(path: Path) -> VehicleModels:
    """Read a table of vehicle models.

    Parameters
    ----------
    path : Path
        CSV file with the columns name, capacity_kwh [kWh], power_kw [kW],
        consumption_kwh_per_km [kWh/km] and, where wanted, v2g_kw [kW] and share [-].

    Raises
    ------
    InputError
        If it cannot be used; all problems are named.
    """
    if problems := missing_file(path):
        raise InputError(problems)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            head = [name.strip() for name in next(rows, [])]
            lines = [(rows.line_num, row) for row in rows if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None
    if problems := missing_columns(f"{path}, line 1", head, ["name", *_REQUIRED]):
        raise InputError(problems)
    found: list[Problem] = []
    names: list[str] = []
    for line, row in lines:
        name = row[head.index("name")].strip() if head.index("name") < len(row) else ""
        if not name or name in names:
            message = f"another model is called {name!r} too" if name else "the name is missing"
            found.append(Problem(f"{path}, line {line}, column name", message, "its own name"))
        names.append(name)
    columns = {
        column: _numbers(path, head.index(column), column, above, lines, found)
        for column, above in (_REQUIRED | _OPTIONAL).items()
        if column in head
    }
    share = columns.pop("share", np.ones(len(lines)))
    if not lines:
        found.append(Problem(str(path), "has no models", "at least one row"))
    elif not found and share.sum() <= 0:
        found.append(Problem(f"{path}, column share", "no share is above 0"))
    if found:
        raise InputError(shortened(found))
    return VehicleModels(tuple(names), columns, share)


def _numbers(
    path: Path,
    place: int,
    column: str,
    above_0: bool,
    lines: list[tuple[int, list[str]]],
    found: list[Problem],
) -> FloatArray:
    """Return a column, and add what is wrong with it to the problems found."""
    values = np.zeros(len(lines))
    for number, (line, row) in enumerate(lines):
        text = row[place] if place < len(row) else ""
        try:
            values[number] = float(text)
        except ValueError:
            values[number] = np.nan
        value = values[number]
        if not (value <= LARGEST and (value > 0 if above_0 else value >= 0)):
            allowed = "a number above 0" if above_0 else "a number of at least 0"
            found.append(Problem(f"{path}, line {line}, column {column}", f"{text!r}", allowed))
    return values
