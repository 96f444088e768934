"""What a utility expects its members to draw, a day ahead."""

from collections.abc import Iterable

import numpy as np

from hmesh.agents.consumer import Consumer
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.chance import growth_factor
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.members import Members

KEPT_STEPS = 1024


class UtilityForecast:
    """The demand of all members in steps to come, as far as it follows profiles and files.

    It knows the loads and their growth, and photovoltaics under a clear sky; it knows neither the
    noise of loads, clouds and outages nor what batteries will do.

    Parameters
    ----------
    scenario : Scenario
        The scenario, with the growth of demand.
    calendar : Calendar
        From steps to dates.
    members : Members
        Whose demand it is.
    """

    def __init__(self, scenario: Scenario, calendar: Calendar, members: Members) -> None:
        self._members = members
        self._step_h = calendar.step_h
        sources = 1 + max(
            (int(p["source"].max(initial=-1)) for p in members.populations.values()), default=-1
        )
        growths = scenario.growth.demand_per_year
        self._weights = [
            (getattr(growths, kind.scenario_name), _weights(kind, members, sources))
            for kind in members.populations
        ]
        stands = [p["orientation"] for p in members.populations.values()]
        rated = [p["pv_kw"] for p in members.populations.values()]
        self._rated_kw = np.bincount(np.concatenate(stands), np.concatenate(rated))
        self._days = calendar.days_of(0, scenario.steps)
        self._known: dict[int, float] = {}

    def demand_kwh(self, steps: Iterable[int]) -> FloatArray:
        """Return the demand expected in some steps of the run [kWh]."""
        return np.array([self._of(step) for step in steps])

    def day(self, step: int) -> range:
        """Return the steps of the run on the date of a step."""
        return self.steps_of(int(self._days[step]))

    def steps_of(self, day: int) -> range:
        """Return the steps of the run on a day, counted from that of its start."""
        first, last = np.searchsorted(self._days, [day, day + 1]).tolist()
        return range(first, last)

    def _of(self, step: int) -> float:
        if step not in self._known:
            # A run looks a few days ahead; what lies behind is not asked again.
            while len(self._known) >= KEPT_STEPS:
                del self._known[next(iter(self._known))]
            self._known[step] = self._expected_kwh(step)
        return self._known[step]

    def _expected_kwh(self, step: int) -> float:
        members = self._members
        loads = members.sources.load_kwh(step)
        measured = members.sources.generation_kwh(step)
        demand = 0.0
        for growth, weights in self._weights:
            factor = growth_factor(growth, step * self._step_h) if growth else 1.0
            demand += factor * float(weights @ loads[: len(weights)])
            if measured is not None:
                demand -= float(weights @ measured[: len(weights)])
        if members.clear_sky is not None:
            sun = members.clear_sky.generation_kwh(step)
            demand -= float(self._rated_kw @ sun[: len(self._rated_kw)])
        return demand


def _weights(kind: type[Consumer], members: Members, sources: int) -> FloatArray:
    """Return how much of each source the consumers of a type follow together."""
    columns = members.populations[kind]
    return np.bincount(columns["source"], columns["scale"], sources)
