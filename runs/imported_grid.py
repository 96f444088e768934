"""A network of another program turned into a CSV file of lines."""

from collections.abc import Iterator
from pathlib import Path

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.grid_files.line_table import write_line_table
from hmesh.environment.grid_files.network import GridReading
from hmesh.environment.grid_files.read_grid import read_grid
from hmesh.environment.number_words import counted


def import_grid(
    source: Path, out: Path, loss_at: str = "0.5", bus: str | None = None
) -> Iterator[str]:
    """Write a network as a CSV file of lines, and report what was left out of it.

    Parameters
    ----------
    source : Path
        A network of pandapower or PyPSA.
    out : Path
        The CSV file, which must not exist yet.
    loss_at : str, optional
        Loading at which resistances give loss rates, above 0 to 1, or "loads".
    bus : str, optional
        The bus that the utility feeds, where the network does not say.

    Yields
    ------
    str
        The lines of the report.

    Raises
    ------
    InputError
        If the network cannot be read or is no tree, or the file cannot be written.
    """
    problems = []
    share = _share(loss_at)
    if share is None:
        allowed = "a number above 0 to 1, or loads"
        problems.append(Problem("--loss-at", f"{loss_at!r} is not a loading", allowed))
    if out.suffix.lower() != ".csv":
        problems.append(Problem("--out", f"{out} is not a CSV file", "a name that ends in .csv"))
    elif out.exists():
        problems.append(Problem("--out", f"{out} is there already", "a new file"))
    if share is None or problems:
        raise InputError(problems)
    reading = read_grid(source, share, bus)
    try:
        write_line_table(reading.plan, out)
    except OSError as error:
        raise InputError([Problem(str(out), f"cannot be written: {error.strerror}")]) from None
    yield from grid_report(reading)
    yield f"grid: {out}"


def grid_report(reading: GridReading) -> Iterator[str]:
    """Report how large a grid is, and what of its file is left out."""
    kinds = [node.kind for node in reading.plan.nodes.values() if node.kind != "utility"]
    counts = (f"{kinds.count(kind):,} {kind.replace('_', ' ')}" for kind in dict.fromkeys(kinds))
    yield f"{counted(len(reading.plan.lines), 'line')}, nodes: {', '.join(counts)}"
    yield from (f"left out: {text}" for text in reading.left_out)


def _share(loss_at: str) -> float | str | None:
    if loss_at == "loads":
        return loss_at
    try:
        share = float(loss_at)
    except ValueError:
        return None
    return share if 0 < share <= 1 else None
