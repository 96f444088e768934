"""The commands that run a scenario many times: with other values, seeds or sizes."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.runs.command_options import Changes, NoProgress, Plugins, ScenarioName
from hmesh.runs.exit_status import DONE, FAILED, end_interrupted
from hmesh.runs.interruptions import raise_from_now_on


def sweep(
    scenario: ScenarioName,
    directory: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the sweep, or of one to go on.")
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary", metavar="KEY=VALUES", help="Values a,b,c or lowest:highest:number of a key."
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="N|A,B,C", help="How many seeds, or which.")
    ] = None,
    changes: Changes = None,
    plugins: Plugins = None,
    sample: Annotated[
        str, typer.Option("--sample", help="grid: all combinations; latin, sobol, morris: drawn.")
    ] = "grid",
    points: Annotated[
        int | None,
        typer.Option("--points", help="Points, of morris trajectories."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes. \\[default: one per processor]")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A Dask cluster instead.")
    ] = None,
    spread: Annotated[
        bool | None,
        typer.Option(
            "--spread/--no-spread",
            help="Spread one run after another over the whole cluster, or make runs side by side. "
            "\\[default: what keeps more of it busy]",
        ),
    ] = None,
    no_progress: NoProgress = False,
) -> None:
    """Run a scenario with many values and seeds; given again, go on with what is missing."""
    from rich.console import Console

    from hmesh.runs.printed_text import say
    from hmesh.runs.strategy_names import strategy_label
    from hmesh.runs.sweeps.sweep import run_sweep
    from hmesh.runs.sweeps.sweep_gains import sweep_gains_table
    from hmesh.runs.sweeps.sweep_summary import sweep_lines, sweep_table
    from hmesh.runs.terminal import progress_bar

    raise_from_now_on()
    try:
        with progress_bar(shown=not no_progress, what="runs") as progress:
            done = run_sweep(
                scenario, vary or (), directory, seeds=seeds, changes=changes or (),
                sample=sample, points=points, workers=workers, scheduler=scheduler,
                spread=spread,
                plugins=plugins or (), progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        end_interrupted("interrupted; the same command continues the sweep")
    Console().print(sweep_table(done.ensemble))
    if (gains := sweep_gains_table(done.ensemble)) is not None:
        typer.echo(f"Gains against {strategy_label(done.ensemble.strategies[0])}")
        Console().print(gains)
    for line in sweep_lines(done):
        say(line)
    typer.echo(f"results: {directory}")
    raise typer.Exit(FAILED if done.failures else DONE)


def size(
    scenario: ScenarioName,
    directory: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the runs, or of some to go on.")
    ],
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary", metavar="KEY=VALUES", help="Sizes a,b,c or lowest:highest:number of a key."
        ),
    ],
    changes: Changes = None,
    plugins: Plugins = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes. \\[default: one per processor]")
    ] = None,
    no_progress: NoProgress = False,
) -> None:
    """Compare sizes of devices: payback, net present value and internal rate of return."""
    from rich.console import Console

    from hmesh.runs.printed_text import say
    from hmesh.runs.sweeps.sizing import size_assumptions, size_lines, size_table
    from hmesh.runs.sweeps.sweep import run_sweep
    from hmesh.runs.terminal import progress_bar

    raise_from_now_on()
    try:
        with progress_bar(shown=not no_progress, what="runs") as progress:
            done = run_sweep(
                scenario, vary, directory, changes=changes or (), workers=workers,
                plugins=plugins or (), progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        end_interrupted("interrupted; the same command continues")
    Console().print(size_table(done.ensemble))
    for line in size_lines(done.ensemble):
        say(line)
    for table in size_assumptions(done.ensemble):
        Console().print(table)
    typer.echo(f"results: {directory}")
    raise typer.Exit(FAILED if done.failures else DONE)
