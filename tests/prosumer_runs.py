"""Runs with prosumers: a suburb in which some own houses and homes, and offices beside it."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hmesh.runs import Run, load_scenario, read_run, start_run
from hmesh.runs.scenarios.scenario import Scenario

_FOLDER = tempfile.TemporaryDirectory(prefix="prosumers-")

HOUSE = {
    "variation": 0.2,
    "appliances": {"annual_kwh": 3000},
    "heat": {"annual_kwh": 9300},
    "photovoltaics": {"pv_kw": 5},
}
HOME = {
    "generators": [
        {"name": "pv", "kind": "photovoltaics", "storage": "storage", "profile": "winter"}
    ],
    "appliances": [
        {"name": "ac", "kind": "air_conditioner", "storage": "storage", "profile": "winter"}
    ],
    "storages": [{"name": "storage", "capacity_kwh": 10, "soc_start": 0.5}],
}
PIONEERS: dict[str, Any] = {
    "kind": "prosumer",
    "name": "pioneers",
    "count": 10,
    "annual_kwh": 1000,
    "pv_kw": 2,
    "connection_kw": 2,
    "owns": {"house": {"share": 0.6, **HOUSE}, "home": {"share": 0.5, **HOME}},
}
HOUSEHOLDS = {"kind": "household", "name": "households", "count": 5, "annual_kwh": 4800}
BASE: dict[str, Any] = {
    "name": "prosumers",
    "seed": 3,
    "start": "2023-01-16T00:00",
    "time_zone": "Asia/Tokyo",
    "hours": 10,
    "strategies": ["nobody_shares", "everybody_shares"],
    "generation_cost": {"quadratic": 0.01, "linear": 10.14},
    "prices": {"utility": [0, 36], "aggregator": [0, 45], "retail": "marginal"},
    "communities": {
        "suburb": {"members": [HOUSEHOLDS | {"profile": "h0"}, PIONEERS]},
        "offices": {
            "members": [
                {"kind": "building", "name": "offices", "annual_kwh": 1.0e5, "profile": "g1"}
            ]
        },
    },
    "location": {"latitude": 33.88, "longitude": 130.87},
    "composite_storage": {
        "groups": [],
        "tariff": {"community": True, "feed_in_share": 0.5},
        "price_response": {"lam": 45, "theta": 6.5},
    },
    "smart_homes": {"groups": [], "price_response": {"lam": 45, "theta": 4.7}},
    "chance": {"demand_noise": {"household": {"sigma": 0.3, "correlation_h": 2}}},
    "expected_price": {"start": 21},
    "record": {"accounts": "all"},
    "checkpoint_every_h": 5,
    "plots": False,
}


def scenario_of(*changes: str, members: list[Any] | None = None) -> Scenario:
    """Return the scenario with changes, the suburb with other members where some are given."""
    path = Path(_FOLDER.name) / f"{len(list(Path(_FOLDER.name).iterdir()))}.yaml"
    suburb = BASE["communities"]["suburb"]
    if members is not None:
        suburb = {"members": members}
    given = BASE | {"communities": BASE["communities"] | {"suburb": suburb}}
    path.write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")
    return load_scenario(path, changes)


def run_of(scenario: Scenario) -> Run:
    """Run a scenario, and return what it wrote."""
    folder = Path(_FOLDER.name) / f"run-{len(list(Path(_FOLDER.name).iterdir()))}"
    start_run(scenario, folder)
    return read_run(folder)


@cache
def prosumers(*changes: str) -> Run:
    """Return the run of the scenario with changes; the same one for the same ones."""
    return run_of(scenario_of(*changes))
