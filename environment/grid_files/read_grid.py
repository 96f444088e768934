"""Whichever file describes a grid, its tree below the utility."""

from pathlib import Path

from hmesh.environment.errors import InputError, Problem, missing_file
from hmesh.environment.grid_files.line_table import read_line_table
from hmesh.environment.grid_files.network import GridReading, radial
from hmesh.environment.grid_files.pandapower_network import read_pandapower
from hmesh.environment.grid_files.pypsa_network import is_pypsa_folder, pypsa_files, read_pypsa

SUFFIXES = (".csv", ".json", ".nc", ".h5")
ALLOWED = "a CSV file of lines, pandapower's JSON, or PyPSA's netCDF or folder of CSV files"


def read_grid(
    path: str | Path, loss_at: float | str = 0.5, source: str | None = None
) -> GridReading:
    """Read a grid.

    Parameters
    ----------
    path : str or Path
        A CSV file of lines, a network of pandapower as JSON, or one of PyPSA: netCDF or a folder.
    loss_at : float or str, optional
        Loading at which resistances of a network give loss rates [-], or "loads".
    source : str, optional
        The bus of a network that the utility feeds, where the network does not say.

    Raises
    ------
    InputError
        If it cannot be used, with everything that is wrong with it.
    """
    path = Path(path)
    if path.is_dir():
        if not is_pypsa_folder(path):
            raise InputError([Problem(str(path), "holds no buses.csv", ALLOWED)])
        return radial(read_pypsa(path), path.name, loss_at, source)
    if problems := missing_file(path):
        raise InputError(problems)
    match path.suffix.lower():
        case ".csv":
            return GridReading(read_line_table(path))
        case ".json":
            return radial(read_pandapower(path), path.name, loss_at, source)
        case ".nc" | ".h5":
            return radial(read_pypsa(path), path.name, loss_at, source)
    raise InputError([Problem(path.name, "cannot be read", ALLOWED)])


def is_grid(path: Path) -> bool:
    """Return whether a path is that of a grid, and not of a scenario or a dataset."""
    return is_pypsa_folder(path) or (path.suffix.lower() in SUFFIXES and path.is_file())


def grid_files(name: str, path: Path) -> list[str]:
    """Return the files that are read where a scenario names a grid, seen from its folder."""
    return [f"{name}/{file}" for file in pypsa_files(path)] if path.is_dir() else [name]
