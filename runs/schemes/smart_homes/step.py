"""Smart homes of one strategy's world: admission of the day ahead, and the flows of a step."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.remaining_stores import Remainder
from hmesh.agents.smart_homes import SmartHomes
from hmesh.environment.arrays import FloatArray
from hmesh.runs.schemes.scheme_step import AnswerBounds, RowWriter
from hmesh.runs.schemes.smart_homes.group_agents import agents_of, begin_day
from hmesh.runs.schemes.smart_homes.group_flows import GroupOfAStep, refused_slots, settle_group
from hmesh.runs.schemes.smart_homes.own_tariffs import HomeTariffs, bought_of_day
from hmesh.runs.schemes.smart_homes.records import (
    listed_storages,
    write_day,
    write_homes,
    write_step,
)
from hmesh.runs.schemes.smart_homes.setting import SUMS, HomeGroup, SmartHomeSetting
from hmesh.runs.schemes.smart_homes.worth import cost_of_step, cost_of_storages
from hmesh.runs.schemes.store_answers import StoreAnswers, StoreNames, StoreScheme
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments, at_price

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

type Mask = NDArray[np.bool_]

ANSWERING = StoreNames("smart_homes", "homes", "homes", "home", "home_storage_kwh")


class SmartHomeSharing(StoreScheme):
    """Homes that settle their own power flow, and may be connected to the grid.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    strategy : str
        A name of `hmesh.runs.schemes.smart_homes.strategies.STRATEGIES`.
    groups : list of SmartHomes
        The agents of each group.
    of_step : list of GroupOfAStep
        What each group does in the step.
    first_step, steps : int
        The day ahead as last planned.
    """

    of_step: list[GroupOfAStep]

    def __init__(self, simulation: "Simulation") -> None:
        setting = simulation.setting
        self.simulation = simulation
        self.setting: SmartHomeSetting = setting.schemes["smart_homes"]
        self.strategy = strategy_within("smart_homes", simulation.strategy)
        self.groups = [
            agents_of(simulation, group, self.strategy, self.setting.settings)
            for group in self.setting.groups
        ]
        self._first_kwh = [homes.storages.population["energy_kwh"].sum() for homes in self.groups]
        self.first_step = self.steps = 0
        self.planned = False
        self._refused: list[Mask] = [np.empty((0, 0, 0), np.bool_)] * len(self.groups)
        self._bought_kwh: list[FloatArray] = [np.empty((0, 0, 0))] * len(self.groups)
        tariffs = self.setting.own_tariffs
        self.own_tariffs = HomeTariffs(self, tariffs) if tariffs else None
        self.answers = self._answers()
        self._sums = {
            group.settings.name: dict.fromkeys(SUMS, 0.0) for group in self.setting.groups
        }

    def _answers(self) -> StoreAnswers | None:
        """Return what answers to the price of the step: storages of connected homes."""
        settings = self.setting.settings.price_response
        if settings is None:
            return None
        held = self.connected
        counts = [homes.bank.capacity_kwh.size for _, homes in held]
        place, node = (
            np.repeat([getattr(group, name) for group, _ in held], counts)
            for name in ("community", "node")
        )
        into, out_of = (
            np.concatenate([getattr(homes.bank, name).ravel() for _, homes in held])
            for name in ("charge_efficiency", "discharge_efficiency")
        )
        worth = {
            "lam": settings.lam, "theta": settings.theta,
            "charge_efficiency": into, "discharge_efficiency": out_of,
        }  # fmt: skip
        listed = listed_storages(self.setting)
        return StoreAnswers(self.simulation, ANSWERING, worth, listed, place, node)

    @property
    def connected(self) -> list[tuple[HomeGroup, SmartHomes]]:
        """The groups that are connected to the grid, and their agents."""
        both = zip(self.setting.groups, self.groups, strict=True)
        return [(group, homes) for group, homes in both if group.node >= 0]

    def look_around(self) -> None:
        """See what storages could exchange beside what was settled."""
        if self.answers is None:
            return
        self.answer_nodes = self.answers.answer_nodes
        left = [
            homes.room_left(of_group.flows, float(self.simulation.supplied_part[group.community]))
            for group, homes, of_group in zip(
                self.setting.groups, self.groups, self.of_step, strict=True
            )
            if group.node >= 0
        ]
        usable, lower, upper = (
            np.concatenate([each.ravel() for each in column]) for column in zip(*left, strict=True)
        )
        self.answering = self.answers.offer(Remainder(usable, lower, upper), idle=True)

    def act(self) -> None:
        """Admit the day's requests where a day begins, and settle the flows of the step."""
        simulation, step = self.simulation, self.simulation.step_index
        self.planned = step >= self.first_step + self.steps
        if self.planned:
            self._plan_day(step)
        t = step - self.first_step
        self.of_step = []
        for group, homes, bought in zip(
            self.setting.groups, self.groups, self._bought_kwh, strict=True
        ):
            connected = group.node >= 0 and bool(simulation.supplied[group.community])
            part = float(simulation.supplied_part[group.community]) if connected else 0.0
            clear = simulation.chance.clearness[group.community]
            of_group = settle_group(group, homes, bought[t], t, clear, part)
            self.of_step.append(of_group)
            sums = self._sums[group.settings.name]
            for what, energy in of_group.totals_kwh.items():
                sums[what] += energy
            if group.node >= 0:
                self._draw(group, of_group)
        if self.own_tariffs is not None:
            self.own_tariffs.read()

    def _plan_day(self, step: int) -> None:
        """Let all homes admit the requests from a step to midnight, all at the same time."""
        calendar = self.simulation.calendar
        last = self.simulation.setting.scenario.steps
        today, steps = calendar.date_of(step), 1
        while step + steps < last and calendar.date_of(step + steps) == today:
            steps += 1
        self.first_step, self.steps = step, steps
        for group, homes in zip(self.setting.groups, self.groups, strict=True):
            begin_day(group, homes, calendar, step, steps)
        talks = [homes.plan_day(step) for homes in self.groups]
        over = object()
        while talks:
            talks = [talk for talk in talks if next(talk, over) is not over]
            self.simulation.bus.wait()
        self._refused = [refused_slots(homes) for homes in self.groups]
        self._buy()

    def _buy(self) -> None:
        """Choose when the grid serves what homes refuse, by their tariff where they have one.

        Without shifting every appliance keeps to the slots that it wanted.
        """
        own = self.own_tariffs if self.groups[0].control.shifts else None
        self._bought_kwh = [
            bought_of_day(
                homes, refused, None if own is None else own.price(k, self.first_step, self.steps)
            )
            for k, (homes, refused) in enumerate(zip(self.groups, self._refused, strict=True))
        ]

    def _draw(self, group: HomeGroup, of_group: GroupOfAStep) -> None:
        """Draw what connected homes use, generate and store from the grid, as far as it nets."""
        totals = of_group.totals_kwh
        used = totals["served_kwh"] + totals["imported_kwh"]
        generated = totals["generation_kwh"] - totals["curtailed_kwh"]
        stored = totals["charged_kwh"] - totals["discharged_kwh"]
        community, node = np.array([group.community]), np.array([group.node])
        for name, energy in (
            ("fixed_load_kwh", used),
            ("generation_kwh", -generated),
            ("home_storage_kwh", stored),
        ):
            self.simulation.draw(name, community, node, np.array([energy]))

    def pay(self) -> None:
        """Let connected homes pay for what they draw, and be paid for what they feed in."""
        pay, step = self.simulation.ledger.pay, self.simulation.step_index
        if self.own_tariffs is not None:
            self.own_tariffs.meters.pay()
        imported, exported = self.traded_kwh()
        price = self.simulation.market.decision.community_price
        connected = {group.community for group in self.setting.groups if group.node >= 0}
        for m in sorted(connected.intersection(self.simulation.supplied_communities)):
            name = self.simulation.setting.communities[m]
            homes, aggregator = f"homes@{name}", f"aggregator@{name}"
            pay(step, "home_supply", homes, aggregator, float(imported[m]), float(price[m]))
            pay(step, "home_feed_in", aggregator, homes, float(exported[m]), float(price[m]))
        if self.answers is not None:
            self.answers.pay()

    def traded_kwh(self) -> tuple[FloatArray, FloatArray]:
        """Return what homes of each community trade at its price: draw, and feed in [kWh]."""
        return self._grid_kwh(with_tariffs=self.own_tariffs is None)

    def grid_kwh(self) -> tuple[FloatArray, FloatArray]:
        """Return what all homes of each community draw from the grid and feed into it [kWh]."""
        return self._grid_kwh(with_tariffs=True)

    def _grid_kwh(self, *, with_tariffs: bool) -> tuple[FloatArray, FloatArray]:
        imported = np.zeros(len(self.simulation.setting.communities))
        exported = np.zeros_like(imported)
        for group, of_group in zip(self.setting.groups, self.of_step, strict=True):
            if group.settings.tariff is not None and not with_tariffs:
                continue
            imported[group.community] += of_group.totals_kwh["imported_kwh"]
            exported[group.community] += of_group.totals_kwh["exported_kwh"]
        return imported, exported

    def member_communities(self) -> Mapping[str, NDArray[np.intp]]:
        """Return where each home is."""
        where = [np.full(group.homes, group.community) for group in self.setting.groups]
        return {"homes": np.concatenate(where).astype(np.intp)}

    def members_of(self, group: str) -> NDArray[np.intp]:
        """Return which homes are of a group."""
        ends = np.cumsum([each.homes for each in self.setting.groups])
        names = [each.settings.name for each in self.setting.groups]
        k = names.index(group)
        return np.arange(ends[k] - self.setting.groups[k].homes, ends[k])

    def committed_kwh(self) -> Mapping[str, FloatArray]:
        """Return what each home draws by its own rule."""
        net = [e.imported_kwh.sum(axis=1) - e.exported_kwh.sum(axis=1) for e in self.of_step]
        return {"homes": np.concatenate(net)}

    def answer_bounds(self) -> AnswerBounds | None:
        """Return within which bounds storages answer to the price of the step."""
        return None if self.answers is None else self.answers.bounds("homes")

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield what each home pays for what it draws, and is paid for what it feeds in."""
        price = self.simulation.paid_price()[self.member_communities()["homes"]]
        bought = np.concatenate([each.imported_kwh.sum(axis=1) for each in self.of_step])
        sold = np.concatenate([each.exported_kwh.sum(axis=1) for each in self.of_step])
        if self.own_tariffs is not None:
            meters = self.own_tariffs.meters
            bought[meters.rows] = sold[meters.rows] = 0.0
            yield meters.payments()
        yield at_price("homes", price, bought, sold)
        if self.answers is not None:
            exchange = self.answers.exchange_kwh
            homes = self._answering_homes()
            bought, sold = (
                np.bincount(homes, each, len(price))
                for each in (np.maximum(exchange, 0.0), np.maximum(0.0 - exchange, 0.0))
            )
            yield at_price("homes", price, bought, sold)

    def _answering_homes(self) -> NDArray[np.intp]:
        """Return the number of the home of each storage that answers to prices."""
        found, first = [], 0
        for group in self.setting.groups:
            if group.node >= 0:
                found.append(np.repeat(first + np.arange(group.homes), group.layout.storages))
            first += group.homes
        return np.concatenate(found)

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what the storages of each home hold [kWh]."""
        return {"homes": np.concatenate([homes.energy_kwh.sum(axis=1) for homes in self.groups])}

    def sums(self) -> dict[str, float]:
        """Return the energies and the bill of the step."""
        sums = {
            f"home_{what}": sum(of_group.totals_kwh[what] for of_group in self.of_step)
            for what in SUMS
        }
        imported, exported = self.traded_kwh()
        sums["home_bill"] = float((self.simulation.paid_price() * (imported - exported)).sum())
        if self.own_tariffs is not None:
            sums["home_bill"] += self.own_tariffs.meters.bill
            sums |= self.own_tariffs.meters.sums()
        sums |= cost_of_step(self)
        return sums if self.answers is None else sums | self.answers.sums()

    def counts(self) -> dict[str, int]:
        """Count what was refused, moved, missed or not heard in this step."""
        counts = {
            "home_slots_unmet": sum(
                int(np.count_nonzero((of_group.demand_kwh > 0.0) & ~of_group.flows.served))
                for of_group in self.of_step
            )
        }
        if not self.planned:
            return counts
        plans = [homes.plan for homes in self.groups if homes.plan is not None]
        return counts | {
            "home_slots_refused": sum(int(np.count_nonzero(r)) for r in self._refused),
            "homes_rescheduled": sum(
                int(np.count_nonzero(plan.rescheduled.any(axis=1))) for plan in plans
            ),
            "home_offers": sum(plan.offers for plan in plans),
            "home_offers_refused": sum(plan.refusals for plan in plans),
            "home_days_searched": sum(int(np.count_nonzero(~plan.exact)) for plan in plans),
            "home_messages_unheard": sum(homes.fallbacks for homes in self.groups),
        }

    def record_start(self, writer: RowWriter) -> None:
        """Write who the recorded homes are."""
        write_homes(writer, self)

    def record(self, writer: RowWriter) -> None:
        """Write the plan of the day where it was made, and the flows of the step."""
        if self.planned:
            write_day(writer, self)
        write_step(writer, self)

    def move(self) -> None:
        """Let the storages do what was settled."""
        if self.own_tariffs is not None:
            self.own_tariffs.meters.move()
        for homes, of_group in zip(self.groups, self.of_step, strict=True):
            homes.move(of_group.flows)
        if self.answers is not None:
            ends = np.cumsum([homes.bank.capacity_kwh.size for _, homes in self.connected])
            exchanges = np.split(self.answers.exchange_kwh, ends[:-1])
            for (_, homes), exchange in zip(self.connected, exchanges, strict=True):
                homes.exchange(exchange)

    def summary(self) -> dict[str, Any]:
        """Return the totals of each group, and what storages hold more than at first."""
        change = sum(
            float(homes.storages.population["energy_kwh"].sum() - first)
            for first, homes in zip(self._first_kwh, self.groups, strict=True)
        )
        return {
            "home_stored_change_kwh": change,
            "homes": {name: dict(sums) for name, sums in self._sums.items()},
            **cost_of_storages(self),
        }

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        return {
            "first_step": self.first_step,
            "steps": self.steps,
            "sums": {name: dict(sums) for name, sums in self._sums.items()},
            "groups": [
                {"storages": homes.storages.population.state(), "refused": refused}
                | {"committed": homes.committed_kwh}
                for homes, refused in zip(self.groups, self._refused, strict=True)
            ]
            if self.steps
            else [],
            **({} if self.own_tariffs is None else {"meters": self.own_tariffs.meters.state()}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.first_step, self.steps = state["first_step"], state["steps"]
        calendar = self.simulation.calendar
        self._sums = {name: dict(sums) for name, sums in state["sums"].items()}
        if self.steps and len(state["groups"]) != len(self.groups):
            raise ValueError(f"the state holds {len(state['groups'])} groups of homes")
        for k, held in enumerate(state["groups"]):
            homes = self.groups[k]
            homes.storages.population.restore(held["storages"])
            begin_day(self.setting.groups[k], homes, calendar, self.first_step, self.steps)
            self._refused[k] = refused = held["refused"]
            due = refused_slots(homes)
            if (refused.shape, refused.dtype) != (due.shape, due.dtype):
                raise ValueError(f"refused slots have the shape {refused.shape}, not {due.shape}")
            for a, appliance in enumerate(homes.appliances):
                appliance.population.committed_kwh = held["committed"][:, :, a].copy()
        if self.steps:
            self._buy()
        if self.own_tariffs is not None:
            self.own_tariffs.meters.restore(state["meters"])
