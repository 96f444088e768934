"""A folder that one process works in at a time."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import unwritable

LOCK = ".lock"
# What file systems answer that know no locks.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
# Windows forbids others to read what is locked, so a byte behind the text is.
_LOCKED_BYTE = 2**20


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep all other processes out of a folder.

    The system gives the lock back when its holder dies, in whatever way.

    Parameters
    ----------
    folder : Path
        A folder that is there.

    Raises
    ------
    InputError
        When another process works in the folder, or nothing can be written there.
    """
    path = folder / LOCK
    try:
        handle = _take(path)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        _sign(handle)
        yield
    finally:
        # On Windows an open file cannot be removed.
        if os.name != "posix":
            os.close(handle)
        with suppress(OSError):
            path.unlink(missing_ok=True)
        if os.name == "posix":
            os.close(handle)


def _take(path: Path) -> int:
    while True:
        # A link is not followed: what it leads to is not the folder's.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        handle = os.open(path, flags, 0o666)
        try:
            if not _lock(handle):
                raise _busy(path, handle)
            # Its last holder may have removed the file since it was opened.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file, unless another process has."""
    if os.name != "posix":
        return _lock_on_windows(handle)
    import fcntl

    # Some network file systems know only one of the two.
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            if error.errno not in _NO_LOCKS:
                raise
        else:
            return True
    return not _alive(*_holder(handle))


def _lock_on_windows(handle: int) -> bool:
    import importlib

    windows = importlib.import_module("msvcrt")
    os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
    try:
        windows.locking(handle, windows.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _sign(handle: int) -> None:
    """Write who holds the lock, for those who find it taken."""
    with suppress(OSError):  # a full disk is no reason against a lock
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"{os.getpid()} {socket.gethostname()}\n".encode())


def _holder(handle: int) -> tuple[int, str]:
    """Return process and machine that a lock names, 0 and "" where it names none."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        process, machine = os.read(handle, 1000).decode().split()
        return int(process), machine
    except (OSError, ValueError):
        return 0, ""


def _alive(process: int, machine: str) -> bool:
    """Return whether a process may be at work; of one on another machine nothing is known."""
    if machine != socket.gethostname():
        return bool(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return process != os.getpid()


def _busy(path: Path, handle: int) -> InputError:
    process, machine = _holder(handle)
    which = f" ({process} on {machine})" if process else ""
    message = f"another process{which} works in this folder; wait until it has ended"
    return InputError([Problem(str(path.parent), message)])
