"""The price by which an aggregator earns most, by comparing all lines of its community's demand."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.demand import Demand

# A sum of n numbers is off by at most n roundings of what is added up; a profit has a few more.
ROUNDINGS = 16
# Prices that differ by less, as a share, are where two lines meet.
SAME_PRICE = 1e-15


@dataclass(slots=True)
class BestPrices:
    """Prices at which an aggregator earns most, to within rounding.

    Attributes
    ----------
    price, demand_kwh : array
        The prices, ascending [money/kWh], and the demand there [kWh]; of prices that earn the same
        on neighbouring lines of the demand the best one.
    lines : array of int
        The lines of the demand on which any of them lies.
    profit : float
        What it earns [money].
    rounding : float
        By how much a profit may be off for rounding [money].
    """

    price: FloatArray
    demand_kwh: FloatArray
    lines: NDArray[np.intp]
    profit: float
    rounding: float


def best_prices(demand: Demand, utility_price: float) -> BestPrices:
    """Return the prices that maximise ``(p - q) D(p)`` between the ends of a demand.

    On a line the profit is a parabola in the price, so the ends of the line and the top of the
    parabola are all that needs to be compared.
    """
    low, high = demand.cuts[:-1], demand.cuts[1:]
    top = np.minimum(np.maximum((utility_price + demand.choke) / 2, low), high)
    price = np.array([low, np.where(demand.gain < 0, top, low), high])
    energy = demand.offset + demand.gain * price
    profit = (price - utility_price) * energy
    most = float(profit.max())
    margin = max(abs(demand.highest - utility_price), abs(demand.lowest - utility_price))
    rounding = ROUNDINGS * float(np.finfo(np.float64).eps) * margin * demand.moved_kwh
    tied = np.flatnonzero((profit >= most - rounding).any(axis=0))
    if len(tied) == 1:
        place = int(np.argmax(profit[:, tied[0]]))
        return BestPrices(price[place, tied], energy[place, tied], tied, most, rounding)
    chosen_price, chosen_energy, lines = [], [], []
    for together in np.split(tied, np.flatnonzero(np.diff(tied) > 1) + 1):
        place = int(np.argmax(profit[:, together].T))
        best = price[:, together].T.flat[place]
        chosen_price.append(best)
        chosen_energy.append(energy[:, together].T.flat[place])
        same = np.abs(price[:, together] - best) <= SAME_PRICE * abs(best)
        lines.append(together[same.any(axis=0)])
    return BestPrices(
        np.array(chosen_price), np.array(chosen_energy), np.concatenate(lines), most, rounding
    )


def earned(demand_kwh: float, price: float, utility_price: float) -> float:
    """Return what an aggregator earns [money]."""
    return (price - utility_price) * demand_kwh
