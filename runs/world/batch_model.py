"""A simulation made from plain parameters, as `mesa.batch_run` and other tools of Mesa want one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.light_mesa import mesa
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

type Reporters = Mapping[str, Callable[["BatchModel"], Any]]


def make_model(
    scenario: str | Path = "three-communities",
    strategy: str | None = None,
    *,
    rng: int | None = None,
    plugins: str | Sequence[str] = (),
    reporters: Reporters | None = None,
    **changes: Any,
) -> "BatchModel":
    """Make the simulation of one strategy from plain parameters.

    Parameters
    ----------
    scenario : str or Path
        The name of a built-in scenario, or a YAML file.
    strategy : str, optional
        One of its strategies; the last one if not given.
    rng : int, optional
        The seed in place of the scenario's, by the name that Mesa has for it.
    plugins : str or sequence of str
        Files and modules loaded beside those that the scenario names.
    reporters : mapping, optional
        Further figures by name, each a function of the model.
    **changes : object
        Values by key of the scenario, such as ``**{"vehicles.count": 500}``.

    Returns
    -------
    BatchModel
        It runs until the scenario ends; its `datacollector` holds the figures of the summary.

    Raises
    ------
    InputError
        When the scenario is wrong, or has no such strategy.
    TypeError
        When rng is given, and the key seed too.

    Examples
    --------
    >>> import hmesh, mesa
    >>> parameters = {"strategy": ["typical", "three_level"], "hours": 2, "vehicles.count": 20}
    >>> rows = mesa.batch_run(hmesh.make_model, parameters, display_progress=False)
    >>> [row["strategy"] for row in rows]
    ['typical', 'three_level']
    """
    if rng is not None and "seed" in changes:
        raise TypeError("seed and rng are the same: give one of them")
    named = [plugins] if isinstance(plugins, str) else plugins
    loaded = load_scenario(scenario, changes, rng, named)
    names = loaded.strategies
    if strategy is None:
        strategy = names[-1]
    if strategy not in names:
        message = f"the scenario does not compare {strategy!r}"
        raise InputError([Problem("strategy", message, ", ".join(names), nearest(strategy, names))])
    return BatchModel(make_setting(loaded), strategy, reporters=reporters or {})


class BatchModel(Simulation):
    """A simulation that collects its figures for Mesa, and stops where its scenario ends.

    Parameters
    ----------
    setting, strategy : object, str
        As `Simulation` takes them.
    reporters : mapping of callable
        Further figures by name, each a function of the model.
    """

    def __init__(self, setting: Any, strategy: str, *, reporters: Reporters) -> None:
        super().__init__(setting, strategy)
        self.datacollector = FigureCollector(dict(reporters))

    def step(self) -> None:
        """Run one step, and collect its figures."""
        super().step()
        self.datacollector.collect(self)


class FigureCollector(mesa.DataCollector):
    """Collects the numbers of the summary so far, by the names that sweeps have of them.

    Parameters
    ----------
    reporters : dict of callable
        Further figures by name, each a function of the model.
    """

    def __init__(self, reporters: dict[str, Callable[[Any], Any]]) -> None:
        super().__init__(model_reporters=reporters)  # type: ignore[no-untyped-call]

    def collect(self, model: Any) -> None:
        """Add the figures of the step."""
        if self.model_reporters:
            super().collect(model)  # type: ignore[no-untyped-call]
        else:
            self._collection_steps.append(model.time)
        figures = dict(_numbers(model.summary()))
        done = len(self._collection_steps)
        for name in [*figures, *(each for each in self.model_vars if each not in figures)]:
            if name in self.model_reporters:
                continue
            held = self.model_vars.setdefault(name, [None] * (done - 1))
            held.append(figures.get(name))


def _numbers(summary: Mapping[str, Any], place: str = "") -> Iterable[tuple[str, float]]:
    """Yield the numbers of a summary by dotted keys."""
    for key, value in summary.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{place}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{place}{key}", value
