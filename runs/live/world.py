"""A scenario as Mesa's viewer wants it: one model, made again from the values of its sliders."""

from collections import deque
from typing import Any

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.light_mesa import mesa
from hmesh.runs.live.parameters import Parameter, shown
from hmesh.runs.live.readings import Reading, Roads, Stores, live_of, read, stores_of
from hmesh.runs.live.roadmap import OnTheRoad, geometry
from hmesh.runs.live.source import Source
from hmesh.runs.plugins.failures import failure_of
from hmesh.runs.world.account_figures import summaries
from hmesh.runs.world.compared_bills import compare_with_first
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

# Two weeks of hours: what charts show of a long run.
STEPS_SHOWN = 336


class LiveWorld(mesa.Model[Any, Any]):
    """The worlds of a strategy and of one that it is compared with, step by step.

    Values that cannot be run make a world that stands still and says why.

    Parameters
    ----------
    source : Source
        What is watched.
    strategy : str
        The strategy that is looked at, as it is called.
    seed : str
        The seed, as it was typed.
    compared : str, optional
        The strategy that it is compared with, as it is called; the scenario's first.
    **values : object
        Values of the parameters, by name. Others are ignored: the viewer passes a
        separate scenario.

    Attributes
    ----------
    values : dict of float
        Values of the parameters that were given.
    problems : list of str
        Why nothing can be run; empty where it can.
    worlds : list of Simulation
        That of the strategy that is compared with, and that which is looked at, where it is
        another one.
    history : dict of deque of Reading
        The last steps of every world, by strategy.
    on_the_road : OnTheRoad or None
        Where the vehicles are in the last step.
    stores : dict of Stores
        The storages that stay, in the last step.
    """

    def __init__(
        self,
        *,
        source: Source,
        strategy: str,
        seed: str,
        compared: str | None = None,
        **values: Any,
    ) -> None:
        super().__init__(rng=0)
        self.source = source
        first = next(iter(source.strategies)) if compared is None else compared
        # A browser may send anything; what is no strategy becomes a problem below.
        unknown = [
            name
            for name in (strategy, first)
            if not isinstance(name, str) or name not in source.strategies
        ]
        self.strategy = source.strategy if unknown else source.strategies[strategy]
        self.compared = source.strategy if unknown else source.strategies[first]
        names = {parameter.name for parameter in source.parameters}
        self.values: dict[str, float] = {k: values[k] for k in names & set(values)}
        self.problems: list[str] = []
        self.worlds: list[Simulation] = []
        self.history: dict[str, deque[Reading]] = {}
        self.on_the_road: OnTheRoad | None = None
        self.stores: dict[str, Stores] = {}
        try:
            if unknown:
                text = f"{shown(unknown[0])} is not compared"
                raise InputError([Problem("strategy", text, ", ".join(source.strategies))])
            self._begin(whole_seed(seed))
        except Exception as error:
            self._stand_still(error)

    def _begin(self, seed: int) -> None:
        self.given = self.source.changed(self.values, seed)
        self.setting = make_setting(self.given)
        self.geometry = geometry(self.setting)
        self.places = self.geometry.places
        found = {name: live_of(name).roads(self.setting) for name in self.given.schemes}
        self.roads: dict[str, Roads] = {k: roads for k, roads in found.items() if roads is not None}
        names = dict.fromkeys((self.compared, self.strategy))
        self.history = {name: deque(maxlen=STEPS_SHOWN) for name in names}
        self.worlds = [Simulation(self.setting, name, self._look) for name in names]
        compare_with_first(self.worlds)

    @property
    def watched(self) -> Simulation:
        """The world that is looked at."""
        return self.worlds[-1]

    @property
    def last(self) -> Reading | None:
        """The outcome of the last step of the world that is looked at; None before the first."""
        readings = self.history.get(self.strategy)
        return readings[-1] if readings else None

    @property
    def steps_done(self) -> int:
        """How many steps were simulated."""
        return self.watched.step_index if self.worlds else 0

    def step(self) -> None:
        """Run one step in all worlds."""
        if not self.running:
            return
        try:
            for world in self.worlds:
                world.step()
        except Exception as error:
            self._stand_still(error)
            return
        self.running = self.steps_done < self.given.steps

    def _stand_still(self, error: Exception) -> None:
        """Stop with the reason, if what went wrong is a mistake in values or in a plugin."""
        known = error if isinstance(error, InputError) else failure_of(error)
        if known is None:
            raise error
        self.problems = [str(problem) for problem in known.problems]
        self.running = False

    def value_of(self, parameter: Parameter) -> float:
        """Return the value of a parameter in this world."""
        return self.values.get(parameter.name, parameter.value)

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return the outcome of every strategy so far, as a run would report it."""
        return summaries(self.worlds)

    def _look(self, world: Simulation) -> None:
        self.history[world.strategy].append(read(world))
        if world.strategy == self.strategy:
            self.stores = stores_of(world)
            for name, roads in self.roads.items():
                self.on_the_road = roads.read(world.schemes[name])


def whole_seed(seed: str) -> int:
    """Return a seed that was typed.

    Raises
    ------
    InputError
        When it is no whole number.
    """
    try:
        return int(seed if isinstance(seed, str) else "")
    except ValueError:
        raise InputError([Problem("seed", f"{shown(seed)} is no whole number")]) from None
