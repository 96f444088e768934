"""What is read off a world in a step, before any battery moves."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.schemes.registry import scheme
from hmesh.runs.world.simulation import Simulation

# What becomes of what members generate, as `Reading.local_kwh` names it.
LOCAL_PARTS = ("own_kwh", "given_kwh", "fed_in_kwh")


@dataclass(frozen=True, slots=True)
class Stores:
    """The storages of a scheme that stay in a community, or belong there.

    Attributes
    ----------
    names : tuple of str
        Who owns them.
    community : array of int, shape (n,)
        Where they are.
    energy_kwh, capacity_kwh : array, shape (n,)
        What each holds, and could hold [kWh].
    """

    names: tuple[str, ...]
    community: NDArray[np.intp]
    energy_kwh: FloatArray
    capacity_kwh: FloatArray


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome of a step of a world.

    Attributes
    ----------
    step : int
        Its number, from 0.
    time : datetime
        When it starts.
    hour_kwh : dict of array, shape (communities,)
        Energies by the names that they have in the results [kWh].
    net_kwh : array, shape (communities,)
        What every community draws from the utility [kWh].
    community_price : array, shape (communities,)
        What every community pays; NaN where it is without supply [money/kWh].
    utility_price : float
        What the utility asks [money/kWh].
    loading : array, shape (lines,)
        Power of every line over its rating [-].
    soc : dict of float
        How full the storages of every scheme are together [-].
    paid : dict of float
        What schemes pay on average for a kWh, by what it is called; NaN where nothing is sold
        [money/kWh].
    local_kwh : dict of float
        What becomes of what members of communities with a local exchange generate, by
        `LOCAL_PARTS`; empty without any [kWh].
    local_prices : dict of tuple
        What a surplus is paid that is fed in, what local energy costs, and what energy costs
        otherwise, of each community where members share in the step [money/kWh].
    within : dict of float
        What happens within those who may live without a grid, by what it is called [kWh].
    metrics : dict of array, shape () or (communities,)
        Measures of what emerges, and metrics of plugins, of a world that records them.
    """

    step: int
    time: datetime
    hour_kwh: dict[str, FloatArray]
    net_kwh: FloatArray
    community_price: FloatArray
    utility_price: float
    loading: FloatArray
    soc: dict[str, float]
    paid: dict[str, float] = field(default_factory=dict)
    local_kwh: dict[str, float] = field(default_factory=dict)
    local_prices: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    within: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, FloatArray] = field(default_factory=dict)

    def price(self, community: int) -> float | None:
        """Return what a community pays [money/kWh]; None where it is without supply."""
        price = float(self.community_price[community])
        return price if np.isfinite(price) else None


class SchemeLive:
    """What the live view shows of a scheme; what it leaves out, it does not show."""

    def stores(self, scheme: Any) -> Stores | None:
        """Return its storages that stay in a community, or belong there."""
        return None

    def soc(self, scheme: Any) -> tuple[float, float] | None:
        """Return what all its storages hold and could hold together [kWh]."""
        held = self.stores(scheme)
        if held is None:
            return None
        return float(held.energy_kwh.sum()), float(held.capacity_kwh.sum())

    def paid(self, scheme: Any) -> dict[str, float]:
        """Return what it pays on average for a kWh [money/kWh], by what that is called."""
        return {}

    def within(self, scheme: Any) -> dict[str, float]:
        """Return what happens within those who may live without a grid [kWh]."""
        return {}

    def line(self, scheme: Any, reading: Reading, community: int) -> str:
        """Return a line on what it does in a community in the step, "" where it does nothing."""
        return ""

    def roads(self, setting: Any) -> "Roads | None":
        """Return what follows its agents on the roads between communities."""
        return None


class Roads:
    """Follows agents on their ways."""

    def read(self, scheme: Any) -> Any:
        """Return where they are in the step that is now, which must follow the last read."""


def live_of(name: str) -> SchemeLive:
    """Return what the live view shows of a scheme."""
    made = scheme(name).part("live")
    view: SchemeLive = made() if made else SchemeLive()
    return view


def read(world: Simulation) -> Reading:
    """Read a world off, in the middle of its step."""
    decision = world.market.decision
    supplied = np.where(world.supplied, decision.community_price, np.nan)
    return Reading(
        step=world.step_index,
        time=world.calendar.time_of(world.step_index),
        hour_kwh={name: energy.copy() for name, energy in world.hour_kwh.items()},
        net_kwh=world.net_kwh.copy(),
        community_price=supplied,
        utility_price=float(decision.utility_price),
        loading=world.loading.copy(),
        soc=_soc(world),
        metrics=dict(world.metrics.values),
        paid={
            k: v
            for name, each in world.schemes.items()
            for k, v in live_of(name).paid(each).items()
        },
        local_kwh=_local_kwh(world),
        local_prices=_local_prices(world),
        within={
            k: v
            for name, each in world.schemes.items()
            for k, v in live_of(name).within(each).items()
        },
    )


def _local_kwh(world: Simulation) -> dict[str, float]:
    local = world.local_exchange
    if local is None:
        return {}
    return {name: float(local.energies[name].sum()) for name in LOCAL_PARTS}


def _local_prices(world: Simulation) -> dict[str, tuple[float, float, float]]:
    local, names = world.local_exchange, world.setting.communities
    if local is None:
        return {}
    given = local.energies["given_kwh"].sum(axis=1)
    return {
        names[m]: (prices.feed_in, prices.local, prices.retail)
        for m, prices in enumerate(local.prices)
        if prices is not None and given[m] > 0.0
    }


def stores_of(world: Simulation) -> dict[str, Stores]:
    """Return the storages that stay, by scheme."""
    found = {name: live_of(name).stores(each) for name, each in world.schemes.items()}
    return {name: stores for name, stores in found.items() if stores is not None}


def _soc(world: Simulation) -> dict[str, float]:
    found = {name: live_of(name).soc(each) for name, each in world.schemes.items()}
    held = {name: both for name, both in found.items() if both is not None}
    return {name: energy / capacity for name, (energy, capacity) in held.items() if capacity > 0}
