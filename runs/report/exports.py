"""The trips of a run in the formats of other programs, written into its folder."""

from collections.abc import Sequence
from pathlib import Path

from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.trip_files import TRIP_FILES
from hmesh.runs.report.trip_film import FORMATS, write_film
from hmesh.runs.results.unfinished_run import read_any_run


def export_trips(directory: Path | str, formats: str | Sequence[str]) -> list[Path]:
    """Write the recorded trips of a run into its folder.

    Parameters
    ----------
    directory : Path or str
        The folder of the run, finished or not.
    formats : str or sequence of str
        Any of "geojson", "kepler", "deckgl", "matsim", "sumo", "gif" and "mp4".

    Returns
    -------
    list of Path
        The files, in the order of the formats.

    Raises
    ------
    InputError
        When there is no such format, the run recorded no trip, or a file cannot be written.
    """
    formats = (formats,) if isinstance(formats, str) else formats
    refuse_unknown(formats)
    data = RunData(read_any_run(directory))
    written = []
    for name in dict.fromkeys(formats):
        if name in TRIP_FILES:
            file, write = TRIP_FILES[name]
        else:
            file, write = f"trips.{name}", write_film
        path = data.run.directory / file
        write(data, path)
        written.append(path)
    return written


def refuse_unknown(formats: Sequence[str]) -> None:
    """Refuse unknown formats.

    Raises
    ------
    InputError
        Every one of them is named.
    """
    known = (*TRIP_FILES, *FORMATS)
    problems = [
        Problem("--export", f"there is no format {name!r}", ", ".join(known), nearest(name, known))
        for name in formats
        if name not in known
    ]
    refuse_all(problems)
