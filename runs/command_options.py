"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="Name of a built-in scenario, or a YAML file.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as vehicles.count=500."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed in place of the scenario's.")]
NewRunFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="New folder for the results. [default: results/NAME-N]"
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE|MODULE", help="Load a plugin too; may be repeated."),
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress.")]
