"""How far something is, in the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from runs.progress_lines import lines_to_stderr


@contextmanager
def progress_bar(*, shown: bool, what: str = "steps") -> Iterator[Callable[[int, int], None]]:
    """Show how far something is, on the error output.

    Parameters
    ----------
    shown
        Whether to show it: a bar in a terminal; elsewhere a line after 2 s, more lines at growing
        intervals, and then one a minute.
    what
        What the parts are.

    Yields
    ------
    callable
        To be called with the number of parts done and of all parts.
    """
    console = Console(stderr=True)
    if not shown:
        yield lambda done, total: None
    elif not console.is_terminal:
        with lines_to_stderr(what) as update:
            yield update
    else:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
