"""Accounts of members: what each has bought, sold, paid and received, added up step by step."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.environment.row_threads import over_rows
from hmesh.markets.answer_kernels import pay_for_exchange
from hmesh.runs.world.member_payments import ExchangePayments, MemberPayments

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

FLOWS = ("bought_kwh", "sold_kwh", "paid", "received")


class KindAccounts:
    """The accounts of the members of one kind.

    Parameters
    ----------
    community : array of int, shape (members,)
        Where each member is at home.
    places : int
        Communities of the run.
    by_member : bool
        Whether each member has an account, or each community one for all its members.

    Attributes
    ----------
    account_of : array of int, shape (members,), or None
        The account of each member; None where each has its own.
    community : array of int, shape (accounts,)
        Where the holders of each account are at home.
    homes : array of int, shape (members,)
        Where each member is.
    year, before : dict of array, shape (accounts,)
        Sums of this year, and of the years before, by the names of `FLOWS` [kWh, money].
    """

    def __init__(self, community: NDArray[np.intp], places: int, *, by_member: bool) -> None:
        self.homes = community
        self.account_of = None if by_member else community
        self.community = community if by_member else np.arange(places)
        self.year, self.before = self._nothing(), self._nothing()

    def _nothing(self) -> dict[str, FloatArray]:
        return {name: np.zeros(len(self.community)) for name in FLOWS}

    def add(self, payments: MemberPayments) -> None:
        """Add what members pay and receive in a step."""
        if (
            isinstance(payments, ExchangePayments)
            and self.account_of is None
            and isinstance(payments.rows, np.ndarray)
            and compiled_for(len(payments.exchange_kwh))
        ):
            sums, price = [self.year[name] for name in FLOWS], payments.price
            over_rows(
                lambda rows, exchange: pay_for_exchange(rows, exchange, price, *sums),
                payments.rows, payments.exchange_kwh,
            )  # fmt: skip
            return
        for name in FLOWS:
            values = getattr(payments, name)
            if self.account_of is None:
                self.year[name][payments.rows] += values
            else:
                accounts = self.account_of[payments.rows]
                self.year[name] += np.bincount(accounts, values, len(self.community))

    def end_year(self) -> None:
        """Put the sums of a year to those of the years before."""
        for name in FLOWS:
            self.before[name] += self.year[name]
            self.year[name][:] = 0.0

    def total(self, name: str) -> FloatArray:
        """Return a sum of the whole run so far, shape (accounts,)."""
        return self.before[name] + self.year[name]

    @property
    def balance(self) -> FloatArray:
        """Money received less money paid over the run so far, shape (accounts,)."""
        return self.total("received") - self.total("paid")

    def state(self) -> dict[str, Any]:
        """Return the sums, live."""
        return {"year": dict(self.year), "before": dict(self.before)}

    def restore(self, state: Mapping[str, Mapping[str, FloatArray]]) -> None:
        """Take over an earlier `state`."""
        for name in FLOWS:
            self.year[name][:] = state["year"][name]
            self.before[name][:] = state["before"][name]


class Accounts:
    """The accounts of all members under one strategy.

    Parameters
    ----------
    simulation : Simulation
        Its world, before its first step.
    by_member : bool
        Whether each member has an account; else households and buildings of each community have
        one together, and all others follow from the ledger.

    Attributes
    ----------
    kinds : dict of KindAccounts
        By kind of member.
    stored_first_kwh : dict of array, shape (members,)
        What batteries held as the run began, by kind [kWh].
    utility_price_sum : float
        Sum of the utility's price over all steps [money/kWh].
    """

    def __init__(self, simulation: "Simulation", *, by_member: bool) -> None:
        self.simulation, self.by_member = simulation, by_member
        places = len(simulation.setting.communities)
        found = {
            f"{kind.scenario_name}s": group.population["community"].astype(np.intp)
            for kind, group in simulation.consumers.items()
            if len(group)
        }
        if by_member:
            for each in simulation.schemes.values():
                found |= each.member_communities()
            if (prosumers := simulation.prosumers) is not None:
                # Their parts have no separate accounts.
                found = {k: held[: prosumers.others(k, len(held))] for k, held in found.items()}
                found = {k: held for k, held in found.items() if len(held)}
                found["prosumers"] = prosumers.community
        self.kinds = {
            kind: KindAccounts(community, places, by_member=by_member)
            for kind, community in found.items()
        }
        self.stored_first_kwh = self.stored_kwh()
        self._stored_before = {kind: each.copy() for kind, each in self.stored_first_kwh.items()}
        self._year: int | None = None
        self.utility_price_sum = 0.0

    def stored_kwh(self) -> dict[str, FloatArray]:
        """Return what the batteries of members of each kind hold [kWh]."""
        schemes = (each.stored_kwh() for each in self.simulation.schemes.values())
        held = {kind: values.copy() for of_scheme in schemes for kind, values in of_scheme.items()}
        prosumers = self.simulation.prosumers
        return held if prosumers is None else prosumers.stored(held)

    def begin_step(self) -> None:
        """Start the sums of a year with its first step, when those before it are written."""
        year = self.simulation.calendar.date_of(self.simulation.step_index).year
        if self._year not in (None, year):
            for accounts in self.kinds.values():
                accounts.end_year()
            self._stored_before = self.stored_kwh()
        self._year = year

    def settle(self, paid: Iterable[tuple[MemberPayments, bool]]) -> None:
        """Add what everybody pays and receives in the step.

        Parameters
        ----------
        paid : iterable of (MemberPayments, bool)
            What single members pay and receive, and whether meters read it.
        """
        self.utility_price_sum += float(self.simulation.market.decision.utility_price)
        prosumers, local = self.simulation.prosumers, self.simulation.local_exchange
        for payments, _ in paid:
            self._add_of_others(payments)
        for payments in () if local is None else local.payments():
            self._add_of_others(payments)
        if prosumers is not None and self.by_member:
            self.kinds["prosumers"].add(prosumers.account())

    def _add_of_others(self, payments: MemberPayments) -> None:
        """Add payments of members, those of parts of prosumers left out."""
        prosumers = self.simulation.prosumers
        own = payments if prosumers is None else prosumers.of_others(payments)
        if own.kind in self.kinds:
            self.kinds[own.kind].add(own)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the kinds, and the columns of this year's accounts of all members of each."""
        stored = self.stored_kwh()
        for kind, accounts in self.kinds.items():
            change = np.zeros(len(accounts.community))
            if kind in stored:
                change = stored[kind] - self._stored_before[kind]
            yield (
                kind,
                {
                    "year": self._year,
                    "member": np.arange(len(change)),
                    "community": accounts.community,
                    **accounts.year,
                    "stored_change_kwh": change,
                },
            )

    def ends_year(self) -> bool:
        """Return whether the step that was just made is the last of its year, or of the run."""
        done, calendar = self.simulation.step_index, self.simulation.calendar
        if done >= self.simulation.setting.scenario.steps:
            return True
        return calendar.date_of(done).year != self._year

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, live where it is an array."""
        return {
            "kinds": {kind: accounts.state() for kind, accounts in self.kinds.items()},
            "stored_before": dict(self._stored_before),
            "year": self._year,
            "utility_price_sum": self.utility_price_sum,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        for kind, accounts in self.kinds.items():
            accounts.restore(state["kinds"][kind])
        self._stored_before = {kind: each.copy() for kind, each in state["stored_before"].items()}
        year = state["year"]
        if year is not None and type(year) is not int:
            raise ValueError(f"the year of the accounts is {year!r}")
        self._year = year
        self.utility_price_sum = state["utility_price_sum"]
