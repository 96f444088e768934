"""The command that compares published figures with simulated ones."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.runs.command_options import Changes, NoProgress
from hmesh.runs.exit_status import DONE, FAILED
from hmesh.runs.interruptions import raise_from_now_on


def replicate(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="[STUDY]...", help="Which studies; all if none.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for tables and figures, or to go on."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="PART", help="A part of the study.")
    ] = None,
    changes: Changes = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Draw the figures of the source into --out.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FOLDER", help="Dataset of measured buildings to compare."),
    ] = None,
    no_progress: NoProgress = False,
) -> None:
    """Compare published figures with simulated ones, cell by cell."""
    from rich.console import Console

    from hmesh.runs.studies.replicate import replicate as replicate_studies
    from hmesh.runs.studies.study_parts import LONG_S, StudyPart
    from hmesh.runs.terminal import progress_bar

    def begins(part: StudyPart) -> None:
        if part.seconds >= LONG_S and not no_progress:
            typer.echo(f"{part.name}: about {part.seconds} s on an idle core", err=True)

    raise_from_now_on()
    with progress_bar(shown=not no_progress, what="steps") as progress:
        reports = replicate_studies(
            studies or [], progress, data, only=only or [], changes=changes or [], out=out,
            figures=figures, begins=begins,
        )  # fmt: skip
    for report in reports:
        Console().print(report)
    raise typer.Exit(DONE if all(report.passed for report in reports) else FAILED)
