"""The strategies of every scheme, and what they are called where people read of them."""

from collections.abc import Mapping, Sequence

from hmesh.runs.schemes.descriptor import RETAIL, StrategyDescriptor
from hmesh.runs.schemes.registry import FromSchemes, schemes, sections_first

# Strategies of a whole city: what every scheme does at once.
NOBODY = StrategyDescriptor("nobody_shares", "nobody sharing", "#8C8C8C")
EVERYBODY = StrategyDescriptor("everybody_shares", "everybody sharing", "#D55E00")

# The schemes in the order of the hour, each named as its section of a scenario. Of its strategies
# the one that stands for nobody sharing comes first.
STRATEGIES_OF: Mapping[str, tuple[str, ...]] = FromSchemes(
    lambda: {
        name: tuple(strategy.name for strategy in each.strategies or ())
        for name, each in schemes().items()
    }
)


def _where_everybody_shares(strategies: Sequence[StrategyDescriptor]) -> str:
    built_in = [each for each in strategies if not each.own]
    return next((each for each in built_in if each.everybody), built_in[-1]).name


# Which strategy of each scheme a strategy of a whole city is.
STRATEGIES_OF_ALL: Mapping[str, Mapping[str, str]] = FromSchemes(
    lambda: {
        NOBODY.name: {scheme: first for scheme, (first, *_) in STRATEGIES_OF.items()},
        EVERYBODY.name: {
            name: _where_everybody_shares(each.strategies or ()) for name, each in schemes().items()
        },
    }
)

# All that a scenario may compare, by name.
STRATEGIES: Mapping[str, StrategyDescriptor] = FromSchemes(
    lambda: {
        strategy.name: strategy
        for each in (*(each.strategies or () for each in schemes().values()), (NOBODY, EVERYBODY))
        for strategy in each
    }
)


# Between the strategies of several schemes that act at once, where a scenario names these.
JOINT = "+"


def parts_of(strategy: str) -> tuple[str, ...]:
    """Return the strategies that a joint one is made of; itself where it is none.

    A joint strategy names strategies of several schemes, ``shared_battery+three_level``; all other
    schemes follow their first.
    """
    return (strategy,) if strategy in STRATEGIES else tuple(strategy.split(JOINT))


def joint(strategies: Sequence[str]) -> str:
    """Return the name of several schemes' strategies at once, in the order of the hour."""
    order = list(STRATEGIES_OF)
    return JOINT.join(sorted(strategies, key=lambda name: order.index(scheme_of(name) or "")))


def is_joint(strategy: str) -> bool:
    """Return whether a strategy is made of strategies of several schemes, one of each."""
    found = [scheme_of(name) for name in parts_of(strategy)]
    return len(found) > 1 and None not in found and len(set(found)) == len(found)


def schemes_of(strategy: str) -> list[str]:
    """Return the schemes that a strategy names; none where it is of all, or the user's own."""
    found = (scheme_of(name) for name in parts_of(strategy))
    return [scheme for scheme in found if scheme is not None]


def default_strategies() -> tuple[str, ...]:
    """Return what a scenario compares that names no strategies: all that need no section."""
    always = (each.name for each in sections_first() if each.always_there)
    named = (strategy for name in always for strategy in STRATEGIES_OF[name])
    # A strategy of a plugin is compared only where a scenario names it, and so is a benchmark.
    found = (STRATEGIES[name] for name in named)
    return tuple(s.name for s in found if not s.own and not s.on_request)


def is_own(strategy: str) -> bool:
    """Return whether a plugin added a strategy by a rule of its own."""
    return strategy in STRATEGIES and STRATEGIES[strategy].own


def scheme_of(strategy: str) -> str | None:
    """Return the scheme a strategy belongs to; None where it is of all, or the user's own."""
    for scheme, strategies in STRATEGIES_OF.items():
        if strategy in strategies:
            return scheme
    return None


def strategy_within(scheme: str, strategy: str) -> str:
    """Return what a scheme does in a run of a strategy that may be another scheme's.

    Returns
    -------
    str
        The strategy itself where it is the scheme's or the user's own, its part for the scheme
        where it is of all or of several, else the scheme's first.
    """
    if strategy in STRATEGIES_OF_ALL:
        return STRATEGIES_OF_ALL[strategy][scheme]
    if is_joint(strategy):
        own = [name for name in parts_of(strategy) if scheme_of(name) == scheme]
        return own[0] if own else STRATEGIES_OF[scheme][0]
    return strategy if scheme_of(strategy) in (scheme, None) else STRATEGIES_OF[scheme][0]


def strategies_within(scheme: str, strategies: Sequence[str]) -> list[str]:
    """Return what a scheme does under each strategy of a run."""
    return [strategy_within(scheme, strategy) for strategy in strategies]


def pricing_of(strategy: str) -> str:
    """Return which rule sets the prices under a strategy; retail where no scheme says another."""
    for scheme in STRATEGIES_OF:
        named = STRATEGIES.get(strategy_within(scheme, strategy))
        if named is not None and named.pricing:
            return named.pricing
    return RETAIL


def first_of_each(scheme: str, strategies: Sequence[str]) -> list[str]:
    """Return the first strategies of a run under which a scheme does anything new."""
    firsts: dict[str, str] = {}
    for strategy in strategies:
        firsts.setdefault(strategy_within(scheme, strategy), strategy)
    return list(firsts.values())


def strategy_name(strategy: str) -> str:
    """Return what a strategy is called within a sentence."""
    if is_joint(strategy):
        return " and ".join(strategy_name(name) for name in parts_of(strategy))
    named = STRATEGIES.get(strategy)
    return named.title if named is not None else strategy.replace("_", " ")


def verb(strategy: str, of_one: str) -> str:
    """Return a regular verb that agrees with the name of a strategy: "batteries lower"."""
    named = STRATEGIES.get(strategy)
    plural = is_joint(strategy) or (named is not None and named.plural)
    return of_one.removesuffix("s") if plural else of_one


def strategy_label(strategy: str) -> str:
    """Return what a strategy is called in a legend or at the head of a column."""
    return capital(strategy_name(strategy).removeprefix("the "))


def capital(text: str) -> str:
    """Return a text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
