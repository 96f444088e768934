"""Whether the rows of plans are those that should stand there, in any order."""

from collections.abc import Sequence

import numpy as np

from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Tally, relative
from hmesh.runs.audits.reference.shared_storage import AllowancePlan
from hmesh.runs.audits.table_reader import Columns

# The step, the strategy and the storage of a plan, and the outcome expected of it.
type PlanDue = tuple[int, int, int, AllowancePlan]


def compare_plans(tally: Tally, rows: Columns, expected: Sequence[PlanDue]) -> None:
    """Compare the rows of plans with the outcome expected of every alpha."""
    due = [
        (step, s, row, alpha, delivered, held[-1], float(alpha == made.chosen))
        for step, s, row, made in expected
        for alpha, (delivered, held) in enumerate(
            zip(made.delivered_kwh, made.stored_kwh, strict=True), start=1
        )
    ]
    names = ("step", "strategy", "storage", "alpha", "delivered_kwh", "final_kwh", "chosen")
    _compare(tally, "plan", rows, names, due)


def compare_courses(tally: Tally, rows: Columns, expected: Sequence[PlanDue]) -> None:
    """Compare what storages hold in each step of a plan with what they should hold."""
    due = [
        (step, s, row, alpha, stored)
        for _, s, row, made in expected
        for alpha, course in enumerate(made.stored_kwh, start=1)
        for step, stored in enumerate(course)
    ]
    names = ("step", "strategy", "storage", "alpha", "stored_kwh")
    _compare(tally, "course", rows, names, due)


def _compare(
    tally: Tally,
    what: str,
    rows: Columns,
    names: tuple[str, ...],
    due: Sequence[tuple[float, ...]],
) -> None:
    """Compare rows, sorted by their first four columns, with those that should stand there."""
    found = np.stack([rows[name].astype(np.float64) for name in names], axis=1)
    wanted = np.array(due, dtype=np.float64).reshape(-1, len(names))
    if len(found) != len(wanted):
        missing = np.array([float(abs(len(found) - len(wanted)))])
        tally.add(
            missing, lambda at: f"{counted(len(found), 'row')} in place of {len(wanted):,}", None
        )
        return
    if len(found) == 0:
        return
    found, wanted = (part[np.lexsort(part[:, 3::-1].T)] for part in (found, wanted))
    off = relative(found, wanted)
    tally.add(off, lambda at: f"{what} of alpha {wanted[at[0], 3]:.0f}, {names[at[1]]}", None)
