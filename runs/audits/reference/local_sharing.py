"""Local exchange a second time: who gets how much of a surplus, by rounds, and at which price."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray

MOST_ROUNDS = 100_000


@dataclass(frozen=True, slots=True)
class Shared:
    """What members lack and have too much in a step, and share of it; each of shape (members,)."""

    own_kwh: FloatArray
    lack_kwh: FloatArray
    surplus_kwh: FloatArray
    received_kwh: FloatArray
    given_kwh: FloatArray
    fed_in_kwh: FloatArray


@dataclass(frozen=True, slots=True)
class Terms:
    """What a scenario says of the local exchange of a community.

    Attributes
    ----------
    allocation : str
        "none", "static", "equal", "consumption" or "need".
    passes_on : bool
        Whether what a static share leaves unused goes to others.
    seller_share : float or None
        Part of what local energy saves that its sellers get, or None where it depends on scarcity.
    feed_in_share, feed_in_price : float, float or None
        What a surplus is paid otherwise: a share of the retail price, or a price [money/kWh].
    fee : float
        Grid fee for local energy [money/kWh].
    """

    allocation: str
    passes_on: bool
    seller_share: float | None
    feed_in_share: float
    feed_in_price: float | None
    fee: float

    def feed_in(self, retail: float) -> float:
        """Return what a surplus is paid that nobody takes [money/kWh]."""
        wanted = self.feed_in_share * retail if self.feed_in_price is None else self.feed_in_price
        return wanted if wanted < retail else retail

    def local(self, retail: float, surplus_kwh: float, lack_kwh: float) -> float | None:
        """Return the price of local energy without fee, None where nothing is exchanged."""
        least, most = self.feed_in(retail), retail - self.fee
        if self.allocation == "none" or least > most:
            return None
        if self.seller_share is None:
            scarce = 0.0 if surplus_kwh >= lack_kwh else 1.0 - surplus_kwh / lack_kwh
            return most * scarce + least * (1.0 - scarce)
        return most * self.seller_share + least * (1.0 - self.seller_share)


def share(
    terms: Terms, used_kwh: FloatArray, generated_kwh: FloatArray, weight: FloatArray, open: bool
) -> Shared:
    """Share what some members of a community generate beyond their use.

    Parameters
    ----------
    terms : Terms
        The terms of the exchange.
    used_kwh, generated_kwh : array
        At the connection of each member, at least 0 [kWh].
    weight : array
        Weight of each where shares are static.
    open : bool
        Whether anything can be exchanged in the step.
    """
    lack = np.where(used_kwh > generated_kwh, used_kwh - generated_kwh, 0.0)
    surplus = np.where(generated_kwh > used_kwh, generated_kwh - used_kwh, 0.0)
    offered = float(surplus.sum())
    received = np.zeros(len(lack))
    if open and terms.allocation == "static" and not terms.passes_on:
        part = offered * weight / weight.sum()
        received = np.where(part < lack, part, lack)
    elif open and terms.allocation != "none":
        by = {
            "static": weight,
            "equal": np.ones(len(lack)),
            "consumption": used_kwh,
            "need": lack,
        }[terms.allocation]
        received = _by_rounds(offered, lack, by)
    shared = float(received.sum())
    given = surplus * (shared / offered) if offered > 0.0 else np.zeros(len(lack))
    own = np.where(used_kwh < generated_kwh, used_kwh, generated_kwh)
    return Shared(own, lack, surplus, received, given, surplus - given)


def share_among(
    terms: Terms,
    used_kwh: FloatArray,
    generated_kwh: FloatArray,
    weight: FloatArray,
    open: bool,
    takes_part: NDArray[np.bool_] | None,
) -> Shared:
    """Share among those who take part; others give and get nothing, and feed in all they have.

    Parameters
    ----------
    terms, used_kwh, generated_kwh, weight, open : Terms, array, array, array, bool
        As `share` takes them.
    takes_part : array of bool, or None
        Who takes part; None where all do.
    """
    if takes_part is None:
        return share(terms, used_kwh, generated_kwh, weight, open)
    alone = share(terms, used_kwh, generated_kwh, weight, False)
    if not takes_part.any():
        return alone
    some = share(terms, used_kwh[takes_part], generated_kwh[takes_part], weight[takes_part], open)
    received, given, fed_in = alone.received_kwh, alone.given_kwh, alone.fed_in_kwh
    received[takes_part], given[takes_part] = some.received_kwh, some.given_kwh
    fed_in[takes_part] = some.fed_in_kwh
    return Shared(alone.own_kwh, alone.lack_kwh, alone.surplus_kwh, received, given, fed_in)


def _by_rounds(offered: float, lack: FloatArray, weight: FloatArray) -> FloatArray:
    """Share by weight round by round: those whose part is more than they lack get that and leave.

    The others share what is left in the next round, until all parts fit.
    """
    if offered >= lack.sum():
        return lack.copy()
    received = np.zeros(len(lack))
    there = lack > 0.0
    left = offered
    for _ in range(MOST_ROUNDS):
        if not there.any():
            return received
        part = np.where(there, left * weight / weight[there].sum(), 0.0)
        full = there & (part >= lack)
        if not full.any():
            received[there] = part[there]
            return received
        received[full] = lack[full]
        left = max(left - float(lack[full].sum()), 0.0)
        there &= ~full
    raise ArithmeticError("sharing by rounds does not end")
