"""What plugins have registered, by whom, and how it is withdrawn."""

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.schemes.registry import schemes

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity of a run that a plugin computes after the settlement of every step.

    Attributes
    ----------
    name : str
        Its name.
    function : callable
        From the simulation to a number, or to an array of shape (communities,).
    plugin : str
        The plugin that registered it, "" for a program.
    place : str
        Where its function is defined, for messages.
    """

    name: str
    function: Callable[[Any], Any]
    plugin: str
    place: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How some agents of a type decide, in place of how all of them do.

    Attributes
    ----------
    name : str
        What a scenario calls it.
    found : type or str
        A subclass of the type of agents, or where it stands.
    scheme : str
        The scheme whose agents these are.
    plugin : str
        The plugin that registered it, "" for a program.
    place : str
        Where its class is defined, for messages.
    keys : str
        Where the section of its keys stands, "" for a plugin's, which has columns alone.
    """

    name: str
    found: type[Any] | str
    scheme: str
    plugin: str
    place: str
    keys: str = ""

    @property
    def agent_class(self) -> type[Any]:
        """The class of its agents."""
        kind: type[Any] = schemes()[self.scheme].found("behaviours", self.found)
        return kind

    @property
    def built_in(self) -> bool:
        """Whether it comes with hMESH, with keys of its own."""
        return bool(self.keys)

    @property
    def section(self) -> Any:
        """The section of its keys, where it has any."""
        return schemes()[self.scheme].found("behaviours", self.keys)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that its class declares beyond those of all agents of the type."""
        declared = {each.name for each in self.agent_class.attributes()}
        base = next(kind for kind in self.agent_class.__mro__ if kind in deciding())
        return tuple(sorted(declared - {each.name for each in base.attributes()}))


@dataclass(frozen=True, slots=True)
class Registered:
    """A function of a plugin by its name: a forecaster, a reader or a picture.

    Attributes
    ----------
    name : str
        Its name.
    function : callable
        The function.
    plugin : str
        The plugin that registered it, "" for a program.
    place : str
        Where it is defined, for messages.
    """

    name: str
    function: Callable[..., Any]
    plugin: str
    place: str


class _Behaviours(MutableMapping[str, Behaviour]):
    """The behaviours by name: those of the schemes, which are looked up once, and of plugins."""

    def __init__(self) -> None:
        self._held: dict[str, Behaviour] = {}
        self._complete = False

    def _all(self) -> dict[str, Behaviour]:
        if not self._complete:
            self._complete = True
            for scheme in schemes().values():
                for each in scheme.behaviours:
                    self._held[each.name] = Behaviour(
                        each.name, each.agent_class, scheme.name, "", scheme.place, each.keys
                    )
        return self._held

    def __getitem__(self, name: str) -> Behaviour:
        return self._all()[name]

    def __setitem__(self, name: str, behaviour: Behaviour) -> None:
        self._all()[name] = behaviour

    def __delitem__(self, name: str) -> None:
        del self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


BEHAVIOURS = _Behaviours()
FORECASTERS: dict[str, Registered] = {}
PICTURES: dict[str, Registered] = {}
READERS: dict[str, Registered] = {}

METRICS: dict[str, Metric] = {}

# What a message says of a name that nobody has registered.
REGISTER = "register it with @{decorator} in a file named in `plugins:`"

# Which plugin a strategy or a scheme belongs to, by name.
OWNERS: dict[str, str] = {}

# The plugin that is being loaded, and what withdraws what it has registered so far.
_loading: list[tuple[str, list[Callable[[], None]]]] = []


def deciding() -> dict[type[Any], str]:
    """Return the types of agents that may have a behaviour, each with its scheme."""
    return {
        each.found("deciding", each.deciding): each.name
        for each in schemes().values()
        if each.deciding
    }


def unnamed_plugin(
    place: str, kind: str, registered: "Registered | Behaviour", scenario: Mapping[str, Any]
) -> list[Problem]:
    """Return the problem of a scenario that uses a name of a plugin which it does not name."""
    if registered.plugin in ("", *scenario.get("plugins", ())):
        return []
    message = f"{registered.name!r} is a {kind} of the plugin {registered.plugin}"
    allowed = f"plugins: [{registered.plugin}] in the scenario, or --plugin"
    return [Problem(place, message, allowed)]


@contextmanager
def registering(plugin: str) -> Iterator[list[Callable[[], None]]]:
    """Attribute what is registered to a plugin; withdraw all of it if loading fails.

    Yields
    ------
    list of callable
        What withdraws each registration, filled while the plugin is loaded.
    """
    withdrawals: list[Callable[[], None]] = []
    _loading.append((plugin, withdrawals))
    try:
        yield withdrawals
    except BaseException:
        withdraw(withdrawals)
        raise
    finally:
        _loading.pop()


def withdraw(withdrawals: list[Callable[[], None]]) -> None:
    """Withdraw registrations, the last one first."""
    while withdrawals:
        withdrawals.pop()()


def registering_plugin() -> str:
    """Return the plugin that is being loaded, "" where there is none."""
    return _loading[-1][0] if _loading else ""


def own(name: str) -> None:
    """Note that a strategy or a scheme belongs to the plugin that is being loaded, if any."""
    if _loading:
        OWNERS[name] = registering_plugin()
        on_withdrawal(lambda: OWNERS.__delitem__(name))


def on_withdrawal(remove: Callable[[], None]) -> None:
    """Record how the plugin that is being loaded takes a registration back."""
    if _loading:
        _loading[-1][1].append(remove)


def place_of(kind: str, name: str, registered: Any) -> str:
    """Return where something registered is defined, for messages."""
    code = getattr(registered, "__code__", None)
    module = getattr(registered, "__module__", "")
    where = f"{code.co_filename}:{code.co_firstlineno}" if code else registering_plugin() or module
    return f"{kind} {name!r} ({where})" if where else f"{kind} {name!r}"


def check_name(kind: str, name: Any, place: str) -> None:
    """Refuse a name that cannot stand in a scenario or a table.

    Raises
    ------
    InputError
        When it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        allowed = f'@{kind}("name") with lower-case letters, digits and underscores'
        raise InputError([Problem(place, f"{name!r} is not a valid name", allowed)])
