"""Plugins found, read and loaded, once for each content."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from hmesh.environment.errors import InputError, Problem, impossible_path, nearest, refuse_all
from hmesh.runs.plugins.registered import registering, withdraw

ENTRY_POINTS = "hmesh.plugins"
_ALLOWED = "a Python file such as my_agents.py, or an importable module such as package.module"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin as a run uses it.

    Attributes
    ----------
    name : str
        What the scenario calls it: a file, or a module.
    path : str
        The file, or the file or folder of the module.
    sha256 : str
        Digest of its content.
    """

    name: str
    path: str
    sha256: str


@dataclass(slots=True)
class _Loaded:
    plugin: Plugin
    module: ModuleType
    withdrawals: list[Callable[[], None]]


_LOADED: dict[str, _Loaded] = {}


def load_plugins(
    names: Sequence[str], folder: Path, by_hand: Sequence[str] = (), *, installed: bool = True
) -> tuple[Plugin, ...]:
    """Load the plugins of a scenario.

    Parameters
    ----------
    names : sequence of str
        Those that the scenario names, files as seen from its folder.
    folder : Path
        The folder of the scenario.
    by_hand : sequence of str
        Further ones, files as seen from the working directory.
    installed : bool
        Whether those of installed packages are added.

    Returns
    -------
    tuple of Plugin
        Each once.

    Raises
    ------
    InputError
        When one cannot be found or loaded: every one of them is named.
    """
    wanted = {name: (name, folder) for name in names}
    problems = []
    for given in by_hand:
        # Only the file's own name counts, so that a run does not depend on where it was started.
        name = Path(given).name if is_file(given) else given
        here = (given, Path.cwd())
        if name in wanted and _target(*wanted[name]) != _target(*here):
            message = f"another plugin of the scenario is called {name!r}"
            problems.append(Problem(f"--plugin {given}", message, "another name of the file"))
        wanted[name] = here
    for name in _installed() if installed else ():
        wanted.setdefault(name, (name, folder))
    found = []
    for name, (given, seen_from) in wanted.items():
        try:
            found.append(load(name, _target(given, seen_from)))
        except InputError as error:
            problems += error.problems
    refuse_all(problems)
    return tuple(found)


def load_recorded(recorded: Mapping[str, Mapping[str, str]]) -> tuple[Plugin, ...]:
    """Load the plugins that a run recorded, from where they were; they may have changed.

    Raises
    ------
    InputError
        When one cannot be found or loaded: every one of them is named.
    """
    found: list[Plugin] = []
    problems: list[Problem] = []
    for name, about in recorded.items():
        try:
            found.append(load(name, Path(about["path"]) if is_file(name) else name))
        except InputError as error:
            problems += error.problems
    refuse_all(problems)
    return tuple(found)


def is_file(name: str) -> bool:
    """Return whether a plugin is named as a file."""
    return name.endswith(".py")


def load(name: str, target: Path | str) -> Plugin:
    """Load a plugin, unless this content of it is loaded already.

    Parameters
    ----------
    name : str
        What it is called.
    target : Path or str
        Its file, or the name of its module.

    Raises
    ------
    InputError
        When it cannot be found or loaded.
    """
    if isinstance(target, Path):
        path, content = target, _content(name, target)
    else:
        path = _path_of_module(name, target)
        content = _content_of_module(name, path)
    plugin = Plugin(name, str(path), hashlib.sha256(content).hexdigest())
    before = _LOADED.get(name)
    if before is not None and before.plugin.sha256 == plugin.sha256:
        return plugin
    if before is not None:
        unload(name)
    with registering(name) as withdrawals:
        try:
            module = _run(plugin, content) if isinstance(target, Path) else _import(target)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise _failed(plugin, error) from error
    _LOADED[name] = _Loaded(plugin, module, withdrawals)
    return plugin


def loaded() -> tuple[str, ...]:
    """Return the plugins that are loaded."""
    return tuple(_LOADED)


def loaded_plugins() -> tuple[Plugin, ...]:
    """Return the plugins that are loaded, as the run uses them."""
    return tuple(each.plugin for each in _LOADED.values())


def unload(name: str) -> None:
    """Withdraw everything that a plugin has registered."""
    held = _LOADED.pop(name)
    withdraw(held.withdrawals)
    for module in [each for each in sys.modules if _within(each, held.module.__name__)]:
        del sys.modules[module]


def changed(
    recorded: Mapping[str, Mapping[str, str]], now: Iterable[Plugin]
) -> dict[str, tuple[str, str]]:
    """Return the plugins that are not what a run recorded, each with its digest then and now."""
    return {
        plugin.name: (recorded[plugin.name]["sha256"], plugin.sha256)
        for plugin in now
        if recorded[plugin.name]["sha256"] != plugin.sha256
    }


@cache
def _installed() -> tuple[str, ...]:
    """Return the modules that installed packages offer as plugins."""
    return tuple(sorted({entry.value for entry in entry_points(group=ENTRY_POINTS)}))


def _target(given: str, folder: Path) -> Path | str:
    return (folder / given).resolve() if is_file(given) else given


def _content(name: str, path: Path) -> bytes:
    """Return what the file of a plugin says."""
    place = f"plugin {name}"
    if reason := impossible_path(path):
        raise InputError([Problem(place, f"{path} cannot be opened: {reason}", _ALLOWED)])
    if not path.is_file():
        beside = [entry.name for entry in path.parent.glob("*.py")] if path.parent.is_dir() else []
        message = f"there is no file {path}"
        raise InputError([Problem(place, message, _ALLOWED, nearest(path.name, beside))])
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError([Problem(place, f"{path} cannot be read: {error.strerror}")]) from None


def _path_of_module(name: str, module: str) -> Path:
    place = f"plugin {name}"
    importlib.invalidate_caches()
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise InputError([Problem(place, f"cannot be imported: {error}", _ALLOWED)]) from None
    if spec is None or spec.origin is None:
        # A file that lacks its ending looks like a module.
        raise InputError([Problem(place, f"there is no module {module!r}", _ALLOWED)])
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _content_of_module(name: str, path: Path) -> bytes:
    """Return the content of a module, or what identifies all source files of a package."""
    if path.is_file():
        return _content(name, path)
    digests = [
        f"{file.relative_to(path).as_posix()} {hashlib.sha256(file.read_bytes()).hexdigest()}\n"
        for file in sorted(path.rglob("*.py"))
    ]
    return "".join(digests).encode()


def _run(plugin: Plugin, content: bytes) -> ModuleType:
    """Run the file of a plugin as a module; what is run is exactly what the digest covers."""
    name = f"hmesh_plugin_{Path(plugin.name).stem}_{plugin.sha256[:12]}"
    module = ModuleType(name)
    module.__file__ = plugin.path
    # Classes find their module by its name, as pickle and dataclasses do.
    sys.modules[name] = module
    try:
        exec(compile(content, plugin.path, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import(module: str) -> ModuleType:
    """Import a module from its files, even where an earlier content of it was imported."""
    for each in [each for each in sys.modules if _within(each, module)]:
        del sys.modules[each]
    return importlib.import_module(module)


def _within(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def _failed(plugin: Plugin, error: BaseException) -> InputError:
    """Return the error of a plugin that raises one while it is loaded, with its line."""
    line: Any = error.lineno if isinstance(error, SyntaxError) else None
    where = error.__traceback__
    own = plugin.path
    while where is not None and not isinstance(error, SyntaxError):
        if where.tb_frame.f_code.co_filename.startswith(own):
            line = where.tb_lineno
        where = where.tb_next
    place = f"plugin {plugin.name}" + (f", line {line}" if line else "")
    reported = error.msg if isinstance(error, SyntaxError) else str(error)
    return InputError([Problem(place, f"cannot be loaded: {type(error).__name__}: {reported}")])
