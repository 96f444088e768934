"""Smart homes of one strategy's world: admission of the day ahead, and the flows of a step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.home_devices import Appliance, Appliances, DevicesOfADay, Generators, Storages
from hmesh.agents.home_devices import HomeGenerator as HomeGeneratorAgent
from hmesh.agents.remaining_stores import Remainder
from hmesh.agents.smart_homes import SmartHomes
from hmesh.markets.power_flow_assignment import StepFlows
from hmesh.runs.schemes.scheme_step import AnswerBounds, RowWriter, Scheme
from hmesh.runs.schemes.smart_homes.records import (
    listed_storages,
    write_day,
    write_homes,
    write_step,
)
from hmesh.runs.schemes.smart_homes.setting import KINDS, HomeGroup, SmartHomeSetting
from hmesh.runs.schemes.smart_homes.sources import BySky, DeviceSource
from hmesh.runs.schemes.smart_homes.strategies import control_of
from hmesh.runs.schemes.store_answers import StoreAnswers, StoreNames
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments, at_price

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

type Energies = NDArray[np.float64]
type Mask = NDArray[np.bool_]

ANSWERING = StoreNames("smart_homes", "homes", "homes", "home", "home_storage_kwh")

# What adds up over the steps of a run, for every group and for all of them.
SUMS = (
    "generation_kwh", "wanted_kwh", "served_kwh", "direct_kwh", "charged_kwh", "discharged_kwh",
    "losses_kwh", "curtailed_kwh", "imported_kwh", "exported_kwh",
)  # fmt: skip


@dataclass(slots=True)
class GroupOfAStep:
    """What a group of homes does in a step.

    Attributes
    ----------
    flows : StepFlows
        Its power flow.
    wanted_kwh, demand_kwh : array, shape (homes, appliances)
        What appliances wanted for the step, and what they count on [kWh].
    imported_kwh : array, shape (homes, appliances)
        What the grid serves of them [kWh].
    exported_kwh, curtailed_kwh : array, shape (homes, generators)
        What the grid takes, and what is left of that [kWh].
    energy_kwh, losses_kwh : array, shape (homes, storages)
        Stored energy as the step begins, and what storages lose in it [kWh].
    totals_kwh : dict
        All of it added up, by the names of `SUMS` [kWh].
    """

    flows: StepFlows
    wanted_kwh: Energies
    demand_kwh: Energies
    imported_kwh: Energies
    exported_kwh: Energies
    curtailed_kwh: Energies
    energy_kwh: Energies
    losses_kwh: Energies
    totals_kwh: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        flows = self.flows
        energies = (
            self.generation_kwh, self.wanted_kwh, self.served_kwh, flows.direct_kwh,
            flows.charge_kwh, flows.discharge_kwh, self.losses_kwh, self.curtailed_kwh,
            self.imported_kwh, self.exported_kwh,
        )  # fmt: skip
        self.totals_kwh = {
            what: float(values.sum()) for what, values in zip(SUMS, energies, strict=True)
        }

    @property
    def served_kwh(self) -> Energies:
        """What the home itself serves of its appliances, shape (homes, appliances) [kWh]."""
        return np.where(self.flows.served, self.demand_kwh, 0.0)

    @property
    def generation_kwh(self) -> Energies:
        """What generators deliver, shape (homes, generators) [kWh]."""
        flows = self.flows
        return flows.direct_kwh.sum(axis=2) + flows.stored_kwh + flows.curtailed_kwh


class SmartHomeSharing(Scheme):
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
        self.groups = [self._agents(group) for group in self.setting.groups]
        self.first_step = self.steps = 0
        self.planned = False
        self._refused: list[Mask] = [np.empty((0, 0, 0), np.bool_)] * len(self.groups)
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
            homes.room_left(of_group.flows)
            for group, homes, of_group in zip(
                self.setting.groups, self.groups, self.of_step, strict=True
            )
            if group.node >= 0
        ]
        usable, lower, upper = (
            np.concatenate([each.ravel() for each in column]) for column in zip(*left, strict=True)
        )
        self.answering = self.answers.offer(Remainder(usable, lower, upper), idle=True)

    def take_response(self, exchange_kwh: list[Energies]) -> None:
        """Draw what storages exchange at the price of the step."""
        assert self.answers is not None
        self.answers.take(exchange_kwh)

    def _agents(self, group: HomeGroup) -> SmartHomes:
        """Make the agents of a group of homes."""
        settings, world = group.settings, self.simulation
        generators = [
            Generators(
                world,
                cast(type[HomeGeneratorAgent], KINDS[device.kind]),
                _devices(KINDS[device.kind], group.homes, 1),
                device.name,
                settings.name,
            )
            for device in settings.generators
        ]
        appliances = [
            Appliances(
                world,
                cast(type[Appliance], KINDS[device.kind]),
                _devices(KINDS[device.kind], group.homes, device.priority),
                device.name,
                settings.name,
            )
            for device in settings.appliances
        ]
        return SmartHomes(
            world,
            settings.name,
            group.layout,
            control_of(self.strategy, self.setting.settings),
            generators,
            appliances,
            Storages(world, group.storages.fork(), settings.name, group.layout.storages),
        )

    def act(self) -> None:
        """Admit the day's requests where a day begins, and settle the flows of the step."""
        simulation, step = self.simulation, self.simulation.step_index
        self.planned = step >= self.first_step + self.steps
        if self.planned:
            self._plan_day(step)
        t = step - self.first_step
        self.of_step = []
        for group, homes, refused in zip(
            self.setting.groups, self.groups, self._refused, strict=True
        ):
            connected = group.node >= 0 and bool(simulation.supplied[group.community])
            of_group = self._settle(group, homes, refused[t], t, connected)
            self.of_step.append(of_group)
            sums = self._sums[group.settings.name]
            for what, energy in of_group.totals_kwh.items():
                sums[what] += energy
            if group.node >= 0:
                self._draw(group, of_group)

    def _plan_day(self, step: int) -> None:
        """Let all homes admit the requests from a step to midnight, all at the same time."""
        calendar = self.simulation.calendar
        last = self.simulation.setting.scenario.steps
        today, steps = calendar.date_of(step), 1
        while step + steps < last and calendar.date_of(step + steps) == today:
            steps += 1
        self.first_step, self.steps = step, steps
        for group, homes in zip(self.setting.groups, self.groups, strict=True):
            self._begin_day(group, homes)
        talks = [homes.plan_day(step) for homes in self.groups]
        over = object()
        while talks:
            talks = [talk for talk in talks if next(talk, over) is not over]
            self.simulation.bus.wait()
        self._refused = [_refused(homes) for homes in self.groups]

    def _begin_day(self, group: HomeGroup, homes: SmartHomes) -> None:
        """Send devices what they generate and want on the day ahead."""
        calendar, first, steps = self.simulation.calendar, self.first_step, self.steps
        for generator, source in zip(homes.generators, group.generators, strict=True):
            generated = source.steps_kwh(first, steps)
            none = np.zeros(generated.shape, dtype=np.bool_)
            generator.population.begin_day(generated, none, none)
        for k, (appliance, source) in enumerate(
            zip(homes.appliances, group.appliances, strict=True)
        ):
            wanted = source.steps_kwh(first, steps)
            window, accepted = group.windows(calendar, first, wanted, k)
            appliance.population.begin_day(wanted, window, accepted)

    def _settle(
        self, group: HomeGroup, homes: SmartHomes, refused: Mask, t: int, connected: bool
    ) -> GroupOfAStep:
        """Return what a group does in step t of the day."""
        homes.t = t
        generation = self._generation(group, homes, t)
        wanted = np.stack([a.population.steps_kwh[t] for a in homes.appliances], axis=1)
        demand = np.stack([a.population.committed_kwh[t] for a in homes.appliances], axis=1)
        energy = homes.energy_kwh.copy()
        flows = homes.settle(generation, demand)
        unserved = np.where(refused, wanted, 0.0) + np.where(flows.served, 0.0, demand)
        left = flows.curtailed_kwh
        none = np.zeros_like
        return GroupOfAStep(
            flows=flows,
            wanted_kwh=wanted,
            demand_kwh=demand,
            imported_kwh=unserved if connected else none(unserved),
            exported_kwh=left if connected else none(left),
            curtailed_kwh=none(left) if connected else left,
            energy_kwh=energy,
            losses_kwh=homes.bank.losses_kwh(flows.charge_kwh, flows.discharge_kwh),
        )

    def _generation(self, group: HomeGroup, homes: SmartHomes, t: int) -> Energies:
        """Return what generators deliver, dimmed by the clouds that chance drew."""
        clear = self.simulation.chance.clearness[group.community]
        columns = []
        for generator, source in zip(homes.generators, group.generators, strict=True):
            day = generator.population
            day.heard |= {"t": t, "clear": clear if _is_clouded(source) else 1.0}
            day.delivered_kwh = day.steps_kwh[t] * day.heard["clear"]
            columns.append(day.delivered_kwh)
        return np.stack(columns, axis=1) if columns else np.zeros((group.homes, 0))

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
        imported, exported = self._traded()
        price = self.simulation.market.decision.community_price
        connected = {group.community for group in self.setting.groups if group.node >= 0}
        for m in sorted(connected.intersection(self.simulation.supplied_communities)):
            name = self.simulation.setting.communities[m]
            homes, aggregator = f"homes@{name}", f"aggregator@{name}"
            pay(step, "home_supply", homes, aggregator, float(imported[m]), float(price[m]))
            pay(step, "home_feed_in", aggregator, homes, float(exported[m]), float(price[m]))
        if self.answers is not None:
            self.answers.pay()

    def _traded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what homes of each community draw from the grid and feed into it [kWh]."""
        imported = np.zeros(len(self.simulation.setting.communities))
        exported = np.zeros_like(imported)
        for group, of_group in zip(self.setting.groups, self.of_step, strict=True):
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

    def committed_kwh(self) -> Mapping[str, NDArray[np.float64]]:
        """Return what each home draws by its own rule."""
        net = [e.imported_kwh.sum(axis=1) - e.exported_kwh.sum(axis=1) for e in self.of_step]
        return {"homes": np.concatenate(net)}

    def answer_bounds(self) -> AnswerBounds | None:
        """Return within which bounds storages answer to the price of the step."""
        return None if self.answers is None else self.answers.bounds("homes")

    def narrow(self, lower_kwh: NDArray[np.float64], upper_kwh: NDArray[np.float64]) -> None:
        """Let storages answer within narrower bounds."""
        assert self.answers is not None
        self.answering = self.answers.narrow(lower_kwh, upper_kwh)

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield what each home pays for what it draws, and is paid for what it feeds in."""
        price = self.simulation.paid_price()[self.member_communities()["homes"]]
        bought = np.concatenate([each.imported_kwh.sum(axis=1) for each in self.of_step])
        sold = np.concatenate([each.exported_kwh.sum(axis=1) for each in self.of_step])
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

    def stored_kwh(self) -> Mapping[str, NDArray[np.float64]]:
        """Return what the storages of each home hold [kWh]."""
        return {"homes": np.concatenate([homes.energy_kwh.sum(axis=1) for homes in self.groups])}

    def sums(self) -> dict[str, float]:
        """Return the energies and the bill of the step."""
        sums = {
            f"home_{what}": sum(of_group.totals_kwh[what] for of_group in self.of_step)
            for what in SUMS
        }
        imported, exported = self._traded()
        sums["home_bill"] = float((self.simulation.paid_price() * (imported - exported)).sum())
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
            float(
                homes.storages.population["energy_kwh"].sum() - group.storages["energy_kwh"].sum()
            )
            for group, homes in zip(self.setting.groups, self.groups, strict=True)
        )
        return {
            "home_stored_change_kwh": change,
            "homes": {name: dict(sums) for name, sums in self._sums.items()},
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
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.first_step, self.steps = state["first_step"], state["steps"]
        self._sums = {name: dict(sums) for name, sums in state["sums"].items()}
        if self.steps and len(state["groups"]) != len(self.groups):
            raise ValueError(f"the state holds {len(state['groups'])} groups of homes")
        for k, held in enumerate(state["groups"]):
            homes = self.groups[k]
            homes.storages.population.restore(held["storages"])
            self._begin_day(self.setting.groups[k], homes)
            self._refused[k] = refused = held["refused"]
            due = _refused(homes)
            if (refused.shape, refused.dtype) != (due.shape, due.dtype):
                raise ValueError(f"refused slots have the shape {refused.shape}, not {due.shape}")
            for a, appliance in enumerate(homes.appliances):
                appliance.population.committed_kwh = held["committed"][:, :, a].copy()


def _devices(kind: type[Any], homes: int, priority: int) -> DevicesOfADay:
    population = DevicesOfADay(kind.attributes(), homes)
    population.set("home", np.arange(homes, dtype=np.int32))
    population.set("priority", np.int16(priority))
    return population


def _is_clouded(source: DeviceSource) -> bool:
    return isinstance(source, BySky) and source.clouded


def _refused(homes: SmartHomes) -> Mask:
    """Return the slots that appliances wanted and will not get, even elsewhere.

    Where fewer slots were moved out of those wanted than are missing, the first of them count.

    Returns
    -------
    array of bool, shape (steps, homes, appliances)
        A mask.
    """
    wanted = np.stack([a.population.steps_kwh for a in homes.appliances], axis=2) > 0.0
    committed = homes.committed_kwh > 0.0
    missing = wanted.sum(axis=0) - committed.sum(axis=0)
    given_up = wanted & ~committed
    return given_up & (np.cumsum(given_up, axis=0) <= missing)
