"""One strategy's world, hour by hour."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.community_energy_aggregator import CommunityEnergyAggregator
from agents.consumer import Consumer
from agents.fleet import Fleet
from agents.row_agent import AgentGroup
from agents.utility_company import UtilityCompany
from environment.clock import PendingEvent
from environment.message_bus import MessageBus
from environment.traffic import ON_THE_ROAD, Traffic
from environment.world import World
from runs.chance import Chance
from runs.meters import read_meters
from runs.setting import Setting
from runs.strategies import STRATEGIES, Decision
from runs.totals import CalendarTotals, Totals

AT_BOUND = 1e-9


class Simulation(World):
    """The world of a scenario under one strategy, with its own copy of everything that changes.

    Parameters
    ----------
    setting : Setting
        What all strategies share.
    strategy : str
        A name of `runs.strategies.STRATEGIES`.
    record : callable, optional
        Called with the simulation once a step, before the batteries move.
    """

    def __init__(
        self,
        setting: Setting,
        strategy: str,
        record: Callable[["Simulation"], None] = lambda simulation: None,
    ) -> None:
        messages = setting.scenario.messages
        bus = MessageBus(
            setting.streams,
            messages.latency_h,
            messages.loss_rate,
            float("inf") if messages.deadline_h is None else messages.deadline_h,
            messages.keep,
            messages.latency,
        )
        super().__init__(setting.calendar, setting.grid, setting.roads, setting.streams, bus)
        self.setting = setting
        self.strategy = strategy
        self.decide = STRATEGIES[strategy]().decide
        self.write_record = record
        self.totals = Totals()
        self.calendar_totals = CalendarTotals()
        self.utility = UtilityCompany(
            self, setting.cost, setting.bounds, setting.scenario.game.tolerance
        )
        reserve = setting.scenario.vehicles.trip_reserve
        self.fleet = Fleet(
            self,
            setting.fleet.fork(),
            keeps_reserve=reserve,
            outages=setting.scenario.chance.outages,
        )
        self.consumers: dict[type[Consumer], AgentGroup[Consumer]] = {
            kind: AgentGroup(self, kind, population.fork())
            for kind, population in setting.members.populations.items()
        }
        self.chance = Chance(setting, self.consumers, self.fleet.population)
        self.aggregators = [
            CommunityEnergyAggregator(
                self, name, setting.bounds, setting.scenario.prices.without_vehicles
            )
            for name in setting.communities
        ]
        self.traffic = Traffic(
            self.clock,
            self.calendar,
            setting.trips_of(self.fleet.population),
            self.fleet.population,
            keep_reserve=reserve,
        )
        self.traffic.begin()

    def step(self) -> None:
        """Live through one step: the whole story of an hour."""
        self.turn()
        self.chance.turn(self.step_index)
        self.read_meters()
        self.share_storage_that_moves()
        self.settle()
        self.write_record(self)
        self.move_batteries()
        self.step_index += 1

    def read_meters(self) -> None:
        """Read what members use and generate, and what every battery could do in this step."""
        self.meters = read_meters(
            self.setting.members, self.consumers, self.chance, self.step_index, len(self.grid.nodes)
        )
        self.supplied = ~self.chance.feeder_out
        self.parked = [self.fleet.parked_in(m) for m in range(len(self.aggregators))]
        self.present = np.array([len(parked) for parked in self.parked])
        self.on_the_road = np.flatnonzero(self.fleet.population["community"] == ON_THE_ROAD)
        self.driving_kwh, self.unmet_kwh = self.fleet.driving_kwh(self.on_the_road)

    def supplied_communities(self) -> list[int]:
        """Return the communities that take part in this step: all whose feeders work."""
        communities: list[int] = np.flatnonzero(self.supplied).tolist()
        return communities

    def share_storage_that_moves(self) -> None:
        """Let the vehicles exchange energy as the strategy has it."""
        self.decision: Decision = self.decide(self)

    def settle(self) -> None:
        """Carry the energy over the grid, let everybody pay, and count what should be known."""
        exchange = self.decision.exchange_kwh
        self.vehicle_kwh = np.array([energy.sum() for energy in exchange])
        charged = np.array([np.maximum(energy, 0.0).sum() for energy in exchange])
        self.net_kwh = self.meters.passive_kwh + self.vehicle_kwh
        self.meters.node_kwh[self.setting.connections] += self.vehicle_kwh
        self.flows = self.grid.flows(self.meters.node_kwh)
        self.loading = self.grid.loading(self.flows, self.step_h)
        losses = float(self.flows.losses_kwh.sum())
        self._pay(charged, losses)
        sums = self._sums(charged, losses)
        overloaded = [
            " - ".join(self.grid.lines[line])
            for line in np.flatnonzero(self.loading > 1.0 + AT_BOUND)
        ]
        step = (
            self.step_index,
            float(self.net_kwh.sum()),
            sums,
            self._counts() | self.decision.counts,
            self.decision.worst,
            overloaded,
        )
        self.totals.add(*step)
        self.calendar_totals.add(self.calendar.date_of(self.step_index), *step)

    def exchange_kwh(self) -> NDArray[np.float64]:
        """Return what every vehicle of the fleet exchanges in this step [kWh]."""
        exchange = np.zeros(len(self.fleet))
        for parked, energy in zip(self.parked, self.decision.exchange_kwh, strict=True):
            exchange[parked.rows] = energy
        return exchange

    def _pay(self, charged: NDArray[np.float64], losses_kwh: float) -> None:
        """Enter the payments of the step."""
        pay, step, utility_price = self.ledger.pay, self.step_index, self.decision.utility_price
        for m in self.supplied_communities():
            name = self.setting.communities[m]
            price = float(self.decision.community_price[m])
            vehicles, aggregator = f"vehicles@{name}", f"aggregator@{name}"
            discharged = float(charged[m] - self.vehicle_kwh[m])
            pay(step, "vehicle_charging", vehicles, aggregator, float(charged[m]), price)
            pay(step, "vehicle_discharging", aggregator, vehicles, discharged, price)
            members = f"consumers@{name}"
            pay(step, "fixed_load", members, aggregator, float(self.meters.fixed_kwh[m]), price)
            if self.setting.scenario.photovoltaics:
                generated = -float(self.meters.generation_kwh[m])
                pay(step, "photovoltaics", aggregator, members, generated, price)
            pay(step, "wholesale", aggregator, "utility", float(self.net_kwh[m]), utility_price)
        generated = float(self.net_kwh.sum()) + losses_kwh
        cost = self.setting.cost.total(generated)
        unit = cost / generated if generated else 0.0
        pay(step, "generation", "utility", "generators", generated, unit, cost)

    def _sums(self, charged: NDArray[np.float64], losses_kwh: float) -> dict[str, float]:
        # Nothing is exchanged where there is no supply, and so no price.
        price = np.where(self.supplied, self.decision.community_price, 0.0)
        utility_price, meters = self.decision.utility_price, self.meters
        vehicle_kwh, demand = self.vehicle_kwh, float(self.net_kwh.sum())
        cost = self.setting.cost.total(demand + losses_kwh)
        sums = {
            "fixed_load_kwh": float(meters.fixed_kwh.sum()),
            "generation_kwh": float(meters.generation_kwh.sum()),
            "unserved_kwh": float(meters.unserved_kwh.sum()),
            "curtailed_kwh": float(meters.curtailed_kwh.sum()),
            "vehicle_kwh": float(vehicle_kwh.sum()),
            "vehicle_charged_kwh": float(charged.sum()),
            "vehicle_discharged_kwh": float((charged - vehicle_kwh).sum()),
            "losses_kwh": losses_kwh,
            "driven_km": float(self.fleet.population["driven_km"][self.on_the_road].sum()),
            "unmet_trip_kwh": float(self.unmet_kwh.sum()),
            "ev_bill": float((price * vehicle_kwh).sum()),
            "fixed_load_bill": float((price * meters.fixed_kwh).sum()),
            "generation_income": float((price * -meters.generation_kwh).sum()),
            "aggregator_profit": float(((price - utility_price) * self.net_kwh).sum()),
            "utility_profit": utility_price * demand - cost,
            "generation_cost": cost,
        }
        if self.traffic.trips.growth is not None:
            sums["joined_kwh"] = self.traffic.joined_kwh
        return sums

    def _counts(self) -> dict[str, int]:
        """Count what was clipped, saturated, unmet or empty in this step."""
        bounds, decision = self.setting.bounds, self.decision
        price, answers = decision.community_price, self.present > 0
        bounded = self.strategy != "typical"
        at_upper = answers & (price >= bounds.aggregator_upper - AT_BOUND) & bounded
        at_lower = answers & (price <= bounds.aggregator_lower + AT_BOUND) & bounded
        set_freely = self.strategy == "three_level"
        utility_at_bound = (
            decision.utility_price >= bounds.utility_upper - AT_BOUND
            or decision.utility_price <= bounds.utility_lower + AT_BOUND
        )
        saturated = np.array(
            [
                parked.at_bound(energy)
                for parked, energy in zip(self.parked, decision.exchange_kwh, strict=True)
            ]
        )
        captive = self.meters.passive_kwh + [parked.lower_kwh.sum() for parked in self.parked]
        below = [np.count_nonzero(parked.usable_kwh < -AT_BOUND) for parked in self.parked]
        return {
            "community_price_at_upper_bound": int(at_upper.sum()),
            "community_price_at_lower_bound": int(at_lower.sum()),
            "utility_price_at_bound": int(set_freely and utility_at_bound),
            "communities_without_vehicles": int((~answers & self.supplied).sum()),
            "communities_with_captive_load": int((answers & (captive > 0)).sum()),
            "communities_all_saturated": int((answers & (saturated == self.present)).sum()),
            "communities_exporting": int((self.net_kwh < 0).sum()),
            "system_exporting": int(self.net_kwh.sum() < 0),
            "vehicles_at_bound": int(saturated.sum()),
            "parked_below_soc_min": int(sum(below)),
            "feeders_out": int(np.count_nonzero(~self.supplied)),
            "vehicles_cut_off": self.chance.cut_off(),
            "unmet_trips": int((self.unmet_kwh > 0).sum()),
            **self.traffic.counts,
        }

    def move_batteries(self) -> None:
        """Let the batteries do what was decided, and what the road took."""
        for parked, energy in zip(self.parked, self.decision.exchange_kwh, strict=True):
            parked.move(energy)
        self.fleet.population["energy_kwh"][self.on_the_road] -= self.driving_kwh
        self.traffic.end_step()

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, live where it is an array."""
        return {
            "step_index": self.step_index,
            "fleet": self.fleet.population.state(),
            "chance": self.chance.state(),
            "pending": [
                [event.at_h, event.priority, event.sequence, event.kind, event.subject]
                for event in self.clock.pending()
            ],
            "now_h": self.clock.now_h,
            "ledger": self.ledger.state(),
            "bus": self.bus.state(),
            "totals": self.totals.state(),
            "calendar_totals": self.calendar_totals.state(),
            "utility": self.utility.state(),
            "heard_prices": [aggregator.heard_price for aggregator in self.aggregators],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.step_index = state["step_index"]
        self.fleet.population.restore(state["fleet"])
        self.chance.restore(state["chance"])
        self.clock.restore(state["now_h"], (PendingEvent(*event) for event in state["pending"]))
        self.ledger.restore(state["ledger"])
        self.bus.restore(state["bus"])
        self.totals = Totals.restored(state["totals"])
        self.calendar_totals = CalendarTotals.restored(state["calendar_totals"])
        self.utility.restore(state["utility"])
        for aggregator, price in zip(self.aggregators, state["heard_prices"], strict=True):
            aggregator.heard_price = price
