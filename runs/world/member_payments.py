"""What single members pay and receive in a step, for accounts of their own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Each = NDArray[np.float64]
type Rows = slice | NDArray[np.intp]

EVERY = slice(None)


@dataclass(frozen=True, slots=True)
class MemberPayments:
    """What members of one kind pay and receive in a step.

    Attributes
    ----------
    kind : str
        Their kind, plural as in the ledger: "vehicles".
    bought_kwh, sold_kwh : array, shape (members,)
        Energy they pay for, and energy they are paid for [kWh].
    paid, received : array, shape (members,)
        Money they pay and are paid [money].
    rows : slice or array of int
        Which members of the kind they are, each at most once.
    shared : bool
        Whether it is bought and sold at the price of the community, so that a local exchange of
        the community may settle it.
    """

    kind: str
    bought_kwh: Each
    sold_kwh: Each
    paid: Each
    received: Each
    rows: Rows = EVERY
    shared: bool = False


def at_price(
    kind: str,
    price: Each,
    bought_kwh: Each,
    sold_kwh: Each,
    rows: Rows = EVERY,
    *,
    shared: bool = True,
) -> MemberPayments:
    """Return the payments of members that buy and sell at the same price.

    Parameters
    ----------
    kind, bought_kwh, sold_kwh, rows, shared
        As those of `MemberPayments`.
    price : array, shape (members,)
        What each pays and is paid [money/kWh].
    """
    paid, received = price * bought_kwh, price * sold_kwh
    return MemberPayments(kind, bought_kwh, sold_kwh, paid, received, rows, shared)
