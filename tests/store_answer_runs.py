"""A small city whose batteries, storage and school buses may answer to prices."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hmesh.runs import load_scenario, start_run
from hmesh.runs.scenarios.scenario_files import BUILT_IN
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

SMALL = (
    "hours=30", "vehicles.count=20", "plots=false", "game.solver=exact",
    "strategies=[everybody_shares]", "generation_cost.quadratic=0.02",
    "communities.homes.members.0.count=20", "communities.malls.members.0.annual_kwh=7.2e4",
    "communities.offices.members.0.annual_kwh=3.0e4", "communities.district.members.0.peak_kw=40",
    "communities.district.members.0.businesses=5", "communities.street.members.0.count=6",
    "communities.street.members.1.count=2",
    "battery_sharing.capacity_kwh=60", "community_storage.storages.0.capacity_kwh=20",
    "community_storage.storages.0.pv_kw=6", "community_storage.storages.0.dischargers=3",
    "community_storage.history_days=3", "school_buses.groups.0.schools=2",
    "school_buses.groups.0.buses=2",
)  # fmt: skip
ON = (
    "battery_sharing.price_response={lam: 40, theta: 1.5}",
    "community_storage.price_response={lam: 40, theta: 1.0}",
    "community_storage.grid_charging=true", "community_storage.serve_while_charging=true",
    "school_buses.price_response={lam: 40, theta: 0.2}",
)  # fmt: skip
COLUMNS = ("home_storage_kwh", "shared_storage_kwh", "school_bus_kwh")
_FOLDERS = tempfile.TemporaryDirectory(prefix="store-answers-")


@cache
def city(*, vehicles: bool = True) -> Path:
    """Return a file of the built-in city without homes and houses, with vehicles or without.

    Nobody in it answers to prices but vehicles, and no line has a limit that prices keep.
    """
    plain = yaml.safe_load((BUILT_IN / "one-city.yaml").read_text(encoding="utf-8"))
    left_out = ["smart_homes", "composite_storage", *([] if vehicles else ["vehicles"])]
    for name in left_out:
        del plain[name]
    for name in ("battery_sharing", "community_storage", "school_buses"):
        for key in ("price_response", "grid_charging", "serve_while_charging"):
            plain[name].pop(key, None)
    # Prosumers own parts of what is left out; what members share is no part of answers.
    suburb = plain["communities"]["suburb"]
    suburb["members"] = []
    for community in plain["communities"].values():
        community.pop("local_exchange", None)
        for members in community["members"]:
            members.pop("elasticity", None)
    plain["grid"]["limits"], plain["game"]["losses"] = "count", "ignored"
    plain["record"]["welfare"] = False
    path = Path(_FOLDERS.name) / f"city-{vehicles}.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def scenario(*changes: str, vehicles: bool = True) -> Any:
    """Return the small city with changes."""
    small = [each for each in SMALL if vehicles or not each.startswith("vehicles")]
    return load_scenario(city(vehicles=vehicles), [*small, *changes])


def world(*changes: str, vehicles: bool = True, strategy: str = "everybody_shares") -> Simulation:
    """Return the world of the small city before its first step."""
    return Simulation(make_setting(scenario(*changes, vehicles=vehicles)), strategy)


@cache
def simulated(
    *changes: str, vehicles: bool = True, strategy: str = "everybody_shares"
) -> tuple[dict[str, np.ndarray], dict[str, Any], Simulation]:
    """Return the energies of every hour of the small city, its summary, and its world."""
    simulation = world(*changes, vehicles=vehicles, strategy=strategy)
    hours: list[dict[str, np.ndarray]] = []
    while simulation.running:
        simulation.step()
        hours.append({name: energy.copy() for name, energy in simulation.hour_kwh.items()})
    energies = {name: np.array([hour[name] for hour in hours]) for name in hours[0]}
    return energies, simulation.summary(), simulation


@cache
def finished(*changes: str, vehicles: bool = True) -> Path:
    """Return the folder of a run of the small city; the same one for the same changes."""
    folder = Path(_FOLDERS.name) / str(len(list(Path(_FOLDERS.name).iterdir())))
    start_run(scenario(*changes, vehicles=vehicles), folder)
    return folder
