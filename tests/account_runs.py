"""Runs whose accounts are looked at: a small city with everybody in it."""

import tempfile
from functools import cache
from pathlib import Path

from hmesh.runs import Run, load_scenario, read_run, start_run

SMALL = (
    "hours=26", "vehicles.count=12", "smart_homes.groups.0.count=3",
    "composite_storage.groups.0.count=3", "communities.homes.members.0.count=8",
    "communities.district.members.0.businesses=4", "communities.street.members.0.count=6",
    "community_storage.storages.0.dischargers=4", "communities.street.members.1.count=2",
    "communities.suburb.members.0.count=3", "communities.suburb.members.1.count=4",
    "game.solver=exact", "school_buses.groups.0.schools=2", "plots=false", "record.accounts=all",
    "strategies=[nobody_shares, everybody_shares]",
)  # fmt: skip
_FOLDERS = tempfile.TemporaryDirectory(prefix="accounts-")


@cache
def city(*changes: str) -> Run:
    """Return a finished run of the small city with changes; the same one for the same ones."""
    folder = Path(_FOLDERS.name) / str(len(list(Path(_FOLDERS.name).iterdir())))
    start_run(load_scenario("one-city", [*SMALL, *changes]), folder)
    return read_run(folder)
