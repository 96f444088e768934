"""Files that are whole or not there, written and removed only where hMESH may."""

import hashlib
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hmesh.environment.errors import InputError, Problem, shortened


@contextmanager
def beside(path: Path, *, one_of_many: bool = False) -> Iterator[Path]:
    """Give a path to write to, and put what was written in its place when it is done.

    Parameters
    ----------
    path : Path
        Where the file shall stand. What stood there stays until the new file is on the disk.
    one_of_many : bool, optional
        Whether the caller lets the folder be on the disk, by `sync`, when all files are written.

    Yields
    ------
    Path
        Where to write it: a separate, empty file.

    Raises
    ------
    InputError
        When the place cannot be written to or is full, or a link stands there.
    """
    refuse_link(path)
    new = path.with_name(f".{path.name}.new")
    try:
        reserve(new)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield new
        sync(new)
        os.replace(new, path)
        if not one_of_many:
            sync(path.parent)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise unwritable(path, error) from error
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def reserve(path: Path) -> None:
    """Make an empty file, in place of one that an interrupted write left.

    Raises
    ------
    InputError
        When a link stands there: what it leads to is not to be written to.
    OSError
        When the file cannot be made.
    """
    refuse_link(path)
    # A file that has a second name elsewhere keeps its content there.
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def refuse_link(path: Path) -> None:
    """Refuse a path at which a link stands.

    Raises
    ------
    InputError
        When there is one, even one that leads nowhere.
    """
    if path.is_symlink() or path.is_junction():
        raise InputError([_link(path)])


def own_folder(folder: Path, *names: str, make: bool = False) -> Path:
    """Return a folder within a folder, both of them no links.

    Parameters
    ----------
    folder : Path
        A folder that a person named, which may be a link.
    names : str
        The name of a folder in it, of a folder in that one, and so on.
    make : bool, optional
        Whether folders that are not there are made.

    Raises
    ------
    InputError
        When one of them is a link or a file, or cannot be made.
    """
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            folder = folder / name
            refuse_link(folder)
            if make:
                folder.mkdir(exist_ok=True)
            elif folder.exists() and not folder.is_dir():
                raise InputError([Problem(str(folder), "is a file", "a folder")])
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def own_entries(folder: Path, names: re.Pattern[str]) -> list[Path]:
    """Return everything in a folder, the deepest last, all of it of names that hMESH gives.

    Parameters
    ----------
    folder : Path
        The folder; one that is not there holds nothing.
    names : re.Pattern
        What the path of an entry may be, seen from the folder, with "/" between its parts.

    Raises
    ------
    InputError
        When there is a link, or anything of another name: every one of them is named.
    """
    entries, problems = [], []
    for path in _walk(folder):
        if path.is_symlink() or path.is_junction():
            problems.append(_link(path))
        elif names.fullmatch(path.relative_to(folder).as_posix()) is None:
            message = "is nothing that hMESH writes here; move it to another folder"
            problems.append(Problem(str(path), message))
        else:
            entries.append(path)
    if problems:
        raise InputError(shortened(problems))
    return entries


def remove_own(folder: Path, names: re.Pattern[str], *, keep_others: bool = False) -> None:
    """Remove a folder and what hMESH wrote into it.

    Parameters
    ----------
    folder, names : Path, re.Pattern
        As `own_entries` takes them.
    keep_others : bool, optional
        Whether links and files of other names stay, and the folders that hold them, instead of
        being refused.

    Raises
    ------
    InputError
        When the folder is a link or something in it is not hMESH's: nothing is removed then. Or
        when something cannot be removed.
    """
    if not folder.is_symlink() and not folder.is_dir():
        return
    if keep_others:
        if folder.is_symlink() or folder.is_junction():
            return
        entries = [
            path
            for path in _walk(folder)
            if not (path.is_symlink() or path.is_junction())
            and names.fullmatch(path.relative_to(folder).as_posix())
        ]
    else:
        refuse_link(folder)
        entries = own_entries(folder, names)
    try:
        for path in [*reversed(entries), folder]:
            if not path.is_dir():
                path.unlink(missing_ok=True)
            elif not any(path.iterdir()):
                path.rmdir()
    except OSError as error:
        raise unwritable(folder, error) from error


def _walk(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder, following no link."""
    for root, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            yield Path(root, name)


def _link(path: Path) -> Problem:
    message = "is a link, through which hMESH neither writes nor removes anything"
    return Problem(str(path), message, "a separate file or folder")


# More than any JSON that hMESH writes: the summary of a city of hundreds of communities has a few.
MOST_JSON_BYTES = 256 * 2**20


def refuse_unbounded(path: Path, most_bytes: float = math.inf) -> None:
    """Refuse what is no file, and a file that is larger than it may be.

    A device or a pipe, to which a link may lead, has no end.

    Raises
    ------
    InputError
        When it is one of these.
    OSError
        When there is nothing.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise InputError([Problem(str(path), "is not a regular file")])
    if found.st_size > most_bytes:
        message = f"cannot be read: it holds {found.st_size:,} bytes"
        raise InputError([Problem(str(path), message, f"at most {most_bytes:,} bytes")])


def read_json(path: Path, *, finite: bool = True) -> dict[str, Any]:
    """Read a mapping from a file of JSON.

    Parameters
    ----------
    path : Path
        The file.
    finite : bool, optional
        Whether numbers that are not finite are refused.

    Raises
    ------
    InputError
        When the file cannot be read, is too large, is no JSON or holds something else.
    """
    import json

    try:
        refuse_unbounded(path, MOST_JSON_BYTES)
        value = json.loads(path.read_text(encoding="utf-8"))
        # Python reads NaN, infinities and halves of characters, which nothing may hold.
        json.dumps(value, ensure_ascii=False, allow_nan=not finite).encode()
    except (OSError, ValueError, RecursionError) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None
    if not isinstance(value, dict):
        raise InputError([Problem(str(path), "is not what hMESH writes")])
    return value


def write_json(path: Path, value: Mapping[str, Any], *, one_of_many: bool = False) -> None:
    """Write a mapping as JSON that people can read, in the order of its keys, as `beside` does."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with beside(path, one_of_many=one_of_many) as new:
        new.write_text(text + "\n", encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    if not path.is_dir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    elif os.name == "posix":  # others open no folders
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(path: Path) -> str:
    """Return the digest of a file's content, as 64 hexadecimal digits."""
    try:
        refuse_unbounded(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None


def unwritable(path: Path, error: OSError) -> InputError:
    """Return the error of a place that cannot be written to."""
    problem = Problem(str(path), f"cannot be written: {error.strerror or error}")
    return InputError([problem])
