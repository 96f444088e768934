"""The controllers of all storages of a world: what they hear, grant and move."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.battery import supplied_part
from hmesh.agents.community_storage import CommunityStorage
from hmesh.agents.remaining_stores import answer_beside
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.served_households import ServedHouseholds
from hmesh.environment.ask_and_answer import Conversation
from hmesh.environment.battery import charged
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import Message
from hmesh.environment.population import Population
from hmesh.environment.storage_messages import (
    DemandForecast,
    DemandOutlook,
    DemandStatus,
    DischargeGrant,
    GenerationReport,
    GridPurchase,
    StorageDraw,
)
from hmesh.markets.community_storage import (
    Sharing,
    SlotExchange,
    StorageRatings,
    allowance_kwh,
    bounds_at_a_price,
    charge_from_grid,
    dealt_kwh,
    exchange,
    served_by_storage,
)

GRID = "grid"


class StorageControllers(AgentGroup[CommunityStorage]):
    """The storages of a world, each with its plant and its controller.

    Parameters
    ----------
    model : mesa.Model
        The world they live in, with ``bus`` and ``step_h``.
    population : Population
        Columns of the storages.
    households : ServedHouseholds
        Those they serve.
    names : sequence of str
        Names of the storages.
    sharing : {"priority", "proportional"}
        Who is served where the energy is short.
    serves_while_charging : bool, optional
        Whether households are served in bright slots too.
    grid_charging : bool, optional
        Whether what answers to the price may charge from the grid.

    Attributes
    ----------
    served : array of int, shape (storages, k)
        Rows of the households that may draw in this step, in their order, -1 where nobody does.
    average_kwh, heard_kwh, granted_kwh, drawn_kwh : array, shape (households,)
        What each expects of the rest of the day, the demand that its controller heard of, NaN where
        it did not, and what each may draw in this step, and does [kWh].
    allowed_kwh : array, shape (storages, k)
        What those that may draw are allowed, were there enough [kWh].
    done : SlotExchange
        What the storages do in this step.
    grid_kwh : array, shape (storages,)
        What they charge from the grid by the clock in this step [kWh].
    unheard : int
        Households that stated no average in this step.
    """

    def __init__(
        self,
        model: Any,
        population: Population,
        households: ServedHouseholds,
        names: Sequence[str],
        sharing: Sharing,
        *,
        serves_while_charging: bool = False,
        grid_charging: bool = False,
    ) -> None:
        super().__init__(model, CommunityStorage, population)
        self.households = households
        self.names = tuple(names)
        self.sharing = sharing
        self.serves_while_charging = serves_while_charging
        self.grid_charging = grid_charging
        self._most: NDArray[np.intp] = population["dischargers"].astype(np.intp)
        self.grid_kwh = np.zeros(len(self))
        self.begin_step()
        self.served = np.empty((len(self), 0), dtype=np.intp)
        nobody = np.zeros(len(households))
        self.average_kwh = self.heard_kwh = self.granted_kwh = self.drawn_kwh = nobody

    @property
    def ratings(self) -> StorageRatings:
        """What storages are able to do in the step, of which their feeder may work in a part."""
        return ratings_of(self.population)

    @property
    def bus(self) -> MessageBus:
        """What carries the messages."""
        bus: MessageBus = self.model.bus
        return bus

    def begin_step(self) -> None:
        """Forget what was counted in the step before."""
        self.unheard = 0
        self._talk = Conversation(self.bus, "controllers", self.model.step_index, keeps_waits=0)

    @property
    def fallbacks(self) -> int:
        """Messages of this step that were not heard."""
        return self._talk.unreached

    def send_forecasts(
        self, step: int, left_kwh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Let the forecasters send households what is left of the day.

        Parameters
        ----------
        step : int
            The step.
        left_kwh : array, shape (steps, households)
            What is forecast [kWh].

        Returns
        -------
        left_kwh : array, shape (steps, households)
            The forecasts as they are heard [kWh].
        heard : array of bool, shape (households,)
            Who hears one.
        """
        reported = left_kwh.copy()
        heard = self._sent_by_storage(
            lambda at, rows, count: DemandForecast(
                step=step,
                round=0,
                sender=f"forecasters@{self.names[at]}",
                receiver=f"households@{self.names[at]}",
                count=count,
                energy_kwh=_known(left_kwh[:, rows]),
                steps_kwh=left_kwh[:, rows],
            ),
            lambda rows, message: np.copyto(reported[:, rows], message.steps_kwh),
        )
        return reported, heard

    def hear_outlooks(
        self, step: int, demand_kwh: NDArray[np.float64], generation_kwh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Let households and plants state what they expect up to the end of the plan.

        Parameters
        ----------
        step : int
            The step.
        demand_kwh : array, shape (steps, households)
            What households expect [kWh]; NaN where nothing is known.
        generation_kwh : array, shape (steps, storages)
            What plants expect [kWh]; NaN where nothing is known.

        Returns
        -------
        demand_kwh, generation_kwh : array
            What the controllers count on: nothing of those not heard or not known [kWh].
        """
        demand, generation = demand_kwh.copy(), generation_kwh.copy()
        heard = self._sent_by_storage(
            lambda at, rows, count: DemandOutlook(
                step=step,
                round=1,
                sender=f"households@{self.names[at]}",
                receiver=self.names[at],
                count=count,
                energy_kwh=_known(demand_kwh[:, rows]),
                steps_kwh=demand_kwh[:, rows],
            ),
            lambda rows, message: np.copyto(demand[:, rows], message.steps_kwh),
        )
        plants = np.ones(len(self), dtype=np.bool_)
        for at, name in enumerate(self.names):
            expected = generation_kwh[:, at : at + 1]
            reported = self._talk.say(
                DemandOutlook(
                    step=step,
                    round=1,
                    sender=f"plant@{name}",
                    receiver=name,
                    energy_kwh=_known(expected),
                    steps_kwh=expected,
                )
            )
            plants[at] = reported.heard
            generation[:, at : at + 1] = reported.message.steps_kwh
        self.bus.wait()
        return (
            np.where(heard, np.nan_to_num(demand), 0.0),
            np.where(plants, np.nan_to_num(generation), 0.0),
        )

    def act(
        self,
        step: int,
        average_kwh: NDArray[np.float64],
        least_kwh: NDArray[np.float64],
        most_kwh: NDArray[np.float64],
        supplied: NDArray[np.bool_],
    ) -> None:
        """Hear plants and households, grant, and let households draw.

        Parameters
        ----------
        step : int
            The step.
        average_kwh : array, shape (households,)
            What each expects of the rest of the day [kWh]; NaN where nothing is known.
        least_kwh, most_kwh : array, shape (households,)
            Least demand seen in this slot of a day, and highest ever [kWh].
        supplied : array of bool, shape (storages,)
            Whether the grid supplies the community of each storage; nothing moves where not.
        """
        own = self.population
        self._seen = (least_kwh, most_kwh, supplied)
        generation = self._hear_plants(step)
        own.heard["generation_kwh"] = generation
        demand, average = self._hear_households(step, average_kwh)
        self.average_kwh, self.heard_kwh = average_kwh, demand
        self._reported = demand, average
        average = np.where(supplied[self.households.storage_of], average, np.nan)
        self.served = served_by_storage(average, self.households.storage_of, self._most)
        there = self.served >= 0
        weight = 1.0 / own["alpha"][self.households.storage_of]
        allowed = allowance_kwh(np.nan_to_num(demand), least_kwh, most_kwh, weight)
        self.allowed_kwh = np.where(there, allowed[self.served], 0.0)
        dim_kwh = own["charge_above_kw"] * supplied_part(own) * self.model.step_h
        bright = supplied & (generation >= dim_kwh)
        offered = self._exchange(generation, bright, self.allowed_kwh)
        granted = np.zeros(len(self.households))
        granted[self.served[there]] = offered.discharge_kwh[there]
        self.granted_kwh = self._send_grants(step, granted)
        self.households.population.heard["granted_kwh"] = self.granted_kwh
        # A storage gives no more than it granted, whatever was heard of that.
        self.drawn_kwh = np.minimum(self.households.draws(self.granted_kwh), granted)
        drawn = np.where(there, self.drawn_kwh[self.served], 0.0)
        # Nor does it charge more than its plant generates, whatever was heard of that.
        charge = np.minimum(offered.charge_kwh, own["generation_kwh"])
        if self.serves_while_charging:
            charge, drawn = self._carried_out(charge, drawn)
            self.drawn_kwh[self.served[there]] = drawn[there]
        self.done = SlotExchange(charge, own["generation_kwh"] - charge, drawn)
        self.households.population.heard["drawn_kwh"] = self.drawn_kwh.copy()
        self._send_draws(step)

    def step_of(self, row: int) -> None:
        """Let one storage decide by what its controller heard, and move: as `act` and `move` do.

        What its households draw, they have stated.
        """
        own, here = self.population, self.households.of_storage[row]
        least, most, supplied = self._seen
        demand, average = (reported[here] for reported in self._reported)
        if not supplied[row]:
            average = np.full_like(average, np.nan)
        one = np.zeros(len(average), dtype=np.intp)
        served = served_by_storage(average, one, self._most[row : row + 1])
        weight = 1.0 / own["alpha"][row]
        allowed = allowance_kwh(np.nan_to_num(demand), least[here], most[here], weight)
        generation = own.heard["generation_kwh"][row : row + 1]
        part = supplied_part(own, row)
        bright = generation >= own["charge_above_kw"][row] * part * self.model.step_h
        offered = exchange(
            own["energy_kwh"][row : row + 1], generation, bright & supplied[row],
            np.where(served >= 0, allowed[served], 0.0) if served.size else np.zeros((1, 0)),
            ratings_of(own, row), self.model.step_h, self.sharing,
            serves_while_charging=self.serves_while_charging,
        )  # fmt: skip
        granted = np.zeros(len(average))
        granted[served[served >= 0]] = offered.discharge_kwh[served >= 0]
        drawn = np.minimum(self.households.population.heard["drawn_kwh"][here], granted)
        charge = min(float(offered.charge_kwh[0]), float(own["generation_kwh"][row]))
        given = float(np.where(served >= 0, drawn[served], 0.0).sum()) if served.size else 0.0
        if self.serves_while_charging:
            _, most_in = ratings_of(own, row).bounds(own["energy_kwh"][row], self.model.step_h)
            charge = min(charge, given + float(most_in))
        exchange_kwh = charge - given
        if "level_kwh" in own.heard:
            exchange_kwh += float(
                charge_from_grid(
                    np.array([exchange_kwh]), own["energy_kwh"][row : row + 1],
                    own.heard["level_kwh"][row : row + 1], ratings_of(own, row), self.model.step_h,
                )[0]
            )  # fmt: skip
        if "price" in own.heard:
            lower, upper = bounds_at_a_price(
                np.array([exchange_kwh]), own["energy_kwh"][row : row + 1], ratings_of(own, row),
                self.model.step_h, grid_charging=self.grid_charging,
            )  # fmt: skip
            exchange_kwh += answer_beside(self[row], exchange_kwh, (lower[0], upper[0]))
        own["energy_kwh"][row] = charged(
            float(own["energy_kwh"][row]),
            exchange_kwh,
            float(own["charge_efficiency"][row]),
            float(own["discharge_efficiency"][row]),
        )

    def charge_to(self, level_kwh: NDArray[np.float64]) -> None:
        """Let storages charge from the grid up to a level, beside what they do in the step.

        Parameters
        ----------
        level_kwh : array, shape (storages,)
            Up to what each charges [kWh], 0 where it charges nothing.
        """
        self.population.heard["level_kwh"] = level_kwh
        self.grid_kwh = charge_from_grid(
            self.exchange_kwh, self.population["energy_kwh"], level_kwh, self.ratings,
            self.model.step_h,
        )  # fmt: skip

    @property
    def exchange_kwh(self) -> NDArray[np.float64]:
        """What passes each store for plant and households [kWh], above 0 when charging."""
        return self.done.charge_kwh - self.done.discharge_kwh.sum(axis=1)

    def answer_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what each storage may exchange in the whole step at most [kWh].

        It takes from the grid only where that is allowed.
        """
        stored, step_h = self.population["energy_kwh"], self.model.step_h
        return bounds_at_a_price(
            self.exchange_kwh, stored, self.ratings, step_h, grid_charging=self.grid_charging
        )

    def move(self, response_kwh: NDArray[np.float64] | float = 0.0) -> None:
        """Let the storages take in and give what was decided, and what the price made of it."""
        own = self.population
        own["energy_kwh"][:] = charged(
            own["energy_kwh"],
            self.exchange_kwh + self.grid_kwh + response_kwh,
            own["charge_efficiency"],
            own["discharge_efficiency"],
        )

    def _exchange(
        self,
        generation_kwh: NDArray[np.float64],
        bright: NDArray[np.bool_],
        allowed_kwh: NDArray[np.float64],
    ) -> SlotExchange:
        stored = self.population["energy_kwh"]
        step_h = self.model.step_h
        return exchange(
            stored, generation_kwh, bright, allowed_kwh, self.ratings, step_h, self.sharing,
            serves_while_charging=self.serves_while_charging,
        )  # fmt: skip

    def _carried_out(
        self, charge_kwh: NDArray[np.float64], drawn_kwh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is charged and drawn where households draw less, or a plant stated more.

        What passes the store stays within its bounds.
        """
        most_out, most_in = self.ratings.bounds(self.population["energy_kwh"], self.model.step_h)
        drawn = dealt_kwh(drawn_kwh, charge_kwh + most_out, self.sharing)
        return np.minimum(charge_kwh, drawn.sum(axis=1) + most_in), drawn

    def _hear_plants(self, step: int) -> NDArray[np.float64]:
        """Return what controllers hear of their plants: 0 where they hear nothing [kWh]."""
        generation = self.population["generation_kwh"].copy()
        for at, name in enumerate(self.names):
            report = GenerationReport(
                step=step,
                round=2,
                sender=f"plant@{name}",
                receiver=name,
                energy_kwh=float(generation[at]),
            )
            reported = self._talk.say(report)
            generation[at] = reported.message.energy_kwh if reported.heard else 0.0
        return generation

    def _hear_households(
        self, step: int, average_kwh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return demands and averages that controllers hear of; NaN where they hear nothing."""
        demand, average = np.full((2, len(self.households)), np.nan)

        def hear(rows: slice, message: DemandStatus) -> None:
            demand[rows], average[rows] = message.energy_kwh, message.average_kwh

        heard = self._sent_by_storage(
            lambda at, rows, count: self.households.status(
                rows,
                average_kwh[rows],
                step=step,
                round=2,
                sender=f"households@{self.names[at]}",
                receiver=self.names[at],
                count=count,
            ),
            hear,
        )
        self.bus.wait()
        average = np.where(heard, average, np.nan)
        self.unheard += int(np.count_nonzero(np.isnan(average)))
        return np.where(heard, demand, np.nan), average

    def _send_grants(self, step: int, granted_kwh: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what households hear that they may draw [kWh]; 0 where they hear nothing."""
        reported = np.zeros_like(granted_kwh)

        def hear(rows: slice, message: DischargeGrant) -> None:
            reported[rows] = message.energy_kwh

        heard = self._sent_by_storage(
            lambda at, rows, count: DischargeGrant(
                step=step,
                round=3,
                sender=self.names[at],
                receiver=f"households@{self.names[at]}",
                count=count,
                energy_kwh=granted_kwh[rows],
            ),
            hear,
        )
        self.bus.wait()
        return np.where(heard, reported, 0.0)

    def _send_draws(self, step: int) -> None:
        """Let households state what they draw; what flows does not depend on these messages."""
        bought = self.households.bought_kwh(self.drawn_kwh)
        for at, name in enumerate(self.names):
            rows = self.households.of_storage[at]
            count = rows.stop - rows.start
            if count == 0:
                continue
            households = f"households@{name}"
            drawn = StorageDraw(
                step=step, round=4, sender=households, receiver=name, count=count,
                energy_kwh=self.drawn_kwh[rows],
            )  # fmt: skip
            self.bus.send(drawn)
            purchase = GridPurchase(
                step=step, round=4, sender=households, receiver=GRID, count=count,
                energy_kwh=bought[rows],
            )  # fmt: skip
            self.bus.send(purchase)
        self.bus.wait()

    def _sent_by_storage[M: Message](
        self,
        message: Callable[[int, slice, int], M],
        hear: Callable[[slice, M], None],
    ) -> NDArray[np.bool_]:
        """Send a message to or from the households of every storage; whom of them it reaches.

        ``hear`` takes the rows of the households and the message as it is heard; what is in it of
        those whom it does not reach is not to be used.
        """
        heard = np.ones(len(self.households), dtype=np.bool_)
        for at, rows in enumerate(self.households.of_storage):
            count = rows.stop - rows.start
            if count:
                reported = self._talk.say(message(at, rows, count))
                heard[rows] = reported.heard
                hear(rows, reported.message)
        return heard


def ratings_of(storages: Population, row: int | None = None) -> StorageRatings:
    """Return what storages, or one of them, are able to do in the step.

    The power is the mean one of a step in a part of which their feeder is out.
    """
    names = (
        "capacity_kwh", "soc_min", "soc_max", "charge_efficiency", "discharge_efficiency",
    )  # fmt: skip
    power = storages["power_kw"] * supplied_part(storages)
    if row is None:
        return StorageRatings(power_kw=power, **{name: storages[name] for name in names})
    own = {name: float(storages[name][row]) for name in names}
    return StorageRatings(power_kw=float(power[row]), **own)


def _known(energy_kwh: NDArray[np.float64]) -> float:
    """Return the sum of what is known [kWh]."""
    return float(np.nansum(energy_kwh))
