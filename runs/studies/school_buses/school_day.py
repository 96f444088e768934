"""The published day of twenty schools, counted as its source counts it.

Source: R. Khwanrit, Hierarchical Multi-Communities Energy Sharing Management System using Energy
Storage, dissertation, JAIST, 2024, chapter 4. The day follows from the demand of the season and
the sizes below. Its accounting is not that of a battery whose energy is carried over: buses charge
28 MWh whatever they sold, the afternoon round leaves the energy of the critical hours alone, and
what is sold is not bought back. Simulations count all of this as it is; what a reader of the
published table must know is what that changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.critical_hours import required_demand
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.incentive_game import IncentiveGame, IncentiveTerms, solve_exact
from hmesh.markets.valley_filling import fill_valley, shave_peak, within_steps

COST = GenerationCost(7.2e-6, 0.79)  # [USD/kWh^2, USD/kWh]
SCHOOLS, BUSES = 20, 10
BATTERY_KWH, POWER_KW, ROUND_KM, KWH_PER_KM = 200.0, 60.0, 70.0, 1.0
SOC_MIN, SOC_MAX = 0.2, 0.9
LAM, THETA = (1.0, 1.2), 0.001  # [USD/kWh, USD/kWh^2]
BASE_KWH = 150_000.0  # in an hour
HIGHEST_PRICE = 10.0  # [USD/kWh]
CENTRALISED_SHARE = 0.585  # of the margin of the optimal price, fitted

# Demand at five clock hours [MWh], straight lines between them. Found by least squares on the nine
# figures of each season in Table 4.1 and the energy by which its peak fell.
SEASONS: Mapping[str, Mapping[int, float]] = {
    "winter": {4: 130.50, 8: 154.83, 10: 152.59, 14: 142.02, 21: 149.95},
    "spring": {4: 119.14, 9: 143.70, 17: 149.95, 19: 154.63, 22: 147.76},
    "fall": {4: 118.29, 9: 144.99, 17: 149.95, 19: 153.91, 22: 149.95},
}
NIGHT = (22, 23, 0, 1, 2, 3, 4, 5)
# Energy of every bus in the hours after each round [kWh], at full power.
AFTER_ROUNDS = {8: 60.0, 9: 10.0, 17: 60.0, 18: 10.0}
STRATEGIES = ("CAU", "G2V", "CEN", "OEP")


def schools_lam(schools: int = SCHOOLS) -> FloatArray:
    """Return what schools value their first kWh at: even quantiles of the published range."""
    low, high = LAM
    return np.asarray(low + (high - low) * (np.arange(schools) + 0.5) / schools)


def season_load(season: str) -> FloatArray:
    """Return the demand of each hour of a day of a season, without school buses [kWh]."""
    points = SEASONS[season]
    return np.interp(np.arange(24), list(points), np.array(list(points.values())) * 1e3, period=24)


def critical_hour(
    required_kwh: float,
    *,
    schools: int = SCHOOLS,
    km: float = ROUND_KM,
    battery_kwh: float = BATTERY_KWH,
    average_price: float | None = None,
    from_empty: bool = False,
    capped: bool = True,
    lam: float | None = None,
    cost: GenerationCost = COST,
) -> IncentiveGame:
    """Return the game of a critical hour after the first round of the day.

    Parameters
    ----------
    required_kwh : float
        Demand above the base [kWh].
    schools, km, battery_kwh : int, float, float, optional
        Number of schools, length of a round [km], size of a battery [kWh].
    average_price : float, optional
        What the stored energy cost [USD/kWh]; the average cost at 60 % of the base demand unless
        given.
    from_empty : bool, optional
        Whether satisfaction counts energy from an empty battery.
    capped : bool, optional
        Whether no more than the required demand is bought.
    lam : float, optional
        What every school values its first kWh at; even quantiles of the range unless given.
    cost : GenerationCost, optional
        What generation costs.
    """
    average = cost.average(0.6 * BASE_KWH) if average_price is None else average_price
    full, used = np.ones(schools), km * KWH_PER_KM
    counted = (SOC_MAX if from_empty else SOC_MAX - SOC_MIN) * battery_kwh - used
    usable = max((SOC_MAX - SOC_MIN) * battery_kwh - used, 0.0)
    terms = IncentiveTerms(cost, BASE_KWH, required_kwh, average, HIGHEST_PRICE, capped)
    return IncentiveGame(
        terms,
        schools_lam(schools) if lam is None else lam * full,
        THETA * full,
        average * full,
        BUSES * counted * full,
        BUSES * min(POWER_KW, usable) * full,
    )


@dataclass(frozen=True, slots=True)
class PublishedDay:
    """A day of one strategy.

    Attributes
    ----------
    demand_kwh : array, shape (24,)
        Demand of the system, school buses included [kWh].
    charged_kwh, sold_kwh : array, shape (24,)
        What all buses charge and sell [kWh].
    price : array, shape (24,)
        Average price paid for what is sold [USD/kWh], 0 where nothing is.
    average_price : float
        What a kWh that was charged cost [USD/kWh].
    """

    demand_kwh: FloatArray
    charged_kwh: FloatArray
    sold_kwh: FloatArray
    price: FloatArray
    average_price: float

    @property
    def par(self) -> float:
        """Peak-to-average ratio of the demand."""
        return float(self.demand_kwh.max() / self.demand_kwh.mean())

    @property
    def incentives(self) -> float:
        """What the utility pays for what is sold [USD]."""
        return float(self.price @ self.sold_kwh)

    def utility_cost(self, *, incentives: bool, replaced: bool) -> float:
        """Return what the day costs the utility [USD].

        Parameters
        ----------
        incentives : bool
            Whether what it pays the schools is counted.
        replaced : bool
            Whether what was sold is bought back, generated in the same night's valley.
        """
        demand = self.demand_kwh
        if replaced:
            demand = demand + _filled(demand, float(self.sold_kwh.sum()) / (SCHOOLS * BUSES))
        cost = float(COST.total(demand).sum())
        return cost + (self.incentives if incentives else 0.0)

    def bill(self, *, replaced: bool) -> float:
        """Return what schools pay less what they are paid [USD].

        Parameters
        ----------
        replaced : bool
            Whether they buy back what they sold, at the price of the same night. The published
            bill instead credits what is paid above the average price of the energy sold.
        """
        if not replaced:
            charging = float(COST.average(self.demand_kwh + self.sold_kwh) @ self.charged_kwh)
            return charging - self.incentives + self.average_price * float(self.sold_kwh.sum())
        before = self.demand_kwh + self.sold_kwh
        again = _filled(before, float(self.sold_kwh.sum()) / (SCHOOLS * BUSES))
        price = COST.average(before + again)
        return float(price @ (self.charged_kwh + again)) - self.incentives


def published_day(load_kwh: FloatArray, strategy: str) -> PublishedDay:
    """Return a day of a strategy by the source's accounting.

    Parameters
    ----------
    load_kwh : array, shape (24,)
        Demand without school buses [kWh].
    strategy : str
        One of `STRATEGIES`.
    """
    nothing = np.zeros(24)
    charged = nothing.copy()
    if strategy == "CAU":
        for hour, energy in AFTER_ROUNDS.items():
            charged[hour] = SCHOOLS * BUSES * energy
    else:
        charged = _filled(load_kwh, 2 * ROUND_KM * KWH_PER_KM)
    demand = load_kwh + charged
    average = float(COST.average(demand) @ charged / charged.sum())
    if strategy in ("CAU", "G2V"):
        return PublishedDay(demand, charged, nothing, nothing, average)
    sold, price = _optimal_sales(load_kwh, average)
    if strategy == "CEN":
        paid = float(price @ sold / sold.sum()) if sold.any() else average
        price = np.full(24, average + CENTRALISED_SHARE * (paid - average))
        sold = _centralised_sales(load_kwh)
    return PublishedDay(demand - sold, charged, sold, np.where(sold > 0, price, 0.0), average)


def _filled(load_kwh: FloatArray, need_kwh: float) -> FloatArray:
    """Return what the valley of a night takes if every bus needs an energy [kWh]."""
    hours, buses = np.array(NIGHT), SCHOOLS * BUSES
    within = _within(need_kwh, buses, len(hours))
    filled = np.zeros(24)
    filled[hours] = fill_valley(load_kwh[hours], within)[0]
    return filled


def _within(need_kwh: float, buses: int, hours: int) -> FloatArray:
    full = np.ones(buses)
    return within_steps(need_kwh * full, POWER_KW * full, np.zeros(buses, dtype=np.intp), 1, hours)


def _centralised_sales(load_kwh: FloatArray) -> FloatArray:
    """Return what is taken of the buses where all they hold after one round shaves the peak."""
    critical = np.flatnonzero(required_demand(load_kwh, BASE_KWH))
    spare = (SOC_MAX - SOC_MIN) * BATTERY_KWH - ROUND_KM * KWH_PER_KM
    sold = np.zeros(24)
    within = _within(spare, SCHOOLS * BUSES, len(critical))
    sold[critical] = shave_peak(load_kwh[critical], within)[0]
    return sold


def _optimal_sales(load_kwh: FloatArray, average_price: float) -> tuple[FloatArray, FloatArray]:
    """Return what is sold in each critical hour, one after another, and at which price."""
    required = required_demand(load_kwh, BASE_KWH)
    sold, price = np.zeros(24), np.zeros(24)
    left = np.zeros(SCHOOLS)
    for hour in np.flatnonzero(required).tolist():
        game = critical_hour(float(required[hour]), average_price=average_price)
        stored = game.stored_kwh - left
        upper = np.minimum(BUSES * POWER_KW, stored)
        found = solve_exact(
            IncentiveGame(game.terms, game.lam, game.theta, game.average_price, stored, upper)
        )
        left = left + found.energy_kwh
        sold[hour], price[hour] = found.energy_kwh.sum(), found.price
    return sold, price
