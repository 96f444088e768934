"""What happens at its own moment in the world of one strategy, kept until it is written."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.moments import MS_PER_H
from hmesh.runs.results.buffer import Coded
from hmesh.runs.results.event_kinds import KINDS, SUBJECTS

type Numbers = int | NDArray[np.integer[Any]]

_COLUMNS = ("at_ms", "subject", "number", "kind", "place")
_WIDTH = len(_COLUMNS) + 1


class EventLog:
    """Keeps events until the step is written in which they happen.

    Parameters
    ----------
    wanted : bool
        Whether any is kept.
    """

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self._rows: list[FloatArray] = []

    def note(
        self,
        kind: str,
        subject: str,
        at_ms: Numbers,
        number: Numbers,
        place: Numbers = -1,
        value: float | FloatArray = 0.0,
    ) -> None:
        """Keep events of one kind, one of each argument for each or for all of them.

        Parameters
        ----------
        kind, subject : str
            What happens, and to what: see `hmesh.runs.results.event_kinds`.
        at_ms, number, place : int or array of int
            When [ms], which of the subjects, and in which community, -1 for none.
        value : float or array
            What the kind states.
        """
        if not self.wanted:
            return
        columns = np.broadcast_arrays(
            at_ms, SUBJECTS.index(subject), number, KINDS.index(kind), place, value
        )
        self._rows.append(np.column_stack([np.atleast_1d(c).astype(np.float64) for c in columns]))

    def before(self, end_ms: int | None) -> dict[str, Any] | None:
        """Return what happens before a moment as columns of events.parquet, and forget it.

        All that is still to come where no moment is given. In the order of time, those of one
        moment by what they happen to; None where nothing did.
        """
        if not self._rows:
            return None
        rows = np.concatenate(self._rows)
        due = rows[:, 0] < (np.inf if end_ms is None else end_ms)
        self._rows = [] if due.all() else [rows[~due]]
        rows = rows[due]
        rows = rows[np.lexsort(rows[:, 3::-1].T)]
        return None if len(rows) == 0 else self._columns(rows)

    def _columns(self, rows: FloatArray) -> dict[str, Any]:
        whole = {name: rows[:, k].astype(np.int64) for k, name in enumerate(_COLUMNS)}
        vehicle = whole["subject"] == SUBJECTS.index("vehicle")
        return {
            "time": whole["at_ms"] / MS_PER_H,
            "kind": Coded(whole["kind"], KINDS),
            "vehicle": np.where(vehicle, whole["number"], -1),
            "place": whole["place"],
            "value": rows[:, -1],
            "subject": Coded(whole["subject"], SUBJECTS),
            "number": whole["number"],
        }

    def state(self) -> dict[str, Any]:
        """Return what is still to come."""
        rows = np.concatenate(self._rows) if self._rows else np.empty((0, _WIDTH))
        return {"rows": rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self._rows = [state["rows"]] if len(state["rows"]) else []
