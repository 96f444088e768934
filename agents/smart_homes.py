"""Smart homes: controllers that hear their devices and settle the power flow of their homes.

All homes of a group have the same devices. Their controllers decide at once, and each of them is
nevertheless a Mesa agent with its own devices.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.home_controller import ControlSettings, HomeController
from hmesh.agents.home_devices import Appliances, Generators, Storages
from hmesh.agents.row_agent import MOST_OBJECTS
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Conversation
from hmesh.environment.battery import usable_kwh
from hmesh.environment.home_messages import Registration, SlotCommitment, SlotOffer, SlotSchedule
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import Message
from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.admission_control import DayPlan, Offer, negotiate_slots, scheduled_day
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.home_layout import HomeLayout
from hmesh.markets.power_flow_assignment import StepFlows, settle_step
from hmesh.markets.store_remainder import room_left

type Mask = NDArray[np.bool_]


class SmartHomes:
    """A group of homes with the same devices, deciding at once.

    Parameters
    ----------
    model : World
        The world of their run, with ``bus`` and ``step_h``.
    name : str
        What the group is called in messages.
    layout : HomeLayout
        Devices of each home.
    control : ControlSettings
        How the controllers decide.
    generators, appliances : sequence
        The devices, in the order of the layout.
    storages : Storages
        The storages, home by home.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        layout: HomeLayout,
        control: ControlSettings,
        generators: Sequence[Generators],
        appliances: Sequence[Appliances],
        storages: Storages,
    ) -> None:
        self.model = model
        self.name = name
        self.address = f"controller@{name}"
        self.layout = layout
        self.control = control
        self.generators = tuple(generators)
        self.appliances = tuple(appliances)
        self.storages = storages
        self.bank = StorageBank(
            *(
                np.asfortranarray(storages.population[column].reshape(-1, layout.storages))
                for column in StorageBank.__dataclass_fields__
            )
        )
        self._talk: Conversation | None = None
        self.plan: DayPlan | None = None
        self.t = 0
        # Up to as many as devices are kept as objects, the model knows the controllers, too.
        self._controllers = (
            [HomeController(self, home, registered=True) for home in range(len(self))]
            if len(self) <= MOST_OBJECTS
            else []
        )

    def __len__(self) -> int:
        return self.bank.homes

    def __getitem__(self, home: int) -> HomeController:
        if not 0 <= home < len(self):
            raise IndexError(f"there is no home {home}: there are {len(self)}")
        if self._controllers:
            return self._controllers[home]
        return HomeController(self, home)

    def __iter__(self) -> Iterator[HomeController]:
        return (self[home] for home in range(len(self)))

    @property
    def bus(self) -> MessageBus:
        """What carries the messages."""
        return cast(MessageBus, self.model.bus)

    @property
    def fallbacks(self) -> int:
        """Messages of the day's plan that were not heard."""
        return 0 if self._talk is None else self._talk.unreached

    @property
    def energy_kwh(self) -> FloatArray:
        """Stored energy of each home and storage, shape (homes, storages) [kWh]."""
        return self.storages.population["energy_kwh"].reshape(-1, self.layout.storages)

    @property
    def committed_kwh(self) -> FloatArray:
        """What appliances count on, shape (steps, homes, appliances) [kWh]."""
        return np.stack([group.population.committed_kwh for group in self.appliances], axis=2)

    def known(self) -> tuple[FloatArray, FloatArray]:
        """Return what generators expect and appliances want of the day.

        Returns
        -------
        generation_kwh : array, shape (steps, homes, generators)
            Expected generation [kWh].
        demand_kwh : array, shape (steps, homes, appliances)
            Wanted energy [kWh].
        """
        demand = np.stack([group.population.steps_kwh for group in self.appliances], axis=2)
        given = [group.population.steps_kwh for group in self.generators]
        generation = np.stack(given, axis=2) if given else np.zeros((*demand.shape[:2], 0))
        return generation, demand

    def day(self, generation_kwh: FloatArray, energy_kwh: FloatArray | None = None) -> Homes:
        """Return what the power flow of the day ahead depends on, but for the demand.

        With ``energy_kwh``, what storages are believed to hold [kWh], instead of what they hold.
        """
        return Homes(
            self.control.assignment,
            self.layout,
            self.bank,
            generation_kwh,
            self.energy_kwh if energy_kwh is None else energy_kwh,
            self.model.step_h,
        )

    def plan_day(self, step: int) -> Generator[None]:
        """Admit the requests of the day ahead; yield wherever messages travel.

        What a controller does not hear it leaves out: a generator or storage counts for nothing, an
        appliance stays off, new slots count as refused. An appliance that does not hear the final
        slots keeps to the schedule.
        """
        self._talk = Conversation(self.bus, self.address, step, keeps_waits=0)
        supply = [self._deliver(group.forecast(step)) for group in self.generators]
        requests = [self._deliver(group.request(step)) for group in self.appliances]
        heard = np.stack([there for _, there in requests], axis=1)
        wanted = np.stack([request.wanted_kwh for request, _ in requests], axis=2)
        generation = (
            np.stack(
                [np.where(there, delivery.steps_kwh, 0.0) for delivery, there in supply], axis=2
            )
            if supply
            else np.zeros((*wanted.shape[:2], 0))
        )
        stored = self._hear_storages(step)
        demand = np.where(heard, wanted, 0.0)
        window = np.stack([request.window for request, _ in requests], axis=2) & heard
        yield
        for group, (request, _) in zip(self.appliances, requests, strict=True):
            self._say(Registration, group, step, 0, priority=request.priority)
        yield
        homes = self.day(generation, stored)
        if self.control.grants is None:
            granted, wasted = scheduled_day(homes, demand)
        else:
            granted = self.control.grants(homes, demand)
            wasted = sum_day(homes, granted).wasted_kwh
        for k, group in enumerate(self.appliances):
            schedule, there = self._say(
                SlotSchedule, group, step, 0,
                energy_kwh=granted[:, :, k].sum(axis=0), granted_kwh=granted[:, :, k],
            )  # fmt: skip
            group.hear_schedule(schedule, there)
        yield
        self.plan = yield from self._negotiate(step, homes, demand, granted, window, wasted)
        for k, group in enumerate(self.appliances):
            committed = self.plan.committed_kwh[:, :, k]
            commitment, there = self._say(
                SlotCommitment, group, step, self.control.most_rounds + 1,
                energy_kwh=committed.sum(axis=0), committed_kwh=committed,
                rescheduled=self.plan.rescheduled[:, k],
            )  # fmt: skip
            group.hear_commitment(commitment, there)

    def settle(self, generation_kwh: FloatArray, demand_kwh: FloatArray) -> StepFlows:
        """Return the power flow of one step, without letting it happen.

        Parameters
        ----------
        generation_kwh : array, shape (homes, generators)
            What generators deliver [kWh].
        demand_kwh : array, shape (homes, appliances)
            What appliances want [kWh].
        """
        return settle_step(
            self.control.assignment,
            self.layout,
            generation_kwh,
            demand_kwh,
            self.energy_kwh,
            self.bank,
            self.model.step_h,
        )

    def move(self, flows: StepFlows) -> None:
        """Let the storages do what was settled."""
        self.storages.population.heard |= {
            "charge_kwh": flows.charge_kwh.ravel(),
            "discharge_kwh": flows.discharge_kwh.ravel(),
        }
        self.storages.population["energy_kwh"][:] = flows.energy_kwh.ravel()

    def room_left(
        self, flows: StepFlows, part: float = 1.0
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what storages hold above their lowest state, and what they can exchange besides.

        Parameters
        ----------
        flows : StepFlows
            What was settled for the step.
        part : float
            For which part of the step the grid is there, 0..1.

        Returns
        -------
        usable_kwh, lower_kwh, upper_kwh : array, shape (homes, storages)
            Energies as of `hmesh.markets.best_response` [kWh].
        """
        bank, step_h = self.bank, self.model.step_h
        before = self.energy_kwh
        bounds = bank.exchange_bounds(before, step_h)
        lower, upper = room_left(*bounds, flows.charge_kwh, flows.discharge_kwh)
        if part < 1.0:
            # With the grid they exchange while it is there.
            rated = bank.power_kw * part * step_h
            lower, upper = np.maximum(lower, 0.0 - rated), np.minimum(upper, rated)
        usable = usable_kwh(flows.energy_kwh, bank.capacity_kwh, bank.soc_min)
        return usable, lower, upper

    def exchange(self, exchange_kwh: FloatArray) -> None:
        """Let storages exchange energy besides, home by home, above 0 charging [kWh]."""
        bank, held = self.bank, self.energy_kwh
        self.storages.population.heard["response_kwh"] = exchange_kwh
        after = bank.after(held, exchange_kwh.reshape(held.shape))
        # Rounding leaves no storage beyond the limits that bound its exchange.
        least, most = bank.soc_min * bank.capacity_kwh, bank.soc_max * bank.capacity_kwh
        moved = exchange_kwh.reshape(held.shape) != 0.0
        after = np.where(moved, np.clip(after, least, most), held)
        self.storages.population["energy_kwh"][:] = after.ravel()

    def _negotiate(
        self,
        step: int,
        homes: Homes,
        demand: FloatArray,
        granted: FloatArray,
        window: Mask,
        wasted: FloatArray,
    ) -> Generator[None, None, DayPlan]:
        """Offer new slots to the appliances concerned, and hear what they refuse (F3)."""
        most_rounds = self.control.most_rounds if self.control.shifts else 0
        negotiation = negotiate_slots(
            homes, demand, granted, window, self.control.most_candidates, most_rounds, wasted
        )
        round_, refused = 0, None
        while True:
            try:
                offer = next(negotiation) if refused is None else negotiation.send(refused)
            except StopIteration as end:
                return cast(DayPlan, end.value)
            round_ += 1
            said = [self._offer(k, offer, step, round_) for k in range(len(self.appliances))]
            yield
            refused = np.stack(
                [self._refused(k, offer, *heard) for k, heard in enumerate(said)], axis=2
            )
            yield

    def _offer(self, k: int, offer: Offer, step: int, round_: int) -> tuple[SlotOffer | None, Mask]:
        """Offer new slots to an appliance, unless there are none for it in any home."""
        concerned = (offer.take[:, :, k] | offer.leave[:, :, k]).any(axis=0)
        if not concerned.any():
            return None, concerned
        said, there = self._say(
            SlotOffer, self.appliances[k], step, round_,
            energy_kwh=np.where(concerned, offer.saved_kwh, 0.0),
            leave=offer.leave[:, :, k], take=offer.take[:, :, k],
        )  # fmt: skip
        return said, there

    def _refused(self, k: int, offer: Offer, said: SlotOffer | None, there: Mask) -> Mask:
        """Return which slots an appliance refuses; all of them where it was not heard."""
        take = offer.take[:, :, k]
        if said is None:
            return np.zeros_like(take)
        answer, heard = self._deliver(self.appliances[k].answer(said))
        answered = there & heard
        return np.where(answered, answer.refused, take)

    def _hear_storages(self, step: int) -> FloatArray:
        """Return what storages hold; those not heard count as empty."""
        report, heard = self._deliver(self.storages.report(step))
        empty = self.bank.soc_min * self.bank.capacity_kwh
        return np.asfortranarray(np.where(heard[:, None], report.stored_kwh, empty))

    def _say[M: Message](
        self, kind: type[M], group: Appliances, step: int, round_: int, **content: Any
    ) -> tuple[M, Mask]:
        """Send a message to an appliance in all homes; return it as heard, and where it is."""
        message = kind(
            step=step,
            round=round_,
            sender=self.address,
            receiver=group.address,
            count=len(self),
            **content,
        )
        return self._deliver(message)

    def _deliver[M: Message](self, message: M) -> tuple[M, Mask]:
        """Send a message; return it as it is heard, and in which homes it is."""
        assert self._talk is not None
        delivery = self._talk.say(message)
        return delivery.message, delivery.rows
