"""Whether stores of homes and houses answer to the price of the step as suits them best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments
from hmesh.runs.audits.stores_step import StoresStep
from hmesh.runs.audits.table_reader import Columns, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL

type Energies = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ResponseTables:
    """What the tables say of the stores of a scheme that answer.

    Attributes
    ----------
    inputs : RunInputs
        What the scenario settles.
    hours : dict
        The columns of hours.parquet.
    settings : PriceResponse
        What stores value energy at.
    pairs : sequence of tuple
        Name of each group and of one of its storages.
    community : array of int, shape (pairs,)
        Community of each.
    charged_kwh, discharged_kwh : array, shape (steps, strategies, pairs)
        What the stores of each exchange together [kWh].
    stores : sequence of tuple
        Number of the home or house of each store that is written down, and which storage it is.
    where : array of int, shape (stores,)
        Community of each.
    charge_efficiency, discharge_efficiency : array, shape (stores,)
        Losses of each [-].
    complete : bool
        Whether all stores are written down.
    of_stores : dict of array, shape (steps, strategies, stores)
        Their columns of responses.parquet.
    """

    inputs: RunInputs
    hours: Columns
    settings: PriceResponse
    pairs: Sequence[tuple[str, str]]
    community: NDArray[np.intp]
    charged_kwh: Energies
    discharged_kwh: Energies
    stores: Sequence[tuple[int, str]]
    where: NDArray[np.intp]
    charge_efficiency: Energies
    discharge_efficiency: Energies
    complete: bool
    of_stores: Columns

    def of_step(self, name: str, step: int, strategy: int) -> StoresStep | None:
        """Return the stores that answer in a step; None where not all are written down."""
        if not self.complete:
            return None
        found = {column: values[step, strategy] for column, values in self.of_stores.items()}
        communities = len(self.inputs.communities)
        stores = self._stores(found)
        return StoresStep(name, communities, self.where, stores, found["exchange_kwh"])

    def _stores(self, columns: Columns) -> AnsweringStores:
        """Return what stores could do by columns whose last axis is theirs."""
        one = np.ones(columns["exchange_kwh"].shape)
        return AnsweringStores(
            self.settings.lam * one, self.settings.theta * one, columns["usable_kwh"],
            columns["lower_kwh"], columns["upper_kwh"], self.charge_efficiency,
            self.discharge_efficiency,
        )  # fmt: skip

    @property
    def net_kwh(self) -> Energies:
        """What pairs draw, less what they deliver, shape (steps, strategies, pairs) [kWh]."""
        return self.charged_kwh - self.discharged_kwh

    def in_communities(self) -> Energies:
        """Return what stores of each community draw, of the shape of the hours [kWh]."""
        added = np.zeros(self.hours["net_kwh"].shape)
        for k, m in enumerate(self.community.tolist()):
            added[:, :, m] += self.net_kwh[:, :, k]
        return added

    def of_group(self, name: str) -> Energies:
        """Return what the stores of a group draw, shape (steps, strategies) [kWh]."""
        mine = [k for k, (group, _) in enumerate(self.pairs) if group == name]
        drawn: Energies = self.net_kwh[:, :, mine].sum(axis=2)
        return drawn

    def payments(self, kind: str, party: str) -> Payments:
        """Return what stores pay for what they draw, at the price of their community."""
        price, bought = np.nan_to_num(self.hours["community_price"]), self.in_communities()
        there = supplied(self.hours).copy()
        there[:, :, np.setdiff1d(np.arange(there.shape[2]), self.community)] = False
        payer, payee = f"{party}@{{community}}", "aggregator@{community}"
        return Payments(kind, payer, payee, bought, price * bought, there)

    def figures(self, prefix: str) -> Figures:
        """Return the figures of the summary, by step."""
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        return {
            f"{prefix}_response_charged_kwh": self.charged_kwh.sum(axis=2),
            f"{prefix}_response_discharged_kwh": self.discharged_kwh.sum(axis=2),
            f"{prefix}_response_bill": (price * self.in_communities()).sum(axis=2),
        }

    def check_sums(self, name: str, group_of: Sequence[int]) -> Check:
        """Compare what is told of groups with their stores.

        Parameters
        ----------
        name : str
            What the check is called.
        group_of : sequence of int
            The pair to which each store belongs; only of pairs all of whose stores are written
            down, -1 for others.
        """
        tally = Tally(name, EXACT, "of the energy")
        pairs = np.asarray(group_of, dtype=np.intp)
        if not (pairs >= 0).any():
            tally.tell("not all stores are written down")
            return tally.check()
        exchange = self.of_stores["exchange_kwh"]
        for k in np.unique(pairs[pairs >= 0]).tolist():
            mine = exchange[:, :, pairs == k]
            label = self.inputs.places.label([", ".join(self.pairs[k])])
            for found, added in (
                (self.charged_kwh, np.maximum(mine, 0.0)),
                (self.discharged_kwh, np.maximum(0.0 - mine, 0.0)),
            ):
                off = relative(found[:, :, k], added.sum(axis=2))
                tally.add(off[:, :, None], label)
        return tally.check()

    def check_answers(self, name: str) -> Check:
        """Find what suits every store best at the price of its community, and compare.

        Parameters
        ----------
        name : str
            What the check is called.
        """
        tally = Tally(name, EXACT, "of the energy")
        if not self.inputs.reliable:
            tally.tell("messages may be lost or late")
            return tally.check()
        if not self.stores:
            tally.tell("no store is written down")
            return tally.check()
        columns = self.of_stores
        for s, pricing in enumerate(self.inputs.pricing):
            if pricing == OWN_RULE:
                tally.tell("a rule of a plugin may decide otherwise")
                continue
            found = {name: values[:, s] for name, values in columns.items()}
            exchange = found["exchange_kwh"]
            price = self.hours["community_price"][:, s][:, self.where]
            off = self._stores(found).wrong_by(np.nan_to_num(price), exchange)
            # Nobody answers where nobody asks, for want of supply or by the retail rule.
            idle = np.isnan(price) | (pricing == RETAIL)
            off = np.where(idle, np.abs(exchange), off)
            scale = np.maximum(found["upper_kwh"] - found["lower_kwh"], 1.0)
            beyond = np.maximum(exchange - found["upper_kwh"], found["lower_kwh"] - exchange)
            off = np.maximum(off, np.maximum(beyond, 0.0)) / scale
            tally.add(off[:, None], self._label(s))
        return tally.check()

    def check_room(
        self, name: str, usable_kwh: Energies, lower_kwh: Energies, upper_kwh: Energies
    ) -> Check:
        """Compare what stores could do with what it should have been, of the shape of stores."""
        tally = Tally(name, EXACT, "kWh")
        if not self.stores:
            tally.tell("no store is written down")
        due = {"usable_kwh": usable_kwh, "lower_kwh": lower_kwh, "upper_kwh": upper_kwh}
        for column, values in due.items():
            off = np.abs(self.of_stores[column] - values)
            for s in range(off.shape[1]):
                tally.add(off[:, s : s + 1], self._label(s))
        return tally.check()

    def _label(self, s: int) -> Label:
        names = [f"{storage} of {owner}" for owner, storage in self.stores]
        return self.inputs.places.label(names, strategies=[self.inputs.strategies[s]])


def read_responses(
    run: Run,
    inputs: RunInputs,
    hours: Columns,
    settings: PriceResponse,
    scheme: str,
    groups: Sequence[tuple[str, str, int]],
    stores: Sequence[tuple[int, str]],
    where: NDArray[np.intp],
    charge_efficiency: Energies,
    discharge_efficiency: Energies,
    *,
    complete: bool,
) -> ResponseTables:
    """Return what the tables say of the stores of a scheme.

    Parameters
    ----------
    run, inputs, hours
        The run, what its scenario settles, and the columns of hours.parquet.
    settings
        What stores value energy at.
    scheme
        The section whose stores they are.
    groups
        Name of each group and of one of its storages, and their community.
    stores
        Number of the home or house of each store that is written down, and which storage it is.
    where, charge_efficiency, discharge_efficiency
        Community and losses of each.
    complete
        Whether all stores are written down.

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    pairs = [(group, storage) for group, storage, _ in groups]
    steps: dict[str, range | Sequence[str]] = {
        "step": range(inputs.steps), "strategy": inputs.strategies,
    }  # fmt: skip
    rows = _rows(run, "response_sums", inputs, scheme, ("group", "storage"))
    rows["pair"] = _codes(rows, ("group", "storage"), pairs)
    names = [" ".join(pair) for pair in pairs]
    sums = framed("response_sums", rows, {**steps, "pair": names})
    rows = _rows(run, "responses", inputs, scheme, ("owner", "storage"))
    rows["store"] = _codes(rows, ("owner", "storage"), stores)
    held = framed("responses", rows, {**steps, "store": range(len(stores))})
    community = np.array([m for _, _, m in groups], dtype=np.intp)
    return ResponseTables(
        inputs, hours, settings, pairs, community, sums["charged_kwh"], sums["discharged_kwh"],
        stores, where, charge_efficiency, discharge_efficiency, complete, held,
    )  # fmt: skip


def answered_kwh(run: Run, inputs: RunInputs) -> Energies:
    """Return what all stores of homes and houses exchange, shape (steps, strategies) [kWh].

    Zeros where none answer to the price of the step.
    """
    drawn = np.zeros((inputs.steps, len(inputs.strategies)))
    if not inputs.scenario.stores_answer:
        return drawn
    found = run.table("response_sums", ["step", "strategy", "charged_kwh", "discharged_kwh"])
    place = {name: k for k, name in enumerate(inputs.strategies)}
    step, charged, discharged = (
        np.asarray(found.column(name).to_pylist())
        for name in ("step", "charged_kwh", "discharged_kwh")
    )
    strategy = np.array([place.get(name, -1) for name in found.column("strategy").to_pylist()])
    known = (strategy >= 0) & (step >= 0) & (step < inputs.steps)
    np.add.at(drawn, (step[known], strategy[known]), (charged - discharged)[known])
    return drawn


def _rows(
    run: Run, table: str, inputs: RunInputs, scheme: str, names: tuple[str, str]
) -> dict[str, NDArray[Any]]:
    """Return the rows of a scheme in a table, strategies as numbers."""
    found = run.table(table, None, [("scheme", "=", scheme)])
    columns = {
        name: np.asarray(found.column(name).to_pylist() or [])
        for name in found.column_names
        if name not in ("scheme", "strategy")
    }
    place = {name: k for k, name in enumerate(inputs.strategies)}
    told = found.column("strategy").to_pylist()
    columns["strategy"] = np.array([place.get(name, -1) for name in told], dtype=np.int64)
    columns["step"] = columns["step"].astype(np.int64)
    return columns


def _codes(
    rows: dict[str, NDArray[Any]], names: tuple[str, str], known: Sequence[tuple[Any, str]]
) -> NDArray[np.int64]:
    """Return which of some pairs each row is of, -1 for none; take the two columns away."""
    place = {pair: k for k, pair in enumerate(known)}
    one, other = (rows.pop(name).tolist() for name in names)
    return np.array([place.get(pair, -1) for pair in zip(one, other, strict=True)], dtype=np.int64)


def pairs_of(
    pairs: Sequence[tuple[str, str]],
    stores: Sequence[tuple[int, str]],
    groups: Sequence[tuple[str, int, int]],
    recorded: int | Sequence[int],
) -> list[int]:
    """Return the pair to which each store belongs, -1 where its group is not all written down.

    Parameters
    ----------
    pairs, stores
        As of `ResponseTables`.
    groups
        Name of each group, its first home or house, and how many it has.
    recorded
        How many of each group are written down.
    """
    written = [recorded] * len(groups) if isinstance(recorded, int) else recorded
    found = []
    for owner, storage in stores:
        pair = -1
        for (name, first, count), there in zip(groups, written, strict=True):
            if first <= owner < first + count and there == count:
                pair = pairs.index((name, storage))
        found.append(pair)
    return found


def room_beside(
    energy_kwh: Energies,
    least_kwh: Energies,
    most_kwh: Energies,
    rated_kwh: Energies,
    charged_kwh: Energies,
    discharged_kwh: Energies,
    charge_efficiency: Energies,
    discharge_efficiency: Energies,
) -> tuple[Energies, Energies, Energies]:
    """Return what stores hold once their own rule has acted, and what they can do beside it [kWh].

    Parameters
    ----------
    energy_kwh, least_kwh, most_kwh, rated_kwh
        Stored before the step, its limits, and the rating of the step at the plug.
    charged_kwh, discharged_kwh
        What the rule has them do, at the plug.
    charge_efficiency, discharge_efficiency
        Losses.

    Returns
    -------
    usable_kwh, lower_kwh, upper_kwh
        Energy above the least, and bounds of what is exchanged besides; all arrays of one shape.
    """
    after = energy_kwh + charge_efficiency * charged_kwh - discharged_kwh / discharge_efficiency
    more = np.minimum(rated_kwh - charged_kwh, (most_kwh - after) / charge_efficiency)
    less = np.minimum(rated_kwh - discharged_kwh, (after - least_kwh) * discharge_efficiency)
    upper = np.where(discharged_kwh > 0, 0.0, np.maximum(more, 0.0))
    lower = np.where(charged_kwh > 0, 0.0, 0.0 - np.maximum(less, 0.0))
    return after - least_kwh, lower, upper
