"""The kinds of files that can be turned into a dataset."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from hmesh.environment.datasets.readers.foreign import Foreign, Wishes
from hmesh.environment.errors import InputError, Problem, nearest

KINDS: dict[str, str] = {
    "citylearn": "folder of CityLearn: schema.json, buildings, weather, prices, carbon",
    "eia930": "balance file of the EIA-930, hourly demand of six months",
    "nhts": "trip file of the US National Household Travel Survey, trippub.csv",
    "epw": "EnergyPlus weather file",
    "tmy3": "TMY3 weather file",
    "simbench": "LoadProfile.csv of SimBench",
}


def read_foreign(
    kind: str,
    source: Path,
    wishes: Wishes,
    more: Mapping[str, Callable[[Path, Wishes], Foreign]] = MappingProxyType({}),
    hint: str = "",
) -> Foreign:
    """Read a file or folder of others.

    Parameters
    ----------
    kind
        One of `KINDS`.
    source
        The file or folder.
    wishes
        What the person tells about it.
    more
        Further readers by name.
    hint
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
        case _ if kind in more:
            return more[kind](source, wishes)
        case _:
            known = (*KINDS, *more)
            allowed = "; ".join(filter(None, (", ".join(known), hint)))
            message = f"no reader is called {kind!r}"
            raise InputError([Problem("KIND", message, allowed, nearest(kind, known))])
    return read(source, wishes)
