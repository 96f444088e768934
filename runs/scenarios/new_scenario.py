"""A scenario to start from: a small commented file, and loads for it."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from hmesh.environment.calendar import DayType
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import beside
from hmesh.environment.standard_profiles import dynamisation, season_of, typical_day_kw
from hmesh.environment.streams import Streams
from hmesh.runs.scenarios.base import LONGEST_NAME

_TEMPLATE = Path(__file__).parent / "starter" / "scenario.yaml"
_NAME = re.compile(r"[\w][\w. -]*", re.ASCII)
_START = datetime(2024, 1, 15)
_DAYS = 7
_WEEKDAY: DayType = "weekday"
_KINDS: tuple[DayType, ...] = (*[_WEEKDAY] * 5, "saturday", "sunday")
# Energy of the households of the example in a year [kWh]; the standard profile is of 1,000.
_ANNUAL_KWH = {"household-1": 2200, "household-2": 3400, "household-3": 5100}
# A single household differs from the mean of many by about this much from hour to hour [-].
_SPREAD = 0.5


def write_new_scenario(name: str, folder: Path | str = ".") -> tuple[Path, Path]:
    """Write a scenario of two communities for a week, and a file of loads that it names.

    Parameters
    ----------
    name : str
        Name of the scenario, and of its files.
    folder : Path or str
        Where they go; nothing in it is replaced.

    Returns
    -------
    scenario, loads : Path
        The two files.

    Raises
    ------
    InputError
        When the name cannot be that of a file, the folder does not exist, or one of the files is
        there already.
    """
    name = name.removesuffix(".yaml")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME - len("-loads.csv"):
        allowed = f"letters, digits, spaces and _ . - , at most {LONGEST_NAME - 10} of them"
        if "/" in name or "\\" in name:
            allowed += "; --in names the folder"
        raise InputError([Problem("name", f"{name[:LONGEST_NAME]!r} is not allowed", allowed)])
    if not Path(folder).is_dir():
        raise InputError([Problem(str(folder), "there is no such folder", "a folder that exists")])
    scenario, loads = Path(folder) / f"{name}.yaml", Path(folder) / f"{name}-loads.csv"
    there = [path for path in (scenario, loads) if path.exists() or path.is_symlink()]
    if there:
        message = "is there already; choose another name, or move it"
        raise InputError([Problem(str(path), message) for path in there])
    text = _TEMPLATE.read_text(encoding="utf-8")
    with beside(loads) as new:
        new.write_text(_loads(), encoding="utf-8")
    with beside(scenario) as new:
        new.write_text(
            text.format(name=name, file=scenario.name, loads=loads.name), encoding="utf-8"
        )
    return scenario, loads


def _loads() -> str:
    """Return hourly loads of a few households: the standard profile with a spread of their own."""
    lines = ["time,member,load_kwh"]
    streams = Streams(1)
    for member, annual_kwh in _ANNUAL_KWH.items():
        for day in range(_DAYS):
            midnight = _START + timedelta(days=day)
            kind = _KINDS[midnight.weekday()]
            quarters_kw = typical_day_kw(("h0",), season_of(midnight.date()), kind)[:, 0]
            drawn = streams.generator("example loads", member, day).standard_normal(24)
            factor = np.exp(_SPREAD * drawn - _SPREAD**2 / 2)
            factor *= dynamisation(midnight.timetuple().tm_yday) * annual_kwh / 1000.0
            loads_kwh = quarters_kw.reshape(24, 4).mean(axis=1) * factor
            for hour, load_kwh in enumerate(loads_kwh):
                time = midnight + timedelta(hours=hour)
                lines.append(f"{time:%Y-%m-%dT%H:%M},{member},{load_kwh:.3f}")
    return "\n".join(lines) + "\n"
