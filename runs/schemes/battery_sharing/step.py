"""Storage that stays: the batteries of buildings in one strategy's world, and who uses them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.agents.battery_coordinator import BatteryCoordinator
from hmesh.agents.building_battery import BatteryBank, BuildingBattery
from hmesh.agents.consumer import Building
from hmesh.agents.remaining_stores import remainder_of
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Conversation
from hmesh.environment.battery import charged
from hmesh.environment.battery_messages import MeterReading
from hmesh.environment.capacity_fade import FadingCapacity
from hmesh.environment.population import Population
from hmesh.markets.battery_exchange import own_load_first
from hmesh.markets.load_levelling import Windows, level_load
from hmesh.markets.store_remainder import left_of_schedule
from hmesh.runs.schemes.battery_sharing.orders_of_day import OrdersOfDay
from hmesh.runs.schemes.battery_sharing.own_rules import RULES, BatteryRule
from hmesh.runs.schemes.battery_sharing.records import write_batteries, write_exchanges, write_step
from hmesh.runs.schemes.battery_sharing.running_deviation import RunningDeviation
from hmesh.runs.schemes.battery_sharing.setting import BatterySetting
from hmesh.runs.schemes.battery_sharing.sums_and_counts import counts_of, summary_of, sums_of
from hmesh.runs.schemes.plugin_energies import decided_kwh
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import BATTERY, first_recorded
from hmesh.runs.schemes.store_answers import StoreAnswers, StoreNames, StoreScheme, one_store_each
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments, at_price

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

METER = "grid"
ANSWERING = StoreNames(
    "battery_sharing", "batteries", "batteries", "battery_sharing", "home_storage_kwh"
)


class BatterySharingScheme(StoreScheme):
    """Batteries of buildings that charge by night and cover the load by day.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    strategy : str
        ``no_battery``, ``own_battery``, ``shared_battery``, ``priced_battery``, or the rule of a
        plugin.
    batteries : Population
        Columns of all batteries, one row for each building.
    coordinators : list of BatteryCoordinator
        One for each community.
    load_kwh, charged_kwh, own_kwh, sent_kwh, received_kwh, unplaced_kwh : array, (buildings,)
        Of the step: load of each building; what its battery draws, gives its own building and
        gives others; what arrives from others; and what its battery was to give and nobody needed
        or was offered [kWh].
    given_kwh : array, shape (buildings,)
        What arrives at others of what each battery sent [kWh].
    unfollowed_kwh : array, shape (buildings,)
        What rating or store did not allow of what was wanted in the step [kWh].
    """

    def __init__(self, simulation: "Simulation") -> None:
        setting = simulation.setting
        self.simulation = simulation
        self.setting = setting
        self.shared: BatterySetting = setting.schemes["battery_sharing"]
        self.strategy = strategy_within("battery_sharing", simulation.strategy)
        own = RULES.get(self.strategy)
        self._rule: BatteryRule | None = None if own is None else own()
        self.batteries = self._batteries()
        self.new_kwh = self.batteries["capacity_kwh"].copy()
        own_keys = self.shared.given
        self.fade = FadingCapacity.where_asked(
            self.new_kwh, own_keys.calendar_fade, own_keys.cycle_fade
        )
        self._group = AgentGroup(simulation, BuildingBattery, self.batteries)
        self.banks = [BatteryBank(self._group, rows) for rows in self.shared.communities]
        self._everybody = BatteryBank(self._group, slice(0, len(self.batteries)))
        self.coordinators = [
            BatteryCoordinator(simulation, name, bank, self.shared.rules)
            for name, bank in zip(setting.communities, self.banks, strict=True)
        ]
        self.buildings = simulation.consumers[Building].population
        self.nodes = setting.members.nodes[Building]
        self.community = self.batteries["community"].astype(np.intp)
        self.deviation = RunningDeviation()
        # Days over which it is taken too, where the scenario chooses some.
        days = self.shared.measured_days
        self.measured_days = None if days is None else {day.start: day for day in days}
        self.measured = RunningDeviation()
        self.started_kwh = float(self.batteries["energy_kwh"].sum())
        count = len(self.batteries)
        if self.shared.given.price_response is not None and self.strategy != "no_battery":
            inhabited, group = np.unique(self.community, return_inverse=True)
            names = [setting.communities[m] for m in inhabited.tolist()]
            self.answers = StoreAnswers(
                simulation, ANSWERING, self.batteries, one_store_each(BATTERY, group, names),
                self.community, self.nodes,
            )  # fmt: skip
            self.answer_nodes = self.answers.answer_nodes
        self._plan_kwh = np.zeros((count, 0))
        self._day: range | None = None
        self._windows = self.shared.windows(range(0))
        self._exchanged = OrdersOfDay(count)

    def _batteries(self) -> Population:
        if self.strategy == "no_battery":
            capacity = np.zeros(len(self.shared.names))
        elif self.strategy == "own_battery":
            capacity = self.shared.own_kwh
        else:
            capacity = self.shared.shared_kwh
        return self.shared.batteries(capacity)

    @property
    def deciding(self) -> AgentGroup[BuildingBattery]:
        """The batteries of all buildings."""
        return self._group

    def act(self) -> None:
        """Plan the day where one begins, and let every battery do its part of the step."""
        simulation, step = self.simulation, self.simulation.step_index
        # What they answer to the price by an elasticity comes after their batteries have acted.
        self.load_kwh = self.buildings["load_kwh"].copy()
        count = len(self.batteries)
        (
            self.charged_kwh, self.own_kwh, self.sent_kwh,
            self.received_kwh, self.given_kwh, self.unplaced_kwh, self.unfollowed_kwh,
        ) = np.zeros((7, count))  # fmt: skip
        self.fallbacks = 0
        if self.answers is not None:
            self.answers.begin_step()
        self.batteries.heard |= {
            "building_kwh": self.load_kwh,
            "supplied_part": simulation.supplied_part[self.community],
            "planned_kwh": np.zeros(count),
            "community_kwh": np.full(count, np.nan),
            "sent_kwh": np.zeros(count),
        }
        if self.strategy != "no_battery":
            if self._day is None or step not in self._day:
                self._begin_day(step)
            if self._rule is not None:
                decided = decided_kwh(self.strategy, self._rule.decide(self), count)
                self.batteries.heard["planned_kwh"] = decided
            for place in simulation.supplied_communities:
                if len(self.banks[place]):
                    self._share(place)
        drawn = self.charged_kwh - self.own_kwh - self.received_kwh
        simulation.draw("home_storage_kwh", self.community, self.nodes, drawn)

    def look_around(self) -> None:
        """See what the schedule leaves of the batteries, ahead of it too."""
        if self.answers is None:
            return
        own, done = self.batteries, self.exchange_kwh
        assert self._day is not None
        into, out_of = own["charge_efficiency"], own["discharge_efficiency"]
        # Batteries that hear two prices only know of no schedule ahead.
        ahead = self._plan_kwh[:, self.simulation.step_index - self._day.start + 1 :]
        own.heard["spare_kwh"], own.heard["room_kwh"] = left_of_schedule(
            charged(own["energy_kwh"], done, into, out_of),
            ahead,
            own["soc_min"] * own["capacity_kwh"],
            own["soc_max"] * own["capacity_kwh"],
            into,
            out_of,
        )
        bounds = self._everybody.exchange_bounds()
        self.answering = self.answers.offer(remainder_of(own, done, bounds))

    @property
    def response_kwh(self) -> FloatArray:
        """What each battery exchanges at the price of the step, beside its schedule [kWh]."""
        if self.answers is None:
            return np.zeros(len(self.batteries))
        return self.answers.exchange_kwh

    def _begin_day(self, step: int) -> None:
        """Let buildings forecast, and coordinators plan, what is left of the date of a step."""
        self._day = self.shared.forecast.day(step)
        if self.fade is not None:
            left = self.fade.age(step * self.shared.step_h)
            self.shared.resize(self.batteries, left)
        windows = self._windows = self.shared.windows(self._day)
        forecast = self.shared.forecast.load_kwh(step)
        if self.strategy == "own_battery":
            self._plan_kwh = self._alone(forecast, windows)
            return
        self._plan_kwh = np.zeros_like(forecast)
        if self._rule is not None:
            return
        for coordinator, rows in zip(self.coordinators, self.shared.communities, strict=True):
            if rows.stop == rows.start:
                continue
            if self.strategy == "shared_battery":
                self._plan_kwh[rows] = coordinator.send_schedule(step, forecast[rows], windows)
            else:
                coordinator.send_prices(step, forecast[rows], windows)
            self.fallbacks += coordinator.fallbacks

    def _alone(self, forecast_kwh: FloatArray, windows: Windows) -> FloatArray:
        """Level the load of every building by its own battery, which feeds nothing back."""
        rules = self.shared.rules
        return level_load(
            forecast_kwh, self.batteries["capacity_kwh"], rules.equipment, windows, rules.cycle,
            forecast_kwh,
        ).exchange_kwh  # fmt: skip

    def _share(self, place: int) -> None:
        """Let the batteries of a community charge, cover their own loads, and give the rest."""
        simulation, rows = self.simulation, self.shared.communities[place]
        bank, coordinator = self.banks[place], self.coordinators[place]
        wanted = self._wanted(place)
        exchange = bank.follow(wanted)
        self.unfollowed_kwh[rows] = np.abs(wanted - exchange)
        self.charged_kwh[rows] = np.maximum(exchange, 0.0)
        left = own_load_first(np.maximum(-exchange, 0.0), self.load_kwh[rows])
        self.own_kwh[rows] = left.own_kwh
        unplaced = left.surplus_kwh
        if self.strategy != "own_battery":
            orders = coordinator.exchange(simulation.step_index, left)
            self.fallbacks += coordinator.fallbacks
            sent = orders.sent_by(len(bank))
            self.sent_kwh[rows] = self.batteries.heard["sent_kwh"][rows] = sent
            self.received_kwh[rows] = orders.received_by(len(bank))
            self.given_kwh[rows] = orders.given_by(len(bank))
            unplaced = np.maximum(unplaced - sent, 0.0)
            self._exchanged.add(orders, rows.start)
        self.unplaced_kwh[rows] = unplaced

    def _wanted(self, place: int) -> FloatArray:
        """Return what each battery of a community is to exchange in the step [kWh]."""
        assert self._day is not None
        simulation, rows = self.simulation, self.shared.communities[place]
        at = simulation.step_index - self._day.start
        if self._rule is not None:
            decided: FloatArray = self.batteries.heard["planned_kwh"][rows]
            return decided
        if self.strategy != "priced_battery":
            planned: FloatArray = self._plan_kwh[rows, at]
            self.batteries.heard["planned_kwh"][rows] = planned
            return planned
        windows, bank = self._windows, self.banks[place]
        load = float(self.load_kwh[rows].sum())
        reading = MeterReading(
            step=simulation.step_index, round=0, sender=METER,
            receiver=self.coordinators[place].batteries, count=len(bank), energy_kwh=load,
        )  # fmt: skip
        talk = Conversation(simulation.bus, METER, simulation.step_index, keeps_waits=0)
        reported = talk.say(reading)
        simulation.bus.wait()
        self.fallbacks += talk.unreached
        inside = bool(windows.charge[at]), bool(windows.discharge[at])
        return bank.hear_meter(reported.message, reported.rows, *inside)

    @property
    def exchange_kwh(self) -> FloatArray:
        """What every battery exchanges at its plug in the step [kWh], positive when charging."""
        return self.charged_kwh - self.own_kwh - self.sent_kwh

    @property
    def ends_day(self) -> bool:
        """Whether the step is the last of its date, or of the run."""
        day = self.shared.forecast.day(self.simulation.step_index)
        return self.simulation.step_index == day.stop - 1

    def of_communities(self, values: FloatArray) -> FloatArray:
        """Return the sums of a quantity of buildings over each community."""
        return np.bincount(self.community, values, len(self.setting.communities))

    def pay(self) -> None:
        """Let batteries pay for what they charge, and buildings pay less for what they cover.

        Buildings have paid for all they use. What batteries cover of that the aggregator pays
        back; what came from another building's battery is then paid to that battery.
        """
        if self.strategy == "no_battery":
            return
        simulation = self.simulation
        pay, step = simulation.ledger.pay, simulation.step_index
        if self.answers is not None:
            self.answers.pay()
        charged, received = (
            self.of_communities(energy) for energy in (self.charged_kwh, self.received_kwh)
        )
        covered = self.of_communities(self.own_kwh) + received
        for m in simulation.supplied_communities:
            name = self.setting.communities[m]
            price = float(simulation.market.decision.community_price[m])
            batteries, buildings = f"batteries@{name}", f"consumers@{name}"
            aggregator = f"aggregator@{name}"
            if charged[m] > 0:
                pay(step, "battery_charging", batteries, aggregator, float(charged[m]), price)
            if covered[m] > 0:
                pay(step, "battery_supply", aggregator, buildings, float(covered[m]), price)
            if received[m] > 0:
                pay(step, "battery_exchange", buildings, batteries, float(received[m]), price)

    def consumer_payments(self) -> Iterable[MemberPayments]:
        """Yield what each building pays for its battery, and for what others' batteries give it.

        A building and its battery are one account: it pays for what the battery charges and what
        arrives from others, and is paid for what it gives them and for all that batteries cover of
        the load it has paid for.
        """
        if self.strategy == "no_battery":
            return
        price = self.simulation.paid_price()[self.community]
        covered = self.own_kwh + self.received_kwh
        bought, sold = self.charged_kwh + self.received_kwh, covered + self.given_kwh
        yield at_price("buildings", price, bought, sold)
        if self.answers is not None:
            answer = self.response_kwh
            yield at_price(
                "buildings", price, np.maximum(answer, 0.0), np.maximum(-answer, 0.0)
            )  # fmt: skip

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what the battery of each building holds [kWh]."""
        return {"buildings": self.batteries["energy_kwh"]}

    def sums(self) -> dict[str, float]:
        """Return the energies, the losses and the bill of the step."""
        return sums_of(self)

    def counts(self) -> dict[str, int]:
        """Count what could not be followed, given or heard in the step."""
        return counts_of(self)

    def record_start(self, writer: RowWriter) -> None:
        """Write the capacities."""
        write_batteries(writer, self)

    def record(self, writer: RowWriter) -> None:
        """Write the recorded buildings, and at the end of a day who gave what to whom."""
        write_step(writer, self)
        if self.answers is not None:
            wanted = self.setting.scenario.record.buildings
            self.answers.record(writer, slice(first_recorded(wanted, len(self.batteries))))
        if self.ends_day:
            write_exchanges(writer, self, *self._exchanged.total())

    def move(self) -> None:
        """Let the batteries do what was decided, and follow the load that results."""
        ends_day, exchange = self.ends_day, self.exchange_kwh
        if self.answers is not None:
            exchange = exchange + self.response_kwh
        self._everybody.move(exchange)
        if self.fade is not None:
            self.fade.exchange(exchange)
        net = float(self.simulation.net_kwh.sum())
        self.deviation.add(net, ends_day=ends_day)
        day = self.shared.forecast.day(self.simulation.step_index)
        if self.measured_days is not None and day.start in self.measured_days:
            self.measured.add(net, ends_day=ends_day)
        if ends_day:
            self._exchanged.clear()

    def summary(self) -> dict[str, Any]:
        """Return how uneven the load is, the capacity, and what batteries hold more than first."""
        return summary_of(self)

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        return {
            "batteries": self.batteries.state(),
            "plan_kwh": self._plan_kwh,
            "day": None if self._day is None else [self._day.start, self._day.stop],
            "deviation": self.deviation.state(),
            **({} if self.measured_days is None else {"measured": self.measured.state()}),
            "exchanged": self._exchanged.state(),
            **({} if self.fade is None else {"fade": self.fade.state()}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.batteries.restore(state["batteries"])
        if self.fade is not None:
            self.fade.restore(state["fade"])
            self.shared.resize(self.batteries, self.fade.left_kwh)
        self._plan_kwh = state["plan_kwh"]
        if state["day"] is not None:
            self._day = range(*state["day"])
            self._windows = self.shared.windows(self._day)
            if self._plan_kwh.shape[1] != len(self._day):
                raise ValueError("the plan of a day and its steps differ in length")
        self.deviation = RunningDeviation.restored(state["deviation"])
        if self.measured_days is not None:
            self.measured = RunningDeviation.restored(state["measured"])
        self._exchanged.restore(state["exchanged"])
