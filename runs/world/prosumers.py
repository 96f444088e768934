"""Prosumers: households whose parts belong to several schemes, with one account and connection."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.consumer import Household
from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.markets.household_connection import excess_kwh, share_room
from hmesh.runs.results.buffer import Coded
from hmesh.runs.scenarios.prosumer_parts import owners, prosumers_of
from hmesh.runs.schemes.registry import prosumer_parts
from hmesh.runs.schemes.scheme_step import RowWriter, Scheme
from hmesh.runs.schemes.step_rows import first_recorded
from hmesh.runs.world.member_payments import EVERY, MemberPayments

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

type Rows = NDArray[np.intp]

KIND, PARTY = "prosumers", "prosumers"
HOUSEHOLDS = "households"
FLOWS = ("bought_kwh", "sold_kwh", "paid", "received")
# Parties of the ledger that bear another name than the kind of member.
_PARTIES = {HOUSEHOLDS: "consumers"}


class Prosumers(Scheme):
    """The prosumers of a world, each with its parts.

    They belong to no scheme. Each part decides as others of its scheme do; what its parts pay and
    are paid is on the account of the prosumer, and what its parts at home draw passes its
    connection. Parts are the last members of their kinds.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy, its schemes made.

    Attributes
    ----------
    community : array of int, shape (prosumers,)
        Where each lives.
    limit_kwh : array, shape (prosumers,)
        What its connection lets pass in a step, both ways; infinite without a limit [kWh].
    owner : dict of array, shape (members of the kind,)
        The prosumer whose part each member of a kind is, -1 for none.
    parts : dict of dict of array, shape (prosumers,)
        Of the step: by kind of part what it buys and sells, pays and is paid, by the names of
        `FLOWS`, and ``home_kwh``, what it draws at home less what it delivers [kWh, money].
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        scenario, step_h = simulation.setting.scenario, simulation.step_h
        names = simulation.setting.communities
        self.groups = list(prosumers_of(scenario.communities))
        counts = [members.count for _, members in self.groups]
        self.first = np.cumsum([0, *counts])
        self.community = np.repeat([names.index(c) for c, _ in self.groups], counts).astype(np.intp)
        limit = [np.inf if m.connection_kw is None else m.connection_kw for _, m in self.groups]
        self.limit_kwh = np.repeat(np.array(limit, dtype=np.float64), counts) * step_h
        self.owner = self._owners()
        self._last = {kind: int(np.sum(owner < 0)) for kind, owner in self.owner.items()}
        self.parts: dict[str, dict[str, FloatArray]] = {}
        self._of_step: tuple[MemberPayments, FloatArray]
        self._part_of = {kind: self._parts_of(owner) for kind, owner in self.owner.items()}
        self._paying = {kind: list(self._where_paying(kind)) for kind in self.owner}

    def _parts_of(self, owner: Rows) -> tuple[Rows, Rows, Rows, Rows]:
        """Return parts of prosumers and whose each is, other members, and all who own a part."""
        rows = np.flatnonzero(owner >= 0)
        return rows, owner[rows], np.flatnonzero(owner < 0), np.unique(owner[rows])

    def __len__(self) -> int:
        return len(self.community)

    def _owners(self) -> dict[str, Rows]:
        simulation, seed = self.simulation, self.simulation.setting.scenario.seed
        found = {HOUSEHOLDS: np.full(len(simulation.consumers[Household]), -1)}
        for group in simulation.setting.members.groups[Household]:
            for (community, members), first in zip(self.groups, self.first.tolist(), strict=False):
                if group.name == f"{community}/{members.name}":
                    found[HOUSEHOLDS][group.rows] = first + np.arange(members.count)
        for key, descriptor in prosumer_parts().items():
            assert descriptor.prosumer_part is not None
            owning = [k for k, (_, members) in enumerate(self.groups) if key in members.owns]
            scheme = simulation.schemes.get(descriptor.name)
            if not owning or scheme is None:
                continue
            kind = descriptor.prosumer_part.kind
            found[kind] = np.full(len(scheme.member_communities()[kind]), -1)
            for k in owning:
                community, members = self.groups[k]
                own = owners(seed, community, members, key)
                if len(own):
                    found[kind][scheme.members_of(members.name)] = self.first[k] + own
        return {kind: owner for kind, owner in found.items() if (owner >= 0).any()}

    def others(self, kind: str, count: int) -> int:
        """Return how many members of a kind, the first ones, belong to no prosumer."""
        return self._last.get(kind, count)

    def of_others(self, payments: MemberPayments) -> MemberPayments:
        """Return the payments of those members that belong to no prosumer."""
        owner = self.owner.get(payments.kind)
        if owner is None:
            return payments
        if payments.rows is EVERY:
            own = rows = self._part_of[payments.kind][2]
        else:
            own = np.flatnonzero(owner[payments.rows] < 0)
            rows = np.arange(len(owner))[payments.rows][own]
        bought, sold, paid, received = (getattr(payments, name)[own] for name in FLOWS)
        return MemberPayments(payments.kind, bought, sold, paid, received, rows)

    def stored(self, held: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Return what batteries hold by kind, those of prosumers added up by prosumer [kWh]."""
        found, own = {}, np.zeros(len(self))
        for kind, energy in held.items():
            owner = self.owner.get(kind)
            if owner is None:
                found[kind] = energy
                continue
            mine, who, others, _ = self._part_of[kind]
            own += np.bincount(who, energy[mine], len(self))
            if len(others):
                found[kind] = energy[others]
        return found | {KIND: own}

    def look_around(self) -> None:
        """Let the parts of each share the room that its connection leaves them.

        Everything is known but what answers to the price of the step.
        """
        if np.isinf(self.limit_kwh).all():
            return
        least, most = self._committed_kwh()
        held, columns = [], []
        for scheme in self.simulation.schemes.values():
            bounds = scheme.answer_bounds()
            owner = None if bounds is None else self.owner.get(bounds.kind)
            if bounds is None or owner is None:
                continue
            who = owner[bounds.member]
            home = np.append(self.community, -1)[who]
            who = np.where(home == bounds.community, who, -1)
            held.append(scheme)
            columns.append((who, bounds.lower_kwh, bounds.upper_kwh))
        if not held:
            return
        who, lower, upper = (np.concatenate(column) for column in zip(*columns, strict=True))
        lower, upper = share_room(least, most, self.limit_kwh, who, lower, upper)
        ends = np.cumsum([len(who) for who, *_ in columns])[:-1]
        parts = np.split(lower, ends), np.split(upper, ends)
        for scheme, low, high in zip(held, *parts, strict=True):
            scheme.narrow(low, high)

    def _committed_kwh(self) -> tuple[FloatArray, FloatArray]:
        """Return what each draws at least and at most beside what is stored at a price [kWh].

        An elastic load is between its shares, whatever the price.
        """
        simulation = self.simulation
        households = simulation.consumers[Household].population
        load = households["load_kwh"]
        used = np.maximum(load, 0.0)
        net = load - simulation.meters.generated_kwh.get(Household, 0.0)
        elastic = households["elasticity"] > 0
        shares = (
            np.where(elastic, households[name] - 1.0, 0.0) for name in ("least_share", "most_share")
        )
        held: dict[str, tuple[FloatArray, FloatArray]] = {}
        low, high = (net + used * share for share in shares)
        held[HOUSEHOLDS] = low, high
        for scheme in simulation.schemes.values():
            held |= {kind: (each, each) for kind, each in scheme.committed_kwh().items()}
        least, most = np.zeros((2, len(self)))
        for kind in self.owner:
            mine, who, *_ = self._part_of[kind]
            for total, each in zip((least, most), held.get(kind, ()), strict=False):
                total += np.bincount(who, each[mine], len(self))
        return least, most

    def pay_all(self, paid: Iterable[tuple[MemberPayments, bool]]) -> None:
        """Let each pay for its parts, and be paid for them.

        Parameters
        ----------
        paid : iterable of (MemberPayments, bool)
            What single members pay and receive in the step, and whether meters read it.
        """
        simulation, places = self.simulation, len(self.simulation.setting.communities)
        where = self._places()
        self.parts = {
            kind: {name: np.zeros(len(self)) for name in (*FLOWS, "home_kwh")}
            for kind in self.owner
        }
        due = {kind: np.zeros(places) for kind in self.owner}
        for payments, metered in paid:
            owner = self.owner.get(payments.kind)
            if owner is None:
                continue
            if payments.rows is EVERY:
                mine, who, *_ = self._part_of[payments.kind]
                at = where[payments.kind][mine]
            else:
                who = owner[payments.rows]
                mine = np.flatnonzero(who >= 0)
                who, at = who[mine], where[payments.kind][payments.rows][mine]
            flows = [getattr(payments, name)[mine] for name in FLOWS]
            of_kind = self.parts[payments.kind]
            for name, flow in zip(FLOWS, flows, strict=True):
                of_kind[name] += np.bincount(who, flow, len(self))
            bought, sold, paid, received = flows
            if metered:
                home = at == self.community[who]
                net = np.where(home, bought - sold, 0.0)
                of_kind["home_kwh"] += np.bincount(who, net, len(self))
            # Nobody pays on the road.
            there = at >= 0
            due[payments.kind] += np.bincount(at[there], (paid - received)[there], places)
        for kind, amounts in due.items():
            for m, name in self._paying[kind]:
                party = f"{_PARTIES.get(kind, kind)}@{name}"
                simulation.ledger.pay(
                    simulation.step_index, f"prosumer_{kind}", f"{PARTY}@{name}", party, 0.0, 0.0,
                    float(amounts[m]),
                )  # fmt: skip
        self._of_step = self._added_up()

    def _places(self) -> dict[str, Rows]:
        """Return the community in which each member of a kind is in the step, -1 for none."""
        found = {HOUSEHOLDS: self.simulation.consumers[Household].population["community"]}
        for scheme in self.simulation.schemes.values():
            found |= scheme.member_places()
        return {kind: found[kind].astype(np.intp, copy=False) for kind in self.owner}

    def _where_paying(self, kind: str) -> Iterator[tuple[int, str]]:
        """Yield the communities in which parts of a kind may pay."""
        names = self.simulation.setting.communities
        there = set(self.community[self._part_of[kind][1]].tolist())
        parts = (each.prosumer_part for each in prosumer_parts().values())
        movable = any(part is not None and part.kind == kind and part.moves for part in parts)
        for m, name in enumerate(names):
            if movable or m in there:
                yield m, name

    @property
    def connection_kwh(self) -> FloatArray:
        """What passes the connection of each, above 0 drawn from the grid [kWh]."""
        return self._of_step[1]

    def account(self) -> MemberPayments:
        """Return what each pays and receives in the step."""
        return self._of_step[0]

    def _added_up(self) -> tuple[MemberPayments, FloatArray]:
        """Return what each pays and receives for all of its parts, and what they draw at home."""
        bought, sold, paid, received, drawn = (
            np.sum([of_kind[name] for of_kind in self.parts.values()], axis=0)
            for name in (*FLOWS, "home_kwh")
        )
        return MemberPayments(KIND, bought, sold, paid, received), drawn

    def sums(self) -> dict[str, float]:
        """Return what all of them draw, and pay."""
        account = self.account()
        return {
            "prosumer_kwh": float(account.bought_kwh.sum() - account.sold_kwh.sum()),
            "prosumer_bill": float(account.paid.sum() - account.received.sum()),
            "prosumer_excess_kwh": float(self._excess_kwh().sum()),
        }

    def _excess_kwh(self) -> FloatArray:
        return excess_kwh(self.connection_kwh, self.limit_kwh)

    def counts(self) -> dict[str, int]:
        """Count connections that carry more than their limit."""
        return {"prosumer_connections_exceeded": int(np.sum(self._excess_kwh() > DUST_KWH))}

    def record(self, writer: RowWriter) -> None:
        """Write what passes the connections of those recorded, and what their parts do."""
        simulation = self.simulation
        recorded = first_recorded(simulation.setting.scenario.record.prosumers, len(self))
        if not recorded:
            return
        about: dict[str, Any] = {"step": simulation.step_index, "strategy": simulation.strategy}
        account = self.account()
        writer.add(
            "prosumers",
            about
            | {
                "prosumer": np.arange(recorded),
                "community": Coded(self.community[:recorded], simulation.setting.communities),
                "connection_kwh": self.connection_kwh[:recorded],
                "paid": account.paid[:recorded],
                "received": account.received[:recorded],
            },
        )
        for kind, columns in self.parts.items():
            own = self._part_of[kind][3]
            own = own[own < recorded]
            if len(own):
                writer.add(
                    "prosumer_parts",
                    about
                    | {"prosumer": own, "part": kind}
                    | {name: values[own] for name, values in columns.items()},
                )
