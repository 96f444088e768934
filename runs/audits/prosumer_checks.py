"""Whether prosumers have one account and one connection for all that they own.

Who owns what is drawn again, and what each part trades is taken from the table of its scheme, so
that no code of `hmesh.runs.world` that composes them is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.bills_of_members import CREDITS, MemberTariffAudit
from hmesh.runs.audits.member_bills import MemberBills
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.prosumer_households import ProsumerGroup, household_flows, household_range
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import (
    NO_ANSWERS,
    AnswersDue,
    Figures,
    MemberFlows,
    Payments,
    SchemeAudit,
)
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.member_groups import ProsumerMembers
from hmesh.runs.schemes.registry import prosumer_parts

HOUSEHOLDS = "households"
FLOWS = ("bought_kwh", "sold_kwh", "paid", "received")


class ProsumerAudit(SchemeAudit):
    """The audit of the prosumers, beside those of the schemes.

    Parameters
    ----------
    run, inputs, hours : Run, RunInputs, dict of array
        The run, what its scenario settles, and the columns of hours.parquet.
    energies : mapping of (str, str) to GroupEnergy or None
        As `member_energies` gives them.
    schemes : mapping of SchemeAudit
        The audits of the schemes, by name.
    tariffs : MemberTariffAudit
        What members with a tariff of their own pay.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        hours: Columns,
        energies: Energies,
        schemes: Mapping[str, SchemeAudit],
        tariffs: MemberTariffAudit,
    ) -> None:
        self.run, self.inputs, self.hours = run, inputs, hours
        self._tariffs = tariffs
        self._energies, self._schemes = energies, schemes
        self.groups: list[ProsumerGroup] = []
        for name, community in inputs.scenario.communities.items():
            for members in community.members:
                if isinstance(members, ProsumerMembers):
                    place = inputs.communities.index(name)
                    self.groups.append(ProsumerGroup(name, place, members, len(self)))

    def __len__(self) -> int:
        return sum(group.members.count for group in self.groups)

    @property
    def there(self) -> bool:
        """Whether there are prosumers."""
        return bool(self.groups)

    @cached_property
    def owning(self) -> dict[str, list[tuple[ProsumerGroup, NDArray[np.intp]]]]:
        """By kind of part, the groups with those of them that own one."""
        seed, found = self.inputs.scenario.seed, {HOUSEHOLDS: [(g, g.all) for g in self.groups]}
        for key, descriptor in prosumer_parts().items():
            part = descriptor.prosumer_part
            assert part is not None
            held = [(group, group.owning(seed, key)) for group in self.groups]
            if any(len(own) for _, own in held) and descriptor.name in self._schemes:
                found[part.kind] = [(group, own) for group, own in held if len(own)]
        return found

    @cached_property
    def parts(self) -> dict[str, MemberFlows | str]:
        """What the parts of each kind trade, a column for each part; text says why not known."""
        of_households = household_flows(self.inputs, self.hours, self._energies, self.groups)
        if not isinstance(of_households, str):
            of_households = self._by_tariff(of_households)
        found: dict[str, MemberFlows | str] = {HOUSEHOLDS: of_households}
        for _, kind, audit in self._owned_schemes():
            flows: list[MemberFlows] = []
            for group, _ in self.owning[kind]:
                each = audit.member_flows(group.members.name)
                if isinstance(each, str):
                    found[kind] = each
                    break
                flows.append(each)
            else:
                found[kind] = self._joined(flows)
        return found

    def _by_tariff(self, flows: MemberFlows) -> MemberFlows | str:
        """Return the flows of households, those with a tariff by their meters."""
        bills = self._tariffs.groups if self._tariffs.there else {}
        if bills is None:
            return FILE_GONE
        columns = {name: getattr(flows, name).copy() for name in FLOWS}
        for group in self.groups:
            own = bills.get((group.community, group.members.name))
            if own is None:
                continue
            rows = slice(group.first, group.first + group.members.count)
            paid = sum(each for kind, each in own.parts.items() if kind not in CREDITS)
            received = sum(own.parts[kind] for kind in CREDITS if kind in own.parts)
            meters = own.bought_kwh, own.sold_kwh, paid, received
            for name, values in zip(FLOWS, meters, strict=True):
                columns[name][:, :, rows] = np.asarray(values)[:, None]
        return MemberFlows(**columns, place=flows.place)

    def who(self, kind: str) -> NDArray[np.intp]:
        """Return the prosumer of each part of a kind."""
        return np.concatenate([own for _, own in self.owning[kind]])

    def _joined(self, held: Sequence[MemberFlows]) -> MemberFlows:
        """Return the parts of several groups side by side."""
        columns = {
            name: np.concatenate([getattr(flows, name) for flows in held], axis=2) for name in FLOWS
        }
        places = [np.broadcast_to(flows.place, flows.paid.shape) for flows in held]
        return MemberFlows(**columns, place=np.concatenate(places, axis=2))

    def _of_each(self, kind: str, values: FloatArray) -> FloatArray:
        """Return a quantity of parts added up by prosumer, shape (steps, strategies, prosumers)."""
        added = np.zeros((*values.shape[:2], len(self)))
        for k, prosumer in enumerate(self.who(kind).tolist()):
            added[:, :, prosumer] += values[:, :, k]
        return added

    @property
    def unknown(self) -> str:
        """Why it is not known what all parts trade; "" where it is."""
        return next((each for each in self.parts.values() if isinstance(each, str)), "")

    def _known(self) -> dict[str, MemberFlows]:
        return {kind: each for kind, each in self.parts.items() if not isinstance(each, str)}

    def _home(self) -> NDArray[np.intp]:
        places = [np.full(group.members.count, group.place) for group in self.groups]
        return np.concatenate(places)

    def _at_home(self, kind: str, flows: MemberFlows) -> FloatArray:
        """Return what parts of a kind draw at home, less what they deliver, by prosumer [kWh]."""
        here = flows.place == self._home()[self.who(kind)]
        return self._of_each(kind, np.where(here, flows.bought_kwh - flows.sold_kwh, 0.0))

    def payments(self) -> Sequence[Payments]:
        """Return what prosumers pay for their parts, community by community."""
        found = []
        for kind, flows in self.parts.items():
            party = "consumers" if kind == HOUSEHOLDS else kind
            home = sorted({group.place for group, _ in self.owning[kind]})
            amount = np.zeros(self.hours["net_kwh"].shape)
            there = np.zeros(amount.shape, dtype=np.bool_)
            there[:, :, home] = True
            if isinstance(flows, str):
                amount, there = self._of_ledger(kind)
            else:
                for m in range(amount.shape[2]):
                    here = np.where(flows.place == m, flows.paid - flows.received, 0.0)
                    amount[:, :, m] = here.sum(axis=2)
                if kind in self._moving:
                    there[:] = True
            sides = "prosumers@{community}", f"{party}@{{community}}"
            found.append(Payments(f"prosumer_{kind}", *sides, np.zeros_like(amount), amount, there))
        return found

    @property
    def _moving(self) -> set[str]:
        """The kinds whose members move between communities."""
        parts = (each.prosumer_part for each in prosumer_parts().values())
        return {part.kind for part in parts if part is not None and part.moves}

    def _of_ledger(self, kind: str) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return what the ledger itself says that was paid for parts of a kind, and where."""
        amount = np.zeros(self.hours["net_kwh"].shape)
        there = np.zeros(amount.shape, dtype=np.bool_)
        strategies, communities = list(self.inputs.strategies), self.inputs.communities
        columns = ["step", "strategy", "payer", "amount"]
        rows = self.run.table("ledger", columns, [("kind", "in", [f"prosumer_{kind}"])])
        for row in rows.to_pylist():
            m = communities.index(row["payer"].partition("@")[2])
            at = row["step"], strategies.index(row["strategy"]), m
            amount[at] += row["amount"]
            there[at] = True
        return amount, there

    def checks(self) -> Iterator[Check]:
        """Compare parts with their schemes, and accounts and connections with parts."""
        if not self.there:
            return
        inputs = self.inputs
        wanted = inputs.scenario.record.prosumers
        count = {"all": len(self), "none": 0}.get(str(wanted), wanted)
        recorded = min(int(count), len(self))
        kinds = list(self.owning)
        owns = np.zeros((recorded, len(kinds)), dtype=np.bool_)
        for k, kind in enumerate(kinds):
            for _, own in self.owning[kind]:
                owns[own[own < recorded], k] = True
        steps, strategies = inputs.steps, inputs.strategies
        keys: dict[str, range | Sequence[str]] = {
            "step": range(steps), "strategy": strategies, "prosumer": range(recorded),
        }  # fmt: skip
        names = {"strategy": strategies, "part": kinds}
        rows = TableReader(self.run, "prosumer_parts", names, inputs.start_ms).rest()
        due = np.broadcast_to(owns, (steps, len(strategies), *owns.shape))
        parts = framed("prosumer_parts", rows, {**keys, "part": kinds}, due, ascending=2)
        names = {"strategy": strategies, "community": inputs.communities}
        rows = TableReader(self.run, "prosumers", names, inputs.start_ms).rest()
        all_of = framed("prosumers", rows, keys)
        yield self._check_parts(parts, kinds, recorded)
        yield self._check_sums(parts, all_of, recorded)
        if np.isfinite(self.limit_kwh).any():
            yield self._check_limits()

    def _check_parts(self, parts: Columns, kinds: Sequence[str], recorded: int) -> Check:
        tally = Tally("prosumers: parts trade as their schemes have it", EXACT, "of the amount")
        for k, kind in enumerate(kinds):
            flows = self.parts[kind]
            if isinstance(flows, str):
                tally.note(f"{kind} left out: {flows}")
                continue
            label = self.inputs.places.label(f"{kind} of prosumer")
            due = {name: self._of_each(kind, getattr(flows, name)) for name in FLOWS}
            due["home_kwh"] = self._at_home(kind, flows)
            for name, values in due.items():
                tally.add(relative(parts[name][..., k], values[:, :, :recorded]), label)
        return tally.check()

    def _check_sums(self, parts: Columns, all_of: Columns, recorded: int) -> Check:
        name = "prosumers: account and connection are those of all parts"
        tally = Tally(name, EXACT, "of the amount")
        label = self.inputs.places.label("prosumer")
        for column, part in (
            ("connection_kwh", "home_kwh"), ("paid", "paid"), ("received", "received"),
        ):  # fmt: skip
            added = parts[part].sum(axis=3)
            size = np.abs(parts[part]).sum(axis=3)
            tally.add(np.abs(all_of[column] - added) / np.maximum(size, 1.0), label)
        home = self._home()[:recorded]
        tally.add((all_of["community"] != home).astype(np.float64), label)
        return tally.check()

    def _check_limits(self) -> Check:
        """Compare the bounds of stores with the room that connections leave them."""
        name = "prosumers: stores answer with the room of their connections"
        tally = Tally(name, EXACT, "of the energy")
        drawn, held = self._committed(), self._answers_due()
        why = drawn if isinstance(drawn, str) else held if isinstance(held, str) else self.unknown
        if why or isinstance(drawn, str) or isinstance(held, str):
            tally.note(why)
            return tally.check()
        least, most = drawn
        give, take = np.zeros((2, *least.shape))
        for who, due in held:
            home = self._stands_at_home(who, due)
            for k, prosumer in enumerate(who.tolist()):
                give[:, :, prosumer] += np.where(home, due.give, 0.0)[:, :, k]
                take[:, :, prosumer] += np.where(home, due.take, 0.0)[:, :, k]
        up = _part(np.maximum(self.limit_kwh - most, 0.0), take)
        down = _part(np.maximum(self.limit_kwh + least, 0.0), give)
        for who, due in held:
            label = self.inputs.places.label([f"store of prosumer {p}" for p in who])
            home = self._stands_at_home(who, due)
            more, less = (np.where(home, part[:, :, who], 1.0) for part in (up, down))
            tally.add(relative(due.upper_kwh, due.take * more), label)
            tally.add(relative(due.lower_kwh, -due.give * less), label)
        # Whatever is above a limit was there before any store answered.
        label = self.inputs.places.label("prosumer")
        over = np.maximum(self.connection_kwh - np.maximum(self.limit_kwh, most), 0.0)
        under = np.maximum(np.minimum(-self.limit_kwh, least) - self.connection_kwh, 0.0)
        tally.add((over + under) / np.maximum(np.abs(self.connection_kwh), 1.0), label)
        return tally.check()

    def _stands_at_home(self, who: NDArray[np.intp], due: AnswersDue) -> NDArray[np.bool_]:
        """Return where each store is behind the connection of its prosumer."""
        home = np.ones(due.take.shape, dtype=np.bool_)
        return home if due.place is None else due.place == self._home()[who]

    def _committed(self) -> tuple[FloatArray, FloatArray] | str:
        """Return what each draws at least and at most beside its stores [kWh], or why not known."""
        if isinstance(self.parts[HOUSEHOLDS], str):
            return self.unknown
        least, most = household_range(self.inputs, self.hours, self._energies, self.groups)
        for _, kind, audit in self._owned_schemes():
            for group, own in self.owning[kind]:
                drawn = audit.committed_kwh(group.members.name)
                if isinstance(drawn, str):
                    return drawn
                for k, prosumer in enumerate(own.tolist()):
                    least[:, :, prosumer] += drawn[:, :, k]
                    most[:, :, prosumer] += drawn[:, :, k]
        return least, most

    def _answers_due(self) -> list[tuple[NDArray[np.intp], AnswersDue]] | str:
        """Return the stores that answer, each with its prosumer, or why they are not known."""
        found = []
        for _, kind, audit in self._owned_schemes():
            for group, own in self.owning[kind]:
                due = audit.answers_due(group.members.name)
                if isinstance(due, str):
                    if due != NO_ANSWERS:
                        return due
                    continue
                found.append((own[due.member], due))
        return found

    def _owned_schemes(self) -> Iterator[tuple[str, str, SchemeAudit]]:
        """Yield key, kind of members and audit of each scheme of which prosumers own parts."""
        for key, descriptor in prosumer_parts().items():
            part = descriptor.prosumer_part
            if part is not None and part.kind in self.owning:
                yield key, part.kind, self._schemes[descriptor.name]

    @cached_property
    def connection_kwh(self) -> FloatArray:
        """What passes each connection, shape (steps, strategies, prosumers) [kWh]."""
        shape = (self.inputs.steps, len(self.inputs.strategies), len(self))
        parts = (self._at_home(kind, flows) for kind, flows in self._known().items())
        return sum(parts, np.zeros(shape))

    @cached_property
    def limit_kwh(self) -> FloatArray:
        """What each connection lets pass in a step, infinite without a limit [kWh]."""
        limits = [
            np.full(g.members.count, np.inf if g.members.connection_kw is None
                    else g.members.connection_kw * self.inputs.step_h)
            for g in self.groups
        ]  # fmt: skip
        return np.concatenate(limits)

    def figures(self) -> tuple[Figures, Figures]:
        """Return what all of them draw and pay, and by how much connections are exceeded."""
        if not self.there or self.unknown:
            return {}, {}
        known = self._known().values()
        excess = np.maximum(np.abs(self.connection_kwh) - self.limit_kwh, 0.0)
        bought = sum((f.bought_kwh - f.sold_kwh).sum(axis=2) for f in known)
        paid = sum((f.paid - f.received).sum(axis=2) for f in known)
        return {
            "prosumer_kwh": np.asarray(bought),
            "prosumer_bill": np.asarray(paid),
            "prosumer_excess_kwh": excess.sum(axis=2),
            "counts.prosumer_connections_exceeded": (excess > DUST_KWH).sum(axis=2),
        }, {}

    def bills(self) -> dict[str, MemberBills] | str:
        """Return what each should have on its account, or why that is unknown."""
        if not self.there:
            return {}
        if self.unknown:
            return self.unknown
        columns = {
            name: np.asarray(
                sum(
                    self._of_each(kind, getattr(flows, name)).sum(axis=0)
                    for kind, flows in self._known().items()
                )
            )
            for name in FLOWS
        }
        return {"prosumers": MemberBills(columns, self._home())}


def _part(room: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return the part of what is wanted that there is room for, all of it where that is enough."""
    part = np.ones(wanted.shape)
    scarce = wanted > room
    np.divide(np.broadcast_to(room, wanted.shape), wanted, out=part, where=scarce)
    return part
