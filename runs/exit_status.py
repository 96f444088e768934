"""How commands end: an exit status and, where something is wrong, one line for each mistake."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.interruptions import exit_status, heard, ignore_from_now_on, raise_from_now_on

DONE, FAILED, WRONG_INPUT = 0, 1, 2


class Commands(TyperGroup):
    """Commands that answer a mistake of the person with one line each, never with a traceback.

    A mistake in a plugin is one of the person too.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except InputError as error:
            _end_refused(error)
        except KeyboardInterrupt:
            end_interrupted("interrupted")
        except Exception as error:
            # A library may have turned the interruption into a separate error.
            if heard():
                end_interrupted("interrupted")
            from hmesh.runs.plugins.failures import failure_of

            of_plugin = failure_of(error)
            if of_plugin is None:
                raise
            _end_refused(of_plugin)


def _end_refused(error: InputError) -> NoReturn:
    """End a command with one line for each mistake.

    Raises
    ------
    Exit
        Always.
    """
    for problem in error.problems:
        typer.echo(str(problem), err=True)
    raise typer.Exit(WRONG_INPUT) from None


def end_interrupted(message: str) -> NoReturn:
    """End a command that was interrupted.

    Raises
    ------
    Exit
        Always.
    """
    ignore_from_now_on()
    typer.echo(message, err=True)
    raise typer.Exit(exit_status()) from None


@contextmanager
def resumable(directory: Path) -> Iterator[None]:
    """Say how a run is continued when it is interrupted or the disk is full."""
    raise_from_now_on()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt) or heard()
        full = isinstance(error, InputError) and isinstance(error.__cause__, OSError)
        if not (interrupted or full) or not (directory / "run.json").is_file():
            raise
        remedy = f"continue with: hmesh resume {shlex.quote(str(directory))}"
        if interrupted:
            end_interrupted(f"interrupted; {remedy}")
        problems = error.problems if isinstance(error, InputError) else ()
        kept = Problem("", f"what was done is kept; {remedy}")
        raise InputError([*problems, kept]) from error.__cause__
