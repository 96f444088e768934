"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, loss

NOTES: Mapping[str, Note] = {
    "lights_out": Note("an outage kept street lights dark for a step"),
}


def rows(_: Sequence[Totals]) -> list[Row]:
    """Return its row of the summary table."""
    return [("street lights [kWh]", lambda t: t["lights_kwh"], loss, True)]
