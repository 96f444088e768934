"""How much a run will write, stated before it starts."""

from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import sections_first

MANY_ROWS = 20_000_000


def size_note(scenario: Scenario) -> str:
    """Return a line for each table of very many rows."""
    notes = (
        each.part("size_note")(scenario)
        for each in sections_first()
        if each.size_note and each.name in scenario.schemes
    )
    return "\n".join(filter(None, notes))
