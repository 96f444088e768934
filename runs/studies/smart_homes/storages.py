"""What efficiencies and sizes of its storages are worth to the smart home, beyond the source."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection

if TYPE_CHECKING:
    from hmesh.runs.studies.smart_homes.study_days import Days

type Simulate = Callable[..., "Days"]

# Of charging and of discharging alike; the source has 0.92.
EFFICIENCIES = (0.80, 0.86, 0.92, 0.98, 1.0)
# Of each of the two storages; the source lets them grow without a limit, 100 here [kWh].
SIZES_KWH = (0.5, 1.0, 2.0, 4.0, 100.0)
_GROUPS, _STORAGES = (0, 1), (0, 1)


def changes_of(key: str, value: float) -> tuple[str, ...]:
    """Return the changes of a key of all storages of the study."""
    return tuple(
        f"smart_homes.groups.{g}.storages.{k}.{key}={value!r}" for g in _GROUPS for k in _STORAGES
    )


def with_efficiency(value: float) -> tuple[str, ...]:
    """Return the changes by which all storages charge and discharge with an efficiency."""
    both = ("charge_efficiency", "discharge_efficiency")
    return tuple(change for key in both for change in changes_of(key, value))


def efficiencies(simulate: Simulate) -> ReportSection:
    """Return the losses of a day by the efficiency of the storages.

    Parameters
    ----------
    simulate : callable
        Returns the days of the study under some changes.
    """
    rows: list[tuple[Cell, ...]] = []
    names: list[str] = []
    for value in EFFICIENCIES:
        days = simulate(*with_efficiency(value))
        names = list(dict.fromkeys(name for name, _ in days))
        for season in ("winter", "summer"):
            losses = [days[name, season].losses_kwh for name in names]
            rows.append((f"{value:g} {season}", value, season, *losses))
    columns = (
        Column("case"), Column("efficiency", "g"), Column("season"),
        *(Column(f"{name} [kWh]", ".3f") for name in names),
    )  # fmt: skip
    text = (
        "Losses of a day where all storages charge and discharge with this efficiency; the source "
        "has 0.92. Storages whose energy is all served lose 1 - eta of what is generated and "
        "1 / eta - 1 of what is served (SPFA/S); those that feed loads directly lose less, and the "
        "less the worse their storages are, compared with it.",
    )
    bars = Bars("case", tuple(f"{name} [kWh]" for name in names), "losses of a day [kWh]")
    title = "Losses by the efficiency of the storages"
    return ReportSection("efficiencies", title, columns, tuple(rows), text, bars)


def sizes(simulate: Simulate) -> ReportSection:
    """Return which share of the loads is served by the size of the storages."""
    rows: list[tuple[Cell, ...]] = []
    names: list[str] = []
    for size in SIZES_KWH:
        days = simulate(*changes_of("capacity_kwh", size))
        names = list(dict.fromkeys(name for name, _ in days))
        for season in ("winter", "summer"):
            served = [
                100.0 * float(np.sum(days[name, season].used_kwh))
                / float(np.sum(days[name, season].wanted_kwh))
                for name in names
            ]  # fmt: skip
            rows.append((f"{size:g} kWh {season}", size, season, *served))
    columns = (
        Column("case"), Column("each storage [kWh]", "g"), Column("season"),
        *(Column(f"{name} [%]", ".1f") for name in names),
    )  # fmt: skip
    text = (
        "Share of the wanted energy that is served in a day, where each of the two storages has "
        "this size and starts the day with no usable energy. The size binds what can be carried "
        "from the hours of surplus to later ones; what does not fit is curtailed.",
    )
    bars = Bars("case", tuple(f"{name} [%]" for name in names), "served of what is wanted [%]")
    title = "Loads served by the size of the storages"
    return ReportSection("storage_sizes", title, columns, tuple(rows), text, bars)
