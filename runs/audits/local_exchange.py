"""Whether members of communities share their surplus by the terms, at the price and for the money.

What members of a kind lack and have too much is what they trade with their aggregator by the
ledger. Who gets how much is worked out again, member by member, from what each uses and generates:
by local_members.parquet, or by the scenario where only households and buildings share and nothing
but their loads and generation counts.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.consumers_used import unknown_use
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.local_members import LocalMembers, SharingMembers, farthest
from hmesh.runs.audits.member_bills import MemberBills
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.membership_checks import MembershipAudit
from hmesh.runs.audits.reference.local_sharing import Shared, Terms, share_among
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments, SchemeAudit
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.local_exchange_section import LocalExchange
from hmesh.runs.scenarios.member_groups import ProsumerMembers

_CONSUMERS = ("households", "buildings")
PROSUMERS = "prosumers"
_EXCHANGE, _OPERATOR = "local_exchange@{community}", "grid_operator"
_ENERGIES = ("own_kwh", "lack_kwh", "surplus_kwh", "received_kwh", "given_kwh", "fed_in_kwh")


class LocalExchangeAudit(SchemeAudit):
    """The audit of the local exchanges of all communities, beside those of the schemes.

    Parameters
    ----------
    run, inputs, hours, energies : Run, RunInputs, dict of array, \
    mapping of (str, str) to GroupEnergy or None
        The run, what its scenario settles, the columns of hours.parquet, and what members use.

    Attributes
    ----------
    less_paid : dict of array, shape (strategies, members), or None
        What each household, building and prosumer pays less than the price of its community, by
        kind [money]; None where that is not known.
    less_received : dict of array
        Likewise what it is paid less.
    unknown_members : str
        Why, "" where it is known.
    """

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns, energies: Energies) -> None:
        self.run, self.inputs, self.hours = run, inputs, hours
        scenario = inputs.scenario
        self.sections: dict[int, LocalExchange] = {
            m: community.local_exchange
            for m, community in enumerate(scenario.communities.values())
            if community.local_exchange is not None
        }
        self.terms = {m: _terms(section) for m, section in self.sections.items()}
        groups = [g for community in scenario.communities.values() for g in community.members]
        there = {f"{group.kind}s" for group in groups}
        others = (scenario.section(name).shares_locally for name in scenario.schemes)
        always = (kind for kind in (*_CONSUMERS, PROSUMERS) if kind in there)
        self.kinds = [*always, *filter(None, others)]
        self.open = supplied(hours)
        self.reported = self._read()
        self.feed_in, self.local = self._prices()
        self.unknown_members, self._unknown_consumers = self._unknown(energies)
        self.less_paid: dict[str, FloatArray] | None = None
        self.less_received: dict[str, FloatArray] = {}
        self.membership = MembershipAudit(run, inputs, self.kinds, self.sections)
        self._shares = self._of_members()

    def _read(self) -> Columns:
        """Return its table, columns of shape (steps, strategies, communities, kinds)."""
        names = {
            "strategy": self.inputs.strategies, "community": self.inputs.communities,
            "kind": self.kinds,
        }  # fmt: skip
        rows = TableReader(self.run, "local_exchange", names, self.inputs.start_ms).rest()
        due = np.zeros((*self.open.shape, len(self.kinds)), dtype=bool)
        due[:, :, list(self.sections)] = True
        return framed("local_exchange", rows, {"step": range(self.inputs.steps), **names}, due)

    def _prices(self) -> tuple[FloatArray, FloatArray]:
        """Return feed-in and local prices, of the shape of the hours, NaN where there are none."""
        feed_in, local = np.full((2, *self.open.shape), np.nan)
        lack, surplus = (self.reported[name].sum(axis=3) for name in ("lack_kwh", "surplus_kwh"))
        retail = self.hours["community_price"]
        for m, terms in self.terms.items():
            for at in zip(*np.nonzero(self.open[:, :, m]), strict=True):
                place = (int(at[0]), int(at[1]), m)
                feed_in[place] = terms.feed_in(float(retail[place]))
                found = terms.local(float(retail[place]), float(surplus[place]), float(lack[place]))
                local[place] = np.nan if found is None else found
        return feed_in, local

    def _unknown(self, energies: Energies) -> tuple[str, str]:
        """Return why single members are not known, and why consumers are not; "" where they are."""
        more = {"battery_sharing", "community_storage"}.intersection(self.inputs.scenario.schemes)
        consumers = unknown_use(self.inputs, energies)
        if PROSUMERS in self.kinds:
            consumers = "prosumers share with all that they own"
        if more:
            consumers = f"{' and '.join(sorted(more))} give members energy"
        if self.inputs.scenario.record.local_members:
            return "", consumers
        if consumers or set(self.kinds).issubset(_CONSUMERS):
            return consumers, consumers
        return "record.local_members is false", consumers

    # What the ledger should hold, and what follows from it.

    def of_party(self, name: str, party: str) -> FloatArray:
        """Return an energy of the members of a party, "" for all, of the shape of the hours."""
        mine = [party in ("", party_of(kind)) for kind in self.kinds]
        energy: FloatArray = self.reported[name][..., mine].sum(axis=3)
        return energy

    def payments(self) -> Sequence[Payments]:
        """Return what parties are paid back, pay back, and pay the grid operator."""
        retail = np.where(self.open, self.hours["community_price"], 0.0)
        feed_in, local = np.nan_to_num(self.feed_in), np.nan_to_num(self.local)
        fee = np.zeros(self.open.shape[2])
        for m, terms in self.terms.items():
            fee[m] = terms.fee
        found = []
        for party in dict.fromkeys(map(party_of, self.kinds)):
            who = f"{party}@{{community}}"
            received, given, fed_in = (
                self.of_party(name, party) for name in ("received_kwh", "given_kwh", "fed_in_kwh")
            )
            cheaper, costlier = (retail - local - fee) * received, (retail - local) * given
            less = (retail - feed_in) * fed_in
            found += [
                Payments(
                    f"local_discount_{party}", _EXCHANGE, who, received, cheaper, received > 0.0
                ),
                Payments(f"local_sale_{party}", who, _EXCHANGE, given, costlier, given > 0.0),
                Payments(
                    f"local_feed_in_{party}", who, "aggregator@{community}", fed_in, less,
                    fed_in > 0.0,
                ),
            ]  # fmt: skip
        shared = self.reported["received_kwh"].sum(axis=3)
        fees = Payments("local_grid_fee", _EXCHANGE, _OPERATOR, shared, fee * shared, shared > 0.0)
        return [*found, fees]

    def aggregator_margin(self) -> FloatArray:
        """Return what aggregators keep of a surplus that no member gets [money]."""
        retail = np.where(self.open, self.hours["community_price"], 0.0)
        less: FloatArray = retail - np.nan_to_num(self.feed_in)
        fed_in: FloatArray = self.reported["fed_in_kwh"].sum(axis=3)
        return less * fed_in

    def figures(self) -> tuple[Figures, Figures]:
        """Return its figures of the summary, by step and of the run."""
        totals = {name: self.reported[name].sum(axis=3) for name in _ENERGIES}
        paid = {
            name: np.sum(
                [p.amount.sum(axis=2) for p in self.payments() if p.kind.startswith(name)], axis=0
            )
            for name in ("local_discount", "local_sale", "local_feed_in", "local_grid_fee")
        }
        by_step: Figures = {
            "local_own_kwh": totals["own_kwh"].sum(axis=2),
            "local_lack_kwh": totals["lack_kwh"].sum(axis=2),
            "local_surplus_kwh": totals["surplus_kwh"].sum(axis=2),
            "local_shared_kwh": totals["received_kwh"].sum(axis=2),
            "local_fed_in_kwh": totals["fed_in_kwh"].sum(axis=2),
            "local_saving": paid["local_discount"],
            "local_surplus_cost": paid["local_sale"] + paid["local_feed_in"],
            "local_grid_fees": paid["local_grid_fee"],
            "counts.local_exchanges_without_gain": self._without_gain(),
        }
        of_run: Figures = {}
        for m in self.sections:
            sums = {name: energy[:, :, m].sum(axis=0) for name, energy in totals.items()}
            place = f"local_exchange.{self.inputs.communities[m]}"
            used = sums["own_kwh"] + sums["received_kwh"]
            for figure, name in (
                ("own_kwh", "own_kwh"), ("lack_kwh", "lack_kwh"), ("surplus_kwh", "surplus_kwh"),
                ("shared_kwh", "received_kwh"), ("fed_in_kwh", "fed_in_kwh"),
            ):  # fmt: skip
                of_run[f"{place}.{figure}"] = sums[name]
            of_run |= self.membership.figures(m, place)
            for figure, rest in (
                ("self_consumption", "surplus_kwh"),
                ("self_sufficiency", "lack_kwh"),
            ):
                whole = sums["own_kwh"] + sums[rest]
                of_run[f"{place}.{figure}"] = np.divide(
                    used, whole, where=whole > 0.0, out=np.full_like(whole, np.nan)
                )
        return by_step, of_run

    def _without_gain(self) -> NDArray[np.int64]:
        """Return in how many communities of a step no local price is worth anything to both."""
        allocated = [m for m, terms in self.terms.items() if terms.allocation != "none"]
        lost = self.open[:, :, allocated] & np.isnan(self.local[:, :, allocated])
        return lost.sum(axis=2)

    # Who gets how much.

    def _of_members(self) -> dict[int, tuple[FloatArray, FloatArray]] | None:
        """Return the energies of each kind by sharing again, None where members are not known.

        Returns
        -------
        dict
            By community: what was found, of shape (energies, steps, strategies, kinds), and how far
            single members of local_members.parquet are off, (steps, strategies) [kWh].
        """
        if self.unknown_members:
            return None
        shape = (len(_ENERGIES), *self.open.shape[:2], len(self.kinds))
        known = LocalMembers(
            self.run, self.inputs, self.hours, self.kinds, self.sections, self.open
        )
        counts = self._counts()
        saved, given = (
            {kind: np.zeros((self.open.shape[1], counts[kind])) for kind in self._with_bills}
            for _ in range(2)
        )
        recorded = known.recorded() if self.inputs.scenario.record.local_members else None
        found = {}
        for m, terms in self.terms.items():
            energies, off = np.zeros(shape), np.zeros(shape[1:3])
            members, flows = known.by_scenario(m) if recorded is None else recorded[m]
            if recorded is not None and not self._unknown_consumers:
                flows = known.compared(m, flows, off)
            for step, (used, generated, stated) in enumerate(flows):
                for s in range(shape[2]):
                    opened = bool(self.open[step, s, m]) and not np.isnan(self.local[step, s, m])
                    some = self.membership.takes_part(m, s, step)
                    flow = used[s], generated[s], members.weight
                    each = share_among(terms, *flow, opened, some)
                    for n, values in enumerate(_listed(each)):
                        energies[n, step, s] = np.bincount(members.kind, values, shape[3])
                    if stated is not None:
                        off[step, s] = max(off[step, s], farthest(each, stated[s]))
                    self._save((saved, given), known.numbers, members, each, (step, s, m))
            found[m] = energies, off
        self.less_paid, self.less_received = saved, given
        return found

    @property
    def _with_bills(self) -> list[str]:
        return [kind for kind in self.kinds if kind in (*_CONSUMERS, PROSUMERS)]

    def _counts(self) -> dict[str, int]:
        """Return how many members of all communities there are of each kind with bills."""
        groups = [g for held in self.inputs.scenario.communities.values() for g in held.members]
        prosumers = sum(g.count for g in groups if isinstance(g, ProsumerMembers))
        counts = dict.fromkeys(_CONSUMERS, 0) | {PROSUMERS: prosumers}
        setting = self.inputs.setting
        if setting is not None:
            for kind, population in setting.members.populations.items():
                counts[f"{kind.scenario_name}s"] = len(population)
        # The household of a prosumer comes after all others.
        counts["households"] -= prosumers
        return counts

    def _save(
        self,
        saved: Sequence[Mapping[str, FloatArray]],
        numbers: Mapping[tuple[int, str], NDArray[np.intp]],
        members: SharingMembers,
        each: Shared,
        place: tuple[int, int, int],
    ) -> None:
        """Add what members pay, and are paid, less than the price of their community in a step."""
        if not self.open[place]:
            return
        m, retail = place[2], float(self.hours["community_price"][place])
        local = float(np.nan_to_num(self.local[place]))
        paid = (retail - local - self.terms[m].fee) * each.received_kwh
        if not np.isnan(self.local[place]):
            gained = (local - float(self.feed_in[place])) * each.given_kwh
            self.membership.add(m, place[1], place[0], paid + gained)
        received = (retail - local) * each.given_kwh
        received = received + (retail - float(self.feed_in[place])) * each.fed_in_kwh
        for k, kind in enumerate(self.kinds):
            if kind in saved[0]:
                mine = members.kind == k
                saved[0][kind][place[1], numbers[m, kind]] += paid[mine]
                saved[1][kind][place[1], numbers[m, kind]] += received[mine]

    def settled(self, bills: Mapping[str, MemberBills]) -> dict[str, MemberBills] | str:
        """Return bills of prosumers less what local energy saves them, or why it is not known."""
        if bills and self.less_paid is None:
            return f"what local energy saves prosumers is not known, since {self.unknown_members}"
        found = {}
        for kind, due in bills.items():
            less = {"paid": (self.less_paid or {})[kind], "received": self.less_received[kind]}
            columns = {name: held - less.get(name, 0.0) for name, held in due.columns.items()}
            found[kind] = MemberBills(columns, due.community)
        return found

    def checks(self) -> Iterator[Check]:
        """Check energies, prices and shares of its tables."""
        label = self.inputs.places.label(self.inputs.communities)
        t = {name: self.reported[name] for name in _ENERGIES}
        sums = Tally("local exchange: what is given is received or fed in", EXACT, "of the energy")
        given, received = (t[name].sum(axis=3) for name in ("given_kwh", "received_kwh"))
        sums.add(relative(received, given), label)
        apart = np.abs(t["surplus_kwh"] - t["given_kwh"] - t["fed_in_kwh"]).max(axis=3)
        sums.add(apart / np.maximum(t["surplus_kwh"].max(axis=3), 1.0), label)
        beyond = np.maximum(t["received_kwh"] - t["lack_kwh"], 0.0).max(axis=3)
        least = np.maximum(-np.min([values.min(axis=3) for values in t.values()], axis=0), 0.0)
        dark = np.max([np.abs(values).max(axis=3) for values in t.values()], axis=0)
        sums.add((beyond + least) / np.maximum(t["lack_kwh"].max(axis=3), 1.0), label)
        sums.add(np.where(self.open, 0.0, dark), label)
        yield sums.check()
        prices = Tally("local exchange: prices lie between feed-in and retail", EXACT,
                       "of the price")  # fmt: skip
        there = list(self.sections)
        here = self.inputs.places.label([self.inputs.communities[m] for m in there])
        for column, due in (("local_price", self.local), ("feed_in_price", self.feed_in)):
            stated, wanted = self.reported[column][:, :, there], due[:, :, there, None]
            both = np.isnan(stated) & np.isnan(wanted)
            off = np.where(both, 0.0, np.abs(stated - wanted)) / np.fmax(np.abs(wanted), 1.0)
            prices.add(np.where(np.isnan(off), np.inf, off).max(axis=3), here)
        retail = self.hours["community_price"]
        fee = np.array([self.terms[m].fee for m in there])
        local, feed_in = (np.nan_to_num(v[:, :, there]) for v in (self.local, self.feed_in))
        exchanged = ~np.isnan(self.local[:, :, there])
        over = np.maximum(local + fee - retail[:, :, there], feed_in - local)
        prices.add(np.where(exchanged, np.maximum(np.nan_to_num(over), 0.0), 0.0), here)
        yield prices.check()
        yield self._check_shares()
        yield from self.membership.check(self.unknown_members)

    def _check_shares(self) -> Check:
        tally = Tally("local exchange: each member gets its share", EXACT, "of the energy")
        if self._shares is None:
            tally.note(self.unknown_members)
            return tally.check()
        for m, (found, off) in self._shares.items():
            name = self.inputs.communities[m]
            label = self.inputs.places.label([f"{name}, {kind}" for kind in self.kinds])
            for n, column in enumerate(_ENERGIES):
                tally.add(relative(self.reported[column][:, :, m], found[n]), label)
            tally.add(off, self.inputs.places.label())
        return tally.check()


def _listed(each: Shared) -> tuple[FloatArray, ...]:
    return (
        each.own_kwh, each.lack_kwh, each.surplus_kwh,
        each.received_kwh, each.given_kwh, each.fed_in_kwh,
    )  # fmt: skip


def party_of(kind: str) -> str:
    """Return the party of the ledger that pays for members of a kind."""
    return "consumers" if kind in _CONSUMERS else kind


def _terms(section: LocalExchange) -> Terms:
    return Terms(
        section.allocation,
        section.pass_on,
        section.seller_share if section.price == "split" else None,
        section.feed_in_share,
        section.feed_in_price,
        section.grid_fee - section.fee_reduction * section.grid_fee,
    )
