"""The schemes that there are, found by name: those that come with hMESH, and those of plugins."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.runs.schemes.descriptor import SchemeDescriptor, SweepFigure

# The folders that come with hMESH, in the order of the hour.
BUILT_IN = (
    "smart_homes",
    "composite_storage",
    "metered_sites",
    "battery_sharing",
    "community_storage",
    "school_buses",
    "vehicles",
)
ENTRY_POINTS = "hmesh.schemes"


class _Registry:
    """The schemes by name, and how often that changed."""

    def __init__(self) -> None:
        self.version = 0
        self._schemes: dict[str, SchemeDescriptor] = {}
        self._found = False
        self.followers: list[Callable[[], None]] = []

    def all(self) -> Mapping[str, SchemeDescriptor]:
        if not self._found:
            self._schemes = {}
            for name in BUILT_IN:
                self.add(importlib.import_module(f"{__package__}.{name}.scheme").SCHEME)
            for entry in entry_points(group=ENTRY_POINTS):
                self.add(_loaded(entry))
            self._found = True
        return MappingProxyType(self._schemes)

    def add(self, descriptor: SchemeDescriptor) -> None:
        descriptor.check()
        strategies = {s.name for s in descriptor.strategies or ()}
        problems = [
            Problem(descriptor.place, f"another scheme is called {name!r} too", "another name")
            for name in self._schemes
            if name == descriptor.name
        ]
        problems += [
            Problem(
                descriptor.place, f"{name} has a strategy {strategy.name!r} too", "another name"
            )
            for name, other in self._schemes.items()
            for strategy in other.strategies or ()
            if strategy.name in strategies
        ]
        refuse_all(problems)
        held = [*self._schemes.values(), descriptor]
        held.sort(key=_order)
        self._schemes = {each.name: each for each in held}
        self.version += 1

    def remove(self, name: str) -> None:
        del self._schemes[name]
        self.version += 1

    def notify(self) -> None:
        for follow in self.followers:
            follow()


def _loaded(entry: EntryPoint) -> SchemeDescriptor:
    """Return the descriptor that an installed package names."""
    place = f"entry point {entry.name} of {ENTRY_POINTS}"
    try:
        loaded = entry.load()
    except (ImportError, AttributeError) as error:
        allowed = "module:name of a SchemeDescriptor"
        raise InputError([Problem(place, f"{entry.value}: {error}", allowed)]) from None
    if not isinstance(loaded, SchemeDescriptor):
        message = f"{entry.value} is a {type(loaded).__name__}"
        raise InputError([Problem(place, message, "a SchemeDescriptor")])
    return loaded


def _order(descriptor: SchemeDescriptor) -> tuple[int, int]:
    """Return where a scheme stands in the hour: those that come with hMESH first in their phase."""
    known = descriptor.name in BUILT_IN
    place = BUILT_IN.index(descriptor.name) if known else len(BUILT_IN)
    return descriptor.phase or 0, place


_REGISTRY = _Registry()


def schemes() -> Mapping[str, SchemeDescriptor]:
    """Return all schemes by name, in the order of the hour."""
    return _REGISTRY.all()


def scheme(name: str) -> SchemeDescriptor:
    """Return a scheme by its name."""
    return _REGISTRY.all()[name]


def register(descriptor: SchemeDescriptor) -> None:
    """Add a scheme, which is then valid wherever one that comes with hMESH is.

    Raises
    ------
    InputError
        When a part is missing, or a name is taken.
    """
    _REGISTRY.all()
    _REGISTRY.add(descriptor)
    try:
        _REGISTRY.notify()
    except InputError:
        unregister(descriptor.name)
        raise


def unregister(name: str) -> None:
    """Take a scheme away that was registered."""
    _REGISTRY.remove(name)
    _REGISTRY.notify()


def change(name: str, **parts: Any) -> None:
    """Replace parts of a scheme, for as long as the program runs.

    Parameters
    ----------
    name : str
        The scheme.
    **parts : object
        Parts of its descriptor, by name.
    """
    changed = replace(scheme(name), **parts)
    _REGISTRY.remove(name)
    _REGISTRY.add(changed)
    _REGISTRY.notify()


def on_change(follow: Callable[[], None]) -> None:
    """Let something be called whenever the schemes have changed."""
    _REGISTRY.followers.append(follow)


def version() -> int:
    """Return a number that is another one whenever the schemes have changed."""
    _REGISTRY.all()
    return _REGISTRY.version


def sections_first() -> list[SchemeDescriptor]:
    """Return all schemes in the order of a scenario: those that are always there come first."""
    held = schemes().values()
    return sorted(held, key=lambda each: not each.always_there)


def prosumer_parts() -> dict[str, SchemeDescriptor]:
    """Return the schemes that know what prosumers may own, by what a scenario calls that."""
    parts = ((each.prosumer_part, each) for each in schemes().values())
    return {part.key: each for part, each in parts if part is not None}


def figures_of_schemes() -> list[SweepFigure]:
    """Return the figures by which a sweep compares runs, in the order of a scenario."""
    return [figure for each in sections_first() for figure in each.figures]


class FromSchemes[T](Mapping[str, T]):
    """A mapping worked out from the schemes that there are when it is read.

    Parameters
    ----------
    read : callable
        Works it out.
    """

    def __init__(self, read: Callable[[], Mapping[str, T]]) -> None:
        self._read = read
        self._version = -1
        self._held: Mapping[str, T] = {}

    def _now(self) -> Mapping[str, T]:
        if self._version != version():
            self._version, self._held = version(), self._read()
        return self._held

    def __getitem__(self, key: str) -> T:
        return self._now()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())
