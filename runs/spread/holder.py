"""Blocks of rows as a worker holds them, and what a driver asks of them.

A worker needs nothing but what it is sent: how to make its blocks, their rows, and what they are
asked. Each question has a number, so that one which is put twice is acted on once.
"""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# What a worker answers that no longer holds what it is asked about, or never did.
LOST = b"lost"

type Question = tuple[str, tuple[Any, ...]]
# A world of the run, and a block of its rows.
type Key = tuple[str, int]


class Block(Protocol):
    """Some rows of a population in one world of a run."""

    def state(self) -> Any:
        """Return everything of it that changes during a run."""
        ...

    def restore(self, state: Any) -> None:
        """Go on from an earlier `state`."""
        ...


@dataclass(slots=True)
class Holder:
    """The blocks of a run that one process holds.

    Attributes
    ----------
    make : callable
        Makes a block from what all share, its own part, and the name of its world.
    common : object
        What all blocks share.
    parts : dict
        The part of each block, by its number.
    blocks : dict
        The blocks, by their world and number.
    asked : dict
        How many questions each has been asked, and its answer to the last.
    """

    make: Callable[[Any, Any, str], Any]
    common: Any
    parts: dict[int, Any] = field(default_factory=dict)
    blocks: dict[Key, Any] = field(default_factory=dict)
    asked: dict[Key, tuple[int, Any]] = field(default_factory=dict)

    def begin(self, worlds: Sequence[str], parts: Mapping[int, Any]) -> None:
        """Make the blocks of some parts in all worlds."""
        self.parts.update(parts)
        for world in worlds:
            for number, part in parts.items():
                self.blocks[world, number] = self.make(self.common, part, world)
                self.asked[world, number] = 0, None

    def rebuild(
        self, world: str, number: int, asked: int, state: Any, log: Sequence[Question]
    ) -> None:
        """Let a block go on from a state by what it was asked since, which makes the same bits.

        Parameters
        ----------
        world, number : str, int
            Its world, and its number there.
        asked : int
            How many questions it was asked until it had that state.
        state : object or None
            Its state then; None for that of its beginning.
        log : sequence of questions
            What it was asked since.
        """
        # Whatever it has done since is not undone: it begins again.
        block = self.make(self.common, self.parts[number], world)
        self.blocks[world, number] = block
        if state is not None:
            block.restore(state)
        for method, given in log:
            getattr(block, method)(*given)
        self.asked[world, number] = asked + len(log), None

    def ask(self, world: str, numbers: Sequence[int], count: int, question: Question) -> list[Any]:
        """Return the answers of some blocks to the question that is their ``count``-th.

        Raises
        ------
        LookupError
            When a block is not here, or was not asked all questions before this one.
        """
        method, given = question
        answers = []
        for number in numbers:
            done, last = self.asked[world, number]
            if done == count - 1:
                last = getattr(self.blocks[world, number], method)(*given)
                self.asked[world, number] = count, last
            elif done != count or last is None:
                raise LookupError(f"block {number} of {world} was asked {done:,} of {count:,}")
            answers.append(last)
        return answers


_HOLDERS: dict[str, Holder] = {}


def begin(run: str, packed: bytes) -> bytes:
    """Begin to hold blocks of a run in this process."""
    make, common, worlds, parts = pickle.loads(packed)
    holder = _HOLDERS.setdefault(run, Holder(make, common))
    holder.begin(worlds, parts)
    return b""


def rebuild(run: str, packed: bytes) -> bytes:
    """Let blocks that were lost go on here."""
    if run not in _HOLDERS:
        return LOST
    for each in pickle.loads(packed):
        try:
            _HOLDERS[run].rebuild(*each)
        except KeyError:
            return LOST
    return b""


def ask(run: str, packed: bytes) -> bytes:
    """Return the answers of blocks that this process holds, or that it has lost them."""
    if run not in _HOLDERS:
        return LOST
    try:
        answers = _HOLDERS[run].ask(*pickle.loads(packed))
    except LookupError:
        return LOST
    return pickle.dumps(answers, protocol=pickle.HIGHEST_PROTOCOL)


def release(run: str) -> bytes:
    """Let everything of a run go."""
    _HOLDERS.pop(run, None)
    return b""
