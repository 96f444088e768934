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


@contextmanager
def progress_bar(*, shown: bool, what: str = "steps") -> Iterator[Callable[[int, int], None]]:
    """Show how far something is.

    Parameters
    ----------
    shown
        Whether to show a bar; none is shown where the error output is no terminal.
    what
        What the parts are.

    Yields
    ------
    callable
        To be called with the number of parts done and of all parts.
    """
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda done, total: None
        return
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
