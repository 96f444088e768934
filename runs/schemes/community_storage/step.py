"""Storage that a community shares, in one strategy's world, scheduled on forecasts."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.agents.remaining_stores import remainder_of
from hmesh.agents.served_households import ServedHouseholds
from hmesh.agents.storage_controllers import StorageControllers
from hmesh.environment.arrays import FloatArray
from hmesh.environment.day_slots import slot_by_clock, steps_of_day
from hmesh.markets.allowance_iteration import Iterations
from hmesh.runs.schemes.community_storage.own_rules import RULES, StorageRule
from hmesh.runs.schemes.community_storage.pilot_world import loads_of
from hmesh.runs.schemes.community_storage.plan import Ahead, days_ahead, plan_allowances
from hmesh.runs.schemes.community_storage.records import (
    write_households,
    write_plans,
    write_storages,
)
from hmesh.runs.schemes.community_storage.setting import (
    NORMAL,
    OPTIMAL,
    UNUSED,
    CommunityStorageSetting,
)
from hmesh.runs.schemes.community_storage.sums_and_counts import counts_of, summary_of, sums_of
from hmesh.runs.schemes.plugin_energies import decided_kwh
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import STORAGE
from hmesh.runs.schemes.store_answers import StoreAnswers, StoreNames, StoreScheme, one_store_each
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments, at_price

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

AT_BOUND = 1e-9
ANSWERING = StoreNames(
    "community_storage", "storages", "storages", "community_storage", "shared_storage_kwh"
)


class CommunityStorageSharing(StoreScheme):
    """Storages that photovoltaics charge, and the households that they serve in turn.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    strategy : str
        What the storages do: nothing, normal or optimal operation, or the rule of a plugin.
    shared : CommunityStorageSetting
        What all strategies share.
    households : ServedHouseholds
        Those that are served.
    controllers : StorageControllers
        The storages.
    plans : list of Iterations
        The outcome of every alpha for each storage, where a plan was made in this step.
    """

    def __init__(self, simulation: "Simulation") -> None:
        setting = simulation.setting
        self.simulation = simulation
        self.setting = setting
        self.shared: CommunityStorageSetting = setting.schemes["community_storage"]
        self.rules = self.shared.rules
        self.strategy = strategy_within("community_storage", simulation.strategy)
        rule = RULES.get(self.strategy)
        self._rule: StorageRule | None = None if rule is None else rule()
        self.households = ServedHouseholds(
            simulation, self.shared.households.fork(), len(self.shared.names)
        )
        self.controllers = StorageControllers(
            simulation,
            self.shared.storages.fork(),
            self.households,
            self.shared.names,
            self.rules.sharing,
            serves_while_charging=self.rules.serve_while_charging,
            grid_charging=self.rules.grid_charging,
        )
        self.fade = self.shared.fade() if self.used else None
        if self.rules.price_response is not None and self.used:
            names = self.shared.names
            self.answers = StoreAnswers(
                simulation, ANSWERING, self.controllers.population,
                one_store_each(STORAGE, np.arange(len(names)), names),
                self.shared.community, self.shared.nodes,
            )  # fmt: skip
            self.answer_nodes = self.answers.answer_nodes
        # What was read of late, the reading of a step at its number modulo the length.
        self._demand = self.shared.demand_history_kwh.copy()
        self._generation = self.shared.generation_history_kwh.copy()
        self._planned_until = 0
        self._day = range(0)
        self.plans: list[Iterations] = []

    @property
    def used(self) -> bool:
        """Whether the storages are used."""
        return self.strategy != UNUSED

    @property
    def static(self) -> bool:
        """Whether households are ranked by the static averages of the day."""
        return self.strategy == NORMAL and self.rules.normal == "averages"

    @property
    def plans_ahead(self) -> bool:
        """Whether the allowance is planned, and alpha does not stay 1."""
        return self.strategy == OPTIMAL or self.static

    @property
    def deciding(self) -> ServedHouseholds:
        """The households."""
        return self.households

    def act(self) -> None:
        """Forecast and plan where a day begins, then charge or serve."""
        self.plans = []
        simulation, step = self.simulation, self.simulation.step_index
        # What households answer to the price by an elasticity comes after the storages have acted.
        demand = loads_of(simulation.consumers, self.shared.watched)
        self.wanted_kwh = float(np.maximum(demand, 0.0).sum())
        if not self.used:
            return
        self.supplied = simulation.supplied[self.shared.community]
        self.households.population["demand_kwh"][:] = np.maximum(demand, 0.0)
        part = simulation.supplied_part[self.shared.community]
        self.controllers.population.heard["supplied_part"] = part
        generation = part * self.shared.plants.generation_kwh(step, simulation.chance.clearness)
        self.controllers.population["generation_kwh"][:] = np.where(self.supplied, generation, 0.0)
        self.controllers.begin_step()
        if step not in self._day:
            whole = steps_of_day(self.shared.calendar, step)
            # The rest of the last day is not simulated, and nobody counts on it.
            self._day = range(whole.start, min(whole.stop, self.setting.scenario.steps))
        if step in (0, self._day.start):
            if self.fade is not None:
                left = self.fade.age(step * self.shared.calendar.step_h)
                self.controllers.population.set("capacity_kwh", left)
            self._begin_day(step)
        least = self.shared.least_kwh[slot_by_clock(self.shared.calendar, step)]
        allowed = None
        if self._rule is not None:
            found = self._rule.decide(self)
            allowed = decided_kwh(self.strategy, found, len(self.households))
        self.controllers.act(
            self._averages(step), least, self.shared.most_kwh, self.supplied, allowed
        )
        if (night := self.rules.night_charging) is not None:
            charges = self.supplied & night.holds(self.shared.calendar.hour_of_day(step))
            level = night.soc * self.controllers.population["capacity_kwh"]
            self.controllers.charge_to(np.where(charges, level, 0.0))
        self._draw()

    def look_around(self) -> None:
        """See what plant and households leave of the storages."""
        if self.answers is None:
            return
        self.answers.begin_step()
        controllers = self.controllers
        bounds = controllers.answer_bounds()
        left = remainder_of(controllers.population, controllers.exchange_kwh, bounds)
        self.answering = self.answers.offer(left)

    def _averages(self, step: int) -> FloatArray:
        whole = len(self._day) if self.static else None
        return self.households.averages(self._day.stop - step, whole)

    def _draw(self) -> None:
        """Take from the grid what the plants add to it and the storages exchange."""
        draw, shared = self.simulation.draw, self.shared
        done = self.controllers.done
        self.delivered_kwh = done.discharge_kwh.sum(axis=1)
        draw("generation_kwh", shared.community, shared.nodes, -done.charge_kwh)
        exchanged = done.charge_kwh - self.delivered_kwh + self.controllers.grid_kwh
        draw("shared_storage_kwh", shared.community, shared.nodes, exchanged)

    def _begin_day(self, step: int) -> None:
        """Let forecasters announce the day, and controllers plan where their plan has ended."""
        days = days_ahead(self.shared, step, self.setting.scenario.steps)
        plans = self.plans_ahead and step >= self._planned_until
        past = self._latest(self._demand, step)
        ahead = days[-1].stop - step if plans else len(days[0])
        forecast = self.shared.demand_forecaster.forecast(past, ahead, step)
        used = past[len(past) - (step - self._day.start) :].sum(axis=0)
        today = forecast[: len(days[0])]
        lines, heard = self.controllers.talk.send_forecasts(today)
        self.simulation.bus.wait()
        self.households.begin_day(used, lines, heard)
        if plans:
            self._plan(step, days, used, forecast)

    def _plan(self, step: int, days: list[range], used: FloatArray, forecast: FloatArray) -> None:
        """Let controllers hear what is expected, and choose their alpha."""
        shared, end = self.shared, days[-1].stop
        if self.rules.plan_on == "actual":
            demand = shared.coming_demand_kwh(step, end)
            generation = shared.coming_generation_kwh(step, end)
            forecast = self._forecast_day_by_day(days, demand)
        else:
            demand = forecast
            latest = self._latest(self._generation, step)
            generation = shared.generation_forecaster.forecast(latest, end - step, step)
        demand, generation = self.controllers.talk.hear_outlooks(demand, generation)
        whole = (len(self._day), *(len(day) for day in days[1:]))
        self.plans = plan_allowances(
            shared,
            Ahead(step, tuple(len(day) for day in days), whole, used, forecast, demand, generation),
            self.controllers.population["energy_kwh"],
            self.controllers.population["capacity_kwh"],
            static=self.static,
        )
        self.controllers.population["alpha"][:] = [plan.chosen for plan in self.plans]
        self._planned_until = end

    def _forecast_day_by_day(self, days: list[range], demand_kwh: FloatArray) -> FloatArray:
        """Return the forecasts that households will receive at the beginning of each day."""
        first = days[0].start
        past = self._latest(self._demand, first)
        lines = []
        for day in days:
            known = np.concatenate([past, demand_kwh[: day.start - first]])[-len(past) :]
            lines.append(self.shared.demand_forecaster.forecast(known, len(day), day.start))
        return np.concatenate(lines)

    @staticmethod
    def _latest(readings: FloatArray, step: int) -> FloatArray:
        """Return readings in the order of time, the latest last."""
        return np.roll(readings, -(step % len(readings)), axis=0)

    def pay(self) -> None:
        """Let aggregators credit their members with what the storages delivered."""
        if not self.used:
            return
        pay, step = self.simulation.ledger.pay, self.simulation.step_index
        if self.answers is not None:
            self.answers.pay()
        delivered = self.of_communities(self.delivered_kwh)
        from_grid = self.of_communities(self.controllers.grid_kwh)
        for m in self.simulation.supplied_communities:
            if m in self.shared.community:
                name = self.setting.communities[m]
                price = float(self.simulation.market.decision.community_price[m])
                aggregator, members = f"aggregator@{name}", f"consumers@{name}"
                pay(step, "shared_storage", aggregator, members, float(delivered[m]), price)
                if self.rules.night_charging is not None:
                    kind, payer = "storage_charging", f"storages@{name}"
                    pay(step, kind, payer, aggregator, float(from_grid[m]), price)

    def of_communities(self, values: FloatArray) -> FloatArray:
        """Return the sums of a quantity of storages over each community."""
        return np.bincount(self.shared.community, values, len(self.setting.communities))

    def consumer_payments(self) -> Iterable[MemberPayments]:
        """Yield what each household is credited with that a storage delivered."""
        if not self.used:
            return
        done, served = self.controllers.done, self.controllers.served
        delivered = np.zeros(len(self.households))
        delivered[served[served >= 0]] = done.discharge_kwh[served >= 0]
        community = self.shared.community[self.households.storage_of]
        credit, nothing = self.simulation.paid_price()[community], np.zeros(len(delivered))
        first = 0
        for kind, rows in self.shared.watched:
            own = slice(first, first := first + rows.stop - rows.start)
            yield at_price(
                f"{kind.scenario_name}s", credit[own], nothing[own], delivered[own], rows
            )

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what each storage holds [kWh]."""
        return {"storages": self.controllers.population["energy_kwh"]}

    def sums(self) -> dict[str, float]:
        """Return the energies of the step, and what the aggregators credit."""
        return sums_of(self)

    def counts(self) -> dict[str, int]:
        """Count who went short, was not heard or not known of, and plans that did not settle."""
        return counts_of(self) if self.used else {}

    def record(self, writer: RowWriter) -> None:
        """Write the storages, their households and their plans."""
        if not self.used:
            return
        write_storages(writer, self)
        write_plans(writer, self)
        if self.answers is not None:
            self.answers.record(writer)
        if self.rules.record_households:
            write_households(writer, self)

    def move(self) -> None:
        """Let the storages do what was decided, and everybody remember the step."""
        if not self.used:
            return
        at = self.simulation.step_index % len(self._demand)
        self._demand[at] = self.households.population["demand_kwh"]
        self._generation[at] = self.controllers.population["generation_kwh"]
        response = 0.0 if self.answers is None else self.answers.exchange_kwh
        self.controllers.move(response)
        if self.fade is not None:
            controllers = self.controllers
            self.fade.exchange(controllers.exchange_kwh + controllers.grid_kwh + response)
        self.households.end_step()

    def summary(self) -> dict[str, Any]:
        """Return what the storages hold at the end, and how much more than at first."""
        return summary_of(self)

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        return {
            "households": self.households.population.state(),
            "storages": self.controllers.population.state(),
            "demand": self._demand,
            "generation": self._generation,
            "planned_until": self._planned_until,
            **({} if self.fade is None else {"fade": self.fade.state()}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.households.population.restore(state["households"])
        self.controllers.population.restore(state["storages"])
        self._demand[:] = state["demand"]
        self._generation[:] = state["generation"]
        self._planned_until = state["planned_until"]
        if self.fade is not None:
            self.fade.restore(state["fade"])
            self.controllers.population.set("capacity_kwh", self.fade.left_kwh)
