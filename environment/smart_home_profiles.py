"""The day of a smart home in each season: what its devices generate and want, hour by hour.

The figures stand in `data/smart_home_profiles.csv` as [kWh] for each hour, labelled by its start.
Those of the fuel cell and of the appliances are the published schedules of the eNMES study. Its
photovoltaics were published as a picture only: their hours were fitted so that the published
losses and capacities come out, and only the energy of the day is pinned by these (4.528 kWh in
winter, 6.785 in summer). In `summer` the air conditioner starts at 06:00, as the published
capacities require; in `summer_from_05` at 05:00, as the study's table of devices says.
"""

import csv
from functools import cache
from importlib import resources

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, nearest

HOURS = 24


def smart_home_profile(name: str) -> dict[str, FloatArray]:
    """Return the energies of a day by device.

    Parameters
    ----------
    name : str
        ``winter``, ``summer`` or ``summer_from_05``.

    Returns
    -------
    dict of str to array, shape (24,)
        For ``photovoltaics`` and ``fuel_cell`` what they generate, for ``air_conditioner`` and
        ``ventilation_fan`` what they want in each hour [kWh].

    Raises
    ------
    InputError
        If there is no profile of that name.
    """
    days = _days()
    if name not in days:
        problem = f"there is no smart-home profile {name!r}"
        raise InputError([Problem("profile", problem, ", ".join(days), nearest(name, days))])
    return {device: energies.copy() for device, energies in days[name].items()}


@cache
def _days() -> dict[str, dict[str, FloatArray]]:
    source = resources.files("hmesh.environment").joinpath("data/smart_home_profiles.csv")
    days: dict[str, dict[str, FloatArray]] = {}
    for row in csv.DictReader(source.read_text(encoding="utf-8").splitlines()):
        devices = [name.removesuffix("_kwh") for name in row if name.endswith("_kwh")]
        day = days.setdefault(row["profile"], {device: np.zeros(HOURS) for device in devices})
        for device in devices:
            day[device][int(row["hour"])] = float(row[f"{device}_kwh"])
    return days
