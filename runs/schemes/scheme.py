"""What every scheme of sharing does in a step, so that one simulation can hold any of them."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from runs.results.writer import ResultsWriter


class Scheme(Protocol):
    """A scheme that lives in the world of one strategy.

    A simulation calls its schemes one after another, in the order of the hour: `act` first, `pay`
    and the figures once all have acted, `record` before any battery moves, `move` at the end.
    """

    def act(self) -> None:
        """Decide what its agents do in this step, and draw their energy from the simulation."""
        ...

    def pay(self) -> None:
        """Enter the payments of its agents."""
        ...

    def sums(self) -> dict[str, float]:
        """Return the figures of the step that add up over a run, by name."""
        ...

    def counts(self) -> dict[str, int]:
        """Return how often something happened in the step that a reader should know of."""
        ...

    def worst(self) -> dict[str, float]:
        """Return figures of the step that should be small; a run keeps the largest of each."""
        ...

    def record_start(self, writer: "ResultsWriter") -> None:
        """Write what never changes, once for all strategies of a run."""
        ...

    def record(self, writer: "ResultsWriter") -> None:
        """Write the rows of the step, before batteries move."""
        ...

    def move(self) -> None:
        """Let its batteries do what was decided."""
        ...

    def summary(self) -> dict[str, Any]:
        """Return figures of the state that the run ended in."""
        ...

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        ...
