"""Files that are whole or not there, whatever happens while they are written."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from environment.errors import InputError, Problem


@contextmanager
def beside(path: Path, *, one_of_many: bool = False) -> Iterator[Path]:
    """Give a path to write to, and put what was written in its place when it is done.

    Parameters
    ----------
    path
        Where the file shall stand. What stood there stays until the new file is on the disk.
    one_of_many
        Whether the caller lets the folder be on the disk, by `sync`, when all files are written.

    Yields
    ------
    Path
        Where to write it.

    Raises
    ------
    InputError
        When the place cannot be written to or is full.
    """
    new = path.with_name(f".{path.name}.new")
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
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None


def unwritable(path: Path, error: OSError) -> InputError:
    """Return the error of a place that cannot be written to."""
    problem = Problem(str(path), f"cannot be written: {error.strerror or error}")
    return InputError([problem])
