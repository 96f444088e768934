"""Whether members join and leave by what their local exchange saved them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.reference.membership import MembershipChoice, choices
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.local_exchange_section import LocalExchange
from hmesh.runs.scenarios.membership_keys import Membership

_HOURS_A_MONTH = 730.0
_DRAWN = ("first members", "reconsidered membership", "chosen membership")


class MembershipAudit:
    """Reads membership.parquet, and judges it by what members saved in each month.

    Parameters
    ----------
    run, inputs : Run, RunInputs
        The run, and what its scenario settles.
    kinds : sequence of str
        Kinds of members that share.
    sections : mapping of int to LocalExchange
        The local exchange of each community that has one, by its number.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        kinds: Sequence[str],
        sections: Mapping[int, LocalExchange],
    ) -> None:
        self.inputs, self.kinds = inputs, list(kinds)
        self.given: dict[int, Membership] = {
            m: section.membership for m, section in sections.items() if section.membership
        }
        self._months = self._beginnings()
        self._members: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
        self._reported: dict[tuple[int, int], FloatArray] = {}
        if self.given:
            self._read(run)
        self._streams = Streams(inputs.scenario.seed)
        self._saved: dict[tuple[int, int, int], FloatArray] = {}

    def _beginnings(self) -> list[int]:
        """Return the steps in which months begin, the first of the run included."""
        calendar = self.inputs.calendar
        months = [calendar.date_of(step).month for step in range(self.inputs.steps)]
        return [0, *(s for s in range(1, len(months)) if months[s] != months[s - 1])]

    def _read(self, run: Run) -> None:
        names = {
            "strategy": self.inputs.strategies, "community": self.inputs.communities,
            "kind": self.kinds,
        }  # fmt: skip
        rows = TableReader(run, "membership", names, self.inputs.start_ms).rest()
        if set(rows["step"].tolist()) != set(self._months):
            raise DamagedTableError("membership", "its steps are not those in which months begin")
        for s in range(len(self.inputs.strategies)):
            for m in self.given:
                for step in self._months:
                    mine = (
                        (rows["strategy"] == s) & (rows["community"] == m) & (rows["step"] == step)
                    )
                    members = rows["kind"][mine], rows["member"][mine]
                    known = self._members.setdefault(m, members)
                    if not all(map(np.array_equal, known, members)):
                        raise DamagedTableError("membership", "months have not the same members")
                    names_of = ("expected_saving", "probability", "takes_part")
                    self._reported[s * self.inputs.steps + step, m] = np.array(
                        [rows[name][mine] for name in names_of], dtype=np.float64
                    )

    def takes_part(self, m: int, s: int, step: int) -> NDArray[np.bool_] | None:
        """Return which members of a community take part in a step; None where all do for good."""
        if m not in self.given:
            return None
        begin = max(each for each in self._months if each <= step)
        there: NDArray[np.bool_] = self._reported[s * self.inputs.steps + begin, m][2] == 1.0
        return there

    def figures(self, m: int, place: str) -> dict[str, FloatArray]:
        """Return how many members of a community take part at the end, by its name."""
        if m not in self.given:
            return {}
        last = self._months[-1]
        there = (self._reported[s * self.inputs.steps + last, m][2] for s in self._strategies())
        return {f"{place}.members": np.array([float(each.sum()) for each in there])}

    def add(self, m: int, s: int, step: int, saved: FloatArray) -> None:
        """Take in what members of a community saved in a step by taking part [money]."""
        if m in self.given:
            begin = max(each for each in self._months if each <= step)
            place = (m, s, begin)
            self._saved[place] = self._saved.get(place, 0.0) + saved

    def check(self, unknown: str) -> Iterator[Check]:
        """Check every choice; nothing where nobody joins or leaves.

        Parameters
        ----------
        unknown : str
            Why it is not known what members save, "" where it is.
        """
        if not self.given:
            return
        tally = Tally("membership: members join and leave by what it saved", EXACT, "of the value")
        for (m, given), s in ((each, s) for each in self.given.items() for s in self._strategies()):
            kind, member = self._members[m]
            first = self._draws(_DRAWN[0], 0, kind, member) < given.first_share
            self._compare(
                tally, m, s, 0, [MembershipChoice(np.nan, np.nan, bool(each)) for each in first]
            )
            for before, step in zip(self._months, self._months[1:], strict=False):
                if unknown:
                    tally.note(f"choices not checked, since {unknown}")
                    break
                month = (step - before) * self.inputs.step_h / _HOURS_A_MONTH
                saved = self._saved.get((m, s, before), np.zeros(len(kind))) / month
                took_part = self.takes_part(m, s, before)
                assert took_part is not None
                calendar = self.inputs.calendar
                day = (calendar.date_of(step) - calendar.date_of(0)).days
                drawn = [self._draws(purpose, day, kind, member).tolist() for purpose in _DRAWN[1:]]
                terms = given.cost, given.sensitivity, given.reconsiders
                members = kind.tolist(), took_part.tolist(), saved.tolist()
                due = choices(*members, terms, list(zip(*drawn, strict=True)))
                self._compare(tally, m, s, step, due)
        yield tally.check()

    def _strategies(self) -> range:
        return range(len(self.inputs.strategies))

    def _compare(
        self, tally: Tally, m: int, s: int, step: int, due: list[MembershipChoice]
    ) -> None:
        reported = self._reported[s * self.inputs.steps + step, m]
        wanted = np.array(
            [[each.expected_saving, each.probability, float(each.takes_part)] for each in due]
        ).T
        both = np.isnan(reported) & np.isnan(wanted)
        off = np.abs(reported - wanted) / np.fmax(np.abs(wanted), 1.0)
        off = np.where(both, 0.0, np.where(np.isnan(off), np.inf, off))
        name = self.inputs.communities[m]
        label = self.inputs.places.label([name], step, [self.inputs.strategies[s]])
        tally.add(off.max(axis=0, initial=0.0).max(initial=0.0)[None, None, None], label, step)

    def _draws(
        self, purpose: str, day: int, kind: NDArray[np.intp], member: NDArray[np.intp]
    ) -> FloatArray:
        """Return the draw of each member: that of its number in the stream of its kind."""
        found = np.empty(len(kind))
        for k, name in enumerate(self.kinds):
            numbers = [number for of, number in zip(kind, member, strict=True) if of == k]
            if numbers:
                drawn = self._streams.generator(purpose, name, day).random(max(numbers) + 1)
                found[kind == k] = drawn[numbers]
        return found
