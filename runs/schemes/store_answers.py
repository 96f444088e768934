"""Stores of a scheme that answer to the price of the step with what their own rule leaves."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.remaining_stores import (
    PerStore,
    Remainder,
    RemainingStores,
    each_or_one,
    remainder_of,
)
from hmesh.environment.population import Population
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.world.priced_grid import answering_nodes

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


class StoreAnswers:
    """What the stores of a scheme have left in a step, and exchange at the price.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    scheme : str
        The scheme; its payments are called ``<scheme>_response``.
    who : str
        What its stores are called; with their community it is who pays and is paid.
    stores : Population
        Their columns, with ``lam`` and ``theta``.
    community, nodes : array of int, shape (n,)
        Where each stands, and its node of the grid.
    column : str
        The energy of the hours to which their exchange is added.
    payer : str, optional
        Who pays for them and is paid, where not they themselves.

    Attributes
    ----------
    exchange_kwh : array, shape (n,)
        What each exchanges at the price of the step [kWh], above 0 when charging.
    left : Remainder
        What each has left in the step.
    """

    left: Remainder

    def __init__(
        self,
        simulation: "Simulation",
        scheme: str,
        who: str,
        stores: Population,
        community: NDArray[np.intp],
        nodes: NDArray[np.intp],
        column: str,
        *,
        payer: str = "",
    ) -> None:
        self.simulation, self.scheme, self.who = simulation, scheme, who
        self.payer = payer or who
        self.stores, self.community, self.nodes, self.column = stores, community, nodes, column
        self.exchange_kwh = np.zeros(len(stores))
        self._groups: list[RemainingStores] = []
        self.begin_step()

    @property
    def answer_nodes(self) -> NDArray[np.intp]:
        """Node of the grid at which those of each community are drawn together."""
        setting = self.simulation.setting
        count = len(setting.communities)
        nodes = [np.unique(self.nodes[self.community == m]).tolist() for m in range(count)]
        together = answering_nodes(setting, nodes)
        together[[not some for some in nodes]] = -1
        return together

    def begin_step(self) -> None:
        """Forget the price of the step before, and what was to be held ahead."""
        count = len(self.stores)
        self.exchange_kwh = np.zeros(count)
        self.stores.heard |= {
            "price": np.full(count, np.nan),
            "spare_kwh": np.full(count, np.inf),
            "room_kwh": np.full(count, np.inf),
        }

    def offer(
        self,
        done_kwh: NDArray[np.float64],
        bounds_kwh: tuple[NDArray[np.float64], NDArray[np.float64]],
        answers: NDArray[np.bool_] | bool = True,
    ) -> list[RemainingStores]:
        """Return those that have anything left, by community.

        Parameters
        ----------
        done_kwh : array, shape (n,)
            What each exchanges by its own rule [kWh].
        bounds_kwh : tuple of array, shape (n,)
            What each can exchange in the whole step [kWh].
        answers : array of bool or bool, shape (n,)
            Which answer to the price at all in the step.
        """
        simulation, stores = self.simulation, self.stores
        left = remainder_of(stores, done_kwh, bounds_kwh)
        there = simulation.supplied[self.community] & answers
        self.left = Remainder(
            left.usable_kwh,
            np.where(there, left.lower_kwh, 0.0),
            np.where(there, left.upper_kwh, 0.0),
        )
        there &= self.left.lower_kwh < self.left.upper_kwh
        names = ("lam", "theta", "charge_efficiency", "discharge_efficiency")
        columns = {name: each_or_one(stores, name) for name in names}
        self._groups = []
        for m in range(len(simulation.setting.communities)):
            rows = np.flatnonzero(there & (self.community == m))
            self._groups.append(
                RemainingStores(
                    self.who, rows, left.usable_kwh[rows], left.lower_kwh[rows],
                    left.upper_kwh[rows],
                    **{name: _of(column, rows) for name, column in columns.items()},
                    population=stores,
                )
            )  # fmt: skip
        return self._groups

    def take(self, exchange_kwh: list[NDArray[np.float64]]) -> None:
        """Take over what those that were offered exchange, and draw it."""
        for group, energy in zip(self._groups, exchange_kwh, strict=True):
            self.exchange_kwh[group.rows] = energy
        self.simulation.draw(self.column, self.community, self.nodes, self.exchange_kwh)

    def of_communities(self) -> NDArray[np.float64]:
        """Return what they exchange together [kWh], shape (communities,)."""
        count = len(self.simulation.setting.communities)
        return np.bincount(self.community, self.exchange_kwh, count)

    def pay(self) -> None:
        """Let them pay for what they draw, and be paid for what they deliver."""
        simulation = self.simulation
        exchanged, price = self.of_communities(), simulation.market.decision.community_price
        for m in simulation.supplied_communities:
            if m in self.community:
                name = simulation.setting.communities[m]
                simulation.ledger.pay(
                    simulation.step_index, f"{self.scheme}_response", f"{self.payer}@{name}",
                    f"aggregator@{name}", float(exchanged[m]), float(price[m]),
                )  # fmt: skip

    def sums(self) -> dict[str, float]:
        """Return what they charge, discharge and pay at the price of the step."""
        exchange = self.exchange_kwh
        bill = self.simulation.paid_price() * self.of_communities()
        return {
            f"{self.scheme}_response_charged_kwh": float(np.maximum(exchange, 0.0).sum()),
            f"{self.scheme}_response_discharged_kwh": float(np.maximum(-exchange, 0.0).sum()),
            f"{self.scheme}_response_bill": float(bill.sum()),
        }

    def record(self, writer: RowWriter, recorded: int | None = None) -> None:
        """Write what each had left, and what it exchanged."""
        rows = slice(recorded)
        count = len(self.exchange_kwh[rows])
        if count == 0:
            return
        writer.add(
            "store_answers",
            {
                "step": self.simulation.step_index,
                "strategy": self.simulation.strategy,
                "scheme": self.scheme,
                "store": np.arange(count),
                "usable_kwh": self.left.usable_kwh[rows],
                "lower_kwh": self.left.lower_kwh[rows],
                "upper_kwh": self.left.upper_kwh[rows],
                "exchange_kwh": self.exchange_kwh[rows],
            },
        )


def _of(column: PerStore, rows: NDArray[np.intp]) -> PerStore:
    """Return a quantity of some stores."""
    return column if isinstance(column, float) else column[rows]
