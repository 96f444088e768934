"""How much a run will write of single houses."""

from hmesh.runs.scenarios.record_section import MANY_ROWS
from hmesh.runs.scenarios.scenario import Scenario

# Measured: 288,000 rows of a hundred houses of the built-in scenario in April take 2.6 MB.
BYTES_PER_HOUSE_ROW = 9.0


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
    """Return a line where very many rows of single houses are written."""
    rows = house_rows(scenario)
    if rows <= MANY_ROWS:
        return ""
    size_gb = rows * BYTES_PER_HOUSE_ROW / 1e9
    return (
        f"house_steps.parquet will hold {rows:,} rows, about {size_gb:.1f} GB; with "
        "--set record.houses=100 only the first 100 houses are written, with =none no house"
    )
