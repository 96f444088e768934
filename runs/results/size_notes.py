"""How much a run will write, stated before it starts."""

from hmesh.runs.scenarios.record_section import MANY_ROWS, Record, most_recorded
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import sections_first


def size_note(scenario: Scenario) -> str:
    """Return a line for each table of very many rows, and for what is written automatically."""
    notes = (
        each.part("size_note")(scenario)
        for each in sections_first()
        if each.size_note and each.name in scenario.schemes
    )
    return "\n".join(filter(None, (*notes, _limit_note(scenario))))


def _limit_note(scenario: Scenario) -> str:
    """Return a line where the number written of each kind is the one that "auto" stands for."""
    most = most_recorded(scenario)
    kinds = [kind for kind in Record.kinds if getattr(scenario.record, kind) == most]
    if not kinds:
        return ""
    named = "each kind" if len(kinds) == len(Record.kinds) else " and ".join(kinds)
    return (
        f"of {named} at most the first {most:,} are written at every step, which makes "
        f"up to {MANY_ROWS:,} rows (record: auto); all are simulated"
    )
