"""An aggregator's best answers to single prices of the utility, each found when it is asked."""

from bisect import bisect_left
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.markets.aggregator_response import Arcs, arcs_of
from hmesh.markets.demand_curve import DemandCurve
from hmesh.markets.envelope_kernel import best_piece

# Pieces of a demand curve that are passed over together, and the share of a profit that may be
# rounding.
BLOCK, ROUNDING = 64, 1e-11
# Of no more pieces all are compared at once.
FEW_PIECES = 2000


class ResponseOnDemand:
    """Best answers of an aggregator, each found when the utility asks a price.

    For some tens of prices that is faster than a `ResponseMap`, which knows them all. The more
    expensive the utility, the more expensive the best piece of the demand; so only pieces are
    compared that lie between the best ones of the two nearest prices that were asked before.

    Parameters
    ----------
    curve : DemandCurve
        Demand of the community over the prices the aggregator may ask.
    """

    def __init__(self, curve: DemandCurve) -> None:
        self.curve = curve
        self._pieces: tuple[FloatArray, ...] = (
            curve.edges[:-1], curve.highs, curve.intercept, curve.slope
        )  # fmt: skip
        self._asked: list[float] = []
        self._best: list[int] = []

    @cached_property
    def _arcs(self) -> Arcs:
        return arcs_of(self.curve)

    @cached_property
    def _blocks(self) -> tuple[FloatArray, ...]:
        """Ends of blocks of pieces, and demands there."""
        low, high, intercept, slope = self._pieces
        firsts = np.arange(0, len(low), BLOCK)
        lasts = np.minimum(firsts + BLOCK, len(low)) - 1
        most = intercept[firsts] - slope[firsts] * low[firsts]
        least = intercept[lasts] - slope[lasts] * high[lasts]
        return low[firsts], high[lasts], most, least

    def _answer(self, utility_price: float) -> tuple[int, float]:
        """Return the best piece and the best price on it."""
        place = bisect_left(self._asked, utility_price)
        first = self._best[place - 1] if place else 0
        last = self._best[place] if place < len(self._best) else len(self.curve.slope) - 1
        piece, price = self._best_between(first, last, utility_price)
        if place == len(self._asked) or self._asked[place] != utility_price:
            self._asked.insert(place, utility_price)
            self._best.insert(place, piece)
        return piece, price

    def _best_between(self, first: int, last: int, utility_price: float) -> tuple[int, float]:
        """Return the first of some pieces that earns most, and the best price on it."""
        if compiled_for(len(self.curve.slope)):
            return best_piece(
                *self._pieces, BLOCK, *self._blocks, first, last, utility_price, ROUNDING
            )
        places = np.arange(first, last + 1)
        arcs = self._arcs
        if len(places) > FEW_PIECES:
            places = self._reaching(first, last, utility_price)
        if len(places) < len(arcs.low):
            arcs = arcs[places]
        q = np.float64(utility_price)
        prices = arcs.price(q)  # type: ignore[arg-type]
        best = int(np.argmax((prices - q) * (arcs.intercept - arcs.slope * prices)))
        return int(places[best]), float(prices[best])

    def _reaching(self, first: int, last: int, q: float) -> NDArray[np.intp]:
        """Return the pieces of blocks that may earn as much as some piece does for certain."""
        blocks = slice(first // BLOCK, last // BLOCK + 1)
        low, high, most, least = (each[blocks] for each in self._blocks)
        certain = float(((low[1:] - q) * most[1:]).max(initial=-np.inf))
        margin = ROUNDING * max(abs(most[0]), abs(least[-1]))
        margin *= max(abs(low[0] - q), abs(high[-1] - q))
        ends = [(price - q) * demand for price in (low, high) for demand in (most, least)]
        reaching = np.flatnonzero(np.max(ends, axis=0) >= certain - margin) + blocks.start
        places = (reaching[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        return places[(places >= first) & (places <= last)]

    def price(self, utility_price: float) -> float:
        """Return the best community price [money/kWh]; the lowest of equally good ones."""
        return self._answer(utility_price)[1]

    def demand_kwh(self, utility_price: float) -> float:
        """Return the demand [kWh] at the best community price."""
        piece, price = self._answer(utility_price)
        return float(self.curve.intercept[piece] - self.curve.slope[piece] * price)
