"""Whether stores answer to prices by what their own rule leaves, and as suits them best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.known_stores import NO_STORES, KnownStores
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import AnswersDue, Figures, Payments
from hmesh.runs.audits.stores_step import StoresStep
from hmesh.runs.audits.table_reader import Columns, TableReader, framed, names_in
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL

ENERGIES = ("usable_kwh", "lower_kwh", "upper_kwh", "exchange_kwh")
SUMS = ("charged_kwh", "discharged_kwh")


@dataclass(frozen=True, slots=True)
class AnswerNames:
    """What the stores of a scheme are called where they answer.

    Attributes
    ----------
    scheme, who, payer : str
        The scheme, what its stores are called, and who pays for them.
    figures : str
        How their payments and figures begin: ``<figures>_response``.
    idle : bool
        Whether those that can exchange nothing are asked, too.
    """

    scheme: str
    who: str
    payer: str
    figures: str
    idle: bool = False


@dataclass(frozen=True, slots=True)
class _Tallies:
    left: Tally
    within: Tally
    best: Tally
    sums: Tally


class AnswersOfStores:
    """What the tables say of the stores of one scheme that answer to prices.

    Parameters
    ----------
    run, inputs, hours : Run, RunInputs, dict of array
        The run, what its scenario settles, and the columns of hours.parquet.
    names : AnswerNames
        What they are called.
    groups : sequence of (str, str, int)
        Name of each group and of one of its storages, and the number of their community.
    used : sequence of int
        Numbers of the strategies under which they answer.
    stores : KnownStores or None
        The stores that are written down; none where they are not known.

    Attributes
    ----------
    charged_kwh, discharged_kwh : array, shape (steps, strategies, groups)
        What the stores of each group exchange together [kWh].
    at : dict of array, shape (steps, strategies, stores)
        What each could do and did.
    left : Tally
        What `hold` finds.

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        hours: Columns,
        names: AnswerNames,
        groups: Sequence[tuple[str, str, int]],
        used: Sequence[int],
        stores: KnownStores | None,
    ) -> None:
        self.inputs, self.hours, self.names = inputs, hours, names
        self.pairs = [(group, storage) for group, storage, _ in groups]
        self.community = np.array([m for _, _, m in groups], dtype=np.intp)
        self.used = list(used)
        self.stores = NO_STORES if stores is None else stores
        sums = self._read(run, "store_answer_sums", ("group", "storage"), self.pairs)
        self.charged_kwh, self.discharged_kwh = (sums[name] for name in SUMS)
        self.at: Columns = {}
        shape = (inputs.steps, len(inputs.strategies), len(self.stores))
        self._unlimited = {name: np.zeros(shape) for name in ("lower_kwh", "upper_kwh")}
        if stores is not None:
            self.at = self._read(run, "store_answers", ("owner", "storage"), stores.keys)
        about = f"{names.who} at a price: "
        self._tallies = _Tallies(
            Tally(f"{about}what their own rule leaves", EXACT, "of the energy"),
            Tally(f"{about}exchange what they have left", EXACT, "kWh"),
            Tally(f"{about}none could do better", EXACT, "of the energy"),
            Tally(f"{about}groups are the sum of their stores", EXACT, "of the energy"),
        )
        self.left = self._tallies.left

    def _read(
        self, run: Run, table: str, columns: tuple[str, str], known: Sequence[tuple[object, str]]
    ) -> Columns:
        """Return the columns of a table, of shape (steps, strategies, known)."""
        inputs = self.inputs
        stated = {name: names_in(run, table, name) for name in columns if name != "owner"}
        schemes = list(inputs.scenario.schemes)
        lists = {"strategy": inputs.strategies, "scheme": schemes, **stated}
        rows = TableReader(run, table, lists, inputs.start_ms).rest()
        mine = rows.pop("scheme") == schemes.index(self.names.scheme)
        rows = {name: values[mine] for name, values in rows.items()}
        pairs = [
            np.array(stated[name], dtype=object)[codes] if name in stated else codes
            for name, codes in ((name, rows.pop(name)) for name in columns)
        ]
        place = {pair: k for k, pair in enumerate(known)}
        found = [place.get(pair, -1) for pair in zip(*map(list, pairs), strict=True)]
        rows["of"] = np.array(found, dtype=np.int64)
        keys: dict[str, range | Sequence[str]] = {
            "step": range(inputs.steps),
            "strategy": inputs.strategies,
            "of": [", ".join(str(part) for part in pair) for pair in known],
        }
        there = np.zeros(tuple(len(held) for held in keys.values()), dtype=np.bool_)
        there[:, self.used] = True
        return framed(table, rows, keys, there)

    @property
    def complete(self) -> bool:
        """Whether all stores are known and written down."""
        return self.stores.complete

    @property
    def exchange_kwh(self) -> FloatArray:
        """What each exchanges at the price [kWh], shape (steps, strategies, stores)."""
        exchange: FloatArray = self.at["exchange_kwh"]
        return exchange

    @property
    def net_kwh(self) -> FloatArray:
        """What groups draw, less what they deliver, shape (steps, strategies, groups) [kWh]."""
        return self.charged_kwh - self.discharged_kwh

    def of_communities(self, energy_kwh: FloatArray | None = None) -> FloatArray:
        """Return energies of groups, or what they draw, by community, as the hours [kWh]."""
        energy = self.net_kwh if energy_kwh is None else energy_kwh
        added = np.zeros(self.hours["net_kwh"].shape)
        for k, m in enumerate(self.community.tolist()):
            added[:, :, m] += energy[:, :, k]
        return added

    def of_group(self, name: str) -> FloatArray:
        """Return what the stores of a group draw, shape (steps, strategies) [kWh]."""
        mine = [k for k, (group, _) in enumerate(self.pairs) if group == name]
        drawn: FloatArray = self.net_kwh[:, :, mine].sum(axis=2)
        return drawn

    def payments(self) -> Payments:
        """Return what stores pay for what they draw, at the price of their community."""
        price, bought = np.nan_to_num(self.hours["community_price"]), self.of_communities()
        there = supplied(self.hours) & np.isin(np.arange(bought.shape[2]), self.community)
        there &= np.isin(np.arange(bought.shape[1]), self.used)[:, None]
        kind, payer = f"{self.names.figures}_response", f"{self.names.payer}@{{community}}"
        return Payments(kind, payer, "aggregator@{community}", bought, price * bought, there)

    def figures(self) -> Figures:
        """Return the figures of the summary, by step."""
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        prefix = f"{self.names.figures}_response"
        return {
            f"{prefix}_charged_kwh": self.charged_kwh.sum(axis=2),
            f"{prefix}_discharged_kwh": self.discharged_kwh.sum(axis=2),
            f"{prefix}_bill": (price * self.of_communities()).sum(axis=2),
        }

    def others(self, step: int, strategy: int) -> StoresStep | None:
        """Return the stores that answer in a step; None where not all are known."""
        if not self.complete:
            return None
        at = {name: self.at[name][step, strategy] for name in ENERGIES}
        asked = self.names.idle | (at["lower_kwh"] < at["upper_kwh"])
        where = np.where(asked, self.stores.community, -1)
        stores = self._stores(at)
        return StoresStep(
            self.names.who, len(self.inputs.communities), where, stores, at["exchange_kwh"]
        )

    def answer_nodes(self) -> NDArray[np.intp] | None:
        """Return the node of each community above all stores of it, -1 where it has none."""
        setting = self.inputs.setting
        if setting is None or not len(self.stores):
            return None
        parents, together = setting.grid.parents.tolist(), np.full(len(self.inputs.communities), -1)
        for m in range(len(together)):
            paths = []
            for node in np.unique(self.stores.nodes[self.stores.community == m]).tolist():
                paths.append([node])
                while paths[-1][-1] != 0:
                    paths[-1].append(parents[paths[-1][-1]])
            if paths:
                together[m] = next(n for n in paths[0] if all(n in path for path in paths))
        return together

    def hold(
        self,
        step: int | slice,
        strategy: int,
        usable: FloatArray,
        give: FloatArray,
        take: FloatArray,
        answers: NDArray[np.bool_] | bool = True,
    ) -> None:
        """Compare what stores had left by the tables with what they should have had.

        Parameters
        ----------
        step, strategy : int or slice, int
            Where it belongs: a step, or some one after another.
        usable, give, take : array, shape (stores,) or (steps, stores)
            As of `left_over`.
        answers : bool or array of bool, optional
            Which answer at all, of that shape.
        """
        first = step if isinstance(step, int) else int(step.start)
        there = supplied(self.hours)[step, strategy][..., self.stores.community] & answers
        lower, upper = np.where(there, -give, 0.0), np.where(there, take, 0.0)
        for name, values in (("lower_kwh", lower), ("upper_kwh", upper)):
            self._unlimited[name][step, strategy] = values
        limited = self.stores.behind
        for name, expected in (("usable_kwh", usable), ("lower_kwh", lower), ("upper_kwh", upper)):
            off = relative(self.at[name][step, strategy], expected)
            if name != "usable_kwh":
                off = np.where(limited, 0.0, off)
            self.left.add(off.reshape(-1, 1, len(self.stores)), self._label(strategy, first), first)

    def due(self, member: NDArray[np.intp]) -> AnswersDue | str:
        """Return what stores have left to answer with, by what `hold` has been given.

        Parameters
        ----------
        member : array of int
            Place of the owner of each store in its group, -1 for a store of another group.
        """
        if not self.complete:
            return "not all their storages are written down"
        own = member >= 0
        lower, upper = (self._unlimited[name][:, :, own] for name in ("lower_kwh", "upper_kwh"))
        return AnswersDue(
            member[own], 0.0 - lower, upper, self.at["lower_kwh"][:, :, own],
            self.at["upper_kwh"][:, :, own],
        )  # fmt: skip

    def checks(self) -> Iterator[Check]:
        """Compare what all exchange with what suits them, and return what was found.

        Nothing where none ever answers.
        """
        if not self.used:
            return
        tallies = self._tallies
        if not len(self.stores):
            for tally in (tallies.left, tallies.within, tallies.best):
                tally.note("no store is written down")
        else:
            self._check_exchange()
        self._check_sums()
        yield from (each.check() for each in (tallies.left, tallies.within, tallies.best))
        yield tallies.sums.check()

    def _check_exchange(self) -> None:
        exchange, reliable = self.exchange_kwh, self.inputs.reliable
        within, best = self._tallies.within, self._tallies.best
        beyond = np.maximum(self.at["lower_kwh"] - exchange, exchange - self.at["upper_kwh"])
        if not reliable:
            best.note("messages may be lost or late")
        for s in self.used:
            label = self._label(s)
            within.add(np.maximum(beyond[:, s : s + 1], 0.0), label)
            due = self._due(s)
            if due is None:
                best.note("a rule of a plugin may decide otherwise")
            elif reliable:
                scale = np.maximum(np.abs(exchange[:, s : s + 1]), 1.0)
                best.add(due[:, None] / scale, label)

    def _due(self, s: int) -> FloatArray | None:
        """Return how far each is from its best exchange under a strategy [kWh]."""
        rule, exchange = self.inputs.pricing[s], self.exchange_kwh[:, s]
        if rule == OWN_RULE:
            return None
        if rule == RETAIL:
            return np.abs(exchange)  # Nobody asks a price.
        price = self.hours["community_price"][:, s][:, self.stores.community]
        stores = self._stores({name: values[:, s] for name, values in self.at.items()})
        off = stores.wrong_by(np.nan_to_num(price), exchange)
        # Nobody answers where nobody asks, for want of supply.
        return np.where(np.isnan(price), np.abs(exchange), off)

    def _check_sums(self) -> None:
        """Compare what groups exchange with their stores, where all of these are written down."""
        tally, pair = self._tallies.sums, self.stores.pair
        known = np.unique(pair[pair >= 0]).tolist()
        if len(known) < len(self.pairs):
            tally.note("not all stores are written down")
        for k in known:
            mine = self.exchange_kwh[:, :, pair == k]
            for found, added in (
                (self.charged_kwh, np.maximum(mine, 0.0)),
                (self.discharged_kwh, np.maximum(0.0 - mine, 0.0)),
            ):
                off = relative(found[:, :, k], added.sum(axis=2))
                tally.add(off[:, :, None], self.inputs.places.label([", ".join(self.pairs[k])]))

    def _stores(self, at: Columns) -> AnsweringStores:
        """Return what stores could do by columns whose last axis is theirs."""
        stores, one = self.stores, np.ones(at["exchange_kwh"].shape)
        return AnsweringStores(
            stores.lam * one, stores.theta * one, at["usable_kwh"], at["lower_kwh"],
            at["upper_kwh"], stores.charge_efficiency, stores.discharge_efficiency,
        )  # fmt: skip

    def _label(self, strategy: int, first: int = 0) -> Label:
        names = [f"{storage} of {owner}" for owner, storage in self.stores.keys]
        return self.inputs.places.label(names, first, [self.inputs.strategies[strategy]])
