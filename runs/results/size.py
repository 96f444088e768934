"""How much a run will write, told before it starts."""

from math import floor

from runs.scenarios.scenario import Scenario

# Measured: 8.6 million rows of two months of the built-in scenario take 113 MB.
BYTES_PER_VEHICLE_ROW = 13.0
# Measured: 288,000 rows of a hundred houses of the built-in scenario in April take 2.6 MB.
BYTES_PER_HOUSE_ROW = 9.0
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


def house_rows(scenario: Scenario) -> int:
    """Return how many rows of single houses with storages a run writes, at least.

    Houses of a measurement that names no members are as many as it holds, known once it is read.
    """
    if scenario.composite_storage is None or scenario.record.houses == "none":
        return 0
    houses = sum(
        len(group.appliances.members) if group.appliances.members else group.count
        for group in scenario.composite_storage.groups
    )
    if isinstance(scenario.record.houses, int):
        houses = min(houses, scenario.record.houses)
    return scenario.steps * len(scenario.strategies) * houses


def size_note(scenario: Scenario) -> str:
    """Return a line for each table of single vehicles, homes or houses of very many rows."""
    notes = (
        _vehicle_note(vehicle_rows(scenario)),
        _home_note(home_rows(scenario)),
        _house_note(house_rows(scenario)),
    )
    return "\n".join(filter(None, notes))


def _house_note(rows: int) -> str:
    if rows <= MANY_ROWS:
        return ""
    size_gb = rows * BYTES_PER_HOUSE_ROW / 1e9
    return (
        f"house_steps.parquet will hold {rows:,} rows, about {size_gb:.1f} GB; with "
        "--set record.houses=100 only the first 100 houses are written, with =none no house"
    )


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
