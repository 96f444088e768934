"""Energy that leaves the battery of one building for another: who gives what to whom.

Source: battery sharing among commercial buildings, Frontiers in Energy Research 10 (2022) 929693,
eq. (6), (7), (9) and (12) to (14). Every battery serves its own building first; what is left goes
over the lines to buildings whose own battery does not cover their load. Lines lose a share of it,
the way from a battery to its own building nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH, descending, without_dust

LINE_LOSS_RATE = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class OwnLoadFirst:
    """What is left when every battery has served its own building.

    Attributes
    ----------
    own_kwh : array, shape (buildings,)
        Energy from a battery to its own building [kWh].
    surplus_kwh : array, shape (buildings,)
        What its battery could give beyond that [kWh].
    need_kwh : array, shape (buildings,)
        Load that is not covered yet [kWh].
    """

    own_kwh: FloatArray
    surplus_kwh: FloatArray
    need_kwh: FloatArray


def own_load_first(discharge_kwh: FloatArray, load_kwh: FloatArray) -> OwnLoadFirst:
    """Split what the batteries give into the own building's part and the rest, eq. (9).

    Parameters
    ----------
    discharge_kwh : array, shape (buildings,)
        What every battery is set to give [kWh], at least 0.
    load_kwh : array, shape (buildings,)
        Load of every building [kWh]; one that generates more than it uses, below 0, needs nothing.

    Notes
    -----
    What rounding leaves of a surplus or a need is neither: it stays in the battery, and comes from
    the grid. Otherwise buildings would exchange rounding errors on one processor and nothing on
    another.
    """
    wanted = np.maximum(load_kwh, 0.0)
    own = np.minimum(discharge_kwh, wanted)
    return OwnLoadFirst(own, without_dust(discharge_kwh - own), without_dust(wanted - own))


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """Who gives how much to whom, one row for each pair.

    Attributes
    ----------
    giver, taker : array of int, shape (orders,)
        Buildings.
    sent_kwh : array, shape (orders,)
        Energy that leaves the giver's battery [kWh].
    received_kwh : array, shape (orders,)
        The part that arrives [kWh].
    """

    giver: NDArray[np.intp]
    taker: NDArray[np.intp]
    sent_kwh: FloatArray
    received_kwh: FloatArray

    @property
    def lost_kwh(self) -> float:
        """What the lines lose [kWh], eq. (13)."""
        return float((self.sent_kwh - self.received_kwh).sum())

    def sent_by(self, buildings: int) -> FloatArray:
        """Return what every building gives away [kWh], shape (buildings,)."""
        return np.bincount(self.giver, self.sent_kwh, buildings)

    def given_by(self, buildings: int) -> FloatArray:
        """Return what arrives elsewhere of what every building sent [kWh], shape (buildings,)."""
        return np.bincount(self.giver, self.received_kwh, buildings)

    def received_by(self, buildings: int) -> FloatArray:
        """Return what arrives at every building [kWh], shape (buildings,)."""
        return np.bincount(self.taker, self.received_kwh, buildings)


def match_exchange(
    surplus_kwh: FloatArray,
    need_kwh: FloatArray,
    line_loss_rate: float = LINE_LOSS_RATE,
) -> Orders:
    """Give every surplus to those in need, the largest first, ties by number.

    All lines lose alike, so any pair loses the same; this way there are few orders
    and what they are does not depend on how buildings are numbered, unless two are alike.

    Parameters
    ----------
    surplus_kwh, need_kwh : array, shape (buildings,)
        What each could give and what each lacks [kWh], at least 0; one of both is 0.
    line_loss_rate : float
        Share that a line loses, 0 <= rate < 1 [-].

    Returns
    -------
    Orders
        As much as is both there and needed.
    """
    giving, taking = np.count_nonzero(surplus_kwh > 0.0), np.count_nonzero(need_kwh > 0.0)
    if not (giving and taking):
        nobody = np.empty(0, dtype=np.intp)
        return Orders(nobody, nobody, np.empty(0), np.empty(0))
    givers = descending(surplus_kwh)[:giving]
    takers = descending(need_kwh)[:taking]
    offered = np.cumsum(surplus_kwh[givers])
    wanted = np.cumsum(need_kwh[takers] / (1.0 - line_loss_rate))
    total = min(offered[-1], wanted[-1])
    ends = np.unique(np.minimum(np.concatenate([offered, wanted]), total))
    begins = np.concatenate([[0.0], ends[:-1]])
    middles = (begins + ends) / 2.0
    giver = givers[np.minimum(np.searchsorted(offered, middles), len(givers) - 1)]
    taker = takers[np.minimum(np.searchsorted(wanted, middles), len(takers) - 1)]
    sent = ends - begins
    # Where an offer ends as a wish does, rounding leaves an order between the two.
    ordered = sent > DUST_KWH
    giver, taker, sent = giver[ordered], taker[ordered], sent[ordered]
    return Orders(giver, taker, sent, sent * (1.0 - line_loss_rate))


def exchange_matrix(own_kwh: FloatArray, orders: Orders) -> FloatArray:
    """Return what leaves every battery for every building, eq. (7).

    Returns
    -------
    array, shape (buildings, buildings)
        Row the giver, column the taker [kWh]. A row sums up to what the battery discharges; a
        column, each line's loss taken off, to what the building receives.
    """
    matrix = np.diag(own_kwh)
    np.add.at(matrix, (orders.giver, orders.taker), orders.sent_kwh)
    return matrix
