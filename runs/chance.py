"""What chance does to the world of one strategy, step by step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.consumer import Consumer
from agents.row_agent import AgentGroup
from environment import chance
from runs.setting import Setting


class Chance:
    """The processes of chance of one world, and the growth of its demand.

    Every draw comes from a stream named by what is drawn, for whom and the step, one for each row.
    So what is switched on or added moves no other draw, all strategies meet the same chances, and a
    resumed run goes on with them.

    Parameters
    ----------
    setting : Setting
        What all strategies share.
    consumers : mapping
        The consumers of this world, by type; chance writes their column ``noise``.
    """

    def __init__(
        self, setting: Setting, consumers: Mapping[type[Consumer], AgentGroup[Consumer]]
    ) -> None:
        self.setting = setting
        self.consumers = consumers
        self.step_h = setting.calendar.step_h
        noises = setting.scenario.chance.demand_noise
        growths = setting.scenario.growth.demand_per_year
        self._noise = {kind: getattr(noises, kind.scenario_name) for kind in consumers}
        self._growth = {kind: getattr(growths, kind.scenario_name) for kind in consumers}

    def turn(self, step: int) -> None:
        """Draw what chance does in a step."""
        for kind, noise in self._noise.items():
            if noise is not None:
                z = self.consumers[kind].population["noise"]
                correlation = chance.correlation_over(self.step_h, noise.correlation_h)
                z[:] = self._next(z, self._innovations(kind, len(z), step), correlation, step)

    def vary(self, kind: type[Consumer], load_kwh: NDArray[np.float64], step: int) -> None:
        """Let the loads of a type of consumers have grown, and be noisy, in place."""
        growth, noise = self._growth[kind], self._noise[kind]
        if growth:
            load_kwh *= chance.growth_factor(growth, step * self.step_h)
        if noise is not None:
            load_kwh *= chance.noise_factor(self.consumers[kind].population["noise"], noise.sigma)

    def state(self) -> dict[str, Any]:
        """Return what goes on from step to step, live where it is an array."""
        return {
            "noise": {
                kind.scenario_name: self.consumers[kind].population["noise"]
                for kind, noise in self._noise.items()
                if noise is not None
            }
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        for kind in self.consumers:
            if kind.scenario_name in state["noise"]:
                self.consumers[kind].population.set("noise", state["noise"][kind.scenario_name])

    def _innovations(self, kind: type[Consumer], size: int, step: int) -> NDArray[np.float64]:
        """Return a standard normal draw for every consumer of a type."""
        draws = np.empty(size)
        for group in self.setting.groups[kind]:
            rows = draws[group.rows]
            name = f"{kind.scenario_name} {group.name}"
            rows[:] = self._stream("demand noise", name, step).standard_normal(len(rows))
        return draws

    @staticmethod
    def _next(
        value: NDArray[np.float64], draw: NDArray[np.float64], correlation: float, step: int
    ) -> NDArray[np.float64]:
        return draw if step == 0 else chance.next_normal(value, draw, correlation)

    def _stream(self, purpose: str, whom: str, step: int) -> np.random.Generator:
        return self.setting.streams.generator(purpose, whom, step)
