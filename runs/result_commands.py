"""The commands that look at a finished run: pictures, audit, voltages and other forms."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.runs.command_options import RunFolder
from hmesh.runs.exit_status import DONE, FAILED
from hmesh.runs.interruptions import raise_from_now_on


def plot(
    directory: RunFolder,
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="png, svg or pdf.")
    ] = "png",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Draw this picture alone; may be repeated."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="SIZE",
            help="column (3.5 in wide), page (7.16 in), or width and height as 8,5 \\[in].",
        ),
    ] = None,
    dpi: Annotated[
        int | None, typer.Option("--dpi", metavar="N", help="Pixels per inch. \\[default: 160]")
    ] = None,
) -> None:
    """Draw the pictures of a complete run."""
    from rich.console import Console

    from hmesh.runs.pictures.picture_form import picture_form
    from hmesh.runs.plots import draw_plots
    from hmesh.runs.printed_text import say

    form = picture_form(format, size, dpi)
    raise_from_now_on()
    with Console(stderr=True).status("drawing the pictures"):
        plots = draw_plots(directory, only=only or (), form=form)
    for drawn in plots:
        say(f"{drawn.name}: {drawn.finding}")
    typer.echo(f"pictures: {directory / 'plots'}")


def audit(directory: RunFolder) -> None:
    """Check a finished run against exact answers: equilibrium, energy and money."""
    from rich.console import Console

    from hmesh.runs import audit_run

    report = audit_run(directory)
    Console().print(report)
    raise typer.Exit(DONE if report.passed else FAILED)


def voltages(
    directory: RunFolder,
    power_factor: Annotated[
        float, typer.Option("--power-factor", help="Active over apparent power of what is drawn.")
    ] = 1.0,
) -> None:
    """Solve the grid of a finished run with alternating current, as a check of its tree."""
    from rich.console import Console

    from hmesh.runs.voltages import solve_voltages

    raise_from_now_on()
    Console().print(solve_voltages(directory, power_factor))
    typer.echo(f"tables: {directory / 'voltages.parquet'}, {directory / 'ac_lines.parquet'}")


def export(
    directory: RunFolder,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="FORM", help="csv, xlsx, xarray (netCDF), pypsa or pandapower."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="New folder or file.")],
    tables: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="NAME", help="Of csv, xlsx: this table; may be repeated."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option("--strategy", help="Of a network: whose energies. \\[default: first]"),
    ] = None,
) -> None:
    """Write the results of a finished run in the form of another program."""
    from hmesh.runs.results.exported import export_run

    raise_from_now_on()
    for line in export_run(directory, to, out, tables or (), strategy):
        typer.echo(line)
