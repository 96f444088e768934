"""The blocks of a run as its driver sees them: who holds each, and how it is built again."""

import pickle
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hmesh.runs.spread import holder
from hmesh.runs.spread.holder import LOST, Question


@dataclass(slots=True)
class Traffic:
    """What a run has sent to its workers and heard from them.

    Attributes
    ----------
    rounds : int
        Questions that were put to all blocks of a world at once.
    sent_bytes, heard_bytes : int
        Size of all questions and answers, what blocks began with and their states left out.
    moved_bytes : int
        Size of what blocks began with, and of their states.
    rebuilt : int
        Blocks that were lost and built again.
    replayed : int
        Questions that were put to them again.
    """

    rounds: int = 0
    sent_bytes: int = 0
    heard_bytes: int = 0
    moved_bytes: int = 0
    rebuilt: int = 0
    replayed: int = 0


@dataclass(slots=True)
class _World:
    """What the blocks of a world were asked since their states were last fetched."""

    states: list[Any] | None = None
    asked: int = 0
    log: list[Question] = field(default_factory=list)


class RowPool(ABC):
    """Holds the blocks of a run, and puts questions to all blocks of a world at once.

    Attributes
    ----------
    traffic : Traffic
        What was sent and heard.
    """

    def __init__(self) -> None:
        self.traffic = Traffic()
        self.run = uuid.uuid4().hex
        self._worlds: dict[str, _World] = {}
        self._parts: list[Any] = []
        self._made: tuple[Callable[..., Any], Any] | None = None
        self._place: list[str] = []

    @abstractmethod
    def places(self) -> list[str]:
        """Return who can hold blocks, after waiting for somebody where nobody is left.

        Raises
        ------
        InputError
            When nobody comes.
        """

    @abstractmethod
    def _do(
        self, what: Callable[[str, bytes], bytes], packed: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Let each place do something for the run; one that is lost answers `LOST`."""

    @abstractmethod
    def close(self) -> None:
        """Let all blocks go."""

    @property
    def begun(self) -> bool:
        """Whether blocks are held."""
        return self._made is not None

    def begin(
        self,
        make: Callable[[Any, Any, str], Any],
        common: Any,
        parts: Sequence[Any],
        worlds: Sequence[str],
    ) -> None:
        """Let the blocks of all worlds be made, one after another at each place.

        Parameters
        ----------
        make : callable
            Makes a block from what all share, its part, and the name of its world.
        common : object
            What all blocks share.
        parts : sequence
            The part of each block.
        worlds : sequence of str
            Names of the worlds.
        """
        self._made, self._parts = (make, common), list(parts)
        self._worlds = {world: _World() for world in worlds}
        places = self.places()
        each = -(-len(parts) // len(places))
        self._place = [places[number // each] for number in range(len(parts))]
        lost = self._begin(range(len(parts)))
        if lost:
            self._rebuild(lost)

    def ask(self, world: str, method: str, *given: Any) -> list[Any]:
        """Return the answers of all blocks of a world, the first block first."""
        held = self._worlds[world]
        question = method, given
        found: dict[int, Any] = {}
        missing: list[int] = list(range(len(self._parts)))
        while missing:
            lost = []
            packed = {
                place: _packed((world, numbers, held.asked + 1, question))
                for place, numbers in self._by_place(missing).items()
            }
            self.traffic.sent_bytes += sum(map(len, packed.values()))
            for place, answer in self._do(holder.ask, packed).items():
                numbers = [number for number in missing if self._place[number] == place]
                if answer == LOST:
                    lost += [n for n, there in enumerate(self._place) if there == place]
                    continue
                self.traffic.heard_bytes += len(answer)
                found.update(zip(numbers, pickle.loads(answer), strict=True))
            missing = [number for number in missing if number not in found]
            if lost:
                # What a lost block had answered already it must be asked again.
                again = {n for n in lost if n in found}
                self._rebuild(lost)
                missing = sorted({*missing, *again})
        self.traffic.rounds += 1
        held.asked += 1
        held.log.append(question)
        return [found[number] for number in range(len(self._parts))]

    def states(self, world: str) -> list[Any]:
        """Return the states of all blocks of a world; lost ones are built from them from now on."""
        before = self.traffic.heard_bytes
        states = self.ask(world, "state")
        self.traffic.moved_bytes += self.traffic.heard_bytes - before
        self.traffic.heard_bytes = before
        held = self._worlds[world]
        held.states, held.log = states, []
        return states

    def restore(self, world: str, states: Sequence[Any]) -> None:
        """Let all blocks of a world go on from earlier states."""
        held = self._worlds[world]
        held.states, held.log, held.asked = list(states), [], 0
        lost = self._go_on([(world, number) for number in range(len(self._parts))])
        if lost:
            self._rebuild(lost)

    def replayed_at_most(self, world: str) -> int:
        """Return how many questions a block that is lost now is asked again."""
        return len(self._worlds[world].log)

    def _by_place(self, numbers: Sequence[int]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number in numbers:
            found.setdefault(self._place[number], []).append(number)
        return found

    def _begin(self, numbers: Sequence[int]) -> list[int]:
        """Let blocks be made where they belong; return those of places that are lost."""
        assert self._made is not None
        packed = {
            place: _packed((*self._made, tuple(self._worlds), {n: self._parts[n] for n in some}))
            for place, some in self._by_place(numbers).items()
        }
        self.traffic.moved_bytes += sum(map(len, packed.values()))
        done = self._do(holder.begin, packed)
        return [n for n in numbers if done[self._place[n]] == LOST]

    def _go_on(self, keys: Sequence[tuple[str, int]]) -> list[int]:
        """Let blocks go on from their last states; return those of places that are lost."""
        jobs: dict[str, list[Any]] = {}
        for world, number in keys:
            held = self._worlds[world]
            state = None if held.states is None else held.states[number]
            job = (world, number, held.asked - len(held.log), state, held.log)
            jobs.setdefault(self._place[number], []).append(job)
        packed = {place: _packed(each) for place, each in jobs.items()}
        self.traffic.moved_bytes += sum(map(len, packed.values()))
        done = self._do(holder.rebuild, packed)
        return sorted({n for _, n in keys if done[self._place[n]] == LOST})

    def _rebuild(self, lost: Sequence[int]) -> None:
        """Let others hold the blocks of a place that is lost, as they were before this question."""
        missing = sorted(set(lost))
        while missing:
            places = self.places()
            for number in missing:
                self._place[number] = ""
            load = {place: self._place.count(place) for place in places}
            for number in missing:
                place = min(places, key=lambda place: (load[place], place))
                self._place[number] = place
                load[place] += 1
            self.traffic.rebuilt += len(missing)
            for held in self._worlds.values():
                self.traffic.replayed += len(missing) * len(held.log)
            again = self._begin(missing)
            whole = [number for number in missing if number not in again]
            again += self._go_on([(world, n) for world in self._worlds for n in whole])
            missing = sorted(set(again))


class HerePool(RowPool):
    """All blocks in this process, one after another: what a run of one machine would do."""

    def places(self) -> list[str]:
        """Return this process."""
        return ["here"]

    def _do(
        self, what: Callable[[str, bytes], bytes], packed: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        return {place: what(self.run, each) for place, each in packed.items()}

    def close(self) -> None:
        """Let all blocks go."""
        holder.release(self.run)


def _packed(what: Any) -> bytes:
    return pickle.dumps(what, protocol=pickle.HIGHEST_PROTOCOL)
