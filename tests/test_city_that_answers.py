"""A small city in which storages of homes and houses answer to the price of the step."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

STORAGES = [
    {"name": "cellar", "capacity_kwh": 8.0, "power_kw": 3.0, "soc_start": 0.5},
    {"name": "roof", "capacity_kwh": 6.0, "soc_start": 0.6},
]
CITY: dict[str, Any] = {
    "name": "small-city",
    "time_zone": "Asia/Tokyo",
    "start": "2023-01-16T00:00",
    "hours": 40,
    "plots": False,
    "strategies": ["nobody_shares", "everybody_shares"],
    "game": {"solver": "exact"},
    "grid": {"limits": "keep"},
    "location": {"latitude": 33.88, "longitude": 130.87},
    "communities": {
        "homes": {
            "members": [
                {"kind": "household", "name": "others", "count": 120, "annual_kwh": 4e3,
                 "profile": "h0"}
            ],
            "feeder": {"rating_kw": 400.0, "loss_rate": 0.01},
        },
        "offices": {
            "members": [
                {"kind": "building", "name": "tower", "count": 1, "annual_kwh": 9e5,
                 "profile": "g1"}
            ],
            "feeder": {"rating_kw": 1000.0},
        },
        "malls": {"members": []},
    },
    "roads": [
        {"between": ["homes", "offices"], "km": 40.0},
        {"between": ["homes", "malls"], "km": 40.0},
        {"between": ["offices", "malls"], "km": 20.0},
    ],
    "generation_cost": {"quadratic": 0.03, "linear": 8.0},
    "vehicles": {"count": 12, "soc_start": 0.3},
    "smart_homes": {
        "groups": [
            {
                "name": name, "community": "homes", "count": count, "connected": connected,
                "generators": [
                    {"name": "modules", "kind": "photovoltaics", "storage": "roof", "pv_kw": 3.0,
                     "scale": [0.5, 1.5]},
                ],
                "appliances": [
                    {"name": "heating", "kind": "air_conditioner", "storage": "cellar",
                     "power_kw": 0.8, "hours": [[6, 22]], "scale": [0.5, 1.5]},
                    {"name": "fridge", "kind": "appliance", "storage": "roof", "power_kw": 0.1,
                     "hours": [[0, 24]], "rank": 0},
                ],
                "storages": STORAGES,
            }
            for name, count, connected in (("terrace", 3, True), ("hut", 1, False),
                                           ("corner", 2, True))
        ],
    },
    "composite_storage": {
        "groups": [
            {"name": "villas", "community": "homes", "count": 3, "variation": 0.2},
            {"name": "farm", "community": "offices", "count": 1},
        ],
        "carbon_tax": 2.0,
    },
}  # fmt: skip
ANSWERING: dict[str, Any] = {
    "smart_homes.price_response": {"lam": 60.0, "theta": 6.0},
    "composite_storage.price_response": {"lam": 60.0, "theta": 8.0},
    "composite_storage.tariff": "community",
}
CHANGES: dict[str, dict[str, Any]] = {
    "prices tripled": {
        "prices.utility": [0.0, 108.0],
        "prices.aggregator": [0.0, 135.0],
        "prices.time_of_use.on_peak": 78.0,
        "prices.time_of_use.off_peak": 39.0,
    },
    "generation ten times dearer": {
        "generation_cost.quadratic": 0.3,
        "generation_cost.linear": 80.0,
    },
    "feeders of 50 kW": {
        "communities.homes.feeder.rating_kw": 50.0,
        "communities.offices.feeder.rating_kw": 50.0,
    },
    "no vehicles": {"vehicles.count": 0},
}


def scenario(path: Path, keys: dict[str, Any], **city: Any) -> Any:
    """Return the small city, with some keys changed, written to a folder."""
    path.mkdir(exist_ok=True)
    file = path / "small-city.yaml"
    file.write_text(yaml.safe_dump(deepcopy(CITY) | city), encoding="utf-8")
    return load_scenario(file, keys)


def world(path: Path, keys: dict[str, Any], strategy: str = "everybody_shares") -> Simulation:
    """Return the small city under one strategy, before its first step."""
    return Simulation(make_setting(scenario(path, keys)), strategy)


def stored(city: Simulation) -> dict[str, NDArray[np.float64]]:
    """Return what storages of homes and houses hold [kWh]."""
    homes, houses = city.schemes["smart_homes"], city.schemes["composite_storage"]
    columns = houses.houses.columns  # type: ignore[attr-defined]
    return {
        "homes": np.concatenate(
            [group.energy_kwh.ravel() for group in homes.groups]  # type: ignore[attr-defined]
        ),
        "batteries": columns.batteries["energy_kwh"].copy(),
        "tanks": columns.tanks["heat_kwh"].copy(),
    }


@pytest.fixture(scope="module")
def energies(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives what storages hold hour by hour, with some keys changed."""
    path = tmp_path_factory.mktemp("cities")

    @cache
    def of(change: str, answering: bool = True) -> dict[str, NDArray[np.float64]]:
        city = world(path, (ANSWERING if answering else {}) | CHANGES.get(change, {}))
        held = []
        for _ in range(30):
            city.step()
            held.append(stored(city))
        return {name: np.array([each[name] for each in held]) for name in held[0]}

    return of


@pytest.mark.parametrize("change", CHANGES)
def test_every_storage_feels_prices_costs_limits_and_vehicles(energies: Any, change: str) -> None:
    before, after = energies(""), energies(change)
    for name in ("homes", "batteries", "tanks"):
        assert np.abs(after[name] - before[name]).max() > 1e-3, name


@pytest.mark.parametrize("change", CHANGES)
def test_without_these_keys_nothing_of_it_is_felt(energies: Any, change: str) -> None:
    before, after = energies("", answering=False), energies(change, answering=False)
    for name, held in before.items():
        assert (after[name] == held).all(), name
