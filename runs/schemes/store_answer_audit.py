"""Whether stores answer to prices by what their own rule leaves, and as suits them best."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments
from hmesh.runs.audits.stores_step import StoresStep
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL

ENERGIES = ("usable_kwh", "lower_kwh", "upper_kwh", "exchange_kwh")


def paid_answers_kwh(run: Run, inputs: RunInputs, schemes: Sequence[str]) -> NDArray[np.float64]:
    """Return what the stores of some schemes exchange at prices, as they pay for it [kWh].

    Returns
    -------
    array, shape (steps, strategies, communities)
    """
    found = np.zeros((inputs.steps, len(inputs.strategies), len(inputs.communities)))
    strategies, communities = list(inputs.strategies), list(inputs.communities)
    kinds = [f"{scheme}_response" for scheme in schemes]
    names = ["step", "strategy", "payer", "energy_kwh"]
    for row in run.table("ledger", names, [("kind", "in", kinds)]).to_pylist() if kinds else ():
        community = communities.index(row["payer"].partition("@")[2])
        found[row["step"], strategies.index(row["strategy"]), community] += row["energy_kwh"]
    return found


def answering_schemes(inputs: RunInputs) -> list[str]:
    """Return the schemes with stores that answer to prices by what their own rule leaves."""
    scenario = inputs.scenario
    return [name for name in scenario.schemes if scenario.section(name).answers_of_stores]


class StoreAnswerAudit:
    """The audit of the stores of one scheme that answer to prices.

    Parameters
    ----------
    run, inputs, hours
        The run, what its scenario settles, and the columns of hours.parquet.
    scheme, who
        The scheme, and what its stores are called.
    community : array of int, shape (n,)
        Where each store stands.
    lam, theta : array, shape (n,)
        What each values energy at [money/kWh, money/kWh^2].
    efficiencies : tuple of float or array
        Of charging and of discharging.
    used : list of int
        Numbers of the strategies under which they answer.

    Attributes
    ----------
    at : dict of array, shape (steps, strategies, n)
        What each could do and did.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        hours: Columns,
        scheme: str,
        who: str,
        community: NDArray[np.intp],
        preferences: tuple[NDArray[np.float64], NDArray[np.float64]],
        efficiencies: tuple[NDArray[np.float64], NDArray[np.float64]],
        used: list[int],
    ) -> None:
        self.inputs, self.hours, self.scheme, self.who = inputs, hours, scheme, who
        self.community, self.preferences, self.efficiencies = community, preferences, efficiencies
        self.used = used
        names = answering_schemes(inputs)
        known = {"strategy": inputs.strategies, "scheme": names}
        rows = TableReader(run, "store_answers", known, inputs.start_ms).rest()
        mine = rows.pop("scheme") == names.index(scheme)
        keys: dict[str, range | Sequence[str]] = {
            "step": range(inputs.steps),
            "strategy": inputs.strategies,
            "store": range(len(community)),
        }
        there = np.zeros(tuple(len(held) for held in keys.values()), dtype=np.bool_)
        there[:, used] = True
        chosen = {name: values[mine] for name, values in rows.items()}
        self.at = framed("store_answers", chosen, keys, there)
        name = f"{who} at a price: "
        self.left = Tally(f"{name}what their own rule leaves", EXACT, "of the energy")
        self.within = Tally(f"{name}exchange what they have left", EXACT, "kWh")
        self.best = Tally(f"{name}none could do better", EXACT, "of the energy")

    @property
    def exchange_kwh(self) -> NDArray[np.float64]:
        """What each exchanges at the price [kWh], shape (steps, strategies, n)."""
        exchange: NDArray[np.float64] = self.at["exchange_kwh"]
        return exchange

    def of_communities(self) -> NDArray[np.float64]:
        """Return what they exchange together [kWh], of the shape of the hours."""
        shaped = np.zeros(self.hours["net_kwh"].shape)
        for m in range(shaped.shape[2]):
            shaped[:, :, m] = self.exchange_kwh[:, :, self.community == m].sum(axis=2)
        return shaped

    def hold(
        self,
        step: int | slice,
        strategy: int,
        usable: NDArray[np.float64],
        give: NDArray[np.float64],
        take: NDArray[np.float64],
        answers: NDArray[np.bool_] | bool = True,
    ) -> None:
        """Hold what the results say that stores have left against what they should.

        Parameters
        ----------
        step, strategy
            Where it belongs: a step, or some one after another.
        usable, give, take
            As of `left_over`, shape (n,) or (steps, n).
        answers
            Which answer at all, of that shape.
        """
        first = step if isinstance(step, int) else int(step.start)
        there = supplied(self.hours)[step, strategy][..., self.community] & answers
        # The row of a step, or rows.
        due = (
            ("usable_kwh", usable),
            ("lower_kwh", np.where(there, -give, 0.0)),
            ("upper_kwh", np.where(there, take, 0.0)),
        )
        strategies = [self.inputs.strategies[strategy]]
        label = self.inputs.places.label(self.who, first, strategies)
        for name, expected in due:
            off = relative(self.at[name][step, strategy], expected)
            self.left.add(off.reshape(-1, 1, len(self.community)), label, first)

    def checks(self) -> Iterator[Check]:
        """Check what all exchange, and return what was found; nothing where none ever answers."""
        if not self.used:
            return
        inputs, exchange = self.inputs, self.exchange_kwh
        label = inputs.places.label(self.who)
        beyond = np.maximum(self.at["lower_kwh"] - exchange, exchange - self.at["upper_kwh"])
        self.within.add(np.maximum(beyond, 0.0), label)
        if not inputs.reliable:
            self.best.tell("messages may be lost or late")
        for s in self.used:
            due = self._due(s)
            if due is not None and inputs.reliable:
                here = inputs.places.label(self.who, strategies=[inputs.strategies[s]])
                scale = np.maximum(np.abs(exchange[:, s : s + 1]), 1.0)
                self.best.add(due[:, None] / scale, here)
        yield from (tally.check() for tally in (self.left, self.within, self.best))

    def _due(self, s: int) -> NDArray[np.float64] | None:
        """Return how far each is from its best exchange under a strategy [kWh]."""
        rule = self.inputs.pricing[s]
        if rule == OWN_RULE:
            return None
        exchange = self.exchange_kwh[:, s]
        if rule == RETAIL:
            return np.abs(exchange)  # Nobody asks a price.
        price = self.hours["community_price"][:, s][:, self.community]
        stores = self._stores(slice(None), s)
        off = stores.wrong_by(np.nan_to_num(price), exchange)
        return np.where(np.isnan(price), np.abs(exchange), off)

    def _stores(self, step: int | slice, strategy: int) -> AnsweringStores:
        usable, lower, upper = (self.at[name][step, strategy] for name in ENERGIES[:3])
        return AnsweringStores(*self.preferences, usable, lower, upper, *self.efficiencies)

    def others(self, step: int, strategy: int) -> StoresStep:
        """Return those that answer to the price of a step."""
        at = {name: self.at[name][step, strategy] for name in ENERGIES}
        there = at["lower_kwh"] < at["upper_kwh"]
        return StoresStep(
            self.who,
            len(self.inputs.communities),
            np.where(there, self.community, -1),
            self._stores(step, strategy),
            at["exchange_kwh"],
        )

    def figures(self) -> Figures:
        """Return their figures of the summary, by step."""
        exchange, price = self.exchange_kwh, self.hours["community_price"]
        bill = np.where(supplied(self.hours), price, 0.0) * self.of_communities()
        return {
            f"{self.scheme}_response_charged_kwh": np.maximum(exchange, 0.0).sum(axis=2),
            f"{self.scheme}_response_discharged_kwh": np.maximum(-exchange, 0.0).sum(axis=2),
            f"{self.scheme}_response_bill": bill.sum(axis=2),
        }


def nodes_of(
    inputs: RunInputs, community: NDArray[np.intp], nodes: NDArray[np.intp]
) -> NDArray[np.intp] | None:
    """Return the node of each community above all stores of it, -1 where it has none."""
    setting = inputs.setting
    if setting is None:
        return None
    parents, together = setting.grid.parents.tolist(), np.full(len(inputs.communities), -1)
    for m in range(len(together)):
        paths = []
        for node in np.unique(nodes[community == m]).tolist():
            paths.append([node])
            while paths[-1][-1] != 0:
                paths[-1].append(parents[paths[-1][-1]])
        if paths:
            together[m] = next(n for n in paths[0] if all(n in path for path in paths))
    return together


def response_payments(
    hours: Columns,
    scheme: str,
    who: str,
    energy_kwh: NDArray[np.float64],
    community: NDArray[np.intp],
    used: list[int],
) -> Payments:
    """Return what the stores of a scheme pay at prices, below 0 where they deliver.

    Parameters
    ----------
    hours
        The columns of hours.parquet.
    scheme, who
        The scheme, and what its stores are called.
    energy_kwh : array, of the shape of the hours
        What they exchange [kWh].
    community : array of int
        Where they stand.
    used : list of int
        Numbers of the strategies under which they answer.
    """
    there = supplied(hours) & np.isin(np.arange(energy_kwh.shape[2]), community)
    there &= np.isin(np.arange(energy_kwh.shape[1]), used)[:, None]
    price = np.nan_to_num(hours["community_price"])
    return Payments(
        f"{scheme}_response", f"{who}@{{community}}", "aggregator@{community}",
        energy_kwh, price * energy_kwh, there,
    )  # fmt: skip
