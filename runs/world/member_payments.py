"""What single members pay and receive in a step, for their own accounts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

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
    bought_kwh: FloatArray
    sold_kwh: FloatArray
    paid: FloatArray
    received: FloatArray
    rows: Rows = EVERY
    shared: bool = False


def at_price(
    kind: str,
    price: FloatArray,
    bought_kwh: FloatArray,
    sold_kwh: FloatArray,
    rows: Rows = EVERY,
    *,
    shared: bool = True,
) -> MemberPayments:
    """Return the payments of members that buy and sell at the same price.

    Parameters
    ----------
    kind, bought_kwh, sold_kwh, rows, shared : str, array, array, slice or array of int, bool
        As those of `MemberPayments`.
    price : array, shape (members,)
        What each pays and is paid [money/kWh].
    """
    paid, received = price * bought_kwh, price * sold_kwh
    return MemberPayments(kind, bought_kwh, sold_kwh, paid, received, rows, shared)


class ExchangePayments(MemberPayments):
    """What members pay and receive at one price for what they exchange.

    Energies and money of each are found when somebody asks for them.

    Parameters
    ----------
    kind, rows : str, array of int
        As those of `MemberPayments`; an array of rows.
    price : float
        What each pays and is paid [money/kWh].
    exchange_kwh : array, shape (members,)
        What each draws, below 0 delivers [kWh].
    """

    __slots__ = ("exchange_kwh", "price")
    exchange_kwh: FloatArray
    price: float

    def __init__(
        self, kind: str, price: float, exchange_kwh: FloatArray, rows: NDArray[np.intp]
    ) -> None:
        for name, value in (
            ("kind", kind), ("rows", rows), ("shared", False), ("price", price),
            ("exchange_kwh", exchange_kwh),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @property
    def bought_kwh(self) -> FloatArray:
        """Energy they pay for [kWh]."""
        return np.maximum(self.exchange_kwh, 0.0)

    @property
    def sold_kwh(self) -> FloatArray:
        """Energy they are paid for [kWh]."""
        return np.maximum(-self.exchange_kwh, 0.0)

    @property
    def paid(self) -> FloatArray:
        """Money they pay [money]."""
        return self.price * self.bought_kwh

    @property
    def received(self) -> FloatArray:
        """Money they are paid [money]."""
        return self.price * self.sold_kwh
