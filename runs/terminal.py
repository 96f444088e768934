"""What a run shows in the terminal: how far it is, and what it came to."""

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
from rich.table import Table

from .run_reader import Run

ROWS = (
    ("par", "peak to average", ".3f"),
    ("peak_kw", "peak [kW]", ",.0f"),
    ("mean_kw", "mean [kW]", ",.0f"),
    ("vehicle_kwh", "vehicles, net [kWh]", ",.0f"),
    ("ev_bill", "vehicles' bill [{currency}]", ",.0f"),
    ("school_bill", "schools' bill [{currency}]", ",.0f"),
    ("aggregator_profit", "aggregators' profit [{currency}]", ",.0f"),
    ("utility_profit", "utility's profit [{currency}]", ",.0f"),
    ("generation_cost", "generation cost [{currency}]", ",.0f"),
    ("losses_kwh", "losses [kWh]", ",.0f"),
    ("unmet_trip_kwh", "energy that trips lacked [kWh]", ",.1f"),
)


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how far something is.

    Parameters
    ----------
    shown
        Whether to show a bar; none is shown where the error output is no terminal.

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
        task = progress.add_task("steps", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def summary_table(run: Run) -> Table:
    """Return what a finished run came to, with a column for each strategy."""
    strategies = run.info["scenario"]["strategies"]
    table = Table(title=run.info["scenario"]["name"], title_justify="left")
    table.add_column("")
    for strategy in strategies:
        table.add_column(strategy, justify="right")
    for key, label, form in ROWS:
        values = [run.summary[strategy].get(key) for strategy in strategies]
        if any(value is not None for value in values):
            cells = ["-" if value is None else format(value, form) for value in values]
            # Brackets would be taken for a style.
            table.add_row(label.format(currency=run.info["currency"]).replace("[", r"\["), *cells)
    return table
