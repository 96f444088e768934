"""The kinds of files that can be turned into a dataset."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from hmesh.environment.datasets.readers.foreign import Foreign, ImportOptions
from hmesh.environment.errors import InputError, Problem, nearest

KINDS: dict[str, str] = {
    "citylearn": "folder of CityLearn: schema.json, buildings, weather, prices, carbon",
    "eia930": "balance file of the EIA-930, hourly demand of six months",
    "nhts": "trip file of the US National Household Travel Survey, trippub.csv",
    "epw": "EnergyPlus weather file",
    "tmy3": "TMY3 weather file",
    "simbench": "LoadProfile.csv of SimBench",
    "csv": "CSV file, spreadsheet or netCDF with a column for each building or quantity",
    "home_assistant": "history of Home Assistant, as its page exports it",
    "evcc": "charging sessions of evcc, CSV or JSON",
    "acn": "charging sessions of ACN-Data, JSON",
    "entsoe": "day-ahead prices of the ENTSO-E Transparency Platform, CSV or XML",
    "renewables_ninja": "photovoltaics of renewables.ninja, CSV",
    "matsim": "plans or events of MATSim, XML, packed by gzip or not",
    "gtfs": "folder of a timetable in GTFS, as blocks of school buses",
}


def read_foreign(
    kind: str,
    source: Path,
    options: ImportOptions,
    more: Mapping[str, Callable[[Path, ImportOptions], Foreign]] = MappingProxyType({}),
    hint: str = "",
) -> Foreign:
    """Read a file or folder of others.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    source : Path
        The file or folder.
    options : ImportOptions
        The user's description of it.
    more : mapping of callable, optional
        Further readers by name.
    hint : str, optional
        How one registers a reader of a name that there is not.

    Raises
    ------
    InputError
        If there is no such kind, or the source is not of it.
    """
    match kind:
        case "citylearn":
            from hmesh.environment.datasets.readers.citylearn import read_citylearn as read
        case "eia930":
            from hmesh.environment.datasets.readers.eia930 import read_eia930 as read
        case "nhts":
            from hmesh.environment.datasets.readers.nhts import read_nhts as read
        case "epw":
            from hmesh.environment.datasets.readers.weather import read_epw as read
        case "tmy3":
            from hmesh.environment.datasets.readers.weather import read_tmy3 as read
        case "simbench":
            from hmesh.environment.datasets.readers.simbench import read_simbench as read
        case "csv":
            from hmesh.environment.datasets.readers.wide_table import read_wide_csv as read
        case "home_assistant":
            from hmesh.environment.datasets.readers.home_assistant import (
                read_home_assistant as read,
            )
        case "evcc":
            from hmesh.environment.datasets.readers.charging_session_files import read_evcc as read
        case "acn":
            from hmesh.environment.datasets.readers.charging_session_files import read_acn as read
        case "entsoe":
            from hmesh.environment.datasets.readers.entsoe import read_entsoe as read
        case "renewables_ninja":
            from hmesh.environment.datasets.readers.renewables_ninja import (
                read_renewables_ninja as read,
            )
        case "matsim":
            from hmesh.environment.datasets.readers.matsim import read_matsim as read
        case "gtfs":
            from hmesh.environment.datasets.readers.gtfs_blocks import read_gtfs as read
        case _ if kind in more:
            return more[kind](source, options)
        case _:
            known = (*KINDS, *more)
            allowed = "; ".join(filter(None, (", ".join(known), hint)))
            message = f"no reader is called {kind!r}"
            raise InputError([Problem("KIND", message, allowed, nearest(kind, known))])
    return read(source, options)
