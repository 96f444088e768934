"""What chance does to the world of one strategy, step by step."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hmesh.agents.consumer import Consumer
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment import chance
from hmesh.environment.arrays import FloatArray
from hmesh.environment.cloudiness import clearness
from hmesh.runs.scenarios.chance_section import Cloudiness, DemandNoise
from hmesh.runs.world.setting import Setting


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

    Attributes
    ----------
    clearness : array, shape (communities,)
        Share of the clear sky's generation that clouds let through in this step [-].
    feeder_out : array of bool, shape (communities,)
        Which of them are without supply for all of the step.
    lost_part : array, shape (communities,)
        Part of the step for which others are, 0..1.
    """

    def __init__(
        self,
        setting: Setting,
        consumers: Mapping[type[Consumer], AgentGroup[Consumer]],
    ) -> None:
        self.setting = setting
        self.consumers = consumers
        places = len(setting.communities)
        self.clearness = np.ones(places)
        self.lost_part = np.zeros(places)
        self.feeder_out = np.zeros(places, dtype=np.bool_)
        self._sky = np.zeros(places)
        self.step_h = setting.calendar.step_h
        noises = setting.scenario.chance.demand_noise
        # Clouds matter only where somebody generates under them.
        self._clouds = setting.scenario.chance.cloudiness if setting.scenario.sunlit else None
        growths = setting.scenario.growth.demand_per_year
        self._noise = {kind: getattr(noises, kind.scenario_name) for kind in consumers}
        self._growth = {kind: getattr(growths, kind.scenario_name) for kind in consumers}

    def turn(self, step: int) -> None:
        """Draw what chance does in a step."""
        self._change_demand(step)
        self._change_sky(step)

    def _change_demand(self, step: int) -> None:
        for kind, noise in self._noise.items():
            if noise is not None:
                z = self.consumers[kind].population["noise"]
                z[:] = self._next(z, self._innovations(kind, len(z), step), noise, step)

    def _change_sky(self, step: int) -> None:
        clouds = self._clouds
        if clouds is None:
            return
        places = self.setting.communities
        names = ("all communities",) if clouds.common else places
        draws = [self._stream("cloudiness", name, step).standard_normal() for name in names]
        draw = np.broadcast_to(np.array(draws), len(places))
        self._sky = self._next(self._sky, draw, clouds, step)
        self.clearness = clearness(self._sky, clouds.mean, clouds.deviation)

    def vary(self, kind: type[Consumer], load_kwh: FloatArray, step: int) -> None:
        """Let the loads of a type of consumers have grown, and be noisy, in place."""
        growth, noise = self._growth[kind], self._noise[kind]
        factor = chance.growth_factor(growth, step * self.step_h) if growth else None
        self.consumers[kind].population.heard |= {
            "growth": factor,
            "sigma": None if noise is None else noise.sigma,
        }
        if factor is not None:
            load_kwh *= factor
        if noise is not None:
            load_kwh *= chance.noise_factor(self.consumers[kind].population["noise"], noise.sigma)

    def state(self) -> dict[str, Any]:
        """Return what goes on from step to step, live where it is an array."""
        noise = {
            kind.scenario_name: self.consumers[kind].population["noise"]
            for kind, given in self._noise.items()
            if given is not None
        }
        return {"noise": noise, "sky": self._sky}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        for kind in self.consumers:
            if kind.scenario_name in state["noise"]:
                self.consumers[kind].population.set("noise", state["noise"][kind.scenario_name])
        self._sky = state["sky"]

    def _innovations(self, kind: type[Consumer], size: int, step: int) -> FloatArray:
        """Return a standard normal draw for every consumer of a type."""
        draws = np.empty(size)
        for group in self.setting.members.groups[kind]:
            rows = draws[group.rows]
            name = f"{kind.scenario_name} {group.name}"
            rows[:] = self._stream("demand noise", name, step).standard_normal(len(rows))
        return draws

    def _next(
        self,
        value: FloatArray,
        draw: FloatArray,
        given: DemandNoise | Cloudiness,
        step: int,
    ) -> FloatArray:
        """Return the values of a process that remembers, from its lasting distribution on."""
        if step == 0:
            return draw
        correlation = chance.correlation_over(self.step_h, given.correlation_h)
        return chance.next_normal(value, draw, correlation)

    def _stream(self, purpose: str, whom: str, step: int) -> np.random.Generator:
        """Return a stream at its start; it is another one after the next call."""
        return self.setting.streams.shared(purpose, whom, step)
