"""The command that turns files of others into a dataset, a grid or communities."""

from pathlib import Path
from typing import Annotated

import typer

from hmesh.environment.datasets.readers.kinds import KINDS
from hmesh.runs.command_options import Plugins
from hmesh.runs.interruptions import raise_from_now_on


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
    resolution: Annotated[int | None, typer.Option(help="Length of an interval \\[min].")] = None,
    loss_at: Annotated[
        str | None,
        typer.Option(help="Of a grid: loading that gives loss rates, or loads. \\[default: 0.5]"),
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
        typer.Option(help="Of places: how far the nearest junction may be. \\[default: 2]"),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Turn files of others into a dataset, a grid or communities, and check them."""
    from hmesh.environment.datasets.readers import ImportOptions
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
    options = ImportOptions(
        time_zone, start, clock, currency, licence, time_format, unit, decimal, labels, resolution,
        roads,
    )  # fmt: skip
    for line in dataset_report(import_dataset(kind, source, out, options)):
        typer.echo(line)
    typer.echo(f"dataset: {out}")
