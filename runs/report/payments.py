"""Who pays whom, and which energy goes from one community to another, as the ledger has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.pictures.run_data import RunData, codes_of
from hmesh.runs.report.map_selection import Window

MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Payment:
    """Payments of one kind between two parties over a run.

    Attributes
    ----------
    kind : str
        What is paid for.
    payer, payee : str
        Who pays, and who is paid.
    energy_kwh : float
        Energy paid for.
    amount : float
        Money paid.
    """

    kind: str
    payer: str
    payee: str
    energy_kwh: float
    amount: float


def payments(data: RunData) -> tuple[dict[str, list[Payment]], int]:
    """Return the largest payments of each strategy, and how many were left out at most."""
    columns = ["strategy", "kind", "payer", "payee"]
    rows = data.run.table("ledger", [*columns, "energy_kwh", "amount"])
    sums = rows.unify_dictionaries().group_by(columns).aggregate(
        [("energy_kwh", "sum"), ("amount", "sum")]
    )  # fmt: skip
    found: dict[str, list[Payment]] = {name: [] for name in data.strategies}
    for row in sums.to_pylist():
        if row["energy_kwh_sum"] or row["amount_sum"]:
            energy, amount = row["energy_kwh_sum"], row["amount_sum"]
            paid = Payment(row["kind"], row["payer"], row["payee"], energy, amount)
            found[row["strategy"]].append(paid)
    for held in found.values():
        held.sort(key=lambda paid: (-abs(paid.amount), paid.kind, paid.payer, paid.payee))
    left_out = max((len(held) - MOST_ROWS for held in found.values()), default=0)
    return {name: held[:MOST_ROWS] for name, held in found.items()}, max(left_out, 0)


def traded_kwh(data: RunData, window: Window) -> dict[str, NDArray[Any]]:
    """Return the energy that a party of one community buys of a party of another.

    Returns
    -------
    dict
        A row for each strategy, step, ``origin`` and ``destination`` with any, and ``kwh``.
    """
    rows = data.run.table(
        "ledger",
        ["step", "strategy", "payer", "payee", "energy_kwh"],
        [("step", ">=", window.first), ("step", "<", window.last)],
    ).unify_dictionaries()
    destination, origin = (
        _communities(rows.column(name), data.communities) for name in ("payer", "payee")
    )
    across = (origin >= 0) & (destination >= 0) & (origin != destination)
    return {
        "strategy": codes_of(rows.column("strategy"), data.strategies)[across],
        "step": rows.column("step").to_numpy()[across] - window.first,
        "origin": origin[across],
        "destination": destination[across],
        "kwh": rows.column("energy_kwh").to_numpy()[across],
    }


def _communities(column: Any, communities: Sequence[str]) -> NDArray[np.int64]:
    """Return the community of every party, -1 of those that belong to none."""
    place = {name: number for number, name in enumerate(communities)}
    column = column.combine_chunks()
    known = [
        place.get(name, place.get(name.rpartition("@")[2], -1))
        for name in column.dictionary.to_pylist()
    ]
    codes: NDArray[np.int64] = np.array([*known, -1])[column.indices.to_numpy()]
    return codes
