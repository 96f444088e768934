"""Stores of a scheme that answer to the price of the step with what their own rule leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import AnsweringStores
from hmesh.agents.remaining_stores import PerStore, Remainder, RemainingStores, each_or_one
from hmesh.environment.arrays import FloatArray
from hmesh.environment.population import Population
from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import AnswerBounds, RowWriter, Scheme
from hmesh.runs.world.priced_grid import answering_nodes

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

type Rows = NDArray[np.intp]

WORTH = ("lam", "theta", "charge_efficiency", "discharge_efficiency")


@dataclass(frozen=True, slots=True)
class StoreNames:
    """What the stores of a scheme are called where they answer.

    Attributes
    ----------
    scheme : str
        The scheme.
    who : str
        What they are called; with their community it is their address.
    payer : str
        Who pays for them and is paid, with the community.
    figures : str
        How their payments and figures begin: ``<figures>_response``.
    column : str
        The energy of the hours to which their exchange is added.
    """

    scheme: str
    who: str
    payer: str
    figures: str
    column: str


@dataclass(frozen=True, slots=True)
class StoreList:
    """The stores of a scheme as its tables list them.

    Attributes
    ----------
    owner : array of int, shape (n,)
        Number of the home, house, building, storage or bus of each.
    storage : array of int, shape (n,)
        Which of the storages of its owner each is, by its place in `storages`.
    storages : sequence of str
        What storages are called.
    group : array of int, shape (n,)
        The group of each, by its place in `groups`.
    groups : sequence of tuple of str
        Name of each group, and of one of its storages.
    """

    owner: Rows
    storage: Rows
    storages: Sequence[str]
    group: Rows
    groups: Sequence[tuple[str, str]]


class StoreAnswers:
    """What the stores of a scheme have left in a step, and exchange at the price.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    names : StoreNames
        What they are called.
    stores : Population or mapping
        Their columns ``lam``, ``theta``, ``charge_efficiency`` and ``discharge_efficiency``,
        numbers or arrays of shape (n,); a population remembers the price that it heard.
    listed : StoreList
        How tables list them.
    community, nodes : array of int, shape (n,)
        Where each stands, and its node of the grid.

    Attributes
    ----------
    left : Remainder
        What each has left in the step.
    exchange_kwh : array, shape (n,)
        What each exchanges at the price of the step [kWh], above 0 when charging.
    """

    left: Remainder

    def __init__(
        self,
        simulation: "Simulation",
        names: StoreNames,
        stores: Population | Mapping[str, Any],
        listed: StoreList,
        community: Rows,
        nodes: Rows,
    ) -> None:
        self.simulation, self.names, self.stores, self.listed = simulation, names, stores, listed
        self.community, self.nodes = community, nodes
        self.places = len(simulation.setting.communities)
        self.inhabited = frozenset(community.tolist())
        self._rows_of = [np.flatnonzero(community == m) for m in range(self.places)]
        self.exchange_kwh = np.zeros(len(community))
        self._groups: list[AnsweringStores] = []
        self._asked = np.zeros(len(community), dtype=np.bool_)
        self.begin_step()

    @cached_property
    def answer_nodes(self) -> Rows:
        """Node of the grid at which those of each community are drawn together."""
        nodes = [np.unique(self.nodes[rows]).tolist() for rows in self._rows_of]
        together = answering_nodes(self.simulation.setting, nodes)
        together[[not some for some in nodes]] = -1
        return together

    def begin_step(self) -> None:
        """Forget the price of the step before, and what was to be held ahead."""
        count = len(self.community)
        self.exchange_kwh = np.zeros(count)
        if isinstance(self.stores, Population):
            self.stores.heard |= {
                "price": np.full(count, np.nan),
                "spare_kwh": np.full(count, np.inf),
                "room_kwh": np.full(count, np.inf),
            }

    def offer(
        self, left: Remainder, answers: NDArray[np.bool_] | bool = True, *, idle: bool = False
    ) -> list[AnsweringStores]:
        """Return those that answer to the price, by community.

        Parameters
        ----------
        left : Remainder
            What each has left once its own rule has acted.
        answers : array of bool or bool, shape (n,)
            Which answer at all in the step.
        idle : bool
            Whether those that can exchange nothing are asked, too.
        """
        there = self.simulation.supplied[self.community] & answers
        lower, upper = np.where(there, left.lower_kwh, 0.0), np.where(there, left.upper_kwh, 0.0)
        self.left = Remainder(left.usable_kwh, lower, upper)
        self.exchange_kwh = np.zeros(len(there))
        self._asked = np.ones(len(there), dtype=np.bool_) if idle else there & (lower < upper)
        return self._offered()

    def bounds(self, kind: str) -> AnswerBounds:
        """Return within which bounds the stores of members of a kind answer."""
        owner, left = self.listed.owner, self.left
        return AnswerBounds(kind, owner, self.community, left.lower_kwh, left.upper_kwh)

    def narrow(self, lower_kwh: FloatArray, upper_kwh: FloatArray) -> list[AnsweringStores]:
        """Return those that answer, by community, within narrower bounds [kWh]."""
        self.left = Remainder(self.left.usable_kwh, lower_kwh, upper_kwh)
        return self._offered()

    def _offered(self) -> list[AnsweringStores]:
        asked, columns = self._asked, {name: self._column(name) for name in WORTH}
        nobody = self._group(np.empty(0, dtype=np.intp), columns)
        self._groups = [
            self._group(rows[asked[rows]], columns) if len(rows) else nobody
            for rows in self._rows_of
        ]
        return self._groups

    def _column(self, name: str) -> PerStore:
        stores = self.stores
        held: PerStore = (
            each_or_one(stores, name) if isinstance(stores, Population) else stores[name]
        )
        return held

    def _group(self, rows: Rows, columns: Mapping[str, PerStore]) -> AnsweringStores:
        """Return some stores as those that answer together."""
        left, who = self.left, self.names.who
        worth: dict[str, Any] = {
            name: held if isinstance(held, float) else held[rows] for name, held in columns.items()
        }
        bounds = left.usable_kwh[rows], left.lower_kwh[rows], left.upper_kwh[rows]
        if isinstance(self.stores, Population):
            return RemainingStores(who, rows, *bounds, **worth, population=self.stores)
        return AnsweringStores(who, rows, *bounds, **worth)

    def take(self, exchange_kwh: Sequence[FloatArray]) -> None:
        """Take over what those that were offered exchange, and draw it."""
        for group, energy in zip(self._groups, exchange_kwh, strict=True):
            if len(group):
                self.exchange_kwh[group.rows] = energy
        self.simulation.draw(self.names.column, self.community, self.nodes, self.exchange_kwh)

    @property
    def charged_kwh(self) -> FloatArray:
        """What each charges, shape (n,) [kWh]."""
        return np.maximum(self.exchange_kwh, 0.0)

    @property
    def discharged_kwh(self) -> FloatArray:
        """What each discharges, shape (n,) [kWh]."""
        return np.maximum(0.0 - self.exchange_kwh, 0.0)

    def of_communities(self) -> FloatArray:
        """Return what they exchange together [kWh], shape (communities,)."""
        return self.summed(self.exchange_kwh)

    def summed(self, energy_kwh: FloatArray) -> FloatArray:
        """Return energies of each added up in communities [kWh], shape (communities,)."""
        return np.bincount(self.community, energy_kwh, self.places)

    def pay(self) -> None:
        """Let them pay for what they draw, and be paid for what they deliver."""
        simulation, payer = self.simulation, self.names.payer
        exchanged, price = self.of_communities(), simulation.market.decision.community_price
        for m in simulation.supplied_communities:
            if m in self.inhabited:
                place = simulation.setting.communities[m]
                simulation.ledger.pay(
                    simulation.step_index, f"{self.names.figures}_response", f"{payer}@{place}",
                    f"aggregator@{place}", float(exchanged[m]), float(price[m]),
                )  # fmt: skip

    def sums(self) -> dict[str, float]:
        """Return what they charge, discharge and pay at the price of the step."""
        prefix = f"{self.names.figures}_response"
        bill = self.simulation.paid_price() * self.of_communities()
        return {
            f"{prefix}_charged_kwh": float(self.charged_kwh.sum()),
            f"{prefix}_discharged_kwh": float(self.discharged_kwh.sum()),
            f"{prefix}_bill": float(bill.sum()),
        }

    def record(self, writer: RowWriter, written: Rows | slice = slice(None)) -> None:
        """Write what groups exchanged, and what some stores had left and exchanged.

        Parameters
        ----------
        writer : RowWriter
            Where rows go.
        written : array of int or slice
            The stores that are written one by one.
        """
        simulation, listed, left = self.simulation, self.listed, self.left
        about = {
            "step": simulation.step_index, "strategy": simulation.strategy,
            "scheme": self.names.scheme,
        }  # fmt: skip
        count = len(listed.groups)
        flows = {"charged_kwh": self.charged_kwh, "discharged_kwh": self.discharged_kwh}
        writer.add(
            "store_answer_sums",
            about
            | {
                "group": [group for group, _ in listed.groups],
                "storage": [storage for _, storage in listed.groups],
            }
            | {name: np.bincount(listed.group, flow, count) for name, flow in flows.items()},
        )
        owner = listed.owner[written]
        if not len(owner):
            return
        writer.add(
            "store_answers",
            about
            | {
                "owner": owner,
                "storage": Coded(listed.storage[written], listed.storages),
                "usable_kwh": left.usable_kwh[written],
                "lower_kwh": left.lower_kwh[written],
                "upper_kwh": left.upper_kwh[written],
                "exchange_kwh": self.exchange_kwh[written],
            },
        )


def one_store_each(storage: str, group: Rows, groups: Sequence[str]) -> StoreList:
    """Return the list of stores of which each owner has one.

    Parameters
    ----------
    storage : str
        What all of them are called.
    group : array of int, shape (n,)
        The group of each owner.
    groups : sequence of str
        Names of the groups.
    """
    owner, same = np.arange(len(group)), np.zeros(len(group), dtype=np.intp)
    return StoreList(owner, same, [storage], group, [(name, storage) for name in groups])


class StoreScheme(Scheme):
    """A scheme with stores that answer to the price of the step, where a scenario lets them.

    Attributes
    ----------
    answers : StoreAnswers or None
        What they answer; None where they do not.
    """

    answers: StoreAnswers | None = None

    def take_response(self, exchange_kwh: list[FloatArray]) -> None:
        """Take over what stores exchange at the price of the step, and draw it."""
        assert self.answers is not None
        self.answers.take(exchange_kwh)

    def narrow(self, lower_kwh: FloatArray, upper_kwh: FloatArray) -> None:
        """Let stores answer within narrower bounds."""
        assert self.answers is not None
        self.answering = self.answers.narrow(lower_kwh, upper_kwh)
