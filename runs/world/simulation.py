"""One strategy's world, hour by hour."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.agent_selection import AgentSelection
from hmesh.agents.community_energy_aggregator import CommunityEnergyAggregator
from hmesh.agents.consumer import Consumer
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.utility_company import UtilityCompany
from hmesh.environment.arrays import FloatArray
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.moments import MS_PER_H, step_moment
from hmesh.environment.world import World
from hmesh.runs.plugins.metrics import MetricTotals
from hmesh.runs.schemes.descriptor import Phase
from hmesh.runs.schemes.registry import scheme
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.world.accounts import Accounts
from hmesh.runs.world.behaviours import give_behaviours
from hmesh.runs.world.chance import Chance
from hmesh.runs.world.elastic_loads import ElasticLoads
from hmesh.runs.world.event_log import EventLog
from hmesh.runs.world.expected_price import ExpectedPrice
from hmesh.runs.world.local_settlement import LocalSettlement
from hmesh.runs.world.market import Market
from hmesh.runs.world.measures import RecentSteps
from hmesh.runs.world.member_payments import MemberPayments
from hmesh.runs.world.member_tariffs import MemberTariffs
from hmesh.runs.world.meters import read_meters
from hmesh.runs.world.prosumers import Prosumers
from hmesh.runs.world.scenario_events import ScenarioEvents
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.settlement import enter_payments, paid_in_step, payments_of, utility_earned
from hmesh.runs.world.simulation_state import restore_state, state_of
from hmesh.runs.world.step_figures import check_steps, figures_of, overloaded, summary_of
from hmesh.runs.world.step_limits import StepLimits, shed_loads, step_limits
from hmesh.runs.world.step_welfare import StepWelfare, step_welfare
from hmesh.runs.world.supply import Supply
from hmesh.runs.world.totals import CalendarTotals, Totals

# The energies of an hour, and whether each counts as drawn (+1) or delivered (-1) in the results.
ENERGIES = {
    "fixed_load_kwh": 1.0,
    "generation_kwh": 1.0,
    "home_storage_kwh": 1.0,
    "shared_storage_kwh": 1.0,
    "school_bus_kwh": -1.0,
    "ev_kwh": 1.0,
}


class Simulation(World):
    """The world of a scenario under one strategy, with its own copy of everything that changes.

    Parameters
    ----------
    setting : Setting
        What all strategies share.
    strategy : str
        A strategy of one of its schemes; the others follow the first of theirs.
    record : callable, optional
        Called with the simulation once a step, before the batteries move.

    Attributes
    ----------
    hour_kwh : dict of array, shape (communities,)
        The energies of the step by the names they have in the results [kWh].
    net_kwh : array, shape (communities,)
        What every community draws from the utility in the step, as far as decided [kWh].
    member_tariffs : MemberTariffs or None
        The members that pay by a tariff of their own, None where nobody does.
    elastic_loads : ElasticLoads
        The members whose load answers to prices.
    bounds : PriceBounds
        What may be asked in the step.
    market : Market
        Who sets the prices, and what was decided in the step.
    schemes : dict
        The schemes that take part, by name and in the order of the hour.
    direct_kwh : array, shape (communities,)
        The part settled directly with the utility, not with the aggregator [kWh].
    direct_income : float
        What the utility receives for that in the step, what it pays subtracted [money].
    aggregator_margin : float
        What aggregators receive in the step beyond the prices of their communities, from those
        who pay another one, what they pay subtracted [money].
    supplied : array of bool, shape (communities,)
        Whether the feeder of each community works in the step, or in a part of it.
    supplied_part : array, shape (communities,)
        For which part of the step it does where it does, 0..1.
    replace_loads : callable or None
        Called once the meters of a step are read, to replace what members use; None for nothing.
    limits : StepLimits or None
        What the limits of the lines did in the step; None where prices keep none.
    welfare : StepWelfare or None
        The welfare of the step, None where it is not recorded.
    expected_price : ExpectedPrice or None
        What members expect communities to ask; None where nobody plans on it.
    log : EventLog
        What happens at its own moment, until it is written.
    supply : Supply
        Which feeders fail, and when.
    metrics : MetricTotals
        The metrics of plugins, and the measures that are recorded.
    first : Simulation or None
        The world of the first strategy, which makes each step before this one; None where worlds
        are not compared.
    recent : RecentSteps or None
        The last days, which measures look back on; None where none is recorded.
    local_exchange : LocalSettlement or None
        What members of communities share among each other, None where no community does.
    prosumers : Prosumers or None
        The households whose parts belong to several schemes; None where there are none.
    accounts : Accounts or None
        What members have paid and received, None where it is not kept.
    supplied_communities : list of int
        The communities that take part in the step: all whose feeders work.
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
        self.bounds = setting.bounds
        self.time_of_use = setting.scenario.prices.time_of_use
        self.strategy = strategy
        self.write_record = record
        self.replace_loads: Callable[[Simulation], None] | None = None
        self.totals = Totals()
        self.calendar_totals = CalendarTotals()
        self.burn_in_steps = setting.scenario.burn_in_steps
        self.later_totals = Totals()
        self.metrics = MetricTotals(setting.scenario.metrics, setting.communities)
        self.first: Simulation | None = None
        self.recent = RecentSteps(self) if setting.scenario.record.measures else None
        game = setting.scenario.game
        self.utility = UtilityCompany(self, setting.cost, setting.bounds, game.tolerance, game.bids)
        self.consumers: dict[type[Consumer], AgentGroup[Consumer]] = {
            kind: AgentGroup(self, kind, population.fork())
            for kind, population in setting.members.populations.items()
        }
        self.aggregators = [
            CommunityEnergyAggregator(
                self, name, setting.bounds, setting.scenario.prices.without_vehicles, game.bids
            )
            for name in setting.communities
        ]
        self.member_tariffs = MemberTariffs(self) if setting.tariffs_of_members else None
        self.elastic_loads = ElasticLoads(self)
        self.market = Market(self)
        expects = setting.scenario.expects_prices
        self.expected_price = ExpectedPrice(setting.scenario) if expects else None
        self._records_welfare = setting.scenario.welfare_recorded
        self.chance = Chance(setting, self.consumers)
        self.log = EventLog(wanted=setting.scenario.record.events)
        self.events = ScenarioEvents(self)
        self.supply = Supply(self)
        self.bus.travel_by(self.clock, self.step_h, self._note_message if self.log.wanted else None)
        self.schemes: dict[str, Scheme] = {
            name: scheme(name).part("step")(self) for name in setting.scenario.schemes
        }
        self.prosumers = Prosumers(self) if setting.scenario.prosumers_there else None
        if setting.scenario.chosen_behaviours:
            give_behaviours(self)
        self.local_exchange = LocalSettlement(self) if setting.scenario.local_exchange else None
        kept = setting.scenario.record.accounts
        self._paid_at: tuple[NDArray[np.generic] | None, ...] = (None, None)
        self.accounts = None if kept == "none" else Accounts(self, by_member=kept == "all")

    def _note_message(self, kind: str, at_ms: int, number: int, agents: int) -> None:
        """Let the log know what becomes of a message."""
        self.log.note(kind, "message", at_ms, number, value=float(agents))

    @property
    def last_step(self) -> bool:
        """Whether the run ends with this step."""
        return self.step_index == self.setting.scenario.steps - 1

    @property
    def agents_by_type(self) -> dict[type[Any], Any]:
        """The agents of each type: an `AgentSet`, or an `AgentSelection` of very many.

        Both are asked the same. Of a type with more agents than are kept as objects, `agents` holds
        only those that are asked one by one; a selection holds all of them.
        """
        found: dict[type[Any], Any] = dict(super().agents_by_type)
        for group in self.agent_groups:
            if not group.all_kept:
                for kind in group.classes:
                    found[kind] = AgentSelection.of_type(self.agent_groups, kind, self.random)
        return found

    def step(self) -> None:
        """Run one step, from supply and meters to settlement and batteries."""
        self.supply.begin_step(self.step_index)
        self.chance.turn(self.step_index)
        self.turn()
        self.read_meters()
        self.begin_step()
        self.settle_homes()
        self.share_storage_that_stays()
        self.shave_the_peak()
        self.set_prices()
        self.share_storage_that_moves()
        self.settle()
        self.end_events()
        self.write_record(self)
        self.move_batteries()
        self.step_index += 1
        self.running = self.step_index < self.setting.scenario.steps

    def end_events(self) -> None:
        """Let happen what is due before the next step begins."""
        self.clock.run_until((step_moment(self.step_index + 1, self.step_h) - 1) / MS_PER_H)
        if self.last_step and self.bus.flight is not None:
            self.bus.flight.finish()

    def read_meters(self) -> None:
        """Read what members use and generate in this step."""
        self.meters = read_meters(
            self.setting.members, self.consumers, self.chance, self.step_index, len(self.grid.nodes)
        )
        self.supplied = ~self.chance.feeder_out
        self.supplied_part = 1.0 - self.chance.lost_part
        self.supplied_communities: list[int] = np.flatnonzero(self.supplied).tolist()
        places = len(self.setting.communities)
        self.hour_kwh = {name: np.zeros(places) for name in ENERGIES}
        self.hour_kwh["fixed_load_kwh"] += self.meters.fixed_kwh
        self.hour_kwh["generation_kwh"] += self.meters.generation_kwh
        self.limits: StepLimits | None = None
        self.welfare: StepWelfare | None = None
        self.net_kwh = self.meters.passive_kwh
        self.direct_kwh = np.zeros(places)
        self.direct_income = 0.0
        self.aggregator_margin = 0.0
        if self.replace_loads is not None:
            self.replace_loads(self)
        if self.member_tariffs is not None:
            self.member_tariffs.read()

    def draw(
        self,
        name: str,
        communities: NDArray[np.intp],
        nodes: NDArray[np.intp],
        energy_kwh: FloatArray,
        *,
        direct: bool = False,
    ) -> None:
        """Draw energy from the grid, or deliver it.

        Parameters
        ----------
        name : str
            A name of `ENERGIES`.
        communities, nodes : array of int, shape (n,)
            Community and node of the grid at which each energy is drawn.
        energy_kwh : array, shape (n,)
            Energies, above 0 drawn, below 0 delivered [kWh].
        direct : bool
            Whether it is settled with the utility and not with the aggregator.
        """
        if name not in ENERGIES:
            raise ValueError(f"the hours have no energy {name!r}, but {', '.join(ENERGIES)}")
        drawn = np.bincount(communities, energy_kwh, len(self.net_kwh))
        self.hour_kwh[name] += ENERGIES[name] * drawn
        self.net_kwh += drawn
        if direct:
            self.direct_kwh += drawn
        self.meters.node_kwh[:] += np.bincount(nodes, energy_kwh, len(self.grid.nodes))

    def paid_price(self) -> FloatArray:
        """Return what every community pays [money/kWh], 0 where nothing can be exchanged.

        It is asked for many times in a step, so that the array can only be read.
        """
        decided = self.supplied, self.market.decision.community_price
        if any(new is not old for new, old in zip(decided, self._paid_at, strict=True)):
            self._paid_at, self._paid_price = decided, np.where(*decided, 0.0)
            self._paid_price.flags.writeable = False
        return self._paid_price

    def begin_step(self) -> None:
        """Let chance act on the agents of all schemes."""
        if self.accounts is not None:
            self.accounts.begin_step()
        for each in self.schemes.values():
            each.begin_step()

    def settle_homes(self) -> None:
        """Let every home that generates or stores settle its own power flow."""
        self._act(Phase.HOMES)

    def share_storage_that_stays(self) -> None:
        """Let buildings share what their batteries hold, and communities charge and use theirs."""
        self._act(Phase.STORAGE_THAT_STAYS)

    def shave_the_peak(self) -> None:
        """Let schools charge their buses, and the utility buy from them in critical hours."""
        self._act(Phase.PEAK)

    def set_prices(self) -> None:
        """Price all that communities draw, asking those that answer to a price."""
        self.elastic_loads.look_around()
        for each in self.schemes.values():
            each.look_around()
        if self.prosumers is not None:
            self.prosumers.look_around()
        for each in self.schemes.values():
            each.act_by_tariff()
        self.market.set_prices()

    def share_storage_that_moves(self) -> None:
        """Let the vehicles exchange energy."""
        self._act(Phase.STORAGE_THAT_MOVES)

    def _act(self, phase: Phase) -> None:
        """Let the schemes of a phase of the hour act that take part."""
        for name, each in self.schemes.items():
            if scheme(name).phase is phase:
                each.act()

    def settle(self) -> None:
        """Carry the energy over the grid, settle all payments, and add up the totals."""
        self.welfare = step_welfare(self) if self._records_welfare else None
        settings = self.setting.scenario.grid
        shed = shed_loads(self) if settings.shed else np.zeros(len(self.net_kwh))
        self.flows = self.grid.flows(self.meters.node_kwh)
        self.loading = self.grid.loading(self.flows, self.step_h)
        self.limits = step_limits(self, shed) if settings.limits == "keep" else None
        if self.recent is not None:
            self.recent.before_payments(self)
        enter_payments(self)
        if self.prosumers is not None or self.accounts is not None:
            paid = paid_in_step(self)
            if self.prosumers is not None:
                self.prosumers.pay_all(paid)
            if self.accounts is not None:
                self.accounts.settle(paid)
        figures = figures_of(self)
        if self.step_index == 0:
            check_steps(self, figures.sums)
        too_much = [" - ".join(self.grid.lines[line]) for line in np.flatnonzero(overloaded(self))]
        demand = float(self.net_kwh.sum())
        step = (self.step_index, demand, figures.sums, figures.counts, figures.worst, too_much)
        self.totals.add(*step)
        self.calendar_totals.add(self.calendar.date_of(self.step_index), *step)
        if self.burn_in_steps and self.step_index >= self.burn_in_steps:
            self.later_totals.add(*step)
        if self.market.leaders is not None:
            self.market.leaders.learn(self)
        if self.recent is not None:
            self.recent.observe(self)
        self.metrics.observe(self)
        if self.expected_price is not None:
            self.expected_price.observe(self.market.decision.community_price)

    def move_batteries(self) -> None:
        """Let all batteries do what was decided."""
        for each in self.schemes.values():
            each.move()
        if self.member_tariffs is not None:
            self.member_tariffs.move()

    def summary(self) -> dict[str, Any]:
        """Return the outcome of the strategy so far."""
        return summary_of(self)

    def payments(self) -> Iterator[tuple[MemberPayments, bool]]:
        """Yield what single members pay and receive in the step, and whether meters read it."""
        return payments_of(self)

    def utility_earned(self) -> float:
        """Return what the utility has earned in the step [money]."""
        return utility_earned(self)

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, live where it is an array."""
        return state_of(self)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        restore_state(self, state)
