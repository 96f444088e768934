"""Packages that only some runs need: installed as extras, and named when they are missing."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hmesh.environment.errors import InputError, Problem


def installed(package: str) -> bool:
    """Return whether a package is there, without importing it."""
    return find_spec(package) is not None


def require(package: str, extra: str, use: str) -> None:
    """Refuse to go on without a package of an extra.

    Parameters
    ----------
    package : str
        Name by which it is imported, such as "pvlib".
    extra : str
        The extra of hMESH that installs it, such as "sun".
    use : str
        What needs it, such as "generation of photovoltaics".

    Raises
    ------
    InputError
        Naming the package and the command that installs it.
    """
    if not installed(package):
        message = f"needs {package}, which is not installed"
        raise InputError([Problem(use, message, f"pip install 'hmesh[{extra}]'")])


def optional(module: str, extra: str, use: str) -> Any:
    """Return a module of an extra, imported when it is first needed.

    Parameters
    ----------
    module : str
        Dotted name of the module, such as "pvlib.location".
    extra, use : str
        As in `require`.

    Raises
    ------
    InputError
        If its package is not installed.
    """
    require(module.partition(".")[0], extra, use)
    return import_module(module)
