"""What the scenario of a run settles before anybody acts, worked out independently for an audit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.safe_files import sha256
from hmesh.runs.audits.audit_report import Places
from hmesh.runs.audits.drawn_part import drawn_part, note_of
from hmesh.runs.audits.events_in_force import price_ranges, served_parts, tariffs
from hmesh.runs.audits.reference.generation import Generation, PriceRange
from hmesh.runs.audits.reference.lines import Tree
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.strategy_names import pricing_of
from hmesh.runs.world.setting import Setting, make_setting

EXACT = 1e-9
# The names of the bounds of prices, for `RunInputs.bounds_of_steps`.
BOUNDS = ("utility_lower", "utility_upper", "aggregator_lower", "aggregator_upper")
FILE_GONE = "a file that the scenario names is gone or has changed"


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What is given, whatever the run did.

    Attributes
    ----------
    scenario : Scenario
        The scenario that run.json states.
    calendar : Calendar
        Its calendar.
    cost, bounds : Generation, PriceRange
        What generation costs in a step, and what may be asked: the widest range of all steps.
    ranges : tuple of PriceRange, or None
        What may be asked in each step, where events change it; else None.
    served_part : array, shape (steps, communities)
        For which part of each step communities are supplied; 1 where one is without supply for all
        of a step, in which nobody takes part.
    pricing : tuple of str
        Which rule sets the prices under each strategy.
    judged : array of int
        Steps whose games of prices are played again, ascending.
    files : frozenset of str
        The files that the scenario names and that still hold what the run read.
    setting : Setting or None
        The world of the scenario before anybody acts in it; None where one of its files does not
        hold any more what the run read.
    """

    scenario: Scenario
    calendar: Calendar
    cost: Generation
    bounds: PriceRange
    files: frozenset[str]
    setting: Setting | None
    ranges: tuple[PriceRange, ...] | None
    served_part: FloatArray
    pricing: tuple[str, ...]
    judged: NDArray[np.intp]

    def bounds_at(self, step: int) -> PriceRange:
        """Return what may be asked in a step."""
        return self.bounds if self.ranges is None else self.ranges[step]

    def bounds_of_steps(self, name: str) -> FloatArray:
        """Return a bound of the prices in each step, of shape (steps, 1, 1)."""
        if self.ranges is None:
            return np.full((self.steps, 1, 1), getattr(self.bounds, name))
        return np.array([getattr(each, name) for each in self.ranges])[:, None, None]

    @property
    def communities(self) -> list[str]:
        """Names of the communities."""
        return list(self.scenario.communities)

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the strategies."""
        return self.scenario.strategies

    def of_scheme(self, name: str) -> Any:
        """Return what all strategies share of a scheme; None where a file of it has changed."""
        return None if self.setting is None else self.setting.schemes.get(name)

    @property
    def tree(self) -> Tree:
        """The lines between the utility and the communities."""
        feeders = [community.feeder for community in self.scenario.communities.values()]
        return Tree.star(
            [feeder.loss_rate for feeder in feeders],
            [feeder.rating_kw * self.step_h for feeder in feeders],
        )

    @property
    def steps(self) -> int:
        """Number of steps."""
        return self.scenario.steps

    def plays(self, step: int) -> bool:
        """Return whether the games of a step are played again."""
        place = np.searchsorted(self.judged, step)
        return bool(place < len(self.judged) and self.judged[place] == step)

    @property
    def played(self) -> str:
        """In which steps games are played again, "" where in all."""
        return note_of(len(self.judged), self.steps, "steps")

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return self.calendar.step_h

    @property
    def start_ms(self) -> float:
        """When the run started, in milliseconds since 1970 UTC."""
        return round(self.calendar.start.timestamp() * 1000)

    @property
    def places(self) -> Places:
        """What names a place in a table."""
        return Places(self.calendar, self.strategies)

    @property
    def reliable(self) -> bool:
        """Whether every message is heard in time."""
        messages = self.scenario.messages
        never_late = messages.deadline_h is None or messages.latency_h == 0
        return messages.loss_rate == 0 and never_late

    @property
    def photovoltaics(self) -> bool:
        """Whether anybody generates."""
        return self.scenario.photovoltaics

    def tariff(self) -> FloatArray | None:
        """Return the time-of-use price of every step [money/kWh], shape (steps,).

        None where it stands in a dataset that does not hold any more what the run read.
        """
        rule = self.scenario.prices.time_of_use
        if rule.dataset is not None:
            return None if self.setting is None else self.setting.tariff
        hour = np.array([self.calendar.hour_of_day(step) for step in range(self.steps)])
        after, before = hour >= rule.from_hour, hour < rule.to_hour
        on_peak = after & before if rule.from_hour <= rule.to_hour else after | before
        if self.ranges is None:
            return np.where(on_peak, rule.on_peak, rule.off_peak)
        return np.asarray(np.where(on_peak, *tariffs(self.scenario).T))


def run_inputs_of(run: Run) -> RunInputs:
    """Work out what the scenario of a run settles.

    Raises
    ------
    InputError
        If run.json describes no scenario.
    """
    scenario = Scenario.from_resolved(run.info["scenario"])
    files = frozenset(file for file in scenario.files() if _unchanged(run, scenario, file))
    all_files = files.issuperset(scenario.files())
    calendar = calendar_of(scenario, with_files=all_files)
    cost, step_h = scenario.generation_cost, scenario.step_h
    bounds = PriceRange(*scenario.prices.utility, *scenario.prices.aggregator)
    ranges = None
    if any(event.set for event in scenario.events):
        ranges = tuple(price_ranges(scenario))
        bounds = PriceRange(
            min(each.utility_lower for each in ranges),
            max(each.utility_upper for each in ranges),
            min(each.aggregator_lower for each in ranges),
            max(each.aggregator_upper for each in ranges),
        )
    return RunInputs(
        scenario=scenario,
        calendar=calendar,
        # In h hours the mean power e / h costs h (a (e/h)^2 + b e/h + c).
        cost=Generation(cost.quadratic / step_h, cost.linear, cost.fixed * step_h),
        bounds=bounds,
        files=files,
        setting=make_setting(scenario) if all_files else None,
        ranges=ranges,
        served_part=served_parts(scenario),
        pricing=tuple(pricing_of(strategy) for strategy in scenario.strategies),
        judged=drawn_part(scenario.seed, "steps", scenario.steps),
    )


def _unchanged(run: Run, scenario: Scenario, file: str) -> bool:
    """Whether a file that the scenario names still holds what the run read."""
    digests = run.info["scenario"].get("files", {}).get("sha256", {})
    path = scenario.path_of(file)
    return path.is_file() and sha256(path) == digests.get(file)
