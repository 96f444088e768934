"""Runs of smart homes for tests, each made once."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hmesh.runs import load_scenario, start_run

STORAGES = [
    {"name": "cellar", "capacity_kwh": 3.0, "power_kw": 1.5},
    {"name": "roof", "capacity_kwh": 5.0, "soc_start": 0.5},
]
# Two days of a street: homes with and without a grid, all that chance does, and lost messages.
STREET: dict[str, Any] = {
    "name": "street",
    "time_zone": "Europe/Berlin",
    "start": "2024-05-14T06:00",
    "hours": 40,
    "currency": "EUR",
    "plots": False,
    "strategies": ["spfa_s", "spfa_gs", "mpfa_sg", "mpfa_mg", "mpfa_sg_shifting",
                   "mpfa_mg_shifting"],
    "location": {"latitude": 52.5, "longitude": 13.4},
    "generation_cost": {"quadratic": 0.001, "linear": 0.1},
    "communities": {
        "homes": {
            "members": [
                {"kind": "household", "name": "others", "count": 3, "annual_kwh": 4e3,
                 "profile": "h0"}
            ],
            "feeder": {"loss_rate": 0.02},
        },
        "farms": {"members": []},
    },
    "smart_homes": {
        "exact_choices": 100,
        "groups": [
            {
                "name": "terrace", "community": "homes", "count": 4, "connected": True,
                "generators": [
                    {"name": "modules", "kind": "photovoltaics", "storage": "roof",
                     "pv_kw": 3.0, "scale": [0.5, 1.5]},
                    {"name": "cell", "kind": "fuel_cell", "storage": "cellar", "rank": 2,
                     "power_kw": 0.3, "hours": [[0, 6], [17, 24]]},
                ],
                "appliances": [
                    {"name": "cooling", "kind": "air_conditioner", "storage": "cellar",
                     "priority": 2, "power_kw": 0.8, "hours": [[8, 22]], "scale": [0.5, 1.5],
                     "shiftable": True, "window": [[6, 24]], "refuses": [[12, 13]]},
                    {"name": "washing", "kind": "appliance", "storage": "roof", "priority": 3,
                     "power_kw": 1.0, "hours": [[18, 20]], "shiftable": True,
                     "window": [[6, 22]], "rank": 2},
                    {"name": "fridge", "kind": "appliance", "storage": "cellar", "priority": 1,
                     "power_kw": 0.1, "hours": [[0, 24]], "rank": 0},
                ],
                "storages": STORAGES,
            },
            {
                "name": "cabin", "community": "farms", "count": 2,
                "generators": [
                    {"name": "photovoltaics", "kind": "photovoltaics", "storage": "roof",
                     "profile": "summer", "scale": [0.3, 1.0]},
                ],
                "appliances": [
                    {"name": "fan", "kind": "ventilation_fan", "storage": "roof",
                     "profile": "summer"},
                    {"name": "pump", "kind": "appliance", "storage": "roof", "priority": 2,
                     "power_kw": 0.5, "hours": [[7, 11], [15, 19]], "shiftable": True},
                ],
                "storages": [STORAGES[1]],
            },
        ],
    },
}  # fmt: skip
CHANCE = {
    "demand_noise": {"household": {"sigma": 0.4}},
    "cloudiness": {"mean": 0.6, "deviation": 0.25, "correlation_h": 3},
    "feeder_outages": {"mean_time_between_failures_h": 8, "mean_time_to_repair_h": 3},
}
LOST = {"loss_rate": 0.1, "latency_h": 0.01, "deadline_h": 0.9, "keep": "all"}


def write_scenario(folder: Path, **changes: Any) -> Path:
    """Write the street with changes of whole sections."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "street.yaml"
    path.write_text(yaml.safe_dump(STREET | changes, sort_keys=False))
    return path


@cache
def finished(*changes: str, chance: bool = False, lost: bool = False) -> Path:
    """Return the folder of a run of the street; the same one for the same changes."""
    folder = Path(_folders().name) / str(len(list(Path(_folders().name).iterdir())))
    sections: dict[str, Any] = {"chance": CHANCE} if chance else {}
    if lost:
        sections["messages"] = LOST
    path = write_scenario(folder, **sections)
    start_run(load_scenario(str(path), changes), folder / "run")
    return folder / "run"


@cache
def _folders() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="homes-")
