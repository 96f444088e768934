"""A community's own surplus serves its members first: who gets how much of it, at which price.

All energies are those of one step at the connections of members, after each has used what it
generates itself. The price of local energy lies between what a surplus is paid otherwise and what
energy costs otherwise, so that nobody who sells gets less, and nobody who buys pays more.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH

type Allocation = Literal["none", "static", "equal", "consumption", "need"]
type PriceRule = Literal["split", "scarcity"]

ALLOCATIONS: tuple[Allocation, ...] = ("none", "static", "equal", "consumption", "need")


@dataclass(frozen=True, slots=True)
class LocalPrices:
    """Prices of a community in a step [money/kWh].

    Attributes
    ----------
    retail : float
        What energy costs that is not local: the price of the community.
    feed_in : float
        What a surplus is paid that no member takes, at most `retail`.
    local : float
        What local energy is paid, from `feed_in` to `retail` less `fee`.
    fee : float
        Grid fee for local energy, which the buyer pays beside `local`.
    """

    retail: float
    feed_in: float
    local: float
    fee: float


@dataclass(frozen=True, slots=True)
class LocalExchange:
    """Who gets how much of the surplus of a community in a step.

    Attributes
    ----------
    received_kwh : array, shape (members,)
        Local energy that each member gets [kWh].
    given_kwh : array, shape (members,)
        Surplus of each that other members get [kWh].
    fed_in_kwh : array, shape (members,)
        Surplus of each that no member gets [kWh].
    """

    received_kwh: FloatArray
    given_kwh: FloatArray
    fed_in_kwh: FloatArray


def capped_shares(available_kwh: float, cap_kwh: FloatArray, weight: FloatArray) -> FloatArray:
    """Share energy by weight, nobody getting more than its cap and the rest passing on.

    Everybody gets ``min(cap, t weight)`` with one ``t`` for all, at which all that is available is
    given, or all caps are reached. With equal weights these are the constrained equal awards of
    bankruptcy problems, with weights equal to caps the proportional rule [1]_.

    Parameters
    ----------
    available_kwh : float
        What is shared, at least 0 [kWh].
    cap_kwh : array, shape (members,)
        What each can take, at least 0 [kWh].
    weight : array, shape (members,)
        Weight of each, above 0 where its cap is [-].

    Returns
    -------
    array, shape (members,)
        What each gets [kWh].

    References
    ----------
    .. [1] W. Thomson, Axiomatic and game-theoretic analysis of bankruptcy and taxation problems:
       a survey, Mathematical Social Sciences 45, 2003.
    """
    if available_kwh <= 0.0:
        return np.zeros_like(cap_kwh)
    if available_kwh >= float(cap_kwh.sum()):
        return cap_kwh.copy()
    taking = np.flatnonzero(cap_kwh > 0.0)
    cap, own = cap_kwh[taking], weight[taking]
    full_at = cap / own
    order = np.argsort(full_at, kind="stable")
    # Those before the k-th are full; t if all from the k-th on were not.
    left = available_kwh - (np.cumsum(cap[order]) - cap[order])
    heavy = np.cumsum(own[order][::-1])[::-1]
    reached = np.flatnonzero(left <= full_at[order] * heavy)
    # The last one is left out only where rounding makes what is available the sum of all caps.
    first = int(reached[0]) if len(reached) else len(order) - 1
    found = np.zeros_like(cap_kwh)
    found[taking] = np.minimum(cap, own * (left[first] / heavy[first]))
    return found


def static_shares(available_kwh: float, cap_kwh: FloatArray, weight: FloatArray) -> FloatArray:
    """Share energy by fixed weights, what somebody cannot take of its share passing on to nobody.

    Parameters
    ----------
    available_kwh, cap_kwh, weight : float, array, array
        As `capped_shares` takes them; weights are above 0 for everybody.

    Returns
    -------
    array, shape (members,)
        What each gets [kWh].
    """
    return np.minimum(cap_kwh, max(available_kwh, 0.0) * (weight / weight.sum()))


def exchange_locally(
    bought_kwh: FloatArray,
    sold_kwh: FloatArray,
    allocation: Allocation,
    weight: FloatArray,
    *,
    pass_on: bool = False,
) -> LocalExchange:
    """Let members of a community take what others of them have too much.

    A member that draws and delivers in one step uses its own energy first. Those with a surplus
    give the same share of it.

    Parameters
    ----------
    bought_kwh, sold_kwh : array, shape (members,)
        What each member uses, and generates, at least 0 [kWh].
    allocation : {"none", "static", "equal", "consumption", "need"}
        Who gets how much of the surplus: nobody anything; each a fixed share by its weight; all the
        same; or in proportion to what each uses, or lacks after its own generation. Nobody gets
        more than it lacks.
    weight : array, shape (members,)
        Weight of each member where shares are static, above 0 [-].
    pass_on : bool
        Whether what a static share leaves unused goes to others.

    Returns
    -------
    LocalExchange
        Energies that add up to the surplus, those received to those given.
    """
    own = np.minimum(bought_kwh, sold_kwh)
    lack, surplus = bought_kwh - own, sold_kwh - own
    available = float(surplus.sum())
    if allocation == "none" or not len(lack):
        received = np.zeros_like(lack)
    elif allocation == "static" and not pass_on:
        received = static_shares(available, lack, weight)
    else:
        weights = {
            "static": weight,
            "equal": np.ones_like(lack),
            "consumption": bought_kwh,
            "need": lack,
        }
        received = capped_shares(available, lack, weights[allocation])
    taken = float(received.sum())
    part = taken / available if available > 0.0 else 0.0
    # What rounding leaves of nothing is not fed in.
    part = 1.0 if taken > 0.0 and available - taken <= DUST_KWH else part
    given = part * surplus
    return LocalExchange(received, given, surplus - given)


def feed_in_price(retail: float, share: float, price: float | None) -> float:
    """Return what a surplus is paid that no member takes [money/kWh].

    Parameters
    ----------
    retail : float
        Price of the community [money/kWh].
    share : float
        The part of it that is paid, from 0 to 1, where no price is given [-].
    price : float or None
        A feed-in tariff [money/kWh]; a price of the community below it is paid instead.
    """
    return min(retail, share * retail if price is None else price)


def local_prices(
    retail: float,
    feed_in: float,
    fee: float,
    rule: PriceRule,
    seller_share: float,
    supply_ratio: float,
) -> LocalPrices | None:
    """Return the prices of local energy, None where none is worth as much to both sides.

    The local price lies between the feed-in price, below which nobody would sell, and the retail
    price less the grid fee for local energy, above which nobody would buy. Half of that is the
    mid-market rate. By scarcity it falls from the upper to the lower end as the surplus grows to
    what others lack: the straight line between the ends of the supply-demand ratio of [1]_, which
    takes a hyperbola.

    Parameters
    ----------
    retail, feed_in, fee : float
        Price of the community, what a surplus is paid otherwise, at most that, and the grid fee for
        local energy [money/kWh].
    rule : {"split", "scarcity"}
        Whether sellers get a given share of what local energy saves, or the more the scarcer it is.
    seller_share : float
        That share, from 0 to 1 [-].
    supply_ratio : float
        Surplus of all over what all lack, at least 0 [-].

    References
    ----------
    .. [1] N. Liu et al., Energy-sharing model with price-based demand response for microgrids of
       peer-to-peer prosumers, IEEE Transactions on Power Systems 32(5), 2017.
    """
    highest = retail - fee
    if highest < feed_in:
        return None
    of_sellers = seller_share if rule == "split" else 1.0 - min(supply_ratio, 1.0)
    local = feed_in + of_sellers * (highest - feed_in)
    return LocalPrices(retail, feed_in, min(max(local, feed_in), highest), fee)


def pooled_trade(given_kwh: FloatArray, received_kwh: FloatArray) -> FloatArray:
    """Return who gives whom how much, where all that is given in a step is one pool.

    Of what a member gets, each that gives has given the share that it has of all that is given.

    Parameters
    ----------
    given_kwh, received_kwh : array, shape (..., members, steps)
        What each gives and gets in every step, with the same sum over members [kWh].

    Returns
    -------
    array, shape (..., members, members)
        What the members of the rows give those of the columns over all steps [kWh].
    """
    total = received_kwh.sum(axis=-2, keepdims=True)
    share = np.divide(received_kwh, total, out=np.zeros_like(received_kwh), where=total > 0.0)
    traded: FloatArray = np.einsum("...it,...jt->...ij", given_kwh, share)
    return traded
