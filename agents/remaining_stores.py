"""Stores that answer to the price of the step with what their own rule leaves of room and power."""

from dataclasses import dataclass, field

import numpy as np

from hmesh.agents.answering import AnsweringStores
from hmesh.agents.battery import Battery
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Who
from hmesh.environment.battery import charged, usable_kwh
from hmesh.environment.population import Population
from hmesh.markets.store_remainder import left_of_exchange, within_room
from hmesh.markets.vehicle_response import best_response

type PerStore = float | FloatArray


@dataclass(frozen=True, slots=True)
class RemainingStores(AnsweringStores):
    """Stores of one community whose own rule has acted, and what they have left.

    Attributes
    ----------
    population : Population
        Columns of all of their kind; it hears the price.
    """

    population: Population = field(kw_only=True)

    def remember(self, price: float, who: Who) -> None:
        """Keep the price that some of them heard."""
        heard = self.population.heard["price"]
        heard[self.rows] = price if who is True else np.where(who, price, np.nan)


@dataclass(frozen=True, slots=True)
class Remainder:
    """What the stores of one kind have left in a step, shape (n,) each.

    Attributes
    ----------
    usable_kwh : array
        Stored energy above the lowest state of charge once their rule has acted [kWh].
    lower_kwh, upper_kwh : array
        What each can exchange beside it [kWh].
    """

    usable_kwh: FloatArray
    lower_kwh: FloatArray
    upper_kwh: FloatArray


def each_or_one(population: Population, name: str) -> PerStore:
    """Return a constant quantity of all stores; one number if it is the same for all."""
    common = population.common(name)
    values: FloatArray = population[name]
    return values if common is None else common


def remainder_of(
    population: Population,
    done_kwh: FloatArray,
    bounds_kwh: tuple[FloatArray, FloatArray],
    held_kwh: FloatArray | None = None,
) -> Remainder:
    """Return what stores have left beside an exchange that is settled.

    What they are to hold ahead they hear as ``spare_kwh`` and ``room_kwh``, as of
    `hmesh.markets.left_of_schedule`.

    Parameters
    ----------
    population : Population
        Columns of the stores.
    done_kwh : array, shape (n,)
        What each exchanges by its own rule [kWh], above 0 when charging.
    bounds_kwh : tuple of array, shape (n,)
        What each can exchange in the whole step [kWh].
    held_kwh : array, shape (n,), optional
        With how much each is plugged in, where that is not what it holds as the step begins [kWh].
    """
    into, out_of = (
        each_or_one(population, name) for name in ("charge_efficiency", "discharge_efficiency")
    )
    stored = population["energy_kwh"] if held_kwh is None else held_kwh
    held = charged(stored, done_kwh, into, out_of)
    usable = usable_kwh(
        held, each_or_one(population, "capacity_kwh"), each_or_one(population, "soc_min")
    )
    heard = population.heard
    lower, upper = left_of_exchange(done_kwh, *bounds_kwh)
    lower, upper = within_room(lower, upper, heard["spare_kwh"], heard["room_kwh"], into, out_of)
    return Remainder(usable, lower, upper)


def answer_beside(
    store: Battery,
    done_kwh: float,
    bounds_kwh: tuple[float, float],
    held_kwh: float | None = None,
) -> float:
    """Return what one store exchanges at the price it heard beside its own rule [kWh].

    Parameters
    ----------
    store : Battery
        The store, with columns ``lam`` and ``theta``.
    done_kwh : float
        What it exchanges by its own rule [kWh], above 0 when charging.
    bounds_kwh : tuple of float
        What it can exchange in the whole step [kWh].
    held_kwh : float, optional
        With how much it is plugged in, where that is not what it holds as the step begins [kWh].
    """
    price = float(store.population.heard["price"][store.row])
    if np.isnan(price):
        return 0.0
    own, row = store.population, slice(store.row, store.row + 1)
    into, out_of = store.charge_efficiency, store.discharge_efficiency
    done = np.array([done_kwh])
    lower, upper = left_of_exchange(done, *(np.array([bound]) for bound in bounds_kwh))
    lower, upper = within_room(
        lower, upper, own.heard["spare_kwh"][row], own.heard["room_kwh"][row], into, out_of
    )
    stored = store.energy_kwh if held_kwh is None else held_kwh
    held = charged(stored, done_kwh, into, out_of)
    usable = np.array([usable_kwh(float(held), store.capacity_kwh, store.soc_min)])
    lam, theta = float(own["lam"][store.row]), float(own["theta"][store.row])
    return float(best_response(price, lam, theta, usable, lower, upper, into, out_of)[0])
