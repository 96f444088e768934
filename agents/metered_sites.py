"""Sites behind one meter each, and how their batteries decide: all at once, or one alone."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from hmesh.agents.battery import Battery, supplied_part
from hmesh.agents.row_agent import AgentGroup, Column
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged
from hmesh.environment.capacity_fade import share_left
from hmesh.environment.population import Population
from hmesh.markets.connection import Connection, ConnectionFlows, settle_connection
from hmesh.markets.lowest_peak import lowest_peak_kw
from hmesh.markets.monthly_charges import surcharge_foreseen
from hmesh.markets.tariff_control import (
    LEVELS,
    SiteBatteries,
    StepTariff,
    best_exchange,
    exchange_limits,
    self_consumption,
    worth_of_stored,
)

type Control = Literal["idle", "self_consumption", "tariff", "given"]

# From how many days before, at most, a site expects what it will draw.
DAYS_KNOWN = 7


class MeteredSite(Battery):
    """A site with one meter: loads, modules and a battery that knows its tariff."""

    community = Column(np.int16, "-", 0, "where it stands")
    group = Column(np.int32, "-", 0, "group it belongs to")
    wear = Column(np.float64, "money/kWh", 0.0, "cost per energy discharged")
    new_kwh = Column(np.float64, "kWh", 0.0, "size of the battery when it was new")
    capacity_kwh = Column(np.float64, "kWh", 0.0, "size of the battery now", state=True)
    cycled_kwh = Column(np.float64, "kWh", 0.0, "energy discharged since it was new", state=True)
    peak_target_kw = Column(
        np.float64, "kW", 0.0, "power of the month that it aims to keep", state=True
    )
    drawn_today_kwh = Column(np.float64, "kWh", 0.0, "energy drawn on this day", state=True)
    drawn_kwh = Column(
        np.float64, "kWh", 0.0, "energy drawn on the days before, the last one first",
        state=True, width=DAYS_KNOWN,
    )  # fmt: skip
    tier_surcharge = Column(
        np.float64, "money/kWh", 0.0, "what the expected tier of its month adds to a kWh",
        state=True,
    )  # fmt: skip

    def step(self) -> None:
        """Read load and generation, make the exchange that costs least, and store the rest."""
        self.population.heard["sites"].step_of(self)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What sites expect as a day begins.

    Attributes
    ----------
    load_kwh, generation_kwh : array, shape (steps, sites)
        Of the coming steps, the first of the day first [kWh].
    tariffs : list of StepTariff
        What each of them costs.
    for_worth : int
        How many of them the worth of stored energy is worked out over.
    for_peak : int
        How many of them the power of the month is looked for over; 0 where none is charged.
    tiers : MonthsAhead or None
        What is known of this month and the next one; None without tiers.
    """

    load_kwh: FloatArray
    generation_kwh: FloatArray
    tariffs: list[StepTariff]
    for_worth: int
    for_peak: int
    tiers: "MonthsAhead | None" = None


@dataclass(frozen=True, slots=True)
class MonthsAhead:
    """What is known of this month and the next one as a day begins, where a tariff has tiers.

    Attributes
    ----------
    month_kwh : array, shape (sites,)
        Energy drawn in this month so far [kWh].
    known_h : float
        Hours of the days before from which is expected what sites draw [h].
    left_h, next_h : float
        Hours until this month ends, and hours of the next one [h].
    left_steps : int
        Steps until this month ends.
    above_kwh, surcharge : array, shape (tiers,)
        Thresholds [kWh], and what a kWh beyond costs more, tax included [money/kWh].
    """

    month_kwh: FloatArray
    known_h: float
    left_h: float
    next_h: float
    left_steps: int
    above_kwh: FloatArray
    surcharge: FloatArray


class MeteredSites:
    """All sites of a world.

    Parameters
    ----------
    model : mesa.Model
        The world of their run, with `step_h`.
    population : Population
        Columns of `MeteredSite`.
    connection : Connection
        What their connections allow.
    control : {"idle", "self_consumption", "tariff", "given"}
        How batteries decide; ``given``: they exchange what they heard, as far as limits allow.

    Attributes
    ----------
    worth : array, shape (steps + 1, sites, LEVELS)
        What the coming steps cost by the energy held, since `worth_from`; empty where no day has
        been planned [money].
    """

    def __init__(
        self, model: Any, population: Population, connection: Connection, control: Control
    ) -> None:
        self.model, self.population = model, population
        self.sites = AgentGroup(model, MeteredSite, population)
        self.connection, self.control = connection, control
        self.worth: FloatArray = np.zeros((0, len(population), LEVELS))
        self.worth_from = 0
        population.heard["sites"] = self

    def batteries(self, rows: slice = slice(None)) -> SiteBatteries:
        """Return the batteries of some sites, as they are while the feeder works."""
        column = self.population
        return SiteBatteries(
            *(
                column[name][rows]
                for name in (
                    "capacity_kwh", "power_kw", "soc_min", "soc_max", "charge_efficiency",
                    "discharge_efficiency", "wear",
                )
            )
        )  # fmt: skip

    def age(self, years: float, calendar_fade: float, cycle_fade: float) -> None:
        """Let batteries have lost capacity by age and by cycles."""
        column = self.population
        new = column["new_kwh"]
        cycles = np.divide(column["cycled_kwh"], new, where=new > 0, out=np.zeros_like(new))
        column["capacity_kwh"][:] = new * share_left(years, cycles, calendar_fade, cycle_fade)

    def begin_day(self, step: int, ahead: Ahead | None, least_kw: FloatArray) -> None:
        """Work out what stored energy is worth over the coming steps.

        Parameters
        ----------
        step : int
            The first step of the day.
        ahead : Ahead or None
            What is expected; None where nothing is known of loads yet.
        least_kw : array, shape (sites,)
            Power of the month that has been drawn, or is aimed at, already [kW].
        """
        if self.control != "tariff" or ahead is None:
            self.worth = self.worth[:0]
            return
        step_h, batteries = self.model.step_h, self.batteries()
        target = self.population["peak_target_kw"]
        if ahead.for_peak:
            seen = slice(0, ahead.for_peak)
            counts = np.array([tariff.demand_price > 0 for tariff in ahead.tariffs[seen]])
            found = lowest_peak_kw(
                self.population["energy_kwh"], ahead.load_kwh[seen], ahead.generation_kwh[seen],
                counts, batteries, self.connection, step_h,
            )  # fmt: skip
            target[:] = np.maximum(found, least_kw)
        seen = slice(0, ahead.for_worth)
        planned = ahead.load_kwh[seen], ahead.generation_kwh[seen], ahead.tariffs[seen]
        self.worth = worth_of_stored(
            *planned, batteries, self.connection, target, step_h,
            None if ahead.tiers is None else self._foresee(ahead.tiers, ahead.for_worth),
        )  # fmt: skip
        self.worth_from = step

    def _foresee(self, months: MonthsAhead, steps: int) -> FloatArray:
        """Return what the expected tier adds to a kWh in each coming step, and keep that of now."""
        column = self.population
        mean_kw = column["drawn_kwh"].sum(axis=1) / months.known_h
        tiers = months.above_kwh, months.surcharge
        now = surcharge_foreseen(months.month_kwh, mean_kw, months.left_h, *tiers)
        later = surcharge_foreseen(np.zeros_like(now), mean_kw, months.next_h, *tiers)
        column["tier_surcharge"][:] = now
        this_month = np.arange(steps) < months.left_steps
        return np.where(this_month[:, None], now, later)

    def end_day(self) -> None:
        """Keep what sites have drawn on the day that is over."""
        today, days = (self.population[name] for name in ("drawn_today_kwh", "drawn_kwh"))
        days[:, 1:] = days[:, :-1].copy()
        days[:, 0] = today
        today[:] = 0.0

    def decide(
        self, step: int, load_kwh: FloatArray, generation_kwh: FloatArray, tariff: StepTariff
    ) -> ConnectionFlows:
        """Return what all sites do in a step."""
        return self._decide(step, load_kwh, generation_kwh, tariff, slice(None))

    def _decide(
        self, step: int, load: FloatArray, sun: FloatArray, tariff: StepTariff, rows: slice
    ) -> ConnectionFlows:
        batteries, step_h = self.batteries(rows), self.model.step_h
        energy = self.population["energy_kwh"][rows]
        connection = Connection(
            *(getattr(self.connection, name)[rows] for name in Connection.__slots__)
        )
        # What may pass in the step, where the feeder works in a part of it alone.
        part = supplied_part(self.population, rows)
        batteries = replace(batteries, power_kw=batteries.power_kw * part)
        limits = {
            name: getattr(connection, name) * part
            for name in ("import_kw", "export_kw", "inverter_kw")
        }
        connection = replace(connection, **limits)
        if self.control == "idle":
            exchange = np.zeros(len(load))
        elif self.control == "given":
            low, high = exchange_limits(energy, load, sun, batteries, connection, step_h)
            exchange = np.clip(self.population.heard["wanted_kwh"][rows], low, high)
        elif self.control == "self_consumption" or not len(self.worth):
            exchange = self_consumption(energy, load, sun, batteries, connection, step_h)
        else:
            after = self.worth[step - self.worth_from + 1][rows]
            target = self.population["peak_target_kw"][rows]
            more = self.population["tier_surcharge"][rows]
            exchange = best_exchange(
                energy, load, sun, tariff, batteries, connection, target, step_h, after, more
            )
        return settle_connection(
            load, sun, exchange, connection, step_h, worthless=tariff.worthless
        )

    def move(self, battery_kwh: FloatArray, import_kwh: FloatArray) -> None:
        """Let batteries hold what an exchange leaves, and meters read what was drawn."""
        self._move(battery_kwh, import_kwh, slice(None))

    def _move(self, battery_kwh: FloatArray, import_kwh: FloatArray, rows: slice) -> None:
        column = self.population
        column["drawn_today_kwh"][rows] += import_kwh
        after = charged(
            column["energy_kwh"][rows], battery_kwh, column["charge_efficiency"][rows],
            column["discharge_efficiency"][rows],
        )  # fmt: skip
        # Rounding leaves it at least empty.
        column["energy_kwh"][rows] = np.maximum(after, 0.0)
        column["cycled_kwh"][rows] += np.maximum(0.0 - battery_kwh, 0.0)

    def step_of(self, site: MeteredSite) -> None:
        """Decide and act for one site alone, from what all have heard of the step."""
        heard, rows = self.population.heard, slice(site.row, site.row + 1)
        flows = self._decide(
            heard["step"], heard["loads_kwh"][rows], heard["suns_kwh"][rows], heard["tariff"], rows
        )
        self._move(flows.battery_kwh, flows.import_kwh, rows)

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        return {
            "sites": self.population.state(),
            "worth": self.worth,
            "worth_from": self.worth_from,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.population.restore(state["sites"])
        worth = state["worth"]
        if worth.ndim != 3 or worth.shape[1:] != (len(self.population), LEVELS):
            raise ValueError("the worth of stored energy is not that of these sites")
        self.worth, self.worth_from = worth, state["worth_from"]
