"""The command that runs every pair of schemes, and prints which help or hinder each other."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hmesh.runs.command_options import Changes, NewRunFolder, NoProgress, Plugins, Seed
from hmesh.runs.exit_status import resumable

if TYPE_CHECKING:
    from rich.table import Table

    from hmesh.runs.pairs import Interactions

TABLE, PICTURE = "pairs.csv", "pairs.png"


def pairs(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|DIR",
            help="Name of a built-in scenario, a YAML file, or the folder of such a run.",
        ),
    ],
    changes: Changes = None,
    seed: Seed = None,
    plugins: Plugins = None,
    out: NewRunFolder = None,
    no_progress: NoProgress = False,
) -> None:
    """Run each scheme alone, each pair and all, and print which help or hinder each other."""
    from rich.console import Console

    from hmesh.runs import load_scenario, read_run, start_run
    from hmesh.runs.pairs import QUIET, finding_of, interactions, pair_strategies
    from hmesh.runs.printed_text import say
    from hmesh.runs.results.run_folder import next_folder
    from hmesh.runs.terminal import progress_bar

    directory = Path(scenario)
    if not (directory / "run.json").is_file():
        own = [*QUIET, *(changes or ())]
        loaded = load_scenario(scenario, own, seed, plugins or ())
        strategies = ", ".join(pair_strategies(loaded))
        loaded = load_scenario(scenario, [*own, f"strategies=[{strategies}]"], seed, plugins or ())
        directory = out or next_folder(Path("results"), loaded.name)
        with resumable(directory), progress_bar(shown=not no_progress) as progress:
            start_run(loaded, directory, progress)
    run = read_run(directory)
    found = interactions(run.summary)
    write_pairs(found, directory)
    for each in found:
        heading, table = table_of(each, run.info["currency"])
        typer.echo(f"{heading}\n{finding_of(each)}")
        Console().print(table)
    say("Diagonal: a scheme alone; elsewhere: what a pair changes more than both added up.")
    typer.echo(f"results: {directory}, {TABLE}, {PICTURE}")


def write_pairs(found: "Sequence[Interactions]", directory: Path) -> None:
    """Write the figures as a table, and the matrix as a picture, into the folder of the run."""
    from matplotlib import style as matplotlib_style

    from hmesh.environment.safe_files import beside
    from hmesh.runs.pairs import rows_of
    from hmesh.runs.pictures.figure_layout import style
    from hmesh.runs.pictures.pairs_matrix import draw_pairs

    rows = rows_of(found)
    with beside(directory / TABLE) as new, new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    with matplotlib_style.context(["default", style()]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        drawing = draw_pairs(found)
        assert drawing.figure is not None
        with beside(directory / PICTURE) as new:
            about = {"Title": "pairs", "Description": drawing.finding}
            drawing.figure.savefig(new, format="png", metadata=about)


def table_of(found: "Interactions", currency: str) -> "tuple[str, Table]":
    """Return a heading and the matrix: alone on the diagonal, interactions beside it."""
    from rich.text import Text

    from hmesh.runs.number_text import fixed
    from hmesh.runs.summary_rows import money, unit_of_money
    from hmesh.runs.wide_table import WideTable

    largest = max(abs(found.nobody), 1e-300)
    size, sign = unit_of_money(largest / 100.0) if found.measure.money else (1.0, "")
    unit = f"{sign} {currency}".strip() if found.measure.money else "kW"
    digits = money(float(abs(found.pairs).max()) / size) if found.measure.money else 1
    table = WideTable()
    title = found.measure.title
    nobody = fixed(found.nobody / size, digits)
    heading = f"{title[:1].upper()}{title[1:]} [{unit}], {nobody} with nobody sharing"
    table.add_column("")
    for label in found.labels:
        table.add_column(label, justify="right")
    for row, label in enumerate(found.labels):
        values = found.pairs[row].copy()
        values[row] = found.alone[row]
        cells = [Text(_signed(float(value) / size, digits)) for value in values]
        cells[row].stylize("bold")
        table.add_row(Text(label), *cells)
    return heading, table


def _signed(value: float, digits: int) -> str:
    from hmesh.runs.number_text import fixed

    text = fixed(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.,") else text
