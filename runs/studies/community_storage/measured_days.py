"""The last two days of measured households in place of those of the study."""

import json
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.world.dataset_files import load_dataset

# The plant under the sun of a measured house without one: a latitude that many people live at.
LATITUDE = 45.0
DAYS = 2


def measured_days(folder: Path, houses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the changes that put measured households into the scenario of the study.

    Parameters
    ----------
    folder : Path
        Folder of a dataset with at least as many members as houses.
    houses : tuple of str
        Names of the groups that stand for them, each one member.

    Returns
    -------
    tuple of str
        Keys and values: the last two whole days, the first members that have a load and, where one
        was measured, their photovoltaics as the plant; else a plant at 45 degrees north under a
        sun that is highest at noon of the clock.

    Raises
    ------
    InputError
        If the dataset cannot be read, or has too few members with a load.
    """
    dataset = load_dataset(folder, ("members", "profiles"))
    profiles = dataset.series.get("profiles")
    loads = None if profiles is None else profiles.values.get("load_kwh")
    known = [] if loads is None else np.flatnonzero(~np.isnan(loads).all(axis=0)).tolist()
    if profiles is None or len(known) < len(houses):
        message = f"{len(known)} members with a load are too few for {len(houses)} households"
        raise InputError([Problem(str(folder), message, "a table profiles of more members")])
    given, path = dataset.description, json.dumps(str(folder.resolve()))
    step_h = given.minutes_of("profiles") / 60
    end = given.period()[1].astimezone(given.zone)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    start = (midnight - timedelta(days=DAYS)).replace(tzinfo=None)
    names = [profiles.keys[column] for column in known]
    members = ", ".join(
        f"{{kind: household, name: {house}, dataset: {path}, members: [{json.dumps(name)}]}}"
        for house, name in zip(houses, names, strict=False)
    )
    offset = end.astimezone(UTC).replace(tzinfo=None) - end.replace(tzinfo=None)
    longitude = -15.0 * offset / timedelta(hours=1)
    changes = [
        f"start='{start:%Y-%m-%dT%H:%M}'",
        f"time_zone={given.time_zone}",
        f"step_h={step_h:g}",
        f"communities.homes.members=[{members}]",
        f"location={{latitude: {LATITUDE:g}, longitude: {longitude:g}}}",
        # What was measured has its own noise.
        "chance.demand_noise={}",
    ]
    sun = profiles.values.get("pv_kwh")
    if sun is not None and (lit := np.flatnonzero(~np.isnan(sun).all(axis=0)).tolist()):
        owner = json.dumps(profiles.keys[lit[0]])
        plant = "community_storage.storages.0"
        changes += [
            f"{plant}.pv_dataset={path}",
            f"{plant}.pv_member={owner}",
        ]
    return tuple(changes)
