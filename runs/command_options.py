"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.runs.completion import complete_change, complete_run, complete_scenario

ScenarioName = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="Name of a built-in scenario, or a YAML file.",
        autocompletion=complete_scenario,
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key, such as vehicles.count=500.",
        autocompletion=complete_change,
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed in place of the scenario's.")]
NewRunFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="New folder for the results. \\[default: results/NAME-N]"
    ),
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder of a run.", autocompletion=complete_run)
]
RunFolders = Annotated[
    list[Path],
    typer.Argument(metavar="DIR DIR...", help="Folders of runs.", autocompletion=complete_run),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE|MODULE", help="Load a plugin too; may be repeated."),
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let the workers of a Dask cluster hold the vehicles, in blocks of rows.",
    ),
]
