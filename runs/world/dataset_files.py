"""A dataset's folder: its description read, its tables checked and reported."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from hmesh.environment.datasets.dataset import Dataset, read_dataset
from hmesh.environment.datasets.description import Description
from hmesh.environment.datasets.schema import TABLES
from hmesh.environment.errors import InputError, Problem, impossible_path, nearest
from hmesh.environment.local_times import shown
from hmesh.environment.number_words import counted
from hmesh.runs.plugins.registered import READERS, REGISTER, Registered
from hmesh.runs.scenarios.problems import problems_of
from hmesh.runs.scenarios.yaml_reader import place, read_yaml, with_lines

if TYPE_CHECKING:
    from hmesh.environment.datasets.readers.foreign import Foreign, ImportOptions

DESCRIPTION = "dataset.yaml"
# Where the loads of members may stand.
LOAD_TABLES = ("members", "profiles", "system_demand")
# Of very many members, these are shown one by one.
_SHOWN = 30


def is_dataset(path: Path) -> bool:
    """Return whether a path is meant to be a dataset: a folder, or its description."""
    return not impossible_path(path) and (path.is_dir() or path.name == DESCRIPTION)


def load_description(folder: Path) -> Description:
    """Read the user's description of a dataset.

    Raises
    ------
    InputError
        With every problem, each with its key.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        beside = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        near = nearest(DESCRIPTION, beside)
        message = f"has no {DESCRIPTION}, which describes a dataset"
        raise InputError([Problem(str(folder), message, suggestion=near)])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None
    given = read_yaml(text, str(path))
    if not isinstance(given, dict):
        names = [field.alias or name for name, field in Description.model_fields.items()]
        raise InputError([Problem(str(path), "is no description", f"the keys {', '.join(names)}")])
    try:
        return Description.model_validate(given)
    except ValidationError as error:
        problems = problems_of(error, Description, lambda keys: place(str(path), keys))
        raise InputError(with_lines(problems, text, str(path))) from None


def load_dataset(folder: Path, tables: Collection[str] | None = None) -> Dataset:
    """Read a dataset, or some of its tables.

    Parameters
    ----------
    folder : Path
        Folder with a `dataset.yaml`.
    tables : collection of str, optional
        Names of the tables; those it does not have are left out. None for all.

    Raises
    ------
    InputError
        With every problem of the description, or else of the tables.
    """
    return read_dataset(folder, load_description(folder), tables)


def check_dataset(path: Path) -> Dataset:
    """Read everything in a dataset, and look for what is unusual.

    Parameters
    ----------
    path : Path
        Its folder, or its description.

    Raises
    ------
    InputError
        With every problem of the description, or else of the tables.
    """
    folder = path if path.is_dir() else path.parent
    return read_dataset(folder, load_description(folder), examine=True)


def import_dataset(kind: str, source: Path, out: Path, options: "ImportOptions") -> Dataset:
    """Turn files of others into a dataset.

    Parameters
    ----------
    kind : str
        Which reader turns them.
    source : Path
        The file or folder.
    out : Path
        A new folder.
    options : ImportOptions
        The user's description of the files.

    Returns
    -------
    Dataset
        The dataset, checked, with warnings of the source as well.

    Raises
    ------
    InputError
        If the files cannot be read, or there is something wrong in them; in that case the
        dataset is there and can be mended.
    """
    from hmesh.environment.datasets.readers import read_foreign, write_dataset

    more = {name: _checked(each) for name, each in READERS.items()}
    hint = REGISTER.format(decorator="reader").replace("in `plugins:`", "by --plugin")
    foreign = read_foreign(kind, source, options, more, hint)
    write_dataset(foreign, out)
    dataset = check_dataset(out)
    return replace(dataset, warnings=(*foreign.warnings, *dataset.warnings))


def _checked(reader: Registered) -> "Callable[[Path, ImportOptions], Foreign]":
    """Return the reader of a plugin, held to what a reader returns."""
    from hmesh.environment.datasets.readers import Foreign

    def read(source: Path, options: "ImportOptions") -> Foreign:
        try:
            foreign = reader.function(source, options)
        except InputError:
            raise
        except Exception as error:
            message = f"cannot read {source}: {type(error).__name__}: {error}"
            raise InputError([Problem(reader.place, message)]) from error
        if not isinstance(foreign, Foreign):
            message = f"returns {type(foreign).__name__}"
            raise InputError([Problem(reader.place, message, "a Foreign of hmesh.plugins")])
        return foreign

    return read


def dataset_files(folder: Path, tables: Collection[str]) -> list[str]:
    """Return the files of some tables of a dataset, its description first.

    Where the description cannot be read, it alone is named.
    """
    try:
        description = load_description(folder)
    except InputError:
        return [DESCRIPTION]
    files = [
        file
        for name in TABLES
        if name in tables and name in description.tables
        for file in description.tables[name].files
    ]
    return list(dict.fromkeys((DESCRIPTION, *files)))


def dataset_report(dataset: Dataset) -> list[str]:
    """Return in lines what a checked dataset holds, and how much of it was filled."""
    lines = [f"warning: {warning}" for warning in dataset.warnings]
    description = dataset.description
    lines.append(
        f"{description.name} is fine: {description.start} to {description.end}, "
        f"{description.resolution} min, {description.time_zone}"
    )
    for name in (name for name in TABLES if name in description.tables):
        if name in dataset.series:
            series = dataset.series[name]
            whose = (
                f"{counted(len(series.keys), series.table.key)}, " if series.keys != ("",) else ""
            )
            lines.append(f"{name}: {whose}{', '.join(series.values)}")
        else:
            records = dataset.records[name]
            lines.append(f"{name}: {counted(len(records), 'row')} of {', '.join(records.columns)}")
    for name in (name for name in TABLES if name in dataset.series):
        lines += _filled_lines(dataset, name)
    return lines


def _filled_lines(dataset: Dataset, table: str) -> list[str]:
    """Return in lines how much of a table was filled, by member or region."""
    series, shares = dataset.series[table], dataset.filled_share(table)
    members = table == "profiles"
    first_us = series.first_filled_us()
    if first_us is None:
        return [
            "filled: nothing, no member lacks a value" if members else f"filled: nothing in {table}"
        ]
    if series.keys == ("",):
        first = shown(first_us, dataset.description.zone)
        return [f"filled: {shares['']:.2%} of {table}, first {first}"]
    whose = "" if members else f"{table} of "
    reported = list(shares.items())
    width = max(len(key) for key, _ in reported[:_SHOWN])
    lines = [f"filled: {whose}{key:<{width}}  {share:.2%}" for key, share in reported[:_SHOWN]]
    if (more := len(reported) - _SHOWN) > 0:
        most = reported[_SHOWN][1]
        lines.append(f"filled: {more:,} more {series.table.key}s, each at most {most:.2%}")
    return lines
