"""Who gave whom how much in a day: orders between batteries of buildings, added up."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.battery_exchange import Orders

if TYPE_CHECKING:
    pass


class OrdersOfDay:
    """Who gave how much to whom since a day began.

    Parameters
    ----------
    buildings : int
        How many there are.
    """

    def __init__(self, buildings: int) -> None:
        self.buildings = buildings
        self.clear()

    def clear(self) -> None:
        """Forget all orders."""
        self._pair: list[NDArray[np.int64]] = []
        self._sent: list[FloatArray] = []
        self._received: list[FloatArray] = []

    def add(self, orders: Orders, first: int) -> None:
        """Add orders between buildings that are counted from a first one."""
        if orders.giver.size:
            self._pair.append((orders.giver + first) * self.buildings + orders.taker + first)
            self._sent.append(orders.sent_kwh)
            self._received.append(orders.received_kwh)

    def total(self) -> tuple[NDArray[Any], ...]:
        """Return giver, taker, sent and received energy of each pair that exchanged anything."""
        if not self._pair:
            return tuple(np.empty(0, dtype=np.int64) for _ in range(4))
        pairs, place = np.unique(np.concatenate(self._pair), return_inverse=True)
        giver, taker = np.divmod(pairs, self.buildings)
        energies = (
            np.bincount(place, np.concatenate(parts), len(pairs))
            for parts in (self._sent, self._received)
        )
        return giver, taker, *energies

    def state(self) -> dict[str, Any]:
        """Return what was added."""
        giver, taker, sent, received = self.total()
        return {"giver": giver, "taker": taker, "sent_kwh": sent, "received_kwh": received}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.clear()
        self.add(Orders(**{name: np.asarray(state[name]) for name in state}), 0)
