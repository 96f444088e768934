"""Those who answer to the price of a step beside the vehicles, as an audit sees them."""

from typing import Protocol

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.reference.stores import Answer

UNHEARD = "what elastic loads heard is not known"


class OthersStep(Protocol):
    """Those of one kind that answer to the price of a step, in all communities."""

    @property
    def name(self) -> str:
        """What they are called in messages, before the name of their community."""
        ...

    @property
    def exchanged_kwh(self) -> FloatArray:
        """What those of each community exchanged [kWh], shape (communities,)."""
        ...

    @property
    def least_kwh(self) -> FloatArray:
        """What those of each community could exchange at least [kWh], shape (communities,)."""
        ...

    @property
    def worth(self) -> float:
        """What that was worth to all of them, before they paid for it [money]; NaN if unknown."""
        ...

    def answers(self, community: int) -> list[Answer]:
        """Return the answers of those of a community."""
        ...

    def count(self, community: int) -> int:
        """Return how many of them are in a community."""
        ...

    def sums_kwh(self, community: int, price: FloatArray) -> FloatArray:
        """Return what those of a community exchange together at each of some prices [kWh]."""
        ...

    def worth_at(self, community_price: FloatArray) -> float:
        """Return what they exchange at some prices is worth to all of them [money]."""
        ...

    def at_bound(self, community_price: FloatArray) -> bool:
        """Return whether some prices take any of them to a bound."""
        ...


class OthersAudit(Protocol):
    """What knows those of one kind in every step of a run."""

    def others(self, step: int, strategy: int) -> OthersStep | None:
        """Return those who answer to the price of a step; None where they are not known."""
        ...
