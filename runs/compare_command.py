"""The command that shows two or more runs side by side."""

import csv
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hmesh.runs.command_options import RunFolders

if TYPE_CHECKING:
    from hmesh.runs.compared_runs import ComparedRuns

TABLE, PICTURE = "compared.csv", "compared.png"


def compare(
    directories: RunFolders,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for a table of all figures, a picture."),
    ] = None,
) -> None:
    """Show two or more runs side by side, and what differs in their scenarios."""
    from rich.console import Console

    from hmesh.runs.compared_runs import compare_runs, difference_table
    from hmesh.runs.printed_text import say
    from hmesh.runs.run_summary import summary_table
    from hmesh.runs.strategy_names import strategy_label

    compared = compare_runs(directories)
    console = Console()
    differences = difference_table(compared)
    if differences is None:
        typer.echo("The scenarios are the same.")
    else:
        typer.echo("What differs in the scenarios")
        console.print(differences)
    for strategy in compared.strategies:
        typer.echo(strategy_label(strategy))
        every = dict(zip(compared.names, compared.totals(strategy), strict=True))
        console.print(summary_table(every, compared.currency, label=str))
    say(compared.finding())
    for note in compared.notes():
        say(note)
    if out is not None:
        write_compared(compared, out)
        typer.echo(f"results: {out / TABLE}, {out / PICTURE}")


def write_compared(compared: "ComparedRuns", folder: Path) -> None:
    """Write all figures as a table, and the picture, into a folder."""
    from matplotlib import style as matplotlib_style

    from hmesh.environment.safe_files import beside, own_folder
    from hmesh.runs.compared_runs import rows_of
    from hmesh.runs.pictures.compared_picture import draw_compared
    from hmesh.runs.pictures.figure_layout import style

    own_folder(folder, make=True)
    with beside(folder / TABLE) as new, new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["strategy", "quantity", *compared.names])
        writer.writeheader()
        writer.writerows(rows_of(compared))
    with matplotlib_style.context(["default", style()]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        drawing = draw_compared(compared)
        assert drawing.figure is not None
        with beside(folder / PICTURE) as new:
            about = {"Title": "compared runs", "Description": drawing.finding}
            drawing.figure.savefig(new, format="png", metadata=about)
