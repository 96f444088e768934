"""The local exchange of each community in a step: energies, payments of parties and of members."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.local_exchange import (
    Allocation,
    LocalPrices,
    exchange_locally,
    feed_in_price,
    local_prices,
)
from hmesh.markets.local_exchange import LocalExchange as Shared
from hmesh.runs.scenarios.local_exchange_section import LocalExchange
from hmesh.runs.scenarios.member_groups import ProsumerMembers
from hmesh.runs.world.joining_and_leaving import JoiningAndLeaving
from hmesh.runs.world.local_kinds import LOCAL_ENERGIES, PROSUMERS, local_kinds, party_of, self_use
from hmesh.runs.world.member_payments import MemberPayments

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

EXCHANGE, GRID_OPERATOR = "local_exchange", "grid_operator"

# Those of each member.
MEMBER_ENERGIES = ("used_kwh", "generated_kwh", "received_kwh", "given_kwh")


@dataclass(frozen=True, slots=True)
class _Here:
    """The members of a community that share, kind by kind."""

    community: int
    section: LocalExchange
    rows: Mapping[str, NDArray[np.intp]]
    weight: FloatArray


class LocalSettlement:
    """The local exchanges of all communities of a world that have one.

    Prices are set before, and everybody has paid and been paid the price of its community. What is
    local is settled after that, as grid operators do by the meters: members that get local energy
    are paid back what it is cheaper, those with a surplus return what it brings them less.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy, its members and schemes being made.

    Attributes
    ----------
    kinds : tuple of str
        Kinds of members that share.
    energies : dict of array, shape (communities, kinds)
        The energies of the step, by the names of `LOCAL_ENERGIES` [kWh].
    prices : list of LocalPrices or None
        The prices of the step in each community; None where nothing is local.
    joining : JoiningAndLeaving or None
        Who joins and leaves each month; None where all take part for good.
    paid : list of (MemberPayments, bool)
        What single members pay and receive in the step, and whether meters read it.
    feed_in : array, shape (communities,)
        What a surplus that nobody takes is paid in the step, NaN where there is no local exchange,
        or no supply [money/kWh].
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        scenario = simulation.setting.scenario
        self.kinds = local_kinds(scenario)
        parties = [party_of(kind) for kind in self.kinds]
        self._of_party = {party: [each == party for each in parties] for party in parties}
        self._community = self._communities_of_members()
        self._here = [
            self._members(m, community.local_exchange)
            for m, community in enumerate(scenario.communities.values())
            if community.local_exchange is not None
        ]
        places = len(simulation.setting.communities)
        self._sums = {name: np.zeros(places) for name in LOCAL_ENERGIES}
        self.joining = self._joining()
        self._begin_step()

    def _communities_of_members(self) -> dict[str, NDArray[np.intp]]:
        """Return where each member of all kinds is at home, -1 for parts of prosumers."""
        simulation, prosumers = self.simulation, self.simulation.prosumers
        found = {
            f"{kind.scenario_name}s": group.population["community"].astype(np.intp)
            for kind, group in simulation.consumers.items()
        }
        for each in simulation.schemes.values():
            found |= each.member_communities()
        if prosumers is not None:
            for kind, owner in prosumers.owner.items():
                found[kind] = np.where(owner < 0, found[kind], -1)
            found[PROSUMERS] = prosumers.community
        return found

    def _members(self, community: int, section: LocalExchange) -> _Here:
        home = {kind: self._community[kind] for kind in self.kinds}
        rows = {kind: np.flatnonzero(at == community) for kind, at in home.items()}
        given = section.shares or {}
        weights = {kind: np.full(len(at), given.get(kind, 1.0)) for kind, at in home.items()}
        name = self.simulation.setting.communities[community]
        for kind, groups in self.simulation.setting.members.groups.items():
            for group in groups:
                where, _, own = group.name.partition("/")
                if where == name and own in given and f"{kind.scenario_name}s" in weights:
                    weights[f"{kind.scenario_name}s"][group.rows] = given[own]
        for (where, members), first in self._prosumer_groups():
            if where == name and members.name in given:
                weights[PROSUMERS][first : first + members.count] = given[members.name]
        weight = np.concatenate([weights[kind][own] for kind, own in rows.items()])
        return _Here(community, section, rows, weight)

    def _joining(self) -> JoiningAndLeaving | None:
        """Return who joins and leaves; None where all take part for good."""
        numbers = {kind: k for k, kind in enumerate(self.kinds)}
        found = {}
        for here in self._here:
            if (given := here.section.membership) is not None:
                kind = [np.full(len(rows), numbers[name]) for name, rows in here.rows.items()]
                member = np.concatenate(list(here.rows.values()))
                found[here.community] = given, np.concatenate(kind), member
        return JoiningAndLeaving(self.simulation, self.kinds, found) if found else None

    def _prosumer_groups(self) -> Iterator[tuple[tuple[str, ProsumerMembers], int]]:
        """Yield the groups of prosumers with their communities and their first members."""
        if (prosumers := self.simulation.prosumers) is not None:
            yield from zip(prosumers.groups, prosumers.first.tolist(), strict=False)

    def _begin_step(self) -> None:
        places = len(self.simulation.setting.communities)
        shape = places, len(self.kinds)
        self.energies = {name: np.zeros(shape) for name in LOCAL_ENERGIES}
        self.prices: list[LocalPrices | None] = [None] * places
        self.feed_in = np.full(places, np.nan)
        self._without_gain = 0
        self._of_members: dict[int, tuple[FloatArray, ...]] = {}
        self._less_paid = {kind: np.zeros(len(at)) for kind, at in self._community.items()}
        self._less_received = {kind: np.zeros(len(at)) for kind, at in self._community.items()}

    def settle(self) -> None:
        """Exchange what can be, and enter what is paid for it beside the price of communities."""
        self._begin_step()
        if self.joining is not None:
            self.joining.begin_step()
        bought, sold = self._metered()
        price = self.simulation.paid_price()
        for here in self._here:
            if self.simulation.supplied[here.community]:
                self._exchange(here, bought, sold, float(price[here.community]))
        for name, energy in self.energies.items():
            self._sums[name] += energy.sum(axis=1)
        self._pay()

    def _metered(self) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """Return what each member draws and delivers in the step, by kind [kWh]."""
        bought = {kind: np.zeros(len(at)) for kind, at in self._community.items()}
        sold = {kind: np.zeros(len(at)) for kind, at in self._community.items()}
        self.paid = list(self.simulation.payments())
        for each, _ in self.paid:
            if each.shared:
                # A measured load below 0 is fed in.
                drawn, delivered = np.maximum(each.bought_kwh, 0.0), np.maximum(each.sold_kwh, 0.0)
                bought[each.kind][each.rows] += drawn + np.maximum(0.0 - each.sold_kwh, 0.0)
                sold[each.kind][each.rows] += delivered + np.maximum(0.0 - each.bought_kwh, 0.0)
        if (prosumers := self.simulation.prosumers) is not None:
            # All parts of a prosumer are behind one meter.
            for kind, owner in prosumers.owner.items():
                mine = owner >= 0
                for held in (bought, sold):
                    own = np.bincount(owner[mine], held[kind][mine], len(prosumers))
                    held[PROSUMERS] += own
        return bought, sold

    def _exchange(
        self, here: _Here, bought: dict[str, FloatArray], sold: dict[str, FloatArray], retail: float
    ) -> None:
        """Exchange energy in a community, and note what each member pays and is paid less."""
        section, m = here.section, here.community
        mine, theirs = (
            np.concatenate([held[kind][own] for kind, own in here.rows.items()])
            for held in (bought, sold)
        )
        own = np.minimum(mine, theirs)
        lack, surplus = mine - own, theirs - own
        wanted, offered = float(lack.sum()), float(surplus.sum())
        feed_in = feed_in_price(retail, section.feed_in_share, section.feed_in_price)
        prices = local_prices(
            retail, feed_in, section.local_fee, section.price, section.seller_share,
            offered / wanted if wanted > 0.0 else np.inf,
        )  # fmt: skip
        if prices is None and section.allocation != "none":
            self._without_gain += 1
        allocation = "none" if prices is None else section.allocation
        shared = self._shared(here, mine, theirs, allocation)
        self.prices[m] = None if allocation == "none" else prices
        self.feed_in[m] = feed_in
        self._of_members[m] = (mine, theirs, shared.received_kwh, shared.given_kwh)
        each = (own, lack, surplus, shared.received_kwh, shared.given_kwh, shared.fed_in_kwh)
        less_paid, less_received = np.zeros_like(own), (retail - feed_in) * shared.fed_in_kwh
        if prices is not None:
            less_paid = (retail - prices.local - prices.fee) * shared.received_kwh
            less_received = less_received + (retail - prices.local) * shared.given_kwh
        if prices is not None and self.joining is not None:
            # Others pay the price of the community, and are paid for feeding in.
            given = (prices.local - feed_in) * shared.given_kwh
            cheaper = (retail - prices.local - prices.fee) * shared.received_kwh
            self.joining.add(m, cheaper + given)
        ends = np.cumsum([len(rows) for rows in here.rows.values()]).tolist()
        for k, ((kind, rows), end) in enumerate(zip(here.rows.items(), ends, strict=True)):
            if not len(rows):
                continue
            members = slice(end - len(rows), end)
            for name, energy in zip(LOCAL_ENERGIES, each, strict=True):
                self.energies[name][m, k] = energy[members].sum()
            self._less_paid[kind][rows] = less_paid[members]
            self._less_received[kind][rows] = less_received[members]

    def _shared(
        self, here: _Here, used: FloatArray, generated: FloatArray, allocation: Allocation
    ) -> Shared:
        """Return who gets how much of a surplus, among those who take part."""
        pass_on, weight = here.section.pass_on, here.weight
        joining = None if self.joining is None else self.joining.here.get(here.community)
        if joining is None:
            return exchange_locally(used, generated, allocation, weight, pass_on=pass_on)
        received, given = np.zeros((2, len(used)))
        surplus = generated - np.minimum(used, generated)
        some = np.flatnonzero(joining.takes_part)
        if len(some):
            mine = used[some], generated[some]
            found = exchange_locally(*mine, allocation, weight[some], pass_on=pass_on)
            received[some], given[some] = found.received_kwh, found.given_kwh
            surplus[some] = found.fed_in_kwh
        return Shared(received, given, surplus)

    def _pay(self) -> None:
        """Enter the payments of all parties."""
        simulation, names = self.simulation, self.simulation.setting.communities
        pay, step = simulation.ledger.pay, simulation.step_index
        price = simulation.paid_price()
        for here in self._here:
            m, prices = here.community, self.prices[here.community]
            exchange, retail = f"{EXCHANGE}@{names[m]}", float(price[m])
            for party in self._of_party:
                received, given, fed_in = (
                    self.of_party(name, party)[m]
                    for name in ("received_kwh", "given_kwh", "fed_in_kwh")
                )
                who = f"{party}@{names[m]}"
                if prices is not None and received > 0.0:
                    cheaper = retail - prices.local - prices.fee
                    pay(step, f"local_discount_{party}", exchange, who, received, cheaper)
                if prices is not None and given > 0.0:
                    pay(step, f"local_sale_{party}", who, exchange, given, retail - prices.local)
                if fed_in > 0.0:
                    less = retail - float(self.feed_in[m])
                    pay(step, f"local_feed_in_{party}", who, f"aggregator@{names[m]}", fed_in, less)
                    simulation.aggregator_margin += less * fed_in
            shared = float(self.energies["received_kwh"][m].sum())
            if prices is not None and shared > 0.0:
                pay(step, "local_grid_fee", exchange, GRID_OPERATOR, shared, prices.fee)

    def of_party(self, name: str, party: str) -> list[float]:
        """Return an energy of the step of the members of a party, by community [kWh]."""
        found: list[float] = self.energies[name][:, self._of_party[party]].sum(axis=1).tolist()
        return found

    def payments(self) -> Iterator[MemberPayments]:
        """Yield what members pay, and are paid, less than the price of their community."""
        for kind in self.kinds:
            less = self._less_paid[kind]
            nothing = np.zeros(len(less))
            yield MemberPayments(kind, nothing, nothing, -less, -self._less_received[kind])

    def sums(self) -> dict[str, float]:
        """Return the figures of the step that add up over a run."""
        totals = {name: float(energy.sum()) for name, energy in self.energies.items()}
        fees = sum(
            prices.fee * float(self.energies["received_kwh"][m].sum())
            for m, prices in enumerate(self.prices)
            if prices is not None
        )
        return {
            "local_own_kwh": totals["own_kwh"],
            "local_lack_kwh": totals["lack_kwh"],
            "local_surplus_kwh": totals["surplus_kwh"],
            "local_shared_kwh": totals["received_kwh"],
            "local_fed_in_kwh": totals["fed_in_kwh"],
            "local_saving": sum(float(less.sum()) for less in self._less_paid.values()),
            "local_surplus_cost": sum(float(less.sum()) for less in self._less_received.values()),
            "local_grid_fees": float(fees),
        }

    def counts(self) -> dict[str, int]:
        """Return how often no local price was worth anything to both sides."""
        return {"local_exchanges_without_gain": self._without_gain}

    def summary(self) -> dict[str, Any]:
        """Return the totals of each community, and its self-sufficiency."""
        found = {}
        for here in self._here:
            sums = {name: float(held[here.community]) for name, held in self._sums.items()}
            name = self.simulation.setting.communities[here.community]
            found[name] = {
                "own_kwh": sums["own_kwh"],
                "lack_kwh": sums["lack_kwh"],
                "surplus_kwh": sums["surplus_kwh"],
                "shared_kwh": sums["received_kwh"],
                "fed_in_kwh": sums["fed_in_kwh"],
                **self_use(sums),
                **self._taking_part(here.community),
            }
        return {"local_exchange": found}

    def _taking_part(self, community: int) -> dict[str, int]:
        """Return how many members of a community take part, where they join and leave."""
        counts = {} if self.joining is None else self.joining.counts()
        return {"members": counts[community]} if community in counts else {}

    def rows(self) -> dict[str, Any]:
        """Return the rows of the step in local_exchange.parquet, community by community."""
        there = np.array([here.community for here in self._here], dtype=np.intp)
        kinds = len(self.kinds)
        local = [np.nan if (held := self.prices[m]) is None else held.local for m in there]
        return {
            "community": np.repeat(there, kinds),
            "kind": np.tile(np.arange(kinds), len(there)),
            **{name: energy[there].ravel() for name, energy in self.energies.items()},
            "local_price": np.repeat(local, kinds),
            "feed_in_price": np.repeat(self.feed_in[there], kinds),
        }

    def member_rows(self) -> dict[str, Any]:
        """Return the rows of the step in local_members.parquet, community by community."""
        rows: dict[str, list[Any]] = {name: [] for name in ("community", "kind", "member")}
        energies: dict[str, list[FloatArray]] = {name: [] for name in MEMBER_ENERGIES}
        for here in self._here:
            for k, members in enumerate(here.rows.values()):
                rows["community"].append(np.full(len(members), here.community))
                rows["kind"].append(np.full(len(members), k))
                rows["member"].append(members)
            nothing = (np.zeros(len(here.weight)),) * len(MEMBER_ENERGIES)
            each = self._of_members.get(here.community, nothing)
            for name, energy in zip(MEMBER_ENERGIES, each, strict=True):
                energies[name].append(energy)
        return {name: np.concatenate(held) for name, held in (rows | energies).items()}

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, live."""
        if self.joining is None:
            return dict(self._sums)
        return dict(self._sums) | {"joining": self.joining.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`."""
        for name, sums in self._sums.items():
            sums[:] = state[name]
        if self.joining is not None:
            self.joining.restore(state["joining"])
