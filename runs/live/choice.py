"""What a person chose in the page: a scenario, its strategies, the seed and the sliders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.live.parameters import shown
from hmesh.runs.live.source import Source, make_source
from hmesh.runs.live.world import whole_seed
from hmesh.runs.scenarios.scenario_files import builtin_scenarios
from hmesh.runs.scenarios.shared_scenario import shared_scenario
from hmesh.runs.strategy_names import strategy_label


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen; it holds from the next reset.

    Attributes
    ----------
    name : str
        What the page calls the scenario, as `offered` gives it.
    source : Source
        The scenario.
    strategy, compared : str
        The strategy that is looked at, and that which it is compared with, as they are called.
    seed : str
        The seed, as it was typed.
    values : dict of float
        Values of sliders that were moved, by names of their parameters.
    """

    name: str
    source: Source
    strategy: str
    compared: str
    seed: str
    values: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, source: Source) -> Self:
        """Return what is chosen of a scenario before anybody chose anything."""
        first = next(iter(source.strategies))
        seed = str(source.scenario.seed)
        return cls(name, source, strategy_label(source.strategy), first, seed)

    def with_value(self, name: str, value: float) -> Self:
        """Return the choice with another value of a slider."""
        return replace(self, values={**self.values, name: value})

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `LiveWorld`."""
        return {
            "source": self.source,
            "strategy": self.strategy,
            "compared": self.compared,
            "seed": self.seed,
            **self.values,
        }

    def shared(self) -> tuple[str, Callable[[], bytes]]:
        """Return the name of a file from which others can run what is chosen, and its content.

        Raises
        ------
        InputError
            When what is chosen cannot be run, or not be shared.
        """
        source, seed = self.source, whole_seed(self.seed)
        source.changed(self.values, seed)
        known = source.strategies
        named = [name for name in (self.compared, self.strategy) if name not in known]
        if named:
            message = f"{shown(named[0])} is not compared"
            raise InputError([Problem("strategy", message, ", ".join(known))])
        strategies = dict.fromkeys((known[self.compared], known[self.strategy]))
        changes = [*source.changes, *source.moved(self.values)]
        return shared_scenario(
            source.name_or_path, changes, seed, tuple(strategies), source.plugins
        )


def offered(first: Source) -> dict[str, str]:
    """Return what can be watched, by what the page calls it: how `make_source` names it.

    Parameters
    ----------
    first : Source
        What the command line named; it is offered with its changes.
    """
    own = first.scenario.name
    built_in = {name: name for name, _ in builtin_scenarios()}
    changed = first.changes or first.plugins or built_in.get(own) != first.name_or_path
    label = f"{own} (as given)" if changed and own in built_in else own
    return {label: ""} | {name: path for name, path in built_in.items() if name != label}


def opened(name: str, first: Source) -> Choice:
    """Return what is chosen at first of the scenario of a name that `offered` gives.

    Raises
    ------
    InputError
        When it is none of them.
    """
    known = offered(first)
    if not isinstance(name, str) or name not in known:
        raise InputError([Problem("scenario", f"{shown(name)} is not offered", ", ".join(known))])
    return Choice.of(name, make_source(known[name]) if known[name] else first)
