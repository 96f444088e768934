"""The commands with which a scenario begins: which there are, and one of your own."""

from pathlib import Path
from typing import Annotated

import typer


def scenarios() -> None:
    """List the built-in scenarios."""
    from hmesh.runs.scenarios.scenario_files import builtin_scenarios

    found = builtin_scenarios()
    width = max(len(name) for name, _ in found)
    for name, description in found:
        typer.echo(f"{name:<{width}}  {description}")


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the scenario.")],
    folder: Annotated[
        Path, typer.Option("--in", metavar="FOLDER", help="Where the files go.")
    ] = Path(),
) -> None:
    """Write a small commented scenario to start from, with a file of loads."""
    from hmesh.runs.scenarios.new_scenario import write_new_scenario

    scenario, loads = write_new_scenario(name, folder)
    typer.echo(f"wrote {scenario} and {loads}")
    typer.echo("next:")
    typer.echo(f"  hmesh check {_word(scenario)}")
    typer.echo(f"  hmesh run {_word(scenario)}")


def _word(path: Path) -> str:
    """Return a path as a shell takes it."""
    import shlex

    return shlex.quote(str(path))
