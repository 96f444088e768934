"""Members that join and leave the local exchange of their community, month by month."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.membership import chance_to_take_part, expected_savings
from hmesh.runs.scenarios.membership_keys import Membership

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

A_MONTH_H = 730.0
FIRST, RECONSIDERS, CHOOSES = "first members", "reconsidered membership", "chosen membership"


@dataclass(slots=True)
class JoiningMembers:
    """The members of a community that may join and leave.

    Attributes
    ----------
    given : Membership
        The section of the scenario.
    kind : array of int, shape (members,)
        Number of the kind of each.
    member : array of int, shape (members,)
        Its number within its kind.
    takes_part : array of bool, shape (members,)
        Who takes part in this month.
    saved : array, shape (members,)
        What each has saved by it so far in this month [money].
    """

    given: Membership
    kind: NDArray[np.intp]
    member: NDArray[np.intp]
    takes_part: NDArray[np.bool_]
    saved: FloatArray


class JoiningAndLeaving:
    """Who takes part in the local exchanges of one world, and what it saved them.

    Parameters
    ----------
    simulation : Simulation
        The world.
    kinds : sequence of str
        Kinds of members.
    members : mapping
        By community the section, and the kind and number of each of its members.

    Attributes
    ----------
    here : dict of JoiningMembers
        By community.
    steps : int
        Steps of this month so far.
    """

    def __init__(
        self,
        simulation: "Simulation",
        kinds: tuple[str, ...],
        members: Mapping[int, tuple[Membership, NDArray[np.intp], NDArray[np.intp]]],
    ) -> None:
        self.simulation, self.kinds, self.steps = simulation, kinds, 0
        self.here: dict[int, JoiningMembers] = {}
        for m, (given, kind, member) in members.items():
            first = self._draw(FIRST, 0, kind, member) < given.first_share
            self.here[m] = JoiningMembers(given, kind, member, first, np.zeros(len(kind)))
        self._written: list[dict[str, Any]] = []
        for m in self.here:
            nothing = np.full(len(self.here[m].kind), np.nan)
            self._write(m, nothing, nothing)

    def _draw(
        self, purpose: str, day: int, kind: NDArray[np.intp], member: NDArray[np.intp]
    ) -> FloatArray:
        """Return a uniform draw of each member, from the stream of its kind."""
        drawn = np.empty(len(kind))
        for k in np.unique(kind).tolist():
            mine = kind == k
            stream = self.simulation.streams.generator(purpose, self.kinds[k], day)
            drawn[mine] = stream.random(int(member[mine].max()) + 1)[member[mine]]
        return drawn

    def begin_step(self) -> None:
        """Let members choose where a month begins, by the month that is over."""
        world, calendar = self.simulation, self.simulation.calendar
        step = world.step_index
        if step and calendar.date_of(step).month != calendar.date_of(step - 1).month:
            day = (calendar.date_of(step) - calendar.date_of(0)).days
            months = self.steps * world.step_h / A_MONTH_H
            for m, each in self.here.items():
                self._choose(m, each, each.saved / months, day)
            self.steps = 0
        self.steps += 1

    def _choose(self, m: int, each: JoiningMembers, saved: FloatArray, day: int) -> None:
        """Let those of a community that reconsider choose for the next month."""
        given = each.given
        saving = expected_savings(saved, each.takes_part, each.kind)
        chance = chance_to_take_part(saving, given.cost, given.sensitivity)
        reconsiders = self._draw(RECONSIDERS, day, each.kind, each.member) < given.reconsiders
        chosen = self._draw(CHOOSES, day, each.kind, each.member) < chance
        each.takes_part = np.where(reconsiders, chosen, each.takes_part)
        each.saved = np.zeros_like(each.saved)
        self._write(m, saving, chance)

    def add(self, m: int, saved: FloatArray) -> None:
        """Add what members of a community have saved in a step by taking part [money]."""
        if m in self.here:
            self.here[m].saved = self.here[m].saved + saved

    def _write(self, m: int, saving: FloatArray, chance: FloatArray) -> None:
        each = self.here[m]
        self._written.append({
            "community": np.full(len(each.kind), m), "kind": each.kind, "member": each.member,
            "expected_saving": saving, "probability": chance,
            "takes_part": each.takes_part.astype(np.int64),
        })  # fmt: skip

    def drain(self) -> dict[str, Any]:
        """Return the rows of membership.parquet since it was called last."""
        written, self._written = self._written, []
        names = written[0] if written else {}
        return {name: np.concatenate([rows[name] for rows in written]) for name in names}

    def counts(self) -> dict[int, int]:
        """Return how many members of each community take part."""
        return {m: int(each.takes_part.sum()) for m, each in self.here.items()}

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run."""
        found: dict[str, Any] = {"steps": self.steps}
        for m, each in self.here.items():
            found |= {f"takes_part_{m}": each.takes_part, f"saved_{m}": each.saved}
        return found

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.steps = state["steps"]
        for m, each in self.here.items():
            each.takes_part = state[f"takes_part_{m}"].copy()
            each.saved = state[f"saved_{m}"].copy()
        if self.simulation.step_index:
            self._written = []
