"""What a person sees in the terminal: progress, and the results of a run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hmesh.runs.garbage import look_as_usual
from hmesh.runs.plots import Plot, draw_plots
from hmesh.runs.printed_text import say
from hmesh.runs.progress_lines import lines_to_stderr
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.run_notes import notes
from hmesh.runs.run_summary import summary_table
from hmesh.runs.who_gains import compared, gains_note, gains_sentence, gains_table


@contextmanager
def progress_bar(*, shown: bool, what: str = "steps") -> Iterator[Callable[[int, int], None]]:
    """Show progress on the error output.

    Parameters
    ----------
    shown : bool
        Whether to show it: a bar in a terminal; elsewhere a line after 2 s, more lines at growing
        intervals, and then one a minute.
    what : str, optional
        What the parts are.

    Yields
    ------
    callable
        To be called with the number of parts done and of all parts.
    """
    look_as_usual()
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


def draw_pictures(directory: Path, *, missing_only: bool = False) -> list[Plot]:
    """Draw the pictures of a complete run, if its scenario wants any."""
    if not read_run(directory).info["scenario"]["plots"]:
        return []
    with Console(stderr=True).status("drawing the pictures"):
        return draw_plots(directory, missing_only=missing_only)


def show_results(directory: Path, plots: Sequence[Plot]) -> None:
    """Print the results of a complete run, and what its pictures show."""
    run = read_run(directory)
    strategies = run.info["scenario"]["strategies"]
    currency = run.info["currency"]
    if compared(run.summary, strategies):
        say(gains_sentence(run.summary, currency, strategies))
        Console().print(gains_table(run.summary, currency, strategies))
        say(gains_note(run.summary, currency, strategies))
    Console().print(summary_table(run.summary, currency, strategies))
    for line in notes(run.summary, strategies):
        say(line)
    for plot in plots:
        say(f"{plot.name}: {plot.finding}")
    typer.echo(f"results: {directory}")
