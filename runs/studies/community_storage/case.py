"""Some days of a community's storage without a world around them, for studies of the rules alone.

What happens is what a run with plans on what will be (`plan_on: actual`) does: the same demands,
sun, forecasts, ranks and allowances. Many variants are simulated in the time of one run.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.storage_controllers import ratings_of
from hmesh.environment.arrays import FloatArray
from hmesh.environment.day_slots import slot_by_clock
from hmesh.environment.forecasters import Forecaster
from hmesh.markets.allowance_iteration import (
    Course,
    Horizon,
    Iterations,
    StopWhen,
    iterate_allowance,
    simulate_horizon,
)
from hmesh.markets.community_storage import Sharing, StorageRatings, served_first
from hmesh.runs.schemes.community_storage.plan import Ahead, averages_ahead, days_ahead
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting
from hmesh.runs.world.setting import Setting

EVERYTHING = np.zeros(1)


@dataclass(frozen=True, slots=True)
class StorageCase:
    """What one storage and its households meet.

    Attributes
    ----------
    ahead : Ahead
        Days, demands, generation and forecasts of the households of this storage.
    least_kwh : array, shape (steps, households)
        Least demand seen in the same slot of a day [kWh].
    most_kwh : array, shape (households,)
        Highest demand seen [kWh].
    ratings, stored_kwh : StorageRatings, float
        What the storage is able to do, and holds at first [kWh].
    dischargers : int
        How many households it serves at once.
    charge_above_kwh : float
        Generation of a step from which it is charged [kWh].
    step_h : float
        Length of a step [h].
    """

    ahead: Ahead
    least_kwh: FloatArray
    most_kwh: FloatArray
    ratings: StorageRatings
    stored_kwh: float
    dischargers: int
    charge_above_kwh: float
    step_h: float

    @property
    def generation_kwh(self) -> FloatArray:
        """What the plant generates, shape (steps,) [kWh]."""
        return self.ahead.generation_kwh[:, 0]

    @property
    def bright(self) -> NDArray[np.bool_]:
        """Whether that is enough to charge, shape (steps,)."""
        return self.generation_kwh >= self.charge_above_kwh

    def averages(self, *, static: bool = False) -> FloatArray:
        """Return what households state of the rest of each day, shape (steps, households) [kWh]."""
        return averages_ahead(self.ahead, static=static)

    def horizon(self, served: NDArray[np.intp] | None = None, *, static: bool = False) -> Horizon:
        """Return what the storage meets, households being ranked as the rule has it.

        Parameters
        ----------
        served : array of int, shape (steps, k), optional
            Who may draw instead.
        static : bool
            Whether the static averages of the day rank.
        """
        if served is None:
            served = served_first(self.averages(static=static), self.dischargers)
        return Horizon(
            self.generation_kwh, self.bright, self.ahead.demand_kwh, served, self.least_kwh,
            self.most_kwh, self.step_h,
        )  # fmt: skip

    def normal(self, sharing: Sharing = "priority", *, static: bool = False) -> FloatArray:
        """Return what each household gets with alpha = 1, shape (households,) [kWh]."""
        return self._each(self.horizon(static=static), np.ones(1), sharing)

    def optimal(
        self,
        sharing: Sharing = "priority",
        stop_when: StopWhen = "left",
        served: NDArray[np.intp] | None = None,
        *,
        static: bool = False,
    ) -> tuple[FloatArray, Iterations]:
        """Return what each household gets with the last alpha, and the outcome of every alpha."""
        horizon = self.horizon(served, static=static)
        found = iterate_allowance(horizon, self.stored_kwh, self.ratings, sharing, stop_when)
        return self._each(horizon, 1.0 / np.array([found.chosen]), sharing), found

    def served_with(self, served: NDArray[np.intp] | None, weights: FloatArray) -> FloatArray:
        """Return what each household gets with a weight of the least demand [kWh]."""
        return self._each(self.horizon(served), weights, "priority")

    def course(self, weights: FloatArray) -> Course:
        """Return what the storage does with each of some weights."""
        return simulate_horizon(self.horizon(), self.stored_kwh, self.ratings, weights)

    def scaled(self, factors: FloatArray) -> "StorageCase":
        """Return the case with the demand of each household times a factor."""
        ahead = replace(
            self.ahead,
            used_kwh=self.ahead.used_kwh * factors,
            forecast_kwh=self.ahead.forecast_kwh * factors,
            demand_kwh=self.ahead.demand_kwh * factors,
        )
        return replace(
            self, ahead=ahead, least_kwh=self.least_kwh * factors, most_kwh=self.most_kwh * factors
        )

    def _each(self, horizon: Horizon, weights: FloatArray, sharing: Sharing) -> FloatArray:
        course = simulate_horizon(horizon, self.stored_kwh, self.ratings, weights, sharing)
        each: FloatArray = course.of_households(horizon)[:, 0].sum(axis=0)
        return each


def cases_of(setting: Setting, forecaster: Forecaster | None = None) -> list[StorageCase]:
    """Return the first horizon of a scenario, a case for each of its storages.

    Parameters
    ----------
    setting : Setting
        The world of the scenario.
    forecaster : Forecaster, optional
        The forecaster of the demand of all households, in place of the scenario's.
    """
    shared: CommunityStorageSetting = setting.schemes["community_storage"]
    assert shared is not None
    reported = forecaster or shared.demand_forecaster
    days = days_ahead(shared, 0, setting.scenario.steps)
    end = days[-1].stop
    demand = shared.coming_demand_kwh(0, end)
    read = np.concatenate([shared.demand_history_kwh, demand])
    past = shared.history_slots
    forecast = np.concatenate(
        [reported.forecast(read[day.start : day.start + past], len(day), day.start) for day in days]
    )
    generation = shared.coming_generation_kwh(0, end)
    by_clock = np.array([slot_by_clock(shared.calendar, step) for step in range(end)])
    return [
        _case(shared, row, days, demand, forecast, generation, shared.least_kwh[by_clock])
        for row in range(len(shared.names))
    ]


def _case(
    shared: CommunityStorageSetting,
    row: int,
    days: list[range],
    demand: FloatArray,
    forecast: FloatArray,
    generation: FloatArray,
    least: FloatArray,
) -> StorageCase:
    own = np.flatnonzero(shared.households["storage"] == row)
    lengths = tuple(len(day) for day in days)
    nothing = np.zeros(len(own))
    storages, step_h = shared.storages, shared.calendar.step_h
    return StorageCase(
        ahead=Ahead(
            0, lengths, lengths, nothing, forecast[:, own], demand[:, own],
            generation[:, row : row + 1],
        ),
        least_kwh=least[:, own],
        most_kwh=np.maximum(shared.most_kwh[own], 0.0),
        ratings=ratings_of(storages, row),
        stored_kwh=float(storages["energy_kwh"][row]),
        dischargers=int(storages["dischargers"][row]),
        charge_above_kwh=float(storages["charge_above_kw"][row]) * step_h,
        step_h=step_h,
    )  # fmt: skip
