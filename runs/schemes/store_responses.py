"""What stores of a scheme answer to the price of the step, once its own rule has acted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import AnsweringStores
from hmesh.runs.results.buffer import Coded
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.world.priced_grid import answering_nodes

if TYPE_CHECKING:
    from hmesh.runs.world.setting import Setting
    from hmesh.runs.world.simulation import Simulation

type Each = NDArray[np.float64]
type Rows = NDArray[np.intp]

COLUMN = "home_storage_kwh"


class StoreResponses:
    """The stores of a scheme that answer, and what they exchange in a step.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    scheme, name : str
        The scheme, and what its stores are called as parties.
    settings : PriceResponse
        What they value energy at.
    community, node : array of int, shape (n,)
        Community and node of the grid of each store.
    charge_efficiency, discharge_efficiency : array, shape (n,)
        Losses of each [-].

    Attributes
    ----------
    usable_kwh, lower_kwh, upper_kwh : array, shape (n,)
        What each holds above its lowest state of charge, and can exchange at least and at most,
        once the rule of the scheme has acted [kWh].
    exchange_kwh : array, shape (n,)
        What each exchanges at the price of the step, above 0 charged [kWh].
    answer_nodes : array of int, shape (communities,)
        Node of the grid above all that answer in each community.
    """

    def __init__(
        self,
        simulation: "Simulation",
        scheme: str,
        name: str,
        settings: PriceResponse,
        community: Rows,
        node: Rows,
        charge_efficiency: Each,
        discharge_efficiency: Each,
    ) -> None:
        self.simulation, self.scheme, self.name = simulation, scheme, name
        self.settings = settings
        self.community, self.node = community, node
        self.charge_efficiency, self.discharge_efficiency = charge_efficiency, discharge_efficiency
        self.places = len(simulation.setting.communities)
        self._rows = [np.flatnonzero(community == m) for m in range(self.places)]
        self.inhabited: list[int] = np.unique(community).tolist()
        self.answer_nodes = nodes_above(simulation.setting, community, node)
        self.usable_kwh, self.lower_kwh, self.upper_kwh, self.exchange_kwh = np.zeros(
            (4, len(community))
        )

    def see(self, usable_kwh: Each, lower_kwh: Each, upper_kwh: Each) -> list[AnsweringStores]:
        """Return who answers in each community, from what stores hold and can do [kWh]."""
        self.usable_kwh, self.lower_kwh, self.upper_kwh = usable_kwh, lower_kwh, upper_kwh
        self.exchange_kwh = np.zeros(len(usable_kwh))
        lam, theta = self.settings.lam, self.settings.theta
        return [
            AnsweringStores(
                self.name, rows, usable_kwh[rows], lower_kwh[rows], upper_kwh[rows], lam, theta,
                self.charge_efficiency[rows], self.discharge_efficiency[rows],
            )
            for rows in self._rows
        ]  # fmt: skip

    def take(self, exchange_kwh: Sequence[Each]) -> None:
        """Draw what stores exchange at the prices of their communities [kWh]."""
        for rows, energy in zip(self._rows, exchange_kwh, strict=True):
            self.exchange_kwh[rows] = energy
        self.simulation.draw(COLUMN, self.community, self.node, self.exchange_kwh)

    @property
    def charged_kwh(self) -> Each:
        """What each charges, shape (n,) [kWh]."""
        return np.maximum(self.exchange_kwh, 0.0)

    @property
    def discharged_kwh(self) -> Each:
        """What each discharges, shape (n,) [kWh]."""
        return np.maximum(0.0 - self.exchange_kwh, 0.0)

    def bought_kwh(self) -> Each:
        """Return what stores of each community draw, less what they deliver [kWh]."""
        return np.bincount(self.community, self.exchange_kwh, self.places)

    def pay(self, kind: str) -> None:
        """Let stores pay the price of their community for what they exchange."""
        simulation, bought = self.simulation, self.bought_kwh()
        price = simulation.market.decision.community_price
        for m in self.inhabited:
            if m not in simulation.supplied_communities:
                continue
            place = simulation.setting.communities[m]
            parties = f"{self.name}@{place}", f"aggregator@{place}"
            simulation.ledger.pay(
                simulation.step_index, kind, *parties, float(bought[m]), float(price[m])
            )

    def sums(self, prefix: str) -> dict[str, float]:
        """Return the figures of the step that add up over a run."""
        bill = float((self.simulation.paid_price() * self.bought_kwh()).sum())
        return {
            f"{prefix}_response_charged_kwh": float(self.charged_kwh.sum()),
            f"{prefix}_response_discharged_kwh": float(self.discharged_kwh.sum()),
            f"{prefix}_response_bill": bill,
        }

    def record(
        self, writer: RowWriter, owner: Rows, storage: Rows, names: Sequence[str], written: Rows
    ) -> None:
        """Write the answers of some stores.

        Parameters
        ----------
        writer : RowWriter
            Where rows go.
        owner, storage : array of int, shape (n,)
            Number of the home or house of each store, and which of `names` it is.
        names : sequence of str
            What storages are called.
        written : array of int
            The stores that are written down.
        """
        if not len(written):
            return
        writer.add(
            "responses",
            self._about
            | {
                "owner": owner[written],
                "storage": Coded(storage[written], names),
                "usable_kwh": self.usable_kwh[written],
                "lower_kwh": self.lower_kwh[written],
                "upper_kwh": self.upper_kwh[written],
                "exchange_kwh": self.exchange_kwh[written],
            },
        )

    def record_sums(self, writer: RowWriter, groups: Sequence[tuple[str, str, Rows]]) -> None:
        """Write what the stores of groups exchange together.

        Parameters
        ----------
        writer : RowWriter
            Where rows go.
        groups : sequence
            Name of each group and of one of its storages, and which stores these are.
        """
        charged, discharged = self.charged_kwh, self.discharged_kwh
        writer.add(
            "response_sums",
            self._about
            | {
                "group": [group for group, _, _ in groups],
                "storage": [storage for _, storage, _ in groups],
                "charged_kwh": np.array([charged[rows].sum() for _, _, rows in groups]),
                "discharged_kwh": np.array([discharged[rows].sum() for _, _, rows in groups]),
            },
        )

    @property
    def _about(self) -> dict[str, object]:
        simulation = self.simulation
        return {
            "step": simulation.step_index, "strategy": simulation.strategy, "scheme": self.scheme
        }  # fmt: skip


def nodes_above(setting: "Setting", community: Rows, node: Rows) -> Rows:
    """Return the node above all stores of each community, its own node where it has none.

    Raises
    ------
    InputError
        If lines between them lose energy.
    """
    nodes = [
        np.unique(node[community == m]).tolist() or [own]
        for m, own in enumerate(setting.community_nodes.tolist())
    ]
    return answering_nodes(setting, nodes)
