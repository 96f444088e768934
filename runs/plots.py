"""The figures of a complete run, each with a title that says what it shows."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.last_digits import anything
from hmesh.environment.safe_files import beside, own_folder, remove_own, sync, unwritable
from hmesh.runs.pictures.picture_form import PictureForm, styled
from hmesh.runs.pictures.plugin_pictures import pictures_of_plugins
from hmesh.runs.results.folder_lock import locked
from hmesh.runs.results.names import PICTURE_FILES
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.schemes.registry import scheme

if TYPE_CHECKING:
    from hmesh.runs.pictures.chart import Chart
    from hmesh.runs.pictures.figure_layout import Drawing
    from hmesh.runs.pictures.run_data import RunData

    type _Picture = tuple[str, Callable[[RunData], Drawing | Chart]]

FOLDER = "plots"
# Pictures are drawn here first, so that `plots` is whole or not there.
_NEW_FOLDER = ".plots.new"


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure of a run.

    Attributes
    ----------
    name : str
        What it is about.
    finding : str
        Its title: what it shows. Without a figure, why there is none.
    path : Path or None
        Its file, None where there is nothing to draw.
    """

    name: str
    finding: str
    path: Path | None


def draw_plots(
    directory: Path | str,
    *,
    only: str | Sequence[str] = (),
    form: PictureForm | None = None,
    missing_only: bool = False,
) -> list[Plot]:
    """Draw the figures of a complete run into its folder `plots`.

    Parameters
    ----------
    directory : Path or str
        The folder of the run.
    only : str or sequence of str, optional
        Names of the figures to be drawn; all of them where none is named.
    form : PictureForm, optional
        Their format, size and resolution; PNG of a suitable size where none is given.
    missing_only : bool, optional
        Whether figures whose file is there are left as they are, and left out of what is returned.

    Returns
    -------
    list of Plot
        Every figure, also those for which the run holds nothing to draw, unless only missing ones
        are asked for.

    Raises
    ------
    InputError
        When the run is not finished, its results are damaged, there is no figure of such a name, a
        figure has no room in the size asked for, or the folder cannot be written. No figure is
        changed then.
    """
    from hmesh.runs.audits.sound_results import of_sound_results
    from hmesh.runs.pictures.chart_figure import picture_of
    from hmesh.runs.pictures.figure_size import drawn_at
    from hmesh.runs.pictures.run_data import RunData

    form = form or PictureForm()
    only = (only,) if isinstance(only, str) else only
    data = RunData(read_run(directory))
    with of_sound_results(directory):
        pictures = _pictures(data, drawn=anything(data.hours("net_kwh")))
    _refuse_unknown(only, [name for name, _ in pictures])
    folder = data.run.directory / FOLDER
    wanted = [
        (name, draw, folder / f"{name}.{form.format}")
        for name, draw in pictures
        if name in only or not only
    ]
    if missing_only:
        wanted = [picture for picture in wanted if not picture[2].is_file()]
        if not wanted and folder.is_dir():
            return []
    plots: list[Plot] = []
    problems: list[Problem] = []
    with locked(data.run.directory), _put_in_place(folder) as new_folder, styled():
        for name, draw, path in wanted:
            try:
                with of_sound_results(directory), drawn_at(form.size_in):
                    drawing = picture_of(draw(data))
            except InputError as error:
                problems += [
                    Problem(f"{p.place}: {name}", p.message, p.allowed) for p in error.problems
                ]
                continue
            if drawing.figure is not None and not problems:
                with beside(new_folder / path.name) as new:
                    form.save(drawing.figure, new, name, drawing.finding)
            there = drawing.figure is not None
            if there or not missing_only:
                plots.append(Plot(name, drawing.finding, path if there else None))
        refuse_all(problems)
    return plots


def _refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    problems = [
        Problem("--only", f"there is no picture {name!r}", ", ".join(known), nearest(name, known))
        for name in names
        if name not in known
    ]
    refuse_all(problems)


@contextmanager
def _put_in_place(folder: Path) -> Iterator[Path]:
    """Give a folder to draw in, and put its files into another when all are drawn.

    Parameters
    ----------
    folder : Path
        Where the files shall be; it appears with all of them, or they replace those in it.

    Raises
    ------
    InputError
        When it is a link or cannot be written.
    """
    new = folder.with_name(_NEW_FOLDER)
    own_folder(folder.parent, folder.name)
    try:
        remove_own(new, PICTURE_FILES)
        new.mkdir()
        yield new
        if folder.is_dir():
            for path in new.iterdir():
                os.replace(path, folder / path.name)
            sync(folder)
            new.rmdir()
        else:
            new.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        # Pictures that were not put in their place.
        remove_own(new, PICTURE_FILES, keep_others=True)


def _pictures(data: "RunData", *, drawn: bool) -> "list[_Picture]":
    """Return the pictures of a run; those of the grid where anything is drawn from it."""
    from hmesh.runs.pictures.city import EVERYBODY, draw_whole_and_parts
    from hmesh.runs.pictures.line_loading import draw_line_loading
    from hmesh.runs.pictures.load import draw_load, draw_peak_to_average
    from hmesh.runs.pictures.local_energy import (
        draw_local_prices,
        draw_local_trade,
        local_energy_chart,
    )
    from hmesh.runs.pictures.lorenz import draw_lorenz
    from hmesh.runs.pictures.prices_and_charging import prices

    pictures: list[_Picture] = [
        ("load", draw_load),
        ("peak_to_average", draw_peak_to_average),
        ("prices", prices),
    ]
    if EVERYBODY in data.strategies:
        pictures.insert(0, ("whole_and_parts", draw_whole_and_parts))
    if any(place.get("local_exchange") for place in data.scenario["communities"].values()):
        pictures += [
            ("local_energy", local_energy_chart),
            ("local_prices", draw_local_prices),
            ("local_trade", draw_local_trade),
        ]
    if data.scenario["record"].get("accounts") == "all":
        pictures.append(("lorenz", draw_lorenz))
    taking_part = [scheme(name) for name in data.schemes]
    of_schemes = [picture for each in taking_part for picture in each.all_pictures()]
    of_plugins = pictures_of_plugins(data)
    if not drawn and any(each.without_grid for each in taking_part):
        # Homes without a grid: there is no load of the grid and nothing has a price.
        return [*of_schemes, *of_plugins]
    return [*pictures, *of_schemes, ("line_loading", draw_line_loading), *of_plugins]
