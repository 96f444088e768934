"""Parts of bills of a step: entered in the ledger by community, and summed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.world.meter_bills import PartOfBill

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


class PartsDue:
    """What groups of meters owe in a step, of one kind and community entered together.

    Parameters
    ----------
    party : str
        Who they are in the ledger, before the community.
    """

    def __init__(self, party: str) -> None:
        self._party = party
        self._due: dict[tuple[str, int], list[float]] = {}
        self._sides: dict[str, tuple[str, str]] = {}

    def add(self, part: PartOfBill, community: int, energy_kwh: float, amount: float) -> None:
        """Add what meters of a community owe of a part [kWh, money]."""
        self._sides[part.kind] = part.payer, part.payee
        held = self._due.setdefault((part.kind, community), [0.0, 0.0, part.price])
        held[0] += energy_kwh
        held[1] += amount
        # Groups of a community may have tariffs of different prices: then their mean.
        if held[2] != part.price:
            held[2] = held[1] / held[0] if held[0] else 0.0

    def pay(self, simulation: "Simulation") -> None:
        """Enter all of it in the ledger."""
        names = simulation.setting.communities
        for (kind, m), (energy, amount, price) in self._due.items():
            payer, payee = (
                f"{side}@{names[m]}" if side == self._party else side for side in self._sides[kind]
            )
            simulation.ledger.pay(simulation.step_index, kind, payer, payee, energy, price, amount)


def utility_income(part: PartOfBill, amount: float) -> float:
    """Return what the utility earns by an amount of a part, below 0 where it pays [money]."""
    return ((part.payee == "utility") - (part.payer == "utility")) * amount


def paid_and_received(
    parts: Iterable[PartOfBill], party: str, meters: int
) -> tuple[FloatArray, FloatArray]:
    """Return what each meter pays and is paid in all parts, shape (meters,) each [money]."""
    paid, received = np.zeros((2, meters))
    for part in parts:
        side = paid if part.payer == party else received
        side += part.amount
    return paid, received


def bill_sums(parts: Iterable[PartOfBill], party: str, prefix: str) -> dict[str, float]:
    """Return what all meters pay of each part less what they are paid, and in all [money]."""
    found: dict[str, float] = {}
    bill = 0.0
    for part in parts:
        amount = (1.0 if part.payer == party else -1.0) * float(part.amount.sum())
        name = f"{prefix}_bill_{part.kind.removeprefix(f'{prefix}_')}"
        found[name] = found.get(name, 0.0) + amount
        bill += amount
    return found | {f"{prefix}_bill": bill}
