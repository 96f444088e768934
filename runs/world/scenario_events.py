"""The events of a scenario as they happen in the world of one strategy."""

from math import inf
from typing import TYPE_CHECKING

from hmesh.markets.price_game import PriceBounds
from hmesh.runs.scenarios.events_section import TARIFF, prices_set, span_of

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

KIND = "scenario event"
# What a step begins with is there before the vehicles of that step move.
_BEFORE_ALL = -1


class ScenarioEvents:
    """Lets the events of a scenario begin and end, by the clock of its world.

    What is in force follows from the time alone, so that a state from before an event, even of a
    run that had none, goes on with it.

    Parameters
    ----------
    simulation : Simulation
        The world.
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.scenario = simulation.setting.scenario
        simulation.clock.on(KIND, self._happen)
        self.times_h: list[float] = sorted(
            {
                time
                for event in self.scenario.events
                for time in span_of(self.scenario, event)
                if time < inf
            }
        )
        self._schedule(-1.0)

    def _schedule(self, after_h: float) -> None:
        """Let all that begins or ends after a time be pending."""
        for number, time_h in enumerate(self.times_h):
            if time_h > after_h:
                self.simulation.clock.schedule(time_h, KIND, number, priority=_BEFORE_ALL)

    def restored(self) -> None:
        """Put in force what is by now, and let what the state did not know of be pending."""
        clock = self.simulation.clock
        others = [event for event in clock.pending() if event.kind != KIND]
        if not self.times_h and len(others) == len(clock.pending()):
            return
        clock.restore(clock.now_h, others)
        self._schedule(clock.now_h if self.simulation.step_index else -1.0)
        self._put_in_force(clock.now_h)

    def _happen(self, number: int) -> None:
        self._put_in_force(self.times_h[number])

    def _put_in_force(self, at_h: float) -> None:
        """Give the world the values of a time."""
        world, prices = self.simulation, self.scenario.prices
        given = prices_set(self.scenario, at_h)
        bounds = PriceBounds(
            *given.get("prices.utility", prices.utility),
            *given.get("prices.aggregator", prices.aggregator),
        )
        world.bounds = world.utility.bounds = bounds
        tariff = {key.split(".")[-1]: given[key] for key in TARIFF if key in given}
        world.time_of_use = prices.time_of_use.model_copy(update=tariff)
        for aggregator in world.aggregators:
            aggregator.bounds = bounds
