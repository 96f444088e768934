"""Decorators by which a plugin registers metrics, strategies and schemes."""

from collections.abc import Callable
from typing import Any

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.runs.plugins.registered import (
    BEHAVIOURS,
    METRICS,
    Behaviour,
    Metric,
    check_name,
    deciding,
    on_withdrawal,
    own,
    place_of,
    registering_plugin,
)
from hmesh.runs.schemes.descriptor import OWN_RULE, SchemeDescriptor, StrategyDescriptor
from hmesh.runs.schemes.registry import change, register, schemes, unregister

# Colours of strategies that name none: distinguishable, and none of a built-in strategy.
_COLOURS = ("#AA3377", "#228833", "#CCBB44", "#4477AA", "#EE6677", "#66CCEE")


def metric[F: Callable[[Any], Any]](name: str) -> Callable[[F], F]:
    """Register a metric: a function of the simulation, called after every settlement.

    Parameters
    ----------
    name : str
        Its name in metrics.parquet, summary.json and sweeps.

    Returns
    -------
    callable
        A decorator of the function, which takes a `Simulation`, changes nothing in it, and returns
        a number or an array of shape (communities,).

    Raises
    ------
    InputError
        When the name is not valid, or another metric has it.
    """

    def add(function: F) -> F:
        place = place_of("metric", name, function)
        check_name("metric", name, place)
        if not callable(function):
            raise InputError([Problem(place, "is not a function", "a function of the simulation")])
        if name in METRICS:
            taken = f"another metric has this name: {METRICS[name].place}"
            raise InputError([Problem(place, taken, "another name")])
        METRICS[name] = Metric(name, function, registering_plugin(), place)
        on_withdrawal(lambda: METRICS.__delitem__(name))
        return function

    return add


def strategy[C: type](
    name: str, *, scheme: str, label: str = "", colour: str = ""
) -> Callable[[C], C]:
    """Register a strategy: a rule with a method ``decide``.

    Parameters
    ----------
    name : str
        What a scenario calls it.
    scheme : str
        The scheme whose strategies it joins, such as "vehicles".
    label : str
        What it is called within a sentence; the name if not given.
    colour : str
        Its colour in every picture; one that is still free if not given.

    Returns
    -------
    callable
        A decorator of the class. A rule of the vehicles is one of the market: its ``decide`` takes
        a `Simulation`, changes nothing in it, and returns a `Decision`. A rule of the school buses
        takes a `SchoolBusSharing` and returns a `SchoolDecision`. One of batteries of buildings or
        of metered sites takes a `BatterySharingScheme` or a `MeteredSitesScheme` and returns what
        each battery takes, negative to give [kWh]. Those of houses, community storages and smart
        homes are a `HouseRule`, a `StorageRule` and a `HomeRule` of their scheme's ``own_rules``.

    Raises
    ------
    InputError
        When the name is not valid or taken, the scheme is unknown or has no rules to add to, or the
        class has no ``decide``.
    """

    def add(rule: C) -> C:
        place = place_of("strategy", name, rule)
        check_name("strategy", name, place)
        open_schemes = [each.name for each in schemes().values() if each.rules]
        if scheme not in open_schemes:
            known = scheme in schemes()
            message = f"scheme {scheme!r} takes no rule of a plugin"
            message = message if known else f"there is no scheme {scheme!r}"
            near = "" if known else nearest(str(scheme), open_schemes)
            raise InputError([Problem(place, message, ", ".join(open_schemes), near)])
        if not isinstance(rule, type) or not callable(getattr(rule, "decide", None)):
            allowed = "a class with a method decide that returns a decision, as the scheme's have"
            raise InputError([Problem(place, "has no method decide", allowed)])
        taken = _strategy_names()
        if name in taken:
            message = f"{taken[name]} has a strategy of this name"
            raise InputError([Problem(place, message, "another name")])
        descriptor = schemes()[scheme]
        held = descriptor.strategies or ()
        added = StrategyDescriptor(
            name,
            label or name.replace("_", " "),
            colour or _free_colour(),
            # Where the strategies of a scheme set prices, its rule is one of the market.
            pricing=OWN_RULE if any(each.pricing for each in held) else "",
            own=True,
        )
        rules = descriptor.part("rules")
        rules[name] = rule
        change(scheme, strategies=(*held, added))

        def remove() -> None:
            left = tuple(each for each in schemes()[scheme].strategies or () if each.name != name)
            change(scheme, strategies=left)
            del rules[name]

        on_withdrawal(remove)
        own(name)
        return rule

    return add


def behaviour[C: type](name: str) -> Callable[[C], C]:
    """Register a behaviour: a subclass of a type of agents that overrides how they decide.

    Parameters
    ----------
    name : str
        What `behaviours` of a scenario calls it.

    Returns
    -------
    callable
        A decorator of the class. Of vehicles, a subclass of `hmesh.agents.ElectricVehicle`, it has
        ``respond(self, price)`` or ``respond_rows(cls, vehicles, price)``, and may have
        ``learn(self, settlement)`` or ``learn_rows(cls, vehicles, settlement)``.

    Raises
    ------
    InputError
        When the name is not valid or taken, or the class is of no agents that take behaviours, or
        overrides none of their decisions.
    """

    def add(agent_class: C) -> C:
        place = place_of("behaviour", name, agent_class)
        check_name("behaviour", name, place)
        kinds = deciding()
        base = next((kind for kind in getattr(agent_class, "__mro__", ()) if kind in kinds), None)
        if base is None or base is agent_class:
            allowed = ", ".join(f"{kind.__name__} ({of})" for kind, of in kinds.items())
            message = "is not a subclass of a type of agents that takes behaviours"
            raise InputError([Problem(place, message, allowed)])
        decisions = _ways_to_decide(base)
        if all(_method(agent_class, way) is _method(base, way) for way in decisions):
            allowed = f"a method {' or '.join(decisions)} as {base.__name__} has it"
            raise InputError([Problem(place, "overrides no decision", allowed)])
        if name in BEHAVIOURS:
            taken = f"another behaviour has this name: {BEHAVIOURS[name].place}"
            raise InputError([Problem(place, taken, "another name")])
        BEHAVIOURS[name] = Behaviour(name, agent_class, kinds[base], registering_plugin(), place)
        on_withdrawal(lambda: BEHAVIOURS.__delitem__(name))
        return agent_class

    return add


def _method(kind: type[Any], name: str) -> Any:
    """Return a method of a class as a function, bound to no class."""
    held = getattr(kind, name)
    return getattr(held, "__func__", held)


def _ways_to_decide(base: type[Any]) -> list[str]:
    """Return the methods by which agents of a type decide, for one and for many at once."""
    ways = (way for one in base.decisions for way in (one, f"{one}_rows"))
    return [way for way in ways if hasattr(base, way)]


def scheme[C: type](name: str, **parts: Any) -> Callable[[C], C]:
    """Register a scheme by its step, a subclass of `hmesh.runs.schemes.scheme_step.Scheme`.

    Parameters
    ----------
    name : str
        Its name, which is that of its section of a scenario.
    **parts : object
        All other parts of its `SchemeDescriptor`.

    Returns
    -------
    callable
        A decorator of the class.

    Raises
    ------
    InputError
        When a part is missing, or a name is not valid or taken.
    """

    def add(step: C) -> C:
        check_name("scheme", name, place_of("scheme", name, step))
        package = step.__module__.rpartition(".")[0] or step.__module__
        add_scheme(SchemeDescriptor(**{"package": package, **parts, "name": name, "step": step}))
        return step

    return add


def add_scheme(descriptor: SchemeDescriptor) -> None:
    """Register a scheme by its complete descriptor.

    Parameters
    ----------
    descriptor : SchemeDescriptor
        Its parts.

    Raises
    ------
    InputError
        When a part is missing, or a name is taken.
    """
    register(descriptor)
    on_withdrawal(lambda: unregister(descriptor.name))
    own(descriptor.name)
    for each in descriptor.strategies or ():
        own(each.name)


def _strategy_names() -> dict[str, str]:
    """Return who has each strategy name."""
    from hmesh.runs.strategy_names import STRATEGIES_OF, STRATEGIES_OF_ALL

    found = dict.fromkeys(STRATEGIES_OF_ALL, "the whole city")
    for scheme, names in STRATEGIES_OF.items():
        found |= dict.fromkeys(names, f"scheme {scheme}")
    return found


def _free_colour() -> str:
    used = [each.colour for held in schemes().values() for each in held.strategies or ()]
    return min(_COLOURS, key=used.count)
