"""Mesa without the libraries that only parts of it need that hMESH does not use.

`import mesa` imports pandas, SciPy's trees and tqdm for its data frames, its spaces and its batch
runner, and names a logger by a look at the source of all callers: four fifths of a second, in which
a small run is over. Here these libraries are imported when something of them is first used. A
program that has imported Mesa before keeps it as it is, and one with several threads imports it
whole, as another thread could come upon a stand-in meanwhile.
"""

import importlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import mesa as mesa

# What of Mesa's imports waits until it is used.
LATER = ("pandas", "networkx", "scipy.spatial", "scipy.spatial.distance", "tqdm.auto")
_LOGGING = "mesa.mesa_logging"


class _Later(ModuleType):
    """A library that is imported when something of it is first used."""

    # While Mesa itself is imported, names are handed out without looking at what they stand for.
    waits = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.waits:
            return _Name(self.__name__, name)
        return getattr(importlib.import_module(self.__name__), name)


class _Name:
    """Something of such a library, such as a class, as those use it that imported it by name."""

    def __init__(self, module: str, name: str) -> None:
        self._place = module, name

    def _meant(self) -> Any:
        module, name = self._place
        return getattr(importlib.import_module(module), name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._meant()(*given, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._meant(), name)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._meant())


def _logging() -> ModuleType | None:
    """Return Mesa's module of loggers, which names them by their callers' own names."""
    package = importlib.util.find_spec("mesa")
    if package is None or not package.submodule_search_locations:
        return None
    folder = package.submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location(_LOGGING, f"{folder}/mesa_logging.py")
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loggers: dict[str, logging.Logger] = module._module_loggers

    def create_module_logger(name: str | None = None) -> logging.Logger:
        if name is None:
            name = str(sys._getframe(1).f_globals["__name__"])
        loggers[name] = logging.getLogger(f"{module.LOGGER_NAME}.{name}")
        return loggers[name]

    def method_logger(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        # The class whose body calls it.
        class_name = sys._getframe(1).f_code.co_name
        logger = module.get_module_logger(name)

        def decorated(method: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(method)
            def logged(*given: Any, **named: Any) -> Any:
                logger.debug(f"calling {class_name}.{method.__name__} with {given[1:]} and {named}")
                return method(*given, **named)

            return logged

        return decorated

    module.create_module_logger = create_module_logger  # type: ignore[attr-defined]
    module.method_logger = method_logger  # type: ignore[attr-defined]
    return module


def _import() -> ModuleType:
    """Import Mesa, light unless it or what it imports is there already."""
    if "mesa" in sys.modules or threading.active_count() > 1:
        return importlib.import_module("mesa")
    later = {name: _Later(name) for name in LATER if name not in sys.modules}
    loggers = _logging()
    sys.modules.update(later)
    if loggers is not None:
        sys.modules[_LOGGING] = loggers
    try:
        imported = importlib.import_module("mesa")
    except BaseException:
        sys.modules.pop(_LOGGING, None)
        raise
    finally:
        for name, stand_in in later.items():
            stand_in.waits = False
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
    if loggers is not None:
        imported.mesa_logging = loggers  # type: ignore[attr-defined]
    return imported


if not TYPE_CHECKING:
    mesa = _import()
