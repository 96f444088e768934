"""Commands that continue a run: resume it, extend it, or branch it."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.environment.number_words import counted
from hmesh.runs.command_options import NoProgress, RunFolder, Scheduler
from hmesh.runs.exit_status import resumable

_Hours = Annotated[
    str | None,
    typer.Option("--hours", metavar="+N|N", help="Extend it by N hours, or to N hours."),
]


def resume(
    directory: RunFolder,
    hours: _Hours = None,
    allow_changed_plugins: Annotated[
        bool,
        typer.Option("--allow-changed-plugins", help="Go on with plugins that have changed."),
    ] = False,
    scheduler: Scheduler = None,
    no_progress: NoProgress = False,
) -> None:
    """Continue an interrupted run, extend a complete one, or draw its missing pictures."""
    from hmesh.runs import read_run
    from hmesh.runs.further_runs import extend_run
    from hmesh.runs.results.versions import versions_note
    from hmesh.runs.terminal import draw_pictures, show_results

    if hours is not None:
        begun = extend_run(directory, hours)
        _report_steps(begun.steps_done, begun.why)
    complete = read_run(directory).complete
    if not complete and (note := versions_note(directory)):
        typer.echo(note, err=True)
    with resumable(directory):
        _finish(directory, no_progress, allow_changed_plugins, scheduler)
        plots = draw_pictures(directory, missing_only=complete)
        if complete and not plots:
            typer.echo(f"{directory}: this run is complete; nothing is left to do")
        else:
            show_results(directory, plots)


def branch(
    directory: RunFolder,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="Local time from which the changes count.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder.")],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Bounds of prices, prices.time_of_use, feeders_out or vehicles from then on.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="When the changes end.")
    ] = None,
    hours: _Hours = None,
    no_progress: NoProgress = False,
) -> None:
    """Branch a run: what its results would be if values changed at a given time."""
    from hmesh.runs.further_runs import branch_run
    from hmesh.runs.terminal import draw_pictures, show_results

    begun = branch_run(directory, at, out, changes or (), until=until, hours=hours)
    _report_steps(begun.steps_done, begun.why)
    with resumable(out):
        _finish(out, no_progress)
        show_results(out, draw_pictures(out))


def _finish(
    directory: Path,
    no_progress: bool,
    allow_changed_plugins: bool = False,
    scheduler: str | None = None,
) -> None:
    from hmesh.runs import resume_run
    from hmesh.runs.terminal import progress_bar

    with progress_bar(shown=not no_progress) as progress:
        resume_run(
            directory,
            progress,
            allow_changed_plugins=allow_changed_plugins,
            scheduler=scheduler,
        )


def _report_steps(steps_done: int, why: str) -> None:
    if why:
        typer.echo(f"all steps are made again: {why}", err=True)
    else:
        typer.echo(f"{counted(steps_done, 'step is', 'steps are')} taken over", err=True)
