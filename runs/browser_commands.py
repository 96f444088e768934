"""The commands whose result is shown in a browser: the report of runs, and the live view."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.runs.command_options import Changes, NoProgress, Plugins, ScenarioName, Seed
from hmesh.runs.interruptions import raise_from_now_on


def report(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of runs, side by side.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The page. \\[default: DIR/report.html, or report.html]"
        ),
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            metavar="FORMAT",
            help="Write the trips into each DIR too: geojson, kepler, deckgl, matsim, sumo, gif, "
            "mp4.",
        ),
    ] = None,
    no_audit: Annotated[bool, typer.Option("--no-audit", help="Leave the audit out.")] = False,
    no_progress: NoProgress = False,
) -> None:
    """Write one web page about runs: figures, charts, the moving map; needs no network."""
    from hmesh.runs import export_trips, write_report
    from hmesh.runs.report.exports import refuse_unknown
    from hmesh.runs.terminal import progress_bar

    refuse_unknown(export or ())
    raise_from_now_on()
    page = out or (directories[0] if len(directories) == 1 else Path()) / "report.html"
    with progress_bar(shown=not no_progress, what="steps audited") as progress:
        reported = write_report(directories, page, audit=not no_audit, progress=progress)
    for line in reported:
        typer.echo(line)
    for directory in directories if export else ():
        for path in export_trips(directory, export or ()):
            typer.echo(f"trips: {path}")
    typer.echo(f"page: {page}")


def live(
    scenario: ScenarioName,
    changes: Changes = None,
    seed: Seed = None,
    plugins: Plugins = None,
    strategy: Annotated[
        str | None,
        typer.Option("--strategy", help="Strategy to watch first. \\[default: the last compared]"),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0 for any free one.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print where the page is.")
    ] = False,
) -> None:
    """Watch a scenario step by step in the browser."""
    from hmesh.runs.live.server import refuse_without_extra, watch
    from hmesh.runs.live.source import make_source

    refuse_without_extra()
    raise_from_now_on()
    watch(
        make_source(scenario, changes or (), seed, strategy, plugins or ()),
        port,
        open_browser=not no_browser,
        report=typer.echo,
    )
