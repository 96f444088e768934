"""The command line: what a person types, and what hMESH answers."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.environment.datasets.readers.kinds import KINDS
from hmesh.runs import (
    browser_commands,
    compare_command,
    further_commands,
    pairs_command,
    scenario_commands,
)
from hmesh.runs.command_options import (
    Changes,
    NewRunFolder,
    NoProgress,
    Plugins,
    RunFolder,
    ScenarioName,
    Seed,
)
from hmesh.runs.exit_status import DONE, FAILED, Commands, end_interrupted, resumable
from hmesh.runs.interruptions import answer_at_once, ignore_from_now_on, raise_from_now_on

app = typer.Typer(
    cls=Commands,
    name="hmesh",
    help="Simulate energy-sharing communities, and check what comes out of it.",
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
    """Simulate energy-sharing communities, and check what comes out of it."""


app.command()(scenario_commands.scenarios)
app.command()(scenario_commands.init)


@app.command()
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
        typer.echo(f"warning: {warning}")
    typer.echo(
        f"{checked.name} is fine: {checked.steps:,} steps of {checked.step_h:g} h, "
        f"communities {', '.join(checked.communities)}, {checked.vehicles.count:,} vehicles, "
        f"strategies {', '.join(checked.strategies)}"
    )
    if note := size_note(checked):
        typer.echo(note)


@app.command(name="import")
def import_data(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help=f"One of {', '.join(KINDS)}, grid, places, or one of a plugin."
        ),
    ],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The file or folder.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="New folder; of a grid a CSV file, of places a scenario.",
        ),
    ],
    time_zone: Annotated[str | None, typer.Option(help="IANA name of the time zone.")] = None,
    start: Annotated[str | None, typer.Option(help="When the first interval starts.")] = None,
    clock: Annotated[
        str | None, typer.Option(help="Clock of the times: utc, wall or standard.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217 code of the prices.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the data.")] = None,
    time_format: Annotated[
        str | None, typer.Option(help="How times are written, such as '%d.%m.%Y %H:%M'.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of the numbers: kWh, kW, Wh, W, kWh-register...")
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal mark: '.' or ','.")] = None,
    labels: Annotated[str | None, typer.Option(help="What times label: start or end.")] = None,
    resolution: Annotated[int | None, typer.Option(help="Length of an interval [min].")] = None,
    loss_at: Annotated[
        str | None,
        typer.Option(help="Of a grid: loading that gives loss rates, or loads. [default: 0.5]"),
    ] = None,
    bus: Annotated[str | None, typer.Option(help="Of a grid: bus that the utility feeds.")] = None,
    roads: Annotated[
        Path | None, typer.Option(help="Road network of places, or of events of MATSim.")
    ] = None,
    nodes: Annotated[
        Path | None, typer.Option(help="Of places: junctions of a CSV table of roads.")
    ] = None,
    farthest_km: Annotated[
        float | None,
        typer.Option(help="Of places: how far the nearest junction may be. [default: 2]"),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Turn files of others into a dataset, a grid or communities, and check them."""
    from hmesh.environment.datasets.readers import Wishes
    from hmesh.runs.plugins.loading import load_plugins
    from hmesh.runs.world.dataset_files import dataset_report, import_dataset

    raise_from_now_on()
    if kind == "grid":
        from hmesh.runs.imported_grid import import_grid

        for line in import_grid(source, out, loss_at or "0.5", bus):
            typer.echo(line)
        return
    if kind == "places":
        from hmesh.runs.imported_places import import_places

        for line in import_places(source, out, roads, nodes, farthest_km, time_zone, currency):
            typer.echo(line)
        return
    load_plugins((), Path.cwd(), plugins or ())
    wishes = Wishes(
        time_zone, start, clock, currency, licence, time_format, unit, decimal, labels, resolution,
        roads,
    )  # fmt: skip
    for line in dataset_report(import_dataset(kind, source, out, wishes)):
        typer.echo(line)
    typer.echo(f"dataset: {out}")


@app.command()
def run(
    scenario: ScenarioName,
    changes: Changes = None,
    seed: Seed = None,
    plugins: Plugins = None,
    out: NewRunFolder = None,
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
            start_run(loaded, directory, progress)
        show_results(directory, draw_pictures(directory))


app.command()(further_commands.resume)
app.command()(further_commands.branch)


@app.command()
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
        typer.Option("--size", metavar="W,H", help="Width and height of each picture [in]."),
    ] = None,
    dpi: Annotated[
        int | None, typer.Option("--dpi", metavar="N", help="Pixels per inch. [default: 160]")
    ] = None,
) -> None:
    """Draw the pictures of a complete run."""
    from rich.console import Console

    from hmesh.runs.pictures.picture_form import picture_form
    from hmesh.runs.plots import draw_plots

    form = picture_form(format, size, dpi)
    raise_from_now_on()
    with Console(stderr=True).status("drawing the pictures"):
        plots = draw_plots(directory, only=only or (), form=form)
    for drawn in plots:
        typer.echo(f"{drawn.name}: {drawn.finding}")
    typer.echo(f"pictures: {directory / 'plots'}")


@app.command()
def audit(directory: RunFolder) -> None:
    """Check a finished run against exact answers: equilibrium, energy and money."""
    from rich.console import Console

    from hmesh.runs import audit_run

    report = audit_run(directory)
    Console().print(report)
    raise typer.Exit(DONE if report.passed else FAILED)


@app.command()
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


@app.command()
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


@app.command()
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
        int | None, typer.Option("--workers", help="Processes. [default: one per processor]")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A Dask cluster instead.")
    ] = None,
    no_progress: NoProgress = False,
) -> None:
    """Run a scenario with many values and seeds; given again, go on with what is missing."""
    from rich.console import Console

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
                plugins=plugins or (), progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        end_interrupted("interrupted; the same command continues the sweep")
    Console().print(sweep_table(done.ensemble))
    if (gains := sweep_gains_table(done.ensemble)) is not None:
        typer.echo(f"Gains against {strategy_label(done.ensemble.strategies[0])}")
        Console().print(gains)
    for line in sweep_lines(done):
        typer.echo(line)
    typer.echo(f"results: {directory}")
    raise typer.Exit(FAILED if done.failures else DONE)


@app.command()
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
        int | None, typer.Option("--workers", help="Processes. [default: one per processor]")
    ] = None,
    no_progress: NoProgress = False,
) -> None:
    """Compare sizes of devices: payback, net present value and internal rate of return."""
    from rich.console import Console

    from hmesh.runs.sweeps.sizing import size_lines, size_table
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
        typer.echo(line)
    typer.echo(f"results: {directory}")
    raise typer.Exit(FAILED if done.failures else DONE)


@app.command()
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
        typer.Option("--strategy", help="Of a network: whose energies. [default: first]"),
    ] = None,
) -> None:
    """Write the results of a finished run in the form of another program."""
    from hmesh.runs.results.exported import export_run

    raise_from_now_on()
    for line in export_run(directory, to, out, tables or (), strategy):
        typer.echo(line)


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
