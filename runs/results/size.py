"""How much a run will write, told before it starts."""

from math import floor

from runs.scenarios.scenario import Scenario

# Measured: 8.6 million rows of two months of the built-in scenario take 113 MB.
BYTES_PER_VEHICLE_ROW = 13.0
MANY_ROWS = 20_000_000


def vehicle_rows(scenario: Scenario) -> int:
    """Return how many rows of single vehicles a run writes at most."""
    if "vehicles" not in scenario.schemes or scenario.record.vehicles == "none":
        return 0
    years = scenario.hours / 8760
    vehicles = scenario.vehicles.count + floor(scenario.growth.vehicles_per_year * years)
    if isinstance(scenario.record.vehicles, int):
        vehicles = min(vehicles, scenario.record.vehicles)
    return scenario.steps * len(scenario.strategies) * vehicles


def home_rows(scenario: Scenario) -> int:
    """Return how many rows of single appliances and storages of smart homes a run writes."""
    if scenario.smart_homes is None or scenario.record.homes == "none":
        return 0
    left = scenario.record.homes if isinstance(scenario.record.homes, int) else 2**62
    devices = 0
    for group in scenario.smart_homes.groups:
        homes = min(left, group.count)
        left -= homes
        devices += homes * (len(group.appliances) + len(group.storages))
    return scenario.steps * len(scenario.strategies) * devices


def size_note(scenario: Scenario) -> str:
    """Return a line about rows of single vehicles or homes where they are very many."""
    notes = (_vehicle_note(vehicle_rows(scenario)), _home_note(home_rows(scenario)))
    return "\n".join(filter(None, notes))


def _home_note(rows: int) -> str:
    if rows <= MANY_ROWS:
        return ""
    return (
        f"home_appliances.parquet and home_storages.parquet will hold {rows:,} rows, and "
        "home_flows.parquet about as many; with --set record.homes=100 only the first 100 homes "
        "are written, with =none no home"
    )


def _vehicle_note(rows: int) -> str:
    if rows <= MANY_ROWS:
        return ""
    size_gb = rows * BYTES_PER_VEHICLE_ROW / 1e9
    return (
        f"vehicles.parquet will hold {rows:,} rows, about {size_gb:.1f} GB; with "
        "--set record.vehicles=100 only the first 100 vehicles are written, with =none no vehicle"
    )
