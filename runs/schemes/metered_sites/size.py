"""How much a run will write of single sites."""

from hmesh.runs.scenarios.record_section import MANY_ROWS
from hmesh.runs.scenarios.scenario import Scenario

# As of houses with storages, whose rows are alike.
BYTES_PER_SITE_ROW = 9.0


def size_note(scenario: Scenario) -> str:
    """Return a line where very many rows of single sites are written."""
    section, wanted = scenario.metered_sites, scenario.record.sites
    if section is None or wanted == "none":
        return ""
    sites = sum(
        1 if g.meter == "together" else len(g.load.members) if g.load.members else g.count
        for g in section.groups
    )
    sites = min(sites, wanted) if isinstance(wanted, int) else sites
    rows = scenario.steps * len(scenario.strategies) * sites
    if rows <= MANY_ROWS:
        return ""
    return (
        f"site_steps.parquet will hold {rows:,} rows, about {rows * BYTES_PER_SITE_ROW / 1e9:.1f} "
        "GB; with --set record.sites=100 only the first 100 sites are written, with =none no site"
    )
