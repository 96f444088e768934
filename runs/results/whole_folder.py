"""A folder that is whole or not there, whatever happens while its files are written."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hmesh.environment.safe_files import sync, unwritable


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a new folder to write to, and put it in its place when all is written.

    Parameters
    ----------
    path
        Where the folder shall be; nothing is there yet, or an empty folder.

    Yields
    ------
    Path
        The folder to write to.

    Raises
    ------
    InputError
        When it cannot be made there.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        new.mkdir(parents=True)
        yield new
        if path.is_dir():
            path.rmdir()
        new.rename(path)
        sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        # Its name is drawn, so that nobody else has written there.
        shutil.rmtree(new, ignore_errors=True)
