"""The commands on scenarios: list them, write a first one, and check one."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.environment.number_words import counted
from hmesh.runs.command_options import Changes, Plugins, Seed


def scenarios() -> None:
    """List the built-in scenarios, and those of the studies of emergence."""
    from hmesh.runs.scenarios.scenario_files import builtin_scenarios, study_scenarios

    found, studies = builtin_scenarios(), study_scenarios()
    width = max(len(name) for name, _ in (*found, *studies))
    for name, description in found:
        typer.echo(f"{name:<{width}}  {description}")
    typer.echo("\nstudies of emergence, each with a notebook:")
    for name, description in studies:
        typer.echo(f"{name:<{width}}  {description}")


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of scenario and files.")],
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


def check(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="Name of a built-in scenario, a YAML file, a dataset's folder, or a grid.",
        ),
    ],
    changes: Changes = None,
    seed: Seed = None,
    plugins: Plugins = None,
) -> None:
    """Find every mistake in a scenario and the files it names, in a dataset or a grid."""
    from hmesh.environment.grid_files.read_grid import is_grid, read_grid
    from hmesh.runs.imported_grid import grid_report
    from hmesh.runs.printed_text import say
    from hmesh.runs.results.size_notes import size_note
    from hmesh.runs.scenarios.check import check_scenario
    from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
    from hmesh.runs.world.dataset_files import check_dataset, dataset_report, is_dataset

    if is_dataset(Path(scenario)):
        for line in dataset_report(check_dataset(Path(scenario))):
            typer.echo(line)
        return

    if is_grid(Path(scenario)):
        for line in grid_report(read_grid(Path(scenario))):
            typer.echo(line)
        return

    checked = check_scenario(scenario, changes or (), seed, plugins or ())
    for warning in scenario_warnings(checked):
        say(f"warning: {warning}")
    typer.echo(
        f"{checked.name} is fine: {counted(checked.steps, 'step')} of {checked.step_h:g} h, "
        f"communities {', '.join(checked.communities)}, "
        f"{counted(checked.vehicles.count, 'vehicle')}, "
        f"strategies {', '.join(checked.strategies)}"
    )
    if note := size_note(checked):
        say(note)


def _word(path: Path) -> str:
    """Return a path as a shell takes it."""
    import shlex

    return shlex.quote(str(path))
