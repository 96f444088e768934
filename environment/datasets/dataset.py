"""A dataset: a folder of tables that a person describes in `dataset.yaml`."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.data_file import Findings
from hmesh.environment.datasets.description import Description
from hmesh.environment.datasets.examination import unusual
from hmesh.environment.datasets.records import (
    Records,
    read_records,
    report_unknown,
    report_unknown_names,
)
from hmesh.environment.datasets.schema import TABLES
from hmesh.environment.datasets.series import Series, read_series
from hmesh.environment.demand import LoadTable
from hmesh.environment.errors import InputError, Problem


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredGeneration:
    """What photovoltaics were measured to generate over the steps of a run.

    Attributes
    ----------
    members : tuple of str
        Whose they are.
    energy_kwh : array, shape (steps, members)
        Energy of each step [kWh].
    filled : array of bool
        Where a reading was missing and filled, likewise.
    """

    members: tuple[str, ...]
    energy_kwh: FloatArray
    filled: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What stands in a dataset.

    Attributes
    ----------
    folder, description : Path, Description
        Where it lies, and the user's description of it.
    series, records : dict of Series, dict of Records
        Its tables by name: those of intervals, and all others.
    warnings : tuple of Problem
        What is unusual in it.
    """

    folder: Path
    description: Description
    series: dict[str, Series]
    records: dict[str, Records]
    warnings: tuple[Problem, ...]

    def loads(self, calendar: Calendar, steps: int) -> LoadTable:
        """Return the loads of the members over a run, and what they generate, times their scale.

        Where there are no profiles every region of the table system_demand is a member, the only
        one of a table without regions called "system".

        Raises
        ------
        InputError
            If there are none, or they do not cover the run.
        """
        if "profiles" not in self.series:
            return self._regions(calendar, steps)
        profiles = self.series["profiles"]
        load_kwh = profiles.over("load_kwh", calendar, steps)
        there = ~np.isnan(load_kwh).any(axis=0)
        members = tuple(np.array(profiles.keys, dtype=np.object_)[there].tolist())
        scale, generation_kwh = self._scale(members), None
        if "pv_kwh" in profiles.values:
            pv_kwh = profiles.over("pv_kwh", calendar, steps)[:, there]
            generation_kwh = np.where(np.isnan(pv_kwh), 0.0, pv_kwh) * scale
        return LoadTable(members, load_kwh[:, there] * scale, generation_kwh)

    def generation(self, calendar: Calendar, steps: int) -> MeasuredGeneration:
        """Return what the photovoltaics of members generate over a run, times their scale.

        Raises
        ------
        InputError
            If none was measured, or the run is not covered.
        """
        if "profiles" not in self.series or "pv_kwh" not in self.series["profiles"].values:
            message = "states no generation"
            raise InputError([Problem(str(self.folder), message, "profiles with a column pv_kwh")])
        profiles = self.series["profiles"]
        energy_kwh = profiles.over("pv_kwh", calendar, steps)
        there = ~np.isnan(energy_kwh).any(axis=0)
        members = tuple(np.array(profiles.keys, dtype=np.object_)[there].tolist())
        filled = profiles.filled("pv_kwh", calendar, steps)[:, there]
        return MeasuredGeneration(members, energy_kwh[:, there] * self._scale(members), filled)

    def _regions(self, calendar: Calendar, steps: int) -> LoadTable:
        if "system_demand" not in self.series:
            message = "has no table profiles or system_demand, from which the loads are read"
            raise InputError([Problem(str(self.folder), message)])
        demand = self.series["system_demand"]
        load_kwh = demand.over("demand_kwh", calendar, steps)
        there = ~np.isnan(load_kwh).any(axis=0)
        regions = [key or "system" for key, known in zip(demand.keys, there, strict=True) if known]
        return LoadTable(tuple(regions), load_kwh[:, there], None)

    def _scale(self, members: tuple[str, ...]) -> FloatArray:
        table = self.records.get("members")
        if table is None or "scale" not in table.columns:
            return np.ones(len(members))
        names, scales = (table.columns[name].tolist() for name in ("member", "scale"))
        scale = dict(zip(names, scales, strict=True))
        found = np.array([scale.get(member, np.nan) for member in members])
        return np.where(np.isnan(found), 1.0, found)

    def filled_share(self, table: str = "profiles") -> dict[str, float]:
        """Return the share of the intervals of a table that were filled, the largest first.

        Parameters
        ----------
        table : str, optional
            A table of intervals; of several quantities, the one counts of which most was filled.

        Returns
        -------
        dict
            The share by member or region, "" where there is one series only; none where the dataset
            lacks the table.
        """
        if table not in self.series:
            return {}
        series = self.series[table]
        share = np.stack(list(series.filled_share.values())).max(axis=0)
        order = np.argsort(-share, kind="stable").tolist()
        return {series.keys[key]: float(share[key]) for key in order}


def read_dataset(
    folder: Path,
    description: Description,
    tables: Collection[str] | None = None,
    examine: bool = False,
) -> Dataset:
    """Read the tables of a dataset.

    Parameters
    ----------
    folder : Path
        Where it lies.
    description : Description
        The user's description of it.
    tables : collection of str, optional
        Names of the tables to read; those it does not have are left out. None for all.
    examine : bool, optional
        Whether the measured series are looked through for what is unusual.

    Returns
    -------
    Dataset
        The dataset.

    Raises
    ------
    InputError
        With everything that is wrong in these tables.
    """
    findings = Findings()
    wanted = [name for name in TABLES if name in description.tables]
    if tables is not None:
        wanted = [name for name in wanted if name in tables]
    records = {
        name: read_records(folder, description, name, findings)
        for name in wanted
        if not TABLES[name].series
    }
    report_unknown_names(records, findings)
    series = {}
    for name in wanted:
        if TABLES[name].series:
            found = read_series(folder, description, name, findings)
            if found is not None:
                series[name] = found
    if "profiles" in series and "members" in records:
        key = next(column for column in TABLES["profiles"].columns if column.name == "member")
        members = records["members"].columns["member"].tolist()
        profiles = series["profiles"]
        report_unknown(profiles.place, key, list(profiles.keys), members, findings)
    findings.check()
    if examine:
        findings.warnings += unusual(description, series, records)
    return Dataset(folder, description, series, records, tuple(findings.warnings))
