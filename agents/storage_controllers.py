"""The controllers of all storages of a world: what they hear, grant and move."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.battery import supplied_part
from hmesh.agents.community_storage import CommunityStorage
from hmesh.agents.remaining_stores import answer_beside
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.served_households import ServedHouseholds
from hmesh.agents.storage_conversation import StorageConversation
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged
from hmesh.environment.population import Population
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


class StorageControllers(AgentGroup[CommunityStorage]):
    """The storages of a world, each with its plant and its controller.

    Parameters
    ----------
    model : mesa.Model
        The world of their run, with ``bus`` and ``step_h``.
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
    talk : StorageConversation
        The messages of this step.
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

    def begin_step(self) -> None:
        """Forget what was counted in the step before."""
        self.unheard = 0
        self.talk = StorageConversation(
            self.model.bus, self.names, self.households, self.model.step_index
        )

    @property
    def fallbacks(self) -> int:
        """Messages of this step that were not heard."""
        return self.talk.fallbacks

    def act(
        self,
        average_kwh: FloatArray,
        least_kwh: FloatArray,
        most_kwh: FloatArray,
        supplied: NDArray[np.bool_],
        allowed_kwh: FloatArray | None = None,
    ) -> None:
        """Hear plants and households, grant, and let households draw.

        Parameters
        ----------
        average_kwh : array, shape (households,)
            What each expects of the rest of the day [kWh]; NaN where nothing is known.
        least_kwh, most_kwh : array, shape (households,)
            Least demand seen in this slot of a day, and highest ever [kWh].
        supplied : array of bool, shape (storages,)
            Whether the grid supplies the community of each storage; nothing moves where not.
        allowed_kwh : array, shape (households,), optional
            What each may draw by another rule, by which they are ranked too [kWh].
        """
        own = self.population
        self._seen = (least_kwh, most_kwh, supplied)
        self._ruled_kwh = allowed_kwh
        generation = self.talk.hear_plants(own["generation_kwh"])
        own.heard["generation_kwh"] = generation
        demand, average = self.talk.hear_households(average_kwh)
        self.unheard += int(np.count_nonzero(np.isnan(average)))
        self.average_kwh, self.heard_kwh = average_kwh, demand
        self._reported = demand, average
        rank, allowed = self._allowed(
            demand, average, own["alpha"][self.households.storage_of], slice(None)
        )
        rank = np.where(supplied[self.households.storage_of], rank, np.nan)
        self.served = served_by_storage(rank, self.households.storage_of, self._most)
        there = self.served >= 0
        self.allowed_kwh = np.where(there, allowed[self.served], 0.0)
        dim_kwh = own["charge_above_kw"] * supplied_part(own) * self.model.step_h
        bright = supplied & (generation >= dim_kwh)
        offered = self._exchange(generation, bright, self.allowed_kwh)
        granted = np.zeros(len(self.households))
        granted[self.served[there]] = offered.discharge_kwh[there]
        self.granted_kwh = self.talk.send_grants(granted)
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
        self.talk.send_draws(self.drawn_kwh)

    def _allowed(
        self,
        demand_kwh: FloatArray,
        average_kwh: FloatArray,
        alpha: FloatArray,
        rows: slice,
    ) -> tuple[FloatArray, FloatArray]:
        """Return by what some households are ranked, NaN for nobody, and what each may draw."""
        if self._ruled_kwh is not None:
            ruled = self._ruled_kwh[rows]
            # A household that is not heard is served nothing.
            return np.where((ruled > 0.0) & ~np.isnan(demand_kwh), ruled, np.nan), ruled
        least, most, _ = self._seen
        demand = np.nan_to_num(demand_kwh)
        return average_kwh, allowance_kwh(demand, least[rows], most[rows], 1.0 / alpha)

    def step_of(self, row: int) -> None:
        """Let one storage decide by what its controller heard, and move: as `act` and `move` do.

        What its households draw, they have stated.
        """
        own, here = self.population, self.households.of_storage[row]
        supplied = self._seen[2]
        demand, average = (reported[here] for reported in self._reported)
        rank, allowed = self._allowed(demand, average, own["alpha"][row], here)
        if not supplied[row]:
            rank = np.full_like(rank, np.nan)
        one = np.zeros(len(rank), dtype=np.intp)
        served = served_by_storage(rank, one, self._most[row : row + 1])
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

    def charge_to(self, level_kwh: FloatArray) -> None:
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
    def exchange_kwh(self) -> FloatArray:
        """What passes each store for plant and households [kWh], above 0 when charging."""
        return self.done.charge_kwh - self.done.discharge_kwh.sum(axis=1)

    def answer_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return what each storage may exchange in the whole step at most [kWh].

        It takes from the grid only where that is allowed.
        """
        stored, step_h = self.population["energy_kwh"], self.model.step_h
        return bounds_at_a_price(
            self.exchange_kwh, stored, self.ratings, step_h, grid_charging=self.grid_charging
        )

    def move(self, response_kwh: FloatArray | float = 0.0) -> None:
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
        generation_kwh: FloatArray,
        bright: NDArray[np.bool_],
        allowed_kwh: FloatArray,
    ) -> SlotExchange:
        stored = self.population["energy_kwh"]
        step_h = self.model.step_h
        return exchange(
            stored, generation_kwh, bright, allowed_kwh, self.ratings, step_h, self.sharing,
            serves_while_charging=self.serves_while_charging,
        )  # fmt: skip

    def _carried_out(
        self, charge_kwh: FloatArray, drawn_kwh: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return what is charged and drawn where households draw less, or a plant stated more.

        What passes the store stays within its bounds.
        """
        most_out, most_in = self.ratings.bounds(self.population["energy_kwh"], self.model.step_h)
        drawn = dealt_kwh(drawn_kwh, charge_kwh + most_out, self.sharing)
        return np.minimum(charge_kwh, drawn.sum(axis=1) + most_in), drawn


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
