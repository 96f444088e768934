"""Rows of a step in the tables of schemes: which are written, and what each begins with."""

from collections.abc import Mapping
from typing import Any

from hmesh.runs.schemes.scheme_step import RowWriter

# Which of its owner's storages a store is, in tables, where each owner has one.
BATTERY, STORAGE = "battery", "storage"


def first_recorded(wanted: str | int, count: int) -> int:
    """Return how many of so many agents, counted from the first, are written down.

    Parameters
    ----------
    wanted : str or int
        What `record` of the scenario says: "all", "none" or how many.
    count : int
        How many there are.
    """
    return min(wanted, count) if isinstance(wanted, int) else count if wanted == "all" else 0


def write_rows(
    writer: RowWriter,
    scheme: Any,
    table: str,
    columns: Mapping[str, Any],
    first: int | None = None,
) -> None:
    """Append rows of a step, which begin with its number and the strategy.

    Parameters
    ----------
    writer : RowWriter
        Where they go.
    scheme : Scheme
        The scheme, with its `simulation`.
    table : str
        Name of the table.
    columns : dict
        Its other columns by name.
    first : int or None
        How many rows are written, from the first; all if not given.
    """
    simulation = scheme.simulation
    shown = columns if first is None else {name: held[:first] for name, held in columns.items()}
    about = {"step": simulation.step_index, "strategy": simulation.strategy}
    writer.add(table, about | dict(shown))
