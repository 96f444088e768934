"""Numbers of agents, read from a column of a person's CSV file."""

import csv
from pathlib import Path

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, missing_columns, missing_file, shortened
from hmesh.environment.number_words import counted
from hmesh.environment.table_file import LARGEST


def read_values(
    path: Path | str,
    column: str,
    least_rows: int = 1,
    above: float = -np.inf,
    most: float = LARGEST,
) -> FloatArray:
    """Read a column of numbers.

    Parameters
    ----------
    path : Path or str
        CSV file whose first line names its columns.
    column : str
        Name of the column.
    least_rows : int, optional
        How many rows are needed.
    above : float, optional
        What every value must be above.
    most : float, optional
        The most that it may be.

    Returns
    -------
    array, shape (rows,)
        The numbers, in the unit in which they stand there.

    Raises
    ------
    InputError
        If the file cannot be read, or has no such column, too few rows, or rows without a number
        that is allowed; all of them are reported.
    """
    path = Path(path)
    if problems := missing_file(path):
        raise InputError(problems)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            names = [name.strip() for name in next(rows, [])]
            if problems := missing_columns(f"{path}, line 1", names, [column]):
                raise InputError(problems)
            place = names.index(column)
            lines = [(rows.line_num, row[place] if place < len(row) else "") for row in rows if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None
    values = np.array([_number(text) for _, text in lines], dtype=np.float64)
    most = min(most, LARGEST)
    wrong = np.flatnonzero(~((values >= -LARGEST) & (values <= most) & (values > above)))
    allowed = "a finite number" if above == -np.inf else f"a finite number above {above:g}"
    if -1e-300 < above < 0.0:
        allowed = "a finite number of at least 0"
    allowed = f"{allowed}, at most {most:g}"
    problems = shortened(
        [
            Problem(f"{path}, line {lines[row][0]}, column {column}", f"{lines[row][1]!r}", allowed)
            for row in wrong.tolist()
        ]
    )
    if len(values) < least_rows:
        needed = f"at least {least_rows:,}"
        problems.append(Problem(str(path), f"has {counted(len(values), 'row')} of values", needed))
    if problems:
        raise InputError(problems)
    return values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
