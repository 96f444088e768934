"""Folders of CityLearn."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.datasets.readers.citylearn_times import (
    CALENDAR,
    FirstRow,
    find_start,
    given_start,
    special_rows,
)
from hmesh.environment.datasets.readers.foreign import (
    UNKNOWN_LICENCE,
    Foreign,
    ImportOptions,
    numbers,
    read_table,
)
from hmesh.environment.errors import InputError, Problem, missing_file

if TYPE_CHECKING:
    import pandas as pd

# What a column is called in a dataset, in CityLearn, and in its first releases.
_BUILDING = {
    "load_kwh": ("non_shiftable_load", "Equipment Electric Power [kWh]"),
    "heating_kwh": ("heating_demand", "Heating Load [kWh]"),
    "cooling_kwh": ("cooling_demand", "Cooling Load [kWh]"),
    "hot_water_kwh": ("dhw_demand", "DHW Heating [kWh]"),
}
_SUN = ("solar_generation", "Solar Generation [W/kW]")
_WEATHER = {
    "temp_air": ("outdoor_dry_bulb_temperature", "Outdoor Drybulb Temperature [C]"),
    "relative_humidity": ("outdoor_relative_humidity", "Relative Humidity [%]"),
    "dhi": ("diffuse_solar_irradiance", "Diffuse Solar Radiation [W/m2]"),
    "dni": ("direct_solar_irradiance", "Direct Solar Radiation [W/m2]"),
}
_MARKET = {
    "price": ("electricity_pricing", "Electricity Pricing [$]"),
    "carbon": ("carbon_intensity", "kg_CO2/kWh"),
}
_W_PER_KW = 1000.0


def read_citylearn(source: Path, options: ImportOptions) -> Foreign:
    """Read a folder with a schema.json.

    The rows of CityLearn carry no year, so the start or its year must be given unless the schema
    has a `start_date`; their months and hours must agree with it. Its generation of photovoltaics
    is a power per nominal power [W/kW], or an energy [kWh] where the building says
    `generation_mode: absolute`. Special days of its calendar become those of the dataset. Storages,
    chargers, vehicles and other devices are left out, and columns that no table has, both of which
    warnings name; -999 stands for a missing value.

    Parameters
    ----------
    source : Path
        The folder, or its schema.json.
    options : ImportOptions
        With a time zone, and a start or its year unless the schema has one.

    Raises
    ------
    InputError
        If files or columns are missing, or the columns say another start.
    """
    import pandas as pd

    folder = source if source.is_dir() else source.parent
    schema = _schema(folder / "schema.json")
    given_start(schema, options)  # before anything is read
    why = "the files of CityLearn state none"
    zone = options.needed("time_zone", why, "America/Los_Angeles")
    step_s = round(float(schema.get("seconds_per_time_step", 3600)))
    if step_s % 60:
        message = f"steps of {step_s} s are no whole minutes"
        raise InputError([Problem(f"{folder / 'schema.json'}: seconds_per_time_step", message)])
    members, profiles, shared = [], [], {}
    unused: dict[str, list[Path]] = {}
    warnings: list[Problem] = []
    first_rows, included = [], {}
    special: set[int] = set()
    for name, building in schema["buildings"].items():
        if not building.get("include", True):
            continue
        included[name] = building
        members.append({"member": name, "kind": "building", "pv_kw": _nominal_kw(building) or None})
        path = folder / building["energy_simulation"]
        table = read_table(path, ())
        special.update(special_rows(table, path))
        first_rows.append(FirstRow.of(table, path, timedelta(seconds=step_s)))
        profiles.append(_profile(table, path, name, building, step_s / 3600, warnings))
        _note_unused(table, path, (*_BUILDING.values(), _SUN, *CALENDAR), unused)
        shared.update({kind: folder / building[kind] for kind in _SHARED if building.get(kind)})
    if not members:
        raise InputError([Problem(str(folder / "schema.json"), "includes no building")])
    tables = {"members": pd.DataFrame(members), "profiles": pd.concat(profiles)}
    start, of_start = find_start(schema, folder / "schema.json", options, first_rows)
    tables |= _shared_tables(shared, warnings, unused)
    warnings += _columns_left_out(unused)
    steps = max(len(table) for table in profiles)
    labels = pd.date_range(start, periods=steps, freq=f"{step_s}s")
    for name, table in tables.items():
        if name != "members":
            table.insert(0, "time", labels.to_numpy()[table.index.to_numpy()])
    return Foreign(
        name=folder.resolve().name,
        source=f"CityLearn, {folder.resolve().name}",
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=zone,
        clock=options.clock or "standard",
        labels="start",
        start=start,
        end=(labels[-1] + pd.Timedelta(seconds=step_s)).to_pydatetime(),
        resolution=step_s // 60,
        currency=(options.currency or "USD") if "market" in tables else None,
        tables=tables,
        special_days=tuple(sorted({labels[row].date() for row in special})),
        notes=("Row by row from the start.",),
        warnings=(*of_start, *_left_out(folder / "schema.json", schema, included), *warnings),
    )


_SHARED = ("weather", "pricing", "carbon_intensity")
_MISSING = -999.0


def _left_out(
    path: Path, schema: Mapping[str, Any], buildings: Mapping[str, Mapping[str, Any]]
) -> list[Problem]:
    """Return what of the buildings, and beside them, does not become part of the dataset."""
    owners: dict[str, list[str]] = {}
    for name, building in buildings.items():
        for key, part in building.items():
            if isinstance(part, Mapping) and part and key != "pv":
                owners.setdefault(key, []).append(name)
    devices = [
        f"{key} of {names[0]}" + (f" and {len(names) - 1:,} more buildings" if names[1:] else "")
        for key, names in owners.items()
    ]
    devices += [f"{len(part):,} {key}" for key, part in schema.items()
             if "vehicle" in key and isinstance(part, Mapping) and part]  # fmt: skip
    if not devices:
        return []
    return [Problem(str(path), f"devices are left out: {', '.join(devices)}")]


def _note_unused(
    table: "pd.DataFrame", path: Path, known: Iterable[Sequence[str]], unused: dict[str, list[Path]]
) -> None:
    """Note the columns of a file that do not become part of the dataset."""
    names = {name for options in known for name in options}
    for column in table.columns:
        if column not in names:
            unused.setdefault(str(column), []).append(path)


def _columns_left_out(unused: Mapping[str, Sequence[Path]]) -> list[Problem]:
    """Return which columns were left out, and of how many files."""
    if not unused:
        return []
    named = [
        f"{column}" + (f" ({len(paths):,} files)" if paths[1:] else "")
        for column, paths in unused.items()
    ]
    first = next(iter(unused.values()))[0]
    return [Problem(f"{first}, line 1", f"columns are left out: {', '.join(named)}")]


def _measured(
    table: "pd.DataFrame", column: str, path: Path, warnings: list[Problem]
) -> "pd.Series[float]":
    """Return a column of numbers, NaN where it is empty or says that a value is missing."""
    found = numbers(table, column, path)
    missing = found == _MISSING
    if missing.any():
        line = int(missing.to_numpy().argmax()) + 2
        message = f"{missing.sum():,} values of {_MISSING:g} are taken for missing"
        warnings.append(Problem(f"{path}, line {line}, column {column}", message))
    return found.mask(missing)


def _schema(path: Path) -> dict[str, Any]:
    if problems := missing_file(path):
        raise InputError(problems)
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError([Problem(str(path), f"is not JSON: {error}")]) from None
    buildings = schema.get("buildings") if isinstance(schema, dict) else None
    if not isinstance(buildings, dict):
        raise InputError([Problem(str(path), "names no buildings", "a section buildings")])
    lacking = [
        Problem(f"{path}: buildings.{name}", "names no energy_simulation", "a CSV file")
        for name, building in buildings.items()
        if "energy_simulation" not in building
    ]
    if lacking:
        raise InputError(lacking)
    return dict(schema)


def _nominal_kw(building: Mapping[str, Any]) -> float:
    pv = building.get("pv") or {}
    attributes = {**pv, **(pv.get("attributes") or {})}
    return float(attributes.get("nominal_power") or 0.0)


def _profile(
    table: "pd.DataFrame",
    path: Path,
    name: str,
    building: Mapping[str, Any],
    step_h: float,
    warnings: list[Problem],
) -> "pd.DataFrame":
    import pandas as pd

    columns = {
        ours: _measured(table, theirs[0], path, warnings)
        for ours, options in _BUILDING.items()
        if (theirs := [option for option in options if option in table.columns])
    }
    if "load_kwh" not in columns:
        message = "has no column non_shiftable_load"
        raise InputError([Problem(f"{path}, line 1", message, " or ".join(_BUILDING["load_kwh"]))])
    sun, nominal_kw = [column for column in _SUN if column in table.columns], _nominal_kw(building)
    pv = building.get("pv") or {}
    absolute = (pv.get("attributes") or {}).get("generation_mode") == "absolute"
    if sun and (nominal_kw or absolute):
        generation = _measured(table, sun[0], path, warnings)
        if below := int((generation < 0).sum()):
            message = f"{below:,} values below 0 are taken for 0"
            warnings.append(Problem(f"{path}, column {sun[0]}", message))
        generation = generation.clip(lower=0.0)
        columns["pv_kwh"] = generation if absolute else generation * nominal_kw * step_h / _W_PER_KW
    # Heat and cold that nobody wants would only be columns of zeros.
    wanted = {
        key: column
        for key, column in columns.items()
        if key == "load_kwh" or column.fillna(0).any()
    }
    return pd.DataFrame({"member": name, **wanted})


def _shared_tables(
    files: Mapping[str, Path], warnings: list[Problem], unused: dict[str, list[Path]]
) -> dict[str, "pd.DataFrame"]:
    import pandas as pd

    tables: dict[str, pd.DataFrame] = {}
    for name, kinds, known in (
        ("weather", ("weather",), _WEATHER),
        ("market", ("pricing", "carbon_intensity"), _MARKET),
    ):
        columns: dict[str, pd.Series[float]] = {}
        for path in (files[kind] for kind in kinds if kind in files):
            table = read_table(path, ())
            _note_unused(table, path, (*known.values(), *CALENDAR), unused)
            columns |= {
                ours: _measured(table, theirs[0], path, warnings)
                for ours, options in known.items()
                if (theirs := [option for option in options if option in table.columns])
            }
        if columns:
            tables[name] = pd.DataFrame(columns)
    return tables
