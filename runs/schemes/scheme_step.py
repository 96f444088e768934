"""What every scheme of sharing does in a step, so that one simulation can hold any of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import Answering
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.arrays import FloatArray
from hmesh.runs.world.member_payments import MemberPayments


class RowWriter(Protocol):
    """Where rows of tables go."""

    def add(self, table: str, columns: Mapping[str, Any]) -> None:
        """Append rows to a table."""
        ...


@dataclass(frozen=True, slots=True)
class AnswerBounds:
    """Within which bounds the stores of a scheme answer to the price of the step.

    Attributes
    ----------
    kind : str
        Kind of the members that have them, "houses".
    member : array of int, shape (n,)
        Number of the member that has each.
    community : array of int, shape (n,)
        Where each is in the step.
    lower_kwh, upper_kwh : array, shape (n,)
        What each can exchange at least and at most [kWh].
    """

    kind: str
    member: NDArray[np.intp]
    community: NDArray[np.intp]
    lower_kwh: FloatArray
    upper_kwh: FloatArray


class Scheme:
    """A scheme in the world of one strategy; what it leaves out, it does not do.

    A simulation calls its schemes one after another, in the order of the hour: `begin_step` and
    `look_around` before prices are set, `take_response` when they are, `act` in the scheme's phase,
    `pay` and the figures once all have acted, `record` before any battery moves, `move` at the end.

    Attributes
    ----------
    answering : sequence of Answering, or None
        Those of its agents that answer to the price of the step, by community; which `look_around`
        renews. None where none ever do.
    answer_nodes : array of int, shape (communities,), or None
        Node of the grid at which those of each community are connected; None for the node of the
        community.
    deciding : AgentGroup, or None
        Its agents to which a scenario may give behaviours, where there are any.
    """

    answering: Sequence[Answering] | None = None
    answer_nodes: NDArray[np.intp] | None = None

    @property
    def deciding(self) -> AgentGroup[Any] | None:
        """Its agents to which a scenario may give behaviours, where there are any."""
        return None

    def begin_step(self) -> None:
        """Let chance do to its agents what it does in this step."""

    def look_around(self) -> None:
        """See what its agents could do in this step, at whatever price."""

    def act_by_tariff(self) -> None:
        """Let those of its agents act, and be drawn, that pay by a tariff of their own.

        Asked once all have looked around, before the price of the step is set.
        """

    def unpriced_kwh(self) -> list[FloatArray]:
        """Return what those exchange that answer to a price, where nobody asks one [kWh].

        They stay idle.
        """
        return [np.zeros(len(each)) for each in self.answering or ()]

    def take_response(self, exchange_kwh: list[FloatArray]) -> None:
        """Take over what those exchange that answer to a price, by community [kWh].

        A scheme draws it here, or when it acts, if that is later.
        """

    def act(self) -> None:
        """Decide what its agents do in this step, and draw their energy from the simulation."""

    def pay(self) -> None:
        """Enter the payments of its agents."""

    def member_communities(self) -> Mapping[str, NDArray[np.intp]]:
        """Return where its agents with accounts are at home, by kind, each of shape (members,)."""
        return {}

    def member_payments(self) -> Iterable[MemberPayments]:
        """Return what each of them pays and receives in the step, as `pay` enters it for all."""
        return ()

    def consumer_payments(self) -> Iterable[MemberPayments]:
        """Return what households and buildings pay and receive because of it in the step."""
        return ()

    def members_of(self, group: str) -> NDArray[np.intp]:
        """Return which of its agents with accounts are of a group of its section, ascending."""
        raise NotImplementedError(f"nobody asked {type(self).__name__} for the group {group!r}")

    def member_places(self) -> Mapping[str, NDArray[np.intp]]:
        """Return in which community each of them is in the step, -1 for none, by kind.

        Where they are at home, unless they move.
        """
        return self.member_communities()

    def committed_kwh(self) -> Mapping[str, FloatArray]:
        """Return what each of them draws whatever the price, by kind [kWh].

        What it delivers is subtracted; asked before prices are set.
        """
        return {}

    def answer_bounds(self) -> AnswerBounds | None:
        """Return within which bounds its members answer to the price, None where none do."""
        return None

    def narrow(self, lower_kwh: FloatArray, upper_kwh: FloatArray) -> None:
        """Let those of `answer_bounds` answer within narrower bounds, in the same order [kWh]."""
        raise NotImplementedError(f"nobody has reported {type(self).__name__} bounds of answers")

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what batteries hold [kWh], by kind of member, each of shape (members,)."""
        return {}

    def sums(self) -> dict[str, float]:
        """Return the figures of the step that add up over a run, by name."""
        return {}

    def counts(self) -> dict[str, int]:
        """Return how often something happened in the step that a reader should know of."""
        return {}

    def worst(self) -> dict[str, float]:
        """Return figures of the step that should be small; a run keeps the largest of each."""
        return {}

    def record_start(self, writer: RowWriter) -> None:
        """Write what never changes, once for all strategies of a run."""

    def record(self, writer: RowWriter) -> None:
        """Write the rows of the step, before batteries move."""

    def move(self) -> None:
        """Let its batteries do what was decided."""

    def summary(self) -> dict[str, Any]:
        """Return figures of the state that the run ended in."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
