"""What members of every community expect it to ask, from what it asked before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.forecasters import Forecaster, Persistence, SeasonalNaive
from hmesh.runs.plugins.made_forecasters import plugin_forecaster
from hmesh.runs.scenarios.expected_price_section import (
    CONSTANT,
    LAST,
    LAST_WEEK,
    YESTERDAY,
    ExpectedPriceSettings,
)
from hmesh.runs.scenarios.scenario import Scenario

DAY_H, WEEK_DAYS = 24.0, 7


@dataclass(frozen=True, slots=True)
class _Constant:
    """The price of the days before the run, whatever was paid since."""

    start: float

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Return that price for every slot."""
        return np.full((steps, past.shape[1]), self.start)


class ExpectedPrice:
    """The prices that members expect in one world, and those of the days before.

    Members that plan before the price of a step is known use it, and pay the price that is set.
    The days before the run have the start price. Where there is no supply, and so no price, the
    one that was expected counts as asked.

    Parameters
    ----------
    scenario : Scenario
        The scenario, with its section `expected_price`.

    Attributes
    ----------
    past : array, shape (slots, communities)
        The prices of the last days, the latest last [money/kWh].
    step : int
        The step of which the price is to be set.
    """

    def __init__(self, scenario: Scenario) -> None:
        settings = scenario.expected_price
        self.start = (
            scenario.prices.time_of_use.off_peak if settings.start is None else settings.start
        )
        self.day_slots = max(1, round(DAY_H / scenario.step_h))
        self.past = np.full(
            (self.day_slots * days_seen(settings), len(scenario.communities)), self.start
        )
        self.step = 0
        self._forecaster = self._made(settings)

    def _made(self, settings: ExpectedPriceSettings) -> Forecaster:
        if settings.of_a_plugin:
            return plugin_forecaster(
                settings.forecaster, settings.options, self.past, self.day_slots, prices=True
            )
        kinds: dict[str, Forecaster] = {
            YESTERDAY: SeasonalNaive(self.day_slots),
            LAST_WEEK: SeasonalNaive(WEEK_DAYS * self.day_slots),
            LAST: Persistence(),
            CONSTANT: _Constant(self.start),
        }
        return kinds[settings.forecaster]

    def coming(self, steps: int) -> FloatArray:
        """Return the prices expected from this step on, shape (steps, communities) [money/kWh]."""
        reported = self._forecaster.forecast(self.past, steps, self.step)
        return np.where(np.isnan(reported), self.start, reported)

    def of_a_day(self, passed: int, left: int) -> FloatArray:
        """Return the prices of a day: those asked so far, and those expected from this step on.

        Parameters
        ----------
        passed, left : int
            Steps of the day before this one, at most two days of them, and from this one on.

        Returns
        -------
        array, shape (passed + left, communities)
            Prices [money/kWh].
        """
        return np.concatenate([self.past[len(self.past) - passed :], self.coming(left)])

    def observe(self, community_price: FloatArray) -> None:
        """Take in what every community asked in this step, NaN where it had no supply."""
        asked = community_price
        if np.isnan(asked).any():
            asked = np.where(np.isnan(asked), self.coming(1)[0], asked)
        self.past = np.concatenate([self.past[1:], asked[None]])
        self.step += 1

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run."""
        return {"past": self.past, "step": self.step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.past, self.step = state["past"].copy(), state["step"]


def days_seen(settings: ExpectedPriceSettings) -> int:
    """Return how many days of prices are kept: no fewer than the forecaster and a long day need."""
    least = WEEK_DAYS if settings.forecaster == LAST_WEEK else 2
    return max(settings.history_days, least)
