"""What a battery exchanges in a step that pays by a stated tariff, and knows it.

Energy bought and energy delivered have two prices, and above the power that a month has reached a
kWh bought costs more: the cost is a line with kinks, so that the best exchange is one of the best
answers to the prices of its parts.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.departure_value import (
    StoreColumns,
    best_response_before_departure,
    gain_of_exchange,
)


@dataclass(frozen=True, slots=True)
class TariffTerms:
    """What a kWh costs meters in a step, and brings them.

    Attributes
    ----------
    purchase : array, shape (n,)
        What a kWh bought costs, fees, tax and the tier that is foreseen included [money/kWh].
    feed_in : array, shape (n,)
        What a kWh delivered brings [money/kWh].
    room_kwh : array, shape (charges, n)
        What each may buy in the step before it pays more for its highest power; infinite where the
        charge does not hold [kWh].
    surcharge : array, shape (charges,)
        What a kWh beyond that costs more, by the power of the charge's interval, tax included
        [money/kWh].
    """

    purchase: FloatArray
    feed_in: FloatArray
    room_kwh: FloatArray
    surcharge: FloatArray

    def rows(self, chosen: NDArray[np.intp]) -> "TariffTerms":
        """Return the terms of some meters."""
        return TariffTerms(
            self.purchase[chosen], self.feed_in[chosen], self.room_kwh[:, chosen], self.surcharge
        )

    def cost(self, exchange_kwh: FloatArray) -> FloatArray:
        r"""Return what an exchange costs each [money], shape (n,).

        .. math:: p \max(x, 0) - f \max(-x, 0) + \sum_k s_k \max(x - r_k, 0)
        """
        bought, sold = np.maximum(exchange_kwh, 0.0), np.maximum(0.0 - exchange_kwh, 0.0)
        beyond = self.surcharge[:, None] * np.maximum(bought - self.room_kwh, 0.0)
        return np.asarray(self.purchase * bought - self.feed_in * sold + beyond.sum(axis=0))


def best_under_tariff(stores: StoreColumns, terms: TariffTerms) -> FloatArray:
    """Return the exchange that maximises each battery's satisfaction less its payment.

    Parameters
    ----------
    stores : StoreColumns
        The batteries.
    terms : TariffTerms
        What they pay.

    Returns
    -------
    array, shape (n,)
        Energy exchanged at the plug [kWh], above 0 when charging; of two equally good, it charges.

    Notes
    -----
    The marginal cost of charging rises from part to part, and what a kWh is worth falls: the best
    charge is the largest of the answers to the prices of the parts, each cut at the end of its
    part. Charging is compared with the best discharge, since a delivery may bring more than a
    purchase costs.
    """
    nothing = np.zeros(len(stores.usable_kwh))
    buying = replace(stores, lower_kwh=nothing)
    selling = replace(stores, upper_kwh=nothing)
    order = np.argsort(terms.room_kwh, axis=0)
    rooms = np.maximum(np.take_along_axis(terms.room_kwh, order, axis=0), 0.0)
    price = terms.purchase
    ends = [*rooms, np.full(len(nothing), np.inf)]
    charge = np.minimum(best_response_before_departure(price, buying), ends[0])
    for k, end in enumerate(ends[1:]):
        price = price + terms.surcharge[order[k]]
        answer = best_response_before_departure(price, buying)
        charge = np.maximum(charge, np.minimum(answer, end))
    discharge = best_response_before_departure(terms.feed_in, selling)
    gains = [
        gain_of_exchange(stores, energy, 0.0) - terms.cost(energy) for energy in (charge, discharge)
    ]
    return np.where(gains[0] >= gains[1], charge, discharge)
