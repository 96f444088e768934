"""A small world on roads of a file: three communities and a plan without lengths."""

from pathlib import Path
from typing import Any

import yaml

# A square of 10 km with a fast road along two of its sides, and a slow one across.
NODES = (
    "node,latitude,longitude\nsw,48.0,10.0\nse,48.0,10.1345\nne,48.09,10.1345\nmid,48.03,10.05\n"
)
EDGES = "from,to,km,speed_km_h\nsw,se,10,100\nse,ne,10,100\nsw,mid,5,30\nmid,ne,9,30\n"
PLANS = (
    "plan,departs_h,origin,via,destination\na,7,homes,,works\na,12,works,shop,works\n"
    "a,17,works,shop,homes\n"
)
PLACES = {"homes": (48.0, 10.001), "works": (48.089, 10.1345), "shop": (48.001, 10.1345)}


def scenario(**changes: Any) -> dict[str, Any]:
    members = {
        "homes": {
            "kind": "household",
            "name": "h",
            "count": 10,
            "annual_kwh": 3500,
            "profile": "h0",
        },
        "works": {"kind": "building", "name": "w", "count": 1, "annual_kwh": 5e4, "profile": "g1"},
        "shop": {"kind": "building", "name": "s", "count": 1, "annual_kwh": 5e4, "profile": "g4"},
    }
    given: dict[str, Any] = {
        "name": "places", "time_zone": "Europe/Berlin", "start": "2024-06-03T00:00", "hours": 24.0,
        "currency": "EUR", "strategies": ["typical"], "plots": False,
        "generation_cost": {"quadratic": 0.0004, "linear": 0.1},
        "prices": {
            "utility": [0.0, 0.6], "aggregator": [0.0, 0.6],
            "time_of_use": {"on_peak": 0.3, "off_peak": 0.2},
        },
        "communities": {
            name: {
                "members": [members[name]],
                "location": {"latitude": latitude, "longitude": longitude},
            }
            for name, (latitude, longitude) in PLACES.items()
        },
        "roads": {"file": "edges.csv", "nodes": "nodes.csv"},
        "vehicles": {"count": 4, "day_plans": "plans.csv", "lam": 0.5, "theta": 0.012},
    }  # fmt: skip
    return given | changes


def write_files(folder: Path) -> None:
    """Write the files that the scenario names."""
    (folder / "nodes.csv").write_text(NODES)
    (folder / "edges.csv").write_text(EDGES)
    (folder / "plans.csv").write_text(PLANS)


def written(folder: Path, name: str, **changes: Any) -> Path:
    """Return the file of the scenario with changes."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(scenario(**changes), sort_keys=False))
    return path
