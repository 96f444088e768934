"""What is watched: a scenario as a person named it, to be made again with other values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.runs.live.parameters import Parameter, parameters_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.strategy_names import strategy_label


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario as a person named it.

    Attributes
    ----------
    name_or_path, changes, plugins : str, tuple of str, tuple of str
        As `hmesh.runs.load_scenario` takes them.
    scenario : Scenario
        Their results.
    strategy : str
        The strategy that is watched first.
    parameters : tuple of Parameter
        What sliders may change.
    """

    name_or_path: str
    changes: tuple[str, ...]
    scenario: Scenario
    strategy: str
    parameters: tuple[Parameter, ...]
    plugins: tuple[str, ...] = ()

    @property
    def strategies(self) -> dict[str, str]:
        """Return the strategies that the scenario compares, by what they are called."""
        return {strategy_label(strategy): strategy for strategy in self.scenario.strategies}

    def moved(self, values: Mapping[str, float]) -> list[str]:
        """Return the changes of the scenario that other values of its parameters are."""
        return [
            f"{parameter.key}={values[parameter.name]}"
            for parameter in self.parameters
            if values.get(parameter.name, parameter.value) != parameter.value
        ]

    def changed(self, values: Mapping[str, float], seed: int) -> Scenario:
        """Return the scenario with other values, by names of its parameters.

        Raises
        ------
        InputError
            If a value lies outside of its slider, or the values do not go together.
        """
        given = ((each, values.get(each.name, each.value)) for each in self.parameters)
        problems = [wrong for each, value in given if (wrong := each.check(value))]
        refuse_all(problems)
        moved = self.moved(values)
        if not moved and seed == self.scenario.seed:
            return self.scenario
        return load_scenario(self.name_or_path, [*self.changes, *moved], seed, self.plugins)


def make_source(
    name_or_path: str,
    changes: Sequence[str] = (),
    seed: int | None = None,
    strategy: str | None = None,
    plugins: Sequence[str] = (),
) -> Source:
    """Read the scenario that is to be watched.

    Parameters
    ----------
    name_or_path, changes, seed, plugins : str, sequence of str, int, sequence of str
        As `hmesh.runs.load_scenario` takes them.
    strategy : str, optional
        The strategy that is watched first; the scenario's last if not given.

    Raises
    ------
    InputError
        If the scenario is wrong, or does not compare the strategy.
    """
    scenario = load_scenario(name_or_path, changes, seed, plugins)
    there = scenario.strategies
    if strategy is not None and strategy not in there:
        text = f"the scenario does not compare a strategy {strategy!r}"
        raise InputError([Problem("--strategy", text, ", ".join(there), nearest(strategy, there))])
    return Source(
        name_or_path,
        tuple(changes),
        scenario,
        strategy or there[-1],
        tuple(parameters_of(scenario)),
        tuple(plugins),
    )
