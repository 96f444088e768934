"""What goes wrong while results are shown is blamed on results that fail their audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.results.run_folder import read_folder

_OF_DATA = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


@contextmanager
def of_sound_results(directory: Path | str) -> Iterator[None]:
    """Refuse results that cannot be shown because no run wrote them.

    Who shows results may rely on tables that have every row once and name what the scenario names.
    A table that was changed, with its digest, need not. It is audited only when that matters.

    Raises
    ------
    InputError
        In place of any other error, if the results fail their audit. It names the first check that
        fails.
    """
    try:
        yield
    except InputError:
        raise
    except _OF_DATA as error:
        from hmesh.runs.audits.run_audit import audit_run

        if not read_folder(directory).complete:
            raise
        failed = [check for check in audit_run(directory).checks if check.passed is False]
        if not failed:
            raise
        says = ", ".join(part for part in (failed[0].name, failed[0].note) if part)
        message = f"cannot be shown, as no run writes such results; their audit says: {says}"
        raise InputError([Problem(str(directory), message)]) from error
