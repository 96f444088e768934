"""Whether the kept messages say what was decided, and followers answer as they must."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.reference.aggregator import best_prices
from hmesh.runs.audits.reference.demand import Demand
from hmesh.runs.audits.reference.utility import PriceGame
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import SchemeAudit
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.record_section import MessageSettings
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL

KINDS = (
    "PriceOffer", "EnergyBid", "PriceAnnouncement", "PlugIn", "CurveRequest", "CurveBid",
    "CommunityCurve",
)  # fmt: skip
OFFER, BID, ANNOUNCEMENT, PLUG_IN, REQUEST, CURVES, COMMUNITY_CURVE = range(len(KINDS))
ANSWERS = (BID, CURVES, COMMUNITY_CURVE)


def message_reader(run: Run, inputs: RunInputs, schemes: Sequence[SchemeAudit] = ()) -> TableReader:
    """Open messages.parquet; parties are aggregators, their vehicles, the utility, all vehicles.

    The kinds of messages and the parties of schemes follow after those of the vehicles.

    Raises
    ------
    DamagedTableError
        If it is missing, cannot be read or has other columns.
    """
    communities = inputs.communities
    everyone = [f"vehicles@{name}" for name in communities]
    others = [party for scheme in schemes for party in scheme.parties]
    parties = list(dict.fromkeys([*communities, *everyone, "utility", "vehicles", *others]))
    names = {
        "strategy": inputs.strategies,
        "kind": kinds_with(schemes),
        "sender": parties,
        "receiver": parties,
    }
    return TableReader(run, "messages", names, inputs.start_ms)


def kinds_with(schemes: Sequence[SchemeAudit]) -> list[str]:
    """Return the kinds of messages of a run, those of vehicles first."""
    others = [kind for scheme in schemes for kind in scheme.message_kinds]
    return list(dict.fromkeys([*KINDS, *others]))


def by_step(
    reader: TableReader, inputs: RunInputs, first: int, last: int
) -> Iterator[tuple[int, int, Columns]]:
    """Give the messages of each step and strategy, in the order of the run.

    Raises
    ------
    DamagedTableError
        If they stand in another order, or belong nowhere.
    """
    rows = reader.before("step", last)
    count = len(inputs.strategies)
    place = (rows["step"] - first) * count + rows["strategy"]
    if (np.diff(place) < 0).any() or (place < 0).any():
        raise DamagedTableError("messages", "steps or strategies are out of order")
    cuts = np.searchsorted(place, np.arange((last - first) * count + 1))
    for k in range((last - first) * count):
        here = slice(cuts[k], cuts[k + 1])
        step, strategy = divmod(k, count)
        yield first + step, strategy, {name: values[here] for name, values in rows.items()}


class MessageAudit:
    """Checks messages.parquet step by step.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    hours : dict of array
        The columns of hours.parquet.

    Attributes
    ----------
    kinds : list of str
        Kinds of messages, those of vehicles first; what others say is counted here, and checked by
        the audits of their schemes.
    sent : array of int, shape (strategies, kinds)
        Messages of each kind that were kept.
    """

    def __init__(
        self, inputs: RunInputs, hours: Columns, schemes: Sequence[SchemeAudit] = ()
    ) -> None:
        self.kinds = kinds_with(schemes)
        self.inputs = inputs
        self._answered = any(each.answers for each in schemes)
        of_agents = (each for each in schemes if each.of_agents)
        self._vehicles = any(each.answers and not each.answers_beside for each in of_agents)
        # Places of those who answer beside the vehicles, after utility and vehicles.
        others = list(dict.fromkeys(party for each in schemes for party in each.parties))
        self._others: dict[tuple[str, int], int] = {}
        for place, party in enumerate(others):
            name, _, community = party.partition("@")
            if community in inputs.communities:
                key = name, inputs.communities.index(community)
                self._others[key] = 2 * len(inputs.communities) + 2 + place
        self._by_design = any(each.answers_by_design for each in schemes)
        self._hours = hours
        self._aggregators = len(inputs.communities)
        self._utility = 2 * self._aggregators
        self.sent = np.zeros((len(inputs.strategies), len(self.kinds)), dtype=np.int64)
        self._sent_by = Tally("messages: from whom and when they may be", EXACT, "steps")
        self._said = Tally("messages: what was decided is what was said", EXACT, "of the value")
        self._answers = Tally("messages: offers are answered as they must", 1e-6, "of the energy")
        if not inputs.reliable:
            self._answers.note("messages may be lost or late")
        else:
            for why in dict.fromkeys(each.unknown_answers for each in schemes):
                if why:
                    self._answers.note(why)

    def add(
        self,
        step: int,
        strategy: int,
        rows: Columns,
        found: tuple[GameStep, PriceGame] | None,
    ) -> None:
        """Check the messages of a step and a strategy.

        Parameters
        ----------
        step, strategy : int
            Where they belong, by number.
        rows : dict of array
            The messages, in the order in which they were sent.
        found : (GameStep, PriceGame) or None
            What those decide that answer to the price, and their game; None where not all are
            written down or nobody bargains.
        """
        if self.inputs.scenario.messages.keep == "none":
            if len(rows["step"]):
                raise DamagedTableError("messages", "there are messages, and none was to be kept")
            return
        label = self.inputs.places.label("", step, [self.inputs.strategies[strategy]])
        np.add.at(self.sent[strategy], rows["kind"], rows["count"])
        if not self._answered:
            return
        of_vehicles = rows["kind"] < len(KINDS)
        rows = {name: values[of_vehicles] for name, values in rows.items()}
        self._sent_by.add(self._misplaced(rows)[None, None, :], _line(label), step)
        self._add_decisions(step, strategy, rows, label)
        if found is not None and self.inputs.reliable:
            if self.inputs.played:
                self._answers.note(self.inputs.played)
            seen, game = found
            off = [
                *self._leaders_answers(rows, seen.community_price, game),
                *self._vehicles_answers(rows, seen),
                *self._others_answers(rows, seen),
                *self._curves(rows, seen, game),
            ]
            values = np.concatenate([np.zeros(0), *off])
            self._answers.add(values[None, None, :], _line(label), step)

    def checks(self) -> list[Check]:
        """Return what was found."""
        if self.inputs.scenario.messages.keep == "none":
            self._said.note("no message was kept")
            return [self._said.check()]
        tallies = [self._sent_by, self._said]
        tallies += [] if self._by_design else [self._answers]
        return [tally.check() for tally in tallies]

    def _misplaced(self, rows: Columns) -> FloatArray:
        """Return 1 for messages of a sender, receiver or time that cannot be, else 0."""
        count, utility = self._aggregators, self._utility
        kind, sender, receiver = rows["kind"], rows["sender"], rows["receiver"]
        answer = np.isin(kind, ANSWERS)
        leader = np.where(answer, receiver, sender)
        follower = np.where(answer, sender, receiver)
        from_utility = (leader == utility) & (follower < count)
        from_aggregator = (leader < count) & (follower == leader + count)
        for (_, m), place in self._others.items():
            from_aggregator |= (leader == m) & (follower == place)
        plug_in = (sender == utility + 1) & (receiver == utility)
        right = np.where(kind == PLUG_IN, plug_in, from_utility | from_aggregator)
        right &= sent_when_possible(rows["time"], self.inputs.scenario.messages)
        right &= rows["round"] >= 0
        return np.where(right, 0.0, 1.0)

    def _add_decisions(self, step: int, strategy: int, rows: Columns, label: Label) -> None:
        """Compare announced prices and energies plugged in with hours.parquet."""
        hours = {name: values[step, strategy] for name, values in self._hours.items()}
        utility, count = self._utility, self._aggregators
        everything = self.inputs.scenario.messages.keep == "all"
        if self.inputs.pricing[strategy] == OWN_RULE:
            return  # A rule of a plugin may say whatever it wants.
        if self.inputs.pricing[strategy] == RETAIL:
            plugged = rows["value"][rows["kind"] == PLUG_IN]
            if (everything and self._vehicles) or len(plugged):
                self._said.add(_one(plugged, hours["ev_kwh"].sum())[None, None], label, step)
            return
        announced = rows["kind"] == ANNOUNCEMENT
        for m in range(count):
            heard = rows["value"][announced & (rows["sender"] == utility) & (rows["receiver"] == m)]
            supplied = not np.isnan(hours["community_price"][m])
            if supplied or len(heard):
                self._said.add(_one(heard, hours["utility_price"][m])[None, None], label, step)
            own = announced & (rows["sender"] == m) & (rows["receiver"] == m + count)
            if (everything and hours["vehicles_present"][m]) or own.any():
                said = _one(rows["value"][own], hours["community_price"][m])
                self._said.add(said[None, None], label, step)
                addressed = _one(rows["count"][own], hours["vehicles_present"][m])
                self._said.add(addressed[None, None], label, step)

    def _leaders_answers(
        self, rows: Columns, prices: FloatArray, game: PriceGame
    ) -> Iterator[FloatArray]:
        """Compare what each aggregator reports to the utility with the best it could do."""
        bounds = game.prices
        pairs = [_pairs(rows, self._utility, m) for m in range(len(game.demands))]
        # Communities without supply are not asked.
        asked = rows["value"][max((offers for offers, _ in pairs), key=len)]
        for m, demand in enumerate(game.demands):
            offers, bids = pairs[m]
            if np.isnan(prices[m]) and len(offers) == len(bids) == 0:
                continue
            price = rows["value"][offers]
            # The utility asks the same of all, within its bounds.
            if not np.array_equal(price, asked) or not _within(
                price, bounds.utility_lower, bounds.utility_upper
            ):
                yield np.array([np.inf])
                continue
            if len(offers) != len(bids):
                yield np.array([np.inf])
                continue
            said = rows["value"][bids]
            expected = np.array(
                [
                    demand if isinstance(demand, float) else _nearest_best(demand, *pair)
                    for pair in zip(price.tolist(), said.tolist(), strict=True)
                ]
            )
            yield _compared(rows, offers, bids, expected)

    def _vehicles_answers(self, rows: Columns, seen: GameStep) -> Iterator[FloatArray]:
        """Compare what the vehicles of each community report to its aggregator with their best."""
        for m in range(self._aggregators):
            offers, bids = _pairs(rows, m, m + self._aggregators)
            mine = seen.where == m
            price, bounds = rows["value"][offers], self.inputs.bounds_at(seen.step)
            if not _within(price, bounds.aggregator_lower, bounds.aggregator_upper):
                yield np.array([np.inf])
                continue
            energy = seen.stores.rows(mine).best_exchange(price[:, None])
            yield _compared(rows, offers, bids, energy.sum(axis=1), int(mine.sum()))

    def _others_answers(self, rows: Columns, seen: GameStep) -> Iterator[FloatArray]:
        """Compare what others state to the aggregator of their community with their best."""
        everything = self.inputs.scenario.messages.keep == "all"
        for each in seen.others:
            for m in range(self._aggregators):
                place = self._others.get((each.name, m))
                if place is None:
                    continue
                offers, bids = _pairs(rows, m, place)
                energy = each.sums_kwh(m, rows["value"][offers])
                yield _compared(rows, offers, bids, energy, each.count(m))
                reported = (rows["kind"] == ANNOUNCEMENT) & (rows["sender"] == m)
                price = rows["value"][reported & (rows["receiver"] == place)]
                # Of leaders alone, what is said to one is kept, and what is said to many is not.
                kept = each.count(m) if everything else each.count(m) == 1
                if not np.isnan(seen.community_price[m]) and kept:
                    yield _one(price, seen.community_price[m])

    def _curves(self, rows: Columns, seen: GameStep, game: PriceGame) -> Iterator[FloatArray]:
        """Compare what is said of whole answers with what they are where the price is lowest."""
        lowest = self.inputs.bounds_at(seen.step).utility_lower
        for kind, leader_of in ((CURVES, 0), (COMMUNITY_CURVE, self._utility)):
            for m, demand in enumerate(game.demands):
                follower = m + self._aggregators if kind == CURVES else m
                leader = m if kind == CURVES else leader_of
                reported = (rows["kind"] == kind) & (rows["sender"] == follower)
                asked = (rows["kind"] == REQUEST) & (rows["receiver"] == follower)
                asked &= rows["sender"] == leader
                count = 1
                if kind == CURVES:
                    mine = seen.where == m
                    expected = float(np.sum(seen.stores.rows(mine).upper_kwh))
                    count = int(mine.sum())
                elif isinstance(demand, float):
                    expected = demand
                else:
                    expected = float(best_prices(demand, lowest).demand_kwh[0])
                requests, bids = np.flatnonzero(asked), np.flatnonzero(reported)
                yield _compared(rows, requests, bids, np.full(len(bids), expected), count)


def sent_when_possible(time_h: FloatArray, messages: MessageSettings) -> NDArray[np.bool_]:
    """Return which times are those of messages sent at once, or when earlier ones have arrived."""
    waits = time_h / (messages.latency_h or 1.0)
    whole = np.abs(waits - np.rint(waits)) <= 1e-6
    possible: NDArray[np.bool_] = (time_h >= 0) & (whole | (messages.latency == "exponential"))
    if messages.latency_h == 0:
        possible &= time_h == 0
    return possible


def _pairs(rows: Columns, leader: int, follower: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of a leader's offers, and of the answers to them."""
    offers = (rows["kind"] == OFFER) & (rows["sender"] == leader) & (rows["receiver"] == follower)
    bids = (rows["kind"] == BID) & (rows["sender"] == follower) & (rows["receiver"] == leader)
    return np.flatnonzero(offers), np.flatnonzero(bids)


def _compared(
    rows: Columns,
    offers: NDArray[np.intp],
    bids: NDArray[np.intp],
    expected_kwh: FloatArray,
    count: int = 1,
) -> FloatArray:
    """Return how far answers are off, infinite where offer and answer do not belong together."""
    if len(offers) != len(bids):
        return np.array([np.inf])
    together = (rows["round"][offers] == rows["round"][bids]) & (bids > offers)
    together &= (rows["count"][offers] == count) & (rows["count"][bids] == count)
    return np.where(together, relative(rows["value"][bids], expected_kwh), np.inf)


def _nearest_best(demand: Demand, utility_price: float, said_kwh: float) -> float:
    """Return what a community draws at the best price of its aggregator [kWh].

    Where several prices are equally good, what is nearest to the answer given.
    """
    best = best_prices(demand, utility_price).demand_kwh
    return float(best[np.argmin(np.abs(best - said_kwh))])


def _within(price: FloatArray, lowest: float, highest: float) -> bool:
    return bool(((price >= lowest - EXACT) & (price <= highest + EXACT)).all())


def _one(values: FloatArray, expected: float) -> FloatArray:
    """Return how far the only value is off, infinite where there is another number of them."""
    if len(values) != 1:
        return np.array([np.inf])
    return relative(values, np.array([expected]))


def _line(label: Label) -> Label:
    return lambda place: label(place[:2])
