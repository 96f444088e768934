"""How much a run will write of single homes."""

from hmesh.runs.scenarios.record_section import MANY_ROWS
from hmesh.runs.scenarios.scenario import Scenario


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
    """Return a line where very many rows of single homes are written."""
    rows = home_rows(scenario)
    if rows <= MANY_ROWS:
        return ""
    return (
        f"home_appliances.parquet and home_storages.parquet will hold {rows:,} rows, and "
        "home_flows.parquet about as many; with --set record.homes=100 only the first 100 homes "
        "are written, with =none no home"
    )
