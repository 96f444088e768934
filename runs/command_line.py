"""The command line: what a person types, and what hMESH answers."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.runs import (
    browser_commands,
    compare_command,
    further_commands,
    import_command,
    pairs_command,
    replicate_command,
    result_commands,
    scenario_commands,
    sweep_commands,
)
from hmesh.runs.command_options import (
    Changes,
    NewRunFolder,
    NoProgress,
    Plugins,
    ScenarioName,
    Scheduler,
    Seed,
)
from hmesh.runs.exit_status import Commands, resumable
from hmesh.runs.interruptions import answer_at_once, ignore_from_now_on

app = typer.Typer(
    cls=Commands,
    name="hmesh",
    help="Simulate energy-sharing communities, and check the results.",
    epilog="Exit status: 0 done, 1 an audit or comparison failed, 2 wrong input, "
    "130 interrupted, 143 terminated.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"hmesh {version('hmesh')}")
        raise typer.Exit


@app.callback()
def hmesh(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Simulate energy-sharing communities, and check the results."""


app.command()(scenario_commands.scenarios)
app.command()(scenario_commands.init)
app.command()(scenario_commands.check)
app.command(name="import")(import_command.import_data)


@app.command()
def run(
    scenario: ScenarioName,
    changes: Changes = None,
    seed: Seed = None,
    plugins: Plugins = None,
    out: NewRunFolder = None,
    scheduler: Scheduler = None,
    no_progress: NoProgress = False,
) -> None:
    """Run a scenario and write its results."""
    from hmesh.runs import load_scenario, start_run
    from hmesh.runs.results.run_folder import next_folder
    from hmesh.runs.results.size_notes import size_note
    from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
    from hmesh.runs.terminal import draw_pictures, progress_bar, show_results

    loaded = load_scenario(scenario, changes or (), seed, plugins or ())
    for warning in scenario_warnings(loaded):
        typer.echo(f"warning: {warning}", err=True)
    if note := size_note(loaded):
        typer.echo(note, err=True)
    directory = out or next_folder(Path("results"), loaded.name)
    with resumable(directory):
        with progress_bar(shown=not no_progress) as progress:
            start_run(loaded, directory, progress, scheduler=scheduler)
        show_results(directory, draw_pictures(directory))


app.command()(further_commands.resume)
app.command()(further_commands.branch)
app.command()(result_commands.plot)
app.command()(result_commands.audit)
app.command()(result_commands.voltages)
app.command()(replicate_command.replicate)
app.command()(sweep_commands.sweep)
app.command()(sweep_commands.size)
app.command()(result_commands.export)
app.command()(browser_commands.report)
app.command()(browser_commands.live)
app.command()(pairs_command.pairs)
app.command()(compare_command.compare)


def main() -> None:
    """Answer the command line."""
    answer_at_once()
    try:
        app(prog_name="hmesh")
    finally:
        ignore_from_now_on()


if __name__ == "__main__":
    main()
