"""The rows of events.parquet about one kind of subject, compared with what should have happened."""

import numpy as np

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import DamagedTableError, TableReader
from hmesh.runs.results.event_kinds import KINDS, SUBJECTS
from hmesh.runs.results.run_reader import Run

HOUR_MS = 3_600_000
_COLUMNS = ("strategy", "time", "kind", "number", "vehicle", "place", "value")


class EventRows:
    """Compares what is written of a subject with what should have happened, some steps at a time.

    Parameters
    ----------
    run, inputs : Run, RunInputs
        The run, and what its scenario settles.
    subject : str
        Such as "vehicle".
    why : str
        What the events follow from.
    """

    def __init__(self, run: Run, inputs: RunInputs, subject: str, why: str) -> None:
        self.inputs, self._subject = inputs, subject
        coded = {
            "strategy": inputs.strategies, "kind": KINDS, "subject": SUBJECTS,
            "place": inputs.communities,
        }  # fmt: skip
        self._reader = TableReader(run, "events", coded, inputs.start_ms)
        plural = {"bus": "buses", "utility": "utilities"}.get(subject, f"{subject}s")
        self.tally = Tally(f"events of {plural}: {why}", EXACT)
        self._due: list[tuple[float, ...]] = []

    def note(
        self, s: int, kind: str, at_ms: float, number: int, place: int = -1, value: float = 0.0
    ) -> None:
        """Say what should have happened under a strategy, given by its number."""
        vehicle = number if self._subject == "vehicle" else -1
        row = (s, at_ms / HOUR_MS, KINDS.index(kind), number, vehicle, place, value)
        self._due.append(row)

    def compare(self, last: int) -> None:
        """Compare what is written of the steps before one with what should have happened."""
        rows = self._reader.before("time", last * self.inputs.step_h - 1e-9)
        mine = rows["subject"] == SUBJECTS.index(self._subject)
        found = np.column_stack([rows[name][mine].astype(np.float64) for name in _COLUMNS])
        wanted = np.array(self._due, dtype=np.float64).reshape(-1, len(_COLUMNS))
        # Times are whole milliseconds on both sides.
        found, wanted = (each[np.lexsort(np.round(each, 9)[:, ::-1].T)] for each in (found, wanted))
        found, wanted = (np.nan_to_num(each, nan=-1.0) for each in (found, wanted))
        common = min(len(found), len(wanted))
        off = np.abs(found[:common] - wanted[:common]).max(axis=1, initial=0.0)
        more = np.full(abs(len(found) - len(wanted)), np.inf)
        self.tally.add(np.concatenate((off, more)), lambda at: f"row {at[0]}", None)
        self._due = []

    def check(self) -> Check:
        """Return what was found."""
        rest = self._reader.rest()["subject"]
        if (rest == SUBJECTS.index(self._subject)).any():
            raise DamagedTableError("events", "there are rows after the run")
        return self.tally.check()
