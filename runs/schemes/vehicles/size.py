"""How much a run will write of single vehicles."""

from math import floor

from hmesh.runs.scenarios.record_section import MANY_ROWS
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.vehicles.section import Vehicles

# Measured: 8.6 million rows of two months of the built-in scenario take 113 MB.
BYTES_PER_VEHICLE_ROW = 13.0


def vehicle_rows(scenario: Scenario) -> int:
    """Return how many rows of single vehicles a run writes at most."""
    if "vehicles" not in scenario.schemes or scenario.record.vehicles == "none":
        return 0
    years = scenario.hours / 8760
    section: Vehicles = scenario.vehicles
    vehicles = section.count + floor(scenario.growth.vehicles_per_year * years)
    vehicles += sum(event.vehicles for event in scenario.events)
    if (adoption := scenario.growth.adoption) is not None:
        vehicles = max(vehicles, adoption.adopters)
    if isinstance(scenario.record.vehicles, int):
        vehicles = min(vehicles, scenario.record.vehicles)
    return scenario.steps * len(scenario.strategies) * vehicles


def size_note(scenario: Scenario) -> str:
    """Return a line where very many rows of single vehicles are written."""
    rows = vehicle_rows(scenario)
    if rows <= MANY_ROWS:
        return ""
    size_gb = rows * BYTES_PER_VEHICLE_ROW / 1e9
    return (
        f"vehicles.parquet will hold {rows:,} rows, about {size_gb:.1f} GB; with "
        "--set record.vehicles=100 only the first 100 vehicles are written, with =none no vehicle"
    )
