"""The figures of a finished run, each with a title that says what it shows."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runs.results.run_reader import read_run
from runs.results.safe_files import beside, unwritable
from runs.schemes.registry import scheme

if TYPE_CHECKING:
    from runs.pictures.run_data import RunData
    from runs.pictures.sheet import Drawing

    type _Picture = tuple[str, Callable[[RunData], Drawing]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure of a run.

    Attributes
    ----------
    name
        What it is about.
    finding
        Its title: what it shows. Without a figure, why there is none.
    path
        The PNG file, None where there is nothing to draw.
    """

    name: str
    finding: str
    path: Path | None


def draw_plots(directory: Path | str) -> list[Plot]:
    """Draw the figures of a finished run into its folder `plots`.

    Parameters
    ----------
    directory
        The folder of the run.

    Returns
    -------
    list of Plot
        Every figure, also those for which the run holds nothing to draw.

    Raises
    ------
    InputError
        When the run is not finished, its results are damaged, or the folder cannot be written.
    """
    from matplotlib import style as matplotlib_style

    from runs.pictures.run_data import RunData
    from runs.pictures.sheet import style

    data = RunData(read_run(directory))
    folder = data.run.directory / "plots"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None
    plots = []
    with matplotlib_style.context(["default", style()]), warnings.catch_warnings():
        # A name may be in a script that no installed font can write; its boxes say so.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        for name, draw in _pictures(data, drawn=bool(data.hours("net_kwh").any())):
            drawing = draw(data)
            path = None
            if drawing.figure is not None:
                path = folder / f"{name}.png"
                with beside(path) as new:
                    told = {"Title": name, "Description": drawing.finding}
                    quickly = {"compress_level": 3}
                    drawing.figure.savefig(new, format="png", metadata=told, pil_kwargs=quickly)
            plots.append(Plot(name, drawing.finding, path))
    return plots


def _pictures(data: "RunData", *, drawn: bool) -> "list[_Picture]":
    """Return the pictures of a run; those of the grid where anything is drawn from it."""
    from runs.pictures.city import EVERYBODY, draw_whole_and_parts
    from runs.pictures.lines import draw_line_loading
    from runs.pictures.load import draw_load, draw_peak_to_average
    from runs.pictures.market import draw_prices

    pictures: list[_Picture] = [
        ("load", draw_load),
        ("peak_to_average", draw_peak_to_average),
        ("prices", draw_prices),
    ]
    if EVERYBODY in data.strategies:
        pictures.insert(0, ("whole_and_parts", draw_whole_and_parts))
    taking_part = [scheme(name) for name in data.schemes]
    of_schemes = [picture for each in taking_part for picture in each.all_pictures()]
    if not drawn and any(each.without_grid for each in taking_part):
        # Homes without a grid: there is no load of the grid and nothing has a price.
        return of_schemes
    return [*pictures, *of_schemes, ("line_loading", draw_line_loading)]
